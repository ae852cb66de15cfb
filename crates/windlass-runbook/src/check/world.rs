//! Everything that the parts of the check look up: the catalog, the declared
//! names, and every step as far as it is known before its values are read.

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::catalog::{Action, Catalog};
use windlass_core::id::{ActionName, SecretName, StepId};
use windlass_core::plan::EffectClass;
use windlass_core::types::Type;

use super::fields::Fields;
use super::typed::Knowledge;
use crate::diagnostic::{Source, Span};
use crate::node::Node;

/// What is declared. Nothing in it changes once steps are lowered.
#[derive(Debug)]
pub(super) struct World<'a> {
    /// Every text that was read, by the file's number in a span.
    pub(super) sources: &'a [Source],
    pub(super) catalog: &'a Catalog,
    /// The declared inputs and the types of their values.
    pub(super) inputs: BTreeMap<String, Type>,
    pub(super) secrets: BTreeSet<SecretName>,
    /// Parameters by the first word of an action's name.
    pub(super) defaults: BTreeMap<&'a str, &'a Node>,
    /// In the author's order, those of `finally` last.
    pub(super) steps: Vec<StepDraft<'a>>,
    pub(super) by_id: BTreeMap<StepId, usize>,
    /// What typing has worked out so far.
    pub(super) knowledge: Knowledge,
}

impl World<'_> {
    /// The text that a span of this file points into.
    pub(super) fn text(&self, span: Span) -> &str {
        self.sources
            .get(usize::from(span.file))
            .map_or("", |source| &source.text)
    }

    pub(super) fn index_of(&self, id: &str) -> Option<usize> {
        let id: StepId = id.parse().ok()?;
        self.by_id.get(&id).copied()
    }
}

/// A step whose shape is known and whose values are not yet read.
#[derive(Debug)]
pub(super) struct StepDraft<'a> {
    pub(super) id: StepId,
    pub(super) id_span: Span,
    pub(super) finally: bool,
    pub(super) needs: Vec<(StepId, Span)>,
    pub(super) form: Form<'a>,
    /// The types of outputs that the step declares.
    pub(super) outputs: BTreeMap<String, Type>,
    pub(super) fields: Option<Fields<'a>>,
}

impl StepDraft<'_> {
    pub(super) fn fields_has_each(&self) -> bool {
        self.fields
            .as_ref()
            .is_some_and(|fields| fields.get("for_each").is_some())
    }

    /// The effect class, when the step is an action whose class is known.
    pub(super) fn effect(&self) -> Option<EffectClass> {
        match &self.form {
            Form::Action { effect, .. } => *effect,
            Form::Wait | Form::Gate | Form::Broken => None,
        }
    }

    pub(super) fn is_change(&self) -> bool {
        self.effect().is_some_and(EffectClass::is_change)
    }
}

/// What kind of step it is.
#[derive(Debug)]
pub(super) enum Form<'a> {
    Action {
        name: ActionName,
        /// `None` when the catalog does not have it, which has been said.
        action: Option<&'a Action>,
        effect: Option<EffectClass>,
        uses_span: Span,
    },
    Wait,
    Gate,
    /// Something is wrong with it that has been said already.
    Broken,
}

impl Form<'_> {
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Form::Action { .. } | Form::Broken => "an action",
            Form::Wait => "a wait",
            Form::Gate => "a gate",
        }
    }
}
