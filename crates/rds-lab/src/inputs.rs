//! The flat JSON object from which a runbook's inputs are generated.

use serde_json::{Map, Value, json};

use crate::Lab;
use crate::server::{RoleName, Server};

impl Lab {
    /// Everything a runbook may want to name, as one flat object: paths and
    /// names are strings, ports and ids integers, `run_as` a list of strings.
    ///
    /// | key | meaning |
    /// |---|---|
    /// | `lab_dir`, `host`, `database` | the lab, its address, the seeded database |
    /// | `os_user`, `os_uid`, `os_gid` | who owns data and runs servers |
    /// | `run_as` | words to put before a command so that it runs as that user |
    /// | `old_version`, `new_version` | such as `15.16` |
    /// | `old_build`, `new_build` | what `current` is to point to |
    /// | `psql`, `pg_basebackup`, `pg_verifybackup`, `pg_controldata` | programs |
    /// | `{admin,monitor,replication}_user`, `…_password_file`, `…_password_env` | roles |
    /// | `{primary,replica1,replica2,dr}_name`, `…_port`, `…_data_dir` | servers |
    /// | `{…}_current`, `…_log` | the link to swap, the log for `pg_ctl -l` |
    /// | `{…}_dsn` | as the monitoring role, without password |
    /// | `{replica1,replica2,dr}_slot` | the slot on the primary |
    pub fn inputs(&self) -> Value {
        let described = self.description();
        let mut inputs = Map::new();
        let mut put = |key: String, value: Value| inputs.insert(key, value);
        for (key, value) in [
            ("lab_dir", json!(described.dir)),
            ("host", json!(described.host)),
            ("database", json!(described.database)),
            ("os_user", json!(described.account.name)),
            ("os_uid", json!(described.account.uid)),
            ("os_gid", json!(described.account.gid)),
            ("run_as", json!(described.account.run_as())),
            ("old_version", json!(described.old.version)),
            ("new_version", json!(described.new.version)),
            ("old_build", json!(described.old.dir)),
            ("new_build", json!(described.new.dir)),
            ("psql", json!(described.tools.psql)),
            ("pg_basebackup", json!(described.tools.pg_basebackup)),
            ("pg_verifybackup", json!(described.tools.pg_verifybackup)),
            ("pg_controldata", json!(described.tools.pg_controldata)),
        ] {
            put(key.to_owned(), value);
        }
        for role in &described.roles {
            let name = role.name.as_str();
            put(format!("{name}_user"), json!(role.user));
            put(format!("{name}_password_file"), json!(role.password_file));
            put(format!("{name}_password_env"), json!(role.env));
        }
        for server in &described.servers {
            let name = server.name;
            put(format!("{name}_name"), json!(name.as_str()));
            put(format!("{name}_port"), json!(server.port));
            put(format!("{name}_data_dir"), json!(server.data_dir));
            put(format!("{name}_current"), json!(server.current));
            put(format!("{name}_log"), json!(server.log));
            put(
                format!("{name}_dsn"),
                json!(self.dsn(name, RoleName::Monitor)),
            );
            if let Some(slot) = &server.slot {
                put(format!("{name}_slot"), json!(slot));
            }
        }
        Value::Object(inputs)
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
