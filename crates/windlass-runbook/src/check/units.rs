//! Durations and numbers of bytes as authors write them.

use windlass_core::time::Millis;

const DURATION_UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

const BYTE_UNITS: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

/// `500ms`, `15s`, `30m`, `4h` or `2d`. Fits an integer of the expressions.
pub(super) fn duration(text: &str) -> Option<Millis> {
    count(text, &DURATION_UNITS).map(Millis)
}

/// `1MiB`, `20GB` or `512B`.
pub(super) fn bytes(text: &str) -> Option<u64> {
    count(text, &BYTE_UNITS)
}

fn count(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let split = text.find(|char: char| !char.is_ascii_digit())?;
    let (digits, unit) = text.split_at(split);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    let count = digits.parse::<u64>().ok()?.checked_mul(*factor)?;
    i64::try_from(count).is_ok().then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        assert_eq!(duration("500ms"), Some(Millis(500)));
        assert_eq!(duration("2d"), Some(Millis(172_800_000)));
        assert_eq!(bytes("1MiB"), Some(1 << 20));
        assert_eq!(bytes("7B"), Some(7));
        for bad in [
            "",
            "5",
            "m",
            "1.5h",
            "-1s",
            "1 s",
            "1S",
            "1h30m",
            "9999999999999999999d",
        ] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
