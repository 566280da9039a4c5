//! Who may do what on which resource, and why: one graph of users, groups, clients, roles, permissions, policies and scopes,
//! and a pure function over it.
//!
//! Access is denied unless something grants it, and what is granted is the union of all grants: no rule denies. This crate
//! does no I/O, reads no clock, draws no randomness, knows no HTTP framework and no database. One [`Graph`] is one tenant's.

pub mod action;
pub mod authzen;
pub mod decide;
pub mod error;
pub mod explain;
pub mod graph;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod naive;
pub mod permissions;
pub mod question;
pub mod scope;
pub mod search;
pub mod subject;

pub use action::Action;
pub use decide::{Standing, decide};
pub use error::Error;
pub use explain::{Explanation, explain};
pub use graph::Graph;
pub use permissions::{Permission, Permissions, permissions};
pub use question::{Decision, Limits, Question, Reason};
pub use scope::Scope;
