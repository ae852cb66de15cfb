//! The rules of an append and the two chains, as pure functions.
//! Both stores decide here, so that fences and links exist once.

use crate::append::{Append, Appended, Remembered};
use crate::error::{AppendError, LinkMismatch};
use crate::hash::Hash;
use crate::header::Header;
use crate::store::{Head, Record};

/// Separates a link from every other hash of this format.
const LINK_TAG: &[u8; 8] = b"wlj-lnk1";

impl Head {
    pub(crate) const EMPTY: Self = Self {
        next_position: 0,
        link: Hash::ZERO,
    };

    /// The head after one more header.
    pub(crate) fn after(self, header_hash: Hash) -> Self {
        let mut bytes = [0; 72];
        bytes[..8].copy_from_slice(LINK_TAG);
        bytes[8..40].copy_from_slice(self.link.as_bytes());
        bytes[40..].copy_from_slice(header_hash.as_bytes());
        Self {
            next_position: self.next_position + 1,
            link: Hash::of(&bytes),
        }
    }

    /// Goes over a stored header, or says why its link does not fit.
    pub(crate) fn follow(self, header_hash: Hash, stored: Hash) -> Result<Self, LinkMismatch> {
        let next = self.after(header_hash);
        if next.link != stored {
            return Err(LinkMismatch {
                stored,
                computed: next.link,
            });
        }
        Ok(next)
    }
}

/// The end of a run while it is walked or extended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunEnd {
    pub(crate) next_seq: u64,
    pub(crate) hash: Hash,
}

impl RunEnd {
    pub(crate) const EMPTY: Self = Self {
        next_seq: 0,
        hash: Hash::ZERO,
    };

    /// Goes over a stored header, or says why it does not belong here.
    pub(crate) fn follow(self, header: &Header, hash: Hash) -> Result<Self, String> {
        if header.seq != self.next_seq {
            return Err(format!(
                "has seq {} where {} is due",
                header.seq, self.next_seq
            ));
        }
        if header.prev_in_run != self.hash {
            return Err(format!(
                "does not continue its run (names {}, the record before is {})",
                header.prev_in_run, self.hash
            ));
        }
        Ok(Self {
            next_seq: header.seq + 1,
            hash,
        })
    }
}

/// What the store holds at the moment of an append.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) epoch: u64,
    pub(crate) head: Head,
    pub(crate) run: RunEnd,
    pub(crate) remembered: Option<Remembered>,
    pub(crate) quarantine: Option<String>,
}

/// What an append comes to: an answer alone, or records to write first.
#[derive(Debug)]
pub(crate) enum Decided {
    Duplicate(Appended),
    Write {
        records: Vec<Record>,
        head: Head,
        appended: Appended,
    },
}

/// Decides an append whose own bounds were checked. A repeat is answered
/// before any fence is looked at: its client only lost the first answer.
pub(crate) fn decide(append: &mut Append, facts: Facts) -> Result<Decided, AppendError> {
    if let Some(first) = facts.remembered {
        return Ok(Decided::Duplicate(first.into()));
    }
    let run = append.run.clone();
    let Facts {
        epoch,
        mut head,
        run: mut end,
        quarantine,
        ..
    } = facts;
    if append.fence.epoch != epoch {
        return Err(AppendError::Fenced {
            run,
            given: append.fence.epoch,
            current: epoch,
        });
    }
    if let Some(reason) = quarantine {
        return Err(AppendError::Quarantined { run, reason });
    }
    if append.fence.expected_seq != end.next_seq {
        let expected = append.fence.expected_seq;
        return Err(AppendError::Conflict {
            run,
            expected,
            actual: end.next_seq,
        });
    }
    let (first_seq, first_position) = (end.next_seq, head.next_position);
    let mut records = Vec::with_capacity(append.records.len());
    for new in append.records.drain(..) {
        let header = Header {
            position: head.next_position,
            run: run.clone(),
            seq: end.next_seq,
            epoch,
            at_ms: new.at_ms,
            kind: new.kind,
            version: new.version,
            body_hash: Hash::of(&new.body),
            prev_in_run: end.hash,
        };
        let hash = header.hash();
        head = head.after(hash);
        end = RunEnd {
            next_seq: end.next_seq + 1,
            hash,
        };
        records.push(Record {
            header,
            hash,
            link: head.link,
            body: Some(new.body),
        });
    }
    let next_seq = end.next_seq;
    let duplicate_of = None;
    let appended = Appended {
        run,
        first_seq,
        next_seq,
        first_position,
        head: head.link,
        duplicate_of,
    };
    Ok(Decided::Write {
        records,
        head,
        appended,
    })
}

/// Checks a body against its header.
pub(crate) fn check_body(header: &Header, body: Option<&[u8]>) -> Result<(), String> {
    match body {
        Some(body) if Hash::of(body) != header.body_hash => {
            Err("has a body that does not match its hash".to_owned())
        }
        _ => Ok(()),
    }
}
