//! `lab.json`: everything that another process needs to attach to a lab, and
//! nothing secret. Its paths are absolute.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::server::{RoleName, Server};
use crate::{Account, Build, Error, Result, Tools};

/// Raised when an older reader would misunderstand the file.
const FORMAT: u32 = 1;

/// The name of the file in the lab's directory.
pub(crate) const FILE_NAME: &str = "lab.json";

/// The content of `lab.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Description {
    /// Version of this file's form.
    pub format: u32,
    /// The lab's directory.
    pub dir: PathBuf,
    /// Who owns the data and runs the servers.
    pub account: Account,
    /// The address that all servers listen on.
    pub host: String,
    /// The database with the seed data.
    pub database: String,
    /// Whether fsync is off.
    pub fast_and_unsafe: bool,
    /// Client programs.
    pub tools: Tools,
    /// The build that the lab starts with.
    pub old: Build,
    /// The build to upgrade to.
    pub new: Build,
    /// Roles and where their passwords lie.
    pub roles: Vec<Role>,
    /// The four servers.
    pub servers: Vec<ServerDescription>,
}

/// A database role of the lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Role {
    /// What the role is for.
    pub name: RoleName,
    /// Its name in the database.
    pub user: String,
    /// The file (mode 0600) with its password.
    pub password_file: PathBuf,
    /// The variable by which [`crate::Lab::env`] offers the password.
    pub env: String,
}

/// One server of the lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct ServerDescription {
    /// Which one.
    pub name: Server,
    /// TCP port on the lab's host.
    pub port: u16,
    /// `PGDATA`.
    pub data_dir: PathBuf,
    /// The link to the build that the next start uses.
    pub current: PathBuf,
    /// What `pg_ctl start -l` writes.
    pub log: PathBuf,
    /// The physical slot on the primary; the primary itself has none.
    pub slot: Option<String>,
}

impl Description {
    /// What a lab in `dir` looks like; `ports` in the order of [`Server::ALL`].
    pub(crate) fn new(
        dir: &Path,
        account: Account,
        tools: Tools,
        builds: [Build; 2],
        ports: [u16; 4],
    ) -> Self {
        let [old, new] = builds;
        let roles = RoleName::ALL.map(|name| Role {
            name,
            user: name.user().to_owned(),
            password_file: crate::passwords::file(dir, name),
            env: name.env_name().to_owned(),
        });
        let servers = Server::ALL.into_iter().zip(ports).map(|(name, port)| {
            let home = dir.join("servers").join(name.as_str());
            ServerDescription {
                name,
                port,
                data_dir: home.join("data"),
                current: home.join("current"),
                log: home.join("server.log"),
                slot: (name != Server::Primary).then(|| name.to_string()),
            }
        });
        Self {
            format: FORMAT,
            dir: dir.to_owned(),
            account,
            host: "127.0.0.1".to_owned(),
            database: "lab".to_owned(),
            fast_and_unsafe: false,
            tools,
            old,
            new,
            roles: roles.to_vec(),
            servers: servers.collect(),
        }
    }

    pub(crate) fn read(dir: &Path) -> Result<Self> {
        let path = dir.join(FILE_NAME);
        let text = std::fs::read_to_string(&path).map_err(Error::io("read", &path))?;
        let what = || path.display().to_string();
        let description: Self =
            serde_json::from_str(&text).map_err(|error| Error::format(what(), error))?;
        if description.format != FORMAT {
            let reason = format!(
                "its format is {}, this program reads {FORMAT}",
                description.format
            );
            return Err(Error::format(what(), reason));
        }
        if description.servers.len() != Server::ALL.len() {
            return Err(Error::format(what(), "it does not name four servers"));
        }
        Ok(description)
    }

    /// Written last, by a rename: a lab without it is not a lab yet.
    pub(crate) fn write(&self) -> Result<()> {
        let path = self.dir.join(FILE_NAME);
        let draft = self.dir.join(".lab.json.draft");
        let mut text =
            serde_json::to_string_pretty(self).expect("the description has only string keys");
        text.push('\n');
        std::fs::write(&draft, text).map_err(Error::io("write", &draft))?;
        std::fs::rename(&draft, &path).map_err(Error::io("rename to", &path))
    }

    /// The part about one server.
    pub fn server(&self, server: Server) -> &ServerDescription {
        self.servers
            .iter()
            .find(|described| described.name == server)
            .expect("a description names all four servers")
    }
}

impl ServerDescription {
    /// The directory that holds data, link and log.
    pub(crate) fn home(&self) -> &Path {
        self.data_dir
            .parent()
            .expect("the data directory lies in the server's home")
    }
}
