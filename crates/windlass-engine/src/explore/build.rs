//! Expressions built by the program, and not read from a text: what stands in the place of a
//! runbook's own conditions when a plan is explored.

use windlass_core::expr::{
    BinaryOp, Expr, ExprBuilder, Function, Kind, NodeId, SOURCE_BYTES_MAX, Span, UnaryOp,
};

/// An expression in the making, children first.
pub(super) struct Building(ExprBuilder);

impl Building {
    pub(super) fn new() -> Self {
        // The bound on nodes is that of the text, and there is none to speak of here.
        let source = " ".repeat(SOURCE_BYTES_MAX);
        Self(ExprBuilder::new(source).expect("it is as long as it may be"))
    }

    pub(super) fn finish(self) -> Expr {
        self.0.finish().expect("each part has its place")
    }

    pub(super) fn push(&mut self, kind: Kind) -> NodeId {
        let nowhere = Span::new(0, 0);
        self.0
            .push(nowhere, kind)
            .expect("what is built is smaller than what the plan holds")
    }

    /// A copy of a part of another expression.
    pub(super) fn copy(&mut self, expr: &Expr, at: NodeId) -> NodeId {
        let mut kind = expr.node(at).kind.clone();
        {
            let mut again = |child: &mut NodeId| *child = self.copy(expr, *child);
            match &mut kind {
                Kind::Null
                | Kind::Bool(_)
                | Kind::Int(_)
                | Kind::Float(_)
                | Kind::Text(_)
                | Kind::Name(_) => {}
                Kind::Field { of, .. } | Kind::Has { of, .. } => again(of),
                Kind::Index { of, at } => {
                    again(of);
                    again(at);
                }
                Kind::List(items) => items.iter_mut().for_each(&mut again),
                Kind::Map(entries) => entries.iter_mut().for_each(|(key, value)| {
                    again(key);
                    again(value);
                }),
                Kind::Unary { operand, .. } => again(operand),
                Kind::Binary { left, right, .. } => {
                    again(left);
                    again(right);
                }
                Kind::Choice {
                    condition,
                    then,
                    otherwise,
                } => {
                    again(condition);
                    again(then);
                    again(otherwise);
                }
                Kind::Call { arguments, .. } => arguments.iter_mut().for_each(&mut again),
                Kind::Macro { over, body, .. } => {
                    again(over);
                    again(body);
                }
            }
        }
        self.push(kind)
    }

    /// `inputs.NAME`
    pub(super) fn input(&mut self, name: &str) -> NodeId {
        let of = self.push(Kind::Name("inputs".to_owned()));
        self.push(Kind::Field {
            of,
            name: name.to_owned(),
        })
    }

    /// `steps["ID"].outputs.NAME`
    pub(super) fn output(&mut self, step: &str, name: &str) -> NodeId {
        let of = self.push(Kind::Name("steps".to_owned()));
        let at = self.push(Kind::Text(step.to_owned()));
        let of = self.push(Kind::Index { of, at });
        let of = self.push(Kind::Field {
            of,
            name: "outputs".to_owned(),
        });
        self.push(Kind::Field {
            of,
            name: name.to_owned(),
        })
    }

    /// A bare name.
    pub(super) fn name(&mut self, name: &str) -> NodeId {
        self.push(Kind::Name(name.to_owned()))
    }

    pub(super) fn not(&mut self, operand: NodeId) -> NodeId {
        self.push(Kind::Unary {
            op: UnaryOp::Not,
            operand,
        })
    }

    pub(super) fn binary(&mut self, op: BinaryOp, left: NodeId, right: NodeId) -> NodeId {
        self.push(Kind::Binary { op, left, right })
    }

    pub(super) fn choice(&mut self, condition: NodeId, then: NodeId, otherwise: NodeId) -> NodeId {
        self.push(Kind::Choice {
            condition,
            then,
            otherwise,
        })
    }

    /// Whether a list has more items than that.
    pub(super) fn longer_than(&mut self, list: NodeId, count: i64) -> NodeId {
        let size = self.push(Kind::Call {
            function: Function::Size,
            arguments: vec![list],
        });
        let count = self.push(Kind::Int(count));
        self.binary(BinaryOp::Greater, size, count)
    }

    /// A list of so many nulls.
    pub(super) fn nulls(&mut self, count: usize) -> NodeId {
        let items = (0..count).map(|_| self.push(Kind::Null)).collect();
        self.push(Kind::List(items))
    }
}
