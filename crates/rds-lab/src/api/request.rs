//! Requests and replies as the API handles them, apart from how they came over the wire.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::cloud::Refusal;

/// A request with its body read.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// In capitals.
    pub method: String,
    /// As it came, without the query.
    pub path: String,
    /// Decoded, in the order of the request.
    pub query: Vec<(String, String)>,
    /// As it came, without the question mark.
    pub raw_query: String,
    /// By names in small letters.
    pub headers: BTreeMap<String, String>,
    /// Its bytes.
    pub body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(crate) fn asked(&self, key: &str) -> Option<String> {
        let found = self.query.iter().find(|(name, _)| name == key);
        found
            .map(|(_, value)| value.clone())
            .filter(|value| !value.is_empty())
    }

    pub(crate) fn number(&self, key: &str) -> Result<Option<u64>, Refusal> {
        self.asked(key)
            .map(|text| text.parse())
            .transpose()
            .map_err(|_| Refusal::bad_parameter(format!("{key} is not a number.")))
    }

    /// `offset` and `limit`, within what the call allows.
    pub(crate) fn page(&self, default: usize, max: usize) -> Result<(usize, usize), Refusal> {
        let small = |key: &str| -> Result<Option<usize>, Refusal> {
            let number = self.number(key)?;
            Ok(number.map(|number| usize::try_from(number).unwrap_or(usize::MAX)))
        };
        let limit = small("limit")?.unwrap_or(default);
        if !(1..=max).contains(&limit) {
            let why = format!("limit must be from 1 to {max}.");
            return Err(Refusal::bad_parameter(why));
        }
        Ok((small("offset")?.unwrap_or(0), limit))
    }

    /// The body; an empty one reads as an empty object.
    pub(crate) fn json(&self) -> Result<Value, Refusal> {
        if self.body.is_empty() {
            return Ok(json!({}));
        }
        serde_json::from_slice(&self.body)
            .map_err(|_| Refusal::bad_parameter("The body is not JSON."))
    }

    pub(crate) fn body_as<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        understood(self.json()?)
    }
}

pub(crate) fn understood<T: DeserializeOwned>(value: Value) -> Result<T, Refusal> {
    serde_json::from_value(value)
        .map_err(|error| Refusal::bad_parameter(format!("Invalid parameter: {error}.")))
}

/// A reply; without a body it has no bytes at all.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Value>,
}

impl Reply {
    pub(crate) fn new(status: u16, body: Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Some(body),
        }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: None,
        }
    }

    /// The gateway's and the service's errors have the same two fields; the gateway adds the
    /// request's id.
    pub(crate) fn refused(refusal: &Refusal) -> Self {
        let mut body = json!({"error_code": refusal.code, "error_msg": refusal.message});
        if refusal.code.starts_with("APIGW.") {
            body["request_id"] = json!("00000000000000000000000000000000");
        }
        Self::new(refusal.status, body)
    }

    /// The two fields of an older version, which the service is said to use still.
    pub(crate) fn refused_as_v1(refusal: &Refusal) -> Self {
        let body = json!({"errCode": refusal.code, "externalMessage": refusal.message});
        Self::new(refusal.status, body)
    }

    /// Too many requests; the client may come again after so many seconds.
    pub(crate) fn throttled(seconds: u64) -> Self {
        let mut reply = Self::refused(&Refusal::throttled());
        reply.headers.push(("retry-after", seconds.to_string()));
        reply
    }

    /// An error of the service; one of what is before it has no body that says anything.
    pub(crate) fn broken(status: u16) -> Self {
        match status {
            500 => Self::refused(&Refusal::server_error()),
            other => Self::empty(other),
        }
    }

    /// IAM has a form of its own.
    pub(crate) fn refused_by_iam(refusal: &Refusal) -> Self {
        let title = match refusal.status {
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            _ => "Not Found",
        };
        let error = json!({"code": refusal.status, "message": refusal.message, "title": title});
        Self::new(refusal.status, json!({ "error": error }))
    }
}
