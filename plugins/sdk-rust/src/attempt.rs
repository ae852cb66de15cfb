//! What an action is given beside its input.

use std::time::Duration;

use serde::Serialize;

use crate::bindings::windlass::plugin::attempt::{self, Level};
use crate::bindings::windlass::plugin::clock::{self, Stop};
use crate::bindings::windlass::plugin::{random, types};
use crate::failure::Failure;

/// The attempt that is being carried out.
#[derive(Debug)]
pub struct Attempt {
    call: types::Call,
}

impl Attempt {
    pub(crate) fn new(call: types::Call) -> Self {
        Self { call }
    }

    /// The action's name.
    pub fn action(&self) -> &str {
        &self.call.action
    }

    /// The run's id.
    pub fn run(&self) -> &str {
        &self.call.run
    }

    /// The step's id.
    pub fn step(&self) -> &str {
        &self.call.step
    }

    /// From 1.
    pub fn number(&self) -> u32 {
        self.call.attempt
    }

    /// The same for every attempt of the step in this run.
    pub fn idempotency_key(&self) -> &str {
        &self.call.idempotency_key
    }

    /// Adds a line to the attempt's log.
    pub fn log(&self, line: &str) {
        attempt::log(Level::Info, line);
    }

    /// The same with a word on how much it matters.
    pub fn log_at(&self, level: Level, line: &str) {
        attempt::log(level, line);
    }

    /// Replaces the line that watchers see.
    pub fn progress(&self, line: &str) {
        attempt::progress(line);
    }

    /// Keeps data for a later reconcile; it is durable when this returns.
    ///
    /// # Errors
    /// It was not kept. Nothing should be sent then that a reconcile could not find again.
    pub fn checkpoint(&self, data: &impl Serialize) -> Result<(), Failure> {
        let kept = serde_json::to_string(data).map_err(|error| error.to_string());
        kept.and_then(|data| attempt::checkpoint(&data).map_err(|error| error.to_string()))
            .map_err(|why| Failure::unknown("not_kept", format!("no checkpoint: {why}")))
    }

    /// Milliseconds since 1970, as the engine's records have them.
    pub fn now_ms(&self) -> u64 {
        clock::now()
    }

    /// How long the answer is still waited for.
    pub fn time_left(&self) -> Duration {
        Duration::from_millis(self.call.deadline.saturating_sub(clock::now()))
    }

    /// Waits, unless the attempt is asked to stop or its time is over first.
    ///
    /// # Errors
    /// The wait ended early.
    pub fn wait(&self, span: Duration) -> Result<(), Stop> {
        clock::wait(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
    }

    /// Bytes that nobody can guess, at most 4096.
    pub fn random(&self, count: u32) -> Vec<u8> {
        random::bytes(count)
    }
}
