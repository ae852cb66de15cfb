//! The schema of runbooks against the checker: the committed one is fresh, everything
//! right validates, and everything wrong is refused where a schema can know it.

mod test_files;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::Value;
use windlass_core::catalog::Catalog;
use windlass_engine::ports::CatalogSource as _;
use windlass_runbook::diagnostic::Severity;
use windlass_runbook::{Files, NoFiles, check_with, schema};
use windlass_steps::NativeSteps;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).expect("the folder is in the checkout");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .filter(|path| !path.to_string_lossy().ends_with(".test.yaml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} is empty");
    files
}

/// The files beside a runbook.
struct Folder<'a>(&'a Path);

impl Files for Folder<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(self.0.join(path)).map_err(|_| "there is no such file".to_owned())
    }
}

fn native() -> Catalog {
    NativeSteps::new().catalog()
}

/// The catalog of the checker's own cases.
fn of_cases() -> Catalog {
    let path = root().join("crates/windlass-runbook/tests/catalog.json");
    let text = std::fs::read_to_string(path).expect("the catalog is in the checkout");
    serde_json::from_str(&text).expect("the catalog is valid")
}

fn validator(catalog: &Catalog) -> Validator {
    judge(&schema::runbook(catalog))
}

fn judge(schema: &Value) -> Validator {
    jsonschema::meta::validate(schema).unwrap_or_else(|error| panic!("no schema: {error}"));
    jsonschema::validator_for(schema).unwrap_or_else(|error| panic!("no schema: {error}"))
}

/// What the schema has against a text that can be read.
fn refusals(validator: &Validator, data: &Value) -> Vec<String> {
    let errors = validator.iter_errors(data);
    errors
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect()
}

/// Compares a committed text with what it should be; `UPDATE_GOLDEN=1` writes it.
fn is_fresh(path: &str, wanted: &str) {
    let file = root().join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, wanted).expect("the file can be written");
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == wanted,
        "{path} is stale: run this test with UPDATE_GOLDEN=1"
    );
}

#[test]
fn the_committed_schema_and_list_of_keys_are_fresh() {
    let schema = format!("{:#}\n", schema::runbook(&native()));
    is_fresh("docs/runbook.schema.json", &schema);
    is_fresh(
        "docs/test.schema.json",
        &format!("{:#}\n", schema::test_file()),
    );
    is_fresh(
        "docs/policy.schema.json",
        &format!("{:#}\n", schema::policy_file()),
    );
    is_fresh("docs/keys.md", &schema::keys_page());
}

#[test]
fn every_key_and_action_is_described() {
    fn silent(schema: &Value, path: &str, found: &mut Vec<String>) {
        let Value::Object(members) = schema else {
            return;
        };
        let with = |at: &str| format!("{path}/{at}");
        for (name, inside) in members {
            if name == "properties" && !path.contains("/then") && !path.contains("/if") {
                for (key, about) in inside.as_object().into_iter().flatten() {
                    if about["description"].as_str().is_none() && !path.ends_with("/with") {
                        found.push(with(key));
                    }
                }
            }
            silent(inside, &with(name), found);
            for (place, item) in inside.as_array().into_iter().flatten().enumerate() {
                silent(item, &with(&format!("{name}/{place}")), found);
            }
        }
    }
    let mut found = Vec::new();
    let schema = schema::runbook(&native());
    silent(&schema, "", &mut found);
    silent(&schema::test_file(), "", &mut found);
    found.retain(|path| !path.contains("allOf") && !path.contains("/defaults/"));
    assert!(found.is_empty(), "{found:#?}");
    let any = schema["$defs"]["any_action"]["anyOf"].to_string();
    for name in native().actions.keys() {
        assert!(any.contains(&format!("\"{name}\"")), "{name} in {any}");
    }
}

#[test]
fn what_is_right_validates() {
    let cases = validator(&of_cases());
    let native = validator(&native());
    for (folder, validator) in [
        ("runbooks", &native),
        ("tests/crash", &native),
        ("tests/faults", &native),
        ("crates/windlass-runbook/tests/right", &cases),
    ] {
        for file in yaml_files(folder) {
            let text = std::fs::read_to_string(&file).unwrap();
            let data = schema::data(&text).expect("it is right");
            let refused = refusals(validator, &data);
            assert!(refused.is_empty(), "{}: {refused:#?}", file.display());
        }
    }
}

/// Mistakes that a schema cannot see, and why. A code that is not here is refused by the
/// schema wherever it is the only one.
fn reason(code: &str) -> Option<&'static str> {
    Some(match code {
        "WL0205" => "a rule of its own grammar",
        "WL0301" | "WL0302" => "what a run or a runbook is given",
        "WL0303" | "WL0304" | "WL0305" | "WL0306" => "a value against a declared rule",
        "WL0503" => "a parameter may come from `defaults`",
        "WL0504" => "the type of an expression",
        _ if code.starts_with("WL021") => "what another file says",
        _ if code.starts_with("WL030") => "a rule against another",
        _ if code.starts_with("WL04") => "what an expression means",
        _ if code.starts_with("WL06") => "how steps stand to each other",
        _ if code.starts_with("WL07") => "what a plugin is",
        "WL0850" => "names that stand twice",
        "WL0881" | "WL0882" | "WL0883" | "WL0884" => "how steps stand to each other",
        _ => return None,
    })
}

#[test]
fn what_is_wrong_is_refused_where_a_schema_can_know() {
    let catalog = of_cases();
    let validator = validator(&catalog);
    let mut table = String::new();
    let (mut compared, mut refused) = (0, 0);
    let mut unexplained = BTreeMap::new();
    for file in yaml_files("crates/windlass-runbook/tests/wrong") {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let Ok(data) = schema::data(&text) else {
            let _infallible = writeln!(table, "{name}: not read; a schema sees data only");
            continue;
        };
        compared += 1;
        let folder = Folder(file.parent().expect("a file has a folder"));
        let checked = check_with("book.yaml", &text, None, &catalog, &folder);
        let mut codes: Vec<&str> = checked
            .diagnostics
            .iter()
            .filter(|found| found.severity == Severity::Error)
            // What is wrong in another file is that file's.
            .filter(|found| found.labels.first().is_none_or(|(span, _)| span.file == 0))
            .map(|found| found.code.id())
            .collect();
        codes.dedup();
        let codes_said = if codes.is_empty() {
            "no error".to_owned()
        } else {
            codes.join(" ")
        };
        if !validator.is_valid(&data) {
            refused += 1;
            assert!(
                !codes.is_empty(),
                "the schema refuses {name}, which has no error: {:#?}",
                refusals(&validator, &data)
            );
            let _infallible = writeln!(table, "{name}: refused ({codes_said})");
            continue;
        }
        let mut why: Vec<&str> = Vec::new();
        for code in &codes {
            match reason(code) {
                Some(reason) if !why.contains(&reason) => why.push(reason),
                Some(_) => {}
                None => {
                    unexplained.insert(name.clone(), codes_said.clone());
                }
            }
        }
        let _infallible = writeln!(table, "{name}: accepted ({codes_said}) {}", why.join("; "));
    }
    assert!(
        unexplained.is_empty(),
        "accepted, and nothing says why: {unexplained:#?}"
    );
    is_fresh("tests/schema/agreement.txt", &table);
    assert!(compared >= 60, "{compared}");
    assert!(refused >= 30, "{refused} of {compared}");
}

/// Where each kind of map stands in `WHOLE`, by its name in the schema.
const MAPS: [(&str, &str); 15] = [
    ("", ""),
    ("change", "/change"),
    ("secret", "/secrets/s"),
    ("input", "/inputs/i"),
    ("field", "/inputs/m/fields/f"),
    ("item", "/inputs/l/items"),
    ("action", "/steps/look"),
    ("output", "/steps/look/outputs/json"),
    ("until", "/steps/poll/until"),
    ("retry", "/steps/act/retry"),
    ("reconcile", "/steps/act/reconcile"),
    ("undo", "/steps/act/undo"),
    ("wait", "/steps/pause"),
    ("gate", "/steps/go"),
    ("approval", "/steps/go/approval"),
];

/// A runbook with one of each kind of map.
const WHOLE: &str = r#"
windlass: 1
name: book
inputs:
  i: {type: string}
  m: {type: map, fields: {f: {type: string}}}
  l: {type: list, items: {type: string}}
secrets: {s: {env: A}}
change: {class: normal}
steps:
  look: {uses: shell, effect: read, with: {argv: [a]}, outputs: {json: {type: string}}}
  poll: {uses: shell, effect: read, with: {argv: [a]}, until: {that: "true", every: 1s, for: 2s}}
  act:
    uses: shell
    effect: reversible
    timeout: 1m
    with: {argv: [a]}
    retry: {attempts: 2}
    reconcile: {uses: shell, with: {argv: [a]}, happened: "true"}
    undo: {uses: shell, timeout: 1m, with: {argv: [a]}}
  pause: {uses: wait, with: {for: 1s}}
  go: {approval: {expires: 30m}}
"#;

/// Values of every kind, some right in some places.
const VALUES: &str = r#"
[null, true, 7, -1, 1.5, text, "two words", 5m, 0s, "${{ inputs.i }}", shell, wait, look,
 ./other.yaml, undo, string, [], [a], [7], {}, {a: b}, {a: 7}, {type: map}]
"#;

/// A schema knows these wherever they are the only mistake.
const KNOWN: [&str; 9] = [
    "WL0201", "WL0202", "WL0203", "WL0204", "WL0207", "WL0402", "WL0403", "WL0501", "WL0505",
];

#[test]
fn each_key_agrees_on_each_kind_of_value() {
    let catalog = native();
    let schema = schema::runbook(&catalog);
    let validator = validator(&catalog);
    let whole = schema::data(WHOLE).expect("it is YAML");
    assert_eq!(refusals(&validator, &whole), Vec::<String>::new());
    let values = schema::data(VALUES).expect("it is YAML");
    let (mut accepted, mut refused) = (0, 0);
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
                let mut data = whole.clone();
                let map = data.pointer_mut(place).expect("the map is there");
                map[key] = value.clone();
                let text = data.to_string();
                let checked = check_with("book.yaml", &text, None, &catalog, &NoFiles);
                let is_valid = validator.is_valid(&data);
                let codes: Vec<&str> = checked
                    .diagnostics
                    .iter()
                    .filter(|found| found.severity == Severity::Error)
                    .map(|found| found.code.id())
                    .collect();
                let is_known = codes.iter().any(|code| KNOWN.contains(code));
                if is_valid {
                    accepted += 1
                } else {
                    refused += 1
                }
                if !is_valid && codes.is_empty() || is_valid && is_known {
                    different.push(format!(
                        "{place}/{key} = {value}: valid {is_valid}, {codes:?}"
                    ));
                }
            }
        }
    }
    assert!(
        different.is_empty(),
        "{} differ:\n{}",
        different.len(),
        different.join("\n")
    );
    println!("{accepted} accepted, {refused} refused");
    assert!(accepted > 300 && refused > 2_000, "{accepted} {refused}");
}
