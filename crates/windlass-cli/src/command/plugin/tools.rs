//! The programs that make components of JavaScript and Python: pinned packages of npm and
//! PyPI, held to the digests in `tools/`, fetched once into this user's cache.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, io};
use crate::output;

/// One such program.
pub(super) struct Tool {
    name: &'static str,
    /// The digests of what is installed belong to the version.
    version: &'static str,
    install: fn(&Path) -> Result<(), Error>,
    /// The command that starts it, from its folder.
    command: fn(&Path) -> Command,
}

pub(super) const JS: Tool = Tool {
    name: "componentize-qjs",
    version: "0.4.5",
    install: from_npm,
    command: |dir| {
        let mut node = Command::new("node");
        node.arg(dir.join("node_modules/componentize-qjs/cli.mjs"));
        node
    },
};

pub(super) const PYTHON: Tool = Tool {
    name: "componentize-py",
    version: "0.25.1",
    install: from_pypi,
    command: |dir| Command::new(dir.join("bin/componentize-py")),
};

/// What marks a finished installation.
const DONE: &str = "installed";

impl Tool {
    /// The command that starts it; it is installed first where it is not there.
    pub(super) fn get(&self) -> Result<Command, Error> {
        let dir = cache_dir()?.join(format!("{}-{}", self.name, self.version));
        std::fs::create_dir_all(&dir).map_err(io("make", &dir))?;
        // Two builds may want it at once.
        let lock_path = dir.join("lock");
        let lock = File::create(&lock_path).map_err(io("make", &lock_path))?;
        lock.lock().map_err(io("lock", &lock_path))?;
        let done = dir.join(DONE);
        if !done.exists() {
            output::err(&format!(
                "fetching {} {} into {}",
                self.name,
                self.version,
                dir.display()
            ));
            (self.install)(&dir)?;
            // Its part for this kind of machine may be missing.
            let answer = (self.command)(&dir).arg("--help").output();
            if !answer.is_ok_and(|answer| answer.status.success()) {
                let message = format!("{} does not run on this machine", self.name);
                return Err(Error::Usage(message));
            }
            std::fs::write(&done, "").map_err(io("write", &done))?;
        }
        Ok((self.command)(&dir))
    }
}

fn from_npm(dir: &Path) -> Result<(), Error> {
    write(
        &dir.join("package.json"),
        include_str!("../../../tools/componentize-qjs.json"),
    )?;
    write(
        &dir.join("package-lock.json"),
        include_str!("../../../tools/componentize-qjs.lock.json"),
    )?;
    // Not `ci`: the package names parts for other machines that were never published.
    let words = [
        "install",
        "--no-save",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ];
    run(Command::new("npm").args(words).current_dir(dir))
}

fn from_pypi(dir: &Path) -> Result<(), Error> {
    let wanted = dir.join("requirements.txt");
    write(&wanted, include_str!("../../../tools/componentize-py.txt"))?;
    run(Command::new("python3").args(["-m", "venv"]).arg(dir))?;
    let words = [
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
    ];
    run(Command::new(dir.join("bin/pip"))
        .args(words)
        .args(["--require-hashes", "--requirement"])
        .arg(wanted))
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(io("write", path))
}

/// Where this user's programs keep what they can fetch again.
fn cache_dir() -> Result<PathBuf, Error> {
    let set = |name| std::env::var_os(name).map(PathBuf::from);
    // The XDG rules say that a relative path is to be ignored.
    if let Some(cache) = set("XDG_CACHE_HOME").filter(|path| path.is_absolute()) {
        return Ok(cache.join("windlass/tools"));
    }
    match set("HOME") {
        Some(home) => Ok(home.join(".cache/windlass/tools")),
        None => Err(Error::Usage("no cache directory: HOME is not set".into())),
    }
}

/// Runs a program of the author's machine to its end; what it says is shown when it fails.
pub(super) fn run(command: &mut Command) -> Result<(), Error> {
    let name = command.get_program().to_string_lossy().into_owned();
    let ended = command.output().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Error::Usage(format!("`{name}` is needed and is not installed"))
        }
        _ => io("start", Path::new(&name))(error),
    })?;
    if ended.status.success() {
        return Ok(());
    }
    for stream in [&ended.stdout, &ended.stderr] {
        output::err(String::from_utf8_lossy(stream).trim_end());
    }
    Err(Error::Usage(format!(
        "`{name}` ended with {}",
        ended.status
    )))
}
