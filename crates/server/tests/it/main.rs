//! The server as its clients see it: the real router in process, over a temporary database, with a clock and an
//! entropy that the test sets. One test binary; the name of a test is the requirement.

#![cfg(test)]

mod command;
mod reference;
mod robust;
mod scim;
mod world;
