//! The keys of declared values: inputs, what they hold, and outputs.

use super::{Key, Keys, Shape, key, must};
use crate::check::shapes::{LENGTH_MAX, PLAIN_WORDS, WORDS};

const TYPE: Key = must(
    "type",
    Shape::Word(&WORDS),
    "What the value is; the keys beside it are rules about it.",
    "string",
);
const TITLE: Key = key(
    "title",
    Shape::Text,
    "What the value is, in a line for people.",
    "Host of the replica",
);
const DESCRIPTION: Key = key(
    "description",
    Shape::Text,
    "More about the value, for people.",
    "As the primary names it in pg_stat_replication",
);
const DEFAULT: Key = key(
    "default",
    Shape::OfType,
    "The value where none is given; null lets it be left out.",
    "replica-1",
);
const ENUM: Key = key(
    "enum",
    Shape::ListOfType,
    "The only values that are allowed.",
    "[replica-1, replica-2]",
);
const PATTERN: Key = key(
    "pattern",
    Shape::Text,
    "A regular expression that the whole of a string must match.",
    "'replica-[0-9]+'",
);
const MIN: Key = key(
    "min",
    Shape::OfType,
    "The least number, bytes or duration.",
    "1",
);
const MAX: Key = key(
    "max",
    Shape::OfType,
    "The greatest number, bytes or duration.",
    "10",
);
const MIN_LENGTH: Key = key(
    "min_length",
    Shape::Count(0, LENGTH_MAX),
    "The fewest characters of a string, or items of a list.",
    "1",
);
const MAX_LENGTH: Key = key(
    "max_length",
    Shape::Count(0, LENGTH_MAX),
    "The most characters of a string, or items of a list.",
    "64",
);
const fn items() -> Key {
    key(
        "items",
        Shape::Declaration(&ITEM),
        "What a list holds.",
        "string",
    )
}
const fn fields() -> Key {
    key(
        "fields",
        Shape::Declarations(&FIELD),
        "The members of a map, by name.",
        "{host: string, port: integer}",
    )
}
const fn values() -> Key {
    key(
        "values",
        Shape::Declaration(&ITEM),
        "What a map holds under any key.",
        "string",
    )
}

pub(crate) static INPUT: Keys = Keys {
    of: "an input",
    ..FIELD
};

/// A member of a map that is declared with `fields`.
pub(crate) static FIELD: Keys = Keys {
    of: "a field",
    known: &[
        TYPE,
        TITLE,
        DESCRIPTION,
        DEFAULT,
        ENUM,
        PATTERN,
        MIN,
        MAX,
        MIN_LENGTH,
        MAX_LENGTH,
        items(),
        fields(),
        values(),
    ],
    later: &[],
    refused: &[],
};

/// What a list or a map holds.
pub(crate) static ITEM: Keys = Keys {
    of: "an item",
    known: &[
        TYPE,
        TITLE,
        DESCRIPTION,
        ENUM,
        PATTERN,
        MIN,
        MAX,
        MIN_LENGTH,
        MAX_LENGTH,
        items(),
        fields(),
        values(),
    ],
    later: &[],
    refused: &[],
};

/// An output that a step declares: a type without rules.
pub(crate) static OUTPUT: Keys = Keys {
    of: "an output",
    known: &[
        TYPE,
        TITLE,
        DESCRIPTION,
        key(
            "optional",
            Shape::Boolean,
            "Whether the output can be null.",
            "true",
        ),
        key(
            "items",
            Shape::Declaration(&OUTPUT),
            "What a list holds.",
            "string",
        ),
        key(
            "fields",
            Shape::Declarations(&OUTPUT),
            "The members of a map, by name.",
            "{host: string, port: integer}",
        ),
        key(
            "values",
            Shape::Declaration(&OUTPUT),
            "What a map holds under any key.",
            "string",
        ),
    ],
    later: &[],
    refused: &[],
};

/// A value that a person states.
pub(crate) static VALUE: Keys = Keys {
    of: "a stated value",
    known: &[
        must(
            "type",
            Shape::Word(&PLAIN_WORDS),
            "What the value is; the keys beside it are rules about it.",
            "string",
        ),
        TITLE,
        DESCRIPTION,
        ENUM,
        PATTERN,
        MIN,
        MAX,
        key(
            "optional",
            Shape::Boolean,
            "Whether the person may leave it out; it is null then.",
            "true",
        ),
    ],
    later: &[],
    refused: &[],
};
