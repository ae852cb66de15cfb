//! Sets of moments as intervals that neither touch nor overlap.

use windlass_core::time::{Millis, Timestamp};

/// From a moment to before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

/// Intervals in order, none empty, none touching the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans(Vec<Span>);

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

    /// The moments of this set within an interval.
    pub fn within(&self, span: Span) -> Self {
        let cut = self.0.iter().map(|own| Span {
            from: own.from.max(span.from),
            to: own.to.min(span.to),
        });
        Self(cut.filter(|span| span.from < span.to).collect())
    }

    /// The interval that holds a moment, or the next one after it.
    pub fn from(&self, at: Timestamp) -> Option<Span> {
        let next = self.0.partition_point(|span| span.to <= at);
        self.0.get(next).copied()
    }

    pub fn contains(&self, at: Timestamp) -> bool {
        self.from(at).is_some_and(|span| span.contains(at))
    }

    pub fn as_slice(&self) -> &[Span] {
        &self.0
    }
}
