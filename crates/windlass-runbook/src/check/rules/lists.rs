//! `all()` over a list that may be empty: it is true then, and a check that looked at
//! nothing passes.

use windlass_core::expr::{BinaryOp, Expr, Function, Kind, Macro, NodeId, UnaryOp};

use super::super::fields::Found;
use super::book::{Book, conditions};
use crate::codes::ALL_OF_NOTHING;
use crate::diagnostic::Diagnostic;

pub(super) fn check(book: &Book<'_>, index: usize, found: &mut Found) {
    for condition in conditions(&book.steps[index]) {
        let expr = condition.expr;
        for node in expr.nodes() {
            let Kind::Macro {
                op: Macro::All,
                over,
                ..
            } = node.kind
            else {
                continue;
            };
            if !may_be_empty(expr, over) || is_negated(expr, node.span) {
                continue;
            }
            let list = source(expr, over);
            let message = format!("`all` is true when `{list}` is empty");
            found.push(
                Diagnostic::warning(ALL_OF_NOTHING, message)
                    .at(book.place(index, expr, node.span), "true of nothing at all")
                    .help(format!(
                        "ask for its size as well: `{list}.size() > 0 && {list}.all(...)`"
                    )),
            );
        }
    }
}

fn source(expr: &Expr, at: NodeId) -> &str {
    expr.source()
        .get(expr.node(at).span.range())
        .unwrap_or_default()
}

/// Whether nothing says that the list holds something: it is neither written out nor an
/// input, which its declaration bounds, nor is its size looked at beside it.
fn may_be_empty(expr: &Expr, over: NodeId) -> bool {
    // As many items come out of `map` as go in.
    let mut list = over;
    while let Kind::Macro {
        op: Macro::Map,
        over,
        ..
    } = expr.node(list).kind
    {
        list = over;
    }
    let root = root(expr, list);
    let given = match &expr.node(root).kind {
        Kind::List(_) | Kind::Map(_) => true,
        Kind::Name(name) => name == "inputs" || is_bound(expr, name),
        _ => false,
    };
    !given && !is_measured(expr, source(expr, over)) && !is_measured(expr, source(expr, list))
}

/// What a chain of fields begins with.
fn root(expr: &Expr, mut at: NodeId) -> NodeId {
    while let Kind::Field { of, .. } = expr.node(at).kind {
        at = of;
    }
    at
}

/// Whether a name is the variable of a macro: an inner list is the outer one's business.
fn is_bound(expr: &Expr, name: &str) -> bool {
    let variable = |kind: &Kind| matches!(kind, Kind::Macro { variable, .. } if variable == name);
    expr.nodes().iter().any(|node| variable(&node.kind))
}

/// Whether the expression elsewhere asks whether the list holds something.
fn is_measured(expr: &Expr, list: &str) -> bool {
    let is_list = |at: NodeId| source(expr, at) == list;
    expr.nodes().iter().any(|node| match &node.kind {
        Kind::Call {
            function: Function::Size,
            arguments,
        } => arguments.iter().any(|at| is_list(*at)),
        Kind::Macro {
            op: Macro::Exists | Macro::ExistsOne,
            over,
            ..
        } => is_list(*over),
        // An item that is not there has no value, so the condition cannot be true.
        Kind::Index { of, .. } => is_list(*of),
        Kind::Binary {
            op: BinaryOp::Equal | BinaryOp::NotEqual,
            left,
            right,
        } => is_list(*left) || is_list(*right),
        Kind::Binary {
            op: BinaryOp::In,
            right,
            ..
        } => is_list(*right),
        _ => false,
    })
}

/// `!list.all(...)` is false of nothing.
fn is_negated(expr: &Expr, all: windlass_core::expr::Span) -> bool {
    expr.nodes().iter().any(|node| {
        let Kind::Unary {
            op: UnaryOp::Not,
            operand,
        } = node.kind
        else {
            return false;
        };
        expr.node(operand).span == all
    })
}
