//! One file per command: what it takes and what it does.

pub(crate) mod abandon;
pub(crate) mod acknowledge;
pub(crate) mod approve;
mod asking;
pub(crate) mod attest;
pub(crate) mod cancel;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod doctor;
mod driving;
pub(crate) mod explain;
pub(crate) mod handover;
pub(crate) mod journal;
pub(crate) mod logs;
pub(crate) mod pause;
pub(crate) mod reject;
pub(crate) mod resolve;
pub(crate) mod resume;
pub(crate) mod retry;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod serve;
pub(crate) mod show;
pub(crate) mod take_over;
pub(crate) mod watch;
mod watch_over;
pub(crate) mod why;
