//! The server's life: from a bound socket and an open engine to the last answer.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use windlass_engine::Engine;

use crate::admission::Turns;
use crate::connection::Door;
use crate::context::{Context, Inner};
use crate::limits::{KEEPALIVE_EVERY, STOP_GRACE};
use crate::peer::Peer;
use crate::route::router;
use crate::socket::Socket;

/// What a server is started with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether there is no policy, so that one person is every group; runs that are
    /// started over the socket keep it.
    pub single_user: bool,
}

/// A running server. Dropping it leaves it running until the process ends; [`Server::stop`]
/// ends it in order.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    stop: watch::Sender<bool>,
    shutdown: watch::Receiver<bool>,
    serving: JoinHandle<()>,
}

impl Server {
    /// Serves an engine at a socket. Needs a tokio runtime.
    pub fn start(socket: Socket, engine: Engine, options: Options) -> Self {
        Self::start_paced(socket, engine, options, KEEPALIVE_EVERY)
    }

    /// As [`Server::start`], with another pace for streams without news; for tests.
    pub fn start_paced(
        socket: Socket,
        engine: Engine,
        options: Options,
        keepalive_every: Duration,
    ) -> Self {
        let path = socket.path().to_owned();
        let owner_uid = socket.owner_uid;
        let (stop, stopping) = watch::channel(false);
        let (shutdown, shutdown_asked) = watch::channel(false);
        let context = Context::new(Inner {
            engine,
            owner_uid,
            single_user: options.single_user,
            turns: Turns::new(),
            keepalive_every,
            started: Instant::now(),
            started_at_ms: now_ms(),
            stop: stopping,
            shutdown,
        });
        let router = router(&context).into_make_service_with_connect_info::<Peer>();
        let (listener, made) = socket.into_parts();
        let serving = tokio::spawn(async move {
            let stopped = context.clone();
            let serve = axum::serve(Door::new(listener, owner_uid), router)
                .with_graceful_shutdown(async move { stopped.stopped().await });
            if let Err(error) = serve.await {
                tracing::error!(%error, "the server has ended");
            }
            // Taken away while the engine, and with it the owner lock, is still held.
            drop(made);
            drop(context);
        });
        Self {
            path,
            stop,
            shutdown: shutdown_asked,
            serving,
        }
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.path
    }

    /// Returns once a client has asked the owner to end: park the engine, then stop.
    pub async fn shutdown_asked(&mut self) {
        let asked = self.shutdown.wait_for(|asked| *asked).await;
        if asked.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Takes no more requests, tells those who follow a run that the owner stops, lets
    /// answers end within a bound, and removes the socket.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if timeout(STOP_GRACE, &mut self.serving).await.is_err() {
            tracing::warn!("some connections did not end in time; they are cut");
            self.serving.abort();
        }
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}
