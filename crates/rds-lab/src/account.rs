//! The operating-system user that owns and runs the servers: PostgreSQL
//! refuses to run as root, so root drops to an unprivileged account.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::command::{command, run};
use crate::{Error, Result};

/// Who runs the servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Name in `/etc/passwd`, or the number when it has none.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
}

impl Account {
    /// Oneself, or for root `postgres`, else `nobody`.
    pub fn choose() -> Result<Self> {
        let path = Path::new("/etc/passwd");
        let passwd = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        let uid = rustix::process::geteuid().as_raw();
        if uid == 0 {
            return find(&passwd, |account| account.name == "postgres")
                .or_else(|| find(&passwd, |account| account.name == "nobody"))
                .ok_or(Error::NoAccount);
        }
        let gid = rustix::process::getegid().as_raw();
        let name = find(&passwd, |account| account.uid == uid)
            .map_or_else(|| uid.to_string(), |account| account.name);
        Ok(Self { name, uid, gid })
    }

    /// Words to put before a command line so that it runs as this account,
    /// whether the caller is root or already the account.
    pub fn run_as(&self) -> Vec<String> {
        let words: &[&str] = if is_root() {
            &["setpriv", "--clear-groups"]
        } else {
            &["env"]
        };
        let mut words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        if is_root() {
            words.push(format!("--reuid={}", self.uid));
            words.push(format!("--regid={}", self.gid));
            words.push("--".to_owned());
        }
        words
    }

    /// Lets `command` run as this account in `directory`.
    /// Without a directory that it can enter, programs complain about ours.
    pub(crate) fn applied<'a>(
        &self,
        command: &'a mut Command,
        directory: &Path,
    ) -> &'a mut Command {
        if is_root() {
            // std drops the supplementary groups of root along with the uid.
            command.uid(self.uid).gid(self.gid);
            command.env("HOME", directory).env("USER", &self.name);
        }
        command.current_dir(directory)
    }

    /// Gives `path` itself, not what lies below, to this account.
    pub(crate) fn own(&self, path: &Path) -> Result<()> {
        if !is_root() {
            return Ok(());
        }
        chown(path, Some(self.uid), Some(self.gid)).map_err(Error::io("change the owner of", path))
    }

    /// Fails when this account cannot enter `directory`.
    pub(crate) fn check_reach(&self, directory: &Path) -> Result<()> {
        run(self.applied(&mut command("true"), directory))
            .map(drop)
            .map_err(|source| Error::Unreachable {
                path: directory.to_owned(),
                account: self.name.clone(),
                source: Box::new(source),
            })
    }
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn find(passwd: &str, wanted: impl Fn(&Account) -> bool) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(Account { name, uid, gid }).filter(&wanted)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_line_of_passwd() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\npostgres:x:101:104:,,,:/var:/bin/sh\n";
        let found = find(passwd, |account| account.name == "postgres");
        let expected = Account {
            name: "postgres".to_owned(),
            uid: 101,
            gid: 104,
        };
        assert_eq!(found, Some(expected));
        assert_eq!(find(passwd, |account| account.uid == 7), None);
    }
}
