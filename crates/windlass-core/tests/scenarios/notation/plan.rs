//! Plans in one line: `look -> go? -> deploy!![ensure=dr rec] -> verify; finally: report`.
//!
//! A step is a read, or by its suffix idempotent `~`, a reversible `!` or irreversible
//! `!!` change, a gate `?`, a wait `%`. `a, b -> c` needs both. Attributes stand in
//! brackets behind the first mention; expressions with blanks stand in backticks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::expr::expr;
use super::words;
use windlass_core::id::StepId;
use windlass_core::plan::{
    Call, Digest, EffectClass, Fact, ForEach, Gate, GuardDemand, IndexedPlan, Manual, OnFailure,
    Part, Plan, PlanError, Provides, Quorum, Reconcile, Retry, Step, StepKind, Target, Template,
    Until, Verb, Window,
};
use windlass_core::time::Millis;
use windlass_core::types::Type;

/// The plan of a line, which must be valid.
pub(crate) fn plan(text: &str) -> Arc<IndexedPlan> {
    try_plan(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The plan of a line.
pub(crate) fn try_plan(text: &str) -> Result<Arc<IndexedPlan>, PlanError> {
    IndexedPlan::new(raw_plan(text))
}

/// The plan of a line, unchecked.
pub(crate) fn raw_plan(text: &str) -> Plan {
    let mut plan = Plan {
        name: "test".to_owned(),
        title: "Test".to_owned(),
        owner: "team".to_owned(),
        labels: BTreeMap::new(),
        source: Digest::of(text.as_bytes()),
        inputs: BTreeMap::new(),
        secrets: BTreeSet::new(),
        input_units: BTreeMap::new(),
        secret_sources: BTreeMap::new(),
        secret_hosts: BTreeMap::new(),
        plugins: BTreeMap::new(),
        change: None,
        target: None,
        includes: BTreeMap::new(),
        on: BTreeMap::new(),
        steps: Vec::new(),
        on_failure: OnFailure::Stop,
        timeout: None,
        max_parallel: 8,
    };
    for statement in text.split(';').map(str::trim).filter(|s| !s.is_empty()) {
        if let Some(options) = statement.strip_prefix("opts:") {
            words(options)
                .iter()
                .for_each(|word| option(&mut plan, word));
        } else if let Some(chain) = statement.strip_prefix("finally:") {
            read_chain(&mut plan, chain, true);
        } else {
            read_chain(&mut plan, statement, false);
        }
    }
    plan
}

fn option(plan: &mut Plan, word: &str) {
    match word.split_once('=') {
        None if word == "undo" => plan.on_failure = OnFailure::Undo,
        Some(("timeout", secs)) => plan.timeout = Some(secs_of(secs)),
        Some(("target", name)) => plan.target = Some(target(name)),
        Some(("parallel", count)) => plan.max_parallel = count.parse().expect("a count"),
        _ => panic!("an option: {word}"),
    }
}

/// `db:name`, or an expression in backticks behind the scheme `db`.
fn target(text: &str) -> Target {
    match text.split_once(':') {
        Some((scheme, name)) if !text.starts_with('`') => Target {
            scheme: scheme.to_owned(),
            name: vec![Part::Text(name.to_owned())],
        },
        Some(_) | None => Target {
            scheme: "db".to_owned(),
            name: vec![Part::Expr(expr(text.trim_matches('`')))],
        },
    }
}

fn read_chain(plan: &mut Plan, chain: &str, finally: bool) {
    let mut before: Vec<StepId> = Vec::new();
    let mut group = Vec::new();
    for word in words(&chain.replace("->", " -> ").replace(", ", " , ")) {
        match word.as_str() {
            "->" => before = std::mem::take(&mut group),
            "," => {}
            _ => group.push(mention(plan, &word, finally, &before)),
        }
    }
}

fn mention(plan: &mut Plan, word: &str, finally: bool, needs: &[StepId]) -> StepId {
    let (head, attributes) = match word.split_once('[') {
        Some((head, rest)) => (head, rest.strip_suffix(']').expect("a closing bracket")),
        None => (word, ""),
    };
    let name = head.trim_end_matches(['!', '?', '~', '%']);
    let id: StepId = name.parse().expect("a step id");
    let known = plan.steps.iter().position(|step| step.id == id);
    let index = known.unwrap_or_else(|| {
        let kind = kind(&head[name.len()..]);
        plan.steps.push(Step {
            id: id.clone(),
            title: None,
            needs: Vec::new(),
            when: None,
            kind,
            ensure: None,
            provides: None,
            guards: Vec::new(),
            window: None,
            finally,
        });
        plan.steps.len() - 1
    });
    let step = &mut plan.steps[index];
    step.needs.extend_from_slice(needs);
    for attribute in words(attributes) {
        let (key, text) = attribute.split_once('=').unwrap_or((&attribute, ""));
        apply(step, key, text.trim_matches('`'));
    }
    id
}

fn kind(suffix: &str) -> StepKind {
    let action = |effect| StepKind::Action {
        effect,
        call: call(Verb::Run),
        for_each: None,
        expect: None,
        until: None,
        done: None,
        undo: (effect == EffectClass::Reversible).then(|| call(Verb::Undo)),
        outputs: BTreeMap::new(),
        manual: None,
    };
    match suffix {
        "" => action(EffectClass::Read),
        "~" => action(EffectClass::Idempotent),
        "!" => action(EffectClass::Reversible),
        "!!" => action(EffectClass::Irreversible),
        "?" => StepKind::Gate(Gate::default()),
        "%" => StepKind::Wait {
            span: Template::Literal(10_000.into()),
        },
        _ => panic!("a suffix: {suffix}"),
    }
}

/// One attempt, a minute long, sent within 20 s, settled 10 s later, observed for 100 s.
fn call(verb: Verb) -> Call {
    Call {
        uses: "test/act".parse().expect("an action"),
        verb,
        with: Template::Literal(windlass_core::value::Value::Null),
        retry: Retry {
            attempts: 1,
            backoff: Millis(0),
            backoff_max: Millis::from_secs(60),
        },
        timeout: Millis::from_secs(60),
        send_within: Millis::from_secs(20),
        settle: Millis::from_secs(10),
        observe: Millis::from_secs(100),
        reconcile: Reconcile::None,
    }
}

fn secs_of(text: &str) -> Millis {
    Millis(u64::try_from(super::seconds(text).0).expect("a span"))
}

fn apply(step: &mut Step, key: &str, text: &str) {
    match key {
        "when" => return step.when = Some(expr(text)),
        "ensure" => return step.ensure = Some(text.parse().expect("a step id")),
        "gives_guard" => return step.provides = Some(provides(text, None)),
        // By what it is known stands in the output `x`.
        "claims_guard" => {
            let text_of = |text: &str| Template::Literal(text.into());
            let claimed = BTreeMap::from([
                ("id".to_owned(), Template::Expr(expr("x"))),
                ("taken_at".to_owned(), text_of("1970-01-01T00:00:00Z")),
                ("verified_how".to_owned(), text_of("read back")),
            ]);
            return step.provides = Some(provides(text, Some(Template::Map(claimed))));
        }
        "window" => {
            let (name, covers) = match text.split_once(':') {
                Some((name, covers)) => (name, Some(covers.parse().expect("a step id"))),
                None => (text, None),
            };
            return step.window = Some(window(name, Millis(0), covers));
        }
        "prepares" => {
            let (name, lead) = text.split_once(':').expect("NAME:LEAD");
            return step.window = Some(window(name, secs_of(lead), None));
        }
        "also" => {
            let window = step.window.as_mut().expect("`window` stands first");
            window.also.insert(text.parse().expect("a window's name"));
            return;
        }
        "guard" => {
            let (guard, max_age) = match text.split_once(':') {
                Some((guard, secs)) => (guard, Some(secs_of(secs))),
                None => (text, None),
            };
            let guard = guard.parse().expect("a guard's name");
            return step.guards.push(GuardDemand { guard, max_age });
        }
        _ => {}
    }
    match &mut step.kind {
        StepKind::Gate(gate) => match key {
            "expires" => gate.expires = Some(secs_of(text)),
            "window_end" => gate.window_end = true,
            "strict" => gate.not_requester = true,
            "signed" => gate.signed = true,
            // `lag:60:x < 3` may be 60 s old and has an `x` below 3.
            "fact" => {
                let mut parts = text.splitn(3, ':');
                let mut part = || parts.next().expect("NAME:SECONDS:EXPR");
                let (name, max_age, rule) = (part(), part(), part());
                gate.facts.push(Fact {
                    name: name.to_owned(),
                    uses: "test/look".parse().expect("an action"),
                    with: Template::Literal(windlass_core::value::Value::Null),
                    timeout: secs_of("5"),
                    accept: expr(rule),
                    rule: rule.to_owned(),
                    max_age: secs_of(max_age),
                });
            }
            "fact_with" => {
                let fact = gate.facts.last_mut().expect("`fact` stands first");
                fact.with = Template::Expr(expr(text));
            }
            // `a:1+b:2` are one of a and two of b.
            "all_of" => gate.all_of = text.split('+').map(quorum).collect(),
            "show" => gate.show = vec![("fact".to_owned(), Template::Expr(expr(text)))],
            "show_secret" => {
                let secret = Template::Secret(text.parse().expect("a secret's name"));
                gate.show = vec![("fact".to_owned(), secret)];
            }
            _ => panic!("a gate's attribute: {key}"),
        },
        StepKind::Wait { span } => match key {
            "span" => *span = Template::Expr(expr(text)),
            _ => panic!("a wait's attribute: {key}"),
        },
        StepKind::Action {
            call,
            for_each,
            expect,
            until,
            done,
            undo,
            outputs,
            manual,
            ..
        } => match key {
            "hand" => *manual = Some(Manual::default()),
            "expires" | "strict" | "least" => {
                let manual = manual.as_mut().expect("`hand` stands first");
                match key {
                    "expires" => manual.expires = Some(secs_of(text)),
                    "strict" => manual.not_requester = true,
                    _ => {
                        let (name, least) = text.split_once(':').expect("NAME:INT");
                        let least = least.parse::<i64>().expect("an integer");
                        let asked = manual.values.entry(name.to_owned()).or_default();
                        asked.least = Some(least.into());
                    }
                }
            }
            "each" => {
                let (items, max_parallel, failure_budget) = (expr(text), 8, 0);
                *for_each = Some(ForEach {
                    items,
                    max_parallel,
                    failure_budget,
                });
            }
            "par" => each(for_each).max_parallel = text.parse().expect("a count"),
            "budget" => each(for_each).failure_budget = text.parse().expect("a count"),
            "expect" => *expect = Some(expr(text)),
            "done" => *done = Some(expr(text)),
            "until" => {
                let (that, every, within) = (expr(text), secs_of("10"), secs_of("60"));
                *until = Some(Until {
                    that,
                    every,
                    within,
                });
            }
            "gives" => {
                let (name, ty) = text.split_once(':').expect("NAME:TYPE");
                outputs.insert(name.to_owned(), ty_of(ty));
            }
            "noundo" => *undo = None,
            _ if key.starts_with("undo_") => {
                apply_call(undo.as_mut().expect("an undo"), &key[5..], text);
            }
            _ => apply_call(call, key, text),
        },
    }
}

fn window(name: &str, lead: Millis, covers: Option<StepId>) -> Window {
    Window {
        name: name.parse().expect("a window's name"),
        also: BTreeSet::new(),
        lead,
        covers,
    }
}

fn quorum(text: &str) -> Quorum {
    let (group, count) = text.split_once(':').expect("GROUP:COUNT");
    Quorum {
        group: group.parse().expect("a group"),
        count: count.parse().expect("a count"),
    }
}

fn provides(guard: &str, claimed: Option<Template>) -> Provides {
    let guard = guard.parse().expect("a guard's name");
    Provides { guard, claimed }
}

fn ty_of(text: &str) -> Type {
    match text {
        "int" => Type::Int,
        "text" => Type::Text,
        "int?" => Type::Int.nullable(),
        _ => panic!("a type: {text}"),
    }
}

fn each(for_each: &mut Option<ForEach>) -> &mut ForEach {
    for_each.as_mut().expect("`each` stands first")
}

fn apply_call(call: &mut Call, key: &str, text: &str) {
    match key {
        "retry" => call.retry.attempts = text.parse().expect("a count"),
        "backoff" => call.retry.backoff = secs_of(text),
        "timeout" => call.timeout = secs_of(text),
        "send" => call.send_within = secs_of(text),
        "settle" => call.settle = secs_of(text),
        "observe" => call.observe = secs_of(text),
        "with" => call.with = Template::Expr(expr(text)),
        "rec" => {
            let timeout = secs_of("5");
            call.reconcile = Reconcile::Native { timeout };
        }
        "recread" => {
            call.reconcile = Reconcile::Read {
                uses: "test/look".parse().expect("an action"),
                with: match text {
                    "" => Template::Literal(windlass_core::value::Value::Null),
                    _ => Template::Expr(expr(text)),
                },
                timeout: secs_of("5"),
                happened: expr("is == 'done'"),
                in_progress: Some(expr("is == 'busy'")),
                settled: Some(expr("is == 'rolled_back'")),
                not_happened: Some(expr("is == 'absent'")),
            };
        }
        _ => panic!("an attribute: {key}"),
    }
}
