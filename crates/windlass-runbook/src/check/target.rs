//! The target: a literal scheme, and a name that is known before anybody approves anything
//! and before anything is changed. Its lock is the run's business.

use std::ops::Range;

use windlass_core::expr::Reference;
use windlass_core::plan::{EffectClass, Part, SCHEME_BYTES_MAX, Target, Template};
use windlass_core::types::Type;

use super::fields::{Fields, Found, wrong_shape};
use super::graph::Graph;
use super::names::{Around, Outputs};
use super::place::Located;
use super::templates::{Wanted, expressions, template};
use super::world::{Form, StepDraft, World};
use crate::codes::{TARGET_FORM, TARGET_READS, TARGET_STEP, TARGET_TOO_LATE};
use crate::diagnostic::{Diagnostic, Span};
use crate::expr::parse;

/// The longest target as it is written, in bytes; its value is shorter still.
const WRITTEN_BYTES_MAX: usize = 2_000;

/// What a target looks like, for those who wrote another thing.
const EXAMPLE: &str = "such as `postgres:${{ inputs.host }}`";

/// The `target` of a runbook.
pub(super) fn target(
    world: &World<'_>,
    graph: &Graph,
    top: &Fields<'_>,
    found: &mut Found,
) -> Option<Target> {
    let node = top.value("target")?;
    let Some(text) = node.as_text() else {
        found.push(
            wrong_shape(node, "`target` is a string")
                .help(format!("say what is changed, {EXAMPLE}")),
        );
        return None;
    };
    if text.len() > WRITTEN_BYTES_MAX {
        let message = format!("`target` has more than {WRITTEN_BYTES_MAX} bytes");
        found.push(Diagnostic::error(TARGET_FORM, message).at(node.span, "too long"));
        return None;
    }
    let located = Located::new(world.text(node.span), node, text);
    let scheme = scheme(&located, found)?;
    let before = found.len();
    for range in expressions(text) {
        judge(world, graph, &located, range, found);
    }
    if found.len() > before {
        return None;
    }
    let wanted = Wanted {
        ty: &Type::Text,
        optional: false,
        ..Wanted::any("target")
    };
    let around = around(world, graph)?;
    let mut name = match template(world, node, wanted, around, found)? {
        Template::Literal(_) => vec![Part::Text(text.to_owned())],
        Template::Text(parts) => parts,
        // Before the scheme's colon stands no expression, so it never stands alone.
        Template::Expr(_) | Template::Secret(_) | Template::List(_) | Template::Map(_) => {
            return None;
        }
    };
    if let Some(Part::Text(first)) = name.first_mut() {
        first.drain(..=scheme.len());
        if first.is_empty() {
            name.remove(0);
        }
    }
    Some(Target { scheme, name })
}

/// What stands before the first colon, which is written out.
fn scheme(located: &Located<'_>, found: &mut Found) -> Option<String> {
    let text = located.value;
    let mut fail = |message: &str, range: Range<usize>, label: &str, help: String| {
        found.push(
            Diagnostic::error(TARGET_FORM, message)
                .at(located.place(range), label)
                .help(help),
        );
        None
    };
    let opening = text.find("${{");
    let written = &text[..opening.unwrap_or(text.len())];
    let Some(colon) = written.find(':') else {
        return match opening {
            Some(at) => fail(
                "the scheme of `target` is written out",
                at..at + 3,
                "an expression before the first colon",
                format!("write what kind of thing it is first, {EXAMPLE}"),
            ),
            None => fail(
                "`target` is a scheme, a colon and a name",
                0..text.len(),
                "no colon",
                format!("say what kind of thing it is and which one, {EXAMPLE}"),
            ),
        };
    };
    let scheme = &text[..colon];
    if !Target::is_scheme(scheme) {
        return fail(
            &format!("`{}` is no scheme", scheme.escape_debug()),
            0..colon.max(1),
            "not a scheme",
            format!(
                "a lower-case letter, then lower-case letters, digits, `+`, `.` or `-` \
                 ({SCHEME_BYTES_MAX} at most)"
            ),
        );
    }
    let name = &text[colon + 1..];
    if !name.trim().is_empty() && (name.trim() != name || name.chars().any(char::is_control)) {
        return fail(
            "`target` is one line, with no blanks around the name",
            colon + 1..text.len(),
            "holds a line break, or a blank at an end",
            "two runs of one target write it alike, letter by letter".to_owned(),
        );
    }
    if name.trim().is_empty() {
        return fail(
            "`target` names nothing",
            colon..colon + 1,
            "no name behind the colon",
            format!("say which one it is, {EXAMPLE}"),
        );
    }
    Some(scheme.to_owned())
}

/// Whether what an expression reads is known in time. What does not parse, or does not
/// exist, is said where it is read.
fn judge(
    world: &World<'_>,
    graph: &Graph,
    located: &Located<'_>,
    range: Range<usize>,
    found: &mut Found,
) {
    let Ok(expr) = parse(&located.value[range.clone()]) else {
        return;
    };
    for reference in expr.references() {
        let place = || {
            let within = reference.span.range();
            located.place(range.start + within.start..range.start + within.end)
        };
        let fault = match reference.path.as_slice() {
            ["run" | "item", ..] => {
                let message = format!("`target` cannot read `{}`", reference.path.join("."));
                Some(
                    Diagnostic::error(TARGET_READS, message)
                        .at(place(), "says nothing about what is changed")
                        .help(
                            "read inputs, and outputs of the first looks: `steps.NAME.outputs.NAME`",
                        ),
                )
            }
            ["steps", id, "state", ..] => Some(
                Diagnostic::error(
                    TARGET_READS,
                    format!("`target` cannot read the state of `{id}`"),
                )
                .at(place(), "says nothing about what is changed")
                .help(format!("read an output of it: `steps.{id}.outputs.NAME`")),
            ),
            ["steps", id, "outputs", ..] => too_late(world, graph, id, &reference, &place),
            _ => None,
        };
        found.extend(fault);
    }
}

/// What keeps a step from giving the target a part of its name.
fn too_late(
    world: &World<'_>,
    graph: &Graph,
    id: &str,
    reference: &Reference<'_>,
    place: &dyn Fn() -> Span,
) -> Option<Diagnostic> {
    let index = world.index_of(id)?;
    let step = &world.steps[index];
    let read = format!("`target` reads `{}`", reference.path.join("."));
    let refuse = |label: String, help: &str| {
        let refused = Diagnostic::error(TARGET_STEP, read.clone());
        let placed = refused.at(place(), label).at(step.id_span, "this step");
        Some(placed.help(help))
    };
    if let Form::Inlined { .. } = step.form {
        return refuse(
            format!("`{id}` is a runbook"),
            "read an output of a look of this runbook's own",
        );
    }
    if step.finally {
        return refuse(
            format!("`{id}` runs when all is over"),
            "read an output of a step that precedes every gate and every change",
        );
    }
    if step
        .effect()
        .is_some_and(|effect| effect != EffectClass::Read)
    {
        return refuse(
            format!("`{id}` is no read"),
            "nothing but reads comes before the lock of the target is taken; look first, and read that",
        );
    }
    let is_late = |late: &usize| !graph.before(*late).contains(index);
    let late_index = needs_target(world).find(is_late)?;
    let late = &world.steps[late_index];
    let what = match late.form {
        Form::Gate => "gate",
        Form::Action { .. } | Form::Inlined { .. } | Form::Wait | Form::Broken => "step",
    };
    let help = if graph.before(index).contains(late_index) {
        format!("let `{id}` come first: it needs `{}` now", late.id)
    } else {
        format!("let `{}` need `{id}`, directly or through others", late.id)
    };
    let message = format!("the target must be known before {what} `{}`", late.id);
    Some(
        Diagnostic::error(TARGET_TOO_LATE, message)
            .at(place(), format!("`{id}` need not have run by then"))
            .at(late.id_span, format!("does not wait for `{id}`"))
            .help(help),
    )
}

/// The gates and the steps of the main part that are no reads, by index: before each of
/// them the target is known.
fn needs_target<'w>(world: &'w World<'_>) -> impl Iterator<Item = usize> + 'w {
    let needs = |step: &StepDraft<'_>| {
        let is_read = |effect| effect == EffectClass::Read;
        step.has_gate() || !step.effect().is_none_or(is_read)
    };
    let steps = world.steps.iter().enumerate();
    steps.filter_map(move |(index, step)| (!step.finally && needs(step)).then_some(index))
}

/// The target is read as one of the steps that need it would read it: a gate where there
/// is one, as it has no `when` that could hide a null. In a runbook of reads, the last.
fn around<'g>(world: &World<'_>, graph: &'g Graph) -> Option<Around<'g>> {
    let is_gate = |index: &usize| matches!(world.steps[*index].form, Form::Gate);
    let main = (0..world.steps.len())
        .rev()
        .find(|index| !world.steps[*index].finally);
    let step = needs_target(world)
        .find(is_gate)
        .or_else(|| needs_target(world).next())
        .or(main)?;
    Some(Around {
        step,
        before: graph.before(step),
        when_held: false,
        item: false,
        itself: false,
        outputs: Outputs::None,
    })
}
