//! One run of the runbook on a cloud that was put back: what is done to it, and what must
//! be seen. Times are shortened in a copy of the runbook, and one person is the board; nothing
//! else of it is changed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use rds_lab::api::{Api, Durations, Options, Region, Settings};
use rds_lab::{RoleName, Server};
use serde_json::{Value, json};
use windlass_tests::binary::windlass;
use windlass_tests::life::{Life, Place};
use windlass_tests::mailbox::Mailbox;
use windlass_tests::policy;
use windlass_tests::skip::skip;

use crate::page::Row;

/// How long an operation of the cloud takes at least.
const EACH: Duration = Duration::from_millis(300);
/// How long one process may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// What a person says where a reason is asked for.
const REASON: &str = "seen on the console";
/// Waits in the copy of the runbook.
const SHORTENED: &[(&str, &str)] = &[
    ("backoff: 30s", "backoff: 1s"),
    ("every: 15s", "every: 1s"),
    ("every: 10s", "every: 1s"),
    ("every: 5s", "every: 1s"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A cloud with its servers, for one night after the other.
pub(crate) struct City {
    api: Api,
    settings: Settings,
}

impl City {
    /// None after it was said that the plugin is not built.
    pub(crate) fn new() -> Option<Self> {
        if !root().join("plugins/otc-rds/build/plugin.wasm").exists() {
            skip("plugins/otc-rds is not built: `cargo xtask plugins` builds it");
            return None;
        }
        let mut lab = rds_lab::Options::new(root().join("target/lab/builds"));
        lab.fast_and_unsafe = true;
        let mut options = Options::postgres(lab);
        options.settings.durations = Durations::all(EACH);
        let api = Api::start(options).unwrap();
        api.snapshot().unwrap();
        let mut settings = None;
        api.settings(|found| settings = Some(found.clone()));
        Some(Self {
            api,
            settings: settings.unwrap(),
        })
    }

    pub(crate) fn night(&self, what: &'static str, row: Option<Row>) -> Night<'_> {
        self.api
            .settings(|settings| *settings = self.settings.clone());
        self.api.restore().unwrap();
        let endpoints = self.api.endpoints();
        let mut inputs = json!({
            "instance": "orders",
            "endpoint": endpoints.rds_eu_de,
            "iam_endpoint": endpoints.iam,
            "metrics_endpoint": endpoints.metrics,
            "networks": ["127.0.0.0/8"],
            "poll_every": "200ms",
            "dr": {
                "endpoint": endpoints.rds_eu_nl,
                "region": "eu-nl",
                "project_id": Region::EuNl.project_id(),
                "instance_id": self.api.servers().dr,
                "subnet": "127.0.0.0/8",
            },
            "database": "lab",
            "monitor_user": RoleName::Monitor.user(),
            "sslmode": "disable",
            "insecure_reason": "a lab on this machine",
        });
        let mailbox = Mailbox::new();
        mailbox.name_in(&mut inputs);
        Night {
            city: self,
            what,
            row,
            came: false,
            shortened: Vec::new(),
            mailbox,
            place: Place::below(&std::env::temp_dir(), windlass()),
            inputs,
            run: String::new(),
            said: String::new(),
        }
    }
}

/// One run.
pub(crate) struct Night<'a> {
    city: &'a City,
    what: &'static str,
    /// What the page says of it.
    row: Option<Row>,
    /// Whether the run was seen in the row's state.
    came: bool,
    shortened: Vec<(&'static str, &'static str)>,
    mailbox: Mailbox,
    place: Place,
    pub(crate) inputs: Value,
    run: String,
    /// Everything that was printed.
    said: String,
}

impl Night<'_> {
    pub(crate) fn api(&self) -> &Api {
        &self.city.api
    }

    pub(crate) fn primary(&self) -> String {
        self.api().servers().primary.clone()
    }

    pub(crate) fn settings(&self, change: impl FnOnce(&mut Settings)) {
        self.api().settings(change);
    }

    pub(crate) fn effects(&self) -> Vec<String> {
        self.api()
            .effects()
            .into_iter()
            .map(|effect| effect.what)
            .collect()
    }

    pub(crate) fn count(&self, what: &str) -> usize {
        self.api().count(what)
    }

    // --- What people do. ----------------------------------------------------------------

    /// Writes another time into the copy of the runbook.
    pub(crate) fn shorten(&mut self, from: &'static str, to: &'static str) {
        self.shortened.push((from, to));
    }

    /// Runs until the end or until a person is needed; it must end with this code.
    #[track_caller]
    pub(crate) fn run(&mut self, code: i32) {
        let runbooks = root().join("runbooks");
        let mut text = std::fs::read_to_string(runbooks.join("rds_pg_minor_upgrade.yaml")).unwrap();
        let changed = SHORTENED.iter().chain(&self.shortened);
        for (from, to) in changed.chain(&[policy::BOARD]) {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        // The plugin stays where it is.
        let plugins = root().join("plugins").canonicalize().unwrap();
        let beside = self.place.beside();
        std::os::unix::fs::symlink(plugins, beside.join("plugins")).unwrap();
        let folder = beside.join("runbooks");
        std::fs::create_dir(&folder).unwrap();
        let runbook = folder.join("rds_pg_minor_upgrade.yaml");
        std::fs::write(&runbook, text).unwrap();
        policy::of_one_person(beside);
        let inputs = beside.join("inputs.json");
        std::fs::write(&inputs, self.inputs.to_string()).unwrap();
        let (runbook, inputs) = (runbook.display().to_string(), inputs.display().to_string());
        let output = self.with_secrets(&["run", &runbook, "--input-file", &inputs, "--no-wait"]);
        let run = self.said.lines().find_map(|line| line.strip_prefix("run "));
        self.run = run
            .unwrap_or_else(|| panic!("{}: {}", self.what, self.said))
            .to_owned();
        self.ended(&output, code);
    }

    /// Up to the gate at the point of no return, past the board.
    pub(crate) fn up_to_the_gate(&mut self) {
        self.run(5);
        self.says("gate change_board is open");
        assert_eq!(self.count("backup.started"), 0, "nothing before the board");
        self.tell(&["approve", "RUN", "change_board"]);
        self.resume(5);
        self.says("gate go is open");
    }

    pub(crate) fn approve(&mut self) {
        self.tell(&["approve", "RUN", "go"]);
    }

    /// Goes on until the end or until a person is needed; it must end with this code.
    #[track_caller]
    pub(crate) fn resume(&mut self, code: i32) {
        let run = self.run.clone();
        let output = self.with_secrets(&["resume", &run, "--no-wait"]);
        self.ended(&output, code);
    }

    /// The same, however it ends.
    pub(crate) fn go_on(&mut self) -> i32 {
        let run = self.run.clone();
        let output = self.with_secrets(&["resume", &run, "--no-wait"]);
        output.status.code().unwrap()
    }

    /// Goes on, and is killed as soon as that is due.
    pub(crate) fn kill_when(&mut self, is_due: impl Fn(&Self) -> bool) {
        let run = self.run.clone();
        let command = self.secrets_for(&["resume", &run, "--no-wait"]);
        let life = Life::begin(command);
        let death = life.wait(PATIENCE, |life| {
            if is_due(self) {
                life.kill();
            }
        });
        assert!(death.was_killed(), "{}: {death:#?}", self.what);
    }

    /// Goes on, and somebody cancels as soon as the cloud's log has this effect.
    pub(crate) fn cancelled_at(&mut self, effect: &str) {
        let run = self.run.clone();
        let life = Life::begin(self.secrets_for(&["resume", &run, "--no-wait"]));
        let mut told = false;
        let death = life.wait(PATIENCE, |_| {
            if !told && self.count(effect) > 0 {
                told = true;
                self.tell(&["cancel", "RUN", "--reason", "wrong night"]);
            }
        });
        assert_eq!(death.status.code(), Some(4), "{}: {death:#?}", self.what);
    }

    #[track_caller]
    fn ended(&self, output: &Output, code: i32) {
        let found = output.status.code();
        assert_eq!(found, Some(code), "{}: {}", self.what, self.said);
    }

    /// A command of a person about the run.
    pub(crate) fn tell(&mut self, arguments: &[&str]) {
        let run = self.run.clone();
        let arguments = arguments.iter().map(|argument| match *argument {
            "RUN" => run.as_str(),
            other => other,
        });
        let command = self.command(arguments);
        let output = self.call(command);
        assert!(output.status.success(), "{}: {}", self.what, self.said);
    }

    fn with_secrets(&mut self, arguments: &[&str]) -> Output {
        let command = self.secrets_for(arguments);
        self.call(command)
    }

    fn secrets_for(&self, arguments: &[&str]) -> Command {
        let credentials = self.api().credentials();
        let lab = self.api().lab().unwrap();
        let secrets = [
            ("otc_access_key", credentials.access_key.as_str()),
            ("otc_secret_key", credentials.secret_key.as_str()),
            ("monitor_password", lab.password(RoleName::Monitor)),
        ];
        let mut command = self.command(arguments.iter().copied());
        for (name, value) in secrets {
            let variable = name.to_uppercase();
            command
                .arg("--secret")
                .arg(format!("{name}=env:{variable}"));
            command.env(variable, value);
        }
        command.args(self.mailbox.secrets(self.place.beside()));
        command
    }

    /// The program, under the policy.
    fn command<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = self.place.command(arguments);
        command.env("WINDLASS_POLICY", self.place.beside().join("policy.yaml"));
        command
    }

    fn call(&mut self, mut command: Command) -> Output {
        let output = command.stdin(std::process::Stdio::null()).output().unwrap();
        for text in [&output.stdout, &output.stderr] {
            self.said.push_str(&String::from_utf8_lossy(text));
        }
        output
    }

    /// Types what the page's row names.
    #[track_caller]
    pub(crate) fn obeys_its_row(&mut self) {
        let row = self.row.clone().unwrap();
        let next = row
            .next
            .unwrap_or_else(|| panic!("{} names no command", row.what));
        let words = next.replace("'...'", "REASON").replace('\'', "");
        let mut words = words.split(' ');
        assert_eq!(words.next(), Some("windlass"), "{next}");
        let words: Vec<&str> = words
            .map(|word| if word == "REASON" { REASON } else { word })
            .collect();
        self.tell(&words);
    }

    // --- What must be true. ---------------------------------------------------------------

    /// The run is in the state that the page's row names.
    #[track_caller]
    pub(crate) fn comes_to_its_row(&mut self) {
        let row = self.row.clone().unwrap();
        let runs = self.place.command(["runs", "--json"]).output().unwrap();
        let text = String::from_utf8_lossy(&runs.stdout).into_owned();
        let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(first["state"], row.state.as_str(), "{}: {first}", self.what);
        self.came = true;
    }

    /// It was looked whether it is so, where the page says something.
    pub(crate) fn came_to_its_row(&self) {
        assert_eq!(self.came, self.row.is_some(), "{}", self.what);
    }

    /// The webhook was told of the gate, of what a person is needed for, and of the end; a
    /// person was paged, and is told that nobody is needed any more.
    #[track_caller]
    pub(crate) fn told_and_paged(&self) {
        let opened = ["gate_opened change_board", "gate_opened go"].map(str::to_owned);
        self.mailbox.ends(&opened, true, "ended succeeded");
    }

    /// It was printed, by the run or by a look at it.
    #[track_caller]
    pub(crate) fn says(&mut self, what: &str) {
        if !self.said.contains(what) {
            let run = self.run.clone();
            let command = self.place.command(["show", &run]);
            self.call(command);
        }
        assert!(
            self.said.contains(what),
            "{}: no {what:?} in {}",
            self.what,
            self.said
        );
    }

    #[track_caller]
    pub(crate) fn all_run(&self, version: &str) {
        self.run_version(&Server::ALL, version);
    }

    #[track_caller]
    pub(crate) fn all_but_dr_run(&self, version: &str) {
        let others: Vec<Server> = Server::ALL
            .into_iter()
            .filter(|it| *it != Server::Dr)
            .collect();
        self.run_version(&others, version);
    }

    #[track_caller]
    fn run_version(&self, servers: &[Server], version: &str) {
        for server in servers {
            let found = self.api().lab().unwrap().version(*server).unwrap();
            assert_eq!(found, version, "{}: {server}", self.what);
        }
    }

    /// The DR server follows the primary, and so do the replicas.
    #[track_caller]
    pub(crate) fn dr_is_well(&self) {
        let lab = self.api().lab().unwrap();
        assert!(lab.is_in_recovery(Server::Dr).unwrap(), "{}", self.what);
        lab.wait_streaming(&Server::STANDBYS, Duration::from_secs(20))
            .unwrap_or_else(|error| panic!("{}: {error}", self.what));
    }
}
