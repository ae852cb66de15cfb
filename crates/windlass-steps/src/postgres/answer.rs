//! What an error of the server or of the connection means for the attempt.
//!
//! Three facts carry the table. A transaction whose COMMIT was never sent takes no
//! effect. A server that answers an error has rolled its transaction back, unless it
//! says itself that it does not know. Outside of a transaction, only the four row
//! statements are surely undone by their error; others may have left something.

use std::collections::BTreeMap;
use std::error::Error as _;

use tokio_postgres::Error;
use windlass_core::outcome::Effected;
use windlass_core::value::Value;

use super::call::{Mode, first_word};
use crate::ending::Ending;

/// No connection, a certificate that is not trusted, a password that is refused.
pub(super) const CONNECT_FAILED: &str = "connect_failed";
/// The connection ended without an answer.
const CONNECTION_LOST: &str = "connection_lost";

/// How far the statement had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The server was asked to parse it, not to run it.
    Prepare,
    /// It was handed over.
    Run,
    /// It has run, and its transaction was asked to commit.
    Commit,
}

/// The ending that an error makes.
pub(super) fn ending(error: &Error, stage: Stage, mode: Mode, sql: &str) -> Ending {
    let sqlstate = error.code().map(|code| code.code().to_owned());
    let effect = effect(sqlstate.as_deref(), stage, mode, &first_word(sql));
    let code = if sqlstate.is_some() {
        "server_error"
    } else {
        CONNECTION_LOST
    };
    let ending = Ending::new(effect, code, describe(error));
    match evidence(error) {
        Some(evidence) => ending.with_evidence(evidence),
        None => ending,
    }
}

/// The whole law; `docs/steps/postgres.md` has it for people.
fn effect(sqlstate: Option<&str>, stage: Stage, mode: Mode, first_word: &str) -> Effected {
    let Some(sqlstate) = sqlstate else {
        return match stage {
            Stage::Prepare => Effected::None,
            Stage::Run | Stage::Commit => Effected::Unknown,
        };
    };
    match (stage, mode) {
        (Stage::Prepare, _) => Effected::None,
        // COMMIT was never sent, and now nobody will send it.
        (Stage::Run, Mode::ReadOnly | Mode::Transaction) => Effected::None,
        (Stage::Run, Mode::Autocommit) | (Stage::Commit, _) if leaves_doubt(sqlstate) => {
            Effected::Unknown
        }
        (Stage::Commit, _) => Effected::None,
        (Stage::Run, Mode::Autocommit) => match first_word {
            "insert" | "update" | "delete" | "merge" => Effected::None,
            _ => Effected::Settled,
        },
    }
}

/// Whether the server, or a pooler before it, says that it does not know the end:
/// connection exceptions, `statement_completion_unknown`, a server that is being shut
/// down or crashes, system and internal errors.
fn leaves_doubt(sqlstate: &str) -> bool {
    sqlstate == "40003"
        || ["08", "57P", "58", "F0", "XX"]
            .iter()
            .any(|class| sqlstate.starts_with(class))
}

/// Whether the server could not be asked at all, or stopped answering: what a read may
/// report instead of failing.
pub(super) fn is_unreachable(ending: &Ending) -> bool {
    matches!(ending.code, CONNECT_FAILED | CONNECTION_LOST)
}

/// The error for people, with its causes.
pub(super) fn describe(error: &Error) -> String {
    if let Some(answer) = error.as_db_error() {
        let mut text = format!(
            "{} {}: {}",
            answer.severity(),
            answer.code().code(),
            answer.message()
        );
        for (name, more) in [("detail", answer.detail()), ("hint", answer.hint())] {
            if let Some(more) = more {
                text.push_str(&format!("\n{name}: {more}"));
            }
        }
        return text;
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Wrapped errors tend to repeat what they wrap.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// What the server answered, or `None` when it did not.
pub(super) fn evidence(error: &Error) -> Option<Value> {
    let answer = error.as_db_error()?;
    let mut evidence: BTreeMap<String, Value> = BTreeMap::from([
        ("sqlstate".to_owned(), answer.code().code().into()),
        ("severity".to_owned(), answer.severity().into()),
        ("message".to_owned(), answer.message().into()),
    ]);
    for (name, more) in [
        ("detail", answer.detail()),
        ("hint", answer.hint()),
        ("constraint", answer.constraint()),
    ] {
        if let Some(more) = more {
            evidence.insert(name.to_owned(), more.into());
        }
    }
    Some(Value::Map(evidence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_mean_what_the_page_says() {
        use Effected::{None as Nothing, Settled, Unknown};
        use Mode::{Autocommit, ReadOnly, Transaction};
        use Stage::{Commit, Prepare, Run};
        let table = [
            (Some("42P01"), Prepare, Transaction, "insert", Nothing),
            (None, Prepare, Autocommit, "vacuum", Nothing),
            (Some("23505"), Run, Transaction, "insert", Nothing),
            (Some("57P01"), Run, Transaction, "insert", Nothing),
            (Some("57014"), Run, ReadOnly, "select", Nothing),
            (None, Run, Transaction, "insert", Unknown),
            (None, Run, ReadOnly, "select", Unknown),
            (Some("23503"), Commit, Transaction, "insert", Nothing),
            (Some("40001"), Commit, Transaction, "update", Nothing),
            (Some("08P01"), Commit, Transaction, "insert", Unknown),
            (Some("57P01"), Commit, Transaction, "insert", Unknown),
            (Some("40003"), Commit, Transaction, "insert", Unknown),
            (None, Commit, Transaction, "insert", Unknown),
            (Some("23505"), Run, Autocommit, "insert", Nothing),
            (Some("23505"), Run, Autocommit, "create", Settled),
            (Some("57014"), Run, Autocommit, "vacuum", Settled),
            (Some("57014"), Run, Autocommit, "select", Settled),
            (Some("57P02"), Run, Autocommit, "insert", Unknown),
            (Some("XX000"), Run, Autocommit, "create", Unknown),
            (None, Run, Autocommit, "insert", Unknown),
        ];
        for (sqlstate, stage, mode, word, expected) in table {
            assert_eq!(
                effect(sqlstate, stage, mode, word),
                expected,
                "{sqlstate:?} {stage:?} {mode:?} {word}"
            );
        }
    }
}
