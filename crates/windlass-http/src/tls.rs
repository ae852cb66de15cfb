//! Whom to trust: the system's authorities, or those of a file. rustls with ring, TLS 1.2
//! and 1.3, certificate and name always verified, no early data, no resumed sessions. Also
//! for those who speak another protocol over TLS.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

/// The most bytes of a file of authorities.
const AUTHORITIES_BYTES_MAX: u64 = 1024 * 1024;

/// Which authorities vouch for a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The system's.
    System,
    /// Those in a file of this path, or in this PEM text, and no others.
    Given(String),
}

/// The authorities cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTrust {
    #[error("the system has no certificate authorities")]
    NoneInSystem,
    #[error("cannot read the authorities in {path}: {why}")]
    Unreadable { path: String, why: String },
    #[error("the authorities in {path} have more than {AUTHORITIES_BYTES_MAX} bytes")]
    Long { path: String },
    #[error("the authorities hold no certificate")]
    Empty,
    #[error("the authorities hold a bad certificate: {0}")]
    Bad(String),
}

impl Trust {
    /// How rustls is to behave, for a protocol that names none by ALPN.
    ///
    /// # Errors
    /// The authorities cannot be had.
    pub async fn config(&self) -> Result<ClientConfig, BadTrust> {
        let roots = match self {
            Trust::System => system_roots().await?,
            Trust::Given(given) => given_roots(given).await?,
        };
        Ok(config(roots))
    }
}

/// For a connection that may not come to use TLS: no certificate is trusted.
pub fn none_trusted() -> ClientConfig {
    config(RootCertStore::empty())
}

/// The same for HTTP.
pub(crate) fn for_http(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

fn config(roots: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the cipher suites of the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config
}

async fn system_roots() -> Result<RootCertStore, BadTrust> {
    let found = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs)
        .await
        .map_err(|_| BadTrust::NoneInSystem)?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(BadTrust::NoneInSystem);
    }
    Ok(roots)
}

async fn given_roots(given: &str) -> Result<RootCertStore, BadTrust> {
    let pem = if given.trim_start().starts_with("-----BEGIN") {
        given.as_bytes().to_vec()
    } else {
        let unreadable = |error: std::io::Error| BadTrust::Unreadable {
            path: given.to_owned(),
            why: error.to_string(),
        };
        let file = tokio::fs::metadata(given).await.map_err(unreadable)?;
        if file.len() > AUTHORITIES_BYTES_MAX {
            let path = given.to_owned();
            return Err(BadTrust::Long { path });
        }
        tokio::fs::read(given).await.map_err(unreadable)?
    };
    let certificates: Result<Vec<CertificateDer<'_>>, _> =
        rustls_pemfile::certs(&mut pem.as_slice()).collect();
    let mut roots = RootCertStore::empty();
    for certificate in certificates.map_err(|error| BadTrust::Bad(error.to_string()))? {
        roots
            .add(certificate)
            .map_err(|error| BadTrust::Bad(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(BadTrust::Empty);
    }
    Ok(roots)
}
