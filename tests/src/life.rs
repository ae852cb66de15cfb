//! Lives of the program over one state directory: each is a process that is started,
//! followed, and ends by itself or is killed.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How often a process that is waited for is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A state directory, with the program that works on it.
#[derive(Debug)]
pub struct Place {
    dir: TempDir,
    program: PathBuf,
}

impl Place {
    /// A fresh state directory below `parent`.
    pub fn below(parent: &Path, program: &Path) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("windlass-test-")
            .tempdir_in(parent);
        Self {
            dir: dir.expect("a directory can be made"),
            program: program.to_owned(),
        }
    }

    /// The state directory.
    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// A directory beside it, for the test's own files.
    pub fn beside(&self) -> &Path {
        self.dir.path()
    }

    /// The program with `arguments`, on this state directory.
    pub fn command<I: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = I>,
    ) -> Command {
        let mut command = Command::new(&self.program);
        self.complete(&mut command, arguments);
        command
    }

    /// Adds to `command` what makes a call of the program work on this state directory.
    pub fn complete<I: AsRef<std::ffi::OsStr>>(
        &self,
        command: &mut Command,
        arguments: impl IntoIterator<Item = I>,
    ) {
        command
            .arg("--state-dir")
            .arg(self.state())
            // The suites use tmpfs on purpose: a killed process loses nothing there either.
            .arg("--allow-volatile-state")
            .args(arguments);
    }

    /// The program itself.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Keeps the directory, for a person to look at; answers where it is.
    pub fn keep(self) -> PathBuf {
        self.dir.keep()
    }
}

/// A running process.
#[derive(Debug)]
pub struct Life {
    child: Child,
    out: Arc<Mutex<Vec<String>>>,
    readers: (JoinHandle<()>, JoinHandle<String>),
    began: Instant,
}

/// How a process ended.
#[derive(Debug)]
pub struct Death {
    pub status: ExitStatus,
    /// Whole and broken lines of standard output.
    pub out: Vec<String>,
    pub err: String,
    pub took: Duration,
}

impl Life {
    /// Starts `command`, with nothing to read and nobody at its terminal.
    pub fn begin(mut command: Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let out = Arc::new(Mutex::new(Vec::new()));
        let stdout = child.stdout.take().expect("standard output is piped");
        let mut stderr = child.stderr.take().expect("standard error is piped");
        let lines = Arc::clone(&out);
        let read_out = move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                lines.lock().expect("no reader panics").push(line);
            }
        };
        let read_err = move || {
            let mut text = Vec::new();
            let _broken = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        };
        Self {
            child,
            out,
            readers: (std::thread::spawn(read_out), std::thread::spawn(read_err)),
            began: Instant::now(),
        }
    }

    /// The id of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL; the process may have ended already.
    pub fn kill(&mut self) {
        let _ended = self.child.kill();
    }

    /// Whether it has not ended.
    pub fn lives(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What it has printed.
    pub fn lines(&self) -> Vec<String> {
        self.out.lock().expect("no reader panics").clone()
    }

    /// Waits for its end, calling `meanwhile` at each look. One that outlives `within` is
    /// killed, and the test fails.
    pub fn wait(mut self, within: Duration, mut meanwhile: impl FnMut(&mut Self)) -> Death {
        let until = Instant::now() + within;
        while self.lives() {
            meanwhile(&mut self);
            if Instant::now() > until {
                self.kill();
                let death = self.end();
                panic!("a process did not end within {within:?}: {death:#?}");
            }
            std::thread::sleep(LOOK_EVERY);
        }
        self.end()
    }

    fn end(mut self) -> Death {
        let status = self.child.wait().expect("a child can be waited for");
        let took = self.began.elapsed();
        self.readers
            .0
            .join()
            .expect("reading a pipe does not panic");
        let err = self
            .readers
            .1
            .join()
            .expect("reading a pipe does not panic");
        let out = std::mem::take(&mut *self.out.lock().expect("no reader panics"));
        Death {
            status,
            out,
            err,
            took,
        }
    }
}

impl Death {
    /// Whether SIGKILL ended it.
    pub fn was_killed(&self) -> bool {
        use std::os::unix::process::ExitStatusExt as _;
        self.status.signal() == Some(9)
    }

    /// The records that it printed as JSON lines. A broken last line acknowledges nothing.
    pub fn acknowledged(&self) -> Vec<Value> {
        let parsed = self
            .out
            .iter()
            .map(|line| serde_json::from_str::<Value>(line));
        parsed
            .map_while(Result::ok)
            .filter(|line| line["seq"].is_u64())
            .collect()
    }
}
