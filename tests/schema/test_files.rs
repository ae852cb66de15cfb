//! The schema of test files against their reader, as `main.rs` does it for runbooks.

use std::path::PathBuf;

use serde_json::Value;
use windlass_core::catalog::Catalog;
use windlass_runbook::diagnostic::Severity;
use windlass_runbook::testing::{RunbookText, TEST_FILE_ENDING, TestFile};
use windlass_runbook::{NoFiles, schema};

use super::{KNOWN, judge, native, of_cases, refusals, root};

fn test_files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).expect("the folder is in the checkout");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|path| path.to_string_lossy().ends_with(TEST_FILE_ENDING))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} has no test files");
    files
}

/// The codes of the errors of a test file against a runbook.
fn codes(test: &str, book: &str, catalog: &Catalog) -> Vec<&'static str> {
    let book = RunbookText {
        name: "book.yaml",
        text: book,
        files: &NoFiles,
    };
    let checked = TestFile::read("book.test.yaml", test).check(book, catalog);
    let errors = checked.diagnostics.iter();
    errors
        .filter(|found| found.severity == Severity::Error)
        .map(|found| found.code.id())
        .collect()
}

#[test]
fn shipped_and_documented_tests_validate() {
    let validator = judge(&schema::test_file());
    let mut texts: Vec<(String, String)> = test_files("runbooks")
        .into_iter()
        .map(|file| {
            let text = std::fs::read_to_string(&file).unwrap();
            (file.display().to_string(), text)
        })
        .collect();
    let page = std::fs::read_to_string(root().join("docs/testing.md")).unwrap();
    for block in page.split("```yaml file=").skip(1) {
        let (name, rest) = block.split_once('\n').expect("a fence ends its line");
        if name.ends_with(TEST_FILE_ENDING) {
            let text = rest.split("```").next().expect("a fence is closed");
            texts.push((name.to_owned(), text.to_owned()));
        }
    }
    assert!(texts.len() >= 3, "{}", texts.len());
    for (name, text) in texts {
        let data = schema::data(&text).expect("it is right");
        assert_eq!(refusals(&validator, &data), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn wrong_tests_are_refused_where_a_schema_can_know() {
    let validator = judge(&schema::test_file());
    let folder = "crates/windlass-runbook/tests/wrong_tests";
    let book = std::fs::read_to_string(root().join(folder).join("book.yaml")).unwrap();
    let mut refused = 0;
    for file in test_files(folder) {
        let text = std::fs::read_to_string(&file).unwrap();
        let Ok(data) = schema::data(&text) else {
            continue;
        };
        let codes = codes(&text, &book, &of_cases());
        assert!(!codes.is_empty(), "{}", file.display());
        let is_known = codes.iter().any(|code| KNOWN.contains(code));
        let is_valid = validator.is_valid(&data);
        assert!(!is_valid || !is_known, "{}: {codes:?}", file.display());
        refused += u32::from(!is_valid);
    }
    assert!(refused >= 5, "{refused}");
}

const BOOK: &str = r#"
windlass: 1
name: book
inputs: {whom: {type: string, default: ada}}
steps:
  look: {uses: shell, effect: read, with: {argv: [a]}}
  go: {needs: look, approval: {expires: 30m, show: {who: "${{ inputs.whom }}"}}}
  act:
    needs: go
    uses: shell
    effect: irreversible
    timeout: 1m
    with: {argv: [a]}
    reconcile: {uses: shell, with: {argv: [a]}, happened: "true"}
"#;

/// A test file with one of each kind of map.
const WHOLE: &str = r#"
windlass_test: 1
mocks: {look: ok}
gates: {go: approve}
cases:
  one:
    mocks: {act: {ends: timeout, looks: {outputs: {}}}, look: {outputs: {}}}
    gates: {go: {approve: null}}
    operator: [{after: gate_opened go, do: pause}]
    expect: {end: succeeded}
"#;

/// Where each kind of map stands in `WHOLE`, by its name in the schema.
const MAPS: [(&str, &str); 7] = [
    ("", ""),
    ("case", "/cases/one"),
    ("the_answer_of_an_attempt", "/cases/one/mocks/look"),
    (
        "the_answer_of_a_look_that_reads",
        "/cases/one/mocks/act/looks",
    ),
    ("the_answer_of_a_gate", "/cases/one/gates/go"),
    ("entry_of_operator", "/cases/one/operator/0"),
    ("expect", "/cases/one/expect"),
];

const VALUES: &str = r#"
[null, true, 7, -1, 1.5, text, 5m, 0s, "${{ inputs.i }}", ok, crash, look, succeeded, pause,
 gate_opened go, [], [look], [7], {}, {look: ok}, {look: 7}, {go: approve}, {look: succeeded},
 {look: {}}, {go: {}}]
"#;

#[test]
fn each_key_of_a_test_agrees_on_each_kind_of_value() {
    let catalog = native();
    let schema = schema::test_file();
    let validator = judge(&schema);
    let whole = schema::data(WHOLE).expect("it is YAML");
    assert_eq!(refusals(&validator, &whole), Vec::<String>::new());
    assert_eq!(codes(WHOLE, BOOK, &catalog), Vec::<&str>::new());
    let values = schema::data(VALUES).expect("it is YAML");
    let mut different = Vec::new();
    for (name, place) in MAPS {
        let def = match name {
            "" => &schema,
            _ => &schema["$defs"][name],
        };
        let keys = def["properties"].as_object().expect("it is a map").keys();
        let keys: Vec<&str> = keys.map(String::as_str).chain(["unheard_of"]).collect();
        for key in keys {
            for value in values.as_array().expect("it is a list") {
                let mut data: Value = whole.clone();
                let map = data.pointer_mut(place).expect("the map is there");
                map[key] = value.clone();
                let codes = codes(&data.to_string(), BOOK, &catalog);
                let is_valid = validator.is_valid(&data);
                let is_known = codes.iter().any(|code| KNOWN.contains(code));
                if !is_valid && codes.is_empty() || is_valid && is_known {
                    let what = format!("{place}/{key} = {value}: valid {is_valid}, {codes:?}");
                    different.push(what);
                }
            }
        }
    }
    let count = different.len();
    assert!(
        different.is_empty(),
        "{count} differ:\n{}",
        different.join("\n")
    );
}
