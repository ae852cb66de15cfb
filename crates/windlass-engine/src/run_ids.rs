//! Names for runs: sortable by time, unlikely to meet, and easy to say.

use std::fs::File;
use std::io::{self, Read as _};

use windlass_core::id::RunId;
use windlass_core::time::Timestamp;

/// Supplies the random part of a run's id.
pub trait IdSource: Send + Sync {
    /// Random bits.
    ///
    /// # Errors
    /// There is no randomness to be had.
    fn random(&self) -> io::Result<u64>;
}

/// The kernel's random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemIds;

impl IdSource for SystemIds {
    fn random(&self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }
}

/// Letters and digits that are not taken for each other when read aloud.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz123456789";
/// How many of them an id has: 30 random bits within each minute.
const LETTERS: u32 = 6;

/// `20261122-0142-k3f9q2`: the minute in UTC, then random letters.
pub(crate) fn run_id(now: Timestamp, random: u64) -> RunId {
    let minutes = now.0.div_euclid(60_000);
    let (days, minute) = (minutes.div_euclid(1_440), minutes.rem_euclid(1_440));
    let (year, month, day) = civil_date(days);
    let mut id = format!(
        "{year:04}{month:02}{day:02}-{:02}{:02}-",
        minute / 60,
        minute % 60
    );
    id.extend(
        (0..LETTERS).map(|letter| char::from(ALPHABET[(random >> (5 * letter)) as usize % 32])),
    );
    // A clock before year 0 would put a sign in front, which no id may have.
    id.trim_start_matches('-')
        .parse()
        .expect("digits, lower-case letters and dashes are a run id")
}

/// Year, month and day of a day counted from 1970-01-01 in the Gregorian calendar.
fn civil_date(days: i64) -> (i64, i64, i64) {
    // Counted from 0000-03-01, so that a leap day is the last day of its year.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_their_minute() {
        let id = |ms, random| run_id(Timestamp(ms), random).to_string();
        assert_eq!(id(0, 0), "19700101-0000-aaaaaa");
        assert_eq!(id(951_782_400_000, 0), "20000229-0000-aaaaaa");
        assert_eq!(id(951_868_799_999, u64::MAX), "20000229-2359-999999");
        assert_eq!(id(951_868_800_000, 1), "20000301-0000-baaaaa");
        assert_eq!(id(1_795_311_720_000, 2), "20261122-0142-caaaaa");
        assert!(id(i64::MIN, 0).len() < 64);
        assert_ne!(SystemIds.random().unwrap(), SystemIds.random().unwrap());
    }
}
