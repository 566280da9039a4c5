//! The project's own tasks, as functions.
//!
//! Needs nothing beside a Rust toolchain to be built: no dependency, so that the first task starts at once.

pub mod bench;
pub mod black_box;
pub mod ci;
pub mod fuzz;
pub mod generate;
pub mod run;
pub mod test;
pub mod tidy;

/// What went wrong, for a person.
pub type Outcome<T = ()> = Result<T, String>;
