//! Patterns in which each `*` stands for anything; the time is linear in the text for each
//! pattern.

/// Whether the whole text fits.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    after(pattern, text).last().copied().unwrap_or(false)
}

/// Whether a text that begins so can fit.
pub(super) fn may_match(pattern: &str, beginning: &str) -> bool {
    after(pattern, beginning).contains(&true)
}

/// The places in the pattern that a text leads to.
fn after(pattern: &str, text: &str) -> Vec<bool> {
    let pattern = pattern.as_bytes();
    let mut places = vec![false; pattern.len() + 1];
    places[0] = true;
    stand_for_nothing(&mut places, pattern);
    for byte in text.bytes() {
        let mut next = vec![false; pattern.len() + 1];
        for (at, wanted) in pattern.iter().enumerate().filter(|(at, _)| places[*at]) {
            if *wanted == b'*' {
                next[at] = true;
            } else if *wanted == byte {
                next[at + 1] = true;
            }
        }
        stand_for_nothing(&mut next, pattern);
        places = next;
    }
    places
}

fn stand_for_nothing(places: &mut [bool], pattern: &[u8]) {
    for (at, wanted) in pattern.iter().enumerate() {
        if *wanted == b'*' && places[at] {
            places[at + 1] = true;
        }
    }
}
