//! Who asks: the one user of the lab, his tokens and his access key.

use std::fmt;

use serde_json::{Value, json};

use super::cloud::{Refusal, Region};
use super::request::{Reply, Request};
use super::signature;
use super::time::Time;
use crate::Result;
use crate::passwords::random_hex;

const DOMAIN_ID: &str = "d78cbac186b744899480f25bd022f468";
const USER_ID: &str = "7116d09f88fa41908676fdd4b039e95b";

/// What the lab's one user proves himself with, made anew for each lab.
#[derive(Clone)]
pub struct Credentials {
    /// His name.
    pub user: String,
    /// The name of his domain.
    pub domain: String,
    /// For tokens.
    pub password: String,
    /// For signatures.
    pub access_key: String,
    /// For signatures.
    pub secret_key: String,
}

impl Credentials {
    pub(crate) fn generate() -> Result<Self> {
        Ok(Self {
            user: "lab-operator".to_owned(),
            domain: "OTC-LAB-00000000001000000001".to_owned(),
            password: random_hex()?,
            access_key: random_hex()?[..20].to_ascii_uppercase(),
            secret_key: random_hex()?,
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}

struct Token {
    value: String,
    /// Nothing when it is for the whole domain.
    project: Option<Region>,
    expires: Time,
}

/// The user and the tokens that he has.
pub(crate) struct Identity {
    credentials: Credentials,
    tokens: Vec<Token>,
}

impl Identity {
    pub(crate) fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            tokens: Vec::new(),
        }
    }

    /// Answers `POST /v3/auth/tokens`.
    pub(crate) fn issue(
        &mut self,
        now: Time,
        expires: Time,
        request: &Request,
    ) -> std::result::Result<Reply, Refusal> {
        let body = request.json()?;
        let identity = &body["auth"]["identity"];
        let user = &identity["password"]["user"];
        if identity["methods"] != json!(["password"]) || !user.is_object() {
            return Err(Refusal::bad_parameter("Only the method password is known."));
        }
        let own = &self.credentials;
        if user["name"] != json!(own.user)
            || user["password"] != json!(own.password)
            || user["domain"]["name"] != json!(own.domain)
        {
            let why = "The username or password is wrong.";
            return Err(Refusal::bad_credentials(why));
        }
        let project = wanted_project(&body["auth"]["scope"]["project"])?;
        // Longer than a line of a terminal, as real ones are.
        let value = random_hex()
            .and_then(|one| Ok(one + &random_hex()?))
            .map_err(|error| Refusal::bad_parameter(error.to_string()))?;
        let domain = json!({"id": DOMAIN_ID, "name": own.domain});
        let mut token = json!({
            "methods": ["password"], "issued_at": now.iam(), "expires_at": expires.iam(),
            "user": {"id": USER_ID, "name": own.user, "domain": domain},
            "roles": [{"id": "0", "name": "rds_adm"}],
        });
        if request.asked("nocatalog").is_none() {
            token["catalog"] = json!([]);
        }
        if let Some(region) = project {
            token["project"] =
                json!({"id": region.project_id(), "name": region.as_str(), "domain": domain});
        }
        self.tokens.push(Token {
            value: value.clone(),
            project,
            expires,
        });
        let mut reply = Reply::new(201, json!({ "token": token }));
        reply.headers.push(("x-subject-token", value));
        Ok(reply)
    }

    /// Answers `GET /v3/projects`.
    pub(crate) fn projects(&self, request: &Request) -> Value {
        let wanted = request.asked("name");
        let projects: Vec<Value> = Region::ALL
            .into_iter()
            .filter(|region| wanted.as_deref().is_none_or(|name| name == region.as_str()))
            .map(|region| {
                json!({
                    "id": region.project_id(), "name": region.as_str(), "enabled": true,
                    "domain_id": DOMAIN_ID, "parent_id": DOMAIN_ID, "is_domain": false,
                    "description": "",
                })
            })
            .collect();
        json!({"projects": projects, "links": {"self": "/v3/projects", "next": null, "previous": null}})
    }

    /// Accepts a request that shows a live token for this project, or is signed; `None` is
    /// IAM itself, where any token will do.
    pub(crate) fn check(
        &self,
        now: Time,
        request: &Request,
        project: Option<Region>,
    ) -> std::result::Result<(), Refusal> {
        if signature::is_signed(request) {
            let Credentials {
                access_key,
                secret_key,
                ..
            } = &self.credentials;
            return signature::verify(request, access_key, secret_key, now);
        }
        let Some(shown) = request.header("x-auth-token") else {
            return Err(Refusal::bad_credentials("no token and no signature"));
        };
        let token = self.tokens.iter().find(|token| token.value == shown);
        match token {
            None => Err(Refusal::bad_credentials("decrypt token fail")),
            Some(token) if token.expires <= now => Err(Refusal::token_must_be_updated()),
            Some(token) if project.is_some() && token.project != project => {
                Err(Refusal::no_permission())
            }
            Some(_) => Ok(()),
        }
    }

    /// Every token is void from now on, as after a change of the password.
    pub(crate) fn expire_tokens(&mut self, now: Time) {
        for token in &mut self.tokens {
            token.expires = now;
        }
    }
}

fn wanted_project(scope: &Value) -> std::result::Result<Option<Region>, Refusal> {
    let Some(wanted) = scope["id"].as_str().or_else(|| scope["name"].as_str()) else {
        return Ok(None);
    };
    match Region::of_project(wanted) {
        Some(region) => Ok(Some(region)),
        None => Err(Refusal::bad_credentials("the project does not exist")),
    }
}
