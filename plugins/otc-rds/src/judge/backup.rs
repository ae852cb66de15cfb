//! Which backup is this step's own, and what its state says. A name is used once.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::model::Backup;
use crate::sign::hex;

/// How many backups one step may make: each but the last one failed.
const MADE_MAX: u32 = 20;

/// What is kept before the request leaves, and again when it was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) instance_id: String,
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
}

/// How a backup is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// A word that is not known means that it goes on.
    Going,
    Completed,
    Failed,
    /// Being deleted: no safety net.
    Leaving,
}

pub(crate) fn state(backup: &Backup) -> State {
    match backup.status.as_str() {
        "COMPLETED" => State::Completed,
        "FAILED" => State::Failed,
        "DELETING" => State::Leaving,
        _ => State::Going,
    }
}

/// What an attempt has to do.
#[derive(Clone, Debug)]
pub(crate) enum Start {
    /// An earlier attempt's request took effect: this one is its own.
    Adopt(Backup),
    /// Make one of this name, which nobody has used.
    Make(String),
    /// All names are used.
    Spent,
}

/// The name of the step's `count`th backup, from 1. The key is the same for each attempt
/// of a step in a run, and for nothing else.
fn name(key: &str, count: u32) -> String {
    let digest = hex(&Sha256::digest(key.as_bytes()));
    let stem = format!("windlass-{}", &digest[..24]);
    match count {
        0 | 1 => stem,
        _ => format!("{stem}-{count}"),
    }
}

/// Adopts what an earlier attempt made unless that failed.
pub(crate) fn start(key: &str, existing: &[Backup]) -> Start {
    for count in 1..=MADE_MAX {
        let name = name(key, count);
        let Some(own) = existing.iter().find(|backup| backup.name == name) else {
            return Start::Make(name);
        };
        match state(own) {
            State::Going | State::Completed => return Start::Adopt(own.clone()),
            State::Failed | State::Leaving => {}
        }
    }
    Start::Spent
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backup(name: String, status: &str) -> Backup {
        Backup {
            name,
            status: status.to_owned(),
            ..Backup::default()
        }
    }

    #[test]
    fn a_name_is_the_steps_own_and_allowed() {
        let own = name("run-1/backup", 1);
        assert_eq!(own, name("run-1/backup", 1));
        assert_ne!(own, name("run-2/backup", 1));
        let last = name("run-1/backup", MADE_MAX);
        for name in [own, last] {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
            assert!(
                (4..=64).contains(&name.len()) && name.chars().all(plain),
                "{name}"
            );
            assert!(
                name.starts_with(|c: char| c.is_ascii_alphabetic()),
                "{name}"
            );
        }
    }

    #[test]
    fn an_attempt_finds_what_an_earlier_one_made() {
        let foreign = backup("nightly".to_owned(), "COMPLETED");
        let Start::Make(first) = start("k", std::slice::from_ref(&foreign)) else {
            panic!("nothing was made yet");
        };
        for status in ["BUILDING", "COMPLETED", "VERIFYING"] {
            let own = backup(first.clone(), status);
            let Start::Adopt(own) = start("k", &[foreign.clone(), own]) else {
                panic!("{status}");
            };
            assert_eq!(own.name, first);
        }
        for status in ["FAILED", "DELETING"] {
            let Start::Make(second) = start("k", &[backup(first.clone(), status)]) else {
                panic!("{status}");
            };
            assert_eq!(second, format!("{first}-2"));
        }
        let all: Vec<Backup> = (1..=MADE_MAX)
            .map(|count| backup(name("k", count), "FAILED"))
            .collect();
        assert!(matches!(start("k", &all), Start::Spent));
    }
}
