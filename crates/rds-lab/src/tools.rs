//! The client programs of the system's PostgreSQL 15, which the pinned server
//! builds lack: finds them, or as root installs them by their package's name.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::account::is_root;
use crate::command::{command, run};
use crate::{Error, Result};

const PACKAGE: &str = "postgresql-15";
const DEBIAN_BIN_DIR: &str = "/usr/lib/postgresql/15/bin";
const PROGRAMS: [&str; 4] = ["psql", "pg_basebackup", "pg_verifybackup", "pg_controldata"];

/// Where Debian's scripts read whether a new server package may start a
/// cluster of its own. A file of our own there asks no conffile question.
const CLUSTER_CONFIG_DIR: &str = "/etc/postgresql-common/createcluster.d";

/// Absolute paths of the client programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Tools {
    /// Runs SQL.
    pub psql: PathBuf,
    /// Copies a running server.
    pub pg_basebackup: PathBuf,
    /// Compares a base backup with its manifest.
    pub pg_verifybackup: PathBuf,
    /// Prints the control file of a data directory.
    pub pg_controldata: PathBuf,
}

impl Tools {
    /// Finds the programs; `bin` (a build's `bin` directory, say) goes before
    /// Debian's directory and `PATH`.
    pub fn locate(bin: Option<&Path>) -> Result<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let directories: Vec<PathBuf> = bin
            .map(Path::to_owned)
            .into_iter()
            .chain([PathBuf::from(DEBIAN_BIN_DIR)])
            .chain(std::env::split_paths(&path))
            .collect();
        let mut missing = Vec::new();
        let [psql, pg_basebackup, pg_verifybackup, pg_controldata] = PROGRAMS.map(|program| {
            let found = directories
                .iter()
                .map(|directory| directory.join(program))
                .find(|candidate| candidate.is_file());
            found.unwrap_or_else(|| {
                missing.push(program.to_owned());
                PathBuf::new()
            })
        });
        if !missing.is_empty() {
            return Err(Error::ToolsMissing {
                missing,
                remedy: format!("get them with: sudo apt-get install -y {PACKAGE}"),
            });
        }
        Ok(Self {
            psql,
            pg_basebackup,
            pg_verifybackup,
            pg_controldata,
        })
    }

    /// Finds the programs, or as root installs Debian's package and looks
    /// again. Not as root the error says what is missing and how to get it.
    pub fn ensure(bin: Option<&Path>) -> Result<Self> {
        match Self::locate(bin) {
            Err(Error::ToolsMissing { .. }) if is_root() => {
                install()?;
                Self::locate(bin)
            }
            found_or_not => found_or_not,
        }
    }
}

fn install() -> Result<()> {
    let hold = hold_back_main_cluster()?;
    let installed = apt_install().or_else(|_| {
        // A fresh image has no lists of packages yet.
        run(command("apt-get").args(["-qq", "update"]))?;
        apt_install()
    });
    if let Some(hold) = hold {
        std::fs::remove_file(&hold).map_err(Error::io("remove", &hold))?;
    }
    installed
}

fn apt_install() -> Result<()> {
    run(command("apt-get")
        .args(["-qq", "install", "-y", "--no-install-recommends", PACKAGE])
        .env("DEBIAN_FRONTEND", "noninteractive"))
    .map(drop)
}

/// Keeps the package from creating and starting a cluster, until the returned
/// file is removed. The directory of a server package that is already there is
/// left as it is.
fn hold_back_main_cluster() -> Result<Option<PathBuf>> {
    let directory = Path::new(CLUSTER_CONFIG_DIR);
    let file = directory.join("rds-lab.conf");
    if file.exists() {
        return Ok(None);
    }
    std::fs::create_dir_all(directory).map_err(Error::io("create", directory))?;
    std::fs::write(&file, "create_main_cluster = false\n").map_err(Error::io("write", &file))?;
    Ok(Some(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_the_command_that_brings_it() {
        let error = Error::ToolsMissing {
            missing: vec!["psql".to_owned(), "pg_basebackup".to_owned()],
            remedy: "get them with: sudo apt-get install -y postgresql-15".to_owned(),
        };
        assert_eq!(
            error.to_string(),
            "find psql, pg_basebackup of PostgreSQL 15; \
             get them with: sudo apt-get install -y postgresql-15"
        );
    }
}
