//! Test files rehearsed: found, read, checked against their runbooks, played and judged.
//! The result is data; `human`, `tap` and `junit` tell it.

mod files;
pub(crate) mod human;
pub(crate) mod junit;
mod story;
pub(crate) mod tap;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use windlass_core::plan::IndexedPlan;
use windlass_engine::rehearsal::{Coverage, Miss, judge, rehearse};
use windlass_runbook::render::Style;
use windlass_runbook::testing::{CheckedTests, Lack, PlannedCase, RunbookText, TestFile};
use windlass_runbook::{Checked, check_with};

use crate::error::Error;
use crate::runbook::Beside;
use crate::sources::{catalog, sources};
use crate::text;

pub(crate) use files::{find, is_test_file, read_if_there};

/// What all test files gave.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) files: Vec<FileReport>,
    /// By the runbook's path; empty when nobody asked.
    pub(crate) coverage: Vec<Reached>,
}

/// What one test file gave.
#[derive(Debug)]
pub(crate) struct FileReport {
    pub(crate) name: String,
    /// Why it cannot be used, as text for people.
    pub(crate) wrong: Option<String>,
    pub(crate) cases: Vec<CaseReport>,
}

/// What one case gave.
#[derive(Debug)]
pub(crate) struct CaseReport {
    pub(crate) name: String,
    pub(crate) line: usize,
    /// What is wrong with it, a line each; empty when all is as expected.
    pub(crate) differences: Vec<Difference>,
    /// What happened, a line each.
    pub(crate) story: Vec<String>,
}

/// One thing that is not as expected.
#[derive(Debug)]
pub(crate) enum Difference {
    /// The run and the script did not fit together.
    Fault(String),
    Miss(Miss),
}

/// What was reached of one runbook.
#[derive(Debug)]
pub(crate) struct Reached {
    pub(crate) runbook: String,
    pub(crate) coverage: Coverage,
    /// The least share that is accepted.
    pub(crate) least: Option<u32>,
    /// Whether the lines about it were asked for.
    pub(crate) told: bool,
}

impl Report {
    /// Whether every case is as expected and enough was reached.
    pub(crate) fn is_good(&self) -> bool {
        let cases = || self.files.iter().flat_map(|file| &file.cases);
        cases().all(|case| case.differences.is_empty())
            && self.files.iter().all(|file| file.wrong.is_none())
            && self.coverage.iter().all(Reached::is_enough)
    }
}

impl Reached {
    pub(crate) fn is_enough(&self) -> bool {
        self.least
            .is_none_or(|least| self.coverage.percent() >= least)
    }
}

impl Difference {
    /// The difference in one line.
    pub(crate) fn line(&self) -> String {
        match self {
            Difference::Fault(fault) => text::line(fault),
            Difference::Miss(miss) => text::line(&format!(
                "{}: expected {}; found {}",
                miss.key, miss.expected, miss.found
            )),
        }
    }
}

/// Rehearses all files.
pub(crate) fn report(files: &[PathBuf], told: bool, least: Option<u32>) -> Result<Report, Error> {
    let mut covered: BTreeMap<String, Coverage> = BTreeMap::new();
    let files = files
        .iter()
        .map(|path| file_report(path, &mut covered))
        .collect::<Result<Vec<_>, Error>>()?;
    let coverage = covered
        .into_iter()
        .filter(|_| told || least.is_some())
        .map(|(runbook, coverage)| Reached {
            runbook,
            coverage,
            least,
            told,
        })
        .collect();
    Ok(Report { files, coverage })
}

/// A test file held against its runbook.
#[derive(Debug)]
pub(crate) struct Held {
    /// The runbook's path.
    runbook: String,
    pub(crate) checked: CheckedTests,
    /// The check of the runbook, when that has mistakes of its own.
    alone: Option<Checked>,
}

/// Checks the text of a test file against its runbook.
pub(crate) fn held(path: &Path, text: &str) -> Result<Held, Error> {
    let tests = TestFile::read(&path.display().to_string(), text);
    let runbook_path = files::runbook_of(path, tests.runbook());
    let runbook = runbook_path.display().to_string();
    let Some(runbook_text) = files::read_if_there(&runbook_path)? else {
        let checked = tests.without_runbook(&runbook, Lack::Missing);
        return Ok(Held {
            runbook,
            checked,
            alone: None,
        });
    };
    let catalog = catalog();
    let beside = Beside {
        directory: runbook_path.parent().unwrap_or(Path::new("")),
        runbook: &runbook,
    };
    let book = RunbookText {
        name: &runbook,
        text: &runbook_text,
        files: &beside,
    };
    let alone = check_with(book.name, book.text, None, &catalog, book.files);
    let (checked, alone) = if alone.has_errors() {
        let checked = tests.without_runbook(&runbook, Lack::Wrong);
        (checked, Some(alone))
    } else {
        (tests.check(book, &catalog), None)
    };
    Ok(Held {
        runbook,
        checked,
        alone,
    })
}

fn file_report(path: &Path, covered: &mut BTreeMap<String, Coverage>) -> Result<FileReport, Error> {
    let name = path.display().to_string();
    let wrong = |why: String| FileReport {
        name: name.clone(),
        wrong: Some(why),
        cases: Vec::new(),
    };
    let Some(text) = files::read(path)? else {
        return Ok(wrong(format!("{name} is not UTF-8 text")));
    };
    let Held {
        runbook,
        checked,
        alone,
    } = held(path, &text)?;
    if checked.has_errors() {
        let mut said = checked.render(Style::Plain);
        if let Some(alone) = alone {
            said += &format!("\n\n{}", alone.render(Style::Plain));
        }
        return Ok(wrong(said));
    }
    let cases = checked
        .cases
        .into_iter()
        .map(|case| case_report(case, &runbook, covered))
        .collect::<Result<Vec<_>, Error>>()?;
    Ok(FileReport {
        name,
        wrong: None,
        cases,
    })
}

fn case_report(
    planned: PlannedCase,
    runbook: &str,
    covered: &mut BTreeMap<String, Coverage>,
) -> Result<CaseReport, Error> {
    let PlannedCase { case, plan } = planned;
    let plan = IndexedPlan::new(plan).map_err(|error| {
        Error::Bug(format!(
            "the checker let a plan pass that has no meaning: {error}"
        ))
    })?;
    let told = rehearse(&plan, &case.script, &sources());
    covered
        .entry(runbook.to_owned())
        .or_insert_with(|| Coverage::of(plan.plan()))
        .add(told.events.iter().map(|(event, _)| event));
    let mut differences: Vec<Difference> = told
        .faults
        .iter()
        .map(|fault| Difference::Fault(fault.to_string()))
        .collect();
    // A script that does not fit says why; what then did not come true follows from it.
    let misses = judge(&case.expected, &told).into_iter();
    if differences.is_empty() || told.rest() == Some(case.expected.end) {
        differences.extend(misses.map(Difference::Miss));
    }
    Ok(CaseReport {
        name: text::line(&case.name),
        line: case.line,
        differences,
        story: story::lines(&told),
    })
}
