//! What a step of a plugin costs: compiling a component and loading the compiled form; a
//! fresh instance and a call that does nothing, beside a native step that does nothing and
//! one that spawns `/bin/true`, in turns within one run; the memory of a live step; and
//! 1,000 steps of one run, 64 at once. All of it goes through the engine, which alone gives
//! the right to perform an attempt.
//!
//! `cargo bench -p windlass-cli --bench plugins -- [--quick] [--dir DIR]`

#[path = "../../windlass-engine/benches/common/bed.rs"]
mod bed;
#[path = "../../windlass-core/benches/common/plans.rs"]
mod plans;
#[path = "../../windlass-journal/benches/common/report.rs"]
mod report;
#[path = "../../windlass-engine/benches/common/resident.rs"]
mod resident;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bed::{Bed, start};
use plans::{action, id, plan};
use report::{print, print_machine};
use resident::resident_bytes;
use windlass_core::catalog::Catalog;
use windlass_core::event::End;
use windlass_core::id::ActionName;
use windlass_core::outcome::Outcome;
use windlass_core::plan::{IndexedPlan, PARALLEL_MAX, Step, StepKind, Template};
use windlass_core::value::Value;
use windlass_engine::SystemClock;
use windlass_engine::attempt::DispatchToken;
use windlass_engine::ports::{CatalogSource, StepContext, StepRunner, Work};
use windlass_wasm::{CompiledDir, Host, Options, Plugin};

/// The component of these benchmarks, and its action, which does what `how` says.
const COMPONENT: &str = "../../plugins/hostile/build/plugin.wasm";
const GUEST: &str = "hostile/misbehave";
const NOTHING: &str = "nothing";
const WAIT: &str = "wait";

/// How much is done.
struct Size {
    compiles: usize,
    loads: usize,
    turns: usize,
    live: usize,
    steps: usize,
    rounds: usize,
}

const WHOLE: Size = Size {
    compiles: 5,
    loads: 50,
    turns: 300,
    live: PARALLEL_MAX as usize,
    steps: 1_000,
    rounds: 5,
};
const QUICK: Size = Size {
    compiles: 1,
    loads: 1,
    turns: 2,
    live: 4,
    steps: 8,
    rounds: 1,
};

fn main() {
    let mut size = WHOLE;
    let mut dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => size = QUICK,
            "--dir" => dir = arguments.next().expect("--dir takes a path").into(),
            // Cargo passes this to every bench.
            "--bench" => {}
            other => panic!("unknown argument {other}"),
        }
    }
    let component = Path::new(env!("CARGO_MANIFEST_DIR")).join(COMPONENT);
    let bytes = fs::read(&component).unwrap_or_else(|error| {
        panic!(
            "{}: {error}: `cargo xtask plugins` builds it",
            component.display()
        )
    });
    let scratch = dir.join(format!("windlass-plugin-bench-{}", std::process::id()));
    fs::create_dir_all(&scratch).expect("the directory can be written");
    print_machine(&scratch);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(measure(&size, &scratch, &bytes));
    drop(runtime);
    fs::remove_dir_all(&scratch).expect("the scratch directory can be removed");
}

async fn measure(size: &Size, scratch: &Path, bytes: &[u8]) {
    let plugin = loads(size, scratch, bytes).await;
    let steps = Steps(Arc::new(Seen::default()), plugin);
    let sources: Vec<Arc<dyn CatalogSource>> = vec![Arc::new(steps.clone())];
    let bed = Bed::with(&scratch.join("state"), sources.clone()).await;
    in_turns(size, &bed, &steps).await;
    let waiting = Bed::with(&scratch.join("waiting"), sources).await;
    live(size, waiting, &steps).await;
    at_once(size, &bed).await;
}

/// A host of its own, so that nothing is left in it of an earlier one.
fn host(compiled: Option<CompiledDir>) -> Host {
    let options = Options {
        compiled,
        ..Options::new(Arc::new(SystemClock::default()))
    };
    Host::new(options).expect("plugins can run here")
}

async fn load(host: &Host, bytes: &[u8]) -> (Plugin, f64) {
    let bytes = bytes.to_vec();
    let begin = Instant::now();
    let plugin = host.load(bytes).await.expect("it is a plugin");
    (plugin, begin.elapsed().as_secs_f64() * 1_000.0)
}

/// From the bytes to a plugin that can be used, which was asked what it is.
async fn loads(size: &Size, scratch: &Path, bytes: &[u8]) -> Plugin {
    let mut compiled = Vec::new();
    for _ in 0..size.compiles {
        compiled.push(load(&host(None), bytes).await.1);
    }
    let kept = CompiledDir::open(&scratch.join("compiled")).expect("the directory can be made");
    let (mut plugin, _) = load(&host(Some(kept.clone())), bytes).await;
    let mut cached = Vec::new();
    for _ in 0..size.loads {
        let (loaded, ms) = load(&host(Some(kept.clone())), bytes).await;
        plugin = loaded;
        cached.push(ms);
    }
    let compile = median(&mut compiled);
    let cached_ms = median(&mut cached);
    for (what, ms) in [("compile", compile), ("load what was compiled", cached_ms)] {
        print(vec![
            ("line", "plugin_load".into()),
            ("what", what.into()),
            ("component_bytes", (bytes.len() as u64).into()),
            ("ms", ms.into()),
            ("times_cached", (ms / cached_ms).into()),
        ]);
    }
    plugin
}

/// One run in which the three kinds of step follow each other again and again.
async fn in_turns(size: &Size, bed: &Bed, steps: &Steps) {
    let kinds = ["spawn", "guest", "noop"];
    let chain = (0..size.turns * kinds.len()).map(|index| {
        let needs = index.checked_sub(1).map(id).into_iter().collect();
        of(
            kinds[index % kinds.len()],
            NOTHING,
            action(id(index), needs),
        )
    });
    run(bed, &plan(chain.collect())).await;
    let mut spans = steps.0.spans.lock().expect("nothing panics").clone();
    let mut median_us = |kind: &str| {
        let spans = spans.get_mut(kind).expect("each kind had its turns");
        assert_eq!(spans.len(), size.turns);
        median(spans)
    };
    let spawn = median_us("spawn");
    for (what, kind) in [
        ("spawn /bin/true", "spawn"),
        ("instantiate, and a call that does nothing", "guest"),
        ("native step that does nothing", "noop"),
    ] {
        let us = median_us(kind);
        print(vec![
            ("line", "plugin_step".into()),
            ("what", what.into()),
            ("us", us.into()),
            ("times_spawn", (us / spawn).into()),
        ]);
    }
}

/// Steps whose guests wait, and the memory of the process before and while they do.
async fn live(size: &Size, bed: Bed, steps: &Steps) {
    let before = resident_bytes();
    let waiting = (0..size.live).map(|index| of("guest", WAIT, action(id(index), vec![])));
    let plan = side_by_side(waiting.collect());
    let run = bed.engine.start(start(&plan)).await;
    run.expect("the run starts");
    // Begun is not yet waiting: what they take must have come to an end, too.
    let mut during = 0;
    while steps.0.live.load(Ordering::SeqCst) < size.live as u64 || resident_bytes() != during {
        during = resident_bytes();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    print(vec![
        ("line", "plugin_live".into()),
        ("steps", (size.live as u64).into()),
        ("resident_before_bytes", before.into()),
        ("resident_live_bytes", during.into()),
        (
            "bytes_per_step",
            (during.saturating_sub(before) as f64 / size.live as f64).into(),
        ),
    ]);
    let parked = bed.engine.park(Duration::from_secs(10)).await;
    parked.expect("what only reads is cancelled");
}

/// Many steps of one run that need nothing, as many at once as a plan may ask for.
async fn at_once(size: &Size, bed: &Bed) {
    let plan_of = |kind: &'static str| {
        let all = (0..size.steps).map(|index| of(kind, NOTHING, action(id(index), vec![])));
        side_by_side(all.collect())
    };
    let (guests, natives) = (plan_of("guest"), plan_of("noop"));
    let (mut spent, mut native, mut ratios) = (0.0, 0.0, Vec::new());
    let (mut guest_commits, commits) = (0, || bed.store.stats().commits);
    for _ in 0..size.rounds {
        let before = commits();
        let guest_turn = run(bed, &guests).await;
        guest_commits += commits() - before;
        let native_turn = run(bed, &natives).await;
        ratios.push(guest_turn / native_turn);
        spent += guest_turn;
        native += native_turn;
    }
    let all = (size.steps * size.rounds) as f64;
    print(vec![
        ("line", "plugin_parallel".into()),
        ("steps", (size.steps as u64).into()),
        ("at_once", u64::from(PARALLEL_MAX).into()),
        ("steps_per_s", (all / spent).into()),
        ("native_steps_per_s", (all / native).into()),
        ("syncs_per_step", (guest_commits as f64 / all).into()),
        ("times_native", (spent / native).into()),
        ("times_native_median", median(&mut ratios).into()),
        ("resident_bytes", resident_bytes().into()),
    ]);
}

/// Seconds that a run takes, which must succeed.
async fn run(bed: &Bed, plan: &Arc<IndexedPlan>) -> f64 {
    let begin = Instant::now();
    let run = bed.engine.start(start(plan)).await;
    let run = run.expect("the run starts");
    let ended = bed.engine.wait_ended(&run).await.expect("the run ends");
    let spent = begin.elapsed().as_secs_f64();
    let end = ended.state.end().map(|(end, _)| end);
    assert_eq!(end, Some(End::Succeeded));
    spent
}

fn side_by_side(steps: Vec<Step>) -> Arc<IndexedPlan> {
    let mut wide = plan(steps).plan().clone();
    wide.max_parallel = PARALLEL_MAX;
    IndexedPlan::new(wide).expect("the plan keeps the rules")
}

/// The step as one of this kind.
fn of(kind: &str, how: &str, mut step: Step) -> Step {
    if let StepKind::Action { call, .. } = &mut step.kind {
        call.uses = kind.parse().expect("an action's name");
        let with = BTreeMap::from([("how".to_owned(), Value::from(how))]);
        call.with = Template::Literal(Value::Map(with));
    }
    step
}

/// What the runners saw.
#[derive(Default)]
struct Seen {
    /// Microseconds of each attempt, by the kind of step.
    spans: Mutex<BTreeMap<&'static str, Vec<f64>>>,
    live: AtomicU64,
}

/// The source of the three kinds of step, all of which are timed.
#[derive(Clone)]
struct Steps(Arc<Seen>, Plugin);

impl Steps {
    fn guest(&self) -> ActionName {
        GUEST.parse().expect("an action's name")
    }
}

impl CatalogSource for Steps {
    fn catalog(&self) -> Catalog {
        let guest = self.1.catalog().actions[&self.guest()].clone();
        let kinds = ["guest", "noop", "spawn"];
        let actions = kinds.map(|kind| (kind.parse().expect("an action's name"), guest.clone()));
        Catalog {
            actions: BTreeMap::from(actions),
        }
    }

    fn runner(&self, action: &ActionName) -> Option<Arc<dyn StepRunner>> {
        let (kind, inner): (_, Arc<dyn StepRunner>) = match action.as_str() {
            "guest" => ("guest", self.1.runner(&self.guest())?),
            "noop" => ("noop", Arc::new(Native(|| {}))),
            "spawn" => ("spawn", Arc::new(Native(spawn))),
            _ => return None,
        };
        let seen = self.0.clone();
        Some(Arc::new(Timed { kind, inner, seen }))
    }
}

struct Timed {
    kind: &'static str,
    inner: Arc<dyn StepRunner>,
    seen: Arc<Seen>,
}

impl StepRunner for Timed {
    fn run(&self, token: DispatchToken, context: StepContext) -> Work<Outcome> {
        let (kind, inner, seen) = (self.kind, self.inner.clone(), self.seen.clone());
        Box::pin(async move {
            seen.live.fetch_add(1, Ordering::SeqCst);
            let begin = Instant::now();
            let outcome = inner.run(token, context).await;
            let us = begin.elapsed().as_secs_f64() * 1_000_000.0;
            seen.live.fetch_sub(1, Ordering::SeqCst);
            let mut spans = seen.spans.lock().expect("nothing panics");
            spans.entry(kind).or_default().push(us);
            outcome
        })
    }
}

/// A step of this program itself.
struct Native(fn());

impl StepRunner for Native {
    fn run(&self, token: DispatchToken, _context: StepContext) -> Work<Outcome> {
        let work = self.0;
        Box::pin(async move {
            if let Err(late) = token.hand_over() {
                return late.into_outcome();
            }
            work();
            Outcome::Succeeded {
                outputs: Value::Map(BTreeMap::new()),
                log: None,
            }
        })
    }
}

fn spawn() {
    let status = Command::new("/bin/true").status();
    assert!(status.expect("it can be started").success());
}

fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
