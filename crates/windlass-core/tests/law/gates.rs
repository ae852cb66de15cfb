//! Gates: who approves counts once, and what is approved has all the persons that it
//! asks for. The places are filled by trying every way, which the core does not.

use super::History;
use windlass_core::approval::{Grounds, Seat};
use windlass_core::event::Event;
use windlass_core::id::{GroupName, NodeId, StepId};
use windlass_core::operator::Operator;
use windlass_core::plan::{Gate, Plan, StepKind};
use windlass_core::time::Timestamp;

/// An approval of an open gate.
pub(crate) type Given = (Operator, Grounds);

pub(crate) fn judge(plan: &Plan, h: &History, event: &Event, at: Timestamp) -> Result<(), String> {
    match event {
        Event::ApprovalGiven {
            step, by, grounds, ..
        } => {
            let all = with(h, step, by, grounds)?;
            if is_full(gate(plan, step), &all) {
                return Err(format!("{step} has all its approvals, and waits"));
            }
            Ok(())
        }
        Event::GateApproved {
            step, by, grounds, ..
        } => {
            let all = with(h, step, by, grounds)?;
            // Without a policy nobody is known to be in a group, and one person is all.
            if grounds.person.is_some() && !is_full(gate(plan, step), &all) {
                return Err(format!("{step} is approved, but lacks a person"));
            }
            Ok(())
        }
        Event::AttemptStarted { node, .. } | Event::ManualStepOpened { node, .. } => {
            facts(plan, h, node, at)
        }
        _ => Ok(()),
    }
}

/// The first change behind a gate begins on facts that were read after the approval, are
/// young enough, and were accepted.
fn facts(plan: &Plan, h: &History, node: &NodeId, at: Timestamp) -> Result<(), String> {
    if !super::windows::rests_on_approvals(plan, node) || h.owes(&node.step) {
        return Ok(());
    }
    for before in super::ancestors(plan, &node.step) {
        let Some(approval) = h.approved.get(&before).filter(|approval| !approval.used) else {
            continue;
        };
        for fact in &gate(plan, &before).facts {
            let seen = h.facts.get(&before).and_then(|facts| facts.get(&fact.name));
            let fits = |(asked_at, accepted): &(Timestamp, bool)| {
                *accepted && *asked_at >= approval.at && at.since(*asked_at) <= fact.max_age
            };
            if !seen.is_some_and(fits) {
                return Err(format!("{node} begins without the fact {}", fact.name));
            }
        }
    }
    Ok(())
}

fn gate<'a>(plan: &'a Plan, step: &StepId) -> &'a Gate {
    match &super::step_of(plan, step).kind {
        StepKind::Gate(gate) => gate,
        StepKind::Action { .. } | StepKind::Wait { .. } => panic!("{step} is no gate"),
    }
}

fn with(
    h: &History,
    step: &StepId,
    by: &Operator,
    grounds: &Grounds,
) -> Result<Vec<Given>, String> {
    if !h.open.contains_key(step) {
        return Err(format!("{step} is approved, but not open"));
    }
    let mut all = h.given.get(step).cloned().unwrap_or_default();
    let same = |(other, known): &Given| {
        other.identity == by.identity || known.person.is_some() && known.person == grounds.person
    };
    if all.iter().any(same) {
        return Err(format!("{step} is approved twice by {}", by.name));
    }
    all.push((by.clone(), grounds.clone()));
    Ok(all)
}

/// Whether there is a way to give every place another person, who speaks for a member
/// that nobody else speaks for.
fn is_full(gate: &Gate, all: &[Given]) -> bool {
    fill(&gate.places(), all, &mut Vec::new())
}

fn fill<'a>(places: &[&GroupName], all: &'a [Given], taken: &mut Vec<(usize, &'a str)>) -> bool {
    let Some((group, rest)) = places.split_first() else {
        return true;
    };
    for (at, (by, grounds)) in all.iter().enumerate() {
        for seat in grounds.seats.iter().filter(|seat| seat.group == **group) {
            let member = member(by, grounds, seat);
            if taken
                .iter()
                .any(|(who, whose)| *who == at || *whose == member)
            {
                continue;
            }
            taken.push((at, member));
            if fill(rest, all, taken) {
                return true;
            }
            taken.pop();
        }
    }
    false
}

fn member<'a>(by: &'a Operator, grounds: &'a Grounds, seat: &'a Seat) -> &'a str {
    let own = grounds
        .person
        .as_ref()
        .map_or(by.name.as_str(), |person| person.as_str());
    seat.instead_of
        .as_ref()
        .map_or(own, |member| member.as_str())
}
