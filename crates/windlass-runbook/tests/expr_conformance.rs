//! CEL's published conformance cases. Every case passes, or is left out for a reason that
//! names what of CEL the subset does not have; the reasons are counted and printed.
//!
//! The cases are no part of the project: they are read from `../shared/data/cel-spec` beside
//! its root, or from the folder that `WINDLASS_CEL_SPEC` names. Without them the test prints
//! SKIP and passes, since a clone elsewhere need not have them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use windlass_core::expr::{EvalErrorKind, Expr, Kind};
use windlass_core::value::Value;
use windlass_runbook::expr::typing::{Facts, Known, Names, Problem, Ty, typing};
use windlass_runbook::expr::{SyntaxError, parse};

/// At least so many cases of the version that was read last must pass, so that nothing
/// slips into a reason unseen.
const PASSED_LEAST: usize = 489;

/// What a case came to.
enum Verdict {
    Passed,
    Failed(String),
    /// Why it says nothing about the subset.
    LeftOut(&'static str),
}

fn folder() -> PathBuf {
    std::env::var_os("WINDLASS_CEL_SPEC").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/cel-spec"),
        PathBuf::from,
    )
}

const UINT: &str = "unsigned integers";
const BYTES: &str = "bytes";
const PROTO: &str = "protocol buffer messages, enums and wrappers";
const TYPES: &str = "types as values";
const KEYS: &str = "keys that are no strings";
const INFINITE: &str = "infinity and NaN";
const TIME: &str = "timestamps and durations as types";
const MATCHES: &str = "regular expressions";

/// Functions of CEL that the subset does not have.
const ABSENT: [(&str, &str); 17] = [
    ("uint", UINT),
    ("bytes", BYTES),
    ("type", TYPES),
    ("matches", MATCHES),
    ("timestamp", TIME),
    ("duration", TIME),
    ("getDate", TIME),
    ("getDayOfMonth", TIME),
    ("getDayOfWeek", TIME),
    ("getDayOfYear", TIME),
    ("getFullYear", TIME),
    ("getHours", TIME),
    ("getMilliseconds", TIME),
    ("getMinutes", TIME),
    ("getMonth", TIME),
    ("getSeconds", TIME),
    ("f_unknown", "functions of the program around"),
];

/// The type names of CEL, which are values there.
const TYPE_NAMES: [&str; 11] = [
    "bool",
    "bytes",
    "double",
    "dyn",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "type",
    "uint",
];

/// A value of the cases, or why the subset has none such.
fn value(json: &Json) -> Result<Value, &'static str> {
    let Some((kind, inner)) = json.as_object().and_then(|object| object.iter().next()) else {
        return Err(PROTO);
    };
    Ok(match kind.as_str() {
        "null_value" => Value::Null,
        "bool_value" => Value::Bool(inner.as_bool().expect("a boolean")),
        "int64_value" => {
            let text = inner.as_str().expect("64-bit integers are strings");
            Value::Int(text.parse().expect("an integer"))
        }
        "double_value" => match inner.as_f64() {
            Some(value) if value.is_finite() => Value::Float(value),
            _ => return Err(INFINITE),
        },
        "string_value" => Value::from(inner.as_str().expect("a string")),
        "uint64_value" => return Err(UINT),
        "bytes_value" => return Err(BYTES),
        "type_value" => return Err(TYPES),
        "list_value" => Value::List(
            members(inner, "values")
                .map(value)
                .collect::<Result<_, _>>()?,
        ),
        "map_value" => {
            let mut map = BTreeMap::new();
            for entry in members(inner, "entries") {
                let Value::Text(key) = value(&entry["key"])? else {
                    return Err(KEYS);
                };
                map.insert(key, value(&entry["value"])?);
            }
            Value::Map(map)
        }
        "object_value" | "enum_value" => return Err(PROTO),
        other => panic!("the kind {other} is not known"),
    })
}

fn members<'a>(json: &'a Json, name: &str) -> impl Iterator<Item = &'a Json> {
    json[name].as_array().into_iter().flatten()
}

/// Why a syntax error means that the case is outside of the subset.
fn reason(source: &str, error: &SyntaxError) -> Option<&'static str> {
    if let Some((_, reason)) = ABSENT
        .iter()
        .find(|(name, _)| error.message == format!("there is no function `{name}`"))
    {
        return Some(reason);
    }
    let help = error.help.as_deref().unwrap_or_default();
    if help.starts_with("unsigned integers do not exist") {
        return Some(UINT);
    }
    if error.message.starts_with("byte strings do not exist") {
        return Some(BYTES);
    }
    // `TestAllTypes{...}`, `google.protobuf.BoolValue{...}`
    let at = error.span.range().start;
    let before = source[..at].trim_end();
    let is_message = source[at..].starts_with('{')
        && before.ends_with(|char: char| char.is_ascii_alphanumeric());
    is_message.then_some(PROTO)
}

/// Why a name that nobody bound means that the case is outside of the subset.
fn unbound(expr: &Expr) -> Option<&'static str> {
    expr.references().iter().find_map(|reference| {
        let path = reference.path.join(".");
        if path.starts_with("google.protobuf.Timestamp")
            || path.starts_with("google.protobuf.Duration")
        {
            Some(TIME)
        } else if path.starts_with("google.") || path.contains("TestAllTypes") {
            Some(PROTO)
        } else if TYPE_NAMES.contains(&path.as_str()) {
            Some(TYPES)
        } else {
            None
        }
    })
}

fn has_other_keys(expr: &Expr) -> bool {
    expr.nodes().iter().any(|node| match &node.kind {
        Kind::Map(entries) => entries.iter().any(|(key, _)| {
            matches!(
                expr.node(*key).kind,
                Kind::Int(_) | Kind::Bool(_) | Kind::Float(_) | Kind::Null
            )
        }),
        _ => false,
    })
}

/// Names of unknown types.
struct Untyped;

impl Names for Untyped {
    fn known(&self, path: &[&str]) -> Option<Known> {
        (!path.is_empty()).then(|| Known::present(Ty::Any, 1))
    }
}

fn verdict(case: &Json) -> Verdict {
    let source = case["expr"].as_str().expect("a case has an expression");
    let mut bindings = BTreeMap::new();
    for (name, bound) in case["bindings"].as_object().into_iter().flatten() {
        match value(&bound["value"]) {
            Ok(value) => {
                bindings.insert(name.clone(), value);
            }
            Err(reason) => return Verdict::LeftOut(reason),
        }
    }
    let wanted = if case.get("eval_error").is_some() {
        None
    } else if let Some(json) = case.get("value") {
        match value(json) {
            Ok(value) => Some(value),
            Err(reason) => return Verdict::LeftOut(reason),
        }
    } else if let Some(json) = case["typed_result"].get("result") {
        match value(json) {
            Ok(value) => Some(value),
            Err(reason) => return Verdict::LeftOut(reason),
        }
    } else {
        Some(Value::Bool(true))
    };
    let expr = match parse(source) {
        Ok(expr) => expr,
        Err(error) => {
            return match reason(source, &error) {
                Some(reason) => Verdict::LeftOut(reason),
                None => Verdict::Failed(format!("it is not parsed: {error}")),
            };
        }
    };
    if let Some(reason) = unbound(&expr) {
        return Verdict::LeftOut(reason);
    }
    if has_other_keys(&expr) {
        return Verdict::LeftOut(KEYS);
    }
    let found = expr.eval(&bindings);
    match (found, wanted) {
        (Err(_), None) => Verdict::Passed,
        (Err(error), _) if error.kind == EvalErrorKind::NotFinite => Verdict::LeftOut(INFINITE),
        (Ok(found), Some(wanted)) if found == wanted => well_typed(case, &expr),
        (Err(error), Some(wanted)) => Verdict::Failed(format!("{wanted} was wanted, but {error}")),
        (Ok(found), None) => Verdict::Failed(format!("an error was wanted, found {found}")),
        (Ok(found), Some(wanted)) => Verdict::Failed(format!("{wanted} was wanted, found {found}")),
    }
}

/// What CEL's own checker accepts, typing accepts as well; only a comparison that has one
/// possible result is refused by ours, and then the case shows which.
fn well_typed(case: &Json, expr: &Expr) -> Verdict {
    if case["disable_check"].as_bool() == Some(true) {
        return Verdict::Passed;
    }
    let known = typing(expr, &Untyped, &Facts::default());
    let refused = known
        .findings
        .iter()
        .find(|finding| !matches!(finding.problem, Problem::NeverNull | Problem::Comparison));
    match refused {
        None => Verdict::Passed,
        Some(finding) => Verdict::Failed(format!("typing refuses it: {}", finding.message)),
    }
}

#[test]
fn published_cases_pass_or_are_outside_of_the_subset() {
    let folder = folder();
    let Ok(entries) = fs::read_dir(&folder) else {
        // Past the capture of the harness, which shows nothing of a test that passes.
        let _closed = std::io::stderr().write_all(
            b"SKIP: CEL's conformance cases are not here; WINDLASS_CEL_SPEC names their folder\n",
        );
        return;
    };
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the folder is readable").path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "json"))
        .collect();
    files.sort();
    let mut passed_all = 0;
    let mut reasons: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut failures = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("the cases are text");
        let json: Json = serde_json::from_str(&text).expect("the cases are JSON");
        let name = json["name"].as_str().unwrap_or_default();
        let (mut passed, mut left_out) = (0, 0);
        let failed_before = failures.len();
        for section in members(&json, "section") {
            for case in members(section, "test") {
                match verdict(case) {
                    Verdict::Passed => passed += 1,
                    Verdict::LeftOut(reason) => {
                        left_out += 1;
                        *reasons.entry(reason).or_default() += 1;
                    }
                    Verdict::Failed(why) => failures.push(format!(
                        "{name}/{}/{}: `{}`: {why}",
                        section["name"].as_str().unwrap_or_default(),
                        case["name"].as_str().unwrap_or_default(),
                        case["expr"].as_str().unwrap_or_default(),
                    )),
                }
            }
        }
        let failed = failures.len() - failed_before;
        println!("{name}: {passed} passed, {failed} failed, {left_out} left out");
        passed_all += passed;
    }
    let left_out: usize = reasons.values().sum();
    let summary = format!(
        "CEL conformance: {passed_all} passed, {} failed, {left_out} left out\n",
        failures.len()
    );
    let _closed = std::io::stderr().write_all(summary.as_bytes());
    for (reason, count) in &reasons {
        println!("  {count:4} left out: {reason}");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(passed_all >= PASSED_LEAST, "only {passed_all} passed");
}
