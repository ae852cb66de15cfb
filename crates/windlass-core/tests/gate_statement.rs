//! The example of `docs/gates.md` is what the program makes, and whatever the statement
//! tells changes its digest.

#![expect(
    clippy::unwrap_used,
    reason = "an example that cannot be made ends the test, which is all it can do"
)]

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::event::Event;
use windlass_core::evolve;
use windlass_core::id::{RunId, StepId};
use windlass_core::operator::{Door, Identity, Operator};
use windlass_core::plan::{
    Digest, Fact, Gate, OnFailure, Part, Plan, Quorum, Step, StepKind, Target, Template,
};
use windlass_core::state::RunState;
use windlass_core::statement::GateStatement;
use windlass_core::time::{Millis, Timestamp};
use windlass_core::value::Value;

const DOC: &str = include_str!("../../../docs/gates.md");
/// 2026-11-22T01:42:00Z
const OPENED: Timestamp = Timestamp(1_795_311_720_000);

/// All that a statement tells.
#[derive(Clone)]
struct Told {
    run: &'static str,
    plan: Plan,
    requester: &'static str,
    target: &'static str,
    attempt: u32,
    opened: Timestamp,
    expires: Option<Timestamp>,
    shown: &'static str,
}

fn told() -> Told {
    let quorum = |group: &str, count| Quorum {
        group: group.parse().unwrap(),
        count,
    };
    let gate = Gate {
        expires: Some(Millis::from_mins(30)),
        not_requester: true,
        signed: true,
        all_of: vec![quorum("dba_leads", 1), quorum("change_managers", 2)],
        facts: vec![Fact {
            name: "lag".to_owned(),
            uses: "postgres/query".parse().unwrap(),
            with: Template::Literal(Value::Null),
            timeout: Millis::from_secs(10),
            accept: serde_json::from_str(
                r#"{"source":"true","nodes":[{"span":[0,4],"kind":{"bool":true}}]}"#,
            )
            .unwrap(),
            rule: "value <= inputs.max_lag".to_owned(),
            max_age: Millis::from_mins(1),
        }],
        show: vec![("Host".to_owned(), Template::Literal("web-1".into()))],
        ..Gate::default()
    };
    let plan = Plan {
        name: "restart".to_owned(),
        title: "Restart the service — gently".to_owned(),
        owner: "team".to_owned(),
        labels: BTreeMap::new(),
        source: Digest::of(b"restart"),
        inputs: BTreeMap::new(),
        secrets: BTreeSet::new(),
        input_units: BTreeMap::new(),
        secret_sources: BTreeMap::new(),
        secret_hosts: BTreeMap::new(),
        plugins: BTreeMap::new(),
        change: None,
        target: Some(Target {
            scheme: "service".to_owned(),
            name: vec![Part::Text("web-1".to_owned())],
        }),
        includes: BTreeMap::new(),
        on: BTreeMap::new(),
        steps: vec![Step {
            id: "go".parse().unwrap(),
            title: None,
            needs: Vec::new(),
            when: None,
            kind: StepKind::Gate(gate),
            ensure: None,
            provides: None,
            guards: Vec::new(),
            window: None,
            finally: false,
        }],
        on_failure: OnFailure::Stop,
        timeout: None,
        max_parallel: 8,
    };
    Told {
        run: "20261122-0142-k3f9q2",
        plan,
        requester: "ann",
        target: "service:web-1",
        attempt: 1,
        opened: OPENED,
        expires: Some(OPENED + Millis::from_mins(30)),
        shown: "web-1",
    }
}

fn gate(told: &mut Told) -> &mut Gate {
    match &mut told.plan.steps[0].kind {
        StepKind::Gate(gate) => gate,
        StepKind::Action { .. } | StepKind::Wait { .. } => panic!("it is a gate"),
    }
}

fn statement(told: &Told) -> GateStatement {
    let ann = Operator {
        name: told.requester.to_owned(),
        identity: Identity::OsUser { uid: 1000 },
        door: Door::Socket,
    };
    let go: StepId = told.plan.steps[0].id.clone();
    let run: RunId = told.run.parse().unwrap();
    let mut state = RunState::new(run);
    let mut events = vec![
        Event::RunStarted {
            digest: told.plan.digest(),
            plan: Box::new(told.plan.clone()),
            requester: ann.clone(),
            owner: ann.identity.clone(),
            single_user: true,
            deadline: None,
            standing: None,
        },
        Event::TargetResolved {
            target: told.target.to_owned(),
        },
    ];
    for attempt in 1..=told.attempt {
        let StepKind::Gate(gate) = &told.plan.steps[0].kind else {
            panic!("it is a gate");
        };
        let asks = gate.facts.iter().map(|fact| {
            let uses = fact.uses.clone();
            let input = serde_json::from_str(r#"{"value":null}"#).unwrap();
            (fact.name.clone(), windlass_core::event::Ask { uses, input })
        });
        let shown = gate.show.iter().map(|(caption, _)| {
            let value: Value = told.shown.into();
            (caption.clone(), value)
        });
        events.push(Event::GateOpened {
            step: go.clone(),
            attempt,
            expires_at: told.expires,
            shown: shown.collect(),
            target: Some(told.target.to_owned()),
            asks: asks.collect(),
        });
        if attempt < told.attempt {
            events.push(Event::GateApproved {
                step: go.clone(),
                attempt,
                by: ann.clone(),
                note: String::new(),
                rule: String::new(),
                grounds: Default::default(),
            });
            events.push(Event::GateWithdrawn {
                step: go.clone(),
                attempt,
                reason: "once more".to_owned(),
            });
        }
    }
    for event in &events {
        evolve(&mut state, event, told.opened).unwrap();
    }
    state.statement(&go).unwrap()
}

#[test]
fn the_example_is_what_is_made() {
    let statement = statement(&told());
    let (_, rest) = DOC.split_once("```text statement\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    assert_eq!(statement.text(), example);
    assert_eq!(statement.digest(), Digest::of(example.as_bytes()));
    let noted = statement.signed_text("late, but \u{7}ok\nplan x");
    let note = noted.strip_prefix(example).unwrap();
    assert_eq!(note, "note \"late, but \\u0007ok\\nplan x\"\n");
}

/// What is changed, and how.
type Change = (&'static str, fn(&mut Told));

#[test]
fn whatever_it_tells_changes_it() {
    let first = statement(&told());
    let changes: [Change; 16] = [
        ("run", |told| told.run = "20261122-0142-k3f9q3"),
        ("runbook's name", |told| told.plan.name.push('x')),
        ("title", |told| told.plan.title.push('x')),
        ("plan", |told| told.plan.max_parallel = 7),
        ("target", |told| told.target = "service:web-2"),
        ("requester", |told| told.requester = "bob"),
        ("gate", |told| {
            told.plan.steps[0].id = "stop".parse().unwrap()
        }),
        ("attempt", |told| told.attempt = 2),
        ("opened", |told| told.opened = OPENED + Millis::from_secs(1)),
        ("expires", |told| told.expires = None),
        ("group", |told| gate(told).all_of[1].count = 1),
        ("requester's right", |told| gate(told).not_requester = false),
        ("signed", |told| gate(told).signed = false),
        ("rule", |told| gate(told).facts[0].rule.push(' ')),
        ("age", |told| gate(told).facts[0].max_age = Millis(1)),
        ("shown", |told| told.shown = "web-2"),
    ];
    let mut digests = BTreeSet::from([first.digest()]);
    for (what, change) in changes {
        let mut other = told();
        change(&mut other);
        let other = statement(&other);
        assert!(digests.insert(other.digest()), "{what}: {}", other.text());
    }
}
