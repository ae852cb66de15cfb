//! The world of a rehearsal: the answers of mocked work, what people do, and when windows
//! are open.

use std::collections::BTreeMap;

use super::{Pattern, Subject};
use crate::command::Verdict;
use crate::id::{NodeId, StepId, WindowName};
use crate::outcome::{Answer, Effected, Outcome};
use crate::time::Millis;
use crate::value::Value;

/// The name of whoever answers when a script names nobody: not the requester.
pub const APPROVER: &str = "approver";
/// The name by which a script speaks of the person who started the run.
pub const REQUESTER: &str = "requester";

/// Everything that the world does in a rehearsal.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// What is looked up first stands first.
    pub mocks: Vec<Mock>,
    pub gates: Vec<GateScript>,
    pub facts: Vec<FactScript>,
    pub cues: Vec<Cue>,
    /// For how long after the start another run holds the lock of the target.
    pub target_held: Millis,
    /// Windows that are not always open.
    pub windows: BTreeMap<WindowName, Openings>,
}

/// When a window is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Openings {
    /// The first time, so long after the start.
    pub opens: Millis,
    pub length: Millis,
    /// Again and again, so long after the last beginning.
    pub every: Option<Millis>,
}

/// Answers that come one after the other.
#[derive(Clone, Debug, PartialEq)]
pub enum Series<T> {
    /// One that stands for each.
    Always(T),
    /// One for each, in order, and no more.
    Each(Vec<T>),
}

impl<T> Series<T> {
    /// The answer number `number`, counted from 1.
    pub fn nth(&self, number: u32) -> Option<&T> {
        match self {
            Series::Always(one) => Some(one),
            Series::Each(all) => all.get(usize::try_from(number.checked_sub(1)?).ok()?),
        }
    }

    /// How many there are; `None` when one stands for each.
    pub fn count(&self) -> Option<usize> {
        match self {
            Series::Always(_) => None,
            Series::Each(all) => Some(all.len()),
        }
    }

    /// All that are written down.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        match self {
            Series::Always(one) => std::slice::from_ref(one).iter(),
            Series::Each(all) => all.iter(),
        }
    }
}

/// How the attempts of a step, or of one item of it, end.
#[derive(Clone, Debug)]
pub struct Mock {
    pub of: Subject,
    /// One for each attempt.
    pub replies: Series<Reply>,
    /// Whether the case itself states it: what a case states must be used.
    pub own: bool,
}

/// How one attempt ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub ending: Ending,
    /// From the hand-over to the end.
    pub takes: Millis,
    /// What the looks at the target say when the attempt leaves a doubt.
    pub looks: Option<Series<LookReply>>,
}

/// The end of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    Outcome(Outcome),
    /// Nothing is ever heard of it.
    Never,
    /// The engine dies while it is in flight.
    Crash {
        /// For how long no engine lives.
        down: Millis,
        /// How long after the engine's death the attempt's own process lives.
        process_lives: Millis,
    },
}

/// What one look at the target says.
#[derive(Clone, Debug, PartialEq)]
pub struct LookReply {
    pub said: Said,
    pub takes: Millis,
}

/// What a look says.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// The word of an action's own reconcile.
    Answer(Answer),
    /// How the read of a `reconcile:` block ended.
    Outcome(Outcome),
    Never,
}

/// How the openings of a gate are answered.
#[derive(Clone, Debug)]
pub struct GateScript {
    pub gate: StepId,
    pub replies: Series<GateReply>,
    /// Whether the case itself states it.
    pub own: bool,
}

/// What the readings of a gate's fact come to.
#[derive(Clone, Debug)]
pub struct FactScript {
    pub gate: StepId,
    pub fact: String,
    /// One for each reading.
    pub replies: Series<LookReply>,
    /// Whether the case itself states it.
    pub own: bool,
}

/// How one opening of a gate is answered.
#[derive(Clone, Debug, PartialEq)]
pub enum GateReply {
    /// By nobody: it expires, or stays open.
    Leave,
    Decide {
        decision: Decision,
        by: String,
        /// After the opening.
        after: Millis,
    },
}

/// A decision about a gate.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    Approve { note: String },
    Reject { reason: String },
}

/// Something that a person does at a moment of the run, once.
#[derive(Clone, Debug)]
pub struct Cue {
    pub moment: Moment,
    /// How long after the moment.
    pub later: Millis,
    pub act: Act,
    pub by: String,
    /// The code of the rejection that is expected.
    pub refused: Option<String>,
    /// Where it stands in the test file, from 1.
    pub line: usize,
}

/// When a cue comes.
#[derive(Clone, Debug, PartialEq)]
pub enum Moment {
    /// With the first event that fits.
    After(Pattern),
    /// So long after the run's start.
    At(Millis),
}

/// What is done.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    Approve {
        gate: StepId,
        note: String,
    },
    Reject {
        gate: StepId,
        reason: String,
    },
    Withdraw {
        gate: StepId,
        reason: String,
    },
    Pause {
        reason: String,
    },
    Resume,
    Cancel {
        reason: String,
        undo: bool,
    },
    Retry {
        node: NodeId,
        reason: String,
        nothing_remains: bool,
    },
    Attest {
        node: NodeId,
        reason: String,
        outputs: Value,
    },
    Decline {
        node: NodeId,
        reason: String,
        effect: Effected,
    },
    Resolve {
        node: NodeId,
        reason: String,
        verdict: Verdict,
    },
    Abandon {
        reason: String,
    },
    TakeOver {
        step: StepId,
        reason: String,
    },
    Acknowledge {
        node: NodeId,
        reason: String,
    },
    /// Nobody does it: the engine dies.
    Crash {
        down: Millis,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ends_and_a_single_answer_does_not() {
        let each = Series::Each(vec!['a', 'b']);
        assert_eq!(each.nth(1), Some(&'a'));
        assert_eq!((each.nth(0), each.nth(3)), (None, None));
        assert_eq!(Series::Always('a').nth(u32::MAX), Some(&'a'));
    }
}
