//! A lab, and the ways to run the flagship on it: whole, its looks only, or one step.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rds_lab::{Lab, Options, Server};
use serde_json::Value;
use windlass_tests::binary::windlass;

/// A lab and what is needed to run one step of the flagship on it.
pub(crate) struct Bench {
    pub(crate) lab: Lab,
    place: tempfile::TempDir,
    runs: u32,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/lab/builds");
        let options = Options {
            fast_and_unsafe: true,
            ..Options::new(cache)
        };
        Self {
            lab: Lab::create(&options).unwrap(),
            place: tempfile::tempdir().unwrap(),
            runs: 0,
        }
    }

    /// The shipped runbook.
    pub(crate) fn shipped() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../runbooks/postgres_minor_upgrade.yaml")
    }

    /// Looks with the whole flagship's reads, with some inputs changed.
    pub(crate) fn preflight(&self, change: impl FnOnce(&mut Value)) -> (Output, Value) {
        let mut inputs = self.lab.inputs();
        change(&mut inputs);
        let file = self.place.path().join("preflight.json");
        std::fs::write(&file, inputs.to_string()).unwrap();
        let mut command = Command::new(windlass());
        command
            .arg("--state-dir")
            .arg(self.place.path().join("untouched"))
            .arg("preflight")
            .arg(Self::shipped())
            .arg("--json")
            .arg("--input-file")
            .arg(&file);
        for (name, secret) in self.lab.secret_files() {
            let from = format!("{name}=file:{}", secret.display());
            command.arg("--secret").arg(from);
        }
        let output = command.env_remove("WINDLASS_STATE_DIR").output().unwrap();
        assert!(!self.place.path().join("untouched").exists());
        let report = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", told(&output)));
        (output, report)
    }

    /// The flagship with one step only, and the scripts that it may run.
    fn only(&self, step: &str) -> PathBuf {
        let text = std::fs::read_to_string(Self::shipped()).unwrap();
        let (head, steps) = text.split_once("\nsteps:\n").unwrap();
        // The target is read from a look that a single step does not have.
        let head = without(head, &["target:"]);
        let scripts = block(steps, "scripts");
        let one = without(&block(steps, step), &["    needs:", "    ensure:"]);
        let title = format!("  {step}:\n");
        let one = one.replacen(&title, &format!("{title}    needs: scripts\n"), 1);
        let file = self.place.path().join(format!("{step}.yaml"));
        std::fs::write(&file, format!("{head}\nsteps:\n{scripts}{one}")).unwrap();
        file
    }

    /// Runs one step with some inputs changed; `password` replaces the monitor's.
    pub(crate) fn run(
        &mut self,
        step: &str,
        change: impl FnOnce(&mut Value),
        password: Option<&str>,
    ) -> Output {
        self.runs += 1;
        let mut inputs = self.lab.inputs();
        change(&mut inputs);
        let file = self.place.path().join("inputs.json");
        std::fs::write(&file, inputs.to_string()).unwrap();
        let mut command = Command::new(windlass());
        command.arg("--allow-volatile-state").arg("--state-dir");
        command.arg(self.place.path().join(format!("state{}", self.runs)));
        command
            .arg("run")
            .arg(self.only(step))
            .arg("--no-wait")
            .arg("--input-file")
            .arg(&file);
        for (name, mut secret) in self.lab.secret_files() {
            if let Some(password) = password.filter(|_| name == "monitor_password") {
                secret = self.place.path().join("wrong");
                std::fs::write(&secret, password).unwrap();
                std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
            }
            command
                .arg("--secret")
                .arg(format!("{name}=file:{}", secret.display()));
        }
        command.env_remove("WINDLASS_STATE_DIR").output().unwrap()
    }

    /// What the step's only attempt wrote.
    pub(crate) fn log(&self, step: &str) -> String {
        let logs = self.place.path().join(format!("state{}/logs", self.runs));
        let run = std::fs::read_dir(logs)
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        let is_log = |path: &PathBuf| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with(&format!("{step}-"))
                && path.extension().is_some_and(|extension| extension == "log")
        };
        let mut files: Vec<PathBuf> = std::fs::read_dir(run)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.retain(is_log);
        files.sort();
        files
            .iter()
            .map(|file| std::fs::read_to_string(file).unwrap())
            .collect()
    }

    pub(crate) fn started(&self, server: Server) -> String {
        self.lab.postmaster_start_time(server).unwrap()
    }

    pub(crate) fn data_dir(&self, server: Server) -> PathBuf {
        self.lab.description().server(server).data_dir.clone()
    }

    pub(crate) fn dr_streams(&self) -> bool {
        let standbys = self.lab.streaming().unwrap();
        standbys
            .iter()
            .any(|standby| standby.name == "dr" && standby.state == "streaming")
    }
}

pub(crate) fn told(output: &Output) -> String {
    format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A step of a runbook as it stands there: up to the next one, or to a line that parts them.
fn block(steps: &str, step: &str) -> String {
    let begin = format!("\n{steps}")
        .find(&format!("\n  {step}:\n"))
        .unwrap();
    let rest = &steps[begin..];
    let end = rest[3..]
        .match_indices("\n  ")
        .map(|(at, _)| at + 4)
        .find(|at| !rest[at + 2..].starts_with([' ', '\n']))
        .unwrap();
    rest[..end].to_owned()
}

/// The lines that do not begin so.
fn without(text: &str, beginnings: &[&str]) -> String {
    let kept = text
        .lines()
        .filter(|line| !beginnings.iter().any(|begin| line.starts_with(begin)));
    kept.flat_map(|line| [line, "\n"]).collect()
}
