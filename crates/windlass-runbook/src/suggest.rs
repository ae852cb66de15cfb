//! "Did you mean": the known name that is closest to an unknown one.

/// The nearest of `known` to `name`, when it is near enough to be meant.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Long names are no typing mistakes, and the table below is quadratic.
    const NAME_CHARS_MAX: usize = 64;
    const CANDIDATES_MAX: usize = 1_000;
    let length = name.chars().count();
    if length > NAME_CHARS_MAX {
        return None;
    }
    // Of names this short every other one is near.
    if length < 3 {
        return None;
    }
    let allowed = (length / 3).min(3);
    known
        .into_iter()
        .take(CANDIDATES_MAX)
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= allowed)
        .filter_map(|candidate| Some((distance(name, candidate, allowed)?, candidate)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A help line for a [`nearest`] name.
pub(crate) fn did_you_mean<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let nearest = nearest(name, known)?;
    // A letter of another script may look exactly like the one that is meant.
    let strange = name.chars().find(|char| !char.is_ascii());
    let strange = strange.map(|char| format!(" `{char}` is U+{:04X}", u32::from(char)));
    Some(format!(
        "did you mean `{nearest}`?{}",
        strange.unwrap_or_default()
    ))
}

/// Edit distance in which exchanging two neighbours counts once; `None` when
/// it is more than `allowed`.
fn distance(left: &str, right: &str, allowed: usize) -> Option<usize> {
    let left: Vec<char> = left.chars().flat_map(char::to_lowercase).collect();
    let right: Vec<char> = right.chars().flat_map(char::to_lowercase).collect();
    // What both begin with costs nothing, and is most of similar names.
    let same = left
        .iter()
        .zip(&right)
        .take_while(|(left, right)| left == right)
        .count();
    let (left, right) = (&left[same..], &right[same..]);
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, left_char) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, right_char) in right.iter().enumerate() {
            let substituted = last[column] + usize::from(left_char != right_char);
            let mut best = substituted
                .min(last[column + 1] + 1)
                .min(current[column] + 1);
            if row > 0
                && column > 0
                && *left_char == right[column - 1]
                && left[row - 1] == *right_char
            {
                best = best.min(before_last[column - 1] + 1);
            }
            current.push(best);
        }
        // Exchanges look two rows back, so both must be beyond hope.
        let hopeless = |row: &[usize]| row.iter().all(|cost| *cost > allowed);
        if hopeless(&current) && hopeless(&last) {
            return None;
        }
        before_last = std::mem::replace(&mut last, current);
    }
    Some(last[right.len()]).filter(|distance| *distance <= allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["upgrade", "backup", "precheck"];
        assert_eq!(nearest("upgrad", known), Some("upgrade"));
        assert_eq!(nearest("bakcup", known), Some("backup"));
        assert_eq!(nearest("verify", known), None);
        assert_eq!(nearest("", known), None);
    }
}
