//! Openings of a policy's calendar and the decisions that follow, on a simulated clock: when
//! clocks are changed, on a leap day, when the time jumps, and after a reboot.

use std::sync::Arc;

use windlass_core::catalog::Catalog;
use windlass_core::command::Command;
use windlass_core::event::{Deferral, Event};
use windlass_core::operator::{Door, Identity, Operator};
use windlass_core::plan::{IndexedPlan, Plan};
use windlass_core::policy::Standing;
use windlass_core::span::Span;
use windlass_core::state::RunState;
use windlass_core::time::Timestamp;
use windlass_core::{decide, evolve};
use windlass_runbook::render::Style;
use windlass_runbook::{NoFiles, check_under, policy};

const POLICY: &str = r#"
windlass_policy: 1
zone: Europe/Berlin
people:
  ann: {uid: 1}
rules:
  ann_works: {may: [start, direct], people: ann}
windows:
  night:
    open:
      - {weekly: [sat], from: "22:00", to: "04:00"}
  monthly:
    open:
      - {monthly: [29], from: "20:00", to: "23:00"}
"#;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a moment")
}

fn book(window: &str, hours: &str) -> String {
    format!(
        "windlass: 1\nname: example\nsteps:\n  up:\n    uses: shell\n    \
         effect: irreversible\n    timeout: {hours}\n    window: {window}\n    \
         with: {{argv: [up]}}\n"
    )
}

/// A run as an engine drives it, but for the world.
struct Run {
    state: RunState,
    events: Vec<(Event, Timestamp)>,
}

impl Run {
    fn start(window: &str, hours: &str, now: &str) -> Self {
        let now = at(now);
        let read = policy::read("policy.yaml", POLICY, now);
        let checked = read.checked;
        let policy = read
            .policy
            .unwrap_or_else(|| panic!("{}", checked.render(Style::Plain)));
        let catalog: Catalog =
            serde_json::from_str(include_str!("catalog.json")).expect("a catalog");
        let text = book(window, hours);
        let checked = check_under("book.yaml", &text, None, &catalog, &NoFiles, None);
        let plan: Plan = checked.plan.expect("a plan");
        let standing: Standing = policy.standing(&plan);
        let identity = Identity::OsUser { uid: 1 };
        let mut run = Self {
            state: RunState::new("r1".parse().expect("an id")),
            events: Vec::new(),
        };
        let plan: Arc<IndexedPlan> = IndexedPlan::new(plan).expect("a sound plan");
        run.give(
            now,
            Command::Start {
                plan,
                requester: Operator {
                    name: "ann".to_owned(),
                    identity: identity.clone(),
                    door: Door::Terminal,
                },
                owner: identity,
                single_user: false,
                standing: Some(Box::new(standing)),
            },
        );
        run
    }

    /// What came of it, by the words of the journal.
    fn give(&mut self, now: Timestamp, command: Command) -> Vec<&'static str> {
        let events = decide(&self.state, command, now).expect("it is accepted");
        for event in &events {
            evolve(&mut self.state, event, now).expect("the fold takes it");
            self.events.push((event.clone(), now));
        }
        events.iter().map(Event::kind).collect()
    }

    fn tick(&mut self, now: &str) -> Vec<&'static str> {
        self.give(at(now), Command::Tick)
    }

    /// The process dies and another one goes on, from the records alone.
    fn reboot(&mut self, now: &str) -> Vec<&'static str> {
        let mut state = RunState::new(self.state.run().clone());
        for (event, at) in &self.events {
            evolve(&mut state, event, *at).expect("the journal can be read");
        }
        self.state = state;
        let orphans = Vec::new();
        self.give(at(now), Command::Open { orphans })
    }

    /// The opening that is waited for.
    fn waits_for(&self) -> (String, String) {
        let deferred = self.state.deferred().next().expect("something waits");
        let Deferral::Window { opening, .. } = &deferred.deferred.why else {
            panic!("{}", deferred.deferred.why);
        };
        let Span { from, to } = opening;
        (from.to_string(), to.to_string())
    }
}

fn opening(from: &str, to: &str) -> (String, String) {
    (from.to_owned(), to.to_owned())
}

#[test]
fn the_night_that_loses_an_hour_is_an_hour_shorter() {
    // On 28 March 2027 clocks in Berlin go from 02:00 to 03:00.
    let friday = "2027-03-26T12:00:00Z";
    let short = Run::start("night", "5h", friday);
    let lost = opening("2027-03-27T21:00:00Z", "2027-03-28T02:00:00Z");
    assert_eq!(short.waits_for(), lost);
    let long = Run::start("night", "6h", friday);
    let next = opening("2027-04-03T20:00:00Z", "2027-04-04T02:00:00Z");
    assert_eq!(long.waits_for(), next);
}

#[test]
fn the_night_that_gains_an_hour_is_an_hour_longer() {
    // On 31 October 2027 clocks in Berlin go from 03:00 to 02:00.
    let long = Run::start("night", "7h", "2027-10-29T12:00:00Z");
    let gained = opening("2027-10-30T20:00:00Z", "2027-10-31T03:00:00Z");
    assert_eq!(long.waits_for(), gained);
}

#[test]
fn a_leap_day_is_a_day_of_its_year() {
    let leap = Run::start("monthly", "2h", "2028-02-10T12:00:00Z");
    let day = opening("2028-02-29T19:00:00Z", "2028-02-29T22:00:00Z");
    assert_eq!(leap.waits_for(), day);
    let common = Run::start("monthly", "2h", "2027-02-10T12:00:00Z");
    let day = opening("2027-03-29T18:00:00Z", "2027-03-29T21:00:00Z");
    assert_eq!(common.waits_for(), day);
}

#[test]
fn a_jump_past_the_opening_misses_it_and_begins_nothing() {
    let mut run = Run::start("night", "5h", "2027-05-07T12:00:00Z");
    // To the last hours of the night, then far behind it.
    let kinds = run.tick("2027-05-08T23:30:00Z");
    let missed = [
        "step_due",
        "opening_missed",
        "opening_chosen",
        "step_deferred",
    ];
    assert_eq!(kinds, missed);
    assert_eq!(run.tick("2027-05-20T00:00:00Z"), missed);
    let next = opening("2027-05-22T20:00:00Z", "2027-05-23T02:00:00Z");
    assert_eq!(run.waits_for(), next);
    // A time that went back, as the engine never lets it, opens nothing either.
    assert_eq!(run.tick("2027-05-08T20:30:00Z"), [""; 0]);
    let begun = run.tick("2027-05-22T20:00:00Z");
    assert_eq!(begun, ["step_due", "attempt_started"]);
}

#[test]
fn a_reboot_finds_the_same_opening_and_never_begins_late() {
    let mut run = Run::start("night", "5h", "2027-05-07T12:00:00Z");
    assert_eq!(run.reboot("2027-05-08T19:59:59Z"), [""; 0]);
    let same = opening("2027-05-08T20:00:00Z", "2027-05-09T02:00:00Z");
    assert_eq!(run.waits_for(), same);
    // The host was off from then until an hour was left.
    let kinds = run.reboot("2027-05-09T01:00:00Z");
    assert!(kinds.contains(&"opening_missed"), "{kinds:?}");
    assert!(!kinds.contains(&"attempt_started"), "{kinds:?}");
    // Off again until the next one is open, and it still fits.
    let kinds = run.reboot("2027-05-15T20:30:00Z");
    assert_eq!(kinds, ["step_due", "attempt_started"]);
}

#[test]
fn a_segment_that_runs_past_its_opening_goes_on_and_is_recorded_once_also_after_a_reboot() {
    let mut run = Run::start("night", "5h", "2027-05-07T12:00:00Z");
    run.tick("2027-05-08T20:00:00Z");
    let kinds = run.reboot("2027-05-09T03:00:00Z");
    let overruns = |kinds: &[&str]| {
        kinds
            .iter()
            .filter(|kind| **kind == "window_overrun")
            .count()
    };
    assert_eq!(overruns(&kinds), 1, "{kinds:?}");
    assert_eq!(run.reboot("2027-05-09T04:00:00Z"), [""; 0]);
}
