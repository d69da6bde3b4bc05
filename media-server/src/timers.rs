//! Which session has to be woken next: a min-heap with at most one live entry per session.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use crate::demux::Slot;

/// Entries that were overtaken by an earlier one for the same slot stay in the heap until they are the first, and are
/// discarded then.
#[derive(Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, Slot)>>,
    /// Per slot, the entry that counts.
    armed: Vec<Option<Instant>>,
}

impl Timers {
    /// Makes sure that `slot` comes up at `at` or earlier.
    pub(crate) fn schedule(&mut self, at: Instant, slot: Slot) {
        let index = usize::from(slot);
        if index >= self.armed.len() {
            self.armed.resize(index + 1, None);
        }
        if let Some(armed) = self.armed.get_mut(index)
            && armed.is_none_or(|earlier| at < earlier)
        {
            *armed = Some(at);
            self.heap.push(Reverse((at, slot)));
        }
    }

    /// When the first slot comes up whose own `deadline` is not later by now. Most deadlines move on with every packet, and
    /// nobody has to be woken for what they were.
    pub(crate) fn next(&mut self, deadline: impl Fn(Slot) -> Option<Instant>) -> Option<Instant> {
        loop {
            let Reverse((at, slot)) = *self.heap.peek()?;
            let armed = self.armed.get_mut(usize::from(slot)).filter(|armed| **armed == Some(at));
            let deadline = armed.is_some().then(|| deadline(slot)).flatten();
            if deadline.is_some_and(|deadline| deadline <= at) {
                return Some(at);
            }
            self.heap.pop();
            if let Some(armed) = armed {
                *armed = None;
            }
            if let Some(deadline) = deadline {
                self.schedule(deadline, slot);
            }
        }
    }

    /// Takes one slot that is due. Its owner looks at the session's real deadline and schedules again.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Slot> {
        while self.heap.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            let Reverse((at, slot)) = self.heap.pop()?;
            if let Some(armed) = self.armed.get_mut(usize::from(slot))
                && *armed == Some(at)
            {
                *armed = None;
                return Some(slot);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_earliest_deadline_counts_and_overtaken_entries_leave_the_heap() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timers = Timers::default();
        for ms in (1..=1000).rev() {
            timers.schedule(at(ms), 7);
            timers.schedule(at(ms + 1), 7);
        }
        timers.schedule(at(2), 3);
        assert_eq!(timers.next(|_| Some(at(1))), Some(at(1)));
        assert_eq!(timers.pop_due(at(1)), Some(7));
        assert_eq!(timers.pop_due(at(1)), None);
        timers.schedule(at(500), 7);
        assert_eq!(timers.pop_due(at(499)), Some(3));
        assert_eq!(timers.pop_due(at(1000)), Some(7), "once");
        assert_eq!(timers.pop_due(at(1000)), None);
        assert!(timers.heap.is_empty());
    }

    #[test]
    fn nobody_is_woken_for_a_deadline_that_has_moved_on() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timers = Timers::default();
        timers.schedule(at(10), 1);
        timers.schedule(at(20), 2);
        timers.schedule(at(30), 3);
        let deadlines =
            |slot| [None, Some(at(40)), None, Some(at(30))].get(usize::from(slot)).copied().flatten();
        assert_eq!(timers.next(deadlines), Some(at(30)), "the first has moved, the second has gone");
        assert_eq!(timers.pop_due(at(30)), Some(3));
        assert_eq!(timers.next(deadlines), Some(at(40)), "and is not forgotten");
        assert_eq!(timers.pop_due(at(39)), None);
        assert_eq!(timers.pop_due(at(40)), Some(1));
        assert_eq!(timers.next(deadlines), None);
    }
}
