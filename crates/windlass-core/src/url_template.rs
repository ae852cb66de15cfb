//! Addresses with blanks, such as `https://{region}.api.example.com/v3/{project}/jobs`.
//! The text is literal, so it says before a run which hosts and paths a request can go to;
//! a value that is filled in later stays within one label of the host, the port, or one
//! segment of the path. Responsible for that grammar and its filling; sending is others'.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::str::FromStr;

/// The most bytes of a template, and of what it becomes.
pub const URL_BYTES_MAX: usize = 8 * 1024;
/// The most bytes of one label of a host.
const LABEL_BYTES_MAX: usize = 63;

/// An address that may have blanks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlTemplate {
    encrypted: bool,
    host: Vec<Part>,
    /// An address in brackets instead of labels.
    literal_host: Option<String>,
    port: Option<Part>,
    path: Vec<Part>,
}

/// A label, a port or a segment.
type Part = Vec<Piece>;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Blank(String),
}

/// Why a text is no such address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrlTemplate {
    #[error("an address begins with https:// or http://")]
    Scheme,
    #[error("an address has a host")]
    NoHost,
    #[error("an address holds no user and no password: a header does")]
    User,
    #[error(
        "an address ends before `{0}`: a query has its own parameter, and a fragment is never sent"
    )]
    Query(char),
    #[error("`{0}` is no label of a host: letters, digits and `-`, at most 63")]
    Label(String),
    #[error("`{0}` is no port: 1 to 65535")]
    Port(String),
    #[error("a path has no `{0}` among its segments")]
    Dots(String),
    #[error("a path has no empty segment but the last")]
    EmptySegment,
    #[error("`{0}` cannot stand in a path as it is: encode it")]
    PathCharacter(char),
    #[error("a blank is a name in braces, such as {{project}}")]
    Blank,
    #[error("an address has at most {URL_BYTES_MAX} bytes")]
    Long,
}

/// Why the blanks cannot be filled. A value is repeated: it is no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFilling {
    #[error("the blank `{0}` is given nothing")]
    Missing(String),
    #[error("there is no blank `{0}`")]
    Unknown(String),
    #[error("{0:?} is no label of a host: letters, digits and `-`, at most 63")]
    Label(String),
    #[error("{0:?} is no port: 1 to 65535")]
    Port(String),
    #[error(
        "{0:?} is no segment of a path: it is empty, holds a control character, or dots between slashes"
    )]
    Segment(String),
    #[error("the address has more than {URL_BYTES_MAX} bytes")]
    Long,
}

impl FromStr for UrlTemplate {
    type Err = BadUrlTemplate;

    fn from_str(text: &str) -> Result<Self, BadUrlTemplate> {
        if text.len() > URL_BYTES_MAX {
            return Err(BadUrlTemplate::Long);
        }
        let (encrypted, rest) = match text.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            _ => return Err(BadUrlTemplate::Scheme),
        };
        if let Some(end) = rest.chars().find(|c| matches!(c, '?' | '#')) {
            return Err(BadUrlTemplate::Query(end));
        }
        let (authority, path) = match rest.find('/') {
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        if authority.contains('@') {
            return Err(BadUrlTemplate::User);
        }
        let (host, literal_host, port) = read_authority(authority)?;
        Ok(Self {
            encrypted,
            host,
            literal_host,
            port,
            path: path.map_or(Ok(Vec::new()), read_path)?,
        })
    }
}

impl UrlTemplate {
    /// Whether its requests are encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Whether it is a scheme, a host and a port and nothing more, without a blank.
    pub fn is_origin(&self) -> bool {
        self.path.is_empty() && self.blanks().is_empty()
    }

    /// The host, when no blank is in it.
    pub fn host(&self) -> Option<String> {
        if let Some(address) = &self.literal_host {
            return Some(address.clone());
        }
        let label = |part: &Part| joined(part, &BTreeMap::new()).ok();
        let labels: Option<Vec<String>> = self.host.iter().map(label).collect();
        labels.map(|labels| labels.join("."))
    }

    /// The names of its blanks.
    pub fn blanks(&self) -> BTreeSet<&str> {
        let parts = self.host.iter().chain(&self.port).chain(&self.path);
        parts
            .flatten()
            .filter_map(|piece| match piece {
                Piece::Text(_) => None,
                Piece::Blank(name) => Some(name.as_str()),
            })
            .collect()
    }

    /// The address with these values in its blanks: each stays in its place.
    pub fn fill(&self, values: &BTreeMap<String, String>) -> Result<String, BadFilling> {
        let blanks = self.blanks();
        if let Some(name) = values.keys().find(|name| !blanks.contains(name.as_str())) {
            return Err(BadFilling::Unknown(name.clone()));
        }
        let scheme = if self.encrypted { "https" } else { "http" };
        let mut url = format!("{scheme}://");
        url.push_str(self.literal_host.as_deref().unwrap_or_default());
        for (at, label) in self.host.iter().enumerate() {
            let label = joined(label, values)?;
            if !is_label(&label) {
                return Err(BadFilling::Label(label));
            }
            if at > 0 {
                url.push('.');
            }
            url.push_str(&label);
        }
        if let Some(port) = &self.port {
            let port = joined(port, values)?;
            if !is_port(&port) {
                return Err(BadFilling::Port(port));
            }
            url.push(':');
            url.push_str(&port);
        }
        for segment in &self.path {
            url.push('/');
            push_segment(&mut url, segment, values)?;
        }
        match url.len() {
            0..=URL_BYTES_MAX => Ok(url),
            _ => Err(BadFilling::Long),
        }
    }
}

type Authority = (Vec<Part>, Option<String>, Option<Part>);

fn read_authority(text: &str) -> Result<Authority, BadUrlTemplate> {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            if address.parse::<core::net::Ipv6Addr>().is_err() {
                return Err(BadUrlTemplate::Label(address.to_owned()));
            }
            let port = match port.strip_prefix(':') {
                None if port.is_empty() => None,
                None => return Err(BadUrlTemplate::Port(port.to_owned())),
                Some(port) => Some(read_port(port)?),
            };
            return Ok((Vec::new(), Some(format!("[{address}]")), port));
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(read_port(port)?)),
            None => (text, None),
        },
    };
    if host.is_empty() {
        return Err(BadUrlTemplate::NoHost);
    }
    let labels = host.split('.').map(|label| {
        let part = pieces(label)?;
        let fits = part.iter().all(|piece| match piece {
            Piece::Text(text) => text.bytes().all(is_label_byte),
            Piece::Blank(_) => true,
        });
        match fits && (part.iter().any(is_blank) || is_label(label)) {
            true => Ok(part),
            false => Err(BadUrlTemplate::Label(label.to_owned())),
        }
    });
    Ok((labels.collect::<Result<_, _>>()?, None, port))
}

fn read_port(text: &str) -> Result<Part, BadUrlTemplate> {
    let part = pieces(text)?;
    match part.as_slice() {
        [Piece::Blank(_)] => Ok(part),
        [Piece::Text(port)] if is_port(port) => Ok(part),
        _ => Err(BadUrlTemplate::Port(text.to_owned())),
    }
}

fn read_path(text: &str) -> Result<Vec<Part>, BadUrlTemplate> {
    let segments: Vec<&str> = text.split('/').collect();
    let last = segments.len() - 1;
    let read = segments.iter().enumerate().map(|(at, segment)| {
        if segment.is_empty() && at < last {
            return Err(BadUrlTemplate::EmptySegment);
        }
        // A server may take `..;x` and encoded dots for dots.
        let shown = segment.split(';').next().unwrap_or_default();
        let decoded = shown.to_ascii_lowercase().replace("%2e", ".");
        if matches!(decoded.as_str(), "." | "..") {
            return Err(BadUrlTemplate::Dots((*segment).to_owned()));
        }
        let part = pieces(segment)?;
        for piece in &part {
            if let Piece::Text(text) = piece {
                check_literal(text)?;
            }
        }
        Ok(part)
    });
    read.collect()
}

/// What RFC 3986 lets stand in a segment, with whole percent-encodings.
fn check_literal(text: &str) -> Result<(), BadUrlTemplate> {
    let bytes = text.as_bytes();
    for (at, c) in text.char_indices() {
        let encoded = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
        let fits = match c {
            '%' => encoded(at + 1) && encoded(at + 2),
            _ => c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@".contains(c),
        };
        if !fits {
            return Err(BadUrlTemplate::PathCharacter(c));
        }
    }
    Ok(())
}

/// A text cut at its blanks.
fn pieces(text: &str) -> Result<Part, BadUrlTemplate> {
    let mut part = Part::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        if !rest[..at].is_empty() {
            part.push(Piece::Text(rest[..at].to_owned()));
        }
        let inner = rest[at..].strip_prefix('{').ok_or(BadUrlTemplate::Blank)?;
        let (name, after) = inner.split_once('}').ok_or(BadUrlTemplate::Blank)?;
        let named = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !named {
            return Err(BadUrlTemplate::Blank);
        }
        part.push(Piece::Blank(name.to_owned()));
        rest = after;
    }
    if !rest.is_empty() {
        part.push(Piece::Text(rest.to_owned()));
    }
    Ok(part)
}

fn is_blank(piece: &Piece) -> bool {
    matches!(piece, Piece::Blank(_))
}

fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn is_label(text: &str) -> bool {
    (1..=LABEL_BYTES_MAX).contains(&text.len())
        && text.bytes().all(is_label_byte)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// The part with its blanks filled, as it is.
fn joined(part: &Part, values: &BTreeMap<String, String>) -> Result<String, BadFilling> {
    part.iter()
        .map(|piece| match piece {
            Piece::Text(text) => Ok(text.as_str()),
            Piece::Blank(name) => value(name, values),
        })
        .collect()
}

fn value<'a>(name: &str, values: &'a BTreeMap<String, String>) -> Result<&'a str, BadFilling> {
    match values.get(name) {
        Some(value) => Ok(value),
        None => Err(BadFilling::Missing(name.to_owned())),
    }
}

/// A slash in a value is encoded, as names of some APIs need; dots between slashes are
/// refused, because there are servers that decode before they look.
fn push_segment(
    url: &mut String,
    part: &Part,
    values: &BTreeMap<String, String>,
) -> Result<(), BadFilling> {
    let whole = joined(part, values)?;
    let dots = |step: &str| matches!(step, "" | "." | "..");
    let filled = part.iter().any(is_blank);
    if filled && (whole.split(['/', '\\']).any(dots) || whole.chars().any(char::is_control)) {
        return Err(BadFilling::Segment(whole));
    }
    for piece in part {
        match piece {
            Piece::Text(text) => url.push_str(text),
            Piece::Blank(name) => push_encoded(url, value(name, values)?),
        }
    }
    Ok(())
}

fn push_encoded(url: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(url, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str, values: &[(&str, &str)]) -> Result<String, BadFilling> {
        let values = values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        template.parse::<UrlTemplate>().unwrap().fill(&values)
    }

    #[test]
    fn blanks_are_filled_and_nothing_else_changes() {
        for (template, values, url) in [
            ("https://a.example", &[][..], "https://a.example"),
            ("https://a.example/", &[], "https://a.example/"),
            ("http://[::1]:8080/x/", &[], "http://[::1]:8080/x/"),
            (
                "https://{region}.a.example:{port}/v3/{id}/x-{n}:go",
                &[
                    ("region", "eu-de"),
                    ("port", "8443"),
                    ("id", "a/b %?#"),
                    ("n", "7"),
                ],
                "https://eu-de.a.example:8443/v3/a%2Fb%20%25%3F%23/x-7:go",
            ),
            ("https://a/{x}", &[("x", "%2e%2e")], "https://a/%252e%252e"),
            ("https://a/{x}", &[("x", "..;a")], "https://a/..%3Ba"),
        ] {
            assert_eq!(filled(template, values).as_deref(), Ok(url), "{template}");
        }
        let template: UrlTemplate = "https://{a}.b/{c}/{a}".parse().unwrap();
        assert_eq!(template.blanks(), BTreeSet::from(["a", "c"]));
        assert!(template.is_encrypted());
        assert_eq!(template.host(), None);
        for (url, host) in [
            ("http://[::1]:1/{x}", "[::1]"),
            ("https://a.b:{p}/x", "a.b"),
        ] {
            let template: UrlTemplate = url.parse().unwrap();
            assert_eq!(template.host().as_deref(), Some(host));
        }
    }

    #[test]
    fn a_value_stays_in_its_place() {
        let label = "https://{v}.a.example/x";
        for bad in [
            "",
            "a.b",
            "evil.com/",
            "evil.com#",
            "a@b",
            "a:1",
            "-a",
            "a-",
            "ü",
            "a b",
            "a\r",
        ] {
            let refused = filled(label, &[("v", bad)]);
            assert!(matches!(refused, Err(BadFilling::Label(_))), "{bad:?}");
        }
        for bad in ["", "0", "65536", "80/x", "+80", "80@b"] {
            let refused = filled("https://a:{v}/x", &[("v", bad)]);
            assert!(matches!(refused, Err(BadFilling::Port(_))), "{bad:?}");
        }
        for bad in [
            "", ".", "..", "../x", "a/../b", "a\\..\\b", "/", "a/", "a\r\nb", "a\0",
        ] {
            let refused = filled("https://a/{v}/x", &[("v", bad)]);
            assert!(matches!(refused, Err(BadFilling::Segment(_))), "{bad:?}");
        }
        // Also what only becomes dots together with the text beside it.
        assert!(filled("https://a/.{v}", &[("v", ".")]).is_err());
        assert!(filled("https://a/{v}", &[("v", &"a".repeat(9000))]).is_err());
        assert_eq!(
            filled("https://a/{v}", &[]),
            Err(BadFilling::Missing("v".to_owned()))
        );
        let unknown = filled("https://a/", &[("v", "x")]);
        assert_eq!(unknown, Err(BadFilling::Unknown("v".to_owned())));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        use BadUrlTemplate::{Blank, EmptySegment, NoHost, Scheme, User};
        for (bad, why) in [
            ("a.example", Scheme),
            ("ftp://a", Scheme),
            ("HTTPS://a", Scheme),
            ("https://", NoHost),
            ("https:///x", NoHost),
            ("https://u@a", User),
            ("https://u:p@a", User),
            ("https://a/x?q=1", BadUrlTemplate::Query('?')),
            ("https://a#f", BadUrlTemplate::Query('#')),
            ("https://a..b", BadUrlTemplate::Label(String::new())),
            ("https://a b", BadUrlTemplate::Label("a b".to_owned())),
            (
                "https://[::1%25eth0]",
                BadUrlTemplate::Label("::1%25eth0".to_owned()),
            ),
            ("https://a:", BadUrlTemplate::Port(String::new())),
            ("https://a:0", BadUrlTemplate::Port("0".to_owned())),
            ("https://a:8{p}", BadUrlTemplate::Port("8{p}".to_owned())),
            ("https://a/../b", BadUrlTemplate::Dots("..".to_owned())),
            ("https://a/%2E./b", BadUrlTemplate::Dots("%2E.".to_owned())),
            ("https://a/..;x/b", BadUrlTemplate::Dots("..;x".to_owned())),
            ("https://a//b", EmptySegment),
            ("https://a/b c", BadUrlTemplate::PathCharacter(' ')),
            ("https://a/b%2", BadUrlTemplate::PathCharacter('%')),
            ("https://a/b\\c", BadUrlTemplate::PathCharacter('\\')),
            ("https://a/{}", Blank),
            ("https://a/{A}", Blank),
            ("https://a/{a", Blank),
            ("https://a/a}", Blank),
            ("https://a/${{ inputs.a }}", Blank),
        ] {
            assert_eq!(bad.parse::<UrlTemplate>(), Err(why), "{bad}");
        }
        let long = format!("https://a/{}", "a".repeat(9000));
        assert_eq!(long.parse::<UrlTemplate>(), Err(BadUrlTemplate::Long));
    }
}
