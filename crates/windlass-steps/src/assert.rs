//! `assert`: holds named checks against what earlier steps found. All of them are judged,
//! so that one pass shows every fault; one that says `stop` ends the step as failed.
//! The front end hands the checks over as a list, in the author's order.

use std::collections::BTreeMap;

use windlass_core::catalog::{Action, NoEffect, Param};
use windlass_core::outcome::{Effected, MESSAGE_BYTES_MAX};
use windlass_core::plan::{EffectClass, Input};
use windlass_core::time::Millis;
use windlass_core::types::Type;
use windlass_core::value::Value;

use crate::catalog::{COMPUTE_TIMEOUT, OBSERVE, SETTLE, outputs, params, required};
use crate::ending::Ending;
use crate::text::truncate;
use crate::with::{BadWith, Fields};

/// The name that authors use.
pub(crate) const NAME: &str = "assert";

/// The most checks of one step: their names fit into one message.
pub const CHECKS_MAX: usize = 50;

/// The bytes of a failure's message that are kept for what is not about a single check.
const HEAD_BYTES: usize = 64;

/// What stands between two faults.
const SEPARATOR: &str = "; ";
/// What stands for words that are left out.
const CUT: &str = "...";

/// What the front end knows of it.
pub(crate) fn entry() -> Action {
    let result = [
        ("name", Type::Text),
        ("result", Type::Text),
        ("say", Type::Text.nullable()),
        ("show", Type::Any),
    ];
    let result = result.map(|(name, ty)| (name.to_owned(), ty));
    let checks = Param {
        checks: true,
        ..required(
            Type::map(Type::Any),
            "Each by its name: a condition, or `that` with `otherwise`, `say` and `show`",
        )
    };
    Action {
        summary: "Hold checks against what is known, and stop where one fails".to_owned(),
        effect: Some(EffectClass::Read),
        params: params([("checks", checks)]),
        rest: None,
        outputs: Some(outputs([
            (
                "results",
                Type::list(Type::Object(result.into())),
                "All checks in their order; `result` is ok, warn or stop",
            ),
            (
                "warnings",
                Type::list(Type::Text),
                "What was false and only warns, as `name: say`",
            ),
            ("passed", Type::Int, "How many checks held"),
        ])),
        echoes: false,
        computes: true,
        grants: Vec::new(),
        reconciles: false,
        undoes: false,
        timeout: Some(COMPUTE_TIMEOUT),
        settle: SETTLE,
        settle_least: Millis(0),
        observe: OBSERVE,
        no_effect: NoEffect::Never,
        provides: None,
    }
}

/// One check, judged.
struct Judged {
    name: String,
    result: Verdict,
    say: Option<String>,
    show: Value,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Ok,
    Warn,
    Stop,
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Stop => "stop",
        }
    }
}

/// All checks judged: outputs, or a failure that names each fault.
pub(crate) fn ending(input: &Input) -> Result<Value, Ending> {
    let judged = read(input).map_err(|error| Ending::not_sent(error.to_string()))?;
    let outputs = outputs_of(&judged);
    let stops: Vec<&Judged> = judged
        .iter()
        .filter(|check| check.result == Verdict::Stop)
        .collect();
    if stops.is_empty() {
        return Ok(outputs);
    }
    // So short that every fault finds room; the evidence has all words.
    let share_bytes = (MESSAGE_BYTES_MAX - HEAD_BYTES) / stops.len();
    let faults: Vec<String> = stops
        .iter()
        .map(|check| check.in_message(share_bytes))
        .collect();
    let message = format!(
        "{} of {} checks failed: {}",
        stops.len(),
        judged.len(),
        faults.join(SEPARATOR)
    );
    let ending = Ending::new(Effected::None, "assertion_failed", message);
    Err(ending.with_evidence(outputs))
}

fn read(input: &Input) -> Result<Vec<Judged>, BadWith> {
    let mut with = Fields::of(input)?;
    let checks = with
        .values("checks")?
        .ok_or_else(|| BadWith::new("`checks` is missing"))?;
    with.finish()?;
    if checks.is_empty() || checks.len() > CHECKS_MAX {
        return Err(BadWith::new(format!(
            "there are from 1 to {CHECKS_MAX} checks, not {}",
            checks.len()
        )));
    }
    checks.into_iter().map(judge).collect()
}

fn judge(check: Value) -> Result<Judged, BadWith> {
    let mut check = Fields::of(&Input::Value(check))?;
    let name = check
        .text("name")?
        .ok_or_else(|| BadWith::new("a check without a name"))?;
    let otherwise = match check.text("otherwise")?.as_deref() {
        None | Some("stop") => Verdict::Stop,
        Some("warn") => Verdict::Warn,
        Some(_) => {
            return Err(BadWith::new(format!(
                "`otherwise` of `{name}` is stop or warn"
            )));
        }
    };
    let (result, not_judged) = match check.value("that")? {
        Some(Value::Bool(true)) => (Verdict::Ok, None),
        Some(Value::Bool(false)) => (otherwise, None),
        // Only where its type was not known before the run. What cannot be judged stops,
        // and the other checks are told beside it.
        other => {
            let kind = other.map_or("null", |value| value.type_name());
            let why = format!("it is {kind}, neither true nor false");
            (Verdict::Stop, Some(why))
        }
    };
    let say = match (check.text("say")?, not_judged) {
        (Some(say), Some(why)) => Some(format!("{why}: {say}")),
        (say, why) => why.or(say),
    };
    let show = check.value("show")?.unwrap_or(Value::Null);
    check.finish()?;
    Ok(Judged {
        name,
        result,
        say,
        show,
    })
}

impl Judged {
    fn in_words(&self) -> String {
        match &self.say {
            Some(say) => format!("{}: {say}", self.name),
            None => self.name.clone(),
        }
    }

    fn in_message(&self, bytes_max: usize) -> String {
        let mut words = self.in_words();
        let bytes_max = bytes_max - SEPARATOR.len();
        if words.len() > bytes_max {
            truncate(&mut words, bytes_max - CUT.len());
            words.push_str(CUT);
        }
        words
    }
}

fn outputs_of(judged: &[Judged]) -> Value {
    let text = |text: &str| Value::Text(text.to_owned());
    let result = |check: &Judged| {
        let members = [
            ("name", text(&check.name)),
            ("result", text(check.result.as_str())),
            ("say", check.say.as_deref().map_or(Value::Null, text)),
            ("show", check.show.clone()),
        ];
        Value::Map(members.map(|(name, value)| (name.to_owned(), value)).into())
    };
    let warnings = judged
        .iter()
        .filter(|check| check.result == Verdict::Warn)
        .map(|check| Value::Text(check.in_words()));
    let passed = judged
        .iter()
        .filter(|check| check.result == Verdict::Ok)
        .count();
    let passed = i64::try_from(passed).expect("there are at most 50 checks");
    let outputs = [
        ("results", Value::List(judged.iter().map(result).collect())),
        ("warnings", Value::List(warnings.collect())),
        ("passed", Value::Int(passed)),
    ];
    let outputs: BTreeMap<String, Value> =
        outputs.map(|(name, value)| (name.to_owned(), value)).into();
    Value::Map(outputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(checks: &str) -> Result<String, (String, String)> {
        let with = format!(r#"{{"checks": {checks}}}"#);
        let input = Input::Value(serde_json::from_str(&with).unwrap());
        ending(&input)
            .map(|outputs| outputs.to_string())
            .map_err(|ending| {
                let evidence = ending.evidence.map(|evidence| evidence.to_string());
                (ending.message, evidence.unwrap_or_default())
            })
    }

    #[test]
    fn all_checks_are_judged_and_every_fault_is_named() {
        let (message, evidence) = told(
            r#"[{"name": "z", "that": false, "say": "far behind", "show": 9},
                {"name": "b", "that": false, "otherwise": "warn", "say": "nearly full"},
                {"name": "a", "that": true},
                {"name": "c", "that": false}]"#,
        )
        .unwrap_err();
        assert_eq!(message, "2 of 4 checks failed: z: far behind; c");
        assert_eq!(
            evidence,
            concat!(
                r#"{"passed":1,"results":[{"name":"z","result":"stop","say":"far behind","show":9},"#,
                r#"{"name":"b","result":"warn","say":"nearly full","show":null},"#,
                r#"{"name":"a","result":"ok","say":null,"show":null},"#,
                r#"{"name":"c","result":"stop","say":null,"show":null}],"warnings":["b: nearly full"]}"#
            )
        );
    }

    #[test]
    fn warnings_are_a_success_that_says_so() {
        assert_eq!(
            told(r#"[{"name": "b", "that": false, "otherwise": "warn"}]"#).unwrap(),
            r#"{"passed":0,"results":[{"name":"b","result":"warn","say":null,"show":null}],"warnings":["b"]}"#
        );
    }

    #[test]
    fn what_cannot_be_judged_stops_beside_the_others() {
        let checks = r#"[{"name": "a", "that": null, "otherwise": "warn", "say": "lags"},
                         {"name": "b", "that": "yes"},
                         {"name": "c", "that": true}]"#;
        assert_eq!(
            told(checks).unwrap_err().0,
            "2 of 3 checks failed: a: it is null, neither true nor false: lags; \
             b: it is string, neither true nor false"
        );
    }

    #[test]
    fn every_fault_finds_room_in_the_message() {
        let check = |at| {
            format!(
                r#"{{"name": "c{at}", "that": false, "say": "{}"}}"#,
                "x".repeat(900)
            )
        };
        let checks: Vec<String> = (0..CHECKS_MAX).map(check).collect();
        let (message, _) = told(&format!("[{}]", checks.join(","))).unwrap_err();
        assert!(message.len() <= MESSAGE_BYTES_MAX, "{}", message.len());
        for at in 0..CHECKS_MAX {
            assert!(message.contains(&format!("c{at}: x")), "c{at}");
        }
        assert!(told("[]").is_err());
    }
}
