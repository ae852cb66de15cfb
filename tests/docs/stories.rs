//! Pages of stories: each is a runbook and tests of it, which `windlass test` runs.

use windlass_tests::binary::windlass;

use super::blocks::blocks;

/// Writes every runbook and every test of a page, and runs the tests.
fn told(page: &str) {
    let dir = tempfile::tempdir().unwrap();
    let mut tests = Vec::new();
    for block in blocks(page) {
        if block.is(&["yaml", "runbook"]) {
            let name = value_of(&block.text, "name:");
            std::fs::write(dir.path().join(format!("{name}.yaml")), &block.text).unwrap();
        } else if block.is(&["yaml", "test"]) {
            let stem = format!("line_{}", block.line);
            let path = dir.path().join(format!("{stem}.test.yaml"));
            std::fs::write(&path, &block.text).unwrap();
            tests.push(path);
        }
    }
    assert!(!tests.is_empty(), "{page} tells no story");
    let run = std::process::Command::new(windlass())
        .arg("test")
        .args(&tests)
        .output()
        .unwrap();
    assert!(
        run.status.success(),
        "{page}:\n{}{}",
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr)
    );
}

fn value_of<'a>(text: &'a str, key: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.expect("a runbook has a name").trim()
}

#[test]
fn the_rules_hold_as_told() {
    told("docs/semantics.md");
}

#[test]
fn steps_do_as_their_pages_say() {
    told("docs/steps/assert.md");
    told("docs/steps/manual.md");
    told("docs/steps/notify.md");
    told("docs/steps/set.md");
    told("docs/steps/ssh.md");
    told("docs/steps/wait.md");
}
