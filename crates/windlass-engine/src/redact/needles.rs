//! The automaton that looks for many texts at once, one byte at a time.

use std::collections::HashMap;

use aho_corasick::Anchored;
use aho_corasick::automaton::{Automaton as _, StateID};
use aho_corasick::nfa::contiguous::NFA;

use super::forms::Patterns;

/// Texts to look for.
pub(super) struct Needles {
    automaton: NFA,
    start: StateID,
    /// For each state, how many of the last bytes may be the beginning of a text.
    depths: HashMap<StateID, u32>,
}

impl Needles {
    /// `None` when there is nothing to look for.
    pub(super) fn new(patterns: &Patterns) -> Option<Self> {
        if patterns.is_empty() {
            return None;
        }
        let texts = patterns.iter().map(|pattern| &pattern[..]);
        // All matches are wanted, also those inside of others and across them.
        let automaton = NFA::new(texts).expect("some millions of bytes fit into an automaton");
        let start = automaton
            .start_state(Anchored::No)
            .expect("the automaton was built for unanchored searches");
        let mut needles = Self {
            automaton,
            start,
            depths: HashMap::new(),
        };
        for pattern in patterns {
            let mut state = start;
            for (byte, depth) in pattern.iter().zip(1..) {
                state = needles.next(state, *byte);
                needles.depths.insert(state, depth);
            }
        }
        Some(needles)
    }

    pub(super) fn start(&self) -> StateID {
        self.start
    }

    pub(super) fn next(&self, state: StateID, byte: u8) -> StateID {
        self.automaton.next_state(Anchored::No, state, byte)
    }

    /// How many of the last bytes may be the beginning of a text.
    pub(super) fn depth(&self, state: StateID) -> usize {
        self.depths.get(&state).map_or(0, |depth| *depth as usize)
    }

    /// The length of the longest text that ends here.
    pub(super) fn longest_match(&self, state: StateID) -> Option<usize> {
        if !self.automaton.is_match(state) {
            return None;
        }
        (0..self.automaton.match_len(state))
            .map(|index| {
                let pattern = self.automaton.match_pattern(state, index);
                self.automaton.pattern_len(pattern)
            })
            .max()
    }
}
