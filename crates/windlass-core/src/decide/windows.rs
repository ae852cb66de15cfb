//! Whether it is time: which opening a segment begins in, whether it fits, what a freeze
//! stops. Asked before the first intent of a segment, or of a step that belongs to none,
//! and never again behind it. Not responsible for calendars: a policy's are intervals here.

use super::Decider;
use crate::authorise::Act;
use crate::event::{Deferral, Event};
use crate::id::StepId;
use crate::operator::Operator;
use crate::plan::{IndexedPlan, StepKind, Window, declared_bound};
use crate::policy::Standing;
use crate::rejection::Rejection;
use crate::span::{Span, Spans};
use crate::state::{Live, StepPhase};
use crate::time::{Millis, Timestamp};
use crate::value::Value;

use super::operator::stated;

/// When a gate expires that expires with an opening.
pub(super) enum WindowEnd {
    At(Timestamp),
    /// It does not open yet: this comes first.
    First(Box<Event>),
    Refused(String),
}

impl Decider {
    /// A run waits for no window that nobody knows.
    pub(super) fn knows_windows(
        plan: &IndexedPlan,
        standing: Option<&Standing>,
    ) -> Result<(), Rejection> {
        for step in &plan.plan().steps {
            let names = step.window.iter().flat_map(Window::names);
            let is_known = |name| standing.is_some_and(|known| known.window(name).is_some());
            if let Some(name) = names.into_iter().find(|name| !is_known(*name)) {
                return Err(Rejection::NoWindow {
                    step: step.id.clone(),
                    window: name.clone(),
                    has_policy: standing.is_some(),
                });
            }
        }
        Ok(())
    }

    /// `Some` when time keeps an action from its start: with the event that follows from
    /// it, or with none while the step waits.
    pub(super) fn barred_by_time(&self, live: &Live, index: u32) -> Option<Option<Event>> {
        if live.ending.is_some() || !live.is_bound_by_time(index) {
            return None;
        }
        if live.is_deferred(index) {
            return Some(None);
        }
        let standing = live.standing.as_deref()?;
        // Which freezes are about the run is known by its target.
        if let Some(event) = self.fix_target(live, live.plan.step(index)) {
            return Some(Some(event));
        }
        let event = self
            .before_opening(live, standing, index)
            .or_else(|| self.frozen(live, standing, index));
        event.map(Some)
    }

    /// The opening that the first change of a segment begins in, for its intent.
    pub(super) fn opening_of(&self, live: &Live, index: u32) -> Option<Span> {
        if live.ending.is_some() || !live.is_bound_by_time(index) {
            return None;
        }
        let number = live.plan.segment_of(index)?;
        let opening = live.windows.openings.get(&number).copied();
        // What a person let begin earlier begins in none.
        opening.filter(|opening| opening.contains(self.now))
    }

    /// The end of the opening that the one segment behind a gate is to begin in.
    pub(super) fn window_end(&self, live: &Live, gate: u32) -> WindowEnd {
        let mut behind = live.plan.segments_behind(gate);
        let (Some(number), None) = (behind.next(), behind.next()) else {
            let why = "`window_end` needs exactly one segment behind the gate";
            return WindowEnd::Refused(why.to_owned());
        };
        let Some(standing) = live.standing.as_deref() else {
            return WindowEnd::Refused("no policy knows its window".to_owned());
        };
        let first = live.plan.segment(number).first;
        let step = live.plan.step(first).id.clone();
        if let Some(opening) = live.windows.openings.get(&number) {
            if live.windows.begun.contains_key(&first) {
                return WindowEnd::At(opening.to);
            }
            return match self.fits(live, standing, number, *opening) {
                Ok(()) => WindowEnd::At(opening.to),
                Err(reason) => WindowEnd::First(Box::new(Event::OpeningMissed { step, reason })),
            };
        }
        match self.fitting(live, standing, number) {
            Some(opening) => WindowEnd::First(Box::new(Event::OpeningChosen { step, opening })),
            None => WindowEnd::Refused(format!(
                "no opening that {step} fits into is known until {}",
                standing.until
            )),
        }
    }

    /// What keeps a step of a segment, or one that prepares it, from beginning in its opening.
    fn before_opening(&self, live: &Live, standing: &Standing, index: u32) -> Option<Event> {
        let plan = &live.plan;
        let own = plan.segment_of(index);
        let number = own.or_else(|| plan.prepares(index))?;
        let first = plan.step(plan.segment(number).first);
        let Some(opening) = live.windows.openings.get(&number).copied() else {
            if let Some(event) = self.approved_for_missed(live, plan.segment(number).first) {
                return Some(event);
            }
            let Some(opening) = self.fitting(live, standing, number) else {
                let why = live.waits_for_opening(number, standing, None);
                return self.deferred(live, index, None, why);
            };
            let step = first.id.clone();
            return Some(Event::OpeningChosen { step, opening });
        };
        let why = live.waits_for_opening(number, standing, Some(opening));
        if live.is_let(index, &why, self.now) {
            return None;
        }
        if let Err(reason) = self.fits(live, standing, number, opening) {
            let step = first.id.clone();
            return Some(Event::OpeningMissed { step, reason });
        }
        let lead = match own {
            Some(_) => Millis(0),
            None => plan
                .step(index)
                .window
                .as_ref()
                .map_or(Millis(0), |own| own.lead),
        };
        let begins = opening.from - lead;
        match self.now < begins {
            true => self.deferred(live, index, Some(begins), why),
            false => None,
        }
    }

    /// An approval that was given for an opening which was missed is none for the next one.
    fn approved_for_missed(&self, live: &Live, first: u32) -> Option<Event> {
        let plan = &live.plan;
        plan.gates_before(first).iter().find_map(|gate| {
            let step = plan.step(*gate);
            let state = live.step(*gate);
            let ends = matches!(&step.kind, StepKind::Gate(gate) if gate.window_end);
            let is_unspent = matches!(state.phase, StepPhase::GateApproved { spent: false, .. });
            (ends && is_unspent).then(|| Event::GateWithdrawn {
                step: step.id.clone(),
                attempt: state.gate_attempt,
                reason: "the opening that it was approved for was missed".to_owned(),
            })
        })
    }

    /// What holds a step up that no opening does: a freeze, or windows that are demanded of
    /// what prepares a segment.
    fn frozen(&self, live: &Live, standing: &Standing, index: u32) -> Option<Event> {
        let known_until = standing.until;
        if !standing.freezes.is_empty() && self.now >= known_until {
            let why = Deferral::Unknown { known_until };
            if let Some(event) = self.deferred(live, index, None, why) {
                return Some(event);
            }
        }
        let mut frozen = standing.frozen(live.target.as_deref(), self.now);
        let stopped = frozen.find_map(|freeze| {
            let until = frozen_spans(live, standing)
                .at(self.now)
                .map(|span| span.to);
            self.deferred(live, index, until, Deferral::of_freeze(freeze))
        });
        if stopped.is_some() {
            return stopped;
        }
        let window = live.plan.step(index).window.as_ref()?;
        if !window.is_preparation() {
            return None;
        }
        let mut demanded = window.also.iter();
        demanded.find_map(|name| {
            let open = standing.window(name)?;
            if open.contains(self.now) {
                return None;
            }
            let window = name.clone();
            match open.next_after(self.now) {
                Some(opening) => {
                    let why = Deferral::Window { window, opening };
                    self.deferred(live, index, Some(opening.from), why)
                }
                None => {
                    let why = Deferral::NoOpening {
                        window,
                        known_until,
                    };
                    self.deferred(live, index, None, why)
                }
            }
        })
    }

    /// That a step waits, unless a person let it begin in spite of just this.
    fn deferred(
        &self,
        live: &Live,
        index: u32,
        until: Option<Timestamp>,
        why: Deferral,
    ) -> Option<Event> {
        if live.is_let(index, &why, self.now) {
            return None;
        }
        let step = live.plan.step(index).id.clone();
        Some(Event::StepDeferred { step, until, why })
    }

    /// The first opening that a segment fits into.
    fn fitting(&self, live: &Live, standing: &Standing, number: u32) -> Option<Span> {
        let (ready_at, length) = self.needed(live, number);
        let open = open_for(live, standing, number);
        let mut openings = open.as_slice().iter().copied();
        openings.find(|opening| {
            let begins = ready_at.max(opening.from);
            begins < opening.to && begins + length <= opening.to
        })
    }

    /// Whether a segment still fits into the opening that was chosen for it.
    fn fits(
        &self,
        live: &Live,
        standing: &Standing,
        number: u32,
        opening: Span,
    ) -> Result<(), String> {
        let (ready_at, length) = self.needed(live, number);
        let begins = ready_at.max(opening.from);
        let ends = begins + length;
        if ends > opening.to || begins >= opening.to {
            let Span { from, to } = opening;
            return Err(format!(
                "the segment may take {length} and would not be over by the end of the opening from {from} to {to}"
            ));
        }
        let open = open_for(live, standing, number).at(begins);
        if open.is_some_and(|open| ends <= open.to) {
            return Ok(());
        }
        let needed = Spans::of([Span {
            from: begins,
            to: ends.max(begins + Millis(1)),
        }]);
        let target = live.target.as_deref();
        let mut freezes = standing
            .freezes
            .iter()
            .filter(|freeze| freeze.is_about(target));
        let frozen = freezes.find(|freeze| !needed.and(&freeze.spans).is_empty());
        Err(match frozen {
            Some(freeze) => format!("the freeze {}: {}", freeze.name, freeze.reason),
            None => "the policy does not have this opening any more".to_owned(),
        })
    }

    /// When a segment may begin at the earliest, as something prepares it, and how long it
    /// may take.
    fn needed(&self, live: &Live, number: u32) -> (Timestamp, Millis) {
        let plan = &live.plan;
        let segment = plan.segment(number);
        let is_to_come = |index: &&u32| {
            let has_begun = live.windows.begun.contains_key(*index);
            !has_begun && !is_over(live, **index)
        };
        let preparing = plan.preparing(segment, |index| match is_to_come(&&index) {
            true => self.length(live, index),
            false => Millis(0),
        });
        let length = plan.bound(segment, |index| match is_over(live, index) {
            true => Millis(0),
            false => self.length(live, index),
        });
        (self.now + preparing, length)
    }

    /// How long a step may take by what it declares. A list that nobody knows yet counts as
    /// many items as run at once, and what has no declared bound counts nothing: `check`
    /// tells the author of both.
    fn length(&self, live: &Live, index: u32) -> Millis {
        let step = live.plan.step(index);
        let items = match &step.kind {
            StepKind::Wait { span } => {
                let until = self.end_of_wait(live, span);
                return until.map_or(Millis(0), |until| until.since(self.now));
            }
            StepKind::Action {
                for_each: Some(each),
                ..
            } => match each.items.eval(&self.scope(live, None)) {
                Ok(Value::List(items)) => items.len() as u64,
                Ok(_) | Err(_) => u64::from(each.max_parallel),
            },
            StepKind::Action { for_each: None, .. } | StepKind::Gate(_) => 1,
        };
        declared_bound(step, items).unwrap_or(Millis(0))
    }

    /// A person lets a step begin that waits for its time.
    pub(super) fn override_window(
        &mut self,
        step: StepId,
        by: Operator,
        reason: String,
    ) -> Result<(), Rejection> {
        let rule = self.authorised(Act::Override, &by)?;
        let live = self.live()?;
        let index = live.plan.index_of(&step);
        let index = index.ok_or_else(|| Rejection::UnknownStep {
            step: step.to_string(),
        })?;
        let deferred = live.step(index).deferred.as_ref();
        let why = deferred.map(|deferred| deferred.why.clone());
        let why = why.ok_or_else(|| Rejection::NotDeferred {
            step: step.to_string(),
        })?;
        let reason = stated(reason)?;
        let rule = rule.to_string();
        self.emit(Event::WindowOverridden {
            step,
            by,
            reason,
            rule,
            why,
        });
        Ok(())
    }
}

fn is_over(live: &Live, index: u32) -> bool {
    match &live.step(index).phase {
        StepPhase::Succeeded | StepPhase::Skipped | StepPhase::Failed | StepPhase::Stopped => true,
        StepPhase::Pending
        | StepPhase::Begun
        | StepPhase::Waiting { .. }
        | StepPhase::GateOpen { .. }
        | StepPhase::GateApproved { .. }
        | StepPhase::GateWithdrawn => false,
    }
}

/// When all windows of a segment are open and nothing is frozen, as far as that is known.
fn open_for(live: &Live, standing: &Standing, number: u32) -> Spans {
    let first = live.plan.segment(number).first;
    let window = live.plan.step(first).window.as_ref();
    let names = window.into_iter().flat_map(Window::names);
    let all = names.map(|name| standing.window(name).cloned().unwrap_or_default());
    let open = all.reduce(|one, other| one.and(&other)).unwrap_or_default();
    let known = Span {
        from: Timestamp(i64::MIN),
        to: standing.until,
    };
    open.without(&frozen_spans(live, standing)).within(known)
}

/// When nothing may be changed on the target of the run.
fn frozen_spans(live: &Live, standing: &Standing) -> Spans {
    let target = live.target.as_deref();
    let freezes = standing
        .freezes
        .iter()
        .filter(|freeze| freeze.is_about(target));
    Spans::of(freezes.flat_map(|freeze| freeze.spans.as_slice().iter().copied()))
}
