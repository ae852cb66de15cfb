//! The units of integers that count something: how a duration or a number of bytes is
//! written, so that it reads back as the same number. Reading is the runbook's.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an integer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Milliseconds.
    Duration,
    Bytes,
}

const SPANS: [(&str, i64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

const SIZES: [(&str, i64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl Unit {
    /// `15m`, `1MiB`: the whole count in the largest unit that loses nothing.
    pub fn written(self, count: i64) -> impl fmt::Display {
        let units: &[(&str, i64)] = match self {
            Unit::Duration => &SPANS,
            Unit::Bytes => &SIZES,
        };
        let fits = |unit: &&(&str, i64)| unit.1 == 1 || (count != 0 && count % unit.1 == 0);
        let largest = units.iter().filter(fits).max_by_key(|(_, factor)| *factor);
        let (name, factor) = *largest.expect("every unit has one of 1");
        format!("{}{name}", count / factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost() {
        let spans = [
            (900_000, "15m"),
            (90_000, "90s"),
            (1, "1ms"),
            (0, "0ms"),
            (86_400_000, "1d"),
        ];
        for (count, text) in spans {
            assert_eq!(Unit::Duration.written(count).to_string(), text);
        }
        let sizes = [
            (1 << 20, "1MiB"),
            (20_000_000_000, "20GB"),
            (1_500, "1500B"),
            (0, "0B"),
        ];
        for (count, text) in sizes {
            assert_eq!(Unit::Bytes.written(count).to_string(), text);
        }
    }
}
