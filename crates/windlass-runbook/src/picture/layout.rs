//! Where boxes and edges go: rows, the order within each, and the ways of edges.
//!
//! A wave is a row; wide waves are drawn in blocks (see `rows`). An edge over more than one row goes by a
//! narrow *stop* in each row between, so that no edge passes through a box; edges that
//! leave one box, or reach one, share their stops. The order within the rows comes from
//! sweeps that put each place at the middle of its neighbours (Sugiyama, Tagawa and Toda
//! 1981); `place` gives it coordinates.

use std::collections::{BTreeMap, BTreeSet};

/// The most boxes of a row; a wider wave takes several.
const ROW_BOXES_MAX: usize = 8;
/// How often the rows are swept, down and up.
const SWEEPS: usize = 4;
/// The most places, boxes and stops together; a picture with more would be a tangle.
pub(super) const PLACES_MAX: usize = 8_000;

/// A whole row, where positions in rows of different lengths are compared.
const WHOLE: usize = 10_000;

/// A box or a stop of an edge on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Box(usize),
    Stop,
    /// A stop of so many edges that it runs along a side, past all boxes.
    Left,
    Right,
}

/// Rows of places, and the links between neighbouring rows.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) places: Vec<Place>,
    /// Places from left to right.
    pub(super) rows: Vec<Vec<usize>>,
    /// The wave of each row.
    pub(super) waves: Vec<usize>,
    /// From a place to one of the next row, each once.
    pub(super) links: Vec<(usize, usize)>,
}

/// Whose stops an edge uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trunk {
    From(usize),
    To(usize),
    Own(usize),
}

impl Layout {
    /// Lays out boxes by their waves; `None` when it would need more than [`PLACES_MAX`].
    pub(super) fn new(waves: &[usize], edges: &[(usize, usize)]) -> Option<Self> {
        let (mut rows, row_waves) = rows(waves, edges);
        let mut row_of = vec![0; waves.len()];
        // How far right each box stands, in parts of [`WHOLE`].
        let mut share = vec![0; waves.len()];
        for (row, boxes) in rows.iter().enumerate() {
            for (place, at) in boxes.iter().enumerate() {
                row_of[*at] = row;
                share[*at] = (2 * place + 1) * WHOLE / (2 * boxes.len());
            }
        }
        let mut places: Vec<Place> = (0..waves.len()).map(Place::Box).collect();
        let mut stops: BTreeMap<(Trunk, usize), usize> = BTreeMap::new();
        let mut links = BTreeSet::new();
        let (outs, ins) = degrees(waves.len(), edges);
        for (edge, (from, to)) in edges.iter().copied().enumerate() {
            let trunk = if outs[from] > 1 && outs[from] >= ins[to] {
                Trunk::From(from)
            } else if ins[to] > 1 {
                Trunk::To(to)
            } else {
                Trunk::Own(edge)
            };
            let mut last = from;
            let between = rows.iter_mut().enumerate().take(row_of[to]);
            for (row, own) in between.skip(row_of[from] + 1) {
                let stop = *stops.entry((trunk, row)).or_insert_with(|| {
                    let stop = places.len();
                    let (place, at) = match trunk {
                        Trunk::From(from) if outs[from] > ROW_BOXES_MAX => (Place::Left, 0),
                        Trunk::To(to) if ins[to] > ROW_BOXES_MAX => (Place::Right, own.len()),
                        Trunk::From(_) | Trunk::To(_) | Trunk::Own(_) => {
                            (Place::Stop, share[from] * own.len() / WHOLE)
                        }
                    };
                    places.push(place);
                    own.insert(at, stop);
                    stop
                });
                if places.len() > PLACES_MAX {
                    return None;
                }
                links.insert((last, stop));
                last = stop;
            }
            links.insert((last, to));
        }
        let mut layout = Self {
            places,
            rows,
            waves: row_waves,
            links: links.into_iter().collect(),
        };
        layout.order();
        Some(layout)
    }

    /// The places that a place is linked to in the row above, and in the row below.
    pub(super) fn neighbours(&self) -> [Vec<Vec<usize>>; 2] {
        let mut above = vec![Vec::new(); self.places.len()];
        let mut below = vec![Vec::new(); self.places.len()];
        for (from, to) in &self.links {
            below[*from].push(*to);
            above[*to].push(*from);
        }
        [above, below]
    }

    /// Orders each row so that fewer links cross.
    fn order(&mut self) {
        let neighbours = self.neighbours();
        let mut best = (self.crossings(&neighbours[1]), self.rows.clone());
        for sweep in 0..2 * SWEEPS {
            let downwards = sweep % 2 == 0;
            let near = &neighbours[usize::from(!downwards)];
            let count = self.rows.len();
            for step in 1..count {
                let row = if downwards { step } else { count - 1 - step };
                let fixed = if downwards { row - 1 } else { row + 1 };
                self.order_row(row, fixed, near);
            }
            let crossings = self.crossings(&neighbours[1]);
            if crossings < best.0 {
                best = (crossings, self.rows.clone());
            }
        }
        self.rows = best.1;
    }

    /// Moves each place of a row to the middle of its neighbours in the fixed row. What
    /// has none keeps its place between the others.
    fn order_row(&mut self, row: usize, fixed: usize, near: &[Vec<usize>]) {
        let mut position = BTreeMap::new();
        for (at, place) in self.rows[fixed].iter().enumerate() {
            position.insert(*place, at);
        }
        // Rows differ in length: positions are compared as shares of their row.
        let scale = |at: f64, len: usize| (at + 0.5) / len.max(1) as f64;
        let (fixed_len, own_len) = (self.rows[fixed].len(), self.rows[row].len());
        let mut keyed: Vec<(f64, usize)> = Vec::with_capacity(own_len);
        for (at, place) in self.rows[row].iter().enumerate() {
            let found: Vec<usize> = near[*place]
                .iter()
                .filter_map(|near| position.get(near).copied())
                .collect();
            let key = match self.places[*place] {
                Place::Left => f64::NEG_INFINITY,
                Place::Right => f64::INFINITY,
                Place::Box(_) | Place::Stop if found.is_empty() => scale(at as f64, own_len),
                Place::Box(_) | Place::Stop => {
                    let middle = found.iter().sum::<usize>() as f64 / found.len() as f64;
                    scale(middle, fixed_len)
                }
            };
            keyed.push((key, *place));
        }
        // A stable sort: equals stay as they were, so that every machine draws the same.
        keyed.sort_by(|one, other| one.0.total_cmp(&other.0));
        self.rows[row] = keyed.into_iter().map(|(_, place)| place).collect();
    }

    /// How many pairs of links cross.
    pub(super) fn crossings(&self, below: &[Vec<usize>]) -> usize {
        let mut crossings = 0;
        for rows in self.rows.windows(2) {
            let mut position = BTreeMap::new();
            for (at, place) in rows[1].iter().enumerate() {
                position.insert(*place, at);
            }
            // Counts, for each link from left to right, the earlier ones that end right of it.
            let mut ends = vec![0_usize; rows[1].len() + 1];
            for place in &rows[0] {
                let mut targets: Vec<usize> = below[*place]
                    .iter()
                    .filter_map(|to| position.get(to).copied())
                    .collect();
                targets.sort_unstable();
                for target in &targets {
                    crossings += right_of(&ends, *target);
                }
                for target in &targets {
                    add(&mut ends, *target);
                }
            }
        }
        crossings
    }
}

/// The sum over all positions right of `at` of a Fenwick tree.
fn right_of(tree: &[usize], at: usize) -> usize {
    prefix(tree, tree.len() - 1) - prefix(tree, at + 1)
}

fn prefix(tree: &[usize], mut upto: usize) -> usize {
    let mut sum = 0;
    while upto > 0 {
        sum += tree[upto];
        upto &= upto - 1;
    }
    sum
}

fn add(tree: &mut [usize], at: usize) {
    let mut at = at + 1;
    while at < tree.len() {
        tree[at] += 1;
        at += at & at.wrapping_neg();
    }
}

fn degrees(count: usize, edges: &[(usize, usize)]) -> (Vec<usize>, Vec<usize>) {
    let (mut outs, mut ins) = (vec![0; count], vec![0; count]);
    for (from, to) in edges {
        outs[*from] += 1;
        ins[*to] += 1;
    }
    (outs, ins)
}

/// The boxes of each row, and each row's wave.
///
/// Waves that are too wide for a row, one after the other, make a section. What hangs
/// together in it is a *lane*, and lanes stand side by side in blocks that are as wide as a
/// row: many chains of equal steps are drawn as a few short blocks, not as long rows with
/// all edges between them.
fn rows(waves: &[usize], edges: &[(usize, usize)]) -> (Vec<Vec<usize>>, Vec<usize>) {
    let count = waves.iter().max().map_or(0, |last| last + 1);
    let mut by_wave: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (at, wave) in waves.iter().enumerate() {
        by_wave[*wave].push(at);
    }
    let mut rows = Rows::default();
    let mut wave = 0;
    while wave < count {
        let wide = |wave: &usize| by_wave[*wave].len() > ROW_BOXES_MAX;
        let end = wave + (wave..count).take_while(wide).count();
        if end == wave {
            rows.add(wave, by_wave[wave].clone());
            wave += 1;
            continue;
        }
        for block in blocks(waves, edges, &by_wave[wave..end]) {
            for (boxes, wave) in block.into_iter().zip(wave..) {
                rows.add(wave, boxes);
            }
        }
        wave = end;
    }
    (rows.rows, rows.waves)
}

#[derive(Default)]
struct Rows {
    rows: Vec<Vec<usize>>,
    waves: Vec<usize>,
}

impl Rows {
    /// Adds boxes of one wave, in rows of nearly the same length.
    fn add(&mut self, wave: usize, boxes: Vec<usize>) {
        let lines = boxes.len().div_ceil(ROW_BOXES_MAX).max(1);
        let size = boxes.len().div_ceil(lines).max(1);
        // Of a wave that a block has no box of there is no row.
        for row in boxes.chunks(size) {
            self.rows.push(row.to_vec());
            self.waves.push(wave);
        }
    }
}

/// The lanes of a section, packed into blocks; a block has a list of boxes a wave.
fn blocks(
    waves: &[usize],
    edges: &[(usize, usize)],
    section: &[Vec<usize>],
) -> Vec<Vec<Vec<usize>>> {
    let Some(first) = section.first().and_then(|boxes| boxes.first()) else {
        return Vec::new();
    };
    let begin = waves[*first];
    let inside = |at: usize| (begin..begin + section.len()).contains(&waves[at]);
    // Each box names the first box of its lane, over the boxes between (a union-find).
    let mut lane: Vec<usize> = (0..waves.len()).collect();
    for (from, to) in edges {
        if inside(*from) && inside(*to) {
            let (one, other) = (lane_of(&mut lane, *from), lane_of(&mut lane, *to));
            lane[one.max(other)] = one.min(other);
        }
    }
    let mut lanes: BTreeMap<usize, Vec<Vec<usize>>> = BTreeMap::new();
    for at in section.iter().flatten() {
        let boxes = lanes
            .entry(lane_of(&mut lane, *at))
            .or_insert_with(|| vec![Vec::new(); section.len()]);
        boxes[waves[*at] - begin].push(*at);
    }
    let width = |block: &[Vec<usize>], more: &[Vec<usize>]| {
        let both = block
            .iter()
            .zip(more)
            .map(|(one, two)| one.len() + two.len());
        both.max().unwrap_or(0)
    };
    // Blocks of nearly the same width, as rows have nearly the same length.
    let widest = section.iter().map(Vec::len).max().unwrap_or(1);
    let width_max = widest.div_ceil(widest.div_ceil(ROW_BOXES_MAX));
    let mut blocks: Vec<Vec<Vec<usize>>> = Vec::new();
    for boxes in lanes.into_values() {
        match blocks.last_mut() {
            Some(block) if width(block, &boxes) <= width_max => {
                for (row, more) in block.iter_mut().zip(boxes) {
                    row.extend(more);
                }
            }
            Some(_) | None => blocks.push(boxes),
        }
    }
    blocks
}

fn lane_of(lane: &mut [usize], at: usize) -> usize {
    let mut at = at;
    while lane[at] != at {
        lane[at] = lane[lane[at]];
        at = lane[at];
    }
    at
}
