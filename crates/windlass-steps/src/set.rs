//! `set`: names values, so that later steps, gates and readers see them once and by name.
//! Its outputs are its parameters.

use windlass_core::catalog::{Action, NoEffect};
use windlass_core::plan::{EffectClass, Input};
use windlass_core::time::Millis;
use windlass_core::types::Type;
use windlass_core::value::Value;

use crate::catalog::{COMPUTE_TIMEOUT, OBSERVE, SETTLE, optional, outputs, params};
use crate::ending::Ending;

/// The name that authors use.
pub(crate) const NAME: &str = "set";

/// What the front end knows of it.
pub(crate) fn entry() -> Action {
    Action {
        summary: "Name values for later steps; nothing is touched".to_owned(),
        effect: Some(EffectClass::Read),
        params: params([]),
        rest: Some(optional(Type::Any, "A value; the output of the same name")),
        outputs: Some(outputs([])),
        echoes: true,
        computes: true,
        grants: Vec::new(),
        reconciles: false,
        undoes: false,
        timeout: Some(COMPUTE_TIMEOUT),
        settle: SETTLE,
        settle_least: Millis(0),
        observe: OBSERVE,
        no_effect: NoEffect::Never,
        provides: None,
    }
}

/// The parameters themselves.
pub(crate) fn ending(input: &Input) -> Result<Value, Ending> {
    match input.clone().into_value() {
        Some(value @ Value::Map(_)) => Ok(value),
        Some(Value::Null) => Ok(Value::Map(Default::default())),
        Some(_) => Err(Ending::not_sent("`with` must be a map")),
        // A secret that became an output would be journalled.
        None => Err(Ending::not_sent("`set` takes no secret")),
    }
}
