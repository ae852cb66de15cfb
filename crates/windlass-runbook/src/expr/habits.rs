//! Words and signs of other languages that people write into an expression, and what
//! says the same here.

/// What stands for a sign that has no meaning, told from the text that begins with it.
pub(super) fn sign(rest: &str) -> Option<&'static str> {
    const SIGNS: [(&str, &str); 9] = [
        ("===", "equality is `==`"),
        (
            "=~",
            "there are no patterns here: `contains`, `startsWith` and `endsWith` look into a text",
        ),
        ("=", "equality is `==`"),
        ("&", "\"and\" is `&&`"),
        ("|", "\"or\" is `||`"),
        ("${{", "this expression is bare: write it without `${{ }}`"),
        ("${", "a value is read by its path, such as `inputs.NAME`"),
        ("$", "a value is read by its path, such as `inputs.NAME`"),
        (
            "~",
            "there are no patterns here: `contains`, `startsWith` and `endsWith` look into a text",
        ),
    ];
    let found = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign));
    found.map(|(_, help)| *help)
}

/// What stands for a word between two values.
pub(super) fn operator(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "and" | "or" | "not" => "write `&&`, `||` and `!`",
        "is" | "eq" | "equals" => "equality is `==`; a test for nothing is `== null`",
        "ne" | "isnt" => "inequality is `!=`",
        "gt" | "ge" | "lt" | "le" => "comparisons are `<`, `<=`, `>` and `>=`",
        "mod" => "the remainder is `%`",
        "contains" | "matches" | "like" => "write `text.contains('part')`",
        "if" | "then" | "else" => "a choice is `condition ? value : other`",
        _ => return None,
    })
}

/// What stands for a function.
pub(super) fn function(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "not" => "negation is `!`",
        "len" | "length" | "count" => "write `value.size()`",
        "str" | "tostring" | "to_string" | "text" => "write `string(value)`",
        "float" | "number" => "write `double(value)`",
        "integer" | "toint" | "parseint" => "write `int(value)`",
        "lower" | "tolower" | "lowercase" => "write `text.lowerAscii()`",
        "upper" | "toupper" | "uppercase" => "write `text.upperAscii()`",
        "includes" => "write `text.contains('part')`, or `item in list`",
        "matches" | "match" | "regex" => {
            "there are no patterns here: `contains`, `startsWith` and `endsWith` look into a text"
        }
        "any" | "some" => "write `list.exists(x, ...)`",
        "every" => "write `list.all(x, ...)`",
        "first" => "write `list[0]`",
        "now" | "today" | "date" | "time" | "random" | "uuid" => {
            "an expression has the same value whenever it is read: there is no clock and no chance"
        }
        "env" | "getenv" => "a runbook does not read the environment: declare an input",
        "always" | "failure" | "success" | "failed" | "succeeded" | "cancelled" => {
            "what runs after every end stands in `finally`, where `run.end` and `steps.STEP.state` can be read"
        }
        _ => return None,
    })
}
