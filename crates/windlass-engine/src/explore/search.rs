//! The search: breadth first, so that the first way to a place is a shortest one. Of each
//! state only its essence is kept, and where it came from.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::Hasher as _;

use windlass_core::event::Event;
use windlass_core::id::{Phase, StepId};
use windlass_core::plan::{IndexedPlan, Plan};
use windlass_core::rehearsal::{Invariant, When};
use windlass_core::state::{Regard, RunStatus};

use super::calendar;
use super::invariant;
use super::moves::{self, Move};
use super::sketch::Sketch;
use super::world::{Promise, World};
use super::{Broken, Effort, Explored, What, story};

pub(super) struct Search<'a> {
    plan: &'a IndexedPlan,
    sketch: &'a Sketch,
    invariants: &'a [Invariant],
    effort: Effort,
    apparent: Vec<bool>,
    /// The steps that an invariant names.
    named: Vec<bool>,
    /// Those, what is apparent, and what a condition asks the state of.
    lasting: Vec<bool>,
    seen: HashMap<u128, ()>,
    trail: Vec<Footprint>,
    waiting: VecDeque<(u32, World)>,
    found: BTreeMap<What, u32>,
    ends: BTreeMap<(String, String), usize>,
    needs: BTreeMap<String, usize>,
    end_views: BTreeSet<String>,
    moves: usize,
    buffer: Vec<u8>,
}

/// How a state was come to.
#[derive(Clone, Copy)]
pub(super) struct Footprint {
    pub(super) from: Origin,
}

#[derive(Clone, Copy)]
pub(super) enum Origin {
    Start(u32),
    Move(u32, Move),
}

impl<'a> Search<'a> {
    pub(super) fn new(
        plan: &'a IndexedPlan,
        sketch: &'a Sketch,
        invariants: &'a [Invariant],
        effort: Effort,
    ) -> Self {
        let mut apparent = moves::apparent(sketch, plan.plan());
        let mut named = vec![false; apparent.len()];
        for step in invariants.iter().flat_map(invariant::named) {
            let id = step.parse::<StepId>().ok();
            if let Some(index) = id.and_then(|id| plan.index_of(&id)) {
                apparent[index as usize] = true;
                named[index as usize] = true;
            }
        }
        let asked = apparent.iter().zip(&sketch.asked);
        let lasting = asked.map(|(apparent, asked)| *apparent || *asked).collect();
        Self {
            plan,
            sketch,
            invariants,
            effort,
            apparent,
            named,
            lasting,
            seen: HashMap::new(),
            trail: Vec::new(),
            waiting: VecDeque::new(),
            found: BTreeMap::new(),
            ends: BTreeMap::new(),
            needs: BTreeMap::new(),
            end_views: BTreeSet::new(),
            moves: 0,
            buffer: Vec::new(),
        }
    }

    pub(super) fn run(mut self) -> Explored {
        let count = self.plan.plan().steps.len();
        for (number, start) in (0u32..).zip(&self.sketch.starts) {
            let mut world = World::new(count);
            let mut broken = Vec::new();
            let started = world.start(self.sketch, start, &mut |world, event, promise| {
                observe(self.invariants, world, event, promise, &mut broken);
            });
            if started.is_ok() {
                self.arrive(world, Origin::Start(number), &broken);
            }
        }
        let mut is_complete = true;
        while let Some((place, world)) = self.waiting.pop_front() {
            if self.trail.len() >= self.effort.states {
                is_complete = false;
                break;
            }
            self.leave(place, &world);
        }
        let broken = self
            .found
            .iter()
            .map(|(what, place)| Broken {
                what: *what,
                story: story::tell(self.plan, self.sketch, &self.way_to(*place)),
            })
            .collect();
        Explored {
            states: self.trail.len(),
            moves: self.moves,
            is_complete,
            ends: self.ends,
            needs: self.needs,
            broken,
            end_views: self.end_views,
        }
    }

    fn leave(&mut self, place: u32, world: &World) {
        if world.state.is_ended() {
            return;
        }
        let next = moves::moves(self.sketch, world, &self.apparent, self.effort);
        let mut has_moved = false;
        for chosen in next {
            let mut then = world.clone();
            let mut broken = Vec::new();
            let made = then.make(self.sketch, chosen, &mut |world, event, promise| {
                observe(self.invariants, world, event, promise, &mut broken);
            });
            if made.is_err() {
                continue;
            }
            has_moved = true;
            self.moves += 1;
            self.arrive(then, Origin::Move(place, chosen), &broken);
        }
        if !has_moved {
            self.found
                .entry(What::Promise(Promise::Stuck))
                .or_insert(place);
        }
    }

    fn arrive(&mut self, world: World, from: Origin, broken: &[What]) {
        let essence = self.essence(&world);
        let is_new = match self.seen.entry(essence) {
            Entry::Occupied(_) => !self.effort.merges,
            Entry::Vacant(entry) => {
                entry.insert(());
                true
            }
        };
        let is_news = broken.iter().any(|what| !self.found.contains_key(what));
        if !is_new && !is_news {
            return;
        }
        let place = u32::try_from(self.trail.len()).unwrap_or(u32::MAX);
        self.trail.push(Footprint { from });
        for what in broken {
            self.found.entry(*what).or_insert(place);
        }
        if !is_new {
            return;
        }
        match world.state.status() {
            RunStatus::Ended(end) => {
                let key = (end.as_str().to_owned(), reason(&world, self.plan.plan()));
                *self.ends.entry(key).or_default() += 1;
                let view = view(&world, &self.apparent);
                self.end_views.insert(view);
            }
            RunStatus::NeedsOperator { needs } => {
                for need in needs {
                    *self.needs.entry(need_text(&need)).or_default() += 1;
                }
            }
            RunStatus::New
            | RunStatus::Running
            | RunStatus::Waiting { .. }
            | RunStatus::Paused
            | RunStatus::Ending => {}
        }
        self.waiting.push_back((place, world));
    }

    /// The essence of a state with what the account adds to it, as one number.
    fn essence(&mut self, world: &World) -> u128 {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let named = &self.named;
        let sketch = self.sketch;
        let mark = |step: u32, item: u32, phase: Phase| {
            let doing = &sketch.steps[step as usize];
            let matters = match (named[step as usize], doing.effect) {
                (true, _) => u8::MAX,
                (false, Some(effect)) if effect.is_change() => 0b0111,
                (false, _) if phase == Phase::Undo => 0b0111,
                (false, _) => 0,
            };
            world.account.mark(step, item, phase) & matters
        };
        let regard = Regard {
            readings: &self.sketch.readings,
            lasting: &self.lasting,
            far: calendar::FAR,
            mark: &mark,
        };
        world.state.essence(world.now, regard, &mut buffer);
        for step in 0..self.named.len() as u32 {
            buffer.push(world.account.own_mark(step));
        }
        // Two halves of 64 bits, each over all of it: that two different states of millions
        // share both is as good as impossible.
        let half = |salt: u8| {
            let mut hasher = std::hash::DefaultHasher::new();
            hasher.write_u8(salt);
            hasher.write(&buffer);
            hasher.finish()
        };
        let essence = u128::from(half(1)) << 64 | u128::from(half(2));
        self.buffer = buffer;
        essence
    }

    fn way_to(&self, place: u32) -> (u32, Vec<Move>) {
        let mut way = Vec::new();
        let mut at = place;
        loop {
            match self.trail[at as usize].from {
                Origin::Start(number) => {
                    way.reverse();
                    return (number, way);
                }
                Origin::Move(from, chosen) => {
                    way.push(chosen);
                    at = from;
                }
            }
        }
    }
}

/// What an event broke.
fn observe(
    invariants: &[Invariant],
    world: &World,
    event: &Event,
    promise: Option<Promise>,
    broken: &mut Vec<What>,
) {
    broken.extend(promise.map(What::Promise));
    for (number, invariant) in invariants.iter().enumerate() {
        let is_asked = match invariant.when {
            When::Never => true,
            When::AtEveryEnd => matches!(event, Event::RunEnded { .. }),
        };
        if is_asked && invariant::is_broken(invariant, world) {
            broken.push(What::Invariant(number));
        }
    }
}

/// Why a run ended, in a few words that are the same for the same reason.
fn reason(world: &World, plan: &Plan) -> String {
    let reason = world.state.end().map_or("", |(_, reason)| reason);
    let is_step = |name: &str| plan.steps.iter().any(|step| step.id.as_str() == name);
    match reason.split_once(": ") {
        Some((step, rest)) if is_step(step) => {
            let given_up = rest.contains("; given up by");
            let ending = if given_up { ", given up" } else { "" };
            format!("{step} failed{ending}")
        }
        Some((cancelled, _)) if cancelled.starts_with("cancelled by") => "cancelled".to_owned(),
        _ => reason.to_owned(),
    }
}

fn need_text(need: &windlass_core::state::Need) -> String {
    use windlass_core::state::Need;
    let code = need.code();
    match need {
        Need::InDoubt { node } | Need::UndoFailed { node } | Need::Contradicted { node } => {
            format!("{code} {node}")
        }
        Need::FailedAfterIrreversible { .. } => code.to_owned(),
        Need::Debt { step } => format!("{code} {step}"),
    }
}

/// The apparent part of an end.
fn view(world: &World, apparent: &[bool]) -> String {
    let mut view = world
        .state
        .end()
        .map_or(String::new(), |(end, _)| end.as_str().to_owned());
    for (index, step) in (0u32..).zip(world.state.steps()) {
        if !apparent[index as usize] {
            continue;
        }
        view += &format!(" {}={}", step.step.id, step.state.phase.name());
        let mut items: Vec<String> = step
            .items
            .iter()
            .map(|item| {
                let undo = match item.node.phase {
                    Phase::Do => "",
                    Phase::Undo => "undo ",
                };
                let state = match item.state.phase.name() {
                    // On whose word makes no difference to what can come.
                    "attested" => "succeeded",
                    other => other,
                };
                format!("{undo}{state}")
            })
            .collect();
        items.sort();
        if !items.is_empty() {
            view += &format!("({})", items.join(","));
        }
        if world.account.is_taken_over(index) {
            view += " taken over";
        }
    }
    view
}

/// See [`super::wander`].
#[cfg(any(test, feature = "test-support"))]
pub(super) fn wander(
    plan: &IndexedPlan,
    sketch: &Sketch,
    turns: usize,
    choose: &mut dyn FnMut(usize) -> usize,
) -> Option<String> {
    let apparent = moves::apparent(sketch, plan.plan());
    let effort = Effort {
        reduces: false,
        ..Effort::default()
    };
    let start = &sketch.starts[choose(sketch.starts.len())];
    let mut world = World::new(apparent.len());
    let started = world.start(sketch, start, &mut |_, _, _| {});
    started.expect("anybody may start a run");
    for _ in 0..turns {
        if world.state.is_ended() {
            return Some(view(&world, &apparent));
        }
        let next = moves::moves(sketch, &world, &apparent, effort);
        let made = world.make(sketch, next[choose(next.len())], &mut |_, _, _| {});
        made.expect("what is offered is accepted");
    }
    None
}
