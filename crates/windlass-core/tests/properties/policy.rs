//! A policy on random plans: the effective policy is the meet of what is demanded and what
//! the author wrote. In whatever order two policies are applied the plan is the same, again
//! changes nothing, and nothing is looser than before.

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::id::WindowName;
use windlass_core::plan::{Digest, EffectClass, GuardDemand, IndexedPlan, Plan, Step, StepKind};
use windlass_core::policy::{Demand, Freeze, Loads, Policy, Relaxation, Scope, Terms, apply};
use windlass_core::span::Spans;
use windlass_core::time::{Millis, Timestamp};

use crate::driver::Dice;
use crate::{notation, plans, seeds};

fn policy(dice: &mut Dice) -> Policy {
    let demands = (0..1 + dice.below(3)).map(|number| Demand {
        name: format!("d{number}").parse().expect("a name"),
        on: scope(dice),
        terms: terms(dice),
    });
    Policy {
        digest: Digest::of(b"some"),
        title: String::new(),
        until: Timestamp(i64::MAX),
        people: BTreeMap::new(),
        groups: BTreeMap::new(),
        delegations: Vec::new(),
        rules: Vec::new(),
        windows: BTreeMap::new(),
        freezes: Vec::new(),
        demands: demands.collect(),
        relaxations: Vec::new(),
        loads: Loads::default(),
        facts: BTreeMap::new(),
    }
}

fn scope(dice: &mut Dice) -> Scope {
    let effects = [
        EffectClass::Read,
        EffectClass::Idempotent,
        EffectClass::Reversible,
        EffectClass::Irreversible,
    ];
    Scope {
        runbooks: Vec::new(),
        labels: BTreeMap::new(),
        targets: match dice.below(3) {
            0 => vec!["db:*".parse().expect("a name")],
            _ => Vec::new(),
        },
        effects: effects.into_iter().filter(|_| dice.one_in(3)).collect(),
    }
}

fn terms(dice: &mut Dice) -> Terms {
    let mut guards = BTreeMap::new();
    for guard in ["backup", "snapshot"] {
        if dice.one_in(2) {
            let age = dice.one_in(2).then(|| Millis::from_secs(1 + dice.below(9)));
            guards.insert(guard.parse().expect("a name"), age);
        }
    }
    let windows = ["off_peak", "weekend"].into_iter();
    Terms {
        guards,
        no_claims: dice.one_in(4),
        not_requester: dice.one_in(2),
        signed: dice.one_in(2),
        windows: windows
            .filter(|_| dice.one_in(3))
            .map(|name| name.parse().expect("a name"))
            .collect(),
        timeout: dice
            .one_in(3)
            .then(|| Millis::from_secs(1 + dice.below(300))),
        max_parallel: dice.one_in(3).then(|| 1 + dice.below(4) as u32),
        actions: dice.one_in(4).then(|| BTreeSet::from(["a*".to_owned()])),
    }
}

/// The windows as a set: which of two demanded ones is named first says nothing.
fn windows(step: &Step) -> BTreeSet<&WindowName> {
    step.window
        .iter()
        .flat_map(|window| window.names())
        .collect()
}

/// A plan in which everything that a policy may write is told apart from the rest.
fn canonical(plan: &Plan) -> (Plan, Vec<BTreeSet<WindowName>>) {
    let names = |step: &Step| windows(step).into_iter().cloned().collect();
    let all = plan.steps.iter().map(names).collect();
    let mut plan = plan.clone();
    for step in &mut plan.steps {
        if let Some(window) = &mut step.window {
            window.also.clear();
            window.name = "any".parse().expect("a name");
        }
    }
    (plan, all)
}

/// Whether one demand of evidence is met by another.
fn meets(own: &[GuardDemand], wanted: &GuardDemand) -> bool {
    own.iter().any(|own| {
        own.guard == wanted.guard
            && match (own.max_age, wanted.max_age) {
                (_, None) => true,
                (Some(own), Some(wanted)) => own <= wanted,
                (None, Some(_)) => false,
            }
    })
}

fn is_no_looser(strict: &Plan, plan: &Plan) -> bool {
    let timeout = match (strict.timeout, plan.timeout) {
        (_, None) => true,
        (Some(strict), Some(plan)) => strict <= plan,
        (None, Some(_)) => false,
    };
    let steps = strict.steps.iter().zip(&plan.steps).all(|(strict, step)| {
        let gates = match (&strict.kind, &step.kind) {
            (StepKind::Gate(strict), StepKind::Gate(gate)) => {
                (strict.not_requester || !gate.not_requester) && (strict.signed || !gate.signed)
            }
            (one, other) => one == other,
        };
        let guards = step
            .guards
            .iter()
            .all(|wanted| meets(&strict.guards, wanted));
        gates && guards && windows(strict).is_superset(&windows(step))
    });
    timeout && steps && strict.max_parallel <= plan.max_parallel
}

#[test]
fn the_effective_policy_is_the_meet() {
    let (mut plans, mut changed, mut objected) = (0, 0, 0);
    for seed in seeds(20) {
        let mut dice = Dice(seed);
        let line = plans::line(&mut dice);
        let Ok(indexed) = IndexedPlan::new(notation::plan::raw_plan(&line)) else {
            continue;
        };
        let plan = indexed.plan().clone();
        let (one, other) = (policy(&mut dice), policy(&mut dice));
        let once = apply(&one, plan.clone());
        let context = || format!("seed {seed}: {line}\n{one:#?}\n{other:#?}");
        IndexedPlan::new(once.plan.clone())
            .unwrap_or_else(|error| panic!("{error}: {}", context()));
        assert_eq!(apply(&one, once.plan.clone()), once, "again: {}", context());
        assert!(is_no_looser(&once.plan, &plan), "looser: {}", context());

        let there = apply(&other, once.plan.clone());
        let back = apply(&one, apply(&other, plan.clone()).plan);
        assert_eq!(
            canonical(&there.plan),
            canonical(&back.plan),
            "order: {}",
            context()
        );
        let mut both = one.clone();
        both.demands.extend(other.demands.iter().cloned());
        let both = apply(&both, plan.clone());
        assert_eq!(
            canonical(&both.plan),
            canonical(&there.plan),
            "both at once: {}",
            context()
        );
        plans += 1;
        changed += usize::from(once.plan != plan);
        objected += usize::from(!once.objections.is_empty());
    }
    assert!(changed * 3 > plans, "{changed} of {plans} plans changed");
    assert!(objected > 0 && objected < plans, "{objected} of {plans}");
}

#[test]
fn nobody_s_approval_is_missed_unless_a_policy_relaxes_it() {
    let plan = |line: &str| {
        IndexedPlan::new(notation::plan::raw_plan(line))
            .unwrap()
            .plan()
            .clone()
    };
    let mut policy = policy(&mut Dice(1));
    policy.demands.clear();
    let missed = |policy: &Policy, line: &str| apply(policy, plan(line)).objections.len();
    assert_eq!(missed(&policy, "a!!"), 1);
    assert_eq!(missed(&policy, "a!"), 0);
    assert_eq!(missed(&policy, "g? -> a!!"), 0);
    assert_eq!(missed(&policy, "g?; a!!"), 1);
    // What is owed does not wait for its own needs.
    assert_eq!(missed(&policy, "c![ensure=a]; g?; c, g -> a!!"), 1);
    assert_eq!(missed(&policy, "g? -> c![ensure=a] -> a!!"), 0);
    policy.relaxations.push(Relaxation {
        name: "drills".parse().expect("a name"),
        on: Scope::default(),
    });
    assert_eq!(missed(&policy, "a!!"), 0);
}

/// Leaving the target out evades nothing.
#[test]
fn what_names_targets_binds_a_run_that_names_none() {
    let plan = |line: &str| IndexedPlan::new(notation::plan::raw_plan(line)).unwrap();
    let mut policy = policy(&mut Dice(1));
    let targets = vec!["db:prod".parse().expect("a target")];
    let off_peak: WindowName = "off_peak".parse().expect("a name");
    policy.demands = vec![Demand {
        name: "off_peak_only".parse().expect("a name"),
        on: Scope {
            targets: targets.clone(),
            ..Scope::default()
        },
        terms: Terms {
            windows: BTreeSet::from([off_peak.clone()]),
            ..Terms::default()
        },
    }];
    policy.freezes = vec![Freeze {
        name: off_peak.clone(),
        reason: "closed".to_owned(),
        spans: Spans::default(),
        targets,
    }];
    let bound = |line: &str| {
        let plan = plan(line);
        let step = &apply(&policy, plan.plan().clone()).plan.steps[1];
        let window = step.window.as_ref().map(|window| window.name.clone());
        (window, policy.standing(plan.plan()).freezes.len())
    };
    assert_eq!(bound("g? -> a!!"), (Some(off_peak.clone()), 1));
    assert_eq!(
        bound("opts: target=db:prod; g? -> a!!"),
        (Some(off_peak), 1)
    );
    assert_eq!(bound("opts: target=db:test; g? -> a!!"), (None, 0));
}
