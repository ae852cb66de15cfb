//! The lines of an export, as they stand in the file.

use serde::{Deserialize, Serialize};

use super::{EXPORT_FORMAT, EXPORT_VERSION, Exported};
use crate::hash::Hash;
use crate::header::Header;
use crate::key::{RunKey, is_kind};
use crate::store::Record;

/// The first line: what the file is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FirstLine {
    pub(super) format: String,
    pub(super) version: u32,
    pub(super) run: String,
}

impl FirstLine {
    pub(super) fn of(run: &RunKey) -> Self {
        Self {
            format: EXPORT_FORMAT.to_owned(),
            version: EXPORT_VERSION,
            run: run.to_string(),
        }
    }
}

/// A record: its header's fields in their order, its link, and its body.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordLine {
    position: u64,
    run: String,
    seq: u64,
    epoch: u64,
    at_ms: i64,
    pub(super) kind: String,
    version: u16,
    body_hash: String,
    prev_in_run: String,
    link: String,
    /// The body's bytes as text; null when it was erased, or is no UTF-8.
    body: Option<String>,
    /// The body's bytes in hex, where they are no UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_hex: Option<String>,
}

impl RecordLine {
    pub(super) fn of(record: Record) -> Self {
        let Record {
            header, link, body, ..
        } = record;
        let (body, body_hex) = match body.map(String::from_utf8) {
            None => (None, None),
            Some(Ok(text)) => (Some(text), None),
            Some(Err(error)) => {
                let digits = error.as_bytes().iter().map(|byte| format!("{byte:02x}"));
                (None, Some(digits.collect()))
            }
        };
        Self {
            position: header.position,
            run: header.run.to_string(),
            seq: header.seq,
            epoch: header.epoch,
            at_ms: header.at_ms,
            kind: header.kind,
            version: header.version,
            body_hash: header.body_hash.to_string(),
            prev_in_run: header.prev_in_run.to_string(),
            link: link.to_string(),
            body,
            body_hex,
        }
    }

    /// The record that the line stands for; nothing is compared with its hashes here.
    pub(super) fn record(self) -> Result<Record, String> {
        let hash = |name: &str, text: &str| -> Result<Hash, String> {
            let hash = text.parse::<Hash>();
            hash.map_err(|_| format!("has no hash in `{name}`"))
        };
        if !is_kind(self.kind.as_bytes()) {
            return Err("has a kind outside its alphabet".to_owned());
        }
        let run = RunKey::new(&self.run).map_err(|_| "has a run name outside its alphabet")?;
        let header = Header {
            position: self.position,
            run,
            seq: self.seq,
            epoch: self.epoch,
            at_ms: self.at_ms,
            body_hash: hash("body_hash", &self.body_hash)?,
            prev_in_run: hash("prev_in_run", &self.prev_in_run)?,
            kind: self.kind,
            version: self.version,
        };
        let body = match (self.body, self.body_hex) {
            (None, None) => None,
            (Some(text), None) => Some(text.into_bytes()),
            (None, Some(digits)) => {
                Some(bytes(&digits).ok_or("has a body_hex that is no hex digits")?)
            }
            (Some(_), Some(_)) => return Err("has a body twice".to_owned()),
        };
        Ok(Record {
            hash: header.hash(),
            header,
            link: hash("link", &self.link)?,
            body,
        })
    }
}

/// The last line: how much came before it, and the heads.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndLine {
    pub(super) end: End,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    pub(super) records: u64,
    pub(super) erased: u64,
    /// Hash of the last header above.
    pub(super) run_head: String,
    /// Records and head of the journal when the export began.
    pub(super) journal_records: u64,
    pub(super) journal_head: String,
}

impl EndLine {
    pub(super) fn of(exported: &Exported) -> Self {
        Self {
            end: End {
                records: exported.records,
                erased: exported.erased,
                run_head: exported.run_head.to_string(),
                journal_records: exported.head.next_position,
                journal_head: exported.head.link.to_string(),
            },
        }
    }
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| {
            let pair = std::str::from_utf8(pair).ok().filter(|it| it.len() == 2)?;
            u8::from_str_radix(pair, 16).ok()
        })
        .collect()
}
