//! A text and its tree of nodes to the tree of its layout: which comment belongs to
//! which value. A comment behind something stays behind it, one on a line of its own
//! belongs to what follows, unless it stands further right than what follows.

use std::collections::VecDeque;

use super::Stuck;
use super::cursor::{Cursor, Token};
use super::scalar;
use super::tree::{Block, Comment, Document, Item, Many, Opening, Piece, Value};
use crate::node::{Entry, Node, NodeKind};

/// The layout of a text with line feeds only, which reads as `root`.
pub(super) fn parse(text: &str, root: &Node) -> Result<Document, Stuck> {
    let mut leaves = VecDeque::new();
    collect_leaves(root, &mut leaves);
    let parser = Parser {
        cursor: Cursor::new(text, leaves),
        columns: Vec::new(),
    };
    parser.document(root)
}

/// Where scalars begin, in the order of the text.
fn collect_leaves(node: &Node, leaves: &mut VecDeque<usize>) {
    match &node.kind {
        NodeKind::List(items) => {
            for item in items {
                collect_leaves(item, leaves);
            }
        }
        NodeKind::Map(entries) => {
            for entry in entries {
                if entry.key_span.start < entry.key_span.end {
                    leaves.push_back(entry.key_span.start);
                }
                collect_leaves(&entry.value, leaves);
            }
        }
        NodeKind::Null
        | NodeKind::Bool(_)
        | NodeKind::Int(_)
        | NodeKind::Float(_)
        | NodeKind::Text(_) => {
            if node.span.start < node.span.end {
                leaves.push_back(node.span.start);
            }
        }
    }
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    /// Of the block maps and lists that are open.
    columns: Vec<usize>,
}

impl Parser<'_> {
    fn document(mut self, root: &Node) -> Result<Document, Stuck> {
        let mut openings = Vec::new();
        loop {
            let token = self.cursor.peek()?;
            if token == Token::Stop {
                self.cursor.pass(&token);
                continue;
            }
            let text = match &token {
                Token::Directive(text) => text.clone(),
                Token::Start => "---".to_owned(),
                _ => break,
            };
            let lead = self.cursor.take()?;
            self.cursor.pass(&token);
            openings.push(Opening {
                lead,
                text,
                tail: self.cursor.take_tail()?,
            });
        }
        let mut lead = Vec::new();
        if !self.is_block(root)? {
            lead = self.cursor.take()?;
        }
        let value = self.value(root)?;
        let tail = self.cursor.take_tail()?;
        while self.cursor.peek()? == Token::Stop {
            self.cursor.pass(&Token::Stop);
        }
        let end = self.cursor.take()?;
        if self.cursor.peek()? != Token::End {
            return Err(self.cursor.stuck());
        }
        Ok(Document {
            openings,
            lead,
            value,
            tail,
            end,
            comments: self.cursor.into_comments(),
        })
    }

    /// Whether the node is a map or a list without braces or brackets.
    fn is_block(&mut self, node: &Node) -> Result<bool, Stuck> {
        let token = self.cursor.peek()?;
        Ok(match &node.kind {
            NodeKind::Map(_) => token != Token::OpenMap,
            NodeKind::List(_) => token != Token::OpenList,
            NodeKind::Null
            | NodeKind::Bool(_)
            | NodeKind::Int(_)
            | NodeKind::Float(_)
            | NodeKind::Text(_) => false,
        })
    }

    fn value(&mut self, node: &Node) -> Result<Value, Stuck> {
        if is_absent(node) {
            return Ok(Value::Absent);
        }
        match &node.kind {
            NodeKind::Map(_) | NodeKind::List(_) => {
                let many = if self.is_block(node)? {
                    self.block(node)?
                } else {
                    self.flow(node)?
                };
                Ok(Value::Many(many))
            }
            NodeKind::Null
            | NodeKind::Bool(_)
            | NodeKind::Int(_)
            | NodeKind::Float(_)
            | NodeKind::Text(_) => self.scalar(node),
        }
    }

    fn scalar(&mut self, node: &Node) -> Result<Value, Stuck> {
        let token = self.cursor.peek()?;
        if let Token::Header(header) = &token {
            self.cursor.pass(&token);
            let text = node.as_text().ok_or(self.cursor.stuck())?;
            return Ok(Value::Block(self.block_scalar(header, text)?));
        }
        let source = self.cursor.leaf(node.span.start, node.span.end)?;
        Ok(Value::Scalar(scalar::lines(source)))
    }

    fn block_scalar(&mut self, header: &str, text: &str) -> Result<Block, Stuck> {
        let comment = self.cursor.rest_of_header()?;
        let (header, lines) = scalar::block(&mut self.cursor, header, text)?;
        Ok(Block {
            header,
            comment,
            lines,
        })
    }

    fn block(&mut self, node: &Node) -> Result<Many, Stuck> {
        let is_list = matches!(node.kind, NodeKind::List(_));
        self.cursor.peek()?;
        let column = self.cursor.column();
        let outer = self.columns.last().copied();
        self.columns.push(column);
        let mut items = Vec::new();
        match &node.kind {
            NodeKind::List(children) => {
                for child in children {
                    let lead = self.cursor.take()?;
                    if self.cursor.peek()? != Token::Dash {
                        return Err(self.cursor.stuck());
                    }
                    self.cursor.pass(&Token::Dash);
                    items.push(self.after_mark(lead, None, child)?);
                }
            }
            NodeKind::Map(entries) => {
                for entry in entries {
                    let lead = self.cursor.take()?;
                    items.push(self.entry(lead, entry)?);
                }
            }
            NodeKind::Null
            | NodeKind::Bool(_)
            | NodeKind::Int(_)
            | NodeKind::Float(_)
            | NodeKind::Text(_) => {}
        }
        self.columns.pop();
        // A list may stand in the column of its key: what stands there too belongs to
        // the next key.
        let beside = is_list && outer == Some(column);
        let end = self.cursor.take_deeper(column + usize::from(beside))?;
        Ok(Many {
            is_list,
            is_flow: false,
            open: None,
            items,
            end,
        })
    }

    fn entry(&mut self, mut lead: Vec<Piece>, entry: &Entry) -> Result<Item, Stuck> {
        if self.cursor.peek()? == Token::Question {
            self.cursor.pass(&Token::Question);
            lead.extend(comments(self.cursor.take()?));
        }
        let key = self.key(entry)?;
        if self.cursor.peek()? != Token::Colon {
            if !is_absent(&entry.value) {
                return Err(self.cursor.stuck());
            }
            return Ok(Item {
                lead,
                key: Some(key),
                mark: None,
                inner: Vec::new(),
                below: false,
                value: Value::Absent,
                tail: self.cursor.take_tail()?,
            });
        }
        lead.extend(comments(self.cursor.take()?));
        self.cursor.pass(&Token::Colon);
        self.after_mark(lead, Some(key), &entry.value)
    }

    fn key(&mut self, entry: &Entry) -> Result<String, Stuck> {
        let token = self.cursor.peek()?;
        if let Token::Header(header) = &token {
            self.cursor.pass(&token);
            let block = self.block_scalar(header, &entry.key)?;
            // Its comment is not lost: it stands before the key now.
            let comment = block.comment.map(Piece::Comment);
            self.cursor.give_back(comment.into_iter().collect());
            return Ok(scalar::double_quoted(&entry.key));
        }
        let span = entry.key_span;
        let lines = scalar::lines(self.cursor.leaf(span.start, span.end)?);
        Ok(match lines.as_slice() {
            // At the margin these would end the document.
            [line] if !line.starts_with("---") && !line.starts_with("...") => line.clone(),
            _ => scalar::double_quoted(&entry.key),
        })
    }

    /// What follows a `:` or a `-`.
    fn after_mark(
        &mut self,
        lead: Vec<Piece>,
        key: Option<String>,
        node: &Node,
    ) -> Result<Item, Stuck> {
        let mark = self.cursor.take_tail()?;
        let mut item = Item {
            lead,
            key,
            mark: None,
            inner: Vec::new(),
            below: self.cursor.is_fresh(),
            value: Value::Absent,
            tail: None,
        };
        if is_absent(node) {
            item.tail = mark;
            if self.cursor.is_fresh()
                && let Some(column) = self.columns.last()
            {
                item.inner = self.cursor.take_deeper(column + 1)?;
            }
            return Ok(item);
        }
        item.mark = mark;
        let is_block = self.is_block(node)?;
        if !is_block {
            item.inner = self.cursor.take()?;
        }
        item.value = self.value(node)?;
        if !is_block && !matches!(item.value, Value::Block(_)) {
            item.tail = self.cursor.take_tail()?;
        }
        Ok(item)
    }

    fn flow(&mut self, node: &Node) -> Result<Many, Stuck> {
        let is_list = matches!(node.kind, NodeKind::List(_));
        let open = self.cursor.peek()?;
        self.cursor.pass(&open);
        let mut many = Many {
            is_list,
            is_flow: true,
            open: self.cursor.take_tail()?,
            items: Vec::new(),
            end: Vec::new(),
        };
        // Columns mean nothing between braces.
        let columns = std::mem::take(&mut self.columns);
        match &node.kind {
            NodeKind::List(children) => {
                for child in children {
                    let lead = self.cursor.take()?;
                    let item = self.element(lead, child)?;
                    many.items.push(self.after_item(item)?);
                }
            }
            NodeKind::Map(entries) => {
                for entry in entries {
                    let lead = self.cursor.take()?;
                    let item = self.entry(lead, entry)?;
                    many.items.push(self.after_item(item)?);
                }
            }
            NodeKind::Null
            | NodeKind::Bool(_)
            | NodeKind::Int(_)
            | NodeKind::Float(_)
            | NodeKind::Text(_) => {}
        }
        self.columns = columns;
        many.end = self.cursor.take()?;
        let close = if is_list {
            Token::CloseList
        } else {
            Token::CloseMap
        };
        if self.cursor.peek()? != close {
            return Err(self.cursor.stuck());
        }
        self.cursor.pass(&close);
        if many.items.is_empty() {
            // Nothing is left to hold them: they go behind the brackets.
            let open = many.open.take().map(Piece::Comment).into_iter();
            let end = comments(std::mem::take(&mut many.end));
            self.cursor.give_back(open.chain(end).collect());
        }
        Ok(many)
    }

    /// The comma behind an item, and the comment behind the comma.
    fn after_item(&mut self, mut item: Item) -> Result<Item, Stuck> {
        if self.cursor.peek()? == Token::Comma {
            // What stands between the item and its comma would be behind the comma.
            let before = self.cursor.take()?;
            self.cursor.pass(&Token::Comma);
            self.cursor.give_back(before);
            if item.tail.is_none() {
                item.tail = self.cursor.take_tail()?;
            }
        }
        Ok(item)
    }

    /// An element of a list in brackets.
    fn element(&mut self, lead: Vec<Piece>, node: &Node) -> Result<Item, Stuck> {
        let value = match &node.kind {
            // `[a: 1]` is short for `[{a: 1}]`.
            NodeKind::Map(entries) if self.cursor.peek()? != Token::OpenMap => {
                let [entry] = entries.as_slice() else {
                    return Err(self.cursor.stuck());
                };
                let mut item = self.entry(Vec::new(), entry)?;
                let hoisted = std::mem::take(&mut item.lead);
                let tail = item.tail.take();
                return Ok(Item {
                    lead: lead.into_iter().chain(hoisted).collect(),
                    key: None,
                    mark: None,
                    inner: Vec::new(),
                    below: false,
                    value: Value::Many(Many {
                        is_list: false,
                        is_flow: true,
                        open: None,
                        items: vec![item],
                        end: Vec::new(),
                    }),
                    tail,
                });
            }
            NodeKind::Map(_)
            | NodeKind::List(_)
            | NodeKind::Null
            | NodeKind::Bool(_)
            | NodeKind::Int(_)
            | NodeKind::Float(_)
            | NodeKind::Text(_) => self.value(node)?,
        };
        let tail: Option<Comment> = self.cursor.take_tail()?;
        Ok(Item {
            lead,
            key: None,
            mark: None,
            inner: Vec::new(),
            below: false,
            value,
            tail,
        })
    }
}

/// Whether nothing is written where the value would be.
fn is_absent(node: &Node) -> bool {
    node.kind == NodeKind::Null && node.span.start == node.span.end
}

fn comments(pieces: Vec<Piece>) -> impl Iterator<Item = Piece> {
    pieces
        .into_iter()
        .filter(|piece| matches!(piece, Piece::Comment(_)))
}
