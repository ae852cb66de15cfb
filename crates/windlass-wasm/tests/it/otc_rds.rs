//! `plugins/otc-rds` against the lab's cloud: what it does, what the cloud's own log says
//! of it, and that the faults have really happened.

mod backup;
mod dr;
mod reads;
mod upgrade;

use rds_lab::api::{Api, Options, Region};
use serde_json::{Value as Json, json};
use windlass_core::value::Value;
use windlass_wasm::Plugin;

use crate::support::{Attempt, attempt, otc_rds};

/// A cloud of its own for each test.
struct Cloud {
    api: Api,
    plugin: Plugin,
}

async fn cloud() -> Option<Cloud> {
    cloud_with(Options::simulated()).await
}

async fn cloud_with(options: Options) -> Option<Cloud> {
    let plugin = otc_rds().await?;
    let api = Api::start(options).unwrap();
    Some(Cloud { api, plugin })
}

/// How a test's requests are allowed.
#[derive(Clone, Copy, Debug)]
enum By {
    Token,
    KeysA,
    KeysB,
}

impl Cloud {
    fn primary(&self) -> &str {
        &self.api.servers().primary
    }

    /// An attempt of an action with a token; `more` is added to its inputs.
    fn attempt(&self, uses: &'static str, more: Json) -> Attempt {
        self.attempt_by(By::Token, uses, more)
    }

    fn attempt_by(&self, by: By, uses: &'static str, more: Json) -> Attempt {
        let (endpoints, credentials) = (self.api.endpoints(), self.api.credentials());
        let mut with = json!({
            "endpoint": endpoints.rds_eu_de,
            "iam_endpoint": endpoints.iam,
            "region": "eu-de",
            "poll_ms": 25,
        });
        let allowed = match by {
            By::Token => json!({
                "user": credentials.user,
                "domain": credentials.domain,
                "password": "$secret:password",
            }),
            By::KeysA | By::KeysB => json!({
                "access_key": "$secret:access_key",
                "secret_key": "$secret:secret_key",
                "signing": if matches!(by, By::KeysA) { "a" } else { "b" },
            }),
        };
        merge(&mut with, allowed);
        merge(&mut with, more);
        attempt(&self.plugin, uses, with)
            .secret("password", &credentials.password)
            .secret("access_key", &credentials.access_key)
            .secret("secret_key", &credentials.secret_key)
    }

    /// The same for an action that has both sides of DR.
    fn dr_attempt(&self, uses: &'static str, more: Json) -> Attempt {
        let mut with = self.far();
        merge(&mut with, more);
        self.attempt(uses, with)
    }

    fn far(&self) -> Json {
        json!({
            "dr_endpoint": self.api.endpoints().rds_eu_nl,
            "dr_region": "eu-nl",
            "dr_project_id": Region::EuNl.project_id(),
            "dr_instance_id": self.api.servers().dr,
        })
    }

    /// The effects whose names begin like this, in order.
    fn effects(&self, prefix: &str) -> Vec<String> {
        let effects = self.api.effects().into_iter().map(|effect| effect.what);
        effects.filter(|what| what.starts_with(prefix)).collect()
    }
}

fn merge(with: &mut Json, more: Json) {
    let (Json::Object(with), Json::Object(more)) = (with, more) else {
        panic!("inputs are maps");
    };
    with.extend(more);
}

#[track_caller]
fn text<'a>(outputs: &'a Value, name: &str) -> &'a str {
    let value = outputs.get(name).and_then(Value::as_text);
    value.unwrap_or_else(|| panic!("no text `{name}` in {outputs:?}"))
}

#[track_caller]
fn flag(outputs: &Value, name: &str) -> bool {
    match outputs.get(name) {
        Some(Value::Bool(flag)) => *flag,
        _ => panic!("no flag `{name}` in {outputs:?}"),
    }
}
