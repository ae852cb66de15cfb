//! One run whose storage fails, and what is demanded of the program then.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rds_lab::witness::Witness;
use serde_json::json;
use tempfile::TempDir;
use windlass_core::event::{End, Event};
use windlass_tests::binary::windlass;
use windlass_tests::journal::{Story, assert_whole};
use windlass_tests::life::{Death, Life, Place};

/// How long one process may take, also under strace.
const LIFE_MAX: Duration = Duration::from_secs(60);
/// "A file or the journal could not be read or written".
const EXIT_IO: i32 = 74;

/// The run.
pub(crate) struct Run {
    pub(crate) place: Place,
    witness: TempDir,
    deaths: Vec<Death>,
}

/// How a process took a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Took {
    /// It ended with the code and a message that say so.
    Said,
    /// The run's end was durable already; nothing was left to say.
    AfterTheEnd,
    /// None fired.
    Nothing,
}

impl Run {
    pub(crate) fn below(parent: &Path) -> Self {
        Self {
            place: Place::below(parent, windlass()),
            witness: tempfile::tempdir().unwrap(),
            deaths: Vec::new(),
        }
    }

    pub(crate) fn story(&self) -> Option<Story> {
        Story::read(&self.place.state())
    }

    fn world(&self) -> PathBuf {
        self.witness.path().join("world")
    }

    fn witness_file(&self) -> PathBuf {
        self.witness.path().join("witness")
    }

    /// Words that bring the run on from where it stands.
    pub(crate) fn words(&self) -> Vec<String> {
        match self.story() {
            Some(story) => ["resume", &story.run, "--json"].map(str::to_owned).into(),
            None => {
                // Beside the witness: the place's own file system may be full.
                let dir = self.witness.path();
                let (inputs, runbook) = (dir.join("inputs.json"), dir.join("small.yaml"));
                let values = json!({"world": self.world(), "witness": self.witness_file()});
                fs::write(&inputs, values.to_string()).unwrap();
                fs::write(&runbook, include_str!("small.yaml")).unwrap();
                let inputs = format!("--input-file={}", inputs.display());
                let runbook = runbook.display().to_string();
                vec!["run".to_owned(), "--json".to_owned(), inputs, runbook]
            }
        }
    }

    /// Lets a process live that may meet a fault, and holds what it says against the law of
    /// the journal: the first error is the end.
    pub(crate) fn live(&mut self, command: Command, fired: impl Fn(&Death) -> bool) -> Took {
        let death = Life::begin(command).wait(LIFE_MAX, |_| {});
        let fired = fired(&death);
        let took = match (fired, death.status.code()) {
            (false, Some(0)) => Took::Nothing,
            (true, Some(0)) => Took::AfterTheEnd,
            (true, Some(EXIT_IO)) => Took::Said,
            (_, code) => panic!(
                "fired {fired}, code {code:?}: {death:#?}\n{}",
                self.outline()
            ),
        };
        if took == Took::Said {
            let err = &death.err;
            let line = err.lines().find(|line| line.starts_with("windlass: "));
            let line = line.unwrap_or_else(|| panic!("no message: {death:#?}"));
            let state = self.place.state().display().to_string();
            assert!(line.contains(&state), "the message names no place: {line}");
        } else {
            let story = self.story().expect("a run that ended has begun");
            assert!(ended_well(&story), "{}", story.outline());
        }
        self.deaths.push(death);
        took
    }

    /// With the storage whole again: the run comes to its end, the change happened once, and
    /// nothing that was acknowledged is lost. Answers how many such records there were.
    pub(crate) fn recover(&mut self) -> usize {
        if !self.story().as_ref().is_some_and(ended_well) {
            let command = self.place.command(self.words());
            let death = Life::begin(command).wait(LIFE_MAX, |_| {});
            assert!(death.status.success(), "{death:#?}\n{}", self.outline());
            self.deaths.push(death);
        }
        let story = self.story().expect("a run that ended has begun");
        assert!(ended_well(&story), "{}", story.outline());
        let mut acknowledged = 0;
        for death in &self.deaths {
            let (held, lost) = story.holds(&death.acknowledged());
            assert!(
                lost.is_empty(),
                "acknowledged and lost: {lost:?}\n{}",
                story.outline()
            );
            acknowledged += held;
        }
        assert_whole(&self.place.state());
        let witness = Witness::read(&self.witness_file()).unwrap();
        assert_eq!(witness.lines.len(), 1, "{witness:?}\n{}", story.outline());
        assert!(self.world().exists());
        acknowledged
    }

    fn outline(&self) -> String {
        self.story()
            .map_or_else(String::new, |story| story.outline())
    }

    /// What the last process said on standard error.
    pub(crate) fn said(&self) -> String {
        let last = self.deaths.last().expect("one has lived");
        let line = last.err.lines().find(|line| line.starts_with("windlass: "));
        line.unwrap_or_default()
            .replace(&self.place.state().display().to_string(), "STATE")
    }
}

fn ended_well(story: &Story) -> bool {
    let end = story.events().last();
    matches!(
        end,
        Some(Event::RunEnded {
            end: End::Succeeded,
            ..
        })
    )
}
