//! How many requests came to each listener within the last minute, and when there is room
//! again.

use std::collections::VecDeque;
use std::time::Duration;

use super::route::Service;
use super::time::Time;

const MINUTE: Duration = Duration::from_secs(60);

/// The requests that count still, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Rate(VecDeque<(Time, Service)>);

impl Rate {
    /// Takes a request, or says after how many seconds there is room for one.
    pub(crate) fn take(
        &mut self,
        now: Time,
        service: Service,
        limit: Option<u32>,
    ) -> Result<(), u64> {
        while self.0.front().is_some_and(|(at, _)| at.plus(MINUTE) <= now) {
            self.0.pop_front();
        }
        let mut same = self.0.iter().filter(|(_, other)| *other == service);
        if let (Some(limit), Some((oldest, _))) = (limit, same.next())
            && 1 + same.count() >= limit as usize
        {
            let seconds = oldest.plus(MINUTE).distance(now).as_secs();
            return Err(seconds.max(1));
        }
        self.0.push_back((now, service));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_takes_as_many_a_minute_as_it_may() {
        let mut rate = Rate::default();
        let at = |seconds: u64| Time::from_millis(seconds * 1000);
        for second in [0, 10] {
            assert_eq!(rate.take(at(second), Service::Iam, Some(2)), Ok(()));
        }
        assert_eq!(rate.take(at(20), Service::Iam, Some(2)), Err(40));
        assert_eq!(rate.take(at(20), Service::Metrics, Some(2)), Ok(()));
        assert_eq!(rate.take(at(20), Service::Iam, None), Ok(()));
        assert_eq!(rate.take(at(80), Service::Iam, Some(2)), Ok(()));
    }
}
