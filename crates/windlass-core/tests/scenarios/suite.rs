//! Reads the case files, runs their cases, and compares or rewrites the expectations.
//!
//! A case is `== name`, lines of `#` that quote the rule, `plan:` lines, then input
//! lines that begin with `@`, each followed by indented lines of what it led to.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::world::{Cell, play};
use windlass_core::event::Event;

/// What all cases together gave.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) cases: usize,
    pub(crate) cuts: usize,
    pub(crate) cells: BTreeSet<Cell>,
    pub(crate) rejections: BTreeSet<&'static str>,
    pub(crate) faults: Vec<String>,
    pub(crate) events: Vec<Event>,
}

struct Case {
    name: String,
    /// The lines before the first input, as they stand.
    head: Vec<String>,
    plan: String,
    input: Vec<String>,
    expected: Vec<Vec<String>>,
}

/// What all cases gave; they run once, whichever tests ask.
pub(crate) fn report() -> &'static Report {
    static REPORT: LazyLock<Report> = LazyLock::new(run_all);
    &REPORT
}

fn run_all() -> Report {
    let mut report = Report::default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/cases");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the folder of cases")
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    files.sort();
    let only = std::env::var("WINDLASS_SCENARIO").unwrap_or_default();
    for file in files {
        run_file(&file, &only, &mut report);
    }
    report
}

fn run_file(file: &Path, only: &str, report: &mut Report) {
    let update = std::env::var_os("WINDLASS_UPDATE_SCENARIOS").is_some();
    let text = std::fs::read_to_string(file).expect("a readable file of cases");
    let (preamble, cases) = parse(&text);
    let mut rewritten = preamble;
    for case in cases {
        if !case.name.contains(only) {
            continue;
        }
        let name = format!(
            "{}: {}",
            file.file_stem().unwrap_or_default().display(),
            case.name
        );
        let played = std::panic::catch_unwind(|| play(&case.plan, &case.input));
        report.cases += 1;
        let played = match played {
            Ok(played) => played,
            Err(panic) => {
                let said = panic.downcast_ref::<String>().map_or("", String::as_str);
                report.faults.push(format!("== {name}\n  panicked: {said}"));
                rewritten.push_str(&write(&case, &case.expected));
                continue;
            }
        };
        report.cuts += played.cuts;
        report.cells.extend(played.cells);
        report.rejections.extend(played.rejections);
        let events = played.events.into_iter().map(|(event, _)| event);
        report.events.extend(events);
        for fault in played.faults {
            report.faults.push(format!("== {name}\n  {fault}"));
        }
        rewritten.push_str(&write(&case, &played.output));
        if played.output != case.expected && !update {
            let diff = diff(&write(&case, &case.expected), &write(&case, &played.output));
            report.faults.push(format!("== {name}\n{diff}"));
        }
    }
    if update && only.is_empty() {
        std::fs::write(file, rewritten).expect("a writable file of cases");
    }
}

fn parse(text: &str) -> (String, Vec<Case>) {
    let (mut preamble, mut cases) = (String::new(), Vec::<Case>::new());
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("== ") {
            cases.push(Case {
                name: name.to_owned(),
                head: vec![line.to_owned()],
                plan: String::new(),
                input: Vec::new(),
                expected: Vec::new(),
            });
            continue;
        }
        let Some(case) = cases.last_mut() else {
            preamble.push_str(line);
            preamble.push('\n');
            continue;
        };
        if line.starts_with('@') {
            case.input.push(line.to_owned());
            case.expected.push(Vec::new());
        } else if let Some(expected) = line.strip_prefix("  ") {
            let last = case
                .expected
                .last_mut()
                .expect("an input line stands first");
            last.push(expected.to_owned());
        } else if !line.is_empty() {
            if let Some(plan) = line.strip_prefix("plan:") {
                case.plan.push_str(plan);
                case.plan.push(';');
            }
            case.head.push(line.to_owned());
        }
    }
    (preamble, cases)
}

fn write(case: &Case, output: &[Vec<String>]) -> String {
    let mut text = String::new();
    for line in &case.head {
        text.push_str(line);
        text.push('\n');
    }
    for (input, output) in case.input.iter().zip(output) {
        text.push_str(input);
        text.push('\n');
        for line in output {
            text.push_str(&format!("  {line}\n"));
        }
    }
    text.push('\n');
    text
}

/// Both texts line by line; what differs is marked.
fn diff(expected: &str, found: &str) -> String {
    let (mut old, mut new) = (expected.lines().peekable(), found.lines().peekable());
    let mut text = String::new();
    while old.peek().is_some() || new.peek().is_some() {
        if old.peek() == new.peek() {
            text.push_str(&format!("    {}\n", old.next().unwrap_or("")));
            new.next();
            continue;
        }
        // Input lines stand in both: lines that differ end where the next one is.
        while let Some(line) = old.next_if(|line| !line.starts_with('@') && !new_has(&new, line)) {
            text.push_str(&format!("  - {line}\n"));
        }
        let wanted = old.peek().copied();
        while let Some(line) = new.next_if(|line| Some(*line) != wanted) {
            text.push_str(&format!("  + {line}\n"));
        }
    }
    text
}

/// Whether a line comes before the next input line.
fn new_has<'a>(rest: &(impl Iterator<Item = &'a str> + Clone), line: &str) -> bool {
    rest.clone()
        .take_while(|next| !next.starts_with('@'))
        .any(|next| next == line)
}
