//! One run of the vendor's procedure on a cloud of its own: the processes that live and die
//! over it, and the person who approves, looks and settles meanwhile. Times are shortened in
//! a copy of the runbook, and what asks servers answers by itself.
//!
//! What a plugin sent may take effect until its send deadline and its settle time are over.
//! Where a run only waits for that, its process is killed and time passes at once: the wall
//! clock of the next process and the clock of the cloud go on by as much.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rds_lab::api::{Api, Durations, Fault, On, Options, UnderDr, without_servers};
use serde_json::{Value, json};
use windlass_core::event::Event;
use windlass_core::outcome::Answer;
use windlass_tests::binary::windlass_failpoints;
use windlass_tests::journal::{Recorded, Story, Watch};
use windlass_tests::life::{Death, Life, Place};
use windlass_tests::policy;
use windlass_tests::skip::skip;

use super::{HELD_MS, Order};
use crate::small::has_ended;

/// How long one process may take.
const LIFE_MAX: Duration = Duration::from_secs(120);
/// How often the run is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How many processes may be needed to bring a run to its end.
const LIVES_MAX: usize = 150;
/// How long an operation of the cloud takes.
const EACH: Duration = Duration::from_millis(200);
/// More than the longest send deadline of the copy and the settle time of its actions.
const PASSES: Duration = Duration::from_secs(80);
/// A wait that is no backoff of the copy.
const LONG_MS: i64 = 20_000;
/// How the plugin says that an unanswered request may still be carried out.
const ON_ITS_WAY: &str = "may be on its way";
/// What is shortened in the copy of the runbook.
const SHORTENED: [(&str, &str); 11] = [
    ("backoff: 30s", "backoff: 200ms"),
    ("backoff: 10s", "backoff: 200ms"),
    ("every: 15s", "every: 300ms"),
    ("every: 10s", "every: 300ms"),
    ("backoff: 10m", "backoff: 200ms"),
    ("timeout: 80m", "timeout: 15s"),
    ("timeout: 20m", "timeout: 15s"),
    ("timeout: 1h", "timeout: 15s"),
    ("timeout: 4h", "timeout: 15s"),
    ("expires: 30m", "expires: 6h"),
    policy::BOARD,
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(super) fn plugin_is_built() -> bool {
    root().join("plugins/otc-rds/build/plugin.wasm").is_file()
}

/// The library that sets the clock of one process, where Debian's package `faketime` puts it.
pub(crate) fn clock_library() -> Option<PathBuf> {
    let places = fs::read_dir("/usr/lib").ok()?.flatten();
    let mut found = places.map(|place| place.path().join("faketime/libfaketimeMT.so.1"));
    found.find(|library| library.is_file())
}

/// One run.
pub(crate) struct Night {
    pub(super) api: Api,
    pub(super) place: Place,
    pub(super) deaths: Vec<Death>,
    /// How often a person was needed, and how often of these the debt was shown.
    pub(super) person: usize,
    pub(super) debts_shown: usize,
    watch: Watch,
    runbook: PathBuf,
    faketime: Option<PathBuf>,
    /// How far the wall clock of the next process is ahead.
    ahead: Duration,
    /// Until then a request may be in the hands of the cloud.
    held_until: Instant,
    /// Whether the run waits for a person who has nothing to go by.
    pub(super) rests: bool,
}

impl Night {
    pub(super) fn new(order: Order, under_dr: UnderDr) -> Self {
        let mut options = Options::simulated();
        options.settings.durations = Durations::all(EACH);
        options.settings.under_dr = under_dr;
        let api = Api::start(options).unwrap();
        let place = Place::below(&crate::volatile(), windlass_failpoints());
        let runbook = copy(place.beside());
        policy::of_one_person(place.beside());
        let mut inputs = api.inputs();
        inputs["poll_every"] = json!("50ms");
        inputs["dr_order"] = json!(match order {
            Order::After => "after",
            Order::Before => "before",
        });
        fs::write(place.beside().join("inputs.json"), inputs.to_string()).unwrap();
        let faketime = clock_library();
        if faketime.is_none() {
            skip("crash: libfaketime is not here, so settle times are waited for");
        }
        Self {
            api,
            watch: Watch::of(place.state()),
            place,
            deaths: Vec::new(),
            person: 0,
            debts_shown: 0,
            runbook,
            faketime,
            ahead: Duration::ZERO,
            held_until: Instant::now(),
            rests: false,
        }
    }

    pub(super) fn story(&self) -> Option<Story> {
        Story::read(&self.place.state())
    }

    pub(super) fn outline(&self) -> String {
        let story = self.story();
        story.map_or_else(String::new, |story| story.outline())
    }

    pub(super) fn has_ended(&self) -> bool {
        self.story().as_ref().is_some_and(has_ended)
    }

    // --- Blows. ---------------------------------------------------------------------------

    /// The next process is killed at this point.
    pub(super) fn dies_at(&mut self, point: &str) -> usize {
        usize::from(self.live(Some(point), |_| false))
    }

    /// Killed at each record that it has not been killed at yet.
    pub(super) fn dies_at_each_record(&mut self) -> usize {
        let seen = self.place.beside().join("seen");
        let point = format!("each:{}", seen.display());
        while !self.has_ended() && !self.rests {
            assert!(self.deaths.len() < LIVES_MAX, "{}", self.outline());
            self.live(Some(&point), |_| false);
        }
        fs::read_to_string(&seen).unwrap().lines().count()
    }

    /// Killed while the cloud has the request in its hands.
    pub(super) fn dies_within(&mut self, on: On, held: Fault) -> usize {
        let armed = self.api.fault(on, held);
        let killed = self.live(None, |night| night.api.fired(armed) > 0);
        self.held_until = Instant::now() + Duration::from_millis(2 * HELD_MS);
        assert_eq!(usize::from(killed), self.api.fired(armed) as usize);
        usize::from(killed)
    }

    /// Something happens on the wire, and the process may also die at a point.
    pub(super) fn meets(&mut self, on: On, fault: Fault, point: Option<&str>) -> usize {
        let armed = self.api.fault(on, fault);
        let mut dealt = usize::from(self.live(point, |_| false));
        assert_eq!(dealt, usize::from(point.is_some()), "it was not killed");
        while !self.has_ended() && !self.rests {
            assert!(self.deaths.len() < LIVES_MAX, "{}", self.outline());
            self.live(None, |_| false);
        }
        dealt += self.api.fired(armed) as usize;
        dealt
    }

    // --- Lives. ---------------------------------------------------------------------------

    /// Brings the run to its end, or to where only a person with better eyes can go on.
    pub(super) fn end_it(&mut self) {
        while !self.has_ended() && !self.rests {
            assert!(self.deaths.len() < LIVES_MAX, "{}", self.outline());
            self.live(None, |_| false);
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command(arguments);
        command.env("WINDLASS_POLICY", self.place.beside().join("policy.yaml"));
        if let Some(library) = self.faketime.as_ref().filter(|_| !self.ahead.is_zero()) {
            command
                .env("LD_PRELOAD", library)
                .env("FAKETIME", format!("+{}", self.ahead.as_secs()))
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
                .env("DONT_FAKE_MONOTONIC", "1");
        }
        command
    }

    fn next_life(&self, point: Option<&str>) -> Command {
        let inputs = self.place.beside().join("inputs.json");
        let (runbook, inputs) = (
            self.runbook.display().to_string(),
            inputs.display().to_string(),
        );
        let mut command = match self.story() {
            Some(story) => self.command(&["resume", &story.run, "--json"]),
            None => self.command(&["run", &runbook, "--json", "--input-file", &inputs]),
        };
        for (name, value) in self.api.secrets() {
            let variable = name.to_uppercase();
            command
                .arg("--secret")
                .arg(format!("{name}=env:{variable}"))
                .env(variable, value);
        }
        if let Some(point) = point {
            command.env("WINDLASS_FAILPOINT", point);
        }
        command
    }

    /// Lets one process live until it dies at its point, is killed because that is due, or
    /// because it only waits, or ends. Answers whether the blow fell.
    fn live(&mut self, point: Option<&str>, is_due: impl Fn(&Self) -> bool) -> bool {
        let command = self.next_life(point);
        let known = self.story().map_or(0, |story| story.records.len());
        let mut look_at = Instant::now();
        let (mut was_due, mut passes) = (false, false);
        let death = Life::begin(command).wait(LIFE_MAX, |life| {
            if was_due || passes || self.rests {
                return;
            }
            if is_due(self) {
                was_due = true;
                life.kill();
            } else if Instant::now() >= look_at {
                look_at = Instant::now() + LOOK_EVERY;
                passes = self.attend(life, known);
                if passes || self.rests {
                    life.kill();
                }
            }
        });
        let killed = death.was_killed();
        assert!(
            killed || matches!(death.status.code(), Some(0 | 1)),
            "{death:#?}\n{}",
            self.outline()
        );
        self.deaths.push(death);
        if passes {
            self.ahead += PASSES;
            self.api.clock().advance(PASSES);
        }
        was_due || (killed && point.is_some() && !passes && !self.rests)
    }

    /// What a person does meanwhile, if `owner` owns the directory: without an owner a command
    /// would itself go on with the run, and nobody would kill it. Answers whether the run only
    /// waits for time to pass, after what was `known` when its process began.
    fn attend(&mut self, owner: &mut Life, known: usize) -> bool {
        let lock = fs::read_to_string(self.place.state().join("owner.lock"));
        let note = lock
            .ok()
            .and_then(|note| serde_json::from_str::<Value>(&note).ok());
        let owns = note.is_some_and(|note| note["pid"] == owner.pid());
        let Some(story) = self.watch.look().filter(|_| owns) else {
            return false;
        };
        let run = story.run.clone();
        let (gate, doubted, failed) = (story.open_gate(), story.needs_person(), story.failed());
        let is_new = story.records.len() > known;
        let (waits, ended) = (is_new && self.only_waits(&story), has_ended(&story));
        drop(story);
        if ended {
            return false;
        }
        if let Some(gate) = gate {
            self.tell(&["approve", &run, &gate, "--note", "crash suite"], owner);
        }
        if let Some(node) = doubted {
            self.settle(&run, &node, owner);
        }
        if let Some(node) = failed {
            self.retry(&run, &node, owner);
        }
        waits
    }

    /// Whether only time can say that nothing comes: the last look found nothing, or not all
    /// of it, or what may be repeated is not repeated yet.
    fn only_waits(&self, story: &Story) -> bool {
        let waits = |record: &Recorded| match &record.event {
            Event::DoubtAnswered { answer, .. } => match answer {
                Answer::NotHappened { .. } => true,
                Answer::InProgress { note } => note.contains(ON_ITS_WAY),
                _ => false,
            },
            Event::RetryScheduled { at, .. } => at.0 > record.at_ms + LONG_MS,
            _ => false,
        };
        self.faketime.is_some()
            && Instant::now() > self.held_until
            && story.records.last().is_some_and(waits)
    }

    /// The engine cannot tell. Of what is right in any state a person has another attempt
    /// made; of all else the person looks at the cloud, and where it is at work or done the
    /// run is left as it is: with its debt shown.
    fn settle(&mut self, run: &str, node: &str, owner: &mut Life) {
        if Instant::now() < self.held_until || self.api.wait_at_rest(LIFE_MAX).is_err() {
            return;
        }
        self.needed(run);
        let acted = match node {
            "upgrade" => self.api.count("upgrade.started") > 0,
            _ => false,
        };
        if acted {
            self.rests = true;
            return;
        }
        let said = ["resolve", run, node, "not-happened", "--reason", "looked"];
        self.tell(&said, owner);
    }

    /// A step failed and the run may not end, as it owes something.
    fn retry(&mut self, run: &str, node: &str, owner: &mut Life) {
        if node == "upgrade" {
            self.rests = true;
            return;
        }
        self.needed(run);
        let words = [
            "retry",
            run,
            node,
            "--reason",
            "once more",
            "--nothing-remains",
        ];
        if !self.tell(&words, owner) {
            self.tell(&words[..5], owner);
        }
    }

    /// A person is needed and looks at the run.
    fn needed(&mut self, run: &str) {
        self.person += 1;
        self.debts_shown += usize::from(self.shows_debt(run));
    }

    pub(super) fn shows_debt(&self, run: &str) -> bool {
        let shown = Life::begin(self.command(&["show", run])).wait(LIFE_MAX, |_| {});
        let owes = |line: &String| line.contains("OWES dr_established");
        shown.out.iter().any(owes)
    }

    /// Types a command. Where its owner dies meanwhile, the command itself may have become the
    /// next one, and dies, too.
    fn tell(&self, words: &[&str], owner: &mut Life) -> bool {
        let death = Life::begin(self.command(words)).wait(LIFE_MAX, |told| {
            if !owner.lives() {
                told.kill();
            }
        });
        death.status.success()
    }
}

/// The runbook with shorter times, beside the plugins that it names.
fn copy(beside: &Path) -> PathBuf {
    let name = "rds_pg_minor_upgrade.yaml";
    let text = fs::read_to_string(root().join("runbooks").join(name)).unwrap();
    let mut text = without_servers(&text).unwrap();
    for (from, to) in SHORTENED {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let plugins = root().join("plugins").canonicalize().unwrap();
    std::os::unix::fs::symlink(plugins, beside.join("plugins")).unwrap();
    let folder = beside.join("runbooks");
    fs::create_dir(&folder).unwrap();
    let runbook = folder.join(name);
    fs::write(&runbook, text).unwrap();
    runbook
}
