//! The catalog entry of `manual`. A person does the work and the core waits for his word
//! (`windlass_core::plan::Manual`), so there is an entry and no runner.

use windlass_core::catalog::{Action, NoEffect, Param};
use windlass_core::time::Millis;
use windlass_core::types::Type;

use crate::catalog::{OBSERVE, optional, outputs, params, required};

/// The name that authors use.
pub(crate) const NAME: &str = "manual";

/// What the front end knows of it.
pub(crate) fn entry() -> Action {
    let values = Param {
        declares: true,
        ..optional(
            Type::map(Type::Any),
            "The values that the person states, by name: types and rules",
        )
    };
    Action {
        summary: "Have a person do it by hand, and wait for his word".to_owned(),
        effect: None,
        params: params([
            (
                "instructions",
                required(Type::Text, "What is to be done, and how to see that it is"),
            ),
            (
                "show",
                optional(
                    Type::map(Type::Any),
                    "What the person needs to know, by captions",
                ),
            ),
            ("values", values),
        ]),
        rest: None,
        outputs: Some(outputs([])),
        echoes: false,
        computes: false,
        grants: Vec::new(),
        reconciles: false,
        undoes: false,
        // There is no attempt of a runner that could time out.
        timeout: None,
        // Nothing is sent once the person has answered.
        settle: Millis(0),
        settle_least: Millis(0),
        observe: OBSERVE,
        // He may say that nothing was done.
        no_effect: NoEffect::Refused,
        provides: None,
    }
}
