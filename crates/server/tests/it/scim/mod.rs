//! SCIM: what the RFCs and the clients ask for.

mod basics;
mod bugs;
mod independent;
