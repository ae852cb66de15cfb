//! What the parser refuses and how it says so; hostile and random input.

use windlass_core::expr::{Expr, Kind, NoScope, NodeId};
use windlass_runbook::expr::parse;

/// The error with the text it points at.
fn error(source: &str) -> String {
    match parse(source) {
        Ok(_) => format!("{source} was accepted"),
        Err(error) => {
            let at = &source[error.span.range()];
            let help = error
                .help
                .map(|help| format!("; {help}"))
                .unwrap_or_default();
            format!("[{at}] {}{help}", error.message)
        }
    }
}

#[test]
fn mistakes_are_named() {
    for (source, wanted) in [
        ("", "[] expected a value, found the end of the expression"),
        (
            "1 +",
            "[] expected a value, found the end of the expression",
        ),
        (
            "1 2",
            "[2] expected an operator or the end of the expression, found `2`",
        ),
        (
            "a and b",
            "[and] expected an operator, found `and`; write `&&`, `||` and `!`",
        ),
        ("a = b", "[=] `=` has no meaning here; equality is `==`"),
        ("a & b", "[&] `&` has no meaning here; \"and\" is `&&`"),
        (
            "${{ a }}",
            "[$] `$` has no meaning here; this expression is bare: write it without `${{ }}`",
        ),
        (
            "(1",
            "[] expected `)` to close the bracket, found the end of the expression",
        ),
        (
            "[1",
            "[] expected `]` to close the list, found the end of the expression",
        ),
        (
            "{'a' 1}",
            "[1] expected `:` and the value of the key, found `1`",
        ),
        (
            "a.1",
            "[.1] expected an operator or the end of the expression, found `0.1`",
        ),
        (
            "a.",
            "[] expected a field or function after `.`, found the end of the expression",
        ),
        (
            "a ? 1",
            "[] expected `:` and the value for false, found the end of the expression",
        ),
        ("'abc", "['abc] the string is not closed: expected `'`"),
        ("'a\nb'", "['a] the string is not closed: expected `'`"),
        (
            r"'\d'",
            r"[\d] the escape in this string is not known; a backslash is written `\\`, and r'...' is a string without escapes",
        ),
        (
            "b'x'",
            "[b] byte strings do not exist here; write a plain string, without the prefix",
        ),
        (
            "15m",
            "[15m] `15m` is not a number; units are not written in expressions: use an input of type `bytes` or `duration`",
        ),
        (
            "1u",
            "[1u] `1u` is not a number; unsigned integers do not exist here: leave the `u` out",
        ),
        (
            "9223372036854775808",
            "[9223372036854775808] the number does not fit a 64-bit integer",
        ),
        (
            "99999999999999999999",
            "[99999999999999999999] `99999999999999999999` does not fit a 64-bit integer",
        ),
        ("1e999", "[1e999] `1e999` is too large for a number"),
        ("0x", "[0x] `0x` is not a 64-bit hexadecimal integer"),
        (
            "package",
            "[package] `package` is a reserved word and cannot be a name",
        ),
        (
            "sizze(a)",
            "[sizze] there is no function `sizze`; did you mean `size`?",
        ),
        (
            "a.startswith('b')",
            "[startswith] there is no function `startswith`; did you mean `startsWith`?",
        ),
        (
            "contains(a, b)",
            "[contains] there is no function `contains`; it is called on its first value: `value.contains(...)`",
        ),
        (
            "a.int()",
            "[int] `int` is not called on a value; write `int(value)`",
        ),
        (
            "all(x, true)",
            "[all] there is no function `all`; it is called on a list: `list.all(x, ...)`",
        ),
        ("a.split()", "[split] `split` takes one argument, found 0"),
        ("size()", "[size] `size` takes one argument, found 0"),
        (
            "a.join(',', 1)",
            "[join] `join` takes 0 to 1 arguments, found 2",
        ),
        (
            "a.all(1, true)",
            "[1] expected the name of a variable, found `1`; it is written `list.all(x, ...)` with x for each item",
        ),
        (
            "a.all(x)",
            "[)] expected `,` after the variable, found `)`; it is written `list.all(x, ...)` with x for each item",
        ),
        (
            "has(a)",
            "[a] `has` asks for a field; write `has(value.field)`",
        ),
        (
            "has(a.b + 1)",
            "[a.b + 1] `has` asks for a field; write `has(value.field)`",
        ),
        (
            "a.b.now()",
            "[now] there is no function `now`; an expression has the same value whenever it is read: there is no clock and no chance",
        ),
        ("a ?? b", "[?] expected a value, found `?`"),
        ("é", "[é] `é` has no meaning here"),
    ] {
        assert_eq!(error(source), wanted, "{source}");
    }
}

#[test]
fn hostile_input_is_refused_quickly_on_half_a_worker_stack() {
    let thread = std::thread::Builder::new().stack_size(1024 * 1024);
    let check = || {
        let long = "the expression is longer than 4096 bytes";
        let deep = "the expression is nested deeper than 64 levels";
        for (source, wanted) in [
            ("(".repeat(5_000), long),
            (vec!["1"; 50_000].join("+"), long),
            ("(".repeat(4_000), deep),
            ("[".repeat(4_000), deep),
            ("{'a':".repeat(800), deep),
            ("!".repeat(4_000), deep),
            ("-".repeat(4_000), deep),
            ("has(".repeat(1_000), deep),
            ("size(".repeat(800), deep),
            ("a?".repeat(1_000), deep),
            ("a?b:".repeat(1_000), deep),
            ("a[".repeat(1_000), deep),
            (vec!["1"; 2_000].join("+"), deep),
            (vec!["a"; 1_000].join("&&"), deep),
            (format!("a{}", "[0]".repeat(1_000)), deep),
            (format!("a{}", ".b".repeat(1_000)), deep),
            (format!("a{}", ".size()".repeat(500)), deep),
            (format!("a{}", ".map(x,x)".repeat(400)), deep),
            ("a.map(x,".repeat(500), deep),
        ] {
            let message = parse(&source).unwrap_err().message;
            assert_eq!(message, wanted, "{}", &source[..20]);
        }
        // The deepest that is accepted can also be evaluated and written.
        for deepest in [
            format!("{}1{}", "(".repeat(60), ")".repeat(60)),
            format!("{}{}", "[".repeat(60), "]".repeat(60)),
            vec!["1"; 60].join("+"),
            format!("{}true", "!".repeat(60)),
            format!("{}1{}", "[[1]].map(x,".repeat(30), ")".repeat(30)),
            format!("{}1", "true?".repeat(30)) + &":1".repeat(30),
            format!("{}1{}", "{'a':".repeat(60), "}".repeat(60)),
            format!("{}1{}", "size([".repeat(25), "])".repeat(25)),
        ] {
            let expr = parse(&deepest).unwrap();
            expr.eval(&NoScope).unwrap();
            let text = serde_json::to_string(&expr).unwrap();
            assert_eq!(serde_json::from_str::<Expr>(&text).unwrap(), expr);
        }
    };
    thread.spawn(check).unwrap().join().unwrap();
}

/// A small generator with a fixed seed, so that a failure comes back.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

const SEEDS: [&str; 8] = [
    "rows.size() >= steps.a.outputs.n && rows.all(r, r.state == 'streaming' && r.lag <= 5)",
    "{'a': [1, -2.5e3, null], \"b\": !true ? 1 : 2}['a'][0] % 3",
    "has(a.b) || 'x' in ['x', r'\\d'] // c",
    "'\\u00e9\\n' + \"it's\" != '''t'''",
    "(1 + 2) * -9223372036854775808 / 0x1F - n",
    "[3, 1].map(x, [x].filter(y, y > x)).exists_one(z, z == [])",
    "int('1') + size(string(double(2))) < ['a'].join(',').size()",
    "a.b['c'].d[e.f] == null",
];

#[test]
fn random_changes_never_panic_and_what_parses_prints_and_parses_again() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let pieces = [
        "(", ")", "[", "]", "{", "}", ".", ",", ":", "?", "!", "-", "&&", "||", "==", "in ", "'",
        "\"", "\\", "x", "1", "é", "has(", ".map(x,", "null", " ", "\n", "0x", "1e", "//", "'''",
        "😀",
    ];
    let mut parsed = 0;
    for round in 0..40_000 {
        let mut chars: Vec<char> = SEEDS[round % SEEDS.len()].chars().collect();
        for _ in 0..random.below(4) {
            let at = random.below(chars.len() + 1);
            match random.below(3) {
                0 if at < chars.len() => {
                    chars.remove(at);
                }
                1 => {
                    let other = random.below(chars.len() + 1);
                    let range = at.min(other)..at.max(other).min(at.min(other) + 12);
                    let copy = chars[range].to_vec();
                    chars.splice(at..at, copy);
                }
                _ => {
                    let piece = pieces[random.below(pieces.len())].chars();
                    chars.splice(at..at, piece);
                }
            }
        }
        let source: String = chars.into_iter().collect();
        match parse(&source) {
            Err(error) => assert!(
                source.get(error.span.range()).is_some(),
                "{source:?}: {error:?}"
            ),
            Ok(expr) => {
                parsed += 1;
                let printed = print(&expr, expr.root());
                let again = parse(&printed).unwrap_or_else(|error| panic!("{printed}: {error}"));
                assert_eq!(printed, print(&again, again.root()), "{source}");
                let (first, second) = (expr.eval(&NoScope), again.eval(&NoScope));
                assert_eq!(
                    first.map_err(|error| error.kind),
                    second.map_err(|error| error.kind)
                );
            }
        }
    }
    assert!(
        parsed > 10_000,
        "{parsed} of the changed expressions still parse"
    );
}

/// The expression with every bracket written out.
fn print(expr: &Expr, id: NodeId) -> String {
    let sub = |id: &NodeId| print(expr, *id);
    let list = |ids: &[NodeId]| ids.iter().map(sub).collect::<Vec<_>>().join(", ");
    match &expr.node(id).kind {
        Kind::Null => "null".to_owned(),
        Kind::Bool(value) => value.to_string(),
        Kind::Int(value) => format!("({value})"),
        Kind::Float(value) => format!("{value:?}"),
        Kind::Text(text) => {
            let escaped: String = text
                .chars()
                .map(|char| format!("\\U{:08x}", char as u32))
                .collect();
            format!("'{escaped}'")
        }
        Kind::Name(name) => name.clone(),
        Kind::Field { of, name } => format!("{}.{name}", sub(of)),
        Kind::Index { of, at } => format!("{}[{}]", sub(of), sub(at)),
        Kind::List(items) => format!("[{}]", list(items)),
        Kind::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", sub(key), sub(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        Kind::Unary { op, operand } => format!("({}{})", op.text(), sub(operand)),
        Kind::Binary { op, left, right } => format!("({} {} {})", sub(left), op.text(), sub(right)),
        Kind::Choice {
            condition,
            then,
            otherwise,
        } => {
            format!("({} ? {} : {})", sub(condition), sub(then), sub(otherwise))
        }
        Kind::Call {
            function,
            arguments,
        } if function.is_method() => {
            format!(
                "{}.{}({})",
                sub(&arguments[0]),
                function.name(),
                list(&arguments[1..])
            )
        }
        Kind::Call {
            function,
            arguments,
        } => format!("{}({})", function.name(), list(arguments)),
        Kind::Has { of, name } => format!("has({}.{name})", sub(of)),
        Kind::Macro {
            op,
            over,
            variable,
            body,
        } => {
            format!("{}.{}({variable}, {})", sub(over), op.name(), sub(body))
        }
    }
}
