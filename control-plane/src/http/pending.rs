//! What was begun with somebody and waits for their answer: passkey ceremonies, sign-ins at another provider. In memory,
//! bounded, each answered once; a restart forgets them, and the person begins again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::crypto::{CryptoError, secret};
use crate::domain::time::Timestamp;

/// How long an answer is waited for.
pub const LIFETIME: Duration = Duration::from_mins(5);
/// When so many wait, the oldest is forgotten for the next.
const CAPACITY: usize = 10_000;

/// Waiting for answers.
pub struct Pending<T>(Mutex<Waiting<T>>);

struct Waiting<T> {
    by_id: HashMap<String, T>,
    /// When each stops waiting; oldest first.
    order: VecDeque<(Timestamp, String)>,
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self(Mutex::new(Waiting { by_id: HashMap::new(), order: VecDeque::new() }))
    }
}

impl<T> Pending<T> {
    /// Begins to wait; the id comes back with the answer and cannot be guessed.
    pub fn begin(&self, value: T, now: Timestamp) -> Result<String, CryptoError> {
        let id = secret::generate()?;
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.forget(now);
        waiting.order.push_back((now.plus(LIFETIME), id.clone()));
        waiting.by_id.insert(id.clone(), value);
        Ok(id)
    }

    /// What `id` was begun with; the second time, or too late, nothing.
    pub fn finish(&self, id: &str, now: Timestamp) -> Option<T> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.forget(now);
        waiting.by_id.remove(id)
    }
}

impl<T> Waiting<T> {
    /// Makes room for one more.
    fn forget(&mut self, now: Timestamp) {
        while let Some((until, _)) = self.order.front()
            && (*until <= now || self.order.len() >= CAPACITY)
        {
            if let Some((_, id)) = self.order.pop_front() {
                self.by_id.remove(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn an_answer_counts_once_and_in_time() {
        let pending = Pending::default();
        let (one, two) = (pending.begin(1, at(0)).unwrap(), pending.begin(2, at(1)).unwrap());
        assert_eq!(pending.finish(&one, at(299_999)), Some(1));
        assert_eq!(pending.finish(&one, at(299_999)), None, "twice");
        assert_eq!(pending.finish(&two, at(300_001)), None, "too late");
        assert_eq!(pending.finish("guess", at(0)), None);
    }

    #[test]
    fn no_more_wait_than_there_is_room_for() {
        let pending = Pending::default();
        let first = pending.begin(0, at(0)).unwrap();
        let second = pending.begin(1, at(0)).unwrap();
        for value in 0..CAPACITY {
            pending.begin(value, at(0)).unwrap();
        }
        assert_eq!(pending.0.lock().unwrap().by_id.len(), CAPACITY);
        assert_eq!(pending.0.lock().unwrap().order.len(), CAPACITY);
        assert_eq!((pending.finish(&first, at(0)), pending.finish(&second, at(0))), (None, None));
    }
}
