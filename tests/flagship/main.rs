//! The flagship's steps in the states that a good run never shows: a swap that does not
//! start, a DR standby that is healthy, that nobody can ask, that was cut in the middle of
//! a move, that has left its primary. Each step runs alone, by the shipped text, on real
//! servers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rds_lab::{Lab, Options, Server};
use serde_json::Value;
use windlass_tests::binary::windlass;

/// A lab and what is needed to run one step of the flagship on it.
struct Bench {
    lab: Lab,
    place: tempfile::TempDir,
    runs: u32,
}

impl Bench {
    fn new() -> Self {
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
    fn shipped() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../runbooks/postgres_minor_upgrade.yaml")
    }

    /// Looks with the whole flagship's reads, with some inputs changed.
    fn preflight(&self, change: impl FnOnce(&mut Value)) -> (Output, Value) {
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

    /// The flagship with one step only.
    fn only(&self, step: &str) -> PathBuf {
        let text = std::fs::read_to_string(Self::shipped()).unwrap();
        let (head, steps) = text.split_once("\nsteps:\n").unwrap();
        // The target is read from a look that a single step does not have.
        let head: String = head
            .lines()
            .filter(|line| !line.starts_with("target:"))
            .flat_map(|line| [line, "\n"])
            .collect();
        let begin = steps.find(&format!("\n  {step}:\n")).unwrap() + 1;
        let end = steps[begin + 3..]
            .match_indices("\n\n  ")
            .map(|(at, _)| begin + 3 + at)
            .next()
            .unwrap();
        let block: String = steps[begin..end]
            .lines()
            .filter(|line| !line.starts_with("    needs:") && !line.starts_with("    ensure:"))
            .flat_map(|line| [line, "\n"])
            .collect();
        let file = self.place.path().join(format!("{step}.yaml"));
        std::fs::write(&file, format!("{head}\nsteps:\n{block}")).unwrap();
        file
    }

    /// Runs one step with some inputs changed; `password` replaces the monitor's.
    fn run(
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
    fn log(&self, step: &str) -> String {
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

    fn started(&self, server: Server) -> String {
        self.lab.postmaster_start_time(server).unwrap()
    }

    fn data_dir(&self, server: Server) -> PathBuf {
        self.lab.description().server(server).data_dir.clone()
    }

    fn dr_streams(&self) -> bool {
        let standbys = self.lab.streaming().unwrap();
        standbys
            .iter()
            .any(|standby| standby.name == "dr" && standby.state == "streaming")
    }
}

fn told(output: &Output) -> String {
    format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn a_preflight_looks_at_real_servers_and_changes_nothing() {
    let bench = Bench::new();
    let servers = [Server::Primary, Server::Dr];
    let before = servers.map(|server| bench.started(server));
    let checksum = bench.lab.checksum(Server::Primary).unwrap();

    let result = |report: &Value, step: &str| -> String {
        let steps = report["steps"].as_array().unwrap();
        let found = steps.iter().find(|found| found["id"] == step).unwrap();
        found["result"].as_str().unwrap().to_owned()
    };
    let (well, report) = bench.preflight(|_| {});
    assert_eq!(well.status.code(), Some(0), "{}", told(&well));
    assert_eq!(
        (&report["looked"], &report["failed"]),
        (&4.into(), &0.into())
    );
    for step in ["builds", "primary_before", "standbys_before", "replication"] {
        assert_eq!(result(&report, step), "ok", "{step}");
    }
    for step in [
        "backup",
        "go",
        "upgrade_primary",
        "standbys_after",
        "report",
    ] {
        assert_eq!(result(&report, step), "left_out", "{step}");
    }

    // The wrong minor is expected: a look says so.
    let (wrong, report) = bench.preflight(|inputs| inputs["old_version"] = "15.1".into());
    assert_eq!(wrong.status.code(), Some(1), "{}", told(&wrong));
    assert_eq!(result(&report, "primary_before"), "failed");
    assert_eq!(result(&report, "replication"), "not_run");

    assert_eq!(servers.map(|server| bench.started(server)), before);
    assert_eq!(bench.lab.checksum(Server::Primary).unwrap(), checksum);
    assert_eq!(bench.lab.version(Server::Primary).unwrap(), "15.16");
}

#[test]
fn disaster_recovery_is_right_in_any_state_that_it_finds() {
    let mut bench = Bench::new();

    let before = bench.started(Server::Dr);
    let healthy = bench.run("dr_established", |_| {}, None);
    assert!(healthy.status.success(), "{}", told(&healthy));
    assert!(bench.log("dr_established").contains("nothing to do"));
    assert_eq!(
        bench.started(Server::Dr),
        before,
        "a healthy DR was restarted"
    );

    let blind = bench.run("dr_established", |_| {}, Some("wrong"));
    assert_eq!(blind.status.code(), Some(1), "{}", told(&blind));
    assert!(
        bench
            .log("dr_established")
            .contains("cannot be asked: nothing was touched")
    );
    assert_eq!(
        bench.started(Server::Dr),
        before,
        "DR was touched although nobody could ask"
    );
    assert!(bench.dr_streams());

    // Cut between the two moves of an earlier rebuilding.
    bench.lab.stop(Server::Dr).unwrap();
    let data = bench.data_dir(Server::Dr);
    let old = data.with_extension("old");
    std::fs::rename(&data, &old).unwrap();
    let cut = bench.run("dr_established", |_| {}, None);
    assert!(cut.status.success(), "{}", told(&cut));
    assert!(data.exists() && !old.exists());
    assert!(bench.dr_streams());

    // It left its primary: it runs, it answers, and it follows nobody.
    bench.lab.stop(Server::Dr).unwrap();
    std::fs::remove_file(data.join("standby.signal")).unwrap();
    bench.lab.start(Server::Dr).unwrap();
    assert!(!bench.lab.is_in_recovery(Server::Dr).unwrap());
    let lost = bench.run("dr_established", |_| {}, None);
    assert!(
        lost.status.success(),
        "{}{}",
        told(&lost),
        bench.log("dr_established")
    );
    assert!(bench.log("dr_established").contains("built anew"));
    assert!(bench.lab.is_in_recovery(Server::Dr).unwrap());
    assert!(bench.dr_streams());
    assert_eq!(bench.lab.version(Server::Dr).unwrap(), "15.18");
    assert!(!old.exists());
    assert_eq!(
        bench.lab.checksum(Server::Dr).unwrap(),
        bench.lab.checksum(Server::Primary).unwrap()
    );

    // The rebuilt server carries nothing of the attempt.
    let pid = std::fs::read_to_string(data.join("postmaster.pid")).unwrap();
    let environ = std::fs::read(format!("/proc/{}/environ", pid.lines().next().unwrap())).unwrap();
    let environ = String::from_utf8_lossy(&environ);
    assert!(
        !environ.contains("PASSWORD") && !environ.contains("WINDLASS"),
        "{environ}"
    );
}

#[test]
fn a_primary_that_does_not_start_on_the_new_binaries_goes_back_to_the_old() {
    let mut bench = Bench::new();
    // The monitor may read what the target is made of.
    let looked = bench.run("primary_before", |_| {}, None);
    assert!(looked.status.success(), "{}", told(&looked));
    // A build whose server ends at once.
    let broken = bench.lab.dir().join("broken");
    let real = bench.lab.inputs()["new_build"]
        .as_str()
        .map(PathBuf::from)
        .unwrap();
    std::fs::create_dir_all(broken.join("bin")).unwrap();
    for folder in ["lib", "share"] {
        if real.join(folder).exists() {
            symlink(real.join(folder), broken.join(folder)).unwrap();
        }
    }
    std::fs::copy(real.join("bin/pg_ctl"), broken.join("bin/pg_ctl")).unwrap();
    std::fs::write(broken.join("bin/postgres"), "#!/bin/sh\nexit 1\n").unwrap();
    std::fs::set_permissions(
        broken.join("bin/postgres"),
        std::fs::Permissions::from_mode(0o755),
    )
    .unwrap();

    let failed = bench.run(
        "upgrade_primary",
        |inputs| inputs["new_build"] = broken.display().to_string().into(),
        None,
    );
    assert_eq!(failed.status.code(), Some(1), "{}", told(&failed));
    assert!(
        bench.log("upgrade_primary").contains("does not start on"),
        "{}",
        told(&failed)
    );
    assert_eq!(bench.lab.version(Server::Primary).unwrap(), "15.16");
    assert_eq!(
        bench.lab.installed_version(Server::Primary).unwrap(),
        "15.16"
    );
    assert!(!bench.lab.is_in_recovery(Server::Primary).unwrap());
}
