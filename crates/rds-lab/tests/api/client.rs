//! As much of an HTTP client as the tests need: one connection a request, and every byte of
//! what came back.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rds_lab::api::{Api, Dialect, Region, Request, authorization};
use serde_json::{Value, json};

/// No answer may take longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            (found == name).then(|| value.to_owned())
        })
    }

    pub(crate) fn code(&self) -> (u16, &str) {
        (
            self.status,
            self.body["error_code"].as_str().unwrap_or("none"),
        )
    }
}

/// One request; an error when no whole answer came.
pub(crate) fn send(
    origin: &str,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Answer, String> {
    let host = origin.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).map_err(|error| error.to_string())?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = format!(
        "{method} {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    let sent = format!("{head}\r\n{body}");
    let mut bytes = Vec::new();
    stream
        .write_all(sent.as_bytes())
        .and_then(|()| stream.read_to_end(&mut bytes))
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text
        .split_once("\r\n\r\n")
        .ok_or_else(|| format!("cut after {} bytes", text.len()))?;
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    if length.is_some_and(|length| length.parse() != Ok(body.len())) {
        return Err(format!("cut after {} bytes", text.len()));
    }
    Ok(Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_owned(),
        body: serde_json::from_str(body).unwrap_or(Value::Null),
    })
}

/// A token for a region's project.
pub(crate) fn token(api: &Api, region: Region) -> String {
    let who = api.credentials();
    let body = json!({"auth": {
        "identity": {"methods": ["password"], "password": {"user": {
            "name": who.user, "password": who.password, "domain": {"name": who.domain}}}},
        "scope": {"project": {"name": region.as_str()}},
    }});
    let answer = send(
        &api.endpoints().iam,
        "POST",
        "/v3/auth/tokens",
        &[("content-type", "application/json;charset=utf8")],
        &body.to_string(),
    );
    let answer = answer.unwrap();
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.header("x-subject-token").unwrap()
}

/// A user of one region, who shows a token.
pub(crate) struct Client<'a> {
    pub(crate) api: &'a Api,
    pub(crate) region: Region,
    pub(crate) token: String,
}

impl<'a> Client<'a> {
    pub(crate) fn new(api: &'a Api, region: Region) -> Self {
        let token = token(api, region);
        Self { api, region, token }
    }

    /// A call of RDS, below the project.
    pub(crate) fn try_call(&self, method: &str, rest: &str, body: &str) -> Result<Answer, String> {
        let target = format!("/v3/{}/{rest}", self.region.project_id());
        let headers = [("x-auth-token", self.token.as_str())];
        send(
            self.api.endpoints().rds(self.region),
            method,
            &target,
            &headers,
            body,
        )
    }

    pub(crate) fn call(&self, method: &str, rest: &str, body: &Value) -> Answer {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.try_call(method, rest, &body).unwrap()
    }

    pub(crate) fn get(&self, rest: &str) -> Answer {
        self.call("GET", rest, &Value::Null)
    }

    pub(crate) fn instance(&self, id: &str) -> Value {
        self.get(&format!("instances?id={id}")).body["instances"][0].clone()
    }

    /// The job, once it has ended.
    pub(crate) fn ended(&self, answer: &Answer) -> Value {
        let job = answer.body["job_id"].as_str().expect("a job was begun");
        self.api.wait_at_rest(Duration::from_secs(60)).unwrap();
        // What is hidden still is then to be seen.
        self.api.clock().advance(Duration::from_secs(60));
        self.get(&format!("jobs?id={job}")).body["job"].clone()
    }
}

/// The headers of a signed request, as the client's clock says.
pub(crate) fn signed(
    api: &Api,
    origin: &str,
    target: &str,
    dialect: Dialect,
) -> Vec<(&'static str, String)> {
    let host = origin.strip_prefix("http://").unwrap().to_owned();
    let date = rds_lab::api::Clock::default().now().signing();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let request = Request {
        method: "GET".to_owned(),
        path: path.to_owned(),
        query: pairs
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
        headers: [
            ("host".to_owned(), host),
            ("x-sdk-date".to_owned(), date.clone()),
        ]
        .into(),
        ..Request::default()
    };
    let who = api.credentials();
    let value = authorization(&request, &who.access_key, &who.secret_key, dialect);
    vec![("x-sdk-date", date), ("authorization", value)]
}
