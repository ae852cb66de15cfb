//! Which policy holds: where its file is looked for, what reading it says, and what another
//! one needs to take its place. Every load is recorded by the engine.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use windlass_core::id::PersonName;
use windlass_core::operator::Operator;
use windlass_core::plan::Digest;
use windlass_core::policy::{Policy, bounded, differences};
use windlass_core::time::Timestamp;
use windlass_engine::Governing;
use windlass_engine::store_events::{PolicyLoaded, last_load};
use windlass_journal::{ReadError, Store};
use windlass_runbook::policy::CheckedPolicy;

use crate::args::Place;
use crate::error::{Error, io};
use crate::runbook::{self, Runbook};
use crate::signatures;
use crate::time;

/// The variable that names the file when the command line does not.
const VARIABLE: &str = "WINDLASS_POLICY";
/// The file in a state directory.
const FILE: &str = "policy.yaml";
/// Where a state directory keeps the policies that were loaded, by their digests.
const KEPT: &str = "policies";
/// The newest of them, for those who only look.
const NEWEST: &str = "loaded.yaml";

/// A policy's text, and where it was.
pub(crate) struct Named {
    pub(crate) from: String,
    pub(crate) text: String,
    path: Option<PathBuf>,
}

impl Named {
    /// A policy that is only looked at.
    pub(crate) fn of(file: Runbook) -> Self {
        Self {
            from: file.name,
            text: file.text,
            path: None,
        }
    }
}

/// The policy's text, by the first of: the option, `WINDLASS_POLICY`, the state directory's
/// `policy.yaml`, the one that was loaded last.
pub(crate) fn chosen(option: Option<&Path>, root: Option<&Path>) -> Result<Option<Named>, Error> {
    let variable = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
    let named = option.map(Path::to_owned).or(variable.map(PathBuf::from));
    if let Some(path) = named {
        return file(&path).map(Some);
    }
    let Some(root) = root else { return Ok(None) };
    for path in [root.join(FILE), root.join(KEPT).join(NEWEST)] {
        // A directory of somebody else's says nothing of what is in it.
        if path.is_file() {
            return file(&path).map(Some);
        }
    }
    Ok(None)
}

fn file(path: &Path) -> Result<Named, Error> {
    let read = Runbook::read(path)?;
    Ok(Named {
        path: Some(path.to_owned()),
        ..Named::of(read)
    })
}

/// Reads a policy and shows its mistakes.
pub(crate) fn read(named: &Named, now: Timestamp) -> Result<Policy, Error> {
    let CheckedPolicy { policy, checked } =
        windlass_runbook::policy::read(&named.from, &named.text, now);
    if policy.is_none() {
        runbook::show(&checked);
    }
    policy.ok_or_else(|| Error::Usage(format!("the policy {} has mistakes", named.from)))
}

/// The policy under which something is checked or planned, where there is one.
pub(crate) fn of(place: &Place) -> Result<Option<Policy>, Error> {
    let named = chosen(place.policy.as_deref(), Some(&place.root))?;
    named.map(|named| read(&named, time::now())).transpose()
}

/// The same where there may be no state directory: without a home there is no place for a
/// policy either, unless a variable names one.
pub(crate) fn at(place: Option<&Place>) -> Result<Option<Policy>, Error> {
    match place {
        Some(place) => of(place),
        None => {
            let named = chosen(None, None)?;
            named.map(|named| read(&named, time::now())).transpose()
        }
    }
}

/// What the owner of a state directory is governed by.
pub(crate) fn load(
    place: &Place,
    store: &dyn Store,
    by: &Operator,
) -> Result<Option<Governing>, Error> {
    let now = time::now();
    let last = last_load(store).map_err(unreadable)?;
    let kept = place.root.join(KEPT);
    let named = match (chosen(place.policy.as_deref(), None)?, &last) {
        (Some(named), _) => Some(named),
        (None, _) if place.root.join(FILE).is_file() => Some(file(&place.root.join(FILE))?),
        (None, Some((_, load))) => Some(file(&copy_of(&kept, &load.policy))?),
        (None, None) => None,
    };
    let Some(named) = named else {
        return Ok(None);
    };
    let mut policy = read(&named, now)?;
    let Some((_, load)) = last else {
        let load = PolicyLoaded {
            policy: policy.digest,
            previous: None,
            from: named.from.clone(),
            by: by.clone(),
            signers: Vec::new(),
            difference: vec!["the first policy".to_owned()],
            ripening: std::collections::BTreeMap::new(),
        };
        keep(&kept, &policy.digest, &named.text)?;
        return Ok(Some(Governing {
            policy,
            load: Some(load),
            since: None,
        }));
    };
    if load.policy == policy.digest {
        policy.ripen(&load.ripening);
        return Ok(Some(Governing {
            policy,
            load: None,
            since: load.previous.map(|previous| (previous, load.difference)),
        }));
    }
    let before = read(&file(&copy_of(&kept, &load.policy))?, now)?;
    let signers = signers(&before, &named, now, &kept)?;
    let demanded = before.loads.require_signatures;
    if signers.len() < demanded as usize {
        return Err(Error::Usage(format!(
            "the policy {} takes {demanded} signatures of persons of the policy before, and has {}",
            named.from,
            signers.len()
        )));
    }
    let wait = before.loads.wait.max(policy.loads.wait);
    let ripening = match wait.0 {
        0 => std::collections::BTreeMap::new(),
        _ => policy.ripening(&before, &load.ripening, now + wait, &signers),
    };
    policy.ripen(&ripening);
    let difference = lines(&before, &policy);
    let load = PolicyLoaded {
        policy: policy.digest,
        previous: Some(before.digest),
        from: named.from.clone(),
        by: by.clone(),
        signers: signers.into_iter().collect(),
        difference: difference.clone(),
        ripening,
    };
    keep(&kept, &policy.digest, &named.text)?;
    Ok(Some(Governing {
        policy,
        load: Some(load),
        since: Some((before.digest, difference)),
    }))
}

/// Who of the policy before has signed the file.
fn signers(
    before: &Policy,
    named: &Named,
    now: Timestamp,
    kept: &Path,
) -> Result<BTreeSet<PersonName>, Error> {
    let Some(path) = &named.path else {
        return Ok(BTreeSet::new());
    };
    let found = signatures::beside(path)?;
    signatures::signers(&before.standing_of_all(), &named.text, &found, now, kept)
}

/// What a policy says otherwise than another, in lines of a bounded length.
pub(crate) fn lines(before: &Policy, policy: &Policy) -> Vec<String> {
    let changes = differences(before, policy);
    bounded(changes.iter().map(ToString::to_string).collect())
}

fn copy_of(kept: &Path, digest: &Digest) -> PathBuf {
    kept.join(format!("{digest}.yaml"))
}

/// Keeps a policy's text before anything rests on it.
fn keep(kept: &Path, digest: &Digest, text: &str) -> Result<(), Error> {
    fs::create_dir_all(kept).map_err(io("make", kept))?;
    for path in [copy_of(kept, digest), kept.join(NEWEST)] {
        let new = path.with_extension("new");
        fs::write(&new, text).map_err(io("write", &new))?;
        let synced = fs::File::open(&new).and_then(|file| file.sync_all());
        synced.map_err(io("write", &new))?;
        fs::rename(&new, &path).map_err(io("write", &path))?;
    }
    let synced = fs::File::open(kept).and_then(|kept| kept.sync_all());
    synced.map_err(io("write", kept))
}

/// That the journal could not be read for it.
pub(crate) fn unreadable(error: ReadError) -> Error {
    Error::Replay(error.into())
}
