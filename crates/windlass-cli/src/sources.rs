//! Where actions come from: the catalog that runbooks are checked against, and the
//! runners that the engine is opened with.

use std::sync::Arc;

use windlass_core::catalog::Catalog;
use windlass_engine::ports::CatalogSource;
use windlass_steps::NativeSteps;

/// All actions that a runbook may use.
pub(crate) fn catalog() -> Catalog {
    NativeSteps::new().catalog()
}

/// The sources of an engine.
pub(crate) fn sources() -> Vec<Arc<dyn CatalogSource>> {
    vec![Arc::new(NativeSteps::new())]
}
