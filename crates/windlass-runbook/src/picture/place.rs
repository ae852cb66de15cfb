//! Coordinates: how far right each place of a row stands. Each row is put as near as
//! possible to the middle of its neighbours while its places keep their order and their
//! distance; the rows are swept down and up until that has settled.

use super::layout::{Layout, Place};

/// How often the rows are swept; pictures have settled before.
const SWEEPS: usize = 24;
/// Between two boxes.
const BOX_GAP: f64 = 26.0;
/// Between a box and an edge that passes it.
const SIDE_GAP: f64 = 16.0;
/// Between two edges that pass a row.
const STOP_GAP: f64 = 10.0;
/// How much more an edge between two stops wants to be straight than one of a box.
const STRAIGHT: f64 = 8.0;
/// How much boxes and edges that run along a side pull each other: they had better stay.
const LOOSE: f64 = 0.01;
/// How much every box is pulled to the middle of the picture, so that nothing drifts.
const CENTRE: f64 = 0.15;

/// The middle of each place, from the left edge of the picture; `widths` are of the boxes.
pub(super) fn middles(layout: &Layout, widths: &[f64]) -> Vec<f64> {
    let width = |place: usize| match layout.places[place] {
        Place::Box(at) => widths[at],
        Place::Stop | Place::Left | Place::Right => 0.0,
    };
    let mut x = vec![0.0; layout.places.len()];
    for row in &layout.rows {
        let mut at = 0.0;
        for (place, gap) in row.iter().zip(gaps(layout, row, &width)) {
            at += gap;
            x[*place] = at;
        }
        // Rows begin centred on each other.
        let middle = at / 2.0;
        row.iter().for_each(|place| x[*place] -= middle);
    }
    let [above, below] = layout.neighbours();
    let last = layout.rows.len().saturating_sub(1);
    for sweep in 0..SWEEPS {
        // The last sweeps look both ways, so that no row drifts.
        let both = sweep + 4 >= SWEEPS;
        for step in 0..=last {
            let (row, near) = if sweep % 2 == 0 {
                (step, &above)
            } else {
                (last - step, &below)
            };
            let Some(row) = layout.rows.get(row) else {
                continue;
            };
            let wishes: Vec<(f64, f64)> = row
                .iter()
                .map(|place| {
                    let one_way = near[*place].as_slice();
                    let linked = above[*place].iter().chain(&below[*place]);
                    if both {
                        wish(layout, &x, *place, linked)
                    } else {
                        wish(layout, &x, *place, one_way.iter())
                    }
                })
                .collect();
            let placed = fit(&wishes, &gaps(layout, row, &width));
            for (place, at) in row.iter().zip(placed) {
                x[*place] = at;
            }
        }
    }
    let left = layout
        .rows
        .iter()
        .filter_map(|row| row.first())
        .map(|place| x[*place] - width(*place) / 2.0)
        .fold(f64::INFINITY, f64::min);
    // Whole numbers; the gaps are wide enough for that.
    x.iter().map(|at| (at - left).round()).collect()
}

/// The distance from the middle of the place before to that of each place; of the first, 0.
fn gaps(layout: &Layout, row: &[usize], width: &dyn Fn(usize) -> f64) -> Vec<f64> {
    let mut gaps = vec![0.0];
    for pair in row.windows(2) {
        let gap = match (layout.places[pair[0]], layout.places[pair[1]]) {
            (Place::Box(_), Place::Box(_)) => BOX_GAP,
            (Place::Box(_), _) | (_, Place::Box(_)) => SIDE_GAP,
            (_, _) => STOP_GAP,
        };
        gaps.push(width(pair[0]) / 2.0 + gap + width(pair[1]) / 2.0);
    }
    gaps
}

/// Where a place would like to stand, and how much.
fn wish<'a>(
    layout: &Layout,
    x: &[f64],
    place: usize,
    linked: impl Iterator<Item = &'a usize>,
) -> (f64, f64) {
    // The middle of the picture is 0.
    let (mut sum, mut weight) = (0.0, 0.0);
    if let Place::Box(_) = layout.places[place] {
        weight += CENTRE;
    }
    for other in linked {
        let pull = match (layout.places[place], layout.places[*other]) {
            (Place::Box(_), Place::Left | Place::Right)
            | (Place::Left | Place::Right, Place::Box(_)) => LOOSE,
            (Place::Box(_), _) | (_, Place::Box(_)) => 1.0,
            (_, _) => STRAIGHT,
        };
        sum += pull * x[*other];
        weight += pull;
    }
    if weight == 0.0 {
        // Nothing pulls: it stays, and gives way easily.
        return (x[place], 0.05);
    }
    (sum / weight, weight)
}

/// The places nearest to the wishes, by weighted least squares, that keep the gaps:
/// without the gaps it is an isotonic regression, solved by pooling adjacent violators.
fn fit(wishes: &[(f64, f64)], gaps: &[f64]) -> Vec<f64> {
    // Each block: the sum of its weighted wishes, its weight, and how many places it has.
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    let mut offsets = Vec::with_capacity(gaps.len());
    let mut offset = 0.0;
    for ((wish, weight), gap) in wishes.iter().zip(gaps) {
        offset += gap;
        offsets.push(offset);
        let mut block = ((wish - offset) * weight, *weight, 1);
        while let Some(before) = blocks.last().copied() {
            if before.0 / before.1 <= block.0 / block.1 {
                break;
            }
            block = (before.0 + block.0, before.1 + block.1, before.2 + block.2);
            blocks.pop();
        }
        blocks.push(block);
    }
    let level = blocks
        .iter()
        .flat_map(|(sum, weight, count)| std::iter::repeat_n(sum / weight, *count));
    level
        .zip(&offsets)
        .map(|(level, offset)| level + offset)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_kept_where_they_fit_and_shared_where_they_do_not() {
        assert_eq!(fit(&[(0.0, 1.0), (50.0, 1.0)], &[0.0, 10.0]), [0.0, 50.0]);
        // Both want 20: they stand 10 apart around it.
        assert_eq!(fit(&[(20.0, 1.0), (20.0, 1.0)], &[0.0, 10.0]), [15.0, 25.0]);
        // The heavier one moves less.
        assert_eq!(fit(&[(20.0, 3.0), (20.0, 1.0)], &[0.0, 8.0]), [18.0, 26.0]);
    }
}
