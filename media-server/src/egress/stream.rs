//! The RTP stream of one m-line: its packets, and those that are asked for again (RFC 4588).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::media::{MediaKind, Mid};
use str0m::rtp::{Extension, ExtensionMap};

use super::rtcp::SenderReport;
use super::srtp::{Sealer, Unsealed};
use crate::room::rewrite::Numbers;
use crate::session::Vp8Numbers;

/// Marks headers whose extensions have one byte in front of each (RFC 8285 §4.2), and the highest number that those can have.
const ONE_BYTE: [u8; 2] = [0xbe, 0xde];
const HIGHEST_ID: u8 = 14;
/// Version 2, with extensions; and with padding at the end (RFC 3550 §5.1).
const FIRST: u8 = 0x90;
const PADDED: u8 = 0x20;
/// A packet that fits everywhere, bytes: so much room is made at once.
const MOST: usize = 1500;
/// A packet of nothing but padding, bytes of it: its length has to fit its last byte.
pub(super) const PADDING: usize = 224;

/// For repairs, per picture: later ones come too late for a conversation, and what is kept costs memory and cache.
const KEPT: usize = 512;
const KEPT_FOR: Duration = Duration::from_millis(700);
/// So long after its last packet a stream is reported about.
const REPORTED_FOR: Duration = Duration::from_secs(2);
/// Whoever asks again so soon has not seen the repair yet.
const REPAIRED: Duration = Duration::from_millis(15);

/// Where the receiver of an m-line expects header extensions; `None`: nowhere.
#[derive(Default, Clone, Copy)]
pub(crate) struct ExtensionIds {
    transport: Option<u8>,
    mid: Option<u8>,
    level: Option<u8>,
    orientation: Option<u8>,
}

impl ExtensionIds {
    pub(crate) fn of(map: &ExtensionMap) -> Self {
        let id = |extension| map.id_of(extension).filter(|id| *id <= HIGHEST_ID);
        Self {
            transport: id(Extension::TransportSequenceNumber),
            mid: id(Extension::RtpMid),
            level: id(Extension::AudioLevel),
            orientation: id(Extension::VideoOrientation),
        }
    }
}

/// A packet as its stream sends it.
#[derive(Clone)]
pub(crate) struct Packet {
    pub(crate) payload_type: u8,
    /// As what it is sent again.
    pub(crate) repaired_as: Option<u8>,
    pub(crate) marker: bool,
    pub(crate) numbers: Numbers,
    /// How loud it is, with a bit for voice (RFC 6464 §3).
    pub(crate) level: Option<u8>,
    pub(crate) orientation: Option<u8>,
    pub(crate) payload: Arc<[u8]>,
    pub(crate) vp8: Option<Vp8Numbers>,
}

struct Kept {
    packet: Packet,
    at: Instant,
    repaired: Option<Instant>,
}

/// Where repairs go.
struct Repairs {
    ssrc: u32,
    /// Extended sequence number of the next one.
    next: u64,
    /// Payload type of padding.
    padded_as: Option<u8>,
}

/// What has left.
#[derive(Default)]
struct Sent {
    packets: u32,
    bytes: u32,
    /// The latest packet's extended number, its time, and when it came.
    highest: Option<u64>,
    latest: Option<(u32, Instant)>,
}

pub(crate) struct Outgoing {
    mid: Mid,
    name: String,
    clock_rate: u32,
    pub(crate) ssrc: u32,
    repairs: Option<Repairs>,
    pub(crate) ids: ExtensionIds,
    /// The participant has reported about the stream: it knows to which m-line it belongs.
    known: bool,
    sent: Sent,
    /// By sequence number.
    kept: VecDeque<Kept>,
}

/// A packet on its way out.
pub(super) struct Leaving<'a> {
    pub(super) now: Instant,
    pub(super) sealer: &'a Sealer,
    /// Its transport-wide number.
    pub(super) transport: u16,
    /// Where it is appended to.
    pub(super) datagrams: &'a mut Vec<u8>,
}

/// The numbers of a header.
struct Header {
    payload_type: u8,
    marker: bool,
    sequence: u64,
    timestamp: u32,
    ssrc: u32,
}

impl Outgoing {
    pub(crate) fn new(
        mid: Mid,
        name: String,
        kind: MediaKind,
        ssrc: u32,
        rtx: Option<u32>,
        random: u16,
    ) -> Self {
        // A receiver assumes that the rollover counter is 0 (RFC 3711 §3.3.1).
        let repairs = rtx.map(|ssrc| Repairs { ssrc, next: u64::from(random >> 2) + 1, padded_as: None });
        let clock_rate = if kind.is_audio() { 48_000 } else { 90_000 };
        let (ids, sent, kept) = (ExtensionIds::default(), Sent::default(), VecDeque::new());
        Self { mid, name, clock_rate, ssrc, repairs, ids, known: false, sent, kept }
    }

    /// Of the stream that repairs it.
    pub(crate) fn rtx(&self) -> Option<u32> {
        self.repairs.as_ref().map(|repairs| repairs.ssrc)
    }

    /// Padding leaves with this payload type, one of those that repair.
    pub(crate) fn pad_as(&mut self, payload_type: Option<u8>) {
        if let Some(repairs) = &mut self.repairs {
            repairs.padded_as = payload_type;
        }
    }

    /// The participant has reported about it.
    pub(crate) fn reported(&mut self) {
        self.known = true;
    }

    /// Its packets carry transport-wide numbers.
    pub(crate) fn is_numbered(&self) -> bool {
        self.ids.transport.is_some()
    }

    /// What was sent so far is not sent again.
    pub(crate) fn forget(&mut self) {
        self.kept.clear();
    }

    /// Appends a packet, encrypted. `came`: when it came here. `None`: what was appended is of no use.
    pub(super) fn write(&mut self, leaving: Leaving<'_>, packet: Packet, came: Instant) -> Option<()> {
        let Numbers { sequence, timestamp } = packet.numbers;
        let (payload_type, marker, ssrc) = (packet.payload_type, packet.marker, self.ssrc);
        let header = Header { payload_type, marker, sequence, timestamp, ssrc };
        let Leaving { now, sealer, transport, datagrams } = leaving;
        let start = datagrams.len();
        self.begin(datagrams, &header, transport, Some(&packet));
        let text = datagrams.len();
        append(datagrams, &packet);
        self.sent.packets = self.sent.packets.wrapping_add(1);
        self.sent.bytes = self.sent.bytes.wrapping_add(packet.payload.len() as u32);
        // Of what came late the time is past.
        if self.sent.highest.is_none_or(|highest| sequence > highest) {
            self.sent.highest = Some(sequence);
            self.sent.latest = Some((timestamp, came));
        }
        sealer.seal(datagrams, Unsealed { start, text, ssrc, index: sequence })?;
        if self.repairs.is_some() {
            self.keep(now, packet);
        }
        Some(())
    }

    fn keep(&mut self, now: Instant, packet: Packet) {
        while self.kept.pop_front_if(|kept| now.saturating_duration_since(kept.at) > KEPT_FOR).is_some() {}
        if self.kept.len() >= KEPT {
            self.kept.pop_front();
        }
        let sequence = packet.numbers.sequence;
        let at =
            self.kept.iter().rposition(|kept| kept.packet.numbers.sequence < sequence).map_or(0, |at| at + 1);
        self.kept.insert(at, Kept { packet, at: now, repaired: None });
    }

    /// Where the packet with this number is kept.
    fn position(&self, number: u16) -> Option<usize> {
        let latest = self.kept.back()?.packet.numbers.sequence;
        let sequence = latest.checked_sub(u64::from((latest as u16).wrapping_sub(number)))?;
        self.kept.binary_search_by_key(&sequence, |kept| kept.packet.numbers.sequence).ok()
    }

    /// Bytes of the packet with this number. `None`: it is not kept, or was sent again just now.
    pub(crate) fn repairable(&self, now: Instant, number: u16) -> Option<usize> {
        let kept = self.kept.get(self.position(number)?)?;
        let fresh = kept.repaired.is_some_and(|at| now.saturating_duration_since(at) < REPAIRED);
        let late = now.saturating_duration_since(kept.at) > KEPT_FOR;
        (!fresh && !late && kept.packet.repaired_as.is_some()).then(|| kept.packet.payload.len())
    }

    /// The packet with this number again. `None`: it is not kept.
    pub(super) fn repair(&mut self, leaving: Leaving<'_>, number: u16) -> Option<()> {
        let Leaving { now, sealer, transport, datagrams } = leaving;
        let at = self.position(number)?;
        let kept = self.kept.get_mut(at)?;
        kept.repaired = Some(now);
        let packet = kept.packet.clone();
        let header = self.repair_header(packet.repaired_as?, packet.numbers.timestamp, packet.marker)?;
        let start = datagrams.len();
        self.begin(datagrams, &header, transport, Some(&packet));
        let text = datagrams.len();
        datagrams.extend_from_slice(&number.to_be_bytes());
        append(datagrams, &packet);
        sealer.seal(datagrams, Unsealed { start, text, ssrc: header.ssrc, index: header.sequence })
    }

    /// A packet of nothing but padding. `None`: nobody would take it.
    pub(super) fn pad(&mut self, leaving: Leaving<'_>) -> Option<()> {
        let Leaving { now, sealer, transport, datagrams } = leaving;
        let (timestamp, _) = self.sent.latest.unwrap_or((0, now));
        let payload_type = self.repairs.as_ref()?.padded_as?;
        let header = self.repair_header(payload_type, timestamp, false)?;
        let start = datagrams.len();
        self.begin(datagrams, &header, transport, None);
        let text = datagrams.len();
        *datagrams.get_mut(start)? |= PADDED;
        datagrams.resize(text + PADDING - 1, 0);
        datagrams.push(PADDING as u8);
        sealer.seal(datagrams, Unsealed { start, text, ssrc: header.ssrc, index: header.sequence })
    }

    /// Padding can be sent.
    pub(super) fn takes_padding(&self) -> bool {
        self.is_numbered() && self.repairs.as_ref().is_some_and(|repairs| repairs.padded_as.is_some())
    }

    fn repair_header(&mut self, payload_type: u8, timestamp: u32, marker: bool) -> Option<Header> {
        let repairs = self.repairs.as_mut()?;
        let (ssrc, sequence) = (repairs.ssrc, repairs.next);
        repairs.next += 1;
        Some(Header { payload_type, marker, sequence, timestamp, ssrc })
    }

    /// Appends header and extensions.
    fn begin(&self, datagram: &mut Vec<u8>, header: &Header, transport: u16, packet: Option<&Packet>) {
        datagram.reserve(MOST);
        datagram.extend_from_slice(&[FIRST, header.payload_type | u8::from(header.marker) << 7]);
        datagram.extend_from_slice(&(header.sequence as u16).to_be_bytes());
        datagram.extend_from_slice(&header.timestamp.to_be_bytes());
        datagram.extend_from_slice(&header.ssrc.to_be_bytes());
        datagram.extend_from_slice(&ONE_BYTE);
        let words = datagram.len();
        datagram.extend_from_slice(&[0, 0]);
        let start = datagram.len();
        let mut element = |id: Option<u8>, value: &[u8]| {
            if let Some((id, length)) = id.zip(value.len().checked_sub(1)) {
                datagram.push(id << 4 | length as u8 & 0xf);
                datagram.extend_from_slice(value);
            }
        };
        element(self.ids.transport, &transport.to_be_bytes());
        if !self.known || header.ssrc != self.ssrc {
            element(self.ids.mid, self.mid.as_bytes());
        }
        if let Some(packet) = packet {
            element(self.ids.level, packet.level.as_slice());
            element(self.ids.orientation, packet.orientation.as_slice());
        }
        let length = (datagram.len() - start).next_multiple_of(4);
        datagram.resize(start + length, 0);
        if let Some(field) = datagram.get_mut(words..start) {
            field.copy_from_slice(&((length / 4) as u16).to_be_bytes());
        }
    }

    /// Appends a report; false: of late nothing was sent.
    pub(super) fn report(&self, now: Instant, ntp: u64, packets: &mut Vec<u8>) -> bool {
        let Some((timestamp, at)) = self.sent.latest else { return false };
        let since = now.saturating_duration_since(at);
        if since > REPORTED_FOR {
            return false;
        }
        let ticks = since.as_micros() * u128::from(self.clock_rate) / 1_000_000;
        let rtp = timestamp.wrapping_add(ticks as u32);
        let Sent { packets: sent, bytes, .. } = self.sent;
        SenderReport { ssrc: self.ssrc, ntp, rtp, packets: sent, bytes, name: &self.name }.write(packets);
        true
    }
}

fn append(datagram: &mut Vec<u8>, packet: &Packet) {
    let start = datagram.len();
    datagram.extend_from_slice(&packet.payload);
    if let Some((numbers, payload)) = packet.vp8.zip(datagram.get_mut(start..)) {
        numbers.apply(payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::srtp::Agreed;
    use str0m::crypto::dtls::SrtpProfile;
    use zeroize::Zeroizing;

    const MS: Duration = Duration::from_millis(1);
    /// Bytes that prove a packet (AES-GCM).
    const TAG: usize = 16;

    fn sealer() -> Sealer {
        let material = Zeroizing::new(vec![7; 56]);
        Sealer::new(&Agreed { profile: SrtpProfile::AEAD_AES_128_GCM, material, active: false })
            .expect("keys")
    }

    fn outgoing() -> Outgoing {
        let mut map = ExtensionMap::empty();
        map.set(1, Extension::AudioLevel);
        map.set(3, Extension::TransportSequenceNumber);
        map.set(4, Extension::RtpMid);
        let mut stream =
            Outgoing::new("ab".into(), "name".into(), MediaKind::Video, 0x0102_0304, Some(9), 40);
        stream.ids = ExtensionIds::of(&map);
        stream.pad_as(Some(97));
        stream
    }

    fn packet(sequence: u64) -> Packet {
        Packet {
            payload_type: 96,
            repaired_as: Some(97),
            marker: true,
            numbers: Numbers { sequence, timestamp: 0x0a0b_0c0d },
            level: Some(0x85),
            orientation: None,
            payload: vec![5; 100].into(),
            vp8: None,
        }
    }

    /// What `write` appends to what was there before.
    fn appended(
        now: Instant,
        transport: u16,
        write: impl FnOnce(Leaving<'_>) -> Option<()>,
    ) -> Option<Vec<u8>> {
        let mut datagrams = vec![9; 33];
        write(Leaving { now, sealer: &sealer(), transport, datagrams: &mut datagrams })?;
        assert_eq!(datagrams.get(..33), Some(&[9; 33][..]));
        Some(datagrams.split_off(33))
    }

    fn write(stream: &mut Outgoing, now: Instant, packet: Packet) -> Vec<u8> {
        appended(now, 0x1122, |leaving| stream.write(leaving, packet, now)).expect("sealed")
    }

    fn repair(stream: &mut Outgoing, now: Instant, number: u16) -> Option<Vec<u8>> {
        appended(now, 7, |leaving| stream.repair(leaving, number))
    }

    #[test]
    fn headers_are_what_the_m_line_negotiated() {
        let (now, mut stream) = (Instant::now(), outgoing());
        let datagram = write(&mut stream, now, packet(65_537));
        let expected = [
            &[0x90, 0xe0, 0, 1, 0x0a, 0x0b, 0x0c, 0x0d, 1, 2, 3, 4, 0xbe, 0xde, 0, 2][..],
            &[0x31, 0x11, 0x22, 0x41, b'a', b'b', 0x10, 0x85],
        ];
        assert_eq!(datagram.get(..24), Some(&expected.concat()[..]));
        assert_eq!(datagram.len(), 24 + 100 + TAG);
        stream.reported();
        let datagram = write(&mut stream, now, packet(65_538));
        let expected = [0xbe, 0xde, 0, 2, 0x31, 0x11, 0x22, 0x10, 0x85, 0, 0, 0];
        assert_eq!(datagram.get(12..24), Some(&expected[..]), "the m-line is known by now");
    }

    #[test]
    fn repairs_and_padding_share_a_stream_and_no_number() {
        let (now, mut stream) = (Instant::now(), outgoing());
        for sequence in [65_535, 65_537, 65_536] {
            write(&mut stream, now, packet(sequence));
        }
        let again = repair(&mut stream, now, 0).expect("kept");
        assert_eq!(again.get(..4), Some(&[0x90, 0xe1, 0, 11][..]), "from the number that was drawn");
        assert_eq!(again.get(8..12), Some(&[0, 0, 0, 9][..]));
        assert_eq!(again.len(), 24 + 2 + 100 + TAG);
        let padding = appended(now, 8, |leaving| stream.pad(leaving)).expect("can be sent");
        assert_eq!(padding.get(..4), Some(&[0x90 | PADDED, 97, 0, 12][..]));
        assert_eq!(repair(&mut stream, now, 1).expect("kept").get(2..4), Some(&[0, 13][..]));
        assert_eq!(repair(&mut stream, now, 2), None, "never sent");
    }

    #[test]
    fn a_packet_is_repaired_once_in_a_moment_and_not_after_long() {
        let (start, mut stream) = (Instant::now(), outgoing());
        for sequence in 100..110 {
            write(&mut stream, start + MS * (sequence - 100) as u32, packet(sequence));
        }
        assert_eq!(stream.repairable(start, 105), Some(100));
        assert_eq!(stream.repairable(start, 99), None);
        assert_eq!(stream.repairable(start, 110), None);
        repair(&mut stream, start, 105);
        assert_eq!(stream.repairable(start + REPAIRED / 2, 105), None);
        assert_eq!(stream.repairable(start + REPAIRED, 105), Some(100));
        assert_eq!(stream.repairable(start + KEPT_FOR + MS * 6, 105), None, "too late");
        assert_eq!(stream.repairable(start + KEPT_FOR + MS * 6, 107), Some(100));
        stream.forget();
        assert_eq!(stream.repairable(start, 107), None);
        (200..200 + 2 * KEPT as u64).for_each(|sequence| drop(write(&mut stream, start, packet(sequence))));
        assert_eq!(stream.kept.len(), KEPT);
    }

    #[test]
    fn a_report_continues_the_clock_from_the_highest_packet_and_ends_with_the_stream() {
        let (start, mut stream) = (Instant::now(), outgoing());
        let mut report = Vec::new();
        assert!(!stream.report(start, 0, &mut report), "nothing was sent");
        write(&mut stream, start, packet(2));
        let mut late = packet(1);
        late.numbers.timestamp = 1;
        write(&mut stream, start + MS * 50, late);
        assert!(stream.report(start + MS * 100, 0, &mut report));
        let expected = [(0x0a0b_0c0d_u32 + 9_000).to_be_bytes(), 2_u32.to_be_bytes(), 200_u32.to_be_bytes()];
        assert_eq!(report.get(16..28), Some(&expected.concat()[..]));
        assert!(!stream.report(start + REPORTED_FOR + MS, 0, &mut report));
    }
}
