//! `windlass plugin lock`: writes down beside a runbook which bytes its plugins are.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use windlass_core::plan::Digest;
use windlass_runbook::lock::{LOCAL_LOCK_FILE, LOCK_FILE, Lock};
use windlass_runbook::{Files, NoPlugin, Plugin};

use crate::error::{Error, io};
use crate::exit_codes::Exit;
use crate::output;
use crate::plugins;
use crate::runbook::{Beside, Runbook};
use crate::sources::catalog;

/// Lock the plugins of runbooks to the bytes that are there
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Components of others (.wasm files) go to windlass.lock, which is for version control;
plugins that are built here go to windlass.local.lock, which is not. What a lock says of
other plugins stays.

Exit codes: 0 locked, 2 a plugin is not there")]
pub(super) struct Args {
    /// The runbooks
    #[arg(value_name = "RUNBOOK", required = true)]
    runbooks: Vec<PathBuf>,
}

/// A plugin's component: what a lock calls it, whether it is built here, what it is.
type Found = (String, bool, Digest);

/// Asks for nothing of a plugin but its bytes.
struct Asked<'a> {
    beside: Beside<'a>,
    found: RefCell<Vec<Result<Found, String>>>,
}

impl Files for Asked<'_> {
    fn plugin(&self, path: &str) -> Result<Plugin, NoPlugin> {
        let found = plugins::component(self.beside.directory, path).and_then(|component| {
            let bytes = plugins::read(&component.path)?;
            Ok((component.locked_as, component.is_local, Digest::of(&bytes)))
        });
        let told = found.map_err(|why| format!("{path}: {}", told(&why)));
        self.found.borrow_mut().push(told);
        // What the check would find then is not asked for here.
        Err(NoPlugin::Unreadable(String::new()))
    }

    fn read(&self, path: &str) -> Result<String, String> {
        self.beside.read(path)
    }
}

fn told(why: &NoPlugin) -> String {
    match why {
        NoPlugin::Unreadable(why) | NoPlugin::BadLock(why) | NoPlugin::Refused(why) => why.clone(),
        NoPlugin::NotBuilt { command } => format!("it is not built: `{command}`"),
        NoPlugin::NotLocked { .. } | NoPlugin::Changed { .. } => "it is not locked".to_owned(),
    }
}

pub(super) fn perform(args: &Args) -> Result<Exit, Error> {
    for path in &args.runbooks {
        let runbook = Runbook::read(path)?;
        let directory = path.parent().unwrap_or(Path::new("."));
        let name = path.display().to_string();
        let asked = Asked {
            beside: Beside {
                directory,
                runbook: &name,
            },
            found: RefCell::default(),
        };
        windlass_runbook::check_with(&runbook.name, &runbook.text, None, &catalog(), &asked);
        let found: Result<Vec<Found>, String> = asked.found.into_inner().into_iter().collect();
        let unreadable = |why| Error::Unreadable { name, why };
        let found = match found {
            Ok(found) if found.is_empty() => {
                let why = "it names no plugin; `windlass check` may say why";
                return Err(unreadable(why.to_owned()));
            }
            Ok(found) => found,
            Err(why) => return Err(unreadable(why)),
        };
        for (file, is_local) in [(LOCK_FILE, false), (LOCAL_LOCK_FILE, true)] {
            let entries = found.iter().filter(|(_, local, _)| *local == is_local);
            let entries = entries.map(|(path, _, digest)| (path.clone(), *digest));
            lock(&directory.join(file), entries.collect())?;
        }
    }
    Ok(Exit::Success)
}

fn lock(path: &Path, entries: BTreeMap<String, Digest>) -> Result<(), Error> {
    if entries.is_empty() {
        return Ok(());
    }
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(io("read", path)(error)),
    };
    let unreadable = |why: String| Error::Unreadable {
        name: path.display().to_string(),
        why,
    };
    let mut lock: Lock = text
        .parse()
        .map_err(|error| unreadable(format!("{error}")))?;
    for (plugin, digest) in entries {
        let before = lock.plugins.insert(plugin.clone(), digest);
        let what = match before {
            Some(before) if before == digest => "is as it was",
            Some(_) => "is another one",
            None => "is locked",
        };
        output::out(&format!("{}: {plugin} {what}", path.display()));
    }
    std::fs::write(path, lock.to_string()).map_err(io("write", path))
}
