//! The one way to make an expression, used by the parser and by the reader of
//! journals. Responsible for every bound on its shape.

use super::arena::Expr;
use super::ast::{Kind, Node, NodeId, Span};

/// The longest source of one expression.
pub const SOURCE_BYTES_MAX: usize = 4096;

/// The deepest nesting of nodes: what evaluation may recurse.
pub const DEPTH_MAX: u32 = 64;

/// Why a node or an expression was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    #[error("the expression is longer than {SOURCE_BYTES_MAX} bytes")]
    SourceTooLong,
    #[error("the expression is nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    #[error("the expression has more nodes than bytes")]
    TooManyNodes,
    #[error("an expression without nodes")]
    Empty,
    #[error("a node names a child that does not precede it or has a parent already")]
    BadChild,
    #[error("a node has no parent and is not the last one")]
    Orphan,
    #[error("a span does not lie in the source")]
    BadSpan,
    #[error("a function has the wrong number of arguments")]
    BadArity,
    #[error("a name is not an identifier")]
    BadName,
    #[error("a number is not finite")]
    NotFinite,
}

/// Collects nodes, children first.
#[derive(Clone, Debug)]
pub struct ExprBuilder {
    source: String,
    nodes: Vec<Node>,
    /// Depth of the tree under each node, and whether it has a parent yet.
    shapes: Vec<Shape>,
}

#[derive(Clone, Copy, Debug)]
struct Shape {
    depth: u32,
    has_parent: bool,
}

impl ExprBuilder {
    pub fn new(source: String) -> Result<Self, BuildError> {
        if source.len() > SOURCE_BYTES_MAX {
            return Err(BuildError::SourceTooLong);
        }
        Ok(Self {
            source,
            nodes: Vec::new(),
            shapes: Vec::new(),
        })
    }

    /// The text that is being parsed.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// A node that was pushed before.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.index())
    }

    /// Adds a node whose children were added before and have no parent yet.
    pub fn push(&mut self, span: Span, kind: Kind) -> Result<NodeId, BuildError> {
        if self.nodes.len() >= SOURCE_BYTES_MAX || self.nodes.len() > self.source.len() {
            return Err(BuildError::TooManyNodes);
        }
        if span.start > span.end || self.source.get(span.range()).is_none() {
            return Err(BuildError::BadSpan);
        }
        check_leaf(&kind)?;
        let children = kind.children();
        let mut depth = 1;
        for child in &children {
            let shape = self
                .shapes
                .get_mut(child.index())
                .ok_or(BuildError::BadChild)?;
            if shape.has_parent {
                return Err(BuildError::BadChild);
            }
            shape.has_parent = true;
            depth = depth.max(shape.depth + 1);
        }
        if depth > DEPTH_MAX {
            return Err(BuildError::TooDeep);
        }
        let id = u32::try_from(self.nodes.len()).map_err(|_| BuildError::TooManyNodes)?;
        self.nodes.push(Node { span, kind });
        self.shapes.push(Shape {
            depth,
            has_parent: false,
        });
        Ok(NodeId(id))
    }

    /// Takes the last node back, so that its children may get another parent.
    pub fn pop(&mut self) -> Option<Node> {
        let node = self.nodes.pop()?;
        self.shapes.pop();
        for child in node.kind.children() {
            self.shapes[child.index()].has_parent = false;
        }
        Some(node)
    }

    /// The expression whose root is the last node.
    pub fn finish(self) -> Result<Expr, BuildError> {
        let (_, others) = self.shapes.split_last().ok_or(BuildError::Empty)?;
        if others.iter().any(|shape| !shape.has_parent) {
            return Err(BuildError::Orphan);
        }
        Ok(Expr::from_checked(self.source, self.nodes))
    }
}

/// The checks that need no other node.
fn check_leaf(kind: &Kind) -> Result<(), BuildError> {
    match kind {
        Kind::Float(value) if !value.is_finite() => Err(BuildError::NotFinite),
        Kind::Name(name) if !is_identifier(name) => Err(BuildError::BadName),
        Kind::Field { of: _, name } | Kind::Has { of: _, name } if !is_identifier(name) => {
            Err(BuildError::BadName)
        }
        Kind::Macro {
            op: _,
            over: _,
            variable,
            body: _,
        } if !is_identifier(variable) => Err(BuildError::BadName),
        Kind::Call {
            function,
            arguments,
        } => {
            let (least, most) = function.arity();
            if (least..=most).contains(&arguments.len()) {
                Ok(())
            } else {
                Err(BuildError::BadArity)
            }
        }
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
        | Kind::Unary { .. }
        | Kind::Binary { .. }
        | Kind::Choice { .. }
        | Kind::Has { .. }
        | Kind::Macro { .. } => Ok(()),
    }
}

/// Whether `text` may be a name in an expression: `[A-Za-z_][A-Za-z0-9_]*`.
pub fn is_identifier(text: &str) -> bool {
    let mut chars = text.chars();
    chars
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|next| next.is_ascii_alphanumeric() || next == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::UnaryOp;

    #[test]
    fn children_must_precede_and_have_one_parent() {
        let mut builder = ExprBuilder::new("!true".to_owned()).unwrap();
        let early = Kind::Unary {
            op: UnaryOp::Not,
            operand: NodeId(0),
        };
        assert_eq!(
            builder.push(Span::new(0, 5), early),
            Err(BuildError::BadChild)
        );
        let operand = builder.push(Span::new(1, 5), Kind::Bool(true)).unwrap();
        let twice = Kind::List(vec![operand, operand]);
        assert_eq!(
            builder.push(Span::new(0, 5), twice),
            Err(BuildError::BadChild)
        );
    }

    #[test]
    fn hostile_journals_are_refused() {
        for (text, reason) in [
            (r#"{"source":"1","nodes":[]}"#, "without nodes"),
            (
                r#"{"source":"1","nodes":[{"span":[0,9],"kind":"null"}]}"#,
                "span",
            ),
            (
                r#"{"source":"é","nodes":[{"span":[0,1],"kind":"null"}]}"#,
                "span",
            ),
            (
                r#"{"source":"1","nodes":[{"span":[0,1],"kind":{"float":"inf"}}]}"#,
                "finite",
            ),
            (
                r#"{"source":"1","nodes":[{"span":[0,1],"kind":{"name":"a b"}}]}"#,
                "identifier",
            ),
            (
                r#"{"source":"1","nodes":[{"span":[0,1],"kind":{"list":[0]}}]}"#,
                "child",
            ),
            (
                r#"{"source":"1","nodes":[{"span":[0,1],"kind":{"list":[4294967295]}}]}"#,
                "child",
            ),
            (
                r#"{"source":"12","nodes":[{"span":[0,1],"kind":"null"},{"span":[0,1],"kind":"null"}]}"#,
                "no parent",
            ),
            (
                r#"{"source":"1","nodes":[{"span":[0,1],"kind":{"call":{"function":"size","arguments":[]}}}]}"#,
                "arguments",
            ),
        ] {
            let error = serde_json::from_str::<Expr>(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
