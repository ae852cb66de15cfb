//! A session as a document shows it: `$ ` begins a command, what follows is printed by it,
//! and a line `...` stands for any lines. Terminals live beside each other: a block
//! `console terminal=2` belongs to the second one. The last command of a block that says
//! `stays` goes on while other terminals are typed at.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use windlass_tests::binary::windlass;
use windlass_tests::redact::Redactor;

use super::blocks::Block;

/// How long something that a page shows may take to come.
const PATIENCE: Duration = Duration::from_secs(60);
const PATIENCE_COMPILING: Duration = Duration::from_secs(600);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// One reader's machine.
pub(crate) struct Session {
    dir: tempfile::TempDir,
    /// What the page writes, and what it is here.
    named: Vec<(String, String)>,
    environment: Vec<(String, String)>,
    redactor: Redactor,
    terminals: Vec<Terminal>,
    patience: Duration,
}

/// A terminal, and what its latest command has printed and has not been shown yet.
struct Terminal {
    number: String,
    child: Child,
    printed: Arc<Mutex<Vec<u8>>>,
    shown: usize,
}

impl Session {
    /// A machine on which `windlass` is installed; the page calls its directory `place`.
    pub(crate) fn new(place: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("wd-").tempdir().unwrap();
        let bin = dir.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        let program = bin.join("windlass.real");
        std::fs::copy(windlass(), &program).unwrap();
        // Test machines may have their temporary files on tmpfs or overlay.
        let wrapper = format!(
            "#!/bin/sh\nexec {} --allow-volatile-state \"$@\"\n",
            program.display()
        );
        write_program(&bin.join("windlass"), &wrapper);
        let here = dir.path().display().to_string();
        Self {
            named: vec![(place.to_owned(), here)],
            environment: Vec::new(),
            redactor: Redactor::new(Vec::new()),
            terminals: Vec::new(),
            patience: PATIENCE,
            dir,
        }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// For a page whose commands compile: a busy machine takes its time for that.
    pub(crate) fn compiling(&mut self) {
        self.patience = PATIENCE_COMPILING;
        let cache = windlass_tests::cache::dir().display().to_string();
        self.environment.push(("XDG_CACHE_HOME".to_owned(), cache));
    }

    /// What the page writes as `name` is `real` here.
    pub(crate) fn name(&mut self, name: &str, real: &str) {
        self.named.push((name.to_owned(), real.to_owned()));
    }

    /// Another program of the machine.
    pub(crate) fn program(&self, name: &str, script: &str) {
        write_program(&self.dir.path().join("bin").join(name), script);
    }

    /// Types a block and holds what comes against what it shows.
    pub(crate) fn play(&mut self, block: &Block) {
        let number = block.attribute("terminal").unwrap_or("1").to_owned();
        let stays = block.info.iter().any(|word| word == "stays");
        let mut lines = block.text.lines().peekable();
        let place = format!("line {}", block.line);
        // A block without a command shows what the terminal prints meanwhile.
        if lines.peek().is_some_and(|line| !line.starts_with("$ ")) {
            let expected = until_command(&mut lines);
            self.expect(&number, &expected, stays, &place);
        }
        while let Some(line) = lines.next() {
            let command = line.strip_prefix("$ ").expect("output was taken before");
            let expected = until_command(&mut lines);
            self.begin(&number, command);
            let stays = stays && lines.peek().is_none();
            self.expect(&number, &expected, stays, &format!("{place}, `{command}`"));
        }
    }

    fn begin(&mut self, number: &str, command: &str) {
        let mut command = command.to_owned();
        for (named, real) in &self.named {
            command = command.replace(named, real);
        }
        if let Some((name, value)) = command
            .strip_prefix("export ")
            .and_then(|pair| pair.split_once('='))
        {
            self.environment.push((name.to_owned(), value.to_owned()));
            command = "true".to_owned();
        }
        // A file, so that no process but the command itself carries its words.
        let script = self.dir.path().join(format!("terminal-{number}.sh"));
        std::fs::write(&script, format!("{{ {command}\n}} 2>&1\n")).unwrap();
        let mut child = Command::new("bash")
            .arg(&script)
            .env_clear()
            .env(
                "PATH",
                format!(
                    "{}/bin:/usr/local/bin:/usr/bin:/bin",
                    self.dir.path().display()
                ),
            )
            .env("LANG", "C.UTF-8")
            .env("HOME", self.dir.path())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let printed = Arc::new(Mutex::new(Vec::new()));
        let (shared, mut stream) = (Arc::clone(&printed), child.stdout.take().unwrap());
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut bytes) {
                shared.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        let terminal = Terminal {
            number: number.to_owned(),
            child,
            printed,
            shown: 0,
        };
        match self.terminals.iter_mut().find(|one| one.number == number) {
            Some(one) => {
                let ended = one.child.try_wait().unwrap().is_some();
                assert!(ended, "terminal {number} is still busy");
                *one = terminal;
            }
            None => self.terminals.push(terminal),
        }
    }

    /// Waits until the terminal shows the lines; a command that does not stay must end with
    /// them.
    fn expect(&mut self, number: &str, expected: &[String], stays: bool, place: &str) {
        let until = Instant::now() + self.patience;
        loop {
            let terminal = self
                .terminals
                .iter_mut()
                .find(|one| one.number == number)
                .expect("a terminal shows something after a command");
            let ended = terminal.child.try_wait().unwrap().is_some();
            let printed = terminal.printed.lock().unwrap().clone();
            let text = String::from_utf8_lossy(&printed[terminal.shown..]).into_owned();
            for id in run_ids(&text) {
                self.learn(expected, &id);
            }
            let terminal = self.terminals.iter_mut().find(|one| one.number == number);
            let terminal = terminal.expect("it was found before");
            let wanted: Vec<String> = expected
                .iter()
                .map(|line| redact(&mut self.redactor, &self.named, line))
                .collect();
            let found: Vec<String> = text
                .lines()
                .map(|line| redact(&mut self.redactor, &self.named, line))
                .collect();
            let taken = fits(&wanted, &found, !stays).filter(|_| stays || ended);
            if let Some(lines) = taken {
                let lines = text.split_inclusive('\n').take(lines);
                terminal.shown += lines.map(str::len).sum::<usize>();
                return;
            }
            if Instant::now() > until || (ended && printed_whole(terminal, &printed)) {
                panic!(
                    "{place}: expected\n{}\n\nbut found\n{}",
                    wanted.join("\n"),
                    found.join("\n")
                );
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// The first run id that a page shows is the first that comes here, and so on.
    fn learn(&mut self, expected: &[String], id: &str) {
        if self.named.iter().any(|(_, real)| real == id) {
            return;
        }
        let shown = expected.iter().flat_map(|line| run_ids(line));
        let new = shown
            .into_iter()
            .find(|shown| !self.named.iter().any(|(name, _)| name == shown));
        if let Some(shown) = new {
            self.named.push((shown, id.to_owned()));
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for terminal in &mut self.terminals {
            let _ended = terminal.child.kill();
            let _ended = terminal.child.wait();
        }
        // What a wrapper started lives on without it.
        let state = self.dir.path().display().to_string();
        let _ended = Command::new("pkill").args(["-KILL", "-f", &state]).status();
    }
}

fn printed_whole(terminal: &Terminal, seen: &[u8]) -> bool {
    // The reader may be a moment behind the end.
    std::thread::sleep(LOOK_EVERY * 10);
    terminal.printed.lock().unwrap().len() == seen.len()
}

fn write_program(path: &PathBuf, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, script).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn until_command<'a>(
    lines: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>,
) -> Vec<String> {
    let mut taken = Vec::new();
    while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
        taken.push(line.to_owned());
    }
    taken
}

fn redact(redactor: &mut Redactor, named: &[(String, String)], line: &str) -> String {
    let mut line = line.trim_end().to_owned();
    for (name, real) in named {
        line = line.replace(name, real);
    }
    redactor.redact(&line)
}

/// How many lines are those wanted, where `...` stands for any; `whole`: there may be no
/// others behind them.
fn fits(wanted: &[String], found: &[String], whole: bool) -> Option<usize> {
    match wanted.split_first() {
        None => (!whole || found.is_empty()).then_some(0),
        Some((first, rest)) if first.trim() == "..." => (0..=found.len())
            .find_map(|skipped| Some(skipped + fits(rest, &found[skipped..], whole)?)),
        Some((first, rest)) => {
            let (line, others) = found.split_first()?;
            (line == first).then_some(())?;
            Some(1 + fits(rest, others, whole)?)
        }
    }
}

/// Ids such as `20261122-0142-k3f9q2`.
fn run_ids(text: &str) -> Vec<String> {
    let words = text.split(|char: char| !(char.is_ascii_alphanumeric() || char == '-'));
    let is_id = |word: &&str| {
        let parts: Vec<&str> = word.split('-').collect();
        let digits =
            |part: &str, len| part.len() == len && part.bytes().all(|byte| byte.is_ascii_digit());
        matches!(parts.as_slice(), [day, minute, rest]
            if digits(day, 8) && digits(minute, 4) && rest.len() == 6)
    };
    words.filter(is_id).map(str::to_owned).collect()
}

#[test]
fn dots_stand_for_any_lines() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let found = lines("a\nb\nc\nd");
    assert_eq!(fits(&lines("a\n...\nd"), &found, true), Some(4));
    assert_eq!(fits(&lines("a\n...\nc"), &found, false), Some(3));
    assert_eq!(fits(&lines("a\n...\nc"), &found, true), None);
    assert_eq!(fits(&lines("a\nc"), &found, false), None);
}
