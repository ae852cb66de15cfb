//! What a process gets from the one that owns the run: a few variables of its
//! environment, and the places where programs are looked for.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rustix::fs::Access;
use secrecy::SecretString;

/// Where programs are looked for when no `PATH` is set.
const PATH_DEFAULT: &str = "/usr/local/bin:/usr/bin:/bin";
/// What a command inherits from the owner's environment, and nothing else.
const INHERITED: [&str; 6] = ["PATH", "HOME", "LANG", "TZ", "USER", "TMPDIR"];
/// Where the SSH client finds the owner's agent.
const AGENT: &str = "SSH_AUTH_SOCK";

/// What a command gets from the process that owns the run.
#[derive(Debug)]
pub(crate) struct Owner {
    base: Vec<(&'static str, OsString)>,
    /// `None` when the machine has no `setsid`; then nothing is started.
    pub(super) setsid: Option<PathBuf>,
    agent: Option<OsString>,
}

impl Owner {
    /// Reads this process's environment once.
    pub(crate) fn of_this_process() -> Self {
        let base: Vec<(&'static str, OsString)> = INHERITED
            .into_iter()
            .filter_map(|name| Some((name, std::env::var_os(name)?)))
            .collect();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let setsid = std::env::split_paths("/usr/bin:/bin")
            .chain(std::env::split_paths(&path))
            .map(|directory| directory.join("setsid"))
            .find(|program| is_program(program));
        let agent = std::env::var_os(AGENT);
        Self {
            base,
            setsid,
            agent,
        }
    }

    /// The variables that every command inherits.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&'static str, &OsString)> {
        self.base.iter().map(|(name, value)| (*name, value))
    }

    /// The variable by which the SSH client finds the owner's agent, when there is one.
    pub(crate) fn agent(&self) -> Option<(String, SecretString)> {
        let socket = self.agent.as_ref()?.to_str()?;
        Some((AGENT.to_owned(), socket.into()))
    }

    /// A program as `exec` will find it: by the child's own `PATH`, which replaces the
    /// owner's, and in its own directory.
    pub(crate) fn find(
        &self,
        name: &str,
        path: Option<&str>,
        cwd: Option<&str>,
    ) -> Option<PathBuf> {
        let from = |path: &Path| match cwd {
            Some(cwd) => Path::new(cwd).join(path),
            None => path.to_owned(),
        };
        if name.contains('/') {
            // Kept as written: a relative name counts from the child's own directory.
            return is_program(&from(Path::new(name))).then(|| PathBuf::from(name));
        }
        let own = self.base.iter().find(|(name, _)| *name == "PATH");
        let path = match (path, own) {
            (Some(path), _) => path.into(),
            (None, Some((_, own))) => own.clone(),
            (None, None) => PATH_DEFAULT.into(),
        };
        std::env::split_paths(&path)
            .map(|directory| directory.join(name))
            .find(|program| is_program(&from(program)))
    }
}

fn is_program(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, Access::EXEC_OK).is_ok()
}
