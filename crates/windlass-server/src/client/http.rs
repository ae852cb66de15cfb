//! HTTP over the socket: one request, one bounded answer, no retry and no redirect.

use std::error::Error as _;
use std::path::Path;
use std::sync::Arc;

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use rustls::{ClientConfig, RootCertStore};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ClientError;
use crate::limits::{ANSWER_BYTES_MAX, CALL_TIME_MAX, CONNECT_TIME_MAX, STREAM_SILENCE_MAX};
use crate::wire::{ErrorBody, IDEMPOTENCY_KEY_HEADER, RunFilter, RunState};

/// Names no host: the socket alone says where requests go.
const BASE: &str = "http://windlass";

#[derive(Clone, Debug)]
pub(super) struct Http(reqwest::Client);

impl Http {
    pub(super) fn new(socket: &Path) -> Result<Self, ClientError> {
        let client = reqwest::Client::builder()
            .unix_socket(socket)
            .tls_backend_preconfigured(unused_tls())
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            // A command that was perhaps carried out is for its caller to repeat.
            .retry(reqwest::retry::never())
            // A connection that its owner has just closed for being idle cannot be met.
            .pool_max_idle_per_host(0)
            .connect_timeout(CONNECT_TIME_MAX)
            .read_timeout(STREAM_SILENCE_MAX)
            .build()
            .map_err(broken)?;
        Ok(Self(client))
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        json(&self.bytes(path).await?)
    }

    pub(super) async fn bytes(&self, path: &str) -> Result<Vec<u8>, ClientError> {
        let request = self.request(Method::GET, path).timeout(CALL_TIME_MAX);
        body(send(request).await?).await
    }

    pub(super) async fn post<Q: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        ask: &Q,
        idempotency_key: Option<&str>,
    ) -> Result<T, ClientError> {
        let mut request = self.request(Method::POST, path).timeout(CALL_TIME_MAX);
        if let Some(key) = idempotency_key {
            request = request.header(IDEMPOTENCY_KEY_HEADER, key);
        }
        json(&body(send(request.json(ask)).await?).await?)
    }

    /// An answer whose body is read as it comes.
    pub(super) async fn stream(&self, path: &str) -> Result<Response, ClientError> {
        send(self.request(Method::GET, path)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.0.request(method, format!("{BASE}{path}"))
    }
}

/// Nobody speaks TLS over the socket. But reqwest prepares for it as soon as any crate of
/// a build wants it, and would then look for a provider that the process has installed.
fn unused_tls() -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the cipher suites of the default versions")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth()
}

async fn send(request: RequestBuilder) -> Result<Response, ClientError> {
    let response = request.send().await.map_err(broken)?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let answer = body(response).await?;
    Err(ClientError::Refused {
        status: status.as_u16(),
        body: serde_json::from_slice(&answer).unwrap_or_else(|_| unknown(status)),
    })
}

fn unknown(status: StatusCode) -> ErrorBody {
    ErrorBody {
        code: "unknown".to_owned(),
        message: format!("the owner answered {status}"),
        help: None,
    }
}

async fn body(mut response: Response) -> Result<Vec<u8>, ClientError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            let text = format!("it is larger than {ANSWER_BYTES_MAX} bytes");
            return Err(ClientError::BadAnswer(text));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(bytes).map_err(|error| ClientError::BadAnswer(error.to_string()))
}

/// reqwest's own text names the made-up host; the cause beneath says what happened.
pub(super) fn broken(error: reqwest::Error) -> ClientError {
    if error.is_timeout() {
        return ClientError::TimedOut;
    }
    let mut text = String::new();
    let mut source = error.source();
    while let Some(cause) = source {
        text = cause.to_string();
        source = cause.source();
    }
    if text.is_empty() {
        text = error.without_url().to_string();
    }
    ClientError::Broken(text)
}

/// The query of a list. It takes the filter apart, so that no part of it is forgotten.
pub(super) fn query(filter: &RunFilter) -> String {
    let RunFilter {
        state,
        status,
        runbook,
        requester,
        target,
        labels,
        since_ms,
        until_ms,
        needs_person,
        limit,
    } = filter;
    let state = match state {
        RunState::Any => "any",
        RunState::Live => "live",
        RunState::Ended => "ended",
    };
    let labels = (!labels.0.is_empty()).then(|| String::from(labels.clone()));
    let number = |number: &Option<i64>| number.map(|number| number.to_string());
    let parts = [
        ("status", status.clone()),
        ("runbook", runbook.clone()),
        ("requester", requester.clone()),
        ("target", target.clone()),
        ("labels", labels),
        ("since_ms", number(since_ms)),
        ("until_ms", number(until_ms)),
        ("needs_person", needs_person.then(|| true.to_string())),
        ("limit", limit.map(|limit| limit.to_string())),
    ];
    let given = parts
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    given.fold(format!("?state={state}"), |query, (name, value)| {
        format!("{query}&{name}={}", segment(&value))
    })
}

/// Text as it may stand in a path or a query: all but letters, digits and `-_.~` encoded.
pub(super) fn segment(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Labels;

    #[test]
    fn nothing_escapes_its_segment() {
        assert_eq!(segment("undo:a[3]"), "undo%3Aa%5B3%5D");
        assert_eq!(segment("../x?y#z"), "..%2Fx%3Fy%23z");
        let filter = RunFilter {
            status: Some("a&b".to_owned()),
            limit: Some(3),
            ..RunFilter::default()
        };
        assert_eq!(query(&filter), "?state=any&status=a%26b&limit=3");
    }

    #[test]
    fn a_filter_arrives_whole() {
        let text = |text: &str| Some(text.to_owned());
        let filter = RunFilter {
            state: RunState::Live,
            status: text("waiting"),
            runbook: text("a b"),
            requester: text("ann (uid 1000)"),
            target: text("db:x/y?z"),
            labels: Labels([("team".to_owned(), "a=b&c".to_owned())].into()),
            since_ms: Some(-1),
            until_ms: Some(2),
            needs_person: true,
            limit: Some(3),
        };
        let uri = format!("/v1/runs{}", query(&filter)).parse().unwrap();
        let arrived = axum::extract::Query::<RunFilter>::try_from_uri(&uri).unwrap();
        assert_eq!(arrived.0, filter);
    }
}
