//! The conditions of a plan, taken apart: what of them is decided by the run itself, what by
//! the inputs that are given, and what is left open. Open questions that are the same question,
//! in whatever step and with whatever `!` before it, are one: an exploration answers each once.

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::expr::{BinaryOp, Expr, Kind, Macro, NodeId, Scope, UnaryOp};
use windlass_core::value::Value;

/// A condition over open questions.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    Known(bool),
    /// The answer of a question, or its contrary.
    Open {
        question: usize,
        negated: bool,
    },
    /// A part of the plan's own expression, which the run decides.
    OfRun(NodeId),
    Not(Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    If(Box<[Condition; 3]>),
}

/// A list over open questions; only its length matters.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Items {
    Known(usize),
    Open(usize),
    Both(Box<Items>, Box<Items>),
    If(Box<(Condition, Items, Items)>),
}

/// What a question asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Asks {
    Whether,
    HowMany,
}

/// Something that a plan's conditions ask of inputs or outputs.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) asks: Asks,
    /// Its text, as its author wrote it where it was met first.
    pub(super) text: String,
    /// Whether the text asks the contrary, such as `a != b` of `a == b`.
    pub(super) is_contrary: bool,
    /// The steps whose outputs it reads; empty when it reads inputs alone.
    pub(super) steps: BTreeSet<u32>,
    /// Of an equality: the path and what it is compared with, as two keys.
    pub(super) equality: Option<(String, String)>,
    /// What it answers when the outputs that it reads are null, where that alone decides it.
    pub(super) when_absent: Option<bool>,
    pub(super) readers: BTreeSet<u32>,
}

/// All questions of a plan.
#[derive(Debug, Default)]
pub(super) struct Questions {
    pub(super) all: Vec<Question>,
    by_key: BTreeMap<(Asks, String), usize>,
}

/// Where an expression stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) step: u32,
    /// The id under which its own outputs are known, where the expression judges them.
    pub(super) own: Option<&'a str>,
    pub(super) index_of: &'a dyn Fn(&str) -> Option<u32>,
    /// Values of inputs, when they were given.
    pub(super) inputs: Option<&'a BTreeMap<String, Value>>,
}

impl Questions {
    /// Takes a condition apart.
    pub(super) fn condition(&mut self, expr: &Expr, place: Place<'_>) -> Condition {
        Reader {
            questions: self,
            expr,
            place,
        }
        .condition(expr.root(), false)
    }

    /// Takes a list apart.
    pub(super) fn items(&mut self, expr: &Expr, place: Place<'_>) -> Items {
        Reader {
            questions: self,
            expr,
            place,
        }
        .items(expr.root())
    }

    fn ask(&mut self, key: String, question: Question) -> usize {
        let (asks, reader) = (question.asks, question.readers.clone());
        let at = *self.by_key.entry((asks, key)).or_insert_with(|| {
            self.all.push(question);
            self.all.len() - 1
        });
        self.all[at].readers.extend(reader);
        at
    }
}

struct Reader<'a> {
    questions: &'a mut Questions,
    expr: &'a Expr,
    place: Place<'a>,
}

impl Reader<'_> {
    fn condition(&mut self, at: NodeId, negated: bool) -> Condition {
        use Condition::{And, If, Known, Or};
        match &self.expr.node(at).kind {
            Kind::Bool(value) => Known(*value != negated),
            Kind::Unary {
                op: UnaryOp::Not,
                operand,
            } => self.condition(*operand, !negated),
            Kind::Binary {
                op: op @ (BinaryOp::And | BinaryOp::Or),
                left,
                right,
            } => {
                let left = self.condition(*left, negated);
                let right = self.condition(*right, negated);
                let is_and = (*op == BinaryOp::And) != negated;
                match (is_and, left, right) {
                    (true, Known(false), _) | (true, _, Known(false)) => Known(false),
                    (false, Known(true), _) | (false, _, Known(true)) => Known(true),
                    (_, Known(_), other) | (_, other, Known(_)) => other,
                    (true, left, right) => And(Box::new(left), Box::new(right)),
                    (false, left, right) => Or(Box::new(left), Box::new(right)),
                }
            }
            Kind::Choice {
                condition,
                then,
                otherwise,
            } => {
                let (condition, then, otherwise) = (*condition, *then, *otherwise);
                match self.condition(condition, false) {
                    Known(true) => self.condition(then, negated),
                    Known(false) => self.condition(otherwise, negated),
                    condition => If(Box::new([
                        condition,
                        self.condition(then, negated),
                        self.condition(otherwise, negated),
                    ])),
                }
            }
            _ => self.leaf(at, negated),
        }
    }

    fn leaf(&mut self, at: NodeId, negated: bool) -> Condition {
        if let Some(value) = self.really(at) {
            return match value {
                Value::Bool(value) => Condition::Known(value != negated),
                // The checker lets no such condition pass; the run would refuse it.
                _ => Condition::Known(false),
            };
        }
        if self.is_of_run(at) {
            let part = Condition::OfRun(at);
            return if negated {
                Condition::Not(Box::new(part))
            } else {
                part
            };
        }
        // `a != b` asks what `a == b` asks, and `a >= b` what `a < b` asks.
        let (key, flipped) = match &self.expr.node(at).kind {
            Kind::Binary { op, left, right } => {
                let (left, right) = (self.key(*left), self.key(*right));
                match op {
                    BinaryOp::Equal | BinaryOp::NotEqual => {
                        let (left, right) = if left <= right {
                            (left, right)
                        } else {
                            (right, left)
                        };
                        (format!("({left} == {right})"), *op == BinaryOp::NotEqual)
                    }
                    BinaryOp::Less => (format!("({left} < {right})"), false),
                    BinaryOp::GreaterOrEqual => (format!("({left} < {right})"), true),
                    BinaryOp::Greater => (format!("({right} < {left})"), false),
                    BinaryOp::LessOrEqual => (format!("({right} < {left})"), true),
                    BinaryOp::Or
                    | BinaryOp::And
                    | BinaryOp::In
                    | BinaryOp::Add
                    | BinaryOp::Subtract
                    | BinaryOp::Multiply
                    | BinaryOp::Divide
                    | BinaryOp::Remainder => (self.key(at), false),
                }
            }
            _ => (self.key(at), false),
        };
        let mut question = self.question(Asks::Whether, at);
        question.equality = self.equality(at);
        if flipped {
            question.when_absent = question.when_absent.map(|held| !held);
            question.is_contrary = true;
        }
        let question = self.questions.ask(key, question);
        Condition::Open {
            question,
            negated: negated != flipped,
        }
    }

    fn items(&mut self, at: NodeId) -> Items {
        if let Some(Value::List(items)) = self.really(at) {
            return Items::Known(items.len());
        }
        match &self.expr.node(at).kind {
            Kind::List(items) => Items::Known(items.len()),
            Kind::Binary {
                op: BinaryOp::Add,
                left,
                right,
            } => {
                let (left, right) = (self.items(*left), self.items(*right));
                match (left, right) {
                    (Items::Known(left), Items::Known(right)) => Items::Known(left + right),
                    (left, right) => Items::Both(Box::new(left), Box::new(right)),
                }
            }
            Kind::Macro {
                op: Macro::Map,
                over,
                ..
            } => self.items(*over),
            Kind::Choice {
                condition,
                then,
                otherwise,
            } => {
                let (condition, then, otherwise) = (*condition, *then, *otherwise);
                let condition = self.condition(condition, false);
                Items::If(Box::new((
                    condition,
                    self.items(then),
                    self.items(otherwise),
                )))
            }
            _ => {
                let (key, question) = (self.key(at), self.question(Asks::HowMany, at));
                Items::Open(self.questions.ask(key, question))
            }
        }
    }

    fn question(&self, asks: Asks, at: NodeId) -> Question {
        let mut steps = BTreeSet::new();
        for path in self.paths(at) {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            if let ["steps", step, "outputs", ..] = path.as_slice() {
                steps.extend((self.place.index_of)(step));
            }
        }
        let span = self.expr.node(at).span;
        let text = self.expr.source().get(span.range()).unwrap_or_default();
        let absent = eval_part(
            self.expr,
            at,
            &Absent {
                inputs: self.place.inputs,
            },
        );
        Question {
            asks,
            text: text.split_whitespace().collect::<Vec<_>>().join(" "),
            is_contrary: false,
            steps,
            equality: None,
            when_absent: match absent {
                Some(Value::Bool(held)) => Some(held),
                _ => None,
            },
            readers: [self.place.step].into(),
        }
    }

    fn equality(&self, at: NodeId) -> Option<(String, String)> {
        let Kind::Binary {
            op: BinaryOp::Equal | BinaryOp::NotEqual,
            left,
            right,
        } = &self.expr.node(at).kind
        else {
            return None;
        };
        let is_literal =
            |at: NodeId| matches!(self.expr.node(at).kind, Kind::Text(_) | Kind::Int(_));
        match (is_literal(*left), is_literal(*right)) {
            (false, true) => Some((self.key(*left), self.key(*right))),
            (true, false) => Some((self.key(*right), self.key(*left))),
            _ => None,
        }
    }

    /// The value of a part that reads nothing but inputs which are given.
    fn really(&self, at: NodeId) -> Option<Value> {
        let is_input = |path: &Vec<String>| path.first().is_some_and(|first| first == "inputs");
        let paths = self.paths(at);
        if !paths.is_empty() && (self.place.inputs.is_none() || !paths.iter().all(is_input)) {
            return None;
        }
        eval_part(
            self.expr,
            at,
            &Given {
                inputs: self.place.inputs,
            },
        )
    }

    /// Whether the run itself decides a part: it asks for states, for the end, or whether a
    /// step has outputs at all.
    fn is_of_run(&self, at: NodeId) -> bool {
        let paths = self.paths(at);
        !paths.is_empty()
            && paths.iter().all(|path| {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                match path.as_slice() {
                    ["run", "end"] | ["steps", _, "state"] => true,
                    ["steps", _, "outputs"] => self.is_null_test(at),
                    _ => false,
                }
            })
    }

    fn is_null_test(&self, at: NodeId) -> bool {
        match &self.expr.node(at).kind {
            Kind::Binary {
                op: BinaryOp::Equal | BinaryOp::NotEqual,
                left,
                right,
            } => {
                let is_null = |at: NodeId| self.expr.node(at).kind == Kind::Null;
                is_null(*left) || is_null(*right)
            }
            _ => false,
        }
    }

    /// The chains of fixed names that a part reads.
    fn paths(&self, at: NodeId) -> Vec<Vec<String>> {
        let span = self.expr.node(at).span.range();
        let within =
            |range: std::ops::Range<usize>| span.start <= range.start && range.end <= span.end;
        let references = self.expr.references().into_iter();
        references
            .filter(|reference| within(reference.span.range()))
            .map(|reference| {
                let mut path: Vec<String> =
                    reference.path.iter().map(|&name| name.to_owned()).collect();
                let known = ["inputs", "steps", "run", "item"];
                if let Some(own) = self.place.own
                    && !known.contains(&path[0].as_str())
                {
                    path.splice(0..0, ["steps", own, "outputs"].map(str::to_owned));
                }
                path
            })
            .collect()
    }

    /// A text of a part that is the same wherever the same is asked.
    fn key(&self, at: NodeId) -> String {
        let keys = |parts: &[NodeId]| {
            parts
                .iter()
                .map(|part| self.key(*part))
                .collect::<Vec<_>>()
                .join(", ")
        };
        match &self.expr.node(at).kind {
            Kind::Null => "null".to_owned(),
            Kind::Bool(value) => value.to_string(),
            Kind::Int(value) => value.to_string(),
            Kind::Float(value) => format!("{value:?}"),
            Kind::Text(value) => format!("{value:?}"),
            Kind::Name(name) => match self.place.own {
                Some(own) if !["inputs", "steps", "run", "item"].contains(&name.as_str()) => {
                    format!("steps[{own:?}].outputs.{name}")
                }
                _ => name.clone(),
            },
            Kind::Field { of, name } => match self.expr.node(*of).kind {
                // Both spellings of a step's name are one.
                Kind::Name(ref first) if first == "steps" => format!("steps[{name:?}]"),
                _ => format!("{}.{name}", self.key(*of)),
            },
            Kind::Index { of, at } => format!("{}[{}]", self.key(*of), self.key(*at)),
            Kind::List(items) => format!("[{}]", keys(items)),
            Kind::Map(entries) => {
                let entries = entries.iter();
                let entries =
                    entries.map(|(key, value)| format!("{}: {}", self.key(*key), self.key(*value)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
            Kind::Unary { op, operand } => format!("{}{}", op.text(), self.key(*operand)),
            Kind::Binary { op, left, right } => {
                format!("({} {} {})", self.key(*left), op.text(), self.key(*right))
            }
            Kind::Choice {
                condition,
                then,
                otherwise,
            } => format!(
                "({} ? {} : {})",
                self.key(*condition),
                self.key(*then),
                self.key(*otherwise)
            ),
            Kind::Call {
                function,
                arguments,
            } => format!("{}({})", function.name(), keys(arguments)),
            Kind::Has { of, name } => format!("has({}.{name})", self.key(*of)),
            Kind::Macro {
                op,
                over,
                variable,
                body,
            } => format!(
                "{}.{}({variable}, {})",
                self.key(*over),
                op.name(),
                self.key(*body)
            ),
        }
    }
}

/// Inputs that are given, and nothing else.
#[derive(Debug)]
struct Given<'a> {
    inputs: Option<&'a BTreeMap<String, Value>>,
}

impl Scope for Given<'_> {
    fn resolve<'a>(&'a self, path: &[&str]) -> Option<(std::borrow::Cow<'a, Value>, usize)> {
        match (path, self.inputs) {
            (["inputs", name, ..], Some(inputs)) => {
                Some((std::borrow::Cow::Borrowed(inputs.get(*name)?), 2))
            }
            _ => None,
        }
    }
}

/// Steps that gave nothing: whatever is asked of them is null.
#[derive(Debug)]
struct Absent<'a> {
    inputs: Option<&'a BTreeMap<String, Value>>,
}

impl Scope for Absent<'_> {
    fn resolve<'a>(&'a self, path: &[&str]) -> Option<(std::borrow::Cow<'a, Value>, usize)> {
        match path {
            ["steps", _, "outputs", ..] => Some((std::borrow::Cow::Owned(Value::Null), path.len())),
            ["inputs", ..] => Given {
                inputs: self.inputs,
            }
            .resolve(path)
            .map(|(value, used)| (std::borrow::Cow::Owned(value.into_owned()), used)),
            _ => None,
        }
    }
}

/// The value of a part of an expression, when it has one.
fn eval_part(expr: &Expr, at: NodeId, scope: &dyn Scope) -> Option<Value> {
    let mut copy = super::build::Building::new();
    copy.copy(expr, at);
    copy.finish().eval(scope).ok()
}
