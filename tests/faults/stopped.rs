//! The owner of a state directory is stopped with SIGSTOP until its deadlines have passed,
//! and then continued: it must not send what is late, not take what expired for valid, and
//! not let another process in. No waiting here is for synchronisation: the time that a
//! process stands still is the fault.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rds_lab::witness::Witness;
use serde_json::json;
use tempfile::TempDir;
use windlass_core::event::{End, Event};
use windlass_tests::binary::{windlass, windlass_failpoints};
use windlass_tests::journal::{Story, assert_whole};
use windlass_tests::life::{Death, Life, Place};

use crate::say;

/// How long one process may take.
const LIFE_MAX: Duration = Duration::from_secs(90);
/// How long the owner stands still: past the timeout of the change and the gate's expiry.
const STILL: Duration = Duration::from_secs(6);
/// "Something is busy; try again later."
const EXIT_BUSY: i32 = 75;

struct Stopped {
    place: Place,
    witness: TempDir,
    owner: Option<Life>,
    /// How often the owner was stopped and seen to be.
    stops: usize,
}

impl Stopped {
    fn new(program: &Path) -> Self {
        Self {
            place: Place::below(&std::env::temp_dir(), program),
            witness: TempDir::new().unwrap(),
            owner: None,
            stops: 0,
        }
    }

    /// Starts the run in a process that stays.
    fn start(&mut self, takes: &str, gated: bool, failpoint: Option<&str>) {
        let dir = self.witness.path();
        let (inputs, runbook) = (dir.join("inputs.json"), dir.join("stopped.yaml"));
        let values = json!({
            "world": dir.join("world"), "witness": dir.join("witness"), "takes": takes,
        });
        fs::write(&inputs, values.to_string()).unwrap();
        let text = include_str!("stopped.yaml");
        let gate = "  go:\n    needs: survey\n    approval: {expires: 5s}\n\n";
        let ungated = text.replace(gate, "").replace("needs: go", "needs: survey");
        assert_ne!(text, ungated);
        fs::write(&runbook, if gated { text } else { &ungated }).unwrap();
        let mut command = self.place.command(["run", "--json", "--input-file"]);
        command.arg(inputs).arg(runbook);
        if let Some(point) = failpoint {
            command.env("WINDLASS_FAILPOINT", point);
        }
        self.owner = Some(Life::begin(command));
    }

    fn pid(&self) -> u32 {
        self.owner.as_ref().expect("it has been started").pid()
    }

    fn signal(&self, signal: &str) {
        let mut kill = Command::new("kill");
        let status = kill.args([signal, &self.pid().to_string()]).status();
        assert!(status.unwrap().success(), "{signal}");
    }

    fn is_stopped(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        stat.rsplit_once(") ").unwrap().1.starts_with('T')
    }

    /// Waits until the owner stands still.
    fn until_stopped(&mut self) {
        self.until("the owner is stopped", |this| this.is_stopped());
        self.stops += 1;
    }

    fn stop(&mut self) {
        self.signal("-STOP");
        self.until_stopped();
    }

    fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let until = Instant::now() + LIFE_MAX;
        while !holds(self) {
            let owner = self.pid();
            let lives = fs::metadata(format!("/proc/{owner}")).is_ok();
            assert!(
                lives && Instant::now() < until,
                "never: {what}\n{}",
                self.outline()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn until_recorded(&self, kind: &str) {
        self.until(kind, |this| this.count(kind) > 0);
    }

    fn story(&self) -> Option<Story> {
        Story::read(&self.place.state())
    }

    fn outline(&self) -> String {
        self.story()
            .map_or_else(String::new, |story| story.outline())
    }

    fn count(&self, kind: &str) -> usize {
        let story = self.story();
        story.map_or(0, |story| {
            story.events().filter(|event| event.kind() == kind).count()
        })
    }

    fn run(&self) -> String {
        self.story().expect("the run has begun").run
    }

    /// The attempts that acted, in order.
    fn acted(&self) -> Vec<String> {
        let witness = Witness::read(&self.witness.path().join("witness")).unwrap();
        witness.lines.into_iter().map(|line| line.attempt).collect()
    }

    /// Lets another process do something.
    fn other(&self, words: &[&str]) -> Death {
        Life::begin(self.place.command(words)).wait(LIFE_MAX, |_| {})
    }

    fn end(&mut self) -> Death {
        let owner = self.owner.take().expect("it has been started");
        owner.wait(LIFE_MAX, |_| {})
    }

    /// How the run ended; its journal is whole, and no attempt acted twice.
    fn ended(&self) -> End {
        assert_whole(&self.place.state());
        let acted = self.acted();
        let unique: std::collections::BTreeSet<_> = acted.iter().collect();
        assert_eq!(unique.len(), acted.len(), "{acted:?}");
        let story = self.story().unwrap();
        match story.events().last() {
            Some(Event::RunEnded { end, .. }) => *end,
            _ => panic!("it has not ended\n{}", story.outline()),
        }
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        if let Some(owner) = &mut self.owner {
            owner.kill();
        }
    }
}

#[test]
fn a_change_in_flight_while_the_owner_stands_still_is_done_once() {
    let mut case = Stopped::new(windlass());
    case.start("1", false, None);
    case.until("the change acts", |this| !this.acted().is_empty());
    case.stop();
    std::thread::sleep(STILL);
    assert!(
        case.witness.path().join("world").exists(),
        "it went on alone"
    );
    case.signal("-CONT");
    let death = case.end();
    assert!(death.status.success(), "{death:#?}\n{}", case.outline());
    assert_eq!(case.ended(), End::Succeeded);
    assert_eq!(case.acted(), ["1"]);
    say(&format!(
        "stopped: in the middle of a change: {} stops; doubts {}, effects 1, doubled 0",
        case.stops,
        case.count("doubt_opened")
    ));
}

#[test]
fn what_was_not_handed_over_in_time_is_not_sent() {
    let mut case = Stopped::new(windlass_failpoints());
    case.start("0", false, Some("stop:switch"));
    case.until_recorded("attempt_started");
    case.until_stopped();
    std::thread::sleep(STILL);
    assert_eq!(
        case.acted().len(),
        0,
        "the intent is durable, and nothing was sent"
    );
    case.signal("-CONT");
    let death = case.end();
    assert!(death.status.success(), "{death:#?}\n{}", case.outline());
    assert_eq!(case.ended(), End::Succeeded);
    assert_eq!(case.acted(), ["2"], "{}", case.outline());
    say(&format!(
        "stopped: between intent and hand-over: {} stops; late attempts sent 0, effects 1",
        case.stops
    ));
}

#[test]
fn a_gate_that_expired_meanwhile_is_not_approved() {
    let mut case = Stopped::new(windlass());
    case.start("0", true, None);
    case.until_recorded("gate_opened");
    case.stop();
    std::thread::sleep(STILL);
    // The approval may lie in the socket when the owner goes on.
    let run = case.run();
    let approve = case
        .place
        .command(["approve", &run, "go", "--note", "late"]);
    let approving = Life::begin(approve);
    std::thread::sleep(Duration::from_millis(500));
    case.signal("-CONT");
    let approved = approving.wait(LIFE_MAX, |_| {});
    let death = case.end();
    assert!(!approved.status.success(), "{approved:#?}");
    assert_eq!(death.status.code(), Some(1), "{death:#?}");
    assert_eq!((case.ended(), case.count("gate_expired")), (End::Failed, 1));
    assert_eq!(case.count("gate_approved"), 0, "{}", case.outline());
    assert_eq!(case.acted().len(), 0);
    say(&format!(
        "stopped: at an open gate: {} stops; expired approvals taken 0, effects 0",
        case.stops
    ));
}

#[test]
fn nobody_gets_in_while_the_owner_stands_still_and_everybody_once_it_is_dead() {
    let mut case = Stopped::new(windlass());
    case.start("0", true, None);
    case.until_recorded("gate_opened");
    case.stop();
    let run = case.run();
    let pid = case.pid();
    let commands: [&[&str]; 3] = [&["resume", &run], &["serve"], &["approve", &run, "go"]];
    std::thread::scope(|scope| {
        for words in commands {
            let case = &case;
            scope.spawn(move || {
                let death = case.other(words);
                assert_eq!(
                    death.status.code(),
                    Some(EXIT_BUSY),
                    "{words:?}: {death:#?}"
                );
                let told =
                    death.err.contains(&format!("process {pid} ")) && death.err.contains("stopped");
                assert!(told, "{words:?}: {}", death.err);
            });
        }
    });
    assert_eq!(case.count("gate_approved"), 0);
    let before = case.story().unwrap().records.len();
    case.owner.as_mut().unwrap().kill();
    case.end();
    // The gate has expired by now or will; the next owner sees to it.
    let death = case.other(&["resume", &run]);
    assert_eq!(death.status.code(), Some(1), "{death:#?}");
    assert!(case.story().unwrap().records.len() > before);
    assert_eq!(case.ended(), End::Failed);
    say(
        "stopped: 3 commands refused while the owner stood still; the next owner took over once it was dead",
    );
}

/// Somebody removes the lock file of a stopped owner, and starts another: two processes
/// believe to own the directory. The journal lets only the newer one write.
#[test]
fn an_owner_whose_lock_file_was_removed_is_fenced_off() {
    let mut case = Stopped::new(windlass());
    case.start("2", false, None);
    case.until("the change acts", |this| !this.acted().is_empty());
    case.stop();
    fs::remove_file(case.place.state().join("owner.lock")).unwrap();
    let run = case.run();
    let next = case.other(&["resume", &run]);
    assert!(next.status.success(), "{next:#?}\n{}", case.outline());
    let records = case.story().unwrap().records.len();
    case.signal("-CONT");
    let death = case.end();
    assert!(!death.status.success(), "it may not go on: {death:#?}");
    assert!(death.err.contains("is not the owner's"), "{death:#?}");
    assert_eq!(
        case.story().unwrap().records.len(),
        records,
        "it wrote nothing"
    );
    assert_eq!(case.ended(), End::Succeeded);
    assert_eq!(case.acted(), ["1"], "{}", case.outline());
    say(
        "stopped: 1 owner without its lock file was fenced off; records written by it 0, effects 1",
    );
}
