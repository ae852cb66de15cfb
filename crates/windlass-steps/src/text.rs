//! Text that came from outside, made fit to keep and to cut.
//! Responsible for bounds; secrets are replaced by the attempt's log.

pub(crate) use windlass_engine::printable::printable;

/// Cuts a text to at most `max` bytes at a character's boundary.
pub(crate) fn truncate(text: &mut String, max: usize) {
    if text.len() > max {
        text.truncate(text.floor_char_boundary(max));
    }
}

/// The last `max` bytes of a text at most, from a character's boundary.
pub(crate) fn tail(text: &str, max: usize) -> &str {
    &text[text.ceil_char_boundary(text.len().saturating_sub(max))..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_keep_characters() {
        let mut text = "aü".to_owned();
        truncate(&mut text, 2);
        assert_eq!(text, "a");
        assert_eq!(tail("üa", 2), "a");
    }
}
