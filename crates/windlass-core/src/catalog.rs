//! The catalog: what actions exist and what they promise, as data.
//! Step kinds and plugins supply entries; the front end and the plan read them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::ActionName;
use crate::plan::EffectClass;
use crate::time::Millis;

/// All actions that a runbook may use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    pub actions: BTreeMap<ActionName, Action>,
}

impl Catalog {
    /// The entry of one action.
    pub fn get(&self, name: &ActionName) -> Option<&Action> {
        self.actions.get(name)
    }
}

/// What one action is and promises.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// One sentence for authors.
    pub summary: String,
    /// The least effect class; `None` when the author must state it.
    pub effect: Option<EffectClass>,
    /// Its parameters by name.
    pub params: BTreeMap<String, Param>,
    /// Its outputs by name, or `None` when they depend on the call.
    pub outputs: Option<BTreeMap<String, Shape>>,
    /// Whether its runner can look whether a change happened.
    pub reconciles: bool,
    /// Whether its runner can undo.
    pub undoes: bool,
    /// The default timeout of an attempt; `None` when a change must state one.
    pub timeout: Option<Millis>,
    /// The default of `settle`: how long after its send deadline an effect may still show.
    pub settle: Millis,
    /// The default of `observe`.
    pub observe: Millis,
}

/// One parameter of an action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Param {
    pub summary: String,
    pub shape: Shape,
    pub required: bool,
    /// Whether a secret may be given.
    #[serde(default)]
    pub secret: bool,
    /// Whether expressions are refused in it, as in a script's body.
    #[serde(default)]
    pub literal: bool,
}

/// The type of a parameter or an output, as far as it is known before a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    Any,
    Bool,
    Int,
    Number,
    Text,
    /// A span of time such as `30s`; an integer of milliseconds in the plan.
    Duration,
    List,
    Map,
}
