//! Our expressions against the crate `cel`, over what both have: the same values, and
//! errors where the other has errors. Where the two differ stands in a table with the reason.

mod support;

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use cel::objects::{Key, Map};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use support::writer::Writer;
use support::{Choices, World};
use windlass_core::expr::{EvalErrorKind, NoScope};
use windlass_core::value::Value;
use windlass_runbook::expr::parse;

const CASES: u32 = 3_000;
const DEPTH: u32 = 3;
/// The other parser recurses deep: see `docs/adr/0009-own-expressions-beside-cel.md`.
const STACK_BYTES: usize = 256 << 20;

/// Expressions, what we say and what `cel` says, and why the two differ.
const DIFFERENCES: &[(&str, &str, &str, &str)] = &[
    (
        "1.0 / 0.0",
        "error",
        "inf",
        "values are JSON, which has neither infinity nor NaN",
    ),
    (
        "1e300 * 1e300",
        "error",
        "inf",
        "values are JSON, which has neither infinity nor NaN",
    ),
    (
        "--(-9223372036854775807 - 1)",
        "error",
        "-9223372036854775808",
        "it leaves two signs out; the first one has no result",
    ),
    (
        "!!1",
        "error",
        "1",
        "it leaves two signs out; 1 is no boolean",
    ),
    (
        "[1] + {'a': 2}",
        "error",
        "[1, \"a\"]",
        "CEL itself has no such sum either",
    ),
    (
        "{1: 'a'}[1]",
        "error",
        "\"a\"",
        "keys are strings, as in JSON",
    ),
    (
        "1u + 2u",
        "error",
        "UInt(3)",
        "there are no unsigned integers",
    ),
    (
        "has({'a': null}.a.b)",
        "false",
        "error",
        "`has` is the test for presence, and says no",
    ),
    (
        "[1] in {'a': 2}",
        "false",
        "error",
        "what can be no key is no key of this map",
    ),
];

fn to_cel(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(value) => cel::Value::Bool(*value),
        // Never unsigned: there `n + 1` would be an error.
        Value::Int(value) => cel::Value::Int(*value),
        Value::Float(value) => cel::Value::Float(*value),
        Value::Text(text) => cel::Value::String(Arc::new(text.clone())),
        Value::List(items) => cel::Value::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Map(map) => {
            let map: HashMap<Key, cel::Value> = map
                .iter()
                .map(|(key, value)| (Key::String(Arc::new(key.clone())), to_cel(value)))
                .collect();
            cel::Value::Map(Map { map: Arc::new(map) })
        }
    }
}

/// The text of a value in which no kind of number is taken for another.
fn ours(value: &Value) -> String {
    match value {
        Value::Float(value) => format!("{value:?}"),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(ours).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(map) => {
            let entries: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{key:?}: {}", ours(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Text(text) => format!("{text:?}"),
        Value::Null | Value::Bool(_) | Value::Int(_) => value.to_string(),
    }
}

fn theirs(value: &cel::Value) -> String {
    match value {
        cel::Value::Null => "null".to_owned(),
        cel::Value::Bool(value) => value.to_string(),
        cel::Value::Int(value) => value.to_string(),
        cel::Value::Float(value) => format!("{value:?}"),
        cel::Value::String(text) => format!("{text:?}"),
        cel::Value::List(items) => {
            let items: Vec<String> = items.iter().map(theirs).collect();
            format!("[{}]", items.join(", "))
        }
        cel::Value::Map(map) => {
            let entries: BTreeMap<String, String> = map
                .map
                .iter()
                .map(|(key, value)| (format!("{:?}", key.to_string()), theirs(value)))
                .collect();
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{key}: {value}"))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        other => format!("{other:?}"),
    }
}

fn cel_says(source: &str, names: &BTreeMap<String, Value>) -> Result<String, String> {
    let program = cel::Program::compile(source).map_err(|error| format!("parse: {error}"))?;
    let mut context = cel::Context::default();
    for (name, value) in names {
        context.add_variable_from_value(name.clone(), to_cel(value));
    }
    match program.execute(&context) {
        Ok(value) => Ok(theirs(&value)),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether an error of ours alone is one of the table.
fn is_known(source: &str, error: &EvalErrorKind) -> bool {
    match error {
        EvalErrorKind::NotFinite => true,
        EvalErrorKind::NoBinary { op, left, right } => (*op, *left, *right) == ("+", "list", "map"),
        _ => source.contains("--") || source.contains("!!"),
    }
}

/// Whether an error of `cel` alone is one of the table.
fn is_known_there(error: &str) -> bool {
    error.contains("'@in' applied to '(") && error.ends_with(", map)'")
}

/// The characters of a value's text. A macro over a map makes a list in the order of its
/// keys, which `cel` has in no order.
fn without_order(text: &str) -> Vec<char> {
    let mut characters: Vec<char> = text.chars().collect();
    characters.sort_unstable();
    characters
}

/// Whether a part of the expression has no finite result: with one that `cel` goes on with,
/// `||` and `&&` may pass over an error of the other side, or tell that one instead.
fn has_infinite_part(source: &str, world: &World) -> bool {
    let mut opened = Vec::new();
    source.char_indices().any(|(at, c)| {
        if c == '(' {
            opened.push(at);
        }
        let part = (c == ')').then(|| opened.pop()).flatten();
        let part = part.and_then(|from| parse(&source[from..=at]).ok());
        part.is_some_and(|part| {
            let failed = part.eval(world).err();
            failed.is_some_and(|error| matches!(error.kind, EvalErrorKind::NotFinite))
        })
    })
}

/// Runs `test` where deep recursion has room.
fn with_room(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(test);
    if let Err(panic) = thread.expect("a thread starts").join() {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn both_say_the_same() {
    with_room(|| {
        let (values, errors) = (Cell::new(0_u32), Cell::new(0_u32));
        let config = Config {
            cases: CASES,
            failure_persistence: None,
            ..Config::default()
        };
        TestRunner::new(config)
            .run(&proptest::collection::vec(any::<u8>(), 150..500), |bytes| {
                let mut choices = Choices::new(&bytes);
                let mut world = World::new(&mut choices);
                world.outputs.clear();
                let ty = choices.ty(1);
                let mut writer = Writer::new(&mut choices, &world);
                writer.plain_cel = true;
                let source = writer.expr(&ty, DEPTH);
                let expr = parse(&source);
                let expr =
                    expr.map_err(|error| TestCaseError::fail(format!("{source}: {error}")))?;
                let own = expr.eval(&world);
                let other = cel_says(&source, &world.values);
                match (&own, &other) {
                    (Ok(own), Ok(other)) => {
                        values.set(values.get() + 1);
                        let own = ours(own);
                        let has_map = source.contains('{')
                            || world
                                .values
                                .values()
                                .any(|value| matches!(value, Value::Map(_)));
                        if own != *other && has_map {
                            prop_assert_eq!(
                                without_order(&own),
                                without_order(other),
                                "{}\n{:#?}",
                                source,
                                world.values
                            );
                        } else {
                            prop_assert_eq!(&own, other, "{}\n{:#?}", source, world.values);
                        }
                    }
                    (Err(_), Err(_)) => errors.set(errors.get() + 1),
                    (Err(error), Ok(_)) if is_known(&source, &error.kind) => {}
                    (Err(_), Ok(_)) if has_infinite_part(&source, &world) => {}
                    (Err(error), Ok(other)) => prop_assert!(
                        false,
                        "{source}\nwe: {error}\ncel: {other}\n{:#?}",
                        world.values
                    ),
                    (Ok(_), Err(error)) if is_known_there(error) => {}
                    (Ok(own), Err(error)) => prop_assert!(
                        false,
                        "{source}\nwe: {own}\ncel: {error}\n{:#?}",
                        world.values
                    ),
                }
                Ok(())
            })
            .unwrap_or_else(|failure| panic!("{failure}"));
        println!("{} values and {} errors agree", values.get(), errors.get());
        assert!(values.get() > CASES / 4);
    });
}

#[test]
fn the_differences_are_as_the_table_says() {
    with_room(|| {
        for (source, own, other, why) in DIFFERENCES {
            let found = parse(source)
                .map_err(|_| ())
                .and_then(|expr| expr.eval(&NoScope).map_err(|_| ()));
            let found = found.map_or_else(|()| "error".to_owned(), |value| ours(&value));
            assert_eq!(found, *own, "{source}: {why}");
            let found = cel_says(source, &BTreeMap::new());
            let found = found.unwrap_or_else(|_| "error".to_owned());
            assert_eq!(found, *other, "{source}: {why}");
        }
    });
}
