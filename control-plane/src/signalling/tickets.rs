//! One-time tickets: how a signed-in browser opens the signalling socket without a token in a URL.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use media_server::ParticipantId;

use super::protocol::ParticipantKind;
use crate::ids::{ConsultationId, TenantId, UserId};

pub const LIFETIME_S: u64 = 30;
const LIFETIME_MS: i64 = 30_000;
/// Open tickets at once. Beyond that the oldest gives way: its browser asks for another one.
const CAPACITY: usize = 10_000;
const TICKET_BYTES: usize = 32;

/// Whom the socket that redeems the ticket speaks for.
#[derive(Clone)]
pub struct TicketGrant {
    pub consultation: ConsultationId,
    pub tenant: TenantId,
    pub user: UserId,
    pub participant: ParticipantId,
    pub name: String,
    pub kind: ParticipantKind,
    /// The guest's part in the doctor's words; empty for doctor and patient.
    pub label: String,
    /// When the consultation became active, milliseconds since the Unix epoch.
    pub started_at_ms: i64,
}

struct Open {
    grant: TicketGrant,
    issued_ms: i64,
}

/// Tickets that have been issued and not used. In memory only: a restart voids them all.
#[derive(Clone, Default)]
pub struct Tickets {
    open: Arc<Mutex<HashMap<[u8; TICKET_BYTES], Open>>>,
}

impl Tickets {
    /// A new ticket, 256 random bits as base64url. `now_ms`: milliseconds since the Unix epoch.
    #[must_use]
    pub fn issue(&self, grant: TicketGrant, now_ms: i64) -> String {
        let mut ticket = [0; TICKET_BYTES];
        rand::fill(&mut ticket).expect("the operating system has random bytes");
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= CAPACITY {
            open.retain(|_, ticket| is_fresh(ticket, now_ms));
        }
        if open.len() >= CAPACITY
            && let Some(oldest) = open.iter().min_by_key(|(_, ticket)| ticket.issued_ms).map(|(key, _)| *key)
        {
            open.remove(&oldest);
        }
        open.insert(ticket, Open { grant, issued_ms: now_ms });
        URL_SAFE_NO_PAD.encode(ticket)
    }

    /// The grant, once, within [`LIFETIME_S`]. `None` for unknown, used and old ones alike.
    #[must_use]
    pub fn redeem(&self, ticket: &str, now_ms: i64) -> Option<TicketGrant> {
        let ticket: [u8; TICKET_BYTES] = URL_SAFE_NO_PAD.decode(ticket).ok()?.try_into().ok()?;
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&ticket)?;
        is_fresh(&open, now_ms).then_some(open.grant)
    }
}

fn is_fresh(ticket: &Open, now_ms: i64) -> bool {
    (0..LIFETIME_MS).contains(&(now_ms - ticket.issued_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn grant(name: &str) -> TicketGrant {
        TicketGrant {
            consultation: ConsultationId::generate(),
            tenant: TenantId::generate(),
            user: UserId::generate(),
            participant: ParticipantId::from_uuid(Uuid::from_u128(1)),
            name: name.into(),
            kind: ParticipantKind::Doctor,
            label: String::new(),
            started_at_ms: 0,
        }
    }

    #[test]
    fn a_ticket_works_once() {
        let tickets = Tickets::default();
        let ticket = tickets.issue(grant("Ada"), 1_000);
        assert_eq!(ticket.len(), 43);
        assert_eq!(tickets.redeem(&ticket, 1_001).map(|grant| grant.name), Some("Ada".into()));
        assert!(tickets.redeem(&ticket, 1_002).is_none());
    }

    #[test]
    fn a_ticket_ends_after_thirty_seconds() {
        let tickets = Tickets::default();
        let (early, late) = (tickets.issue(grant("Ada"), 0), tickets.issue(grant("Ada"), 0));
        assert!(tickets.redeem(&early, 29_999).is_some());
        assert!(tickets.redeem(&late, 30_000).is_none());
    }

    #[test]
    fn what_was_never_issued_is_refused() {
        let tickets = Tickets::default();
        for bad in ["", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "not base64 ✓"] {
            assert!(tickets.redeem(bad, 0).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_oldest_gives_way_when_there_are_too_many() {
        let tickets = Tickets::default();
        let first = tickets.issue(grant("first"), 0);
        let second = tickets.issue(grant("second"), 1);
        for _ in 0..CAPACITY - 1 {
            let _ = tickets.issue(grant("more"), 2);
        }
        assert!(tickets.redeem(&first, 3).is_none());
        assert!(tickets.redeem(&second, 3).is_some());
    }
}
