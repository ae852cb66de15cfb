//! Checks of runbooks as one SARIF 2.1.0 log, the OASIS standard that code review and
//! editors read. Columns are in code units of UTF-16, and the log says so.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::lines::Lines;
use crate::check::Checked;
use crate::codes::Code;
use crate::diagnostic::{Diagnostic, Severity, Source, Span};

/// Where the standard publishes the schema of its documents.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The log of one run of the checker over some runbooks.
pub fn sarif(checked: &[Checked], version: &str) -> Value {
    let mut rules: BTreeMap<&str, Code> = BTreeMap::new();
    for found in checked.iter().flat_map(|checked| &checked.diagnostics) {
        rules.insert(found.code.id(), found.code);
    }
    let index_of = |code: Code| rules.keys().position(|id| *id == code.id());
    let mut artifacts: Vec<String> = Vec::new();
    let mut results = Vec::new();
    for checked in checked {
        let texts: Vec<Text<'_>> = checked
            .sources
            .iter()
            .map(|source| Text::new(source, &mut artifacts))
            .collect();
        for found in &checked.diagnostics {
            results.push(result(&texts, found, index_of(found.code)));
        }
    }
    let artifacts: Vec<Value> = artifacts
        .iter()
        .map(|uri| json!({"location": {"uri": uri}}))
        .collect();
    let notes: Vec<Value> = checked.iter().filter_map(omitted).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "windlass",
                "version": version,
                "rules": rules.values().map(|code| rule(*code)).collect::<Vec<_>>(),
            }},
            "columnKind": "utf16CodeUnits",
            "invocations": [{
                "executionSuccessful": true,
                "toolExecutionNotifications": notes,
            }],
            "artifacts": artifacts,
            "results": results,
        }],
    })
}

/// A text that was checked.
struct Text<'a> {
    uri: String,
    /// Its place among the artifacts.
    index: usize,
    lines: Lines<'a>,
}

impl<'a> Text<'a> {
    /// Lists the text among the artifacts when it is not yet there.
    fn new(source: &'a Source, artifacts: &mut Vec<String>) -> Self {
        let uri = uri(&source.name);
        let known = artifacts.iter().position(|known| *known == uri);
        let index = known.unwrap_or_else(|| {
            artifacts.push(uri.clone());
            artifacts.len() - 1
        });
        Self {
            uri,
            index,
            lines: Lines::new(&source.text),
        }
    }
}

/// A place, or the whole runbook where there is none.
fn physical(texts: &[Text<'_>], span: Option<Span>) -> Value {
    let file = span.map_or(0, |span| usize::from(span.file));
    let Some(text) = texts.get(file) else {
        return json!({});
    };
    let mut place = json!({"artifactLocation": {"uri": text.uri, "index": text.index}});
    if let Some(span) = span {
        let (start, end) = text.lines.places(span);
        place["region"] = json!({
            "startLine": start.line,
            "startColumn": start.column_utf16,
            "endLine": end.line,
            "endColumn": end.column_utf16,
        });
    }
    place
}

fn rule(code: Code) -> Value {
    let explanation = plain(code.explanation());
    // Of the page only the prose: readers differ on whether they undo the escaping that
    // the standard asks for, and an example must stay one that can be copied.
    let page = code.page();
    let text = page.split_once("\n\n").map_or(page, |(_, text)| text);
    let prose = text.split("\n\n## ").next().unwrap_or(text);
    let help = format!("{prose}\n\nSee `windlass explain {code}` for examples.");
    json!({
        "id": code.id(),
        "shortDescription": {"text": explanation},
        "fullDescription": {"text": explanation},
        "help": {"text": plain(&help)},
    })
}

fn result(texts: &[Text<'_>], found: &Diagnostic, rule: Option<usize>) -> Value {
    let level = match found.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut text = found.message.clone();
    let main = found.labels.first();
    if let Some((_, label)) = main.filter(|(_, label)| !label.is_empty()) {
        text += &format!(": {label}");
    }
    if let Some(help) = &found.help {
        text += &format!("\n{help}");
    }
    let related: Vec<Value> = (1..)
        .zip(found.labels.iter().skip(1))
        .map(|(id, (span, label))| {
            json!({
                "id": id,
                "physicalLocation": physical(texts, Some(*span)),
                "message": {"text": plain(label)},
            })
        })
        .collect();
    let mut result = json!({
        "ruleId": found.code.id(),
        "level": level,
        "message": {"text": plain(&text)},
        "locations": [{"physicalLocation": physical(texts, main.map(|(span, _)| *span))}],
    });
    if let Some(rule) = rule {
        result["ruleIndex"] = json!(rule);
    }
    if !related.is_empty() {
        result["relatedLocations"] = Value::Array(related);
    }
    result
}

fn omitted(checked: &Checked) -> Option<Value> {
    (checked.omitted > 0).then(|| {
        let text = format!(
            "{}: at least {} more were found and left out",
            checked.source_name(),
            checked.omitted
        );
        json!({"level": "note", "message": {"text": plain(&text)}})
    })
}

/// Text without links and placeholders: the standard has brackets begin the former and
/// braces the latter (sections 3.11.5 and 3.11.6).
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\\' | '[' | ']' => plain.extend(['\\', char]),
            '{' | '}' => plain.extend([char, char]),
            _ => plain.push(char),
        }
    }
    plain
}

/// A path as a URI reference: absolute paths become `file:` URIs.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    if path.starts_with('/') {
        uri += "file://";
    }
    for byte in path.bytes() {
        // What RFC 3986 lets a path hold as it is, without `:`, which could end a scheme.
        if byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=@".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri += &format!("%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_uri_references() {
        assert_eq!(uri("books/a b.yaml"), "books/a%20b.yaml");
        assert_eq!(uri("/srv/ü.yaml"), "file:///srv/%C3%BC.yaml");
        assert_eq!(uri("c:d"), "c%3Ad");
    }

    #[test]
    fn text_has_no_links_and_no_placeholders() {
        assert_eq!(plain(r"a [b](1) {0} \"), r"a \[b\](1) {{0}} \\");
    }
}
