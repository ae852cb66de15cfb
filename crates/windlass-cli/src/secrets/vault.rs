//! Secrets in HashiCorp Vault or OpenBao: one field of a secret of a key-value engine,
//! version 2, read with a token or an AppRole. Nothing is written there, renewed or kept;
//! what Vault says is shown without anything that was sent to it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio::time::Instant;
use windlass_core::id::SecretName;
use windlass_core::plan::{AppRole, Kept, VaultAuth, VaultPlace};
use windlass_http::{Answer, Client, Limits, Method, Origin, Reach, Refusal, Request, Trust, Url};

use super::file;
use crate::error::Error;
use crate::text;

/// How long one answer of a Vault may take.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);
/// The most bytes of an answer; a secret's bound is lower.
const ANSWER_BYTES_MAX: usize = 512 * 1024;
/// The most of what a Vault says about a refusal that is shown.
const SAID_BYTES_MAX: usize = 500;

/// How a Vault is, without logging in to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// It answers reads, itself or through the active one.
    Serves,
    /// It is sealed, or was never made ready; its status.
    Sealed(u16),
    /// It says something else.
    Odd(u16),
}

/// Asks a Vault how it is.
///
/// # Errors
/// It cannot be asked.
pub(crate) async fn health(place: &VaultPlace, within: Duration) -> Result<Health, String> {
    let vault = Vault::of(place)?;
    let url = Url::build(&vault.origin, ["v1", "sys", "health"], [])
        .map_err(|error| format!("a place in Vault: {error}"))?;
    let answer = vault.ask(Request::new(Method::Get, url), within).await?;
    Ok(match answer.status {
        // A standby says 429, one of disaster recovery or for performance 472 or 473.
        200 | 429 | 472 | 473 => Health::Serves,
        501 | 503 => Health::Sealed(answer.status),
        status => Health::Odd(status),
    })
}

/// Vaults, and the tokens that logging in to them gave: a secret id may be good for one
/// login only.
#[derive(Default)]
pub(super) struct Vaults {
    tokens: BTreeMap<(String, Option<String>, VaultAuth), SecretString>,
}

impl Vaults {
    /// The value of one field.
    pub(super) async fn read(
        &mut self,
        name: &SecretName,
        place: &VaultPlace,
    ) -> Result<String, Error> {
        let vault = Vault::of(place).map_err(|why| fault(name, &why))?;
        let key = (
            place.address.clone(),
            place.namespace.clone(),
            place.auth.clone(),
        );
        let token = match self.tokens.get(&key) {
            Some(token) => token.clone(),
            None => {
                let token = vault.token(name).await?;
                self.tokens.insert(key, token.clone());
                token
            }
        };
        let value = vault.field(&token).await;
        value.map_err(|why| fault(name, &why))
    }
}

fn fault(name: &SecretName, why: &str) -> Error {
    Error::Usage(format!("the secret {name}: {why}"))
}

/// One Vault, and what is wanted of it.
struct Vault<'a> {
    place: &'a VaultPlace,
    origin: Origin,
    client: Client,
}

impl<'a> Vault<'a> {
    fn of(place: &'a VaultPlace) -> Result<Self, String> {
        let shown = text::line(&place.address);
        let origin: Origin = place
            .address
            .parse()
            .map_err(|error| format!("the Vault's address {shown}: {error}"))?;
        // An operator has named the host himself; its network is his business.
        let mut client = Client::new(Reach::private());
        if let Some(file) = &place.ca_file {
            client = client.trusting(Trust::Given(file.clone()));
        }
        if !origin.is_encrypted() {
            if place.insecure_reason.is_none() {
                return Err(format!(
                    "the Vault's address {shown} is not encrypted, and no `insecure_reason` says why"
                ));
            }
            client = client.allowing_plaintext();
        }
        Ok(Self {
            place,
            origin,
            client,
        })
    }

    /// A token to read with: the one that is kept, or a new one for the role.
    async fn token(&self, name: &SecretName) -> Result<SecretString, Error> {
        match &self.place.auth {
            VaultAuth::Token(kept) => found(name, kept),
            VaultAuth::AppRole(role) => {
                let (role_id, secret_id) =
                    (found(name, &role.role_id)?, found(name, &role.secret_id)?);
                let token = self.log_in(role, &role_id, &secret_id).await;
                token.map_err(|why| fault(name, &why))
            }
        }
    }

    async fn log_in(
        &self,
        role: &AppRole,
        role_id: &SecretString,
        secret_id: &SecretString,
    ) -> Result<SecretString, String> {
        let path = ["v1", "auth"].into_iter();
        let path = path.chain(role.mount.split('/')).chain(["login"]);
        let ids = serde_json::json!({
            "role_id": role_id.expose_secret(),
            "secret_id": secret_id.expose_secret(),
        });
        let request = self
            .request(Method::Post, path, &[])?
            .header("content-type", "application/json")
            .map_err(|error| error.to_string())?
            .body(ids.to_string().into_bytes());
        let answer = self.ask(request, ANSWER_TIME_MAX).await?;
        if answer.status != 200 {
            let what = format!("does not log the role in at auth/{}", role.mount);
            return Err(self.refusal(&answer, &what, &[role_id, secret_id]));
        }
        let document = self.document(&answer)?;
        match document.pointer("/auth/client_token") {
            Some(Value::String(token)) => Ok(token.clone().into()),
            _ => Err(format!("Vault at {} gives the role no token", self.shown())),
        }
    }

    /// The field's value.
    async fn field(&self, token: &SecretString) -> Result<String, String> {
        let place = self.place;
        let path = ["v1"].into_iter().chain(place.mount.split('/'));
        let path = path.chain(["data"]).chain(place.path.split('/'));
        let version = place.version.map(|version| version.to_string());
        let query: Vec<(&str, &str)> = version.iter().map(|v| ("version", v.as_str())).collect();
        let request = self
            .request(Method::Get, path, &query)?
            .secret_header("x-vault-token", token)
            .map_err(|error| error.to_string())?;
        let answer = self.ask(request, ANSWER_TIME_MAX).await?;
        let secret = format!("{}/{}", place.mount, place.path);
        match answer.status {
            200 => {}
            404 => return Err(self.missing(&answer, &secret)),
            _ => {
                let what = format!("does not show {secret}");
                return Err(self.refusal(&answer, &what, &[token]));
            }
        }
        let document = self.document(&answer)?;
        let fields = document.pointer("/data/data").and_then(Value::as_object);
        let fields = fields.ok_or_else(|| {
            format!(
                "Vault at {} has no key-value engine, version 2, at {}",
                self.shown(),
                place.mount
            )
        })?;
        match fields.get(&place.field) {
            Some(Value::String(value)) => Ok(value.clone()),
            Some(_) => Err(format!(
                "the field {} of {secret} in Vault is no text",
                place.field
            )),
            None => {
                let names: Vec<&str> = fields.keys().map(String::as_str).collect();
                Err(format!(
                    "{secret} in Vault has no field {}; its fields are {}",
                    place.field,
                    text::line(&names.join(", "))
                ))
            }
        }
    }

    fn request<'p>(
        &self,
        method: Method,
        path: impl Iterator<Item = &'p str>,
        query: &[(&str, &str)],
    ) -> Result<Request, String> {
        let url = Url::build(&self.origin, path, [])
            .and_then(|url| url.with_query(query.iter().copied()))
            .map_err(|error| format!("a place in Vault: {error}"))?;
        // By it a Vault tells its clients from browsers that were tricked.
        let request = Request::new(method, url)
            .header("x-vault-request", "true")
            .map_err(|error| error.to_string())?;
        match &self.place.namespace {
            None => Ok(request),
            Some(namespace) => request
                .header("x-vault-namespace", namespace)
                .map_err(|error| error.to_string()),
        }
    }

    async fn ask(&self, request: Request, within: Duration) -> Result<Answer, String> {
        let limits = Limits {
            body_bytes_max: ANSWER_BYTES_MAX,
            ..Limits::until(Instant::now() + within)
        };
        let sent = || -> Result<(), Refusal> { Ok(()) };
        self.client
            .send(request, limits, sent)
            .await
            .map_err(|error| {
                let why = text::line(&error.to_string());
                format!("Vault at {} cannot be asked: {why}", self.shown())
            })
    }

    fn document(&self, answer: &Answer) -> Result<Value, String> {
        let bad = |_| format!("what Vault at {} answers is no JSON", self.shown());
        serde_json::from_slice(&answer.body).map_err(bad)
    }

    /// A 404 is also how a version that was deleted is told.
    fn missing(&self, answer: &Answer, secret: &str) -> String {
        let document = self.document(answer).unwrap_or_default();
        let metadata = document.pointer("/data/metadata");
        let of = |key: &str| metadata.and_then(|metadata| metadata.get(key));
        let version = of("version").and_then(Value::as_u64);
        let deleted = of("deletion_time").and_then(Value::as_str);
        match (version, of("destroyed").and_then(Value::as_bool), deleted) {
            (Some(version), Some(true), _) => {
                format!("version {version} of {secret} in Vault is destroyed")
            }
            (Some(version), _, Some(at)) if !at.is_empty() => {
                let at = text::line(at);
                format!("version {version} of {secret} in Vault was deleted at {at}")
            }
            (_, _, _) => {
                let which = match self.place.version {
                    None => secret.to_owned(),
                    Some(version) => format!("version {version} of {secret}"),
                };
                format!(
                    "Vault at {} has no {which}, or its mount is another: {}",
                    self.shown(),
                    said(answer, &[])
                )
            }
        }
    }

    fn refusal(&self, answer: &Answer, what: &str, secrets: &[&SecretString]) -> String {
        let status = answer.status;
        let hint = match status {
            301 | 302 | 303 | 307 | 308 => {
                "; it is a standby, whose redirects are not followed: name the active one"
            }
            403 => "; the token is wrong or over, or its policy does not allow it",
            429 | 472 | 473 => "; it is a standby: name the active one",
            503 => "; it is sealed or not ready",
            _ => "",
        };
        format!(
            "Vault at {} {what} ({status}): {}{hint}",
            self.shown(),
            said(answer, secrets)
        )
    }

    fn shown(&self) -> String {
        self.origin.to_string()
    }
}

/// What a Vault says in its `errors`.
fn said(answer: &Answer, secrets: &[&SecretString]) -> String {
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let errors = document.get("errors").and_then(Value::as_array);
    let errors: Vec<&str> = errors
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut said = errors.join("; ");
    for secret in secrets {
        said = said.replace(secret.expose_secret(), "[secret]");
    }
    let mut said = text::line(&said);
    said.truncate(said.floor_char_boundary(SAID_BYTES_MAX));
    match said.is_empty() {
        true => "it says no more".to_owned(),
        false => said,
    }
}

/// What is kept on this machine to log in with.
fn found(name: &SecretName, kept: &Kept) -> Result<SecretString, Error> {
    let value = match kept {
        Kept::Env(variable) => std::env::var(variable).map_err(|_| {
            fault(
                name,
                &format!("to log in to Vault, the environment variable {variable} is needed, and it is not set"),
            )
        })?,
        Kept::File(path) => file::of_file(name, Path::new(path))?,
    };
    match value.trim().is_empty() {
        true => Err(fault(name, "what is to log in to Vault is empty")),
        false => Ok(value.trim().to_owned().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_http::testing::{Script, Server, answer};

    /// What a place in this server's Vault gives, or why not.
    async fn read(server: &Server, more: &str) -> Result<String, String> {
        let token = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(token.path(), "hvs.hunter2\n").unwrap();
        let json = format!(
            r#"{{"address": "{}", "path": "db/admin", "field": "password", "insecure_reason": "test",
            "auth": {{"token": {{"file": "{}"}}}} {more}}}"#,
            server.origin(),
            token.path().display()
        );
        let place: VaultPlace = serde_json::from_str(&json).unwrap();
        let name = "db".parse().unwrap();
        let read = Vaults::default().read(&name, &place).await;
        read.map_err(|error| error.to_string())
    }

    async fn says(status: &str, body: &str) -> String {
        let server = Server::always(Script::Answer(answer(status, "", body))).await;
        let said = read(&server, "").await.unwrap_err();
        assert!(!said.contains("hunter2"), "{said}");
        said.replace(&server.origin().to_string(), "http://VAULT")
    }

    #[tokio::test]
    async fn what_a_vault_refuses_is_told_in_its_own_words() {
        for (status, body, wanted) in [
            (
                "403 Forbidden",
                r#"{"errors":["permission denied"]}"#,
                "the secret db: Vault at http://VAULT does not show secret/db/admin (403): permission denied; the token is wrong or over, or its policy does not allow it",
            ),
            (
                "403 Forbidden",
                r#"{"errors":["bad token hvs.hunter2"]}"#,
                "the secret db: Vault at http://VAULT does not show secret/db/admin (403): bad token [secret]; the token is wrong or over, or its policy does not allow it",
            ),
            (
                "503 Service Unavailable",
                r#"{"errors":["Vault is sealed"]}"#,
                "the secret db: Vault at http://VAULT does not show secret/db/admin (503): Vault is sealed; it is sealed or not ready",
            ),
            (
                "307 Temporary Redirect",
                "",
                "the secret db: Vault at http://VAULT does not show secret/db/admin (307): it says no more; it is a standby, whose redirects are not followed: name the active one",
            ),
            (
                "404 Not Found",
                r#"{"errors":[]}"#,
                "the secret db: Vault at http://VAULT has no secret/db/admin, or its mount is another: it says no more",
            ),
            (
                "404 Not Found",
                r#"{"data":{"data":null,"metadata":{"deletion_time":"2026-01-02T03:04:05Z","destroyed":false,"version":2}}}"#,
                "the secret db: version 2 of secret/db/admin in Vault was deleted at 2026-01-02T03:04:05Z",
            ),
            (
                "404 Not Found",
                r#"{"data":{"data":null,"metadata":{"deletion_time":"","destroyed":true,"version":3}}}"#,
                "the secret db: version 3 of secret/db/admin in Vault is destroyed",
            ),
            (
                "200 OK",
                "<html>",
                "the secret db: what Vault at http://VAULT answers is no JSON",
            ),
            (
                "200 OK",
                r#"{"data":{"password":"hunter2"}}"#,
                "the secret db: Vault at http://VAULT has no key-value engine, version 2, at secret",
            ),
            (
                "200 OK",
                r#"{"data":{"data":{"user":"hunter2","host":1},"metadata":{}}}"#,
                "the secret db: secret/db/admin in Vault has no field password; its fields are host, user",
            ),
            (
                "200 OK",
                r#"{"data":{"data":{"password":["hunter2"]},"metadata":{}}}"#,
                "the secret db: the field password of secret/db/admin in Vault is no text",
            ),
        ] {
            assert_eq!(says(status, body).await, wanted);
        }
    }

    #[tokio::test]
    async fn one_question_is_asked_and_it_is_vaults() {
        let body = r#"{"data":{"data":{"password":"pässwörd"},"metadata":{"version":3}}}"#;
        let server = Server::always(Script::Answer(answer("200 OK", "", body))).await;
        let more = r#", "version": 3, "namespace": "team", "mount": "kv/a""#;
        assert_eq!(read(&server, more).await.unwrap(), "pässwörd");
        let [asked] = &server.requests()[..] else {
            panic!("{:?}", server.requests())
        };
        assert!(
            asked.starts_with("GET /v1/kv/a/data/db/admin?version=3 HTTP/1.1"),
            "{asked}"
        );
        for header in [
            "x-vault-token: hvs.hunter2",
            "x-vault-namespace: team",
            "x-vault-request: true",
        ] {
            assert!(asked.contains(header), "{asked}");
        }
    }

    #[tokio::test]
    async fn a_vault_that_cannot_be_asked_is_named() {
        let server = Server::always(Script::Reset).await;
        let said = read(&server, "").await.unwrap_err();
        let begins = format!(
            "the secret db: Vault at {} cannot be asked: ",
            server.origin()
        );
        assert!(said.starts_with(&begins), "{said}");
        let name = "db".parse().unwrap();
        let at = |address: &str| VaultPlace {
            address: address.to_owned(),
            mount: "secret".to_owned(),
            path: "a".to_owned(),
            field: "f".to_owned(),
            version: None,
            namespace: None,
            auth: VaultAuth::Token(Kept::Env("WINDLASS_NO_SUCH_VARIABLE".to_owned())),
            ca_file: None,
            insecure_reason: None,
        };
        for (address, said) in [
            (
                "http://127.0.0.1:1",
                "the secret db: the Vault's address http://127.0.0.1:1 is not encrypted, and no `insecure_reason` says why",
            ),
            (
                "https://u:p@127.0.0.1",
                "the secret db: the Vault's address https://u:p@127.0.0.1: an origin holds no user and no password: use a header",
            ),
            (
                "https://127.0.0.1:1",
                "the secret db: to log in to Vault, the environment variable WINDLASS_NO_SUCH_VARIABLE is needed, and it is not set",
            ),
        ] {
            let refused = Vaults::default().read(&name, &at(address)).await;
            assert_eq!(refused.unwrap_err().to_string(), said);
        }
    }
}
