//! The allocations that the core makes for each event, as a plan grows; the work is that
//! of `decisions`. Apart from it, because counting takes time.
//!
//! `cargo bench -p windlass-core --bench allocations`

#[path = "common/plans.rs"]
mod plans;
#[path = "../../windlass-journal/benches/common/report.rs"]
mod report;
#[path = "common/work.rs"]
mod work;

use std::alloc::System;

use report::{print, print_machine};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use work::{SHAPES, run_to_end, started};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    print_machine(&std::env::current_dir().expect("there is a working directory"));
    for shape in SHAPES {
        let mut smallest = None;
        for size in shape.sizes {
            let mut state = started(&(shape.make)(*size));
            let region = Region::new(ALLOCATOR);
            let events = run_to_end(&mut state);
            let change = region.change();
            let each = |count: usize| count as f64 / events as f64;
            let count = each(change.allocations + change.reallocations);
            let bytes = each(change.bytes_allocated);
            let (least_count, least_bytes) = *smallest.get_or_insert((count, bytes));
            print(vec![
                ("line", "allocations".into()),
                ("shape", shape.name.into()),
                ("steps", (*size as u64).into()),
                ("per_event", count.into()),
                ("bytes_per_event", bytes.into()),
                ("ratio", (count / least_count).into()),
                ("bytes_ratio", (bytes / least_bytes).into()),
            ]);
        }
    }
}
