//! Which evidence surely precedes each step, on each way to it.

use std::collections::BTreeSet;

use petgraph::algo::toposort;
use petgraph::graph::{DiGraph, NodeIndex};

use super::facts::{Demand, Fact};

/// The evidence that surely precedes each step. Only steps that give something are kept, so
/// that ten thousand steps with a few gates take little room.
#[derive(Debug)]
pub struct Befores {
    /// The steps that give evidence, in order; their places are the first bits.
    evidence: Vec<usize>,
    /// What they give; the bits behind. One that is set says that something surely gave it,
    /// be it a different step on each way.
    kinds: Vec<Demand>,
    /// For each step, when it starts because its needs are met.
    by_needs: Vec<Vec<u64>>,
    /// For each step, whichever way it came to start.
    always: Vec<Vec<u64>>,
    /// For each step, the changes that owe it.
    owed_by: Vec<Vec<usize>>,
}

impl Befores {
    /// Follows the needs and the debts; the facts have no circle.
    pub fn new(facts: &[Fact]) -> Self {
        let evidence: Vec<usize> = (0..facts.len())
            .filter(|index| facts[*index].gives.is_some())
            .collect();
        let kinds: BTreeSet<&Demand> = facts
            .iter()
            .filter_map(|fact| fact.gives.as_ref())
            .collect();
        let kinds: Vec<Demand> = kinds.into_iter().cloned().collect();
        let words = (evidence.len() + kinds.len()).div_ceil(64);
        let mut owed_by = vec![Vec::new(); facts.len()];
        for (change, fact) in facts.iter().enumerate() {
            if let Some(owed) = fact.owes {
                owed_by[owed].push(change);
            }
        }
        let mut befores = Self {
            evidence,
            kinds,
            by_needs: vec![vec![0; words]; facts.len()],
            always: vec![vec![0; words]; facts.len()],
            owed_by,
        };
        for step in order(facts) {
            befores.fill(facts, step);
        }
        befores
    }

    fn fill(&mut self, facts: &[Fact], step: usize) {
        let mut bits = std::mem::take(&mut self.by_needs[step]);
        for need in &facts[step].needs {
            // Whoever waits for it started while the run was not ending, so it did too.
            for (word, others) in bits.iter_mut().zip(&self.by_needs[*need]) {
                *word |= others;
            }
            let need_gives = facts[*need].gives.as_ref();
            if let (None, Some(kind)) = (facts[*need].passed, need_gives) {
                for bit in [self.bit_of(*need), self.bit_of_kind(kind)]
                    .into_iter()
                    .flatten()
                {
                    bits[bit / 64] |= 1 << (bit % 64);
                }
            }
        }
        let mut always = bits.clone();
        for change in &self.owed_by[step] {
            for (word, others) in always.iter_mut().zip(&self.always[*change]) {
                *word &= others;
            }
        }
        self.by_needs[step] = bits;
        self.always[step] = always;
    }

    /// What surely gave its evidence before the step starts by its needs, in order.
    pub fn by_needs(&self, step: usize) -> impl Iterator<Item = usize> {
        self.named(&self.by_needs[step])
    }

    /// What surely gave its evidence before the step starts, on whichever way; in order.
    pub fn always(&self, step: usize) -> impl Iterator<Item = usize> {
        self.named(&self.always[step])
    }

    /// Whether the demand is surely met when the step starts by its needs.
    pub fn meets_by_needs(&self, step: usize, demand: &Demand) -> bool {
        self.meets(&self.by_needs[step], demand)
    }

    /// Whether the demand is surely met when the step starts, on whichever way.
    pub fn always_meets(&self, step: usize, demand: &Demand) -> bool {
        self.meets(&self.always[step], demand)
    }

    fn meets(&self, bits: &[u64], demand: &Demand) -> bool {
        self.bit_of_kind(demand)
            .is_some_and(|bit| is_set(bits, bit))
    }

    fn bit_of(&self, step: usize) -> Option<usize> {
        self.evidence.binary_search(&step).ok()
    }

    fn bit_of_kind(&self, kind: &Demand) -> Option<usize> {
        let at = self.kinds.binary_search(kind).ok()?;
        Some(self.evidence.len() + at)
    }

    /// The changes that owe the step, in order.
    pub(super) fn owed_by(&self, step: usize) -> &[usize] {
        &self.owed_by[step]
    }

    fn named<'a>(&'a self, bits: &'a [u64]) -> impl Iterator<Item = usize> + use<'a> {
        self.evidence
            .iter()
            .enumerate()
            .filter(|(bit, _)| is_set(bits, *bit))
            .map(|(_, step)| *step)
    }
}

fn is_set(bits: &[u64], bit: usize) -> bool {
    bits[bit / 64] >> (bit % 64) & 1 == 1
}

/// The steps so that each comes after what it needs and after the changes that owe it.
fn order(facts: &[Fact]) -> Vec<usize> {
    let mut graph = DiGraph::<(), ()>::with_capacity(facts.len(), facts.len());
    let nodes: Vec<NodeIndex> = facts.iter().map(|_| graph.add_node(())).collect();
    for (step, fact) in facts.iter().enumerate() {
        for need in &fact.needs {
            graph.add_edge(nodes[*need], nodes[step], ());
        }
        if let Some(owed) = fact.owes {
            graph.add_edge(nodes[step], nodes[owed], ());
        }
    }
    let sorted =
        toposort(&graph, None).expect("a plan has no circle, and a debt follows its change");
    sorted.into_iter().map(NodeIndex::index).collect()
}
