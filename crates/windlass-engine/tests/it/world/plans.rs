//! Plans and steps in few words.

use super::*;

/// An action step that needs the named ones.
pub(crate) fn action(step: &str, effect: EffectClass, needs: &[&str]) -> Step {
    let reconcile = if effect.is_change() {
        Reconcile::Native {
            timeout: Millis::from_secs(10),
        }
    } else {
        Reconcile::None
    };
    let call = Call {
        uses: "fake".parse().unwrap(),
        verb: Verb::Run,
        with: Template::Literal(Value::Null),
        retry: Retry {
            attempts: 3,
            ..Retry::default()
        },
        timeout: Millis::from_mins(10),
        send_within: Millis::from_secs(30),
        settle: Millis::from_secs(5),
        observe: Millis::from_mins(15),
        reconcile,
    };
    let kind = StepKind::Action {
        effect,
        call,
        for_each: None,
        expect: None,
        until: None,
        done: None,
        undo: None,
        outputs: BTreeMap::new(),
        manual: None,
    };
    with_kind(step, kind, needs)
}

pub(crate) fn read(step: &str, needs: &[&str]) -> Step {
    action(step, EffectClass::Read, needs)
}

pub(crate) fn change(step: &str, needs: &[&str]) -> Step {
    action(step, EffectClass::Irreversible, needs)
}

/// Changes the call of an action step.
pub(crate) fn calling(mut step: Step, edit: impl FnOnce(&mut Call)) -> Step {
    if let StepKind::Action { call, .. } = &mut step.kind {
        edit(call);
    }
    step
}

pub(crate) fn gate(step: &str, needs: &[&str], expires: Option<Millis>) -> Step {
    let gate = Gate {
        expires,
        ..Gate::default()
    };
    with_kind(step, StepKind::Gate(gate), needs)
}

pub(crate) fn wait(step: &str, needs: &[&str], ms: i64) -> Step {
    let span = Template::Literal(Value::Int(ms));
    with_kind(step, StepKind::Wait { span }, needs)
}

fn with_kind(step: &str, kind: StepKind, needs: &[&str]) -> Step {
    Step {
        id: id(step),
        title: None,
        needs: needs.iter().map(|need| id(need)).collect(),
        when: None,
        kind,
        ensure: None,
        provides: None,
        guards: Vec::new(),
        window: None,
        finally: false,
    }
}

pub(crate) fn plan(steps: Vec<Step>) -> Arc<IndexedPlan> {
    IndexedPlan::new(raw_plan(steps)).unwrap()
}

/// A plan that changes `db:NAME`.
pub(crate) fn plan_for(name: &str, steps: Vec<Step>) -> Arc<IndexedPlan> {
    let target = Some(Target {
        scheme: "db".to_owned(),
        name: vec![Part::Text(name.to_owned())],
    });
    let plan = raw_plan(steps);
    IndexedPlan::new(Plan { target, ..plan }).unwrap()
}

/// A plan that tells somebody of one topic, one notice after the other.
pub(crate) fn plan_telling(
    steps: Vec<Step>,
    topic: Topic,
    notices: Vec<Notice>,
) -> Arc<IndexedPlan> {
    let mut plan = raw_plan(steps);
    plan.on = BTreeMap::from([(topic, notices)]);
    IndexedPlan::new(plan).unwrap()
}

fn raw_plan(steps: Vec<Step>) -> Plan {
    Plan {
        name: "test".to_owned(),
        title: "A test".to_owned(),
        owner: "nobody".to_owned(),
        labels: BTreeMap::new(),
        source: Digest::of(SOURCE.as_bytes()),
        inputs: BTreeMap::new(),
        secrets: Default::default(),
        input_units: BTreeMap::new(),
        secret_sources: BTreeMap::new(),
        secret_hosts: BTreeMap::new(),
        plugins: BTreeMap::new(),
        change: None,
        target: None,
        includes: BTreeMap::new(),
        on: BTreeMap::new(),
        steps,
        on_failure: OnFailure::Stop,
        timeout: None,
        max_parallel: 8,
    }
}
