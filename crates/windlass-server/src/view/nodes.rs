//! Steps, items, open gates and doubts of a view.

use std::collections::BTreeMap;

use windlass_core::approval;
use windlass_core::authorise::Rule;
use windlass_core::id::{NodeId, Phase, StepId};
use windlass_core::operator::Operator;
use windlass_core::outcome::Effected;
use windlass_core::plan::{
    Fact as PlannedFact, Gate as PlannedGate, Step as PlannedStep, StepKind,
};
use windlass_core::state::{
    Doubt as DoubtState, ItemLook, NodePhase, RunState, StepLook, StepPhase, StepState,
};
use windlass_core::value::Value;

use super::budget::Budget;
use super::{Overlay, by_hand, needs};
use crate::wire::{ByHand, Doubt, Fact, Gate, Given, Item, NodeName, Place, Statement, Step};

/// What is shown of a run's steps.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) steps: Vec<Step>,
    pub(super) gates: Vec<Gate>,
    pub(super) by_hand: Vec<ByHand>,
    pub(super) doubts: Vec<Doubt>,
}

/// Shows every step; items as far as the view's bounds allow.
pub(super) fn show(state: &RunState, overlay: &Overlay) -> Shown {
    let lines: BTreeMap<(&NodeId, u32), &str> = overlay
        .progress
        .iter()
        .map(|line| ((&line.node, line.attempt), line.line.as_str()))
        .collect();
    let mut budget = Budget::new();
    let mut shown = Shown::default();
    for look in state.steps() {
        shown.gates.extend(gate(state, &look));
        let asked = look.items.iter();
        shown
            .by_hand
            .extend(asked.filter_map(|item| by_hand::show(state, &look, item)));
        let doubts = look.items.iter();
        shown
            .doubts
            .extend(doubts.filter_map(|item| doubt(look.step, item)));
        shown.steps.push(step(&look, &lines, &mut budget));
    }
    shown
}

fn step(look: &StepLook<'_>, lines: &BTreeMap<(&NodeId, u32), &str>, budget: &mut Budget) -> Step {
    let (step, state) = (look.step, look.state);
    let (kind, uses, effect, for_each) = match &step.kind {
        StepKind::Action {
            call,
            effect,
            for_each,
            ..
        } => {
            let uses = Some(call.uses.to_string());
            ("action", uses, Some(effect.as_str()), for_each.is_some())
        }
        StepKind::Gate(_) => ("gate", None, None, false),
        StepKind::Wait { .. } => ("wait", None, None, false),
    };
    let mut items = Vec::new();
    for item in &look.items {
        match show_item(step, item, lines, budget) {
            Some(item) => items.push(item),
            None => break,
        }
    }
    let only = look.items.first().filter(|_| !for_each);
    let approved = match &state.phase {
        StepPhase::GateApproved { by, .. } => Some(approved_by(state, by)),
        StepPhase::Pending
        | StepPhase::Begun
        | StepPhase::Waiting { .. }
        | StepPhase::GateOpen { .. }
        | StepPhase::GateWithdrawn
        | StepPhase::Succeeded
        | StepPhase::Skipped
        | StepPhase::Failed
        | StepPhase::Stopped => None,
    };
    Step {
        id: step.id.clone(),
        title: step.title.clone(),
        kind: kind.to_owned(),
        uses,
        effect: effect.map(str::to_owned),
        state: state.phase.name().to_owned(),
        attempt: only.map_or(state.gate_attempt, |item| item.state.attempt),
        finally: step.finally,
        for_each,
        items_left_out: look.items.len() - items.len(),
        items,
        started_at_ms: state.started_at.map(|at| at.0),
        ended_at_ms: state.ended_at.map(|at| at.0),
        until_ms: waiting_until(&state.phase),
        message: state.message.clone().or(approved),
    }
}

/// A node as people read it.
pub(super) fn named(step: &PlannedStep, node: &NodeId) -> NodeName {
    NodeName::of(node, step.has_items())
}

fn waiting_until(phase: &StepPhase) -> Option<i64> {
    match phase {
        StepPhase::Waiting { until } => Some(until.0),
        StepPhase::Pending
        | StepPhase::Begun
        | StepPhase::GateOpen { .. }
        | StepPhase::GateApproved { .. }
        | StepPhase::GateWithdrawn
        | StepPhase::Succeeded
        | StepPhase::Skipped
        | StepPhase::Failed
        | StepPhase::Stopped => None,
    }
}

fn show_item(
    step: &PlannedStep,
    look: &ItemLook<'_>,
    lines: &BTreeMap<(&NodeId, u32), &str>,
    budget: &mut Budget,
) -> Option<Item> {
    let state = look.state;
    let message = state
        .failure
        .as_ref()
        .map(|failure| failure.message.clone());
    let last_line = lines.get(&(&look.node, state.attempt)).copied();
    let texts = message.as_ref().map_or(0, String::len) + last_line.map_or(0, str::len);
    let refusals = state.refusals.iter();
    let refused: usize = refusals
        .map(|refusal| refusal.asked.len() + refusal.missing.len())
        .sum();
    if !budget.take_item(texts + refused + state.item.weight_bytes()) {
        return None;
    }
    let (until, outputs) = match &state.phase {
        NodePhase::Running { deadline, .. } => (Some(*deadline), None),
        NodePhase::ByHand { expires_at, .. } => (*expires_at, None),
        NodePhase::Backoff { at } | NodePhase::Polling { at } => (Some(*at), None),
        NodePhase::InDoubt(doubt) => (Some(doubt.observe_until), None),
        NodePhase::Succeeded { outputs, .. } => (None, Some(outputs)),
        NodePhase::Ready | NodePhase::AttemptFailed | NodePhase::Failed | NodePhase::Stopped => {
            (None, None)
        }
    };
    let kept: Option<Value> = outputs
        .filter(|outputs| budget.take_outputs(outputs.weight_bytes()))
        .cloned();
    Some(Item {
        node: named(step, &look.node),
        value: state.item.clone(),
        state: state.phase.name().to_owned(),
        attempt: state.attempt,
        until_ms: until.map(|at| at.0),
        effected: failed_effect(look).map(|effect| effect.to_string()),
        message,
        refusals: state.refusals.clone(),
        last_line: last_line.map(str::to_owned),
        orphan_pid: orphan(look),
        outputs_left_out: outputs.is_some() && kept.is_none(),
        outputs: kept,
        started_at_ms: state.started_at.map(|at| at.0),
        ended_at_ms: state.ended_at.map(|at| at.0),
    })
}

fn failed_effect(look: &ItemLook<'_>) -> Option<Effected> {
    look.state.failure.as_ref().map(|failure| failure.effect)
}

fn orphan(look: &ItemLook<'_>) -> Option<u32> {
    look.state.orphan.map(|(_, pid)| pid)
}

/// All who approved it; of an old journal the last one is known.
fn approved_by(state: &StepState, last: &Operator) -> String {
    let all: Vec<String> = state
        .approvals()
        .iter()
        .map(|approval| approval.by.to_string())
        .collect();
    match all.as_slice() {
        [] => format!("approved by {last}"),
        all => format!("approved by {}", all.join(", ")),
    }
}

fn gate(state: &RunState, look: &StepLook<'_>) -> Option<Gate> {
    let StepKind::Gate(
        planned @ PlannedGate {
            not_requester,
            show_units,
            ..
        },
    ) = &look.step.kind
    else {
        return None;
    };
    let StepPhase::GateOpen { expires_at, shown } = &look.state.phase else {
        return None;
    };
    let statement = state.statement(&look.step.id)?;
    let seen = state.seen(&look.step.id);
    let signed = state.takes_signed(&look.step.id);
    Some(Gate {
        step: look.step.id.clone(),
        title: look.step.title.clone(),
        state: look.state.phase.name().to_owned(),
        attempt: look.state.gate_attempt,
        opened_at_ms: look.state.started_at.map(|at| at.0),
        expires_at_ms: expires_at.map(|at| at.0),
        shown: shown.clone(),
        shown_units: show_units.clone(),
        target: state.target().map(str::to_owned),
        statement: Statement {
            plan_digest: seen.plan,
            attempt: seen.attempt,
            digest: seen.digest,
        },
        statement_text: statement.text().to_owned(),
        signed,
        not_requester: *not_requester,
        rule: who_decides(state, planned),
        places: places(state, &look.step.id),
        approvals: look.state.approvals().iter().map(given).collect(),
        facts: planned
            .facts
            .iter()
            .map(|fact| shown_fact(look.state, fact))
            .collect(),
        next: needs::for_gate(state.run(), &look.step.id, signed),
    })
}

fn places(state: &RunState, gate: &StepId) -> Vec<Place> {
    let place = |place: approval::Place<'_>| Place {
        group: place.group.clone(),
        filled_by: place.filled_by.map(|approval| approval.by.to_string()),
    };
    state.gate_places(gate).into_iter().map(place).collect()
}

fn shown_fact(state: &StepState, planned: &PlannedFact) -> Fact {
    let known = state.fact(&planned.name);
    let latest = known.and_then(|known| known.latest.as_ref());
    let finding = latest.map(|latest| &latest.finding);
    Fact {
        name: planned.name.clone(),
        rule: planned.rule.clone(),
        max_age_ms: planned.max_age.0,
        is_asked: known.is_some_and(|known| known.is_asked()),
        asked_at_ms: latest.map(|latest| latest.asked_at.0),
        outputs: finding.and_then(|finding| finding.outputs().cloned()),
        fault: finding.and_then(|finding| finding.fault().map(str::to_owned)),
    }
}

fn given(approval: &approval::Approval) -> Given {
    Given {
        by: approval.by.to_string(),
        at_ms: approval.at.0,
        note: approval.note.clone(),
        rule: approval.rule.clone(),
    }
}

/// Who may decide a gate, in the words of `authorise`.
fn who_decides(state: &RunState, gate: &PlannedGate) -> String {
    let groups = gate.quorums_in_words();
    let of_groups = match (groups.as_str(), state.knows_groups()) {
        ("", _) => String::new(),
        (groups, true) => return format!("{groups}, each another person"),
        (groups, false) => {
            format!("; asks for {groups}, and without a policy one person is every group")
        }
    };
    if state.is_single_user() && !gate.not_requester {
        return format!("{}{of_groups}", Rule::SingleUser);
    }
    let rule = Rule::SecondPerson;
    match state.requester() {
        Some(requester) => format!("{rule}: anybody but {requester}{of_groups}"),
        None => format!("{rule}{of_groups}"),
    }
}

fn doubt(step: &PlannedStep, look: &ItemLook<'_>) -> Option<Doubt> {
    let doubt = in_doubt(look)?;
    Some(Doubt {
        node: named(step, &look.node),
        attempt: look.state.attempt,
        since_ms: doubt.since.0,
        quiet_at_ms: doubt.quiet_at.0,
        observe_until_ms: doubt.observe_until.0,
        looks: doubt.looks,
        said: doubt.said.clone(),
        escalated: doubt.escalated.clone(),
        orphan_pid: orphan(look),
    })
}

/// The doubt that a node is in.
pub(super) fn in_doubt<'a>(look: &ItemLook<'a>) -> Option<&'a DoubtState> {
    match &look.state.phase {
        NodePhase::InDoubt(doubt) => Some(doubt),
        NodePhase::Ready
        | NodePhase::Running { .. }
        | NodePhase::ByHand { .. }
        | NodePhase::AttemptFailed
        | NodePhase::Backoff { .. }
        | NodePhase::Polling { .. }
        | NodePhase::Succeeded { .. }
        | NodePhase::Failed
        | NodePhase::Stopped => None,
    }
}

/// Whether a person may order another attempt of it.
pub(super) fn is_failed(look: &ItemLook<'_>) -> bool {
    match &look.state.phase {
        NodePhase::Failed => true,
        NodePhase::Ready
        | NodePhase::Running { .. }
        | NodePhase::ByHand { .. }
        | NodePhase::AttemptFailed
        | NodePhase::Backoff { .. }
        | NodePhase::Polling { .. }
        | NodePhase::InDoubt(_)
        | NodePhase::Succeeded { .. }
        | NodePhase::Stopped => false,
    }
}

/// Whether a retry must say that nothing of the last attempt remains.
pub(super) fn may_remain(state: &RunState, look: &ItemLook<'_>) -> bool {
    let change = state
        .call_of(&look.node)
        .is_some_and(|(_, effect)| effect.is_change());
    change
        && match failed_effect(look) {
            Some(Effected::Settled | Effected::Unknown) => true,
            Some(Effected::None) | None => false,
        }
}

/// Whether a node is the doing of a step, and not its undo.
pub(super) fn is_doing(look: &ItemLook<'_>) -> bool {
    match look.node.phase {
        Phase::Do => true,
        Phase::Undo => false,
    }
}
