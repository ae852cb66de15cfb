//! Looking at runs without owning anything: through the owner while one is alive,
//! else in the database, opened for reading only.

use std::io::ErrorKind;

use windlass_core::id::{NodeId, RunId};
use windlass_core::time::Timestamp;
use windlass_engine::outbox::Unsent;
use windlass_engine::state_dir::{StateDir, StateDirError};
use windlass_engine::{Listed, Recorded, offline, outbox, owner};
use windlass_journal::{Access, SqliteStore};
use windlass_server::client::{Client, ClientError};
use windlass_server::view::{Overlay, list_of, query, view};
use windlass_server::wire::{RunFilter, RunList, RunView, StreamLine};

use crate::args::Place;
use crate::error::{Error, io};
use crate::exit_codes::Exit;
use crate::link::reach_foreign;

/// Records that are read at once.
const PAGE_RECORDS: usize = 1_000;

/// Where runs are looked at.
#[derive(Debug)]
pub(crate) enum Look {
    /// Through the owner.
    Peer(Client),
    /// Nobody owns the directory.
    Records { dir: StateDir, store: SqliteStore },
    /// There is no journal yet.
    Nothing,
}

impl Look {
    /// Finds the owner, or opens the database.
    pub(crate) async fn open(place: &Place) -> Result<Self, Error> {
        let dir = match StateDir::existing(&place.root) {
            Ok(dir) => dir,
            Err(StateDirError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                return Ok(Self::Nothing);
            }
            Err(error) => return Err(error.into()),
        };
        if let Some(uid) = foreign_owner(&place.root)? {
            return reach_foreign(place, uid).await.map(Self::Peer);
        }
        let lock = dir.owner_lock();
        let owner = owner::current(&dir).map_err(io("look at", &lock))?;
        // One that is stopped would be waited for; the database can be read beside it.
        if owner.is_some_and(|owner| !owner.is_stopped()) {
            match Client::connect(&place.root).await {
                Ok(Some(client)) => return Ok(Self::Peer(client)),
                // It does not listen yet, or not any more: the database can be read beside it.
                Ok(None) | Err(ClientError::Unreachable { .. } | ClientError::Broken(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if !dir.journal().exists() {
            return Ok(Self::Nothing);
        }
        let store = SqliteStore::open(&dir.journal(), &place.journal_options(Access::ReadOnly))?;
        Ok(Self::Records { dir, store })
    }

    /// The journal itself, opened for reading beside whoever owns the directory; `None`
    /// when there is none. Only the directory's own user may.
    pub(crate) fn journal(place: &Place) -> Result<Option<SqliteStore>, Error> {
        let dir = match StateDir::existing(&place.root) {
            Ok(dir) => dir,
            Err(StateDirError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        if let Some(uid) = foreign_owner(&place.root)? {
            return Err(Error::NobodyListens {
                message: format!(
                    "the journal in {} belongs to the user with uid {uid}",
                    place.root.display()
                ),
                help: format!("ask the user with uid {uid} to run the same command"),
            });
        }
        if !dir.journal().exists() {
            return Ok(None);
        }
        let options = place.journal_options(Access::ReadOnly);
        Ok(Some(SqliteStore::open(&dir.journal(), &options)?))
    }

    /// Whether a process owns the directory: without one nothing goes on by itself.
    pub(crate) fn is_owned(&self) -> bool {
        match self {
            Look::Peer(_) => true,
            Look::Records { .. } | Look::Nothing => false,
        }
    }

    /// Hands over each record of a run before `until_seq`.
    pub(crate) async fn each_record(
        &self,
        run: &RunId,
        until_seq: u64,
        mut take: impl FnMut(Recorded),
    ) -> Result<(), Error> {
        let mut next = 0;
        match self {
            Look::Peer(client) => {
                if until_seq == 0 {
                    return Ok(());
                }
                let mut events = client.events(run, 0).await?;
                while let Some(StreamLine::Event(line)) = events.next().await? {
                    next = line.seq + 1;
                    // A newer owner's events are not told; nothing else is lost with them.
                    if let Ok(event) = line.event() {
                        let (seq, at) = (line.seq, Timestamp(line.at_ms));
                        take(Recorded { seq, at, event });
                    }
                    if next >= until_seq {
                        break;
                    }
                }
            }
            Look::Records { .. } | Look::Nothing => {
                while next < until_seq {
                    let page = self.records(run, next)?;
                    let Some(last) = page.last() else { break };
                    next = last.seq + 1;
                    page.into_iter().for_each(&mut take);
                }
            }
        }
        Ok(())
    }

    /// One run.
    pub(crate) async fn view(&self, run: &RunId) -> Result<RunView, Error> {
        match self {
            Look::Peer(client) => Ok(client.run(run).await?),
            Look::Records { store, .. } => {
                let snapshot = offline::view(store, run)?.ok_or_else(|| unknown(run))?;
                let holder = offline::lock_holder(store, &snapshot.state)?;
                let overlay = Overlay::of(&snapshot, Vec::new(), holder);
                let mut view = view(&snapshot.state, &overlay);
                view.unsent = outbox::unsent(store, Some(run))?;
                Ok(view)
            }
            Look::Nothing => Err(unknown(run)),
        }
    }

    /// Messages that are not delivered, of one run or of all.
    pub(crate) async fn unsent(&self, run: Option<&RunId>) -> Result<Vec<Unsent>, Error> {
        match self {
            Look::Peer(client) => Ok(client.outbox(run).await?.unsent),
            Look::Records { store, .. } => Ok(outbox::unsent(store, run)?),
            Look::Nothing => Ok(Vec::new()),
        }
    }

    /// Rows of the runs index, the newest first.
    pub(crate) async fn runs(&self, filter: &RunFilter) -> Result<RunList, Error> {
        match self {
            Look::Peer(client) => Ok(client.runs(filter).await?),
            Look::Records { store, .. } => {
                let found = offline::list(store, query(filter), &filter.labels.0)?;
                Ok(list_of(found, filter))
            }
            Look::Nothing => Ok(list_of(Listed::default(), filter)),
        }
    }

    /// The records of a run from `from_seq` on; without an owner only.
    pub(crate) fn records(&self, run: &RunId, from_seq: u64) -> Result<Vec<Recorded>, Error> {
        match self {
            Look::Records { store, .. } => {
                Ok(offline::records(store, run, from_seq, PAGE_RECORDS)?)
            }
            Look::Peer(_) | Look::Nothing => Ok(Vec::new()),
        }
    }

    /// The log of an attempt; empty when it wrote none.
    pub(crate) async fn log(
        &self,
        run: &RunId,
        node: &NodeId,
        attempt: u32,
    ) -> Result<Vec<u8>, Error> {
        match self {
            Look::Peer(client) => Ok(client.log(run, node, attempt).await?),
            Look::Records { dir, .. } => {
                let path = dir.attempt_log(run, node, attempt);
                match std::fs::read(&path) {
                    Ok(bytes) => Ok(bytes),
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
                    Err(error) => Err(io("read", &path)(error)),
                }
            }
            Look::Nothing => Err(unknown(run)),
        }
    }
}

/// The user whose directory it is, when that is not this process's.
pub(crate) fn foreign_owner(root: &std::path::Path) -> Result<Option<u32>, Error> {
    use std::os::unix::fs::MetadataExt as _;
    let uid = std::fs::metadata(root).map_err(io("look at", root))?.uid();
    Ok((uid != rustix::process::geteuid().as_raw()).then_some(uid))
}

fn unknown(run: &RunId) -> Error {
    Error::Refused {
        message: format!("there is no run {run}"),
        help: Some("`windlass runs` lists them".to_owned()),
        exit: Exit::Rejected,
    }
}
