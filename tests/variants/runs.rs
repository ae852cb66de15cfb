//! Runs of a shipped runbook: the processes that drive them, and the person who approves.

use std::cell::Ref;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use windlass_tests::binary::windlass;
use windlass_tests::journal::{Story, Watch};
use windlass_tests::life::{Death, Life, Place};

const LIFE_MAX: Duration = Duration::from_secs(180);
/// How often the gate is looked at.
const GATE_LOOK_EVERY: Duration = Duration::from_millis(100);

/// One run over one state directory.
pub(crate) struct Run {
    pub(crate) place: Place,
    watch: Watch,
    runbook: &'static str,
    secrets: Vec<(String, PathBuf)>,
}

impl Run {
    pub(crate) fn of(
        runbook: &'static str,
        inputs: &Value,
        secrets: Vec<(String, PathBuf)>,
    ) -> Self {
        let place = Place::below(&std::env::temp_dir(), windlass());
        fs::write(place.beside().join("inputs.json"), inputs.to_string()).unwrap();
        Self {
            watch: Watch::of(place.state()),
            place,
            runbook,
            secrets,
        }
    }

    /// What is durable of it.
    pub(crate) fn story(&self) -> Ref<'_, Story> {
        self.try_story().expect("it has begun")
    }

    pub(crate) fn try_story(&self) -> Option<Ref<'_, Story>> {
        self.watch.look()
    }

    /// A process that begins the run, or brings it on from where it stands.
    pub(crate) fn next_life(&self) -> Life {
        let mut command = match self.try_story() {
            Some(story) => self.place.command(["resume", &story.run]),
            None => {
                let runbook = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runbooks");
                let inputs = self.place.beside().join("inputs.json");
                let mut command = self.place.command(["run", "--input-file"]);
                command.arg(inputs).arg(runbook.join(self.runbook));
                command
            }
        };
        for (name, file) in &self.secrets {
            command.args(["--secret", &format!("{name}=file:{}", file.display())]);
        }
        Life::begin(command)
    }

    /// Lets one process live until it ends, or is killed by `meanwhile`; a second one
    /// approves each gate that opens.
    pub(crate) fn live(&self, mut meanwhile: impl FnMut(&mut Life)) -> Death {
        let mut look_at = Instant::now();
        self.next_life().wait(LIFE_MAX, |life| {
            if Instant::now() >= look_at {
                look_at = Instant::now() + GATE_LOOK_EVERY;
                self.attend(life.pid());
            }
            meanwhile(life);
        })
    }

    /// Approves the open gate, if `pid` owns the directory: without an owner the command
    /// would itself go on with the run.
    fn attend(&self, pid: u32) {
        let note = fs::read_to_string(self.place.state().join("owner.lock"));
        let owner = note
            .ok()
            .and_then(|note| serde_json::from_str::<Value>(&note).ok());
        if owner.is_none_or(|owner| owner["pid"] != pid) {
            return;
        }
        let story = self.try_story();
        let open = story.and_then(|story| Some((story.open_gate()?, story.run.clone())));
        if let Some((gate, run)) = open {
            let approve = self.place.command(["approve", &run, &gate]);
            // Before the owner listens nobody is asked; it is said again.
            let _whether = Life::begin(approve).wait(LIFE_MAX, |_| {});
        }
    }
}
