//! One POST of one message: where it goes, its headers, its signature, and what the
//! receiver's answer means. There is no retry in here: the outbox has its own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secrecy::SecretString;
use tokio::time::Instant;
use windlass_engine::ports::{Delivery, Secrets};
use windlass_http::{Answer, Client, Limits, Method, Reach, Request};

use super::call::Way;
use super::sign::signature;
use crate::with::Given;

/// How long a receiver may take for one request.
const WITHIN: Duration = Duration::from_secs(20);
/// How much of an answer is read.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// How much of an answer is told to people.
const TOLD_BYTES_MAX: usize = 200;

/// A message that is ready to be sent.
pub(super) struct Post<'a> {
    pub(super) way: &'a Way,
    /// The address where the way names none.
    pub(super) default_url: &'a str,
    pub(super) id: String,
    pub(super) body: Vec<u8>,
    pub(super) secrets: &'a Secrets,
}

/// What a receiver answered with 2xx, or why the message is not delivered.
pub(super) async fn post(post: Post<'_>) -> Result<Answer, Delivery> {
    let refused = |reason: String| Delivery::Refused { reason };
    let request = request(&post).map_err(refused)?;
    let mut client = Client::new(Reach::with(post.way.private.clone()));
    if post.way.plaintext {
        client = client.allowing_plaintext();
    }
    let limits = Limits {
        body_bytes_max: ANSWER_BYTES_MAX,
        ..Limits::until(Instant::now() + WITHIN)
    };
    match client.send(request, limits, || Ok(())).await {
        Ok(answer) if (200..300).contains(&answer.status) => Ok(answer),
        Ok(answer) => Err(not_taken(&answer)),
        Err(error) => Err(Delivery::NotYet {
            reason: error.to_string(),
            after: None,
        }),
    }
}

fn request(post: &Post<'_>) -> Result<Request, String> {
    let url = post.way.url(post.default_url, post.secrets)?;
    if !url.origin().is_encrypted() && !post.way.plaintext {
        return Err(
            "`http://` needs `insecure_reason`: why may everybody on the way read it?".to_owned(),
        );
    }
    let host = url.origin().host().to_owned();
    let value = |given: &Given| -> Result<SecretString, String> {
        match given {
            Given::Text(text) => Ok(SecretString::from(text.clone())),
            Given::Secret(name) => {
                let value = post.secrets.for_host(name, &host).cloned();
                value.map_err(|error| error.to_string())
            }
        }
    };
    let timestamp = seconds_now();
    let bad = |error: windlass_http::BadHeader| error.to_string();
    let mut request = Request::new(Method::Post, url)
        .header("content-type", "application/json")
        .and_then(|request| request.header("user-agent", "windlass"))
        .and_then(|request| request.header("webhook-id", &post.id))
        .and_then(|request| request.header("webhook-timestamp", &timestamp.to_string()))
        .map_err(bad)?;
    if let Some(name) = &post.way.secret {
        let secret = value(&Given::Secret(name.clone()))?;
        let signature = signature(&secret, &post.id, timestamp, &post.body)?;
        request = request
            .header("webhook-signature", &signature)
            .map_err(bad)?;
    }
    for (name, given) in &post.way.headers {
        request = request.secret_header(name, &value(given)?).map_err(bad)?;
    }
    Ok(request.body(post.body.clone()))
}

/// What an answer other than 2xx means. Only a receiver that is gone for good, or that says
/// that the message itself is wrong, is not asked again.
fn not_taken(answer: &Answer) -> Delivery {
    let said = String::from_utf8_lossy(&answer.body);
    let said: String = said.chars().filter(|char| !char.is_control()).collect();
    let said = &said[..said.floor_char_boundary(TOLD_BYTES_MAX)];
    let reason = match said.trim() {
        "" => format!("answered {}", answer.status),
        said => format!("answered {}: {said}", answer.status),
    };
    match answer.status {
        400 | 410 | 413 | 422 => Delivery::Refused { reason },
        _ => Delivery::NotYet {
            reason,
            after: answer.header("retry-after").and_then(retry_after),
        },
    }
}

/// A number of seconds, or a date.
fn retry_after(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(SystemTime::now()).unwrap_or_default())
}

fn seconds_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_says_when_to_come_back() {
        assert_eq!(retry_after("120"), Some(Duration::from_secs(120)));
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Duration::ZERO)
        );
        let soon = SystemTime::now() + Duration::from_secs(100);
        let asked = retry_after(&httpdate::fmt_http_date(soon)).unwrap();
        assert!(asked > Duration::from_secs(90) && asked <= Duration::from_secs(100));
        assert_eq!(retry_after("soon"), None);
    }
}
