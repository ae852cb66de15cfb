//! A fresh connection for one attempt. TLS is rustls with ring, with the server's
//! certificate and name verified; plaintext only where the author said why. Nothing
//! is reused, retried or fallen back to.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret as _;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_postgres::{AsyncMessage, CancelToken, Client};
use tokio_postgres_rustls::MakeRustlsConnect;
use windlass_core::outcome::Effected;
use windlass_engine::attempt::AttemptLog;
use windlass_engine::ports::StepContext;

use super::answer::{CONNECT_FAILED, describe, evidence};
use super::call::{Call, Mode, Trust};
use crate::ending::Ending;
use crate::text::{printable, truncate};

/// The most bytes of a file of authorities.
const AUTHORITIES_BYTES_MAX: u64 = 1024 * 1024;
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
    let roots = match trust {
        Trust::Plaintext => RootCertStore::empty(),
        Trust::Native => native_roots().await?,
        Trust::Given(given) => given_roots(given).await?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the cipher suites of the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

async fn native_roots() -> Result<RootCertStore, Ending> {
    let found = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
    let found = found.map_err(|error| Ending::not_sent(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(Ending::not_sent(
            "the system has no certificate authorities; name some in `sslrootcert`",
        ));
    }
    Ok(roots)
}

async fn given_roots(given: &str) -> Result<RootCertStore, Ending> {
    let bad = |why: String| Ending::not_sent(format!("`sslrootcert`: {why}"));
    let pem = if given.trim_start().starts_with("-----BEGIN") {
        given.as_bytes().to_vec()
    } else {
        let size = tokio::fs::metadata(given).await.map(|file| file.len());
        if size.map_err(|error| bad(format!("{given}: {error}")))? > AUTHORITIES_BYTES_MAX {
            return Err(bad(format!(
                "{given} has more than {AUTHORITIES_BYTES_MAX} bytes"
            )));
        }
        tokio::fs::read(given)
            .await
            .map_err(|error| bad(format!("{given}: {error}")))?
    };
    let certificates: Result<Vec<CertificateDer<'_>>, _> =
        rustls_pemfile::certs(&mut pem.as_slice()).collect();
    let mut roots = RootCertStore::empty();
    for certificate in certificates.map_err(|error| bad(error.to_string()))? {
        roots
            .add(certificate)
            .map_err(|error| bad(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(bad("no certificate in it".to_owned()));
    }
    Ok(roots)
}
