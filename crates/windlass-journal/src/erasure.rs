//! The record that orders bodies to be erased. It stands in the stream of the store, is
//! written together with the erasure, and is the only event whose meaning the journal
//! itself knows: a body that is marked as erased without one was taken out by somebody.

use serde::{Deserialize, Serialize};

use crate::append::NewRecord;
use crate::error::ReadError;
use crate::key::RunKey;
use crate::store::{Record, Store};

/// The kind of the record.
pub const ERASURE_KIND: &str = "bodies_erased";
/// The version of its body.
const VERSION: u16 = 1;
/// How many records of the store's stream are read at once.
const PAGE_RECORDS: usize = 1_000;

/// Bodies that were erased, by whom and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// All bodies of these runs, as far as they were written before.
    pub runs: Vec<RunKey>,
    /// Who ordered it, in words.
    pub by: String,
    /// UTC in milliseconds since 1970.
    pub at_ms: i64,
}

/// The body of the record.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    bodies_erased: Order,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    runs: Vec<String>,
    by: String,
}

impl Erasure {
    /// The record to append together with the erasure.
    pub fn record(&self) -> NewRecord {
        let body = Body {
            bodies_erased: Order {
                runs: self.runs.iter().map(RunKey::to_string).collect(),
                by: self.by.clone(),
            },
        };
        NewRecord {
            kind: ERASURE_KIND.to_owned(),
            version: VERSION,
            at_ms: self.at_ms,
            body: serde_json::to_vec(&body).expect("texts and lists of them are JSON"),
        }
    }

    /// What a record orders, if it is such a one and its body can be read.
    pub fn of(record: &Record) -> Option<Self> {
        let header = &record.header;
        if !header.run.is_store() {
            return None;
        }
        Self::read(
            &header.kind,
            header.version,
            header.at_ms,
            record.body.as_deref()?,
        )
    }

    /// What a record to be written orders.
    pub(crate) fn of_new(record: &NewRecord) -> Option<Self> {
        Self::read(&record.kind, record.version, record.at_ms, &record.body)
    }

    fn read(kind: &str, version: u16, at_ms: i64, body: &[u8]) -> Option<Self> {
        if (kind, version) != (ERASURE_KIND, VERSION) {
            return None;
        }
        let Body {
            bodies_erased: Order { runs, by },
        } = serde_json::from_slice(body).ok()?;
        let runs: Option<Vec<RunKey>> = runs.iter().map(|run| RunKey::new(run).ok()).collect();
        Some(Self {
            runs: runs?,
            by,
            at_ms,
        })
    }
}

/// All erasures of the journal, in their order. It reads the whole stream of the store,
/// which is as long as there were facts that belong to no run.
pub fn erasures(store: &dyn Store) -> Result<Vec<Erasure>, ReadError> {
    let (stream, mut next, mut erasures) = (RunKey::store(), 0, Vec::new());
    loop {
        let page = store.read(&stream, next, PAGE_RECORDS)?;
        let Some(last) = page.last() else {
            return Ok(erasures);
        };
        next = last.header.seq + 1;
        erasures.extend(page.iter().filter_map(Erasure::of));
    }
}
