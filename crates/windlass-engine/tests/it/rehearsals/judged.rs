//! What is said of a story that was expected otherwise, and what of its plan it covered.

use super::*;

fn two_steps() -> (Arc<IndexedPlan>, Story) {
    let mut late: Step = change("late", &["early"]);
    late = calling(late, |call| {
        let members = [("host", Value::from("db1")), ("port", Value::Int(1))];
        let members = members.map(|(name, value)| (name.to_owned(), value));
        call.with = windlass_core::plan::Template::Literal(Value::Map(members.into()));
    });
    let plan = plan(vec![read("early", &[]), late, read("never", &["late"])]);
    let story = rehearse(
        &plan,
        &script(vec![
            mock("early", Series::Always(ok())),
            mock("late", Series::Always(fails(Effected::Settled))),
        ]),
        &[],
    );
    assert_eq!(story.faults, []);
    (plan, story)
}

#[test]
fn every_expectation_can_be_missed() {
    let (_, story) = two_steps();
    let good = || Expected {
        reason: Some("as it was told".to_owned()),
        order: vec![id("early"), id("late")],
        not_started: vec![id("never")],
        states: vec![
            ("late".parse().unwrap(), "failed".to_owned()),
            ("late[0]".parse().unwrap(), "failed".to_owned()),
            ("never[0]".parse().unwrap(), "not_begun".to_owned()),
        ],
        attempts: vec![("late".parse().unwrap(), 1), ("never".parse().unwrap(), 0)],
        owes: Some(Vec::new()),
        within: Some(Millis::from_mins(1)),
        ..Expected::end(Rest::Ended(End::Failed))
    };
    assert_eq!(judge(&good(), &story), []);
    let pattern = |kind| Pattern {
        kind,
        of: None,
        attempt: None,
    };
    let call = |name: &str, value: Value| {
        let members = [(name.to_owned(), Input::Value(value))];
        Series::Always(Input::Map(members.into()))
    };
    let late = || "late".parse().unwrap();
    let table: Vec<(Expected, &str)> = vec![
        (
            Expected::end(Rest::Waiting),
            "end: expected waiting, found failed: late: as it was told",
        ),
        (
            Expected {
                reason: Some("other".to_owned()),
                ..good()
            },
            "reason: expected a reason with \"other\", found late: as it was told",
        ),
        (
            Expected {
                order: vec![id("late"), id("early"), id("never")],
                ..good()
            },
            "order: expected late, early, never, found early, late; never begun: never",
        ),
        (
            Expected {
                events: vec![pattern("run_ended"), pattern("attempt_started")],
                ..good()
            },
            "events: expected attempt_started, after run_ended, found it came, but before that",
        ),
        (
            Expected {
                events: vec![pattern("gate_opened")],
                ..good()
            },
            "events: expected gate_opened, found it never came",
        ),
        (
            Expected {
                never: vec![pattern("attempt_started")],
                ..good()
            },
            "never: expected no attempt_started, found it came 2 times",
        ),
        (
            Expected {
                not_started: vec![id("early")],
                ..good()
            },
            "not_started: expected early does not begin, found it began",
        ),
        (
            Expected {
                states: vec![(late(), "succeeded".to_owned())],
                ..good()
            },
            "states: expected late succeeded, found failed",
        ),
        (
            Expected {
                attempts: vec![(late(), 2)],
                ..good()
            },
            "attempts: expected 2 of late, found 1",
        ),
        (
            Expected {
                calls: vec![(late(), call("host", "db2".into()))],
                ..good()
            },
            "calls: expected late, attempt 1: host = \"db2\", found \"db1\"",
        ),
        (
            Expected {
                calls: vec![(late(), call("hosts", "db2".into()))],
                ..good()
            },
            "calls: expected late, attempt 1: hosts = \"db2\", found nothing",
        ),
        (
            Expected {
                calls: vec![("never".parse().unwrap(), call("host", "db1".into()))],
                ..good()
            },
            "calls: expected a call of never, found it was never called",
        ),
        (
            Expected {
                shown: vec![(id("early"), [("a".to_owned(), Value::Null)].into())],
                ..good()
            },
            "shown: expected early shows something, found it never opened",
        ),
        (
            Expected {
                owes: Some(vec![id("late")]),
                ..good()
            },
            "owes: expected late, found nothing",
        ),
        (
            Expected {
                needs: vec!["in_doubt".to_owned()],
                ..good()
            },
            "needs: expected in_doubt, found nothing",
        ),
    ];
    for (expected, missed) in table {
        let misses = judge(&expected, &story);
        let found: Vec<String> = misses
            .iter()
            .map(|miss| {
                format!(
                    "{}: expected {}, found {}",
                    miss.key, miss.expected, miss.found
                )
            })
            .collect();
        assert_eq!(found, [missed]);
    }
    // A part of a call is enough.
    let part = Expected {
        calls: vec![(late(), call("host", "db1".into()))],
        ..good()
    };
    assert_eq!(judge(&part, &story), []);
}

#[test]
fn coverage_counts_steps_and_both_sides_of_a_when() {
    let condition = |value| Some(literal(value));
    let mut skipped = read("skipped", &[]);
    skipped.when = condition(false);
    let mut taken = read("taken", &[]);
    taken.when = condition(true);
    let plan = plan(vec![skipped, taken, read("plain", &[])]);
    let mocks = vec![
        mock("taken", Series::Always(ok())),
        mock("plain", Series::Always(ok())),
    ];
    let story = rehearse(&plan, &script(mocks), &[]);
    let mut coverage = Coverage::of(plan.plan());
    assert_eq!(coverage.percent(), 0);
    coverage.add(story.events.iter().map(|(event, _)| event));
    assert_eq!((coverage.steps(), coverage.sides()), ((2, 3), (2, 4)));
    let missing: Vec<String> = coverage.missing().iter().map(ToString::to_string).collect();
    assert_eq!(
        missing,
        [
            "step skipped never began",
            "the `when` of skipped was never true",
            "the `when` of taken was never false",
        ]
    );
    // Four of seven.
    assert_eq!(coverage.percent(), 57);
}
