//! The wall clock is set while the real program runs, by libfaketime: the program's own
//! clock is not faked, and what it sees is what it would see after `date --set`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use windlass_core::event::Event;
use windlass_tests::binary::windlass;
use windlass_tests::journal::Story;
use windlass_tests::life::{Life, Place};
use windlass_tests::skip::skip;

use crate::say;

/// How long one process may take.
const LIFE_MAX: Duration = Duration::from_secs(60);

const RUNBOOK: &str = "
windlass: 1
name: faults_clock
steps:
  pause: {uses: wait, with: {for: 4s}}
  go: {needs: pause, approval: {expires: 8s}}
  after: {needs: go, uses: shell, effect: read, with: {argv: [\"true\"]}}
";

/// The library that fakes clocks, where Debian's package `faketime` puts it.
pub(crate) fn library() -> Option<PathBuf> {
    let places = fs::read_dir("/usr/lib").ok()?.flatten();
    let mut found = places.map(|place| place.path().join("faketime/libfaketimeMT.so.1"));
    found.find(|library| library.is_file())
}

struct Clocked {
    place: Place,
    owner: Life,
}

impl Clocked {
    fn start(library: &Path) -> Self {
        let place = Place::below(&std::env::temp_dir(), windlass());
        let runbook = place.beside().join("clock.yaml");
        fs::write(&runbook, RUNBOOK).unwrap();
        let mut command = place.command(["run", "--json"]);
        command
            .arg(runbook)
            .env("LD_PRELOAD", library)
            .env("FAKETIME_TIMESTAMP_FILE", place.beside().join("time"))
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1");
        fs::write(place.beside().join("time"), "+0").unwrap();
        let owner = Life::begin(command);
        Self { place, owner }
    }

    /// Sets the wall clock of the program.
    fn set(&self, seconds: &str) {
        fs::write(self.place.beside().join("time"), seconds).unwrap();
    }

    fn story(&self) -> Option<Story> {
        Story::read(&self.place.state())
    }

    fn has(&self, kind: &str) -> bool {
        let story = self.story();
        story.is_some_and(|story| story.events().any(|event| event.kind() == kind))
    }

    /// Waits for a record; answers when it was seen.
    fn until(&mut self, kind: &str) -> Instant {
        let until = Instant::now() + LIFE_MAX;
        while !self.has(kind) {
            assert!(Instant::now() < until, "never: {kind}");
            std::thread::sleep(Duration::from_millis(10));
        }
        Instant::now()
    }

    /// Whether `doctor` sees that the clock was set.
    fn is_noticed(&self) -> bool {
        let death = Life::begin(self.place.command(["doctor"])).wait(LIFE_MAX, |_| {});
        death.out.iter().any(|line| line.contains("[clock_set]"))
    }
}

#[test]
fn a_clock_that_is_set_moves_no_timer_of_the_program() {
    let Some(library) = library() else {
        skip("faults: libfaketime is not here; no clock was set");
        return;
    };
    std::thread::scope(|scope| {
        for (seconds, approves) in [("+86400", true), ("-3600", false)] {
            let library = &library;
            scope.spawn(move || one(library, seconds, approves));
        }
    });
    say(
        "clock: set forward by a day and back by an hour under the real program: 2 fired; \
         early timers 0, expiries put off 0",
    );
}

fn one(library: &Path, seconds: &str, approves: bool) {
    let mut case = Clocked::start(library);
    let waiting = case.until("wait_started");
    case.set(seconds);
    let opened = case.until("gate_opened");
    // It was seen to begin a moment after it did.
    assert!(
        opened - waiting > Duration::from_secs(3),
        "{seconds}: the wait was cut short"
    );
    assert!(case.is_noticed(), "{seconds}: the fault did not fire");
    let story = case.story().unwrap();
    if approves {
        let approve = case.place.command(["approve", &story.run, "go"]);
        let approved = Life::begin(approve).wait(LIFE_MAX, |_| {});
        assert!(approved.status.success(), "{seconds}: {approved:#?}");
    }
    let owner = std::mem::replace(
        &mut case.owner,
        Life::begin(std::process::Command::new("true")),
    );
    let death = owner.wait(LIFE_MAX, |_| {});
    let code = if approves { 0 } else { 1 };
    assert_eq!(death.status.code(), Some(code), "{seconds}: {death:#?}");
    let story = case.story().unwrap();
    let expired = story
        .events()
        .any(|event| matches!(event, Event::GateExpired { .. }));
    assert_eq!(expired, !approves, "{seconds}: {}", story.outline());
}
