//! The catalog entry of `wait`. The core plan has the step itself (`StepKind::Wait`)
//! and the engine its timer, so there is an entry and no runner.

use windlass_core::catalog::{Action, NoEffect};
use windlass_core::plan::EffectClass;
use windlass_core::time::Millis;
use windlass_core::types::Type;

use crate::catalog::{OBSERVE, optional, outputs, params};

/// The name under which authors find it.
pub(crate) const NAME: &str = "wait";

/// What the front end may know of it.
pub(crate) fn entry() -> Action {
    Action {
        summary: "Wait for a span or until a point in time; nothing is held in memory meanwhile"
            .to_owned(),
        effect: Some(EffectClass::Read),
        params: params([
            (
                "for",
                optional(Type::Duration, "How long, such as `30s` or `2h`"),
            ),
            (
                "until",
                optional(
                    Type::Text,
                    "Instead: when, with its offset, such as `2026-11-22T02:00:00+01:00`",
                ),
            ),
        ]),
        outputs: Some(outputs([])),
        rest: None,
        echoes: false,
        computes: false,
        grants: Vec::new(),
        reconciles: false,
        undoes: false,
        // The plan has no attempt that could time out.
        timeout: None,
        settle: Millis(0),
        settle_least: Millis(0),
        observe: OBSERVE,
        no_effect: NoEffect::Never,
        provides: None,
    }
}
