//! Makes a standby follow the primary, or no longer: what building and removing a relation of
//! disaster recovery does to servers.

use std::path::PathBuf;
use std::time::Duration;

use crate::command::{command, run};
use crate::create::make_below;
use crate::inputs::BACKUPS;
use crate::lab::remove_dir;
use crate::query::wait;
use crate::server::{Release, Server};
use crate::{Lab, Result};

/// How long a standby may take to follow, and the primary to let go of it.
const PATIENCE: Duration = Duration::from_secs(60);

impl Lab {
    /// The standbys that stream from the primary now.
    pub fn followers(&self) -> Result<Vec<Server>> {
        let streaming = self.streaming()?;
        let streams = |server: &Server| {
            streaming
                .iter()
                .any(|standby| standby.name == server.as_str() && standby.state == "streaming")
        };
        Ok(Server::STANDBYS.into_iter().filter(streams).collect())
    }

    /// Keeps WAL on the primary for a standby from now on.
    pub fn offer_slot(&self, standby: Server) -> Result<()> {
        let create = format!(
            "select pg_create_physical_replication_slot('{standby}', true) \
             where not exists (select from pg_replication_slots where slot_name = '{standby}')"
        );
        self.sql(Server::Primary, &create).map(drop)
    }

    /// Throws a standby's data away, copies the primary's anew on the primary's build, and
    /// waits until the standby streams. The primary must have its slot already.
    pub fn copy_anew(&self, standby: Server) -> Result<()> {
        self.stop_for_good(standby)?;
        let data = &self.description.server(standby).data_dir;
        if data.exists() {
            remove_dir(data)?;
        }
        let release = self.installed_release(Server::Primary)?;
        self.install(standby, release)?;
        self.copy_primary(standby, &[])?;
        self.start(standby)?;
        wait(&format!("{standby} stream"), PATIENCE, || {
            let followers = self.followers()?;
            Ok(followers
                .contains(&standby)
                .then_some(())
                .ok_or_else(|| format!("{followers:?}")))
        })
    }

    /// Which of the lab's two builds the next start of a server will use.
    pub(crate) fn installed_release(&self, server: Server) -> Result<Release> {
        let installed = self.installed_version(server)?;
        Ok(match installed == self.description.old.version {
            true => Release::Old,
            false => Release::New,
        })
    }

    /// Gives up what the primary keeps for a standby, also when that is connected still.
    pub fn withdraw_slot(&self, standby: Server) -> Result<()> {
        let of = format!("from pg_replication_slots where slot_name = '{standby}'");
        wait(&format!("the slot of {standby} go"), PATIENCE, || {
            let end = format!("select pg_terminate_backend(active_pid) {of} and active");
            self.sql(Server::Primary, &end)?;
            // Fails as long as its reader is there.
            self.sql(
                Server::Primary,
                &format!("select pg_drop_replication_slot(slot_name) {of}"),
            )?;
            Ok(Ok(()))
        })
    }

    /// Makes a standby take writes.
    pub fn promote(&self, standby: Server) -> Result<()> {
        self.sql(standby, "select pg_promote()")?;
        self.wait_value(standby, "select pg_is_in_recovery()", "f")
    }

    /// A base backup of any server that PostgreSQL itself has verified.
    pub fn verified_backup(&self, server: Server, name: &str) -> Result<PathBuf> {
        let target = self.base_backup_of(server, name)?;
        let mut verify = command(&self.description.tools.pg_verifybackup);
        verify.arg(&target);
        run(self.description.account.applied(&mut verify, self.dir()))?;
        Ok(target)
    }

    /// Removes all base backups.
    pub(crate) fn remove_backups(&self) -> Result<()> {
        let place = self.dir().join(BACKUPS);
        remove_dir(&place)?;
        let place = make_below(self.dir(), BACKUPS, 0o755)?;
        self.description.account.own(&place)
    }
}
