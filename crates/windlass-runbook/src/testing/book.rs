//! The runbook behind a test file: what its names mean, and what each step can do.

use std::collections::BTreeMap;

use windlass_core::catalog::Catalog;
use windlass_core::id::{NodeId, Phase, StepId};
use windlass_core::plan::{Call, EffectClass, Plan, Step, StepKind};
use windlass_core::rehearsal::{EVENT_KINDS, Pattern, Subject};
use windlass_core::types::Type;

use super::TestFile;
use crate::check::fields::{Found, text};
use crate::codes::{BAD_NAME, TEST_EVENT, TEST_MISFIT, TEST_STEP};
use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Node, NodeKind};
use crate::suggest::did_you_mean;

/// The runbook of a case, by its plan.
pub(super) struct Book<'a> {
    pub(super) catalog: &'a Catalog,
    file: &'a TestFile,
    steps: BTreeMap<&'a str, &'a Step>,
}

/// A piece of work that has attempts: doing a step, or undoing it.
#[derive(Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) step: &'a Step,
    pub(super) call: &'a Call,
    pub(super) effect: EffectClass,
    /// What the author says that the action gives.
    pub(super) stated: Option<&'a BTreeMap<String, Type>>,
}

impl<'a> Book<'a> {
    pub(super) fn new(plan: &'a Plan, catalog: &'a Catalog, file: &'a TestFile) -> Self {
        let steps = plan.steps.iter().map(|step| (step.id.as_str(), step));
        Self {
            catalog,
            file,
            steps: steps.collect(),
        }
    }

    pub(super) fn line(&self, span: Span) -> usize {
        self.file.line(span)
    }

    /// The step of a name, or the mistake that there is none.
    pub(super) fn step(&self, name: &str, span: Span, found: &mut Found) -> Option<&'a Step> {
        let step = self.steps.get(name).copied();
        if step.is_none() {
            let message = format!("the runbook has no step `{}`", name.escape_debug());
            found.push(
                Diagnostic::error(TEST_STEP, message)
                    .at(span, "no such step")
                    .maybe_help(did_you_mean(name, self.steps.keys().copied())),
            );
        }
        step
    }

    /// A step's id where nothing else is meant.
    pub(super) fn step_id(&self, node: &Node, rule: &str, found: &mut Found) -> Option<StepId> {
        let name = text(node, rule, found)?;
        Some(self.step(name, node.span, found)?.id.clone())
    }

    /// A list of steps; one alone may stand without a list.
    pub(super) fn step_ids(&self, node: &Node, key: &str, found: &mut Found) -> Vec<StepId> {
        let rule = format!("`{key}` lists steps");
        let items = match &node.kind {
            NodeKind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        items
            .iter()
            .filter_map(|item| self.step_id(item, &rule, found))
            .collect()
    }

    /// `STEP`, `STEP[ITEM]`, `undo:STEP` or `undo:STEP[ITEM]`, as the runbook has it.
    pub(super) fn subject(
        &self,
        text: &str,
        span: Span,
        found: &mut Found,
    ) -> Option<(Subject, &'a Step)> {
        let Ok(subject) = text.parse::<Subject>() else {
            let message = format!("`{}` names no step", text.escape_debug());
            found.push(
                Diagnostic::error(BAD_NAME, message)
                    .at(span, "not a step's name")
                    .help("write STEP, STEP[ITEM] for one item of `for_each`, or undo:STEP"),
            );
            return None;
        };
        let step = self.step(subject.step.as_str(), span, found)?;
        let misfit =
            |message: String, label: &str| Diagnostic::error(TEST_MISFIT, message).at(span, label);
        if subject.item.is_some() && !has_items(step) {
            let message = format!("`{}` has no items", step.id);
            found.push(misfit(message, "an item").help("only a step with `for_each` has items"));
            return None;
        }
        if subject.phase == Phase::Undo && undo_of(step).is_none() {
            let message = format!("`{}` has no undo", step.id);
            found.push(misfit(message, "an undo that the runbook does not have"));
            return None;
        }
        Some((subject, step))
    }

    /// One node: without an item, the only one.
    pub(super) fn node(&self, node: &Node, found: &mut Found) -> Option<NodeId> {
        let name = text(node, "`step` names a step", found)?;
        let (subject, step) = self.subject(name, node.span, found)?;
        if subject.item.is_none() && has_items(step) {
            let message = format!("`{name}` has items, and only one can be meant");
            found.push(
                Diagnostic::error(TEST_MISFIT, message)
                    .at(node.span, "which item?")
                    .help(format!("write {name}[0] for the first item")),
            );
            return None;
        }
        Some(NodeId {
            step: subject.step,
            item: subject.item.unwrap_or(0),
            phase: subject.phase,
        })
    }

    /// The work behind a subject; `None` for a gate or a wait.
    pub(super) fn work(&self, subject: &Subject, step: &'a Step) -> Option<Work<'a>> {
        let StepKind::Action {
            effect,
            call,
            outputs,
            ..
        } = &step.kind
        else {
            return None;
        };
        Some(match subject.phase {
            Phase::Do => Work {
                step,
                call,
                effect: *effect,
                stated: Some(outputs).filter(|outputs| !outputs.is_empty()),
            },
            Phase::Undo => Work {
                step,
                call: undo_of(step)?,
                effect: EffectClass::Reversible,
                stated: None,
            },
        })
    }

    /// A pattern of events such as `attempt_started upgrade 2`.
    pub(super) fn pattern(&self, node: &Node, key: &str, found: &mut Found) -> Option<Pattern> {
        let rule = format!("`{key}` names an event such as `gate_opened go`");
        let text = text(node, &rule, found)?;
        let mut words = text.split_whitespace();
        let kind = words.next().unwrap_or_default();
        let Some(kind) = EVENT_KINDS.iter().copied().find(|known| *known == kind) else {
            let message = format!("there is no event `{}`", kind.escape_debug());
            let help = did_you_mean(kind, EVENT_KINDS.iter().copied()).unwrap_or_else(|| {
                "an event is named as in the journal, such as `attempt_started STEP`, `gate_opened STEP` or `run_ended`".to_owned()
            });
            found.push(
                Diagnostic::error(TEST_EVENT, message)
                    .at(node.span, "no such event")
                    .help(help),
            );
            return None;
        };
        let of = match words.next() {
            None => None,
            Some(_) if !Pattern::is_about_a_step(kind) => {
                let message = format!("`{kind}` is about the run, not about a step");
                let label = "no step belongs here";
                found.push(Diagnostic::error(TEST_EVENT, message).at(node.span, label));
                return None;
            }
            Some(subject) => Some(self.subject(subject, node.span, found)?.0),
        };
        let attempt = match words.next().map(str::parse::<u32>) {
            None => None,
            Some(Ok(attempt)) if words.next().is_none() => Some(attempt),
            Some(_) => {
                let message = format!("`{}` is more than an event", text.escape_debug());
                found.push(
                    Diagnostic::error(TEST_EVENT, message)
                        .at(node.span, "too much")
                        .help("write the event, then its step, then the number of the attempt"),
                );
                return None;
            }
        };
        Some(Pattern { kind, of, attempt })
    }
}

pub(super) fn has_items(step: &Step) -> bool {
    match &step.kind {
        StepKind::Action { for_each, .. } => for_each.is_some(),
        StepKind::Wait { .. } | StepKind::Gate(_) => false,
    }
}

fn undo_of(step: &Step) -> Option<&Call> {
    match &step.kind {
        StepKind::Action { undo, .. } => undo.as_ref(),
        StepKind::Wait { .. } | StepKind::Gate(_) => None,
    }
}
