//! Everything that the parts of the check look up: the catalog, the declared
//! names, and every step as far as it is known before its values are read.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use windlass_core::catalog::Action;
use windlass_core::id::{ActionName, SecretName, StepId};
use windlass_core::plan::{Asked, EffectClass};
use windlass_core::types::Type;
use windlass_core::value::Value;

use super::actions::Actions;
use super::fields::Fields;
use super::inline::Fragment;
use super::secrets::Hosts;
use super::typed::Knowledge;
use crate::diagnostic::{Source, Span};
use crate::node::Node;

/// What is declared. Nothing in it changes once steps are lowered.
#[derive(Debug)]
pub(super) struct World<'a> {
    /// The text of the runbook: all steps of a world stand in one.
    pub(super) source: &'a Source,
    pub(super) catalog: &'a Actions,
    /// The declared inputs and the types of their values.
    pub(super) inputs: BTreeMap<String, Type>,
    /// The lists and maps among them, by their paths, that may be empty.
    pub(super) may_be_empty: BTreeSet<String>,
    /// The inputs' values, when all are known.
    pub(super) values: Option<BTreeMap<String, Value>>,
    pub(super) secrets: BTreeSet<SecretName>,
    pub(super) secret_hosts: Hosts,
    /// Parameters by the first word of an action's name.
    pub(super) defaults: BTreeMap<&'a str, &'a Node>,
    /// In the author's order, those of `finally` last.
    pub(super) steps: Vec<StepDraft<'a>>,
    pub(super) by_id: BTreeMap<StepId, usize>,
    /// What typing has worked out so far.
    pub(super) knowledge: Knowledge,
    /// Whether the runbook is checked as a part of another: nothing is known then of what
    /// precedes it or follows it.
    pub(super) inlined: bool,
}

impl World<'_> {
    /// The text that a span of this world points into.
    pub(super) fn text(&self, _span: Span) -> &str {
        &self.source.text
    }

    /// The ids that some step ensures.
    pub(super) fn ensured(&self) -> BTreeSet<&str> {
        self.steps
            .iter()
            .filter_map(|step| step.fields.as_ref()?.value("ensure")?.as_text())
            .collect()
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
    /// Of work by hand, what is said of the values beyond their types.
    pub(super) values: BTreeMap<String, Asked>,
    pub(super) fields: Option<Fields<'a>>,
}

impl StepDraft<'_> {
    pub(super) fn fields_has_each(&self) -> bool {
        self.fields
            .as_ref()
            .is_some_and(|fields| fields.get("for_each").is_some())
    }

    /// The effect class, when the step is an action whose class is known; of a runbook the
    /// most that one of its steps does.
    pub(super) fn effect(&self) -> Option<EffectClass> {
        match &self.form {
            Form::Action { effect, .. } => *effect,
            Form::Inlined { fragment, .. } => fragment.effect,
            Form::Wait | Form::Gate | Form::Broken => None,
        }
    }

    /// Whether it is a gate or holds one.
    pub(super) fn has_gate(&self) -> bool {
        match &self.form {
            Form::Gate => true,
            Form::Inlined { fragment, .. } => fragment.has_gate,
            Form::Action { .. } | Form::Wait | Form::Broken => false,
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
    /// A runbook whose steps take the place of this one.
    Inlined {
        fragment: Rc<Fragment>,
        uses_span: Span,
    },
    /// Something is wrong with it that has been said already.
    Broken,
}

impl Form<'_> {
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Form::Action { .. } | Form::Broken => "an action",
            Form::Wait => "a wait",
            Form::Gate => "a gate",
            Form::Inlined { .. } => "a runbook",
        }
    }
}
