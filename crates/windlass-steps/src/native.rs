//! The native step kinds as one source of catalog entries and runners.

use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_core::catalog::{Action, Catalog};
use windlass_core::id::ActionName;
use windlass_core::outcome::Outcome;
use windlass_core::plan::Input;
use windlass_engine::ports::{CatalogSource, StepRunner};

use crate::computed::Computed;
use crate::http::{self, Http};
use crate::notify;
use crate::postgres::{self, Postgres};
use crate::process::Owner;
use crate::shell::{self, Shell};
use crate::ssh::{self, Ssh};
use crate::{assert, manual, set, wait};

/// The native step kinds: `shell`, `ssh`, `postgres/query`, `postgres/execute`, `http`,
/// `notify/webhook`, `notify/page`, `assert`, `set`, and the entries of `wait`, which the
/// engine itself performs, and of `manual`, which a person does.
#[derive(Clone, Debug)]
pub struct NativeSteps {
    owner: Arc<Owner>,
}

impl NativeSteps {
    /// The step kinds, with the environment of this process as the base from which
    /// commands get `PATH`, `HOME`, `LANG`, `TZ`, `USER` and `TMPDIR`, and nothing else.
    pub fn new() -> Self {
        Self {
            owner: Arc::new(Owner::of_this_process()),
        }
    }

    fn entries() -> Vec<(&'static str, Action)> {
        vec![
            (assert::NAME, assert::entry()),
            (set::NAME, set::entry()),
            (shell::NAME, shell::entry()),
            (ssh::NAME, ssh::entry()),
            (postgres::QUERY, postgres::query_entry()),
            (postgres::EXECUTE, postgres::execute_entry()),
            (http::NAME, http::entry()),
            (manual::NAME, manual::entry()),
            (notify::WEBHOOK, notify::webhook_entry()),
            (notify::PAGE, notify::page_entry()),
            (wait::NAME, wait::entry()),
            #[cfg(feature = "test-support")]
            (crate::noop::NAME, crate::noop::entry()),
        ]
    }

    /// The actions that only compute.
    fn computed(action: &ActionName) -> Option<Computed> {
        match action.as_str() {
            assert::NAME => Some(Computed(assert::ending)),
            set::NAME => Some(Computed(set::ending)),
            _ => None,
        }
    }
}

impl Default for NativeSteps {
    fn default() -> Self {
        Self::new()
    }
}

impl CatalogSource for NativeSteps {
    fn catalog(&self) -> Catalog {
        let actions: BTreeMap<ActionName, Action> = Self::entries()
            .into_iter()
            .map(|(name, action)| {
                let name = name.parse().expect("native step kinds have valid names");
                (name, action)
            })
            .collect();
        Catalog { actions }
    }

    fn compute(&self, action: &ActionName, input: &Input) -> Option<Outcome> {
        Some(Self::computed(action)?.outcome(input))
    }

    /// `None` also for `wait` and `manual`: the engine has a timer, or a person's word.
    fn runner(&self, action: &ActionName) -> Option<Arc<dyn StepRunner>> {
        if let Some(computed) = Self::computed(action) {
            return Some(Arc::new(computed));
        }
        match action.as_str() {
            shell::NAME => Some(Arc::new(Shell::new(self.owner.clone()))),
            ssh::NAME => Some(Arc::new(Ssh::new(self.owner.clone()))),
            postgres::QUERY => Some(Arc::new(Postgres::Query)),
            postgres::EXECUTE => Some(Arc::new(Postgres::Execute)),
            http::NAME => Some(Arc::new(Http)),
            notify::WEBHOOK => Some(Arc::new(notify::Webhook)),
            notify::PAGE => Some(Arc::new(notify::Page)),
            #[cfg(feature = "test-support")]
            crate::noop::NAME => Some(Arc::new(crate::noop::Noop)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_core::value::Value;

    #[test]
    fn every_entry_but_those_of_timers_and_people_has_a_runner() {
        let steps = NativeSteps::new();
        let catalog = steps.catalog();
        for name in catalog.actions.keys() {
            assert_eq!(
                steps.runner(name).is_none(),
                ["wait", "manual"].contains(&name.as_str()),
                "{name}"
            );
        }
        for (name, action) in &catalog.actions {
            let computed = steps.compute(name, &Input::Value(Value::Null));
            assert_eq!(computed.is_some(), action.computes, "{name}");
        }
        let shell = catalog.get(&"shell".parse().unwrap()).unwrap();
        assert_eq!(shell.effect, None);
        assert!(shell.params["script"].literal);
        assert!(!shell.params["argv"].secret);
    }
}
