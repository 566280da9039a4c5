//! The server as its clients see it: the real router in process, over a temporary database, with a clock and an
//! entropy that the test sets. One test binary; the name of a test is the requirement.

#![cfg(test)]

mod access;
mod command;
mod decision;
mod idp;
mod isolation;
mod limits;
mod nodes;
mod obey;
mod reference;
mod rest;
mod robust;
mod scim;
mod streams;
mod world;
