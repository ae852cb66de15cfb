//! The rate budget of a plugin: so many requests in so long a time to one host with one
//! set of credentials, whatever runs and steps they belong to.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::manifest::Rate;

/// The most budgets that are kept; those that nobody used for long go first.
const KEPT_MAX: usize = 1024;

/// A host, and the names of the secrets that were given.
type Key = (String, String);

/// The budgets of one plugin.
#[derive(Debug)]
pub(crate) struct Rates {
    rate: Option<Rate>,
    /// When the last requests went out or will go out.
    slots: Mutex<HashMap<Key, VecDeque<Instant>>>,
}

impl Rates {
    pub(crate) fn new(rate: Option<Rate>) -> Self {
        Self {
            rate,
            slots: Mutex::default(),
        }
    }

    /// When the next request may go out, at most at `latest`; its place is taken then.
    pub(crate) fn next(&self, key: Key, now: Instant, latest: Instant) -> Option<Instant> {
        let Some(rate) = self.rate else {
            return Some(now);
        };
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= KEPT_MAX && !slots.contains_key(&key) {
            slots.retain(|_, slots| slots.back().is_some_and(|last| *last + rate.per > now));
        }
        let slots = slots.entry(key).or_default();
        while slots.front().is_some_and(|first| *first + rate.per <= now) {
            slots.pop_front();
        }
        let full = slots.len() >= rate.requests as usize;
        let at = match full.then(|| slots[slots.len() - rate.requests as usize]) {
            Some(first) => first + rate.per,
            None => now,
        };
        if at > latest {
            return None;
        }
        slots.push_back(at);
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn no_span_holds_more_requests_than_the_rate() {
        let per = Duration::from_secs(10);
        let rates = Rates::new(Some(Rate { requests: 3, per }));
        let key = |host: &str| (host.to_owned(), "key".to_owned());
        let start = Instant::now();
        let far = start + Duration::from_secs(3600);
        let mut sent = Vec::new();
        for second in [0, 1, 2, 3, 3, 12, 40, 41, 41, 41] {
            let now = start + Duration::from_secs(second);
            sent.push(rates.next(key("a"), now, far).unwrap());
        }
        for (at, sent_at) in sent.iter().enumerate().skip(3) {
            assert!(*sent_at >= sent[at - 3] + per, "{at}");
        }
        assert_eq!(sent[3], start + per, "no longer than it must");
        assert_eq!(sent[6], start + Duration::from_secs(40));
        assert_eq!(
            rates.next(key("b"), start, far),
            Some(start),
            "another host"
        );
        let now = start + Duration::from_secs(41);
        assert_eq!(
            rates.next(key("a"), now, now),
            None,
            "too late for the attempt"
        );
    }
}
