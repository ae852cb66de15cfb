//! The inputs and secrets with which `runbooks/postgres_minor_upgrade.yaml` upgrades a lab.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::Lab;
use crate::server::{RoleName, Server};

/// The directory in the lab that base backups go to.
pub(crate) const BACKUPS: &str = "backups";

impl Lab {
    /// The runbook's inputs.
    pub fn inputs(&self) -> Value {
        let described = self.description();
        let server = |name: Server| {
            let server = described.server(name);
            json!({
                "name": name.as_str(),
                "host": described.host,
                "port": server.port,
                "data_dir": server.data_dir,
                "current": server.current,
                "log": server.log,
            })
        };
        json!({
            "primary": server(Server::Primary),
            "standbys": [server(Server::Replica1), server(Server::Replica2)],
            "dr": server(Server::Dr),
            "old_version": described.old.version,
            "new_version": described.new.version,
            "old_build": described.old.dir,
            "new_build": described.new.dir,
            "backup_dir": described.dir.join(BACKUPS),
            "run_as": described.account.run_as(),
            "pg_basebackup": described.tools.pg_basebackup,
            "pg_verifybackup": described.tools.pg_verifybackup,
            "psql": described.tools.psql,
            "database": described.database,
            "admin_user": RoleName::Admin.user(),
            "monitor_user": RoleName::Monitor.user(),
            "replication_user": RoleName::Replication.user(),
            "sslmode": "disable",
            "insecure_reason": "the lab's servers listen on this machine only",
            // The disk is that of whoever plays: how full it is says nothing of servers
            // that hold a few megabytes.
            "min_disk_free": 0,
        })
    }

    /// The runbook's secrets: each name with the file that holds its value.
    pub fn secret_files(&self) -> Vec<(String, PathBuf)> {
        let described = self.description();
        let named = |role: &crate::description::Role| {
            (
                format!("{}_password", role.name.as_str()),
                role.password_file.clone(),
            )
        };
        described.roles.iter().map(named).collect()
    }

    /// The address of `server` for `role`, without a password.
    pub fn dsn(&self, server: Server, role: RoleName) -> String {
        let described = self.description();
        format!(
            "postgres://{}@{}:{}/{}",
            role.user(),
            described.host,
            described.server(server).port,
            described.database
        )
    }
}
