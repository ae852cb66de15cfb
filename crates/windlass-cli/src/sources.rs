//! Where actions come from: the catalog that runbooks are checked against, and the
//! runners that the engine is opened with.

use std::sync::Arc;

use windlass_core::catalog::Catalog;
use windlass_core::id::ActionName;
use windlass_engine::ports::{CatalogSource, StepRunner};
use windlass_steps::NativeSteps;

/// All actions that a runbook may use.
pub(crate) fn catalog() -> Catalog {
    NativeSteps::new().catalog()
}

/// The sources of an engine.
pub(crate) fn sources() -> Vec<Arc<dyn CatalogSource>> {
    vec![Arc::new(WithRunners(NativeSteps::new()))]
}

/// Leaves out what no runner performs: `wait` is in the catalog for authors, and a plan
/// holds it as a step of the engine's own, which the engine would not find a runner for.
#[derive(Debug)]
struct WithRunners(NativeSteps);

impl CatalogSource for WithRunners {
    fn catalog(&self) -> Catalog {
        let mut catalog = self.0.catalog();
        catalog
            .actions
            .retain(|name, _| self.0.runner(name).is_some());
        catalog
    }

    fn runner(&self, action: &ActionName) -> Option<Arc<dyn StepRunner>> {
        self.0.runner(action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_of_the_engine_has_its_runner() {
        for source in sources() {
            for name in source.catalog().actions.keys() {
                assert!(source.runner(name).is_some(), "{name}");
            }
        }
        assert!(catalog().actions.keys().any(|name| name.as_str() == "wait"));
    }
}
