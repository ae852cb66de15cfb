//! The language's grammar as data: for each kind of map its keys, each with what its value
//! looks like, one line about it and an example; and which keys belong to the language but
//! not to this version: those are refused, never ignored. The decoder knows keys from here,
//! and so do the JSON Schema (`crate::schema`) and `docs/keys.md`.

mod book;
mod steps;
mod values;

pub(crate) use book::{
    APPROLE, CHANGE, GRANT, KEPT, NOTICE, ON, PLUGIN, SECRET, TOP, VAULT, VAULT_AUTH,
};
pub(crate) use steps::{
    ACTION, APPROVAL, CHECK, FACT, GATE, GUARD, INLINED, MANUAL, PROVIDES, QUORUM, RECONCILE,
    RETRY, UNDO, UNTIL, WAIT, WINDOW,
};
pub(crate) use values::{FIELD, INPUT, ITEM, OUTPUT, VALUE};

/// The keys of one kind of map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys {
    /// What the map is, as diagnostics say it.
    pub(crate) of: &'static str,
    pub(crate) known: &'static [Key],
    pub(crate) later: &'static [&'static str],
    /// Keys that a rule refuses later on, with a better reason than "unknown".
    pub(crate) refused: &'static [&'static str],
}

impl Keys {
    /// The key of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&'static Key> {
        self.known.iter().find(|key| key.name == name)
    }

    /// The names of the keys that may be used.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.known.iter().map(|key| key.name)
    }
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    /// One line for authors.
    pub(crate) doc: &'static str,
    /// Its value, as YAML.
    pub(crate) example: &'static str,
    /// Whether the map is wrong without it.
    pub(crate) is_required: bool,
}

/// A key that may be left out.
pub(crate) const fn key(
    name: &'static str,
    shape: Shape,
    doc: &'static str,
    example: &'static str,
) -> Key {
    Key {
        name,
        shape,
        doc,
        example,
        is_required: false,
    }
}

/// A key that must be there.
pub(crate) const fn must(
    name: &'static str,
    shape: Shape,
    doc: &'static str,
    example: &'static str,
) -> Key {
    Key {
        is_required: true,
        ..key(name, shape, doc, example)
    }
}

/// What answers something in a test: a word, or a map with some keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) words: &'static [&'static str],
    pub(crate) maps: &'static [&'static Keys],
}

/// What a value looks like.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// The version of the language.
    Version,
    /// Text that stays as it is written: nothing is filled into it.
    Text,
    /// A scheme, a colon and a name into which values are filled.
    Target,
    /// A name of a runbook or a step.
    Name,
    /// One of these words.
    Word(&'static [&'static str]),
    Boolean,
    /// A whole number from and to these bounds.
    Count(u32, u32),
    /// A span of time that is longer than nothing.
    Duration,
    DurationOrZero,
    /// A bare expression.
    Expression,
    /// A map with these keys.
    Map(&'static Keys),
    /// A map with any keys, of texts.
    Texts,
    /// A map with any keys, of templates.
    Templates,
    /// A name of a step, or a list of them.
    Names,
    /// Text, or a list of texts.
    TextOrTexts,
    /// A list of texts.
    Words,
    /// The name of an action, or `wait`.
    Uses,
    /// The name of an action that changes nothing.
    Reads,
    /// The path of a runbook, from the directory of this one.
    Path,
    /// The parameters of the action of the key `uses` beside it.
    With,
    /// Steps by their ids.
    Steps,
    /// Parameters by the first word of actions.
    Defaults,
    /// A map from names to bare expressions.
    Expressions,
    /// Names of secrets, with or without their places.
    Secrets,
    /// The word `manifest`, or a list of maps with these keys.
    Grants(&'static Keys),
    /// Ranges of addresses into which values may be filled.
    Ranges,
    /// Declarations of values by their names.
    Declarations(&'static Keys),
    /// One declaration: a type's word, or a map with these keys.
    Declaration(&'static Keys),
    /// A map from any names to maps with these keys.
    Members(&'static Keys),
    /// A list of maps with these keys.
    ListOf(&'static Keys),
    /// A map with these keys, or a list of such maps.
    OneOrMore(&'static Keys),
    /// A name, or a map with more than it.
    NameOr(&'static Keys),
    /// A duration, or the end of an opening.
    Expiry,
    /// One answer, or a list with one for each time.
    Answers(&'static Answer),
    /// Such answers by the names of steps.
    AnswersByStep(&'static Answer),
    /// One of these words by the names of steps.
    WordsByStep(&'static [&'static str]),
    /// Whole numbers up to this bound, by the names of steps.
    CountsByStep(u32),
    /// A map by the names of steps.
    MapByStep,
    /// Maps by the names of steps, each once or in a list with one for each time.
    MapsByStep,
    /// Any text at all.
    Note,
    /// Text, or nothing.
    TextOrNothing,
    /// Anything at all.
    Anything,
    /// A value of the type that the key `type` beside it names.
    OfType,
    /// A list of such values.
    ListOfType,
}

impl Shape {
    /// The shape with its article, as diagnostics and documents say it.
    pub(crate) fn words(self) -> String {
        let fixed = match self {
            Shape::Version => "the number 1",
            Shape::Text => "a string",
            Shape::Target => "a scheme and a name",
            Shape::Name => "a name",
            Shape::Word(words) => return alternatives(words),
            Shape::Boolean => "true or false",
            Shape::Count(least, most) => return format!("an integer from {least} to {most}"),
            Shape::Duration | Shape::DurationOrZero => "a duration",
            Shape::Expression => "an expression",
            Shape::Map(_) => "a map",
            Shape::Texts => "a map of strings",
            Shape::Templates => "a map of values",
            Shape::Names => "a step or a list of steps",
            Shape::TextOrTexts => "a string or a list of strings",
            Shape::Words => "a list of strings",
            Shape::Uses => "an action",
            Shape::Reads => "an action that reads",
            Shape::Path => "a path",
            Shape::With => "a map of parameters",
            Shape::Steps => "a map of steps",
            Shape::Defaults => "a map of maps of parameters",
            Shape::Expressions => "a map of expressions",
            Shape::Secrets => "a list of names, or a map from names to places",
            Shape::Grants(_) => "`manifest` or a list of maps",
            Shape::Ranges => "a list of address ranges",
            Shape::Declarations(_) => "a map of types",
            Shape::Declaration(_) => "a type",
            Shape::Members(_) => "a map of maps",
            Shape::ListOf(_) => "a list of maps",
            Shape::OneOrMore(_) => "a map or a list of maps",
            Shape::NameOr(_) => "a name or a map",
            Shape::Expiry => "a duration or `window_end`",
            Shape::Answers(_) => "an answer or a list of answers",
            Shape::AnswersByStep(_) => "a map of answers",
            Shape::WordsByStep(_) => "a map of words",
            Shape::CountsByStep(_) => "a map of integers",
            Shape::Note => "a string",
            Shape::MapByStep | Shape::MapsByStep => "a map of maps",
            Shape::TextOrNothing => "a string or nothing",
            Shape::Anything => "any value",
            Shape::OfType => "a value of the type",
            Shape::ListOfType => "a list of values of the type",
        };
        fixed.to_owned()
    }
}

/// Words, the last two joined by "or".
fn alternatives(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.join(""),
    }
}
