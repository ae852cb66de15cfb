//! Faults of the wire and the gateway: what becomes of a request or its reply between the
//! client and the cloud. What goes wrong inside the cloud is a [`Trouble`].
//!
//! A fault counts when it has really happened: a cut when bytes were held back, not when it
//! was armed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Deserialize;

use super::cloud::Trouble;
use super::route::Call;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The connection is closed and nothing is done.
    LoseReplyBefore,
    /// It is done, and the connection is closed without a byte of the reply.
    LoseReplyAfter,
    /// It is done, and the connection is closed after so many bytes of the reply. A reply that
    /// is shorter comes whole.
    CutAfter(usize),
    /// It is done at once, and the reply takes so many milliseconds.
    Slow(u64),
    /// It is done only after so many milliseconds, even if the client has gone by then.
    Late(u64),
    /// It is refused with 409 as if the instance were busy, and nothing is done.
    Conflict,
    /// It is refused with 429, and with these seconds in `Retry-After`; nothing is done.
    TooMany(u64),
    /// It is answered with this 5xx, and nothing is done.
    ServerErrorBefore(u16),
    /// It is done, and answered with this 5xx.
    ServerErrorAfter(u16),
    /// It is delivered twice, and answered as the first time.
    Twice,
    /// It is delivered twice, and answered as the second time.
    TwiceAnsweredLast,
    /// It is done, and what goes wrong goes wrong inside the cloud. The call is the trouble's
    /// own.
    Trouble(Trouble),
}

/// Which requests a fault happens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct On {
    /// Requests of this call; of any call if `None`.
    pub call: Option<Call>,
    /// So many of them go through before.
    pub skip: u32,
    /// It happens so often.
    pub times: u32,
}

impl Default for On {
    fn default() -> Self {
        Self {
            call: None,
            skip: 0,
            times: 1,
        }
    }
}

impl From<Call> for On {
    /// The next request of this call.
    fn from(call: Call) -> Self {
        Self {
            call: Some(call),
            ..Self::default()
        }
    }
}

/// How often something has happened; its clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Count(Arc<AtomicU32>);

impl Count {
    pub(crate) fn add_one(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn get(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

#[derive(Debug)]
struct Armed {
    on: On,
    fault: Fault,
    fired: Count,
}

/// All faults of the wire that were ever armed, in that order.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Armed>);

impl Faults {
    /// Answers with its number.
    pub(crate) fn arm(&mut self, on: On, fault: Fault) -> usize {
        self.0.push(Armed {
            on,
            fault,
            fired: Count::default(),
        });
        self.0.len() - 1
    }

    pub(crate) fn disarm(&mut self) {
        for armed in &mut self.0 {
            armed.on.times = 0;
        }
    }

    pub(crate) fn fired(&self, number: usize) -> u32 {
        self.0.get(number).map_or(0, |armed| armed.fired.get())
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (String, u32)> {
        self.0.iter().map(|armed| {
            (
                format!("{:?} on {:?}", armed.fault, armed.on),
                armed.fired.get(),
            )
        })
    }

    /// The fault that this request meets; the first that was armed goes first.
    pub(crate) fn meet(&mut self, call: Call) -> Option<(Fault, Count)> {
        for armed in &mut self.0 {
            if armed.on.times == 0 || armed.on.call.is_some_and(|wanted| wanted != call) {
                continue;
            }
            if armed.on.skip > 0 {
                armed.on.skip -= 1;
                continue;
            }
            armed.on.times -= 1;
            return Some((armed.fault, armed.fired.clone()));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_meets_its_call_after_what_it_skips_and_as_often_as_it_was_armed() {
        let mut faults = Faults::default();
        let on = On {
            call: Some(Call::Upgrade),
            skip: 1,
            times: 2,
        };
        faults.arm(on, Fault::Conflict);
        let met = |faults: &mut Faults, call| faults.meet(call).map(|(fault, _)| fault);
        assert_eq!(met(&mut faults, Call::Job), None);
        let asked: Vec<_> = (0..4).map(|_| met(&mut faults, Call::Upgrade)).collect();
        let conflict = Some(Fault::Conflict);
        assert_eq!(asked, [None, conflict, conflict, None]);

        faults.arm(On::default(), Fault::Slow(5));
        assert_eq!(met(&mut faults, Call::Job), Some(Fault::Slow(5)));
        faults.arm(On::default(), Fault::Slow(5));
        faults.disarm();
        assert_eq!(met(&mut faults, Call::Job), None);
    }

    #[test]
    fn a_fault_is_read_from_json() {
        let read = |text| serde_json::from_str::<Fault>(text).unwrap();
        assert_eq!(read("\"lose_reply_after\""), Fault::LoseReplyAfter);
        assert_eq!(read("{\"cut_after\": 20}"), Fault::CutAfter(20));
        let trouble = Fault::Trouble(Trouble::JobHidden(9));
        assert_eq!(read("{\"trouble\": {\"job_hidden\": 9}}"), trouble);
        let on: On = serde_json::from_str("{\"call\": \"create_backup\"}").unwrap();
        assert_eq!(on, On::from(Call::CreateBackup));
    }
}
