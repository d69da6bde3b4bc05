//! Whose turn it is on the processors: media first, captions when nothing else runs.

use std::time::{Duration, Instant};

use rustix::process::getpriority_process;
use rustix::time::{ClockId, clock_gettime};
use thread_priority::unix::{
    NormalThreadSchedulePolicy, RealtimeThreadSchedulePolicy, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use thread_priority::{Error, ThreadPriority, ThreadPriorityValue};

/// A media thread that uses more than this share of a processor takes its turn with the others, so that sign-ins and
/// the kernel's own work go on when there is more media than the machine can carry.
const TOO_MUCH: f64 = 0.7;
/// For so long; what it uses then says nothing about what it wants.
const TAKE_TURNS: Duration = Duration::from_secs(30);

/// Where a media thread stands among the threads that want its processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// `SCHED_RR` at its lowest priority: whatever is not of a real-time policy makes way at once.
    First,
    /// Its turn comes like anybody's.
    Equal { since: Instant },
    /// There are more media threads than processors, or the system does not allow more.
    NotAllowed,
}

impl Standing {
    /// `share`: of one processor, used since the last look.
    fn next(self, now: Instant, share: f64) -> Self {
        match self {
            Self::First if share > TOO_MUCH => Self::Equal { since: now },
            Self::Equal { since } if now.saturating_duration_since(since) >= TAKE_TURNS => Self::First,
            unchanged => unchanged,
        }
    }
}

/// The precedence of the media thread that made it.
pub(crate) struct Precedence {
    standing: Standing,
    looked: Instant,
    /// Processor time of this thread at that time.
    used: Duration,
}

impl Precedence {
    /// Puts the calling thread first where the system allows it (`RLIMIT_RTPRIO`, `CAP_SYS_NICE`). `wanted`: it is one
    /// of no more threads than there are processors, or no share could be too much.
    pub(crate) fn claim(now: Instant, wanted: bool) -> Self {
        let mut precedence = Self { standing: Standing::NotAllowed, looked: now, used: processor_time() };
        match wanted.then(go_first) {
            None => {}
            Some(Ok(())) => precedence.standing = Standing::First,
            Some(Err(error)) => {
                tracing::debug!(?error, "media threads take turns with the rest of the machine");
            }
        }
        precedence
    }

    /// To be called about once a second by the thread itself.
    pub(crate) fn review(&mut self, now: Instant) {
        let used = processor_time();
        let passed = now.saturating_duration_since(self.looked);
        let share = used.saturating_sub(self.used).as_secs_f64() / passed.as_secs_f64().max(1e-3);
        (self.looked, self.used) = (now, used);
        self.settle(now, share);
    }

    fn settle(&mut self, now: Instant, share: f64) {
        let next = self.standing.next(now, share);
        if next == self.standing {
            return;
        }
        let changed = if next == Standing::First { go_first() } else { take_turns() };
        match changed {
            Ok(()) => self.standing = next,
            Err(error) => {
                tracing::warn!(?error, "a media thread could not change its precedence");
                self.standing = Standing::NotAllowed;
            }
        }
    }

    pub(crate) fn is_first(&self) -> bool {
        self.standing == Standing::First
    }
}

/// Processor time that the calling thread has used.
fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

fn go_first() -> Result<(), Error> {
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy)
}

/// Back to the ordinary policy; the `nice` value stays, whatever the process was started with.
fn take_turns() -> Result<(), Error> {
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
    let nice = getpriority_process(None).map_err(|error| Error::OS(error.raw_os_error()))?;
    // The library takes values from 0 to 99 and makes `nice` values of them.
    let values = (0..=99).filter_map(|value| ThreadPriorityValue::try_from(value).ok());
    let same = values
        .map(ThreadPriority::Crossplatform)
        .find(|priority| priority.to_posix(policy).is_ok_and(|becomes| becomes == nice))
        .ok_or(Error::Priority("a nice value that no value stands for"))?;
    set_thread_priority_and_policy(thread_native_id(), same, policy)
}

/// For caption threads: `SCHED_IDLE` makes way at once for the other threads of this process, where the lowest `nice`
/// value keeps the processor to the end of its slice, 3 ms. Threads that whisper.cpp starts inherit it.
pub(crate) fn step_back() {
    // Beside a whole run of tests they would wait for tens of seconds, and give up finals as they should.
    if cfg!(test) {
        return;
    }
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    if let Err(error) = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy) {
        tracing::warn!(?error, "caption threads could not be put behind media in every respect");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the clock is given from here on")]
    fn a_thread_that_fills_its_processor_takes_turns_for_half_a_minute() {
        let begun = Instant::now();
        let mut standing = Standing::First;
        let looks = [(0, 0.69), (1, 0.71), (2, 0.4), (30, 0.1), (31, 0.1), (32, 0.6), (33, 0.9)];
        let first = looks.map(|(second, share)| {
            standing = standing.next(begun + Duration::from_secs(second), share);
            standing == Standing::First
        });
        assert_eq!(first, [true, false, false, false, true, true, false]);
        assert_eq!(Standing::NotAllowed.next(begun, 0.1), Standing::NotAllowed);
        assert_eq!(Standing::NotAllowed.next(begun, 0.9), Standing::NotAllowed);
    }

    /// Policy and `nice` value of the calling thread, of proc_pid_stat(5): fields 41 and 19.
    fn scheduling() -> (u32, i32) {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").expect("procfs");
        let after_name = stat.rsplit_once(')').expect("a name in brackets").1;
        let fields: Vec<_> = after_name.split_whitespace().collect();
        let field = |number: usize| *fields.get(number - 3).expect("a field");
        (field(41).parse().expect("policy"), field(19).parse().expect("nice value"))
    }

    /// On a thread of its own, which takes its policy with it.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "the clock is given from here on")]
    fn the_kernel_knows_the_policy_of_each_standing() {
        const ROUND_ROBIN: u32 = 2;
        let outcome = std::thread::spawn(|| {
            let ordinary = scheduling();
            let begun = Instant::now();
            assert!(!Precedence::claim(begun, false).is_first());
            assert_eq!(scheduling(), ordinary);

            let mut precedence = Precedence::claim(begun, true);
            if !precedence.is_first() {
                assert_eq!(scheduling(), ordinary, "not allowed here");
                return;
            }
            assert_eq!(scheduling().0, ROUND_ROBIN);
            precedence.settle(begun, 0.95);
            assert!(!precedence.is_first());
            assert_eq!(scheduling(), (0, ordinary.1));
            precedence.settle(begun + TAKE_TURNS, 0.1);
            assert!(precedence.is_first());
            assert_eq!(scheduling().0, ROUND_ROBIN);
        });
        outcome.join().expect("no panic");
    }
}
