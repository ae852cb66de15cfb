//! Evaluation of expressions, after CEL's semantics and within fixed bounds.
//! Not the operators' and functions' tables: see `operators` and `calls`.
//!
//! Recursion follows the tree, whose depth the builder bounds. Work is bounded
//! by fuel: one unit an operation, and one more for each
//! [`FUEL_BYTES_PER_UNIT`] that an operation reads or copies.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::arena::Expr;
use super::ast::{BinaryOp, Kind, Macro, NodeId, Span};
use super::references::chain;
use super::{EvalError, EvalErrorKind, Scope, calls, operators};
use crate::value::Value;

/// The most operations that one evaluation may take.
pub const FUEL_MAX: u32 = 10_000;

/// How many bytes of text, list or map one unit of fuel reads or copies.
pub const FUEL_BYTES_PER_UNIT: usize = 256;

/// The largest value that an evaluation may give.
pub const RESULT_BYTES_MAX: usize = 1 << 20;

type Evaluated<'a> = Result<Cow<'a, Value>, EvalError>;

/// The value of the part at `root`.
pub(super) fn eval(expr: &Expr, root: NodeId, scope: &dyn Scope) -> Result<Value, EvalError> {
    let mut machine = Machine {
        expr,
        scope,
        fuel: FUEL_MAX,
        bound: Vec::new(),
    };
    let value = machine.node(root)?;
    if value.weight_bytes() > RESULT_BYTES_MAX {
        return Err(EvalError::new(
            expr,
            expr.node(root).span,
            EvalErrorKind::TooLarge,
        ));
    }
    Ok(value.into_owned())
}

/// One evaluation.
struct Machine<'a> {
    expr: &'a Expr,
    scope: &'a dyn Scope,
    fuel: u32,
    /// The variables of the enclosing macros, the innermost last.
    bound: Vec<(&'a str, Cow<'a, Value>)>,
}

impl<'a> Machine<'a> {
    fn node(&mut self, id: NodeId) -> Evaluated<'a> {
        let expr = self.expr;
        let node = expr.node(id);
        let span = node.span;
        self.spend(span, 0)?;
        match &node.kind {
            Kind::Null => Ok(Cow::Owned(Value::Null)),
            Kind::Bool(value) => Ok(Cow::Owned(Value::Bool(*value))),
            Kind::Int(value) => Ok(Cow::Owned(Value::Int(*value))),
            Kind::Float(value) => Ok(Cow::Owned(Value::Float(*value))),
            Kind::Text(text) => {
                self.spend(span, text.len())?;
                Ok(Cow::Owned(Value::Text(text.clone())))
            }
            Kind::Name(name) => self.path(&[name.as_str()], span),
            Kind::Field { of, name } => {
                if let Some(path) = chain(expr, id) {
                    return self.path(&path, span);
                }
                let value = self.node(*of)?;
                self.member(value, name, span)
            }
            Kind::Index { of, at } => {
                if let Some(path) = chain(expr, id) {
                    return self.path(&path, span);
                }
                let value = self.node(*of)?;
                let index = self.node(*at)?;
                self.index(value, &index, span)
            }
            Kind::List(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    let value = self.node(*item)?;
                    list.push(self.own(value, span)?);
                }
                Ok(Cow::Owned(Value::List(list)))
            }
            Kind::Map(entries) => self.map_literal(entries, span),
            Kind::Unary { op, operand } => {
                let value = self.node(*operand)?;
                operators::unary(*op, &value)
                    .map(Cow::Owned)
                    .map_err(|kind| self.error(span, kind))
            }
            Kind::Binary { op, left, right } => self.binary(*op, *left, *right, span),
            Kind::Choice {
                condition,
                then,
                otherwise,
            } => {
                let value = self.node(*condition)?;
                let chosen = self.boolean(&value, *condition)?;
                self.node(if chosen { *then } else { *otherwise })
            }
            Kind::Call {
                function,
                arguments,
            } => {
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    let value = self.node(*argument)?;
                    self.spend(span, value.weight_bytes())?;
                    values.push(value);
                }
                let value =
                    calls::call(*function, &values).map_err(|kind| self.error(span, kind))?;
                self.spend(span, value.weight_bytes())?;
                Ok(Cow::Owned(value))
            }
            Kind::Has { of, name } => self.has(*of, name, span),
            Kind::Macro {
                op,
                over,
                variable,
                body,
            } => self.comprehension(*op, *over, variable, *body, span),
        }
    }

    /// A chain of fixed names, of a bound variable or of the scope.
    fn path(&mut self, path: &[&'a str], span: Span) -> Evaluated<'a> {
        let Some((value, used)) = self.start_of_path(path, span)? else {
            let path = path.join(".");
            return Err(self.error(span, EvalErrorKind::UnknownName { path }));
        };
        let mut value = value;
        for name in &path[used..] {
            value = self.member(value, name, span)?;
        }
        Ok(value)
    }

    /// The value that a chain starts with and how many names led to it.
    fn start_of_path(
        &mut self,
        path: &[&'a str],
        span: Span,
    ) -> Result<Option<(Cow<'a, Value>, usize)>, EvalError> {
        self.spend(span, 0)?;
        if let Some(place) = self.bound.iter().rposition(|(name, _)| *name == path[0]) {
            // An owned variable stays in place, so only the part that the
            // chain asks for is copied, here, and paid for.
            let value = match &self.bound[place].1 {
                Cow::Borrowed(value) => return Ok(Some((Cow::Borrowed(*value), 1))),
                Cow::Owned(value) => value,
            };
            let mut part = value;
            let mut used = 1;
            while let Some(next) = path.get(used).and_then(|name| part.get(name)) {
                part = next;
                used += 1;
            }
            let weight = part.weight_bytes();
            let part = Cow::Owned(part.clone());
            self.spend(span, weight)?;
            return Ok(Some((part, used)));
        }
        let scope = self.scope;
        match scope.resolve(path) {
            Some((value, used)) => {
                debug_assert!(
                    (1..=path.len()).contains(&used),
                    "a scope uses part of the path"
                );
                Ok(Some((value, used.clamp(1, path.len()))))
            }
            None => Ok(None),
        }
    }

    /// `value.name`
    fn member(&mut self, value: Cow<'a, Value>, name: &str, span: Span) -> Evaluated<'a> {
        self.spend(span, 0)?;
        let name = name.to_owned();
        match value {
            Cow::Borrowed(Value::Map(map)) => match map.get(&name) {
                Some(member) => Ok(Cow::Borrowed(member)),
                None => Err(self.no_field(name, map, span)),
            },
            Cow::Owned(Value::Map(mut map)) => match map.remove(&name) {
                Some(member) => Ok(Cow::Owned(member)),
                None => Err(self.no_field(name, &map, span)),
            },
            other => {
                let found = other.type_name();
                Err(self.error(span, EvalErrorKind::NotAMap { name, found }))
            }
        }
    }

    fn no_field(&self, name: String, map: &BTreeMap<String, Value>, span: Span) -> EvalError {
        let known = map.keys().take(16).cloned().collect();
        self.error(span, EvalErrorKind::NoField { name, known })
    }

    /// `value[index]`
    fn index(&mut self, value: Cow<'a, Value>, index: &Value, span: Span) -> Evaluated<'a> {
        if let (Value::Map(_), Value::Text(name)) = (&*value, index) {
            return self.member(value, name, span);
        }
        // As in CEL a double without a fraction is a place, too.
        let place = match index {
            Value::Int(at) => Some(*at),
            Value::Float(at) => operators::whole(*at),
            Value::Null | Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => None,
        };
        let (Value::List(list), Some(at)) = (&*value, place) else {
            let kind = EvalErrorKind::BadIndex {
                of: value.type_name(),
                at: index.type_name(),
            };
            return Err(self.error(span, kind));
        };
        let len = list.len();
        let Some(place) = usize::try_from(at).ok().filter(|place| *place < len) else {
            return Err(self.error(span, EvalErrorKind::IndexOutOfRange { index: at, len }));
        };
        Ok(match value {
            Cow::Borrowed(Value::List(list)) => Cow::Borrowed(&list[place]),
            Cow::Owned(Value::List(mut list)) => Cow::Owned(list.swap_remove(place)),
            other => other,
        })
    }

    fn map_literal(&mut self, entries: &[(NodeId, NodeId)], span: Span) -> Evaluated<'a> {
        let mut map = BTreeMap::new();
        for (key, value) in entries {
            let key_span = self.expr.node(*key).span;
            let key = self.node(*key)?;
            let found = key.type_name();
            let Value::Text(key) = self.own(key, key_span)? else {
                return Err(self.error(key_span, EvalErrorKind::BadKey { found }));
            };
            let value = self.node(*value)?;
            let value = self.own(value, span)?;
            if map.contains_key(&key) {
                return Err(self.error(key_span, EvalErrorKind::DuplicateKey { key }));
            }
            map.insert(key, value);
        }
        Ok(Cow::Owned(Value::Map(map)))
    }

    fn binary(&mut self, op: BinaryOp, left: NodeId, right: NodeId, span: Span) -> Evaluated<'a> {
        // CEL's `&&` and `||` do not care for order: one operand that settles
        // the result hides an error of the other.
        let settles = match op {
            BinaryOp::And => false,
            BinaryOp::Or => true,
            BinaryOp::Equal
            | BinaryOp::NotEqual
            | BinaryOp::Less
            | BinaryOp::LessOrEqual
            | BinaryOp::Greater
            | BinaryOp::GreaterOrEqual
            | BinaryOp::In
            | BinaryOp::Add
            | BinaryOp::Subtract
            | BinaryOp::Multiply
            | BinaryOp::Divide
            | BinaryOp::Remainder => {
                let left = self.node(left)?;
                let right = self.node(right)?;
                self.spend(span, operators::cost_bytes(op, &left, &right))?;
                return operators::binary(op, &left, &right)
                    .map(Cow::Owned)
                    .map_err(|kind| self.error(span, kind));
            }
        };
        let first = self.condition(left);
        if first == Ok(settles) {
            return Ok(Cow::Owned(Value::Bool(settles)));
        }
        let second = self.condition(right)?;
        if second != settles {
            first?;
        }
        Ok(Cow::Owned(Value::Bool(second)))
    }

    fn condition(&mut self, id: NodeId) -> Result<bool, EvalError> {
        let value = self.node(id)?;
        self.boolean(&value, id)
    }

    fn boolean(&self, value: &Value, id: NodeId) -> Result<bool, EvalError> {
        if let Value::Bool(value) = value {
            return Ok(*value);
        }
        let kind = EvalErrorKind::NotBoolean {
            found: value.type_name(),
        };
        Err(self.error(self.expr.node(id).span, kind))
    }

    /// `has(of.name)`. On a chain of fixed names anything absent or null on
    /// the way is simply "no"; CEL makes that an error, which would turn the
    /// test for presence into a second thing to guard.
    fn has(&mut self, of: NodeId, name: &'a str, span: Span) -> Evaluated<'a> {
        let answer = if let Some(mut path) = chain(self.expr, of) {
            path.push(name);
            match self.start_of_path(&path, span)? {
                None => false,
                // A scope may answer null for whatever is asked of something
                // absent; then what the field is asked of is null as well.
                Some((value, used)) if used == path.len() && *value == Value::Null => {
                    path.pop();
                    match self.start_of_path(&path, span)? {
                        Some((of, used)) => used < path.len() || *of != Value::Null,
                        None => true,
                    }
                }
                Some((value, used)) => {
                    let mut part = Some(&*value);
                    for name in &path[used..] {
                        part = match part {
                            Some(part) => self.part(part, name, span)?,
                            None => None,
                        };
                    }
                    part.is_some()
                }
            }
        } else {
            let value = self.node(of)?;
            self.part(&value, name, span)?.is_some()
        };
        Ok(Cow::Owned(Value::Bool(answer)))
    }

    /// The member of a map when it is there; null has none.
    fn part<'v>(
        &self,
        value: &'v Value,
        name: &str,
        span: Span,
    ) -> Result<Option<&'v Value>, EvalError> {
        match value {
            Value::Map(map) => Ok(map.get(name)),
            Value::Null => Ok(None),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) | Value::List(_) => {
                let kind = EvalErrorKind::NotAMap {
                    name: name.to_owned(),
                    found: value.type_name(),
                };
                Err(self.error(span, kind))
            }
        }
    }

    fn comprehension(
        &mut self,
        op: Macro,
        over: NodeId,
        variable: &'a str,
        body: NodeId,
        span: Span,
    ) -> Evaluated<'a> {
        let over_span = self.expr.node(over).span;
        let items: Vec<Cow<'a, Value>> = match self.node(over)? {
            Cow::Borrowed(Value::List(items)) => items.iter().map(Cow::Borrowed).collect(),
            Cow::Owned(Value::List(items)) => items.into_iter().map(Cow::Owned).collect(),
            Cow::Borrowed(Value::Map(map)) => {
                self.spend(over_span, map.keys().map(String::len).sum())?;
                map.keys()
                    .map(|key| Cow::Owned(Value::Text(key.clone())))
                    .collect()
            }
            Cow::Owned(Value::Map(map)) => map
                .into_keys()
                .map(|key| Cow::Owned(Value::Text(key)))
                .collect(),
            other => {
                let kind = EvalErrorKind::NotIterable {
                    macro_name: op.name(),
                    found: other.type_name(),
                };
                return Err(self.error(over_span, kind));
            }
        };
        self.spend(over_span, items.len() * size_of::<Value>())?;
        let mut collected = Vec::new();
        let mut matches = 0_u32;
        let mut failure = None;
        for item in items {
            self.spend(span, 0)?;
            self.bound.push((variable, item));
            let result = match op {
                Macro::Map => {
                    self.node(body)
                        .and_then(|value| self.own(value, span))
                        .map(|value| {
                            collected.push(value);
                            false
                        })
                }
                Macro::All | Macro::Exists | Macro::ExistsOne | Macro::Filter => {
                    self.condition(body)
                }
            };
            let item = self.bound.pop().map(|(_, item)| item);
            match (op, result) {
                // Like `&&` and `||`, these two let one item settle the matter
                // whatever happened to the others; out of fuel is final.
                (Macro::All, Ok(false)) => return Ok(Cow::Owned(Value::Bool(false))),
                (Macro::Exists, Ok(true)) => return Ok(Cow::Owned(Value::Bool(true))),
                (Macro::All | Macro::Exists, Err(error)) => {
                    failure.get_or_insert(error);
                }
                (Macro::ExistsOne | Macro::Filter | Macro::Map, Err(error)) => return Err(error),
                (Macro::Filter, Ok(true)) => {
                    if let Some(item) = item {
                        let item = self.own(item, span)?;
                        collected.push(item);
                    }
                }
                (Macro::ExistsOne, Ok(true)) => matches += 1,
                (Macro::All | Macro::Map, Ok(true))
                | (Macro::Exists | Macro::ExistsOne | Macro::Filter | Macro::Map, Ok(false)) => {}
            }
        }
        if let Some(error) = failure {
            return Err(error);
        }
        Ok(Cow::Owned(match op {
            Macro::All => Value::Bool(true),
            Macro::Exists => Value::Bool(false),
            Macro::ExistsOne => Value::Bool(matches == 1),
            Macro::Filter | Macro::Map => Value::List(collected),
        }))
    }

    /// Copies a borrowed value, for its price.
    fn own(&mut self, value: Cow<'a, Value>, span: Span) -> Result<Value, EvalError> {
        match value {
            Cow::Owned(value) => Ok(value),
            Cow::Borrowed(value) => {
                self.spend(span, value.weight_bytes())?;
                Ok(value.clone())
            }
        }
    }

    /// Pays for one operation over `bytes`. Once the fuel is gone it stays
    /// gone, so that no `||` can hide it and go on.
    fn spend(&mut self, span: Span, bytes: usize) -> Result<(), EvalError> {
        let units = u32::try_from(bytes / FUEL_BYTES_PER_UNIT).unwrap_or(u32::MAX);
        let price = units.saturating_add(1);
        if let Some(left) = self.fuel.checked_sub(price) {
            self.fuel = left;
            return Ok(());
        }
        self.fuel = 0;
        Err(self.error(span, EvalErrorKind::OutOfFuel))
    }

    fn error(&self, span: Span, kind: EvalErrorKind) -> EvalError {
        EvalError::new(self.expr, span, kind)
    }
}
