//! Which HTTP requests are meant by a pattern: `https://HOST/PATH`, or `{input}/PATH` with
//! the origin that an input holds. `*` stands for one label of a host or one segment of a
//! path, `**` at the end for the rest. Whether a request is sent is for who sends it.

use std::fmt;
use std::str::FromStr;

/// Addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPattern {
    place: Place,
    path: Vec<Segment>,
    /// Whether more segments may follow, one at least.
    rest: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// The input of this name holds the origin.
    Input(String),
    /// `https`, to this host and port.
    Host { labels: Vec<Segment>, port: u16 },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Text(String),
    Any,
}

/// What is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    #[error("a pattern begins with https:// or with an input in braces")]
    Scheme,
    #[error("an input in braces is a name such as {{endpoint}}")]
    Input,
    #[error(
        "a host is labels of lower-case letters, digits and `-`, or `*`; the last two are written out"
    )]
    Host,
    #[error("a port is a number from 1")]
    Port,
    #[error(
        "a path is segments of letters, digits and -._~!$&'()+,;=:@, or `*`; `**` stands alone and last"
    )]
    Path,
}

const HTTPS_PORT: u16 = 443;

impl FromStr for RequestPattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, BadPattern> {
        let (place, path) = if let Some(rest) = text.strip_prefix('{') {
            let (input, path) = rest.split_once('}').ok_or(BadPattern::Input)?;
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if input.is_empty() || !input.chars().all(plain) {
                return Err(BadPattern::Input);
            }
            (Place::Input(input.to_owned()), path)
        } else {
            let rest = text.strip_prefix("https://").ok_or(BadPattern::Scheme)?;
            let at = rest.find('/').ok_or(BadPattern::Path)?;
            (read_host(&rest[..at])?, &rest[at..])
        };
        let path = path.strip_prefix('/').ok_or(BadPattern::Path)?;
        let (path, rest) = match path.strip_suffix("**") {
            Some(path) if path.is_empty() || path.ends_with('/') => {
                (path.strip_suffix('/').unwrap_or(path), true)
            }
            Some(_) => return Err(BadPattern::Path),
            None => (path, false),
        };
        let path = match (path, rest) {
            ("", true) => Vec::new(),
            (path, _) => path
                .split('/')
                .map(read_segment)
                .collect::<Result<_, _>>()?,
        };
        Ok(Self { place, path, rest })
    }
}

fn read_host(text: &str) -> Result<Place, BadPattern> {
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => {
            let port = port.parse().ok().filter(|port| *port > 0);
            (host, port.ok_or(BadPattern::Port)?)
        }
        None => (text, HTTPS_PORT),
    };
    let label = |label: &str| match label {
        "*" => Ok(Segment::Any),
        _ => {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            match !label.is_empty() && label.chars().all(plain) {
                true => Ok(Segment::Text(label.to_owned())),
                false => Err(BadPattern::Host),
            }
        }
    };
    let labels: Vec<Segment> = host.split('.').map(label).collect::<Result<_, _>>()?;
    // `*.example` would be half of the world.
    match labels
        .iter()
        .rev()
        .take(2)
        .any(|label| *label == Segment::Any)
    {
        true => Err(BadPattern::Host),
        false => Ok(Place::Host { labels, port }),
    }
}

fn read_segment(text: &str) -> Result<Segment, BadPattern> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()+,;=:@".contains(c);
    match text {
        "*" => Ok(Segment::Any),
        "." | ".." => Err(BadPattern::Path),
        _ if text.chars().all(plain) => Ok(Segment::Text(text.to_owned())),
        _ => Err(BadPattern::Path),
    }
}

impl Segment {
    /// A segment that a server could read as several is none of them.
    fn holds(&self, segment: &str) -> bool {
        match self {
            Segment::Text(text) => text == segment,
            Segment::Any => !segment.is_empty() && !may_be_several(segment),
        }
    }

    fn covers(&self, other: &Self) -> bool {
        match self {
            Segment::Any => true,
            Segment::Text(_) => self == other,
        }
    }
}

fn may_be_several(segment: &str) -> bool {
    let lower = segment.to_ascii_lowercase();
    ["%2f", "%5c", "%2e", "%25", "\\"]
        .iter()
        .any(|coded| lower.contains(coded))
}

impl RequestPattern {
    /// The input that holds the origin, when one does.
    pub fn input(&self) -> Option<&str> {
        match &self.place {
            Place::Input(name) => Some(name),
            Place::Host { .. } => None,
        }
    }

    /// Whether everything below a path is meant.
    pub fn is_open_ended(&self) -> bool {
        self.rest
    }

    /// The only host that it means, when it writes out one.
    pub fn own_host(&self) -> Option<String> {
        let Place::Host { labels, .. } = &self.place else {
            return None;
        };
        let label = |label: &Segment| match label {
            Segment::Text(text) => Some(text.clone()),
            Segment::Any => None,
        };
        let labels: Option<Vec<String>> = labels.iter().map(label).collect();
        labels.map(|labels| labels.join("."))
    }

    /// Whether its own host and port are these, over TLS; no host where an input holds it.
    pub fn holds_host(&self, host: &str, port: u16) -> bool {
        let Place::Host { labels, port: own } = &self.place else {
            return false;
        };
        let found: Vec<&str> = host.split('.').collect();
        *own == port
            && found.len() == labels.len()
            && labels
                .iter()
                .zip(&found)
                .all(|(label, found)| label.holds(found))
    }

    /// Whether a path, written as on the wire and without its first slash, is one of them.
    pub fn holds_path(&self, path: &str) -> bool {
        let segments: Vec<&str> = path.split('/').collect();
        let enough = match self.rest {
            true => segments.len() > self.path.len(),
            false => segments.len() == self.path.len(),
        };
        enough
            && self
                .path
                .iter()
                .zip(&segments)
                .all(|(pattern, found)| pattern.holds(found))
            && !segments
                .iter()
                .skip(self.path.len())
                .any(|rest| may_be_several(rest))
    }

    /// Whether every request of the other pattern is one of this. Where this one leaves the
    /// origin to an input, a host that is written out is narrower: both count then.
    pub fn covers(&self, other: &Self) -> bool {
        let place = match (&self.place, &other.place) {
            (Place::Input(own), Place::Input(others)) => own == others,
            (Place::Input(_), Place::Host { .. }) => true,
            (Place::Host { .. }, Place::Input(_)) => false,
            (
                Place::Host { labels, port },
                Place::Host {
                    labels: others,
                    port: other_port,
                },
            ) => port == other_port && labels.len() == others.len() && all_cover(labels, others),
        };
        let path = match (self.rest, other.rest) {
            (false, true) => false,
            (false, false) => self.path.len() == other.path.len(),
            (true, true) => self.path.len() <= other.path.len(),
            (true, false) => self.path.len() < other.path.len(),
        };
        place && path && all_cover(&self.path, &other.path)
    }
}

fn all_cover(own: &[Segment], others: &[Segment]) -> bool {
    own.iter().zip(others).all(|(own, other)| own.covers(other))
}

impl fmt::Display for RequestPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |segment: &Segment| match segment {
            Segment::Text(text) => text.clone(),
            Segment::Any => "*".to_owned(),
        };
        match &self.place {
            Place::Input(name) => write!(f, "{{{name}}}")?,
            Place::Host { labels, port } => {
                let labels: Vec<String> = labels.iter().map(text).collect();
                write!(f, "https://{}", labels.join("."))?;
                if *port != HTTPS_PORT {
                    write!(f, ":{port}")?;
                }
            }
        }
        for segment in &self.path {
            write!(f, "/{}", text(segment))?;
        }
        match self.rest {
            true => f.write_str("/**"),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> RequestPattern {
        let pattern: RequestPattern = text.parse().unwrap();
        assert_eq!(pattern.to_string().parse(), Ok(pattern.clone()));
        pattern
    }

    #[test]
    fn a_narrower_pattern_is_covered() {
        for (wide, narrow) in [
            ("{endpoint}/v3/*/jobs", "{endpoint}/v3/p1/jobs"),
            ("{endpoint}/v3/**", "https://rds.example.com/v3/*/jobs"),
            ("{endpoint}/v3/**", "{endpoint}/v3/a/**"),
            ("https://*.example.com/a", "https://rds.example.com/a"),
            ("https://a.example/**", "https://a.example/"),
        ] {
            assert!(pattern(wide).covers(&pattern(narrow)), "{wide} {narrow}");
            assert!(!pattern(narrow).covers(&pattern(wide)), "{narrow} {wide}");
        }
        for (one, another) in [
            ("{endpoint}/a", "{other}/a"),
            ("https://a.example/a", "https://a.example:8443/a"),
            ("https://a.example/v3/**", "https://a.example/v3"),
            ("https://a.example/v3/*", "https://a.example/v3/**"),
        ] {
            assert!(!pattern(one).covers(&pattern(another)), "{one} {another}");
        }
    }

    #[test]
    fn the_rest_is_one_segment_at_least() {
        for (path, held) in [
            ("v3/x", true),
            ("v3/x/y", true),
            ("v3", false),
            ("v3/x%2f..", false),
        ] {
            assert_eq!(
                pattern("https://a.example/v3/**").holds_path(path),
                held,
                "{path}"
            );
        }
        assert!(pattern("https://a.example/**").holds_path(""));
    }

    #[test]
    fn what_means_too_much_or_nothing_is_refused() {
        for bad in [
            "https://*/x",
            "https://*.com/x",
            "https://a.*/x",
            "http://a.example/x",
            "https://a.example",
            "https://a.example/**/x",
            "https://a.example/x**",
            "https://a.example/../x",
            "https://a.example:0/x",
            "https://user@a.example/x",
            "https://A.example/x",
            "{}/x",
            "{a/x",
            "{a}x",
            "https://a.example/x?y=1",
        ] {
            assert!(bad.parse::<RequestPattern>().is_err(), "{bad}");
        }
    }
}
