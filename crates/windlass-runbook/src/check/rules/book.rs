//! A runbook without errors as the rules see it: what was read, beside what it became,
//! and the ways from an expression back to its place.

use windlass_core::expr::{Expr, Kind, NodeId, Span as ExprSpan};
use windlass_core::plan::{Call, Part, Reconcile, Step, StepKind, Template};

use super::super::fields::Fields;
use super::super::graph::Graph;
use super::super::place::Located;
use super::super::world::{StepDraft, World};
use crate::diagnostic::Span;
use crate::node::{Node, NodeKind};

/// A runbook whose every step was understood.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Book<'a> {
    pub(in super::super) world: &'a World<'a>,
    pub(in super::super) graph: &'a Graph,
    /// As in the world, index by index.
    pub(in super::super) steps: &'a [Step],
    /// The runbook's own keys.
    pub(in super::super) top: &'a Fields<'a>,
}

/// An expression that is a condition, and the key that it stands under.
#[derive(Clone, Copy, Debug)]
pub(super) struct Condition<'a> {
    pub(super) key: &'static str,
    pub(super) expr: &'a Expr,
}

impl<'a> Book<'a> {
    pub(super) fn draft(&self, index: usize) -> &'a StepDraft<'a> {
        &self.world.steps[index]
    }

    /// Where a part of an expression of a step stands. Its key, when that cannot be told.
    pub(super) fn place(&self, index: usize, expr: &Expr, part: ExprSpan) -> Span {
        let draft = self.draft(index);
        let nodes = draft.fields.iter().flat_map(Fields::values);
        for node in nodes {
            if let Some((scalar, at)) = scalar_with(node, expr.source()) {
                let part = part.range();
                let text = scalar.as_text().unwrap_or_default();
                let located = Located::new(self.world.text(scalar.span), scalar, text);
                return located.place(at + part.start..at + part.end);
            }
        }
        draft.id_span
    }

    /// The place of a whole expression.
    pub(super) fn whole(&self, index: usize, expr: &Expr) -> Span {
        self.place(index, expr, expr.node(expr.root()).span)
    }
}

/// The scalar below a node whose text holds a source, and where in it.
fn scalar_with<'n>(node: &'n Node, source: &str) -> Option<(&'n Node, usize)> {
    match &node.kind {
        NodeKind::Text(text) => Some((node, text.find(source)?)),
        NodeKind::List(items) => items.iter().find_map(|item| scalar_with(item, source)),
        NodeKind::Map(entries) => entries
            .iter()
            .find_map(|entry| scalar_with(&entry.value, source)),
        // `when: false` is a boolean in YAML and an expression here.
        NodeKind::Bool(_) | NodeKind::Int(_) | NodeKind::Float(_) => {
            (node.to_value().to_string() == source).then_some((node, 0))
        }
        NodeKind::Null => None,
    }
}

/// The conditions of a step, those of its looks and of its undoing included.
pub(super) fn conditions(step: &Step) -> Vec<Condition<'_>> {
    let mut found = vec![("when", step.when.as_ref())];
    if let StepKind::Action {
        call,
        expect,
        until,
        done,
        undo,
        ..
    } = &step.kind
    {
        found.push(("expect", expect.as_ref()));
        found.push(("that", until.as_ref().map(|until| &until.that)));
        found.push(("done", done.as_ref()));
        for call in calls(call, undo.as_ref()) {
            if let Reconcile::Read {
                happened,
                in_progress,
                not_happened,
                ..
            } = &call.reconcile
            {
                found.push(("happened", Some(happened)));
                found.push(("in_progress", in_progress.as_ref()));
                found.push(("not_happened", not_happened.as_ref()));
            }
        }
    }
    found
        .into_iter()
        .filter_map(|(key, expr)| expr.map(|expr| Condition { key, expr }))
        .collect()
}

/// The call of a step, and that of its undoing when it has one.
pub(super) fn calls<'a>(call: &'a Call, undo: Option<&'a Call>) -> impl Iterator<Item = &'a Call> {
    std::iter::once(call).chain(undo)
}

/// Every expression of a step.
pub(super) fn expressions(step: &Step) -> Vec<&Expr> {
    let mut found: Vec<&Expr> = conditions(step).iter().map(|found| found.expr).collect();
    if let Some(claimed) = step.provides.as_ref().and_then(|it| it.claimed.as_ref()) {
        in_template(claimed, &mut found);
    }
    match &step.kind {
        StepKind::Action {
            call,
            for_each,
            undo,
            ..
        } => {
            found.extend(for_each.as_ref().map(|each| &each.items));
            for call in calls(call, undo.as_ref()) {
                in_template(&call.with, &mut found);
                if let Reconcile::Read { with, .. } = &call.reconcile {
                    in_template(with, &mut found);
                }
            }
        }
        StepKind::Wait { span } => in_template(span, &mut found),
        StepKind::Gate(gate) => {
            for (_, shown) in &gate.show {
                in_template(shown, &mut found);
            }
            for fact in &gate.facts {
                in_template(&fact.with, &mut found);
            }
        }
    }
    found
}

fn in_template<'a>(template: &'a Template, found: &mut Vec<&'a Expr>) {
    match template {
        Template::Literal(_) | Template::Secret(_) => {}
        Template::Expr(expr) => found.push(expr),
        Template::Text(parts) => found.extend(parts.iter().filter_map(|part| match part {
            Part::Expr(expr) => Some(expr),
            Part::Text(_) => None,
        })),
        Template::List(items) => items.iter().for_each(|item| in_template(item, found)),
        Template::Map(map) => map.values().for_each(|value| in_template(value, found)),
    }
}

/// The chain of names that ends at a node, such as `steps.look.state`.
pub(super) fn path(expr: &Expr, mut at: NodeId) -> Option<Vec<&str>> {
    let mut path = Vec::new();
    loop {
        match &expr.node(at).kind {
            Kind::Name(name) => {
                path.push(name.as_str());
                path.reverse();
                return Some(path);
            }
            Kind::Field { of, name } => {
                path.push(name.as_str());
                at = *of;
            }
            _ => return None,
        }
    }
}
