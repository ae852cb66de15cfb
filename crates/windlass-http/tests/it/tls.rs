//! TLS: verified in full, and a server that cannot prove itself is sent nothing.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use windlass_http::testing::answer;
use windlass_http::{Kind, Method, Request, Sent, Trust, Url};

use crate::support::{ample, local};

fn openssl(dir: &Path, words: &str) {
    let ran = Command::new("openssl")
        .current_dir(dir)
        .args(words.split(' '))
        .output();
    let ran = ran.expect("the openssl command is installed");
    assert!(
        ran.status.success(),
        "{words}: {}",
        String::from_utf8_lossy(&ran.stderr)
    );
}

/// Two authorities, and by the first a certificate for `localhost` alone.
fn certificates(dir: &Path) {
    const EC: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    for name in ["ca", "other"] {
        openssl(
            dir,
            &format!("req -x509 {EC} -subj /CN={name} -days 2 -keyout {name}.key -out {name}.crt"),
        );
    }
    openssl(
        dir,
        &format!("req {EC} -subj /CN=localhost -keyout server.key -out server.csr"),
    );
    std::fs::write(
        dir.join("ext"),
        "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n",
    )
    .unwrap();
    openssl(
        dir,
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out server.crt",
    );
}

/// A server that counts the requests that reach it, in these versions of TLS.
async fn server(
    dir: &Path,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> (u16, Arc<AtomicU32>) {
    let pem = |name: &str| std::fs::read(dir.join(name)).unwrap();
    let chain: Vec<CertificateDer<'static>> =
        rustls_pemfile::certs(&mut pem("server.crt").as_slice())
            .collect::<Result<_, _>>()
            .unwrap();
    let key: PrivateKeyDer<'static> =
        rustls_pemfile::private_key(&mut pem("server.key").as_slice())
            .unwrap()
            .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let requests = Arc::new(AtomicU32::new(0));
    let counted = requests.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, counted) = (acceptor.clone(), counted.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                if stream
                    .read(&mut [0; 4096])
                    .await
                    .is_ok_and(|count| count > 0)
                {
                    counted.fetch_add(1, Ordering::SeqCst);
                    let _ = stream.write_all(&answer("200 OK", "", "over TLS")).await;
                    let _ = stream.shutdown().await;
                }
            });
        }
    });
    (port, requests)
}

#[tokio::test]
async fn a_server_proves_itself_or_is_sent_nothing() {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path());
    let file = |name: &str| Trust::Given(dir.path().join(name).display().to_string());
    let text = Trust::Given(std::fs::read_to_string(dir.path().join("ca.crt")).unwrap());
    let (port, requests) = server(dir.path(), rustls::ALL_VERSIONS).await;
    let (old_port, _) = server(dir.path(), &[&rustls::version::TLS12]).await;
    let request = |host: &str, port: u16| {
        let origin = format!("https://{host}:{port}").parse().unwrap();
        Request::new(Method::Post, Url::build(&origin, [], []).unwrap())
    };
    for (port, trust) in [
        (port, file("ca.crt")),
        (port, text),
        (old_port, file("ca.crt")),
    ] {
        let client = local().trusting(trust);
        let got = client
            .send(request("localhost", port), ample(), || Ok(()))
            .await
            .unwrap();
        assert_eq!(got.body, b"over TLS");
    }
    let before = requests.load(Ordering::SeqCst);
    // Another authority, no authority that the system knows, another name.
    for (host, trust) in [
        ("localhost", file("other.crt")),
        ("localhost", Trust::System),
        ("127.0.0.1", file("ca.crt")),
    ] {
        let asked = || panic!("the connection is not to be trusted");
        let client = local().trusting(trust);
        let error = client
            .send(request(host, port), ample(), asked)
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.sent),
            (Kind::Tls, Sent::No),
            "{host}: {error}"
        );
    }
    for trust in [
        file("nothing"),
        file("ext"),
        Trust::Given("-----BEGIN x".to_owned()),
    ] {
        let client = local().trusting(trust);
        let error = client
            .send(request("localhost", port), ample(), || Ok(()))
            .await
            .unwrap_err();
        assert_eq!((error.kind, error.sent), (Kind::Setup, Sent::No), "{error}");
    }
    assert_eq!(requests.load(Ordering::SeqCst), before);
}
