//! How often something may be tried: a burst, then a steady rate, per key. Bounded: when the table is full, the key
//! that has waited longest is forgotten.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::time::Timestamp;

const CAPACITY: usize = 10_000;

/// The generic cell rate algorithm: per key, the time at which all its attempts will have been paid back.
pub struct Throttle<K> {
    burst: u32,
    period: Duration,
    paid_back_at: Mutex<HashMap<K, Timestamp>>,
}

impl<K: Hash + Eq + Clone> Throttle<K> {
    /// `burst` attempts at once, then one per `period`.
    #[must_use]
    pub fn new(burst: u32, period: Duration) -> Self {
        Self { burst, period, paid_back_at: Mutex::default() }
    }

    /// Counts an attempt, or says how long to wait.
    pub fn attempt(&self, key: &K, now: Timestamp) -> Result<(), Duration> {
        let mut table = self.paid_back_at.lock().unwrap_or_else(PoisonError::into_inner);
        let paid_back = table.get(key).copied().unwrap_or(now).max(now);
        let owed = paid_back.since(now);
        let allowed = self.period * (self.burst - 1);
        if let Some(wait) = owed.checked_sub(allowed).filter(|wait| !wait.is_zero()) {
            return Err(wait);
        }
        if table.len() >= CAPACITY && !table.contains_key(key) {
            make_room(&mut table, now);
        }
        table.insert(key.clone(), paid_back.plus(self.period));
        Ok(())
    }

    /// The attempts of this key were rightful: forget them.
    pub fn forgive(&self, key: &K) {
        self.paid_back_at.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

fn make_room<K: Hash + Eq + Clone>(table: &mut HashMap<K, Timestamp>, now: Timestamp) {
    table.retain(|_, paid_back| *paid_back > now);
    if table.len() >= CAPACITY
        && let Some(first) = table.iter().min_by_key(|(_, paid_back)| **paid_back).map(|(key, _)| key.clone())
    {
        table.remove(&first);
    }
}

/// How fast strangers may try, per address. Wrong secrets are counted apart, and for longer (`store/lockout.rs`).
pub struct SignInThrottle(Throttle<IpAddr>);

impl Default for SignInThrottle {
    fn default() -> Self {
        Self(Throttle::new(30, Duration::from_secs(10)))
    }
}

impl SignInThrottle {
    /// Counts an attempt, or says how long to wait.
    pub fn attempt(&self, address: IpAddr, now: Timestamp) -> Result<(), Duration> {
        self.0.attempt(&network(address), now)
    }

    /// It was no guess.
    pub fn forgive(&self, address: IpAddr) {
        self.0.forgive(&network(address));
    }
}

/// One subscriber of an IPv6 network has a whole /64.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_burst_then_a_steady_rate() {
        let throttle = Throttle::new(3, Duration::from_secs(10));
        for _ in 0..3 {
            assert_eq!(throttle.attempt(&"ada", ms(0)), Ok(()));
        }
        assert_eq!(throttle.attempt(&"ada", ms(0)), Err(Duration::from_secs(10)));
        assert_eq!(throttle.attempt(&"bob", ms(0)), Ok(()), "others are not slowed down");
        assert_eq!(throttle.attempt(&"ada", ms(9_999)), Err(Duration::from_millis(1)));
        assert_eq!(throttle.attempt(&"ada", ms(10_000)), Ok(()));
        assert!(throttle.attempt(&"ada", ms(10_000)).is_err());
        throttle.forgive(&"ada");
        assert_eq!(throttle.attempt(&"ada", ms(10_000)), Ok(()));
    }

    #[test]
    fn the_table_never_grows_beyond_its_capacity() {
        let throttle = Throttle::new(1, Duration::from_secs(10));
        for key in 0..CAPACITY + 500 {
            assert_eq!(throttle.attempt(&key, ms(i64::try_from(key).unwrap())), Ok(()));
        }
        assert_eq!(throttle.paid_back_at.lock().unwrap().len(), CAPACITY);
    }

    #[test]
    fn neighbours_in_one_ipv6_network_share_their_attempts() {
        let throttle = SignInThrottle::default();
        let address = |host: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 0, 0, 0, host));
        for host in 0..30 {
            assert!(throttle.attempt(address(host), ms(0)).is_ok());
        }
        assert!(throttle.attempt(address(99), ms(0)).is_err());
        assert!(throttle.attempt(IpAddr::from([192, 0, 2, 1]), ms(0)).is_ok());
    }
}
