//! The pages of `docs/diagnostics`: each code has one, its examples are checked as an
//! author's runbooks would be, and the index lists them all.
//! `UPDATE_GOLDEN=1` rewrites the index.

#[path = "../../crates/windlass-runbook/tests/support/acme.rs"]
mod acme;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use windlass_core::catalog::Catalog;
use windlass_core::time::Timestamp;
use windlass_core::value::Value;
use windlass_engine::ports::CatalogSource as _;
use windlass_runbook::codes::{CODES, Code};
use windlass_runbook::diagnostic::Diagnostic;
use windlass_runbook::policy;
use windlass_runbook::render::Style;
use windlass_runbook::testing::{Lack, RunbookText, TestFile};
use windlass_runbook::{Checked, Files, Given, NoPlugin, Plugin, check_under};
use windlass_steps::NativeSteps;

/// Codes that no text is known to yield, or that are of what is no text, so that their pages have no wrong example.
const WITHOUT_EXAMPLE: &[&str] = &["WL0109", "WL0610"];

/// Codes of what is declared and never used.
const UNUSED: &[&str] = &["WL0622", "WL0623", "WL0624", "WL0710"];

/// When the policies of the pages are read: 2026-11-22.
const NOW: Timestamp = Timestamp(1_795_305_600_000);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/diagnostics")
}

/// What the program knows, and a family of actions such as a plugin would bring:
/// some mistakes are about actions that state their own effect class.
fn catalog() -> Catalog {
    let examples = include_str!("../../crates/windlass-runbook/tests/catalog.json");
    let examples: Catalog = serde_json::from_str(examples).expect("the catalog is valid");
    let mut catalog = NativeSteps::new().catalog();
    for (name, action) in examples.actions {
        catalog.actions.entry(name).or_insert(action);
    }
    catalog
}

/// One example of a page: a runbook, and the inputs that stand after it.
#[derive(Debug)]
struct Example {
    kind: String,
    text: String,
    inputs: Option<String>,
    /// The files beside it.
    files: Beside,
}

/// The files beside an example, and plugins of every kind.
#[derive(Clone, Debug, Default)]
struct Beside(BTreeMap<String, String>);

impl Files for Beside {
    fn read(&self, path: &str) -> Result<String, String> {
        self.0.read(path)
    }

    fn plugin(&self, path: &str) -> Result<Plugin, NoPlugin> {
        acme::plugin(path)
    }
}

/// The fenced blocks of a page.
fn examples(page: &str) -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    let mut shared = Beside::default();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else {
            continue;
        };
        let text: String = lines
            .by_ref()
            .take_while(|line| *line != "```")
            .flat_map(|line| [line, "\n"])
            .collect();
        match info.split_once(' ') {
            Some(("yaml", kind)) => match kind.strip_prefix("file=") {
                Some(name) => {
                    let files = match found.last_mut() {
                        Some(example) => &mut example.files,
                        // Before the first example it is for all of them.
                        None => &mut shared,
                    };
                    files.0.insert(name.to_owned(), text);
                }
                None => found.push(Example {
                    kind: kind.to_owned(),
                    text,
                    inputs: None,
                    files: shared.clone(),
                }),
            },
            Some(("json", "inputs")) => {
                let example = found.last_mut().expect("inputs stand after a runbook");
                example.inputs = Some(text);
            }
            _ => panic!("an unknown kind of block: {info}"),
        }
    }
    found
}

/// What the check says: which codes, and all of it as text.
struct Said {
    codes: BTreeSet<&'static str>,
    text: String,
}

impl Said {
    fn new(diagnostics: &[Diagnostic], text: String) -> Self {
        let codes = diagnostics.iter().map(|found| found.code.id()).collect();
        Self { codes, text }
    }
}

/// A runbook is checked by itself or under the policy beside it, a test file against the
/// runbook that it names.
fn said(example: &Example, catalog: &Catalog) -> Said {
    if policy::is_policy(&example.text) {
        let checked = policy::read("policy.yaml", &example.text, NOW).checked;
        return Said::new(&checked.diagnostics, checked.render(Style::Plain));
    }
    if !example.text.starts_with("windlass_test:") {
        let checked = checked(example, catalog);
        return Said::new(&checked.diagnostics, checked.render(Style::Plain));
    }
    let tests = TestFile::read("example.test.yaml", &example.text);
    let path = tests.runbook().unwrap_or_default().to_owned();
    let checked = match example.files.0.get(&path) {
        Some(text) => {
            let (name, files) = (path.as_str(), &example.files);
            tests.check(RunbookText { name, text, files }, catalog)
        }
        None => tests.without_runbook(&path, Lack::Missing),
    };
    Said::new(&checked.diagnostics, checked.render(Style::Plain))
}

fn checked(example: &Example, catalog: &Catalog) -> Checked {
    let given = example.inputs.as_deref().map(|json| {
        let values: BTreeMap<String, Value> = serde_json::from_str(json).expect("inputs are JSON");
        let given = |(name, value)| (name, Given::Value(value));
        values.into_iter().map(given).collect()
    });
    let files = &example.files;
    let policy = files.0.get("policy.yaml").map(|text| {
        let read = policy::read("policy.yaml", text, NOW);
        read.policy.expect("the policy beside it is right")
    });
    check_under(
        "runbook.yaml",
        &example.text,
        given.as_ref(),
        catalog,
        files,
        policy.as_ref(),
    )
}

/// What is wrong with the page of a code.
fn faults(code: Code, catalog: &Catalog) -> Vec<String> {
    let mut faults = Vec::new();
    let page = code.page();
    let title = format!("# {code}: {}", code.explanation());
    if page.lines().next() != Some(title.as_str()) {
        faults.push(format!("{code}: the first line is not `{title}`"));
    }
    let examples = examples(page);
    let of_kind = |kind: &str| -> Vec<&Example> {
        let of_kind = examples.iter().filter(|example| example.kind == kind);
        of_kind.collect()
    };
    for (kind, heading) in [("wrong", "\n## Wrong\n"), ("right", "\n## Right\n")] {
        let expected = if kind == "wrong" && WITHOUT_EXAMPLE.contains(&code.id()) {
            0
        } else {
            1
        };
        if of_kind(kind).len() != expected || !page.contains(heading) {
            faults.push(format!("{code}: expected {expected} block `yaml {kind}`"));
        }
    }
    for example in of_kind("wrong") {
        let said = said(example, catalog);
        if said.codes != BTreeSet::from([code.id()]) {
            faults.push(format!("{code}: the wrong example gives\n{}", said.text));
        }
    }
    for example in of_kind("right") {
        let said = said(example, catalog);
        // What a page is about need not be used for anything.
        let unused = |id: &&str| *id != code.id() && UNUSED.contains(id);
        if !said.codes.iter().all(unused) {
            faults.push(format!(
                "{code}: the right example gives
{}",
                said.text
            ));
        }
    }
    faults
}

#[test]
fn every_page_is_true() {
    let catalog = catalog();
    let faults: Vec<String> = CODES
        .iter()
        .flat_map(|code| faults(*code, &catalog))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn every_page_is_of_a_code() {
    let known: BTreeSet<String> = CODES.iter().map(|code| format!("{code}.md")).collect();
    let pages: BTreeSet<String> = std::fs::read_dir(folder())
        .expect("the pages are in the checkout")
        .map(|entry| entry.expect("the folder can be listed").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name != "README.md")
        .collect();
    assert_eq!(pages, known);
}

#[test]
fn the_index_lists_every_code() {
    let mut index = "# What `windlass check` says\n\n\
        Each diagnostic has a code that never changes its meaning, and a page here.\n\
        `windlass explain CODE` prints the same page.\n\
        An error means that there is no plan; a warning means that something in the plan deserves a second look.\n\n\
        The examples of every page are executed by a test.\n\n"
        .to_owned();
    for code in CODES {
        index += &format!("- [{code}]({code}.md): {}\n", code.explanation());
    }
    let path = folder().join("README.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &index).expect("the index can be written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, index, "run this test with UPDATE_GOLDEN=1");
}
