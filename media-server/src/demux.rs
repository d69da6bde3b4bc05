//! Datagram -> session slot in O(1), before any cryptography.
//!
//! A source address that has proved itself (STUN message integrity) is pinned to its session. From every other address
//! only a STUN Binding request is looked at: its USERNAME names our ufrag, the ufrag encodes worker and slot.
//! Everything else is dropped and counted. Maps are bounded per session, so a flood cannot grow them.

use std::collections::HashMap;
use std::net::SocketAddr;

use str0m::IceCreds;
use str0m::net::Protocol;

/// Addresses one session may prove; a browser uses one, a roaming phone a handful.
const MAX_ADDRESSES_PER_SESSION: usize = 16;
/// `m` + worker (2 hex) + slot (4 hex); the rest of the ufrag is random.
const UFRAG_PREFIX: usize = 7;
const STUN_MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const STUN_BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const STUN_BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const STUN_USERNAME: u16 = 0x0006;

/// Index of a session in its engine; reused, so always checked against the full ufrag.
pub(crate) type Slot = u16;

/// Where a datagram came from.
pub(crate) type Remote = (Protocol, SocketAddr);

/// What to do with a datagram.
pub(crate) enum Route<'a> {
    /// From a proven address of this session.
    Pinned(Slot),
    /// A Binding request that names this slot; `ufrag` must equal the session's, and the session must accept the
    /// message before the address may be pinned.
    Claimed {
        slot: Slot,
        ufrag: &'a str,
    },
    /// A Binding response from an address that this session has sent a check to (full ICE only); the session must
    /// accept it.
    Checked(Slot),
    Drop,
}

pub(crate) struct Demux {
    worker: u8,
    pins: HashMap<Remote, Slot>,
    checks: HashMap<Remote, Slot>,
}

impl Demux {
    pub(crate) fn new(worker: u8) -> Self {
        Self { worker, pins: HashMap::new(), checks: HashMap::new() }
    }

    /// Fresh ICE credentials whose ufrag leads back to `slot`. `random`: 28 random bytes.
    pub(crate) fn credentials(&self, slot: Slot, random: &[u8; 28]) -> IceCreds {
        let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let (ufrag, pass) = random.split_at(12);
        IceCreds { ufrag: format!("m{:02x}{slot:04x}{}", self.worker, hex(ufrag)), pass: hex(pass) }
    }

    pub(crate) fn route<'a>(&self, remote: Remote, datagram: &'a [u8]) -> Route<'a> {
        if let Some(slot) = self.pins.get(&remote) {
            return Route::Pinned(*slot);
        }
        if datagram.get(..2) == Some(&STUN_BINDING_SUCCESS)
            && let Some(slot) = self.checks.get(&remote)
        {
            return Route::Checked(*slot);
        }
        match binding_request_ufrag(datagram).map(|ufrag| (ufrag, self.decode_slot(ufrag))) {
            Some((ufrag, Some(slot))) => Route::Claimed { slot, ufrag },
            _ => Route::Drop,
        }
    }

    /// The session has proved to own `remote`. False when it owns too many already.
    pub(crate) fn pin(&mut self, remote: Remote, slot: Slot) -> bool {
        let room = self.pins.values().filter(|owner| **owner == slot).count() < MAX_ADDRESSES_PER_SESSION;
        if room {
            self.pins.insert(remote, slot);
        }
        room
    }

    /// The session sends a connectivity check to `remote` (full ICE only).
    pub(crate) fn expect_check(&mut self, remote: Remote, slot: Slot) {
        let known = self.pins.contains_key(&remote) || self.checks.contains_key(&remote);
        if !known && self.checks.values().filter(|owner| **owner == slot).count() < MAX_ADDRESSES_PER_SESSION
        {
            self.checks.insert(remote, slot);
        }
    }

    pub(crate) fn forget(&mut self, slot: Slot) {
        self.pins.retain(|_, owner| *owner != slot);
        self.checks.retain(|_, owner| *owner != slot);
    }

    fn decode_slot(&self, ufrag: &str) -> Option<Slot> {
        let prefix = ufrag.get(..UFRAG_PREFIX)?.strip_prefix('m')?;
        let worker = u8::from_str_radix(prefix.get(..2)?, 16).ok()?;
        let slot = Slot::from_str_radix(prefix.get(2..)?, 16).ok()?;
        (worker == self.worker).then_some(slot)
    }
}

/// The receiver's part of USERNAME (`ours:theirs`, RFC 8445 §7.2.2) of a STUN Binding request (RFC 8489 §5).
fn binding_request_ufrag(datagram: &[u8]) -> Option<&str> {
    if datagram.get(..2)? != STUN_BINDING_REQUEST || datagram.get(4..8)? != STUN_MAGIC_COOKIE {
        return None;
    }
    let mut rest = datagram.get(20..)?;
    loop {
        let kind = u16::from_be_bytes(rest.get(..2)?.try_into().ok()?);
        let length = usize::from(u16::from_be_bytes(rest.get(2..4)?.try_into().ok()?));
        let value = rest.get(4..4 + length)?;
        if kind == STUN_USERNAME {
            let end = value.iter().position(|byte| *byte == b':')?;
            return std::str::from_utf8(value.get(..end)?).ok();
        }
        rest = rest.get(4 + length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(username: &str) -> Vec<u8> {
        let mut message = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        message.extend([7; 12]);
        message.extend([0x80, 0x22, 0, 3, b'a', b'b', b'c', 0]);
        message.extend([0, 6]);
        message.extend(u16::try_from(username.len()).expect("short").to_be_bytes());
        message.extend(username.as_bytes());
        message
    }

    fn remote(port: u16) -> Remote {
        (Protocol::Udp, SocketAddr::from(([192, 0, 2, 1], port)))
    }

    #[test]
    fn a_binding_request_leads_to_the_slot_in_its_ufrag() {
        let demux = Demux::new(3);
        let creds = demux.credentials(0x1ff, &[9; 28]);
        let datagram = request(&format!("{}:them", creds.ufrag));
        assert!(
            matches!(demux.route(remote(1), &datagram), Route::Claimed { slot: 0x1ff, ufrag } if ufrag == creds.ufrag)
        );
        assert!(matches!(Demux::new(4).route(remote(1), &datagram), Route::Drop), "another worker's ufrag");
    }

    #[test]
    fn only_proven_addresses_may_send_anything_else() {
        let mut demux = Demux::new(0);
        assert!(matches!(demux.route(remote(1), &[0x80, 0, 0, 0]), Route::Drop));
        assert!(demux.pin(remote(1), 5));
        assert!(matches!(demux.route(remote(1), &[0x80, 0, 0, 0]), Route::Pinned(5)));
        demux.forget(5);
        assert!(matches!(demux.route(remote(1), &[0x80, 0, 0, 0]), Route::Drop));
    }

    #[test]
    fn one_session_cannot_fill_the_address_map() {
        let mut demux = Demux::new(0);
        let pinned = (0..100).filter(|port| demux.pin(remote(*port), 1)).count();
        assert_eq!(pinned, MAX_ADDRESSES_PER_SESSION);
        assert!(demux.pin(remote(1000), 2), "others are not affected");
    }

    #[test]
    fn truncated_requests_are_dropped_at_every_length() {
        let demux = Demux::new(0);
        let creds = demux.credentials(1, &[9; 28]);
        let whole = request(&format!("{}:them", creds.ufrag));
        for length in 0..whole.len() {
            assert!(matches!(demux.route(remote(1), &whole[..length]), Route::Drop), "{length}");
        }
    }
}
