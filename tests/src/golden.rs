//! Golden tests of the built program: a test calls it as people do, and the transcript
//! of all calls (standard output, standard error, exit code) is compared with a file.
//! `UPDATE_GOLDEN=1 cargo test -p windlass-tests --test golden` writes the files anew.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::binary::windlass;
use crate::redact::Redactor;

/// How long a call may take before the test fails.
const CALL_TIME_MAX: Duration = Duration::from_secs(60);
/// How often something that is waited for is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// One test: a state directory, files beside it, and a growing transcript.
#[derive(Debug)]
pub struct Test {
    name: &'static str,
    dir: TempDir,
    redactor: Redactor,
    transcript: String,
    environment: Vec<(&'static str, String)>,
}

/// A call that has not ended.
#[derive(Debug)]
pub struct Background {
    child: Child,
    shown: String,
    out: Reader,
    err: Reader,
}

/// What a stream has brought so far.
#[derive(Debug)]
struct Reader {
    text: Arc<Mutex<Vec<u8>>>,
    thread: JoinHandle<()>,
}

impl Test {
    /// A test with an empty state directory.
    pub fn new(name: &'static str) -> Self {
        // Short, because a socket's path is bounded.
        let dir = tempfile::Builder::new()
            .prefix("wg-")
            .tempdir()
            .expect("a directory can be made");
        let path = dir.path().display().to_string();
        let user = user();
        let fixed = vec![
            (format!("{path}/state"), "[STATE]"),
            (path, "[DIR]"),
            (format!("{} (uid {})", user.0, user.1), "[USER]"),
            (
                format!("\"name\":\"{}\",\"uid\":{}", user.0, user.1),
                "\"name\":[NAME],\"uid\":[UID]",
            ),
            (format!("of uid {} ", user.1), "of uid [UID] "),
            (format!("\"uid\":{}", user.1), "\"uid\":[UID]"),
            (format!("\"name\":\"{}\"", user.0), "\"name\":[NAME]"),
            (windlass().display().to_string(), "windlass"),
        ];
        Self {
            name,
            dir,
            redactor: Redactor::new(fixed),
            transcript: String::new(),
            environment: Vec::new(),
        }
    }

    /// Writes a file beside the state directory, where calls are made.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).expect("a file can be written");
        path
    }

    /// Sets a variable for all further calls.
    pub fn set(&mut self, name: &'static str, value: &str) {
        self.environment.push((name, value.to_owned()));
    }

    /// Replaces a text of this test by `name` in what follows.
    pub fn hide(&mut self, text: &str, name: &'static str) {
        self.redactor.hide(text, name);
    }

    /// The state directory.
    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// The directory of the calls.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The id of the latest run that was seen in the transcript.
    pub fn run_id(&self) -> String {
        self.redactor
            .runs()
            .last()
            .expect("a run was shown")
            .clone()
    }

    /// Calls the program and waits; `RUN` among the arguments is the latest run.
    pub fn call(&mut self, arguments: &[&str]) -> String {
        self.call_with(arguments, "")
    }

    /// The same with something to read.
    pub fn call_with(&mut self, arguments: &[&str], stdin: &str) -> String {
        let background = self.begin_with(arguments, stdin);
        self.end(background)
    }

    /// Begins a call that goes on beside others.
    pub fn begin(&mut self, arguments: &[&str]) -> Background {
        self.begin_with(arguments, "")
    }

    fn begin_with(&mut self, arguments: &[&str], stdin: &str) -> Background {
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program can be started");
        let mut pipe = child.stdin.take().expect("it is piped");
        // A program that does not read leaves a broken pipe, which is well.
        let _unread = std::io::Write::write_all(&mut pipe, stdin.as_bytes());
        drop(pipe);
        Background {
            shown: format!("$ windlass {}", arguments.join(" ")),
            out: Reader::new(child.stdout.take().expect("it is piped")),
            err: Reader::new(child.stderr.take().expect("it is piped")),
            child,
        }
    }

    /// The program with arguments, for what the other methods do not do.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let run = self.redactor.runs().last();
        let arguments = arguments.iter().map(|argument| match run {
            Some(run) if *argument == "RUN" => run.as_str(),
            Some(_) | None => argument,
        });
        let mut command = Command::new(windlass());
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LANG", "C.UTF-8")
            .env("HOME", self.dir.path())
            .env("WINDLASS_STATE_DIR", self.state())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.dir.path())
            // Test machines may have their temporary files on tmpfs or overlay.
            .arg("--allow-volatile-state")
            .args(arguments);
        command
    }

    /// Waits for the end of a call and adds it to the transcript.
    pub fn end(&mut self, background: Background) -> String {
        let (shown, output) = finish(background);
        self.add(&shown, &output)
    }

    /// The same without lines that begin with a time: which states an owner sees of its
    /// runs depends on when it looks.
    pub fn end_without_times(&mut self, background: Background) -> String {
        let (shown, mut output) = finish(background);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let timed = |line: &&str| line.as_bytes().get(2) == Some(&b':');
        let kept = text.lines().filter(|line| !timed(line));
        output.stdout = kept
            .flat_map(|line| [line, "\n"])
            .collect::<String>()
            .into_bytes();
        self.add(&shown, &output);
        text
    }

    /// Adds a call that was made elsewhere.
    pub fn add(&mut self, shown: &str, output: &Output) -> String {
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        let code = match output.status.code() {
            Some(code) => code.to_string(),
            None => "by a signal".to_owned(),
        };
        let mut call = format!("{shown}\n{out}");
        err.lines()
            .for_each(|line| call.push_str(&format!("2> {line}\n")));
        let redacted = self.redactor.redact(&call);
        self.transcript.push_str(&redacted);
        self.transcript.push_str(&format!("[exit {code}]\n\n"));
        out
    }

    /// A line of the test's own in the transcript.
    pub fn remark(&mut self, text: &str) {
        self.transcript.push_str(&format!("# {text}\n"));
    }

    /// Compares the transcript with its file.
    pub fn check(self) {
        let found = format!("{}\n", self.transcript.trim_end());
        compare(&format!("{}.txt", self.name), &found);
    }
}

/// Compares a text with a file of `snapshots/`.
pub fn compare(file: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("golden/snapshots")
        .join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, found).expect("a snapshot can be written");
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    if kept != found {
        let difference = first_difference(&kept, found);
        panic!(
            "{} differs ({difference}); UPDATE_GOLDEN=1 accepts it. The text:\n{found}",
            path.display()
        );
    }
}

/// Waits for the end of a call: how it was made, and what it answered.
fn finish(mut background: Background) -> (String, Output) {
    let until = Instant::now() + CALL_TIME_MAX;
    let status = loop {
        match background
            .child
            .try_wait()
            .expect("a child can be waited for")
        {
            Some(status) => break status,
            None if Instant::now() > until => {
                let _ended = background.child.kill();
                let (out, err) = (background.out.text(), background.err.text());
                panic!("{} does not end\n{out}\n{err}", background.shown);
            }
            None => std::thread::sleep(LOOK_EVERY),
        }
    };
    let output = Output {
        status,
        stdout: background.out.finish(),
        stderr: background.err.finish(),
    };
    (background.shown, output)
}

impl Background {
    /// Waits until its standard output holds a text.
    pub fn wait_for(&mut self, text: &str) {
        let until = Instant::now() + CALL_TIME_MAX;
        while !self.out.text().contains(text) {
            let lives = matches!(self.child.try_wait(), Ok(None));
            // What it printed last may still be on its way.
            if Instant::now() > until || (!lives && !self.out.text().contains(text)) {
                let (out, err) = (self.out.text(), self.err.text());
                panic!("{}: no {text:?} in\n{out}\n{err}", self.shown);
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// What it has printed so far.
    pub fn printed(&self) -> String {
        self.out.text()
    }

    /// Waits for its end and leaves it out of the transcript.
    pub fn finish(self) -> Output {
        finish(self).1
    }

    /// Sends it a signal, such as `INT`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.child.id().to_string())
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -{name}");
    }
}

impl Reader {
    fn new(mut stream: impl std::io::Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&text);
        let thread = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut bytes) {
                shared
                    .lock()
                    .expect("no reader panics")
                    .extend_from_slice(&bytes[..count]);
            }
        });
        Self { text, thread }
    }

    fn text(&self) -> String {
        let bytes = self.text.lock().expect("no reader panics");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn finish(self) -> Vec<u8> {
        self.thread.join().expect("no reader panics");
        self.text.lock().expect("no reader panics").clone()
    }
}

/// This process's user: name and number.
fn user() -> (String, u32) {
    let id = |flag| {
        let output = Command::new("id")
            .arg(flag)
            .output()
            .expect("`id` can be run");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    (id("-un"), id("-u").parse().expect("a uid is a number"))
}

fn first_difference(kept: &str, found: &str) -> String {
    let line = kept
        .lines()
        .zip(found.lines())
        .position(|(kept, found)| kept != found)
        .unwrap_or_else(|| kept.lines().count().min(found.lines().count()));
    let of = |text: &str| text.lines().nth(line).unwrap_or("nothing").to_owned();
    format!("line {}: {:?}, was {:?}", line + 1, of(found), of(kept))
}
