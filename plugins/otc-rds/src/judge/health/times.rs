//! Checks against the clock: how old the newest backup is, and whether now is a good time.

use super::{Findings, Limits, Verdict, ok, warn};
use crate::judge::backup::{self, State};
use crate::model::{Backup, Instance};
use crate::time;

pub(super) const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// How long before an automatic backup a run should not begin.
const BEFORE_BACKUP_MS: i64 = HOUR_MS;

/// When the newest full backup ended that can be restored.
pub(crate) fn newest_backup(backups: &[Backup]) -> Option<i64> {
    let full = backups.iter().filter(|made| {
        backup::state(made) == State::Completed && matches!(made.kind.as_str(), "auto" | "manual")
    });
    full.filter_map(|made| time::parse(&made.end_time)).max()
}

pub(super) fn backup_age(found: &Findings, limits: Limits) -> (Verdict, String) {
    match newest_backup(&found.backups) {
        None => warn("there is no completed full backup"),
        Some(at) => {
            let hours = (found.now - at).max(0) / HOUR_MS;
            let message = format!("the newest full backup is {hours} h old");
            match found.now - at > limits.backup_age_ms_warn {
                true => warn(message),
                false => ok(message),
            }
        }
    }
}

/// Milliseconds of the day at which `19:00-20:00` begins and ends.
fn window(text: &str) -> Option<(i64, i64)> {
    let minutes = |text: &str| -> Option<i64> {
        let (hour, minute) = text.trim().split_once(':')?;
        let (hour, minute): (i64, i64) = (hour.parse().ok()?, minute.parse().ok()?);
        ((0..24).contains(&hour) && (0..60).contains(&minute)).then_some(hour * 60 + minute)
    };
    let (from, to) = text.split_once('-')?;
    Some((minutes(from)? * 60_000, minutes(to)? * 60_000))
}

/// Whether `now` is in a daily window that may go over midnight.
fn is_within((from, to): (i64, i64), now: i64) -> bool {
    let of_day = now.rem_euclid(DAY_MS);
    match from <= to {
        true => (from..to).contains(&of_day),
        false => of_day >= from || of_day < to,
    }
}

pub(super) fn automatic_backup(instance: &Instance, now: i64) -> (Verdict, String) {
    let strategy = &instance.backup_strategy;
    if strategy.keep_days == Some(0.0) {
        return ok("automatic backups are off");
    }
    let Some((from, to)) = window(&strategy.start_time) else {
        return ok("no time of automatic backups is known");
    };
    let early = (from - BEFORE_BACKUP_MS).rem_euclid(DAY_MS);
    match is_within((early, to), now) {
        true => warn(format!(
            "an automatic backup begins at {} UTC: nothing else is done meanwhile",
            strategy.start_time
        )),
        false => ok(format!(
            "automatic backups begin at {} UTC",
            strategy.start_time
        )),
    }
}

pub(super) fn maintenance_window(instance: &Instance, now: i64) -> (Verdict, String) {
    let text = &instance.maintenance_window;
    match window(text) {
        None => ok("no maintenance window is known"),
        Some(window) if is_within(window, now) => {
            ok(format!("now is in the maintenance window {text} UTC"))
        }
        Some(_) => warn(format!(
            "now is outside of the maintenance window {text} UTC; the upgrade starts at once whenever it is asked for"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_go_over_midnight() {
        let over = window("22:00-02:00").unwrap();
        for (hour, inside) in [(21, false), (22, true), (0, true), (1, true), (2, false)] {
            assert_eq!(is_within(over, hour * HOUR_MS), inside, "{hour}");
        }
        assert_eq!(window("soon"), None);
        assert_eq!(window("25:00-26:00"), None);
    }
}
