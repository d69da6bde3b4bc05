//! SRTP of what leaves for a participant, and SRTCP in both directions (RFC 3711, RFC 7714), with the keys that DTLS agreed on.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use str0m::crypto::dtls::SrtpProfile;
use zeroize::Zeroizing;

/// Labels of derived keys (RFC 3711 §4.3.1): cipher, authentication, salt.
type Labels = [u8; 3];
const RTP: Labels = [0, 1, 2];
const RTCP: Labels = [3, 4, 5];
const HMAC_KEY: usize = 20;
const HMAC_TAG: usize = 10;
const GCM_SALT: usize = 12;
const CM_SALT: usize = 14;
/// Of an RTCP packet, with its sender: never encrypted.
const RTCP_HEADER: usize = 8;
const RTCP_INDEX: usize = 4;
/// In front of the SRTCP index: the packet is encrypted (RFC 3711 §3.4).
const ENCRYPTED: u32 = 1 << 31;

/// What DTLS agreed on.
pub(crate) struct Agreed {
    pub(crate) profile: SrtpProfile,
    /// Client's key, server's key, client's salt, server's salt (RFC 5764 §4.2).
    pub(crate) material: Zeroizing<Vec<u8>>,
    /// We are the client.
    pub(crate) active: bool,
}

impl Agreed {
    /// Key and salt of what the client, or the server, sends.
    fn half(&self, clients: bool) -> Option<(&[u8], &[u8])> {
        let (key, salt) = match self.profile {
            SrtpProfile::AES128_CM_SHA1_80 => (16, CM_SALT),
            SrtpProfile::AEAD_AES_128_GCM => (16, GCM_SALT),
            SrtpProfile::AEAD_AES_256_GCM => (32, GCM_SALT),
            _ => return None,
        };
        let at = usize::from(!clients);
        let (keys, salts) = self.material.split_at_checked(2 * key)?;
        Some((keys.chunks(key).nth(at)?, salts.chunks(salt).nth(at)?))
    }
}

/// AES in counter mode: encrypts zeros to the key stream (RFC 3711 §4.1.1).
fn counter_mode(key: &[u8]) -> Option<EncryptingKey> {
    let algorithm = if key.len() == 32 { &AES_256 } else { &AES_128 };
    EncryptingKey::ctr(UnboundCipherKey::new(algorithm, key).ok()?).ok()
}

fn keystream(key: &EncryptingKey, iv: [u8; 16], text: &mut [u8]) -> Option<()> {
    let context = EncryptionContext::Iv128(FixedLength::from(iv));
    key.less_safe_encrypt(text, context).ok().map(drop)
}

/// RFC 3711 §4.3.1 and §4.3.3, with no key derivation rate; RFC 7714 §11 for the shorter salt.
fn derive<const N: usize>(master: &[u8], salt: &[u8], label: u8) -> Option<Zeroizing<[u8; N]>> {
    let mut iv = [0; 16];
    iv.get_mut(..salt.len())?.copy_from_slice(salt);
    iv[7] ^= label;
    let mut derived = Zeroizing::new([0; N]);
    keystream(&counter_mode(master)?, iv, derived.as_mut_slice())?;
    Some(derived)
}

/// An RTP packet at the end of a buffer.
pub(super) struct Unsealed {
    /// Where it begins, and where its header ends.
    pub(super) start: usize,
    pub(super) text: usize,
    pub(super) ssrc: u32,
    /// Its extended sequence number (rollover counter and number), which no other packet of this SSRC may have.
    pub(super) index: u64,
}

/// One direction's keys for RTP, or for RTCP.
enum Cipher {
    Gcm { key: LessSafeKey, salt: [u8; GCM_SALT] },
    Cm(Box<CounterMode>),
}

/// AES in counter mode with HMAC-SHA1, for browsers without AES-GCM.
struct CounterMode {
    key: EncryptingKey,
    authentication: hmac::Key,
    salt: [u8; CM_SALT],
}

impl Cipher {
    fn new(profile: SrtpProfile, (master, salt): (&[u8], &[u8]), labels: Labels) -> Option<Self> {
        let [cipher, authentication, salting] = labels;
        let gcm = |key: UnboundKey| {
            Some(Self::Gcm { key: LessSafeKey::new(key), salt: *derive(master, salt, salting)? })
        };
        match profile {
            SrtpProfile::AEAD_AES_128_GCM => {
                gcm(UnboundKey::new(&AES_128_GCM, derive::<16>(master, salt, cipher)?.as_slice()).ok()?)
            }
            SrtpProfile::AEAD_AES_256_GCM => {
                gcm(UnboundKey::new(&AES_256_GCM, derive::<32>(master, salt, cipher)?.as_slice()).ok()?)
            }
            SrtpProfile::AES128_CM_SHA1_80 => {
                let authentication = derive::<HMAC_KEY>(master, salt, authentication)?;
                Some(Self::Cm(Box::new(CounterMode {
                    key: counter_mode(derive::<16>(master, salt, cipher)?.as_slice())?,
                    authentication: hmac::Key::new(
                        hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                        authentication.as_slice(),
                    ),
                    salt: *derive(master, salt, salting)?,
                })))
            }
            _ => None,
        }
    }

    /// Encrypts the packet, and appends what proves it.
    fn seal_rtp(&self, datagrams: &mut Vec<u8>, packet: Unsealed) -> Option<()> {
        let Unsealed { start, text, ssrc, index } = packet;
        let packet = datagrams.get_mut(start..)?;
        let (open, text) = packet.split_at_mut_checked(text.checked_sub(start)?)?;
        match self {
            Self::Gcm { key, salt } => {
                let nonce = gcm_nonce(salt, ssrc, index);
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(&*open), text).ok()?;
                datagrams.extend_from_slice(tag.as_ref());
            }
            Self::Cm(cm) => {
                keystream(&cm.key, cm_iv(&cm.salt, ssrc, index), text)?;
                let mut tag = hmac::Context::with_key(&cm.authentication);
                tag.update(packet);
                tag.update(&rollover(index).to_be_bytes());
                datagrams.extend_from_slice(tag.sign().as_ref().get(..HMAC_TAG)?);
            }
        }
        Some(())
    }

    fn seal_rtcp(&self, packet: &mut Vec<u8>, ssrc: u32, index: u32) -> Option<()> {
        let word = (index | ENCRYPTED).to_be_bytes();
        let (open, text) = packet.split_at_mut_checked(RTCP_HEADER)?;
        match self {
            Self::Gcm { key, salt } => {
                let nonce = gcm_nonce(salt, ssrc, index.into());
                let aad = Aad::from([&*open, &word].concat());
                let tag = key.seal_in_place_separate_tag(nonce, aad, text).ok()?;
                packet.extend_from_slice(tag.as_ref());
                packet.extend_from_slice(&word);
            }
            Self::Cm(cm) => {
                keystream(&cm.key, cm_iv(&cm.salt, ssrc, index.into()), text)?;
                packet.extend_from_slice(&word);
                let tag = hmac::sign(&cm.authentication, packet);
                packet.extend_from_slice(tag.as_ref().get(..HMAC_TAG)?);
            }
        }
        Some(())
    }

    /// The packet and its index; `None`: not of this key.
    fn open_rtcp(&self, datagram: &[u8]) -> Option<(Vec<u8>, u32)> {
        let ssrc = u32::from_be_bytes(*datagram.get(4..)?.first_chunk()?);
        match self {
            Self::Gcm { key, salt } => {
                let (sealed, word) = datagram.split_at_checked(datagram.len().checked_sub(RTCP_INDEX)?)?;
                let (open, text) = sealed.split_at_checked(RTCP_HEADER)?;
                let index = encrypted_index(word)?;
                let aad = Aad::from([open, word].concat());
                let mut text = text.to_vec();
                let plain = key.open_in_place(gcm_nonce(salt, ssrc, index.into()), aad, &mut text).ok()?;
                Some(([open, plain].concat(), index))
            }
            Self::Cm(cm) => {
                let (signed, tag) = datagram.split_at_checked(datagram.len().checked_sub(HMAC_TAG)?)?;
                let expected = hmac::sign(&cm.authentication, signed);
                aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_ref().get(..HMAC_TAG)?, tag)
                    .ok()?;
                let (packet, word) = signed.split_at_checked(signed.len().checked_sub(RTCP_INDEX)?)?;
                let index = encrypted_index(word)?;
                let mut packet = packet.to_vec();
                keystream(&cm.key, cm_iv(&cm.salt, ssrc, index.into()), packet.get_mut(RTCP_HEADER..)?)?;
                Some((packet, index))
            }
        }
    }
}

fn encrypted_index(word: &[u8]) -> Option<u32> {
    let word = u32::from_be_bytes(*word.first_chunk()?);
    (word & ENCRYPTED != 0).then_some(word & !ENCRYPTED)
}

fn rollover(index: u64) -> u32 {
    (index >> 16) as u32
}

/// RFC 7714 §8.1, and §9.1 with the index of SRTCP.
fn gcm_nonce(salt: &[u8; GCM_SALT], ssrc: u32, index: u64) -> Nonce {
    let counter = (u128::from(ssrc) << 48) | u128::from(index & 0xffff_ffff_ffff);
    let [_, _, _, _, nonce @ ..] = counter.to_be_bytes();
    let mut nonce: [u8; GCM_SALT] = nonce;
    nonce.iter_mut().zip(salt).for_each(|(byte, salt)| *byte ^= salt);
    Nonce::assume_unique_for_key(nonce)
}

/// RFC 3711 §4.1.1.
fn cm_iv(salt: &[u8; CM_SALT], ssrc: u32, index: u64) -> [u8; 16] {
    let counter = (u128::from(ssrc) << 64) | (u128::from(index & 0xffff_ffff_ffff) << 16);
    let mut iv = counter.to_be_bytes();
    iv.iter_mut().zip(salt).for_each(|(byte, salt)| *byte ^= salt);
    iv
}

/// What leaves.
pub(super) struct Sealer {
    rtp: Cipher,
    rtcp: Cipher,
    /// Of the next RTCP packet.
    index: u32,
}

impl Sealer {
    pub(super) fn new(agreed: &Agreed) -> Option<Self> {
        let keys = agreed.half(agreed.active)?;
        let of = |labels| Cipher::new(agreed.profile, keys, labels);
        Some(Self { rtp: of(RTP)?, rtcp: of(RTCP)?, index: 1 })
    }

    /// Encrypts an RTP packet in its place.
    pub(super) fn seal(&self, datagrams: &mut Vec<u8>, packet: Unsealed) -> Option<()> {
        self.rtp.seal_rtp(datagrams, packet)
    }

    /// Encrypts an RTCP packet of this sender in its place.
    pub(super) fn seal_report(&mut self, packet: &mut Vec<u8>, ssrc: u32) -> Option<()> {
        let index = self.index;
        self.index = index.checked_add(1).filter(|next| *next < ENCRYPTED)?;
        self.rtcp.seal_rtcp(packet, ssrc, index)
    }
}

/// Senders whose reports are told from replays; one more makes the one that was heard of longest ago be forgotten.
const SENDERS: usize = 32;

/// Which reports of one sender have come: every sender counts its own (RFC 3711 §3.2.1).
struct Window {
    sender: u32,
    highest: u32,
    /// Bit n: `highest - n`.
    lately: u64,
}

impl Window {
    /// False: it has come already, or is so old that nobody remembers.
    fn take(&mut self, index: u32) -> bool {
        if let Some(step) = index.checked_sub(self.highest).filter(|step| *step > 0) {
            self.lately = self.lately.checked_shl(step).unwrap_or(0);
            self.highest = index;
        }
        let Some(bit) = 1_u64.checked_shl(self.highest - index) else { return false };
        let first = self.lately & bit == 0;
        self.lately |= bit;
        first
    }
}

/// What comes of RTCP.
pub(super) struct Opener {
    rtcp: Cipher,
    /// The one that was heard of last is at the end.
    windows: Vec<Window>,
}

impl Opener {
    pub(super) fn new(agreed: &Agreed) -> Option<Self> {
        let keys = agreed.half(!agreed.active)?;
        Some(Self { rtcp: Cipher::new(agreed.profile, keys, RTCP)?, windows: Vec::new() })
    }

    /// The plain packets of a datagram; `None`: forged, or seen before (RFC 3711 §3.3.2).
    pub(super) fn open_report(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        let (packets, index) = self.rtcp.open_rtcp(datagram)?;
        let sender = u32::from_be_bytes(*packets.get(4..)?.first_chunk()?);
        let known = self.windows.iter().position(|window| window.sender == sender);
        let mut window = match known {
            Some(at) => self.windows.remove(at),
            None => Window { sender, highest: index, lately: 0 },
        };
        let first = window.take(index);
        if self.windows.len() >= SENDERS {
            self.windows.remove(0);
        }
        self.windows.push(window);
        first.then_some(packets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILES: [(SrtpProfile, usize); 3] = [
        (SrtpProfile::AES128_CM_SHA1_80, 60),
        (SrtpProfile::AEAD_AES_128_GCM, 56),
        (SrtpProfile::AEAD_AES_256_GCM, 88),
    ];

    fn agreed(profile: SrtpProfile, length: usize, active: bool) -> Agreed {
        let material = Zeroizing::new((0..length).map(|n| (n * 7) as u8).collect());
        Agreed { profile, material, active }
    }

    #[test]
    fn keys_are_derived_as_rfc_3711_appendix_b_3_says() {
        let master = hex("E1F97A0D3E018BE0D64FA32C06DE4139");
        let salt = hex("0EC675AD498AFEEBB6960B3AABE6");
        let key = derive::<16>(&master, &salt, 0).expect("derived");
        assert_eq!(key.as_slice(), hex("C61E7A93744F39EE10734AFE3FF7A087"));
        let authentication = derive::<HMAC_KEY>(&master, &salt, 1).expect("derived");
        assert_eq!(authentication.as_slice(), hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
        let salt = derive::<CM_SALT>(&master, &salt, 2).expect("derived");
        assert_eq!(salt.as_slice(), hex("30CBBC08863D8C85D49DB34A9AE1"));
    }

    #[test]
    fn packets_are_encrypted_as_rfc_7714_16_1_says() {
        let mut packet = hex("8040f17b8041f8d35501a0b2");
        packet.extend_from_slice(b"Gallia est omnis divisa in partes tres");
        let salt: [u8; GCM_SALT] = hex("517569642070726f2071756f").try_into().expect("twelve");
        let key = UnboundKey::new(&AES_128_GCM, &hex("000102030405060708090a0b0c0d0e0f")).expect("a key");
        let cipher = Cipher::Gcm { key: LessSafeKey::new(key), salt };
        let unsealed = Unsealed { start: 0, text: 12, ssrc: 0x5501_a0b2, index: 0xf17b };
        cipher.seal_rtp(&mut packet, unsealed).expect("sealed");
        let expected = "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833\
                        899d7f27beb16a9152cf765ee4390cce";
        assert_eq!(packet, hex(expected));
    }

    #[test]
    fn reports_are_opened_by_the_other_side_once_and_whole() {
        for (profile, length) in PROFILES {
            let mut client = Sealer::new(&agreed(profile, length, true)).expect("keys");
            let mut server = Opener::new(&agreed(profile, length, false)).expect("keys");
            let mut own = Opener::new(&agreed(profile, length, true)).expect("keys");
            let plain = |sender: u32| [&[0x80, 201, 0, 1][..], &sender.to_be_bytes(), &[7; 24]].concat();
            let mut sealed = |sender: u32| {
                let mut report = plain(sender);
                client.seal_report(&mut report, sender).expect("sealed");
                assert_ne!(report.get(8..32), plain(sender).get(8..32));
                report
            };
            let [first, second, other] = [sealed(1), sealed(1), sealed(2)];
            assert_eq!(server.open_report(&second), Some(plain(1)), "{profile:?}");
            assert_eq!(server.open_report(&first), Some(plain(1)), "overtaken");
            assert_eq!(server.open_report(&first), None, "a replay");
            assert_eq!(server.open_report(&other), Some(plain(2)));
            assert_eq!(own.open_report(&other), None, "of the other direction");
            let mut forged = sealed(1);
            forged[9] ^= 1;
            assert_eq!(server.open_report(&forged), None);
            for length in 0..forged.len() {
                assert_eq!(server.open_report(&forged[..length]), None);
            }
            for _ in 0..70 {
                assert!(server.open_report(&sealed(1)).is_some());
            }
            assert_eq!(server.open_report(&second), None, "too old to be told from a replay");
            (10..90).for_each(|sender| drop(server.open_report(&sealed(sender))));
            assert_eq!(server.windows.len(), SENDERS);
        }
    }

    #[test]
    fn no_two_packets_of_a_sender_are_encrypted_alike() {
        for (profile, length) in PROFILES {
            let sealer = Sealer::new(&agreed(profile, length, false)).expect("keys");
            let sealed = |ssrc: u32, index: u64| {
                let mut datagrams = vec![0; 100 + 60];
                sealer.seal(&mut datagrams, Unsealed { start: 100, text: 112, ssrc, index }).expect("sealed");
                datagrams.split_off(112)
            };
            let packets = [sealed(1, 1), sealed(1, 2), sealed(1, 65_537), sealed(2, 1)];
            for (at, packet) in packets.iter().enumerate() {
                assert!(packets[..at].iter().all(|other| other[..48] != packet[..48]), "{profile:?}");
            }
        }
    }

    fn hex(digits: &str) -> Vec<u8> {
        let digits: Vec<char> = digits.chars().filter(char::is_ascii_hexdigit).collect();
        let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).expect("hexadecimal");
        digits.chunks(2).map(byte).collect()
    }
}
