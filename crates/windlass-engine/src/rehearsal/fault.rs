//! Where a run and its script do not fit together: each fails the case, whatever else
//! was expected, because what follows has no meaning.

use windlass_core::event::Dispatch;
use windlass_core::id::{NodeId, StepId};
use windlass_core::rejection::Rejection;

use super::TURNS_MAX;

/// A script that does not fit its run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Fault {
    #[error("attempt {attempt} of {node} ({}) has no answer: {}", call.uses, why(*.stated))]
    NoReply {
        node: NodeId,
        attempt: u32,
        call: Box<Dispatch>,
        /// How many answers there are; `None` when there is no mock at all.
        stated: Option<usize>,
    },
    #[error(
        "look {look} at what became of attempt {attempt} of {node} has no answer: give `looks` in the answer of that attempt{}",
        match .stated { Some(stated) => format!(" (it has {stated})"), None => String::new() }
    )]
    NoLook {
        node: NodeId,
        attempt: u32,
        look: u32,
        stated: Option<usize>,
    },
    #[error(
        "the gate {gate} opened (opening {opening}) and `gates` has no answer: approve, reject or leave"
    )]
    NoGateReply { gate: StepId, opening: u32 },
    #[error("the gate {gate} read its fact {fact} (reading {reading}) and `facts` has no answer")]
    NoFact {
        gate: StepId,
        fact: String,
        reading: u32,
    },
    #[error("{act} was refused: {rejection}")]
    Refused {
        act: String,
        rejection: Box<Rejection>,
    },
    #[error("{act} was refused with `{}` ({rejection}), expected was `{expected}`", rejection.code())]
    RefusedOtherwise {
        act: String,
        rejection: Box<Rejection>,
        expected: String,
    },
    #[error("{act} was expected to be refused with `{expected}`, and was accepted")]
    NotRefused { act: String, expected: String },
    #[error("{act} never came to its turn: no event was `{moment}`")]
    CueMissed { act: String, moment: String },
    #[error("{act} never came to its turn: the run came to its end before")]
    CueTooLate { act: String },
    #[error(
        "the mock of {of} states {}, {used} came",
        count(*.stated, "answer", "answers")
    )]
    Unused {
        of: String,
        stated: usize,
        used: u32,
    },
    #[error("the mock of {of} was never asked")]
    NeverAsked { of: String },
    #[error(
        "the mock of {of} states {} for its attempt {attempt}, {used} came",
        count(*.stated, "look", "looks")
    )]
    UnusedLooks {
        of: String,
        attempt: usize,
        stated: usize,
        used: u32,
    },
    #[error("`gates` answers {gate}, which never opened")]
    GateNeverOpened { gate: StepId },
    #[error(
        "`gates` states {} for {gate}, it opened {used} times",
        count(*.stated, "answer", "answers")
    )]
    UnusedGateReplies {
        gate: StepId,
        stated: usize,
        used: u32,
    },
    #[error("the run does not come to rest within {TURNS_MAX} commands")]
    Endless,
}

fn why(stated: Option<usize>) -> String {
    match stated {
        None => "`mocks` says nothing about it".to_owned(),
        Some(stated) => format!("its mock states {}", count(stated, "answer", "answers")),
    }
}

fn count(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
