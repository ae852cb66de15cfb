//! The nodes of an expression. A frozen format: plans, and so events, hold them.
//! Not their order in the arena (see `arena`) nor their meaning (see `eval`).

use serde::{Deserialize, Serialize};

/// A range of bytes in the source of the expression, the end excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(u32, u32)", into = "(u32, u32)")]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// The smallest span that covers both.
    pub fn to(self, other: Span) -> Self {
        Self {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    /// The span as indices into the source.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl From<(u32, u32)> for Span {
    fn from((start, end): (u32, u32)) -> Self {
        Self { start, end }
    }
}

impl From<Span> for (u32, u32) {
    fn from(span: Span) -> Self {
        (span.start, span.end)
    }
}

/// The place of a node in its arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub(super) u32);

impl NodeId {
    /// The place as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One node, with the text that it came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    pub span: Span,
    pub kind: Kind,
}

/// What a node is. Children are named by their place and always precede it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    /// Written as text, because JSON readers may round floats differently.
    #[serde(with = "float_text")]
    Float(f64),
    Text(String),
    /// A name that the scope or an enclosing macro gives a value.
    Name(String),
    Field {
        of: NodeId,
        name: String,
    },
    Index {
        of: NodeId,
        at: NodeId,
    },
    List(Vec<NodeId>),
    /// Keys and values; a key must come out as a string.
    Map(Vec<(NodeId, NodeId)>),
    Unary {
        op: UnaryOp,
        operand: NodeId,
    },
    Binary {
        op: BinaryOp,
        left: NodeId,
        right: NodeId,
    },
    /// `condition ? then : otherwise`
    Choice {
        condition: NodeId,
        then: NodeId,
        otherwise: NodeId,
    },
    /// The receiver of `text.contains(x)` is the first argument.
    Call {
        function: Function,
        arguments: Vec<NodeId>,
    },
    /// `has(of.name)`
    Has {
        of: NodeId,
        name: String,
    },
    /// `over.all(variable, body)` and its likes.
    Macro {
        op: Macro,
        over: NodeId,
        variable: String,
        body: NodeId,
    },
}

impl Kind {
    /// The children, in the order in which they were written.
    pub fn children(&self) -> Vec<NodeId> {
        match self {
            Kind::Null
            | Kind::Bool(_)
            | Kind::Int(_)
            | Kind::Float(_)
            | Kind::Text(_)
            | Kind::Name(_) => Vec::new(),
            Kind::Field { of, name: _ } | Kind::Has { of, name: _ } => vec![*of],
            Kind::Index { of, at } => vec![*of, *at],
            Kind::List(items) => items.clone(),
            Kind::Map(entries) => entries
                .iter()
                .flat_map(|(key, value)| [*key, *value])
                .collect(),
            Kind::Unary { op: _, operand } => vec![*operand],
            Kind::Binary { op: _, left, right } => vec![*left, *right],
            Kind::Choice {
                condition,
                then,
                otherwise,
            } => vec![*condition, *then, *otherwise],
            Kind::Call {
                function: _,
                arguments,
            } => arguments.clone(),
            Kind::Macro {
                op: _,
                over,
                variable: _,
                body,
            } => vec![*over, *body],
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnaryOp {
    Not,
    Negate,
}

impl UnaryOp {
    /// The operator as written.
    pub fn text(self) -> &'static str {
        match self {
            UnaryOp::Not => "!",
            UnaryOp::Negate => "-",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BinaryOp {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl BinaryOp {
    /// The operator as written.
    pub fn text(self) -> &'static str {
        match self {
            BinaryOp::Or => "||",
            BinaryOp::And => "&&",
            BinaryOp::Equal => "==",
            BinaryOp::NotEqual => "!=",
            BinaryOp::Less => "<",
            BinaryOp::LessOrEqual => "<=",
            BinaryOp::Greater => ">",
            BinaryOp::GreaterOrEqual => ">=",
            BinaryOp::In => "in",
            BinaryOp::Add => "+",
            BinaryOp::Subtract => "-",
            BinaryOp::Multiply => "*",
            BinaryOp::Divide => "/",
            BinaryOp::Remainder => "%",
        }
    }
}

/// The functions that an expression may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    Size,
    Int,
    Double,
    String,
    Bool,
    /// The value as it is, of a type that only the run will tell.
    Dyn,
    Contains,
    StartsWith,
    EndsWith,
    LowerAscii,
    UpperAscii,
    Split,
    Join,
    Min,
    Max,
}

impl Function {
    /// Every function, for look-ups by name and for suggestions.
    pub const ALL: [Function; 15] = [
        Function::Size,
        Function::Int,
        Function::Double,
        Function::String,
        Function::Bool,
        Function::Dyn,
        Function::Contains,
        Function::StartsWith,
        Function::EndsWith,
        Function::LowerAscii,
        Function::UpperAscii,
        Function::Split,
        Function::Join,
        Function::Min,
        Function::Max,
    ];

    /// The name as written in an expression.
    pub fn name(self) -> &'static str {
        match self {
            Function::Size => "size",
            Function::Int => "int",
            Function::Double => "double",
            Function::String => "string",
            Function::Bool => "bool",
            Function::Dyn => "dyn",
            Function::Contains => "contains",
            Function::StartsWith => "startsWith",
            Function::EndsWith => "endsWith",
            Function::LowerAscii => "lowerAscii",
            Function::UpperAscii => "upperAscii",
            Function::Split => "split",
            Function::Join => "join",
            Function::Min => "min",
            Function::Max => "max",
        }
    }

    /// The least and greatest number of arguments, the receiver counted.
    pub fn arity(self) -> (usize, usize) {
        match self {
            Function::Size
            | Function::Int
            | Function::Double
            | Function::String
            | Function::Bool
            | Function::Dyn
            | Function::LowerAscii
            | Function::UpperAscii
            | Function::Min
            | Function::Max => (1, 1),
            Function::Contains | Function::StartsWith | Function::EndsWith | Function::Split => {
                (2, 2)
            }
            Function::Join => (1, 2),
        }
    }

    /// Whether `name(x)` is a way to call it.
    pub fn is_global(self) -> bool {
        matches!(
            self,
            Function::Size
                | Function::Int
                | Function::Double
                | Function::String
                | Function::Bool
                | Function::Dyn
        )
    }

    /// Whether `x.name()` is a way to call it.
    pub fn is_method(self) -> bool {
        !self.is_global() || self == Function::Size
    }
}

/// The macros that bind a variable to each item of a list, or each key of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Macro {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}

impl Macro {
    /// Every macro, for look-ups by name and for suggestions.
    pub const ALL: [Macro; 5] = [
        Macro::All,
        Macro::Exists,
        Macro::ExistsOne,
        Macro::Filter,
        Macro::Map,
    ];

    /// The name as written in an expression.
    pub fn name(self) -> &'static str {
        match self {
            Macro::All => "all",
            Macro::Exists => "exists",
            Macro::ExistsOne => "exists_one",
            Macro::Filter => "filter",
            Macro::Map => "map",
        }
    }
}

/// Floats as their shortest exact text.
mod float_text {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{value:?}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|_| de::Error::custom(format_args!("{text:?} is not a number")))
    }
}
