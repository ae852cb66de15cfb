//! The vendor's procedure, `runbooks/rds_pg_minor_upgrade.yaml`, killed and resumed, with
//! replies that are lost. The cloud is the lab's, with nothing behind it: servers add nothing
//! to what the program does when it is killed. Its log of effects is the witness.

mod life;
mod truth;

use std::sync::Mutex;
use std::time::Instant;

use rds_lab::api::{Call, Fault, On, UnderDr};
use windlass_tests::skip::skip;

use self::life::Night;
pub(crate) use self::life::clock_library;
use self::truth::{End, Told};
use crate::is_full;
use crate::report::say;

/// When the DR relation is removed: behind the upgrade, or before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    After,
    Before,
}

/// What is done to one run.
#[derive(Clone, Copy, Debug)]
enum Blow {
    /// Killed at a point of `windlass-engine`'s `failpoints`, about a step.
    Point(&'static str, &'static str),
    /// Killed after each record of a kind and node that it has not been killed at yet.
    EachRecord,
    /// Killed while a request is answered that has taken effect already.
    WithinAfter(On),
    /// Killed while a request waits in the cloud; it takes effect when nobody lives.
    WithinBefore(On),
    /// Something happens to a request or its reply; nobody is killed.
    Wire(On, Fault),
    /// The same, and killed when the step's outcome arrives.
    WireAndOutcome(On, Fault, &'static str),
}

#[derive(Clone, Copy, Debug)]
struct Row {
    order: Order,
    under_dr: UnderDr,
    blow: Blow,
}

/// How long a request is in the hands of the cloud while the program is killed.
const HELD_MS: u64 = 1500;

/// The requests that change something, in their order. DR is removed on two sides.
fn changes() -> [On; 6] {
    let first = |call| On::from(call);
    let second = |call| On {
        skip: 1,
        ..On::from(call)
    };
    [
        first(Call::CreateBackup),
        first(Call::Upgrade),
        first(Call::RemoveDr),
        second(Call::RemoveDr),
        first(Call::BuildPrimary),
        first(Call::BuildDr),
    ]
}

/// Between intent and outcome of each change.
fn points() -> Vec<Row> {
    let steps: &[(&str, Order)] = &[
        ("backup", Order::After),
        ("upgrade", Order::After),
        ("dr_established", Order::After),
        ("dr_detached", Order::Before),
        ("upgrade", Order::Before),
    ];
    let points: &[&str] = if is_full() {
        &[
            "record:attempt_started:STEP",
            "dispatch:STEP",
            "dispatch:STEP+100",
            "dispatch:STEP+200",
            "dispatch:STEP+400",
            "dispatch:STEP+800",
            "outcome:STEP",
            "record:attempt_succeeded:STEP",
        ]
    } else {
        &["record:attempt_started:STEP", "outcome:STEP"]
    };
    let mut rows = Vec::new();
    for &(step, order) in steps {
        for &point in points {
            rows.push(row(order, Blow::Point(point, step)));
        }
    }
    rows
}

/// Within each request that changes something; in the whole set within every request.
fn within() -> Vec<Row> {
    let mut rows = Vec::new();
    for on in changes() {
        rows.push(row(Order::After, Blow::WithinBefore(on)));
        rows.push(row(Order::After, Blow::WithinAfter(on)));
        // A removal that is the step's own, not that of a debt.
        if is_full() || on.call == Some(Call::RemoveDr) {
            rows.push(row(Order::Before, Blow::WithinBefore(on)));
        }
        if is_full() {
            rows.push(row(Order::Before, Blow::WithinAfter(on)));
        }
    }
    if is_full() {
        for order in [Order::After, Order::Before] {
            for skip in 0..REQUESTS {
                let on = On {
                    skip,
                    ..On::default()
                };
                rows.push(row(order, Blow::WithinAfter(on)));
            }
        }
    }
    rows
}

/// So many requests a run makes at least.
const REQUESTS: u32 = 40;

/// Replies that are lost, and requests that come twice.
fn wires() -> Vec<Row> {
    let all = [
        Fault::LoseReplyBefore,
        Fault::LoseReplyAfter,
        Fault::CutAfter(12),
        Fault::ServerErrorBefore(503),
        Fault::ServerErrorAfter(502),
        Fault::Twice,
        Fault::Conflict,
    ];
    let mut rows = Vec::new();
    for on in changes() {
        for fault in all {
            let is_lost = matches!(fault, Fault::LoseReplyBefore | Fault::LoseReplyAfter);
            if is_full() || on.call == Some(Call::Upgrade) || is_lost {
                rows.push(row(Order::After, Blow::Wire(on, fault)));
            }
            if is_full() {
                rows.push(row(Order::Before, Blow::Wire(on, fault)));
            }
        }
    }
    let upgrade = On::from(Call::Upgrade);
    let twice = Blow::Wire(upgrade, Fault::TwiceAnsweredLast);
    rows.extend([Order::After, Order::Before].map(|order| row(order, twice)));
    for fault in [Fault::LoseReplyBefore, Fault::LoseReplyAfter] {
        let blow = Blow::WireAndOutcome(upgrade, fault, "upgrade");
        rows.push(row(Order::After, blow));
    }
    rows
}

fn row(order: Order, blow: Blow) -> Row {
    Row {
        order,
        // `before` is what a cloud wants that refuses else.
        under_dr: match order {
            Order::After => UnderDr::Breaks,
            Order::Before => UnderDr::Refused,
        },
        blow,
    }
}

/// Performs a row and holds the promises against it; where it fails, its directory stays.
fn perform(row: Row) -> Told {
    let mut night = Night::new(row.order, row.under_dr);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let dealt = match row.blow {
            Blow::Point(point, step) => night.dies_at(&point.replace("STEP", step)),
            Blow::EachRecord => night.dies_at_each_record(),
            Blow::WithinAfter(on) => night.dies_within(on, Fault::Slow(HELD_MS)),
            Blow::WithinBefore(on) => night.dies_within(on, Fault::Late(HELD_MS)),
            Blow::Wire(on, fault) => night.meets(on, fault, None),
            Blow::WireAndOutcome(on, fault, step) => {
                night.meets(on, fault, Some(&format!("outcome:{step}")))
            }
        };
        let mut told = night.finish();
        told.dealt = dealt;
        told
    }));
    outcome.unwrap_or_else(|panic| {
        let kept = night.place.keep();
        say(&format!(
            "crash: FAILED rds {row:?}; see {}",
            kept.display()
        ));
        std::panic::resume_unwind(panic)
    })
}

/// What the rows of one part added up to.
#[derive(Default)]
struct Sum {
    rows: usize,
    told: Told,
    succeeded: usize,
    stopped: usize,
    waits: usize,
}

impl Sum {
    fn add(&mut self, told: Told) {
        self.rows += 1;
        match told.end {
            End::Succeeded => self.succeeded += 1,
            End::Stopped => self.stopped += 1,
            End::Waits => self.waits += 1,
        }
        self.told += told;
    }

    fn say(&self, name: &str, began: Instant) {
        let Told {
            dealt,
            lives,
            upgrades,
            upgrades_max,
            person,
            debts_shown,
            counts,
            acknowledged,
            ..
        } = &self.told;
        say(&format!(
            "crash: rds, {name}: {dealt} blows in {} runs, {lives} lives, {:.0} s\n\
             \x20      upgrades started {upgrades}, at most {upgrades_max} a run; \
             acknowledged records {acknowledged}, lost 0\n\
             \x20      doubts {}: happened {}, not happened {}, asked of a person {}; a person was needed {person} times, \
             with the debt shown {debts_shown}\n\
             \x20      ends: succeeded with DR present {}, stopped with DR present {}, waits with its debt shown {}",
            self.rows,
            began.elapsed().as_secs_f64(),
            counts.doubts,
            counts.happened,
            counts.not_happened,
            counts.asked,
            self.succeeded,
            self.stopped,
            self.waits,
        ));
    }
}

/// Performs rows, several at a time: each waits more than it works.
fn perform_all(name: &str, rows: Vec<Row>) -> Sum {
    const AT_ONCE: usize = 6;
    let began = Instant::now();
    let sum = Mutex::new(Sum::default());
    let queue = Mutex::new(rows.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some(row) = next else { return };
                    let told = perform(row);
                    assert!(told.dealt > 0, "{row:?} did not fire");
                    sum.lock().unwrap().add(told);
                }
            });
        }
    });
    let sum = sum.into_inner().unwrap();
    sum.say(name, began);
    assert!(sum.told.upgrades_max <= 1);
    sum
}

#[test]
fn the_vendors_procedure_survives() {
    if !life::plugin_is_built() {
        skip("crash: plugins/otc-rds is not built: `cargo xtask plugins` builds it");
        return;
    }
    // It also leaves the compiled plugin in the cache for all others.
    let began = Instant::now();
    for order in [Order::After, Order::Before] {
        let mut sum = Sum::default();
        sum.add(Night::new(order, UnderDr::LeavesBehind).finish());
        assert_eq!((sum.succeeded, sum.told.person), (1, 0));
        sum.say("left in peace", began);
    }
    perform_all("killed between intent and outcome", points());
    perform_all("killed within a request", within());
    perform_all("replies lost", wires());
    if is_full() {
        let rows = [Order::After, Order::Before].map(|order| row(order, Blow::EachRecord));
        perform_all("one run killed after each record", rows.into());
    }
}
