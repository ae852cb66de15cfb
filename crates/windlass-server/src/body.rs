//! Reading a request's parts: a bounded JSON body, the run in the path, the
//! idempotency key. What a refusal says never repeats a secret.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use futures_core::Stream as _;
use secrecy::zeroize::Zeroizing;
use serde::de::DeserializeOwned;
use windlass_core::id::{NodeId, RunId};

use crate::context::Context;
use crate::limits::{BODY_BYTES_MAX, CLIENT_KEY_BYTES_MAX};
use crate::refusal::Refusal;
use crate::wire::IDEMPOTENCY_KEY_HEADER;

/// A type that a request's body is read into.
pub(crate) trait Ask: DeserializeOwned + Send + 'static {
    /// The largest body.
    const BYTES_MAX: usize = BODY_BYTES_MAX;
    /// Whether the body holds secrets: then no refusal repeats anything of it.
    const HOLDS_SECRETS: bool = false;
}

/// A JSON body.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Ask> FromRequest<Context> for Json<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &Context) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        if !is_json(&parts.headers) {
            let message = "the body must be JSON, with content-type application/json";
            return Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not_json",
                message,
            ));
        }
        let bytes = read(body, length(&parts.headers), T::BYTES_MAX).await?;
        let read = serde_json::from_slice(&bytes);
        read.map(Json).map_err(|error| unreadable::<T>(&error))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

fn length(headers: &HeaderMap) -> Option<usize> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// The bytes are wiped after use, as they may hold secrets.
async fn read(
    body: Body,
    length: Option<usize>,
    max: usize,
) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let too_large = || {
        let message = format!("the body is larger than {max} bytes");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
    };
    if length.is_some_and(|length| length > max) {
        return Err(too_large());
    }
    // Growing would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(length.unwrap_or(0)));
    let mut stream = pin!(body.into_data_stream());
    while let Some(chunk) = poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
        let cut = |_| Refusal::bad_request("cut_off", "the body did not come whole");
        let chunk = chunk.map_err(cut)?;
        if bytes.len() + chunk.len() > max {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn unreadable<T: Ask>(error: &serde_json::Error) -> Refusal {
    let message = if T::HOLDS_SECRETS {
        let (line, column) = (error.line(), error.column());
        format!("the body is not what is expected at line {line} column {column}")
    } else {
        format!("the body is not what is expected: {error}")
    };
    Refusal::bad_request("bad_body", message)
}

/// The run in the path.
#[derive(Debug)]
pub(crate) struct RunPath(pub(crate) RunId);

impl FromRequestParts<Context> for RunPath {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Context) -> Result<Self, Refusal> {
        segments(parts).await?.take("run").map(RunPath)
    }
}

/// An attempt in the path.
#[derive(Debug)]
pub(crate) struct AttemptPath {
    pub(crate) run: RunId,
    pub(crate) node: NodeId,
    pub(crate) attempt: u32,
}

impl FromRequestParts<Context> for AttemptPath {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Context) -> Result<Self, Refusal> {
        let segments = segments(parts).await?;
        Ok(Self {
            run: segments.take("run")?,
            node: segments.take("node")?,
            attempt: segments.take("attempt")?,
        })
    }
}

struct Segments(BTreeMap<String, String>);

async fn segments(parts: &mut Parts) -> Result<Segments, Refusal> {
    match Path::from_request_parts(parts, &()).await {
        Ok(Path(segments)) => Ok(Segments(segments)),
        Err(_) => Err(Refusal::bad_request("bad_path", "the path is no text")),
    }
}

impl Segments {
    /// A segment, only ever as the parsed type: no text of a request names a file.
    fn take<T: std::str::FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<T, Refusal> {
        let text = self.0.get(name).map_or("", String::as_str);
        let parsed = text.parse();
        parsed.map_err(|error: T::Err| {
            Refusal::bad_request("bad_path", format!("{name} in the path: {error}"))
        })
    }
}

/// The key by which a repeat is told from a second request.
#[derive(Debug)]
pub(crate) struct Key(pub(crate) Option<String>);

impl FromRequestParts<Context> for Key {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Context) -> Result<Self, Refusal> {
        let Some(key) = parts.headers.get(IDEMPOTENCY_KEY_HEADER) else {
            return Ok(Self(None));
        };
        let fit = |key: &&str| {
            let printable = key.bytes().all(|byte| byte.is_ascii_graphic());
            printable && !key.is_empty() && key.len() <= CLIENT_KEY_BYTES_MAX
        };
        match key.to_str().ok().filter(fit) {
            Some(key) => Ok(Self(Some(key.to_owned()))),
            None => {
                let message = format!(
                    "an idempotency key is 1 to {CLIENT_KEY_BYTES_MAX} visible ASCII characters"
                );
                Err(Refusal::bad_request("bad_key", message))
            }
        }
    }
}
