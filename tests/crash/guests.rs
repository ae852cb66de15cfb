//! A change of a plugin, killed and resumed: before it was sent, while its request is in the
//! hands of the target, when it has taken effect, and when its outcome has arrived. The
//! target is a server of this test, which counts what it did: it is the witness.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use windlass_core::event::{End, Event};
use windlass_core::outcome::Answer;
use windlass_tests::binary::windlass_failpoints;
use windlass_tests::cache;
use windlass_tests::journal::{Story, Watch, assert_whole};
use windlass_tests::life::{Life, Place};
use windlass_tests::receiver::{Receiver, Reply};
use windlass_tests::skip::skip;

use crate::rds::clock_library;
use crate::report::say;
use crate::small::has_ended;

/// How long one process may take.
const LIFE_MAX: Duration = Duration::from_secs(60);
/// How many processes may be needed to bring a run to its end.
const LIVES_MAX: usize = 40;
/// More than the send deadline and the settle time of the action: what was sent before has
/// arrived by then.
const PASSES: Duration = Duration::from_secs(60);
/// How long the target has a request in its hands before it does what it asks for.
const HELD: Duration = Duration::from_millis(500);

const RUNBOOK: &str = r#"windlass: 1
name: change
inputs:
  endpoint: {type: string}
plugins:
  bad: {source: ./plugins/hostile, grants: manifest, networks: [127.0.0.0/8]}
steps:
  change:
    uses: bad/change
    timeout: 3s
    observe: 10m
    retry: {attempts: 6, backoff: 100ms}
    with: {endpoint: "${{ inputs.endpoint }}", how: ok}
"#;

/// When the process dies.
#[derive(Clone, Copy, Debug)]
enum Dies {
    At(&'static str),
    /// At each record that it has not died at yet.
    EachRecord,
    /// While the target has the request in its hands: it takes effect when nobody lives.
    BeforeTheEffect,
    /// When it has taken effect; no answer ever comes.
    AfterTheEffect,
}

const ROWS: [Dies; 8] = [
    Dies::At("record:attempt_started:change"),
    Dies::At("record:attempt_checkpointed:change"),
    Dies::At("dispatch:change"),
    Dies::At("outcome:change"),
    Dies::At("record:attempt_succeeded:change"),
    Dies::EachRecord,
    Dies::BeforeTheEffect,
    Dies::AfterTheEffect,
];

/// What the target did, apart from what it was asked.
#[derive(Default)]
struct Target {
    /// Whether it has a request in its hands that ends the process.
    holds: AtomicBool,
    effects: AtomicUsize,
}

fn target(dies: Dies) -> (Arc<Target>, Receiver) {
    let target = Arc::new(Target::default());
    let state = target.clone();
    let receiver = Receiver::start(move |_, request| {
        if request.method == "GET" {
            let done = state.effects.load(Ordering::SeqCst) > 0;
            return Reply::Answer(200, "", if done { "done" } else { "idle" });
        }
        match dies {
            Dies::BeforeTheEffect => {
                state.holds.store(true, Ordering::SeqCst);
                let (state, after) = (state.clone(), HELD);
                std::thread::spawn(move || {
                    std::thread::sleep(after);
                    state.effects.fetch_add(1, Ordering::SeqCst);
                });
                Reply::Nothing
            }
            Dies::AfterTheEffect => {
                state.effects.fetch_add(1, Ordering::SeqCst);
                state.holds.store(true, Ordering::SeqCst);
                Reply::Nothing
            }
            Dies::At(_) | Dies::EachRecord => {
                state.effects.fetch_add(1, Ordering::SeqCst);
                Reply::Answer(200, "", "{}")
            }
        }
    });
    (target, receiver)
}

impl Target {
    fn effects(&self) -> usize {
        self.effects.load(Ordering::SeqCst)
    }
}

/// What came of a row.
struct Told {
    kills: usize,
    looks: usize,
    /// Whether the attempt had kept something before it was killed.
    kept: bool,
}

/// Whether the run only waits until nothing can come any more of what was sent.
fn only_waits(story: &Story) -> bool {
    let Some(Event::DoubtAnswered { answer, .. }) = story.events().last() else {
        return false;
    };
    matches!(answer, Answer::NotHappened { .. })
}

/// One run, and the processes that live and die over it. Where it only waits for time to pass,
/// its process is killed, and the wall clock of the next one is ahead by as much.
fn perform(dies: Dies) -> Told {
    let place = Place::below(&crate::volatile(), windlass_failpoints());
    let plugins = plugins().canonicalize().unwrap();
    std::os::unix::fs::symlink(plugins, place.beside().join("plugins")).unwrap();
    let runbook = place.beside().join("change.yaml");
    std::fs::write(&runbook, RUNBOOK).unwrap();
    let (target, receiver) = target(dies);
    let input = format!("endpoint={}", receiver.url(""));
    let watch = Watch::of(place.state());
    let seen = place.beside().join("seen");
    let faketime = clock_library();
    let (mut kills, mut ahead) = (0, Duration::ZERO);
    for life in 0.. {
        let found = Story::read(&place.state());
        let outline = found.as_ref().map_or_else(String::new, Story::outline);
        if found.as_ref().is_some_and(has_ended) {
            break;
        }
        assert!(life < LIVES_MAX, "{dies:?} does not end\n{outline}");
        let mut command = match &found {
            Some(story) => place.command(["resume", &story.run, "--json", "--no-wait"]),
            None => {
                let runbook = runbook.display().to_string();
                place.command(["run", &runbook, "--json", "--no-wait", "--input", &input])
            }
        };
        command.env("XDG_CACHE_HOME", cache::dir());
        if let Some(library) = faketime.as_ref().filter(|_| !ahead.is_zero()) {
            command
                .env("LD_PRELOAD", library)
                .env("FAKETIME", format!("+{}", ahead.as_secs()))
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
                .env("DONT_FAKE_MONOTONIC", "1");
        }
        match dies {
            Dies::At(point) if life == 0 => {
                command.env("WINDLASS_FAILPOINT", point);
            }
            Dies::EachRecord => {
                command.env("WINDLASS_FAILPOINT", format!("each:{}", seen.display()));
            }
            Dies::At(_) | Dies::BeforeTheEffect | Dies::AfterTheEffect => {}
        }
        let known = found.map_or(0, |story| story.records.len());
        let mut passes = false;
        let death = Life::begin(command).wait(LIFE_MAX, |life| {
            if target.holds.swap(false, Ordering::SeqCst) {
                life.kill();
            }
            let story = watch.look();
            let is_new = |story: &Story| story.records.len() > known && only_waits(story);
            if faketime.is_some() && !passes && story.is_some_and(|story| is_new(&story)) {
                passes = true;
                life.kill();
            }
        });
        assert!(
            death.was_killed() || death.status.success(),
            "{dies:?} {death:#?}\n{outline}"
        );
        if passes {
            // So does the time of the target.
            while matches!(dies, Dies::BeforeTheEffect) && target.effects() == 0 {
                std::thread::sleep(HELD);
            }
            ahead += PASSES;
        } else {
            kills += usize::from(death.was_killed());
        }
    }
    let story = Story::read(&place.state()).unwrap();
    let Some(Event::RunEnded { end, .. }) = story.events().last() else {
        panic!("{}", story.outline());
    };
    assert_eq!(*end, End::Succeeded, "{dies:?}\n{}", story.outline());
    assert_eq!(target.effects(), 1, "{dies:?}\n{}", story.outline());
    assert!(kills > 0, "{dies:?} did not fall\n{}", story.outline());
    assert_whole(&place.state());
    let looks = story.events().filter(|event| {
        matches!(
            event,
            Event::DoubtAnswered { .. } | Event::DoubtResolved { .. }
        )
    });
    Told {
        kills,
        looks: looks.count(),
        kept: story
            .events()
            .any(|event| matches!(event, Event::AttemptCheckpointed { .. })),
    }
}

fn plugins() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins")
}

#[test]
fn a_change_of_a_plugin_takes_effect_once_wherever_it_is_killed() {
    if !plugins().join("hostile/build/plugin.wasm").is_file() {
        skip("no plugins/hostile/build/plugin.wasm: `cargo xtask plugins` builds it");
        return;
    }
    let told = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for dies in ROWS {
            let told = &told;
            scope.spawn(move || {
                let row = perform(dies);
                told.lock().unwrap().push((dies, row));
            });
        }
    });
    let told = told.into_inner().unwrap();
    let kills: usize = told.iter().map(|(_, row)| row.kills).sum();
    let looks: usize = told.iter().map(|(_, row)| row.looks).sum();
    say(&format!(
        "crash: guests: {} runs, {kills} kills, {looks} looks at the target, {} effects, none doubled",
        told.len(),
        told.len()
    ));
    assert_eq!(told.len(), ROWS.len());
    for (dies, row) in &told {
        match dies {
            // It died behind its checkpoint, and the target was asked what became of it.
            Dies::BeforeTheEffect | Dies::AfterTheEffect => {
                assert!(row.looks > 0 && row.kept, "{dies:?}");
            }
            Dies::At(_) | Dies::EachRecord => {}
        }
    }
}
