//! SCIM: what the RFCs and the clients ask for.

mod basics;
mod bugs;
mod bulk;
mod concurrency;
mod dialect;
mod discovery;
mod errors;
mod etag;
mod filter;
mod groups;
mod independent;
mod manager;
mod me;
mod page;
mod passwords;
mod patch;
mod project;
mod references;
mod roles;
mod search;
mod sort;
mod write;
