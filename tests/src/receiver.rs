//! A receiver of messages: an HTTP server of this machine that answers as it is told and
//! keeps what came, so that a test sees each message as its receiver does.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use windlass_core::plan::Digest;

/// The key of [`SECRET`].
pub const KEY: [u8; 24] = [
    0x31, 0xf2, 0x90, 0xf6, 0xbf, 0x06, 0x29, 0x8a, 0xab, 0x4f, 0x08, 0xd4, 0x3c, 0x3f, 0x08, 0x2c,
    0xf6, 0x48, 0xa3, 0x62, 0xda, 0x2d, 0xa4, 0xb0,
];
/// A signing secret: the one of the examples of Standard Webhooks.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A message as it came.
#[derive(Clone, Debug)]
pub struct Received {
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Received {
    /// What repeats are told by.
    pub fn id(&self) -> &str {
        self.headers.get("webhook-id").map_or("", String::as_str)
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("a message is JSON")
    }

    /// Whether its signature is that of the Standard Webhooks specification for this key,
    /// computed here from SHA-256 alone and not by the code that signed it.
    pub fn is_signed_by(&self, key: &[u8]) -> bool {
        let header = |name: &str| self.headers.get(name).cloned().unwrap_or_default();
        let timestamp = header("webhook-timestamp");
        let content = format!("{}.{timestamp}.{}", self.id(), self.body);
        header("webhook-signature") == format!("v1,{}", base64(&hmac(key, content.as_bytes())))
    }
}

/// What a request gets.
#[derive(Clone, Debug)]
pub enum Reply {
    /// This status, these header lines, this body.
    Answer(u16, &'static str, &'static str),
    /// Nothing, for as long as the receiver lives.
    Nothing,
    /// Nothing: the connection ends.
    Cut,
}

/// Any message is taken.
pub const TAKEN: Reply = Reply::Answer(202, "", "{}");

type Script = dyn Fn(usize, &Received) -> Reply + Send + Sync;

/// A receiver on a free port.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    came: Arc<(Mutex<Vec<Received>>, Condvar)>,
}

impl Receiver {
    /// Answers each message as `script` says of its number, from 0, and of what it is.
    pub fn start(script: impl Fn(usize, &Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let came = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let (kept, script): (_, Arc<Script>) = (Arc::clone(&came), Arc::new(script));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (kept, script) = (Arc::clone(&kept), Arc::clone(&script));
                std::thread::spawn(move || serve(&stream, &kept, &*script));
            }
        });
        Self { address, came }
    }

    /// The address of a path of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything that came so far.
    pub fn came(&self) -> Vec<Received> {
        self.came.0.lock().expect("no server panics").clone()
    }

    /// What came, once that is enough; fails after `within`.
    pub fn once(&self, within: Duration, enough: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        let until = Instant::now() + within;
        let mut came = self.came.0.lock().expect("no server panics");
        while !enough(&came) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "not in {within:?}; came: {came:#?}");
            came = self
                .came
                .1
                .wait_timeout(came, left)
                .expect("no server panics")
                .0;
        }
        came.clone()
    }
}

fn serve(stream: &TcpStream, kept: &(Mutex<Vec<Received>>, Condvar), script: &Script) {
    let Some(received) = read(stream) else { return };
    let reply = {
        let mut came = kept.0.lock().expect("no server panics");
        let reply = script(came.len(), &received);
        came.push(received);
        kept.1.notify_all();
        reply
    };
    match reply {
        Reply::Answer(status, headers, body) => {
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status} said\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            let mut stream = stream;
            // Who asked may have been killed.
            let _gone = stream.write_all(answer.as_bytes());
        }
        Reply::Cut => {}
        Reply::Nothing => loop {
            std::thread::park();
        },
    }
}

fn read(stream: &TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_lowercase(), value.to_owned()),
            None => break,
        };
    }
    let length = headers.get("content-length").map(|length| length.parse());
    let length = length.unwrap_or(Ok(0)).ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).ok()?;
    Some(Received {
        method,
        path,
        headers,
        body,
    })
}

/// HMAC-SHA256 as RFC 2104 writes it, for keys of at most one block.
fn hmac(key: &[u8], content: &[u8]) -> [u8; 32] {
    const BLOCK: usize = 64;
    assert!(key.len() <= BLOCK);
    let padded = |with: u8| -> Vec<u8> {
        let byte = |at| key.get(at).copied().unwrap_or(0) ^ with;
        (0..BLOCK).map(byte).collect()
    };
    let inner = Digest::of(&[padded(0x36), content.to_vec()].concat());
    Digest::of(&[padded(0x5c), inner.0.to_vec()].concat()).0
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .chain([0, 0].iter())
            .take(3)
            .fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        for place in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2, and the example of Standard Webhooks' own libraries.
    #[test]
    fn the_receiver_knows_a_signature_by_itself() {
        let mac = hmac(b"Jefe", b"what do ya want for nothing?");
        assert!(
            Digest(mac)
                .to_string()
                .starts_with("5bdcc146bf60754e6a042426089575c7")
        );
        let headers = [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            (
                "webhook-signature",
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
        ];
        let mut received = Received {
            method: "POST".to_owned(),
            path: "/".to_owned(),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            body: r#"{"test": 2432232314}"#.to_owned(),
        };
        assert!(received.is_signed_by(&KEY));
        received.body.push(' ');
        assert!(!received.is_signed_by(&KEY));
    }
}
