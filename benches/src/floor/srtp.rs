//! SRTP with AEAD_AES_256_GCM (RFC 7714), the profile that str0m's ends agree on, and nothing of RFC 3711 that a run of
//! minutes does not need: no replay list, no rekeying.

use anyhow::{Context, Result, ensure};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use str0m::config::CryptoProvider;
use str0m::crypto::dtls::SrtpProfile;

use super::keys::Handshake;

const KEY: usize = 32;
const SALT: usize = 12;
pub(super) const TAG: usize = 16;
const LABEL_KEY: u8 = 0;
const LABEL_SALT: u8 = 2;

/// One direction of one connection.
struct Direction {
    key: LessSafeKey,
    salt: [u8; SALT],
}

pub(super) struct Srtp {
    receive: Direction,
    send: Direction,
}

/// The 48-bit packet index of a stream, from the 16 bits that packets carry (RFC 3711 §3.3.1).
#[derive(Default)]
pub(super) struct Index(Option<u64>);

impl Index {
    pub(super) fn of(&mut self, sequence: u16) -> u64 {
        let highest = self.0.unwrap_or(u64::from(sequence));
        let step = sequence.wrapping_sub(highest as u16).cast_signed();
        let index = highest.saturating_add_signed(step.into());
        self.0 = Some(highest.max(index));
        index
    }
}

impl Srtp {
    pub(super) fn new(crypto: &CryptoProvider, handshake: &Handshake) -> Result<Self> {
        ensure!(handshake.profile == SrtpProfile::AEAD_AES_256_GCM, "another profile was negotiated");
        let (ours, theirs) = if handshake.client { (0, 1) } else { (1, 0) };
        let direction = |side| Direction::new(crypto, &handshake.material, side);
        Ok(Self { receive: direction(theirs)?, send: direction(ours)? })
    }

    /// Decrypts a packet in place; its header and its payload.
    pub(super) fn open<'a>(&self, packet: &'a mut [u8], index: u64) -> Option<(&'a [u8], &'a [u8])> {
        let (header, sealed) = packet.split_at_mut_checked(header_length(packet)?)?;
        let nonce = self.receive.nonce(header, index)?;
        let payload = self.receive.key.open_in_place(nonce, Aad::from(&*header), sealed).ok()?;
        Some((header, payload))
    }

    /// Encrypts the packet that begins at `start` in `buffer`, a header of `header` bytes and a payload.
    pub(super) fn seal(&self, buffer: &mut Vec<u8>, start: usize, header: usize, index: u64) -> Option<()> {
        let (head, payload) = buffer.get_mut(start..)?.split_at_mut_checked(header)?;
        let nonce = self.send.nonce(head, index)?;
        let tag = self.send.key.seal_in_place_separate_tag(nonce, Aad::from(&*head), payload).ok()?;
        buffer.extend_from_slice(tag.as_ref());
        Some(())
    }
}

impl Direction {
    /// `side`: 0 for the DTLS client's, 1 for the server's.
    fn new(crypto: &CryptoProvider, material: &[u8], side: usize) -> Result<Self> {
        let (keys, salts) = material.split_at_checked(2 * KEY).context("keying material")?;
        let master = keys.chunks_exact(KEY).nth(side).context("keying material")?;
        let salt = salts.chunks_exact(SALT).nth(side).context("keying material")?;
        // RFC 3711 §4.3.3, with the key derivation rate 0.
        let derive = |label, output: &mut [u8]| {
            for (round, part) in (0u8..).zip(output.chunks_mut(16)) {
                let (mut block, mut stream) = ([0; 16], [0; 32]);
                block[..SALT].copy_from_slice(salt);
                block[7] ^= label;
                block[15] = round;
                crypto.srtp_provider.srtp_aes_256_ecb_round(master, &block, &mut stream);
                part.copy_from_slice(&stream[..part.len()]);
            }
        };
        let (mut key, mut session_salt) = ([0; KEY], [0; SALT]);
        derive(LABEL_KEY, &mut key);
        derive(LABEL_SALT, &mut session_salt);
        let key = UnboundKey::new(&AES_256_GCM, &key).ok().context("a key")?;
        Ok(Self { key: LessSafeKey::new(key), salt: session_salt })
    }

    /// RFC 7714 §8.1: two zero bytes, SSRC, rollover counter and sequence number, all of it mixed with the salt.
    fn nonce(&self, header: &[u8], index: u64) -> Option<Nonce> {
        let mut nonce = self.salt;
        let packet = header.get(8..12)?.iter().copied().chain(index.to_be_bytes().into_iter().skip(2));
        for (byte, mixed) in nonce.iter_mut().skip(2).zip(packet) {
            *byte ^= mixed;
        }
        Some(Nonce::assume_unique_for_key(nonce))
    }
}

/// RFC 3550 §5.1, extensions included.
fn header_length(packet: &[u8]) -> Option<usize> {
    let first = packet.first()?;
    let fixed = 12 + 4 * usize::from(first & 0x0f);
    if first & 0x10 == 0 {
        return Some(fixed);
    }
    let words = u16::from_be_bytes(packet.get(fixed + 2..fixed + 4)?.try_into().ok()?);
    Some(fixed + 4 + 4 * usize::from(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_end_seals_the_other_opens_and_nothing_else() {
        let crypto = str0m::crypto::from_feature_flags();
        let material: Vec<u8> = (0..2 * (KEY + SALT) as u8).collect();
        let end = |client| {
            let profile = SrtpProfile::AEAD_AES_256_GCM;
            Srtp::new(&crypto, &Handshake { material: material.clone(), profile, client }).expect("keys")
        };
        let packet =
            [&[0x90, 111, 0, 7, 0, 0, 0, 1, 0, 0, 0, 9, 0xbe, 0xde, 0, 1, 1, 2, 3, 4], &[5; 30][..]].concat();
        let mut sealed = packet.clone();
        end(true).seal(&mut sealed, 0, 20, 7).expect("sealed");
        assert_eq!(sealed.len(), packet.len() + TAG);
        let mut forged = sealed.clone();
        forged[1] ^= 1;
        assert!(end(false).open(&mut forged, 7).is_none(), "the header is protected");
        assert!(end(false).open(&mut sealed.clone(), 7 + (1 << 16)).is_none(), "another rollover");
        assert_eq!(end(false).open(&mut sealed, 7), Some((&packet[..20], &packet[20..])));
    }

    #[test]
    fn the_index_goes_on_where_the_sequence_number_wraps() {
        let mut index = Index::default();
        let of: Vec<u64> = [65_534, 65_535, 0, 65_533, 1].map(|sequence| index.of(sequence)).to_vec();
        assert_eq!(of, [65_534, 65_535, 65_536, 65_533, 65_537]);
    }
}
