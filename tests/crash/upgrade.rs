//! One run of the flagship runbook on a bench: the processes that live and die over it, the
//! person who approves and settles meanwhile, and what must hold at its end.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rds_lab::{Server, Status};
use serde_json::Value;
use windlass_core::event::{End, Event};
use windlass_tests::binary::windlass_failpoints;
use windlass_tests::journal::{Story, Watch, assert_whole};
use windlass_tests::life::{Death, Life, Place};
use windlass_tests::orphans::end_orphans;

use crate::audit::{audit, audit_announced};
use crate::bench::{Bench, CHANGES};
use crate::small::{Kill, Shown, has_ended};
use crate::wrapped::Phase;

/// How long one process may take.
const LIFE_MAX: Duration = Duration::from_secs(120);
/// How often the gate is looked at.
const GATE_LOOK_EVERY: Duration = Duration::from_millis(100);
/// How many unarmed processes may be needed to bring a run to its end.
const LIVES_MAX: usize = 5;

/// One run on a bench.
pub(crate) struct Upgrade<'a> {
    bench: &'a Bench,
    pub(crate) place: Place,
    watch: Watch,
    pub(crate) deaths: Vec<Death>,
    /// Approvals that the approving process said were recorded.
    approved: usize,
    /// Changes of which a person said what became.
    settled: usize,
    /// Reads that a person had tried again.
    retried: usize,
    /// Whether a step's own process was killed: then a change that said that it was about to
    /// act may not have acted.
    is_cut_short: bool,
}

impl<'a> Upgrade<'a> {
    pub(crate) fn new(bench: &'a Bench) -> Self {
        let place = Place::below(&std::env::temp_dir(), windlass_failpoints());
        let inputs = bench.lab.inputs().to_string();
        fs::write(place.beside().join("inputs.json"), inputs).unwrap();
        Self {
            bench,
            watch: Watch::of(place.state()),
            place,
            deaths: Vec::new(),
            approved: 0,
            settled: 0,
            retried: 0,
            is_cut_short: false,
        }
    }

    pub(crate) fn story(&self) -> Option<Story> {
        Story::read(&self.place.state())
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.story().as_ref().is_some_and(has_ended)
    }

    fn next_command(&self) -> Command {
        let mut command = match self.story() {
            Some(story) => self.place.command(["resume", &story.run, "--json"]),
            None => {
                let runbook = Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join("../runbooks/postgres_minor_upgrade.yaml");
                let inputs = self.place.beside().join("inputs.json");
                let mut command = self.place.command(["run", "--json", "--input-file"]);
                command.arg(inputs).arg(runbook);
                command
            }
        };
        for (name, file) in self.bench.lab.secret_files() {
            let from = format!("{name}=file:{}", file.display());
            command.args(["--secret", &from]);
        }
        command
    }

    /// Lets one process live until it is killed as told, or ends; a second process approves
    /// the gate meanwhile. Answers whether it was killed.
    pub(crate) fn live(&mut self, kill: Option<&Kill>) -> bool {
        let mut dies_at = None;
        let mut command = self.next_command();
        match kill {
            Some(Kill::At(point) | Kill::AtWithAll(point)) => {
                command.env("WINDLASS_FAILPOINT", point);
            }
            Some(Kill::After(span)) => dies_at = Some(Instant::now() + *span),
            Some(Kill::AfterRecords(_)) | None => {}
        }
        let is_due = || dies_at.is_some_and(|at| Instant::now() >= at);
        let killed = self.follow(command, is_due);
        if let (Some(Kill::AtWithAll(_)), Some(story)) = (kill, self.story()) {
            self.is_cut_short |= end_orphans(&story.run) > 0;
        }
        killed
    }

    /// Lets one process live until the swap of a server has come so far, where its step waits.
    /// With `all`, every process of the run ends with the engine; else the step goes on once
    /// the next owner has found it at work.
    pub(crate) fn live_until(&mut self, server: Server, phase: Phase, all: bool) -> bool {
        let Bench { lab, wrapped, .. } = self.bench;
        wrapped.hold(lab, server, phase);
        let killed = self.follow(self.next_command(), || wrapped.is_reached());
        if let (true, Some(story)) = (all, self.story()) {
            self.is_cut_short |= end_orphans(&story.run) > 0;
            wrapped.release();
        }
        killed
    }

    /// Follows a process until it ends, or is to be killed. Answers whether it was.
    fn follow(&mut self, command: Command, is_due: impl Fn() -> bool) -> bool {
        let mut look_at = Instant::now();
        let death = Life::begin(command).wait(LIFE_MAX, |life| {
            if is_due() {
                life.kill();
            } else if Instant::now() >= look_at {
                look_at = Instant::now() + GATE_LOOK_EVERY;
                self.attend(life);
            }
        });
        let killed = death.was_killed();
        assert!(
            killed || death.status.success(),
            "{death:#?}\n{}",
            self.outline()
        );
        self.deaths.push(death);
        killed
    }

    /// What a person does meanwhile, if `owner` owns the directory: without an owner a command
    /// would itself go on with the run, and nobody would kill it.
    fn attend(&mut self, owner: &mut Life) {
        let lock = fs::read_to_string(self.place.state().join("owner.lock"));
        let note = lock
            .ok()
            .and_then(|note| serde_json::from_str::<Value>(&note).ok());
        let owns = note.is_some_and(|note| note["pid"] == owner.pid());
        let Some(story) = self.watch.look().filter(|_| owns) else {
            return;
        };
        let run = story.run.clone();
        let (gate, unseen, failed) = (story.open_gate(), story.unseen(), story.failed());
        let is_found = |event: &Event| matches!(event, Event::OrphanFound { .. });
        if story.events().any(is_found) {
            self.bench.wrapped.release();
        }
        drop(story);
        if let Some(gate) = gate {
            let approve = ["approve", &run, &gate, "--note", "crash suite"];
            // The owner may be killed while it is asked.
            self.approved += usize::from(self.tell(&approve, owner));
        }
        if let Some(node) = unseen {
            self.settle(&run, &node, owner);
        }
        if let Some(node) = failed {
            self.retry(&run, &node, owner);
        }
    }

    /// A read that was in flight at more deaths of its engine than the engine takes for bad
    /// luck has failed, and the run waits for a person, as it may not stop any more. No other
    /// step fails here; nothing of a read remains, so nobody has to say so.
    fn retry(&mut self, run: &str, node: &str, owner: &mut Life) {
        let retry = ["retry", run, node, "--reason", "the engine was killed"];
        self.retried += usize::from(self.tell(&retry, owner));
    }

    /// The look at the target sees no server, neither an old nor a new one: a person says what
    /// became of the change, once it is sure that nobody starts it any more.
    fn settle(&mut self, run: &str, node: &str, owner: &mut Life) {
        assert!(
            self.is_cut_short,
            "{node}: only what was cut down itself leaves no server"
        );
        let (_, server) = CHANGES.iter().find(|(of, _)| *of == node).unwrap();
        if matches!(self.bench.lab.status(*server), Ok(Status::Stopped)) {
            let said = [
                "resolve",
                run,
                node,
                "not-happened",
                "--reason",
                "no server runs",
            ];
            // Before its attempt is surely over this is refused, and said again.
            self.settled += usize::from(self.tell(&said, owner));
        }
    }

    /// Types a command. Where its owner dies meanwhile, the command itself may have become the
    /// next one, and dies, too.
    fn tell(&self, words: &[&str], owner: &mut Life) -> bool {
        let death = Life::begin(self.place.command(words)).wait(LIFE_MAX, |told| {
            if !owner.lives() {
                told.kill();
            }
        });
        death.status.success()
    }

    fn outline(&self) -> String {
        self.story()
            .map_or_else(String::new, |story| story.outline())
    }

    /// Brings the run to its end and holds the promises against it.
    pub(crate) fn finish(&mut self) -> Shown {
        for life in 0.. {
            if self.has_ended() {
                break;
            }
            assert!(life < LIVES_MAX, "the run does not end\n{}", self.outline());
            self.live(None);
        }
        let story = self.story().expect("a run that ended has begun");
        let outline = story.outline();
        let Some(Event::RunEnded { end, .. }) = story.events().last() else {
            panic!("it has not ended\n{outline}");
        };
        assert_eq!(*end, End::Succeeded, "{outline}");
        let mut shown = Shown::default();
        for death in &self.deaths {
            let (held, lost) = story.holds(&death.acknowledged());
            shown.acknowledged += held;
            shown.lost += lost.len();
            assert!(
                lost.is_empty(),
                "acknowledged and lost: {lost:?}\n{outline}"
            );
        }
        let recorded = story
            .events()
            .filter(|event| matches!(event, Event::GateApproved { .. }));
        assert_eq!(recorded.count(), 1, "{outline}");
        assert!(self.approved <= 1, "one approval, answered once\n{outline}");
        assert_whole(&self.place.state());
        let witness = self.bench.wrapped.witness();
        shown.counts = if self.is_cut_short {
            audit_announced(&story, &witness)
        } else {
            audit(&story, &witness)
        };
        shown.counts.asked += self.settled;
        assert_eq!(shown.counts.changes, CHANGES.len(), "{outline}");
        self.bench.assert_upgraded_once(&witness);
        shown
    }
}
