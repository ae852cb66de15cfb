//! What a guest can ask for. Every call is counted; every refusal is told to the guest and
//! stands in the attempt's log.

mod attempt;
mod http;
pub(crate) mod rates;
mod secrets;

use tokio::time::{Duration, Instant};
use windlass_core::time::Timestamp;

use crate::bindings::{clock, random, types};
use crate::limits::RANDOM_BYTES_MAX;
use crate::meter::Exceeded;
use crate::stage::Waiting;
use crate::state::State;

impl types::Host for State {}

/// As guests and evidence have it.
pub(crate) fn millis(at: Timestamp) -> u64 {
    u64::try_from(at.0).unwrap_or(0)
}

impl clock::Host for State {
    async fn now(&mut self) -> wasmtime::Result<u64> {
        let around = self.called()?;
        Ok(millis(match &around.stage {
            Some(stage) => stage.now(),
            None => around.clock.now(),
        }))
    }

    async fn wait(&mut self, ms: u64) -> wasmtime::Result<Result<(), clock::Stop>> {
        let around = self.called()?;
        let waiting = around.stage.as_ref().map(|stage| stage.wait(ms));
        let ms = match waiting {
            Some(Waiting::Done) => return Ok(Ok(())),
            Some(Waiting::Stopped(stop)) => return Ok(Err(stop)),
            Some(Waiting::Real) | None => ms,
        };
        let deadline = around.deadline;
        let until = Instant::now().checked_add(Duration::from_millis(ms));
        let until = until.unwrap_or(deadline).min(deadline);
        let ended = tokio::select! {
            biased;
            () = around.cancel.cancelled() => Err(clock::Stop::Cancelled),
            () = tokio::time::sleep_until(until) => Ok(()),
        };
        Ok(match ended {
            Ok(()) if until == deadline => Err(clock::Stop::Deadline),
            other => other,
        })
    }
}

impl random::Host for State {
    async fn bytes(&mut self, count: u32) -> wasmtime::Result<Vec<u8>> {
        self.count()?;
        if count > RANDOM_BYTES_MAX {
            return Err(Exceeded::Random(count).into());
        }
        if let Some(stage) = self.around().and_then(|around| around.stage.as_ref()) {
            return Ok(stage.random(count as usize));
        }
        let mut bytes = vec![0; count as usize];
        getrandom::fill(&mut bytes).map_err(|error| wasmtime::Error::msg(error.to_string()))?;
        Ok(bytes)
    }
}
