//! What an author probably meant: words of other tools, spellings that nearly fit, and
//! values of nearly the right type. Responsible for the suggestions only; whether
//! something is a mistake is decided where it is read.

use std::ops::Range;

use windlass_core::id::StepId;

use crate::node::{Node, NodeKind};

/// Keys that other tools have, by the place where they are met, and what stands for them here.
const FOREIGN_KEYS: &[(&str, &[&str], &str)] = &[
    (
        "a runbook",
        &["description", "summary"],
        "write `title: ...`",
    ),
    (
        "a runbook",
        &["vars", "variables", "params", "parameters", "args", "env"],
        "what a run is given stands under `inputs`",
    ),
    (
        "a runbook",
        &["tasks", "jobs", "stages", "plays", "actions"],
        "what a run does stands under `steps`",
    ),
    (
        "a runbook",
        &["version", "apiversion"],
        "the language's version is `windlass: 1`; a runbook's own version is its digest",
    ),
    (
        "a runbook",
        &["on_error", "rollback"],
        "write `on_failure: undo`, and `undo` at each step",
    ),
    (
        "a runbook",
        &["always", "cleanup", "after"],
        "what runs at every end stands under `finally`",
    ),
    (
        "a step",
        &["name", "description", "desc"],
        "write `title: ...`",
    ),
    (
        "a step",
        &["id"],
        "a step's id is the key that it stands under",
    ),
    (
        "a step",
        &["if", "condition", "only_if"],
        "the key is `when`",
    ),
    ("a step", &["unless"], "write `when: \"!(...)\"`"),
    (
        "a step",
        &["run", "script", "cmd", "command", "exec", "shell"],
        "write `uses: shell` and `with: {script: ...}`",
    ),
    (
        "a step",
        &["action", "type", "module", "plugin", "do"],
        "the key is `uses`",
    ),
    (
        "a step",
        &["args", "params", "parameters", "inputs"],
        "parameters stand under `with`",
    ),
    (
        "a step",
        &[
            "depends_on",
            "depends-on",
            "dependson",
            "after",
            "requires",
            "need",
        ],
        "the key is `needs`",
    ),
    (
        "a step",
        &["env", "environment"],
        "variables are a parameter of `shell`: `with: {env: {NAME: value}}`",
    ),
    (
        "a step",
        &[
            "continue-on-error",
            "continue_on_error",
            "ignore_errors",
            "allow_failure",
        ],
        "a failed step ends the run; `ok_exit_codes` of `shell` and `expect` say what is no failure",
    ),
    (
        "a step",
        &["timeout-minutes", "timeout_minutes", "timeout_seconds"],
        "write `timeout` with a unit, such as `timeout: 5m`",
    ),
    (
        "a step",
        &[
            "loop",
            "foreach",
            "for-each",
            "with_items",
            "matrix",
            "items",
        ],
        "the key is `for_each`, and the item is read as `item`",
    ),
    (
        "a step",
        &["retries", "attempts", "max_attempts"],
        "write `retry: {attempts: 3}`",
    ),
    (
        "a step",
        &["delay", "backoff"],
        "write `retry: {attempts: 3, backoff: 10s}`",
    ),
    (
        "a step",
        &["wait_for", "poll"],
        "write `until: {that: ..., every: 10s, for: 10m}`",
    ),
    (
        "a step",
        &["rollback", "on_failure", "on_error", "compensate", "revert"],
        "write `undo: {uses: ..., with: ...}`",
    ),
    (
        "a step",
        &["register", "output", "save_as"],
        "results are read as `steps.STEP.outputs.NAME`; nothing has to be saved",
    ),
    (
        "a step",
        &["assert", "check", "verify"],
        "the key is `expect`",
    ),
    (
        "a step",
        &["approve", "approvers", "manual"],
        "a gate is a step with `approval: {expires: 30m}` instead of `uses`",
    ),
    (
        "a step",
        &["covers", "lead"],
        "it stands in the window: `window: {name: off_peak, covers: verify}`",
    ),
    (
        "a step",
        &["parallel", "concurrency"],
        "steps that do not need each other run side by side; `max_parallel` bounds the items of `for_each`",
    ),
    (
        "a gate",
        &["approvers", "group", "groups"],
        "who may approve is not said by this version's gates",
    ),
    (
        "a gate",
        &["expires", "timeout", "show", "not_requester"],
        "it stands in the approval: `approval: {expires: 30m}`",
    ),
    (
        "an approval",
        &["timeout", "expiry", "expires_in"],
        "the key is `expires`",
    ),
    (
        "an approval",
        &["approvers", "group", "groups", "users"],
        "who may approve is not said by this version's gates",
    ),
    (
        "an approval",
        &["title", "message", "description"],
        "the gate's `title` stands beside `approval`; facts stand under `show`",
    ),
    (
        "an input",
        &["required", "optional"],
        "an input without `default` must be given; `default: null` lets it be left out",
    ),
    (
        "an input",
        &["options", "choices", "values", "allowed"],
        "the key is `enum`",
    ),
    (
        "an input",
        &["regex", "regexp", "match", "validation"],
        "the key is `pattern`",
    ),
    (
        "an input",
        &["secret", "sensitive"],
        "secrets are no inputs: list them under `secrets`",
    ),
    (
        "`retry`",
        &["count", "times", "max", "max_attempts", "retries", "limit"],
        "the key is `attempts`; it counts the first one too",
    ),
    (
        "`retry`",
        &["delay", "wait", "interval", "every"],
        "the key is `backoff`",
    ),
    (
        "`retry`",
        &["max_delay", "maxdelay"],
        "the key is `max_backoff`",
    ),
    (
        "`until`",
        &["condition", "expect", "when", "is"],
        "the key is `that`",
    ),
    (
        "`until`",
        &["timeout", "within", "max"],
        "the key is `for`: the time for all looks",
    ),
    (
        "`until`",
        &["interval", "delay", "period"],
        "the key is `every`",
    ),
    (
        "`undo`",
        &["when", "expect"],
        "an undo is one call: it has no conditions of its own",
    ),
    (
        "`reconcile`",
        &["expect", "that"],
        "the conditions are `happened`, `not_happened` and `in_progress`",
    ),
];

/// What stands here for a key of another tool.
pub(super) fn foreign_key(of: &str, key: &str) -> Option<String> {
    let key = key.to_ascii_lowercase();
    FOREIGN_KEYS
        .iter()
        .find(|(place, keys, _)| *place == of && keys.contains(&key.as_str()))
        .map(|(_, _, help)| (*help).to_owned())
}

/// What to write for a key that was left out, where that is not obvious.
pub(super) fn missing_key(of: &str, key: &str) -> Option<&'static str> {
    Some(match (of, key) {
        ("a runbook", "windlass") => {
            "begin the file with `windlass: 1`, the version of the language"
        }
        ("a runbook", "name") => "give it a name, such as `name: upgrade_database`",
        ("a runbook", "steps") => "write the steps below `steps:`, each under its id",
        ("an input", "type") => "say what kind of value it is, such as `type: string`",
        ("`until`", "every") => "say how long to pause between two looks, such as `every: 10s`",
        ("`until`", "for") => "say for how long to look at most, such as `for: 10m`",
        ("`until`", "that") => "say what to wait for: an expression over the outputs of this step",
        ("`retry`", "attempts") => "say how many attempts there are in all, such as `attempts: 3`",
        ("`reconcile`", "happened") => {
            "say how the look tells that the change took effect: an expression over its outputs"
        }
        _ => return None,
    })
}

/// What stands here for an action's name of another tool.
pub(super) fn foreign_action(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "bash" | "sh" | "command" | "script" | "exec" | "run" | "cmd" | "local" => {
            "programs and scripts are run by `shell`"
        }
        "sleep" | "pause" | "delay" | "timer" => {
            "to let time pass: `uses: wait` with `with: {for: 30s}`"
        }
        "approval" | "approve" | "gate" | "confirm" => {
            "a gate is a step with `approval: {expires: 30m}` instead of `uses`"
        }
        "psql" | "sql" => "SQL is run by `postgres/query` and `postgres/execute`",
        _ => return None,
    })
}

/// The name that comes nearest to a text and is spelled as names must be.
pub(super) fn respelled(text: &str) -> Option<String> {
    if text.contains('/') {
        return None;
    }
    let mut name = String::new();
    for char in text.trim().chars() {
        if char.is_ascii_alphanumeric() {
            if name.is_empty() && char.is_ascii_digit() {
                name.push_str("step_");
            }
            name.push(char.to_ascii_lowercase());
        } else if !char.is_ascii() {
            // Nobody wants to hear that `très` is `tr_s`.
            return None;
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    let name = name.trim_end_matches('_').parse::<StepId>().ok()?;
    Some(format!("write `{name}`"))
}

/// Names that are written as one text: `a, b` or `a and b`.
pub(super) fn list_of_names(text: &str) -> Option<String> {
    // `needs` names a step; what is read of it stands in expressions.
    let part = text.strip_prefix("steps.").unwrap_or(text);
    let name = part.split(['.', '[']).next().unwrap_or_default();
    if name.len() < text.len()
        && let Ok(name) = name.parse::<StepId>()
    {
        return Some(format!("`needs` names the step alone: write `{name}`"));
    }
    let names: Vec<&str> = text
        .split([',', ' ', ';'])
        .map(str::trim)
        .filter(|name| !name.is_empty() && *name != "and" && *name != "&&")
        .collect();
    let valid = names.iter().all(|name| name.parse::<StepId>().is_ok());
    (names.len() > 1 && valid).then(|| format!("write a list: [{}]", names.join(", ")))
}

/// How a duration that people write otherwise is written here.
pub(super) fn duration(node: &Node) -> String {
    let meant = match &node.kind {
        NodeKind::Int(count) if *count > 0 => {
            return format!("write its unit as well: `{count}s`, `{count}m` or `{count}h`");
        }
        NodeKind::Text(text) => milliseconds(text),
        _ => None,
    };
    match meant {
        Some(meant) => format!(
            "write `{}`: a whole number and one unit of ms, s, m, h and d",
            in_one_unit(meant)
        ),
        None => "write a whole number and a unit: 500ms, 15s, 30m, 4h or 2d".to_owned(),
    }
}

fn in_one_unit(milliseconds: u64) -> String {
    const UNITS: [(&str, u64); 4] = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
    ];
    for (unit, length) in UNITS {
        if milliseconds.is_multiple_of(length) {
            return format!("{}{unit}", milliseconds / length);
        }
    }
    format!("{milliseconds}ms")
}

/// `2 hours`, `1h30m`, `1.5h`, `90sec`, `00:30:00`.
fn milliseconds(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    if let [hours, minutes, seconds] = text.split(':').collect::<Vec<_>>().as_slice() {
        let number = |part: &str| part.parse::<u64>().ok().filter(|count| *count < 1_000);
        let (hours, minutes, seconds) = (number(hours)?, number(minutes)?, number(seconds)?);
        return Some(((hours * 60 + minutes) * 60 + seconds) * 1_000);
    }
    let mut rest = text.as_str();
    let mut sum = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !char.is_ascii_digit() && char != '.')?;
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let letters = after
            .find(|char: char| !char.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let length: u64 = match unit {
            "ms" | "msec" | "millis" | "milliseconds" => 1,
            "s" | "sec" | "secs" | "second" | "seconds" => 1_000,
            "m" | "min" | "mins" | "minute" | "minutes" => 60_000,
            "h" | "hr" | "hrs" | "hour" | "hours" => 3_600_000,
            "d" | "day" | "days" => 86_400_000,
            "w" | "week" | "weeks" => 604_800_000,
            _ => return None,
        };
        // In thousandths, so that `1.5h` comes out exactly.
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        if part.len() > 3 || whole.len() > 6 {
            return None;
        }
        let whole: u64 = whole.parse().ok()?;
        let part: u64 = format!("{part:0<3}").parse().ok()?;
        sum = sum.checked_add((whole * 1_000 + part).checked_mul(length)? / 1_000)?;
        rest = after.trim_start().trim_start_matches(',').trim_start();
        rest = rest.strip_prefix("and ").unwrap_or(rest);
    }
    (sum > 0).then_some(sum)
}

/// The part of a text that would be an expression if it had `${{` before it: `{{ inputs.x }}`,
/// `${inputs.x}`, `$inputs.x`.
pub(super) fn almost_expression(text: &str) -> Option<Range<usize>> {
    const ROOTS: [&str; 4] = ["inputs.", "steps.", "secrets.", "run."];
    // Most texts have neither sign, and every text of a runbook comes here.
    if !text.contains(['{', '$']) {
        return None;
    }
    let found = ROOTS.iter().flat_map(|root| text.match_indices(root));
    for (at, _) in found {
        let before = text[..at].trim_end_matches(' ');
        let opening = ["${{", "{{", "${", "$(", "$"]
            .into_iter()
            .find(|opening| before.ends_with(opening));
        let Some(opening) = opening.filter(|opening| *opening != "${{") else {
            continue;
        };
        // A blank after a lone `$` makes it a sign of its own.
        if opening == "$" && before.len() != at {
            continue;
        }
        let is_path = |char: char| char.is_ascii_alphanumeric() || "._".contains(char);
        let rest = &text[at..];
        let end = at + rest.find(|char| !is_path(char)).unwrap_or(rest.len());
        let blanks = text[end..].len() - text[end..].trim_start_matches(' ').len();
        let closing = ["}}", "}", ")"]
            .into_iter()
            .find(|closing| text[end + blanks..].starts_with(closing))
            .filter(|_| opening != "$");
        let end = closing.map_or(end, |closing| end + blanks + closing.len());
        return Some(before.len() - opening.len()..end);
    }
    None
}

/// For a text that YAML reads as a number or a boolean: the author's own spelling in quotes.
pub(super) fn quoted(node: &Node) -> Option<String> {
    let written = node.written.as_deref()?;
    let read = match &node.kind {
        NodeKind::Float(value) if value.to_string() != written => {
            format!(": without quotes it is the number {value}")
        }
        _ => String::new(),
    };
    Some(format!("put it in quotes: \"{written}\"{read}"))
}

/// For a boolean that YAML 1.2 reads as a text.
pub(super) fn boolean(node: &Node) -> Option<String> {
    let meant = match node.as_text()?.to_ascii_lowercase().as_str() {
        "yes" | "on" | "y" | "true" => true,
        "no" | "off" | "n" | "false" => false,
        _ => return None,
    };
    Some(format!(
        "write `{meant}`: yes, no, on and off are plain texts in YAML 1.2"
    ))
}

/// How a map is written whose place something else took.
pub(super) fn map(of: &str, node: &Node) -> Option<String> {
    let text = match &node.kind {
        NodeKind::Text(text) => text.as_str(),
        _ => "",
    };
    Some(match (of, &node.kind) {
        ("a runbook", _) => "begin with `windlass: 1`, `name: ...` and `steps:`".to_owned(),
        ("an approval", _) => {
            "write `approval: {}`, or with a limit `approval: {expires: 30m}`".to_owned()
        }
        ("`retry`", NodeKind::Int(count)) if *count > 0 => {
            // People mean "so many times more".
            format!("write `retry: {{attempts: {count}}}`; the first attempt counts too")
        }
        ("`retry`", _) => "write `retry: {attempts: 3}`".to_owned(),
        ("`until`", NodeKind::Text(_)) => {
            format!("write `until: {{that: \"{text}\", every: 10s, for: 10m}}`")
        }
        ("a step", NodeKind::Text(_)) => format!("write `{{uses: {text}}}`"),
        ("a step", _) => "a step's keys stand below its id, indented further".to_owned(),
        ("`undo`" | "`reconcile`", _) => {
            "write the action and its parameters: `{uses: ..., with: {...}}`".to_owned()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Span;

    fn node(kind: NodeKind) -> Node {
        Node {
            span: Span::default(),
            kind,
            written: None,
        }
    }

    #[test]
    fn durations_are_understood_in_many_spellings() {
        let table = [
            ("2 hours", Some("2h")),
            ("1h30m", Some("90m")),
            ("1.5h", Some("90m")),
            ("90sec", Some("90s")),
            ("5M", Some("5m")),
            ("00:30:00", Some("30m")),
            ("1 hour and 5 minutes", Some("65m")),
            ("0.25s", Some("250ms")),
            ("1w", Some("7d")),
            ("0s", None),
            ("soon", None),
            ("5 parsecs", None),
            ("1.23456s", None),
            ("", None),
        ];
        for (text, meant) in table {
            let found = milliseconds(text).map(in_one_unit);
            assert_eq!(found.as_deref(), meant, "{text}");
        }
    }

    #[test]
    fn what_is_almost_an_expression_is_seen() {
        let table = [
            ("a {{ inputs.host }} b", Some("{{ inputs.host }}")),
            ("${inputs.host}", Some("${inputs.host}")),
            ("x=$inputs.host;", Some("$inputs.host")),
            ("$(steps.a.outputs.b)", Some("$(steps.a.outputs.b)")),
            ("{{inputs.host", Some("{{inputs.host")),
            ("{{ .Names }}", None),
            ("costs 5 $ inputs.host", None),
            ("read inputs.host", None),
            ("{inputs.host}", None),
            ("${HOME}/inputs.d", None),
        ];
        for (text, part) in table {
            let found = almost_expression(text).map(|range| &text[range]);
            assert_eq!(found, part, "{text}");
        }
    }

    #[test]
    fn names_are_respelled() {
        let table = [
            ("Look-Around", Some("write `look_around`")),
            ("2nd look", Some("write `step_2nd_look`")),
            ("Upgrade the Database", Some("write `upgrade_the_database`")),
            ("", None),
            ("très", None),
        ];
        for (text, meant) in table {
            assert_eq!(respelled(text).as_deref(), meant, "{text}");
        }
        assert_eq!(
            list_of_names("a, b and c").as_deref(),
            Some("write a list: [a, b, c]")
        );
        assert_eq!(
            list_of_names("steps.a").as_deref(),
            Some("`needs` names the step alone: write `a`")
        );
        assert_eq!(list_of_names("a-b"), None);
    }

    #[test]
    fn old_booleans_are_understood() {
        let meant = |text: &str| boolean(&node(NodeKind::Text(text.to_owned())));
        assert!(meant("Yes").is_some_and(|help| help.contains("`true`")));
        assert!(meant("off").is_some_and(|help| help.contains("`false`")));
        assert_eq!(meant("maybe"), None);
    }
}
