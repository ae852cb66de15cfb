//! What is done next with a message, and what follows from a try: pure rules over the
//! letter, how far it has come, and the run's state.

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use windlass_core::announce::Cause;
use windlass_core::state::RunState;
use windlass_core::time::{Millis, Timestamp};

use super::letter::{Course, Letter, Next, Stage};
use crate::limits::{
    MESSAGE_BACKOFF_MS, MESSAGE_BACKOFF_MS_MAX, MESSAGE_CALLS_MAX, MESSAGE_GIVE_UP_MS,
    MESSAGE_RETRY_AFTER_MAX,
};
use crate::ports::{Delivery, MessageAct};

/// What is to be done with a message that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Do {
    Send(MessageAct),
    /// It is done with.
    Forget,
    /// It waits for its cause to be over.
    Wait,
    /// Nobody acknowledged it often enough.
    Keep(String),
}

/// What is to be done with a message that is repeated. Without a state of its run, which
/// cannot be read then, it goes on calling.
pub(crate) fn what_now(letter: &Letter, course: &Course, state: Option<&RunState>) -> Do {
    let is_over = state.is_some_and(|state| letter.cause.is_over(state));
    let acted = state.is_some_and(|state| state.operator_acts() > letter.acts);
    if is_over {
        // Of what was never told nothing need be taken back.
        return match course.taken {
            0 => Do::Forget,
            _ => Do::Send(MessageAct::Resolve),
        };
    }
    match course.stage {
        Stage::Acknowledged if letter.cause == Cause::Ended => Do::Forget,
        Stage::Acknowledged => Do::Wait,
        Stage::Calling if acted || course.acknowledged_by.is_some() => match course.taken {
            0 => Do::Forget,
            _ => Do::Send(MessageAct::Acknowledge),
        },
        Stage::Calling if course.taken >= MESSAGE_CALLS_MAX => {
            Do::Keep(format!("nobody acknowledged it, {MESSAGE_CALLS_MAX} times"))
        }
        Stage::Calling => Do::Send(MessageAct::Call),
    }
}

/// What follows from a try: when the message is looked at again; `None` when it is done.
pub(crate) fn after(
    letter: &Letter,
    course: &mut Course,
    act: MessageAct,
    delivery: Delivery,
    repeat: Option<Duration>,
    now: Timestamp,
) -> Option<Next> {
    match delivery {
        Delivery::Delivered | Delivery::Acknowledged => {
            course.tries = 0;
            course.first_try_ms = None;
            course.taken = course.taken.saturating_add(1);
            course.reason.clear();
            let is_acknowledged =
                delivery == Delivery::Acknowledged || act == MessageAct::Acknowledge;
            match (act, repeat) {
                (MessageAct::Tell | MessageAct::Resolve, _) | (_, None) => None,
                _ if is_acknowledged => {
                    course.stage = Stage::Acknowledged;
                    (letter.cause != Cause::Ended).then_some(Next::Waits)
                }
                (MessageAct::Call | MessageAct::Acknowledge, Some(repeat)) => {
                    Some(Next::At(now + millis(repeat)))
                }
            }
        }
        Delivery::Refused { reason } => {
            course.because(&format!("refused: {reason}"));
            Some(Next::Kept)
        }
        Delivery::NotYet { reason, after } => {
            course.tries = course.tries.saturating_add(1);
            let since = *course.first_try_ms.get_or_insert(now.0);
            course.because(&reason);
            if now.since(Timestamp(since)).0 >= MESSAGE_GIVE_UP_MS {
                let hours = MESSAGE_GIVE_UP_MS / 3_600_000;
                let tries = course.tries;
                course.because(&format!(
                    "given up after {tries} tries in {hours}h: {reason}"
                ));
                return Some(Next::Kept);
            }
            let asked = after.map_or(Millis(0), |after| {
                millis(after.min(MESSAGE_RETRY_AFTER_MAX))
            });
            Some(Next::At(now + asked.max(backoff(letter, course.tries))))
        }
    }
}

/// Doubles with each try up to its bound; half of it is spread by the message's id, so that
/// receivers that come back are not met by everybody at once.
fn backoff(letter: &Letter, tries: u32) -> Millis {
    let doublings = tries.saturating_sub(1).min(32);
    let whole = MESSAGE_BACKOFF_MS
        .saturating_mul(1 << doublings)
        .min(MESSAGE_BACKOFF_MS_MAX);
    let digest = Sha256::digest(format!("{} {tries}", letter.id));
    let spread = u64::from(u16::from_be_bytes([digest[0], digest[1]]));
    Millis(whole / 2 + whole / 2 * spread / u64::from(u16::MAX))
}

fn millis(span: Duration) -> Millis {
    Millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use windlass_core::plan::Input;
    use windlass_core::value::Value;

    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn letter(cause: Cause) -> Letter {
        Letter {
            v: Letter::VERSION,
            id: "r-3-0".to_owned(),
            run: "r".parse().unwrap(),
            uses: "notify/page".parse().unwrap(),
            input: Input::Value(Value::Null),
            facts: Value::Null,
            at_ms: NOW.0,
            to: String::new(),
            hosts: Default::default(),
            cause,
            acts: 0,
            problem: None,
        }
    }

    fn not_yet(after: Option<u64>) -> Delivery {
        Delivery::NotYet {
            reason: "answered 503".to_owned(),
            after: after.map(Duration::from_secs),
        }
    }

    #[test]
    fn pauses_double_up_to_a_bound_and_honour_the_receiver() {
        let letter = letter(Cause::Run);
        let mut pauses = Vec::new();
        let mut course = Course::default();
        for _ in 0..12 {
            let next = after(
                &letter,
                &mut course,
                MessageAct::Tell,
                not_yet(None),
                None,
                NOW,
            );
            let Some(Next::At(at)) = next else {
                panic!("{next:?}")
            };
            pauses.push(at.since(NOW).0);
        }
        for (tries, pause) in (0u32..).zip(&pauses) {
            let whole = (1_000 << tries).min(300_000);
            assert!((whole / 2..=whole).contains(pause), "{pauses:?}");
        }
        let next = after(
            &letter,
            &mut course,
            MessageAct::Tell,
            not_yet(Some(900)),
            None,
            NOW,
        );
        assert_eq!(next, Some(Next::At(Timestamp(NOW.0 + 900_000))));
        let asked = not_yet(Some(1_000_000));
        let next = after(&letter, &mut course, MessageAct::Tell, asked, None, NOW);
        assert_eq!(next, Some(Next::At(Timestamp(NOW.0 + 3_600_000))));
    }

    #[test]
    fn a_message_is_given_up_after_a_day_and_kept() {
        let letter = letter(Cause::Run);
        let mut course = Course::default();
        let later = |ms: u64| Timestamp(NOW.0 + ms as i64);
        let mut tried = |at| {
            after(
                &letter,
                &mut course,
                MessageAct::Tell,
                not_yet(None),
                None,
                at,
            )
        };
        assert!(matches!(tried(NOW), Some(Next::At(_))));
        assert!(matches!(
            tried(later(MESSAGE_GIVE_UP_MS - 1)),
            Some(Next::At(_))
        ));
        assert_eq!(tried(later(MESSAGE_GIVE_UP_MS)), Some(Next::Kept));
        assert_eq!(course.reason, "given up after 3 tries in 24h: answered 503");
    }

    #[test]
    fn a_call_is_repeated_until_it_is_acknowledged_or_too_often() {
        let letter = letter(Cause::Run);
        let mut course = Course::default();
        let every = Some(Duration::from_secs(300));
        assert_eq!(what_now(&letter, &course, None), Do::Send(MessageAct::Call));
        let next = after(
            &letter,
            &mut course,
            MessageAct::Call,
            Delivery::Delivered,
            every,
            NOW,
        );
        assert_eq!(next, Some(Next::At(Timestamp(NOW.0 + 300_000))));
        course.acknowledged_by = Some("ann".to_owned());
        assert_eq!(
            what_now(&letter, &course, None),
            Do::Send(MessageAct::Acknowledge)
        );
        let told = Delivery::Delivered;
        let next = after(
            &letter,
            &mut course,
            MessageAct::Acknowledge,
            told,
            every,
            NOW,
        );
        assert_eq!(next, Some(Next::Waits));
        assert_eq!(what_now(&letter, &course, None), Do::Wait);
        course = Course {
            taken: MESSAGE_CALLS_MAX,
            ..Course::default()
        };
        assert!(matches!(what_now(&letter, &course, None), Do::Keep(_)));
    }

    #[test]
    fn what_was_acknowledged_after_the_end_is_done() {
        let letter = letter(Cause::Ended);
        let mut course = Course::default();
        let every = Some(Duration::from_secs(300));
        let by_receiver = Delivery::Acknowledged;
        let next = after(
            &letter,
            &mut course,
            MessageAct::Call,
            by_receiver,
            every,
            NOW,
        );
        assert_eq!(next, None);
    }
}
