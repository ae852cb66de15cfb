//! The promise, held against a journal and a witness by code that shares nothing with the
//! engine: (a) every effect has an intent before it, (b) attempt n+1 of a change has a
//! record before it that attempt n took no effect, (c) no attempt acts twice, and no more
//! attempts act than such records allow, (d) no recorded success without an effect.

use std::collections::BTreeMap;

use rds_lab::witness::{Line, Witness};
use windlass_core::event::Event;
use windlass_core::outcome::{Effected, Resolution};
use windlass_core::plan::StepKind;
use windlass_tests::journal::Story;

/// What a case showed, to be added up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Changes of the run, items counted.
    pub(crate) changes: usize,
    /// Effects that the witness saw.
    pub(crate) effects: usize,
    /// Effects above one for each change.
    pub(crate) doubled: usize,
    /// Doubts that were opened, and how they were settled.
    pub(crate) doubts: usize,
    pub(crate) happened: usize,
    pub(crate) not_happened: usize,
    /// Doubts that only a person could settle.
    pub(crate) asked: usize,
    /// Living processes that a new owner found.
    pub(crate) orphans: usize,
}

/// One change: its attempts in order.
#[derive(Clone, Debug, Default)]
struct Change {
    /// Number and time of each intent.
    intents: Vec<(u32, i64)>,
    /// Attempts of which the journal says that they took no effect.
    without_effect: Vec<u32>,
    succeeded: Vec<u32>,
}

/// Holds D1 against what a run recorded and what the witness saw.
///
/// # Panics
/// The promise was broken.
pub(crate) fn audit(story: &Story, witness: &Witness) -> Counts {
    held(story, witness, true, |_| true)
}

/// As `audit`, where the witness knows of this change alone.
///
/// # Panics
/// The promise was broken.
pub(crate) fn audit_of(story: &Story, witness: &Witness, change: &str) -> Counts {
    held(story, witness, true, |node| node == change)
}

/// As `audit`, where processes of the steps were killed too: a line at the witness says that
/// one was about to act, and the journal may rightly say that it did not.
///
/// # Panics
/// The promise was broken.
pub(crate) fn audit_announced(story: &Story, witness: &Witness) -> Counts {
    held(story, witness, false, |_| true)
}

fn held(
    story: &Story,
    witness: &Witness,
    lines_are_effects: bool,
    is_seen: impl Fn(&str) -> bool,
) -> Counts {
    let mut counts = Counts::default();
    let mut changes: BTreeMap<String, Change> = BTreeMap::new();
    let classes = changes_of(story);
    for record in &story.records {
        match &record.event {
            Event::AttemptStarted { node, attempt, .. } if is_change(&classes, node) => {
                let change = changes.entry(node.to_string()).or_default();
                if let Some((before, _)) = change.intents.last() {
                    assert_eq!(before + 1, *attempt, "{node}: attempts are dense");
                    assert!(
                        change.without_effect.contains(before),
                        "{node}: attempt {attempt} began without a record that attempt {before} took no effect\n{}",
                        story.outline()
                    );
                }
                change.intents.push((*attempt, record.at_ms));
            }
            Event::AttemptSucceeded { node, attempt, .. } => {
                if let Some(change) = changes.get_mut(&node.to_string()) {
                    change.succeeded.push(*attempt);
                }
            }
            Event::AttemptFailed {
                node,
                attempt,
                failure,
            } => {
                if let (Effected::None, Some(change)) =
                    (failure.effect, changes.get_mut(&node.to_string()))
                {
                    change.without_effect.push(*attempt);
                }
            }
            Event::DoubtOpened { .. } => counts.doubts += 1,
            Event::DoubtEscalated { .. } => counts.asked += 1,
            Event::OrphanFound { .. } => counts.orphans += 1,
            Event::DoubtResolved {
                node,
                attempt,
                resolution,
                ..
            } => {
                let change = changes
                    .get_mut(&node.to_string())
                    .expect("doubts are of changes");
                match resolution {
                    Resolution::NotHappened { .. } => {
                        counts.not_happened += 1;
                        change.without_effect.push(*attempt);
                    }
                    Resolution::Happened { .. } => {
                        counts.happened += 1;
                        change.succeeded.push(*attempt);
                    }
                    Resolution::Settled { .. } | Resolution::GivenUp => {}
                }
            }
            _ => {}
        }
    }
    changes.retain(|node, _| is_seen(node));
    counts.changes = changes.len();
    for (node, change) in &changes {
        let seen: Vec<_> = witness
            .lines
            .iter()
            .filter(|line| line.step == *node)
            .collect();
        for line in &seen {
            let number: u32 = line.attempt.parse().expect("attempts are numbers");
            let intent = change
                .intents
                .iter()
                .find(|(attempt, _)| *attempt == number);
            let (_, intended) = intent
                .unwrap_or_else(|| panic!("(a) {node}: attempt {number} acted without an intent"));
            let acted = i64::try_from(line.at.as_millis()).expect("times fit");
            assert!(*intended <= acted, "(a) {node}: acted before its intent");
            assert!(
                !lines_are_effects || !change.without_effect.contains(&number),
                "{node}: attempt {number} acted, and the journal says that it did not\n{}",
                story.outline()
            );
        }
        let is_effect = |line: &Line| {
            let undone = |attempt: &u32| line.attempt == attempt.to_string();
            lines_are_effects || !change.without_effect.iter().any(undone)
        };
        let acted = seen.iter().filter(|line| is_effect(line)).count();
        assert!(
            acted <= 1,
            "(c) {node} acted {acted} times: {seen:?}\n{}",
            story.outline()
        );
        if !change.succeeded.is_empty() {
            assert_eq!(
                acted,
                1,
                "(d) {node} succeeded without an effect\n{}",
                story.outline()
            );
        }
        counts.effects += acted;
        counts.doubled += acted.saturating_sub(1);
    }
    counts
}

/// The steps that are changes, by their own or by their action's class.
fn changes_of(story: &Story) -> Vec<String> {
    let Some(Event::RunStarted { plan, .. }) = story.events().next() else {
        panic!("a run begins with its start");
    };
    let steps = plan.steps.iter().filter(|step| match &step.kind {
        StepKind::Action { effect, .. } => effect.is_change(),
        StepKind::Wait { .. } | StepKind::Gate(_) => false,
    });
    steps.map(|step| step.id.to_string()).collect()
}

fn is_change(classes: &[String], node: &windlass_core::id::NodeId) -> bool {
    classes.iter().any(|step| *step == node.step.as_str())
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.changes += other.changes;
        self.effects += other.effects;
        self.doubled += other.doubled;
        self.doubts += other.doubts;
        self.happened += other.happened;
        self.not_happened += other.not_happened;
        self.asked += other.asked;
        self.orphans += other.orphans;
    }
}
