//! What a plugin says of itself, checked, and as entries of the catalog.

use std::collections::BTreeMap;
use std::time::Duration;

use windlass_core::catalog::{Action as Entry, Grant, NoEffect, Output, Param};
use windlass_core::id::{ActionName, GuardName};
use windlass_core::plan::EffectClass;
use windlass_core::request_pattern::BadPattern;
use windlass_core::time::Millis;
use windlass_http::Method;

use crate::bindings::types;
use crate::limits::{ACTIONS_MAX, MANIFEST_BYTES_MAX, RATE_REQUESTS_MAX, REQUESTS_MAX, SPAN_MAX};
use crate::requests::Allowed;
use crate::schema::{self, BadSchema, one_line};

/// The most bytes of a summary and of a version.
const SUMMARY_BYTES_MAX: usize = 300;
const VERSION_BYTES_MAX: usize = 64;
/// The default of `observe`.
const OBSERVE: Millis = Millis::from_mins(15);

/// A checked manifest.
#[derive(Clone, Debug)]
pub struct Manifest {
    pub name: String,
    pub version: String,
    pub summary: String,
    /// By their names alone.
    pub actions: BTreeMap<String, Action>,
    pub rate: Option<Rate>,
}

/// The most requests that go to one host with one set of credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub requests: u32,
    pub per: Duration,
}

/// A checked action.
#[derive(Clone, Debug)]
pub struct Action {
    pub summary: String,
    pub effect: EffectClass,
    pub params: BTreeMap<String, Param>,
    pub outputs: BTreeMap<String, Output>,
    pub reconciles: bool,
    pub undoes: bool,
    /// The guard that its success is evidence for.
    pub provides: Option<String>,
    pub requests: Vec<Allowed>,
    /// The parameters whose secrets it may sign with.
    pub signs_with: Vec<String>,
    pub timeout: Option<Millis>,
    pub settle: Millis,
    pub observe: Millis,
}

/// What the component exports beside `describe` and `run`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exports {
    pub reconcile: bool,
    pub undo: bool,
}

/// Why a manifest is refused. Texts of the plugin stand in it quoted and bounded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadManifest {
    #[error("its texts have more than {MANIFEST_BYTES_MAX} bytes")]
    Long,
    #[error("it has {0} actions; 1 to {ACTIONS_MAX} can be")]
    Actions(usize),
    #[error("{0:?} is no name: a lower-case letter, then lower-case letters, digits or _")]
    Name(String),
    #[error("{0:?} is no version such as 1.2.3")]
    Version(String),
    #[error("its rate is of 1 to {RATE_REQUESTS_MAX} requests in at most a day")]
    Rate,
    #[error("it has the action `{0}` twice")]
    Twice(String),
    #[error("the action `{action}` {what}")]
    Action { action: String, what: String },
}

impl Manifest {
    /// Reads what `describe` gave.
    pub(crate) fn read(given: types::Manifest, exports: Exports) -> Result<Self, BadManifest> {
        if weight(&given) > MANIFEST_BYTES_MAX {
            return Err(BadManifest::Long);
        }
        if given.actions.is_empty() || given.actions.len() > ACTIONS_MAX {
            return Err(BadManifest::Actions(given.actions.len()));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-+".contains(c);
        let version_fits = given.version.len() <= VERSION_BYTES_MAX
            && given.version.starts_with(|c: char| c.is_ascii_digit())
            && given.version.chars().all(plain);
        if !version_fits {
            return Err(BadManifest::Version(one_line(
                &given.version,
                VERSION_BYTES_MAX,
            )));
        }
        let rate = given.rate.map(|rate| Rate {
            requests: rate.requests,
            per: Duration::from_millis(rate.per_ms),
        });
        let fits = |rate: &Rate| {
            (1..=RATE_REQUESTS_MAX).contains(&rate.requests)
                && !rate.per.is_zero()
                && rate.per <= SPAN_MAX
        };
        if rate.is_some_and(|rate| !fits(&rate)) {
            return Err(BadManifest::Rate);
        }
        let mut actions = BTreeMap::new();
        for action in given.actions {
            let name = action.name.clone();
            // As a runbook names it.
            let whole = format!("{}/{name}", given.name);
            if given.name.contains('/') || whole.parse::<ActionName>().is_err() {
                return Err(BadManifest::Name(one_line(&whole, SUMMARY_BYTES_MAX)));
            }
            let read = Action::read(action, exports).map_err(|what| BadManifest::Action {
                action: name.clone(),
                what: one_line(&what, SUMMARY_BYTES_MAX),
            })?;
            if actions.insert(name.clone(), read).is_some() {
                return Err(BadManifest::Twice(name));
            }
        }
        Ok(Self {
            name: given.name,
            version: given.version,
            summary: one_line(&given.summary, SUMMARY_BYTES_MAX),
            actions,
            rate,
        })
    }
}

impl Action {
    fn read(given: types::Action, exports: Exports) -> Result<Self, String> {
        let effect = effect(given.effect);
        let about = |which: &str, error: BadSchema| format!("has a wrong `{which}`: {error}");
        let params = schema::params(&given.input).map_err(|error| about("input", error))?;
        let outputs = schema::outputs(&given.output).map_err(|error| about("output", error))?;
        let requests = read_requests(given.requests)?;
        let action = Self {
            summary: one_line(&given.summary, SUMMARY_BYTES_MAX),
            effect,
            params,
            outputs,
            reconciles: given.reconciles,
            undoes: given.undoes,
            provides: given.provides,
            requests,
            signs_with: given.signs_with,
            timeout: given.timeout_ms.map(span).transpose()?,
            settle: span(given.settle_ms)?,
            observe: given.observe_ms.map(span).transpose()?.unwrap_or(OBSERVE),
        };
        action.agrees(exports)?;
        Ok(action)
    }

    /// Whether what is said here and there is true together.
    fn agrees(&self, exports: Exports) -> Result<(), String> {
        let fail = |what: String| Err(what);
        if self.reconciles && !exports.reconcile {
            return fail("reconciles, but the plugin does not export `reconcile`".into());
        }
        if self.undoes && !exports.undo {
            return fail("undoes, but the plugin does not export `undo`".into());
        }
        let is_reversible = self.effect == EffectClass::Reversible;
        if self.undoes != is_reversible {
            return fail("undoes exactly when its effect is `reversible`".into());
        }
        if self.effect == EffectClass::Read && self.requests.iter().any(|allowed| !allowed.reads) {
            return fail("only reads, but asks for requests that are not marked as reads".into());
        }
        for allowed in &self.requests {
            if let Some(input) = allowed.pattern.input() {
                let fits = self.params.get(input);
                let ty = &windlass_core::types::Type::Text;
                if !fits.is_some_and(|param| param.ty == *ty && !param.secret) {
                    return fail(format!(
                        "asks for `{}`, but has no such text input",
                        allowed.pattern
                    ));
                }
            }
        }
        for input in &self.signs_with {
            if !self.params.get(input).is_some_and(|param| param.secret) {
                return fail(format!(
                    "signs with `{input}`, which is no input for a secret"
                ));
            }
        }
        match &self.provides {
            Some(guard) if guard.parse::<GuardName>().is_err() => {
                fail(format!("provides {guard:?}, which is no guard's name"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// All that it asks for.
    pub fn grants(&self) -> Vec<Grant> {
        let requests = self.requests.iter().map(grant);
        let signs = (!self.signs_with.is_empty()).then(|| Grant::Signs(self.signs_with.clone()));
        requests.chain(signs).collect()
    }

    /// The entry of the catalog.
    pub fn entry(&self) -> Entry {
        Entry {
            summary: self.summary.clone(),
            effect: Some(self.effect),
            params: self.params.clone(),
            rest: None,
            outputs: Some(self.outputs.clone()),
            echoes: false,
            computes: false,
            grants: self.grants(),
            reconciles: self.reconciles,
            undoes: self.undoes,
            timeout: self.timeout,
            settle: self.settle,
            settle_least: Millis(0),
            observe: self.observe,
            no_effect: NoEffect::Refused,
            provides: self
                .provides
                .as_deref()
                .and_then(|guard| guard.parse().ok()),
        }
    }
}

fn grant(allowed: &Allowed) -> Grant {
    Grant::Requests {
        methods: allowed
            .methods
            .iter()
            .map(|method| method.name().to_owned())
            .collect(),
        url: allowed.pattern.to_string(),
        reads: allowed.reads,
    }
}

fn read_requests(given: Vec<types::AllowedRequests>) -> Result<Vec<Allowed>, String> {
    if given.len() > REQUESTS_MAX {
        return Err(format!(
            "has {} `requests`; {REQUESTS_MAX} can be",
            given.len()
        ));
    }
    let read = given.into_iter().map(|allowed| {
        let pattern = allowed
            .url
            .parse()
            .map_err(|error: BadPattern| format!("asks for {:?}: {error}", allowed.url))?;
        if allowed.methods.is_empty() {
            return Err(format!("asks for {:?} with no method", allowed.url));
        }
        Ok(Allowed {
            methods: allowed.methods.into_iter().map(method).collect(),
            pattern,
            reads: allowed.reads,
        })
    });
    read.collect()
}

fn span(ms: u64) -> Result<Millis, String> {
    match Duration::from_millis(ms) <= SPAN_MAX {
        true => Ok(Millis(ms)),
        false => Err(format!("asks for {ms} ms, more than a day")),
    }
}

fn effect(given: types::Effect) -> EffectClass {
    match given {
        types::Effect::Read => EffectClass::Read,
        types::Effect::Idempotent => EffectClass::Idempotent,
        types::Effect::Reversible => EffectClass::Reversible,
        types::Effect::Irreversible => EffectClass::Irreversible,
    }
}

pub(crate) fn method(given: types::Method) -> Method {
    match given {
        types::Method::Get => Method::Get,
        types::Method::Head => Method::Head,
        types::Method::Post => Method::Post,
        types::Method::Put => Method::Put,
        types::Method::Patch => Method::Patch,
        types::Method::Delete => Method::Delete,
    }
}

fn weight(manifest: &types::Manifest) -> usize {
    let own = manifest.name.len() + manifest.version.len() + manifest.summary.len();
    let actions = manifest.actions.iter().map(|action| {
        let requests: usize = action
            .requests
            .iter()
            .map(|allowed| allowed.url.len() + 32)
            .sum();
        let signs: usize = action.signs_with.iter().map(String::len).sum();
        let texts = [&action.name, &action.summary, &action.input, &action.output];
        requests + signs + texts.iter().map(|text| text.len()).sum::<usize>()
    });
    own + actions.sum::<usize>()
}
