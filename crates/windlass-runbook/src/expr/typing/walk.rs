//! The walk through an expression: each part's type, from its parts' types and from what
//! the conditions around it say. Operators and conditions are `conditions`'s.

mod conditions;

use std::collections::BTreeSet;

use windlass_core::expr::{Expr, Function, Kind, Macro, NodeId, Span};

use super::calls::{Refused, call};
use super::constant::constant;
use super::facts::{Chain, Facts, Link, chain_of};
use super::finding::{Finding, Problem};
use super::names::{Known, Names};
use super::ty::Ty;
use crate::suggest::did_you_mean;

/// What is known of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typing {
    pub ty: Ty,
    /// In the order in which they were met.
    pub findings: Vec<Finding>,
    /// Whether some part of it is known as `Any` only, so that the run may still object.
    pub gradual: bool,
    /// Why the value may be null, where the reason lies in a name.
    pub why_null: Option<String>,
}

/// The type of `expr` and what is wrong with it, where `given` is known.
pub fn typing(expr: &Expr, names: &dyn Names, given: &Facts) -> Typing {
    let mut walk = Walk::new(expr, names);
    let typed = walk.node(expr.root(), given);
    let why_null = walk.why_null(expr.root(), given);
    // What follows from a mistake inside would be told twice.
    let told: Vec<Span> = walk.findings.iter().map(|finding| finding.span).collect();
    let apart = |span: Span| {
        told.iter()
            .all(|told| told.end <= span.start || span.end <= told.start)
    };
    walk.findings.extend(
        constant(expr)
            .into_iter()
            .filter(|finding| apart(finding.span)),
    );
    Typing {
        ty: typed.ty,
        findings: walk.findings,
        gradual: walk.gradual,
        why_null,
    }
}

/// What is known where the condition `expr` held.
pub fn facts_where(expr: &Expr, names: &dyn Names) -> Facts {
    Walk::new(expr, names)
        .node(expr.root(), &Facts::default())
        .holds
}

/// A part's type, and what is known where it is true or false.
struct Typed {
    ty: Ty,
    holds: Facts,
    fails: Facts,
}

impl Typed {
    fn plain(ty: Ty) -> Self {
        Self {
            ty,
            holds: Facts::default(),
            fails: Facts::default(),
        }
    }
}

struct Walk<'a> {
    expr: &'a Expr,
    names: &'a dyn Names,
    /// The variables of the enclosing macros, the innermost last.
    bound: Vec<(&'a str, Ty)>,
    findings: Vec<Finding>,
    gradual: bool,
}

/// Recursion follows the tree, whose depth the builder bounds.
impl<'a> Walk<'a> {
    fn new(expr: &'a Expr, names: &'a dyn Names) -> Self {
        Self {
            expr,
            names,
            bound: Vec::new(),
            findings: Vec::new(),
            gradual: false,
        }
    }

    fn node(&mut self, id: NodeId, facts: &Facts) -> Typed {
        let mut typed = self.bare_node(id, facts);
        if typed.ty.may_be_null()
            && let Some(chain) = chain_of(self.expr, id)
            && facts.hold(&chain)
        {
            typed.ty = typed.ty.not_null();
        }
        self.gradual |= typed.ty.is_gradual();
        typed
    }

    fn bare_node(&mut self, id: NodeId, facts: &Facts) -> Typed {
        let expr = self.expr;
        let span = expr.node(id).span;
        Typed::plain(match &expr.node(id).kind {
            Kind::Null => Ty::Null,
            Kind::Bool(_) => Ty::Bool,
            Kind::Int(_) => Ty::Int,
            Kind::Float(_) => Ty::Float,
            Kind::Text(_) => Ty::Text,
            Kind::Name(_) => self.path(id, facts).unwrap_or(Ty::Any),
            Kind::Field { of, name } => match self.path(id, facts) {
                Some(ty) => ty,
                None => {
                    let ty = self.not_null(*of, facts);
                    self.member(&ty, name, span)
                }
            },
            Kind::Index { of, at } => match self.path(id, facts) {
                Some(ty) => ty,
                None => {
                    let of_ty = self.not_null(*of, facts);
                    let at_ty = self.not_null(*at, facts);
                    self.index(&of_ty, &at_ty, *at, span)
                }
            },
            Kind::List(items) => {
                let mut all = Ty::Never;
                for item in items {
                    all = all.join(&self.node(*item, facts).ty);
                }
                Ty::list(all)
            }
            Kind::Map(entries) => self.map_literal(entries, facts),
            Kind::Unary { op, operand } => return self.unary(*op, *operand, facts),
            Kind::Binary { op, left, right } => {
                return self.binary((*op, span), *left, *right, facts);
            }
            Kind::Choice {
                condition,
                then,
                otherwise,
            } => return self.choice(*condition, *then, *otherwise, facts),
            Kind::Call {
                function,
                arguments,
            } => self.call(*function, arguments, facts, span),
            Kind::Has { of, name } => return self.has(*of, name, facts),
            Kind::Macro {
                op,
                over,
                variable,
                body,
            } => self.comprehension(*op, *over, variable, *body, facts),
        })
    }

    /// A chain of fixed names from a bound variable or a name of the scope.
    fn path(&mut self, id: NodeId, facts: &Facts) -> Option<Ty> {
        let links = fixed_names(self.expr, id)?;
        let path: Vec<&str> = links.iter().map(|(name, _)| *name).collect();
        let known = match self.bound.iter().rev().find(|(name, _)| *name == path[0]) {
            Some((_, ty)) => Known::present(ty.clone(), 1),
            None => self.names.known(&path)?,
        };
        let chain: Chain = path
            .iter()
            .map(|name| Link::Name((*name).to_owned()))
            .collect();
        let used = known.used.clamp(1, path.len());
        // Whatever is asked of something absent is null, so only the end may be null then.
        let absent = known
            .absent
            .as_ref()
            .is_some_and(|absent| !facts.hold(&chain[..absent.len.min(chain.len())]));
        let mut ty = known.ty;
        for (place, (name, node)) in links.iter().enumerate().skip(used) {
            if facts.hold(&chain[..place]) {
                ty = ty.not_null();
            }
            let before = links[place - 1].1;
            ty = self.tested(before, ty, None);
            ty = self.member(&ty, name, self.expr.node(*node).span);
        }
        Some(if absent { ty.nullable() } else { ty })
    }

    /// A part where null has no place: a part that may be null is a finding.
    fn not_null(&mut self, id: NodeId, facts: &Facts) -> Ty {
        let ty = self.node(id, facts).ty;
        let why = self.why_null(id, facts);
        self.tested(id, ty, why)
    }

    /// Says so when a value may be null that nobody has tested; null itself is told by
    /// whatever does not take it.
    fn tested(&mut self, id: NodeId, ty: Ty, why: Option<String>) -> Ty {
        let Ty::Nullable(inner) = &ty else { return ty };
        let inner = (**inner).clone();
        let span = self.expr.node(id).span;
        let text = self.quoted(id);
        let help = match chain_of(self.expr, id) {
            Some(_) => format!("test it first, as in `{text} != null && ...`"),
            None => format!("say what is meant then, as in `{text} != null ? ... : ...`"),
        };
        let label = why.unwrap_or_else(|| format!("this is {ty}"));
        self.find(
            span,
            Problem::Null,
            format!("`{text}` may be null, which has no meaning here"),
            label,
            Some(help),
        );
        inner
    }

    /// Why a name may be null, where it is for something that may not be there.
    fn why_null(&self, id: NodeId, facts: &Facts) -> Option<String> {
        let links = fixed_names(self.expr, id)?;
        let path: Vec<&str> = links.iter().map(|(name, _)| *name).collect();
        if self.bound.iter().any(|(name, _)| *name == path[0]) {
            return None;
        }
        let absent = self.names.known(&path)?.absent?;
        let base = links.get(absent.len.checked_sub(1)?)?.1;
        let is_there = chain_of(self.expr, base).is_some_and(|chain| facts.hold(&chain));
        (!is_there).then_some(absent.why)
    }

    fn member(&mut self, of: &Ty, name: &str, span: Span) -> Ty {
        match of {
            Ty::Any => Ty::Any,
            Ty::Never => Ty::Never,
            Ty::Map(value) => (**value).clone(),
            Ty::Object(members) => match members.get(name) {
                Some(ty) => ty.clone(),
                None => {
                    let known = members.keys().map(String::as_str);
                    let help = did_you_mean(name, known).unwrap_or_else(|| {
                        let all: Vec<&str> = members.keys().map(String::as_str).collect();
                        match all.as_slice() {
                            [] => "the map is empty".to_owned(),
                            all => format!("the members are {}", all.join(", ")),
                        }
                    });
                    let message = format!("there is no member `{}`", name.escape_debug());
                    let label = "unknown member".to_owned();
                    self.find(span, Problem::Member, message, label, Some(help));
                    Ty::Any
                }
            },
            other => {
                let is_function = Function::ALL.iter().any(|known| known.name() == name);
                let name = name.escape_debug();
                let message = format!("`{name}` cannot be read from {other}");
                let help = match other {
                    _ if is_function => Some(format!(
                        "`{name}` is a function: it is called, as in `x.{name}()`"
                    )),
                    Ty::List(_) => Some(format!(
                        "read it from an item, as in `list[0].{name}` or `list.all(x, x.{name} ...)`"
                    )),
                    _ => None,
                };
                self.find(span, Problem::Member, message, "not a map".to_owned(), help);
                Ty::Any
            }
        }
    }

    fn index(&mut self, of: &Ty, at: &Ty, at_id: NodeId, span: Span) -> Ty {
        let is_text = matches!(at, Ty::Text | Ty::Any | Ty::Never);
        let is_place = at.is_int() || matches!(at, Ty::Any | Ty::Never);
        match of {
            Ty::Any => Ty::Any,
            Ty::Never => Ty::Never,
            Ty::List(item) if is_place => (**item).clone(),
            Ty::Map(value) if is_text => (**value).clone(),
            Ty::Object(members) if is_text => Ty::any_member(members),
            Ty::List(_) | Ty::Map(_) | Ty::Object(_) => {
                let wanted = if matches!(of, Ty::List(_)) {
                    "an integer"
                } else {
                    "a string"
                };
                let span = self.expr.node(at_id).span;
                let message = format!("{of} is indexed with {wanted}, not with {at}");
                self.find(
                    span,
                    Problem::Member,
                    message,
                    format!("this is {at}"),
                    None,
                );
                Ty::Any
            }
            other => {
                let message = format!("{other} has no items");
                let label = "not a list or a map".to_owned();
                self.find(span, Problem::Member, message, label, None);
                Ty::Any
            }
        }
    }

    fn map_literal(&mut self, entries: &[(NodeId, NodeId)], facts: &Facts) -> Ty {
        let mut members = std::collections::BTreeMap::new();
        let mut keys = BTreeSet::new();
        let mut all_known = true;
        let mut all = Ty::Never;
        for (key, value) in entries {
            let key_span = self.expr.node(*key).span;
            let key_ty = self.not_null(*key, facts);
            let value = self.node(*value, facts).ty;
            all = all.join(&value);
            match &self.expr.node(*key).kind {
                Kind::Text(name) => {
                    if !keys.insert(name.as_str()) {
                        let message = format!("the key '{}' stands twice", name.escape_debug());
                        let label = "again here".to_owned();
                        self.find(key_span, Problem::Key, message, label, None);
                    }
                    members.insert(name.clone(), value);
                }
                _ => {
                    all_known = false;
                    if !matches!(key_ty, Ty::Any | Ty::Never | Ty::Text) {
                        let message = format!("the key of a map is a string, not {key_ty}");
                        let label = format!("this is {key_ty}");
                        self.find(key_span, Problem::Key, message, label, None);
                    }
                }
            }
        }
        if all_known {
            Ty::object(members)
        } else {
            Ty::map(all)
        }
    }

    fn call(&mut self, function: Function, arguments: &[NodeId], facts: &Facts, span: Span) -> Ty {
        let types: Vec<Ty> = arguments
            .iter()
            .map(|argument| match function {
                Function::Dyn => self.node(*argument, facts).ty,
                _ => self.not_null(*argument, facts),
            })
            .collect();
        call(function, &types).unwrap_or_else(|Refused { place, wanted }| {
            let found = &types[place];
            let span = arguments
                .get(place)
                .map_or(span, |argument| self.expr.node(*argument).span);
            let name = function.name();
            let message = format!("`{name}` takes {wanted}, not {found}");
            let help = match (function, found) {
                (Function::Join, Ty::List(item)) if item.is_numeric() => Some(
                    "turn the items into strings: `list.map(x, string(x)).join(',')`".to_owned(),
                ),
                _ => None,
            };
            self.find(
                span,
                Problem::Argument,
                message,
                format!("this is {found}"),
                help,
            );
            Ty::Any
        })
    }

    /// `has(of.name)`: anything absent or null on the way is simply "no".
    fn has(&mut self, of: NodeId, name: &str, facts: &Facts) -> Typed {
        let found = self.findings.len();
        let of_ty = self.node(of, facts).ty;
        if fixed_names(self.expr, of).is_some() {
            // Nulls on a chain are what `has` is there for.
            let mut at = 0;
            self.findings.retain(|finding| {
                at += 1;
                at <= found || finding.problem != Problem::Null
            });
        }
        match of_ty.clone().not_null() {
            Ty::Any | Ty::Never | Ty::Map(_) => {}
            Ty::Object(members) if members.contains_key(name) => {}
            ty @ Ty::Object(_) => {
                self.member(&ty, name, self.expr.node(of).span);
            }
            other => {
                let span = self.expr.node(of).span;
                let message = format!("`has` asks for a member of a map, not of {other}");
                self.find(
                    span,
                    Problem::Member,
                    message,
                    format!("this is {other}"),
                    None,
                );
            }
        }
        let holds = chain_of(self.expr, of).map_or_else(Facts::default, |chain| Facts::of(&chain));
        Typed {
            ty: Ty::Bool,
            holds,
            fails: Facts::default(),
        }
    }

    fn comprehension(
        &mut self,
        op: Macro,
        over: NodeId,
        variable: &'a str,
        body: NodeId,
        facts: &Facts,
    ) -> Ty {
        let over_ty = self.not_null(over, facts);
        let item = match &over_ty {
            Ty::Any => Ty::Any,
            Ty::Never => Ty::Never,
            Ty::List(item) => (**item).clone(),
            Ty::Map(_) | Ty::Object(_) => Ty::Text,
            other => {
                let span = self.expr.node(over).span;
                let message = format!(
                    "`{}` goes over a list or a map, not over {other}",
                    op.name()
                );
                self.find(
                    span,
                    Problem::Argument,
                    message,
                    format!("this is {other}"),
                    None,
                );
                Ty::Any
            }
        };
        let inner = facts.without(variable);
        self.bound.push((variable, item.clone()));
        let body_typed = match op {
            Macro::Map => self.node(body, &inner),
            Macro::All | Macro::Exists | Macro::ExistsOne | Macro::Filter => {
                self.condition(body, &inner)
            }
        };
        self.bound.pop();
        match op {
            Macro::All | Macro::Exists | Macro::ExistsOne => Ty::Bool,
            Macro::Map => Ty::list(body_typed.ty),
            // The items left are those for which the condition held.
            Macro::Filter => Ty::list(
                body_typed
                    .holds
                    .about(variable)
                    .fold(item, |item, chain| refined(&item, chain)),
            ),
        }
    }

    fn find(
        &mut self,
        span: Span,
        problem: Problem,
        message: String,
        label: String,
        help: Option<String>,
    ) {
        self.findings.push(Finding {
            span,
            problem,
            message,
            label,
            help,
        });
    }

    /// The part as it was written, on one line.
    fn quoted(&self, id: NodeId) -> String {
        const CHARS_MAX: usize = 60;
        let span = self.expr.node(id).span;
        let text = self.expr.source().get(span.range()).unwrap_or_default();
        let mut words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some((cut, _)) = words.char_indices().nth(CHARS_MAX) {
            words.truncate(cut);
            words.push('…');
        }
        words
    }
}

/// The type of an item of which a part is known not to be null.
fn refined(ty: &Ty, chain: &[Link]) -> Ty {
    let ty = ty.clone().not_null();
    match (chain.split_first(), &ty) {
        (Some((Link::Name(name), rest)), Ty::Object(members)) => match members.get(name) {
            Some(member) => {
                let mut members = (**members).clone();
                members.insert(name.clone(), refined(member, rest));
                Ty::object(members)
            }
            None => ty,
        },
        _ => ty,
    }
}

/// The fixed names that lead to `id`, each with its node, when that is what it is.
fn fixed_names(expr: &Expr, id: NodeId) -> Option<Vec<(&str, NodeId)>> {
    let mut names = Vec::new();
    let mut at = id;
    loop {
        match &expr.node(at).kind {
            Kind::Name(name) => {
                names.push((name.as_str(), at));
                names.reverse();
                return Some(names);
            }
            Kind::Field { of, name } => {
                names.push((name.as_str(), at));
                at = *of;
            }
            Kind::Index { of, at: index } => {
                let Kind::Text(name) = &expr.node(*index).kind else {
                    return None;
                };
                names.push((name.as_str(), at));
                at = *of;
            }
            _ => return None,
        }
    }
}
