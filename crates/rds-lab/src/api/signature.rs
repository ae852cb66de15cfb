//! Signatures of requests with an access key, in the two dialects that share one algorithm's
//! name: how the SDKs of the upstream cloud sign (A) and how the older SDK of the Open Telekom
//! Cloud does (B). It is written apart from what the product signs with, so that one judges
//! the other.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest, Sha256};

use super::cloud::Refusal;
use super::request::Request;
use super::time::Time;
use crate::builds::hex;

const ALGORITHM: &str = "SDK-HMAC-SHA256";
const DATE_HEADER: &str = "x-sdk-date";
const SKEW_SECONDS_MAX: u64 = 15 * 60;

/// An `Authorization` header, taken apart.
struct Authorization<'a> {
    access_key: &'a str,
    /// Of dialect B: the day, region, service and the closing word.
    scope: Option<&'a str>,
    signed: Vec<&'a str>,
    signature: &'a str,
}

/// Whether a request claims to be signed at all.
pub(crate) fn is_signed(request: &Request) -> bool {
    request
        .header("authorization")
        .is_some_and(|value| value.starts_with(ALGORITHM))
}

/// Accepts a request that was signed with this key at about this time.
pub(crate) fn verify(
    request: &Request,
    access_key: &str,
    secret_key: &str,
    now: Time,
) -> Result<(), Refusal> {
    let header = request.header("authorization").unwrap_or_default();
    let found = parse(header)
        .ok_or_else(|| Refusal::bad_credentials("the Authorization header is malformed"))?;
    if found.access_key != access_key {
        return Err(Refusal::bad_credentials("the AK does not exist"));
    }
    let date = request.header(DATE_HEADER).unwrap_or_default();
    let signed_at =
        Time::of_signing(date).ok_or_else(|| Refusal::bad_credentials("x-sdk-date is missing"))?;
    if signed_at.distance(now).as_secs() > SKEW_SECONDS_MAX {
        return Err(Refusal::bad_credentials("x-sdk-date is expired"));
    }
    if !found.signed.contains(&DATE_HEADER) {
        return Err(Refusal::bad_credentials("x-sdk-date is not signed"));
    }
    let expected = sign(request, &found.signed, found.scope, secret_key, date)
        .ok_or_else(|| Refusal::bad_credentials("a signed header is missing"))?;
    // The lab's keys protect nothing: the time that a comparison takes may tell.
    if expected != found.signature {
        return Err(Refusal::bad_credentials("verify signature fail"));
    }
    Ok(())
}

/// The `Authorization` of a request that has its `x-sdk-date`, over `host` and the date.
///
/// # Panics
/// When one of the two headers is missing.
pub fn authorization(
    request: &Request,
    access_key: &str,
    secret_key: &str,
    dialect: Dialect,
) -> String {
    let signed = ["host", DATE_HEADER];
    let date = request
        .header(DATE_HEADER)
        .expect("the caller set x-sdk-date");
    let day = date.get(..8).unwrap_or_default();
    let scope = match dialect {
        Dialect::A => None,
        Dialect::B => Some(format!("{day}///sdk_request")),
    };
    let signature = sign(request, &signed, scope.as_deref(), secret_key, date)
        .expect("the caller set host and x-sdk-date");
    let who = match &scope {
        None => format!("Access={access_key}"),
        Some(scope) => format!("Credential={access_key}/{scope}"),
    };
    let signed = signed.join(";");
    format!("{ALGORITHM} {who}, SignedHeaders={signed}, Signature={signature}")
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// One key, no scope.
    A,
    /// A scope, with region and service left empty, and a key derived from it.
    B,
}

fn parse(header: &str) -> Option<Authorization<'_>> {
    let rest = header.strip_prefix(ALGORITHM)?.trim_start();
    let mut parts = rest.split(',').map(str::trim);
    let who = parts.next()?;
    let (access_key, scope) = match who.strip_prefix("Access=") {
        Some(access_key) => (access_key, None),
        None => {
            let (access_key, scope) = who.strip_prefix("Credential=")?.split_once('/')?;
            (access_key, Some(scope))
        }
    };
    Some(Authorization {
        access_key,
        scope,
        signed: parts
            .next()?
            .strip_prefix("SignedHeaders=")?
            .split(';')
            .collect(),
        signature: parts.next()?.strip_prefix("Signature=")?,
    })
}

/// Nothing when a header that is said to be signed is not there, or a scope is not one.
fn sign(
    request: &Request,
    signed: &[&str],
    scope: Option<&str>,
    secret_key: &str,
    date: &str,
) -> Option<String> {
    let canonical = canonical(request, signed, scope.is_some())?;
    let hash = hex(&Sha256::digest(canonical));
    let Some(scope) = scope else {
        let text = format!("{ALGORITHM}\n{date}\n{hash}");
        return Some(hex(&hmac(secret_key.as_bytes(), &text)));
    };
    let words: Vec<&str> = scope.split('/').collect();
    if words.len() != 4 || date.get(..8) != Some(words[0]) || words[3] != "sdk_request" {
        return None;
    }
    let key = words
        .iter()
        .fold(format!("SDK{secret_key}").into_bytes(), |key, word| {
            hmac(&key, word).to_vec()
        });
    let text = format!("{ALGORITHM}\n{date}\n{scope}\n{hash}");
    Some(hex(&hmac(&key, &text)))
}

fn canonical(request: &Request, signed: &[&str], is_dialect_b: bool) -> Option<String> {
    let mut path: String = request
        .path
        .split('/')
        .map(|segment| encoded(&decoded(segment)))
        .collect::<Vec<_>>()
        .join("/");
    if !path.ends_with('/') {
        path.push('/');
    }
    let mut query = canonical_query(&request.query);
    let mut hash = match request.header("x-sdk-content-sha256") {
        Some(given) if !is_dialect_b => given.to_owned(),
        _ => hex(&Sha256::digest(&request.body)),
    };
    if is_dialect_b && request.method == "POST" && request.body.is_empty() {
        hash = hex(&Sha256::digest(&query));
        query.clear();
    }
    let mut headers = String::new();
    for name in signed {
        let value = request.header(name)?.trim();
        headers += &format!("{name}:{value}\n");
    }
    let (method, signed) = (&request.method, signed.join(";"));
    Some(format!(
        "{method}\n{path}\n{query}\n{headers}\n{signed}\n{hash}"
    ))
}

fn canonical_query(query: &[(String, String)]) -> String {
    let mut pairs: Vec<&(String, String)> = query.iter().collect();
    pairs.sort();
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(key, value)| {
            let (key, value) = (encoded(key.as_bytes()), encoded(value.as_bytes()));
            format!("{key}={value}")
        })
        .collect();
    pairs.join("&")
}

fn encoded(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            text += &format!("%{byte:02X}");
        }
        text
    })
}

fn decoded(segment: &str) -> Vec<u8> {
    let bytes = segment.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let coded = segment.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match coded.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                plain.push(byte);
                at += 3;
            }
            None => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    plain
}

fn hmac(key: &[u8], text: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;
