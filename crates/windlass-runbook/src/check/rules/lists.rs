//! `all()` over a list that may be empty: it is true then, and a check that looked at
//! nothing passes.

use windlass_core::expr::{BinaryOp, Expr, Function, Kind, Macro, NodeId, UnaryOp};

use windlass_core::types::Type;

use super::super::fields::Found;
use super::book::{Book, conditions, path};
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
            if !may_be_empty(book, expr, over) || is_negated(expr, node.span) {
                continue;
            }
            let list = source(expr, over);
            let message = format!("`all` is true when `{list}` is empty");
            let or = match path(expr, over).as_deref() {
                Some(["inputs", name])
                    if matches!(book.world.inputs.get(*name), Some(Type::List(_))) =>
                {
                    ", or give the input a `min_length: 1`"
                }
                _ => "",
            };
            found.push(
                Diagnostic::warning(ALL_OF_NOTHING, message)
                    .at(book.place(index, expr, node.span), "true of nothing at all")
                    .help(format!(
                        "ask for its size as well: `{list}.size() > 0 && {list}.all(...)`{or}"
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
/// input whose declaration does, nor is its size looked at beside it.
fn may_be_empty(book: &Book<'_>, expr: &Expr, over: NodeId) -> bool {
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
        Kind::Name(name) if name == "inputs" => !is_empty_input(book, expr, list),
        Kind::Name(name) => is_bound(expr, name),
        _ => false,
    };
    !given && !is_measured(expr, source(expr, over)) && !is_measured(expr, source(expr, list))
}

/// Whether it is an input that is declared without a least length.
fn is_empty_input(book: &Book<'_>, expr: &Expr, list: NodeId) -> bool {
    path(expr, list)
        .and_then(|path| Some(path.split_first()?.1.join(".")))
        .is_some_and(|path| book.world.may_be_empty.contains(&path))
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
