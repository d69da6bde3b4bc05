//! Whose turn it is on the processors: media first, captions when nothing else runs.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use thread_priority::unix::{
    NormalThreadSchedulePolicy, RealtimeThreadSchedulePolicy, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use thread_priority::{Error, ThreadPriority, ThreadPriorityValue};

/// A media thread that uses more than this share of a processor takes its turn with the others, so that sign-ins and
/// the kernel's own work go on when there is more media than the machine can carry.
const TOO_MUCH: f64 = 0.8;
/// It goes first again below this.
const MODEST: f64 = 0.6;

/// Where a media thread stands among the threads that want its processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// `SCHED_RR` at its lowest priority: whatever is not of a real-time policy makes way at once.
    First,
    /// Its turn comes like anybody's.
    Equal,
    /// The system does not allow more.
    NotAllowed,
}

impl Standing {
    /// `share`: of one processor, used since the last look.
    fn next(self, share: f64) -> Self {
        match self {
            Self::First if share > TOO_MUCH => Self::Equal,
            Self::Equal if share < MODEST => Self::First,
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
    /// Puts the calling thread first where the system allows it (`RLIMIT_RTPRIO`, `CAP_SYS_NICE`).
    pub(crate) fn claim(now: Instant) -> Self {
        let standing = match go_first() {
            Ok(()) => Standing::First,
            Err(error) => {
                tracing::debug!(?error, "media threads take turns with the rest of the machine");
                Standing::NotAllowed
            }
        };
        Self { standing, looked: now, used: processor_time() }
    }

    /// To be called about once a second by the thread itself.
    pub(crate) fn review(&mut self, now: Instant) {
        let used = processor_time();
        let passed = now.saturating_duration_since(self.looked);
        let share = used.saturating_sub(self.used).as_secs_f64() / passed.as_secs_f64().max(1e-3);
        let next = self.standing.next(share);
        (self.looked, self.used) = (now, used);
        if next == self.standing {
            return;
        }
        let changed = if next == Standing::First { go_first() } else { take_turns() };
        match changed {
            Ok(()) => self.standing = next,
            Err(error) => tracing::warn!(?error, "a media thread could not change its precedence"),
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

fn take_turns() -> Result<(), Error> {
    // Of the library's 0 to 99 this is the `nice` value 0.
    let ordinary = ThreadPriorityValue::try_from(47).map_err(|_| Error::Priority("not between 0 and 99"))?;
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Crossplatform(ordinary), policy)
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
        tracing::warn!(?error, "captions run at the priority of the control plane");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_fills_its_processor_takes_turns_until_there_is_room_again() {
        let mut standing = Standing::First;
        let looks = [0.5, 0.79, 0.81, 0.95, 0.7, 0.61, 0.59, 0.7];
        let first = looks.map(|share| {
            standing = standing.next(share);
            standing == Standing::First
        });
        assert_eq!(first, [true, true, false, false, false, false, true, true]);
        assert_eq!(Standing::NotAllowed.next(0.1), Standing::NotAllowed);
        assert_eq!(Standing::NotAllowed.next(0.9), Standing::NotAllowed);
    }

    /// Policy and `nice` value of the calling thread, of proc_pid_stat(5): fields 41 and 19.
    fn scheduling() -> (u32, i32) {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").expect("procfs");
        let after_name = stat.rsplit_once(')').expect("a name in brackets").1;
        let fields: Vec<_> = after_name.split_whitespace().collect();
        let field = |number: usize| *fields.get(number - 3).expect("a field");
        (field(41).parse().expect("policy"), field(19).parse().expect("nice value"))
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "real processor time is measured against the real clock")]
    fn a_thread_that_may_go_first_does_so_and_steps_down_when_it_spins() {
        const OTHER: u32 = 0;
        const ROUND_ROBIN: u32 = 2;
        let nice = scheduling().1;
        let mut precedence = Precedence::claim(Instant::now());
        if precedence.standing == Standing::NotAllowed {
            assert_eq!(scheduling(), (OTHER, nice));
            return;
        }
        assert_eq!(scheduling().0, ROUND_ROBIN);

        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(300) {
            std::hint::spin_loop();
        }
        precedence.review(Instant::now());
        assert!(!precedence.is_first());
        assert_eq!(scheduling(), (OTHER, 0));

        std::thread::sleep(Duration::from_millis(50));
        precedence.review(Instant::now());
        assert!(precedence.is_first());
        assert_eq!(scheduling().0, ROUND_ROBIN);
    }
}
