//! What the way to a participant carries, from when packets were sent and when they came.
//!
//! Layers of pictures change the rate in steps, so a steady figure is worth more than one that follows every swing: the
//! estimate stays until something is known. Packets that wait ever longer tell at what rate the way lets them through, losses
//! that it takes less, padding of a [`Probe`] that it takes more.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::probe::Probe;
use super::register::Outcome;

/// Where it starts, bit/s; the first probes take it to three times this and more within a second.
pub(crate) const INITIAL: u64 = 1_000_000;
/// Never less, bit/s: sound goes on.
const LEAST: u64 = 30_000;

/// Packets that wait this much longer than the fastest ones: a queue has built up. Less is jitter.
const QUEUE: i64 = 100_000;
/// A queue that grows is taken for one from here on.
const GROWING: i64 = 50_000;
/// It grows when packets wait this much longer than before, twice in a row. Microseconds, as all times of arrival here.
const GROWTH: i64 = 10_000;
/// Whoever waited longer than this came as fast as the way lets packets through.
const WAITED: i64 = 25_000;
/// The fastest of so many tells how long the queue is: jitter only ever adds.
const FASTEST_OF: i64 = 80_000;
/// How long the fastest packet counts; clocks drift, and ways change.
const REMEMBERED: Duration = Duration::from_secs(15);
/// A queue that has not become shorter for this long, whatever was sent, is another way.
const OUTLASTED: Duration = Duration::from_secs(3);
/// Without a report for this long, nothing of a queue or of losses is known any more.
const FORGOTTEN: Duration = Duration::from_secs(3);
/// A lower rate shows after this; two of them are looked at together.
const HOLD: Duration = Duration::from_millis(500);
/// Of what comes through a full way, percent: the queue has to become shorter.
const DRAIN: u64 = 85;

/// Rates and losses are of this long.
const WINDOW: i64 = 1_000_000;
/// And of so many packets at most, whenever they are said to have come.
const MOST: usize = 4_096;
/// Shorter is too short for a rate.
const SHORTEST: i64 = 40_000;
/// Losses above this are of too much, and not of a bad network: less is sent, by half of that share.
const TOO_MANY: f64 = 0.1;
/// That is less, as a part of what was lost before; and if it is not so after this, the network is a bad one.
const HELPED: f64 = 0.7;
const IN_VAIN: Duration = Duration::from_secs(2);
/// Of fewer packets nothing is said: one voice makes as many in a second.
const FEW: f64 = 50.0;

#[derive(Clone, Copy)]
struct Arrival {
    at: i64,
    bytes: u16,
    waited: i64,
}

/// The least of what was measured lately.
#[derive(Default)]
struct Fastest {
    /// The present one, and when the least since it became that takes its place.
    present: Option<(i64, Instant)>,
    next: Option<i64>,
}

impl Fastest {
    fn of(&mut self, now: Instant, under_way: i64) -> i64 {
        let next = self.next.map_or(under_way, |next| next.min(under_way));
        self.next = Some(next);
        let present = match self.present {
            Some((least, until)) if now < until => (least.min(under_way), until),
            _ => {
                self.next = None;
                (next, now + REMEMBERED)
            }
        };
        self.present = Some(present);
        present.0
    }
}

/// Packets queue on the way, since then without the queue becoming shorter.
#[derive(Clone, Copy)]
struct Congestion {
    since: Instant,
    /// It was looked at then, when packets waited so long.
    looked: Instant,
    waited: i64,
}

/// Losses are taken for those of too much since then, when this share was lost of what this estimate allowed.
#[derive(Clone, Copy)]
struct Blame {
    since: Instant,
    share: f64,
    estimate: u64,
    /// Sending less has not helped.
    in_vain: bool,
}

pub(crate) struct Estimator {
    started: Instant,
    estimate: u64,
    /// When a report came last.
    reported: Option<Instant>,
    fastest: Fastest,
    /// Of the last [`WINDOW`], as they came.
    arrivals: VecDeque<Arrival>,
    /// How long the queue was at the last reports, the latest last.
    queues: [i64; 3],
    congestion: Option<Congestion>,
    /// When packets waited last.
    waited: Instant,
    /// Packets that came and that did not, in this half second and in those before it.
    losses: [(u32, u32); 4],
    counted: Instant,
    lost: f64,
    blame: Option<Blame>,
    pub(super) probe: Probe,
}

impl Estimator {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            started: now,
            estimate: INITIAL,
            reported: None,
            fastest: Fastest::default(),
            arrivals: VecDeque::new(),
            queues: [0; 3],
            congestion: None,
            waited: now,
            losses: [(0, 0); 4],
            counted: now,
            lost: 0.0,
            blame: None,
            probe: Probe::new(now),
        }
    }

    /// Bit/s.
    pub(crate) fn estimate(&self) -> u64 {
        self.estimate
    }

    /// Packets queue on the way.
    pub(crate) fn is_congested(&self) -> bool {
        self.congestion.is_some()
    }

    /// Of the packets of the last two seconds, 0 to 1.
    pub(crate) fn lost(&self) -> f64 {
        self.lost
    }

    /// A report has come.
    pub(super) fn heard(&self) -> bool {
        self.reported.is_some()
    }

    /// The way is another one.
    pub(super) fn begin_anew(&mut self) {
        self.forget();
        self.probe.begin_anew();
    }

    /// Nothing is known of a queue or of losses any more.
    fn forget(&mut self) {
        self.fastest = Fastest::default();
        self.arrivals.clear();
        (self.queues, self.congestion) = ([0; 3], None);
        (self.losses, self.lost, self.blame) = ([(0, 0); 4], 0.0, None);
    }

    /// Bytes of padding that are due now.
    pub(super) fn padding(&mut self, now: Instant) -> usize {
        if self.reported.is_some_and(|at| now.saturating_duration_since(at) > FORGOTTEN) {
            self.reported = Some(now);
            self.forget();
        }
        let blamed = self.blame.is_some_and(|blame| !blame.in_vain);
        let may = self.congestion.is_none() && !blamed && self.heard();
        self.probe.due(now, self.estimate, may)
    }

    /// Takes in what became of packets. True: the estimate has changed.
    pub(super) fn report(&mut self, now: Instant, outcomes: &[Outcome]) -> bool {
        if outcomes.is_empty() {
            return false;
        }
        let before = self.reported.replace(now).map(|_| self.estimate);
        self.count_losses(now, outcomes);
        let mut latest = None;
        for outcome in outcomes {
            let Some(at) = outcome.arrived else { continue };
            let sent = outcome.sent.saturating_duration_since(self.started).as_micros() as i64;
            let under_way = at.saturating_sub(sent);
            let waited = under_way.saturating_sub(self.fastest.of(now, under_way));
            latest = Some(at);
            self.arrivals.push_back(Arrival { at, bytes: outcome.bytes, waited });
        }
        if let Some(latest) = latest {
            while self.arrivals.pop_front_if(|arrival| latest.saturating_sub(arrival.at) > WINDOW).is_some() {
            }
            self.arrivals.drain(..self.arrivals.len().saturating_sub(MOST));
            self.follow_queue(now, latest);
        }
        let found = self.probe.outcomes(now, self.estimate, outcomes);
        if self.congestion.is_none() && before.is_none_or(|before| self.estimate >= before) {
            self.estimate = found;
        }
        before != Some(self.estimate)
    }

    /// Twice a second: what was lost lately, and what has come through. A probe's losses say nothing of what is sent without.
    fn count_losses(&mut self, now: Instant, outcomes: &[Outcome]) {
        let latest = &mut self.losses[0];
        for outcome in outcomes.iter().filter(|outcome| !outcome.probe) {
            match outcome.arrived {
                Some(_) => latest.0 += 1,
                None => latest.1 += 1,
            }
        }
        if now < self.counted + HOLD {
            return;
        }
        self.counted = now;
        let lost = |halves: &[(u32, u32)]| -> (f64, f64) {
            let (came, lost) = halves.iter().fold((0, 0), |sum, half| (sum.0 + half.0, sum.1 + half.1));
            (f64::from(lost) / f64::from((came + lost).max(1)), f64::from(came + lost))
        };
        let [(lately, of), (lasting, of_all)] = [lost(&self.losses[..2]), lost(&self.losses)];
        self.lost = if of_all < FEW { 0.0 } else { lasting };
        self.losses.rotate_right(1);
        self.losses[0] = (0, 0);
        if now.saturating_duration_since(self.waited) > 2 * HOLD {
            // It has come through, and without a queue: one that becomes shorter is no proof that as much fits.
            self.estimate = self.estimate.max(self.rate().unwrap_or(0));
        }
        // Of few packets a tenth may be lost by chance: three standard deviations more are not.
        let too_many = lately > TOO_MANY + 0.9 / of.max(1.0).sqrt();
        // A queue that overflows tells by itself what the way carries.
        if too_many && self.congestion.is_none() {
            self.blame_losses(now, lately);
        } else {
            self.blame = None;
        }
    }

    /// A tenth and more is lost. If that is because of too much, less will be lost of less: each half second less is sent, by half
    /// of the share that is lost. What does not help was not the reason, and is taken back.
    fn blame_losses(&mut self, now: Instant, share: f64) {
        let first = Blame { since: now, share, estimate: self.estimate, in_vain: false };
        let mut blame = match self.blame {
            Some(known) if known.in_vain && share < known.share / HELPED => return,
            Some(known) if !known.in_vain && share >= known.share * HELPED => known,
            _ => first,
        };
        // At first the second that is looked at is partly from before.
        if now.saturating_duration_since(blame.since) <= 2 * HOLD {
            blame.share = blame.share.max(share);
        }
        if now.saturating_duration_since(blame.since) >= IN_VAIN {
            blame.in_vain = true;
            self.estimate = self.estimate.max(blame.estimate);
        } else {
            self.probe.give_up(now);
            let less = (self.estimate as f64 * (1.0 - share / 2.0)) as u64;
            self.estimate = self.estimate.min(less.max(self.rate().unwrap_or(0))).max(LEAST);
        }
        self.blame = Some(blame);
    }

    fn follow_queue(&mut self, now: Instant, latest: i64) {
        let lately =
            self.arrivals.iter().rev().take_while(|arrival| latest.saturating_sub(arrival.at) <= FASTEST_OF);
        let Some(queue) = lately.map(|arrival| arrival.waited).min() else { return };
        self.queues = [self.queues[1], self.queues[2], queue];
        let [first, second, third] = self.queues;
        let grows = second - first > GROWTH && third - second > GROWTH;
        if queue > WAITED {
            self.waited = now;
        }
        match self.congestion {
            None if (queue >= GROWING && grows) || (queue >= QUEUE && second >= QUEUE) => {
                self.congestion = Some(Congestion { since: now, looked: now, waited: queue });
                self.lower(now);
            }
            None => {}
            Some(_) if queue < GROWING => self.congestion = None,
            Some(known) if now.duration_since(known.since) > OUTLASTED => self.forget(),
            Some(known) if now.duration_since(known.looked) < HOLD => {}
            Some(known) => {
                let shrinks = queue + GROWTH < known.waited;
                let since = if shrinks { now } else { known.since };
                self.congestion = Some(Congestion { since, looked: now, waited: queue });
                if queue > known.waited + GROWTH {
                    self.lower(now);
                }
            }
        }
    }

    fn lower(&mut self, now: Instant) {
        self.probe.give_up(now);
        if let Some(carried) = self.saturated().or_else(|| self.rate()) {
            self.estimate = self.estimate.min(carried * DRAIN / 100).max(LEAST);
        }
    }

    /// Bit/s at which the latest packets came that had waited: the way was full.
    fn saturated(&self) -> Option<u64> {
        rate(self.arrivals.iter().rev().take_while(|arrival| arrival.waited > WAITED))
    }

    /// Bit/s of all that came lately.
    fn rate(&self) -> Option<u64> {
        rate(self.arrivals.iter())
    }
}

/// Bit/s at which these came.
fn rate<'a>(arrivals: impl Iterator<Item = &'a Arrival>) -> Option<u64> {
    let (mut bytes, mut first, mut last) = (0, None::<&Arrival>, i64::MIN);
    for arrival in arrivals {
        bytes += u64::from(arrival.bytes);
        last = last.max(arrival.at);
        first = first.filter(|first| first.at <= arrival.at).or(Some(arrival));
    }
    // The bytes of the first one came before the time that is measured.
    let first = first?;
    let span = last - first.at;
    (span >= SHORTEST).then(|| (bytes - u64::from(first.bytes)) * 8_000_000 / span.unsigned_abs())
}

#[cfg(test)]
mod tests;
