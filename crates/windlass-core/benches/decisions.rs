//! The time that the core takes for each event, as a plan grows: decide, evolve a copy,
//! and derive what is outstanding, as the engine does; as a ratio to the smallest plan of
//! the same shape. `allocations` counts the memory of the same work.
//!
//! `cargo bench -p windlass-core --bench decisions -- [--quick]`

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures time; what it measures is given its time"
)]

#[path = "common/plans.rs"]
mod plans;
#[path = "../../windlass-journal/benches/common/report.rs"]
mod report;
#[path = "common/work.rs"]
mod work;

use std::sync::Arc;
use std::time::{Duration, Instant};

use report::{print, print_machine};
use windlass_core::plan::IndexedPlan;
use work::{SHAPES, run_to_end, started};

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (rounds, events) = if quick { (1, 1) } else { (7, 50_000) };
    print_machine(&std::env::current_dir().expect("there is a working directory"));
    for shape in SHAPES {
        let plans: Vec<_> = shape.sizes.iter().map(|size| (shape.make)(*size)).collect();
        // In turns, so that all sizes see the same machine; the median counts.
        let mut times = vec![Vec::new(); plans.len()];
        for _ in 0..rounds {
            for (plan, times) in plans.iter().zip(&mut times) {
                times.push(ns_per_event(plan, events));
            }
        }
        let median = |times: &mut Vec<f64>| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        };
        let medians: Vec<f64> = times.iter_mut().map(median).collect();
        for (size, ns) in shape.sizes.iter().zip(&medians) {
            print(vec![
                ("line", "decisions".into()),
                ("shape", shape.name.into()),
                ("steps", (*size as u64).into()),
                ("ns_per_event", (*ns).into()),
                ("ratio", (ns / medians[0]).into()),
            ]);
        }
    }
}

/// Runs the plan again and again until enough events are counted. The start itself is
/// not counted: it keeps the whole plan.
fn ns_per_event(plan: &Arc<IndexedPlan>, events_min: u64) -> f64 {
    let (mut spent, mut events) = (Duration::ZERO, 0);
    while events < events_min {
        let mut state = started(plan);
        let begin = Instant::now();
        events += run_to_end(&mut state);
        spent += begin.elapsed();
    }
    spent.as_nanos() as f64 / events as f64
}
