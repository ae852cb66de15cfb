//! One region's API: requests with their credentials, and answers as what they hold.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use windlass_plugin::bindings::windlass::plugin::secrets;
use windlass_plugin::{Attempt, Failure, Handle, HttpError, Method, Part, Request, Response, Stop};

use crate::access::{Access, Credentials, Place, Signing, bad_input};
use crate::model::{Project, Projects};
use crate::refusal::{Meaning, Refusal};
use crate::sign::{self, Dialect, Key, Unsigned};
use crate::time;

const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a change is waited for; later than that after it was asked for, nothing is sent.
pub(crate) const CHANGE_TIMEOUT: Duration = Duration::from_secs(60);

/// Why a request has no answer that can be used.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Nobody answered.
    Lost(HttpError),
    Refused(Refusal),
    Garbled(String),
    /// It could not even be asked: an input or a secret is wrong.
    Unasked(Failure),
}

impl Trouble {
    pub(crate) fn meaning(&self) -> Option<Meaning> {
        match self {
            Self::Refused(refusal) => Some(refusal.meaning()),
            Self::Lost(_) | Self::Garbled(_) | Self::Unasked(_) => None,
        }
    }

    fn retry_after(&self) -> Duration {
        match self {
            Self::Refused(refusal) => {
                Duration::from_millis(refusal.retry_after_ms.unwrap_or_default())
            }
            Self::Lost(_) | Self::Garbled(_) | Self::Unasked(_) => Duration::ZERO,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(error) => f.write_str(&error.message),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Garbled(what) => write!(f, "the answer cannot be read: {what}"),
            Self::Unasked(_) => f.write_str("it could not be asked"),
        }
    }
}

/// Of a read: whatever became of it, it did nothing.
impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Lost(error) => Failure::none("no_answer", error.message),
            Trouble::Refused(refusal) => told(Failure::none, &refusal),
            Trouble::Garbled(what) => Failure::none("bad_answer", what),
            Trouble::Unasked(failure) => failure,
        }
    }
}

/// Of a change that was sent.
fn of_change(trouble: Trouble) -> Failure {
    match trouble {
        Trouble::Lost(error) => error.into(),
        Trouble::Refused(refusal) if refusal.is_no() => told(Failure::none, &refusal),
        Trouble::Refused(refusal) => told(Failure::unknown, &refusal),
        Trouble::Garbled(what) => Failure::unknown("bad_answer", what),
        Trouble::Unasked(failure) => failure,
    }
}

fn told(failure: fn(&str, String) -> Failure, refusal: &Refusal) -> Failure {
    failure(refusal.word(), format!("the cloud answered {refusal}")).with_evidence(refusal)
}

/// One region's API, with the credentials for it.
pub(crate) struct Cloud<'a> {
    attempt: &'a Attempt,
    credentials: Credentials,
    pub(crate) place: Place,
    poll: Duration,
    project: RefCell<Option<Rc<str>>>,
    token: RefCell<Option<Rc<Handle>>>,
}

/// One request, before it is signed.
struct Ask<'a> {
    method: Method,
    origin: &'a str,
    path: &'a str,
    query: &'a [(&'a str, &'a str)],
    body: Option<&'a Value>,
    timeout: Duration,
    /// The project that it is about, when there is one.
    project: Option<&'a str>,
}

impl Key for Handle {
    type Error = secrets::Refusal;

    fn code(&self, prefix: &[u8], message: &[u8]) -> Result<Vec<u8>, Self::Error> {
        self.hmac_sha256(prefix, message)
    }

    fn derive(&self, prefix: &[u8], message: &[u8]) -> Result<Self, Self::Error> {
        self.derive_hmac_sha256(prefix, message)
    }
}

impl<'a> Cloud<'a> {
    pub(crate) fn new(
        attempt: &'a Attempt,
        access: &Access,
        place: Place,
    ) -> Result<Self, Failure> {
        Ok(Self {
            attempt,
            credentials: access.credentials()?,
            project: RefCell::new(place.project_id.as_deref().map(Rc::from)),
            place,
            poll: access.poll(),
            token: RefCell::new(None),
        })
    }

    pub(crate) fn attempt(&self) -> &'a Attempt {
        self.attempt
    }

    pub(crate) fn now(&self) -> u64 {
        self.attempt.now_ms()
    }

    /// Waits until the state is read again.
    pub(crate) fn pause(&self) -> Result<(), Stop> {
        self.attempt.wait(self.poll)
    }

    /// The same after trouble, which may ask for more patience.
    pub(crate) fn pause_after(&self, trouble: &Trouble) -> Result<(), Stop> {
        self.attempt.log(&format!("asked in vain: {trouble}"));
        self.attempt.wait(self.poll.max(trouble.retry_after()))
    }

    /// The project's id.
    pub(crate) fn project(&self) -> Result<Rc<str>, Trouble> {
        if let Some(project) = self.project.borrow().clone() {
            return Ok(project);
        }
        if let Credentials::Password { .. } = &self.credentials {
            self.token()?;
            if let Some(project) = self.project.borrow().clone() {
                return Ok(project);
            }
        }
        let name = self.place.region.as_str();
        let query = [("name", name)];
        let ask = Ask {
            method: Method::Get,
            origin: self.iam()?,
            path: "/v3/projects",
            query: &query,
            body: None,
            timeout: READ_TIMEOUT,
            project: None,
        };
        let found: Projects = read(self.send(&ask)?)?;
        let is_named = |project: &Project| project.name == name && !project.id.is_empty();
        let Some(project) = found.projects.into_iter().find(is_named) else {
            let what = format!("there is no project {name:?}: give `project_id`");
            return Err(Trouble::Unasked(bad_input(what)));
        };
        let project: Rc<str> = project.id.into();
        *self.project.borrow_mut() = Some(project.clone());
        Ok(project)
    }

    fn iam(&self) -> Result<&str, Trouble> {
        let missing = || bad_input("`iam_endpoint` is needed for tokens and for projects' ids");
        self.place
            .iam
            .as_deref()
            .ok_or_else(|| Trouble::Unasked(missing()))
    }

    /// The token, fetched when there is none.
    fn token(&self) -> Result<Rc<Handle>, Trouble> {
        if let Some(token) = self.token.borrow().clone() {
            return Ok(token);
        }
        let Credentials::Password {
            user,
            domain,
            password,
        } = &self.credentials
        else {
            unreachable!("keys need no token");
        };
        let project = match self.project.borrow().as_deref() {
            Some(id) => json!({"id": id}),
            None => json!({"name": self.place.region}),
        };
        let body = json!({"auth": {
            "identity": {
                "methods": ["password"],
                "password": {"user": {"name": user, "domain": {"name": domain}, "password": ""}},
            },
            "scope": {"project": project},
        }});
        let secret = vec![("/auth/identity/password/user/password", password)];
        let response = Request::post(format!("{}/v3/auth/tokens?nocatalog=1", self.iam()?))
            .json_with(&body, secret)
            .timeout(READ_TIMEOUT)
            .capture_header("x-subject-token")
            .send()
            .map_err(Trouble::Lost)?;
        if !is_success(response.status) {
            return Err(Trouble::Refused(refusal(&response)));
        }
        let told: Value = response.json().map_err(Trouble::Garbled)?;
        if let Some(id) = told.pointer("/token/project/id").and_then(Value::as_str) {
            self.project.borrow_mut().get_or_insert_with(|| id.into());
        }
        let Some(Some(token)) = response.captured.into_iter().next() else {
            return Err(Trouble::Garbled("no token came with it".to_owned()));
        };
        let token = Rc::new(token);
        *self.token.borrow_mut() = Some(token.clone());
        Ok(token)
    }

    /// Sends one request with its credentials; an answer that is no success is trouble.
    fn send(&self, ask: &Ask<'_>) -> Result<Response, Trouble> {
        let query = sign::query(ask.query);
        let mark = if query.is_empty() { "" } else { "?" };
        let url = format!("{}{}{mark}{query}", ask.origin, ask.path);
        let mut request = Request::new(ask.method, url)
            .timeout(ask.timeout)
            .header("content-type", "application/json");
        if let Some(body) = ask.body {
            request = request.json(body);
        }
        let token;
        let request = match &self.credentials {
            Credentials::Password { .. } => {
                token = self.token()?;
                request.header_of("x-auth-token", vec![Part::Secret(&token)])
            }
            Credentials::Keys {
                access,
                secret,
                signing,
            } => self.signed(request, ask, access, secret, *signing)?,
        };
        let response = request.send().map_err(Trouble::Lost)?;
        match is_success(response.status) {
            true => Ok(response),
            false => Err(Trouble::Refused(refusal(&response))),
        }
    }

    fn signed<'r>(
        &self,
        request: Request<'r>,
        ask: &Ask<'_>,
        access: &'r Handle,
        secret: &Handle,
        signing: Signing,
    ) -> Result<Request<'r>, Trouble> {
        let date = time::sdk_date(i64::try_from(self.now()).unwrap_or(i64::MAX));
        let body = ask.body.map(Value::to_string).unwrap_or_default();
        let mut headers = vec![
            ("host", authority(ask.origin)),
            ("x-sdk-date", date.as_str()),
        ];
        let dialect = match signing {
            Signing::A => {
                headers.extend(ask.project.map(|project| ("x-project-id", project)));
                Dialect::A
            }
            Signing::B => {
                headers.push(("content-type", "application/json"));
                // As the cloud's own Go SDK signs: without both.
                Dialect::B {
                    region: "",
                    service: "",
                }
            }
        };
        let unsigned = Unsigned {
            method: verb(ask.method),
            path: ask.path,
            query: ask.query,
            headers: &headers,
            body: body.as_bytes(),
            date: &date,
        };
        let signed = sign::sign(&unsigned, dialect, secret)
            .map_err(|refusal| Trouble::Unasked(refusal.into()))?;
        let mut request = request.header("x-sdk-date", date.as_str());
        if let Some(project) = ask.project {
            request = request.header("x-project-id", project);
        }
        let value = vec![
            Part::Text(signed.before),
            Part::Secret(access),
            Part::Text(signed.after),
        ];
        Ok(request.header_of("authorization", value))
    }

    /// Reads something of the project; `path` begins behind its id. A token that is no
    /// longer good is fetched anew once.
    pub(crate) fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, Trouble> {
        self.look(Method::Get, path, query, None)
    }

    /// A POST that only reads.
    pub(crate) fn ask<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Trouble> {
        self.look(Method::Post, path, &[], Some(body))
    }

    fn look<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<T, Trouble> {
        let project = self.project()?;
        let path = format!("/v3/{project}{path}");
        let ask = Ask {
            method,
            origin: &self.place.endpoint,
            path: &path,
            query,
            body,
            timeout: READ_TIMEOUT,
            project: Some(&project),
        };
        self.again_with_a_new_token(&ask).and_then(read)
    }

    /// Reads a metric.
    pub(crate) fn metric<T: DeserializeOwned>(
        &self,
        origin: &str,
        query: &[(&str, &str)],
    ) -> Result<T, Trouble> {
        let project = self.project()?;
        let path = format!("/V1.0/{project}/metric-data");
        let ask = Ask {
            method: Method::Get,
            origin: origin.trim_end_matches('/'),
            path: &path,
            query,
            body: None,
            timeout: READ_TIMEOUT,
            project: Some(&project),
        };
        self.again_with_a_new_token(&ask).and_then(read)
    }

    fn again_with_a_new_token(&self, ask: &Ask<'_>) -> Result<Response, Trouble> {
        let first = self.send(ask);
        let is_token = matches!(self.credentials, Credentials::Password { .. });
        match first {
            Err(trouble) if is_token && trouble.meaning() == Some(Meaning::Unauthorized) => {
                self.attempt
                    .log("the token is refused: a new one is fetched");
                self.token.replace(None);
                self.send(ask)
            }
            other => other,
        }
    }

    /// Sends a change, once. A failure says what it did.
    pub(crate) fn change(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Response, Failure> {
        let project = self.project()?;
        if let Credentials::Password { .. } = &self.credentials {
            // What fails here is no change.
            self.token()?;
        }
        let path = format!("/v3/{project}{path}");
        let ask = Ask {
            method,
            origin: &self.place.endpoint,
            path: &path,
            query: &[],
            body: Some(body),
            timeout: CHANGE_TIMEOUT,
            project: Some(&project),
        };
        self.send(&ask).map_err(of_change)
    }
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

fn refusal(response: &Response) -> Refusal {
    Refusal::read(
        response.status,
        response.header("retry-after"),
        &response.body,
    )
}

fn read<T: DeserializeOwned>(response: Response) -> Result<T, Trouble> {
    response.json().map_err(Trouble::Garbled)
}

/// The host, and the port where it is not the scheme's own: what a client sends as `host`.
fn authority(origin: &str) -> &str {
    let (scheme, rest) = origin.split_once("://").unwrap_or(("https", origin));
    let own = if scheme == "http" { ":80" } else { ":443" };
    rest.strip_suffix(own).unwrap_or(rest)
}

fn verb(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_signed_as_it_is_sent() {
        for (origin, host) in [
            (
                "https://rds.eu-de.otc.t-systems.com",
                "rds.eu-de.otc.t-systems.com",
            ),
            ("https://rds.example:443", "rds.example"),
            ("https://rds.example:8443", "rds.example:8443"),
            ("http://127.0.0.1:4001", "127.0.0.1:4001"),
            ("http://127.0.0.1:80", "127.0.0.1"),
        ] {
            assert_eq!(authority(origin), host);
        }
    }
}
