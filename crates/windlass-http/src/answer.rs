//! An answer: its status, its headers and as much of its body as its reader wants.

use std::collections::BTreeMap;

use reqwest::Response;

use crate::error::{Error, Kind, describe};
use crate::limits::HEADER_BYTES_MAX;
use crate::url::Url;

/// What a target answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// By names in lower case; the values of one name are joined by commas.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    /// Whether the body went on past the bound.
    pub truncated: bool,
    /// What answered: not what was asked, when redirects were followed.
    pub url: Url,
    /// Why a redirect was not followed, when this answer is one.
    pub stopped_at: Option<String>,
}

impl Answer {
    /// Reads the headers and the whole body up to `body_bytes_max`.
    pub(crate) async fn read(
        mut response: Response,
        url: Url,
        body_bytes_max: usize,
    ) -> Result<Self, Error> {
        let status = response.status().as_u16();
        let headers = headers(&response, status)?;
        let mut body = Vec::new();
        let mut truncated = false;
        loop {
            let chunk = response.chunk().await.map_err(|error| {
                let message = format!("the answer is cut: {}", describe(error));
                Error::sent(Kind::Cut, message).with_status(status)
            })?;
            let Some(chunk) = chunk else { break };
            let room = body_bytes_max - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                truncated = true;
                break;
            }
        }
        Ok(Self {
            status,
            headers,
            body,
            truncated,
            url,
            stopped_at: None,
        })
    }

    /// One header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

fn headers(response: &Response, status: u16) -> Result<BTreeMap<String, String>, Error> {
    let mut headers = BTreeMap::<String, String>::new();
    let mut bytes = 0;
    for (name, value) in response.headers() {
        bytes += name.as_str().len() + value.len();
        if bytes > HEADER_BYTES_MAX {
            return Err(Error::headers_too_large(status));
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        headers
            .entry(name.as_str().to_owned())
            .and_modify(|joined| {
                joined.push_str(", ");
                joined.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    Ok(headers)
}
