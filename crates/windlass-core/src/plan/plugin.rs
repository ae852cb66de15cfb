//! A plugin as a plan uses it: its bytes by their digest, and what each of its actions may
//! do there. An approval binds both.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Digest, Plan};
use crate::catalog::Grant;
use crate::id::ActionName;

/// The most plugins of a plan.
pub const PLUGINS_MAX: usize = 32;

/// A plugin, pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plugin {
    /// Where the runbook says that it is.
    pub source: String,
    /// The version that it says it has.
    pub version: String,
    /// SHA-256 of the component.
    pub digest: Digest,
    /// What the actions that the steps use may do, by their own names: what the manifest
    /// asks for as far as the runbook grants it.
    pub actions: BTreeMap<String, Vec<Grant>>,
    /// The private and loopback ranges that its requests may reach, and the only places to
    /// which it may speak without encryption.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<String>,
}

impl Plan {
    /// The plugin that an action is of, and its name there; `None` for a native one.
    pub fn plugin_of<'a>(&'a self, uses: &'a ActionName) -> Option<(&'a Plugin, &'a str)> {
        let (plugin, action) = uses.as_str().split_once('/')?;
        Some((self.plugins.get(plugin)?, action))
    }
}
