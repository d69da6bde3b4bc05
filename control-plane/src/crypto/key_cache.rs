//! Opened keys of persons: asking the key service each time would cost a network round trip per name shown.
//!
//! Bounded in number and in time, and emptied for a person whose keys are destroyed. A reader that began before such
//! a destruction may still bring a key along; its ticket is too old, and the key is not kept.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lru::LruCache;
use tokio::time::Instant;

use super::sealed::PatientKey;
use crate::ids::{TenantId, UserId};

/// About 1 KiB each.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");
/// How long an opened key may be used without asking for it again.
const KEEP_FOR: Duration = Duration::from_mins(5);

/// Whose key, in which version.
pub(super) type KeyId = (TenantId, UserId, u32);

/// How many destructions there had been when a transaction began.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ticket(u64);

pub(super) struct KeyCache(Mutex<Entries>);

struct Entries {
    keys: LruCache<KeyId, (Arc<PatientKey>, Instant)>,
    purges: u64,
}

impl Default for KeyCache {
    fn default() -> Self {
        Self(Mutex::new(Entries { keys: LruCache::new(CAPACITY), purges: 0 }))
    }
}

impl KeyCache {
    /// To be taken before a transaction reads anything.
    pub(super) fn ticket(&self) -> Ticket {
        Ticket(self.entries().purges)
    }

    pub(super) fn get(&self, id: &KeyId, now: Instant) -> Option<Arc<PatientKey>> {
        let mut entries = self.entries();
        let (key, since) = entries.keys.get(id)?;
        if now.duration_since(*since) < KEEP_FOR {
            return Some(Arc::clone(key));
        }
        entries.keys.pop(id);
        None
    }

    pub(super) fn put(&self, ticket: Ticket, id: KeyId, key: Arc<PatientKey>, now: Instant) {
        let mut entries = self.entries();
        if ticket.0 == entries.purges {
            entries.keys.put(id, (key, now));
        }
    }

    /// Forgets every version of a person's key.
    pub(super) fn purge(&self, tenant: TenantId, person: UserId) {
        let mut entries = self.entries();
        entries.purges += 1;
        let versions: Vec<_> =
            entries.keys.iter().map(|(id, _)| *id).filter(|id| (id.0, id.1) == (tenant, person)).collect();
        for id in versions {
            entries.keys.pop(&id);
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::crypto::sealed::WrappingKey;

    fn key() -> Arc<PatientKey> {
        Arc::new(PatientKey(WrappingKey::new(1, &[7; 32]).unwrap()))
    }

    fn id(person: u128, version: u32) -> KeyId {
        (TenantId::from_uuid(Uuid::from_u128(1)), UserId::from_uuid(Uuid::from_u128(person)), version)
    }

    #[test]
    fn a_key_is_forgotten_after_five_minutes() {
        let (cache, start) = (KeyCache::default(), Instant::now());
        cache.put(cache.ticket(), id(1, 1), key(), start);
        assert!(cache.get(&id(1, 1), start + KEEP_FOR - Duration::from_millis(1)).is_some());
        assert!(cache.get(&id(1, 1), start + KEEP_FOR).is_none());
        assert_eq!(cache.entries().keys.len(), 0);
    }

    #[test]
    fn a_destroyed_key_is_gone_and_an_old_reader_cannot_bring_it_back() {
        let (cache, now) = (KeyCache::default(), Instant::now());
        let before = cache.ticket();
        for (person, version) in [(1, 1), (1, 2), (2, 1)] {
            cache.put(before, id(person, version), key(), now);
        }
        cache.purge(id(1, 1).0, id(1, 1).1);
        assert!(cache.get(&id(1, 1), now).is_none() && cache.get(&id(1, 2), now).is_none());
        assert!(cache.get(&id(2, 1), now).is_some(), "the neighbour stays");
        cache.put(before, id(1, 1), key(), now);
        assert!(cache.get(&id(1, 1), now).is_none());
    }

    #[test]
    fn there_is_a_bound() {
        let (cache, now) = (KeyCache::default(), Instant::now());
        let (ticket, key) = (cache.ticket(), key());
        for person in 0..CAPACITY.get() as u128 + 10 {
            cache.put(ticket, id(person, 1), Arc::clone(&key), now);
        }
        assert_eq!(cache.entries().keys.len(), CAPACITY.get());
        assert!(cache.get(&id(0, 1), now).is_none(), "the one that was not used for longest goes");
    }
}
