//! The text of an expression to tokens, after CEL's lexical rules.
//! Bytes and unsigned integers are CEL but not windlass: they are named in the error.

use super::habits;
use windlass_core::expr::Span;

use super::error::SyntaxError;

/// A token and its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) span: Span,
    pub(super) kind: TokenKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    /// The magnitude; its sign is an operator.
    Int(u64),
    Float(f64),
    Text(String),
    Name(String),
    Sign(&'static str),
    End,
}

impl TokenKind {
    /// How an error calls the token.
    pub(super) fn describe(&self) -> String {
        match self {
            TokenKind::Int(value) => format!("`{value}`"),
            TokenKind::Float(value) => format!("`{value:?}`"),
            TokenKind::Text(_) => "a string".to_owned(),
            TokenKind::Name(name) => format!("`{name}`"),
            TokenKind::Sign(sign) => format!("`{sign}`"),
            TokenKind::End => "the end of the expression".to_owned(),
        }
    }
}

/// Longer signs first, so that `<=` is not read as `<`.
const SIGNS: [&str; 24] = [
    "||", "&&", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", ".", ",",
    "(", ")", "[", "]", "{", "}",
];

/// All tokens of `source`, [`TokenKind::End`] last.
pub(super) fn lex(source: &str) -> Result<Vec<Token>, SyntaxError> {
    let mut lexer = Lexer { source, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blank();
        let start = lexer.at;
        let kind = lexer.token()?;
        let ended = kind == TokenKind::End;
        tokens.push(Token {
            span: lexer.span_from(start),
            kind,
        });
        if ended {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn span_from(&self, start: usize) -> Span {
        span(start, self.at)
    }

    /// Moves past the characters that `test` accepts and returns them.
    fn take_while(&mut self, test: fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let taken = &rest[..rest.find(|char| !test(char)).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    fn skip_blank(&mut self) {
        loop {
            self.take_while(|char| matches!(char, ' ' | '\t' | '\n' | '\r' | '\u{c}'));
            if !self.rest().starts_with("//") {
                return;
            }
            self.take_while(|char| char != '\n');
        }
    }

    fn token(&mut self) -> Result<TokenKind, SyntaxError> {
        let Some(first) = self.peek() else {
            return Ok(TokenKind::End);
        };
        let second = self.rest().chars().nth(1);
        if first.is_ascii_digit() || (first == '.' && second.is_some_and(|c| c.is_ascii_digit())) {
            return self.number();
        }
        if matches!(first, '\'' | '"') {
            return self.text(false);
        }
        if matches!(first, 'r' | 'R') && matches!(second, Some('\'' | '"')) {
            self.at += 1;
            return self.text(true);
        }
        if matches!(first, 'b' | 'B') && matches!(second, Some('\'' | '"')) {
            let message = "byte strings do not exist here";
            return Err(SyntaxError::new(span(self.at, self.at + 1), message)
                .help("write a plain string, without the prefix"));
        }
        if first.is_ascii_alphabetic() || first == '_' {
            let name = self.take_while(|char| char.is_ascii_alphanumeric() || char == '_');
            return Ok(TokenKind::Name(name.to_owned()));
        }
        if self.rest().starts_with("<>") {
            let error = SyntaxError::new(span(self.at, self.at + 2), "`<>` has no meaning here");
            return Err(error.help("inequality is `!=`"));
        }
        for sign in SIGNS {
            if self.rest().starts_with(sign) {
                self.at += sign.len();
                return Ok(TokenKind::Sign(sign));
            }
        }
        let error = SyntaxError::new(
            span(self.at, self.at + first.len_utf8()),
            format!("`{}` has no meaning here", first.escape_debug()),
        );
        Err(error.maybe_help(habits::sign(self.rest()).map(str::to_owned)))
    }

    fn number(&mut self) -> Result<TokenKind, SyntaxError> {
        let start = self.at;
        let hexadecimal = self.rest().starts_with("0x") || self.rest().starts_with("0X");
        if hexadecimal {
            self.at += 2;
            let digits = self.take_while(|char| char.is_ascii_hexdigit());
            let value = u64::from_str_radix(digits, 16)
                .map_err(|_| self.bad_number(start, "is not a 64-bit hexadecimal integer"))?;
            return self.end_of_number(start, TokenKind::Int(value));
        }
        self.take_while(|char| char.is_ascii_digit());
        let mut is_float = false;
        let mut ahead = self.rest().chars();
        if ahead.next() == Some('.') && ahead.next().is_some_and(|char| char.is_ascii_digit()) {
            is_float = true;
            self.at += 1;
            self.take_while(|char| char.is_ascii_digit());
        }
        let exponent = self
            .rest()
            .strip_prefix(['e', 'E'])
            .map(|rest| rest.strip_prefix(['+', '-']).unwrap_or(rest));
        if let Some(digits) = exponent.filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        {
            is_float = true;
            self.at = self.source.len() - digits.len();
            self.take_while(|char| char.is_ascii_digit());
        }
        let text = &self.source[start..self.at];
        if is_float {
            let value: f64 = text
                .parse()
                .map_err(|_| self.bad_number(start, "is not a number"))?;
            if !value.is_finite() {
                return Err(self.bad_number(start, "is too large for a number"));
            }
            return self.end_of_number(start, TokenKind::Float(value));
        }
        let value = text
            .parse()
            .map_err(|_| self.bad_number(start, "does not fit a 64-bit integer"))?;
        self.end_of_number(start, TokenKind::Int(value))
    }

    /// A number ends where no name goes on: `15m` and `1u` are refused.
    fn end_of_number(&mut self, start: usize, kind: TokenKind) -> Result<TokenKind, SyntaxError> {
        let suffix = self.take_while(|char| char.is_ascii_alphanumeric() || char == '_');
        if suffix.is_empty() {
            return Ok(kind);
        }
        let error = self.bad_number(start, "is not a number");
        Err(match suffix {
            "u" | "U" => error.help("unsigned integers do not exist here: leave the `u` out"),
            _ => error.help(
                "units are not written in expressions: use an input of type `bytes` or `duration`",
            ),
        })
    }

    fn bad_number(&self, start: usize, what: &str) -> SyntaxError {
        let text = &self.source[start..self.at];
        SyntaxError::new(self.span_from(start), format!("`{text}` {what}"))
    }

    fn text(&mut self, raw: bool) -> Result<TokenKind, SyntaxError> {
        let start = self.at;
        let rest = self.rest();
        let quote = ["'''", "\"\"\"", "'", "\""]
            .into_iter()
            .find(|quote| rest.starts_with(quote))
            .expect("the caller has seen a quote");
        self.at += quote.len();
        let mut text = String::new();
        loop {
            if self.rest().starts_with(quote) {
                self.at += quote.len();
                return Ok(TokenKind::Text(text));
            }
            let Some(char) = self.peek().filter(|char| quote.len() > 1 || *char != '\n') else {
                return Err(SyntaxError::new(
                    self.span_from(start),
                    format!("the string is not closed: expected `{quote}`"),
                ));
            };
            if char == '\\' && !raw {
                text.push(self.escape()?);
            } else {
                self.at += char.len_utf8();
                text.push(char);
            }
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        let start = self.at;
        self.at += 1;
        let Some(kind) = self.peek() else {
            return Err(SyntaxError::new(
                self.span_from(start),
                "the string is not closed",
            ));
        };
        self.at += kind.len_utf8();
        let plain = match kind {
            '\\' | '\'' | '"' | '`' | '?' => Some(kind),
            'a' => Some('\u{7}'),
            'b' => Some('\u{8}'),
            'f' => Some('\u{c}'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\u{b}'),
            _ => None,
        };
        if let Some(char) = plain {
            return Ok(char);
        }
        let code = match kind {
            'x' | 'X' => self.digits(2, 16),
            'u' => self.digits(4, 16),
            'U' => self.digits(8, 16),
            '0'..='3' => {
                self.at -= 1;
                self.digits(3, 8)
            }
            _ => None,
        };
        code.and_then(char::from_u32).ok_or_else(|| {
            SyntaxError::new(
                self.span_from(start),
                "the escape in this string is not known",
            )
            .help("a backslash is written `\\\\`, and r'...' is a string without escapes")
        })
    }

    fn digits(&mut self, count: usize, radix: u32) -> Option<u32> {
        let digits = self.rest().get(..count)?;
        if !digits.chars().all(|char| char.is_digit(radix)) {
            return None;
        }
        self.at += count;
        u32::from_str_radix(digits, radix).ok()
    }
}

/// Sources are a few KiB, so their places fit.
fn span(start: usize, end: usize) -> Span {
    let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Span::new(place(start), place(end))
}
