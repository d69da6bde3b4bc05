//! The way between a client and the system under test, as far as the generator imitates a bad one: loss, delay, jitter,
//! and a rate with a queue in front of it that drops what does not fit.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// IPv4 and UDP headers, bytes.
const HEADERS: usize = 28;
/// What would wait longer for its turn on a limited way is dropped.
const QUEUE: Duration = Duration::from_millis(300);
/// A way with steps has each of its rates for this long, the last one to the end.
pub const STEP: Duration = Duration::from_secs(10);

/// What the ways of a run are like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Profile {
    pub name: &'static str,
    /// Every client's ways; otherwise only those of the first participant of every room.
    pub everyone: bool,
    /// Share of the datagrams that are lost at random, both ways.
    pub loss: f64,
    pub delay: Duration,
    /// On top of the delay, evenly distributed from nothing to this.
    pub jitter: Duration,
    /// A datagram never overtakes the one before it.
    pub ordered: bool,
    /// Bit/s to the client: at first, [`STEP`] after the measurement began, and [`STEP`] after that.
    pub rates: Option<[u64; 3]>,
}

const CLEAN: Profile = Profile {
    name: "clean",
    everyone: true,
    loss: 0.0,
    delay: Duration::from_millis(10),
    jitter: Duration::ZERO,
    ordered: true,
    rates: None,
};
const LOSSY: Profile =
    Profile { name: "lossy", everyone: false, loss: 0.05, jitter: Duration::from_millis(30), ..CLEAN };
const PROFILES: [Profile; 5] = [
    CLEAN,
    LOSSY,
    Profile { name: "lossy-everyone", everyone: true, ..LOSSY },
    Profile { name: "reordering", ordered: false, ..LOSSY },
    Profile { name: "step", rates: Some([4_000_000, 1_000_000, 4_000_000]), ..CLEAN },
];

impl Profile {
    pub fn named(name: &str) -> Result<Self> {
        match PROFILES.iter().find(|profile| profile.name == name) {
            Some(profile) => Ok(*profile),
            None => bail!("no profile {name}; there are {}", PROFILES.map(|profile| profile.name).join(", ")),
        }
    }
}

/// Both ways of one client.
pub struct Link {
    pub up: Way,
    pub down: Way,
}

impl Link {
    /// `seed`: of the losses and the jitter; one per client.
    pub fn new(profile: Profile, seed: u64) -> Self {
        let way = |rates, salt: u64| Way {
            profile,
            rates,
            free_at: None,
            last: None,
            random: seed.wrapping_mul(2).wrapping_add(salt).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
        };
        Self { up: way(None, 0), down: way(profile.rates, 1) }
    }
}

pub struct Way {
    profile: Profile,
    rates: Option<[u64; 3]>,
    /// When a limited way has passed on what it took.
    free_at: Option<Instant>,
    /// When the last datagram arrived, or will.
    last: Option<Instant>,
    random: u64,
}

impl Way {
    /// When a datagram of `bytes` payload that is sent now arrives; `None`: never. `began`: the measurement, if it did.
    pub fn pass(&mut self, now: Instant, bytes: usize, began: Option<Instant>) -> Option<Instant> {
        if self.uniform() < self.profile.loss {
            return None;
        }
        let passed = match self.rates {
            Some(rates) => self.queue(now, bytes, rates[phase(now, began)])?,
            None => now,
        };
        let mut at = passed + self.profile.delay + self.profile.jitter.mul_f64(self.uniform());
        if self.profile.ordered {
            at = self.last.map_or(at, |last| at.max(last));
        }
        self.last = Some(at);
        Some(at)
    }

    fn queue(&mut self, now: Instant, bytes: usize, bits_per_second: u64) -> Option<Instant> {
        let start = self.free_at.map_or(now, |at| at.max(now));
        if start - now > QUEUE {
            return None;
        }
        let done = start + Duration::from_secs_f64(((bytes + HEADERS) * 8) as f64 / bits_per_second as f64);
        self.free_at = Some(done);
        Some(done)
    }

    /// 0 to 1, xorshift64.
    fn uniform(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Which of three rates holds.
fn phase(now: Instant, began: Option<Instant>) -> usize {
    let since = began.map_or(Duration::ZERO, |began| now.saturating_duration_since(began));
    ((since.as_secs_f64() / STEP.as_secs_f64()) as usize).min(2)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test begins at some instant")]
mod tests {
    use super::*;

    fn down(profile: &str) -> Way {
        Link::new(Profile::named(profile).expect("known"), 7).down
    }

    #[test]
    fn five_percent_are_lost_and_the_rest_comes_in_order_within_the_jitter() {
        let (start, mut way) = (Instant::now(), down("lossy"));
        let sent = (0..10_000).map(|index| start + Duration::from_millis(index));
        let arrived: Vec<_> = sent.filter_map(|at| Some((at, way.pass(at, 100, None)?))).collect();
        assert!((9400..9600).contains(&arrived.len()), "{}", arrived.len());
        assert!(arrived.windows(2).all(|pair| pair[0].1 <= pair[1].1), "in order");
        let delays = arrived.iter().map(|(sent, at)| (*at - *sent).as_millis());
        assert!(delays.clone().min() >= Some(10) && delays.max() <= Some(40));
    }

    #[test]
    fn the_rate_follows_the_steps_and_what_does_not_fit_is_dropped() {
        let (start, mut way) = (Instant::now(), down("step"));
        // 3.2 Mbit/s, headers included, for 30 s.
        let mut passed = [0; 3];
        for millisecond in 0..30_000 {
            let now = start + Duration::from_millis(millisecond);
            passed[(millisecond / 10_000) as usize] += u64::from(way.pass(now, 372, Some(start)).is_some());
        }
        assert!(passed[0] == 10_000 && passed[2] > 9900, "{passed:?}");
        assert!((3100..3300).contains(&passed[1]), "1 Mbit/s, and a full queue: {passed:?}");
        let (mut before, limit) = (down("step"), start + Duration::from_secs(100));
        assert!(
            (0..1000).all(|_| before.pass(limit, 0, None).is_some()),
            "nothing steps before the measurement"
        );
    }
}
