//! What is wrong with an expression whatever a run brings: parts that read nothing and fail,
//! and macros that stand too deep inside of others. Types are `walk`'s.

use windlass_core::expr::{BinaryOp, EvalErrorKind, Expr, Kind, NodeId, UnaryOp};

use super::finding::{Finding, Problem};

/// How deep macros may stand in each other's bodies: items of a step, its rows, what is in
/// a row, and a list to compare that with. Each level multiplies the work, which fuel bounds in a run.
pub const NESTED_MACROS_MAX: usize = 4;

/// Everything that is wrong with `expr` whatever the names around it are.
pub(super) fn constant(expr: &Expr) -> Vec<Finding> {
    let mut walk = Walk {
        expr,
        bound: Vec::new(),
        findings: Vec::new(),
        too_deep: false,
    };
    let root = expr.root();
    if walk.reads(root) == Reads::Nothing {
        walk.evaluate(root);
    }
    walk.findings
}

/// Whether macros stand deeper in each other's bodies than they may.
pub(crate) fn nests_too_deep(expr: &Expr) -> bool {
    constant(expr)
        .iter()
        .any(|finding| finding.problem == Problem::Nested)
}

/// What a part reads of what stands around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reads {
    /// A name of the scope.
    Scope,
    /// The variable of the macro at this depth, and of deeper ones perhaps.
    Variable(usize),
    Nothing,
}

struct Walk<'a> {
    expr: &'a Expr,
    /// The variables of the enclosing macros, the innermost last.
    bound: Vec<&'a str>,
    findings: Vec<Finding>,
    /// Whether a macro that stands too deep was told; those inside of it are not.
    too_deep: bool,
}

/// Recursion follows the tree, whose depth the builder bounds.
impl<'a> Walk<'a> {
    /// What a part reads. The largest parts inside of it that read nothing are evaluated,
    /// unless it reads nothing itself: an error may be hidden by what is around it.
    fn reads(&mut self, id: NodeId) -> Reads {
        let expr = self.expr;
        let kind = &expr.node(id).kind;
        if let Kind::Name(name) = kind {
            return match self.bound.iter().rposition(|bound| bound == name) {
                Some(depth) => Reads::Variable(depth),
                None => Reads::Scope,
            };
        }
        let before = self.findings.len();
        let mut reads = Reads::Nothing;
        let children = kind.children();
        let mut closed = Vec::new();
        for child in children {
            let in_body = matches!(kind, Kind::Macro { body, .. } if *body == child);
            let mut found = if in_body {
                self.body(id, child)
            } else {
                self.reads(child)
            };
            if found == Reads::Nothing {
                closed.push(child);
            }
            if in_body && found == Reads::Variable(self.bound.len()) {
                found = Reads::Nothing;
            }
            reads = reads.min(found);
        }
        if reads != Reads::Nothing {
            for child in closed {
                self.evaluate(child);
            }
            self.fixed_operand(id);
        } else {
            // What its macros' bodies lack may never be met: its own value tells.
            let mut at = 0;
            self.findings.retain(|finding| {
                at += 1;
                at <= before || finding.problem == Problem::Nested
            });
        }
        reads
    }

    fn body(&mut self, of: NodeId, body: NodeId) -> Reads {
        let Kind::Macro { op, variable, .. } = &self.expr.node(of).kind else {
            return self.reads(body);
        };
        let is_first = self.bound.len() >= NESTED_MACROS_MAX && !self.too_deep;
        if is_first {
            self.too_deep = true;
            self.findings.push(Finding {
                span: self.expr.node(of).span,
                problem: Problem::Nested,
                message: format!(
                    "`{}` stands inside of four others, and each multiplies the work",
                    op.name()
                ),
                label: "one too many".to_owned(),
                help: Some(
                    "let a step before give the inner list, or ask for it in the query or the script"
                        .to_owned(),
                ),
            });
        }
        self.bound.push(variable);
        let reads = self.reads(body);
        self.bound.pop();
        if is_first {
            self.too_deep = false;
        }
        reads
    }

    /// Says so where a part that reads nothing fails.
    fn evaluate(&mut self, id: NodeId) {
        let expr = self.expr;
        if expr.node(id).kind.children().is_empty() {
            return;
        }
        let Err(error) = expr.eval_closed(id) else {
            return;
        };
        if is_about_types(&error.kind) {
            return;
        }
        self.findings.push(Finding {
            span: error.span,
            problem: Problem::Fails,
            message: error.to_string(),
            label: "fails in every run".to_owned(),
            help: help(&error.kind),
        });
    }

    /// Operands that make an operator fail whatever is on its other side.
    fn fixed_operand(&mut self, id: NodeId) {
        let expr = self.expr;
        let node = expr.node(id);
        let fault = match &node.kind {
            Kind::Binary {
                op: BinaryOp::Divide | BinaryOp::Remainder,
                right,
                ..
            } if self.written(*right) == Some(0) => {
                let kind = EvalErrorKind::DivisionByZero;
                (kind.to_string(), help(&kind))
            }
            Kind::Index { of, at } => match (self.written(*at), &expr.node(*of).kind) {
                (Some(index), Kind::List(items))
                    if usize::try_from(index).is_ok_and(|index| index >= items.len()) =>
                {
                    let kind = EvalErrorKind::IndexOutOfRange {
                        index,
                        len: items.len(),
                    };
                    (kind.to_string(), help(&kind))
                }
                (Some(..0), _) => (
                    "a list has no item below 0".to_owned(),
                    Some("items are counted from 0; the last one is `x[x.size() - 1]`".to_owned()),
                ),
                _ => return,
            },
            _ => return,
        };
        self.findings.push(Finding {
            span: node.span,
            problem: Problem::Fails,
            message: fault.0,
            label: "fails in every run".to_owned(),
            help: fault.1,
        });
    }

    /// The integer that is written out at `id`.
    fn written(&self, id: NodeId) -> Option<i64> {
        match self.expr.node(id).kind {
            Kind::Int(value) => Some(value),
            Kind::Unary {
                op: UnaryOp::Negate,
                operand,
            } => self.written(operand)?.checked_neg(),
            _ => None,
        }
    }
}

/// Whether typing speaks of it.
fn is_about_types(kind: &EvalErrorKind) -> bool {
    match kind {
        EvalErrorKind::UnknownName { .. }
        | EvalErrorKind::NoField { .. }
        | EvalErrorKind::NotAMap { .. }
        | EvalErrorKind::BadIndex { .. }
        | EvalErrorKind::NoBinary { .. }
        | EvalErrorKind::NoUnary { .. }
        | EvalErrorKind::NotBoolean { .. }
        | EvalErrorKind::BadArgument { .. }
        | EvalErrorKind::NotComparable { .. }
        | EvalErrorKind::BadKey { .. }
        | EvalErrorKind::DuplicateKey { .. }
        | EvalErrorKind::NotIterable { .. } => true,
        EvalErrorKind::IndexOutOfRange { .. }
        | EvalErrorKind::Overflow
        | EvalErrorKind::DivisionByZero
        | EvalErrorKind::NotFinite
        | EvalErrorKind::NotANumber { .. }
        | EvalErrorKind::NotABoolean { .. }
        | EvalErrorKind::EmptyList { .. }
        | EvalErrorKind::OutOfFuel
        | EvalErrorKind::TooLarge => false,
    }
}

fn help(kind: &EvalErrorKind) -> Option<String> {
    let help = match kind {
        EvalErrorKind::Overflow => "integers go from -9223372036854775808 to 9223372036854775807",
        EvalErrorKind::DivisionByZero => "divide by something that is not zero",
        EvalErrorKind::IndexOutOfRange { .. } => "items are counted from 0",
        EvalErrorKind::NotANumber { .. } => "write the number without quotes and without a unit",
        _ => return None,
    };
    Some(help.to_owned())
}
