//! What a runner may do: the requests that a plan grants its action, and where they may
//! lead. The manifest is held against each request besides.

use windlass_core::catalog::Grant;
use windlass_core::plan::Plugin as Pin;
use windlass_http::{BadRange, Client, Method, Range, Reach};

use crate::host::Host;
use crate::manifest::Action;
use crate::requests::Allowed;

/// What a runner may do.
#[derive(Clone)]
pub(crate) struct Powers {
    pub(crate) requests: Vec<Allowed>,
    pub(crate) client: Client,
}

/// Why a plan's grants cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadPowers {
    #[error("the plan grants it nothing: its action is not among those of the plugin there")]
    Nothing,
    #[error("the plan grants it {0}, which no plugin can be granted")]
    Grant(String),
    #[error("the plan names the network {0:?}, which is none")]
    Network(String),
}

impl Powers {
    /// All that the manifest asks for, wherever the host reaches.
    pub(crate) fn asked(action: &Action, host: &Host) -> Self {
        Self {
            requests: action.requests.clone(),
            client: host.options().client.clone(),
        }
    }

    /// What a plan grants.
    pub(crate) fn granted(pin: &Pin, action: &str, host: &Host) -> Result<Self, BadPowers> {
        let mut requests = Vec::new();
        for grant in pin.actions.get(action).ok_or(BadPowers::Nothing)? {
            let unknown = || BadPowers::Grant(grant.to_string());
            match grant {
                Grant::Requests {
                    methods,
                    url,
                    reads,
                } => requests.push(Allowed {
                    methods: methods
                        .iter()
                        .map(|method| Method::named(method).ok_or_else(unknown))
                        .collect::<Result<_, _>>()?,
                    pattern: url.parse().map_err(|_| unknown())?,
                    reads: *reads,
                }),
                // The manifest says with which.
                Grant::Signs(_) => {}
                Grant::Processes | Grant::Connects(_) => return Err(unknown()),
            }
        }
        let range = |text: &String| {
            let bad = |_: BadRange| BadPowers::Network(text.clone());
            text.parse::<Range>().map_err(bad)
        };
        let ranges = pin.networks.iter().map(range).collect::<Result<_, _>>()?;
        let client = host.options().client.clone();
        Ok(Self {
            requests,
            client: client
                .reaching(Reach::with(ranges))
                .allowing_private_plaintext(),
        })
    }
}
