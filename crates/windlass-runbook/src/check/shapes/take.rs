//! A value under a declaration: in the form that expressions see, or everything that is
//! wrong with it, each fault with the way to its place inside the value.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use windlass_core::pattern::PATTERN_TEXT_BYTES_MAX;
use windlass_core::value::Value;

use super::{Kind, Limit, Shape};
use crate::check::units;
use crate::codes::{Code, INPUT_ENUM, INPUT_FIELD, INPUT_PATTERN, INPUT_RANGE, INPUT_TYPE};
use crate::suggest::did_you_mean;

/// The most faults that are told of one value.
const FAULTS_MAX: usize = 10;
/// Of a longer value only the start is repeated.
const SHOWN_CHARS_MAX: usize = 60;

/// One step on the way into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::check) enum Segment {
    Member(String),
    Item(usize),
}

/// Something wrong with a value.
#[derive(Debug)]
pub(in crate::check) struct Fault {
    pub(in crate::check) code: Code,
    pub(in crate::check) path: Vec<Segment>,
    /// What is found, as the subject of a sentence: `5` or `"abc"`.
    pub(in crate::check) found: String,
    /// The rest of the sentence: `is not an integer`.
    pub(in crate::check) rule: String,
    pub(in crate::check) help: Option<String>,
}

/// `name.member[2]`: what people read.
pub(in crate::check) fn shown_path(name: &str, path: &[Segment]) -> String {
    let mut text = name.to_owned();
    for segment in path {
        match segment {
            Segment::Member(member) => {
                text.push('.');
                text.extend(member.escape_debug());
            }
            Segment::Item(item) => text += &format!("[{item}]"),
        }
    }
    text
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    let mut cut: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

/// Where faults are collected, and where in the value the look is.
#[derive(Default)]
struct Faults {
    path: Vec<Segment>,
    found: Vec<Fault>,
    /// Whether the value is of an expression, where a duration is an integer.
    is_computed: bool,
}

impl Faults {
    fn add(&mut self, code: Code, value: &Value, rule: String, help: Option<String>) {
        if self.found.len() < FAULTS_MAX {
            self.found.push(Fault {
                code,
                path: self.path.clone(),
                found: shown(value),
                rule,
                help,
            });
        }
    }

    fn within<T>(&mut self, segment: Segment, look: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(segment);
        let answer = look(self);
        self.path.pop();
        answer
    }
}

/// The help about a duration without a unit.
fn of_what(count: &str) -> String {
    format!("say of what: `{count}s` are seconds, `{count}m` minutes, `{count}h` hours")
}

impl Shape {
    /// A value that a person wrote, in the form that expressions see.
    ///
    /// # Errors
    /// Everything that is wrong with it, some of it when there is much.
    pub(in crate::check) fn take(&self, value: &Value) -> Result<Value, Vec<Fault>> {
        self.taken(value, Faults::default())
    }

    /// The value of an expression.
    ///
    /// # Errors
    /// As [`Shape::take`].
    pub(in crate::check) fn take_computed(&self, value: &Value) -> Result<Value, Vec<Fault>> {
        let faults = Faults {
            is_computed: true,
            ..Faults::default()
        };
        self.taken(value, faults)
    }

    fn taken(&self, value: &Value, mut faults: Faults) -> Result<Value, Vec<Fault>> {
        match self.look(value, &mut faults) {
            Some(value) if faults.found.is_empty() => Ok(value),
            _ => Err(faults.found),
        }
    }

    /// The value that a person typed as text.
    ///
    /// # Errors
    /// As [`Shape::take`].
    pub(in crate::check) fn read(&self, text: &str) -> Result<Value, Vec<Fault>> {
        let json = || serde_json::from_str::<Value>(text).ok();
        let value = match &self.kind {
            Kind::Text => None,
            Kind::Bytes => text.parse::<i64>().ok().map(Value::Int),
            Kind::Duration => None,
            Kind::Int
            | Kind::Number
            | Kind::Bool
            | Kind::List(_)
            | Kind::Map(_)
            | Kind::Fields(_) => json(),
        };
        let mut result = self.take(&value.unwrap_or_else(|| Value::from(text)));
        if let (Err(faults), Kind::Duration) = (&mut result, &self.kind)
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && let [only] = faults.as_mut_slice()
        {
            only.help = Some(of_what(text));
        }
        if let (Err(faults), Kind::List(_) | Kind::Map(_) | Kind::Fields(_)) =
            (&mut result, &self.kind)
            && let [only] = faults.as_mut_slice()
            && only.path.is_empty()
        {
            let example = match &self.kind {
                Kind::List(_) => r#"'["a", "b"]'"#,
                _ => r#"'{"name": "value"}'"#,
            };
            only.help.get_or_insert_with(|| {
                format!("{} is given as JSON, such as {example}", self.describe())
            });
        }
        result
    }

    fn look(&self, value: &Value, faults: &mut Faults) -> Option<Value> {
        if *value == Value::Null && self.default == Some(Value::Null) {
            return Some(Value::Null);
        }
        let taken = self.of_kind(value, faults)?;
        self.judge(&taken, value, faults);
        Some(taken)
    }

    /// The value when it has the kind.
    fn of_kind(&self, value: &Value, faults: &mut Faults) -> Option<Value> {
        let taken = match (&self.kind, value) {
            (Kind::Text, Value::Text(_))
            | (Kind::Int, Value::Int(_))
            | (Kind::Number, Value::Int(_) | Value::Float(_))
            | (Kind::Bool, Value::Bool(_))
            | (Kind::List(None), Value::List(_))
            | (Kind::Map(None), Value::Map(_)) => Some(value.clone()),
            (Kind::Bytes, Value::Int(count)) => (*count >= 0).then_some(Value::Int(*count)),
            (Kind::Duration, Value::Int(span)) if faults.is_computed => {
                (*span >= 0).then_some(Value::Int(*span))
            }
            (Kind::Bytes, Value::Text(text)) => units::bytes(text)
                .and_then(|count| i64::try_from(count).ok())
                .map(Value::Int),
            (Kind::Duration, Value::Text(text)) => units::duration(text)
                .and_then(|span| i64::try_from(span.0).ok())
                .map(Value::Int),
            (Kind::List(Some(item)), Value::List(items)) => return list(item, items, faults),
            (Kind::Map(Some(inner)), Value::Map(map)) => return values(inner, map, faults),
            (Kind::Fields(fields), Value::Map(map)) => return members(fields, map, faults),
            _ => None,
        };
        if taken.is_none() {
            let help = match (&self.kind, value) {
                // Whoever writes `5` may mean seconds or minutes.
                (Kind::Duration, Value::Int(count)) => Some(of_what(&count.to_string())),
                _ => None,
            };
            faults.add(
                INPUT_TYPE,
                value,
                format!("is not {}", self.describe()),
                help,
            );
        }
        taken
    }

    /// The rules beyond the kind. `written` is the value as it was given.
    fn judge(&self, value: &Value, written: &Value, faults: &mut Faults) {
        if !self.allowed.is_empty() && !self.allowed.contains(value) {
            let all: Vec<String> = self.allowed.iter().map(shown).collect();
            let near = value.as_text().and_then(|text| {
                did_you_mean(text, self.allowed.iter().filter_map(Value::as_text))
            });
            let help = near.unwrap_or_else(|| format!("the allowed values are {}", all.join(", ")));
            faults.add(INPUT_ENUM, written, "is not allowed".to_owned(), Some(help));
        }
        if let (Some(pattern), Value::Text(text)) = (&self.pattern, value)
            && !pattern.matches(text)
        {
            let (rule, help) = if text.len() > PATTERN_TEXT_BYTES_MAX {
                let rule = "is longer than a string with a pattern may be";
                (
                    rule.to_owned(),
                    format!("at most {PATTERN_TEXT_BYTES_MAX} bytes are allowed"),
                )
            } else {
                let rule = format!("does not match the pattern `{}`", pattern.written());
                (
                    rule,
                    "the whole value must match, not only a part of it".to_owned(),
                )
            };
            faults.add(INPUT_PATTERN, written, rule, Some(help));
        }
        let out = |limit: &&Limit, wanted| order(value, &limit.value) == Some(wanted);
        if let Some(least) = self
            .least
            .as_ref()
            .filter(|limit| out(limit, Ordering::Less))
        {
            let rule = format!("is less than the least allowed, {}", least.written);
            faults.add(INPUT_RANGE, written, rule, None);
        }
        if let Some(most) = self
            .most
            .as_ref()
            .filter(|limit| out(limit, Ordering::Greater))
        {
            let rule = format!("is more than the most allowed, {}", most.written);
            faults.add(INPUT_RANGE, written, rule, None);
        }
        let (length, unit) = match value {
            Value::Text(text) => (text.chars().count(), "characters"),
            Value::List(items) => (items.len(), "items"),
            _ => return,
        };
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        if let Some(least) = self.length_least.filter(|least| length < *least) {
            let rule = format!("has {length} {unit}, fewer than the least allowed, {least}");
            faults.add(INPUT_RANGE, written, rule, None);
        }
        if let Some(most) = self.length_most.filter(|most| length > *most) {
            let rule = format!("has {length} {unit}, more than the most allowed, {most}");
            faults.add(INPUT_RANGE, written, rule, None);
        }
    }
}

/// Every item is looked at, so that all faults are told at once.
fn list(item: &Shape, items: &[Value], faults: &mut Faults) -> Option<Value> {
    let items: Vec<Option<Value>> = (0..)
        .zip(items)
        .map(|(at, value)| faults.within(Segment::Item(at), |faults| item.look(value, faults)))
        .collect();
    items
        .into_iter()
        .collect::<Option<Vec<_>>>()
        .map(Value::List)
}

fn values(inner: &Shape, map: &BTreeMap<String, Value>, faults: &mut Faults) -> Option<Value> {
    let taken: Vec<Option<(String, Value)>> = map
        .iter()
        .map(|(name, value)| {
            let segment = Segment::Member(name.clone());
            let value = faults.within(segment, |faults| inner.look(value, faults))?;
            Some((name.clone(), value))
        })
        .collect();
    taken
        .into_iter()
        .collect::<Option<BTreeMap<_, _>>>()
        .map(Value::Map)
}

fn members(
    fields: &BTreeMap<String, Shape>,
    map: &BTreeMap<String, Value>,
    faults: &mut Faults,
) -> Option<Value> {
    let mut taken = BTreeMap::new();
    let mut whole = true;
    for (name, field) in fields {
        let value = match map.get(name) {
            Some(value) => faults.within(Segment::Member(name.clone()), |faults| {
                field.look(value, faults)
            }),
            None if field.default.is_some() => field.default.clone(),
            None => {
                let rule = format!("lacks the member `{name}`, {}", field.describe());
                faults.add(INPUT_FIELD, &Value::Map(map.clone()), rule, None);
                None
            }
        };
        match value {
            Some(value) => {
                taken.insert(name.clone(), value);
            }
            None => whole = false,
        }
    }
    for name in map.keys().filter(|name| !fields.contains_key(*name)) {
        let known = || fields.keys().map(String::as_str);
        let help = did_you_mean(name, known()).unwrap_or_else(|| {
            format!("the members are {}", known().collect::<Vec<_>>().join(", "))
        });
        let rule = format!("has an unknown member `{}`", name.escape_debug());
        faults.add(INPUT_FIELD, &Value::Map(map.clone()), rule, Some(help));
        whole = false;
    }
    whole.then_some(Value::Map(taken))
}

/// How two numbers stand to each other.
pub(super) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    // An integer beyond 53 bits beside a float is compared as the nearest float.
    let float = |value: &Value| match value {
        Value::Int(value) => Some(*value as f64),
        Value::Float(value) => Some(*value),
        _ => None,
    };
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        _ => float(left)?.partial_cmp(&float(right)?),
    }
}
