//! Requests, built in the order in which one thinks of them.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::windlass::plugin::http::{
    self, Body, Document, Error, Header, Part, Place, Response,
};
use crate::bindings::windlass::plugin::types::Method;
use crate::secret::Handle;

/// One request, sent at most once.
#[derive(Debug)]
pub struct Request<'a>(http::Request<'a>);

impl<'a> Request<'a> {
    /// A request without headers and body.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self(http::Request {
            method,
            url: url.into(),
            headers: Vec::new(),
            body: None,
            timeout_ms: None,
            capture: Vec::new(),
        })
    }

    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::Get, url)
    }

    pub fn post(url: impl Into<String>) -> Self {
        Self::new(Method::Post, url)
    }

    /// With a header.
    pub fn header(self, name: &str, value: impl Into<String>) -> Self {
        self.header_of(name, vec![Part::Text(value.into())])
    }

    /// With a header that is put together, secrets among its parts.
    pub fn header_of(mut self, name: &str, value: Vec<Part<'a>>) -> Self {
        let name = name.to_owned();
        self.0.headers.push(Header { name, value });
        self
    }

    /// With a token.
    pub fn bearer(self, token: &'a Handle) -> Self {
        let parts = vec![Part::Text("Bearer ".to_owned()), Part::Secret(token)];
        self.header_of("authorization", parts)
    }

    /// With a user and a password.
    pub fn basic(self, user: &str, password: &'a Handle) -> Self {
        let parts = vec![
            Part::Text("Basic ".to_owned()),
            Part::Basic((user.to_owned(), password)),
        ];
        self.header_of("authorization", parts)
    }

    /// With a JSON body.
    pub fn json(self, value: &impl Serialize) -> Self {
        self.json_with(value, Vec::new())
    }

    /// With a JSON body in which secrets take the place of values, by JSON pointer.
    pub fn json_with(mut self, value: &impl Serialize, secrets: Vec<(&str, &'a Handle)>) -> Self {
        let text = serde_json::to_string(value).expect("what a plugin sends has a JSON form");
        let secrets = secrets
            .into_iter()
            .map(|(at, secret)| (at.to_owned(), secret))
            .collect();
        self.0.body = Some(Body::Json(Document { text, secrets }));
        self
    }

    /// With a body of bytes.
    pub fn body(mut self, bytes: Vec<u8>) -> Self {
        self.0.body = Some(Body::Bytes(bytes));
        self
    }

    /// How long the whole exchange may take; the attempt's own deadline holds anyway.
    pub fn timeout(mut self, span: Duration) -> Self {
        self.0.timeout_ms = Some(u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Takes a secret out of the answer's header.
    pub fn capture_header(mut self, name: &str) -> Self {
        self.0.capture.push(Place::Header(name.to_owned()));
        self
    }

    /// Takes a secret out of the answer's JSON body.
    pub fn capture_json(mut self, pointer: &str) -> Self {
        self.0.capture.push(Place::Json(pointer.to_owned()));
        self
    }

    /// Sends it and waits for the whole answer.
    ///
    /// # Errors
    /// No whole answer came; the error says whether anything was sent.
    pub fn send(self) -> Result<Response, Error> {
        http::send(&self.0)
    }
}

impl Response {
    /// The body, read as JSON.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, String> {
        if self.truncated {
            return Err("the body is longer than it was read".to_owned());
        }
        serde_json::from_slice(&self.body).map_err(|error| error.to_string())
    }

    /// One header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }
}
