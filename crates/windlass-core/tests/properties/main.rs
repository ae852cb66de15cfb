//! Random plans driven by a random shell, with crashes, time jumps and nonsense: the law
//! holds in every history. `PROPTEST_CASES` scales the number of runs; the seed of each
//! is a plain number, printed when it fails: `WINDLASS_SEED=7 cargo test -p windlass-core
//! --test properties` runs that one alone.

mod driver;
#[allow(dead_code, reason = "the scenarios also ask what an event is about")]
#[path = "../law/mod.rs"]
mod law;
#[allow(dead_code, reason = "the properties use a part of the notation")]
#[path = "../scenarios/notation/mod.rs"]
mod notation;
mod plans;
mod policy;

use driver::{Driver, Mood};
use windlass_core::state::RunStatus;

/// Runs as many seeds as asked for, or the one that is named.
fn seeds(share: u64) -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    match number("WINDLASS_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("PROPTEST_CASES").unwrap_or(500) * share / 10).collect(),
    }
}

#[test]
fn every_history_keeps_the_law() {
    let (mut events, mut cuts, mut ended) = (0, 0, 0);
    let mut kinds = std::collections::BTreeMap::<&str, usize>::new();
    for seed in seeds(10) {
        let mut driver = Driver::new(seed, Mood::Wild);
        driver.run(60);
        driver.check(seed);
        cuts += driver.cuts;
        events += driver.events.len();
        for (event, _) in &driver.events {
            *kinds.entry(event.kind()).or_default() += 1;
        }
        ended += usize::from(driver.state.is_ended());
    }
    println!("{kinds:#?}");
    println!(
        "{} runs, {events} events, {cuts} crashes, {ended} ended",
        seeds(10).len()
    );
    // A weak generator finds nothing: each kind of event must come about.
    assert!(
        kinds.len() == 55 || seeds(10).len() < 500,
        "only {} kinds",
        kinds.len()
    );
}

#[test]
fn a_run_ends_when_answers_are_good_and_people_answer() {
    for seed in seeds(10) {
        let mut driver = Driver::new(seed, Mood::Wild);
        driver.run(12);
        driver.mood = Mood::Kind;
        driver.resume();
        let limit = driver.events.len() + 600;
        while !driver.state.is_ended() {
            driver.turn();
            assert!(
                driver.events.len() < limit && driver.idle < 40,
                "seed {seed}: does not end: {:?}\n{}",
                driver.state.status(),
                driver.history()
            );
        }
        driver.check(seed);
        assert!(matches!(driver.state.status(), RunStatus::Ended(_)));
    }
}

#[test]
fn nonsense_is_refused_and_never_panics() {
    for seed in seeds(5) {
        let mut driver = Driver::new(seed, Mood::Nonsense);
        driver.run(80);
        driver.check(seed);
    }
}

#[test]
fn a_damaged_history_is_refused_or_understood_but_never_panics() {
    let (mut refused, mut taken) = (0, 0);
    for seed in seeds(5) {
        let mut driver = Driver::new(seed, Mood::Wild);
        driver.run(40);
        let (bad, good) = driver.damage();
        refused += bad;
        taken += good;
    }
    println!("{refused} damaged histories refused, {taken} understood");
}
