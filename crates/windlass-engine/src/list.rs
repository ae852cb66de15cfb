//! Lists of runs from the index. Labels are no part of it: they stand in a run's first
//! record, which is read for each run that a list with labels may hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_core::event::Event;
use windlass_core::id::RunId;
use windlass_journal::{LIST_ROWS_MAX, ReadError, RunIndexRow, RunQuery, StorageError, Store};

use crate::error::CommandError;
use crate::index::name_holder;
use crate::limits::LABELLED_RUNS_READ_MAX;
use crate::replay::storage_failed;
use crate::shared::Shared;

/// What labels a run must have.
pub type Labels = BTreeMap<String, String>;

/// Rows of the index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    pub rows: Vec<RunIndexRow>,
    /// Whether runs were left that nobody looked at.
    pub cut: bool,
}

/// The rows of a query whose runs have all `labels`; of a run whose bodies were erased or are
/// damaged nobody knows any. Blocks for reads.
pub(crate) fn read(
    store: &dyn Store,
    query: RunQuery,
    labels: &Labels,
) -> Result<Listed, StorageError> {
    if labels.is_empty() {
        let rows = store.runs(&query)?;
        return Ok(Listed { rows, cut: false });
    }
    let mut listed = Listed::default();
    let wanted = query.limit.min(LIST_ROWS_MAX);
    let mut page = RunQuery {
        limit: LIST_ROWS_MAX,
        ..query
    };
    let mut looked_at = 0;
    loop {
        let rows = store.runs(&page)?;
        let is_last = rows.len() < LIST_ROWS_MAX;
        let last = rows.last();
        page.after = last.and_then(|row| Some((page.order_key(row)?, row.run.clone())));
        for row in rows {
            if listed.rows.len() == wanted || looked_at == LABELLED_RUNS_READ_MAX {
                listed.cut = listed.rows.len() < wanted;
                return Ok(listed);
            }
            looked_at += 1;
            if has(store, &row, labels)? {
                listed.rows.push(row);
            }
        }
        if is_last {
            return Ok(listed);
        }
    }
}

fn has(store: &dyn Store, row: &RunIndexRow, labels: &Labels) -> Result<bool, StorageError> {
    let records = match store.read(&row.run, 0, 1) {
        Ok(records) => records,
        Err(ReadError::Quarantined { .. }) => return Ok(false),
        Err(ReadError::Storage(error)) => return Err(error),
    };
    let started = records.first().and_then(|record| {
        let (header, body) = (&record.header, record.body.as_deref()?);
        Event::decode(&header.kind, header.version, body).ok()
    });
    let Some(Event::RunStarted { plan, .. }) = started else {
        return Ok(false);
    };
    let has = |(name, value): (&String, &String)| plan.labels.get(name) == Some(value);
    Ok(labels.iter().all(has))
}

/// [`read`] where blocking is allowed; a row that waits for a lock says who holds it.
pub(crate) async fn list(
    shared: &Arc<Shared>,
    query: RunQuery,
    labels: Labels,
) -> Result<Listed, CommandError> {
    let store = Arc::clone(&shared.store);
    let listed = tokio::task::spawn_blocking(move || read(&*store, query, &labels)).await;
    if let Some(failure) = shared.failure() {
        return Err(failure);
    }
    match listed {
        Ok(Ok(mut listed)) => {
            let registry = shared.registry();
            for row in &mut listed.rows {
                let run = row.run.as_str().parse::<RunId>().ok();
                let holder = run.and_then(|run| registry.locks.ahead_of(&run));
                name_holder(row, holder);
            }
            Ok(listed)
        }
        Ok(Err(error)) => Err(storage_failed(shared, &error)),
        Err(_) => Err(CommandError::Stopping),
    }
}
