//! `noop`: succeeds at once with no outputs. For benchmarks and tests only
//! (feature `test-support`); a release has no such step kind.

use windlass_core::catalog::{Action, NoEffect};
use windlass_core::outcome::Outcome;
use windlass_core::plan::EffectClass;
use windlass_core::time::Millis;
use windlass_core::types::Type;
use windlass_core::value::Value;
use windlass_engine::attempt::DispatchToken;
use windlass_engine::ports::{StepContext, StepRunner, Work};

use crate::catalog::{OBSERVE, SETTLE, optional, params};
use crate::with::Fields;

/// The name under which tests use it.
pub(crate) const NAME: &str = "noop";

/// Its catalog entry.
pub(crate) fn entry() -> Action {
    Action {
        summary: "Succeed at once; `outputs` are given back".to_owned(),
        effect: Some(EffectClass::Read),
        params: params([(
            "outputs",
            optional(Type::map(Type::Any), "What the step answers"),
        )]),
        outputs: None,
        rest: None,
        echoes: false,
        computes: false,
        grants: Vec::new(),
        reconciles: false,
        undoes: false,
        timeout: Some(Millis::from_secs(10)),
        settle: SETTLE,
        settle_least: Millis(0),
        observe: OBSERVE,
        no_effect: NoEffect::Never,
        provides: None,
    }
}

/// Runs `noop`.
pub(crate) struct Noop;

impl StepRunner for Noop {
    fn run(&self, token: DispatchToken, context: StepContext) -> Work<Outcome> {
        Box::pin(async move {
            let given = Fields::of(&context.input).and_then(|mut fields| {
                let outputs = fields.value("outputs")?;
                fields.finish()?;
                Ok(outputs)
            });
            match given {
                Ok(outputs) => match token.hand_over() {
                    Ok(_handed) => Outcome::Succeeded {
                        outputs: outputs.unwrap_or_else(|| Value::Map(Default::default())),
                        log: None,
                    },
                    Err(late) => late.into_outcome(),
                },
                Err(error) => token.refuse(error.to_string()),
            }
        })
    }
}
