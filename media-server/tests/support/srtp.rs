//! The client's half of SRTP, for packets that no client library would send: DTLS of str0m with the keying material
//! copied out on its way, and AEAD_AES_256_GCM (RFC 7714), the profile that both ends agree on.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use str0m::config::{CryptoProvider, DtlsCert};
use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{
    DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
};

const KEY: usize = 32;
const SALT: usize = 12;
/// Labels of RFC 3711 §4.3.2.
const RTP: [u8; 2] = [0, 2];
const RTCP: [u8; 2] = [3, 5];
/// An SRTCP packet is encrypted (RFC 3711 §3.4).
const ENCRYPTED: u32 = 1 << 31;

thread_local! {
    /// Of the client handshake that was finished last; a simulation is one thread.
    static LATEST: RefCell<Option<Srtp>> = const { RefCell::new(None) };
}

/// What clients are built with.
pub(crate) static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
    let mut provider = str0m::crypto::from_feature_flags();
    provider.dtls_provider = Box::leak(Box::new(Tapped(provider.dtls_provider)));
    Arc::new(provider)
});

/// The sending direction of one client.
pub(crate) struct Srtp {
    rtp: (LessSafeKey, [u8; SALT]),
    rtcp: (LessSafeKey, [u8; SALT]),
    /// SRTCP packets sealed so far.
    index: u32,
}

impl Srtp {
    /// Keys of the handshake that has just been finished.
    pub(crate) fn latest() -> Option<Self> {
        LATEST.take()
    }

    /// `material`: client key, server key, client salt, server salt (RFC 5764 §4.2).
    fn new(material: &[u8], client: bool) -> Option<Self> {
        let side = usize::from(!client);
        let (keys, salts) = material.split_at_checked(2 * KEY)?;
        let (key, salt) = (keys.chunks_exact(KEY).nth(side)?, salts.chunks_exact(SALT).nth(side)?);
        let derive = |label: u8, output: &mut [u8]| {
            for (round, part) in (0u8..).zip(output.chunks_mut(16)) {
                let (mut block, mut stream) = ([0; 16], [0; 32]);
                block[..SALT].copy_from_slice(salt);
                block[7] ^= label;
                block[15] = round;
                PROVIDER.srtp_provider.srtp_aes_256_ecb_round(key, &block, &mut stream);
                part.copy_from_slice(&stream[..part.len()]);
            }
        };
        let direction = |labels: [u8; 2]| {
            let (mut key, mut salt) = ([0; KEY], [0; SALT]);
            derive(labels[0], &mut key);
            derive(labels[1], &mut salt);
            Some((LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).ok()?), salt))
        };
        Some(Self { rtp: direction(RTP)?, rtcp: direction(RTCP)?, index: 0 })
    }

    /// A datagram of an RTP packet that belongs to the first 65 536 of its stream. `None`: it has no whole header.
    pub(crate) fn rtp(&self, packet: &[u8]) -> Option<Vec<u8>> {
        let fixed = 12 + 4 * usize::from(packet.first()? & 0x0f);
        let extension = match packet.first()? & 0x10 {
            0 => 0,
            _ => 4 + 4 * usize::from(u16::from_be_bytes(packet.get(fixed + 2..fixed + 4)?.try_into().ok()?)),
        };
        let (header, payload) = packet.split_at_checked(fixed + extension)?;
        let sequence = [&[0; 4], packet.get(2..4)?].concat();
        Some(seal(&self.rtp, header, payload, header, &sequence))
    }

    /// A datagram of a (compound) RTCP packet; shorter than its header: none.
    pub(crate) fn rtcp(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let (header, payload) = packet.split_at_checked(8)?;
        self.index += 1;
        let trailer = (self.index | ENCRYPTED).to_be_bytes();
        let index = [&[0; 2][..], &self.index.to_be_bytes()].concat();
        let protected = [header, &trailer].concat();
        let ssrc_at_4 = [&[0; 4], header].concat();
        let mut datagram = seal(&self.rtcp, &ssrc_at_4, payload, &protected, &index);
        datagram.drain(..4);
        datagram.extend(trailer);
        Some(datagram)
    }
}

/// `header`, then the sealed payload. The nonce holds two zero bytes, the SSRC at byte 8 of `header` and `index`.
fn seal(
    keys: &(LessSafeKey, [u8; SALT]),
    header: &[u8],
    payload: &[u8],
    aad: &[u8],
    index: &[u8],
) -> Vec<u8> {
    let (key, salt) = keys;
    let mut nonce = *salt;
    for (byte, mixed) in nonce.iter_mut().skip(2).zip(header[8..12].iter().chain(index)) {
        *byte ^= mixed;
    }
    let mut sealed = payload.to_vec();
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut sealed).expect("short enough");
    [header, &sealed].concat()
}

#[derive(Debug)]
struct Tapped(&'static dyn DtlsProvider);

#[derive(Debug)]
struct TappedInstance(Box<dyn DtlsInstance>);

impl DtlsProvider for Tapped {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        self.0.generate_certificate()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        Ok(Box::new(TappedInstance(self.0.new_dtls(certificate, now, version, mtu)?)))
    }
}

impl DtlsInstance for TappedInstance {
    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        let client = self.0.is_active();
        let output = self.0.poll_output(buffer);
        if let DtlsOutput::KeyingMaterial(material, _) = &output {
            LATEST.set(Srtp::new(material, client));
        }
        output
    }

    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.0.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}
