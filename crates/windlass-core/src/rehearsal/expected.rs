//! What a case expects of its run. Everything that is left empty is not looked at.

use std::collections::BTreeMap;
use std::fmt;

use super::{Pattern, Series, Subject};
use crate::event::End;
use crate::id::StepId;
use crate::plan::Input;
use crate::time::Millis;
use crate::value::Value;

/// Where a run has come to when nothing more happens by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    Ended(End),
    /// At a gate that nobody decides.
    Waiting,
    Paused,
    NeedsOperator,
}

impl Rest {
    /// Every one, in the order in which they are told.
    pub const ALL: [Rest; 6] = [
        Rest::Ended(End::Succeeded),
        Rest::Ended(End::Failed),
        Rest::Ended(End::Cancelled),
        Rest::Waiting,
        Rest::Paused,
        Rest::NeedsOperator,
    ];

    /// The word of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Rest::Ended(end) => end.as_str(),
            Rest::Waiting => "waiting",
            Rest::Paused => "paused",
            Rest::NeedsOperator => "needs_operator",
        }
    }
}

impl fmt::Display for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is expected of a run.
#[derive(Clone, Debug)]
pub struct Expected {
    pub end: Rest,
    /// A part of the reason of the end.
    pub reason: Option<String>,
    /// The longest time from start to end.
    pub within: Option<Millis>,
    /// Steps that begin, in this order; others may begin between them.
    pub order: Vec<StepId>,
    /// Events that come, in this order; others may come between them.
    pub events: Vec<Pattern>,
    /// Events that do not come.
    pub never: Vec<Pattern>,
    pub not_started: Vec<StepId>,
    /// The last state of steps, of items and of undos.
    pub states: Vec<(Subject, String)>,
    pub attempts: Vec<(Subject, u32)>,
    /// What attempts are given: a part of `with` after its expressions were evaluated.
    pub calls: Vec<(Subject, Series<Input>)>,
    /// What steps and items gave: a part of it.
    pub outputs: Vec<(Subject, BTreeMap<String, Value>)>,
    /// What an approver is shown: a part of it.
    pub shown: Vec<(StepId, BTreeMap<String, Value>)>,
    /// Everything that is owed at the end.
    pub owes: Option<Vec<StepId>>,
    /// Why a person is needed, by the words that `runs` shows.
    pub needs: Vec<String>,
    /// Every message by `on`, in this order: its topic, with or without what it is about.
    pub announced: Option<Vec<String>>,
}

impl Expected {
    /// Nothing but the end.
    pub fn end(end: Rest) -> Self {
        Self {
            end,
            reason: None,
            within: None,
            order: Vec::new(),
            events: Vec::new(),
            never: Vec::new(),
            not_started: Vec::new(),
            states: Vec::new(),
            attempts: Vec::new(),
            calls: Vec::new(),
            outputs: Vec::new(),
            shown: Vec::new(),
            owes: None,
            needs: Vec::new(),
            announced: None,
        }
    }
}
