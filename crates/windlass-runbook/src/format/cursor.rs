//! What stands between the scalars of a text: indicators, comments and empty lines.
//! Where scalars begin is known from the tree of nodes, so nothing is guessed here.

use std::collections::VecDeque;

use super::Stuck;
use super::tree::{Comment, Piece};

/// What comes next, comments and blanks left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A plain or quoted scalar, or the first text of a block scalar.
    Leaf,
    Dash,
    Question,
    Colon,
    Comma,
    OpenMap,
    CloseMap,
    OpenList,
    CloseList,
    /// `---`
    Start,
    /// `...`
    Stop,
    /// A line such as `%YAML 1.2`.
    Directive(String),
    /// What introduces a block scalar, such as `>-`.
    Header(String),
    End,
}

#[derive(Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    /// Where the scalars begin that are still to come.
    leaves: VecDeque<usize>,
    /// Whether no token was seen on this line yet.
    is_fresh: bool,
    /// Line breaks since the last token or comment.
    breaks: usize,
    /// Met and not yet taken.
    pending: Vec<Piece>,
    /// Every comment that was met.
    comments: Vec<String>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str, leaves: VecDeque<usize>) -> Self {
        Self {
            text,
            at: 0,
            leaves,
            is_fresh: true,
            breaks: 1,
            pending: Vec::new(),
            comments: Vec::new(),
        }
    }

    /// The next token, which is not passed; what stands before it is collected.
    pub(super) fn peek(&mut self) -> Result<Token, Stuck> {
        loop {
            let rest = &self.text[self.at..];
            let Some(next) = rest.chars().next() else {
                return Ok(Token::End);
            };
            // A block scalar without text is said to begin at its header.
            if self.leaves.front() == Some(&self.at) && !matches!(next, '|' | '>') {
                return Ok(Token::Leaf);
            }
            match next {
                ' ' | '\t' => self.at += 1,
                // A byte order mark may stand before a document, and says nothing.
                '\u{feff}' => self.at += next.len_utf8(),
                '\n' => self.line_break(),
                '#' => {
                    let comment = self.comment();
                    self.pending.push(Piece::Comment(comment));
                    self.breaks = 0;
                }
                _ => return self.indicator(rest),
            }
        }
    }

    fn indicator(&self, rest: &str) -> Result<Token, Stuck> {
        let at_margin = self.at == 0 || self.text[..self.at].ends_with('\n');
        if at_margin && rest.starts_with("---") {
            return Ok(Token::Start);
        }
        if at_margin && rest.starts_with("...") {
            return Ok(Token::Stop);
        }
        let token = match rest.chars().next() {
            Some('-') => Token::Dash,
            Some('?') => Token::Question,
            Some(':') => Token::Colon,
            Some(',') => Token::Comma,
            Some('{') => Token::OpenMap,
            Some('}') => Token::CloseMap,
            Some('[') => Token::OpenList,
            Some(']') => Token::CloseList,
            Some('|' | '>') => {
                let header = rest.split([' ', '\t', '\n']).next().unwrap_or_default();
                Token::Header(header.to_owned())
            }
            Some('%') if at_margin => {
                let line = rest.lines().next().unwrap_or_default();
                let line = line.split(" #").next().unwrap_or_default();
                Token::Directive(line.trim_end_matches([' ', '\t']).to_owned())
            }
            _ => return Err(Stuck { at: self.at }),
        };
        Ok(token)
    }

    /// Passes a token that `peek` returned. Scalars are passed by `leaf` and `lines`.
    pub(super) fn pass(&mut self, token: &Token) {
        self.at += match token {
            Token::Leaf | Token::End => 0,
            Token::Start | Token::Stop => 3,
            Token::Directive(text) | Token::Header(text) => text.len(),
            Token::Dash
            | Token::Question
            | Token::Colon
            | Token::Comma
            | Token::OpenMap
            | Token::CloseMap
            | Token::OpenList
            | Token::CloseList => 1,
        };
        self.drop_leaves();
        self.is_fresh = false;
        self.breaks = 0;
    }

    /// Passes a plain or quoted scalar.
    pub(super) fn leaf(&mut self, start: usize, end: usize) -> Result<&'a str, Stuck> {
        if self.at != start || self.leaves.pop_front() != Some(start) {
            return Err(Stuck { at: self.at });
        }
        let text = self.text.get(start..end).ok_or(Stuck { at: start })?;
        self.at = end;
        self.is_fresh = false;
        self.breaks = 0;
        Ok(text)
    }

    /// The comment behind the header of a block scalar, and the end of its line.
    pub(super) fn rest_of_header(&mut self) -> Result<Option<Comment>, Stuck> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let comment = self.text[self.at..]
            .starts_with('#')
            .then(|| self.comment());
        match self.text[self.at..].chars().next() {
            None => Ok(comment),
            Some('\n') => {
                self.at += 1;
                self.is_fresh = true;
                self.breaks = 1;
                Ok(comment)
            }
            Some(_) => Err(Stuck { at: self.at }),
        }
    }

    /// The line that begins here and would be the next of a block scalar.
    pub(super) fn line(&self) -> Option<&'a str> {
        let rest = &self.text[self.at..];
        (!rest.is_empty()).then(|| rest.split('\n').next().unwrap_or_default())
    }

    /// All that is still to come.
    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Passes the line of a block scalar that begins here.
    pub(super) fn pass_line(&mut self, line: &str) {
        self.at = (self.at + line.len() + 1).min(self.text.len());
        self.drop_leaves();
        self.is_fresh = true;
        self.breaks = 1;
    }

    fn drop_leaves(&mut self) {
        while self.leaves.front().is_some_and(|leaf| *leaf < self.at) {
            self.leaves.pop_front();
        }
    }

    /// Notes that empty lines came before this place.
    pub(super) fn blank(&mut self) {
        if self.pending.last() != Some(&Piece::Blank) {
            self.pending.push(Piece::Blank);
        }
    }

    fn line_break(&mut self) {
        self.at += 1;
        self.is_fresh = true;
        self.breaks += 1;
        if self.breaks > 1 {
            self.blank();
        }
    }

    fn comment(&mut self) -> Comment {
        let column = self.column();
        let rest = &self.text[self.at..];
        let line = rest.split('\n').next().unwrap_or_default();
        self.at += line.len();
        let text = line.trim_end_matches([' ', '\t']).to_owned();
        self.comments.push(text.clone());
        Comment {
            text,
            column,
            own_line: self.is_fresh,
        }
    }

    /// The column of the place that was reached, in characters from 0.
    pub(super) fn column(&self) -> usize {
        let before = &self.text[..self.at];
        let line = before.rsplit('\n').next().unwrap_or_default();
        line.chars().count()
    }

    /// Whether nothing but blanks stands before the next token on its line.
    pub(super) fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    pub(super) fn stuck(&self) -> Stuck {
        Stuck { at: self.at }
    }

    /// The comment on the line of what was passed last.
    pub(super) fn take_tail(&mut self) -> Result<Option<Comment>, Stuck> {
        self.peek()?;
        match self.pending.first() {
            Some(Piece::Comment(comment)) if !comment.own_line => {
                let Piece::Comment(comment) = self.pending.remove(0) else {
                    return Err(self.stuck());
                };
                Ok(Some(comment))
            }
            _ => Ok(None),
        }
    }

    /// The first pending comments that begin at this column or further right.
    pub(super) fn take_deeper(&mut self, column: usize) -> Result<Vec<Piece>, Stuck> {
        self.peek()?;
        let mut taken = 0;
        for (place, piece) in self.pending.iter().enumerate() {
            match piece {
                Piece::Blank => {}
                Piece::Comment(comment) if comment.column >= column => taken = place + 1,
                Piece::Comment(_) => break,
            }
        }
        Ok(self.pending.drain(..taken).collect())
    }

    /// All that is pending before the next token.
    pub(super) fn take(&mut self) -> Result<Vec<Piece>, Stuck> {
        self.peek()?;
        Ok(std::mem::take(&mut self.pending))
    }

    /// Gives back what was taken, to be attached elsewhere.
    pub(super) fn give_back(&mut self, pieces: Vec<Piece>) {
        self.pending.splice(0..0, pieces);
    }

    /// Every comment of the text, once the end was reached.
    pub(super) fn into_comments(self) -> Vec<String> {
        self.comments
    }
}
