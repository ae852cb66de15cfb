//! What came of keeping house, as people and clients see it.

use windlass_engine::prune;

use super::summary;
use crate::wire::{Kept, Pruned, PrunedRun, SpaceGiven};

/// What was erased, or would be.
pub fn pruned(pruned: prune::Pruned) -> Pruned {
    let prune::Pruned { runs, kept, more } = pruned;
    let run = |run: prune::PrunedRun| PrunedRun {
        run: summary(run.row),
        erased_before: run.erased_before,
    };
    Pruned {
        runs: runs.into_iter().map(run).collect(),
        kept: kept
            .into_iter()
            .map(|(run, why)| Kept { run, why })
            .collect(),
        more,
    }
}

/// What came of giving space back.
pub fn space_given(given: prune::SpaceGiven) -> SpaceGiven {
    match given {
        prune::SpaceGiven::InFlight => SpaceGiven {
            in_flight: true,
            ..SpaceGiven::default()
        },
        prune::SpaceGiven::Compacted(compacted) => SpaceGiven {
            in_flight: false,
            before_bytes: compacted.before_bytes,
            after_bytes: compacted.after_bytes,
            room_needed_bytes: compacted.no_room.map(|room| room.needed_bytes),
            held_by_reader: compacted.held_by_reader,
        },
    }
}
