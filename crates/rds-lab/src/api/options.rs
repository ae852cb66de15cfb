//! How an API is to be started, and where it then is.

use std::path::PathBuf;

use super::cloud::{Region, Settings};

/// What is behind the API.
#[derive(Debug, Clone)]
pub enum Backing {
    /// Nothing: the state machine alone.
    Simulated,
    /// The servers of a lab that is made for it. The versions of the settings follow from the
    /// lab's builds.
    Postgres(Box<crate::Options>),
}

/// How an API is to be started.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is behind it.
    pub backing: Backing,
    /// How the cloud behaves.
    pub settings: Settings,
    /// The log of effects; in a temporary directory of its own if `None`.
    pub effects: Option<PathBuf>,
}

impl Options {
    /// Nothing behind it, and the default settings.
    pub fn simulated() -> Self {
        Self {
            backing: Backing::Simulated,
            settings: Settings::default(),
            effects: None,
        }
    }
}

impl Options {
    /// A lab of real servers behind it, and the default settings.
    pub fn postgres(lab: crate::Options) -> Self {
        Self {
            backing: Backing::Postgres(Box::new(lab)),
            ..Self::simulated()
        }
    }
}

/// The origins of the listeners, such as `http://127.0.0.1:4001`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// RDS in eu-de.
    pub rds_eu_de: String,
    /// RDS in eu-nl.
    pub rds_eu_nl: String,
    /// Tokens and projects, for both regions.
    pub iam: String,
    /// Metrics, for both regions.
    pub metrics: String,
    /// The lab's own view of itself; it asks for no credentials.
    pub control: String,
}

impl Endpoints {
    /// RDS in a region.
    pub fn rds(&self, region: Region) -> &str {
        match region {
            Region::EuDe => &self.rds_eu_de,
            Region::EuNl => &self.rds_eu_nl,
        }
    }
}
