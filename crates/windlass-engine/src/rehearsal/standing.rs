//! The policy of a rehearsed run that names windows: who may do what as without a policy,
//! everybody in every group, and windows that are open always or when the script says so.
//! A run that names no window has no policy, as `windlass test` knows of none.

use std::collections::BTreeMap;

use windlass_core::id::{GroupName, PersonName, WindowName};
use windlass_core::plan::{Digest, Plan, StepKind, Window};
use windlass_core::policy::{Deed, Group, Member, Permission, Person, Standing, Way};
use windlass_core::rehearsal::{Openings, Script};
use windlass_core::span::{Span, Spans};
use windlass_core::time::{Millis, Timestamp};

use super::STARTS_AT;
use super::cast::{OTHERS_UID, REQUESTER_UID};

/// The most people of a script that a policy knows, besides who starts the run.
const PEOPLE_MAX: u32 = 64;
/// The most openings of a window.
const OPENINGS_MAX: usize = 1_000;
/// What it says of moments ends so long after the start, and the rehearsal with it.
const KNOWN_FOR: Millis = Millis::from_mins(400 * 24 * 60);
/// From then on nothing comes any more.
pub(super) const HORIZON: Timestamp = Timestamp(STARTS_AT.0 + KNOWN_FOR.0 as i64);

pub(super) fn standing(plan: &Plan, script: &Script) -> Option<Box<Standing>> {
    let windows = plan.steps.iter().filter_map(|step| step.window.as_ref());
    let windows: BTreeMap<WindowName, Spans> = windows
        .flat_map(Window::names)
        .map(|name| (name.clone(), spans(script.windows.get(name))))
        .collect();
    if windows.is_empty() {
        return None;
    }
    let name = |text: &str| -> PersonName { text.parse().expect("such names are right") };
    let requester = name("requester");
    let others: Vec<(PersonName, u32)> = (0..PEOPLE_MAX)
        .map(|at| (name(&format!("person_{at}")), OTHERS_UID + at))
        .collect();
    let person = |uid| Person {
        ways: vec![Way::Uid { uid }],
        from: None,
    };
    let mut people: BTreeMap<PersonName, Person> = others
        .iter()
        .map(|(name, uid)| (name.clone(), person(*uid)))
        .collect();
    people.insert(requester.clone(), person(REQUESTER_UID));
    let members = people.keys().map(|person| Member {
        person: person.clone(),
        on: None,
        from: None,
    });
    let everybody = Group {
        members: members.collect(),
    };
    let rule = |name: &str, may: &[Deed], people: Vec<PersonName>| Permission {
        name: name.parse().expect("such names are right"),
        may: may.iter().copied().collect(),
        people: people.into_iter().collect(),
        groups: std::collections::BTreeSet::new(),
        targets: Vec::new(),
        own_runs: true,
        from: None,
    };
    let others = others.into_iter().map(|(name, _)| name).collect();
    Some(Box::new(Standing {
        policy: Digest::of(b"rehearsal"),
        until: HORIZON,
        people,
        groups: groups(plan)
            .map(|group| (group, everybody.clone()))
            .collect(),
        delegations: Vec::new(),
        rules: vec![
            rule("owner", &Deed::ALL, vec![requester]),
            rule("others", &[Deed::Approve, Deed::Perform], others),
        ],
        windows,
        freezes: Vec::new(),
    }))
}

fn groups(plan: &Plan) -> impl Iterator<Item = GroupName> + '_ {
    let gates = plan.steps.iter().filter_map(|step| match &step.kind {
        StepKind::Gate(gate) => Some(gate),
        StepKind::Action { .. } | StepKind::Wait { .. } => None,
    });
    gates.flat_map(|gate| gate.all_of.iter().map(|quorum| quorum.group.clone()))
}

fn spans(openings: Option<&Openings>) -> Spans {
    let Some(openings) = openings else {
        return Spans::of([Span {
            from: STARTS_AT,
            to: HORIZON,
        }]);
    };
    let first = STARTS_AT + openings.opens;
    let mut from = first;
    let begins = std::iter::from_fn(|| {
        let begun = from;
        from = match openings.every {
            Some(every) if every.0 > 0 => from + every,
            Some(_) | None => HORIZON,
        };
        (begun < HORIZON).then_some(begun)
    });
    Spans::of(begins.take(OPENINGS_MAX).map(|from| Span {
        from,
        to: from + openings.length,
    }))
}
