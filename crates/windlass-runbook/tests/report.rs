//! The reports for other programs say the same as the diagnostics, for every golden case.

use std::fs;
use std::path::Path;

use serde_json::Value;
use windlass_core::catalog::Catalog;
use windlass_runbook::report::sarif;
use windlass_runbook::{Checked, check};

fn cases() -> Vec<Checked> {
    let catalog: Catalog =
        serde_json::from_str(include_str!("catalog.json")).expect("the catalog is valid");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("the folder exists")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    paths.sort();
    // Characters of one and of two units of UTF-16, before everything that is pointed at.
    let texts = paths
        .iter()
        .map(|path| fs::read_to_string(path).expect("text"));
    let texts: Vec<String> = texts
        .flat_map(|text| [text.replace(": {", ": {grün: 𝄞, "), text])
        .collect();
    assert!(texts.len() > 80);
    texts
        .iter()
        .enumerate()
        .map(|(number, text)| check(&format!("{number}.yaml"), text, None, &catalog))
        .collect()
}

/// The byte at a line and a column in code units of UTF-16, both from 1.
fn byte_at(text: &str, line: &Value, column: &Value) -> usize {
    let number = |value: &Value| usize::try_from(value.as_u64().expect("a number")).expect("fits");
    let mut start = 0;
    for line in text.split_inclusive('\n').take(number(line) - 1) {
        start += line.len();
    }
    let mut units = number(column) - 1;
    for (at, char) in text[start..].char_indices() {
        if units == 0 {
            return start + at;
        }
        units -= char.len_utf16();
    }
    assert_eq!(units, 0, "a column beyond the text");
    text.len()
}

#[test]
fn sarif_points_at_what_the_diagnostics_point_at() {
    let cases = cases();
    let log = sarif(&cases, "1.2.3");
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(run["columnKind"], "utf16CodeUnits");
    assert_eq!(
        run["artifacts"].as_array().expect("a list").len(),
        cases.len()
    );
    let rules = &run["tool"]["driver"]["rules"];
    let results = run["results"].as_array().expect("a list");
    let found: Vec<_> = cases
        .iter()
        .enumerate()
        .flat_map(|(file, checked)| checked.diagnostics.iter().map(move |found| (file, found)))
        .collect();
    assert_eq!(results.len(), found.len());
    for (result, (file, found)) in results.iter().zip(found) {
        let rule = usize::try_from(result["ruleIndex"].as_u64().expect("a number")).expect("fits");
        assert_eq!(rules[rule]["id"], found.code.id());
        assert_eq!(result["ruleId"], found.code.id());
        let related = result["relatedLocations"].as_array();
        let locations = result["locations"].as_array().expect("a list").iter();
        let locations: Vec<&Value> = locations.chain(related.into_iter().flatten()).collect();
        assert_eq!(locations.len(), found.labels.len().max(1));
        let text = cases[file].sources[0].text.as_str();
        for (location, (span, _)) in locations.iter().zip(&found.labels) {
            let place = &location["physicalLocation"];
            assert_eq!(place["artifactLocation"]["uri"], format!("{file}.yaml"));
            let region = &place["region"];
            let start = byte_at(text, &region["startLine"], &region["startColumn"]);
            let end = byte_at(text, &region["endLine"], &region["endColumn"]);
            assert_eq!(text[start..end], text[span.start..span.end], "{found:?}");
            assert_eq!(start, span.start, "{found:?}");
        }
    }
}

#[test]
fn json_points_at_what_the_diagnostics_point_at() {
    for checked in cases() {
        let report = checked.report();
        let text = checked.sources[0].text.as_str();
        assert_eq!(report.ok, !checked.has_errors());
        assert_eq!(report.diagnostics.len(), checked.diagnostics.len());
        for (mistake, found) in report.diagnostics.iter().zip(&checked.diagnostics) {
            assert_eq!(mistake.code, found.code.id());
            for (label, (span, said)) in mistake.labels.iter().zip(&found.labels) {
                let line = text.lines().nth(label.line - 1).unwrap_or_default();
                let rest: String = line.chars().skip(label.column - 1).collect();
                let pointed = &text[span.start..span.end];
                let first = pointed.lines().next().unwrap_or_default();
                assert!(rest.starts_with(first), "{label:?}: {rest}");
                assert_eq!((label.start, label.end), (span.start, span.end));
                assert_eq!(&label.text, said);
            }
        }
    }
}
