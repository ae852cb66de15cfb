//! A TCP server of bytes: each connection gets one scripted answer, and what arrived is
//! kept, so that a test counts requests on the wire.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use windlass_http::{Client, Limits, Method, Origin, Range, Reach, Request, Url};

/// What a connection gets.
#[derive(Clone, Debug)]
pub(crate) enum Script {
    /// These bytes once a request's head is there, then the end.
    Answer(Vec<u8>),
    /// These bytes, and then nothing for ever.
    Stall(Vec<u8>),
    /// These bytes one by one, so far apart.
    Drip(Vec<u8>, Duration),
    /// The end without a byte, once the head is there.
    Close,
    /// A reset without reading.
    Reset,
}

/// A server on a free port of this machine.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    arrived: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<u32>>,
}

impl Server {
    /// Plays one script on every connection.
    pub(crate) async fn always(script: Script) -> Self {
        Self::scripted(move |_, _| script.clone()).await
    }

    /// Plays what `script` says of the number of the connection, from 0, and its request.
    pub(crate) async fn scripted(
        script: impl Fn(u32, &str) -> Script + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            arrived: Arc::default(),
            connections: Arc::default(),
        };
        let (serving, script) = (server.clone(), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = {
                    let mut connections = serving.connections.lock().unwrap();
                    *connections += 1;
                    *connections - 1
                };
                let (serving, script) = (serving.clone(), script.clone());
                tokio::spawn(async move { serving.play(stream, number, script.as_ref()).await });
            }
        });
        server
    }

    async fn play(
        &self,
        mut stream: TcpStream,
        number: u32,
        script: &(dyn Fn(u32, &str) -> Script + Send + Sync),
    ) {
        if matches!(script(number, ""), Script::Reset) {
            let _ = stream.set_zero_linger();
            return;
        }
        let mut seen = Vec::new();
        let mut buffer = [0; 4096];
        while !seen.windows(4).any(|window| window == b"\r\n\r\n") {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(count) => seen.extend_from_slice(&buffer[..count]),
            }
        }
        let request = String::from_utf8_lossy(&seen).into_owned();
        let script = script(number, &request);
        self.arrived.lock().unwrap().push(request);
        match script {
            Script::Answer(bytes) => {
                let _ = stream.write_all(&bytes).await;
            }
            Script::Stall(bytes) => {
                let _ = stream.write_all(&bytes).await;
                std::future::pending::<()>().await;
            }
            Script::Drip(bytes, apart) => {
                for byte in bytes {
                    if stream.write_all(&[byte]).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(apart).await;
                }
            }
            Script::Close | Script::Reset => {}
        }
    }

    /// The requests whose head arrived.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.arrived.lock().unwrap().clone()
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> u32 {
        *self.connections.lock().unwrap()
    }

    pub(crate) fn origin(&self) -> Origin {
        format!("http://{}", self.address).parse().unwrap()
    }

    pub(crate) fn url(&self, segment: &str) -> Url {
        Url::build(&self.origin(), [segment], []).unwrap()
    }

    pub(crate) fn request(&self, method: Method) -> Request {
        Request::new(method, self.url("x"))
    }
}

/// An answer with this status line's end, these headers and this body.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}").into_bytes()
}

/// A client that may reach this machine, without TLS.
pub(crate) fn local() -> Client {
    let loopback: Range = "127.0.0.0/8".parse().unwrap();
    Client::new(Reach::with(vec![loopback])).allowing_plaintext()
}

/// Time enough for everything that is not meant to run out of it.
pub(crate) fn ample() -> Limits {
    Limits::until(Instant::now() + Duration::from_secs(30))
}
