//! One-time tickets: how a signed-in browser opens the signalling socket without a token in a URL.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use media_server::ParticipantId;

use super::protocol::ParticipantKind;
use crate::domain::clinical::Access;
use crate::domain::session::Revocation;
use crate::domain::time::Timestamp;
use crate::ids::{ConsultationId, SessionId, TenantId, UserId};

pub const LIFETIME: Duration = Duration::from_secs(30);
/// Open tickets at once. Beyond that the oldest gives way: its browser asks for another one.
const CAPACITY: usize = 10_000;
const TICKET_BYTES: usize = 32;

/// Whom the socket that redeems the ticket speaks for.
#[derive(Clone)]
pub struct TicketGrant {
    pub consultation: ConsultationId,
    pub tenant: TenantId,
    pub user: UserId,
    /// Ends what the ticket opened when it ends.
    pub session: SessionId,
    pub participant: ParticipantId,
    pub name: String,
    pub kind: ParticipantKind,
    /// The guest's part in the doctor's words; empty for doctor and patient.
    pub label: String,
    /// When the consultation became active.
    pub started_at: Timestamp,
    /// To what has been said so far.
    pub access: Access,
}

struct Open {
    grant: TicketGrant,
    issued: Timestamp,
}

/// Tickets that have been issued and not used. In memory only: a restart voids them all.
#[derive(Clone, Default)]
pub struct Tickets {
    open: Arc<Mutex<HashMap<[u8; TICKET_BYTES], Open>>>,
}

impl Tickets {
    /// A new ticket, 256 random bits as base64url.
    #[must_use]
    pub fn issue(&self, grant: TicketGrant, now: Timestamp) -> String {
        let mut ticket = [0; TICKET_BYTES];
        rand::fill(&mut ticket).expect("the operating system has random bytes");
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= CAPACITY {
            open.retain(|_, ticket| is_fresh(ticket, now));
        }
        if open.len() >= CAPACITY
            && let Some(oldest) = open.iter().min_by_key(|(_, ticket)| ticket.issued).map(|(key, _)| *key)
        {
            open.remove(&oldest);
        }
        open.insert(ticket, Open { grant, issued: now });
        URL_SAFE_NO_PAD.encode(ticket)
    }

    /// The grant, once, within [`LIFETIME`]. `None` for unknown, used and old ones alike.
    #[must_use]
    pub fn redeem(&self, ticket: &str, now: Timestamp) -> Option<TicketGrant> {
        let ticket: [u8; TICKET_BYTES] = URL_SAFE_NO_PAD.decode(ticket).ok()?.try_into().ok()?;
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&ticket)?;
        is_fresh(&open, now).then_some(open.grant)
    }

    /// Whose tickets could still be used.
    #[must_use]
    pub fn sessions(&self, now: Timestamp) -> Vec<(TenantId, SessionId)> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let usable = open.values().filter(|ticket| is_fresh(ticket, now));
        usable.map(|ticket| (ticket.grant.tenant, ticket.grant.session)).collect()
    }

    /// Tickets of an ended session, or of all of a person's sessions, are worth nothing from now on.
    pub fn void(&self, ended: Revocation) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, ticket| !ended.covers(ticket.grant.session, ticket.grant.user));
    }
}

fn is_fresh(ticket: &Open, now: Timestamp) -> bool {
    now.since(ticket.issued) < LIFETIME
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const fn ms(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn grant(name: &str) -> TicketGrant {
        TicketGrant {
            consultation: ConsultationId::generate(),
            tenant: TenantId::generate(),
            user: UserId::generate(),
            session: SessionId::generate(),
            participant: ParticipantId::from_uuid(Uuid::from_u128(1)),
            name: name.into(),
            kind: ParticipantKind::Doctor,
            label: String::new(),
            started_at: ms(0),
            access: Access::of_patient(UserId::generate()),
        }
    }

    #[test]
    fn a_ticket_works_once() {
        let tickets = Tickets::default();
        let ticket = tickets.issue(grant("Ada"), ms(1_000));
        assert_eq!(ticket.len(), 43);
        assert_eq!(tickets.redeem(&ticket, ms(1_001)).map(|grant| grant.name), Some("Ada".into()));
        assert!(tickets.redeem(&ticket, ms(1_002)).is_none());
    }

    #[test]
    fn a_ticket_ends_after_thirty_seconds() {
        let tickets = Tickets::default();
        let (early, late) = (tickets.issue(grant("Ada"), ms(0)), tickets.issue(grant("Ada"), ms(0)));
        assert!(tickets.redeem(&early, ms(29_999)).is_some());
        assert!(tickets.redeem(&late, ms(30_000)).is_none());
    }

    #[test]
    fn tickets_end_with_their_session_and_with_their_person() {
        let tickets = Tickets::default();
        let (one, other) = (grant("Ada"), grant("Bob"));
        let second_device = TicketGrant { session: SessionId::generate(), ..one.clone() };
        let issue = |grant: &TicketGrant| tickets.issue(grant.clone(), ms(0));
        let (a, b, c) = (issue(&one), issue(&second_device), issue(&other));
        tickets.void(Revocation::Session(one.session));
        assert!(tickets.redeem(&a, ms(1)).is_none());
        tickets.void(Revocation::User(one.user));
        assert!(tickets.redeem(&b, ms(1)).is_none());
        assert!(tickets.redeem(&c, ms(1)).is_some());
    }

    #[test]
    fn what_was_never_issued_is_refused() {
        let tickets = Tickets::default();
        for bad in ["", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "not base64 ✓"] {
            assert!(tickets.redeem(bad, ms(0)).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_oldest_gives_way_when_there_are_too_many() {
        let tickets = Tickets::default();
        let first = tickets.issue(grant("first"), ms(0));
        let second = tickets.issue(grant("second"), ms(1));
        for _ in 0..CAPACITY - 1 {
            let _ = tickets.issue(grant("more"), ms(2));
        }
        assert!(tickets.redeem(&first, ms(3)).is_none());
        assert!(tickets.redeem(&second, ms(3)).is_some());
    }
}
