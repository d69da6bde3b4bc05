//! Padding that finds out whether the way to a participant carries more: a burst at the rate in question, and whether its
//! last packets were under way for longer than its first ones.

use std::time::{Duration, Instant};

use super::register::Outcome;

/// How long padding is sent. At three times what the way carries, 40 ms of queue.
const DURATION: Duration = Duration::from_millis(20);
/// It leaves in two parts: each wakes a thread, and costs a call of the system.
pub(super) const TICK: Duration = Duration::from_millis(10);
/// Of each part at least one of so many is padding, however much else is sent meanwhile: without a last packet nothing is
/// told.
const LEAST: u64 = 4;
/// Whatever is not reported after this is lost.
const OVERDUE: Duration = Duration::from_secs(1);
/// A difference below this is jitter, microseconds.
const JITTER: i64 = 3_000;
/// After a probe that found nothing twice this long, and twice as long each further time, until the next one.
const PAUSE: Duration = Duration::from_millis(500);
/// At most, where a better picture waits for it, and where one might some day.
const LONGEST_WAITED_FOR: Duration = Duration::from_millis(2_500);
const LONGEST: Duration = Duration::from_secs(10);
/// Pauses that a queue on the way costs.
const AFTER_QUEUE: u32 = 2;
/// Looks for so many times what is known.
const STEP: u64 = 3;
/// A slower burst would be of one packet, bit/s.
const SLOWEST: u64 = 300_000;
/// Only more by this share is news, or what the next better picture needs, percent; less is how exact a probe is.
const WORTH: u64 = 112;

/// What more is good for, bit/s.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wish {
    /// The next better picture needs this; 0: none is wanted.
    pub(crate) next: u64,
    /// All that could be wanted.
    pub(crate) most: u64,
}

#[derive(Clone, Copy)]
struct Burst {
    since: Instant,
    target: u64,
    /// What has left since it began.
    bytes: u64,
    packets: usize,
    /// When the next part is due.
    next: Instant,
}

enum State {
    Idle,
    Sending(Burst),
    /// Everything has left.
    Waiting(Burst),
}

/// When a packet of a burst left, microseconds since it began, how long it was under way, and its bytes.
type Seen = (i64, i64, u16);

pub(super) struct Probe {
    pub(super) wish: Wish,
    state: State,
    ended: Instant,
    failures: u32,
    came: Vec<Seen>,
    lost: usize,
}

impl Probe {
    pub(super) fn new(now: Instant) -> Self {
        Self { wish: Wish::default(), state: State::Idle, ended: now, failures: 0, came: Vec::new(), lost: 0 }
    }

    /// What leaves now is part of a burst.
    pub(super) fn is_sending(&self) -> bool {
        matches!(self.state, State::Sending(_))
    }

    /// So many bytes leave, padding or not.
    pub(super) fn sent(&mut self, bytes: usize) {
        if let State::Sending(burst) = &mut self.state {
            burst.bytes += bytes as u64;
            burst.packets += 1;
        }
    }

    /// When more of the burst is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if let State::Sending(burst) = &self.state { Some(burst.next) } else { None }
    }

    /// Bytes that are due now. `may`: one may begin.
    pub(super) fn due(&mut self, now: Instant, estimate: u64, may: bool) -> usize {
        if let State::Sending(burst) | State::Waiting(burst) = self.state
            && now.saturating_duration_since(burst.since) >= OVERDUE
        {
            (self.state, self.ended, self.failures) = (State::Idle, now, self.failures + 1);
        }
        if let State::Idle = self.state
            && may
            && let Some(target) = self.target(now, estimate)
        {
            (self.came, self.lost) = (Vec::new(), 0);
            self.state = State::Sending(Burst { since: now, target, bytes: 0, packets: 0, next: now });
        }
        let State::Sending(burst) = &mut self.state else { return 0 };
        if now < burst.next {
            return 0;
        }
        burst.next = now + TICK;
        let (burst, elapsed) = (*burst, now.saturating_duration_since(burst.since));
        if elapsed >= DURATION {
            self.state = State::Waiting(burst);
            return 0;
        }
        let within = |time: Duration| burst.target * time.as_micros() as u64 / 8_000_000;
        let due = within((elapsed + TICK).min(DURATION));
        // Pictures come in bursts of their own: some padding goes behind them, to see how long it waits.
        let padding = due.saturating_sub(burst.bytes).max(within(TICK) / LEAST);
        usize::try_from(padding).unwrap_or(0)
    }

    fn target(&self, now: Instant, estimate: u64) -> Option<u64> {
        let Wish { next, most } = self.wish;
        let most = most.max(next);
        let longest = match estimate {
            estimate if next > estimate => LONGEST_WAITED_FOR,
            estimate if most > estimate => LONGEST,
            _ => return None,
        };
        let pause = match self.failures {
            0 => Duration::ZERO,
            failures => (PAUSE * (1 << failures.min(8))).min(longest),
        };
        let rested = now.saturating_duration_since(self.ended) >= pause;
        rested.then(|| (estimate * STEP).min(most * 5 / 4).max(SLOWEST))
    }

    /// The way is another one: what is under way says nothing, and there is no reason to wait.
    pub(super) fn begin_anew(&mut self) {
        (self.state, self.failures) = (State::Idle, 0);
    }

    /// There is a queue: it would become longer.
    pub(super) fn give_up(&mut self, now: Instant) {
        self.state = State::Idle;
        self.ended = now;
        self.failures = self.failures.max(AFTER_QUEUE);
    }

    /// Takes in what became of packets; what the way carries, bit/s, once a burst is over: at least `estimate`.
    pub(super) fn outcomes(&mut self, now: Instant, estimate: u64, outcomes: &[Outcome]) -> u64 {
        let (State::Sending(burst) | State::Waiting(burst)) = self.state else { return estimate };
        for outcome in outcomes.iter().filter(|outcome| outcome.probe) {
            let left = outcome.sent.saturating_duration_since(burst.since).as_micros() as i64;
            match outcome.arrived {
                Some(arrived) => self.came.push((left, arrived - left, outcome.bytes)),
                None => self.lost += 1,
            }
        }
        let complete =
            matches!(self.state, State::Waiting(_)) && self.came.len() + self.lost >= burst.packets;
        if !complete && now.saturating_duration_since(burst.since) < OVERDUE {
            return estimate;
        }
        let found = carried(&mut self.came, burst).unwrap_or(0);
        (self.state, self.ended) = (State::Idle, now);
        let news = estimate * WORTH / 100;
        let enough = if self.wish.next > estimate { news.min(self.wish.next) } else { news };
        if found < enough {
            self.failures += 1;
            return estimate;
        }
        self.failures = 0;
        found
    }
}

/// `None`: too little of the burst has left, or has come, as on a thread that was late.
///
/// If the last packets waited for longer than the first ones, the way was full: what left between the two came through in the
/// time in which it left and as much longer. Of the first and the last ones the fastest count, since jitter only ever adds.
fn carried(came: &mut [Seen], burst: Burst) -> Option<u64> {
    came.sort_unstable();
    let third = came.len().div_ceil(3);
    let left_in = came.last()?.0 - came.first()?.0;
    let whole = burst.bytes * 10 >= burst.target * DURATION.as_micros() as u64 / 1_000_000;
    let duration = DURATION.as_micros() as i64;
    if came.len() * 5 < burst.packets * 4 || !whole || !(duration / 2..duration * 2).contains(&left_in) {
        return None;
    }
    let fastest = |seen: std::ops::Range<usize>| seen.min_by_key(|at| came.get(*at).map(|seen| seen.1));
    let (first, last) = (fastest(0..third)?, fastest(came.len() - third..came.len())?);
    let between = came.get(first..=last)?;
    let (before, after) = between.first().zip(between.last())?;
    // Below this what the last ones took longer is jitter: all came as it left.
    let longer = Some(after.1 - before.1).filter(|longer| *longer >= JITTER).unwrap_or(0);
    let bytes: u64 = between.iter().skip(1).map(|(_, _, bytes)| u64::from(*bytes)).sum();
    let time = (after.0 - before.0 + longer).unsigned_abs();
    Some((bytes * 8_000_000 / time.max(1)).min(burst.target))
}
