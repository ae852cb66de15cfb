//! What a change form asks, as the author answers it. Part of the plan and so of what an
//! approval binds; nothing here is enforced.

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// The `change` block of a runbook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub class: ChangeClass,
    /// The longest interruption of service that is expected; `None` when none is.
    #[serde(default)]
    pub outage: Option<Millis>,
    /// How one gets back, or that one does not.
    #[serde(default)]
    pub backout: Option<String>,
}

/// The kind of change, in the terms of ITIL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeClass {
    /// Well known and authorised beforehand.
    Standard,
    /// Assessed and authorised each time.
    Normal,
    /// As soon as possible, assessed afterwards.
    Emergency,
}
