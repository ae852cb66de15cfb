//! Runbooks inside runbooks beyond what the golden cases show: digests, paths, sizes.

use std::collections::BTreeMap;

use windlass_core::catalog::Catalog;
use windlass_core::plan::{Digest, Plan, StepKind, Template};
use windlass_core::value::Value;
use windlass_runbook::render::Style;
use windlass_runbook::{Checked, check_with};

const HEAD: &str = "windlass: 1\nname: book\nsteps:\n";

fn catalog() -> Catalog {
    serde_json::from_str(include_str!("catalog.json")).expect("the catalog is valid")
}

fn files(files: &[(&str, String)]) -> BTreeMap<String, String> {
    let owned = |(path, text): &(&str, String)| ((*path).to_owned(), text.clone());
    files.iter().map(owned).collect()
}

fn checked(text: &str, files: &BTreeMap<String, String>) -> Checked {
    check_with("book.yaml", text, Some(&BTreeMap::new()), &catalog(), files)
}

fn plan(text: &str, files: &BTreeMap<String, String>) -> Plan {
    let checked = checked(text, files);
    let rendered = checked.render(Style::Plain);
    checked.plan.unwrap_or_else(|| panic!("{rendered}"))
}

fn part(steps: &str) -> String {
    format!("windlass: 1\nname: part\n{steps}")
}

const PAUSE: &str = "steps:\n  pause: {uses: wait, with: {for: 1s}}\n";

#[test]
fn an_approval_binds_every_byte_that_is_inlined() {
    let book = format!("{HEAD}  a: {{uses: ./part.yaml}}\n");
    let before = plan(&book, &files(&[("part.yaml", part(PAUSE))]));
    let commented = part(PAUSE) + "# nothing else\n";
    let after = plan(&book, &files(&[("part.yaml", commented.clone())]));
    assert_eq!(before.steps, after.steps);
    assert_ne!(before.digest(), after.digest());
    let digest = Digest::of(commented.as_bytes());
    assert_eq!(
        after.includes,
        BTreeMap::from([("part.yaml".to_owned(), digest)])
    );
}

#[test]
fn paths_are_seen_from_the_file_that_writes_them() {
    let files = files(&[
        (
            "../shared/outer.yaml",
            part("steps:\n  in: {uses: ./deep/inner.yaml}\n"),
        ),
        (
            "../shared/deep/inner.yaml",
            part("steps:\n  in: {uses: ../../leaf.yaml}\n"),
        ),
        ("../leaf.yaml", part(PAUSE)),
    ]);
    let plan = plan(
        &format!("{HEAD}  a: {{uses: ../shared/outer.yaml}}\n"),
        &files,
    );
    let ids: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["a/in/in/pause"]);
    assert_eq!(plan.includes.len(), 3);
}

#[test]
fn a_mistake_is_told_once_however_often_its_file_is_used() {
    let files = files(&[("part.yaml", part("steps:\n  look: {uses: rds/verfiy}\n"))]);
    let uses: String = (0..9)
        .map(|n| format!("  s{n}: {{uses: ./part.yaml}}\n"))
        .collect();
    let checked = checked(&format!("{HEAD}{uses}"), &files);
    assert!(checked.plan.is_none());
    let found = checked.render(Style::Plain);
    assert_eq!(checked.diagnostics.len(), 1, "{found}");
    assert!(found.contains("part.yaml:4:16"), "{found}");
}

#[test]
fn a_text_is_handed_on_whole_whatever_its_length() {
    let long = "x".repeat(100_000);
    let book = format!("{HEAD}  a: {{uses: ./part.yaml, with: {{text: {long}}}}}\n");
    let shell = "inputs: {text: string}\nsteps:\n  say:\n    uses: shell\n    effect: read\n    \
                 with: {script: ./say, env: {WHOLE: \"${{ inputs.text }}\", PART: \"a ${{ inputs.text }}\"}}\n";
    let plan = plan(&book, &files(&[("part.yaml", part(shell))]));
    let StepKind::Action { call, .. } = &plan.steps[0].kind else {
        panic!("an action")
    };
    let Template::Literal(with) = &call.with else {
        panic!("all of it is known: {:?}", call.with)
    };
    let env = with.get("env").expect("it has an environment");
    assert_eq!(env.get("WHOLE"), Some(&Value::from(long.as_str())));
    assert_eq!(env.get("PART"), Some(&Value::from(format!("a {long}"))));
}

/// A file of a few lines that becomes as many steps as three levels allow.
#[test]
fn what_grows_by_inlining_is_bounded() {
    let uses = |path: &str, count: usize| -> String {
        let steps: String = (0..count)
            .map(|n| format!("  s{n}: {{uses: {path}}}\n"))
            .collect();
        format!("steps:\n{steps}")
    };
    let bomb = |count: usize| {
        let files = files(&[
            ("b.yaml", part(&uses("./c.yaml", count))),
            ("c.yaml", part(&uses("./d.yaml", count))),
            ("d.yaml", part(PAUSE)),
        ]);
        let book = format!("windlass: 1\nname: book\n{}", uses("./b.yaml", count));
        checked(&book, &files)
    };
    assert_eq!(bomb(9).plan.map(|plan| plan.steps.len()), Some(729));
    let large = bomb(40);
    assert!(large.plan.is_none());
    let codes: Vec<&str> = large
        .diagnostics
        .iter()
        .map(|found| found.code.id())
        .collect();
    assert_eq!(codes, ["WL0102"]);

    let many: BTreeMap<String, String> = (0..70)
        .map(|n| (format!("p{n}.yaml"), part(PAUSE)))
        .collect();
    let uses: String = (0..70)
        .map(|n| format!("  s{n}: {{uses: ./p{n}.yaml}}\n"))
        .collect();
    let refused = checked(&format!("{HEAD}{uses}"), &many);
    assert!(
        refused
            .diagnostics
            .iter()
            .all(|found| found.code.id() == "WL0212")
    );
    assert_eq!(refused.diagnostics.len(), 6);
}
