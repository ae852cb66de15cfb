//! The moment of sending. reqwest connects and sends in one call; a layer around its
//! connector stands exactly between the two: once TCP and TLS are there and before the
//! first byte of the request, it asks the caller whether it may go on.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

/// What is known about a request that got no whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// No byte of it was sent.
    No,
    /// Bytes of it may have been sent.
    Maybe,
}

/// The caller's word that nothing may be sent any more, with its reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// Asked at the moment of sending, once.
pub(crate) type Hook = Box<dyn FnOnce() -> Result<(), Refusal> + Send>;

enum State {
    Waiting(Hook),
    Open,
    Refused(Refusal),
    Closed,
}

/// Between connecting and sending.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Mutex<State>>);

/// Why the gate let nothing through.
#[derive(Debug, thiserror::Error)]
#[error("nothing may be sent on this connection")]
struct Shut;

impl Gate {
    pub(crate) fn new(hook: Hook) -> Self {
        Self(Arc::new(Mutex::new(State::Waiting(hook))))
    }

    /// Lets one connection through, once.
    fn pass(&self) -> Result<(), Shut> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *state, State::Closed) {
            State::Waiting(hook) => match hook() {
                Ok(()) => {
                    *state = State::Open;
                    Ok(())
                }
                Err(refusal) => {
                    *state = State::Refused(refusal);
                    Err(Shut)
                }
            },
            // A second connection would be a second request.
            was @ (State::Open | State::Refused(_) | State::Closed) => {
                *state = was;
                Err(Shut)
            }
        }
    }

    /// Nothing passes any more; tells what is known, and the caller's refusal.
    pub(crate) fn close(&self) -> (Sent, Option<Refusal>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*state {
            State::Open => (Sent::Maybe, None),
            State::Refused(refusal) => (Sent::No, Some(refusal.clone())),
            State::Waiting(_) | State::Closed => {
                *state = State::Closed;
                (Sent::No, None)
            }
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate")
    }
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, connector: S) -> Gated<S> {
        Gated {
            connector,
            gate: self.clone(),
        }
    }
}

/// A connector behind the gate.
#[derive(Clone, Debug)]
pub(crate) struct Gated<S> {
    connector: S,
    gate: Gate,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl<S, T> Service<T> for Gated<S>
where
    S: Service<T, Error = BoxError>,
    S::Future: Send + 'static,
    S::Response: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(cx)
    }

    fn call(&mut self, target: T) -> Self::Future {
        let connecting = self.connector.call(target);
        let gate = self.gate.clone();
        Box::pin(async move {
            let connection = connecting.await?;
            gate.pass()?;
            Ok(connection)
        })
    }
}
