//! The policy of an exploration: one person who may do everything, and windows that are open
//! from the start or from later on. Their first opening can be missed, the second cannot.
//! Openings are longer than any plan takes, so that only a choice goes past their ends.

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::id::WindowName;
use windlass_core::plan::{Digest, Plan, Window};
use windlass_core::policy::{Deed, Permission, Person, Standing, Way};
use windlass_core::span::{Span, Spans};
use windlass_core::time::{Millis, Timestamp};

use crate::rehearsal::STARTS_AT;

const DAY: Millis = Millis::from_mins(24 * 60);
/// What no exploration comes near by waits alone; see `Regard::far`.
pub(super) const FAR: Millis = Millis(500_000 * DAY.0);
/// How long the first opening lasts: whatever passes of it, it ends as far away as another.
const OPENING: Millis = Millis(1_250_000 * DAY.0);
/// Until then windows that are not open at the start are closed: an approval that expires by
/// the day has then expired.
const CLOSED: Millis = Millis(36 * 60 * 60 * 1000);
/// From the end of the first opening to the second.
const BETWEEN: Millis = DAY;
/// The end of all calendars.
const UNTIL: Millis = Millis(10_000_000 * DAY.0);

/// The user of the one person there is.
pub(super) const UID: u32 = 1000;

/// The windows that a plan names.
pub(super) fn windows(plan: &Plan) -> BTreeSet<WindowName> {
    let windows = plan.steps.iter().filter_map(|step| step.window.as_ref());
    windows.flat_map(Window::names).cloned().collect()
}

/// When the first opening is over.
pub(super) fn first_end(at: Timestamp) -> bool {
    at <= STARTS_AT + CLOSED + OPENING
}

/// Who may do what, and when windows are open.
pub(super) fn standing(windows: &BTreeSet<WindowName>, is_open: bool) -> Box<Standing> {
    let from = match is_open {
        true => STARTS_AT - DAY,
        false => STARTS_AT + CLOSED,
    };
    let until = STARTS_AT + UNTIL;
    let first = Span {
        from,
        to: from + OPENING,
    };
    let second = Span {
        from: first.to + BETWEEN,
        to: until,
    };
    let open = Spans::of([first, second]);
    let somebody: windlass_core::id::PersonName = "somebody"
        .parse()
        .expect("the name is spelled as names are");
    let person = Person {
        ways: vec![Way::Uid { uid: UID }],
        from: None,
    };
    let everything = Permission {
        name: "everything"
            .parse()
            .expect("the name is spelled as names are"),
        may: Deed::ALL.into_iter().collect(),
        people: BTreeSet::from([somebody.clone()]),
        groups: BTreeSet::new(),
        targets: Vec::new(),
        own_runs: true,
        from: None,
    };
    Box::new(Standing {
        policy: Digest::of(b"explored"),
        until,
        people: BTreeMap::from([(somebody, person)]),
        groups: BTreeMap::new(),
        delegations: Vec::new(),
        rules: vec![everything],
        windows: windows
            .iter()
            .map(|name| (name.clone(), open.clone()))
            .collect(),
        freezes: Vec::new(),
    })
}
