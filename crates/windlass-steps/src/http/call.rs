//! The `with` of an `http` step, read and checked before anything is looked up or sent.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use windlass_core::plan::Input;
use windlass_core::url_template::UrlTemplate;
use windlass_engine::ports::StepContext;
use windlass_http::{
    CONNECT_TIMEOUT, Client, Method, REDIRECTS_MAX, Range, Reach, Request, Trust, Url,
};

use super::verdict::{NO_EFFECT, Statuses};
use crate::with::{BadWith, Fields, Given};

/// What is read of a body at most; the rest of an attempt's outputs is for headers.
pub const BODY_BYTES_MAX: usize = 184 * 1024;

/// How the body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// As its content type says.
    Typed,
    Json,
    Text,
}

/// One request, and what is made of its answer.
pub(super) struct Call {
    pub(super) request: Request,
    pub(super) client: Client,
    pub(super) connect_timeout: Duration,
    pub(super) body_bytes_max: usize,
    pub(super) output: Output,
    pub(super) statuses: Statuses,
    pub(super) insecure_reason: Option<String>,
    /// What was made of secrets and says as much as they do.
    pub(super) derived: Vec<SecretString>,
}

impl Call {
    /// Reads the `with`; every secret that it names is looked up here.
    pub(super) fn read(context: &StepContext) -> Result<Self, BadWith> {
        let mut with = Fields::of(&context.input)?;
        let method = read_method(&mut with)?;
        let (url, encrypted) = read_url(&mut with)?;
        let insecure_reason = read_reason(&mut with, encrypted)?;
        let host = url.origin().host().to_owned();
        let secrets = Granted { context, host };
        let mut derived = Vec::new();
        let request = Request::new(method, url);
        let request = read_headers(&secrets, context, &mut with, request, &mut derived)?;
        let request = read_body(&secrets, &mut with, request)?;
        let call = Self {
            request,
            client: read_client(&mut with, method, encrypted)?,
            connect_timeout: with.duration("connect_timeout")?.unwrap_or(CONNECT_TIMEOUT),
            body_bytes_max: read_max_bytes(&mut with)?,
            output: read_output(&mut with)?,
            statuses: read_statuses(&mut with)?,
            insecure_reason,
            derived,
        };
        with.finish()?;
        Ok(call)
    }
}

/// The secrets as far as they may go to one host.
struct Granted<'a> {
    context: &'a StepContext,
    host: String,
}

impl Granted<'_> {
    /// A text as it is, or a secret's value.
    fn resolve(&self, given: Given) -> Result<SecretString, BadWith> {
        match given {
            Given::Text(text) => Ok(text.into()),
            Given::Secret(name) => Ok(self.context.secrets.for_host(&name, &self.host)?.clone()),
        }
    }
}

fn read_method(with: &mut Fields) -> Result<Method, BadWith> {
    match with.text("method")? {
        None => Ok(Method::Get),
        Some(name) => Method::named(&name).ok_or_else(|| {
            let known = Method::ALL.map(Method::name).join(", ");
            BadWith::new(format!("`method` is one of {known}, not {name:?}"))
        }),
    }
}

/// The address with its blanks filled and its query, and whether it is encrypted.
fn read_url(with: &mut Fields) -> Result<(Url, bool), BadWith> {
    let bad = |why: String| BadWith::new(format!("`url`: {why}"));
    let template: UrlTemplate = with
        .text("url")?
        .ok_or_else(|| BadWith::new("give `url`"))?
        .parse()
        .map_err(|error| bad(format!("{error}")))?;
    let filled = template
        .fill(&texts(with, "parts")?.into_iter().collect())
        .map_err(|error| bad(error.to_string()))?;
    let query = texts(with, "query")?;
    let pairs = query
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let url = filled
        .parse::<Url>()
        .and_then(|url| url.with_query(pairs))
        .map_err(|error| bad(error.to_string()))?;
    Ok((url, template.is_encrypted()))
}

/// A map of scalars as texts.
fn texts(with: &mut Fields, key: &str) -> Result<Vec<(String, String)>, BadWith> {
    let given = with
        .givens(key)?
        .into_iter()
        .map(|(name, given)| match given {
            Given::Text(text) => Ok((name, text)),
            Given::Secret(_) => Err(BadWith::new(format!("`{key}` takes no secret"))),
        });
    given.collect()
}

fn read_reason(with: &mut Fields, encrypted: bool) -> Result<Option<String>, BadWith> {
    let reason = with.text("insecure_reason")?;
    let said = reason
        .as_deref()
        .is_some_and(|reason| !reason.trim().is_empty());
    match (encrypted, said) {
        (false, false) => Err(BadWith::new(
            "`http://` needs `insecure_reason`: why may everybody on the way read and change this?",
        )),
        (false, true) => Ok(reason),
        // It may be a default of the runbook, for other requests.
        (true, _) => Ok(None),
    }
}

fn read_headers(
    secrets: &Granted<'_>,
    context: &StepContext,
    with: &mut Fields,
    mut request: Request,
    derived: &mut Vec<SecretString>,
) -> Result<Request, BadWith> {
    let bad = |error: windlass_http::BadHeader| BadWith::new(error.to_string());
    for (name, given) in with.givens("headers")? {
        request = match given {
            Given::Text(text) => request.header(&name, &text),
            Given::Secret(_) => request.secret_header(&name, &secrets.resolve(given)?),
        }
        .map_err(bad)?;
    }
    if let Some(secret) = with.secret("bearer")? {
        let token = secrets.resolve(Given::Secret(secret))?;
        let value = format!("Bearer {}", token.expose_secret()).into();
        request = request
            .secret_header("authorization", &value)
            .map_err(bad)?;
    }
    if with.has("basic") {
        let pair = basic(secrets, with)?;
        let value = format!("Basic {}", pair.expose_secret()).into();
        request = request
            .secret_header("authorization", &value)
            .map_err(bad)?;
        derived.push(pair);
    }
    if let Some(name) = with.text("idempotency_key")? {
        request = request
            .header(&name, &context.idempotency_key)
            .map_err(bad)?;
    }
    if !request.has_header("user-agent") {
        let agent = concat!("windlass/", env!("CARGO_PKG_VERSION"));
        request = request.header("user-agent", agent).map_err(bad)?;
    }
    Ok(request)
}

/// `user:password` as the header carries it.
fn basic(secrets: &Granted<'_>, with: &mut Fields) -> Result<SecretString, BadWith> {
    let mut members: BTreeMap<String, Given> = with.givens("basic")?.into_iter().collect();
    let (user, password) = (members.remove("user"), members.remove("password"));
    let (Some(user), Some(password @ Given::Secret(_)), true) =
        (user, password, members.is_empty())
    else {
        return Err(BadWith::new(
            "`basic` has a `user` and a `password`, which is a secret",
        ));
    };
    let (user, password) = (secrets.resolve(user)?, secrets.resolve(password)?);
    if user.expose_secret().contains(':') {
        return Err(BadWith::new("`basic.user` cannot hold a colon"));
    }
    let pair = format!("{}:{}", user.expose_secret(), password.expose_secret());
    Ok(STANDARD.encode(pair).into())
}

fn read_body(
    secrets: &Granted<'_>,
    with: &mut Fields,
    request: Request,
) -> Result<Request, BadWith> {
    let json = with.input("json");
    let body = with.given("body")?;
    let (bytes, content_type) = match (json, body) {
        (None, None) => return Ok(request),
        (Some(_), Some(_)) => return Err(BadWith::new("give `json` or `body`, not both")),
        (Some(json), None) => (document(secrets, json)?.to_string(), "application/json"),
        (None, Some(given)) => {
            let text = secrets.resolve(given)?;
            (text.expose_secret().to_owned(), "text/plain; charset=utf-8")
        }
    };
    let request = request.body(bytes.into_bytes());
    if request.has_header("content-type") {
        return Ok(request);
    }
    request
        .header("content-type", content_type)
        .map_err(|error| BadWith::new(error.to_string()))
}

/// A value as JSON, its secrets looked up.
fn document(secrets: &Granted<'_>, input: Input) -> Result<serde_json::Value, BadWith> {
    Ok(match input {
        Input::Value(value) => serde_json::to_value(&value)
            .map_err(|error| BadWith::new(format!("`json`: {error}")))?,
        Input::Secret(name) => {
            let secret = secrets.resolve(Given::Secret(name))?;
            serde_json::Value::String(secret.expose_secret().to_owned())
        }
        Input::List(items) => items
            .into_iter()
            .map(|item| document(secrets, item))
            .collect::<Result<_, BadWith>>()?,
        Input::Map(map) => map
            .into_iter()
            .map(|(name, member)| Ok((name, document(secrets, member)?)))
            .collect::<Result<_, BadWith>>()?,
    })
}

fn read_client(with: &mut Fields, method: Method, encrypted: bool) -> Result<Client, BadWith> {
    let ranges = with.texts("private_addresses")?.unwrap_or_default();
    let ranges: Result<Vec<Range>, _> = ranges.iter().map(|range| range.parse()).collect();
    let ranges = ranges.map_err(|error| BadWith::new(format!("`private_addresses`: {error}")))?;
    let mut client = Client::new(Reach::with(ranges));
    if let Some(given) = with.text("ca_file")? {
        // Without TLS nobody is asked for a certificate.
        client = client.trusting(Trust::Given(given));
    }
    if !encrypted {
        client = client.allowing_plaintext();
    }
    let Some(redirects) = with.int("follow_redirects")? else {
        return Ok(client);
    };
    let redirects = u8::try_from(redirects)
        .ok()
        .filter(|redirects| *redirects <= REDIRECTS_MAX);
    let redirects = redirects
        .ok_or_else(|| BadWith::new(format!("`follow_redirects` is from 0 to {REDIRECTS_MAX}")))?;
    if redirects > 0 && !method.is_safe() {
        return Err(BadWith::new(format!(
            "`follow_redirects` is for GET and HEAD: a {method} is sent once, to one place"
        )));
    }
    Ok(client.following(redirects))
}

fn read_max_bytes(with: &mut Fields) -> Result<usize, BadWith> {
    match with.int("max_bytes")? {
        None => Ok(BODY_BYTES_MAX),
        Some(bytes) => usize::try_from(bytes)
            .ok()
            .filter(|bytes| (1..=BODY_BYTES_MAX).contains(bytes))
            .ok_or_else(|| {
                BadWith::new(format!(
                    "`max_bytes` is from 1 to {BODY_BYTES_MAX} (184KiB)"
                ))
            }),
    }
}

fn read_output(with: &mut Fields) -> Result<Output, BadWith> {
    match with.text("output")?.as_deref() {
        None => Ok(Output::Typed),
        Some("json") => Ok(Output::Json),
        Some("text") => Ok(Output::Text),
        Some(other) => Err(BadWith::new(format!(
            "`output` is `json` or `text`, not {other:?}"
        ))),
    }
}

fn read_statuses(with: &mut Fields) -> Result<Statuses, BadWith> {
    let mut read = |key: &str| -> Result<Option<Vec<u16>>, BadWith> {
        let Some(given) = with.ints(key)? else {
            return Ok(None);
        };
        let statuses = given.iter().map(|status| {
            u16::try_from(*status)
                .ok()
                .filter(|status| (200..=599).contains(status))
                .ok_or_else(|| BadWith::new(format!("`{key}`: {status} is no final status")))
        });
        statuses.collect::<Result<_, _>>().map(Some)
    };
    let ok = read("ok_status")?.unwrap_or_else(|| (200..=299).collect());
    // A default never contradicts what its author wrote.
    let no_effect = read("no_effect_status")?.unwrap_or_else(|| {
        NO_EFFECT
            .into_iter()
            .filter(|status| !ok.contains(status))
            .collect()
    });
    match ok.iter().find(|status| no_effect.contains(status)) {
        Some(status) => Err(BadWith::new(format!(
            "status {status} is in `ok_status` and in `no_effect_status`"
        ))),
        None => Ok(Statuses { ok, no_effect }),
    }
}
