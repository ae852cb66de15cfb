//! The proof of what precedes a step against every execution of small random plans.
//!
//! `WINDLASS_PROOF_PLANS` says how many plans, instead of a few for every day.

use std::collections::{BTreeSet, HashSet};

use windlass_runbook::proof::{Befores, Demand, Fact, Lack, Passed, Way, prove};

const PLANS: u64 = 10_000;
const STEPS_MAX: u64 = 7;

/// A random number generator of three lines: what it gives needs no more.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }
}

fn guard() -> Demand {
    Demand::Guard("backup".to_owned())
}

fn plan(random: &mut Random) -> Vec<Fact> {
    let count = 1 + random.below(STEPS_MAX) as usize;
    let mut facts: Vec<Fact> = Vec::new();
    for index in 0..count {
        let gives = match random.below(4) {
            0 => Some(Demand::Approval),
            1 => Some(guard()),
            _ => None,
        };
        let is_gate = gives == Some(Demand::Approval);
        let passed = match random.below(8) {
            _ if is_gate => None,
            0 => Some(Passed::Skipped),
            1 => Some(Passed::NoItems),
            2 => Some(Passed::ItemsFail(1)),
            _ => None,
        };
        let mut demands = Vec::new();
        if !is_gate && random.one_in(2) {
            demands.push(Demand::Approval);
        }
        if !is_gate && random.one_in(2) {
            demands.push(guard());
        }
        facts.push(Fact {
            needs: (0..index).filter(|_| random.one_in(2)).collect(),
            gives,
            passed,
            demands,
            owes: None,
        });
    }
    for change in 0..count {
        if facts[change].gives == Some(Demand::Approval) || !random.one_in(2) {
            continue;
        }
        // What is owed comes after the change, is one action, and no gate.
        let owed = (change + 1..count).find(|owed| {
            let fact = &facts[*owed];
            ancestors(&facts, *owed).contains(&change)
                && fact.gives != Some(Demand::Approval)
                && matches!(fact.passed, None | Some(Passed::Skipped))
        });
        facts[change].owes = owed;
    }
    facts
}

fn ancestors(facts: &[Fact], step: usize) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut open = facts[step].needs.clone();
    while let Some(at) = open.pop() {
        if found.insert(at) {
            open.extend(&facts[at].needs);
        }
    }
    found
}

/// What became of a step.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum State {
    Pending,
    Succeeded,
    /// It gave nothing, and what needs it goes on.
    Passed,
    /// It failed and may have taken effect.
    Acted,
    /// It failed and did nothing.
    Failed,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Run {
    steps: Vec<State>,
    /// It was cancelled, or a person gave it up after a failure.
    ending: bool,
}

impl Run {
    fn halts(&self) -> bool {
        let failed = |state: &State| matches!(state, State::Acted | State::Failed);
        self.steps.iter().any(failed)
    }

    fn met(&self, facts: &[Fact], step: usize) -> bool {
        let met = |need: &usize| matches!(self.steps[*need], State::Succeeded | State::Passed);
        facts[step].needs.iter().all(met)
    }

    fn owed(&self, facts: &[Fact], step: usize) -> bool {
        facts.iter().zip(&self.steps).any(|(fact, state)| {
            fact.owes == Some(step) && matches!(state, State::Succeeded | State::Acted)
        })
    }

    fn given(&self, facts: &[Fact]) -> BTreeSet<usize> {
        (0..facts.len())
            .filter(|index| facts[*index].gives.is_some())
            .filter(|index| self.steps[*index] == State::Succeeded)
            .collect()
    }
}

/// What had been given at every start of a step.
#[derive(Clone, Default)]
struct Seen {
    by: Option<BTreeSet<usize>>,
    demands: Option<BTreeSet<Demand>>,
}

impl Seen {
    fn meet(&mut self, facts: &[Fact], given: &BTreeSet<usize>) {
        let kinds = given
            .iter()
            .filter_map(|by| facts[*by].gives.clone())
            .collect();
        self.demands = Some(match &self.demands {
            Some(demands) => demands & &kinds,
            None => kinds,
        });
        self.by = Some(match &self.by {
            Some(by) => by & given,
            None => given.clone(),
        });
    }
}

/// Every execution: by the needs, and on whichever way.
fn executions(facts: &[Fact]) -> (Vec<Seen>, Vec<Seen>) {
    let mut by_needs = vec![Seen::default(); facts.len()];
    let mut always = vec![Seen::default(); facts.len()];
    let first = Run {
        steps: vec![State::Pending; facts.len()],
        ending: false,
    };
    let mut known = HashSet::from([first.clone()]);
    let mut open = vec![first];
    while let Some(run) = open.pop() {
        let mut next = Vec::new();
        if !run.ending {
            let mut ended = run.clone();
            ended.ending = true;
            next.push(ended);
        }
        for step in 0..facts.len() {
            if run.steps[step] != State::Pending {
                continue;
            }
            let (met, owed) = (run.met(facts, step), run.owed(facts, step));
            let starts = match (run.ending, run.halts()) {
                (true, _) => owed,
                (false, true) => owed && met,
                (false, false) => met,
            };
            if !starts {
                continue;
            }
            let mut become_ = |state| {
                let mut after = run.clone();
                after.steps[step] = state;
                next.push(after);
            };
            if facts[step].passed.is_some() {
                become_(State::Passed);
            }
            become_(State::Succeeded);
            become_(State::Acted);
            become_(State::Failed);
            let given = run.given(facts);
            if !run.ending {
                by_needs[step].meet(facts, &given);
            }
            always[step].meet(facts, &given);
        }
        open.extend(next.into_iter().filter(|run| known.insert(run.clone())));
    }
    (by_needs, always)
}

#[test]
fn the_proof_says_what_all_executions_say() {
    let plans = std::env::var("WINDLASS_PROOF_PLANS")
        .map_or(PLANS, |text| text.parse().expect("a number of plans"));
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut owed, mut gaps_met, mut proved) = (0, 0, 0);
    for _ in 0..plans {
        let facts = plan(&mut random);
        let befores = Befores::new(&facts);
        let (by_needs, always) = executions(&facts);
        let gaps = prove(&facts);
        for step in 0..facts.len() {
            let said: BTreeSet<usize> = befores.by_needs(step).collect();
            assert_eq!(
                by_needs[step].by.as_ref(),
                Some(&said),
                "{step} of {facts:?}"
            );
            let said: BTreeSet<usize> = befores.always(step).collect();
            assert_eq!(always[step].by.as_ref(), Some(&said), "{step} of {facts:?}");
            owed += usize::from(by_needs[step].by != always[step].by);
            // A step is proved exactly when no execution starts it without what it demands.
            for demand in &facts[step].demands {
                let lack = Lack::Demand(demand.clone());
                let gap = gaps.iter().any(|gap| gap.step == step && gap.lack == lack);
                let holds = always[step]
                    .demands
                    .as_ref()
                    .is_some_and(|met| met.contains(demand));
                assert_eq!(!gap, holds, "{step}, {demand} of {facts:?}");
                gaps_met += usize::from(gap);
                proved += usize::from(!gap);
            }
        }
    }
    println!(
        "{plans} plans: {owed} steps with less on the way of a debt, {gaps_met} gaps, {proved} demands proved"
    );
    assert!(owed > 0 && gaps_met > 0 && proved > 0);
}

#[test]
fn a_story_ends_where_the_step_starts_and_is_short() {
    let mut random = Random(7);
    for _ in 0..1_000 {
        let facts = plan(&mut random);
        for gap in prove(&facts) {
            let story = gap.story(&facts);
            let last = story.last().expect("a story has an end");
            assert_eq!(last.step, gap.step);
            assert!(story.len() <= windlass_runbook::proof::STORY_LINES_MAX);
        }
    }
}

#[test]
fn a_debt_does_not_wait_for_a_gate_behind_its_change() {
    let gate = |needs: &[usize]| Fact {
        needs: needs.to_vec(),
        gives: Some(Demand::Approval),
        ..Fact::default()
    };
    let change = Fact {
        needs: vec![0],
        demands: vec![Demand::Approval],
        owes: Some(3),
        ..Fact::default()
    };
    let owed = Fact {
        needs: vec![2],
        demands: vec![Demand::Approval],
        ..Fact::default()
    };
    let gaps = prove(&[gate(&[]), change, gate(&[1]), owed]);
    let [gap] = &gaps[..] else {
        panic!("one gap, not {gaps:?}");
    };
    assert_eq!((gap.step, gap.way), (3, Way::Debt { change: 1 }));
    assert_eq!(gap.lack, Lack::Evidence(2));
}
