//! What a journal holds, read beside the engine: bytes by the store's own reader, events
//! by core's decoder, nothing else of the product.

use std::cell::{Ref, RefCell};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;
use windlass_core::event::Event;
use windlass_core::outcome::Answer;
use windlass_journal::{
    Access, FilesystemRule, Options, RunKey, RunQuery, SqliteStore, Store as _, verify,
};

/// One record of a run.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub seq: u64,
    pub at_ms: i64,
    pub event: Event,
}

/// The only run of a state directory, as far as it is durable.
#[derive(Clone, Debug)]
pub struct Story {
    /// The run's id.
    pub run: String,
    pub records: Vec<Recorded>,
}

impl Story {
    /// Reads it; `None` when no run has begun.
    pub fn read(state: &Path) -> Option<Self> {
        let mut story = None;
        Self::read_on(state, &mut story);
        story
    }

    /// Adds what is new since `story` was read; leaves it as it is where nothing can be read.
    fn read_on(state: &Path, story: &mut Option<Self>) {
        let path = state.join("journal.db");
        let options = Options {
            access: Access::ReadOnly,
            filesystem: FilesystemRule::AllowVolatile,
            ..Options::default()
        };
        // A journal that was killed while it was made has nothing to read.
        let Ok(store) = SqliteStore::open(&path, &options) else {
            return;
        };
        let rows = store
            .runs(&RunQuery::default())
            .expect("the index can be read");
        assert!(rows.len() <= 1, "a test starts one run: {rows:?}");
        if let Some(row) = rows.into_iter().next() {
            let story = story.get_or_insert_with(|| Self {
                run: row.run.as_str().to_owned(),
                records: Vec::new(),
            });
            add_records(&mut story.records, &store, &row.run);
        }
    }

    /// The events in order.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.records.iter().map(|record| &record.event)
    }

    /// The gate that is open now, if one is.
    pub fn open_gate(&self) -> Option<String> {
        self.events().fold(None, |open, event| match event {
            Event::GateOpened { step, .. } => Some(step.to_string()),
            Event::GateApproved { .. }
            | Event::GateRejected { .. }
            | Event::GateExpired { .. }
            | Event::GateWithdrawn { .. } => None,
            _ => open,
        })
    }

    /// A change in doubt of which the last look at the target could not say what became.
    pub fn unseen(&self) -> Option<String> {
        let mut unseen = BTreeSet::new();
        for event in self.events() {
            match event {
                Event::DoubtAnswered { node, answer, .. } => {
                    if matches!(answer, Answer::Unknown { .. }) {
                        unseen.insert(node.to_string());
                    } else {
                        unseen.remove(&node.to_string());
                    }
                }
                Event::DoubtResolved { node, .. } => drop(unseen.remove(&node.to_string())),
                _ => {}
            }
        }
        unseen.pop_first()
    }

    /// A change that waits for a person, if one does.
    pub fn needs_person(&self) -> Option<String> {
        let mut needs = BTreeSet::new();
        for event in self.events() {
            match event {
                Event::DoubtEscalated { node, .. } => drop(needs.insert(node.to_string())),
                Event::DoubtResolved { node, .. } => drop(needs.remove(&node.to_string())),
                _ => {}
            }
        }
        needs.pop_first()
    }

    /// A step's item that failed and was not tried again, if one did.
    pub fn failed(&self) -> Option<String> {
        let mut failed = BTreeSet::new();
        for event in self.events() {
            match event {
                Event::NodeFailed { node, .. } => drop(failed.insert(node.to_string())),
                Event::RetryOrdered { node, .. } => drop(failed.remove(&node.to_string())),
                _ => {}
            }
        }
        failed.pop_first()
    }

    /// How many of the `printed` records this has, and those that it lacks.
    pub fn holds(&self, printed: &[Value]) -> (usize, Vec<Value>) {
        let (held, lost): (Vec<&Value>, Vec<&Value>) = printed.iter().partition(|line| {
            let seq = line["seq"]
                .as_u64()
                .and_then(|seq| usize::try_from(seq).ok());
            let record = seq.and_then(|seq| self.records.get(seq));
            record.is_some_and(|record| {
                let kind = record.event.kind();
                let body = serde_json::to_value(&record.event).ok();
                line["type"] == kind
                    && line["at_ms"] == record.at_ms
                    && body.is_some_and(|body| body[kind] == line["body"])
            })
        });
        (held.len(), lost.into_iter().cloned().collect())
    }

    /// The kinds and subjects of all records, for a test that fails.
    pub fn outline(&self) -> String {
        let line = |record: &Recorded| {
            let body = serde_json::to_value(&record.event).unwrap_or_default();
            let body = &body[record.event.kind()];
            let mut line = format!(
                "{:>4} {} {} {}{}",
                record.seq,
                record.at_ms,
                record.event.kind(),
                body["node"],
                body["step"]
            );
            for key in ["attempt", "failure", "resolution", "answer", "reason"] {
                if !body[key].is_null() {
                    line.push_str(&format!(" {key}={}", body[key]));
                }
            }
            line.chars().take(240).collect::<String>()
        };
        self.records.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

fn add_records(records: &mut Vec<Recorded>, store: &SqliteStore, run: &RunKey) {
    loop {
        let next = records.len() as u64;
        let page = store
            .read(run, next, usize::MAX)
            .expect("the run can be read");
        if page.is_empty() {
            return;
        }
        records.extend(page.into_iter().map(|record| {
            let body = record.body.expect("nothing is erased in a test");
            let (kind, version) = (&record.header.kind, record.header.version);
            let event = Event::decode(kind, version, &body);
            Recorded {
                seq: record.header.seq,
                at_ms: record.header.at_ms,
                event: event.expect("every record is an event"),
            }
        }));
    }
}

/// The only run of a state directory, looked at again and again: each look reads what is new.
#[derive(Debug)]
pub struct Watch {
    state: PathBuf,
    story: RefCell<Option<Story>>,
}

impl Watch {
    pub fn of(state: PathBuf) -> Self {
        let story = RefCell::default();
        Self { state, story }
    }

    /// The run as far as it is durable now; `None` when none has begun.
    pub fn look(&self) -> Option<Ref<'_, Story>> {
        Story::read_on(&self.state, &mut self.story.borrow_mut());
        Ref::filter_map(self.story.borrow(), Option::as_ref).ok()
    }
}

/// Panics unless the journal's chain, links and index are whole.
pub fn assert_whole(state: &Path) {
    let report = verify(&state.join("journal.db"), None).expect("the journal can be read");
    assert!(report.is_ok(), "{report}");
}
