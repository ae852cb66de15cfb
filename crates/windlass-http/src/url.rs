//! Where a request goes, built from parts: an origin, path segments, query pairs. No part
//! can become another: everything but letters, digits and `-._~` is percent-encoded here.

use std::fmt;
use std::str::FromStr;

use crate::limits::URL_BYTES_MAX;

/// What is wrong with an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    #[error("an origin is `https://HOST` or `https://HOST:PORT`, and nothing more")]
    Origin,
    #[error("an origin's scheme is https or http")]
    Scheme,
    #[error("an origin holds no user and no password: use a header")]
    UserInfo,
    #[error("a path's segment is never empty, `.` or `..`, nor holds one between slashes")]
    Segment,
    #[error(
        "an address is https://HOST/PATH, with every other character encoded and no dots for segments"
    )]
    Written,
    #[error("an address holds no control characters")]
    Control,
    #[error("an address has at most {URL_BYTES_MAX} bytes")]
    Long,
}

/// A scheme, a host and a port.
#[derive(Clone, PartialEq, Eq)]
pub struct Origin(url::Url);

impl Origin {
    /// Whether requests to it are encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The host as it is resolved: lower case, numbers as an address.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The port, its scheme's own when none was given.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or_default()
    }
}

impl FromStr for Origin {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        if text.len() > URL_BYTES_MAX {
            return Err(BadUrl::Long);
        }
        if text.chars().any(char::is_control) {
            return Err(BadUrl::Control);
        }
        let rest = match text.split_once("://") {
            Some(("https" | "http", rest)) => rest,
            _ => return Err(BadUrl::Scheme),
        };
        if rest.contains('@') {
            return Err(BadUrl::UserInfo);
        }
        // What the reader of URLs would mend or read in another way is refused instead.
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.is_empty() || !rest.chars().all(plain) || rest.ends_with(':') {
            return Err(BadUrl::Origin);
        }
        let url = url::Url::parse(text).map_err(|_| BadUrl::Origin)?;
        if url.host_str().is_none_or(str::is_empty) || url.port() == Some(0) {
            return Err(BadUrl::Origin);
        }
        Ok(Self(url))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A whole address.
#[derive(Clone, PartialEq, Eq)]
pub struct Url(url::Url);

/// A whole address as somebody wrote it, its path and query encoded already.
impl FromStr for Url {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        if text.len() > URL_BYTES_MAX {
            return Err(BadUrl::Long);
        }
        if text.chars().any(char::is_control) {
            return Err(BadUrl::Control);
        }
        let after_scheme = text.find("://").map_or(0, |at| at + 3);
        let rest = &text[after_scheme..];
        let authority = rest.find(['/', '?']).unwrap_or(rest.len());
        text[..after_scheme + authority].parse::<Origin>()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@%/?".contains(c);
        let path = rest[authority..].split('?').next().unwrap_or_default();
        let dots = |segment: &str| {
            let segment = segment.split(';').next().unwrap_or_default();
            let decoded = segment.to_ascii_lowercase().replace("%2e", ".");
            matches!(decoded.as_str(), "." | "..")
        };
        if !rest[authority..].chars().all(plain) || path.split('/').any(dots) {
            return Err(BadUrl::Written);
        }
        url::Url::parse(text).map(Self).map_err(|_| BadUrl::Written)
    }
}

impl Url {
    /// An address of these parts.
    pub fn build<'a>(
        origin: &Origin,
        path: impl IntoIterator<Item = &'a str>,
        query: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, BadUrl> {
        let mut text = origin.to_string();
        let mut slashed = false;
        for segment in path {
            text.push('/');
            slashed = true;
            push_segment(&mut text, segment)?;
        }
        if !slashed {
            text.push('/');
        }
        for (at, (name, value)) in query.into_iter().enumerate() {
            text.push(if at == 0 { '?' } else { '&' });
            push_encoded(&mut text, name)?;
            text.push('=');
            push_encoded(&mut text, value)?;
        }
        if text.len() > URL_BYTES_MAX {
            return Err(BadUrl::Long);
        }
        url::Url::parse(&text).map(Self).map_err(|_| BadUrl::Origin)
    }

    /// With these pairs behind its query.
    pub fn with_query<'a>(
        self,
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, BadUrl> {
        let mut text = self.0.to_string();
        for (name, value) in pairs {
            text.push(if text.contains('?') { '&' } else { '?' });
            push_encoded(&mut text, name)?;
            text.push('=');
            push_encoded(&mut text, value)?;
        }
        if text.len() > URL_BYTES_MAX {
            return Err(BadUrl::Long);
        }
        url::Url::parse(&text)
            .map(Self)
            .map_err(|_| BadUrl::Written)
    }

    /// What a redirect leads to, or why nobody follows it there.
    pub(crate) fn join(&self, location: &str) -> Result<Self, &'static str> {
        if location.len() > URL_BYTES_MAX {
            return Err("its address is too long");
        }
        let mut next = self.0.join(location).map_err(|_| "it is no address")?;
        match (self.0.scheme(), next.scheme()) {
            ("https", "http") => return Err("it leads from https to http"),
            (_, "https" | "http") => {}
            (_, _) => return Err("it leads to something that is not HTTP"),
        }
        if !next.username().is_empty() || next.password().is_some() {
            return Err("its address holds a user");
        }
        next.set_fragment(None);
        Ok(Self(next))
    }

    /// Its scheme, host and port.
    pub fn origin(&self) -> Origin {
        let mut origin = self.0.clone();
        origin.set_path("/");
        origin.set_query(None);
        Origin(origin)
    }

    /// The host as an address, when it is one.
    pub(crate) fn host(&self) -> Option<url::Host<&str>> {
        self.0.host()
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One segment. A slash in it is encoded, as names of some APIs need; dots between
/// slashes are refused, because there are servers that decode before they look.
fn push_segment(text: &mut String, segment: &str) -> Result<(), BadUrl> {
    if segment
        .split(['/', '\\'])
        .any(|part| matches!(part, "" | "." | ".."))
    {
        return Err(BadUrl::Segment);
    }
    push_encoded(text, segment)
}

fn push_encoded(text: &mut String, part: &str) -> Result<(), BadUrl> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in part.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            0..=0x1f | 0x7f => return Err(BadUrl::Control),
            _ => {
                text.push('%');
                text.push(char::from(HEX[usize::from(byte >> 4)]));
                text.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
    Ok(())
}
