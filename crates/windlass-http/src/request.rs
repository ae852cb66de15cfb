//! What is sent: a method, an address, headers, a body. Headers that frame the message or
//! steer the connection are the client's own.

use std::fmt;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use crate::url::Url;

/// A method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// All of them.
    pub const ALL: [Method; 6] = [
        Method::Get,
        Method::Head,
        Method::Post,
        Method::Put,
        Method::Patch,
        Method::Delete,
    ];

    /// As it stands in a request.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }

    /// The method with this name, in capitals.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    /// Whether the standard calls it safe: it only looks (RFC 9110, 9.2.1).
    pub fn is_safe(self) -> bool {
        matches!(self, Method::Get | Method::Head)
    }

    pub(crate) fn wire(self) -> reqwest::Method {
        match self {
            Method::Get => reqwest::Method::GET,
            Method::Head => reqwest::Method::HEAD,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is wrong with a header; its value is never repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHeader {
    #[error("{0:?} is no header's name")]
    Name(String),
    #[error("the header {0} is the client's own")]
    Own(String),
    #[error("the header {0} holds a character that no header can, such as a line end")]
    Value(String),
    #[error("the header {0} is given twice")]
    Twice(String),
}

/// Headers that frame the message, choose its target or belong to one connection.
const OWN: [&str; 12] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "upgrade",
    "te",
    "trailer",
    "expect",
    "http2-settings",
    "proxy-authorization",
    "proxy-connection",
];

/// Headers of an author that tell nobody who he is.
const HARMLESS: [&str; 4] = ["accept", "accept-language", "content-type", "user-agent"];

/// One request.
#[derive(Clone)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Vec<u8>>,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
        }
    }

    /// With a header.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, BadHeader> {
        self.insert(name, value, false)?;
        Ok(self)
    }

    /// With a header that holds a secret: it goes to this origin alone.
    pub fn secret_header(mut self, name: &str, value: &SecretString) -> Result<Self, BadHeader> {
        self.insert(name, value.expose_secret(), true)?;
        Ok(self)
    }

    /// With a body.
    pub fn body(mut self, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self
    }

    /// Whether a header of this name was given.
    pub fn has_header(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    /// Where it goes.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Whether it carries what another origin must not see: everything that may say who
    /// asks, and every body.
    pub(crate) fn is_confidential(&self) -> bool {
        self.body.is_some()
            || self
                .headers
                .iter()
                .any(|(name, value)| value.is_sensitive() || !HARMLESS.contains(&name.as_str()))
    }

    fn insert(&mut self, name: &str, value: &str, secret: bool) -> Result<(), BadHeader> {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| BadHeader::Name(name.to_owned()))?;
        if OWN.contains(&name.as_str()) {
            return Err(BadHeader::Own(name.to_string()));
        }
        let mut value =
            HeaderValue::from_str(value).map_err(|_| BadHeader::Value(name.to_string()))?;
        value.set_sensitive(secret);
        match self.headers.insert(name.clone(), value) {
            None => Ok(()),
            Some(_) => Err(BadHeader::Twice(name.to_string())),
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}
