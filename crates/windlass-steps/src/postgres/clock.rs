//! PostgreSQL's binary dates, times and intervals as ISO 8601 text.

/// Days from 1970-01-01 to 2000-01-01, PostgreSQL's zero.
const DAYS_TO_EPOCH: i64 = 10_957;
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// `2026-11-22`; years before 1 are astronomical, such as `-0043`.
pub(super) fn date(days: i32) -> String {
    match days {
        i32::MAX => "infinity".to_owned(),
        i32::MIN => "-infinity".to_owned(),
        days => civil(i64::from(days)),
    }
}

/// `2026-11-22T10:00:00.25`, with `Z` behind it when the type has a zone.
pub(super) fn timestamp(micros: i64, zone: &str) -> String {
    match micros {
        i64::MAX => "infinity".to_owned(),
        i64::MIN => "-infinity".to_owned(),
        micros => {
            let days = micros.div_euclid(MICROS_PER_DAY);
            let rest = micros.rem_euclid(MICROS_PER_DAY);
            format!("{}T{}{zone}", civil(days), time(rest))
        }
    }
}

/// `10:00:00.25`.
pub(super) fn time(micros: i64) -> String {
    let secs = micros / 1_000_000;
    let (hours, minutes, secs) = (secs / 3600, secs / 60 % 60, secs % 60);
    format!(
        "{hours:02}:{minutes:02}:{secs:02}{}",
        fraction(micros % 1_000_000)
    )
}

/// `+02:00` of PostgreSQL's seconds west of Greenwich.
pub(super) fn offset(seconds_west: i32) -> String {
    let sign = if seconds_west > 0 { '-' } else { '+' };
    let secs = seconds_west.unsigned_abs();
    let (hours, minutes, secs) = (secs / 3600, secs / 60 % 60, secs % 60);
    match secs {
        0 => format!("{sign}{hours:02}:{minutes:02}"),
        secs => format!("{sign}{hours:02}:{minutes:02}:{secs:02}"),
    }
}

/// `P1M2DT3.5S`: the three parts that PostgreSQL keeps apart, each with its own sign.
pub(super) fn interval(micros: i64, days: i32, months: i32) -> String {
    let mut text = "P".to_owned();
    if months != 0 {
        text.push_str(&format!("{months}M"));
    }
    if days != 0 {
        text.push_str(&format!("{days}D"));
    }
    if micros != 0 || (months == 0 && days == 0) {
        let sign = if micros < 0 { "-" } else { "" };
        let micros = micros.unsigned_abs();
        let part = fraction((micros % 1_000_000) as i64);
        text.push_str(&format!("T{sign}{}{part}S", micros / 1_000_000));
    }
    text
}

fn fraction(micros: i64) -> String {
    if micros == 0 {
        return String::new();
    }
    format!(".{micros:06}").trim_end_matches('0').to_owned()
}

/// The civil date of a day number, by the days-to-civil method of Howard Hinnant.
fn civil(days: i64) -> String {
    let shifted = days + DAYS_TO_EPOCH + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    if year < 0 {
        format!("-{:04}-{month:02}-{day:02}", -year)
    } else {
        format!("{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        assert_eq!(date(0), "2000-01-01");
        assert_eq!(date(59), "2000-02-29");
        assert_eq!(date(-10_957), "1970-01-01");
        assert_eq!(date(36_585), "2100-03-02");
        assert_eq!(timestamp(-1, "Z"), "1999-12-31T23:59:59.999999Z");
        assert_eq!(timestamp(250_000, ""), "2000-01-01T00:00:00.25");
        assert_eq!(timestamp(i64::MAX, "Z"), "infinity");
        assert_eq!(offset(-7200), "+02:00");
        assert_eq!(offset(12_600), "-03:30");
        assert_eq!(interval(3_500_000, 2, 1), "P1M2DT3.5S");
        assert_eq!(interval(-500_000, 0, 0), "PT-0.5S");
        assert_eq!(interval(0, 0, 0), "PT0S");
    }
}
