//! SCIM 2.0 (RFC 7643, 7644, 9865, 9967) as pure functions over documents.
//!
//! Bytes and values in, values out. This crate does no I/O, reads no clock, draws no randomness, knows no
//! HTTP framework, no database and no tenant. It knows what a schema admits, what a filter means, what a
//! PATCH does, how a resource is projected and how messages are written.

pub mod admit;
pub mod bulk;
pub mod discovery;
pub mod error;
pub mod event;
pub mod filter;
pub mod message;
pub mod patch;
pub mod path;
pub mod project;
pub mod quirks;
#[cfg(test)]
mod sample;
pub mod schema;
pub mod value;

pub use error::{Error, ErrorKind};

/// A JSON object; keys keep the order in which they were written.
pub type Object = serde_json::Map<String, serde_json::Value>;
