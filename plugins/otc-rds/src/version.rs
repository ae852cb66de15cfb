//! Versions such as `16.5` and `16.5.21`.

use std::cmp::Ordering;

/// Which of two versions is newer, number by number; none when one of them holds more
/// than numbers and points. `16.5` is older than `16.5.21`.
pub(crate) fn order(left: &str, right: &str) -> Option<Ordering> {
    let numbers = |text: &str| -> Option<Vec<u64>> {
        text.split('.').map(|part| part.parse().ok()).collect()
    };
    Some(numbers(left)?.cmp(&numbers(right)?))
}

/// The first number.
pub(crate) fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or_default()
}

/// The newest of the versions that are newer than `current` and of its major version.
pub(crate) fn newest<'a>(current: &str, offered: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    offered
        .filter(|version| major(version) == major(current))
        .filter(|version| order(version, current) == Some(Ordering::Greater))
        .max_by(|left, right| order(left, right).unwrap_or(Ordering::Equal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_as_numbers() {
        for (left, right, is) in [
            ("16.10", "16.9", Some(Ordering::Greater)),
            ("16.5", "16.5.21", Some(Ordering::Less)),
            ("16.5.21", "16.5.21", Some(Ordering::Equal)),
            ("16.5-beta", "16.5", None),
            ("", "16.5", None),
        ] {
            assert_eq!(order(left, right), is, "{left} {right}");
        }
    }

    #[test]
    fn the_newest_is_of_the_same_major_version() {
        let offered = ["16.5.21", "16.10.1", "17.2", "16.9", "16.x"];
        let newest = |current| newest(current, offered.into_iter());
        assert_eq!(newest("16.5.21"), Some("16.10.1"));
        assert_eq!(newest("16.10.1"), None);
        assert_eq!(newest("17.1.4"), Some("17.2"));
        assert_eq!(newest("15.1"), None);
    }
}
