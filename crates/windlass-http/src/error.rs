//! A request that got no whole answer: why, and whether it was sent.

use std::error::Error as _;

use crate::gate::Sent;
use crate::limits::{HEADER_BYTES_MAX, HEADERS_MAX};

/// No whole answer came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub kind: Kind,
    pub sent: Sent,
    /// For people; no header, body or query of the request stands in it.
    pub message: String,
    /// The status, when that much of the answer came.
    pub status: Option<u16>,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The client cannot be made: the authorities of TLS, a bad redirect.
    Setup,
    /// The host has no address.
    Resolve,
    /// Its addresses may not be reached.
    Refused,
    /// No connection.
    Connect,
    /// No TLS that can be trusted.
    Tls,
    /// The caller said at the moment of sending that it is too late.
    TooLate,
    /// The answer was not there in time.
    Timeout,
    /// The connection ended before the answer did, or what came is no HTTP.
    Cut,
    /// The answer has more headers than are read.
    TooLarge,
}

impl Kind {
    /// A stable word for machines.
    pub fn code(self) -> &'static str {
        match self {
            Kind::Setup | Kind::TooLate => "not_sent",
            Kind::Resolve => "resolve_failed",
            Kind::Refused => "address_refused",
            Kind::Connect => "connect_failed",
            Kind::Tls => "tls_failed",
            Kind::Timeout => "timeout",
            Kind::Cut => "connection_lost",
            Kind::TooLarge => "answer_too_large",
        }
    }
}

impl Error {
    /// Before anything was sent.
    pub(crate) fn unsent(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            sent: Sent::No,
            message: message.into(),
            status: None,
        }
    }

    /// After bytes may have left.
    pub(crate) fn sent(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            sent: Sent::Maybe,
            ..Self::unsent(kind, message)
        }
    }

    pub(crate) fn with_status(self, status: u16) -> Self {
        Self {
            status: Some(status),
            ..self
        }
    }

    pub(crate) fn headers_too_large(status: u16) -> Self {
        let message = format!(
            "the answer has more than {HEADERS_MAX} headers or {HEADER_BYTES_MAX} bytes of them"
        );
        Self::sent(Kind::TooLarge, message).with_status(status)
    }
}

/// A reqwest error with its causes and without its address.
pub(crate) fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Wrapped errors tend to repeat what they wrap.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// Whether an error has this one among its causes, inside of I/O errors too.
pub(crate) fn is_tls(error: &reqwest::Error) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = error.source();
    while let Some(cause) = source {
        if cause.is::<rustls::Error>() {
            return true;
        }
        source = match cause.downcast_ref::<std::io::Error>() {
            Some(io) => match io.get_ref() {
                Some(inner) => Some(inner),
                None => io.source(),
            },
            None => cause.source(),
        };
    }
    false
}
