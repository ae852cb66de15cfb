//! A small reader of expressions for tests: names, literals, lists, maps, operators,
//! `size(x)`. The real parser lives in `windlass-runbook`, which core must not know.

use windlass_core::expr::UnaryOp;
use windlass_core::expr::{BinaryOp, Expr, ExprBuilder, Function, Kind, NoScope, NodeId, Span};
use windlass_core::value::Value;

/// Reads one expression.
pub(crate) fn expr(source: &str) -> Expr {
    let mut reader = Reader {
        rest: source,
        whole: Span::new(0, u32::try_from(source.len()).expect("a short source")),
        builder: ExprBuilder::new(source.to_owned()).expect("a short source"),
    };
    reader.binary(0);
    assert!(
        reader.peek().is_empty(),
        "more than an expression: {source:?}"
    );
    reader.builder.finish().expect("a whole expression")
}

/// Reads a literal value; the keys of a map need no quotes.
pub(crate) fn value(source: &str) -> Value {
    expr(source).eval(&NoScope).expect("a literal")
}

struct Reader<'a> {
    rest: &'a str,
    whole: Span,
    builder: ExprBuilder,
}

/// Operators by how tightly they bind.
const OPERATORS: [(&str, u32, BinaryOp); 10] = [
    ("||", 1, BinaryOp::Or),
    ("&&", 2, BinaryOp::And),
    ("==", 3, BinaryOp::Equal),
    ("!=", 3, BinaryOp::NotEqual),
    ("<=", 3, BinaryOp::LessOrEqual),
    (">=", 3, BinaryOp::GreaterOrEqual),
    ("<", 3, BinaryOp::Less),
    (">", 3, BinaryOp::Greater),
    ("+", 4, BinaryOp::Add),
    ("/", 5, BinaryOp::Divide),
];

impl<'a> Reader<'a> {
    fn push(&mut self, kind: Kind) -> NodeId {
        self.builder.push(self.whole, kind).expect("a valid node")
    }

    fn peek(&mut self) -> &'a str {
        self.rest = self.rest.trim_start();
        self.rest
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.peek().strip_prefix(token);
        if let Some(rest) = found {
            self.rest = rest;
        }
        found.is_some()
    }

    fn must(&mut self, token: &str) {
        assert!(self.eat(token), "expected {token:?} before {:?}", self.rest);
    }

    fn take(&mut self, of: impl Fn(char) -> bool) -> &'a str {
        let text = self.peek();
        let end = text.find(|c| !of(c)).unwrap_or(text.len());
        self.rest = &text[end..];
        &text[..end]
    }

    fn binary(&mut self, least: u32) -> NodeId {
        let mut left = self.unary();
        loop {
            let text = self.peek();
            let found = OPERATORS
                .iter()
                .find(|(token, power, _)| *power > least && text.starts_with(token));
            let Some((token, power, op)) = found else {
                return left;
            };
            self.must(token);
            let right = self.binary(*power);
            left = self.push(Kind::Binary {
                op: *op,
                left,
                right,
            });
        }
    }

    fn unary(&mut self) -> NodeId {
        if self.eat("!") {
            let operand = self.unary();
            let op = UnaryOp::Not;
            return self.push(Kind::Unary { op, operand });
        }
        let mut node = self.primary();
        while self.eat(".") {
            let name = self.take(|c| c.is_alphanumeric() || c == '_').to_owned();
            node = self.push(Kind::Field { of: node, name });
        }
        node
    }

    fn primary(&mut self) -> NodeId {
        if self.eat("(") {
            let node = self.binary(0);
            self.must(")");
            return node;
        }
        if self.eat("[") {
            let mut items = Vec::new();
            while !self.eat("]") {
                items.push(self.binary(0));
                self.eat(",");
            }
            return self.push(Kind::List(items));
        }
        if self.eat("{") {
            let mut entries = Vec::new();
            while !self.eat("}") {
                let key = self.take(|c| c.is_alphanumeric() || c == '_').to_owned();
                self.must(":");
                let key = self.push(Kind::Text(key));
                entries.push((key, self.binary(0)));
                self.eat(",");
            }
            return self.push(Kind::Map(entries));
        }
        if self.eat("'") {
            let text = self.take(|c| c != '\'').to_owned();
            self.must("'");
            return self.push(Kind::Text(text));
        }
        let word = self.take(|c| c.is_alphanumeric() || c == '_');
        if self.eat("(") {
            assert_eq!(word, "size", "the only function here");
            let arguments = vec![self.binary(0)];
            self.must(")");
            let function = Function::Size;
            return self.push(Kind::Call {
                function,
                arguments,
            });
        }
        let kind = match word {
            "null" => Kind::Null,
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "" => panic!("an expression before {:?}", self.rest),
            _ => word
                .parse()
                .map_or_else(|_| Kind::Name(word.to_owned()), Kind::Int),
        };
        self.push(kind)
    }
}
