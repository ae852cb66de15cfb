//! `windlass check`: mistakes of runbooks, without running anything.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use windlass_core::policy::Policy;
use windlass_runbook::diagnostic::Severity;
use windlass_runbook::report::sarif;
use windlass_runbook::{Checked, Given, is_runbook};

use crate::args::Place;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::given::{self, NamedText};
use crate::output;
use crate::rehearse::{held, is_test_file};
use crate::runbook::{self, Runbook};
use crate::{policy, text, walk};

/// Check runbooks and show their mistakes
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without inputs the runbook alone is checked. With them the plan is made too, and its
digest printed: what an approval of a run with these inputs will bind.

Files named *.test.yaml are checked against their runbooks. Of a folder every YAML file in
and below it is checked that has `windlass: 1` at its margin. A file that cannot be read
is a mistake like others; the rest is checked all the same.

Each mistake has a code; `windlass explain CODE` says more about it.

Examples:
  windlass check upgrade.yaml
  windlass check upgrade.yaml --input instance=db-1
  windlass check --format sarif runbooks > check.sarif

Exit codes: 0 no mistakes (warnings are none), 2 mistakes")]
pub(crate) struct Args {
    /// Runbooks, their tests and folders of them; - reads standard input
    #[arg(value_name = "FILE", required = true)]
    runbooks: Vec<PathBuf>,
    /// An input of the run
    #[arg(long, value_name = "NAME=VALUE")]
    input: Vec<NamedText>,
    /// A JSON object of inputs
    #[arg(long, value_name = "FILE.json")]
    input_file: Option<PathBuf>,
    /// The form of the output: for people, one JSON object a runbook, or SARIF 2.1.0
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How mistakes are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
    Sarif,
}

/// A file that is checked, and what was found in it.
struct Found {
    checked: Checked,
    has_errors: bool,
    /// How many cases a test file has; `None` for a runbook.
    cases: Option<usize>,
}

impl Found {
    fn of(checked: Checked, cases: Option<usize>) -> Self {
        Self {
            has_errors: checked.has_errors(),
            checked,
            cases,
        }
    }
}

pub(crate) fn perform(
    args: Args,
    place: impl FnOnce() -> Result<Place, Error>,
) -> Result<Exit, Error> {
    let policy = policy::at(place().ok().as_ref())?;
    let given = !args.input.is_empty() || args.input_file.is_some();
    let inputs = given::inputs(args.input, args.input_file)?;
    let paths = files(&args.runbooks)?;
    if given && paths.len() > 1 {
        let message = "inputs are for one runbook: check the others without them".to_owned();
        return Err(Error::Usage(message));
    }
    let mut told = Told::default();
    let mut all = Vec::with_capacity(paths.len());
    for path in &paths {
        let mut found = check(path, given.then_some(&inputs), policy.as_ref())?;
        match args.format {
            Format::Json => output::json(&found.checked.report()),
            Format::Text | Format::Sarif => told.tell_once(&mut found.checked),
        }
        if args.format == Format::Text {
            show(&found);
        }
        all.push(found);
    }
    let wrong = all.iter().filter(|found| found.has_errors).count();
    let checked: Vec<Checked> = all.into_iter().map(|found| found.checked).collect();
    match args.format {
        Format::Text => conclude(&checked, wrong),
        Format::Json => {}
        Format::Sarif => output::json(&sarif(&checked, env!("CARGO_PKG_VERSION"))),
    }
    Ok(if wrong > 0 {
        Exit::Usage
    } else {
        Exit::Success
    })
}

/// The files that paths mean: of a folder, the YAML files in and below it that say that
/// they are runbooks or tests of one.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut below = Vec::new();
        walk::below(path, &walk::is_yaml, &mut below)?;
        let all = below.len();
        below.retain(|file| is_ours(file));
        let place = text::line(&path.display().to_string());
        if below.is_empty() {
            return Err(Error::Usage(format!(
                "no runbook in {place}: of {} none has `windlass: 1` at its margin",
                text::count(all, "YAML file")
            )));
        }
        if let foreign @ 1.. = all - below.len() {
            let files = text::count(foreign, "YAML file");
            output::err(&format!(
                "{place}: {files} without `windlass: 1` at the margin passed over"
            ));
        }
        files.extend(below);
    }
    let mut seen = BTreeSet::new();
    files.retain(|path| seen.insert(path.clone()));
    Ok(files)
}

/// Whether a file in a folder is to be checked; one that cannot be read is, to be told.
fn is_ours(path: &Path) -> bool {
    is_test_file(path) || Runbook::read(path).map_or(true, |book| is_runbook(&book.text))
}

fn check(
    path: &Path,
    inputs: Option<&BTreeMap<String, Given>>,
    policy: Option<&Policy>,
) -> Result<Found, Error> {
    let runbook = match Runbook::read(path) {
        Ok(runbook) => runbook.under(policy.cloned()),
        Err(Error::Unreadable { name, why }) => {
            return Ok(Found::of(Checked::unreadable(&name, &why), None));
        }
        Err(error) => return Err(error),
    };
    if !is_test_file(path) {
        return Ok(Found::of(runbook.checked(inputs), None));
    }
    let checked = held(path, &runbook.text)?.checked;
    let cases = checked.cases.len();
    Ok(Found::of(checked.into(), Some(cases)))
}

/// What has been told: a mistake of a runbook that several others inline stands once.
#[derive(Default)]
struct Told(BTreeSet<(String, usize, &'static str, String)>);

impl Told {
    fn tell_once(&mut self, checked: &mut Checked) {
        let sources = &checked.sources;
        checked.diagnostics.retain(|found| {
            let Some((span, _)) = found.labels.first() else {
                return true;
            };
            let source = sources.get(usize::from(span.file));
            let name = source.map_or("", |source| &source.name);
            let place = (
                plain(name),
                span.start,
                found.code.id(),
                found.message.clone(),
            );
            self.0.insert(place)
        });
    }
}

/// A path without `.` and `..`, as far as its spelling tells.
fn plain(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." if parts.last().is_some_and(|last| !["..", ""].contains(last)) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// One file, for people.
fn show(found: &Found) {
    let checked = &found.checked;
    runbook::show(checked);
    let name = text::line(checked.source_name());
    if found.has_errors {
        if !checked.has_errors() {
            output::err(&format!("{name}: its mistakes are told above"));
        }
        return;
    }
    let warnings = match checked.diagnostics.len() + checked.omitted {
        0 => String::new(),
        1 => ", 1 warning".to_owned(),
        count => format!(", {count} warnings"),
    };
    match (&checked.plan, found.cases) {
        (Some(plan), _) => output::out(&format!(
            "{name}: ok, {}{warnings}, plan {}",
            text::count(plan.steps.len(), "step"),
            plan.digest()
        )),
        (None, Some(cases)) => output::out(&format!(
            "{name}: ok, {}{warnings}; `windlass test` rehearses",
            text::count(cases, "case")
        )),
        (None, None) => output::out(&format!("{name}: ok{warnings}")),
    }
}

/// What is said once, after all of them.
fn conclude(checked: &[Checked], wrong: usize) {
    let found = || checked.iter().flat_map(|checked| &checked.diagnostics);
    let first = found()
        .find(|found| found.severity == Severity::Error)
        .or_else(|| found().next());
    if let Some(first) = first {
        output::err(&format!("`windlass explain {}` says more", first.code));
    }
    if checked.len() > 1 && wrong > 0 {
        output::err(&format!("{wrong} of {} files have mistakes", checked.len()));
    }
}
