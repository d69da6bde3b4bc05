//! When wrong secrets lock: a count that forgets after a while, and a lock that ends by itself.

use std::time::Duration;

use super::time::Timestamp;

/// So many failures within `period` lock for `period`.
#[derive(Debug, Clone, Copy)]
pub struct LockoutRule {
    pub failures: u32,
    pub period: Duration,
}

/// What is remembered of one account, known browser or address. Whether the account exists makes no difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failures {
    pub count: u32,
    pub last_at: Timestamp,
    pub locked_until: Option<Timestamp>,
}

impl Failures {
    #[must_use]
    pub fn is_locked(self, now: Timestamp) -> bool {
        self.locked_until.is_some_and(|until| now < until)
    }

    /// After one more failure. A lock is not prolonged by trying on.
    #[must_use]
    pub fn and_one_more(self, rule: LockoutRule, now: Timestamp) -> Self {
        if self.is_locked(now) {
            return self;
        }
        let forgotten = self.locked_until.is_some() || now.since(self.last_at) >= rule.period;
        let count = if forgotten { 1 } else { self.count.saturating_add(1) };
        let locked_until = (count >= rule.failures).then(|| now.plus(rule.period));
        Self { count, last_at: now, locked_until }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: LockoutRule = LockoutRule { failures: 5, period: Duration::from_mins(30) };

    fn minutes(n: i64) -> Timestamp {
        Timestamp::from_millis(n * 60_000)
    }

    fn none() -> Failures {
        Failures { count: 0, last_at: minutes(0), locked_until: None }
    }

    #[test]
    fn the_fifth_failure_locks_for_thirty_minutes_however_often_it_is_tried_on() {
        let mut failures = none();
        for n in 1..=4 {
            failures = failures.and_one_more(RULE, minutes(n));
            assert!(!failures.is_locked(minutes(n)), "{n}");
        }
        failures = failures.and_one_more(RULE, minutes(5));
        assert!(failures.is_locked(minutes(5)));
        failures = failures.and_one_more(RULE, minutes(34));
        assert!(failures.is_locked(Timestamp::from_millis(35 * 60_000 - 1)));
        assert!(!failures.is_locked(minutes(35)));
    }

    #[test]
    fn after_a_lock_and_after_a_quiet_period_counting_begins_anew() {
        let mut failures = none();
        for _ in 0..5 {
            failures = failures.and_one_more(RULE, minutes(0));
        }
        assert_eq!(failures.and_one_more(RULE, minutes(30)).count, 1);
        let slow = none().and_one_more(RULE, minutes(0)).and_one_more(RULE, minutes(29));
        assert_eq!(slow.count, 2);
        assert_eq!(slow.and_one_more(RULE, minutes(59)).count, 1);
    }
}
