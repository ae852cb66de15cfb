//! Ctrl-C, SIGTERM and SIGHUP: the first asks for an orderly end, the second ends
//! the process at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::error::Error;
use crate::exit_codes::Exit;
use crate::terminal::keys;

/// Tells when somebody asked for the end. Clones tell the same.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(watch::Receiver<Option<&'static str>>);

impl Interrupt {
    /// Listens from now on.
    pub(crate) fn listen() -> Result<Self, Error> {
        let (sender, receiver) = watch::channel(None);
        let kinds = [
            (SignalKind::interrupt(), "Ctrl-C"),
            (SignalKind::terminate(), "SIGTERM"),
            (SignalKind::hangup(), "hang-up"),
        ];
        for (kind, name) in kinds {
            let mut signals = signal(kind)
                .map_err(|error| Error::Bug(format!("cannot listen for signals: {error}")))?;
            let sender = sender.clone();
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    let first = sender.send_if_modified(|asked| {
                        let first = asked.is_none();
                        asked.get_or_insert(name);
                        first
                    });
                    if !first {
                        keys::restore();
                        std::process::exit(Exit::Parked as i32);
                    }
                }
            });
        }
        Ok(Self(receiver))
    }

    /// Returns the signal's name once there was one.
    pub(crate) async fn asked(&mut self) -> &'static str {
        match self.0.wait_for(Option::is_some).await {
            Ok(name) => (*name).unwrap_or("signal"),
            // The listeners live as long as the process.
            Err(_) => std::future::pending().await,
        }
    }
}
