//! Runbooks and what the check says about them, compared with files beside them.
//! `UPDATE_GOLDEN=1` rewrites the files, to be read before they are committed.
//! A first line `# given: a=1 b=x` gives the inputs their values.

#[path = "support/acme.rs"]
mod acme;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use windlass_core::catalog::Catalog;
use windlass_core::plan::{IndexedPlan, Plan};
use windlass_runbook::codes::CODES;
use windlass_runbook::render::Style;
use windlass_runbook::{Checked, Files, Given, NoPlugin, Plugin, check, check_with};

fn catalog() -> Catalog {
    serde_json::from_str(include_str!("catalog.json")).expect("the catalog is valid")
}

fn books(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(folder);
    let entries = fs::read_dir(folder).expect("the folder exists");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("readable").path())
        .collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "yaml")
    });
    paths.sort();
    paths
}

fn checked(path: &Path) -> Checked {
    let text = fs::read_to_string(path).expect("a runbook is text");
    let given = text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("# given: "));
    let given: BTreeMap<String, Given> = given
        .into_iter()
        .flat_map(|line| line.split(' '))
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), Given::Text(value.to_owned())))
        .collect();
    let folder = Folder(path.parent().expect("a file has a folder"));
    check_with("book.yaml", &text, Some(&given), &catalog(), &folder)
}

/// The files beside a runbook.
struct Folder<'a>(&'a Path);

impl Files for Folder<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        fs::read_to_string(self.0.join(path)).map_err(|_| "there is no such file".to_owned())
    }

    fn plugin(&self, path: &str) -> Result<Plugin, NoPlugin> {
        acme::plugin(path)
    }
}

/// Advice about whole runbooks, which examples of single keys need not follow.
const ADVICE: [&str; 4] = ["WL0620", "WL0622", "WL0623", "WL0624"];

/// The path when the file differs from what it should be.
fn compare(path: &Path, found: &str) -> Option<String> {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, found).expect("the file can be written");
    }
    let wanted = fs::read_to_string(path).unwrap_or_default();
    (wanted != found).then(|| format!("{}:\n{found}", path.display()))
}

#[test]
fn wrong_runbooks_are_refused_with_reasons() {
    let mut different = Vec::new();
    let mut unseen: Vec<&str> = CODES.iter().map(|code| code.id()).collect();
    // Those of test files are in `test_files.rs`, those of policies in `wrong_policies.rs`.
    unseen.retain(|id| !id.starts_with("WL080") && !id.starts_with("WL082"));
    let books = books("wrong");
    for path in &books {
        let checked = checked(path);
        assert!(
            !checked.diagnostics.is_empty(),
            "{} was accepted",
            path.display()
        );
        assert_eq!(
            checked.plan.is_none(),
            checked.has_errors(),
            "{}",
            path.display()
        );
        for diagnostic in &checked.diagnostics {
            unseen.retain(|id| *id != diagnostic.code.id());
        }
        let text = checked.render(Style::Plain) + "\n";
        different.extend(compare(&path.with_extension("txt"), &text));
    }
    assert!(different.is_empty(), "{}", different.join("\n\n"));
    assert!(books.len() > 40);
    // Found under a policy: `wrong_policies.rs`; of invariants in test files: their pages.
    unseen.retain(|id| *id != "WL0886" && !id.starts_with("WL090"));
    // Of `http`, which the catalog of these tests lacks: the pages show them.
    unseen.retain(|id| !id.starts_with("WL063"));
    // Limits are in `hostile.rs`, what is no text has no golden, and the rules of core are
    // all foreseen here.
    assert_eq!(
        unseen,
        ["WL0102", "WL0109", "WL0610"],
        "codes that no golden shows"
    );
}

#[test]
fn right_runbooks_become_plans() {
    let mut different = Vec::new();
    for path in books("right") {
        let checked = checked(&path);
        let said = checked
            .diagnostics
            .iter()
            .find(|found| !ADVICE.contains(&found.code.id()));
        let rendered = checked.render(Style::Plain);
        assert!(said.is_none(), "{}:\n{rendered}", path.display());
        let plan = checked.plan.expect("no errors, so a plan");
        let text = serde_json::to_string_pretty(&plan).expect("a plan is JSON") + "\n";
        let again: Plan = serde_json::from_str(&text).expect("a plan reads back");
        assert_eq!(again, plan);
        IndexedPlan::new(plan).expect("core accepts it");
        different.extend(compare(&path.with_extension("json"), &text));
    }
    assert!(different.is_empty(), "{}", different.join("\n\n"));
}

#[test]
fn without_inputs_the_runbook_alone_is_checked() {
    let text = "windlass: 1\nname: a\ninputs: {x: {type: string}}\nsteps:\n  \
                look: {uses: rds/verify, with: {instance: \"${{ inputs.x }}\"}}\n";
    let alone = check("book.yaml", text, None, &catalog());
    assert!(alone.diagnostics.is_empty() && alone.plan.is_none());
    let missing = check("book.yaml", text, Some(&BTreeMap::new()), &catalog());
    assert!(missing.has_errors());
    let given = BTreeMap::from([("x".to_owned(), Given::Value("v".into()))]);
    assert!(
        check("book.yaml", text, Some(&given), &catalog())
            .plan
            .is_some()
    );
}
