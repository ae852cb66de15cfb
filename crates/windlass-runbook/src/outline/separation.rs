//! Which separation of persons holds for a run of a plan, and which does not: said before
//! anybody relies on it. Who may do what is decided elsewhere (`authorise`).

use windlass_core::plan::{Gate, Plan, StepKind};
use windlass_core::policy::{Deed, Policy};

fn gates(plan: &Plan) -> impl Iterator<Item = (&str, &Gate)> {
    plan.steps.iter().filter_map(|step| match &step.kind {
        StepKind::Gate(gate) => Some((step.id.as_str(), gate)),
        StepKind::Action { .. } | StepKind::Wait { .. } => None,
    })
}

/// One person is every group.
pub(super) fn without_policy(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    let asks: Vec<&str> = gates(plan)
        .filter(|(_, gate)| !gate.all_of.is_empty())
        .map(|(name, _)| name)
        .collect();
    if !asks.is_empty() {
        lines.push(format!(
            "does not hold: the groups of {}: without a policy nobody is known to be in one",
            asks.join(", ")
        ));
    }
    if gates(plan).any(|(_, gate)| !gate.not_requester) {
        lines.push(
            "does not hold: who starts the run may approve it, where no gate says `not_requester`"
                .to_owned(),
        );
    }
    lines.push(OWNER.to_owned());
    lines
}

/// By the rules that can be about this plan.
pub(super) fn under(policy: &Policy, plan: &Plan) -> Vec<String> {
    let standing = policy.standing(plan);
    let mut lines = Vec::new();
    let seats: u32 = gates(plan)
        .map(|(_, gate)| gate.all_of.iter().map(|quorum| quorum.count).sum())
        .max()
        .unwrap_or(0);
    if seats > 1 {
        lines.push(format!(
            "holds: {seats} distinct persons approve, each counted once"
        ));
    }
    let own: Vec<&str> = standing
        .rules
        .iter()
        .filter(|rule| rule.own_runs && rule.may.contains(&Deed::Approve))
        .map(|rule| rule.name.as_str())
        .collect();
    let all_exclude = gates(plan).all(|(_, gate)| gate.not_requester);
    lines.push(match (own.as_slice(), all_exclude) {
        ([], _) | (_, true) => "holds: nobody approves what he started himself".to_owned(),
        (own, false) => format!(
            "does not hold: the rule {} lets a person approve what he started himself",
            own.join(", ")
        ),
    });
    lines.push(OWNER.to_owned());
    lines
}

/// What no rule of a file can prevent.
const OWNER: &str = "does not hold: whoever runs the engine owns its journal and its key, and a policy that \
     he can write";
