//! Times: milliseconds since 1970 inside, the cloud's spellings outside.

const DAY_MS: i64 = 86_400_000;

/// Reads `2018-08-20T02:33:49+0800`, with or without a colon in the offset, with a
/// fraction, or with `Z`.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        digits
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then_some(())?;
        digits.parse().ok()
    };
    let is = |at: usize, any: &[u8]| {
        text.as_bytes()
            .get(at)
            .is_some_and(|byte| any.contains(byte))
    };
    let marked = is(4, b"-") && is(7, b"-") && is(10, b"T ") && is(13, b":") && is(16, b":");
    marked.then_some(())?;
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let fits = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    fits.then_some(())?;
    let rest = text.get(19..)?;
    let digits = rest.strip_prefix('.').unwrap_or("");
    let digits = digits.len()
        - digits
            .trim_start_matches(|c: char| c.is_ascii_digit())
            .len();
    let (fraction, zone) = match digits {
        0 => ("", rest),
        count => rest.get(1..)?.split_at(count),
    };
    let millis: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let offset = offset_ms(zone)?;
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    Some(seconds * 1000 + millis - offset)
}

fn offset_ms(zone: &str) -> Option<i64> {
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("Z", "") => return Some(0),
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let digits = digits.replacen(':', "", 1);
    let plain = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then_some(())?;
    let (hours, minutes): (i64, i64) = (digits[..2].parse().ok()?, digits[2..].parse().ok()?);
    Some(sign * (hours * 60 + minutes) * 60_000)
}

/// Days since 1970 of a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March: the leap day is their last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month, day, hour, minute, second.
fn parts(ms: i64) -> [i64; 6] {
    let days = ms.div_euclid(DAY_MS) + 719_468;
    let seconds = ms.rem_euclid(DAY_MS) / 1000;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    [
        year,
        month,
        day,
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
    ]
}

/// As a person and a guard read it: `2026-11-22T20:00:00Z`.
pub(crate) fn text(ms: i64) -> String {
    let [year, month, day, hour, minute, second] = parts(ms);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// As `x-sdk-date` has it: `20261122T200000Z`.
pub(crate) fn sdk_date(ms: i64) -> String {
    text(ms).replace(['-', ':'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_come_with_and_without_a_colon() {
        let moment = 1_534_703_629_000;
        for text in [
            "2018-08-20T02:33:49+0800",
            "2018-08-20T02:33:49+08:00",
            "2018-08-19T18:33:49Z",
            "2018-08-19T13:33:49-0500",
            "2018-08-19T18:33:49.000000Z",
        ] {
            assert_eq!(parse(text), Some(moment), "{text}");
        }
        assert_eq!(parse("2018-08-19T18:33:49.25Z"), Some(moment + 250));
        assert_eq!(parse("2000-02-29T00:00:00+0000"), Some(951_782_400_000));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "2018-08-20",
            "2018-08-20T02:33:49",
            "2018-13-20T02:33:49Z",
            "2018-08-20T02:33:49+8",
            "2018-08-20T02:33:49 CET",
            "2018-08-20T0²:33:49Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for ms in [0, 951_782_400_000, 1_709_164_800_000, 1_795_377_599_000] {
            assert_eq!(parse(&text(ms)), Some(ms), "{}", text(ms));
        }
        assert_eq!(sdk_date(1_136_214_245_000), "20060102T150405Z");
    }
}
