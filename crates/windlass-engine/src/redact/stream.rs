//! Redacts what arrives in pieces. Nothing is let go while it may be the beginning of a
//! secret, so that no border between two pieces hides one.

use std::ops::Range;

use aho_corasick::automaton::StateID;

use super::forms::BROKEN_BYTES_MAX;
use super::needles::Needles;
use super::{MARK, Redactor};

/// How many bytes of line ends and indentation may stand at one place of a broken form.
const GAP_BYTES_MAX: usize = 64;

/// A text on its way; made by [`Redactor::stream`].
pub struct RedactedStream {
    redactor: Redactor,
    exact: Option<StateID>,
    spread: Option<StateID>,
    /// The bytes of the gap that a broken form stands before.
    gap: usize,
    /// What was not let go yet.
    pending: Vec<u8>,
    /// Where secrets are in it: disjoint, in order.
    found: Vec<Range<usize>>,
    /// Whether what was let go last was a mark, for a secret that may go on.
    is_marked: bool,
}

impl std::fmt::Debug for RedactedStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RedactedStream")
    }
}

impl RedactedStream {
    pub(super) fn new(redactor: Redactor) -> Self {
        let start = |needles: &Option<Needles>| needles.as_ref().map(Needles::start);
        Self {
            exact: start(&redactor.0.exact),
            spread: start(&redactor.0.spread),
            redactor,
            gap: 0,
            pending: Vec::new(),
            found: Vec::new(),
            is_marked: false,
        }
    }

    /// Takes the next piece, and gives what is surely in no secret, with secrets replaced.
    pub fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        if self.redactor.finds_nothing() {
            return piece.to_vec();
        }
        self.pending.reserve(piece.len());
        for byte in piece {
            self.pending.push(*byte);
            self.look_exactly(*byte);
            self.look_over_gaps(*byte);
        }
        self.let_go(self.held_from())
    }

    /// The rest, at the end of the text.
    pub fn finish(&mut self) -> Vec<u8> {
        let rest = self.let_go(self.pending.len());
        self.restart();
        rest
    }

    /// The rest where the text was cut off: without its end, when that may be the first
    /// half of a secret.
    pub fn cut(&mut self) -> Vec<u8> {
        let mut rest = self.let_go(self.held_from());
        // A whole secret at the cut, which might also have gone on.
        if let Some(first) = self.found.first()
            && !(self.is_marked && first.start == 0)
        {
            rest.extend_from_slice(MARK.as_bytes());
        }
        self.restart();
        rest
    }

    fn restart(&mut self) {
        *self = Self::new(self.redactor.clone());
    }

    fn look_exactly(&mut self, byte: u8) {
        let (Some(needles), Some(state)) = (&self.redactor.0.exact, &mut self.exact) else {
            return;
        };
        *state = needles.next(*state, byte);
        if let Some(length) = needles.longest_match(*state) {
            let end = self.pending.len();
            self.mark(end - length..end);
        }
    }

    fn look_over_gaps(&mut self, byte: u8) {
        let (Some(needles), Some(state)) = (&self.redactor.0.spread, &mut self.spread) else {
            return;
        };
        if is_gap(byte) {
            self.gap += 1;
            if self.gap > GAP_BYTES_MAX || needles.depth(*state) <= BROKEN_BYTES_MAX {
                *state = needles.start();
            }
            return;
        }
        self.gap = 0;
        *state = needles.next(*state, byte);
        if let Some(length) = needles.longest_match(*state) {
            let end = self.pending.len();
            self.mark(self.before(length)..end);
        }
    }

    /// Where the last so many bytes begin that are in no gap.
    fn before(&self, mut count: usize) -> usize {
        let mut at = self.pending.len();
        while count > 0 && at > 0 {
            at -= 1;
            count -= usize::from(!is_gap(self.pending[at]));
        }
        at
    }

    fn mark(&mut self, mut range: Range<usize>) {
        // Two secrets may overlap: all of both is hidden.
        while let Some(last) = self.found.last()
            && last.end >= range.start
        {
            range = last.start.min(range.start)..last.end.max(range.end);
            self.found.pop();
        }
        self.found.push(range);
    }

    /// From where on a secret may have begun that has not ended yet.
    fn held_from(&self) -> usize {
        let redactor = &self.redactor.0;
        let depth = |needles: &Option<Needles>, state: Option<StateID>| {
            needles
                .as_ref()
                .zip(state)
                .map_or(0, |(needles, state)| needles.depth(state))
        };
        let exact = self.pending.len() - depth(&redactor.exact, self.exact);
        exact.min(self.before(depth(&redactor.spread, self.spread)))
    }

    fn let_go(&mut self, to: usize) -> Vec<u8> {
        if to == 0 {
            return Vec::new();
        }
        let mut text = Vec::with_capacity(to);
        let mut at = 0;
        let mut later = Vec::new();
        let mut marked_to = None;
        for range in std::mem::take(&mut self.found) {
            if range.start >= to {
                later.push(range.start - to..range.end - to);
                continue;
            }
            text.extend_from_slice(&self.pending[at..range.start]);
            if range.start > 0 || !self.is_marked {
                text.extend_from_slice(MARK.as_bytes());
            }
            at = range.end.min(to);
            marked_to = Some(at);
            if range.end > to {
                later.push(0..range.end - to);
            }
        }
        text.extend_from_slice(&self.pending[at..to]);
        self.is_marked = marked_to == Some(to);
        self.found = later;
        self.pending.drain(..to);
        text
    }
}

fn is_gap(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r' | b' ' | b'\t')
}
