//! Durward's HTTP server and command line.
//!
//! The only crate that knows HTTP. Parses what clients send, calls a use case of `iam`, renders the answer; decides
//! nothing about identities itself and knows no SQL.

pub mod client;
pub mod command;
pub mod config;
pub mod deliver;
pub mod env;
pub mod extract;
pub mod health;
pub mod host;
pub mod limits;
pub mod listen;
pub mod metrics;
mod nearest;
pub mod observe;
mod parts;
pub mod problem;
pub mod rest;
pub mod router;
pub mod scim;
pub mod telemetry;
