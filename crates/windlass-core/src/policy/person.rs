//! Persons and the ways in by which they are known.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::operator::{Identity, Operator};
use crate::time::Timestamp;

/// The longest public key, in bytes of its text: an RSA key of 16384 bits fits.
pub const SSH_KEY_BYTES_MAX: usize = 4096;

/// A person of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub ways: Vec<Way>,
    /// He decides nothing before this, as a way in of his is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
}

/// How somebody shows who he is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// A user of the engine's host, by his name there.
    OsUser { name: String },
    /// A user of the engine's host, by his number there.
    Uid { uid: u32 },
    /// Whoever signs with this key, while it is good.
    SshKey {
        key: SshKey,
        /// It signs nothing before this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Timestamp>,
        /// It signs nothing from this on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<Timestamp>,
    },
}

impl Way {
    /// Whether the operator came in by it. Whether a key was good when it signed is for
    /// those to see who verify the signature.
    pub fn is_of(&self, operator: &Operator) -> bool {
        match (self, &operator.identity) {
            // The host looks the name up for the number that its kernel gave.
            (Way::OsUser { name }, Identity::OsUser { .. }) => *name == operator.name,
            (Way::Uid { uid }, Identity::OsUser { uid: came }) => uid == came,
            (Way::SshKey { key, .. }, Identity::SshKey { fingerprint }) => {
                key.fingerprint() == *fingerprint
            }
            (Way::OsUser { .. } | Way::Uid { .. }, Identity::SshKey { .. })
            | (Way::SshKey { .. }, Identity::OsUser { .. }) => false,
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Way::OsUser { name } => write!(f, "OS user {name}"),
            Way::Uid { uid } => write!(f, "OS user {uid}"),
            Way::SshKey { key, .. } => write!(f, "SSH key {}", key.fingerprint()),
        }
    }
}

/// A public key as `ssh-keygen` writes it, without its comment: `ssh-ed25519 AAAA…`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SshKey(String);

/// A text is no public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a public key is a line such as `ssh-ed25519 AAAAC3… ann@host`")]
pub struct BadSshKey;

impl SshKey {
    /// The key's type and its data, in base64.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `SHA256:…`, as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> String {
        let (_, data) = self.0.split_once(' ').unwrap_or_default();
        let data = base64::decode(data).unwrap_or_default();
        let digest = base64::encode(&Sha256::digest(data));
        format!("SHA256:{digest}")
    }
}

impl fmt::Display for SshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<SshKey> for String {
    fn from(key: SshKey) -> String {
        key.0
    }
}

impl TryFrom<String> for SshKey {
    type Error = BadSshKey;

    fn try_from(text: String) -> Result<Self, BadSshKey> {
        if text.len() > SSH_KEY_BYTES_MAX || text.contains(|c: char| c.is_control()) {
            return Err(BadSshKey);
        }
        let mut words = text.split_ascii_whitespace();
        let (kind, data) = (words.next(), words.next());
        let (kind, data) = (kind.ok_or(BadSshKey)?, data.ok_or(BadSshKey)?);
        let bytes = base64::decode(data).ok_or(BadSshKey)?;
        // The data begins with its own kind: its length in four bytes, then its text.
        let inner = bytes
            .split_at_checked(4)
            .and_then(|(_, rest)| rest.get(..kind.len()));
        if inner == Some(kind.as_bytes()) && !kind.is_empty() {
            Ok(Self(format!("{kind} {data}")))
        } else {
            Err(BadSshKey)
        }
    }
}

impl std::str::FromStr for SshKey {
    type Err = BadSshKey;

    fn from_str(text: &str) -> Result<Self, BadSshKey> {
        Self::try_from(text.to_owned())
    }
}

/// As much of RFC 4648 as keys need.
mod base64 {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    /// Without padding.
    pub(super) fn encode(bytes: &[u8]) -> String {
        let mut text = String::new();
        for chunk in bytes.chunks(3) {
            let mut block = [0; 3];
            block[..chunk.len()].copy_from_slice(chunk);
            let [a, b, c] = block.map(u32::from);
            let bits = a << 16 | b << 8 | c;
            for place in 0..=chunk.len() {
                let letter = bits >> (18 - 6 * place) & 63;
                text.push(char::from(LETTERS[letter as usize]));
            }
        }
        text
    }

    /// Padding may be left out.
    pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
        let text = text.trim_end_matches('=');
        let mut bytes = Vec::with_capacity(text.len());
        let (mut bits, mut count) = (0u32, 0);
        for byte in text.bytes() {
            let letter = LETTERS.iter().position(|letter| *letter == byte)?;
            bits = bits << 6 | u32::try_from(letter).ok()?;
            count += 6;
            if count >= 8 {
                count -= 8;
                bytes.push((bits >> count & 0xff) as u8);
            }
        }
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPlLuXEW2sJ2fpiMpXxjPr5RhwMCXpkEIbHs0XcCSxwM ann@host";

    #[test]
    fn a_key_is_read_without_its_comment() {
        let key: SshKey = LINE.parse().unwrap();
        assert_eq!(Some(key.as_str()), LINE.strip_suffix(" ann@host"));
        for bad in [
            "",
            "ssh-ed25519",
            "ssh-ed25519 !",
            "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIPlLuXEW2sJ2fpiMpXxjPr5RhwMCXpkEIbHs0XcCSxwM",
            "ssh-ed25519\nAAAA",
        ] {
            assert!(bad.parse::<SshKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn base64_goes_both_ways() {
        for length in 0..70u8 {
            let bytes: Vec<u8> = (0..length).map(|n| n.wrapping_mul(37)).collect();
            assert_eq!(base64::decode(&base64::encode(&bytes)), Some(bytes));
        }
        assert_eq!(
            base64::encode(b"any carnal pleas"),
            "YW55IGNhcm5hbCBwbGVhcw"
        );
        assert_eq!(
            base64::decode("YW55IGNhcm5hbCBwbGVhcw==").unwrap(),
            b"any carnal pleas"
        );
    }
}
