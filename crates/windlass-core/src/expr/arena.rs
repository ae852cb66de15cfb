//! The parsed expression: a flat arena of nodes, children before parents, so
//! that cloning, dropping and reading it never recurse.

use serde::{Deserialize, Deserializer, Serialize, de};

use super::ast::{Node, NodeId};
use super::builder::ExprBuilder;
use super::{EvalError, EvalErrorKind, NoScope, Reference, Scope, eval, references};
use crate::value::Value;

/// A parsed expression. Only [`ExprBuilder`] makes one, also when it is read
/// back from a journal, so its shape always keeps the bounds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Expr {
    source: String,
    /// Never empty; the last one is the root and each other one has one parent.
    nodes: Vec<Node>,
}

impl Expr {
    /// Only for the builder, which has checked what the fields promise.
    pub(super) fn from_checked(source: String, nodes: Vec<Node>) -> Self {
        Self { source, nodes }
    }

    /// The text that the author wrote.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The nodes, children before parents.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node that the whole expression is.
    pub fn root(&self) -> NodeId {
        let last = self.nodes.len() - 1;
        NodeId(u32::try_from(last).expect("the builder bounds the number of nodes"))
    }

    /// The node at `id`, which must come from this expression.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// Evaluates the expression with the names that `scope` knows.
    pub fn eval(&self, scope: &dyn Scope) -> Result<Value, EvalError> {
        eval::eval(self, self.root(), scope)
    }

    /// Evaluates one part, which knows no names but those that it binds itself.
    pub fn eval_closed(&self, part: NodeId) -> Result<Value, EvalError> {
        eval::eval(self, part, &NoScope)
    }

    /// Evaluates a condition; a value that is not a boolean is an error.
    pub fn eval_bool(&self, scope: &dyn Scope) -> Result<bool, EvalError> {
        match self.eval(scope)? {
            Value::Bool(value) => Ok(value),
            other @ (Value::Null
            | Value::Int(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::List(_)
            | Value::Map(_)) => Err(EvalError::new(
                self,
                self.node(self.root()).span,
                EvalErrorKind::NotBoolean {
                    found: other.type_name(),
                },
            )),
        }
    }

    /// The paths that the expression reads from its scope, in the order in
    /// which they stand; variables bound by macros are left out.
    pub fn references(&self) -> Vec<Reference<'_>> {
        references::references(self)
    }
}

impl<'de> Deserialize<'de> for Expr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Raw {
            source: String,
            nodes: Vec<Node>,
        }

        let raw = Raw::deserialize(deserializer)?;
        let mut builder = ExprBuilder::new(raw.source).map_err(de::Error::custom)?;
        for node in raw.nodes {
            builder
                .push(node.span, node.kind)
                .map_err(de::Error::custom)?;
        }
        builder.finish().map_err(de::Error::custom)
    }
}
