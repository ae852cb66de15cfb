//! One statement from its parse to its commit. Everything up to the hand-over can be
//! stopped and has no effect; from there on a change is waited for until it answers.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::pin::pin;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use tokio::time::Instant;
use tokio_postgres::{Row, Statement};
use windlass_core::outcome::{Effected, MESSAGE_BYTES_MAX, OUTPUTS_BYTES_MAX, Outcome};
use windlass_core::value::Value;
use windlass_engine::attempt::{DispatchToken, HandedOver};
use windlass_engine::ports::StepContext;

use super::ROWS_MAX;
use super::answer::{self, Stage};
use super::bind::Bound;
use super::call::{Call, Mode};
use super::cell::{Cell, is_known};
use super::session::Session;
use crate::detach::{Stop, Stops};
use crate::ending::{Ending, succeeded};
use crate::text::{printable, truncate};

/// The most bytes of rows; the rest of an attempt's 256 KiB is for names and counts.
const ROWS_BYTES_MAX: usize = OUTPUTS_BYTES_MAX - 16 * 1024;

/// Sends the statement once. The token is used up by handing it over.
pub(super) async fn perform(
    token: DispatchToken,
    context: &StepContext,
    call: Call,
    mut stops: Stops,
) -> Result<Outcome, Ending> {
    // Up to the hand-over a reason to stop comes first, also when all became ready
    // together because the machine had slept.
    let session = tokio::select! {
        biased;
        stop = stops.stopped() => return Err(not_sent_yet(stop)),
        session = Session::open(context, &call) => session?,
    };
    let done = converse(token, context, &call, &session, &mut stops).await;
    session.close(call.mode).await;
    done.map(|outputs| succeeded(&context.log, outputs))
}

/// All that is said on one connection.
async fn converse(
    token: DispatchToken,
    context: &StepContext,
    call: &Call,
    session: &Session,
    stops: &mut Stops,
) -> Result<BTreeMap<String, Value>, Ending> {
    let (statement, params) = tokio::select! {
        biased;
        stop = stops.stopped() => return Err(not_sent_yet(stop)),
        prepared = prepare(context, call, session) => prepared?,
    };
    // From here on the intent is used. Connecting may have outlasted the send deadline.
    let handed = token.hand_over().map_err(Ending::too_late)?;
    let answer = tokio::select! {
        biased;
        answer = run(handed, session, call, &statement, params) => answer?,
        stop = stops.stopped_unless(context.effect.is_change()) => {
            session.cancel().await;
            let message = format!("{}; the server was asked to cancel", stop.reason());
            return Err(Ending::new(Effected::Unknown, stop.code(), message));
        }
    };
    context.log.line(&format!(
        "{} rows answered, {} affected",
        answer.rows.len(),
        answer.affected
    ));
    Ok(outputs(call.mode, &statement, answer))
}

fn not_sent_yet(stop: Stop) -> Ending {
    let message = format!("{}; the statement was not sent yet", stop.reason());
    Ending::new(Effected::None, stop.code(), message)
}

/// Has the server parse the statement; nothing runs.
async fn prepare(
    context: &StepContext,
    call: &Call,
    session: &Session,
) -> Result<(Statement, Vec<Bound>), Ending> {
    let remaining = context
        .deadline_instant
        .saturating_duration_since(Instant::now());
    let timeout_ms = server_timeout_ms(call.statement_timeout, remaining)
        .ok_or_else(|| Ending::not_sent("the attempt's time was over before the statement"))?;
    let begin = match call.mode {
        Mode::ReadOnly => format!("BEGIN READ ONLY; SET LOCAL statement_timeout = {timeout_ms}"),
        Mode::Transaction => format!("BEGIN; SET LOCAL statement_timeout = {timeout_ms}"),
        Mode::Autocommit => format!("SET statement_timeout = {timeout_ms}"),
    };
    let refused = |error| answer::ending(&error, Stage::Prepare, call.mode, &call.sql);
    session
        .client
        .batch_execute(&begin)
        .await
        .map_err(refused)?;
    let statement = session.client.prepare(&call.sql).await.map_err(refused)?;
    let params = bind(call, &statement).map_err(Ending::not_sent)?;
    check_columns(&statement).map_err(Ending::not_sent)?;
    Ok((statement, params))
}

/// The server's own timeout in milliseconds: as asked, but early enough that its
/// answer comes before the attempt's time is over and there is no doubt. `None` when
/// no time is left.
fn server_timeout_ms(asked: Duration, remaining: Duration) -> Option<u128> {
    let margin = (remaining / 10).min(Duration::from_secs(1));
    let timeout = asked.min(remaining - margin).as_millis();
    // The setting is a 32-bit integer, and 0 would mean none.
    (timeout > 0).then(|| timeout.min(i32::MAX as u128))
}

fn bind(call: &Call, statement: &Statement) -> Result<Vec<Bound>, String> {
    let types = statement.params();
    if types.len() != call.params.len() {
        return Err(format!(
            "the statement has {} parameters and `params` {}",
            types.len(),
            call.params.len()
        ));
    }
    let bound = call
        .params
        .iter()
        .zip(types)
        .enumerate()
        .map(|(at, (value, ty))| {
            Bound::new(value, ty).map_err(|why| format!("parameter ${}: {why}", at + 1))
        });
    bound.collect()
}

/// What could not be answered is refused while nothing has happened.
fn check_columns(statement: &Statement) -> Result<(), String> {
    let mut seen = BTreeMap::new();
    for column in statement.columns() {
        let (name, ty) = (column.name(), column.type_());
        if !is_known(ty) {
            return Err(format!(
                "column {name:?} has the type {}, which is not read: cast it with ::text",
                ty.name()
            ));
        }
        match seen.entry(name) {
            Entry::Vacant(free) => free.insert(()),
            Entry::Occupied(_) => {
                return Err(format!(
                    "two columns are called {name:?}: rename one with AS"
                ));
            }
        };
    }
    Ok(())
}

/// What the server answered.
struct Answer {
    rows: Vec<Value>,
    affected: u64,
}

/// Its first poll sends the statement: nothing is awaited before.
async fn run(
    _handed: HandedOver,
    session: &Session,
    call: &Call,
    statement: &Statement,
    params: Vec<Bound>,
) -> Result<Answer, Ending> {
    let at = |stage| move |error| answer::ending(&error, stage, call.mode, &call.sql);
    let stream = session
        .client
        .query_raw(statement, params)
        .await
        .map_err(at(Stage::Run))?;
    let mut stream = pin!(stream);
    let mut rows = Vec::new();
    let mut bytes = 0;
    while let Some(row) = stream.try_next().await.map_err(at(Stage::Run))? {
        let row = match read_row(&row) {
            Ok(row) => row,
            Err(why) => return Err(unusable(session, call.mode, "bad_answer", why).await),
        };
        bytes += row.weight_bytes();
        rows.push(row);
        if rows.len() > ROWS_MAX || bytes > ROWS_BYTES_MAX {
            let why = format!(
                "the statement answers more than {ROWS_MAX} rows or {} KiB: ask for less",
                ROWS_BYTES_MAX / 1024
            );
            return Err(unusable(session, call.mode, "too_many_rows", why).await);
        }
    }
    let affected = stream.rows_affected().unwrap_or(0);
    match call.mode {
        Mode::Transaction => {
            let commit = session.client.batch_execute("COMMIT");
            commit.await.map_err(at(Stage::Commit))?;
        }
        // Nothing to keep, or kept already.
        Mode::ReadOnly | Mode::Autocommit => {}
    }
    Ok(Answer { rows, affected })
}

/// An answer that cannot become outputs. A transaction is not committed for it; what
/// ran outside of one has happened.
async fn unusable(session: &Session, mode: Mode, code: &'static str, why: String) -> Ending {
    match mode {
        Mode::ReadOnly => {
            session.cancel().await;
            // Final: the same question has the same answer.
            Ending::new(Effected::Settled, code, why)
        }
        Mode::Transaction => {
            session.cancel().await;
            Ending::new(Effected::None, code, format!("{why} (it was rolled back)"))
        }
        Mode::Autocommit => Ending::new(
            Effected::Settled,
            code,
            format!("{why} (it had run when this was noticed)"),
        ),
    }
}

fn read_row(row: &Row) -> Result<Value, String> {
    let mut map = BTreeMap::new();
    for (at, column) in row.columns().iter().enumerate() {
        let cell: Cell = row
            .try_get(at)
            .map_err(|error| format!("column {:?}: {}", column.name(), answer::describe(&error)))?;
        map.insert(column.name().to_owned(), cell.0);
    }
    Ok(Value::Map(map))
}

fn outputs(mode: Mode, statement: &Statement, answer: Answer) -> BTreeMap<String, Value> {
    let count = |count: usize| Value::Int(i64::try_from(count).unwrap_or(i64::MAX));
    let columns: Vec<Value> = statement
        .columns()
        .iter()
        .map(|column| column.name().into())
        .collect();
    let value = match (answer.rows.as_slice(), statement.columns()) {
        ([row], [column]) => row.get(column.name()).cloned().unwrap_or(Value::Null),
        _ => Value::Null,
    };
    let mut outputs = BTreeMap::from([("value".to_owned(), value)]);
    match mode {
        Mode::ReadOnly => {
            outputs.insert("columns".to_owned(), Value::List(columns));
            outputs.insert("row_count".to_owned(), count(answer.rows.len()));
            outputs.insert("unreachable".to_owned(), Value::Null);
        }
        Mode::Transaction | Mode::Autocommit => {
            let affected = i64::try_from(answer.affected).unwrap_or(i64::MAX);
            outputs.insert("rows_affected".to_owned(), affected.into());
        }
    }
    outputs.insert("rows".to_owned(), Value::List(answer.rows));
    outputs
}

/// The outputs of a query that no server answered.
pub(super) fn unanswered(mut why: String) -> BTreeMap<String, Value> {
    why = printable(&why);
    truncate(&mut why, MESSAGE_BYTES_MAX);
    BTreeMap::from([
        ("rows".to_owned(), Value::List(Vec::new())),
        ("columns".to_owned(), Value::List(Vec::new())),
        ("row_count".to_owned(), Value::Int(0)),
        ("value".to_owned(), Value::Null),
        ("unreachable".to_owned(), Value::Text(why)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_gives_up_before_the_attempt_does() {
        let secs = Duration::from_secs;
        let table = [
            (secs(30), secs(60), Some(30_000)),
            (secs(30), secs(20), Some(19_000)),
            (secs(30), secs(1), Some(900)),
            (secs(30), Duration::ZERO, None),
            (secs(u64::MAX / 2), secs(u64::MAX / 2), Some(2_147_483_647)),
        ];
        for (asked, remaining, expected) in table {
            assert_eq!(
                server_timeout_ms(asked, remaining),
                expected,
                "{asked:?} {remaining:?}"
            );
        }
    }
}
