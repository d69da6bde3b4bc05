use super::*;
use crate::egress::probe::Wish;

const MS: Duration = Duration::from_millis(1);

/// A way with a queue, in simulated time: a millisecond a step, a report each 50.
struct Way {
    estimator: Estimator,
    start: Instant,
    now: Instant,
    /// Bit/s that it carries, and how long packets are under way without a queue.
    rate: u64,
    delay: Duration,
    jitter: Duration,
    loss_percent: u64,
    /// A longer queue loses what comes.
    queue: Duration,
    idle_at: Instant,
    under_way: Vec<(Instant, Outcome)>,
    random: u64,
    /// Bit/s of what is forwarded, and bits that are due of it.
    sending: u64,
    due: u64,
    /// Bytes.
    padded: u64,
}

impl Way {
    fn new(rate: u64, sending: u64) -> Self {
        let start = Instant::now();
        Self {
            estimator: Estimator::new(start),
            start,
            now: start,
            rate,
            delay: 20 * MS,
            jitter: Duration::ZERO,
            loss_percent: 0,
            queue: 500 * MS,
            idle_at: start,
            under_way: Vec::new(),
            random: 7,
            sending,
            due: 0,
            padded: 0,
        }
    }

    fn wish(mut self, next: u64, most: u64) -> Self {
        self.estimator.probe.wish = Wish { next, most };
        self
    }

    /// Below `below`; a linear congruential generator (Knuth, MMIX).
    fn random(&mut self, below: u64) -> u64 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below.max(1)
    }

    fn send(&mut self, bytes: u64) {
        let probe = self.estimator.probe.is_sending();
        self.estimator.probe.sent(bytes as usize);
        let left = self.idle_at.max(self.now) + Duration::from_micros(bytes * 8_000_000 / self.rate);
        let lost = left - self.now > self.queue || self.random(100) < self.loss_percent;
        let jitter = Duration::from_micros(self.random(self.jitter.as_micros() as u64));
        let at = left + self.delay + jitter;
        if left - self.now <= self.queue {
            self.idle_at = left;
        }
        // The participant's clock began at another time.
        let arrived = (!lost).then(|| at.duration_since(self.start).as_micros() as i64 + 5_000_000);
        let outcome = Outcome { sent: self.now, arrived, bytes: bytes as u16, probe };
        self.under_way.push((at, outcome));
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += MS;
            self.due += self.sending / 1_000;
            // A frame of packets at a time.
            while self.due >= 5 * 8_000 {
                (0..5).for_each(|_| self.send(1_000));
                self.due -= 5 * 8_000;
            }
            let mut padding = self.estimator.padding(self.now);
            while padding > 0 {
                self.send(290);
                self.padded += 290;
                padding = padding.saturating_sub(290);
            }
            if self.now.duration_since(self.start).as_millis().is_multiple_of(50) {
                let now = self.now;
                let came = self.under_way.extract_if(.., |(at, _)| *at <= now);
                let outcomes: Vec<_> = came.map(|(_, outcome)| outcome).collect();
                self.estimator.report(now, &outcomes);
            }
        }
    }

    fn estimate(&self) -> u64 {
        self.estimator.estimate()
    }
}

#[test]
fn a_wide_way_is_found_within_a_second() {
    let mut way = Way::new(20_000_000, 300_000).wish(900_000, 6_000_000);
    way.run(1_000 * MS);
    assert!(way.estimate() >= 6_000_000, "{}", way.estimate());
    let found = way.estimate();
    way.run(30_000 * MS);
    assert_eq!(way.estimate(), found, "nothing more is looked for");
}

#[test]
fn a_narrow_way_is_not_overestimated_and_probes_do_not_fill_it() {
    let mut way = Way::new(1_000_000, 600_000).wish(2_000_000, 2_200_000);
    let mut longest = 0;
    for _ in 0..300 {
        way.run(100 * MS);
        longest = longest.max(way.idle_at.saturating_duration_since(way.now).as_millis());
        assert!((800_000..1_250_000).contains(&way.estimate()), "{}", way.estimate());
    }
    assert!(longest < 80, "{longest} ms of queue");
}

#[test]
fn a_way_that_becomes_narrow_is_known_by_what_it_carries_and_found_wide_again() {
    let mut way = Way::new(4_000_000, 1_900_000).wish(0, 2_000_000);
    way.run(5_000 * MS);
    assert!(way.estimate() >= 2_000_000, "{}", way.estimate());
    way.rate = 1_000_000;
    way.run(250 * MS);
    let lowered = way.estimate();
    assert!((750_000..1_000_000).contains(&lowered), "{lowered}");
    way.sending = 500_000;
    way = way.wish(2_000_000, 2_200_000);
    way.run(10_000 * MS);
    assert!((lowered..1_250_000).contains(&way.estimate()), "{}", way.estimate());
    assert!(!way.estimator.is_congested());
    way.rate = 4_000_000;
    way.run(3_000 * MS);
    assert!(way.estimate() >= 2_000_000, "{}", way.estimate());
}

#[test]
fn random_losses_and_jitter_change_nothing() {
    let mut way = Way::new(4_000_000, 1_900_000).wish(0, 2_000_000);
    (way.loss_percent, way.jitter) = (5, 30 * MS);
    way.run(3_000 * MS);
    let known = way.estimate();
    for _ in 0..600 {
        way.run(100 * MS);
        assert!(way.estimate() >= known && !way.estimator.is_congested(), "{}", way.estimate());
    }
    assert!((0.03..0.07).contains(&way.estimator.lost()), "{}", way.estimator.lost());
}

#[test]
fn a_way_that_loses_what_is_too_much_without_a_queue_gets_less() {
    let mut way = Way::new(4_000_000, 1_900_000).wish(0, 2_000_000);
    way.run(5_000 * MS);
    (way.rate, way.queue) = (1_000_000, 40 * MS);
    (0..40).for_each(|_| follow(&mut way, 1_900_000));
    assert!(way.estimate() < 1_250_000, "{}", way.estimate());
}

#[test]
fn a_longer_way_is_not_a_queue_for_long() {
    let mut way = Way::new(4_000_000, 1_900_000).wish(0, 2_000_000);
    way.run(5_000 * MS);
    way.delay = 220 * MS;
    way.run(1_000 * MS);
    assert!(way.estimator.is_congested());
    assert!(way.estimate() > 1_000_000, "it carries no less: {}", way.estimate());
    way = way.wish(2_000_000, 2_200_000);
    way.run(6_000 * MS);
    assert!(!way.estimator.is_congested());
    assert!(way.estimate() >= 2_000_000, "{}", way.estimate());
}

#[test]
fn who_was_sent_nothing_for_long_is_sent_padding_again() {
    let mut way = Way::new(60_000, 300_000).wish(200_000, 2_200_000);
    way.run(8_000 * MS);
    assert!(way.estimate() < 100_000, "{}", way.estimate());
    // Pictures are given up, and sound is not numbered.
    way.sending = 0;
    way.loss_percent = 20;
    way.run(10_000 * MS);
    way.rate = 4_000_000;
    way.run(20_000 * MS);
    assert!(way.estimate() >= 2_000_000, "{}", way.estimate());
}

/// Layers follow the estimate.
fn follow(way: &mut Way, most: u64) {
    way.run(100 * MS);
    way.sending = (way.estimate() * 9 / 10).min(most);
}

#[test]
fn a_policed_way_is_believed_whenever_it_begins_and_however_narrow_it_is() {
    for rate in [300_000, 500_000, 1_000_000] {
        for phase in 0..5 {
            let mut way = Way::new(20_000_000, 3_600_000).wish(0, 4_000_000);
            way.run(5_000 * MS + phase * 100 * MS);
            // Room for a frame.
            (way.rate, way.queue) = (rate, Duration::from_micros(6_000 * 8_000_000 / rate));
            (0..80).for_each(|_| follow(&mut way, 3_600_000));
            for _ in 0..200 {
                follow(&mut way, 3_600_000);
                assert!(way.estimate() < rate * 2, "{} of {rate}, phase {phase}", way.estimate());
            }
        }
    }
}

#[test]
fn what_nothing_waits_for_is_looked_for_seldom() {
    let mut way = Way::new(1_000_000, 600_000).wish(0, 2_200_000);
    way.run(3_000 * MS);
    let before = way.padded;
    way.run(60_000 * MS);
    assert!(way.padded - before < 8 * 8_000, "{} bytes in a minute", way.padded - before);
}

#[test]
fn a_network_that_loses_much_at_any_rate_is_not_blamed_on_what_is_sent() {
    let mut way = Way::new(4_000_000, 1_900_000).wish(0, 2_000_000);
    way.run(5_000 * MS);
    for loss_percent in [20, 40] {
        way.loss_percent = loss_percent;
        (0..300).for_each(|_| follow(&mut way, 1_900_000));
        assert!(way.estimate() > 1_500_000, "{} at {loss_percent} %", way.estimate());
    }
}

#[test]
fn jitter_on_a_narrow_way_does_not_widen_it() {
    let mut way = Way::new(1_000_000, 600_000).wish(2_000_000, 2_200_000);
    way.jitter = 30 * MS;
    for _ in 0..600 {
        way.run(100 * MS);
        assert!(way.estimate() < 1_600_000, "{}", way.estimate());
    }
}

#[test]
fn a_network_that_stands_still_for_a_moment_is_not_narrow() {
    let mut way = Way::new(4_000_000, 1_000_000).wish(0, 2_000_000);
    way.run(5_000 * MS);
    let known = way.estimate();
    for _ in 0..10 {
        // Nothing comes for 150 ms, then all at once.
        way.idle_at = way.now + 150 * MS;
        way.run(3_000 * MS);
        assert!(way.estimate() >= known * 8 / 10, "{} of {known}", way.estimate());
    }
}

#[test]
fn times_that_nobody_can_mean_do_no_harm() {
    let start = Instant::now();
    let mut estimator = Estimator::new(start);
    for round in 0..200_i64 {
        let now = start + MS * round as u32;
        let outcomes: Vec<_> = [0, i64::from(u32::MAX) * 64_000, -1_000_000_000, round]
            .into_iter()
            .cycle()
            .take(100)
            .map(|arrived| Outcome {
                sent: now,
                arrived: Some(arrived),
                bytes: u16::MAX,
                probe: round % 2 == 0,
            })
            .collect();
        estimator.report(now, &outcomes);
    }
    assert!(estimator.arrivals.len() <= MOST, "{}", estimator.arrivals.len());
}
