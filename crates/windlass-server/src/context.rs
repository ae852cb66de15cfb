//! What every handler is given.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use windlass_core::operator::Identity;
use windlass_engine::Engine;

use crate::admission::Turns;

/// See the module; clones are cheap.
#[derive(Clone, Debug)]
pub(crate) struct Context(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) engine: Engine,
    /// The user whose state directory it is.
    pub(crate) owner_uid: u32,
    pub(crate) single_user: bool,
    pub(crate) turns: Turns,
    /// See [`crate::limits::KEEPALIVE_EVERY`].
    pub(crate) keepalive_every: Duration,
    pub(crate) started: Instant,
    pub(crate) started_at_ms: i64,
    /// Set when the server stops.
    pub(crate) stop: watch::Receiver<bool>,
    /// Set when somebody asked the owner to end.
    pub(crate) shutdown: watch::Sender<bool>,
}

impl Context {
    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    pub(crate) fn owner(&self) -> Identity {
        Identity::OsUser {
            uid: self.owner_uid,
        }
    }

    /// Returns once the server stops.
    pub(crate) async fn stopped(&self) {
        let mut stop = self.stop.clone();
        // An error means that the server is gone, which is the same.
        let _gone = stop.wait_for(|stop| *stop).await;
    }
}

impl std::ops::Deref for Context {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
