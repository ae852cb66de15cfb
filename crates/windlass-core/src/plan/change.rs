//! What a change form asks, as the author answers it. Part of the plan and so of what an
//! approval binds; nothing here is enforced.

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// The `change` block of a runbook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub class: ChangeClass,
    /// How likely and how bad it is that it goes wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
    /// Why it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Services or configuration items that it bears on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub affects: Vec<String>,
    /// What users and dependent services notice while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<String>,
    /// The longest interruption of service that is expected; `None` when none is.
    #[serde(default)]
    pub outage: Option<Millis>,
    /// How one gets back, or that one does not.
    #[serde(default)]
    pub backout: Option<String>,
    /// How one knows that it worked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// Who is told, when and how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub communication: Option<String>,
}

/// The risk of a change, as assessed by its author.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    Low,
    Moderate,
    High,
}

impl Risk {
    /// The word that authors write.
    pub fn as_str(self) -> &'static str {
        match self {
            Risk::Low => "low",
            Risk::Moderate => "moderate",
            Risk::High => "high",
        }
    }
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

impl ChangeClass {
    /// The word that authors write.
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeClass::Standard => "standard",
            ChangeClass::Normal => "normal",
            ChangeClass::Emergency => "emergency",
        }
    }
}
