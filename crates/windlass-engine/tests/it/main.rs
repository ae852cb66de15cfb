//! The engine from outside: real tasks and real appends, fake runners, a clock that
//! moves only when a test says so.

#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

mod world;

mod chaos;
mod clock_set;
mod crash;
mod driving;
mod explore;
mod facts;
mod lock;
mod outbox;
mod outcomes;
mod parked;
mod plugins;
mod pruning;
mod rehearsals;
mod rescue;
mod secrecy;
mod stopping;
