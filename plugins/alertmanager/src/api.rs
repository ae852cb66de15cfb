//! Requests to one Alertmanager, and what its refusals say of what happened.

use serde::Serialize;
use windlass_plugin::{Failure, Handle, HttpError, Method, Request, Response, Secret};

/// Where it is, and as whom it is asked.
pub(crate) struct Api {
    endpoint: String,
    token: Option<Handle>,
}

impl Api {
    pub(crate) fn new(endpoint: &str, token: Option<&Secret>) -> Result<Self, Failure> {
        Ok(Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            token: token.map(Secret::open).transpose()?,
        })
    }

    fn request(&self, method: Method, path: &str) -> Request<'_> {
        let request = Request::new(method, format!("{}/api/v2/{path}", self.endpoint));
        match &self.token {
            Some(token) => request.bearer(token),
            None => request,
        }
    }

    pub(crate) fn get(&self, path: &str) -> Result<Response, HttpError> {
        self.request(Method::Get, path).send()
    }

    pub(crate) fn post(&self, path: &str, body: &impl Serialize) -> Result<Response, HttpError> {
        self.request(Method::Post, path).json(body).send()
    }

    pub(crate) fn delete(&self, path: &str) -> Result<Response, HttpError> {
        self.request(Method::Delete, path).send()
    }
}

/// What an answer other than 200 means: a refusal before anything was done, or nobody knows.
pub(crate) fn failure(answer: &Response) -> Failure {
    let said = String::from_utf8_lossy(&answer.body);
    let message = format!("it answered {}: {}", answer.status, said.trim());
    let evidence = serde_json::json!({"status": answer.status});
    match answer.status {
        400..=499 => Failure::none("refused", message).with_evidence(&evidence),
        _ => Failure::unknown("server_error", message).with_evidence(&evidence),
    }
}
