//! Harness shared by the suites over the built binary.

pub mod binary;
pub mod cache;
pub mod golden;
pub mod journal;
pub mod life;
pub mod mailbox;
pub mod orphans;
pub mod other_user;
pub mod policy;
pub mod postgres;
pub mod random;
pub mod receiver;
pub mod redact;
pub mod skip;
