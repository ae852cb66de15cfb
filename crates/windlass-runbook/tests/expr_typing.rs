//! Typing is sound: what it accepts never fails for the type of a value, and gives a value
//! of the type that it said. And expressions written back to text mean the same.

mod support;

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use support::writer::{Writer, flow};
use support::{Choices, World, has, is_about_types, kinds};
use windlass_core::value::Value;
use windlass_runbook::expr::typing::{Facts, Finding, Problem, Ty, typing};
use windlass_runbook::expr::{parse, unparse};

const CASES: u32 = 5_000;
const BYTES_MAX: usize = 600;
const DEPTH: u32 = 4;

/// A world and an expression over its names.
fn generated(bytes: &[u8]) -> (World, String) {
    let mut choices = Choices::new(bytes);
    let world = World::new(&mut choices);
    let ty = choices.ty(1);
    let source = Writer::new(&mut choices, &world).expr(&ty, DEPTH);
    (world, source)
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 150..BYTES_MAX)
}

fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    }
}

/// Types and evaluates an expression; whether typing accepted it, where it says something.
fn holds(world: &World, source: &str) -> Result<Option<bool>, TestCaseError> {
    let Ok(expr) = parse(source) else {
        return Ok(None);
    };
    let known = typing(&expr, world, &Facts::default());
    let is_error = |finding: &Finding| finding.problem != Problem::NeverNull;
    if known.findings.iter().any(is_error) {
        return Ok(Some(false));
    }
    if known.gradual {
        return Ok(None);
    }
    match expr.eval(world) {
        Err(error) => prop_assert!(
            !is_about_types(&error.kind),
            "{source}\nis typed as {:?}, but: {error}\n{world:#?}",
            known.ty
        ),
        Ok(value) => prop_assert!(
            has(&known.ty, &value),
            "{source}\nis typed as {:?}, but gives {value}\n{world:#?}",
            known.ty
        ),
    }
    Ok(Some(true))
}

/// Runs the property over generated expressions, of which enough must be accepted and
/// enough refused: else it would say nothing.
fn never_fails_for_a_type(cases: u32, generated: fn(&[u8]) -> (World, String)) {
    let accepted = Cell::new(0_u32);
    let refused = Cell::new(0_u32);
    TestRunner::new(config(cases))
        .run(&bytes(), |bytes| {
            let (world, source) = generated(&bytes);
            match holds(&world, &source)? {
                Some(true) => accepted.set(accepted.get() + 1),
                Some(false) => refused.set(refused.get() + 1),
                None => {}
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    let (accepted, refused) = (accepted.get(), refused.get());
    println!("{accepted} accepted, {refused} refused, of {cases}");
    assert!(accepted > cases / 6, "only {accepted} were accepted");
    assert!(refused > cases / 6, "only {refused} were refused");
}

#[test]
fn what_typing_accepts_never_fails_for_a_type() {
    never_fails_for_a_type(CASES, generated);
}

#[test]
fn tests_for_null_hold_where_they_are_believed() {
    never_fails_for_a_type(4 * CASES, |bytes| {
        let mut choices = Choices::new(bytes);
        let world = World::of_nullables(&mut choices);
        let source = flow(&mut choices, 3);
        (world, source)
    });
}

/// Types with values of each that show what the type may hold.
fn samples() -> Vec<(Ty, Vec<Value>)> {
    let int = Value::Int(2);
    let float = Value::Float(0.5);
    let text = Value::from("7");
    let yes = Value::Bool(true);
    let list = |items: &[&Value]| Value::List(items.iter().map(|item| (*item).clone()).collect());
    let map = |value: &Value| Value::Map([("m".to_owned(), value.clone())].into());
    let simple = vec![
        (Ty::Null, vec![Value::Null]),
        (Ty::Bool, vec![yes.clone(), Value::Bool(false)]),
        (Ty::Int, vec![int.clone()]),
        (Ty::Duration, vec![int.clone()]),
        (Ty::Bytes, vec![int.clone()]),
        (Ty::Float, vec![float.clone()]),
        (Ty::Number, vec![int.clone(), float.clone()]),
        (Ty::Text, vec![text.clone()]),
        (
            Ty::Scalar,
            vec![text.clone(), int.clone(), float.clone(), yes.clone()],
        ),
    ];
    let mut samples = simple.clone();
    for (ty, values) in simple {
        let lists = values
            .iter()
            .flat_map(|first| values.iter().map(|second| list(&[first, second])));
        samples.push((Ty::list(ty.clone()), lists.collect()));
        samples.push((Ty::map(ty.clone()), values.iter().map(map).collect()));
        let members = [("m".to_owned(), ty.clone())];
        samples.push((Ty::object(members), values.iter().map(map).collect()));
        let or_null = values.iter().cloned().chain([Value::Null]);
        samples.push((ty.nullable(), or_null.collect()));
    }
    let nulls = list(&[&int, &Value::Null]);
    samples.push((Ty::list(Ty::Int.nullable()), vec![nulls]));
    samples.push((
        Ty::list(Ty::list(Ty::Int)),
        vec![list(&[&list(&[&int]), &list(&[&int])])],
    ));
    samples
}

/// Every operator, function and macro over values of every pair of types: what typing
/// accepts does not fail, and what it refuses fails for some value. That two values cannot
/// be equal, that units do not go together and that a key stands twice fails for none.
#[test]
fn typing_and_evaluation_agree_on_every_operator_and_function() {
    let sources = [
        "a + b",
        "a - b",
        "a * b",
        "a / b",
        "a % b",
        "a < b",
        "a <= b",
        "a > b",
        "a >= b",
        "a == b",
        "a != b",
        "a in b",
        "a && b",
        "a || b",
        "!a",
        "-a",
        "a ? b : b",
        "a[b]",
        "a.m",
        "{a: b}",
        "[a, b]",
        "size(a)",
        "int(a)",
        "double(a)",
        "string(a)",
        "bool(a)",
        "dyn(a)",
        "a.contains(b)",
        "a.startsWith(b)",
        "a.endsWith(b)",
        "a.lowerAscii()",
        "a.upperAscii()",
        "a.split(b)",
        "a.join()",
        "a.join(b)",
        "a.min()",
        "a.max()",
        "a.all(x, b)",
        "a.exists(x, b)",
        "a.exists_one(x, b)",
        "a.filter(x, b)",
        "a.map(x, b)",
        "has(a.m)",
        "a.map(x, x)",
        "a.filter(x, x == b)",
    ];
    let samples = samples();
    let mut wrong = Vec::new();
    for source in sources {
        let expr = parse(source).unwrap();
        for (left, left_values) in &samples {
            for (right, right_values) in &samples {
                let names = World::of(&[("a", left, &Value::Null), ("b", right, &Value::Null)]);
                let known = typing(&expr, &names, &Facts::default());
                let refused = known.findings.iter().any(|finding| {
                    !matches!(
                        finding.problem,
                        Problem::NeverNull | Problem::Comparison | Problem::Units
                    )
                });
                let silent = known
                    .findings
                    .iter()
                    .any(|finding| matches!(finding.problem, Problem::Comparison | Problem::Units));
                let mut failed = None;
                for left_value in left_values {
                    for right_value in right_values {
                        let world =
                            World::of(&[("a", left, left_value), ("b", right, right_value)]);
                        match expr.eval(&world) {
                            Err(error) if is_about_types(&error.kind) => failed = Some(error),
                            Err(_) => {}
                            Ok(value) => {
                                if !refused && !has(&known.ty, &value) {
                                    wrong.push(format!(
                                        "{source}, a {left}, b {right}: {value} is not {}",
                                        known.ty
                                    ));
                                }
                            }
                        }
                    }
                }
                match (failed, refused || silent) {
                    (Some(error), false) => {
                        wrong.push(format!(
                            "{source}, a {left}, b {right}: accepted, but {error}"
                        ));
                    }
                    (None, true) if refused => {
                        wrong.push(format!(
                            "{source}, a {left}, b {right}: refused for nothing"
                        ));
                    }
                    _ => {}
                }
            }
        }
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_is_written_back_means_the_same() {
    TestRunner::new(config(CASES))
        .run(&bytes(), |bytes| {
            let (_, source) = generated(&bytes);
            let Ok(expr) = parse(&source) else {
                return Ok(());
            };
            let text = unparse(&expr);
            let again = parse(&text).map_err(|error| {
                TestCaseError::fail(format!("{source}\nbecame {text}\n{error}"))
            })?;
            prop_assert_eq!(kinds(&again), kinds(&expr), "{}\nbecame {}", source, text);
            prop_assert!(
                text.len() <= source.len() + 40,
                "{}\nbecame {}",
                source,
                text
            );
            prop_assert_eq!(unparse(&again), text);
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}
