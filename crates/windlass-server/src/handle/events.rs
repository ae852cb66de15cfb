//! Following a run: its history, then each record once it is durable, as JSON lines.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{Uri, header};
use axum::response::{IntoResponse as _, Response};
use futures_core::Stream;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::timeout;
use windlass_core::event::Event;
use windlass_core::id::RunId;
use windlass_engine::{Recorded, Subscription};

use crate::body::RunPath;
use crate::context::Context;
use crate::limits::STREAM_LINES_MAX;
use crate::refusal::Refusal;
use crate::wire::{EventLine, StreamEnd, StreamLine};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct From {
    /// The first record that is wanted.
    #[serde(default)]
    from: u64,
}

pub(crate) async fn follow(
    State(context): State<Context>,
    RunPath(run): RunPath,
    uri: Uri,
) -> Result<Response, Refusal> {
    let from = match Query::<From>::try_from_uri(&uri) {
        Ok(Query(From { from })) => from,
        Err(error) => return Err(Refusal::bad_request("bad_query", error.body_text())),
    };
    let snapshot = context.engine.view(&run).await?;
    if from > snapshot.next_seq {
        let message = format!(
            "the run has no record {from} yet: its next one is {}",
            snapshot.next_seq
        );
        return Err(Refusal::bad_request("bad_query", message));
    }
    let subscription = context.engine.subscribe(&run, from).await?;
    let (lines, receiver) = mpsc::channel(STREAM_LINES_MAX);
    let follower = Follower {
        context,
        run,
        next_seq: from,
        lines,
    };
    tokio::spawn(follower.serve(subscription));
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((kind, Body::from_stream(Lines(receiver))).into_response())
}

/// One who follows a run.
struct Follower {
    context: Context,
    run: RunId,
    /// What he has not been sent.
    next_seq: u64,
    lines: mpsc::Sender<Bytes>,
}

/// What came of waiting for a record.
enum Came {
    Record(Box<Recorded>),
    Nothing,
    End(StreamEnd),
}

impl Follower {
    async fn serve(mut self, mut subscription: Subscription) {
        let mut check_end = true;
        let end = loop {
            if check_end && let Some(end) = self.run_end().await {
                break end;
            }
            let came = tokio::select! {
                () = self.lines.closed() => return,
                () = self.context.stopped() => break self.stopped(),
                came = timeout(self.context.keepalive_every, subscription.next()) => match came {
                    Ok(Ok(Some(record))) => Came::Record(Box::new(record)),
                    Ok(Ok(None)) => Came::End(self.stopped()),
                    Ok(Err(error)) => Came::End(refused(error.into())),
                    Err(_) => Came::Nothing,
                },
            };
            let line = match came {
                Came::Record(record) => {
                    self.next_seq = record.seq + 1;
                    // After the end a run may still get records; they are all sent.
                    check_end |= matches!(record.event, Event::RunEnded { .. });
                    StreamLine::Event(EventLine::new(record.seq, record.at, &record.event)).encode()
                }
                Came::Nothing => b"\n".to_vec(),
                Came::End(end) => break end,
            };
            if !self.send(line).await {
                return;
            }
        };
        self.send(StreamLine::End(end).encode()).await;
    }

    /// Whether the line found a reader.
    async fn send(&self, line: Vec<u8>) -> bool {
        self.lines.send(line.into()).await.is_ok()
    }

    /// The end of the stream, when the run has ended and every record of it was sent.
    async fn run_end(&self) -> Option<StreamEnd> {
        let snapshot = match self.context.engine.view(&self.run).await {
            Ok(snapshot) => snapshot,
            Err(error) => return Some(refused(error.into())),
        };
        let (end, reason) = snapshot.state.end()?;
        (self.next_seq >= snapshot.next_seq).then(|| StreamEnd {
            code: "run_ended".to_owned(),
            message: format!("the run has ended, {}: {reason}", end.as_str()),
            help: None,
        })
    }

    fn stopped(&self) -> StreamEnd {
        let run = &self.run;
        StreamEnd {
            code: "owner_stopped".to_owned(),
            message: format!("the owner has stopped; run {run} is parked where it stands"),
            help: Some(format!("windlass resume {run}")),
        }
    }
}

fn refused(refusal: Refusal) -> StreamEnd {
    let body = refusal.body();
    StreamEnd {
        code: body.code,
        message: body.message,
        help: body.help,
    }
}

/// Lines on their way into an answer's body.
struct Lines(mpsc::Receiver<Bytes>);

impl Stream for Lines {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|line| line.map(Ok))
    }
}
