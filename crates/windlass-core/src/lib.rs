//! The decisions of windlass: plan, events, state, and the three functions
//! `decide`, `evolve` and `outstanding`. Data in, events out: this crate has no
//! I/O, no clock, no randomness and no async, and must stay that way.

pub mod catalog;
pub mod command;
pub mod effect;
pub mod event;
pub mod expr;
pub mod id;
pub mod operator;
pub mod outcome;
pub mod plan;
pub mod rejection;
pub mod time;
pub mod value;
