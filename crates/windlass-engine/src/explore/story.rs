//! How a run came to a place, for people: what happened, when at the earliest, to which step.

use windlass_core::event::Event;
use windlass_core::id::{Phase, StepId};
use windlass_core::outcome::Effected;
use windlass_core::plan::{Call, IndexedPlan, StepKind};
use windlass_core::time::Millis;
use windlass_core::value::Value;

use super::moves::{At, How, Move};
use super::sketch::Sketch;
use super::world::World;

/// One line of a story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Since the start of the run: work that is not waited for takes no time.
    pub at: Millis,
    pub text: String,
    /// The step that it is about.
    pub step: Option<StepId>,
}

/// Tells the moves of a run from its start.
pub(super) fn tell(plan: &IndexedPlan, sketch: &Sketch, way: &(u32, Vec<Move>)) -> Vec<Line> {
    let (number, moves) = way;
    let start = &sketch.starts[*number as usize];
    let mut teller = Teller {
        plan,
        sketch,
        at: Millis(0),
        lines: Vec::new(),
    };
    let mut world = World::new(sketch.steps.len());
    let mut text = "the run starts".to_owned();
    if !start.said.is_empty() {
        text += &format!(", where {}", start.said.join(", "));
    }
    teller.say(text, None);
    let mut followed = Vec::new();
    let begun = world.start(sketch, start, &mut |_, event, _| {
        followed.push(event.clone())
    });
    debug_assert!(begun.is_ok());
    teller.follow(&followed, None);
    for chosen in moves {
        let told = teller.told(&world, *chosen);
        followed.clear();
        let _made = world.make(sketch, *chosen, &mut |_, event, _| {
            followed.push(event.clone())
        });
        let of = told.as_ref().and_then(|(_, step)| step.clone());
        if let Some((text, step)) = told {
            teller.say(text, step);
        }
        teller.follow(&followed, of.as_ref());
    }
    teller.lines
}

struct Teller<'a> {
    plan: &'a IndexedPlan,
    sketch: &'a Sketch,
    at: Millis,
    lines: Vec<Line>,
}

impl Teller<'_> {
    fn say(&mut self, text: String, step: Option<StepId>) {
        self.lines.push(Line {
            at: self.at,
            text,
            step,
        });
    }

    fn id(&self, step: u32) -> &StepId {
        &self.plan.step(step).id
    }

    fn name(&self, at: At) -> String {
        let step = self.plan.step(at.step);
        let undo = if at.phase == Phase::Undo {
            "the undo of "
        } else {
            ""
        };
        match step.has_items() {
            true => format!("{undo}`{}[{}]`", step.id, at.item),
            false => format!("{undo}`{}`", step.id),
        }
    }

    fn call(&self, at: At) -> Option<&Call> {
        match (&self.plan.step(at.step).kind, at.phase) {
            (StepKind::Action { call, .. }, Phase::Do) => Some(call),
            (StepKind::Action { undo, .. }, Phase::Undo) => undo.as_ref(),
            (StepKind::Gate(_) | StepKind::Wait { .. }, _) => None,
        }
    }

    fn pass(&mut self, span: Option<Millis>) {
        self.at = Millis(self.at.0.saturating_add(span.unwrap_or_default().0));
    }

    fn with_answers(&self, text: String, at: At, which: u16) -> String {
        let successes = &self.sketch.steps[at.step as usize].successes;
        match successes.get(usize::from(which)) {
            Some(success) if at.phase == Phase::Do && !success.said.is_empty() => {
                format!("{text}, and {}", success.said.join(", "))
            }
            _ => text,
        }
    }

    /// A move in words. The time that it takes has passed then.
    fn told(&mut self, world: &World, chosen: Move) -> Option<(String, Option<StepId>)> {
        let of = |at: At| Some(self.id(at.step).clone());
        Some(match chosen {
            Move::Ends(at, how) => {
                let (name, step) = (self.name(at), of(at));
                let text = match how {
                    How::Succeeds(which) => {
                        self.with_answers(format!("{name} succeeds"), at, which)
                    }
                    How::Fails(Effected::None) => format!("{name} fails without an effect"),
                    How::Fails(Effected::Settled) => {
                        format!("{name} fails after it acted, or gives what was not expected")
                    }
                    How::Fails(Effected::Unknown) => {
                        let timeout = self.call(at).map(|call| call.timeout);
                        self.pass(timeout);
                        format!("nothing is heard of {name} until its timeout")
                    }
                    How::FailsForGood => format!("{name} fails, and so does each retry"),
                };
                (text, step)
            }
            Move::Crash => ("windlass dies and is started again".to_owned(), None),
            Move::Look(at, how) => {
                let name = self.name(at);
                let text = match how {
                    How::Succeeds(which) => self.with_answers(
                        format!("a look at the target finds that {name} happened"),
                        at,
                        which,
                    ),
                    How::Fails(Effected::None) => {
                        format!("a look at the target finds that {name} did not happen")
                    }
                    How::Fails(Effected::Settled | Effected::Unknown) | How::FailsForGood => {
                        format!(
                            "a look at the target finds that {name} came to an end that is no success"
                        )
                    }
                };
                (text, of(at))
            }
            Move::Says(at, how) => {
                let name = self.name(at);
                let text = match how {
                    How::Succeeds(which) => {
                        self.with_answers(format!("a person says that {name} happened"), at, which)
                    }
                    How::Fails(Effected::None) => {
                        format!("a person says that {name} did not happen")
                    }
                    How::Fails(Effected::Settled | Effected::Unknown) | How::FailsForGood => {
                        format!("a person gives up the doubt about {name}")
                    }
                };
                (text, of(at))
            }
            Move::Approve(gate) => {
                let id = self.id(gate).clone();
                (format!("`{id}` is approved"), Some(id))
            }
            Move::Reject(gate) => {
                let id = self.id(gate).clone();
                (format!("`{id}` is rejected"), Some(id))
            }
            Move::Attest(at, which) => {
                let name = self.name(at);
                let text = format!("a person attests {name}");
                (self.with_answers(text, at, which), of(at))
            }
            Move::Decline(at, effect) => {
                let text = format!("a person declines {}, with {effect}", self.name(at));
                (text, of(at))
            }
            Move::Passes(_) => {
                let span = self.span(world);
                self.pass(span);
                return None;
            }
            Move::Lapses(_) => {
                let (gate, _) = world.state.next_lapse()?;
                let id = self.id(gate).clone();
                let span = self.expiry(gate);
                self.pass(span);
                (
                    format!("the approval of `{id}` expires before it is used"),
                    Some(id),
                )
            }
            Move::TimesOut(_) => {
                self.at = self.at.max(self.plan.plan().timeout.unwrap_or_default());
                ("the run's timeout passes".to_owned(), None)
            }
            Move::Misses(_) => (
                "the opening is over before what waits for it has begun".to_owned(),
                None,
            ),
            Move::Overrides(step) => {
                let id = self.id(step).clone();
                let text = format!("a person lets `{id}` begin outside of its opening");
                (text, Some(id))
            }
            Move::LockGranted => ("the lock of the target is granted".to_owned(), None),
            Move::LockHeld => ("another run holds the lock of the target".to_owned(), None),
            Move::Retry(at) => (
                format!("a person orders a retry of {}", self.name(at)),
                of(at),
            ),
            Move::Abandon => ("a person gives it up".to_owned(), None),
            Move::TakeOver(step) => {
                let id = self.id(step).clone();
                (format!("a person takes `{id}` over"), Some(id))
            }
            Move::Cancel { undo: false } => ("a person cancels the run".to_owned(), None),
            Move::Cancel { undo: true } => ("a person cancels the run with undo".to_owned(), None),
        })
    }

    fn expiry(&self, step: u32) -> Option<Millis> {
        match &self.plan.step(step).kind {
            StepKind::Gate(gate) => gate.expires,
            StepKind::Action { manual, .. } => manual.as_ref()?.expires,
            StepKind::Wait {
                span: windlass_core::plan::Template::Literal(Value::Int(ms)),
            } => u64::try_from(*ms).ok().map(Millis),
            StepKind::Wait { .. } => None,
        }
    }

    /// How long it is until the next timer, as the plan itself says it.
    fn span(&self, world: &World) -> Option<Millis> {
        if let Some(work) = world.state.doubted_work().first() {
            let at = At {
                step: work.step,
                item: work.item,
                phase: work.phase,
                attempt: work.attempt,
            };
            return self.call(at).map(|call| call.observe);
        }
        let open = world.state.gates_open().into_iter();
        let by_hand = world.state.work_by_hand().into_iter().map(|work| work.step);
        let waits = (0..self.sketch.steps.len() as u32).filter(|step| {
            matches!(
                world.state.phase_at(*step),
                Some(windlass_core::state::StepPhase::Waiting { .. })
            )
        });
        let known = waits
            .chain(open)
            .chain(by_hand)
            .find_map(|step| self.expiry(step));
        // What waits for its window waits as long as the exploration lets it.
        let opens = || Some(world.state.next_timer()?.since(world.now));
        known.or_else(opens)
    }

    /// What followed from it at once, as far as people want to know. `of` was told already.
    fn follow(&mut self, events: &[Event], of: Option<&StepId>) {
        for event in events {
            let about =
                |id: &StepId, what: &str| Some((format!("`{id}` {what}"), Some(id.clone())));
            let said = match event {
                Event::AttemptStarted { node, .. } => about(
                    &node.step,
                    if node.phase == Phase::Undo {
                        "is being undone"
                    } else {
                        "starts"
                    },
                ),
                Event::ManualStepOpened { node, .. } => about(&node.step, "is asked of a person"),
                Event::GateOpened { step, .. } => about(step, "opens"),
                Event::StepDeferred { step, .. } => about(step, "waits for its window"),
                Event::OpeningMissed { step, .. } => about(step, "misses its opening"),
                Event::GateExpired { step, .. } => about(step, "expires, and nobody approved it"),
                Event::GateWithdrawn { step, .. } => about(step, "is withdrawn"),
                Event::ManualStepExpired { node, .. } => {
                    about(&node.step, "expires, and nobody answered")
                }
                Event::StepSkipped { step } => about(step, "is skipped"),
                Event::StepRefused { step, .. } => about(step, "is refused"),
                Event::WaitEnded { step } => about(step, "has waited"),
                Event::StepExpanded { step, items } if items.is_empty() => {
                    about(step, "has no items")
                }
                Event::DoubtEscalated { node, .. } => {
                    about(&node.step, "is in doubt, and a person is asked")
                }
                Event::NodeFailed { node, failure } if of != Some(&node.step) => {
                    about(&node.step, &format!("fails: {}", failure.message))
                }
                Event::RunEndingBegan { end, .. } => {
                    Some((format!("the run goes to its end: {}", end.as_str()), None))
                }
                Event::RunEnded { end, .. } => {
                    Some((format!("the run ends: {}", end.as_str()), None))
                }
                _ => None,
            };
            if let Some((text, step)) = said {
                self.say(text, step);
            }
        }
    }
}
