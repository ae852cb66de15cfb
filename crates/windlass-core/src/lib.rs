//! The decisions of windlass: plan, events, state, and the three functions
//! `decide`, `evolve` and `outstanding`. Data in, events out: this crate has no
//! I/O, no clock, no randomness and no async, and must stay that way.

pub mod expr;
pub mod value;
