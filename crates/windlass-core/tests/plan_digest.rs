//! The examples of `docs/plan-digest.md` are what the program computes, and nothing in a
//! plan can be changed without another digest.

#![expect(
    clippy::unwrap_used,
    reason = "an example that cannot be read ends the test, which is all it can do"
)]

use serde_json::Value as Json;
use windlass_core::plan::{Digest, Plan};

const DOC: &str = include_str!("../../../docs/plan-digest.md");

/// The fenced block of a name, without its last line end.
fn block(name: &str) -> &'static str {
    let (_, rest) = DOC.split_once(&format!("```{name}\n")).unwrap();
    rest.split_once("\n```").unwrap().0
}

fn plan(name: &str) -> Plan {
    serde_json::from_str(block(&format!("json {name}"))).unwrap()
}

#[test]
fn the_examples_are_what_is_computed() {
    for name in ["small", "full"] {
        let plan = plan(name);
        // As the record would hold it: the page's bytes are those that the digest is of.
        let json = serde_json::to_string(&plan).unwrap();
        assert_eq!(json, block(&format!("json {name}")), "{name}");
        let text = plan.digest_text();
        assert_eq!(text.trim_end(), block(&format!("text {name}")), "{name}");
        assert_eq!(plan.digest(), Digest::of(text.as_bytes()));
        assert!(DOC.contains(&format!("`{}`", plan.digest())), "{name}");
    }
}

/// Every place of a value, as the names and numbers on the way to it.
fn places(json: &Json, way: &[String], all: &mut Vec<Vec<String>>) {
    let mut enter = |name: String, inner: &Json| {
        let way = [way, &[name]].concat();
        places(inner, &way, all);
        all.push(way);
    };
    match json {
        Json::Object(members) => members
            .iter()
            .for_each(|(name, it)| enter(name.clone(), it)),
        Json::Array(items) => (0..)
            .zip(items)
            .for_each(|(at, it)| enter(format!("{at}"), it)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

fn at<'a>(json: &'a mut Json, way: &[String]) -> &'a mut Json {
    way.iter().fold(json, |json, name| match json {
        Json::Array(items) => &mut items[name.parse::<usize>().unwrap()],
        json => &mut json[name],
    })
}

/// What could stand in a place instead; most of it is no plan.
fn others(json: &Json) -> Vec<Json> {
    let words = [
        "undo",
        "stop",
        "read",
        "reversible",
        "emergency",
        "run",
        "native",
        "bytes",
        "x",
    ];
    let mut others: Vec<Json> = words.map(Json::from).into();
    others.extend([
        Json::from(7),
        Json::Null,
        Json::Bool(true),
        Json::Bool(false),
    ]);
    if let Some(text) = json.as_str() {
        others.push(Json::from(format!("{text}x")));
        others.push(Json::from(text.replacen(
            |c: char| c.is_ascii_digit(),
            "f",
            1,
        )));
    }
    others
}

#[test]
fn every_change_of_any_value_changes_the_digest_by_one_part() {
    let plan = plan("full");
    let (digest, parts) = (plan.digest(), plan.parts());
    let json = serde_json::to_value(&plan).unwrap();
    let mut all = Vec::new();
    places(&json, &[], &mut all);
    let mut changed = std::collections::BTreeSet::new();
    for way in &all {
        let mut versions = Vec::new();
        for other in others(at(&mut json.clone(), way)) {
            let mut version = json.clone();
            *at(&mut version, way) = other;
            versions.push(version);
        }
        let (last, parents) = way.split_last().unwrap();
        let mut without = json.clone();
        match at(&mut without, parents) {
            Json::Array(items) => drop(items.remove(last.parse().unwrap())),
            Json::Object(members) => drop(members.remove(last)),
            _ => unreachable!("only lists and maps have places"),
        }
        versions.push(without);
        for version in versions {
            let Ok(other) = serde_json::from_value::<Plan>(version) else {
                continue;
            };
            if other == plan {
                continue;
            }
            assert_ne!(other.digest(), digest, "{way:?}");
            assert!(!other.has_digest(digest), "{way:?}");
            let differ = parts.iter().zip(other.parts()).filter(|(a, b)| *a != b);
            assert_eq!(differ.count(), 1, "{way:?}");
            changed.insert(way.clone());
        }
    }
    // Expressions are held together by their own shape; nearly all else can be changed.
    let whole = all
        .iter()
        .filter(|way| !way.iter().any(|name| name == "nodes"));
    let (changed, whole) = (changed.len(), whole.count());
    assert!(
        changed * 10 > whole * 8,
        "{changed} of {whole} places were changed"
    );
    assert!(plan.has_digest(digest));
}
