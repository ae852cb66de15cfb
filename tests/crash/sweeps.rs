//! The sweeps over the small run.

use std::fs;
use std::time::Duration;

use windlass_tests::random::{Random, SEED_VARIABLE, seed};

use crate::is_full;
use crate::report::{Tally, say};
use crate::small::{Case, Kill, Small, has_ended, perform_all};
use windlass_tests::life::Life;

/// The changes of the small run.
const CHANGES: [&str; 3] = ["drain", "drain[1]", "switch"];
/// Milliseconds between a dispatch and a kill: the change acts after about ten.
const DELAYS_MS: [u32; 7] = [1, 3, 6, 10, 15, 25, 50];

fn at(point: String) -> Kill {
    Kill::At(point)
}

/// Every point between the intent and the recorded outcome of a node, but for the intent.
fn points_of(node: &str) -> Vec<Kill> {
    let mut points = vec![
        at(format!("dispatch:{node}")),
        at(format!("outcome:{node}")),
    ];
    points.extend(DELAYS_MS.map(|ms| at(format!("dispatch:{node}+{ms}"))));
    points
}

fn check(tally: &Tally, fired_min: usize) {
    assert_eq!(tally.counts.doubled, 0);
    assert_eq!(tally.lost, 0);
    let Tally { name, fired, .. } = tally;
    assert!(
        *fired >= fired_min,
        "{name}: only {fired} kills fired, expected {fired_min}"
    );
}

/// How many records an undisturbed run has, and how long it takes just now.
fn undisturbed() -> (usize, Duration) {
    let small = Small::new(0, false);
    let death = Life::begin(small.next_life(None)).wait(Duration::from_secs(30), |_| {});
    assert!(death.status.success(), "{death:#?}");
    let story = small.story().unwrap();
    say(&format!(
        "crash: small: an undisturbed run has {} records and takes {} ms",
        story.records.len(),
        death.took.as_millis()
    ));
    (story.records.len(), death.took)
}

#[test]
fn a_fresh_run_killed_after_each_record() {
    let (records, _) = undisturbed();
    let cases = (1..=records).map(|record| Case::of([at(format!("append:{record}"))]));
    let tally = perform_all("small, a run for each record", cases.collect());
    assert_eq!(tally.fired, records);
    check(&tally, records);
}

#[test]
fn one_run_killed_after_each_record() {
    let mut tally = Tally::new("small, one run killed after each record");
    let small = Small::new(0, false);
    let seen = small.place.beside().join("seen");
    let mut deaths = Vec::new();
    while !small.story().as_ref().is_some_and(has_ended) {
        let mut command = small.next_life(small.story().as_ref());
        command.env("WINDLASS_FAILPOINT", format!("each:{}", seen.display()));
        let death = Life::begin(command).wait(Duration::from_secs(30), |_| {});
        tally.armed += 1;
        tally.fired += usize::from(death.was_killed());
        assert!(death.was_killed() || death.status.success(), "{death:#?}");
        deaths.push(death);
    }
    let story = small.story().unwrap();
    tally.cases = 1;
    for death in &deaths {
        let (held, lost) = story.holds(&death.acknowledged());
        (tally.acknowledged, tally.lost) = (tally.acknowledged + held, tally.lost + lost.len());
    }
    tally.counts = crate::audit::audit(&story, &small.witness());
    assert_eq!(tally.counts.effects, 3, "{}", story.outline());
    windlass_tests::journal::assert_whole(&small.place.state());
    tally.say();
    let labels = fs::read_to_string(&seen).unwrap().lines().count();
    assert_eq!(
        tally.fired, labels,
        "each kind of record of each node killed once"
    );
    check(&tally, 20);
}

#[test]
fn between_intent_and_outcome_of_every_change() {
    let mut cases = Vec::new();
    for node in CHANGES.into_iter().chain(["prepare", "relate"]) {
        cases.extend(points_of(node).into_iter().map(|kill| Case::of([kill])));
    }
    let armed = cases.len();
    let tally = perform_all("small, between intent and outcome", cases);
    // The longest delays may find the attempt, or the run, at its end.
    check(&tally, armed / 2);
    assert!(tally.counts.happened > 0 && tally.counts.not_happened > 0);
}

#[test]
fn recovery_killed_again_and_again() {
    let seed = seed();
    say(&format!("crash: small, compound: {SEED_VARIABLE}={seed}"));
    let mut random = Random::new(seed);
    let (_, life) = undisturbed();
    let count = if is_full() { 1000 } else { 60 };
    let mut cases = Vec::new();
    for _ in 0..count {
        let node = random.pick(&CHANGES);
        let first = random.pick(&points_of(node)).clone();
        let mut kills = vec![first];
        // Depth 5: the recovery of each is killed while it is at work.
        kills.extend((0..5).map(|_| match random.below(3) {
            0 => Kill::After(random.within(life)),
            _ => Kill::AfterRecords(1 + random.below(3) as usize),
        }));
        cases.push(Case::of(kills));
    }
    let tally = perform_all("small, recovery killed to depth 5", cases);
    check(&tally, count * 3);
}

#[test]
fn killed_at_random_times() {
    let seed = seed();
    say(&format!("crash: small, random: {SEED_VARIABLE}={seed}"));
    let mut random = Random::new(seed);
    let (_, life) = undisturbed();
    let count = if is_full() { 2000 } else { 100 };
    let cases = (0..count).map(|_| {
        let kills = 1 + random.below(3);
        Case::of(
            (0..kills)
                .map(|_| Kill::After(random.within(life)))
                .collect::<Vec<_>>(),
        )
    });
    let tally = perform_all("small, random times", cases.collect());
    check(&tally, count / 2);
}

/// The engine dies at once; its orphan acts five seconds later, and is waited for.
#[test]
fn an_orphan_that_acts_late() {
    let mut cases = Vec::new();
    for node in CHANGES {
        for kill_again in [0, 2] {
            let first = at(format!("dispatch:{node}+200"));
            let again = (0..kill_again).map(|_| Kill::After(Duration::from_millis(900)));
            let mut case = Case::of(std::iter::once(first).chain(again));
            case.act_after = 5;
            cases.push(case);
        }
    }
    let count = cases.len();
    let tally = perform_all("small, orphans that act five seconds later", cases);
    check(&tally, count);
    assert!(tally.counts.orphans >= count);
}

/// The look at the target sees nothing: only a person can say, and does, by the witness.
#[test]
fn a_doubt_that_only_a_person_settles() {
    let mut cases = Vec::new();
    for node in CHANGES {
        for point in ["dispatch:NODE", "dispatch:NODE+25", "outcome:NODE"] {
            let mut case = Case::of([at(point.replace("NODE", node))]);
            case.blind = true;
            cases.push(case);
        }
    }
    for record in 6..=12 {
        let mut case = Case::of([at(format!("append:{record}"))]);
        case.blind = true;
        cases.push(case);
    }
    let count = cases.len();
    let tally = perform_all("small, a person settles it", cases);
    check(&tally, count - 3);
    assert!(tally.counts.asked >= count / 2);
    assert!(tally.counts.happened > 0 && tally.counts.not_happened > 0);
}
