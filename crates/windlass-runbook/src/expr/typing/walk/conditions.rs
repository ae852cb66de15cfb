//! Operators and conditions: their types, and what is known where they hold or fail.
//! Which types an operator takes stands in `operators`.

use windlass_core::expr::{BinaryOp, Kind, NodeId, Span, UnaryOp};

use super::{Typed, Walk, fixed_names};
use crate::expr::typing::facts::{Chain, Facts, Link, chain_of};
use crate::expr::typing::finding::Problem;
use crate::expr::typing::operators;
use crate::expr::typing::ty::Ty;

impl Walk<'_> {
    /// A part that must be true or false.
    pub(super) fn condition(&mut self, id: NodeId, facts: &Facts) -> Typed {
        let typed = self.node(id, facts);
        let why = self.why_null(id, facts);
        let ty = self.tested(id, typed.ty, why);
        if !matches!(ty, Ty::Bool | Ty::Any | Ty::Never) {
            let span = self.expr.node(id).span;
            let message = format!("a condition is true or false, not {ty}");
            let text = self.quoted(id);
            let help = match &ty {
                Ty::Text => Some(format!("compare it, as in `{text} != ''`")),
                Ty::List(_) | Ty::Map(_) | Ty::Object(_) => {
                    Some(format!("ask for its size, as in `{text}.size() > 0`"))
                }
                ty if ty.is_numeric() => Some(format!("compare it, as in `{text} != 0`")),
                _ => None,
            };
            self.find(
                span,
                Problem::Condition,
                message,
                format!("this is {ty}"),
                help,
            );
        }
        Typed {
            ty: Ty::Bool,
            ..typed
        }
    }

    pub(super) fn unary(&mut self, op: UnaryOp, operand: NodeId, facts: &Facts) -> Typed {
        match op {
            UnaryOp::Not => {
                let typed = self.condition(operand, facts);
                Typed {
                    ty: Ty::Bool,
                    holds: typed.fails,
                    fails: typed.holds,
                }
            }
            UnaryOp::Negate => {
                let ty = self.not_null(operand, facts);
                Typed::plain(match ty {
                    ty if ty.is_int() => Ty::Int,
                    Ty::Any | Ty::Never | Ty::Float | Ty::Number => ty,
                    other => {
                        let span = self.expr.node(operand).span;
                        let message = format!("`-` does not take {other}");
                        self.find(
                            span,
                            Problem::Operands,
                            message,
                            format!("this is {other}"),
                            None,
                        );
                        Ty::Any
                    }
                })
            }
        }
    }

    pub(super) fn binary(
        &mut self,
        (op, span): (BinaryOp, Span),
        left: NodeId,
        right: NodeId,
        facts: &Facts,
    ) -> Typed {
        match op {
            BinaryOp::And => {
                let first = self.condition(left, facts);
                let second = self.condition(right, &facts.and(&first.holds));
                Typed {
                    ty: Ty::Bool,
                    holds: first.holds.and(&second.holds),
                    fails: first.fails.or(&second.fails),
                }
            }
            BinaryOp::Or => {
                let first = self.condition(left, facts);
                let second = self.condition(right, &facts.and(&first.fails));
                Typed {
                    ty: Ty::Bool,
                    holds: first.holds.or(&second.holds),
                    fails: first.fails.and(&second.fails),
                }
            }
            BinaryOp::Equal | BinaryOp::NotEqual => self.equality((op, span), left, right, facts),
            BinaryOp::In => self.membership(span, left, right, facts),
            BinaryOp::Less
            | BinaryOp::LessOrEqual
            | BinaryOp::Greater
            | BinaryOp::GreaterOrEqual
            | BinaryOp::Add
            | BinaryOp::Subtract
            | BinaryOp::Multiply
            | BinaryOp::Divide
            | BinaryOp::Remainder => {
                let left_ty = self.not_null(left, facts);
                let right_ty = self.not_null(right, facts);
                Typed::plain(
                    operators::binary(op, &left_ty, &right_ty).unwrap_or_else(|problem| {
                        self.operands(op, span, [&left_ty, &right_ty], problem)
                    }),
                )
            }
        }
    }

    fn equality(
        &mut self,
        (op, span): (BinaryOp, Span),
        left: NodeId,
        right: NodeId,
        facts: &Facts,
    ) -> Typed {
        let left_ty = self.node(left, facts).ty;
        let right_ty = self.node(right, facts).ty;
        let mut equal = Facts::default();
        let mut unequal = Facts::default();
        for (this, ty, other, other_ty) in [
            (left, &left_ty, right, &right_ty),
            (right, &right_ty, left, &left_ty),
        ] {
            let Some(chain) = chain_of(self.expr, this) else {
                continue;
            };
            if *other_ty == Ty::Null {
                unequal = Facts::of(&chain);
                // A test within a test is no news.
                let found = self.findings.len();
                let unaided = self.path(this, &Facts::default());
                self.findings.truncate(found);
                if unaided.is_some_and(|ty| ty.is_never_null() && ty != Ty::Never) {
                    self.never_null(this, op, ty);
                }
            } else if other_ty.is_never_null() {
                equal = equal.and(&Facts::of(&chain));
            }
            if let Kind::Text(text) = &self.expr.node(other).kind {
                equal = equal.and(&self.proven(this, text));
            }
        }
        let either_null = left_ty == Ty::Null || right_ty == Ty::Null;
        if !either_null && let Err(problem) = operators::comparable(&left_ty, &right_ty) {
            self.operands(op, span, [&left_ty, &right_ty], problem);
        }
        let (holds, fails) = match op {
            BinaryOp::NotEqual => (unequal, equal),
            _ => (equal, unequal),
        };
        Typed {
            ty: Ty::Bool,
            holds,
            fails,
        }
    }

    /// What the names say about the other chains where this one equals `text`.
    fn proven(&self, id: NodeId, text: &str) -> Facts {
        let Some(links) = fixed_names(self.expr, id) else {
            return Facts::default();
        };
        let path: Vec<&str> = links.iter().map(|(name, _)| *name).collect();
        if self.bound.iter().any(|(name, _)| *name == path[0]) {
            return Facts::default();
        }
        let mut facts = Facts::default();
        for chain in self.names.proven(&path, text) {
            // A variable of that name hides what the fact is about.
            if chain
                .first()
                .is_some_and(|first| self.bound.iter().any(|(name, _)| name == first))
            {
                continue;
            }
            let chain: Chain = chain.into_iter().map(Link::Name).collect();
            facts = facts.and(&Facts::of(&chain));
        }
        facts
    }

    fn never_null(&mut self, id: NodeId, op: BinaryOp, ty: &Ty) {
        let text = self.quoted(id);
        let always = op == BinaryOp::NotEqual;
        self.find(
            self.expr.node(id).span,
            Problem::NeverNull,
            format!("`{text} {} null` is always {always}", op.text()),
            format!("this is {ty}, never null"),
            Some("leave the test out, or ask for what was meant".to_owned()),
        );
    }

    fn membership(&mut self, span: Span, left: NodeId, right: NodeId, facts: &Facts) -> Typed {
        let left_ty = self.node(left, facts).ty;
        let right_ty = self.not_null(right, facts);
        let mut holds = Facts::default();
        let problem = match &right_ty {
            Ty::Any | Ty::Never => None,
            Ty::List(item) => {
                if item.is_never_null()
                    && let Some(chain) = chain_of(self.expr, left)
                {
                    holds = Facts::of(&chain);
                }
                operators::comparable(&left_ty, item).err()
            }
            Ty::Map(_) | Ty::Object(_) => {
                if let Some(chain) = chain_of(self.expr, left) {
                    holds = Facts::of(&chain);
                }
                operators::comparable(&left_ty, &Ty::Text).err()
            }
            _ => Some(Problem::Operands),
        };
        if let Some(problem) = problem {
            self.operands(BinaryOp::In, span, [&left_ty, &right_ty], problem);
        }
        Typed {
            ty: Ty::Bool,
            holds,
            fails: Facts::default(),
        }
    }

    pub(super) fn choice(
        &mut self,
        condition: NodeId,
        then: NodeId,
        otherwise: NodeId,
        facts: &Facts,
    ) -> Typed {
        let condition = self.condition(condition, facts);
        let then_facts = facts.and(&condition.holds);
        let otherwise_facts = facts.and(&condition.fails);
        let then_typed = self.node(then, &then_facts);
        let otherwise_typed = self.node(otherwise, &otherwise_facts);
        // `c ? a : false` holds as `c && a` does, and its likes.
        let is = |id: NodeId, value| self.expr.node(id).kind == Kind::Bool(value);
        let then_holds = condition.holds.and(&then_typed.holds);
        let then_fails = condition.holds.and(&then_typed.fails);
        let other_holds = condition.fails.and(&otherwise_typed.holds);
        let other_fails = condition.fails.and(&otherwise_typed.fails);
        let either = |then_never: bool, other_never: bool, a: Facts, b: Facts| {
            if then_never {
                b
            } else if other_never {
                a
            } else {
                a.or(&b)
            }
        };
        Typed {
            ty: then_typed.ty.join(&otherwise_typed.ty),
            holds: either(
                is(then, false),
                is(otherwise, false),
                then_holds,
                other_holds,
            ),
            fails: either(is(then, true), is(otherwise, true), then_fails, other_fails),
        }
    }

    pub(super) fn operands(
        &mut self,
        op: BinaryOp,
        span: Span,
        [left_ty, right_ty]: [&Ty; 2],
        problem: Problem,
    ) -> Ty {
        let op_text = op.text();
        let pair = format!("{left_ty} and {right_ty}");
        let (message, label, help) = match problem {
            Problem::MixedNumbers => (
                format!("`{op_text}` does not mix integers and doubles"),
                pair,
                Some(
                    "convert one side: `double(x)` gives a double, `int(x)` cuts the fraction off"
                        .to_owned(),
                ),
            ),
            Problem::Units => (
                format!("a duration and a number of bytes do not go together in `{op_text}`"),
                pair,
                None,
            ),
            Problem::Comparison => {
                let result = op == BinaryOp::NotEqual;
                let help = match (left_ty, right_ty) {
                    (Ty::Text, ty) | (ty, Ty::Text) if ty.is_numeric() => {
                        Some("`int(x)` reads a string as a number".to_owned())
                    }
                    (Ty::Text, Ty::Bool) | (Ty::Bool, Ty::Text) => {
                        Some("true and false stand without quotes".to_owned())
                    }
                    _ => None,
                };
                (
                    format!("`{op_text}` is always {result} here: the two have different types"),
                    pair,
                    help,
                )
            }
            _ => (
                format!("`{op_text}` does not take {pair}"),
                pair,
                operand_help(op, left_ty, right_ty),
            ),
        };
        self.find(span, problem, message, label, help);
        Ty::Any
    }
}

fn operand_help(op: BinaryOp, left: &Ty, right: &Ty) -> Option<String> {
    let help = match (op, left, right) {
        (BinaryOp::In, Ty::Text, Ty::Text) => {
            "whether a string holds another: `text.contains(part)`"
        }
        (BinaryOp::Add, Ty::Text, ty) | (BinaryOp::Add, ty, Ty::Text) if ty.is_numeric() => {
            "`string(x)` turns a number into a string"
        }
        (_, Ty::Text, ty) | (_, ty, Ty::Text) if ty.is_numeric() => {
            "`int(x)` reads a string as a number"
        }
        (_, Ty::Null, _) | (_, _, Ty::Null) => "null is compared with `==` and `!=` only",
        _ => return None,
    };
    Some(help.to_owned())
}
