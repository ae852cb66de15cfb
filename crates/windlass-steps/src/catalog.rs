//! Short spellings for the catalog entries of this crate, and the spans they share.

use std::collections::BTreeMap;

use windlass_core::catalog::{Param, Shape};
use windlass_core::time::Millis;

/// How long after its send deadline an effect may still show at the target.
pub(crate) const SETTLE: Millis = Millis::from_secs(30);
/// How long a doubt is looked into before a person is asked.
pub(crate) const OBSERVE: Millis = Millis::from_mins(15);

/// Parameters by name.
pub(crate) fn params<const N: usize>(entries: [(&str, Param); N]) -> BTreeMap<String, Param> {
    entries
        .into_iter()
        .map(|(name, param)| (name.to_owned(), param))
        .collect()
}

/// Outputs by name.
pub(crate) fn outputs<const N: usize>(entries: [(&str, Shape); N]) -> BTreeMap<String, Shape> {
    entries
        .into_iter()
        .map(|(name, shape)| (name.to_owned(), shape))
        .collect()
}

/// A parameter that may be left out.
pub(crate) fn optional(shape: Shape, summary: &str) -> Param {
    Param {
        summary: summary.to_owned(),
        shape,
        required: false,
        secret: false,
        literal: false,
    }
}

/// A parameter that must be given.
pub(crate) fn required(shape: Shape, summary: &str) -> Param {
    Param {
        required: true,
        ..optional(shape, summary)
    }
}

/// An optional parameter that takes a secret.
pub(crate) fn secret(shape: Shape, summary: &str) -> Param {
    Param {
        secret: true,
        ..optional(shape, summary)
    }
}
