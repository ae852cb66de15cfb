//! The flagship runbook on real PostgreSQL servers, killed and resumed.

use std::fs;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rds_lab::Server;
use windlass_tests::random::{Random, SEED_VARIABLE, seed};

use crate::bench::{Bench, CHANGES};
use crate::is_full;
use crate::report::{Tally, say};
use crate::small::{Kill, Shown};
use crate::upgrade::Upgrade;
use crate::wrapped::{Phase, SWAP};

/// What is done to one run.
#[derive(Clone, Debug)]
enum Case {
    Kills(Vec<Kill>),
    /// Killed where a server's swap has come so far, with every process of the run or alone.
    Swap(Server, Phase, bool),
}

impl Case {
    fn armed(&self) -> usize {
        match self {
            Case::Kills(kills) => kills.len(),
            Case::Swap(..) => 1,
        }
    }
}

/// Performs one case on a bench that was put back; where it fails, its directory stays.
fn perform(bench: &mut Bench, case: &Case) -> Shown {
    bench.reset();
    let mut upgrade = Upgrade::new(bench);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut fired = 0;
        match case {
            Case::Kills(kills) => {
                for kill in kills {
                    if upgrade.has_ended() {
                        break;
                    }
                    fired += usize::from(upgrade.live(Some(kill)));
                }
            }
            Case::Swap(server, phase, all) => {
                fired += usize::from(upgrade.live_until(*server, *phase, *all));
            }
        }
        let mut shown = upgrade.finish();
        shown.fired = fired;
        shown
    }));
    outcome.unwrap_or_else(|panic| {
        let kept = upgrade.place.keep();
        say(&format!(
            "crash: FAILED flagship {case:?}; see {}",
            kept.display()
        ));
        std::panic::resume_unwind(panic)
    })
}

/// Performs cases on several labs at once: each waits more than it works.
fn perform_all(benches: &mut [Bench], name: &'static str, cases: Vec<Case>) -> Tally {
    let all = cases.len();
    let tally = Mutex::new(Tally::new(name));
    let queue = Mutex::new(cases.into_iter());
    std::thread::scope(|scope| {
        for bench in benches {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some(case) = next else { return };
                    let shown = perform(bench, &case);
                    let mut tally = tally.lock().unwrap();
                    tally.add(case.armed(), &shown);
                    tally.say_progress(all);
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap();
    tally.say();
    assert_eq!((tally.counts.doubled, tally.lost), (0, 0));
    tally
}

/// One run that is left in peace: how long it takes, and how many records it has.
fn undisturbed(bench: &mut Bench) -> Duration {
    let began = Instant::now();
    bench.reset();
    let reset = began.elapsed();
    let mut upgrade = Upgrade::new(bench);
    let began = Instant::now();
    assert!(!upgrade.live(None));
    let took = began.elapsed();
    let records = upgrade.story().unwrap().records.len();
    upgrade.finish();
    say(&format!(
        "crash: flagship: an undisturbed run has {records} records and takes {:.1} s; putting the lab back {:.1} s",
        took.as_secs_f64(),
        reset.as_secs_f64()
    ));
    took
}

/// One run, killed after each record of a kind and node that it has not been killed at yet.
fn one_run_killed_after_each_record(bench: &mut Bench) {
    let mut tally = Tally::new("flagship, one run killed after each record");
    bench.reset();
    let mut upgrade = Upgrade::new(bench);
    let seen = upgrade.place.beside().join("seen");
    let kill = Kill::At(format!("each:{}", seen.display()));
    let mut fired = 0;
    while !upgrade.has_ended() {
        fired += usize::from(upgrade.live(Some(&kill)));
    }
    let armed = upgrade.deaths.len();
    let mut shown = upgrade.finish();
    shown.fired = fired;
    tally.add(armed, &shown);
    tally.say();
    let labels = fs::read_to_string(&seen).unwrap().lines().count();
    assert_eq!(
        fired, labels,
        "each kind of record of each node killed once"
    );
    assert!(fired >= 50, "only {fired} kills");
}

/// Every point between the intent of a change and what follows its recorded outcome; in the
/// set for every change those of the primary, and one of each standby.
fn points() -> Vec<Case> {
    let delays: &[u32] = if is_full() {
        &[20, 60, 120, 200, 300, 450, 700]
    } else {
        &[60, 250]
    };
    let mut cases = Vec::new();
    for (node, server) in CHANGES {
        let mut points = vec![
            format!("record:attempt_started:{node}"),
            format!("dispatch:{node}"),
            format!("outcome:{node}"),
            format!("record:attempt_succeeded:{node}"),
        ];
        let later = delays.iter().map(|ms| format!("dispatch:{node}+{ms}"));
        let half = later.clone().take(if is_full() { delays.len() } else { 1 });
        let together = half.map(|point| Case::Kills(vec![Kill::AtWithAll(point)]));
        points.extend(later);
        // The one run above is killed at every record of every node already.
        if !is_full() && server != Server::Primary {
            points.retain(|point| point.ends_with("+60"));
        }
        cases.extend(
            points
                .into_iter()
                .map(|point| Case::Kills(vec![Kill::At(point)])),
        );
        cases.extend(together);
    }
    cases
}

/// Every phase of every swap; in the set for every change those of the primary.
fn swaps() -> Vec<Case> {
    let mut cases = Vec::new();
    for (_, server) in CHANGES {
        for phase in SWAP {
            if is_full() || server == Server::Primary {
                cases.push(Case::Swap(server, phase, false));
            }
            if is_full() {
                cases.push(Case::Swap(server, phase, true));
            }
        }
    }
    cases
}

#[test]
fn the_flagship_survives() {
    let seed = seed();
    say(&format!("crash: flagship, random: {SEED_VARIABLE}={seed}"));
    let mut benches = [Bench::new(), Bench::new()];
    let took = undisturbed(&mut benches[0]);

    one_run_killed_after_each_record(&mut benches[0]);

    let cases = points();
    let armed = cases.len();
    let name = "flagship, a run for each point between intent and outcome";
    let tally = perform_all(&mut benches, name, cases);
    // A delay may find the attempt, and even the run, at its end.
    assert!(tally.fired >= armed * 3 / 4, "{} of {armed}", tally.fired);

    let cases = swaps();
    let armed = cases.len();
    let is_alone = |case: &&Case| matches!(case, Case::Swap(_, _, false));
    let alone = cases.iter().filter(is_alone).count();
    let name = "flagship, a run for each phase of a swap";
    let tally = perform_all(&mut benches, name, cases);
    assert_eq!(tally.fired, armed, "each swap waits for its kill");
    let found = tally.counts.orphans;
    assert!(found >= alone, "{found} of {alone} steps found at work");

    let mut random = Random::new(seed);
    let runs = if is_full() { 60 } else { 4 };
    let cases = (0..runs).map(|_| {
        let kills = 1 + random.below(3);
        let kills = (0..kills).map(|_| Kill::After(random.within(took)));
        Case::Kills(kills.collect())
    });
    let tally = perform_all(&mut benches, "flagship, random times", cases.collect());
    assert!(tally.fired >= runs as usize / 2, "{} kills", tally.fired);
}
