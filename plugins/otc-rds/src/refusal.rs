//! What the cloud says instead of doing what it was asked: its shapes of errors, and what
//! their codes mean.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// The most bytes of a message that are kept.
const MESSAGE_BYTES_MAX: usize = 500;

/// An answer that is no success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    #[serde(rename = "error_code", skip_serializing_if = "String::is_empty")]
    pub(crate) code: String,
    #[serde(rename = "error_msg")]
    pub(crate) message: String,
    #[serde(skip)]
    pub(crate) retry_after_ms: Option<u64>,
}

/// What to make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Something else is done to the instance, or it is not well now.
    Busy,
    Throttled,
    /// The token or the signature is not, or no longer, good.
    Unauthorized,
    Forbidden,
    /// There is no such instance.
    NotFound,
    /// This cloud has no such endpoint.
    NotOffered,
    NameTaken,
    NoJob,
    NoBackup,
    NoRelation,
    Quota,
    /// The instance's state forbids it.
    State,
    Unsupported,
    BadRequest,
    /// A fault of the server, which may have acted.
    Server,
    Other,
}

impl Refusal {
    /// Reads an answer with this status and body.
    pub(crate) fn read(status: u16, retry_after: Option<&str>, body: &[u8]) -> Self {
        let json: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let text = |names: &[&str]| {
            let found = names.iter().find_map(|name| json.pointer(name));
            match found {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Number(number)) => number.to_string(),
                _ => String::new(),
            }
        };
        // v3, the older v1, the identity service.
        let code = text(&["/error_code", "/errCode", "/error/code"]);
        let mut message = text(&[
            "/error_msg",
            "/externalMessage",
            "/error/message",
            "/message",
        ]);
        if message.is_empty() {
            message = String::from_utf8_lossy(body).into_owned();
        }
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
        Self {
            status,
            code,
            message,
            retry_after_ms: retry_after
                .and_then(|seconds| seconds.trim().parse::<u64>().ok())
                .map(|seconds| seconds.saturating_mul(1000)),
        }
    }

    pub(crate) fn meaning(&self) -> Meaning {
        use Meaning as M;
        let gateway = self
            .code
            .strip_prefix("APIGW.")
            .or(self.code.strip_prefix("APIG."));
        match (self.status, gateway) {
            (429, _) | (_, Some("0308")) => return M::Throttled,
            (500.., _) => return M::Server,
            (_, Some("0101")) => return M::NotOffered,
            (_, Some("0301" | "0303" | "0305" | "0307")) => return M::Unauthorized,
            _ => {}
        }
        match self.code.strip_prefix("DBS.").unwrap_or_default() {
            "280056" => M::Unauthorized,
            "200002" | "200045" | "200408" | "200602" | "201028" | "290005" | "290011"
            | "200013" => M::NotFound,
            "200010" | "200044" | "200604" | "201003" | "280015" => M::Forbidden,
            "200011" | "200018" | "200019" | "200047" | "200076" | "200080" | "200452"
            | "200463" | "200611" | "201015" | "201202" | "201205" | "201206" | "212006"
            | "212033" | "280011" | "280816" | "01010337" | "01280030" => M::Busy,
            "200022" | "201201" => M::NameTaken,
            "200037" | "200038" | "200039" | "200086" | "200316" | "200402" | "201014"
            | "280449" => M::State,
            "200040" | "201207" | "280238" | "280343" => M::Unsupported,
            "200543" => M::NoJob,
            "201010" | "201203" | "280214" => M::NoBackup,
            "01010244" => M::NoRelation,
            "200046" | "290003" | "216028" => M::Quota,
            "200001" | "200004" | "280001" | "280404" | "290000" => M::BadRequest,
            code => self.by_status(code),
        }
    }

    /// What the status says where the code says nothing.
    fn by_status(&self, code: &str) -> Meaning {
        match self.status {
            400 => Meaning::BadRequest,
            401 => Meaning::Unauthorized,
            403 => Meaning::Forbidden,
            // What the service itself does not find has a code of its own.
            404 if code.is_empty() => Meaning::NotOffered,
            404 => Meaning::NotFound,
            409 => Meaning::Busy,
            413 => Meaning::Quota,
            _ => Meaning::Other,
        }
    }

    /// Whether the cloud said no, and so did nothing. A fault of the server, a redirect and
    /// a timeout in between say nothing of the kind.
    pub(crate) fn is_no(&self) -> bool {
        (400..500).contains(&self.status) && self.status != 408
    }

    /// A stable word for machines.
    pub(crate) fn word(&self) -> &'static str {
        match self.meaning() {
            Meaning::Busy => "busy",
            Meaning::Throttled => "throttled",
            Meaning::Unauthorized => "unauthorized",
            Meaning::Forbidden => "forbidden",
            Meaning::NotFound => "not_found",
            Meaning::NotOffered => "not_offered",
            Meaning::NameTaken => "name_taken",
            Meaning::NoJob => "no_job",
            Meaning::NoBackup => "no_backup",
            Meaning::NoRelation => "no_relation",
            Meaning::Quota => "quota_exceeded",
            Meaning::State => "state_forbids",
            Meaning::Unsupported => "not_supported",
            Meaning::BadRequest => "bad_request",
            Meaning::Server => "server_error",
            Meaning::Other => "refused",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if !self.code.is_empty() {
            write!(f, " {}", self.code)?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Refusal {
        Refusal::read(status, None, body.as_bytes())
    }

    #[test]
    fn all_shapes_of_errors_are_read() {
        for (body, code, message) in [
            (
                r#"{"error_code":"DBS.200022","error_msg":"The name is taken."}"#,
                "DBS.200022",
                "The name is taken.",
            ),
            (
                r#"{"errCode":"DBS.200011","externalMessage":"Busy."}"#,
                "DBS.200011",
                "Busy.",
            ),
            (
                r#"{"error":{"message":"Not you.","code":401,"title":"Unauthorized"}}"#,
                "401",
                "Not you.",
            ),
            (
                r#"{"error_msg":"No such API","error_code":"APIGW.0101","request_id":"r"}"#,
                "APIGW.0101",
                "No such API",
            ),
            ("<html>busy</html>", "", "<html>busy</html>"),
            ("", "", ""),
        ] {
            let refusal = read(400, body);
            assert_eq!(
                (refusal.code.as_str(), refusal.message.as_str()),
                (code, message)
            );
        }
        let long = read(400, &"ü".repeat(1000));
        assert!(long.message.len() <= MESSAGE_BYTES_MAX);
    }

    #[test]
    fn what_codes_mean() {
        let code = |code: &str| format!(r#"{{"error_code":"{code}","error_msg":"m"}}"#);
        for (status, body, meaning) in [
            (409, code("DBS.201202"), Meaning::Busy),
            (409, String::new(), Meaning::Busy),
            (400, code("DBS.200076"), Meaning::Busy),
            (409, code("DBS.200022"), Meaning::NameTaken),
            (409, code("DBS.200316"), Meaning::State),
            (429, code("DBS.200002"), Meaning::Throttled),
            (403, code("APIGW.0308"), Meaning::Throttled),
            (404, code("APIGW.0101"), Meaning::NotOffered),
            (404, code("APIG.0101"), Meaning::NotOffered),
            (404, String::new(), Meaning::NotOffered),
            (404, code("DBS.200002"), Meaning::NotFound),
            (404, code("DBS.999999"), Meaning::NotFound),
            (400, code("DBS.200543"), Meaning::NoJob),
            (403, code("DBS.280056"), Meaning::Unauthorized),
            (401, code("APIGW.0301"), Meaning::Unauthorized),
            (400, code("DBS.01010244"), Meaning::NoRelation),
            (500, code("DBS.280036"), Meaning::Server),
            (503, String::new(), Meaning::Server),
            (418, String::new(), Meaning::Other),
        ] {
            assert_eq!(read(status, &body).meaning(), meaning, "{status} {body}");
        }
    }

    #[test]
    fn only_a_no_says_that_nothing_happened() {
        for (status, is_no) in [
            (302, false),
            (400, true),
            (408, false),
            (429, true),
            (500, false),
        ] {
            assert_eq!(read(status, "").is_no(), is_no, "{status}");
        }
        let later = Refusal::read(429, Some(" 7"), b"");
        assert_eq!(later.retry_after_ms, Some(7000));
    }
}
