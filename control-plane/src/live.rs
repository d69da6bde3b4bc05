//! What changes while somebody looks: small events to everyone who follows them, and which doctors are there at all. In
//! memory; an event holds no data, whoever gets one asks again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::domain::access::Actor;
use crate::domain::audit::{Action, Agent, AuditEntry};
use crate::domain::session::Revocation;
use crate::domain::time::Timestamp;
use crate::domain::user::{Availability, Role};
use crate::ids::{SessionId, TenantId, UserId};
use crate::store::{Store, StoreError};

/// Events that wait for one browser. When it is full the browser is given up: it connects again and asks for everything.
const OUTBOX: usize = 32;
/// Followers at once; further ones are refused and ask now and then instead.
const CAPACITY: usize = 10_000;
/// Followers of one session: tabs.
const PER_SESSION: usize = 16;
/// How long a doctor whose last connection is lost still counts as there.
pub const GRACE: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_secs(1);

/// What somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveEvent {
    Availability {
        user: UserId,
        availability: Availability,
    },
    /// Some consultation of theirs, or the queue, may have changed.
    Consultations,
    /// There is something new that they should know.
    Notice,
    /// The last one: the session has ended.
    SignedOut,
}

/// Whom an event is for, within one clinic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// But guests: they are there for one consultation.
    Everybody,
    Role(Role),
    User(UserId),
}

/// Everybody who follows. Cheap to clone.
#[derive(Clone)]
pub struct Live {
    followers: Arc<Mutex<Followers>>,
    clock: Clock,
}

#[derive(Default)]
struct Followers {
    by_id: HashMap<u64, Follower>,
    last_id: u64,
    /// Doctors who may take requests and have no connection, and since when.
    absent: HashMap<(TenantId, UserId), Timestamp>,
}

struct Follower {
    tenant: TenantId,
    user: UserId,
    session: SessionId,
    role: Role,
    queue: mpsc::Sender<LiveEvent>,
}

/// One connection; it no longer follows when this is dropped.
pub struct Following {
    id: u64,
    live: Live,
    queue: mpsc::Receiver<LiveEvent>,
}

impl Following {
    /// The next event; `None`: the connection is over.
    pub async fn next(&mut self) -> Option<LiveEvent> {
        self.queue.recv().await
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let now = self.live.clock.now();
        self.live.lock().leave(self.id, now);
    }
}

impl Live {
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { followers: Arc::default(), clock }
    }

    /// `None`: too many already.
    #[must_use]
    pub fn follow(&self, actor: &Actor) -> Option<Following> {
        let (sender, queue) = mpsc::channel(OUTBOX);
        let mut followers = self.lock();
        let of_session = followers.by_id.values().filter(|other| other.session == actor.session).count();
        if followers.by_id.len() >= CAPACITY || of_session >= PER_SESSION {
            return None;
        }
        followers.last_id += 1;
        let id = followers.last_id;
        let Actor { tenant, user, session, role, .. } = *actor;
        followers.by_id.insert(id, Follower { tenant, user, session, role, queue: sender });
        followers.absent.remove(&(tenant, user));
        Some(Following { id, live: self.clone(), queue })
    }

    pub fn tell(&self, tenant: TenantId, audience: Audience, event: LiveEvent) {
        let mut followers = self.lock();
        let now = self.clock.now();
        let is_meant = |follower: &Follower| {
            follower.tenant == tenant
                && match audience {
                    Audience::Everybody => follower.role != Role::Guest,
                    Audience::Role(role) => follower.role == role,
                    Audience::User(user) => follower.user == user,
                }
        };
        followers.send(event, is_meant, now);
    }

    /// A doctor's availability has changed; everybody in the clinic may want to show it.
    pub fn tell_availability(&self, tenant: TenantId, user: UserId, availability: Availability) {
        self.tell(tenant, Audience::Everybody, LiveEvent::Availability { user, availability });
    }

    /// In which somebody follows.
    #[must_use]
    pub fn sessions(&self) -> Vec<(TenantId, SessionId)> {
        self.lock().by_id.values().map(|follower| (follower.tenant, follower.session)).collect()
    }

    /// Whoever follows in a session that has ended is told so and follows no longer.
    pub fn revoke(&self, ended: Revocation) {
        let mut followers = self.lock();
        let now = self.clock.now();
        let covered = |follower: &Follower| ended.covers(follower.session, follower.user);
        followers.send(LiveEvent::SignedOut, covered, now);
        let gone: Vec<_> =
            followers.by_id.iter().filter(|(_, follower)| covered(follower)).map(|(id, _)| *id).collect();
        for id in gone {
            followers.leave(id, now);
        }
    }

    /// A doctor says that they take requests: somebody who is not connected has [`GRACE`] to connect.
    pub fn expect(&self, tenant: TenantId, doctor: UserId) {
        let now = self.clock.now();
        let mut followers = self.lock();
        if !followers.is_there(tenant, doctor) {
            followers.absent.entry((tenant, doctor)).or_insert(now);
        }
    }

    /// Doctors who have been away for too long; each is named once.
    fn take_lost(&self) -> Vec<(TenantId, UserId)> {
        let now = self.clock.now();
        let mut followers = self.lock();
        let is_lost = |_: &(TenantId, UserId), since: &mut Timestamp| now.since(*since) >= GRACE;
        followers.absent.extract_if(is_lost).map(|(who, _)| who).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Followers> {
        self.followers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Followers {
    fn send(&mut self, event: LiveEvent, is_meant: impl Fn(&Follower) -> bool, now: Timestamp) {
        let slow: Vec<_> = self
            .by_id
            .iter()
            .filter(|(_, follower)| is_meant(follower) && follower.queue.try_send(event).is_err())
            .map(|(id, _)| *id)
            .collect();
        for id in slow {
            self.leave(id, now);
        }
    }

    fn leave(&mut self, id: u64, now: Timestamp) {
        let Some(Follower { tenant, user, role, .. }) = self.by_id.remove(&id) else { return };
        if role == Role::Doctor && !self.is_there(tenant, user) {
            self.absent.insert((tenant, user), now);
        }
    }

    fn is_there(&self, tenant: TenantId, user: UserId) -> bool {
        self.by_id.values().any(|follower| follower.tenant == tenant && follower.user == user)
    }
}

/// Expects everybody who took requests when the server stopped.
pub async fn expect_doctors(live: &Live, store: &Store) -> Result<(), StoreError> {
    for tenant in store.clinics() {
        for doctor in store.available_doctors(tenant).await? {
            live.expect(tenant, doctor);
        }
    }
    Ok(())
}

/// Sets doctors offline whose browser has been gone for [`GRACE`]; ends with the process.
pub async fn watch_presence(live: Live, store: Store, stopping: CancellationToken) {
    let mut interval = tokio::time::interval(TICK);
    while stopping.run_until_cancelled(interval.tick()).await.is_some() {
        for (tenant, doctor) in live.take_lost() {
            match set_offline(&live, &store, tenant, doctor).await {
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(user = %doctor, %error, "cannot set a lost doctor offline, trying again");
                    live.expect(tenant, doctor);
                }
            }
        }
    }
}

async fn set_offline(live: &Live, store: &Store, tenant: TenantId, doctor: UserId) -> Result<(), StoreError> {
    let mut tx = store.begin(tenant).await?;
    match tx.set_offline(doctor).await {
        Ok(()) => {}
        // Offline already, or no doctor any more.
        Err(StoreError::Conflict) => return Ok(()),
        Err(error) => return Err(error),
    }
    let availability = tx.user(doctor).await?.availability;
    let now = live.clock.now();
    tx.commit(AuditEntry::by(Agent::Server, Action::AvailabilitySet, doctor, now)).await?;
    live.tell_availability(tenant, doctor, availability);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(role: Role) -> Actor {
        Actor {
            tenant: TenantId::from_uuid(uuid::Uuid::from_u128(1)),
            user: UserId::generate(),
            role,
            session: SessionId::generate(),
            address: [127, 0, 0, 1].into(),
            authenticated_at: Timestamp::from_millis(0),
            second_factor: false,
            cleared: true,
        }
    }

    fn live() -> Live {
        Live::new(Clock::fixed(Timestamp::from_millis(0)))
    }

    #[tokio::test]
    async fn events_reach_those_they_are_for() {
        let live = live();
        let (doctor, patient) = (actor(Role::Doctor), actor(Role::Patient));
        let elsewhere = Actor { tenant: TenantId::generate(), ..doctor };
        let guest = Actor { tenant: doctor.tenant, ..actor(Role::Guest) };
        let [mut one, mut two, mut three, mut four] =
            [&doctor, &patient, &elsewhere, &guest].map(|who| live.follow(who).unwrap());
        live.tell(doctor.tenant, Audience::Role(Role::Doctor), LiveEvent::Consultations);
        live.tell(doctor.tenant, Audience::User(patient.user), LiveEvent::Notice);
        live.revoke(Revocation::Session(patient.session));
        live.tell_availability(doctor.tenant, doctor.user, Availability::Busy);
        assert_eq!(one.next().await, Some(LiveEvent::Consultations));
        let busy = LiveEvent::Availability { user: doctor.user, availability: Availability::Busy };
        assert_eq!(one.next().await, Some(busy));
        assert_eq!(two.next().await, Some(LiveEvent::Notice));
        assert_eq!((two.next().await, two.next().await), (Some(LiveEvent::SignedOut), None));
        assert!(three.queue.try_recv().is_err(), "another clinic");
        assert!(four.queue.try_recv().is_err(), "doctors are no business of guests");
    }

    #[tokio::test]
    async fn who_does_not_read_is_given_up_and_nobody_else() {
        let live = live();
        let (slow, quick) = (actor(Role::Patient), actor(Role::Patient));
        let (mut behind, mut ahead) = (live.follow(&slow).unwrap(), live.follow(&quick).unwrap());
        for _ in 0..=OUTBOX {
            live.tell(slow.tenant, Audience::Everybody, LiveEvent::Notice);
            assert!(ahead.next().await.is_some());
        }
        for _ in 0..OUTBOX {
            assert!(behind.next().await.is_some());
        }
        assert_eq!(behind.next().await, None);
        assert_eq!(live.lock().by_id.len(), 1);
    }

    #[test]
    fn there_is_room_for_so_many() {
        let live = live();
        let who = actor(Role::Patient);
        let tabs: Vec<_> = (0..PER_SESSION).map(|_| live.follow(&who).unwrap()).collect();
        assert!(live.follow(&who).is_none());
        drop(tabs);
        assert!(live.follow(&who).is_some());
        assert!(live.lock().by_id.is_empty(), "nothing is left behind");
    }

    #[test]
    fn a_doctor_is_lost_when_the_last_connection_has_been_gone_for_the_grace_period() {
        let live = live();
        let doctor = actor(Role::Doctor);
        let who = (doctor.tenant, doctor.user);
        let (one, two) = (live.follow(&doctor).unwrap(), live.follow(&doctor).unwrap());
        drop(one);
        live.clock.advance(GRACE);
        assert!(live.take_lost().is_empty(), "another tab is open");
        drop(two);
        live.clock.advance(GRACE / 2);
        drop(live.follow(&doctor).unwrap());
        live.clock.advance(GRACE / 2);
        assert!(live.take_lost().is_empty(), "it came back in time");
        live.clock.advance(GRACE / 2);
        assert_eq!(live.take_lost(), [who]);
        assert!(live.take_lost().is_empty());
        live.expect(doctor.tenant, doctor.user);
        live.clock.advance(GRACE);
        assert_eq!(live.take_lost(), [who]);
    }
}
