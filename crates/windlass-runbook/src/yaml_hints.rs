//! What an author probably did when the reader gave up, told from the line where it did.
//! The reader's own words are those of its grammar; these are those of the text.

/// What is wrong in plain words, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hint {
    pub(crate) message: String,
    pub(crate) help: String,
}

fn hint(message: &str, help: impl Into<String>) -> Option<Hint> {
    Some(Hint {
        message: message.to_owned(),
        help: help.into(),
    })
}

/// The place where the reader stopped.
struct Stop<'t> {
    text: &'t str,
    /// The line that it is on, without its end.
    line: &'t str,
    line_start: usize,
    /// The column in bytes.
    column: usize,
}

impl<'t> Stop<'t> {
    fn new(text: &'t str, at: usize) -> Self {
        let mut at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let line_start = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let line = text[line_start..].lines().next().unwrap_or_default();
        Self {
            text,
            line,
            line_start,
            column: (at - line_start).min(line.len()),
        }
    }

    /// Whether nothing but blanks precedes it on the line.
    fn is_first(&self) -> bool {
        self.line[..self.column].trim().is_empty()
    }

    fn rest(&self) -> &'t str {
        &self.line[self.column..]
    }

    /// The line above that holds something.
    fn above(&self) -> &'t str {
        self.text[..self.line_start]
            .lines()
            .rev()
            .find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
            .unwrap_or_default()
    }

    /// The key and value of a line of a block.
    fn pair(&self) -> Option<(&'t str, &'t str)> {
        let (key, value) = self.line.split_once(": ")?;
        Some((key.trim().trim_start_matches("- "), value.trim()))
    }
}

/// A text in quotes, when it has none of that kind in it.
fn in_quotes(text: &str) -> Option<String> {
    if !text.contains('"') && !text.contains('\\') {
        Some(format!("\"{text}\""))
    } else if !text.contains('\'') {
        Some(format!("'{text}'"))
    } else {
        None
    }
}

/// ": `NAME: "..."`", or nothing where that cannot be shown.
fn shown(key: &str, value: &str) -> String {
    match in_quotes(value) {
        Some(quoted) if key.is_empty() => format!(": {quoted}"),
        Some(quoted) => format!(": `{key}: {quoted}`"),
        None => String::new(),
    }
}

/// A value in braces or brackets, as far as it goes.
fn flow_value(rest: &str) -> &str {
    rest.split([',', '}', ']']).next().unwrap_or(rest).trim()
}

/// What `said` about the place `at` means to an author.
pub(crate) fn explain(text: &str, at: usize, said: &str) -> Option<Hint> {
    let stop = Stop::new(text, at);
    let indent = stop.line.len() - stop.line.trim_start_matches([' ', '\t']).len();
    if stop.line[..indent].contains('\t') && stop.column <= indent {
        return hint(
            "a tab stands where the line begins",
            "YAML indents with blanks only: replace each tab by two blanks",
        );
    }
    if said.contains("flow") || said.contains("',' or") {
        return in_flow(&stop);
    }
    if said.contains("unexpected character") || said.contains("cannot start any token") {
        let value = stop.rest();
        let first = value.chars().next()?;
        if first.is_control() {
            return control(first);
        }
        let shown = shown("", value.trim());
        return hint(
            &format!("a text cannot begin with `{first}`"),
            format!("put it in quotes{shown}"),
        );
    }
    if said.contains("trailing content after") {
        let shown = stop
            .pair()
            .filter(|(_, value)| value.starts_with(['"', '\'']));
        let shown = shown.map_or(String::new(), |(key, value)| self::shown(key, value));
        return hint(
            "something stands behind the end of a quoted text",
            format!(
                "a value that begins with a quote ends with it: put the whole in quotes of the other kind{shown}"
            ),
        );
    }
    if said.contains("mapping values are not allowed") {
        if let Some(found) = above_is_whole(&stop, indent) {
            return Some(found);
        }
        let above = stop.above().trim();
        if !above.is_empty() && !above.contains(':') && !above.starts_with("- ") {
            let (key, value) = above.split_once(' ').unwrap_or((above, "..."));
            return hint(
                "the line above is no key with a value",
                format!("a key ends with a colon: `{key}: {value}`"),
            );
        }
        if let (true, Some((key, value))) = (stop.line.matches(": ").count() > 1, stop.pair()) {
            return hint(
                "a second `: ` stands on one line",
                format!(
                    "a text with a colon in it needs quotes{}",
                    shown(key, value)
                ),
            );
        }
    }
    if said.contains("did not find expected key") || said.contains("expected <block end>") {
        return in_block(&stop);
    }
    if said.contains("expected ':'") {
        return hint(
            "a line is neither `key: value` nor `- item`",
            "a key ends with a colon, an item begins with a dash and a blank",
        );
    }
    if said.contains("quote") {
        let opened = stop.text[..stop.line_start + stop.column]
            .lines()
            .enumerate()
            .filter(|(_, line)| line.matches('"').count() % 2 == 1)
            .last();
        let place = opened.map_or(String::new(), |(number, _)| {
            format!(" on line {}", number + 1)
        });
        return hint(
            "a quote is opened and not closed",
            format!("look for a missing quote{place}"),
        );
    }
    None
}

/// A character that nobody sees, in the middle of a text.
fn control(char: char) -> Option<Hint> {
    let code = u32::from(char);
    let help = match char {
        '\0' => "take it out: nothing can hold it".to_owned(),
        '\u{1b}' => "colours and cursors of a terminal begin with it: take them out, or write it as \"\\e\" in double quotes".to_owned(),
        _ => format!("take it out; where it is meant, write it as \"\\x{code:02x}\" in double quotes"),
    };
    hint(
        &format!("the control character U+{code:04X} stands in the text, unseen"),
        help,
    )
}

/// A line whose key belongs to nothing, as the line above is complete.
fn above_is_whole(stop: &Stop<'_>, indent: usize) -> Option<Hint> {
    let above = stop.above();
    let depth = above.len() - above.trim_start_matches(' ').len();
    let above = above.trim();
    let (key, value) = above.split_once(':')?;
    let is_key = |key: &str| {
        key.chars()
            .all(|char| char.is_ascii_alphanumeric() || "_-".contains(char))
    };
    if !value.is_empty() && !value.starts_with(' ') && is_key(key) {
        return hint(
            "a key's colon has no blank behind it on the line above",
            format!("write `{key}: {value}`"),
        );
    }
    if indent > depth && !value.trim().is_empty() && is_key(key) {
        return hint(
            &format!("the line is indented deeper than `{above}`, which has its value already"),
            format!("begin it after {depth} blanks, as that line does"),
        );
    }
    None
}

/// Inside of braces or brackets.
fn in_flow(stop: &Stop<'_>) -> Option<Hint> {
    if let Some(at) = stop.line.find("${{")
        && !stop.line[..at].ends_with(['"', '\''])
    {
        let end = stop.line[at..]
            .find("}}")
            .map_or(stop.line.len(), |end| at + end + 2);
        return hint(
            "`${{ }}` stands in braces or brackets without quotes",
            format!("put it in quotes{}", shown("", &stop.line[at..end])),
        );
    }
    if stop.is_first() {
        return hint(
            "a `{` or `[` above is not closed",
            "close it on its line, or write the keys below each other without braces",
        );
    }
    let before = &stop.line[..stop.column];
    let start = before.rfind([',', '{', '[']).map_or(0, |at| at + 1);
    let part = before[start..].trim();
    let help = "in braces and brackets a text with one of , : [ ] { } # needs quotes";
    let shown = match (stop.rest().strip_prefix(':'), part.split_once(": ")) {
        (Some(rest), Some((key, value))) => shown(
            key,
            &format!(
                "{value}:{}{}",
                &rest[..rest.len() - rest.trim_start().len()],
                flow_value(rest)
            ),
        ),
        _ => String::new(),
    };
    hint(
        "a text in braces or brackets does not end where it should",
        format!("{help}{shown}"),
    )
}

/// Between the lines of a block.
fn in_block(stop: &Stop<'_>) -> Option<Hint> {
    if stop.is_first() {
        let mut above: Vec<usize> = Vec::new();
        let own = stop.column;
        for line in stop.text[..stop.line_start].lines().rev() {
            let indent = line.len() - line.trim_start_matches(' ').len();
            let holds = !line.trim().is_empty() && !line.trim_start().starts_with('#');
            if holds && above.last().is_none_or(|last| indent < *last) {
                above.push(indent);
            }
            if indent == 0 && holds {
                break;
            }
        }
        above.reverse();
        if above.contains(&own) {
            return None;
        }
        let above: Vec<String> = above.iter().map(usize::to_string).collect();
        return hint(
            "the line is indented like none above it",
            format!(
                "it begins after {own} blanks; the lines that it could belong to begin after {}",
                above.join(", ")
            ),
        );
    }
    let (key, value) = stop.pair()?;
    let first = value
        .chars()
        .next()
        .filter(|char| "[{\"'".contains(*char))?;
    hint(
        &format!("something stands behind the end of a value that begins with `{first}`"),
        format!(
            "put an expression in quotes as a whole{}",
            shown(key, value)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(text: &str, found: &str, said: &str) -> String {
        let at = text.find(found).expect("the place is in the text");
        explain(text, at, said).map_or(String::new(), |hint| hint.help)
    }

    #[test]
    fn nothing_is_out_of_bounds() {
        let texts = [
            "",
            "\n",
            "ü",
            "\t",
            "a: [",
            "a: 'b' c: d\n  - \t",
            "${{",
            "\"",
            ": : :\n :",
        ];
        let said = [
            "flow",
            "unexpected character",
            "trailing content after",
            "quote",
            "expected ':'",
            "mapping values are not allowed",
            "did not find expected key",
        ];
        for text in texts {
            for at in 0..text.len() + 2 {
                for said in said {
                    explain(text, at, said);
                }
            }
        }
    }

    #[test]
    fn the_authors_own_text_is_put_in_quotes() {
        assert_eq!(
            help("t: a: b", ": b", "mapping values are not allowed"),
            "a text with a colon in it needs quotes: `t: \"a: b\"`"
        );
        assert!(help("w: {a: b: c, d: e}", ": c", "flow").ends_with(": `a: \"b: c\"`"));
        assert!(help("e: 'a' == \"b\"", "==", "trailing content after").ends_with("other kind"));
    }
}
