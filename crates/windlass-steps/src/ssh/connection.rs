//! Whom to call, and the words for the OpenSSH client. All that matters is said on its
//! command line; the user's configuration is not read, so that a plan means the same
//! wherever it runs.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use crate::ssh::SSH_CONNECT_TIMEOUT;
use crate::with::{BadWith, Fields};

/// After how many seconds of silence the client asks whether the other machine is there,
/// and how often it asks before it gives the connection up.
const ALIVE_INTERVAL_S: u32 = 10;
const ALIVE_COUNT_MAX: u32 = 3;

/// Options that are the same for everybody.
///
/// One attempt is one connection: a shared one would outlive its step, and a dead one
/// would have to be told from a living one.
const OPTIONS: [&str; 19] = [
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    "VerifyHostKeyDNS=no",
    "CanonicalizeHostname=no",
    "PreferredAuthentications=publickey",
    "ConnectionAttempts=1",
    "ControlMaster=no",
    "ControlPath=none",
    "ProxyCommand=none",
    "PermitLocalCommand=no",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "AddKeysToAgent=no",
    "RequestTTY=no",
    "EscapeChar=none",
    "LogLevel=ERROR",
    "TCPKeepAlive=yes",
];

/// The machine, and how to log in to it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) host: String,
    port: Option<u16>,
    user: String,
    identity_file: Option<String>,
    known_hosts: Option<String>,
    /// Up to the other machine's word that it is ready.
    pub(super) connect_timeout: Duration,
}

impl Connection {
    /// Reads its members, and looks at the files that they name.
    pub(super) fn read(with: &mut Fields) -> Result<Self, BadWith> {
        let host = name(with, "host")?;
        let user = name(with, "user")?;
        if user.contains('@') || host.contains(['@', '/']) {
            return Err(BadWith::new(
                "`host` is a name or an address, and the account goes into `user`",
            ));
        }
        let port = with.int("port")?.map(|port| match u16::try_from(port) {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(BadWith::new(format!("{port} is no port: 1 to 65535"))),
        });
        let identity_file = file(with, "identity_file", 0o077)?;
        let known_hosts = file(with, "known_hosts", 0o022)?;
        Ok(Self {
            host,
            port: port.transpose()?,
            user,
            identity_file,
            known_hosts,
            connect_timeout: with
                .duration("connect_timeout")?
                .unwrap_or(SSH_CONNECT_TIMEOUT),
        })
    }

    /// The client's words, up to and with the command for the other machine.
    pub(super) fn argv(&self, command: String) -> Vec<String> {
        let seconds = self.connect_timeout.as_millis().div_ceil(1000);
        let mut options: Vec<String> = OPTIONS.map(str::to_owned).to_vec();
        options.push(format!("ConnectTimeout={seconds}"));
        options.push(format!("ServerAliveInterval={ALIVE_INTERVAL_S}"));
        options.push(format!("ServerAliveCountMax={ALIVE_COUNT_MAX}"));
        if let Some(path) = &self.known_hosts {
            options.push(format!("UserKnownHostsFile=\"{path}\""));
            options.push("GlobalKnownHostsFile=none".to_owned());
        }
        if let Some(path) = &self.identity_file {
            options.push("IdentitiesOnly=yes".to_owned());
            options.push(format!("IdentityFile=\"{path}\""));
        }
        let mut argv: Vec<String> = ["ssh", "-F", "none"].map(str::to_owned).to_vec();
        for option in options {
            argv.extend(["-o".to_owned(), option]);
        }
        if let Some(port) = self.port {
            argv.extend(["-p".to_owned(), port.to_string()]);
        }
        argv.extend(["-l".to_owned(), self.user.clone(), "--".to_owned()]);
        argv.extend([self.host.clone(), command]);
        argv
    }
}

/// A word for the client's command line.
fn name(with: &mut Fields, key: &str) -> Result<String, BadWith> {
    let name = with.text(key)?.unwrap_or_default();
    let is_odd = |c: char| c.is_whitespace() || c.is_control();
    if name.is_empty() || name.starts_with('-') || name.contains(is_odd) {
        return Err(BadWith::new(format!("`{key}` {name:?} is no name")));
    }
    Ok(name)
}

/// The path of a file that this user can read and on which nobody else has the `denied`
/// rights.
fn file(with: &mut Fields, key: &str, denied: u32) -> Result<Option<String>, BadWith> {
    let Some(path) = with.text(key)? else {
        return Ok(None);
    };
    // What the client replaces in a path, and what would end its quotes.
    let is_odd = |c: char| matches!(c, '"' | '\\' | '%' | '$') || c.is_control();
    if !Path::new(&path).is_absolute() || path.contains(is_odd) {
        return Err(BadWith::new(format!(
            "`{key}` must be an absolute path without quotes, `\\`, `%` and `$`"
        )));
    }
    let cannot = |error| BadWith::new(format!("`{key}` {path} cannot be read: {error}"));
    let facts = fs::metadata(&path).map_err(cannot)?;
    File::open(&path).map_err(cannot)?;
    if !facts.is_file() {
        return Err(BadWith::new(format!("`{key}` {path} is no file")));
    }
    let own = rustix::process::geteuid().as_raw();
    if facts.uid() != own && facts.uid() != 0 {
        return Err(BadWith::new(format!(
            "`{key}` {path} belongs to another user"
        )));
    }
    let mode = facts.mode() & 0o777;
    if mode & denied != 0 {
        return Err(BadWith::new(format!(
            "`{key}` {path} has the mode {mode:03o}: others can {} it",
            if denied & 0o044 == 0 { "write" } else { "use" }
        )));
    }
    Ok(Some(path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use windlass_core::plan::Input;

    use super::*;

    fn connection(with: &serde_json::Value) -> Result<Connection, String> {
        let input = Input::Value(serde_json::from_value(with.clone()).unwrap());
        let mut with = Fields::of(&input).unwrap();
        Connection::read(&mut with).map_err(|error| error.to_string())
    }

    #[test]
    fn names_cannot_become_options() {
        for (host, user) in [
            ("", "me"),
            ("-oProxyCommand=x", "me"),
            ("a b", "me"),
            ("me@there", "me"),
            ("ssh://there", "me"),
            ("there", "-v"),
            ("there", "me@there"),
        ] {
            let with = serde_json::json!({"host": host, "user": user});
            assert!(connection(&with).is_err(), "{host} {user}");
        }
        let with = serde_json::json!({"host": "::1", "user": "me", "port": 2222});
        let argv = connection(&with).unwrap().argv("true".to_owned());
        let end = ["-p", "2222", "-l", "me", "--", "::1", "true"];
        assert!(argv.ends_with(&end.map(str::to_owned)), "{argv:?}");
        let with = serde_json::json!({"host": "there", "user": "me", "port": 0});
        assert_eq!(connection(&with).unwrap_err(), "0 is no port: 1 to 65535");
    }

    #[test]
    fn files_that_others_have_in_hand_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "").unwrap();
        let told = |key: &str, mode: u32| {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let mut with = serde_json::json!({"host": "there", "user": "me"});
            with[key] = path.to_str().unwrap().into();
            connection(&with).map(drop)
        };
        assert_eq!(told("identity_file", 0o600), Ok(()));
        assert!(
            told("identity_file", 0o640)
                .unwrap_err()
                .ends_with("640: others can use it")
        );
        assert_eq!(told("known_hosts", 0o644), Ok(()));
        assert!(
            told("known_hosts", 0o664)
                .unwrap_err()
                .ends_with("664: others can write it")
        );
        for path in [
            "relative",
            "~/key",
            "/a/%h",
            "/a/$HOME",
            "/no/such/file",
            "/",
        ] {
            let with = serde_json::json!({"host": "there", "user": "me", "identity_file": path});
            assert!(connection(&with).is_err(), "{path}");
        }
    }
}
