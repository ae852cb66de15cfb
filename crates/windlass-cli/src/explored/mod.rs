//! Explorations of runbooks: the runbook and the invariants of its test file read, explored,
//! and put together as data; `page` and `json` tell it.

pub(crate) mod json;
pub(crate) mod page;

use std::collections::BTreeMap;
use std::path::Path;

use windlass_core::rehearsal::Invariant;
use windlass_engine::explore::{Effort, Explored, Promise, What, explore};
use windlass_runbook::outline::{Duration, Outline};
use windlass_runbook::testing::TEST_FILE_ENDING;
use windlass_runbook::{Given, places};

use crate::error::Error;
use crate::rehearse;
use crate::runbook::{Runbook, show_rendered};

/// What is asked of an exploration.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// `None` leaves all inputs open.
    pub(crate) inputs: Option<BTreeMap<String, Given>>,
    pub(crate) states: usize,
    pub(crate) cancels: bool,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) runbook: String,
    pub(crate) explored: Explored,
    pub(crate) rules: Vec<Rule>,
    pub(crate) longest: Duration,
    /// The line of each step in the runbook.
    pub(crate) lines: BTreeMap<String, usize>,
}

/// Something that is held against every state.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) what: What,
    /// A word for machines: of a promise, or the key that it stands under.
    pub(crate) kind: &'static str,
    pub(crate) text: String,
    /// Where it is written; `None` of what is always held.
    pub(crate) place: Option<String>,
}

impl Report {
    /// Whether all holds, in every state.
    pub(crate) fn is_good(&self) -> bool {
        self.explored.is_complete && self.explored.broken.is_empty()
    }

    /// Where a step stands in the runbook.
    pub(crate) fn line_of(&self, step: &str) -> Option<usize> {
        let outer = step.split_once('/').map_or(step, |(outer, _)| outer);
        self.lines.get(outer).copied()
    }
}

/// Explores a runbook.
pub(crate) fn report(path: &Path, runbook: &Runbook, wanted: &Wanted) -> Result<Report, Error> {
    let samples = || places::samples(&runbook.text);
    let given = wanted.inputs.clone().unwrap_or_else(samples);
    let (plan, actions) = runbook.planned(&given)?;
    let (invariants, written) = invariants(path)?;
    let inputs = wanted.inputs.is_some().then_some(&plan.plan().inputs);
    let effort = Effort {
        states: wanted.states,
        cancels: wanted.cancels,
        ..Effort::default()
    };
    let explored = explore(&plan, inputs, &invariants, effort)
        .map_err(|error| Error::Usage(format!("{} cannot be rehearsed: {error}", runbook.name)))?;
    let promised = Promise::ALL.iter().map(|promise| Rule {
        what: What::Promise(*promise),
        kind: promise.as_str(),
        text: promise.text().to_owned(),
        place: None,
    });
    Ok(Report {
        runbook: runbook.name.clone(),
        explored,
        rules: promised.chain(written).collect(),
        longest: Outline::new(&plan, &actions).duration,
        lines: places::step_lines(&runbook.text),
    })
}

/// What the runbook's test file says of all runs; nothing when there is none.
fn invariants(path: &Path) -> Result<(Vec<Invariant>, Vec<Rule>), Error> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return Ok((Vec::new(), Vec::new()));
    };
    let stem = name.strip_suffix(".yaml").unwrap_or(name);
    let beside = path.with_file_name(format!("{stem}{TEST_FILE_ENDING}"));
    let Some(text) = rehearse::read_if_there(&beside)? else {
        return Ok((Vec::new(), Vec::new()));
    };
    let held = rehearse::held(&beside, &text)?;
    let name = beside.display();
    if held.checked.has_errors() {
        show_rendered(|style, _| held.checked.render(style));
        return Err(Error::Usage(format!("the test file {name} has mistakes")));
    }
    let invariants = held.checked.invariants;
    let rules = invariants
        .iter()
        .enumerate()
        .map(|(number, invariant)| Rule {
            what: What::Invariant(number),
            kind: invariant.when.as_str(),
            text: format!("{}: {}", invariant.when.as_str(), invariant.expr.source()),
            place: Some(format!("{name}:{}", invariant.line)),
        });
    let rules = rules.collect();
    Ok((invariants, rules))
}
