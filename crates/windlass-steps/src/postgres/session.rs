//! A fresh connection for one attempt. TLS is rustls with ring, with the server's
//! certificate and name verified; plaintext only where the author said why. Nothing
//! is reused, retried or fallen back to.

use std::future::poll_fn;
use std::time::Duration;

use rustls::ClientConfig;
use secrecy::ExposeSecret as _;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_postgres::{AsyncMessage, CancelToken, Client};
use tokio_postgres_rustls::MakeRustlsConnect;
use windlass_core::outcome::Effected;
use windlass_engine::attempt::AttemptLog;
use windlass_engine::ports::StepContext;
use windlass_http::BadTrust;

use super::answer::{CONNECT_FAILED, describe, evidence};
use super::call::{Call, Mode, Trust};
use crate::ending::Ending;
use crate::text::{printable, truncate};

/// What PostgreSQL keeps of an application's name, in bytes.
const APPLICATION_NAME_BYTES_MAX: usize = 63;
/// How long asking the server to cancel may take.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);

/// How long saying goodbye may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection; cut when dropped.
pub(super) struct Session {
    pub(super) client: Client,
    driver: Driver,
    cancel: CancelToken,
    tls: MakeRustlsConnect,
}

/// The task that moves the connection's bytes; ends with its owner.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Session {
    /// Connects and authenticates. Every failure is one before anything was sent.
    pub(super) async fn open(context: &StepContext, call: &Call) -> Result<Self, Ending> {
        let mut server = call.server.clone();
        if let Some(password) = &call.password {
            server.password(password.expose_secret());
        }
        let mut name = format!("windlass/{}/{}", context.run, context.node);
        truncate(&mut name, APPLICATION_NAME_BYTES_MAX);
        server.application_name(name);
        // A server that vanished is noticed within a minute, not within hours.
        server.keepalives(true);
        server.keepalives_idle(Duration::from_secs(20));
        server.keepalives_interval(Duration::from_secs(10));
        server.keepalives_retries(4);
        if call.mode == Mode::ReadOnly {
            // At the start of the session and not by SET, which a pooler would hand
            // on to whoever gets the connection next.
            let given = server.get_options().unwrap_or_default().to_owned();
            server.options(format!("{given} -c default_transaction_read_only=on"));
        }
        if let Some(reason) = &call.insecure_reason {
            context.log.line(&printable(&format!("[no TLS: {reason}]")));
        }
        let tls = MakeRustlsConnect::new(client_config(&call.trust).await?);
        let until = context
            .deadline_instant
            .min(Instant::now() + call.connect_timeout);
        let connected = tokio::time::timeout_at(until, server.connect(tls.clone())).await;
        let (client, connection) = match connected {
            Ok(Ok(connected)) => connected,
            Ok(Err(error)) => {
                let message = format!("cannot connect: {}", describe(&error));
                let ending = Ending::new(Effected::None, CONNECT_FAILED, message);
                return Err(match evidence(&error) {
                    Some(evidence) => ending.with_evidence(evidence),
                    None => ending,
                });
            }
            Err(_) => {
                let message = "cannot connect: no answer in time";
                return Err(Ending::new(Effected::None, CONNECT_FAILED, message));
            }
        };
        Ok(Self {
            cancel: client.cancel_token(),
            client,
            driver: Driver(tokio::spawn(drive(connection, context.log.clone()))),
            tls,
        })
    }

    /// Ends the connection as the protocol wants it, so that the server's log does not
    /// tell of a client that vanished.
    pub(super) async fn close(self, mode: Mode) {
        let Self {
            client, mut driver, ..
        } = self;
        let goodbye = async {
            if mode == Mode::ReadOnly {
                let _ = client.batch_execute("ROLLBACK").await;
            }
            drop(client);
            let _ = (&mut driver.0).await;
        };
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, goodbye).await;
    }

    /// Asks the server to give the running statement up. It answers nothing to that.
    pub(super) async fn cancel(&self) {
        let asked = self.cancel.cancel_query(self.tls.clone());
        if tokio::time::timeout(CANCEL_TIMEOUT, asked).await.is_err() {
            tracing::debug!("the cancel request was not taken in time");
        }
    }
}

/// Moves bytes until the connection ends, and notices into the log.
async fn drive<S, T>(mut connection: tokio_postgres::Connection<S, T>, log: AttemptLog)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
        if let AsyncMessage::Notice(notice) = message {
            let line = format!("{}: {}", notice.severity(), notice.message());
            log.line(&printable(&log.redact(&line)));
        }
    }
}

async fn client_config(trust: &Trust) -> Result<ClientConfig, Ending> {
    let authorities = match trust {
        Trust::Plaintext => return Ok(windlass_http::none_trusted()),
        Trust::Native => windlass_http::Trust::System,
        Trust::Given(given) => windlass_http::Trust::Given(given.clone()),
    };
    authorities.config().await.map_err(|bad| {
        Ending::not_sent(match bad {
            BadTrust::NoneInSystem => format!("{bad}; name some in `sslrootcert`"),
            bad => format!("`sslrootcert`: {bad}"),
        })
    })
}
