//! Where in a Vault a secret is: data of a plan, so that what is approved says whose word
//! a value is. Responsible for what such a place is and how it is said; reading it is the
//! shell's.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The engine's mount when none is named.
pub const VAULT_MOUNT: &str = "secret";
/// AppRole's mount when none is named.
pub const APPROLE_MOUNT: &str = "approle";
/// The variable that holds a token when nothing says how to log in.
pub const VAULT_TOKEN: &str = "VAULT_TOKEN";

/// One field of one secret of a key-value engine, version 2.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultPlace {
    /// `https://HOST:PORT`.
    pub address: String,
    /// Where the engine is mounted.
    #[serde(default = "mount")]
    pub mount: String,
    /// The secret's path below the mount, without `data`.
    pub path: String,
    pub field: String,
    /// The newest, when none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(default)]
    pub auth: VaultAuth,
    /// Authorities to trust instead of the system's: a file's path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// Why `http://` is acceptable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insecure_reason: Option<String>,
}

/// How to prove to a Vault who asks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VaultAuth {
    /// With a token.
    Token(Kept),
    /// With a role and its secret id.
    #[serde(rename = "approle")]
    AppRole(AppRole),
}

/// A role, and where its two ids are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppRole {
    pub role_id: Kept,
    pub secret_id: Kept,
    /// Where the method is mounted.
    #[serde(default = "approle_mount")]
    pub mount: String,
}

/// Where something short and secret is kept on the engine's machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// In a variable of the environment.
    Env(String),
    /// In a file that only its owner can read.
    File(String),
}

fn mount() -> String {
    VAULT_MOUNT.to_owned()
}

fn approle_mount() -> String {
    APPROLE_MOUNT.to_owned()
}

impl Default for VaultAuth {
    fn default() -> Self {
        VaultAuth::Token(Kept::Env(VAULT_TOKEN.to_owned()))
    }
}

/// As people say it: `secret/db/admin, field password, at https://vault.example.com`.
impl fmt::Display for VaultPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}, field {}", self.mount, self.path, self.field)?;
        if let Some(version) = self.version {
            write!(f, ", version {version}")?;
        }
        if let Some(namespace) = &self.namespace {
            write!(f, ", namespace {namespace}")?;
        }
        write!(f, ", at {}", self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_defaults_and_is_said() {
        let json = r#"{"address": "https://v", "path": "db/admin", "field": "password"}"#;
        let place: VaultPlace = serde_json::from_str(json).unwrap();
        assert_eq!(
            place.to_string(),
            "secret/db/admin, field password, at https://v"
        );
        assert_eq!(
            place.auth,
            VaultAuth::Token(Kept::Env("VAULT_TOKEN".to_owned()))
        );
        let again = serde_json::to_string(&place).unwrap();
        assert_eq!(serde_json::from_str::<VaultPlace>(&again).unwrap(), place);
        let role = r#"{"approle": {"role_id": {"env": "R"}, "secret_id": {"file": "/s"}}}"#;
        let VaultAuth::AppRole(role) = serde_json::from_str(role).unwrap() else {
            panic!("a role")
        };
        assert_eq!(role.mount, "approle");
        assert!(serde_json::from_str::<VaultPlace>(r#"{"addres": "x"}"#).is_err());
    }
}
