//! The examples of `docs/expressions.md` do what the page says, and show every function,
//! macro and operator.

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::expr::{Function, Kind, Macro};
use windlass_core::value::Value;
use windlass_runbook::expr::parse;
use windlass_runbook::expr::typing::{Facts, Known, Names, Ty, typing};

const PAGE: &str = include_str!("../../../docs/expressions.md");

/// The fenced blocks of the page that begin with `info`.
fn blocks(info: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = PAGE.lines();
    while let Some(line) = lines.next() {
        if line.strip_prefix("```") == Some(info) {
            let inside = lines.by_ref().take_while(|line| *line != "```");
            found.push(inside.collect::<Vec<_>>().join("\n"));
        }
    }
    found
}

/// The types that the page says its names have.
struct Typed;

impl Names for Typed {
    fn known(&self, path: &[&str]) -> Option<Known> {
        let object = |members: &[(&str, Ty)]| {
            Ty::object(
                members
                    .iter()
                    .map(|(name, ty)| ((*name).to_owned(), ty.clone())),
            )
        };
        let ty = match path[0] {
            "name" => Ty::Text,
            "count" => Ty::Int,
            "share" => Ty::Number,
            "max_lag" => Ty::Bytes,
            "max_age" => Ty::Duration,
            "hosts" => Ty::list(Ty::Text),
            "server" => object(&[("host", Ty::Text), ("port", Ty::Int)]),
            "rows" => Ty::list(object(&[("name", Ty::Text), ("lag", Ty::Int)])),
            "note" => Ty::Text.nullable(),
            "answer" => Ty::Any,
            _ => return None,
        };
        Some(Known::present(ty, 1))
    }
}

/// What an example says that its expression comes to.
enum Says<'a> {
    Gives(&'a str),
    Refused(&'a str),
    Fails(&'a str),
}

fn example(line: &str) -> (&str, Says<'_>) {
    type Make = for<'a> fn(&'a str) -> Says<'a>;
    let marks: [(&str, Make); 3] = [
        (" => ", |text| Says::Gives(text)),
        (" refused: ", |text| Says::Refused(text)),
        (" fails: ", |text| Says::Fails(text)),
    ];
    marks
        .iter()
        .find_map(|(mark, make)| {
            let (source, text) = line.rsplit_once(mark)?;
            Some((source.trim(), make(text.trim())))
        })
        .unwrap_or_else(|| panic!("{line:?} says nothing"))
}

/// Why an example is not as the page says.
fn wrong(source: &str, says: &Says<'_>, names: &BTreeMap<String, Value>) -> Option<String> {
    let expr = match (parse(source), says) {
        (Ok(expr), _) => expr,
        (Err(error), Says::Refused(part)) if error.message.contains(part) => return None,
        (Err(error), _) => return Some(format!("it is not parsed: {error}")),
    };
    let findings = typing(&expr, &Typed, &Facts::default()).findings;
    if let Says::Refused(part) = says {
        let told = findings
            .iter()
            .any(|finding| finding.message.contains(part));
        return (!told).then(|| format!("it is told {findings:?}"));
    }
    if let Some(finding) = findings.first() {
        return Some(format!("it is refused: {}", finding.message));
    }
    match (expr.eval(names), says) {
        (Ok(value), Says::Gives(json)) => {
            let wanted: Value = serde_json::from_str(json).expect("a value is JSON");
            (value != wanted).then(|| format!("it gives {value}"))
        }
        (Err(error), Says::Fails(part)) if error.to_string().contains(part) => None,
        (found, _) => Some(format!("it gives {found:?}")),
    }
}

#[test]
fn examples_are_true_and_show_everything() {
    let names = blocks("json names").concat();
    let names: BTreeMap<String, Value> = serde_json::from_str(&names).expect("names are JSON");
    let mut mistakes = Vec::new();
    let mut shown = BTreeSet::new();
    let examples = blocks("cel").join("\n");
    for line in examples.lines() {
        let (source, says) = example(line);
        if let Some(why) = wrong(source, &says, &names) {
            mistakes.push(format!("{line}\n    {why}"));
        }
        let expr = parse(source)
            .ok()
            .filter(|_| matches!(says, Says::Gives(_)));
        for node in expr.iter().flat_map(|expr| expr.nodes()) {
            shown.extend(match &node.kind {
                Kind::Call { function, .. } => Some(function.name()),
                Kind::Macro { op, .. } => Some(op.name()),
                Kind::Binary { op, .. } => Some(op.text()),
                Kind::Has { .. } => Some("has"),
                _ => None,
            });
        }
    }
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
    let all = Function::ALL.map(Function::name);
    let all = all.into_iter().chain(Macro::ALL.map(Macro::name));
    let all = all.chain(["has", "||", "&&", "==", "<", "in", "+", "/", "%"]);
    let unseen: Vec<&str> = all.filter(|name| !shown.contains(name)).collect();
    assert!(unseen.is_empty(), "no example shows {unseen:?}");
}
