//! What expressions mean, as a table of cases after CEL's semantics.
//! A case is `EXPRESSION => JSON`, or `EXPRESSION =! part of the error`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use windlass_core::expr::{NoScope, Scope};
use windlass_core::value::Value;
use windlass_runbook::expr::parse;

const CASES: &str = r#"
# literals
null => null
true => true
42 => 42
0x2A => 42
-9223372036854775808 => -9223372036854775808
9223372036854775807 => 9223372036854775807
1.5 => 1.5
.5 => 0.5
1e3 => 1000.0
2.5E-1 => 0.25
'a"b' => "a\"b"
"it's" => "it's"
'\x41\u00e9\U0001F600\101\n' => "Aé😀A\n"
r'\d+' => "\\d+"
'''a'b''' => "a'b"
[1, 'x', null,] => [1, "x", null]
{'a': 1, 'b': [2],} => {"a": 1, "b": [2]}
[] => []
{} => {}
1 // a comment => 1

# names, fields, indices
n => 5
steps.precheck.outputs.lag => 17
steps['precheck'].outputs["lag"] => 17
steps.precheck.outputs => {"dr": null, "lag": 17}
rows[0].name => "a"
rows[1]['lag'] => 20
rows[n - 4].name => "b"
rows[rows.size() - 1].name => "b"
{'a': {'b': 7}}.a.b => 7
[[1, 2], [3]][0][1] => 2
n.a =! `a` cannot be read from an integer
steps.precheck.outputs.gone =! there is no field `gone`, there are dr, lag
steps.precheck.outputs.dr.id =! `id` cannot be read from null
nowhere.at.all =! nothing here is called `nowhere.at.all`
rows[2] =! outside a list of 2
rows[-1] =! outside a list of 2
rows['a'] =! cannot be read from a list
rows[n == 5 ? 'a' : 'b'] =! a list cannot be indexed with a string
rows[0][1] =! a map cannot be indexed with an integer
[1][0.0] => 1
[1][0.5] =! a list cannot be indexed with a number
bool('true') && bool('1') && bool('TRUE') && bool('True') && bool('t') => true
bool('f') || bool('FALSE') || bool('0') || bool(false) => false
bool('yes') =! `bool` cannot read "yes" as true or false
bool(1) =! `bool` does not take an integer
dyn([1, 'a'])[1] => "a"
{'a': 1}['b'] =! there is no field `b`

# arithmetic
1 + 2 * 3 => 7
(1 + 2) * 3 => 9
7 - 2 - 1 => 4
7 / 2 => 3
-7 / 2 => -3
7 % 3 => 1
-7 % 3 => -1
2.0 * 1.5 => 3.0
1.0 / 4.0 => 0.25
-n => -5
--n => 5
- 1.5 => -1.5
'a' + 'b' => "ab"
[1] + [2, 3] => [1, 2, 3]
1 + 1.0 =! `+` does not take an integer and a number
1 + '1' =! `+` does not take an integer and a string
null + 1 =! `+` does not take null and an integer
1 - null =! `-` does not take an integer and null
-null =! `-` does not take null
-'a' =! `-` does not take a string
5.0 % 2.0 =! `%` does not take a number and a number
9223372036854775807 + 1 =! does not fit a 64-bit integer
-9223372036854775808 - 1 =! does not fit a 64-bit integer
-(-9223372036854775808) =! does not fit a 64-bit integer
-9223372036854775808 / -1 =! does not fit a 64-bit integer
4611686018427387904 * 2 =! does not fit a 64-bit integer
1 / 0 =! division by zero
1 % 0 =! division by zero
1.0 / 0.0 =! not a finite number
1e308 * 10.0 =! not a finite number

# equality and order
1 == 1 => true
1 == 1.0 => true
9007199254740993 == 9007199254740992.0 => true
9007199254740993 == 9007199254740994.0 => false
9223372036854775807 < 1e19 => true
1 != 2 => true
1 == '1' => false
null == null => true
n == null => false
null != n => true
[1, 2.0] == [1.0, 2] => true
[1] == [1, 2] => false
{'a': 1} == {'a': 1.0} => true
{'a': 1} == {'b': 1} => false
'a' < 'b' => true
'Z' < 'a' => true
1 < 1.5 => true
2.5 >= 2 => true
false < true => true
3 <= 3 => true
null < 1 =! `<` does not take null and an integer
1 >= null =! `>=` does not take an integer and null
1 < 'a' =! `<` does not take an integer and a string
[1] < [2] =! `<` does not take a list and a list
null <= null =! `<=` does not take null and null

# membership
2 in [1, 2] => true
2.0 in [1, 2] => true
'x' in [1, 2] => false
null in [null] => true
'a' in {'a': 1} => true
1 in {'a': 1} => false
1 in 2 =! `in` does not take an integer and an integer
'a' in 'abc' =! `in` does not take a string and a string

# logic
true && false => false
true || false => true
!true => false
!!true => true
!(n == 5) => false
false && (1 / 0 == 0) => false
(1 / 0 == 0) && false => false
true || (1 / 0 == 0) => true
(1 / 0 == 0) || true => true
(1 / 0 == 0) && true =! division by zero
true && (1 / 0 == 0) =! division by zero
(1 / 0 == 0) || false =! division by zero
1 && true =! true or false was expected, not an integer
'a' && false => false
null || true => true
null || false =! not null
!1 =! `!` does not take an integer
!null =! `!` does not take null
true ? 1 : 1 / 0 => 1
false ? 1 / 0 : 2 => 2
true ? 1 : false ? 2 : 3 => 1
false ? 1 : false ? 2 : 3 => 3
null ? 1 : 2 =! true or false was expected, not null
true || false && false => true
1 + 1 == 2 && 3 > 2 => true
1 < 2 == true => true

# functions
size('aé😀') => 3
'abc'.size() => 3
size([1, 2]) => 2
{'a': 1}.size() => 1
size(null) =! `size` does not take null
size(1) =! `size` does not take an integer
int('-12') => -12
int(2.9) => 2
int(-2.9) => -2
int(3) => 3
int('x') =! `int` cannot read "x" as a number
int(1e19) =! does not fit
int(null) =! `int` does not take null
double('1.5') => 1.5
double(2) => 2.0
double('inf') =! not a finite number
string(1) => "1"
string(1.5) => "1.5"
string(true) => "true"
string(null) =! `string` does not take null
'windlass'.contains('dl') => true
'windlass'.startsWith('win') => true
'windlass'.endsWith('s') => true
'a'.contains(1) =! `contains` does not take an integer
n.contains('a') =! `contains` does not take an integer
'AbÉ'.lowerAscii() => "abÉ"
'AbÉ'.upperAscii() => "ABÉ"
'a,b,,c'.split(',') => ["a", "b", "", "c"]
'ab'.split('') => ["a", "b"]
['a', 'b'].join('-') => "a-b"
['a', 'b'].join() => "ab"
[].join(',') => ""
[1].join(',') =! `join` does not take an integer
[3, 1, 2].min() => 1
[3, 1.5, 2].max() => 3
['b', 'a'].min() => "a"
[].max() =! `max` of an empty list
[1, 'a'].max() =! must be comparable for `max`, not a string and an integer
[null].min() =! must be comparable

# has
has(steps.precheck.outputs.lag) => true
has(steps.precheck.outputs.gone) => false
has(steps.gone.outputs.lag) => false
has(nowhere.at.all) => false
has(steps.precheck.outputs.dr) => true
has(steps.precheck.outputs.dr.id) => false
has(n.a) =! `a` cannot be read from an integer
has({'a': 1}.a) => true
rows.all(r, has(r.lag)) => true
rows.exists(r, has(r.gone)) => false

# macros
[1, 2, 3].all(x, x > 0) => true
[].all(x, false) => true
[1, 0].all(x, 1 / x > 0) =! division by zero
[0, -1].all(x, 1 / x > 0) => false
[1, 2].exists(x, x == 2) => true
[0, 1].exists(x, 1 / x == 1) => true
[0, 2].exists(x, 1 / x == 1) =! division by zero
[].exists(x, true) => false
[1, 2, 2].exists_one(x, x == 1) => true
[1, 2, 2].exists_one(x, x == 2) => false
[0, 1].exists_one(x, 1 / x == 1) =! division by zero
[1, 2, 3, 4].filter(x, x % 2 == 0) => [2, 4]
[1, 2].map(x, x * n) => [5, 10]
rows.map(r, r.lag).max() => 20
rows.filter(r, r.lag > 10)[0].name => "b"
rows.all(r, r.lag <= 20 && r.name != '') => true
{'b': 1, 'a': 2}.map(k, k) => ["a", "b"]
{'b': 1}.all(k, k == 'b') => true
[1].map(n, n + 1) => [2]
[[1, 2], [3]].map(l, l.map(x, x + l.size())) => [[3, 4], [4]]
[1, 2].filter(x, x) =! true or false was expected, not an integer
[1].all(x, null) =! true or false was expected, not null
'abc'.all(x, true) =! `all` goes over a list or a map, not a string
null.map(x, x) =! `map` goes over a list or a map, not null
[1].map(x, y) =! nothing here is called `y`
{n: 1} =! the key of a map must be a string, not an integer
{'a': 1, 'a': 2} =! the key "a" stands twice
"#;

fn scope() -> BTreeMap<String, Value> {
    serde_json::from_str(
        r#"{
            "n": 5,
            "rows": [{"name": "a", "lag": 10}, {"name": "b", "lag": 20}],
            "steps": {"precheck": {"outputs": {"lag": 17, "dr": null}}}
        }"#,
    )
    .expect("the scope is JSON")
}

#[test]
fn cases() {
    let scope = scope();
    let mut failures = Vec::new();
    let mut count = 0;
    for line in CASES
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        count += 1;
        let (source, wanted) = line
            .rsplit_once(" => ")
            .or_else(|| line.rsplit_once(" =! "))
            .unwrap();
        let expr = match parse(source) {
            Ok(expr) => expr,
            Err(error) => {
                failures.push(format!("{source}: {error}"));
                continue;
            }
        };
        let text = serde_json::to_string(&expr).unwrap();
        assert_eq!(
            serde_json::from_str::<windlass_core::expr::Expr>(&text).unwrap(),
            expr
        );
        let fails = line.contains(" =! ");
        match expr.eval(&scope) {
            Ok(value) => {
                let wanted_value = serde_json::from_str::<Value>(wanted).ok();
                if fails || wanted_value.as_ref() != Some(&value) {
                    failures.push(format!("{source}: found {value}, wanted {wanted}"));
                }
            }
            Err(error) => {
                if !fails || !error.to_string().contains(wanted) {
                    failures.push(format!("{source}: failed with {error}, wanted {wanted}"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    assert!(count > 200, "{count} cases");
}

#[test]
fn an_error_names_the_part_that_failed() {
    let expr = parse("n == 5 && rows.all(r, r.lag < null)").unwrap();
    let error = expr.eval(&scope()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`r.lag < null`: `<` does not take an integer and null"
    );
    let error = parse("{'\\x1b[2J': 1}.a <\n 1")
        .unwrap()
        .eval(&scope())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "`{'\\x1b[2J': 1}.a`: there is no field `a`, there are \\u{1b}[2J"
    );
    let error = parse("rows").unwrap().eval_bool(&scope()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`rows`: true or false was expected, not a list"
    );
}

/// Answers null for whatever is asked of a step that gave nothing.
#[derive(Debug)]
struct Skipped;

impl Scope for Skipped {
    fn resolve<'a>(&'a self, path: &[&str]) -> Option<(Cow<'a, Value>, usize)> {
        Some((Cow::Owned(Value::Null), path.len()))
    }
}

#[test]
fn a_step_that_gave_nothing_has_nothing() {
    for (source, wanted) in [
        ("steps.a.outputs.lag == null", true),
        ("has(steps.a.outputs.lag)", false),
        ("has(steps.a.outputs)", false),
        ("!has(steps.a.outputs.lag) || steps.a.outputs.lag > 5", true),
    ] {
        assert_eq!(
            parse(source).unwrap().eval_bool(&Skipped),
            Ok(wanted),
            "{source}"
        );
    }
    assert!(
        parse("steps.a.outputs.lag < 5")
            .unwrap()
            .eval(&Skipped)
            .is_err()
    );
}

#[test]
fn references_leave_bound_variables_out() {
    let source = "inputs.max >= steps.a.outputs.rows.map(r, r.lag + r.x[inputs.i]).max() && \
                  has(steps.b.outputs.dr) && [1].map(x, [x].map(y, x + y + z)) != r";
    let expr = parse(source).unwrap();
    let found: Vec<String> = expr
        .references()
        .iter()
        .map(|found| {
            let tested = if found.tested { "?" } else { "" };
            format!("{}{tested}", found.path.join("."))
        })
        .collect();
    assert_eq!(
        found,
        [
            "inputs.max",
            "steps.a.outputs.rows",
            "inputs.i",
            "steps.b.outputs.dr?",
            "z",
            "r"
        ]
    );
}

#[test]
fn fuel_and_size_bound_an_evaluation() {
    let ten = "[1,2,3,4,5,6,7,8,9,10]";
    let mut source = "1".to_owned();
    for depth in 0..7 {
        source = format!("{ten}.map(x{depth}, {source})");
    }
    let error = parse(&source).unwrap().eval(&NoScope).unwrap_err();
    assert!(
        error.to_string().contains("more than 10000 operations"),
        "{error}"
    );

    // `||` must not hide it.
    let error = parse(&format!("({source}) == 1 || true"))
        .unwrap()
        .eval(&NoScope)
        .unwrap_err();
    assert!(
        error.to_string().contains("more than 10000 operations"),
        "{error}"
    );

    let big = BTreeMap::from([("t".to_owned(), Value::from("x".repeat(300_000)))]);
    for (source, wanted) in [
        ("t + t + t + t", "operations"),
        ("t.split('x')", "larger than 1048576 bytes"),
        ("[t, t, t, t]", "larger than 1048576 bytes"),
        (
            "['a', 'b', 'c', 'd', 'e'].join(t)",
            "larger than 1048576 bytes",
        ),
        (
            "[1,2,3,4,5,6,7,8,9,10].map(x, [1,2,3].map(y, t.size()))",
            "operations",
        ),
        ("[1,2,3,4,5,6,7,8,9,10].all(x, [t] == [t])", "operations"),
    ] {
        let error = parse(source).unwrap().eval(&big).unwrap_err();
        assert!(error.to_string().contains(wanted), "{source}: {error}");
    }
    // Looking at a part of something large costs next to nothing.
    let rows: Vec<Value> = (0..900)
        .map(|lag| Value::Map([("lag".to_owned(), lag.into())].into()))
        .collect();
    let rows = BTreeMap::from([("rows".to_owned(), Value::List(rows))]);
    assert_eq!(
        parse("rows.all(r, r.lag < 900)").unwrap().eval(&rows),
        Ok(Value::Bool(true))
    );
}
