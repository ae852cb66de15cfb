//! The hosts that a secret may go to: how they are written, and which hosts they permit.
//! Not responsible for reaching a host, nor for what a name resolves to.

// The type alone, from the library that has no sockets.
use core::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The most hosts that one secret may name.
pub const SECRET_HOSTS_MAX: usize = 64;
/// The longest name of a host, as DNS has it, or path of a socket's directory.
const HOST_BYTES_MAX: usize = 253;
/// The longest part of a name between two dots.
const LABEL_BYTES_MAX: usize = 63;

/// Where a secret may go: a host's name or address, every name below a domain
/// (`*.internal.example`), or the directory of a socket on the engine's machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern(String);

/// Why a text names no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHost {
    #[error("`*` would be every host")]
    Everything,
    #[error("a host stands alone, without scheme, user, port or path")]
    NotAlone,
    #[error(
        "a host is a name such as `db-1.example`, an address, `*.` before a domain, or a socket's absolute directory"
    )]
    NoName,
    #[error("a name beyond ASCII is written as it goes over the wire: xn--…")]
    NotAscii,
}

impl HostPattern {
    /// The pattern as it is kept: in lower case, addresses in their shortest form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a secret may go to this host. The comparison is of names as they are
    /// written, never of what they resolve to: who controls a name's addresses must not
    /// choose where a secret goes.
    pub fn permits(&self, host: &str) -> bool {
        let host = normal(host);
        match self.0.strip_prefix('*') {
            // Below the domain, at any depth; not the domain itself, and no address.
            Some(domain) => {
                host.len() > domain.len()
                    && host.ends_with(domain)
                    && !host.starts_with(['*', '.'])
                    && is_name(&host)
            }
            None => host == self.0,
        }
    }

    /// Whether all that the other permits is permitted by this one.
    pub fn covers(&self, other: &HostPattern) -> bool {
        match (self.0.strip_prefix('*'), other.0.strip_prefix('*')) {
            (Some(domain), Some(narrower)) => narrower.ends_with(domain),
            (None, Some(_)) => false,
            (_, None) => self.permits(&other.0),
        }
    }
}

impl std::fmt::Display for HostPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> String {
        pattern.0
    }
}

impl TryFrom<String> for HostPattern {
    type Error = BadHost;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl std::str::FromStr for HostPattern {
    type Err = BadHost;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let normal = normal(text);
        if matches!(normal.as_str(), "*" | "*.") {
            return Err(BadHost::Everything);
        }
        if !text.is_ascii() {
            return Err(BadHost::NotAscii);
        }
        let name = normal.strip_prefix("*.").unwrap_or(&normal);
        let is_address = name.parse::<IpAddr>().is_ok();
        let is_exact = name.len() == normal.len();
        if is_exact && (is_address || is_socket(&normal)) || is_name(name) && !is_address {
            return Ok(Self(normal));
        }
        Err(
            if text.contains(['/', '@', ':']) && !text.starts_with('/') {
                BadHost::NotAlone
            } else {
                BadHost::NoName
            },
        )
    }
}

/// One spelling for one host: addresses in their shortest form and without brackets, names
/// in lower case and without the dot of the root.
fn normal(host: &str) -> String {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return address.to_string();
    }
    // Directories tell their letters apart.
    if host.starts_with('/') {
        let trimmed = host.trim_end_matches('/');
        return if trimmed.is_empty() { "/" } else { trimmed }.to_owned();
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    name.to_ascii_lowercase()
}

fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= HOST_BYTES_MAX && name.split('.').all(is_label)
}

fn is_socket(path: &str) -> bool {
    path.starts_with('/')
        && path.len() <= HOST_BYTES_MAX
        && !path.contains("//")
        && !path.contains(|c: char| c.is_control())
        && !path.split('/').any(|part| matches!(part, "." | ".."))
}

/// The host that a text names: the text itself, that of a URL, or the `host` of a
/// connection text such as `host=db-1 user=app`. `None` when it cannot be told.
pub fn host_in(text: &str) -> Option<&str> {
    if let Some((_, rest)) = text.split_once("://") {
        let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
        let host = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        let bare = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
            Some((address, _)) => address,
            None => host.split(':').next().unwrap_or_default(),
        };
        return (!bare.is_empty() && !bare.contains([',', '%'])).then_some(bare);
    }
    if text.contains('=') {
        let mut hosts = text
            .split_whitespace()
            .filter_map(|word| word.strip_prefix("host="));
        let only = hosts.next().filter(|_| hosts.next().is_none())?;
        return (!only.is_empty() && !only.contains([',', '\'', '\\'])).then_some(only);
    }
    text.parse::<HostPattern>()
        .is_ok_and(|pattern| !pattern.0.starts_with('*'))
        .then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> HostPattern {
        text.parse().unwrap()
    }

    #[test]
    fn hosts_are_permitted_as_they_are_written() {
        let table = [
            ("api.example.com", "API.example.com.", true),
            ("api.example.com", "xapi.example.com", false),
            ("api.example.com", "api.example.com.evil.test", false),
            ("*.internal.example", "db.internal.example", true),
            ("*.internal.example", "a.b.Internal.example.", true),
            ("*.internal.example", "internal.example", false),
            ("*.internal.example", "evilinternal.example", false),
            ("*.internal.example", ".internal.example", false),
            ("*.internal.example", "*.internal.example", false),
            ("*.internal.example", "u@a.internal.example", false),
            ("*.internal.example", "evil.test/.internal.example", false),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.10", false),
            ("10.0.0.1", "167772161", false),
            ("::1", "[0:0::1]", true),
            ("[::1]", "::1", true),
            ("/run/postgresql", "/run/postgresql/", true),
            ("/run/postgresql", "/run/Postgresql", false),
            ("/run/postgresql", "/run/postgresql/../other", false),
        ];
        for (text, host, expected) in table {
            assert_eq!(pattern(text).permits(host), expected, "{text} {host}");
        }
    }

    #[test]
    fn what_names_no_host_is_refused() {
        for (text, why) in [
            ("*", BadHost::Everything),
            ("https://api.example", BadHost::NotAlone),
            ("api.example:443", BadHost::NotAlone),
            ("api.example/v1", BadHost::NotAlone),
            ("a..b", BadHost::NoName),
            ("", BadHost::NoName),
            ("api.*.example", BadHost::NoName),
            ("*.10.0.0.1", BadHost::NoName),
            ("*./run", BadHost::NotAlone),
            ("/run/../etc", BadHost::NoName),
            ("bücher.example", BadHost::NotAscii),
            ("a b", BadHost::NoName),
        ] {
            assert_eq!(text.parse::<HostPattern>(), Err(why), "{text}");
        }
    }

    #[test]
    fn a_wider_pattern_covers_a_narrower_one() {
        let covers = |wide: &str, narrow: &str| pattern(wide).covers(&pattern(narrow));
        assert!(covers("*.example", "*.b.example"));
        assert!(covers("*.example", "a.example"));
        assert!(covers("a.example", "A.example"));
        assert!(covers("*.example", "*.example"));
        assert!(!covers("*.b.example", "*.example"));
        assert!(!covers("a.example", "*.a.example"));
        assert!(!covers("*.example", "example"));
    }

    #[test]
    fn hosts_are_found_in_addresses_and_connection_texts() {
        for (text, host) in [
            ("db-1.example", Some("db-1.example")),
            ("/run/postgresql", Some("/run/postgresql")),
            ("postgresql://me@db-1:5432/app?x=y", Some("db-1")),
            ("https://api.example/v1@evil.test", Some("api.example")),
            ("https://[::1]:80/", Some("::1")),
            ("host=db-1 user=me", Some("db-1")),
            ("host=a,b user=me", None),
            ("host=a host=b", None),
            ("user=me", None),
            ("postgresql:///app", None),
            ("two words", None),
        ] {
            assert_eq!(host_in(text), host, "{text}");
        }
    }
}
