//! The proof of the shipped runbooks hangs on each edge that carries an approval or a guard:
//! without it, it fails. Which edges those are is found by walking, not by the proof.

#![expect(
    clippy::unwrap_used,
    reason = "a plan that cannot be made ends the test, which is all it can do"
)]

use std::collections::BTreeSet;
use std::path::Path;

use windlass_core::plan::Plan;
use windlass_runbook::proof::{Demand, Fact, facts, prove};
use windlass_tests::binary::windlass;

/// The plan of a runbook with the inputs that stand beside it.
fn plan(runbook: &Path) -> Plan {
    let place = tempfile::tempdir().unwrap();
    let mut plan = std::process::Command::new(windlass());
    plan.arg("plan")
        .arg(runbook)
        .args(["--format", "record"])
        .env("XDG_STATE_HOME", place.path())
        .env("XDG_CACHE_HOME", windlass_tests::cache::dir());
    let example = runbook.with_extension("inputs.json");
    if example.exists() {
        plan.arg("--input-file").arg(example);
    }
    let output = plan.output().expect("the program can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", runbook.display());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Whether a step is reached by what surely gives what it demands.
fn is_met(facts: &[Fact], step: usize, demand: &Demand) -> bool {
    let mut seen = BTreeSet::new();
    let mut waiting = facts[step].needs.clone();
    while let Some(before) = waiting.pop() {
        let fact = &facts[before];
        if fact.gives.as_ref() == Some(demand) && fact.passed.is_none() {
            return true;
        }
        if seen.insert(before) {
            waiting.extend(&fact.needs);
        }
    }
    false
}

fn lacks(facts: &[Fact]) -> BTreeSet<(usize, Demand)> {
    let demands = facts.iter().enumerate().flat_map(|(step, fact)| {
        let demands = fact.demands.iter().cloned();
        demands.map(move |demand| (step, demand))
    });
    demands
        .filter(|(step, demand)| !is_met(facts, *step, demand))
        .collect()
}

/// Takes each edge out in turn; answers how many of them the proof hangs on.
fn without_each_edge(name: &str, plan: &Plan) -> usize {
    let whole = facts(&plan.steps);
    assert!(
        prove(&whole).is_empty(),
        "{name} is proved as it is shipped"
    );
    let before = lacks(&whole);
    let edges: Vec<(usize, usize)> = whole
        .iter()
        .enumerate()
        .flat_map(|(step, fact)| fact.needs.iter().map(move |need| (step, *need)))
        .collect();
    let mut carrying = BTreeSet::new();
    for (step, need) in edges {
        let mut cut = whole.clone();
        cut[step].needs.retain(|other| *other != need);
        let lost: Vec<_> = lacks(&cut).difference(&before).cloned().collect();
        if lost.is_empty() {
            continue;
        }
        carrying.insert((step, need));
        assert!(
            !prove(&cut).is_empty(),
            "{name}: without the edge from {} to {} the proof still holds, though {lost:?}",
            plan.steps[need].id,
            plan.steps[step].id,
        );
    }
    carrying.len()
}

#[test]
fn the_proof_of_each_shipped_runbook_hangs_on_its_edges() {
    let mut proved = 0;
    for runbook in super::runbooks() {
        let text = std::fs::read_to_string(&runbook).unwrap();
        if text.contains("\nplugins:") && !super::are_built() {
            continue;
        }
        let plan = plan(&runbook);
        let demanded = facts(&plan.steps);
        let name = runbook.file_name().unwrap().to_string_lossy();
        let carrying = without_each_edge(&name, &plan);
        let demands = demanded.iter().any(|fact| !fact.demands.is_empty());
        assert!(!demands || carrying > 0, "{name} has no edge to cut");
        println!("{name}: {carrying} edges carry an approval or a guard");
        proved += usize::from(demands);
    }
    assert!(proved >= 2, "both flagships demand something, {proved} did");
}
