//! Text to a tree of nodes: the only module that knows the YAML reader.
//! It refuses what windlass's subset of YAML leaves out: tags, anchors,
//! aliases, merge keys, duplicate keys, a second document, and size.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::budget::BudgetBreach;
use serde_yaml::{
    DuplicateKeyPolicy, Error, Location, MergeKeyPolicy, NonFiniteFloatPolicy, Options, Spanned,
    Tagged,
};

use crate::codes::{
    WRONG_SHAPE, YAML_ALIAS, YAML_DOCUMENTS, YAML_DUPLICATE_KEY, YAML_LIMIT, YAML_NUL, YAML_NUMBER,
    YAML_SYNTAX, YAML_TAG, YAML_UNSEEN,
};
use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Entry, Node, NodeKind};
use crate::text::turns;
use crate::yaml_hints;

/// The largest runbook: 10,000 steps of 800 bytes each.
pub const TEXT_BYTES_MAX: usize = 8 << 20;
/// The most values, keys counted, that a runbook may hold: 10,000 steps of 40 each.
pub(crate) const NODES_MAX: usize = 400_000;
/// How many unseen characters are told; a text that is written from right to left has many.
const UNSEEN_TOLD_MAX: usize = 10;
/// The deepest nesting of lists and maps.
pub(crate) const DEPTH_MAX: usize = 32;

/// Reads one document. `None` when there is no tree to go on with; a tree may
/// come with diagnostics, and then with what could be read.
pub(crate) fn read(text: &str) -> (Option<Node>, Vec<Diagnostic>) {
    // The reader's own limit does not apply to texts in memory.
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("the runbook is larger than {TEXT_BYTES_MAX} bytes");
        return (None, vec![Diagnostic::error(YAML_LIMIT, message)]);
    }
    let unseen = unseen(text);
    if !unseen.is_empty() {
        return (None, unseen);
    }
    match serde_yaml::from_str_with_options::<RawNode>(text, options()) {
        Ok(raw) => {
            let mut lowering = Lowering {
                text,
                diagnostics: Vec::new(),
            };
            let node = lowering.node(raw);
            (Some(node), lowering.diagnostics)
        }
        Err(error) => (None, vec![reader_error(text, &error)]),
    }
}

/// Characters that turn the direction of writing, or have no width: what a reviewer sees
/// is then not what the text says, in comments and scripts too.
fn unseen(text: &str) -> Vec<Diagnostic> {
    text.char_indices()
        .filter(|(_, char)| turns(*char))
        .take(UNSEEN_TOLD_MAX)
        .map(|(at, char)| {
            let code = u32::from(char);
            let span = Span::new(at, at + char.len_utf8());
            let message =
                format!("the character U+{code:04X} is not seen and changes how the text reads");
            Diagnostic::error(YAML_UNSEEN, message)
                .at(span, "stands here, unseen")
                .help(format!(
                    "take it out; where it is meant, write it as \"\\u{code:04x}\" in double quotes"
                ))
        })
        .collect()
}

/// What stands in the way of reading a text as YAML of the kind that runbooks are, without
/// a look at what it means.
pub fn mistakes(text: &str) -> Vec<Diagnostic> {
    read(text).1
}

/// Reads the text of an inlined runbook, whose spans carry the number of its file.
pub(crate) fn read_file(text: &str, file: u16) -> (Option<Node>, Vec<Diagnostic>) {
    let (mut node, mut diagnostics) = read(text);
    if let Some(node) = &mut node {
        put_in_file(node, file);
    }
    for (span, _) in diagnostics.iter_mut().flat_map(|found| &mut found.labels) {
        *span = span.in_file(file);
    }
    (node, diagnostics)
}

/// Recursion follows the text, whose depth the reader bounds.
fn put_in_file(node: &mut Node, file: u16) {
    node.span = node.span.in_file(file);
    match &mut node.kind {
        NodeKind::List(items) => items.iter_mut().for_each(|item| put_in_file(item, file)),
        NodeKind::Map(entries) => {
            for entry in entries {
                entry.key_span = entry.key_span.in_file(file);
                put_in_file(&mut entry.value, file);
            }
        }
        NodeKind::Null
        | NodeKind::Bool(_)
        | NodeKind::Int(_)
        | NodeKind::Float(_)
        | NodeKind::Text(_) => {}
    }
}

fn options() -> Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_reader_input_bytes: Some(TEXT_BYTES_MAX),
            max_nodes: NODES_MAX,
            max_events: NODES_MAX * 3,
            max_depth: DEPTH_MAX,
            max_anchors: 0,
            max_aliases: 0,
            max_merge_keys: 0,
            max_documents: 1,
            max_total_scalar_bytes: TEXT_BYTES_MAX,
        },
        // Reported below, all of them and with both places.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::Error,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        strict_booleans: true,
        non_finite_float_policy: NonFiniteFloatPolicy::Reject,
        with_snippet: false,
    }
}

/// A node as the reader gives it: tag, place and value.
struct RawNode(Tagged<Spanned<RawKind>>);

enum RawKind {
    Null,
    Bool(bool),
    Int(i64),
    /// An integer beyond 64 bits with a sign.
    TooLarge,
    Float(f64),
    Text(String),
    List(Vec<RawNode>),
    Map(Vec<(RawNode, RawNode)>),
}

impl<'de> Deserialize<'de> for RawNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Tagged::deserialize(deserializer).map(RawNode)
    }
}

impl<'de> Deserialize<'de> for RawKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = RawKind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<RawKind, E> {
        Ok(RawKind::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<RawKind, E> {
        Ok(RawKind::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<RawKind, E> {
        Ok(RawKind::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<RawKind, E> {
        Ok(RawKind::Int(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<RawKind, E> {
        Ok(i64::try_from(value).map_or(RawKind::TooLarge, RawKind::Int))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<RawKind, E> {
        Ok(RawKind::Float(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<RawKind, E> {
        Ok(RawKind::Text(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<RawKind, E> {
        Ok(RawKind::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RawKind, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(RawKind::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawKind, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(RawKind::Map(entries))
    }
}

/// From the reader's nodes to ours, collecting what is refused.
struct Lowering<'a> {
    text: &'a str,
    diagnostics: Vec<Diagnostic>,
}

impl Lowering<'_> {
    fn node(&mut self, raw: RawNode) -> Node {
        let Tagged(spanned, tag) = raw.0;
        let span = span_of(self.text, spanned.referenced);
        if let Some(tag) = &tag {
            let message = format!("the tag `{}` is not allowed", tag.escape_debug());
            // What begins with `!` and has nothing behind it was to be a condition.
            let meant = matches!(spanned.value, RawKind::Null) && !tag.contains('"');
            let help = if meant {
                format!("a text that begins with `!` needs quotes: \"{tag}\"")
            } else {
                "leave the tag out; put a text that looks like a number in quotes".to_owned()
            };
            let place = self.tag_before(span, tag);
            self.diagnostics.push(
                Diagnostic::error(YAML_TAG, message)
                    .at(place, "begins with `!`")
                    .help(help),
            );
            if meant {
                let kind = NodeKind::Text(tag.clone());
                return Node {
                    span: place,
                    kind,
                    written: None,
                };
            }
        }
        let kind = match spanned.value {
            RawKind::Null => NodeKind::Null,
            RawKind::Bool(value) => NodeKind::Bool(value),
            RawKind::Int(value) => NodeKind::Int(value),
            RawKind::TooLarge => self.too_large(span),
            // The reader makes a float of an integer that is too large.
            RawKind::Float(_) if self.is_written_as_integer(span) => self.too_large(span),
            RawKind::Float(value) => NodeKind::Float(value),
            RawKind::Text(text) => {
                if text.contains('\0') {
                    self.diagnostics.push(
                        Diagnostic::error(YAML_NUL, "a text holds the character NUL (U+0000)")
                            .at(span, "holds it, unseen")
                            .help("take it out: no program's argument, no file's name and no database text can hold it"),
                    );
                }
                NodeKind::Text(text)
            }
            RawKind::List(items) => {
                NodeKind::List(items.into_iter().map(|item| self.node(item)).collect())
            }
            RawKind::Map(entries) => NodeKind::Map(self.entries(entries)),
        };
        let written = match &kind {
            NodeKind::Bool(_) | NodeKind::Int(_) | NodeKind::Float(_) => {
                self.text.get(span.start..span.end).map(Box::from)
            }
            NodeKind::Null | NodeKind::Text(_) | NodeKind::List(_) | NodeKind::Map(_) => None,
        };
        Node {
            span,
            kind,
            written,
        }
    }

    /// Where a tag stands, which the reader does not tell: shortly before its value.
    fn tag_before(&self, span: Span, tag: &str) -> Span {
        const BYTES_MAX: usize = 200;
        let mut start = span.start.saturating_sub(BYTES_MAX);
        while !self.text.is_char_boundary(start) {
            start += 1;
        }
        let before = self.text.get(start..span.end.max(span.start));
        let at = before.and_then(|before| before.rfind(tag));
        at.map_or(span, |at| Span::new(start + at, start + at + tag.len()))
    }

    fn entries(&mut self, raw: Vec<(RawNode, RawNode)>) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::with_capacity(raw.len());
        let mut places: BTreeMap<String, Span> = BTreeMap::new();
        for (key, value) in raw {
            let key = self.node(key);
            let value = self.node(value);
            let key_span = key.span;
            let key = match key.kind {
                NodeKind::Text(key) => key,
                NodeKind::Null
                | NodeKind::Bool(_)
                | NodeKind::Int(_)
                | NodeKind::Float(_)
                | NodeKind::List(_)
                | NodeKind::Map(_) => {
                    let message = format!("a key must be a string, not {}", key.describe());
                    let written = self.text.get(key_span.start..key_span.end);
                    let help = written.map(|written| {
                        format!(
                            "put it in quotes: \"{written}\"; ids of steps and names begin with a letter, such as `step_{}`",
                            written.trim_start_matches(['-', '+'])
                        )
                    });
                    let is_number = matches!(key.kind, NodeKind::Int(_));
                    self.diagnostics.push(
                        Diagnostic::error(WRONG_SHAPE, message)
                            .at(key_span, "write it in quotes")
                            .maybe_help(help.filter(|_| is_number)),
                    );
                    continue;
                }
            };
            if let Some(first) = places.get(&key) {
                let message = format!("the key `{}` stands twice", key.escape_debug());
                self.diagnostics.push(
                    Diagnostic::error(YAML_DUPLICATE_KEY, message)
                        .at(key_span, "again here")
                        .at(*first, "first here"),
                );
                continue;
            }
            places.insert(key.clone(), key_span);
            entries.push(Entry {
                key,
                key_span,
                value,
            });
        }
        entries
    }

    fn is_written_as_integer(&self, span: Span) -> bool {
        self.text.get(span.start..span.end).is_some_and(|text| {
            let digits = text.trim().trim_start_matches(['-', '+']);
            let hexadecimal = digits.strip_prefix("0x").or(digits.strip_prefix("0o"));
            match hexadecimal {
                Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
                None => !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()),
            }
        })
    }

    fn too_large(&mut self, span: Span) -> NodeKind {
        let found = Diagnostic::error(YAML_NUMBER, "the integer does not fit 64 bits")
            .at(span, "too large")
            .help("integers go from -9223372036854775808 to 9223372036854775807; a text of digits, such as a number of an account, needs quotes");
        self.diagnostics.push(found);
        NodeKind::Int(0)
    }
}

/// The reader's place in bytes. Where it knows none, the start of the text.
fn span_of(text: &str, location: Location) -> Span {
    let span = location.span();
    let place = |at: Option<u64>| at.and_then(|at| usize::try_from(at).ok());
    let (Some(start), Some(len)) = (place(span.byte_offset()), place(span.byte_len())) else {
        // The scanner's own errors come with a line and a column only.
        let start = offset_of(text, location.line(), location.column());
        return Span::new(start, start);
    };
    let start = start.min(text.len());
    let end = start.saturating_add(len).min(text.len());
    let trimmed = text
        .get(start..end)
        .map_or(len, |text| text.trim_end().len());
    Span::new(start, start + trimmed.min(end - start))
}

/// The byte at a line and a column of characters, both counted from 1.
fn offset_of(text: &str, line: u64, column: u64) -> usize {
    let skip = |count: u64| usize::try_from(count.saturating_sub(1)).unwrap_or(usize::MAX);
    let mut start = 0;
    for line in text.split_inclusive('\n').take(skip(line)) {
        start += line.len();
    }
    let rest = text[start..].lines().next().unwrap_or_default();
    start
        + rest
            .chars()
            .take(skip(column))
            .map(char::len_utf8)
            .sum::<usize>()
}

/// What the reader says of brackets in brackets before its budget is asked.
const RECURSION: &str = "recursion limit exceeded";

/// The first thing that stopped the reader.
fn reader_error(text: &str, error: &Error) -> Diagnostic {
    let error = error.without_snippet();
    let place = error
        .location()
        .map_or(Span::default(), |found| point(text, found));
    let report =
        |code, message: &str, label: &str| Diagnostic::error(code, message).at(place, label);
    match error {
        Error::Budget {
            breach,
            location: _,
        } => match breach {
            BudgetBreach::Anchors { .. }
            | BudgetBreach::Aliases { .. }
            | BudgetBreach::AliasAnchorRatio { .. }
            | BudgetBreach::RecordedAnchorEvents { .. }
            | BudgetBreach::RecordedAnchorBytes { .. } => alias_error(text, place),
            BudgetBreach::MergeKeys { .. } => merge_error(place),
            BudgetBreach::Documents { .. } => documents_error(place),
            BudgetBreach::Depth { .. } => too_deep(place),
            BudgetBreach::Nodes { .. } | BudgetBreach::Events { .. } => report(
                YAML_LIMIT,
                &format!("the runbook holds more than {NODES_MAX} values"),
                "here",
            ),
            // The type is the reader's and not exhaustive.
            _ => report(
                YAML_LIMIT,
                "the runbook is larger than a runbook may be",
                "here",
            ),
        },
        Error::MultipleDocuments { .. } => documents_error(place),
        Error::MergeKeyNotAllowed { .. } => merge_error(place),
        Error::UnknownAnchor { .. } | Error::AliasError { .. } => alias_error(text, place),
        Error::NonFiniteFloat { .. } => {
            let written = text.get(place.start..place.end).unwrap_or_default();
            let is_written_out = written.bytes().any(|byte| byte.is_ascii_digit());
            let said = if is_written_out {
                "the number is too large for a double"
            } else {
                "infinity and NaN are no numbers here"
            };
            report(YAML_NUMBER, said, "not finite")
                .help("a text that looks like a number needs quotes")
        }
        Error::TaggedScalarCannotDeserializeIntoString { .. }
        | Error::TaggedEnumMismatch { .. } => {
            report(YAML_TAG, "tags are not allowed", "leave the tag out")
        }
        other => {
            let message = other.to_string();
            // The reader puts the place into the text; the caret shows it.
            let message = message.lines().next().unwrap_or_default();
            let message = message.split(" at line ").next().unwrap_or_default();
            if message == RECURSION {
                return too_deep(place);
            }
            let hint = yaml_hints::explain(text, place.start, message);
            let said = hint.as_ref().map_or(message, |hint| &hint.message);
            report(
                YAML_SYNTAX,
                &format!("this is not valid YAML: {said}"),
                "here",
            )
            .maybe_help(hint.map(|hint| hint.help))
        }
    }
}

fn too_deep(place: Span) -> Diagnostic {
    let message = format!("the runbook is nested deeper than {DEPTH_MAX} levels");
    Diagnostic::error(YAML_LIMIT, message).at(place, "here")
}

fn alias_error(text: &str, place: Span) -> Diagnostic {
    let rest = text.get(place.start..).unwrap_or_default();
    let word = rest
        .split([' ', ',', '}', ']', '\n', '"'])
        .next()
        .unwrap_or_default();
    // Names of anchors are words; anything else was to be a text, such as a pattern.
    let is_name = word
        .trim_start_matches(['*', '&'])
        .chars()
        .all(|char| char.is_alphanumeric() || "_-".contains(char));
    let help = if is_name || !word.starts_with(['*', '&']) {
        "write the value where it is used, or make it an input with a default".to_owned()
    } else {
        format!("a text that begins with `*` or `&` needs quotes: \"{word}\"")
    };
    Diagnostic::error(YAML_ALIAS, "anchors and aliases are not allowed")
        .at(place, "here")
        .help(help)
}

fn merge_error(place: Span) -> Diagnostic {
    Diagnostic::error(YAML_ALIAS, "merge keys are not allowed")
        .at(place, "here")
        .help("write the keys where they are used, or use `defaults`")
}

fn documents_error(place: Span) -> Diagnostic {
    Diagnostic::error(YAML_DOCUMENTS, "a runbook is one YAML document")
        .at(place, "a second one starts here")
}

/// A place that shows at least one character where there is one.
fn point(text: &str, location: Location) -> Span {
    let found = span_of(text, location);
    let next = text.get(found.start..).and_then(|rest| rest.chars().next());
    let one = next.filter(|char| *char != '\n').map_or(0, char::len_utf8);
    Span::new(found.start, found.end.max(found.start + one))
}
