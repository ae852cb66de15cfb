//! Which requests an action may send: the patterns of its manifest, and whether a request
//! is one of them. A pattern's origin is written out, or it is what an input holds; `*`
//! stands for one label of a host or one segment of a path, `**` at the end for the rest.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use windlass_http::{Method, Origin, Url};

/// Requests of these methods to such addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    pub methods: Vec<Method>,
    pub pattern: Pattern,
    /// Whether they only look, whatever their method.
    pub reads: bool,
}

/// Addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
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

impl FromStr for Pattern {
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
}

fn may_be_several(segment: &str) -> bool {
    let lower = segment.to_ascii_lowercase();
    ["%2f", "%5c", "%2e", "%25", "\\"]
        .iter()
        .any(|coded| lower.contains(coded))
}

impl Pattern {
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

    /// The only host that it means, when it is one; `None` for an input that holds none.
    pub fn host(&self, origins: &BTreeMap<String, Origin>) -> Option<String> {
        match &self.place {
            Place::Input(name) => origins.get(name).map(|origin| origin.host().to_owned()),
            Place::Host { labels, .. } => {
                let labels: Option<Vec<&str>> = labels
                    .iter()
                    .map(|label| match label {
                        Segment::Text(text) => Some(text.as_str()),
                        Segment::Any => None,
                    })
                    .collect();
                labels.map(|labels| labels.join("."))
            }
        }
    }

    /// Whether the address is one of them; `origins` is what the inputs hold.
    pub fn holds(&self, url: &Url, origins: &BTreeMap<String, Origin>) -> bool {
        let origin = url.origin();
        let there = match &self.place {
            Place::Input(name) => origins.get(name).is_some_and(|given| *given == origin),
            Place::Host { labels, port } => {
                let found: Vec<&str> = origin.host().split('.').collect();
                origin.is_encrypted()
                    && origin.port() == *port
                    && found.len() == labels.len()
                    && labels
                        .iter()
                        .zip(&found)
                        .all(|(label, found)| label.holds(found))
            }
        };
        let address = url.to_string();
        let path = address.split('?').next().unwrap_or_default();
        let path = path.splitn(4, '/').nth(3).unwrap_or_default();
        let segments: Vec<&str> = path.split('/').collect();
        let enough = match self.rest {
            true => segments.len() > self.path.len(),
            false => segments.len() == self.path.len(),
        };
        there
            && enough
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
}

impl fmt::Display for Pattern {
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

    fn holds(pattern: &str, url: &str) -> bool {
        let origins = [("endpoint".to_owned(), "https://[::1]:8443".parse().unwrap())];
        let pattern: Pattern = pattern.parse().unwrap();
        assert_eq!(
            pattern.to_string().parse::<Pattern>().as_ref(),
            Ok(&pattern)
        );
        pattern.holds(&url.parse().unwrap(), &origins.into())
    }

    #[test]
    fn a_star_is_one_label_or_one_segment() {
        let jobs = "https://rds.*.example.com/v3/*/jobs";
        for (url, held) in [
            ("https://rds.eu.example.com/v3/p/jobs", true),
            ("https://rds.eu.example.com/v3/p/jobs?id=1", true),
            ("https://RDS.eu.example.com:443/v3/p/jobs", true),
            ("https://rds.eu.de.example.com/v3/p/jobs", false),
            ("https://rds.example.com/v3/p/jobs", false),
            ("https://rds.eu.example.com.evil.org/v3/p/jobs", false),
            ("https://rds.eu.example.com:8443/v3/p/jobs", false),
            ("http://rds.eu.example.com/v3/p/jobs", false),
            ("https://rds.eu.example.com/v3/p/q/jobs", false),
            ("https://rds.eu.example.com/v3/p%2Fq/jobs", false),
            ("https://rds.eu.example.com/v3/%252e/jobs", false),
            ("https://rds.eu.example.com/v3//jobs", false),
            ("https://rds.eu.example.com/v3/p/jobs/", false),
            ("https://rds.eu.example.com/v3/p/Jobs", false),
        ] {
            assert_eq!(holds(jobs, url), held, "{url}");
        }
    }

    #[test]
    fn the_rest_is_one_segment_at_least() {
        for (url, held) in [
            ("https://a.example/v3/x", true),
            ("https://a.example/v3/x/y", true),
            ("https://a.example/v3", false),
            ("https://a.example/v3/x%2f..%2f..", false),
        ] {
            assert_eq!(holds("https://a.example/v3/**", url), held, "{url}");
        }
        assert!(holds("https://a.example/**", "https://a.example/"));
    }

    #[test]
    fn an_input_holds_the_whole_origin() {
        assert!(holds("{endpoint}/jobs", "https://[::1]:8443/jobs"));
        assert!(!holds("{endpoint}/jobs", "https://[::1]/jobs"));
        assert!(!holds("{endpoint}/jobs", "http://[::1]:8443/jobs"));
        assert!(!holds("{other}/jobs", "https://[::1]:8443/jobs"));
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
            assert!(bad.parse::<Pattern>().is_err(), "{bad}");
        }
    }
}
