//! The built program as people call it: transcripts of whole sessions, compared with
//! `snapshots/`. See `windlass_tests::golden` for how to accept a change.

mod adversarial;
mod approvals;
mod authors;
mod by_hand;
mod desk;
mod endings;
mod exports;
mod fmt;
mod guests;
mod house;
mod journal;
mod language;
mod locks;
mod messages;
mod operators;
mod owners;
mod plans;
mod plugins;
mod policy;
mod preflights;
mod recordings;
mod refusals;
mod reviews;
mod runbooks;
mod signed;
mod telling;
mod testing;
mod usage;
