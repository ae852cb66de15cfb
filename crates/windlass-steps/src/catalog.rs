//! Short spellings for the catalog entries of this crate, and the spans they share.

use std::collections::BTreeMap;

use windlass_core::catalog::{Output, Param, Touch};
use windlass_core::time::Millis;
use windlass_core::types::Type;

/// How long after its send deadline an effect may still show at the target.
pub(crate) const SETTLE: Millis = Millis::from_secs(30);
/// How long a doubt is looked into before a person is asked.
pub(crate) const OBSERVE: Millis = Millis::from_mins(15);

/// The timeout of what is only computed: it is there for a machine that stands still.
pub(crate) const COMPUTE_TIMEOUT: Millis = Millis::from_secs(30);

/// Parameters by name.
pub(crate) fn params<const N: usize>(entries: [(&str, Param); N]) -> BTreeMap<String, Param> {
    entries
        .into_iter()
        .map(|(name, param)| (name.to_owned(), param))
        .collect()
}

/// Outputs by name, each with its type and a sentence for authors.
pub(crate) fn outputs<const N: usize>(
    entries: [(&str, Type, &str); N],
) -> BTreeMap<String, Output> {
    entries
        .into_iter()
        .map(|(name, ty, summary)| {
            let summary = summary.to_owned();
            (name.to_owned(), Output { summary, ty })
        })
        .collect()
}

/// A parameter that may be left out.
pub(crate) fn optional(ty: Type, summary: &str) -> Param {
    Param {
        summary: summary.to_owned(),
        ty,
        required: false,
        secret: false,
        literal: false,
        checks: false,
        declares: false,
        touches: None,
    }
}

/// A parameter that must be given.
pub(crate) fn required(ty: Type, summary: &str) -> Param {
    Param {
        required: true,
        ..optional(ty, summary)
    }
}

/// An optional parameter that takes a secret.
pub(crate) fn secret(ty: Type, summary: &str) -> Param {
    Param {
        secret: true,
        ..optional(ty, summary)
    }
}

/// A parameter whose value names a part of the world.
pub(crate) fn touching(touch: Touch, param: Param) -> Param {
    Param {
        touches: Some(touch),
        ..param
    }
}
