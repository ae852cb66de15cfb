//! Drives runs: appends what the core decided, then performs what is outstanding.
//! It owns the ports to the world; it takes no decision itself.

pub mod attempt;
pub mod ports;
