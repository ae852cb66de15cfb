//! What a probe saw, and its comparison with the rows that are there.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::server::Server;
use crate::{Error, Lab, Result};

/// The answer to one write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The server reported the commit.
    Accepted,
    /// Surely not done; with what psql said.
    Refused(String),
    /// Cut or not answered in time: the row may be there or not.
    Unknown(String),
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Counts from 0.
    pub id: u64,
    /// When it began, since the probe began.
    pub after: Duration,
    /// How long it took to be answered.
    pub took: Duration,
    /// How it ended.
    pub reply: Reply,
}

/// A time during which no write was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// When the first write that failed began, since the probe began.
    pub after: Duration,
    /// From there to the answer to the first accepted write, or to the
    /// probe's end.
    pub length: Duration,
    /// Whether a write was accepted again.
    pub ended: bool,
}

/// All that a probe saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeReport {
    /// The value of `run` in the probe's rows.
    pub run: String,
    /// All writes in order.
    pub attempts: Vec<Attempt>,
    /// Derived from the attempts.
    pub outages: Vec<Outage>,
}

/// What became of the rows; both lists are empty when the server told the
/// truth.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Accepted writes whose rows are missing.
    pub lost: Vec<u64>,
    /// Refused writes whose rows are there.
    pub appeared: Vec<u64>,
}

impl ProbeReport {
    pub(super) fn new(run: String, attempts: Vec<Attempt>) -> Self {
        let outages = outages(&attempts);
        Self {
            run,
            attempts,
            outages,
        }
    }

    /// Number of acknowledged rows.
    pub fn accepted(&self) -> usize {
        self.count(|reply| *reply == Reply::Accepted)
    }

    /// Number of writes that were surely not done.
    pub fn refused(&self) -> usize {
        self.count(|reply| matches!(reply, Reply::Refused(_)))
    }

    /// Number of writes of which nobody knows.
    pub fn unknown(&self) -> usize {
        self.count(|reply| matches!(reply, Reply::Unknown(_)))
    }

    /// How long no write was accepted, all outages together.
    pub fn refused_for(&self) -> Duration {
        self.outages.iter().map(|outage| outage.length).sum()
    }

    /// Compares with the rows that a server holds now.
    pub fn verify(&self, lab: &Lab, server: Server) -> Result<Verdict> {
        let query = format!("select id from write_probe where run = '{}'", self.run);
        let rows = lab.sql(server, &query)?;
        let present: BTreeSet<u64> = rows
            .iter()
            .map(|row| {
                row.concat()
                    .parse()
                    .map_err(|error| Error::format("a probe's row", error))
            })
            .collect::<Result<_>>()?;
        let mut verdict = Verdict::default();
        for attempt in &self.attempts {
            match attempt.reply {
                Reply::Accepted if !present.contains(&attempt.id) => verdict.lost.push(attempt.id),
                Reply::Refused(_) if present.contains(&attempt.id) => {
                    verdict.appeared.push(attempt.id)
                }
                Reply::Accepted | Reply::Refused(_) | Reply::Unknown(_) => {}
            }
        }
        Ok(verdict)
    }

    fn count(&self, wanted: impl Fn(&Reply) -> bool) -> usize {
        self.attempts
            .iter()
            .filter(|attempt| wanted(&attempt.reply))
            .count()
    }
}

fn outages(attempts: &[Attempt]) -> Vec<Outage> {
    let mut outages = Vec::new();
    let mut since = None;
    for attempt in attempts {
        if attempt.reply != Reply::Accepted {
            since.get_or_insert(attempt.after);
        } else if let Some(after) = since.take() {
            let length = attempt.after + attempt.took - after;
            outages.push(Outage {
                after,
                length,
                ended: true,
            });
        }
    }
    if let (Some(after), Some(last)) = (since, attempts.last()) {
        let length = last.after + last.took - after;
        outages.push(Outage {
            after,
            length,
            ended: false,
        });
    }
    outages
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts(replies: &str) -> Vec<Attempt> {
        let replies = replies.chars().zip(0..);
        replies
            .map(|(letter, id)| Attempt {
                id,
                after: Duration::from_millis(100 * id),
                took: Duration::from_millis(10),
                reply: match letter {
                    'a' => Reply::Accepted,
                    'r' => Reply::Refused(String::new()),
                    _ => Reply::Unknown(String::new()),
                },
            })
            .collect()
    }

    #[test]
    fn an_outage_lasts_from_the_first_failure_to_the_next_acknowledgement() {
        for (replies, expected) in [
            ("aaa", vec![]),
            ("aura", vec![(100, 210, true)]),
            ("arara", vec![(100, 110, true), (300, 110, true)]),
            ("aarr", vec![(200, 110, false)]),
            ("", vec![]),
        ] {
            let found: Vec<_> = outages(&attempts(replies))
                .into_iter()
                .map(|outage| {
                    (
                        outage.after.as_millis(),
                        outage.length.as_millis(),
                        outage.ended,
                    )
                })
                .collect();
            assert_eq!(found, expected, "{replies}");
        }
    }

    #[test]
    fn counts_each_kind_of_reply() {
        let report = ProbeReport::new("1".to_owned(), attempts("aaurra"));
        let counts = (report.accepted(), report.unknown(), report.refused());
        assert_eq!(counts, (3, 1, 2));
        assert_eq!(report.refused_for(), Duration::from_millis(310));
    }
}
