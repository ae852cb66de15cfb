//! The actions that one runbook may use: the program's, and those of its plugins under the
//! names that it gives them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use windlass_core::catalog::Catalog;
use windlass_core::id::ActionName;
use windlass_core::plan::Digest;

use crate::plugin::Plugin;

/// See the module. What is asked of it is asked of its catalog.
#[derive(Clone, Debug, Default)]
pub(super) struct Actions {
    catalog: Catalog,
    /// The digests of the plugins by the runbook's names for them.
    pub(super) plugins: BTreeMap<String, Digest>,
    /// Plugins that cannot be used, which has been said.
    broken: BTreeSet<String>,
}

impl Actions {
    pub(super) fn native(catalog: &Catalog) -> Self {
        Self {
            catalog: catalog.clone(),
            ..Self::default()
        }
    }

    pub(super) fn into_catalog(self) -> Catalog {
        self.catalog
    }

    pub(super) fn add(&mut self, name: &str, plugin: &Plugin) {
        self.plugins.insert(name.to_owned(), plugin.digest);
        for (action, entry) in &plugin.actions {
            if let Ok(name) = format!("{name}/{action}").parse() {
                self.catalog.actions.insert(name, entry.clone());
            }
        }
    }

    pub(super) fn add_broken(&mut self, name: &str) {
        self.broken.insert(name.to_owned());
    }

    /// Whether the program itself has actions of this family.
    pub(super) fn has_family(&self, name: &str) -> bool {
        let mut names = self.catalog.actions.keys();
        names.any(|action| family(action) == name)
    }

    /// Whether an action is one of a plugin's.
    pub(super) fn is_of_plugin(&self, name: &ActionName) -> bool {
        self.plugins.contains_key(family(name))
    }

    /// Whether nothing is known of an action because of its plugin.
    pub(super) fn is_of_broken(&self, name: &ActionName) -> bool {
        self.is_broken(family(name))
    }

    /// Whether a plugin of this name cannot be used.
    pub(super) fn is_broken(&self, name: &str) -> bool {
        self.broken.contains(name)
    }
}

impl Deref for Actions {
    type Target = Catalog;

    fn deref(&self) -> &Catalog {
        &self.catalog
    }
}

/// The first word of an action's name.
pub(super) fn family(name: &ActionName) -> &str {
    name.as_str().split('/').next().unwrap_or_default()
}
