//! The flagship runbook on real PostgreSQL servers, killed and resumed.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rds_lab::Status;
use serde_json::Value;
use windlass_core::event::{End, Event};
use windlass_tests::binary::windlass_failpoints;
use windlass_tests::journal::{Story, assert_whole};
use windlass_tests::life::{Death, Life, Place};
use windlass_tests::random::{Random, SEED_VARIABLE, seed};

use crate::audit::{audit, audit_announced};
use crate::bench::{Bench, CHANGES};
use crate::is_full;
use crate::report::{Tally, say};
use crate::small::{Kill, Shown, has_ended};

/// How long one process may take.
const LIFE_MAX: Duration = Duration::from_secs(120);
/// How often the gate is looked at.
const GATE_LOOK_EVERY: Duration = Duration::from_millis(100);
/// How many unarmed processes may be needed to bring a run to its end.
const LIVES_MAX: usize = 5;

/// One run on a bench.
struct Upgrade<'a> {
    bench: &'a Bench,
    place: Place,
    deaths: Vec<Death>,
    /// Approvals that the approving process said were recorded.
    approved: usize,
    /// Changes of which a person said what became.
    settled: usize,
    /// Whether a step's own process was killed: then a change that said that it was about to
    /// act may not have acted.
    is_cut_short: bool,
}

impl<'a> Upgrade<'a> {
    fn new(bench: &'a Bench) -> Self {
        let place = Place::below(&std::env::temp_dir(), windlass_failpoints());
        let inputs = bench.lab.inputs().to_string();
        fs::write(place.beside().join("inputs.json"), inputs).unwrap();
        Self {
            bench,
            place,
            deaths: Vec::new(),
            approved: 0,
            settled: 0,
            is_cut_short: false,
        }
    }

    fn story(&self) -> Option<Story> {
        Story::read(&self.place.state())
    }

    fn has_ended(&self) -> bool {
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
    fn live(&mut self, kill: Option<&Kill>) -> bool {
        let mut command = self.next_command();
        let mut dies_at = None;
        match kill {
            Some(Kill::At(point) | Kill::AtWithAll(point)) => {
                command.env("WINDLASS_FAILPOINT", point);
            }
            Some(Kill::After(span)) => dies_at = Some(Instant::now() + *span),
            Some(Kill::AfterRecords(_)) | None => {}
        }
        let mut look_at = Instant::now();
        let death = Life::begin(command).wait(LIFE_MAX, |life| {
            if dies_at.is_some_and(|at| Instant::now() >= at) {
                life.kill();
            } else if Instant::now() >= look_at {
                look_at = Instant::now() + GATE_LOOK_EVERY;
                self.attend(life.pid());
            }
        });
        let killed = death.was_killed();
        assert!(
            killed || death.status.success(),
            "{death:#?}\n{}",
            self.outline()
        );
        if let (Some(Kill::AtWithAll(_)), Some(story)) = (kill, self.story()) {
            self.is_cut_short |= end_orphans(&story.run) > 0;
        }
        self.deaths.push(death);
        killed
    }

    /// What a person does meanwhile, if `pid` owns the directory: without an owner a command
    /// would itself go on with the run, and nobody would kill it.
    fn attend(&mut self, pid: u32) {
        let lock = fs::read_to_string(self.place.state().join("owner.lock"));
        let owner = lock
            .ok()
            .and_then(|note| serde_json::from_str::<Value>(&note).ok());
        let owns = owner.is_some_and(|owner| owner["pid"] == pid);
        let Some(story) = self.story().filter(|_| owns) else {
            return;
        };
        if let Some(gate) = story.open_gate() {
            let approve = ["approve", &story.run, &gate, "--note", "crash suite"];
            // The owner may be killed while it is asked.
            self.approved += usize::from(self.tell(&approve));
        }
        if let Some(node) = story.unseen() {
            self.settle(&story.run, &node);
        }
    }

    /// The look at the target sees no server, neither an old nor a new one: a person says what
    /// became of the change, once it is sure that nobody starts it any more.
    fn settle(&mut self, run: &str, node: &str) {
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
            self.settled += usize::from(self.tell(&said));
        }
    }

    fn tell(&self, words: &[&str]) -> bool {
        let death = Life::begin(self.place.command(words)).wait(LIFE_MAX, |_| {});
        death.status.success()
    }

    fn outline(&self) -> String {
        self.story()
            .map_or_else(String::new, |story| story.outline())
    }

    /// Brings the run to its end and holds the promises against it.
    fn finish(&mut self) -> Shown {
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
        let witness = self.bench.witness();
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

/// Kills every process of the run's attempts, as the end of the machine would; answers how
/// many there were. Servers are none of them.
fn end_orphans(run: &str) -> usize {
    let marker = format!("WINDLASS_ATTEMPT={run}/");
    let is_of_the_run = |pid: &u32| {
        let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environ
            .split(|byte| *byte == 0)
            .any(|variable| variable.starts_with(marker.as_bytes()))
    };
    let mut ended = 0;
    loop {
        let entries = fs::read_dir("/proc").unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name());
        let pids = names.filter_map(|name| name.to_str()?.parse::<u32>().ok());
        let found: Vec<u32> = pids.filter(is_of_the_run).collect();
        if found.is_empty() {
            return ended;
        }
        for pid in found {
            let mut kill = Command::new("kill");
            let killed = kill.args(["-KILL", &pid.to_string()]).output().unwrap();
            ended += usize::from(killed.status.success());
        }
    }
}

/// Performs one case on a bench that was put back; where it fails, its directory stays.
fn perform(bench: &mut Bench, kills: &[Kill]) -> Shown {
    bench.reset();
    let mut upgrade = Upgrade::new(bench);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut fired = 0;
        for kill in kills {
            if upgrade.has_ended() {
                break;
            }
            fired += usize::from(upgrade.live(Some(kill)));
        }
        let mut shown = upgrade.finish();
        shown.fired = fired;
        shown
    }));
    outcome.unwrap_or_else(|panic| {
        let kept = upgrade.place.keep();
        say(&format!(
            "crash: FAILED flagship {kills:?}; see {}",
            kept.display()
        ));
        std::panic::resume_unwind(panic)
    })
}

/// Performs cases on several labs at once: each waits more than it works.
fn perform_all(benches: &mut [Bench], name: &'static str, cases: Vec<Vec<Kill>>) -> Tally {
    let tally = Mutex::new(Tally::new(name));
    let queue = Mutex::new(cases.into_iter());
    std::thread::scope(|scope| {
        for bench in benches {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some(kills) = next else { return };
                    let shown = perform(bench, &kills);
                    tally.lock().unwrap().add(kills.len(), &shown);
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap();
    tally.say();
    assert_eq!((tally.counts.doubled, tally.lost), (0, 0));
    tally
}

/// One run that is left in peace: how long it takes, and how many records it has.
fn undisturbed(bench: &mut Bench) -> Duration {
    let began = Instant::now();
    bench.reset();
    let reset = began.elapsed();
    let mut upgrade = Upgrade::new(bench);
    let began = Instant::now();
    assert!(!upgrade.live(None));
    let took = began.elapsed();
    let records = upgrade.story().unwrap().records.len();
    upgrade.finish();
    say(&format!(
        "crash: flagship: an undisturbed run has {records} records and takes {:.1} s; putting the lab back {:.1} s",
        took.as_secs_f64(),
        reset.as_secs_f64()
    ));
    took
}

/// One run, killed after each record of a kind and node that it has not been killed at yet.
fn one_run_killed_after_each_record(bench: &mut Bench) {
    let mut tally = Tally::new("flagship, one run killed after each record");
    bench.reset();
    let mut upgrade = Upgrade::new(bench);
    let seen = upgrade.place.beside().join("seen");
    let kill = Kill::At(format!("each:{}", seen.display()));
    let mut fired = 0;
    while !upgrade.has_ended() {
        fired += usize::from(upgrade.live(Some(&kill)));
    }
    let armed = upgrade.deaths.len();
    let mut shown = upgrade.finish();
    shown.fired = fired;
    tally.add(armed, &shown);
    tally.say();
    let labels = fs::read_to_string(&seen).unwrap().lines().count();
    assert_eq!(
        fired, labels,
        "each kind of record of each node killed once"
    );
    assert!(fired >= 50, "only {fired} kills");
}

/// Every point between the intent of a change and what follows its recorded outcome.
fn points() -> Vec<Vec<Kill>> {
    let delays: &[u32] = if is_full() {
        &[20, 60, 120, 200, 300, 450, 700]
    } else {
        &[60, 250]
    };
    let mut cases = Vec::new();
    for (node, _) in CHANGES {
        let mut points = vec![
            format!("record:attempt_started:{node}"),
            format!("dispatch:{node}"),
            format!("outcome:{node}"),
            format!("record:attempt_succeeded:{node}"),
        ];
        let later = delays.iter().map(|ms| format!("dispatch:{node}+{ms}"));
        let half = later.clone().take(if is_full() { delays.len() } else { 1 });
        let together = half.map(|point| vec![Kill::AtWithAll(point)]);
        points.extend(later);
        cases.extend(points.into_iter().map(|point| vec![Kill::At(point)]));
        cases.extend(together);
    }
    cases
}

#[test]
fn the_flagship_survives() {
    let seed = seed();
    say(&format!("crash: flagship, random: {SEED_VARIABLE}={seed}"));
    let mut benches = [Bench::new(), Bench::new()];
    let took = undisturbed(&mut benches[0]);

    one_run_killed_after_each_record(&mut benches[0]);

    let cases = points();
    let armed = cases.len();
    let name = "flagship, a run for each point between intent and outcome";
    let tally = perform_all(&mut benches, name, cases);
    // A delay may find the attempt, and even the run, at its end.
    assert!(tally.fired >= armed * 3 / 4, "{} of {armed}", tally.fired);

    let mut random = Random::new(seed);
    let runs = if is_full() { 100 } else { 4 };
    let cases = (0..runs).map(|_| {
        let kills = 1 + random.below(3);
        (0..kills)
            .map(|_| Kill::After(random.within(took)))
            .collect()
    });
    let tally = perform_all(&mut benches, "flagship, random times", cases.collect());
    assert!(tally.fired >= runs as usize / 2, "{} kills", tally.fired);
}
