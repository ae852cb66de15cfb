//! What each route does. Whoever gets here was let in by `route::guard`.

pub(crate) mod command;
pub(crate) mod events;
pub(crate) mod logs;
pub(crate) mod outbox;
pub(crate) mod owner;
pub(crate) mod prune;
pub(crate) mod runs;
pub(crate) mod secrets;
pub(crate) mod start;
