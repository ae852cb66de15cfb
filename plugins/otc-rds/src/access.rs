//! The inputs with which every action reaches the cloud.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use windlass_plugin::{Action, Failure, Handle, Method, Secret};

/// How often a state is read while it is waited for: the cloud allows some 60 requests a
/// minute and user.
const POLL: Duration = Duration::from_secs(10);
const POLL_MIN: Duration = Duration::from_millis(20);
const POLL_MAX: Duration = Duration::from_secs(300);

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Access {
    /// Where the RDS API is, such as https://rds.eu-de.otc.t-systems.com.
    pub(crate) endpoint: String,
    /// The region, such as eu-de; also the name of the project when no id is given.
    pub(crate) region: String,
    /// The project's id; asked of the identity service when left out.
    pub(crate) project_id: Option<String>,
    /// Where the identity service is, such as https://iam.eu-de.otc.t-systems.com; not needed with an access key and a project's id.
    pub(crate) iam_endpoint: Option<String>,
    /// The access key; with `secret_key`.
    pub(crate) access_key: Option<Secret>,
    /// The secret key, which signs requests.
    pub(crate) secret_key: Option<Secret>,
    /// How requests are signed: `a` as the SDKs of Huawei Cloud, `b` as those of the Open Telekom Cloud; b when left out.
    pub(crate) signing: Option<Signing>,
    /// The user's name, for tokens; with `domain` and `password`.
    pub(crate) user: Option<String>,
    /// The name of the user's domain (the account).
    pub(crate) domain: Option<String>,
    /// The user's password.
    pub(crate) password: Option<Secret>,
    /// How often a state is read while it is waited for, in milliseconds; 10,000 when left out.
    pub(crate) poll_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Signing {
    A,
    B,
}

/// Where the DR instance is. The credentials are the same on both sides.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct Far {
    /// Where the RDS API of the DR instance's region is.
    pub(crate) dr_endpoint: Option<String>,
    /// The DR instance's region.
    pub(crate) dr_region: Option<String>,
    /// The project's id there; asked of the identity service when left out.
    pub(crate) dr_project_id: Option<String>,
    /// Where the identity service of that region is; the same one when left out.
    pub(crate) dr_iam_endpoint: Option<String>,
    /// The DR instance's id.
    pub(crate) dr_instance_id: Option<String>,
}

/// One region's services.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) endpoint: String,
    pub(crate) iam: Option<String>,
    pub(crate) region: String,
    pub(crate) project_id: Option<String>,
}

/// How requests are allowed.
#[derive(Debug)]
pub(crate) enum Credentials {
    Keys {
        access: Handle,
        secret: Handle,
        signing: Signing,
    },
    Password {
        user: String,
        domain: String,
        password: Handle,
    },
}

pub(crate) fn bad_input(what: impl Into<String>) -> Failure {
    Failure::none("bad_input", what)
}

/// An id as it can stand in a path.
pub(crate) fn id<'a>(name: &str, id: &'a str) -> Result<&'a str, Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    match !id.is_empty() && id.len() <= 100 && id.chars().all(plain) {
        true => Ok(id),
        false => Err(bad_input(format!("`{name}` holds no id: {id:?}"))),
    }
}

fn origin(text: &str) -> String {
    text.trim_end_matches('/').to_owned()
}

impl Access {
    pub(crate) fn near(&self) -> Place {
        Place {
            endpoint: origin(&self.endpoint),
            iam: self.iam_endpoint.as_deref().map(origin),
            region: self.region.clone(),
            project_id: self.project_id.clone(),
        }
    }

    pub(crate) fn poll(&self) -> Duration {
        let poll = self.poll_ms.map_or(POLL, Duration::from_millis);
        poll.clamp(POLL_MIN, POLL_MAX)
    }

    pub(crate) fn credentials(&self) -> Result<Credentials, Failure> {
        match (&self.access_key, &self.secret_key, &self.password) {
            (Some(access), Some(secret), None) => Ok(Credentials::Keys {
                access: access.open()?,
                secret: secret.open()?,
                signing: self.signing.unwrap_or(Signing::B),
            }),
            (None, None, Some(password)) => {
                let (Some(user), Some(domain)) = (&self.user, &self.domain) else {
                    return Err(bad_input("`password` needs `user` and `domain`"));
                };
                Ok(Credentials::Password {
                    user: user.clone(),
                    domain: domain.clone(),
                    password: password.open()?,
                })
            }
            _ => Err(bad_input(
                "give either `access_key` and `secret_key`, or `user`, `domain` and `password`",
            )),
        }
    }
}

impl Far {
    /// The other region's services, and the DR instance's id, when they are given.
    pub(crate) fn place(&self, access: &Access) -> Result<Option<(Place, String)>, Failure> {
        match (&self.dr_endpoint, &self.dr_region, &self.dr_instance_id) {
            (None, None, None) => Ok(None),
            (Some(endpoint), Some(region), Some(instance)) => {
                let iam = self
                    .dr_iam_endpoint
                    .as_deref()
                    .or(access.iam_endpoint.as_deref());
                let place = Place {
                    endpoint: origin(endpoint),
                    iam: iam.map(origin),
                    region: region.clone(),
                    project_id: self.dr_project_id.clone(),
                };
                Ok(Some((place, id("dr_instance_id", instance)?.to_owned())))
            }
            _ => Err(bad_input(
                "`dr_endpoint`, `dr_region` and `dr_instance_id` go together",
            )),
        }
    }
}

/// What every action may ask of the identity service.
pub(crate) fn with_identity(action: Action, far: bool) -> Action {
    let inputs: &[&str] = if far {
        &["iam_endpoint", "dr_iam_endpoint"]
    } else {
        &["iam_endpoint"]
    };
    let action = inputs.iter().fold(action, |action, input| {
        action
            .reads(&[Method::Post], &format!("{{{input}}}/v3/auth/tokens"))
            .reads(&[Method::Get], &format!("{{{input}}}/v3/projects"))
    });
    action.signs_with("secret_key")
}
