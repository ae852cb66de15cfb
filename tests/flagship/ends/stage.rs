//! One run of the flagship on a lab that was put back: what is done to it, and what must be
//! seen. Times are shortened in a copy of the runbook; nothing else of it is changed.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rds_lab::{Lab, RoleName, Server};
use serde_json::{Value, json};
use windlass_tests::binary::windlass;
use windlass_tests::life::{Death, Life, Place};
use windlass_tests::mailbox::Mailbox;
use windlass_tests::orphans::end_orphans;
use windlass_tests::skip::skip;

use super::page::Row;
use crate::bench::Bench;

/// How long anything of a run may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often is looked for it where that costs little, and where a command is called for it.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const CALL_EVERY: Duration = Duration::from_millis(250);
/// How many of the last records are told where something did not come.
const LINES_TOLD_MAX: usize = 5;
/// What a person says where a reason is asked for.
const REASON: &str = "seen by hand";

/// A run and its surroundings.
pub(crate) struct Stage<'a> {
    bench: &'a Bench,
    what: &'static str,
    place: Place,
    /// What the run is given.
    pub(crate) inputs: Value,
    shortened: Vec<(String, String)>,
    run: OnceCell<String>,
    follower: Option<Life>,
    mailbox: Mailbox,
    /// What the row says of the mailbox.
    sent: (Vec<String>, bool),
}

/// What a command that a row names came to.
pub(crate) struct Obeyed(Death);

impl Obeyed {
    #[track_caller]
    pub(crate) fn succeeds(self) {
        assert!(self.0.status.success(), "{:#?}", self.0);
    }
}

/// A small file system, which goes when this does.
pub(crate) struct SmallDisk(Option<PathBuf>);

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if let Some(dir) = &self.0 {
            let status = Command::new("umount").arg(dir).status();
            assert!(status.is_ok_and(|status| status.success()));
        }
    }
}

impl<'a> Stage<'a> {
    pub(crate) fn new(bench: &'a Bench, what: &'static str) -> Self {
        bench.lab.restore().unwrap();
        let mailbox = Mailbox::new();
        let mut inputs = bench.lab.inputs();
        mailbox.name_in(&mut inputs);
        Self {
            bench,
            what,
            place: Place::below(&std::env::temp_dir(), windlass()),
            inputs,
            shortened: Vec::new(),
            run: OnceCell::new(),
            follower: None,
            mailbox,
            sent: (Vec::new(), false),
        }
    }

    pub(crate) fn lab(&self) -> &Lab {
        &self.bench.lab
    }

    // --- What the run finds. ------------------------------------------------------------

    /// Writes other times into the copy of the runbook.
    pub(crate) fn shorten(&mut self, from: &str, to: &str) {
        self.shortened.push((from.to_owned(), to.to_owned()));
    }

    /// A file that the servers' account can reach.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        let run = self.place.beside().file_name().unwrap().to_string_lossy();
        self.lab().dir().join(format!("{run}-{name}"))
    }

    /// A program in the place of one of the inputs.
    pub(crate) fn program(&self, name: &str, body: &str) -> Value {
        let file = self.file(name);
        executable(&file, body);
        json!(file)
    }

    /// The program that an input names in an undisturbed run.
    pub(crate) fn real(&self, input: &str) -> String {
        self.lab().inputs()[input].as_str().unwrap().to_owned()
    }

    /// Backups go to a disk that fills while they are taken.
    pub(crate) fn small_disk(&mut self) -> SmallDisk {
        let real = self.real("pg_basebackup");
        let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
        if !is_root {
            skip("only root can mount a small file system: a limit of files stands for it");
            let body = format!(
                "ulimit -f 64; trap '' XFSZ; \"{real}\" \"$@\" && exit 0; echo 'No space left on device' >&2; exit 1"
            );
            self.inputs["pg_basebackup"] = self.program("pg_basebackup", &body);
            return SmallDisk(None);
        }
        let dir = self.file("disk");
        fs::create_dir(&dir).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=256m,mode=777", "tmpfs"]);
        assert!(mount.arg(&dir).status().unwrap().success());
        self.inputs["backup_dir"] = json!(dir);
        let body = format!("cat /dev/zero >\"${{2%/*}}/full\" 2>/dev/null; exec \"{real}\" \"$@\"");
        self.inputs["pg_basebackup"] = self.program("pg_basebackup", &body);
        SmallDisk(Some(dir))
    }

    /// The new binaries start every server but this one.
    pub(crate) fn break_new_build_for(&mut self, server: Server) {
        let real = PathBuf::from(self.real("new_build"));
        let broken = self.file("build");
        fs::create_dir_all(broken.join("bin")).unwrap();
        for folder in ["lib", "share"] {
            symlink(real.join(folder), broken.join(folder)).unwrap();
        }
        fs::copy(real.join("bin/pg_ctl"), broken.join("bin/pg_ctl")).unwrap();
        let data = self.bench.data_dir(server);
        let body = format!(
            "case \" $* \" in *' {} '*) exit 1 ;; esac; exec '{}' \"$@\"",
            data.display(),
            real.join("bin/postgres").display()
        );
        executable(&broken.join("bin/postgres"), &body);
        self.inputs["new_build"] = json!(broken);
    }

    pub(crate) fn mend_new_build(&mut self) {
        self.inputs["new_build"] = self.lab().inputs()["new_build"].clone();
    }

    /// Something that the servers' account does between the upgrades of the standbys and the
    /// primary's: the swap of the primary begins with a look through `psql`.
    pub(crate) fn before_the_primary_stops(&mut self, script: &str) {
        self.before_the_primary_stops_and_at_each_look(script, ":");
    }

    /// The same, and something that it does before each look, also when the primary is back.
    pub(crate) fn before_the_primary_stops_and_at_each_look(&mut self, script: &str, each: &str) {
        let done = self
            .lab()
            .dir()
            .join("backups")
            .join(self.file("done").file_name().unwrap());
        let (done, real) = (done.display(), self.real("psql"));
        let body = format!(
            "if [ ! -e '{done}' ]; then : >'{done}'; {script}; fi >'{done}.log' 2>&1\n{each} >/dev/null 2>&1\nexec \"{real}\" \"$@\""
        );
        self.inputs["psql"] = self.program("psql", &body);
    }

    /// The script that stops a server.
    pub(crate) fn stops(&self, server: Server) -> String {
        let pg_ctl = self.lab().description().old.dir.join("bin/pg_ctl");
        let data = self.bench.data_dir(server);
        format!(
            "'{}' stop -D '{}' -m fast -w",
            pg_ctl.display(),
            data.display()
        )
    }

    /// The script that stops a standby and drops the slot that it needs.
    pub(crate) fn drops_slot(&self, server: Server) -> String {
        let described = self.lab().description();
        let role = RoleName::Replication;
        format!(
            "{}; PGPASSWORD='{}' \"{}\" -X -d 'host={} port={} user={} dbname={} replication=yes sslmode=disable' -c 'DROP_REPLICATION_SLOT {server} WAIT'",
            self.stops(server),
            self.lab().password(role),
            self.real("psql"),
            described.host,
            described.server(Server::Primary).port,
            role.user(),
            described.database,
        )
    }

    /// The script that changes a byte in the first page of a table, once it is on disk whole,
    /// and has it read by whoever asks the server.
    pub(crate) fn tears(&self, table: &str) -> (String, String) {
        let monitor = RoleName::Monitor.user();
        let make = format!(
            "create table {table} as select 1 as one; grant select on {table} to {monitor}"
        );
        let lab = self.lab();
        lab.sql(Server::Primary, &make).unwrap();
        for whole in [format!("vacuum freeze {table}"), "checkpoint".to_owned()] {
            lab.sql(Server::Primary, &whole).unwrap();
        }
        let path = format!("select pg_relation_filepath('{table}')");
        let path = lab.sql_value(Server::Primary, &path).unwrap();
        let file = self.bench.data_dir(Server::Primary).join(path);
        let tear = format!(
            "printf x | dd of='{}' bs=1 seek=8000 conv=notrunc",
            file.display()
        );
        let read = format!("\"{}\" -X -c 'select * from {table}'", self.real("psql"));
        (tear, read)
    }

    // --- What people do. ----------------------------------------------------------------

    fn copy_of_runbooks(&self) -> PathBuf {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runbooks");
        let to = self.place.beside().join("runbooks");
        fs::create_dir_all(to.join("parts")).unwrap();
        let name = "postgres_minor_upgrade.yaml";
        let mut text = fs::read_to_string(from.join(name)).unwrap();
        for (long, short) in &self.shortened {
            assert!(text.contains(long), "{long:?} is not in the runbook");
            text = text.replace(long, short);
        }
        fs::write(to.join(name), text).unwrap();
        let part = "parts/postgres_prechecks.yaml";
        fs::copy(from.join(part), to.join(part)).unwrap();
        to.join(name)
    }

    fn secrets(&self) -> Vec<String> {
        let files = self.lab().secret_files().into_iter();
        let of_lab = files.flat_map(|(name, file)| {
            [
                "--secret".to_owned(),
                format!("{name}=file:{}", file.display()),
            ]
        });
        let of_mailbox = self.mailbox.secrets(self.place.beside());
        of_lab.chain(of_mailbox).collect()
    }

    fn input_file(&self) -> String {
        let file = self.place.beside().join("inputs.json");
        fs::write(&file, self.inputs.to_string()).unwrap();
        file.display().to_string()
    }

    /// Starts the run and follows it.
    pub(crate) fn run(&mut self) {
        let runbook = self.copy_of_runbooks();
        let mut command = self.place.command(["run", "--json", "--input-file"]);
        command
            .arg(self.input_file())
            .args(self.secrets())
            .arg(runbook);
        self.follower = Some(Life::begin(command));
    }

    /// Goes on with it as its owner.
    pub(crate) fn resume(&mut self) {
        let run = self.run_id();
        let mut command = self.place.command(["resume", &run, "--json"]);
        command.args(self.secrets());
        self.follower = Some(Life::begin(command));
    }

    /// A command about the run, which must be taken.
    #[track_caller]
    pub(crate) fn tell(&self, words: &[&str]) {
        let run = self.run_id();
        let words = words
            .iter()
            .map(|word| if *word == "RUN" { &run } else { *word });
        let death = Life::begin(self.place.command(words)).wait(PATIENCE, |_| {});
        assert!(death.status.success(), "{}: {death:#?}", self.what);
    }

    /// Another run of the same owner, which must come to its end meanwhile.
    #[track_caller]
    pub(crate) fn another_run_succeeds(&self) {
        let runbook = self.place.beside().join("another.yaml");
        let text = "windlass: 1\nname: another\ntitle: Nothing to do with it\nowner: windlass-tests\n\
                    steps:\n  look: {uses: shell, effect: read, with: {argv: [uname]}}\n";
        fs::write(&runbook, text).unwrap();
        self.run_id();
        self.tell(&["run", &runbook.display().to_string()]);
    }

    pub(crate) fn approve(&self) {
        self.tell(&["approve", "RUN", "go"]);
    }

    /// The command that the row names.
    fn named(&self, row: &Row) -> Command {
        let run = self.run_id();
        let mut words: Vec<String> = Vec::new();
        for word in row.next.split_whitespace().skip(1) {
            match word {
                "RUN" => words.push(run.clone()),
                "INPUTS" if words[0] == "resume" => words.extend(self.secrets()),
                "INPUTS" => {
                    words.extend(["--input-file".to_owned(), self.input_file()]);
                    words.extend(self.secrets());
                }
                "'...'" => words.push(REASON.to_owned()),
                "runbooks/postgres_minor_upgrade.yaml" => {
                    words.push(self.copy_of_runbooks().display().to_string());
                }
                // As a shell reads it: an item of a step stands in quotes.
                other => words.push(other.trim_matches('\'').to_owned()),
            }
        }
        self.place.command(words)
    }

    /// Types what the row says.
    pub(crate) fn obey(&self, row: &Row) -> Obeyed {
        Obeyed(Life::begin(self.named(row)).wait(PATIENCE, |_| {}))
    }

    /// The same with a command that follows the run from then on.
    pub(crate) fn obey_and_follow(&mut self, row: &Row) {
        let mut command = self.named(row);
        command.arg("--json");
        self.follower = Some(Life::begin(command));
    }

    /// SIGKILL for the engine.
    pub(crate) fn kill(&mut self) {
        let mut follower = self.follower.take().unwrap();
        follower.kill();
        let death = follower.wait(PATIENCE, |_| {});
        assert!(death.was_killed(), "{death:#?}");
    }

    /// The end of the machine: engine, steps and servers are gone at once.
    pub(crate) fn reboot(&mut self) {
        let run = self.run_id();
        self.kill();
        end_orphans(&run);
        for server in Server::ALL {
            self.lab().kill(server).unwrap();
        }
    }

    // --- What is seen. --------------------------------------------------------------------

    fn state_of_run(&self) -> Value {
        let runs = self.place.command(["runs", "--json"]).output().unwrap();
        let text = String::from_utf8_lossy(&runs.stdout).into_owned();
        let first = text
            .lines()
            .next()
            .and_then(|line| serde_json::from_str(line).ok());
        first.unwrap_or(Value::Null)
    }

    /// The id of the run, which is the first one of its state directory.
    pub(crate) fn run_id(&self) -> String {
        let find = || {
            let mut run = Value::Null;
            self.until("the run begins", CALL_EVERY, || {
                run = self.state_of_run()["run"].clone();
                run.is_string()
            });
            run.as_str().unwrap().to_owned()
        };
        self.run.get_or_init(find).clone()
    }

    #[track_caller]
    fn until(&self, what: &str, every: Duration, mut holds: impl FnMut() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !holds() {
            if Instant::now() > until {
                let lines = self.follower.as_ref().map(Life::lines).unwrap_or_default();
                let tail = lines.len().saturating_sub(LINES_TOLD_MAX);
                panic!(
                    "{}: not within {PATIENCE:?}: {what}\n{}",
                    self.what,
                    lines[tail..].join("\n")
                );
            }
            std::thread::sleep(every);
        }
    }

    /// Waits for a record of the run as it is followed, and answers its body.
    #[track_caller]
    pub(crate) fn record(&self, kind: &str, node: &str) -> Value {
        let follower = self.follower.as_ref().unwrap();
        let mut found = Value::Null;
        self.until(&format!("{kind} {node}"), LOOK_EVERY, || {
            let records = follower.lines().into_iter();
            // Few lines can be meant, and a run's first one is long.
            let marked = records.filter(|line| line.contains(&format!("\"type\":\"{kind}\"")));
            let bodies = marked.filter_map(|line| {
                let record: Value = serde_json::from_str(&line).ok()?;
                (record["type"] == kind).then(|| record["body"].clone())
            });
            let is_about = |body: &Value| body["node"]["step"] == node || body["step"] == node;
            found = bodies.into_iter().find(is_about).unwrap_or_default();
            !found.is_null()
        });
        found
    }

    pub(crate) fn at_gate(&self) {
        self.record("gate_opened", "go");
        // Sent before anything is done to the engine.
        let opened = ["gate_opened go".to_owned()];
        self.mailbox.holds(&self.run_id(), &opened, false);
    }

    fn why(&self) -> Value {
        let run = self.run_id();
        let output = self
            .place
            .command(["why", &run, "--json"])
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
    }

    /// The run is what the row says, tells those whom it names, and offers what it names.
    #[track_caller]
    pub(crate) fn comes_to(&mut self, row: &Row) {
        self.waits_or_ends(row);
        self.mailbox.holds(&self.run_id(), &row.sent, row.paged);
        self.sent = (row.sent.clone(), row.paged);
    }

    #[track_caller]
    fn waits_or_ends(&mut self, row: &Row) {
        let ended = BTreeSet::from(["succeeded", "failed", "cancelled"]);
        if ended.contains(row.state.as_str()) {
            let code = row.told.rsplit(' ').next().unwrap();
            self.ends_with(&row.state, code.parse().unwrap());
            return;
        }
        let why = self.waits_as(&row.state, &[&row.next]);
        let sentence = why["sentence"].as_str().unwrap();
        assert!(sentence.contains(&row.told), "{}: {sentence}", self.what);
    }

    /// The run comes to this state, and offers these commands; answers why it waits.
    #[track_caller]
    pub(crate) fn waits_as(&self, state: &str, commands: &[&str]) -> Value {
        let run = self.run_id();
        let spelled = |command: &&str| command.replace("RUN", &run).replace(" INPUTS", "");
        let commands: Vec<String> = commands.iter().map(spelled).collect();
        let mut why = Value::Null;
        self.until(
            &format!("the run is {state} and offers {commands:?}"),
            CALL_EVERY,
            || {
                why = self.why();
                let waits = why["waits"].as_array().into_iter().flatten();
                let offered: Vec<&Value> = waits
                    .flat_map(|wait| wait["next"].as_array().into_iter().flatten())
                    .collect();
                let is_offered = |command: &String| offered.iter().any(|offer| *offer == command);
                why["state"] == state && commands.iter().all(is_offered)
            },
        );
        why
    }

    #[track_caller]
    fn ends_with(&mut self, state: &str, code: i32) {
        let follower = self.follower.take().unwrap();
        let death = follower.wait(PATIENCE, |_| {});
        let why = self.why();
        assert_eq!(why["state"], state, "{}: {why:#}\n{death:#?}", self.what);
        assert_eq!(death.status.code(), Some(code), "{}: {death:#?}", self.what);
        fs::write(self.place.beside().join("followed"), death.out.join("\n")).unwrap();
    }

    /// The run that is followed succeeds.
    #[track_caller]
    pub(crate) fn follow_to_success(&mut self) {
        self.ends_with("succeeded", 0);
        let (sent, paged) = &self.sent;
        self.mailbox.ends(sent, *paged, "ended succeeded");
    }

    /// Whoever followed has read this.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) {
        let followed = fs::read_to_string(self.place.beside().join("followed")).unwrap();
        assert!(followed.contains(text), "{}: {followed}", self.what);
    }

    /// A step's log has this.
    #[track_caller]
    pub(crate) fn logged(&self, step: &str, text: &str) {
        let output = self
            .place
            .command(["logs", &self.run_id(), step])
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(log.contains(text), "{}: {log}", self.what);
    }

    #[track_caller]
    pub(crate) fn owes_nothing(&self) {
        let output = self
            .place
            .command(["show", &self.run_id()])
            .output()
            .unwrap();
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!shown.contains("OWES"), "{}: {shown}", self.what);
    }

    /// Every server runs this version, and the standbys follow.
    #[track_caller]
    pub(crate) fn all_run(&self, version: &str) {
        for server in Server::ALL {
            assert_eq!(
                self.lab().version(server).unwrap(),
                version,
                "{}: {server}",
                self.what
            );
        }
    }
}

fn executable(file: &Path, body: &str) {
    fs::write(file, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}
