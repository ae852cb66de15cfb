//! The decisions: what the cloud's answers say of a change, and what is to be done next.
//! They ask nothing and wait for nothing, so `cargo test` runs them anywhere.

pub(crate) mod backup;
pub(crate) mod dr;
pub(crate) mod health;
pub(crate) mod upgrade;
