//! A gate of the plan: what is asked of people before the run goes on. Not responsible
//! for who they are (`authorise`) nor for what becomes of it (`decide/gates.rs`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::plan::{Template, Unit};
use crate::time::Millis;

/// What a gate asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// How long after opening an approval can be given and used.
    #[serde(default)]
    pub expires: Option<Millis>,
    /// Whether it expires with the opening that the one segment behind it is to begin in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub window_end: bool,
    /// What the approver is shown, in order.
    #[serde(default)]
    pub show: Vec<(String, Template)>,
    /// What of it counts something, by its caption.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub show_units: BTreeMap<String, Unit>,
    /// Whether the person who started the run may not approve.
    #[serde(default)]
    pub not_requester: bool,
}
