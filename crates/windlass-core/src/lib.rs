//! The decisions of windlass: plan, events, state, and the three functions
//! [`decide`], [`evolve`] and [`outstanding`]. Data in, events out: this crate has no
//! I/O, no clock, no randomness and no async, and must stay that way.

pub mod announce;
pub mod approval;
pub mod authorise;
pub mod catalog;
pub mod command;
mod decide;
pub mod effect;
pub mod event;
mod evolve;
pub mod expr;
pub mod fact;
pub mod id;
pub mod operator;
pub mod outcome;
mod outstanding;
pub mod pattern;
pub mod plan;
pub mod policy;
pub mod refusal;
pub mod rehearsal;
pub mod rejection;
pub mod request_pattern;
pub mod review;
pub mod span;
pub mod state;
pub mod statement;
pub mod time;
pub mod types;
pub mod url_template;
pub mod value;

pub use decide::{GATE_OPENINGS_MAX, INTERRUPTIONS_MAX, decide};
pub use evolve::{CODE_GIVEN_UP, CODE_INTERRUPTED, CODE_NOT_HAPPENED, IllegalEvent, evolve};
pub use outstanding::outstanding;
