//! Makes a lab: two builds, a primary with seed data, three standbys.

mod directory;
mod ports;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::builds::{self, Build, BuildSource, PINNED_NEW, PINNED_OLD};
use crate::command::{command, run};
use crate::description::Description;
use crate::inputs::BACKUPS;
use crate::passwords::{Passwords, write_private};
use crate::server::{Release, RoleName, Server};
use crate::{Account, Error, Lab, Result, Tools};
pub(crate) use directory::make_below;
use directory::make_dir;
use ports::free_ports;

/// How long the standbys may take until they stream.
pub(crate) const STREAMING_PATIENCE: Duration = Duration::from_secs(60);

/// How a lab is to be made.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where fetched builds are kept between labs, such as `target/lab/builds`.
    pub cache: PathBuf,
    /// The build to start with.
    pub pg_old: BuildSource,
    /// The build to upgrade to.
    pub pg_new: BuildSource,
    /// An absent or empty directory, which the servers' account must be able
    /// to reach; a fresh one below the system's temporary directory if `None`.
    pub dir: Option<PathBuf>,
    /// Rows of the seed table.
    pub rows: u32,
    /// Runs the servers with `fsync = off` and copies without syncing, for
    /// tests. Killed servers and processes still lose nothing; a crash of the
    /// machine may corrupt every server, so nothing that is to prove durable
    /// writes may use it.
    pub fast_and_unsafe: bool,
    /// Installs the system's PostgreSQL 15 when it is missing and this is root.
    pub install_tools: bool,
}

impl Options {
    /// The pinned builds, 5,000 rows, fsync on, a fresh temporary directory.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self {
            cache: cache.into(),
            pg_old: BuildSource::Pinned(&PINNED_OLD),
            pg_new: BuildSource::Pinned(&PINNED_NEW),
            dir: None,
            rows: 5000,
            fast_and_unsafe: false,
            install_tools: true,
        }
    }
}

impl Lab {
    /// Makes a lab and starts it: four servers on the old build, three of them
    /// streaming from the primary. On an error nothing of it keeps running.
    pub fn create(options: &Options) -> Result<Self> {
        let old = options.pg_old.resolve(&options.cache)?;
        let new = options.pg_new.resolve(&options.cache)?;
        let old_bin = old.join("bin");
        if options.install_tools {
            Tools::ensure(Some(&old_bin))?;
        } else {
            Tools::locate(Some(&old_bin))?;
        }
        // After the tools: their package may have brought the account.
        let account = Account::choose()?;

        let (dir, own_dir) = make_dir(options.dir.as_deref())?;
        account.check_reach(&dir)?;
        make_below(&dir, "secrets", 0o700)?;
        make_below(&dir, "builds", 0o755)?;
        make_below(&dir, "servers", 0o755)?;
        let place = |from: &Path, release: Release, source: &BuildSource| -> Result<Build> {
            let entry = dir.join("builds").join(release.as_str());
            builds::place(from, &entry, source.describe(), &account)
        };
        let builds = [
            place(&old, Release::Old, &options.pg_old)?,
            place(&new, Release::New, &options.pg_new)?,
        ];
        same_major(&builds)?;
        // Again, because a build in the lab is where the account can run it.
        let tools = Tools::locate(Some(&dir.join("builds/old/bin")))?;
        let passwords = Passwords::generate(&dir)?;
        let mut description = Description::new(&dir, account, tools, builds, free_ports()?);
        description.fast_and_unsafe = options.fast_and_unsafe;

        // From here on an early return drops the lab and so stops its servers.
        let lab = Self::created(description, passwords, own_dir.is_some());
        own_dir.map(TempDir::keep);
        let backups = make_below(&dir, BACKUPS, 0o755)?;
        lab.description.account.own(&backups)?;
        for server in Server::ALL {
            let home = make_below(&dir.join("servers"), server.as_str(), 0o755)?;
            lab.description.account.own(&home)?;
            lab.install(server, Release::Old)?;
        }
        lab.make_primary()?;
        lab.seed(options.rows)?;
        // One after the other: each copy makes the primary checkpoint.
        for server in Server::STANDBYS {
            lab.make_standby(server)?;
        }
        lab.each(&Server::STANDBYS, |server| lab.start(server))?;
        lab.wait_streaming(&Server::STANDBYS, STREAMING_PATIENCE)?;
        lab.description.write()?;
        Ok(lab)
    }

    fn make_primary(&self) -> Result<()> {
        let account = &self.description.account;
        let primary = self.description.server(Server::Primary);
        let password_file = primary.home().join("initdb.password");
        write_private(&password_file, self.password(RoleName::Admin))?;
        account.own(&password_file)?;
        let made = run(account.applied(
            command(primary.current.join("bin/initdb"))
                .args([
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--locale=C",
                    "--data-checksums",
                ])
                // Small segments keep the data directories small enough to copy often.
                .args([
                    "--wal-segsize=1",
                    "--no-sync",
                    "--username",
                    RoleName::Admin.user(),
                ])
                .arg("--pwfile")
                .arg(&password_file)
                .arg("--pgdata")
                .arg(&primary.data_dir),
            primary.home(),
        ));
        std::fs::remove_file(&password_file).map_err(Error::io("remove", &password_file))?;
        made?;
        let main = primary.data_dir.join("postgresql.conf");
        let text = std::fs::read_to_string(&main).map_err(Error::io("read", &main))?;
        let included = format!("{text}\ninclude 'lab.conf'\n");
        std::fs::write(&main, included).map_err(Error::io("write", &main))?;
        self.configure(Server::Primary)?;
        self.start(Server::Primary)
    }

    fn make_standby(&self, server: Server) -> Result<()> {
        self.copy_primary(server, &["-C"])
    }

    /// Copies the primary into a standby's empty place, to follow with the slot of its name;
    /// `-C` makes the slot.
    pub(crate) fn copy_primary(&self, server: Server, more: &[&str]) -> Result<()> {
        let described = self.description.server(server);
        let role = RoleName::Replication;
        let primary = format!(
            "host={} port={} user={} application_name={server} sslmode=disable gssencmode=disable",
            self.description.host,
            self.description.server(Server::Primary).port,
            role.user(),
        );
        let mut copy = command(&self.description.tools.pg_basebackup);
        copy.args(["-R", "-X", "stream", "-c", "fast"])
            .args(["-S", server.as_str(), "-d", &primary])
            .args(more)
            .arg("-D")
            .arg(&described.data_dir)
            .env("PGPASSWORD", self.password(role));
        if self.description.fast_and_unsafe {
            copy.arg("--no-sync");
        }
        run(self
            .description
            .account
            .applied(&mut copy, described.home()))?;
        self.configure(server)
    }

    /// Writes what differs between the servers, and what must not.
    fn configure(&self, server: Server) -> Result<()> {
        let described = self.description.server(server);
        let path = described.data_dir.join("lab.conf");
        let fsync = if self.description.fast_and_unsafe {
            "off"
        } else {
            "on"
        };
        let text = format!(
            "cluster_name = '{server}'\nport = {}\nfsync = {fsync}\n{SETTINGS}",
            described.port
        );
        std::fs::write(&path, text).map_err(Error::io("write", &path))?;
        self.description.account.own(&path)
    }

    fn seed(&self, rows: u32) -> Result<()> {
        let roles = format!(
            "create role {} login in role pg_monitor password '{}';\n\
             create role {} login replication password '{}';\n\
             create database {};\n",
            RoleName::Monitor.user(),
            self.password(RoleName::Monitor),
            RoleName::Replication.user(),
            self.password(RoleName::Replication),
            self.description.database,
        );
        self.script(Server::Primary, "postgres", &roles)?;
        let data = format!(
            "create table accounts (aid int primary key, bid int not null, \
               abalance bigint not null, filler text not null);\n\
             insert into accounts select n, n % 10 + 1, n::bigint * 7919 % 100000, md5(n::text) \
               from generate_series(1, {rows}) n;\n\
             create index on accounts (bid);\n\
             create table write_probe (run text, id bigint, at timestamptz not null default \
               clock_timestamp(), primary key (run, id));\n\
             vacuum analyze;\n"
        );
        self.script(Server::Primary, &self.description.database, &data)
    }
}

/// The same everywhere: a standby refuses to start with smaller limits than
/// its primary, and any standby may have to become one.
const SETTINGS: &str = "\
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
# More than physical standbys need: faults are made with logical slots, too.
wal_level = logical
hot_standby = on
max_connections = 30
max_wal_senders = 10
max_replication_slots = 10
max_worker_processes = 4
max_prepared_transactions = 4
max_locks_per_transaction = 64
autovacuum_max_workers = 1
archive_mode = on
archive_command = 'true'
shared_buffers = 16MB
min_wal_size = 5MB
max_wal_size = 64MB
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] '
# Standbys look for their primary this often, and say this often how far they are.
wal_retrieve_retry_interval = '200ms'
wal_receiver_status_interval = '1s'
";

/// Only minors of one major can take over each other's data directory.
fn same_major([old, new]: &[Build; 2]) -> Result<()> {
    let major = |build: &Build| build.version.split('.').next().map(str::to_owned);
    if major(old) == major(new) {
        return Ok(());
    }
    let (old, new) = (&old.version, &new.version);
    Err(Error::Refused(format!(
        "pair {old} with {new}: a swap of binaries never crosses major versions"
    )))
}
