//! A run of a fraction of a second, killed at many points: what costs minutes on real
//! servers is swept here by the hundred. `small.yaml` is its runbook.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use rds_lab::witness::Witness;
use serde_json::json;
use tempfile::TempDir;
use windlass_core::event::{End, Event};
use windlass_tests::binary::windlass_failpoints;
use windlass_tests::journal::{Story, assert_whole};
use windlass_tests::life::{Death, Life, Place};

use crate::audit::{Counts, audit};

/// How long one process may take. Doubts of the small run are settled within seconds.
const LIFE_MAX: Duration = Duration::from_secs(60);
/// The exit code of a run that waits for a person.
const WAITS_FOR_PERSON: i32 = 5;
/// How many unarmed processes may be needed to bring a run to its end.
const LIVES_MAX: usize = 8;

/// When one process is killed.
#[derive(Clone, Debug)]
pub(crate) enum Kill {
    /// At a point of `windlass-engine`'s `failpoints`.
    At(String),
    /// The same, and every process of the run with it, as when the machine goes down.
    AtWithAll(String),
    /// Just after so many more records than there are when it starts.
    AfterRecords(usize),
    /// So long after its start.
    After(Duration),
}

/// One run, and the processes that are killed over it before it may end.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) kills: Vec<Kill>,
    /// Seconds until a change acts.
    pub(crate) act_after: u32,
    /// Whether looks at the target see nothing, so that a person must say.
    pub(crate) blind: bool,
}

impl Case {
    pub(crate) fn of(kills: impl IntoIterator<Item = Kill>) -> Self {
        Self {
            kills: kills.into_iter().collect(),
            act_after: 0,
            blind: false,
        }
    }
}

/// What came of a case.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) fired: usize,
    pub(crate) acknowledged: usize,
    pub(crate) lost: usize,
    pub(crate) counts: Counts,
}

/// Performs cases, several at a time, as most of them wait most of the time.
pub(crate) fn perform_all(name: &'static str, cases: Vec<Case>) -> crate::report::Tally {
    const AT_ONCE: usize = 8;
    let tally = Mutex::new(crate::report::Tally::new(name));
    let queue = Mutex::new(cases.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some(case) = next else { return };
                    let shown = perform(&case);
                    tally.lock().unwrap().add(case.kills.len(), &shown);
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap();
    tally.say();
    tally
}

/// The small run of one case.
pub(crate) struct Small {
    pub(crate) place: Place,
    witness: TempDir,
    runbook: PathBuf,
}

impl Small {
    pub(crate) fn new(act_after: u32, blind: bool) -> Self {
        let place = Place::below(&crate::volatile(), windlass_failpoints());
        // Not the file system of the state directory.
        let witness = tempfile::tempdir().unwrap();
        let world = place.beside().join("world");
        fs::create_dir(&world).unwrap();
        let text = include_str!("small.yaml");
        let text = if blind {
            text.replace("observe: 20s", "observe: 1s")
        } else {
            text.to_owned()
        };
        let runbook = place.beside().join("small.yaml");
        fs::write(&runbook, text).unwrap();
        let inputs = json!({
            "world": world,
            "witness": witness.path().join("witness"),
            "act_after": act_after.to_string(),
            "look": if blind { "nothing" } else { "truth" },
        });
        fs::write(place.beside().join("inputs.json"), inputs.to_string()).unwrap();
        Self {
            place,
            witness,
            runbook,
        }
    }

    pub(crate) fn story(&self) -> Option<Story> {
        Story::read(&self.place.state())
    }

    pub(crate) fn witness(&self) -> Witness {
        Witness::read(&self.witness.path().join("witness")).unwrap()
    }

    /// The process that brings the run on from where it stands.
    pub(crate) fn next_life(&self, story: Option<&Story>) -> Command {
        match story {
            Some(story) => {
                let arguments = ["resume", &story.run, "--json", "--no-wait"];
                self.place.command(arguments)
            }
            None => {
                let inputs = self.place.beside().join("inputs.json");
                let arguments: [&Path; 6] = [
                    "run".as_ref(),
                    &self.runbook,
                    "--input-file".as_ref(),
                    &inputs,
                    "--json".as_ref(),
                    "--no-wait".as_ref(),
                ];
                self.place.command(arguments)
            }
        }
    }

    /// A person looks at the witness and says what became of the change in doubt.
    fn resolve(&self, story: &Story, node: &str) -> Death {
        let attempt = story.events().fold(0, |found, event| match event {
            Event::DoubtOpened {
                node: of, attempt, ..
            } if of.to_string() == node => *attempt,
            _ => found,
        });
        let witness = self.witness();
        let acted = witness
            .lines
            .iter()
            .any(|line| line.step == node && line.attempt == attempt.to_string());
        let said = if acted { "happened" } else { "not-happened" };
        let reason = "looked at the witness";
        let arguments = ["resolve", &story.run, node, said, "--reason", reason];
        Life::begin(self.place.command(arguments)).wait(LIFE_MAX, |_| {})
    }
}

/// Performs one case and holds the promises against it. Where it fails, the directory
/// stays for a person to look at.
fn perform(case: &Case) -> Shown {
    let small = Small::new(case.act_after, case.blind);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| live(case, &small)));
    outcome.unwrap_or_else(|panic| {
        let kept = small.place.keep();
        crate::report::say(&format!("crash: FAILED {case:?}; see {}", kept.display()));
        std::panic::resume_unwind(panic)
    })
}

fn live(case: &Case, small: &Small) -> Shown {
    let mut shown = Shown::default();
    let mut deaths = Vec::new();
    for kill in &case.kills {
        let story = small.story();
        if story.as_ref().is_some_and(has_ended) {
            break;
        }
        let death = armed(small.next_life(story.as_ref()), kill, story.as_ref());
        shown.fired += usize::from(death.was_killed());
        let code = death.status.code();
        assert!(
            death.was_killed() || matches!(code, Some(0 | WAITS_FOR_PERSON)),
            "{death:#?}"
        );
        deaths.push(death);
    }
    for life in 0.. {
        assert!(
            life < LIVES_MAX,
            "the run does not end\n{}",
            small.story().unwrap().outline()
        );
        let story = small.story();
        if story.as_ref().is_some_and(has_ended) {
            break;
        }
        let asks = story
            .as_ref()
            .and_then(|story| Some((story, story.needs_person()?)));
        let death = match asks {
            Some((story, node)) => small.resolve(story, &node),
            None => {
                let command = small.next_life(story.as_ref());
                Life::begin(command).wait(LIFE_MAX, |_| {})
            }
        };
        assert!(
            matches!(death.status.code(), Some(0 | WAITS_FOR_PERSON)),
            "{death:#?}"
        );
        deaths.push(death);
    }
    let story = small.story().expect("a run that ended has begun");
    let Some(Event::RunEnded { end, .. }) = story.events().last() else {
        panic!("it has not ended\n{}", story.outline());
    };
    assert_eq!(*end, End::Succeeded, "{}", story.outline());
    for death in &deaths {
        let (held, lost) = story.holds(&death.acknowledged());
        shown.acknowledged += held;
        shown.lost += lost.len();
        assert!(
            lost.is_empty(),
            "acknowledged and lost: {lost:?}\n{}",
            story.outline()
        );
    }
    assert_whole(&small.place.state());
    shown.counts = audit(&story, &small.witness());
    assert_eq!(shown.counts.changes, 3);
    assert_eq!(
        shown.counts.effects,
        3,
        "each change took effect once\n{}",
        story.outline()
    );
    for name in ["drain_left", "drain_right", "switch"] {
        let done = fs::read_to_string(small.place.beside().join("world").join(name)).unwrap();
        assert_eq!(done, "done\n", "{name}");
    }
    assert!(
        small.place.beside().join("world/related").exists(),
        "the debt was paid"
    );
    shown
}

pub(crate) fn has_ended(story: &Story) -> bool {
    matches!(story.events().last(), Some(Event::RunEnded { .. }))
}

/// Lets a process live until it is killed as told, or ends.
fn armed(mut command: Command, kill: &Kill, story: Option<&Story>) -> Death {
    let mut dies_after = None;
    match kill {
        Kill::At(point) | Kill::AtWithAll(point) => {
            command.env("WINDLASS_FAILPOINT", point);
        }
        Kill::AfterRecords(more) => {
            let records = story.map_or(0, |story| story.records.len()) + more;
            command.env("WINDLASS_FAILPOINT", format!("append:{records}"));
        }
        Kill::After(span) => dies_after = Some(*span),
    }
    let mut life = Life::begin(command);
    if let Some(span) = dies_after {
        // The moment itself is the case, not something that is waited for.
        std::thread::sleep(span);
        life.kill();
    }
    life.wait(LIFE_MAX, |_| {})
}
