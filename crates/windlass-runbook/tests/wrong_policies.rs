//! Policies with mistakes, and what is said about them, compared with files beside them.
//! `UPDATE_GOLDEN=1` rewrites the files.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use windlass_core::catalog::Catalog;
use windlass_core::time::Timestamp;
use windlass_runbook::codes::CODES;
use windlass_runbook::render::Style;
use windlass_runbook::{Checked, NoFiles, check_under, policy};

/// When the policies are read: 2026-11-22.
const NOW: Timestamp = Timestamp(1_795_305_600_000);

/// A policy that forbids what the runbook below does.
const STRICT: &str = "\
windlass_policy: 1
people:
  ann: {os_user: ann}
  bob: {os_user: bob}
rules:
  ann_starts: {may: start, people: ann}
  bob_decides: {may: approve, people: bob}
demands:
  no_scripts:
    targets: [\"app:*\"]
    effects: [reversible, irreversible]
    actions: [manual]
";
const BOOK: &str = "\
windlass: 1
name: example
target: app:main
steps:
  swap:
    uses: shell
    effect: reversible
    timeout: 1m
    with: {argv: [swap]}
";

/// Open for six hours.
const SHORT: &str = "\
windlass_policy: 1
people:
  ann: {os_user: ann}
rules:
  ann_starts: {may: start, people: ann}
windows:
  off_peak:
    open:
      - {weekly: [sat], from: \"22:00\", to: \"04:00\"}
";
/// Seven hours on its longest way.
const LONG: &str = "\
windlass: 1
name: example
steps:
  swap:
    uses: shell
    effect: idempotent
    timeout: 5h
    window: {name: off_peak, covers: see}
    with: {argv: [swap]}
  look:
    uses: shell
    effect: read
    needs: swap
    timeout: 2h
    with: {argv: [look]}
  glance:
    uses: shell
    effect: read
    needs: swap
    timeout: 1h
    with: {argv: [glance]}
  see:
    uses: wait
    needs: [look, glance]
    with: {for: 1s}
";

/// The path when the file differs from what it should be.
fn compare(path: &Path, checked: &Checked) -> Option<String> {
    let found = checked.render(Style::Plain) + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, &found).expect("the file can be written");
    }
    let wanted = fs::read_to_string(path).unwrap_or_default();
    (wanted != found).then(|| format!("{}:\n{found}", path.display()))
}

#[test]
fn mistakes_are_told_with_reasons() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong_policies");
    let (mut different, mut seen) = (Vec::new(), BTreeSet::new());
    let mut look = |path: &Path, checked: &Checked| {
        seen.extend(checked.diagnostics.iter().map(|found| found.code.id()));
        different.extend(compare(&path.with_extension("txt"), checked));
    };
    for entry in fs::read_dir(&folder).expect("the folder exists") {
        let path = entry.expect("readable").path();
        if path.extension().is_none_or(|ending| ending != "yaml") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a policy is text");
        let name = path.file_name().expect("it has a name").to_string_lossy();
        let checked = policy::read(&name, &text, NOW).checked;
        assert!(!checked.diagnostics.is_empty(), "{name} was accepted");
        look(&path, &checked);
    }

    let strict = policy::read("strict.yaml", STRICT, NOW);
    let strict = strict.policy.expect("the policy is right");
    let catalog: Catalog =
        serde_json::from_str(include_str!("catalog.json")).expect("the catalog is valid");
    let free = check_under("book.yaml", BOOK, None, &catalog, &NoFiles, None);
    assert!(free.plan.is_some(), "{}", free.render(Style::Plain));
    let bound = check_under("book.yaml", BOOK, None, &catalog, &NoFiles, Some(&strict));
    assert!(bound.plan.is_none());
    look(&folder.join("not_under_policy"), &bound);
    let short = policy::read("short.yaml", SHORT, NOW);
    let short = short.policy.expect("the policy is right");
    let long = check_under("book.yaml", LONG, None, &catalog, &NoFiles, None);
    assert!(long.plan.is_some(), "{}", long.render(Style::Plain));
    let bound = check_under("book.yaml", LONG, None, &catalog, &NoFiles, Some(&short));
    assert!(bound.plan.is_none());
    look(&folder.join("fits_never"), &bound);
    // An hour less, and it fits exactly.
    let fitting = LONG.replace("timeout: 2h", "timeout: 1h");
    let fits = check_under(
        "book.yaml",
        &fitting,
        None,
        &catalog,
        &NoFiles,
        Some(&short),
    );
    assert!(fits.plan.is_some(), "{}", fits.render(Style::Plain));

    assert!(different.is_empty(), "{}", different.join("\n\n"));
    let of_policies = CODES.iter().map(|code| code.id());
    let unseen: Vec<&str> = of_policies
        .filter(|id| id.starts_with("WL082") && !seen.contains(id))
        .collect();
    assert_eq!(unseen, Vec::<&str>::new(), "codes that no golden shows");
}
