//! Test files: cases of a runbook with mocked work, answered gates and what is expected.
//! A file is read first, so that its runbook can be found, then checked against that
//! runbook. Responsible for its text and what it means; the engine rehearses the cases.

mod book;
mod expect;
mod facts;
mod invariants;
pub(crate) mod keys;
mod looks;
mod mocks;
mod operator;
mod outputs;
mod windows;

use std::collections::BTreeMap;
use std::fmt;

use windlass_core::catalog::Catalog;
use windlass_core::plan::Plan;
use windlass_core::rehearsal::{Case, Invariant, Script};
use windlass_core::value::Value;

use crate::check::fields::{DIAGNOSTICS_MAX, Fields, Found, wrong_shape};
use crate::check::{Checked, Files, Given, check_with};
use crate::codes::{BAD_VALUE, INPUT_UNKNOWN, TEST_INPUTS, TEST_RUNBOOK};
use crate::diagnostic::{Diagnostic, Severity, Source, Span};
use crate::node::{Entry, Node, NodeKind};
use crate::render::{COLUMNS, Style, render_all};
use crate::yaml;
use book::Book;

/// How the name of every test file ends.
pub const TEST_FILE_ENDING: &str = ".test.yaml";
/// The most cases of one file.
pub const CASES_MAX: usize = 1_000;
/// The version of the format that this crate reads.
const FORMAT: i64 = 1;
/// What the codes about inputs begin with.
const INPUT_CODES: &str = "WL03";

/// A test file's text, read but not yet held against its runbook.
#[derive(Clone, Debug)]
pub struct TestFile {
    source: Source,
    node: Option<Node>,
    found: Found,
}

/// Why the runbook of a test file cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// There is none.
    Missing,
    /// It has mistakes of its own.
    Wrong,
}

/// The runbook that a test file belongs to.
#[derive(Clone, Copy)]
pub struct RunbookText<'a> {
    /// Its path, as people know it.
    pub name: &'a str,
    pub text: &'a str,
    /// What it may inline.
    pub files: &'a dyn Files,
}

impl fmt::Debug for RunbookText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RunbookText").field(&self.name).finish()
    }
}

/// A case and the plan that it rehearses.
#[derive(Clone, Debug)]
pub struct PlannedCase {
    pub case: Case,
    pub plan: Plan,
}

/// What a check of a test file found.
#[derive(Clone, Debug)]
pub struct CheckedTests {
    /// In the author's order; only those without a mistake.
    pub cases: Vec<PlannedCase>,
    /// What must hold in every run.
    pub invariants: Vec<Invariant>,
    /// In the order of the text, at most [`DIAGNOSTICS_MAX`].
    pub diagnostics: Vec<Diagnostic>,
    /// The test file's text, which the diagnostics point into.
    pub source: Source,
}

impl CheckedTests {
    /// Whether something is wrong; warnings do not count.
    pub fn has_errors(&self) -> bool {
        let mut found = self.diagnostics.iter();
        found.any(|found| found.severity == Severity::Error)
    }

    /// The diagnostics as text, with the lines they point at.
    pub fn render(&self, style: Style) -> String {
        render_all(
            std::slice::from_ref(&self.source),
            &self.diagnostics,
            style,
            COLUMNS,
        )
    }
}

impl From<CheckedTests> for Checked {
    /// What a check of the file found, in the form of a runbook's.
    fn from(tests: CheckedTests) -> Self {
        Self {
            plan: None,
            diagnostics: tests.diagnostics,
            omitted: 0,
            sources: vec![tests.source],
            actions: Catalog::default(),
        }
    }
}

impl TestFile {
    /// Reads a test file.
    pub fn read(source_name: &str, text: &str) -> Self {
        let (node, found) = yaml::read(text);
        let source = Source {
            name: source_name.to_owned(),
            text: text.to_owned(),
        };
        Self {
            source,
            node,
            found,
        }
    }

    /// The path of the runbook as it is written, relative to the test file; `None` when it
    /// is the file of the same name beside it.
    pub fn runbook(&self) -> Option<&str> {
        self.entry("runbook")?.value.as_text()
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.node.as_ref()?.kind {
            NodeKind::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// What is said of the file when its runbook, at this path, cannot be used.
    pub fn without_runbook(mut self, path: &str, lack: Lack) -> CheckedTests {
        let span = match self.entry("runbook") {
            Some(entry) => entry.value.span,
            None => Span::default(),
        };
        let (message, help) = match lack {
            Lack::Missing => (
                format!("there is no runbook {path}"),
                Some(
                    "`runbook` is a path from the test file's folder; without it, the file beside it that is named without `.test`",
                ),
            ),
            Lack::Wrong => (format!("the runbook {path} has mistakes"), None),
        };
        // Of a text that is no YAML nobody knows which runbook it names.
        if self.node.is_some() {
            self.found.push(
                Diagnostic::error(TEST_RUNBOOK, message)
                    .at(span, "the runbook of these cases")
                    .maybe_help(help.map(str::to_owned)),
            );
        }
        self.checked(Vec::new(), Vec::new())
    }

    /// Checks the cases against their runbook, which has no mistakes of its own.
    pub fn check(mut self, runbook: RunbookText<'_>, catalog: &Catalog) -> CheckedTests {
        let Some(node) = self.node.take() else {
            return self.checked(Vec::new(), Vec::new());
        };
        let mut found = std::mem::take(&mut self.found);
        let read = self.read_all(&node, runbook, catalog, &mut found);
        self.found = found;
        let (cases, invariants) = read.unwrap_or_default();
        self.checked(cases, invariants)
    }

    fn checked(mut self, cases: Vec<PlannedCase>, invariants: Vec<Invariant>) -> CheckedTests {
        self.found
            .sort_by_key(|found| found.labels.first().map(|(span, _)| *span));
        // A mistake outside of the cases is met once for each case.
        self.found.dedup();
        self.found.truncate(DIAGNOSTICS_MAX);
        CheckedTests {
            cases,
            invariants,
            diagnostics: self.found,
            source: self.source,
        }
    }

    fn read_all(
        &self,
        node: &Node,
        runbook: RunbookText<'_>,
        catalog: &Catalog,
        found: &mut Found,
    ) -> Option<(Vec<PlannedCase>, Vec<Invariant>)> {
        let fields = Fields::read(node, Span::default(), &keys::TOP, found)?;
        format(&fields, found);
        fields.text("runbook", found);
        let shared = Shared {
            file: self,
            runbook,
            catalog,
            inputs: fields.get("inputs"),
            mocks: fields.get("mocks"),
            gates: fields.get("gates"),
            facts: fields.get("facts"),
            windows: fields.get("windows"),
        };
        let entry = fields
            .required("cases", "a test file", found)
            .and(fields.get("cases"))?;
        let NodeKind::Map(entries) = &entry.value.kind else {
            let rule = "`cases` is a map from names to cases";
            found.push(wrong_shape(&entry.value, rule));
            return None;
        };
        if entries.is_empty() || entries.len() > CASES_MAX {
            let message = format!("a test file has from 1 to {CASES_MAX} cases");
            let label = "not as many";
            found.push(Diagnostic::error(BAD_VALUE, message).at(entry.key_span, label));
            return None;
        }
        // Most cases have the inputs of the file: their plan is made once.
        let common = shared.plan(None, entry.key_span, found);
        let mut cases = Vec::new();
        for entry in entries {
            if found.len() >= DIAGNOSTICS_MAX {
                break;
            }
            cases.extend(shared.case(entry, common.as_ref(), found));
        }
        let invariants = match &common {
            Some((plan, actions)) => {
                let book = Book::new(plan, actions, self);
                invariants::invariants(&fields, &book, found)
            }
            None => Vec::new(),
        };
        Some((cases, invariants))
    }

    fn line(&self, span: Span) -> usize {
        let before = self.source.text.get(..span.start).unwrap_or_default();
        before.matches('\n').count() + 1
    }
}

/// What all cases of a file have.
struct Shared<'a> {
    file: &'a TestFile,
    runbook: RunbookText<'a>,
    catalog: &'a Catalog,
    inputs: Option<&'a Entry>,
    mocks: Option<&'a Entry>,
    gates: Option<&'a Entry>,
    facts: Option<&'a Entry>,
    windows: Option<&'a Entry>,
}

impl Shared<'_> {
    fn case(
        &self,
        entry: &Entry,
        common: Option<&(Plan, Catalog)>,
        found: &mut Found,
    ) -> Option<PlannedCase> {
        let before = found.len();
        let fields = Fields::read(&entry.value, entry.key_span, &keys::CASE, found)?;
        fields.text("title", found);
        let own = fields.get("inputs");
        let plan = match own {
            None => common.cloned(),
            Some(own) => self.plan(Some(own), entry.key_span, found),
        }?;
        let (plan, actions) = plan;
        let book = Book::new(&plan, &actions, self.file);
        let mut script = Script::default();
        // What is looked up first stands first: the case, then the file.
        for (entry, own) in [(fields.get("mocks"), true), (self.mocks, false)] {
            if let Some(entry) = entry {
                script.mocks.extend(mocks::mocks(entry, own, &book, found));
            }
        }
        for (entry, own) in [(fields.get("gates"), true), (self.gates, false)] {
            if let Some(entry) = entry {
                script
                    .gates
                    .extend(operator::gates(entry, own, &book, found));
            }
        }
        for (entry, own) in [(fields.get("facts"), true), (self.facts, false)] {
            if let Some(entry) = entry {
                script.facts.extend(facts::facts(entry, own, &book, found));
            }
        }
        for entry in [self.windows, fields.get("windows")].into_iter().flatten() {
            script.windows.extend(windows::windows(entry, &plan, found));
        }
        if let Some(entry) = fields.get("operator") {
            script.cues = operator::cues(&entry.value, &book, found);
        }
        script.target_held = fields
            .duration_or_zero("target_held", found)
            .unwrap_or_default();
        let expected = fields.required("expect", "a case", found)?;
        let expected = expect::expected(expected, entry.key_span, &book, found)?;
        let case = Case {
            name: entry.key.clone(),
            line: self.file.line(entry.key_span),
            script,
            expected,
        };
        (found.len() == before).then_some(PlannedCase { case, plan })
    }

    /// The plan with the file's inputs and the case's own above them, and the actions that
    /// its runbook may use.
    fn plan(&self, own: Option<&Entry>, case: Span, found: &mut Found) -> Option<(Plan, Catalog)> {
        let mut inputs: BTreeMap<String, (Value, Span)> = BTreeMap::new();
        for entry in [self.inputs, own].into_iter().flatten() {
            let NodeKind::Map(entries) = &entry.value.kind else {
                let rule = "`inputs` is a map from inputs to their values";
                found.push(wrong_shape(&entry.value, rule));
                return None;
            };
            for input in entries {
                let value = (input.value.to_value(), input.key_span);
                inputs.insert(input.key.clone(), value);
            }
        }
        let mut given: BTreeMap<String, Given> = inputs
            .iter()
            .map(|(name, (value, _))| (name.clone(), Given::Value(value.clone())))
            .collect();
        let RunbookText { name, text, files } = self.runbook;
        let checked = check_with(name, text, Some(&given), self.catalog, files);
        if let Some(plan) = checked.plan {
            return Some((plan, checked.actions));
        }
        let errors = checked
            .diagnostics
            .into_iter()
            .filter(|found| found.severity == Severity::Error);
        for error in errors {
            let named = |name: &str| error.message.contains(&format!("`{name}`"));
            let place = inputs.iter().find(|(name, _)| named(name));
            let (span, label) = match (place, own.or(self.inputs)) {
                (Some((_, (_, span))), _) => (*span, "this input"),
                (None, Some(entry)) => (entry.key_span, "these inputs"),
                (None, None) => (case, "without inputs"),
            };
            let of_inputs = error.code.id().starts_with(INPUT_CODES);
            if of_inputs {
                stand_in(&mut given, &error);
            }
            let (code, what) = if of_inputs {
                (TEST_INPUTS, "the inputs do not fit the runbook")
            } else {
                (TEST_RUNBOOK, "the runbook has a mistake")
            };
            let message = format!("{what}: {}", error.message);
            found.push(
                Diagnostic::error(code, message)
                    .at(span, label)
                    .maybe_help(error.help),
            );
        }
        // What else is wrong with the cases is found with any values of the inputs.
        let checked = check_with(name, text, Some(&given), self.catalog, files);
        checked.plan.map(|plan| (plan, checked.actions))
    }
}

/// Puts a sample in the place of an input that is missing or wrong, and takes out one that
/// there is not.
fn stand_in(given: &mut BTreeMap<String, Given>, error: &Diagnostic) {
    let quoted = error.message.split('`').nth(1).unwrap_or_default();
    let name = quoted.split(['.', '[']).next().unwrap_or_default();
    if error.code == INPUT_UNKNOWN {
        given.remove(quoted);
    } else {
        given.insert(name.to_owned(), Given::Sample);
    }
}

fn format(fields: &Fields<'_>, found: &mut Found) {
    let Some(node) = fields.required("windlass_test", "a test file", found) else {
        return;
    };
    if node.kind != NodeKind::Int(FORMAT) {
        let message = "this version reads `windlass_test: 1`";
        let label = "another version of the format";
        found.push(Diagnostic::error(BAD_VALUE, message).at(node.span, label));
    }
}
