//! The edges that are drawn: every need but those that other needs imply, so that a
//! picture shows the same order with fewer lines.

use std::collections::BTreeMap;

use windlass_core::id::StepId;

use super::BOXES_MAX;
use crate::outline::Outline;

/// A set of steps as bits.
type Bits = Vec<u64>;

fn has(bits: &Bits, at: usize) -> bool {
    bits[at / 64] >> (at % 64) & 1 == 1
}

fn add(bits: &mut Bits, at: usize) {
    bits[at / 64] |= 1 << (at % 64);
}

/// The edges from a step to one that needs it, by their places in the outline. Its work
/// grows with the square of the steps: for outlines of at most [`BOXES_MAX`].
pub(super) fn edges(outline: &Outline) -> Vec<(usize, usize)> {
    debug_assert!(outline.steps.len() <= BOXES_MAX);
    let count = outline.steps.len();
    let by_id: BTreeMap<&StepId, usize> = outline
        .steps
        .iter()
        .enumerate()
        .map(|(at, step)| (&step.id, at))
        .collect();
    let needs: Vec<Vec<usize>> = outline
        .steps
        .iter()
        .map(|step| {
            let mut needs: Vec<usize> = step
                .needs
                .iter()
                .filter_map(|need| by_id.get(need).copied())
                .collect();
            needs.sort_unstable();
            needs.dedup();
            needs
        })
        .collect();
    // Waves put every step after those that it needs.
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|at| (outline.steps[*at].wave, *at));
    let mut before: Vec<Bits> = vec![vec![0; count.div_ceil(64)]; count];
    let mut edges = Vec::new();
    for at in order {
        let mut implied: Bits = vec![0; count.div_ceil(64)];
        for need in &needs[at] {
            for (word, more) in implied.iter_mut().zip(&before[*need]) {
                *word |= more;
            }
        }
        for need in &needs[at] {
            if !has(&implied, *need) {
                edges.push((*need, at));
            }
        }
        for need in &needs[at] {
            add(&mut implied, *need);
        }
        before[at] = implied;
    }
    edges.sort_unstable();
    edges
}
