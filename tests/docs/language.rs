//! The page of the language: every example checks clean.

use std::path::Path;
use std::process::Command;

use windlass_tests::binary::windlass;
use windlass_tests::skip::skip;

use super::blocks::blocks;

#[test]
fn every_example_of_the_language_is_right() {
    let dir = tempfile::tempdir().unwrap();
    let mut checked = 0;
    let pages = ["docs/language.md", "docs/secrets.md", "docs/windows.md"];
    for block in pages.into_iter().flat_map(blocks) {
        let name = block.attribute("file").map(str::to_owned);
        let path = dir.path().join(name.as_deref().unwrap_or("runbook.yaml"));
        let is_runbook = block.is(&["yaml", "runbook"]);
        if !is_runbook && name.is_none() {
            continue;
        }
        if block.text.contains("\nplugins:") && !has_plugin(dir.path()) {
            continue;
        }
        std::fs::write(&path, &block.text).unwrap();
        let said = Command::new(windlass())
            .arg("check")
            .arg(&path)
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&said.stderr);
        assert!(
            said.status.success() && printed.is_empty(),
            "line {}:\n{printed}",
            block.line
        );
        checked += 1;
    }
    assert!(checked > 10, "{checked}");
}

/// Puts the plugin of the examples beside them; whether it is built.
fn has_plugin(dir: &Path) -> bool {
    let built = super::blocks::page("plugins/hello/build/plugin.wasm");
    if !built.exists() {
        skip("no plugins/hello/build/plugin.wasm: `cargo xtask plugins` builds it");
        return false;
    }
    let place = dir.join("plugins/hello/build");
    std::fs::create_dir_all(&place).expect("a directory can be made");
    std::fs::copy(built, place.join("plugin.wasm")).expect("a file can be copied");
    true
}

/// `docs/keys.md` is made from the grammar; an example of each key stands on the page.
#[test]
fn every_key_of_a_runbook_has_an_example() {
    let keys = std::fs::read_to_string(super::blocks::page("docs/keys.md")).unwrap();
    let of_runbooks = keys.split("\n## ").skip(1);
    let of_runbooks = of_runbooks.take_while(|section| !section.starts_with("A test file"));
    let examples: String = blocks("docs/language.md")
        .iter()
        .filter(|block| {
            block
                .info
                .first()
                .is_some_and(|language| language == "yaml")
        })
        .map(|block| block.text.as_str())
        .collect();
    let mut known = 0;
    for line in of_runbooks.flat_map(str::lines) {
        if let Some((key, _)) = line.strip_prefix("| `").and_then(|row| row.split_once('`')) {
            let shown = examples.contains(&format!("{key}:"));
            assert!(shown, "no example of `{key}` in docs/language.md");
            known += 1;
        }
    }
    assert!(known > 50, "{known}");
}
