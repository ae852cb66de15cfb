//! An expression back to text, with as few brackets as its meaning needs.
//! Not the author's own text, which every expression keeps as its source.

use windlass_core::expr::{BinaryOp, Expr, Kind, NodeId, UnaryOp};

/// How strongly the outermost part of a text binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    Choice,
    /// 1 for `||` to 5 for `*`.
    Binary(u8),
    Unary,
    Postfix,
}

/// The text of `expr`: parsed again it gives the same nodes at other places.
///
/// True of every expression that came from [`super::parse`]. The text may be longer than the
/// source, since strings are written with escapes, and so may exceed the bound of a source.
pub fn unparse(expr: &Expr) -> String {
    unparse_with(expr, &|_| None)
}

/// The text of `expr` with some of its names replaced: where `replace` gives a text for a
/// chain of fixed names such as `["inputs", "region"]`, that text stands for the chain. It
/// must bind as strongly as a name does. A chain whose first name a macro binds is left.
pub(crate) fn unparse_with(expr: &Expr, replace: &dyn Fn(&[&str]) -> Option<String>) -> String {
    let mut writer = Writer {
        expr,
        text: String::new(),
        bound: Vec::new(),
        replace,
    };
    writer.node(expr.root(), Strength::Choice);
    writer.text
}

/// The chain of fixed names that ends at `id`, when there is one.
fn chain(expr: &Expr, id: NodeId) -> Option<Vec<&str>> {
    let mut path = Vec::new();
    let mut at = id;
    loop {
        let (of, name) = match &expr.node(at).kind {
            Kind::Name(name) => {
                path.push(name.as_str());
                path.reverse();
                return Some(path);
            }
            Kind::Field { of, name } => (*of, name),
            Kind::Index { of, at: index } => match &expr.node(*index).kind {
                Kind::Text(name) => (*of, name),
                _ => return None,
            },
            _ => return None,
        };
        path.push(name.as_str());
        at = of;
    }
}

/// A string as a literal of the language.
pub fn text_literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for char in text.chars() {
        match char {
            '\'' => literal.push_str("\\'"),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            char if char.is_control() => {
                literal.push_str(&format!("\\u{:04x}", u32::from(char)));
            }
            char => literal.push(char),
        }
    }
    literal.push('\'');
    literal
}

struct Writer<'a> {
    expr: &'a Expr,
    text: String,
    /// The variables of the macros around.
    bound: Vec<&'a str>,
    replace: &'a dyn Fn(&[&str]) -> Option<String>,
}

/// Recursion follows the tree, whose depth the builder bounds.
impl Writer<'_> {
    /// Writes a node where something that binds at least as strongly as `least` belongs.
    fn node(&mut self, id: NodeId, least: Strength) {
        let strength = strength(&self.expr.node(id).kind);
        if strength < least {
            self.text.push('(');
            self.bare(id);
            self.text.push(')');
        } else {
            self.bare(id);
        }
    }

    /// What stands for the chain of names, when something does.
    fn replaced(&self, path: Option<Vec<&str>>) -> Option<String> {
        let path = path?;
        let free = !self.bound.contains(path.first()?);
        free.then(|| (self.replace)(&path))?
    }

    fn bare(&mut self, id: NodeId) {
        let expr = self.expr;
        if let Some(text) = self.replaced(chain(expr, id)) {
            self.text.push_str(&text);
            return;
        }
        match &expr.node(id).kind {
            Kind::Null => self.text.push_str("null"),
            Kind::Bool(value) => self.text.push_str(if *value { "true" } else { "false" }),
            Kind::Int(value) => self.text.push_str(&value.to_string()),
            Kind::Float(value) => self.text.push_str(&format!("{value:?}")),
            Kind::Text(text) => self.text.push_str(&text_literal(text)),
            Kind::Name(name) => self.text.push_str(name),
            Kind::Field { of, name } => {
                self.node(*of, Strength::Postfix);
                self.text.push('.');
                self.text.push_str(name);
            }
            Kind::Index { of, at } => {
                self.node(*of, Strength::Postfix);
                self.text.push('[');
                self.node(*at, Strength::Choice);
                self.text.push(']');
            }
            Kind::List(items) => {
                self.text.push('[');
                self.separated(items);
                self.text.push(']');
            }
            Kind::Map(entries) => {
                self.text.push('{');
                for (place, (key, value)) in entries.iter().enumerate() {
                    if place > 0 {
                        self.text.push_str(", ");
                    }
                    self.node(*key, Strength::Choice);
                    self.text.push_str(": ");
                    self.node(*value, Strength::Choice);
                }
                self.text.push('}');
            }
            Kind::Unary { op, operand } => self.unary(*op, *operand),
            Kind::Binary { op, left, right } => {
                let level = level(*op);
                self.node(*left, Strength::Binary(level));
                self.text.push(' ');
                self.text.push_str(op.text());
                self.text.push(' ');
                // Operators of one level group to the left.
                let right_least = if level == 5 {
                    Strength::Unary
                } else {
                    Strength::Binary(level + 1)
                };
                self.node(*right, right_least);
            }
            Kind::Choice {
                condition,
                then,
                otherwise,
            } => {
                self.node(*condition, Strength::Binary(1));
                self.text.push_str(" ? ");
                self.node(*then, Strength::Choice);
                self.text.push_str(" : ");
                self.node(*otherwise, Strength::Choice);
            }
            Kind::Call {
                function,
                arguments,
            } => {
                let arguments = if function.is_global() {
                    arguments.as_slice()
                } else {
                    self.node(arguments[0], Strength::Postfix);
                    self.text.push('.');
                    &arguments[1..]
                };
                self.text.push_str(function.name());
                self.text.push('(');
                self.separated(arguments);
                self.text.push(')');
            }
            Kind::Has { of, name } => {
                let path = chain(expr, *of).map(|mut path| {
                    path.push(name);
                    path
                });
                if let Some(text) = self.replaced(path) {
                    self.text.push_str(&format!("({text} != null)"));
                    return;
                }
                self.text.push_str("has(");
                self.node(*of, Strength::Postfix);
                self.text.push('.');
                self.text.push_str(name);
                self.text.push(')');
            }
            Kind::Macro {
                op,
                over,
                variable,
                body,
            } => {
                self.node(*over, Strength::Postfix);
                self.text.push('.');
                self.text.push_str(op.name());
                self.text.push('(');
                self.text.push_str(variable);
                self.text.push_str(", ");
                self.bound.push(variable);
                self.node(*body, Strength::Choice);
                self.bound.pop();
                self.text.push(')');
            }
        }
    }

    fn unary(&mut self, op: UnaryOp, operand: NodeId) {
        self.text.push_str(op.text());
        let start = self.text.len();
        self.node(operand, Strength::Unary);
        // A minus before digits would become part of the number.
        if op == UnaryOp::Negate
            && self.text[start..].starts_with(|char: char| char.is_ascii_digit())
        {
            self.text.insert(start, '(');
            self.text.push(')');
        }
    }

    fn separated(&mut self, items: &[NodeId]) {
        for (place, item) in items.iter().enumerate() {
            if place > 0 {
                self.text.push_str(", ");
            }
            self.node(*item, Strength::Choice);
        }
    }
}

fn strength(kind: &Kind) -> Strength {
    match kind {
        Kind::Choice { .. } => Strength::Choice,
        Kind::Binary { op, .. } => Strength::Binary(level(*op)),
        Kind::Unary { .. } => Strength::Unary,
        // The sign of a literal is read where an operand is, and binds like one there.
        Kind::Int(value) if *value < 0 => Strength::Unary,
        Kind::Null
        | Kind::Bool(_)
        | Kind::Int(_)
        | Kind::Float(_)
        | Kind::Text(_)
        | Kind::Name(_)
        | Kind::Field { .. }
        | Kind::Index { .. }
        | Kind::List(_)
        | Kind::Map(_)
        | Kind::Call { .. }
        | Kind::Has { .. }
        | Kind::Macro { .. } => Strength::Postfix,
    }
}

/// The strength of an operator as the parser counts it.
fn level(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Or => 1,
        BinaryOp::And => 2,
        BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::Less
        | BinaryOp::LessOrEqual
        | BinaryOp::Greater
        | BinaryOp::GreaterOrEqual
        | BinaryOp::In => 3,
        BinaryOp::Add | BinaryOp::Subtract => 4,
        BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Remainder => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::parse;

    #[test]
    fn brackets_stand_where_they_are_needed() {
        for (source, text) in [
            ("(a+b)*c", "(a + b) * c"),
            ("a-(b-c)", "a - (b - c)"),
            ("(a-b)-c", "a - b - c"),
            ("-(5)", "-(5)"),
            ("- -5", "--5"),
            ("-(5).x", "-(5.x)"),
            ("(-5).x", "(-5).x"),
            ("-1.5", "-(1.5)"),
            ("!(a && b)", "!(a && b)"),
            ("(a?b:c)?d:(e?f:g)", "(a ? b : c) ? d : e ? f : g"),
            ("(a || b).size()", "size(a || b)"),
            (
                "(a + 'x').contains(\"it's\")",
                r"(a + 'x').contains('it\'s')",
            ),
            (
                "l.all(x, x > 1 ? true : false)",
                "l.all(x, x > 1 ? true : false)",
            ),
            ("has((a + b).c)", "has((a + b).c)"),
            ("{'a': [1, null], b: {}}", "{'a': [1, null], b: {}}"),
            ("1 in a == true", "1 in a == true"),
            (r#"r'\d' + "\u0001\n""#, r"'\\d' + '\u0001\n'"),
            ("a['b'][0]", "a['b'][0]"),
        ] {
            let expr = parse(source).unwrap();
            assert_eq!(unparse(&expr), text);
            let kinds = |expr: &Expr| -> Vec<Kind> {
                expr.nodes().iter().map(|node| node.kind.clone()).collect()
            };
            assert_eq!(kinds(&parse(text).unwrap()), kinds(&expr), "{text}");
        }
    }
}
