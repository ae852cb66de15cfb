//! Which names an expression reads, for static checks.

use super::arena::Expr;
use super::ast::{Kind, NodeId, Span};

/// A chain of fixed names that the expression reads, such as
/// `steps.precheck.outputs.lag`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference<'a> {
    pub path: Vec<&'a str>,
    /// The whole chain.
    pub span: Span,
    /// Whether the chain is only asked for by `has(...)`.
    pub tested: bool,
}

/// The chain of fixed names that ends at `id`, when there is one.
/// `name["text"]` counts as `name.text`: the two mean the same.
pub(super) fn chain(expr: &Expr, id: NodeId) -> Option<Vec<&str>> {
    let mut path = Vec::new();
    let mut at = id;
    loop {
        match &expr.node(at).kind {
            Kind::Name(name) => {
                path.push(name.as_str());
                path.reverse();
                return Some(path);
            }
            Kind::Field { of, name } => {
                path.push(name.as_str());
                at = *of;
            }
            Kind::Index { of, at: index } => {
                let Kind::Text(name) = &expr.node(*index).kind else {
                    return None;
                };
                path.push(name.as_str());
                at = *of;
            }
            Kind::Null
            | Kind::Bool(_)
            | Kind::Int(_)
            | Kind::Float(_)
            | Kind::Text(_)
            | Kind::List(_)
            | Kind::Map(_)
            | Kind::Unary { .. }
            | Kind::Binary { .. }
            | Kind::Choice { .. }
            | Kind::Call { .. }
            | Kind::Has { .. }
            | Kind::Macro { .. } => return None,
        }
    }
}

pub(super) fn references(expr: &Expr) -> Vec<Reference<'_>> {
    let mut found = Vec::new();
    // The bound variables are kept as a list of scopes, each naming its outer
    // one, so that the walk needs no recursion.
    let mut scopes: Vec<(&str, Option<usize>)> = Vec::new();
    let mut open: Vec<(NodeId, Option<usize>)> = vec![(expr.root(), None)];
    while let Some((id, scope)) = open.pop() {
        let node = expr.node(id);
        if let Some(path) = chain(expr, id) {
            if !is_bound(&scopes, scope, path[0]) {
                found.push(Reference {
                    path,
                    span: node.span,
                    tested: false,
                });
            }
            continue;
        }
        match &node.kind {
            Kind::Has { of, name } => {
                if let Some(mut path) = chain(expr, *of) {
                    if !is_bound(&scopes, scope, path[0]) {
                        path.push(name);
                        found.push(Reference {
                            path,
                            span: node.span,
                            tested: true,
                        });
                    }
                } else {
                    open.push((*of, scope));
                }
            }
            Kind::Macro {
                op: _,
                over,
                variable,
                body,
            } => {
                scopes.push((variable, scope));
                open.push((*over, scope));
                open.push((*body, Some(scopes.len() - 1)));
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
            | Kind::Call { .. } => {
                open.extend(node.kind.children().into_iter().map(|child| (child, scope)));
            }
        }
    }
    found.sort_by_key(|reference| reference.span);
    found
}

fn is_bound(scopes: &[(&str, Option<usize>)], innermost: Option<usize>, name: &str) -> bool {
    let mut at = innermost;
    while let Some(index) = at {
        let (variable, outer) = scopes[index];
        if variable == name {
            return true;
        }
        at = outer;
    }
    false
}
