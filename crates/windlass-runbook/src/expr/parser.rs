//! Tokens to an expression: a Pratt parser over CEL's grammar.
//! Its own recursion is counted, and the builder bounds the depth of the tree,
//! so that chains which grow to the left (`a.b.c`, `1 + 1 + 1`) end as well.

use std::collections::BTreeMap;

use windlass_core::expr::{
    BinaryOp, BuildError, DEPTH_MAX, Expr, ExprBuilder, Function, Kind, Macro, NodeId,
    SOURCE_BYTES_MAX, Span, UnaryOp,
};

use super::error::SyntaxError;
use super::habits;
use super::lexer::{Token, TokenKind, lex};
use crate::suggest::did_you_mean;

/// Words that CEL keeps for the languages around it.
const RESERVED: [&str; 17] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "namespace",
    "package",
    "return",
    "var",
    "void",
    "while",
];

/// Parses a whole expression.
pub fn parse(source: &str) -> Result<Expr, SyntaxError> {
    let builder = ExprBuilder::new(source.to_owned()).map_err(|_| {
        let start = Span::new(0, 0);
        SyntaxError::new(
            start,
            format!("the expression is longer than {SOURCE_BYTES_MAX} bytes"),
        )
    })?;
    let mut parser = Parser {
        tokens: lex(source)?,
        at: 0,
        depth: 0,
        builder,
        bracketed: BTreeMap::new(),
    };
    let root = parser.expression()?;
    parser.end()?;
    let whole = parser.span(root);
    parser
        .builder
        .finish()
        .map_err(|error| build_error(whole, error))
}

struct Parser {
    /// Ends with [`TokenKind::End`], which is never taken.
    tokens: Vec<Token>,
    at: usize,
    depth: u32,
    builder: ExprBuilder,
    /// The places of nodes that stand in brackets, brackets counted.
    bracketed: BTreeMap<NodeId, Span>,
}

type Parsed = Result<NodeId, SyntaxError>;

impl Parser {
    fn peek(&self) -> &Token {
        &self.tokens[self.at]
    }

    fn take(&mut self) -> Token {
        let token = self.tokens[self.at].clone();
        if token.kind != TokenKind::End {
            self.at += 1;
        }
        token
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek().kind, TokenKind::Sign(found) if found == sign)
    }

    fn take_sign(&mut self, sign: &str) -> Option<Span> {
        self.is_sign(sign).then(|| self.take().span)
    }

    fn expect_sign(&mut self, sign: &str, after: &str) -> Result<Span, SyntaxError> {
        self.take_sign(sign)
            .ok_or_else(|| self.expected(&format!("`{sign}` {after}")))
    }

    fn expected(&self, what: &str) -> SyntaxError {
        let found = self.peek();
        SyntaxError::new(
            found.span,
            format!("expected {what}, found {}", found.kind.describe()),
        )
    }

    fn push(&mut self, span: Span, kind: Kind) -> Parsed {
        self.builder
            .push(span, kind)
            .map_err(|error| build_error(span, error))
    }

    fn span(&self, id: NodeId) -> Span {
        let bare = || self.builder.node(id).map(|node| node.span);
        let bracketed = self.bracketed.get(&id).copied();
        bracketed.or_else(bare).unwrap_or(Span::new(0, 0))
    }

    fn end(&self) -> Result<(), SyntaxError> {
        match &self.peek().kind {
            TokenKind::End => Ok(()),
            TokenKind::Name(name) if habits::operator(name).is_some() => Err(self
                .expected("an operator")
                .maybe_help(habits::operator(name).map(str::to_owned))),
            TokenKind::Int(_)
            | TokenKind::Float(_)
            | TokenKind::Text(_)
            | TokenKind::Name(_)
            | TokenKind::Sign(_) => Err(self.expected("an operator or the end of the expression")),
        }
    }

    /// Runs `parse` one level deeper.
    fn deeper(&mut self, parse: impl FnOnce(&mut Self) -> Parsed) -> Parsed {
        if self.depth >= DEPTH_MAX {
            return Err(build_error(self.peek().span, BuildError::TooDeep));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn expression(&mut self) -> Parsed {
        self.deeper(|parser| {
            let condition = parser.binary(0)?;
            if parser.take_sign("?").is_none() {
                return Ok(condition);
            }
            let then = parser.expression()?;
            parser.expect_sign(":", "and the value for false")?;
            let otherwise = parser.expression()?;
            let span = parser.span(condition).to(parser.span(otherwise));
            parser.push(
                span,
                Kind::Choice {
                    condition,
                    then,
                    otherwise,
                },
            )
        })
    }

    /// Operators that bind at least as strongly as `least`.
    fn binary(&mut self, least: u8) -> Parsed {
        let mut left = self.unary()?;
        while let Some((op, strength)) = binary_operator(&self.peek().kind) {
            if strength < least {
                break;
            }
            self.take();
            let right = self.deeper(|parser| parser.binary(strength + 1))?;
            let span = self.span(left).to(self.span(right));
            left = self.push(span, Kind::Binary { op, left, right })?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parsed {
        if let Some(sign) = self.take_sign("!") {
            let operand = self.deeper(Self::unary)?;
            let span = sign.to(self.span(operand));
            return self.push(
                span,
                Kind::Unary {
                    op: UnaryOp::Not,
                    operand,
                },
            );
        }
        if let Some(sign) = self.take_sign("-") {
            // The least integer has no positive twin, so the sign belongs to
            // the literal.
            if let Token {
                span,
                kind: TokenKind::Int(magnitude),
            } = *self.peek()
            {
                self.take();
                let value = 0_i64.checked_sub_unsigned(magnitude);
                let literal = self.int(sign.to(span), value)?;
                return self.postfix(literal);
            }
            let operand = self.deeper(Self::unary)?;
            let span = sign.to(self.span(operand));
            return self.push(
                span,
                Kind::Unary {
                    op: UnaryOp::Negate,
                    operand,
                },
            );
        }
        let primary = self.primary()?;
        self.postfix(primary)
    }

    fn int(&mut self, span: Span, value: Option<i64>) -> Parsed {
        let value = value
            .ok_or_else(|| SyntaxError::new(span, "the number does not fit a 64-bit integer"))?;
        self.push(span, Kind::Int(value))
    }

    fn primary(&mut self) -> Parsed {
        let Token { span, kind } = self.peek().clone();
        match kind {
            TokenKind::Int(magnitude) => {
                self.take();
                self.int(span, i64::try_from(magnitude).ok())
            }
            TokenKind::Float(value) => {
                self.take();
                self.push(span, Kind::Float(value))
            }
            TokenKind::Text(text) => {
                self.take();
                self.push(span, Kind::Text(text))
            }
            TokenKind::Name(name) => self.name(span, name),
            TokenKind::Sign("(") => {
                self.take();
                let inner = self.expression()?;
                let end = self.expect_sign(")", "to close the bracket")?;
                self.bracketed.insert(inner, span.to(end));
                Ok(inner)
            }
            TokenKind::Sign("[") => self.list(span),
            TokenKind::Sign("{") => self.map(span),
            TokenKind::Sign(_) | TokenKind::End => Err(self.expected("a value")),
        }
    }

    fn name(&mut self, span: Span, name: String) -> Parsed {
        let kind = match name.as_str() {
            "null" => Kind::Null,
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "in" => return Err(self.expected("a value")),
            _ => {
                self.not_reserved(span, &name)?;
                self.take();
                if self.is_sign("(") {
                    return self.global_call(span, &name);
                }
                return self.push(span, Kind::Name(name));
            }
        };
        self.take();
        self.push(span, kind)
    }

    fn not_reserved(&self, span: Span, name: &str) -> Result<(), SyntaxError> {
        if RESERVED.contains(&name) {
            let message = format!("`{name}` is a reserved word and cannot be a name");
            return Err(SyntaxError::new(span, message));
        }
        Ok(())
    }

    fn list(&mut self, start: Span) -> Parsed {
        self.take();
        let mut items = Vec::new();
        while !self.is_sign("]") {
            items.push(self.expression()?);
            if self.take_sign(",").is_none() {
                break;
            }
        }
        let end = self.expect_sign("]", "to close the list")?;
        self.push(start.to(end), Kind::List(items))
    }

    fn map(&mut self, start: Span) -> Parsed {
        self.take();
        let mut entries = Vec::new();
        while !self.is_sign("}") {
            let key = self.expression()?;
            self.expect_sign(":", "and the value of the key")?;
            let value = self.expression()?;
            entries.push((key, value));
            if self.take_sign(",").is_none() {
                break;
            }
        }
        let end = self.expect_sign("}", "to close the map")?;
        self.push(start.to(end), Kind::Map(entries))
    }

    fn postfix(&mut self, start: NodeId) -> Parsed {
        let mut value = start;
        loop {
            if self.take_sign(".").is_some() {
                let Token { span, kind } = self.peek().clone();
                let TokenKind::Name(name) = kind else {
                    return Err(self.expected("a field or function after `.`"));
                };
                self.take();
                value = if self.is_sign("(") {
                    self.method_call(value, span, &name)?
                } else {
                    let span = self.span(value).to(span);
                    self.push(span, Kind::Field { of: value, name })?
                };
            } else if self.take_sign("[").is_some() {
                let at = self.expression()?;
                let end = self.expect_sign("]", "to close the index")?;
                let span = self.span(value).to(end);
                value = self.push(span, Kind::Index { of: value, at })?;
            } else {
                return Ok(value);
            }
        }
    }

    fn global_call(&mut self, name_span: Span, name: &str) -> Parsed {
        if name == "has" {
            return self.has(name_span);
        }
        let Some(function) = Function::ALL
            .into_iter()
            .find(|function| function.name() == name)
        else {
            let known = Function::ALL
                .into_iter()
                .filter(|function| function.is_global());
            let known = known.map(Function::name).chain(["has"]);
            let error = SyntaxError::new(name_span, format!("there is no function `{name}`"));
            return Err(
                match Macro::ALL.into_iter().find(|found| found.name() == name) {
                    Some(_) => error.help(format!("it is called on a list: `list.{name}(x, ...)`")),
                    None => error.maybe_help(
                        habits::function(name)
                            .map(str::to_owned)
                            .or_else(|| did_you_mean(name, known)),
                    ),
                },
            );
        };
        if !function.is_global() {
            return Err(
                SyntaxError::new(name_span, format!("there is no function `{name}`")).help(
                    format!("it is called on its first value: `value.{name}(...)`"),
                ),
            );
        }
        let (arguments, end) = self.arguments()?;
        self.call(function, arguments, name_span, name_span.to(end))
    }

    fn method_call(&mut self, receiver: NodeId, name_span: Span, name: &str) -> Parsed {
        if let Some(op) = Macro::ALL.into_iter().find(|found| found.name() == name) {
            return self.comprehension(receiver, op);
        }
        let Some(function) = Function::ALL
            .into_iter()
            .find(|function| function.name() == name)
        else {
            let known = Function::ALL
                .into_iter()
                .filter(|function| function.is_method());
            let known = known
                .map(Function::name)
                .chain(Macro::ALL.into_iter().map(Macro::name));
            return Err(
                SyntaxError::new(name_span, format!("there is no function `{name}`")).maybe_help(
                    habits::function(name)
                        .map(str::to_owned)
                        .or_else(|| did_you_mean(name, known)),
                ),
            );
        };
        if !function.is_method() {
            return Err(
                SyntaxError::new(name_span, format!("`{name}` is not called on a value"))
                    .help(format!("write `{name}(value)`")),
            );
        }
        let (mut arguments, end) = self.arguments()?;
        arguments.insert(0, receiver);
        let span = self.span(receiver).to(end);
        self.call(function, arguments, name_span, span)
    }

    fn call(
        &mut self,
        function: Function,
        arguments: Vec<NodeId>,
        name_span: Span,
        span: Span,
    ) -> Parsed {
        let (least, most) = function.arity();
        if !(least..=most).contains(&arguments.len()) {
            // In `x.split(y)` nobody counts `x` as an argument.
            let receiver = usize::from(!function.is_global());
            let (least, most) = (least - receiver, most - receiver);
            let wanted = match (least, most) {
                (0, 0) => "no arguments".to_owned(),
                (1, 1) => "one argument".to_owned(),
                _ => format!("{least} to {most} arguments"),
            };
            let found = arguments.len().saturating_sub(receiver);
            let name = function.name();
            let message = format!("`{name}` takes {wanted}, found {found}");
            return Err(SyntaxError::new(name_span, message));
        }
        self.push(
            span,
            Kind::Call {
                function,
                arguments,
            },
        )
    }

    /// `( a, b )`, and the span of the closing bracket.
    fn arguments(&mut self) -> Result<(Vec<NodeId>, Span), SyntaxError> {
        self.expect_sign("(", "before the arguments")?;
        let mut arguments = Vec::new();
        while !self.is_sign(")") {
            arguments.push(self.expression()?);
            if self.take_sign(",").is_none() {
                break;
            }
        }
        let end = self.expect_sign(")", "to close the arguments")?;
        Ok((arguments, end))
    }

    fn has(&mut self, name_span: Span) -> Parsed {
        self.expect_sign("(", "before the field")?;
        let argument = self.expression()?;
        let argument_span = self.span(argument);
        let end = self.expect_sign(")", "after the field")?;
        // The field is not read but asked for, so its node gives way to ours.
        self.bracketed.remove(&argument);
        match self.builder.pop().map(|node| node.kind) {
            Some(Kind::Field { of, name }) => self.push(name_span.to(end), Kind::Has { of, name }),
            _ => Err(SyntaxError::new(argument_span, "`has` asks for a field")
                .help("write `has(value.field)`")),
        }
    }

    fn comprehension(&mut self, over: NodeId, op: Macro) -> Parsed {
        let name = op.name();
        let shape = |error: SyntaxError| {
            error.help(format!(
                "it is written `list.{name}(x, ...)` with x for each item"
            ))
        };
        self.expect_sign("(", "before the variable")
            .map_err(shape)?;
        let Token { span, kind } = self.peek().clone();
        let TokenKind::Name(variable) = kind else {
            return Err(shape(self.expected("the name of a variable")));
        };
        if matches!(variable.as_str(), "null" | "true" | "false" | "in") {
            return Err(shape(self.expected("the name of a variable")));
        }
        self.not_reserved(span, &variable)?;
        self.take();
        self.expect_sign(",", "after the variable").map_err(shape)?;
        let body = self.expression()?;
        let end = self
            .expect_sign(")", &format!("to close `{name}`"))
            .map_err(shape)?;
        let span = self.span(over).to(end);
        self.push(
            span,
            Kind::Macro {
                op,
                over,
                variable,
                body,
            },
        )
    }
}

fn binary_operator(kind: &TokenKind) -> Option<(BinaryOp, u8)> {
    let TokenKind::Sign(sign) = kind else {
        return match kind {
            TokenKind::Name(name) if name == "in" => Some((BinaryOp::In, 3)),
            TokenKind::Name(_)
            | TokenKind::Int(_)
            | TokenKind::Float(_)
            | TokenKind::Text(_)
            | TokenKind::Sign(_)
            | TokenKind::End => None,
        };
    };
    Some(match *sign {
        "||" => (BinaryOp::Or, 1),
        "&&" => (BinaryOp::And, 2),
        "==" => (BinaryOp::Equal, 3),
        "!=" => (BinaryOp::NotEqual, 3),
        "<" => (BinaryOp::Less, 3),
        "<=" => (BinaryOp::LessOrEqual, 3),
        ">" => (BinaryOp::Greater, 3),
        ">=" => (BinaryOp::GreaterOrEqual, 3),
        "+" => (BinaryOp::Add, 4),
        "-" => (BinaryOp::Subtract, 4),
        "*" => (BinaryOp::Multiply, 5),
        "/" => (BinaryOp::Divide, 5),
        "%" => (BinaryOp::Remainder, 5),
        _ => return None,
    })
}

fn build_error(span: Span, error: BuildError) -> SyntaxError {
    let error_text = SyntaxError::new(span, error.to_string());
    if error == BuildError::TooDeep {
        error_text.help("split it: outputs of an earlier step can hold parts of it")
    } else {
        error_text
    }
}
