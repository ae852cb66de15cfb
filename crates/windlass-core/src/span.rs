//! Sets of moments as intervals that neither touch nor overlap: when windows are open, when
//! freezes last, when somebody is on shift. All is UTC; calendars are read elsewhere.

use serde::{Deserialize, Serialize};

use crate::time::{Millis, Timestamp};

/// From a moment to before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Span {
    /// How long it is; nothing when it ends before it begins.
    pub fn length(self) -> Millis {
        self.to.since(self.from)
    }

    pub fn contains(self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

/// Intervals in order, none empty, none touching the next; also when they come from bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Span>")]
pub struct Spans(Vec<Span>);

impl From<Vec<Span>> for Spans {
    fn from(spans: Vec<Span>) -> Self {
        Self::of(spans)
    }
}

impl Spans {
    /// All moments that are in one of the intervals.
    pub fn of(spans: impl IntoIterator<Item = Span>) -> Self {
        let mut spans: Vec<Span> = spans
            .into_iter()
            .filter(|span| span.from < span.to)
            .collect();
        spans.sort_unstable();
        let mut joined: Vec<Span> = Vec::with_capacity(spans.len());
        for span in spans {
            match joined.last_mut() {
                Some(last) if span.from <= last.to => last.to = last.to.max(span.to),
                Some(_) | None => joined.push(span),
            }
        }
        Self(joined)
    }

    /// The moments of this set that the other does not have.
    pub fn without(&self, other: &Self) -> Self {
        let mut left = Vec::with_capacity(self.0.len());
        let mut others = other.0.as_slice();
        for span in &self.0 {
            while let [first, rest @ ..] = others
                && first.to <= span.from
            {
                others = rest;
            }
            let mut from = span.from;
            for taken in others.iter().take_while(|taken| taken.from < span.to) {
                left.push(Span {
                    from,
                    to: taken.from,
                });
                from = taken.to;
            }
            left.push(Span { from, to: span.to });
        }
        left.retain(|span| span.from < span.to);
        Self(left)
    }

    /// The moments that both sets have.
    pub fn and(&self, other: &Self) -> Self {
        self.without(&self.without(other))
    }

    /// The moments of this set within an interval.
    pub fn within(&self, span: Span) -> Self {
        let cut = self.0.iter().map(|own| Span {
            from: own.from.max(span.from),
            to: own.to.min(span.to),
        });
        Self(cut.filter(|span| span.from < span.to).collect())
    }

    /// The moments of either set.
    pub fn union(&self, other: &Self) -> Self {
        Self::of(self.0.iter().chain(&other.0).copied())
    }

    /// The interval that holds a moment.
    pub fn at(&self, at: Timestamp) -> Option<Span> {
        self.from(at).filter(|span| span.contains(at))
    }

    /// The first interval that begins after a moment.
    pub fn next_after(&self, at: Timestamp) -> Option<Span> {
        let next = self.0.partition_point(|span| span.from <= at);
        self.0.get(next).copied()
    }

    /// The interval that holds a moment, or the next one after it.
    pub fn from(&self, at: Timestamp) -> Option<Span> {
        let next = self.0.partition_point(|span| span.to <= at);
        self.0.get(next).copied()
    }

    pub fn contains(&self, at: Timestamp) -> bool {
        self.at(at).is_some()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn as_slice(&self) -> &[Span] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(pairs: &[(i64, i64)]) -> Spans {
        Spans::of(pairs.iter().map(|(from, to)| Span {
            from: Timestamp(*from),
            to: Timestamp(*to),
        }))
    }

    #[test]
    fn a_moment_is_in_an_interval_or_before_the_next() {
        let open = spans(&[(10, 20), (30, 40)]);
        let at = |at| open.at(Timestamp(at)).map(|span| span.from.0);
        let next = |at| open.next_after(Timestamp(at)).map(|span| span.from.0);
        assert_eq!(
            [9, 10, 19, 20, 39].map(at),
            [None, Some(10), Some(10), None, Some(30)]
        );
        assert_eq!(
            [9, 10, 20, 30].map(next),
            [Some(10), Some(30), Some(30), None]
        );
        assert_eq!(
            open.and(&spans(&[(15, 35), (39, 60)])),
            spans(&[(15, 20), (30, 35), (39, 40)])
        );
        assert_eq!(
            open.union(&spans(&[(20, 30), (50, 60)])),
            spans(&[(10, 40), (50, 60)])
        );
    }

    #[test]
    fn bytes_that_hold_them_out_of_order_are_put_in_order() {
        let text = r#"[{"from":30,"to":40},{"from":5,"to":5},{"from":10,"to":30}]"#;
        let read: Spans = serde_json::from_str(text).expect("intervals");
        assert_eq!(read, spans(&[(10, 40)]));
        let written = serde_json::to_string(&read).expect("intervals");
        assert_eq!(written, r#"[{"from":10,"to":40}]"#);
    }
}
