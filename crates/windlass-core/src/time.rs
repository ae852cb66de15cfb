//! Points in time and spans of it, as data. Nothing here reads a clock.

use std::fmt;
use std::ops::Add;

use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// A span of time in milliseconds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// A span of whole seconds; saturates.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// A span of whole minutes; saturates.
    pub const fn from_mins(mins: u64) -> Self {
        Self::from_secs(mins.saturating_mul(60))
    }
}

/// Saturates at the end of time rather than wrapping into the past.
impl Add<Millis> for Timestamp {
    type Output = Timestamp;

    fn add(self, span: Millis) -> Timestamp {
        Timestamp(self.0.saturating_add_unsigned(span.0))
    }
}

impl Timestamp {
    /// The span since `earlier`; zero when the clock went backwards.
    pub fn since(self, earlier: Timestamp) -> Millis {
        Millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// `1h 05m`, `3m 20s`, `4.2s`, `15ms`: short enough for a status line.
impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0 / 1000;
        match secs {
            0 if self.0 < 1000 => write!(f, "{}ms", self.0),
            0..60 => write!(f, "{}.{}s", secs, self.0 % 1000 / 100),
            60..3600 => write!(f, "{}m {:02}s", secs / 60, secs % 60),
            _ => write!(f, "{}h {:02}m", secs / 3600, secs % 3600 / 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_well_and_saturate() {
        let shown: Vec<String> = [15, 4_200, 200_000, 3_900_000]
            .iter()
            .map(|ms| Millis(*ms).to_string())
            .collect();
        assert_eq!(shown, ["15ms", "4.2s", "3m 20s", "1h 05m"]);
        assert_eq!(Timestamp(i64::MAX) + Millis(5), Timestamp(i64::MAX));
        assert_eq!(Timestamp(5).since(Timestamp(9)), Millis(0));
    }
}
