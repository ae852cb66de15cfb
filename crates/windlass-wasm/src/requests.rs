//! Which requests an action may send, and whether a request is one of them. What a pattern
//! means is the core's; here it meets addresses as they go out.

use std::collections::BTreeMap;

use windlass_core::request_pattern::RequestPattern;
use windlass_http::{Method, Origin, Url};

/// Requests of these methods to such addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    pub methods: Vec<Method>,
    pub pattern: RequestPattern,
    /// Whether they only look, whatever their method.
    pub reads: bool,
}

impl Allowed {
    /// Whether such a request is one of them; `origins` is what the inputs hold.
    pub fn holds(&self, method: Method, url: &Url, origins: &BTreeMap<String, Origin>) -> bool {
        self.methods.contains(&method) && holds(&self.pattern, url, origins)
    }
}

fn holds(pattern: &RequestPattern, url: &Url, origins: &BTreeMap<String, Origin>) -> bool {
    let origin = url.origin();
    let there = match pattern.input() {
        Some(name) => origins.get(name).is_some_and(|given| *given == origin),
        None => origin.is_encrypted() && pattern.holds_host(origin.host(), origin.port()),
    };
    let address = url.to_string();
    let path = address.split('?').next().unwrap_or_default();
    there && pattern.holds_path(path.splitn(4, '/').nth(3).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(pattern: &str, url: &str) -> bool {
        let origins = [("endpoint".to_owned(), "https://[::1]:8443".parse().unwrap())];
        holds(
            &pattern.parse().unwrap(),
            &url.parse().unwrap(),
            &origins.into(),
        )
    }

    #[test]
    fn a_star_is_one_label_or_one_segment() {
        let jobs = "https://rds.*.example.com/v3/*/jobs";
        for (url, expected) in [
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
            assert_eq!(held(jobs, url), expected, "{url}");
        }
    }

    #[test]
    fn an_input_holds_the_whole_origin() {
        assert!(held("{endpoint}/jobs", "https://[::1]:8443/jobs"));
        assert!(!held("{endpoint}/jobs", "https://[::1]/jobs"));
        assert!(!held("{endpoint}/jobs", "http://[::1]:8443/jobs"));
        assert!(!held("{other}/jobs", "https://[::1]:8443/jobs"));
    }
}
