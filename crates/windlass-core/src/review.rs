//! Reviews: that somebody looks afterwards at what went otherwise than planned. A review is
//! opened by the record of what happened, so that nothing can forget to open one, and closed
//! by a person with a code and a reason, also after the run has ended.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{NodeId, StepId};
use crate::operator::Operator;
use crate::time::{Millis, Timestamp};

/// How long after it opened a review is due.
pub const REVIEW_WITHIN: Millis = Millis::from_mins(3 * 24 * 60);
/// The most reviews of one run. A run that gives more cause is to be looked at anyhow.
pub const REVIEWS_MAX: usize = 64;

/// Something that is to be looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Review {
    /// From 1, in the order in which the run gave cause.
    pub number: u32,
    pub cause: Cause,
    pub opened_at: Timestamp,
    pub due_at: Timestamp,
    pub closed: Option<Closed>,
}

/// Why it is to be looked at.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// The first thing of the run that failed; `None` is its timeout.
    Failure { node: Option<NodeId> },
    /// Nobody knew whether a change had taken effect.
    Doubt { node: NodeId },
    /// What is recorded of a change was contradicted.
    Contradiction { node: NodeId },
    /// A segment ran past its opening.
    Overrun { step: StepId },
    /// Somebody let a step begin against a window or a freeze.
    BreakGlass { step: StepId, by: Operator },
    /// Somebody took over what a change owed.
    TakenOver { step: StepId, by: Operator },
}

impl Cause {
    /// The word that every view shows.
    pub fn code(&self) -> &'static str {
        match self {
            Cause::Failure { .. } => "failure",
            Cause::Doubt { .. } => "doubt",
            Cause::Contradiction { .. } => "contradiction",
            Cause::Overrun { .. } => "overrun",
            Cause::BreakGlass { .. } => "break_glass",
            Cause::TakenOver { .. } => "taken_over",
        }
    }

    /// Whose act it is that is looked at; he does not close the review himself.
    pub fn of(&self) -> Option<&Operator> {
        match self {
            Cause::BreakGlass { by, .. } | Cause::TakenOver { by, .. } => Some(by),
            Cause::Failure { .. }
            | Cause::Doubt { .. }
            | Cause::Contradiction { .. }
            | Cause::Overrun { .. } => None,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Failure { node: Some(node) } => write!(f, "{node} failed"),
            Cause::Failure { node: None } => f.write_str("the run's timeout passed"),
            Cause::Doubt { node } => write!(f, "{node} was in doubt"),
            Cause::Contradiction { node } => {
                write!(f, "what was recorded of {node} was contradicted")
            }
            Cause::Overrun { step } => write!(f, "{step} ran past its opening"),
            Cause::BreakGlass { step, by } => {
                write!(f, "{by} let {step} begin against a window or a freeze")
            }
            Cause::TakenOver { step, by } => write!(f, "{by} took over the debt {step}"),
        }
    }
}

/// That somebody has looked.
#[derive(Clone, Debug, PartialEq)]
pub struct Closed {
    pub by: Operator,
    pub at: Timestamp,
    pub code: ClosureCode,
    pub reason: String,
}

/// What a review came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosureCode {
    /// It went as it had to; nothing follows.
    Expected,
    /// What was wrong is mended.
    Mended,
    /// Work goes on elsewhere; the reason says where.
    FollowUp,
    /// It is known and left as it is.
    Accepted,
}

impl ClosureCode {
    pub const ALL: [ClosureCode; 4] = [
        ClosureCode::Expected,
        ClosureCode::Mended,
        ClosureCode::FollowUp,
        ClosureCode::Accepted,
    ];

    /// As commands and records write it.
    pub fn as_str(self) -> &'static str {
        match self {
            ClosureCode::Expected => "expected",
            ClosureCode::Mended => "mended",
            ClosureCode::FollowUp => "follow_up",
            ClosureCode::Accepted => "accepted",
        }
    }
}
