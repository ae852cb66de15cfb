//! For tests (feature `test-support`): a TCP server of bytes: each connection gets one scripted answer, and what arrived is
//! kept, so that a test counts requests on the wire.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::url::Origin;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What a connection gets.
#[derive(Clone, Debug)]
pub enum Script {
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
#[derive(Clone, Debug)]
pub struct Server {
    pub address: SocketAddr,
    arrived: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<u32>>,
    finished: Arc<Mutex<u32>>,
}

impl Server {
    /// Plays one script on every connection.
    pub async fn always(script: Script) -> Self {
        Self::scripted(move |_, _| script.clone()).await
    }

    /// Plays what `script` says of the number of the connection, from 0, and its request.
    pub async fn scripted(script: impl Fn(u32, &str) -> Script + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let server = Self {
            address: listener.local_addr().expect("it is bound"),
            arrived: Arc::default(),
            connections: Arc::default(),
            finished: Arc::default(),
        };
        let (serving, script) = (server.clone(), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = {
                    let mut connections = serving.connections.lock().expect("no test panics here");
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
        self.arrived
            .lock()
            .expect("no test panics here")
            .push(request);
        match script {
            Script::Answer(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
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
        *self.finished.lock().expect("no test panics here") += 1;
    }

    /// The requests whose head arrived.
    pub fn requests(&self) -> Vec<String> {
        self.arrived.lock().expect("no test panics here").clone()
    }

    /// How many answers were taken to their last byte.
    pub fn finished(&self) -> u32 {
        *self.finished.lock().expect("no test panics here")
    }

    /// How many connections there were.
    pub fn connections(&self) -> u32 {
        *self.connections.lock().expect("no test panics here")
    }

    /// Where it is.
    pub fn origin(&self) -> Origin {
        format!("http://{}", self.address)
            .parse()
            .expect("an origin")
    }
}

/// An answer with this status line's end, these headers and this body.
pub fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}").into_bytes()
}
