//! Rehearsals: a plan driven by the same decisions as a real run, with mocked work,
//! scripted people and a clock that jumps from one thing that happens to the next.
//! No store, no runner, no task: the only input is the plan and the script, so that the
//! same two always give the same story. `world` drives, `cast` answers, `judge` compares
//! with what was expected, `coverage` says what was reached.

mod agenda;
mod cast;
mod coverage;
mod fault;
mod judge;
mod standing;
mod world;

use std::sync::Arc;

use windlass_core::announce::Announcement;
use windlass_core::event::Event;
use windlass_core::plan::IndexedPlan;
use windlass_core::rehearsal::{Rest, Script};
use windlass_core::state::{RunState, RunStatus};
use windlass_core::time::Timestamp;

use crate::ports::CatalogSource;

pub use coverage::{Coverage, Missing};
pub use fault::Fault;
pub use judge::{Miss, judge};

/// The id that every rehearsed run has, as `run.id` shows it.
pub const RUN_ID: &str = "rehearsal";
/// When every rehearsed run starts: 2030-01-01T00:00:00Z.
pub const STARTS_AT: Timestamp = Timestamp(1_893_456_000_000);
/// The most commands of one rehearsal: a run that polls for ever ends there.
pub const TURNS_MAX: usize = 100_000;

/// What a rehearsal told.
#[derive(Clone, Debug)]
pub struct Story {
    pub events: Vec<(Event, Timestamp)>,
    /// What was told by `on`.
    pub announced: Vec<Announcement>,
    /// Where it came to.
    pub state: RunState,
    /// Where the run and the script did not fit together.
    pub faults: Vec<Fault>,
}

impl Story {
    /// Where the run came to rest; `None` when it was broken off.
    pub fn rest(&self) -> Option<Rest> {
        match self.state.status() {
            RunStatus::Ended(end) => Some(Rest::Ended(end)),
            RunStatus::Waiting { .. } => Some(Rest::Waiting),
            RunStatus::Paused => Some(Rest::Paused),
            RunStatus::NeedsOperator { .. } => Some(Rest::NeedsOperator),
            RunStatus::New | RunStatus::Running | RunStatus::Ending => None,
        }
    }
}

/// Rehearses a plan until nothing more happens. What only computes is performed by the
/// sources, unless the script says how it ends.
pub fn rehearse(
    plan: &Arc<IndexedPlan>,
    script: &Script,
    sources: &[Arc<dyn CatalogSource>],
) -> Story {
    world::World::new(script, sources).play(plan)
}
