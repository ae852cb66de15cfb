//! The task that turns the timer wheel: it gives a due run a task, a bounded number
//! at a time, so that a hundred thousand runs that wake together do not load together.

use std::sync::Arc;

use crate::run;
use crate::shared::{Phase, Shared};

/// Turns until the engine stops.
pub(crate) async fn turn(shared: Arc<Shared>) {
    let mut phase = shared.phase.subscribe();
    let is_over = |phase: &Phase| match phase {
        Phase::Running => false,
        Phase::Parking { .. } | Phase::Closed | Phase::Failed(_) => true,
    };
    loop {
        tokio::select! {
            biased;
            _ = phase.wait_for(is_over) => return,
            () = wait_for_due(&shared) => {}
        }
        let permit = tokio::select! {
            biased;
            _ = phase.wait_for(is_over) => return,
            permit = Arc::clone(&shared.loads).acquire_owned() => permit,
        };
        let now = shared.clock.now();
        let mut registry = shared.registry();
        if let (Some(run), Ok(permit)) = (registry.wheel.pop_due(now), permit) {
            run::wake(&shared, &mut registry, &run, permit);
        }
        drop(registry);
        shared.changed();
    }
}

/// Returns when the earliest timer is due.
async fn wait_for_due(shared: &Shared) {
    loop {
        let changed = shared.wheel_changed.notified();
        let next = shared.registry().wheel.next();
        match next {
            Some(at) if at <= shared.clock.now() => return,
            Some(at) => {
                tokio::select! {
                    () = shared.clock.sleep_until(at) => {}
                    () = changed => {}
                }
            }
            None => changed.await,
        }
    }
}
