//! The types of values as they are written: those of the outputs of a step whose action
//! gives its parameters back, named as in its `with`, and the units of what is shown.

use std::collections::BTreeMap;

use windlass_core::catalog::Output;
use windlass_core::plan::Unit;
use windlass_core::types::Type;

use super::fields::Fields;
use super::names::{Around, Outputs};
use super::templates::alone;
use super::typed;
use super::world::World;
use crate::expr::parse;
use crate::expr::typing::Ty;
use crate::node::{Entry, Node, NodeKind};

/// The parameters that a step is given.
pub(super) fn given<'a>(fields: &Fields<'a>) -> &'a [Entry] {
    let with = fields.value("with");
    match with.map(|node| &node.kind) {
        Some(NodeKind::Map(entries)) => entries,
        _ => &[],
    }
}

/// Each parameter as an output. What is wrong with a value is said where it is read.
pub(super) fn outputs(
    world: &World<'_>,
    index: usize,
    around: Around<'_>,
) -> BTreeMap<String, Output> {
    let step = &world.steps[index];
    let around = Around {
        step: index,
        when_held: true,
        item: step.fields_has_each(),
        itself: false,
        outputs: Outputs::None,
        ..around
    };
    let output = |entry: &Entry| Output {
        summary: "The value that it was given".to_owned(),
        ty: Type::from(&ty(world, &entry.value, around)),
    };
    let given = step.fields.as_ref().map_or(&[][..], given);
    given
        .iter()
        .map(|entry| (entry.key.clone(), output(entry)))
        .collect()
}

/// What of captioned values counts something.
pub(super) fn units(
    world: &World<'_>,
    captioned: &Node,
    around: Around<'_>,
) -> BTreeMap<String, Unit> {
    let NodeKind::Map(entries) = &captioned.kind else {
        return BTreeMap::new();
    };
    let unit = |entry: &Entry| {
        let ty = Type::from(&ty(world, &entry.value, around));
        Some((entry.key.clone(), Unit::of(&ty)?))
    };
    entries.iter().filter_map(unit).collect()
}

/// The type of a value as it is written, with what is right in it.
fn ty(world: &World<'_>, node: &Node, around: Around<'_>) -> Ty {
    match &node.kind {
        NodeKind::Null => Ty::Null,
        NodeKind::Bool(_) => Ty::Bool,
        NodeKind::Int(_) => Ty::Int,
        NodeKind::Float(_) => Ty::Float,
        NodeKind::Text(text) => match alone(text) {
            None => Ty::Text,
            Some(range) => match parse(&text[range]) {
                Ok(expr) => typed::type_of(world, &expr, around),
                Err(_) => Ty::Any,
            },
        },
        NodeKind::List(items) => Ty::list(
            items
                .iter()
                .map(|item| ty(world, item, around))
                .fold(Ty::Never, |all, item| all.join(&item)),
        ),
        NodeKind::Map(entries) => Ty::object(
            entries
                .iter()
                .map(|entry| (entry.key.clone(), ty(world, &entry.value, around))),
        ),
    }
}
