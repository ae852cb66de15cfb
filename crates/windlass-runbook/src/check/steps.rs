//! Steps of the world to steps of the plan.

use windlass_core::expr::Expr;
use windlass_core::plan::{
    Call, EffectClass, ForEach, ITEMS_MAX, Manual, OnFailure, PARALLEL_MAX, Step, StepKind,
    Template, Until, Verb,
};
use windlass_core::time::Timestamp;
use windlass_core::types::Type;

use super::calls::{Called, call};
use super::drafts::action;
use super::echoed;
use super::fields::{Fields, Found, wrong_shape};
use super::gates;
use super::graph::Before;
use super::guards;
use super::keys;
use super::names::{Around, Outputs, bare, bare_for};
use super::templates::{Wanted, template};
use super::typed::{self, Wants};
use super::windows;
use super::world::{Form, StepDraft, World};
use crate::codes::{
    KEY_NEEDS_CHANGE, KEYS_CLASH, MISSING_PARAM, NO_UNDO, POINT_IN_TIME, UNKNOWN_PARAM,
};
use crate::diagnostic::Diagnostic;
use crate::node::{Entry, Node, NodeKind};

/// The step of the plan, or `None` when something about it was reported.
pub(super) fn step(
    world: &World<'_>,
    index: usize,
    before: Before<'_>,
    on_failure: OnFailure,
    found: &mut Found,
) -> Option<Step> {
    let draft = &world.steps[index];
    let fields = draft.fields.as_ref()?;
    let once = Around {
        step: index,
        before,
        when_held: true,
        item: false,
        itself: false,
        outputs: Outputs::None,
    };
    let title = fields.text("title", found).map(str::to_owned);
    let when = optional(world, fields, "when", once, found);
    let ensure = fields
        .text("ensure", found)
        .and_then(|text| text.parse().ok());
    let kind = match &draft.form {
        Form::Broken | Form::Inlined { .. } => None,
        Form::Gate => gates::gate(world, fields, once, found).map(StepKind::Gate),
        Form::Wait => wait(world, fields, once, found).map(|span| StepKind::Wait { span }),
        Form::Action { .. } => action_kind(world, draft, fields, once, on_failure, found),
    };
    let window = match &draft.form {
        Form::Action { .. } | Form::Gate | Form::Wait => windows::window(draft, fields, found),
        Form::Broken | Form::Inlined { .. } => Some(None),
    };
    let (provides, guards) = match &draft.form {
        Form::Action { action, .. } => {
            let stated = typed::stated(world, index, once);
            let outputs = stated.as_deref().map_or(Outputs::Unknown, Outputs::Known);
            let judge = Around { outputs, ..once };
            (
                guards::provides(world, draft, fields, *action, judge, found),
                guards::demands(draft, fields, found),
            )
        }
        Form::Broken | Form::Inlined { .. } | Form::Gate | Form::Wait => {
            (Some(None), Some(Vec::new()))
        }
    };
    Some(Step {
        id: draft.id.clone(),
        title,
        needs: draft.needs.iter().map(|(need, _)| need.clone()).collect(),
        when: when?,
        kind: kind?,
        ensure,
        provides: provides?,
        guards: guards?,
        window: window?,
        finally: draft.finally,
    })
}

/// An expression that may be left out; `None` when it is there and wrong.
pub(super) fn optional(
    world: &World<'_>,
    fields: &Fields<'_>,
    key: &str,
    around: Around<'_>,
    found: &mut Found,
) -> Option<Option<Expr>> {
    match fields.value(key) {
        None => Some(None),
        Some(node) => bare(world, node, key, around, found).map(Some),
    }
}

fn action_kind(
    world: &World<'_>,
    draft: &StepDraft<'_>,
    fields: &Fields<'_>,
    once: Around<'_>,
    on_failure: OnFailure,
    found: &mut Found,
) -> Option<StepKind> {
    let Form::Action {
        name,
        action,
        effect,
        uses_span,
    } = &draft.form
    else {
        return None;
    };
    let is_change = effect.is_some_and(EffectClass::is_change);
    let called = Called {
        name,
        action: *action,
        uses_span: *uses_span,
        is_change,
    };
    let for_each = for_each(world, fields, once, found);
    let each = Around {
        item: draft.fields_has_each(),
        ..once
    };
    let stated = typed::stated(world, once.step, each);
    let outputs = stated.as_deref().map_or(Outputs::Unknown, Outputs::Known);
    let judge = Around { outputs, ..each };
    let call = call(world, called, fields, each, found);
    let expect = optional(world, fields, "expect", judge, found);
    let until = until(world, fields, judge, found);
    let done = optional(world, fields, "done", judge, found);
    let undo = undo(world, draft, fields, call.as_ref(), each, found);
    let manual = match *action {
        Some(action) if action.is_by_hand() => {
            let show = echoed::given(fields).iter().find(|it| it.key == "show");
            let units = |show: &Entry| echoed::units(world, &show.value, each);
            let manual = super::manual::manual(draft, fields, *effect, found);
            manual.map(|manual| {
                Some(Manual {
                    show_units: show.map(units).unwrap_or_default(),
                    ..manual
                })
            })
        }
        Some(_) | None => Some(None),
    };
    if on_failure == OnFailure::Undo
        && *effect == Some(EffectClass::Reversible)
        && undo == Some(None)
    {
        let message = format!("nothing says how `{}` is undone", draft.id);
        found.push(
            Diagnostic::warning(NO_UNDO, message)
                .at(draft.id_span, "stays as it is when the run fails")
                .help("add `undo: {uses: ..., with: ...}`"),
        );
    }
    Some(StepKind::Action {
        effect: (*effect)?,
        call: call?,
        for_each: for_each?,
        expect: expect?,
        until: until?,
        done: done?,
        undo: undo?,
        outputs: draft.outputs.clone(),
        manual: manual?,
    })
}

fn for_each(
    world: &World<'_>,
    fields: &Fields<'_>,
    once: Around<'_>,
    found: &mut Found,
) -> Option<Option<ForEach>> {
    let Some(entry) = fields.get("for_each") else {
        for key in ["max_parallel", "failure_budget"] {
            if let Some(entry) = fields.get(key) {
                let message = format!("`{key}` is for a step with `for_each`");
                let label = "without `for_each`";
                found.push(Diagnostic::error(KEYS_CLASH, message).at(entry.key_span, label));
            }
        }
        return Some(None);
    };
    let items = bare_for(world, &entry.value, "for_each", Wants::Items, once, found);
    let before = found.len();
    let max_parallel = fields
        .count("max_parallel", 1, PARALLEL_MAX, found)
        .unwrap_or(1);
    // The number of items is bounded, so a greater budget means "any number".
    let most = u32::try_from(ITEMS_MAX).unwrap_or(u32::MAX);
    let failure_budget = fields.count("failure_budget", 0, most, found).unwrap_or(0);
    let items = items?;
    (found.len() == before).then_some(Some(ForEach {
        items,
        max_parallel,
        failure_budget,
    }))
}

fn until(
    world: &World<'_>,
    fields: &Fields<'_>,
    judge: Around<'_>,
    found: &mut Found,
) -> Option<Option<Until>> {
    let Some(entry) = fields.get("until") else {
        return Some(None);
    };
    let fields = Fields::read(&entry.value, entry.key_span, &keys::UNTIL, found)?;
    let that = fields.required("that", "`until`", found);
    let every = fields.required("every", "`until`", found);
    let within = fields.required("for", "`until`", found);
    let that = that.and_then(|node| bare(world, node, "that", judge, found));
    let every = every.and_then(|_| fields.duration("every", found));
    let within = within.and_then(|_| fields.duration("for", found));
    Some(Some(Until {
        that: that?,
        every: every?,
        within: within?,
    }))
}

/// How the step is undone: as it says, or as its action can.
fn undo(
    world: &World<'_>,
    draft: &StepDraft<'_>,
    fields: &Fields<'_>,
    done: Option<&Call>,
    each: Around<'_>,
    found: &mut Found,
) -> Option<Option<Call>> {
    let Form::Action {
        action: own_action,
        effect,
        ..
    } = &draft.form
    else {
        return Some(None);
    };
    let Some(entry) = fields.get("undo") else {
        let reversible = *effect == Some(EffectClass::Reversible);
        if reversible && own_action.is_some_and(|action| action.undoes) {
            return done.map(|call| {
                Some(Call {
                    verb: Verb::Undo,
                    ..call.clone()
                })
            });
        }
        return Some(None);
    };
    if let Some(effect) = effect.filter(|effect| *effect != EffectClass::Reversible) {
        found.push(
            Diagnostic::error(KEY_NEEDS_CHANGE, "`undo` is for a reversible step")
                .at(entry.key_span, format!("this step is {}", effect.as_str())),
        );
    }
    let fields = Fields::read(&entry.value, entry.key_span, &keys::UNDO, found)?;
    let uses = fields.required("uses", "`undo`", found)?;
    let (name, action) = action(uses, world.catalog, found)?;
    let called = Called {
        name: &name,
        action,
        uses_span: uses.span,
        is_change: true,
    };
    let around = Around {
        itself: true,
        ..each
    };
    call(world, called, &fields, around, found).map(Some)
}

/// How a wait says its end.
const WAIT_PARAMS: [&str; 2] = ["for", "until"];

fn wait(
    world: &World<'_>,
    fields: &Fields<'_>,
    once: Around<'_>,
    found: &mut Found,
) -> Option<Template> {
    let missing = |span| {
        Diagnostic::error(MISSING_PARAM, "`wait` needs the parameter `for` or `until`")
            .at(span, "neither is there")
            .help("write `with: {for: 30s}`")
    };
    let Some(entry) = fields.get("with") else {
        found.push(missing(fields.span));
        return None;
    };
    let NodeKind::Map(entries) = &entry.value.kind else {
        let given = entry.value.as_text().unwrap_or("30s");
        found.push(
            wrong_shape(&entry.value, "`with` is a map of parameters")
                .help(format!("write `with: {{for: {given}}}`")),
        );
        return None;
    };
    for entry in entries
        .iter()
        .filter(|entry| !WAIT_PARAMS.contains(&entry.key.as_str()))
    {
        let message = format!("`wait` has no parameter `{}`", entry.key.escape_debug());
        found.push(
            Diagnostic::error(UNKNOWN_PARAM, message)
                .at(entry.key_span, "unknown parameter")
                .help("it has `for` and `until`"),
        );
    }
    let [span, until] = WAIT_PARAMS.map(|name| entries.iter().find(|entry| entry.key == name));
    match (span, until) {
        (Some(span), None) => {
            let wanted = Wanted {
                ty: &Type::Duration,
                optional: false,
                ..Wanted::any("for")
            };
            template(world, &span.value, wanted, once, found)
        }
        (None, Some(until)) => point_in_time(world, &until.value, once, found),
        (Some(span), Some(until)) => {
            let message = "a wait ends after a span or at a point in time";
            found.push(
                Diagnostic::error(KEYS_CLASH, message)
                    .at(until.key_span, "either this")
                    .at(span.key_span, "or this"),
            );
            None
        }
        (None, None) => {
            found.push(missing(entry.key_span));
            None
        }
    }
}

/// The point in time of `until`; one that is written out is read here already.
fn point_in_time(
    world: &World<'_>,
    node: &Node,
    once: Around<'_>,
    found: &mut Found,
) -> Option<Template> {
    let wanted = Wanted {
        ty: &Type::Text,
        optional: false,
        ..Wanted::any("until")
    };
    let before = found.len();
    let value = template(world, node, wanted, once, found);
    let written = node.as_text().filter(|text| !text.contains("${{"));
    if let Some(text) = written.filter(|_| found.len() == before)
        && Timestamp::parse(text).is_none()
    {
        found.push(
            Diagnostic::error(POINT_IN_TIME, "`until` is a point in time with its offset")
                .at(node.span, "not one")
                .help("write it as 2026-11-22T02:00:00+01:00, or with Z for UTC; a span of time is `for`"),
        );
        return None;
    }
    value
}
