//! Whom a runbook tells of what becomes of its runs: the `on` of a plan. When something
//! is to be told is decided by `crate::announce`; sending it is the engine's business.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::expr::Expr;
use crate::id::ActionName;
use crate::plan::Template;
use crate::types::Type;

/// The most notices that one topic may have.
pub const NOTICES_MAX: usize = 16;

/// What people can be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// A gate has opened and waits for an approval.
    GateOpened,
    /// A person is needed who was not needed before, or is asked to do something by hand.
    NeedsOperator,
    /// Something is owed: a debt was opened, is still owed when the run ends, or was taken over.
    Debt,
    /// A segment ran past its opening, or a person let something begin against its window or
    /// a freeze.
    Window,
    /// The run has ended.
    Ended,
}

impl Topic {
    pub const ALL: [Topic; 5] = [
        Topic::GateOpened,
        Topic::NeedsOperator,
        Topic::Debt,
        Topic::Window,
        Topic::Ended,
    ];

    /// The word that authors write, and that messages carry.
    pub fn as_str(self) -> &'static str {
        match self {
            Topic::GateOpened => "gate_opened",
            Topic::NeedsOperator => "needs_operator",
            Topic::Debt => "debt",
            Topic::Window => "window",
            Topic::Ended => "ended",
        }
    }

    /// What templates of the topic read as `event.NAME`, with its types.
    pub fn facts(self) -> Type {
        let text = || Type::Text;
        let texts = || Type::list(Type::Text);
        let mut facts = BTreeMap::from([
            ("kind", text()),
            ("run", text()),
            ("title", text()),
            ("summary", text()),
            ("at_ms", Type::Int),
            ("commands", texts()),
        ]);
        match self {
            Topic::GateOpened => {
                facts.insert("step", text());
                facts.insert("attempt", Type::Int);
                facts.insert("expires_at_ms", Type::Int.nullable());
                facts.insert("target", text().nullable());
            }
            Topic::NeedsOperator => {
                facts.insert("needs", texts());
            }
            Topic::Debt | Topic::Window => {
                facts.insert("step", text());
                facts.insert("what", text());
                facts.insert("by", text().nullable());
                facts.insert("reason", text().nullable());
            }
            Topic::Ended => {
                facts.insert("end", text());
                facts.insert("reason", text());
            }
        }
        let named = facts.into_iter().map(|(name, ty)| (name.to_owned(), ty));
        Type::Object(named.collect())
    }
}

/// One message to be sent: by which action, and what it is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// It is sent unless this is false. What the inputs alone make false is in no plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Expr>,
    pub uses: ActionName,
    pub with: Template,
}
