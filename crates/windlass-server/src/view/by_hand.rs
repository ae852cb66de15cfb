//! Work that a person was asked to do by hand: what he is told, what he states, and the
//! commands with which he answers.

use std::collections::BTreeMap;

use windlass_core::authorise::Rule;
use windlass_core::plan::StepKind;
use windlass_core::state::{ItemLook, NodePhase, RunState, StepLook};
use windlass_core::types::Type;
use windlass_core::value::Value;

use super::needs::{REASON, quoted};
use super::nodes;
use crate::wire::{AskedValue, ByHand};

/// What is open of a node, if a person was asked to do it.
pub(super) fn show(state: &RunState, look: &StepLook<'_>, item: &ItemLook<'_>) -> Option<ByHand> {
    let NodePhase::ByHand { call, expires_at } = &item.state.phase else {
        return None;
    };
    let StepKind::Action {
        effect,
        outputs,
        manual: Some(manual),
        ..
    } = &look.step.kind
    else {
        return None;
    };
    let told = |name: &str| call.input.get(name).and_then(|input| input.into_value());
    let instructions = match told("instructions") {
        Some(Value::Text(text)) => text,
        _ => String::new(),
    };
    let shown = match told("show") {
        Some(Value::Map(shown)) => shown,
        _ => BTreeMap::new(),
    };
    let asked = |(name, ty): (&String, &Type)| {
        let rules = manual.values.get(name);
        AskedValue {
            name: name.clone(),
            ty: ty.clone(),
            title: rules.and_then(|rules| rules.title.clone()),
            allowed: rules.map(|rules| rules.allowed.clone()).unwrap_or_default(),
            optional: ty.has(&Value::Null),
        }
    };
    let values: Vec<AskedValue> = outputs.iter().map(asked).collect();
    Some(ByHand {
        node: nodes::named(look.step, &item.node),
        title: look.step.title.clone(),
        effect: effect.as_str().to_owned(),
        attempt: item.state.attempt,
        asked_at_ms: item.state.started_at.map(|at| at.0),
        expires_at_ms: expires_at.map(|at| at.0),
        instructions,
        shown,
        shown_units: manual.show_units.clone(),
        not_requester: manual.not_requester,
        rule: who(state, manual.not_requester),
        next: next(state, item, &values, effect.is_change()),
        values,
    })
}

/// Who may answer, in the words of `authorise`.
fn who(state: &RunState, not_requester: bool) -> String {
    match state.requester() {
        Some(requester) if not_requester => {
            format!("{}: anybody but {requester}", Rule::SecondPerson)
        }
        Some(_) | None => "anybody who may decide gates, or the owner".to_owned(),
    }
}

/// What is typed when it is done, and when it is not.
fn next(
    state: &RunState,
    item: &ItemLook<'_>,
    values: &[AskedValue],
    is_change: bool,
) -> Vec<String> {
    let (run, node) = (state.run(), quoted(state.spelled(&item.node)));
    let asked = values.iter().filter(|value| !value.optional);
    let values: String = asked
        .map(|value| format!(" --value {}='...'", value.name))
        .collect();
    // Copied later, it answers nothing but what was asked now.
    let node = format!("{node} --attempt {}", item.state.attempt);
    let mut next = vec![
        format!("windlass attest {run} {node}{values} {REASON}"),
        format!("windlass decline {run} {node} {REASON}"),
    ];
    if is_change {
        next.push(format!("windlass decline {run} {node} --acted {REASON}"));
        next.push(format!("windlass decline {run} {node} --unknown {REASON}"));
    }
    next
}
