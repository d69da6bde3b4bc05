//! What participants report about what they are sent (RTCP, RFC 3550 §6.4, RFC 3611 §4.4, RFC 4585 §6, RFC 5104 §4.3.1), and
//! what they are told about it.

use std::time::{Duration, Instant};

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
const EXTENDED_REPORT: u8 = 207;
/// Blocks of an extended report.
const REFERENCE_TIME: u8 = 4;
const SINCE_REFERENCE: u8 = 5;
/// Length of a block about one stream, bytes.
const BLOCK: usize = 24;
/// Packets that one transport-wide report tells of at most; browsers report ten times a second.
const MOST_STATUSES: u16 = 4_096;
/// Unit of a transport-wide report's first time, and of the steps between the times, microseconds.
const REFERENCE: i64 = 64_000;
const STEP: i64 = 250;
/// Seconds from 1900, where NTP counts from, to 1970.
const NTP_OFFSET: u64 = 2_208_988_800;

/// One thing that a participant says.
#[derive(Debug, PartialEq)]
pub(crate) enum Report<'a> {
    Reception(Reception),
    /// Packets of the stream did not come; pairs of a number and a mask of the 16 after it.
    Missing {
        ssrc: u32,
        pairs: &'a [u8],
    },
    /// The stream cannot be shown without a keyframe.
    Keyframe {
        ssrc: u32,
    },
    Transport(Transport),
    /// Middle bits of the NTP time at which the receiver sent this; told them again, it knows the round trip.
    Reference {
        ssrc: u32,
        time: u32,
    },
}

/// How a stream arrives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reception {
    pub(crate) ssrc: u32,
    /// Of the packets since the last report, 0 to 1.
    pub(crate) lost: f32,
    /// Middle bits of the NTP time of the sender report that came last, and how long ago that was; 0: none came.
    last_report: u32,
    since: u32,
}

impl Reception {
    /// The round trip, at this NTP time.
    pub(crate) fn round_trip(&self, ntp: u64) -> Option<Duration> {
        let now = (ntp >> 16) as u32;
        let ticks = now.wrapping_sub(self.last_report).wrapping_sub(self.since);
        // In 65536ths of a second; more than half of what fits is a negative time.
        let valid = self.last_report != 0 && ticks < 1 << 31;
        valid.then(|| Duration::from_micros((u64::from(ticks) * 1_000_000) >> 16))
    }
}

/// Which packets came, and when (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
#[derive(Debug, PartialEq)]
pub(crate) struct Transport {
    /// Transport-wide number of the first one.
    pub(crate) base: u16,
    /// The time that the others count from, in units of 64 ms; 24 bits.
    pub(crate) reference: u32,
    /// Microseconds after the reference, of each packet from the first one on; `None`: it has not come.
    pub(crate) arrivals: Vec<Option<i64>>,
}

/// Splits what one datagram brought; what is not understood is left out. True: something in it is about what the participant
/// sends, and not about what it is sent.
pub(crate) fn each<'a>(mut packets: &'a [u8], mut take: impl FnMut(Report<'a>)) -> bool {
    let mut others_too = false;
    while let Some(([first, kind, high, low], rest)) = packets.split_first_chunk::<4>() {
        let bytes = usize::from(u16::from_be_bytes([*high, *low])) * 4;
        let Some((body, others)) = rest.split_at_checked(bytes) else { break };
        others_too |= !matches!(*kind, RECEIVER_REPORT | TRANSPORT_FEEDBACK | PAYLOAD_FEEDBACK);
        let format = first & 0x1f;
        match (*kind, format) {
            (SENDER_REPORT, count) => receptions(body.get(24..), count, &mut take),
            (RECEIVER_REPORT, count) => receptions(body.get(4..), count, &mut take),
            (TRANSPORT_FEEDBACK, 1) => {
                if let Some((ssrc, pairs)) = word(body, 4).zip(body.get(8..)) {
                    take(Report::Missing { ssrc, pairs });
                }
            }
            (TRANSPORT_FEEDBACK, 15) => {
                if let Some(transport) = body.get(8..).and_then(transport) {
                    take(Report::Transport(transport));
                }
            }
            (PAYLOAD_FEEDBACK, 1) => {
                if let Some(ssrc) = word(body, 4) {
                    take(Report::Keyframe { ssrc });
                }
            }
            (PAYLOAD_FEEDBACK, 4) => {
                let entries = body.get(8..).unwrap_or_default().chunks_exact(8);
                entries.filter_map(|entry| word(entry, 0)).for_each(|ssrc| take(Report::Keyframe { ssrc }));
            }
            (EXTENDED_REPORT, _) => {
                if let Some((ssrc, time)) = word(body, 0).zip(body.get(4..).and_then(reference)) {
                    take(Report::Reference { ssrc, time });
                }
            }
            _ => {}
        }
        packets = others;
    }
    others_too
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn receptions<'a>(blocks: Option<&'a [u8]>, count: u8, take: &mut impl FnMut(Report<'a>)) {
    for block in blocks.unwrap_or_default().chunks_exact(BLOCK).take(count.into()) {
        let (Some(ssrc), Some(lost)) = (word(block, 0), block.get(4)) else { return };
        let (last_report, since) = (word(block, 16).unwrap_or(0), word(block, 20).unwrap_or(0));
        take(Report::Reception(Reception { ssrc, lost: f32::from(*lost) / 256.0, last_report, since }));
    }
}

/// The reference time among the blocks of an extended report.
fn reference(mut blocks: &[u8]) -> Option<u32> {
    while let Some(([kind, _, high, low], rest)) = blocks.split_first_chunk::<4>() {
        let (block, others) = rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])) * 4)?;
        if *kind == REFERENCE_TIME {
            return word(block, 2);
        }
        blocks = others;
    }
    None
}

fn transport(body: &[u8]) -> Option<Transport> {
    let (base, count) = (half(body, 0)?, half(body, 2)?);
    if count > MOST_STATUSES {
        return None;
    }
    let reference = word(body, 4)? >> 8;
    let mut rest = body.get(8..)?;
    let mut steps = Vec::with_capacity(count.into());
    while steps.len() < count.into() {
        let (chunk, others) = rest.split_first_chunk::<2>()?;
        let room = usize::from(count) - steps.len();
        push_statuses(&mut steps, u16::from_be_bytes(*chunk), room);
        rest = others;
    }
    let mut at = 0;
    let mut arrivals = Vec::with_capacity(steps.len());
    for step in steps {
        let delta = match step {
            1 => rest.split_off_first().map(|byte| i64::from(*byte))?,
            2 => {
                let (delta, others) = rest.split_first_chunk::<2>()?;
                rest = others;
                i64::from(i16::from_be_bytes(*delta))
            }
            _ => {
                arrivals.push(None);
                continue;
            }
        };
        at += delta * STEP;
        arrivals.push(Some(at));
    }
    Some(Transport { base, reference, arrivals })
}

/// The symbols of a chunk (§3.1.3, §3.1.4), at most `room`: 0 not received, else the length of its step.
fn push_statuses(steps: &mut Vec<u8>, chunk: u16, room: usize) {
    let bits = |width: u32, count: u32| {
        (1..=count).map(move |n| (chunk >> (width * (count - n))) as u8 & ((1 << width) - 1))
    };
    match chunk >> 14 {
        0b00 | 0b01 => {
            let run = usize::from(chunk & 0x1fff).min(room);
            steps.extend(std::iter::repeat_n((chunk >> 13) as u8 & 0b11, run));
        }
        0b10 => steps.extend(bits(1, 14).take(room)),
        _ => steps.extend(bits(2, 7).take(room)),
    }
}

/// The microsecond of a reference time, closest to an earlier one: 24 bits wrap around every twelve days.
pub(super) fn unwrap_reference(reference: u32, earlier: Option<i64>) -> i64 {
    const ROUND: i64 = 1 << 24;
    // Nobody can mean a time so far away, and it would not fit one day.
    let earlier = earlier.filter(|earlier| earlier.unsigned_abs() < 1 << 60).unwrap_or(0) / REFERENCE;
    let step = (i64::from(reference) - earlier).rem_euclid(ROUND);
    (earlier + if step > ROUND / 2 { step - ROUND } else { step }) * REFERENCE
}

/// What a stream's receiver is told: which of its times is which of the clock's, and how much was sent.
pub(super) struct SenderReport<'a> {
    pub(super) ssrc: u32,
    pub(super) ntp: u64,
    pub(super) rtp: u32,
    pub(super) packets: u32,
    pub(super) bytes: u32,
    /// Canonical name (RFC 3550 §6.5.1).
    pub(super) name: &'a str,
}

impl SenderReport<'_> {
    pub(super) fn write(&self, packet: &mut Vec<u8>) {
        packet.extend_from_slice(&[0x80, SENDER_REPORT, 0, 6]);
        packet.extend_from_slice(&self.ssrc.to_be_bytes());
        packet.extend_from_slice(&self.ntp.to_be_bytes());
        for word in [self.rtp, self.packets, self.bytes] {
            packet.extend_from_slice(&word.to_be_bytes());
        }
        let name = self.name.as_bytes().get(..255).unwrap_or(self.name.as_bytes());
        // The list of items ends with at least one zero, and the packet with a whole word.
        let words = (4 + 2 + name.len() + 1).div_ceil(4);
        packet.extend_from_slice(&[0x81, DESCRIPTION, 0, words as u8]);
        let end = packet.len() + words * 4;
        packet.extend_from_slice(&self.ssrc.to_be_bytes());
        packet.extend_from_slice(&[1, name.len() as u8]);
        packet.extend_from_slice(name);
        packet.resize(end, 0);
    }
}

/// A receiver's reference time that came here, to be told again (RFC 3611 §4.5).
pub(super) struct Reference {
    pub(super) ssrc: u32,
    pub(super) time: u32,
    pub(super) came: Instant,
}

/// Appends how long ago receivers' reference times came; nothing if none did.
pub(super) fn write_references(now: Instant, ssrc: u32, references: &[Reference], packet: &mut Vec<u8>) {
    if references.is_empty() {
        return;
    }
    let block = references.len() * 3;
    packet.extend_from_slice(&[0x80, EXTENDED_REPORT, 0, block as u8 + 2]);
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend_from_slice(&[SINCE_REFERENCE, 0, 0, block as u8]);
    for reference in references {
        let since = now.saturating_duration_since(reference.came).as_micros() << 16;
        // 0 would say that none came.
        let since = ((since / 1_000_000) as u32).max(1);
        for word in [reference.ssrc, reference.time, since] {
            packet.extend_from_slice(&word.to_be_bytes());
        }
    }
}

/// NTP time (RFC 3550 §4) of a time since 1970.
pub(super) fn ntp(since_1970: Duration) -> u64 {
    let seconds = since_1970.as_secs() + NTP_OFFSET;
    let fraction = (u64::from(since_1970.subsec_nanos()) << 32) / 1_000_000_000;
    (seconds << 32) | fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reports(packets: &[u8]) -> Vec<Report<'_>> {
        let mut reports = Vec::new();
        each(packets, |report| reports.push(report));
        reports
    }

    #[test]
    fn a_compound_packet_is_split() {
        let block =
            [&[0, 0, 0, 9, 64, 0, 0, 1][..], &[0; 8], &[0x12, 0x34, 0x56, 0x78, 0, 0, 0x80, 0]].concat();
        let packets = [
            &[0x81, 201, 0, 7, 0, 0, 0, 1][..],
            &block,
            &[0x81, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 9, 1, 2, 0, 1],
            &[0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 9],
            &[0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 8, 7, 0, 0, 0],
            &[0x81, 202, 0, 1, 0, 0, 0, 1],
            &[0x81, 206, 0, 99],
        ];
        let packets = packets.concat();
        let [Report::Reception(reception), rest @ ..] = &reports(&packets)[..] else {
            panic!("no reception")
        };
        assert_eq!((reception.ssrc, reception.lost), (9, 0.25));
        // Half a second after the report had been seen for half a second.
        let ntp = (0x1234_5678_u64 + 0x1_0000) << 16;
        assert_eq!(reception.round_trip(ntp), Some(Duration::from_millis(500)));
        assert_eq!(reception.round_trip(ntp - (1 << 32)), None, "before it was sent");
        let expected = [
            Report::Missing { ssrc: 9, pairs: &[1, 2, 0, 1] },
            Report::Keyframe { ssrc: 9 },
            Report::Keyframe { ssrc: 8 },
        ];
        assert_eq!(rest, expected);
        assert!(each(&packets, drop), "a description");
        assert!(!each(&[0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 9], drop));
    }

    #[test]
    fn a_transport_wide_report_tells_when_each_packet_came() {
        let body = |statuses: u8, chunks: &[u8]| {
            let mut packet = vec![0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 7, 0, statuses, 0, 1, 0, 5];
            packet.extend_from_slice(chunks);
            packet.resize(packet.len().next_multiple_of(4), 0);
            packet[3] = (packet.len() / 4 - 1) as u8;
            packet
        };
        let arrivals = |statuses: u8, chunks: &[u8]| -> Option<Vec<Option<i64>>> {
            match reports(&body(statuses, chunks)).pop()? {
                Report::Transport(Transport { base: 7, reference: 256, arrivals }) => Some(arrivals),
                _ => None,
            }
        };
        let ms = |ms: i64| Some(ms * 1_000);
        assert_eq!(arrivals(3, &[0x20, 3, 4, 4, 8]), Some(vec![ms(1), ms(2), ms(4)]), "a run");
        assert_eq!(arrivals(3, &[0xa8, 0, 4, 8]), Some(vec![ms(1), None, ms(3)]), "one bit each");
        let two_bits = [0b1101_0010, 0, 4, 0xff, 0xfc];
        assert_eq!(arrivals(3, &two_bits), Some(vec![ms(1), None, ms(0)]), "two bits each, and backwards");
        assert_eq!(arrivals(15, &[0xa8, 0, 4]), None, "cut off");
        assert_eq!(
            reports(&[
                0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 7, 0xff, 0xff, 0, 1, 0, 5, 0x3f, 0xff, 0, 0
            ]),
            []
        );
    }

    #[test]
    fn a_receivers_time_is_found_and_told_again_with_how_long_ago_it_came() {
        let extended = [
            &[0x80, 207, 0, 7, 0, 0, 0, 9][..],
            &[1, 0, 0, 1, 0xff, 0xff, 0xff, 0xff],
            &[4, 0, 0, 2, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0],
        ];
        let extended = extended.concat();
        assert_eq!(reports(&extended), [], "of a length that is not its own");
        let extended = [&[0x80, 207, 0, 6], extended.get(4..).unwrap_or_default()].concat();
        assert_eq!(reports(&extended), [Report::Reference { ssrc: 9, time: 0x5678_9abc }]);
        assert!(each(&extended, drop), "may also tell about what the participant sends");
        let cut = [&[0x80, 207, 0, 5], extended.get(4..24).unwrap_or_default()].concat();
        assert_eq!(reports(&cut), []);

        let came = Instant::now();
        let mut packet = Vec::new();
        write_references(came, 7, &[], &mut packet);
        assert_eq!(packet, [0; 0]);
        let now = came + Duration::from_millis(1_500);
        let references =
            [Reference { ssrc: 9, time: 0x5678_9abc, came }, Reference { ssrc: 8, time: 1, came: now }];
        write_references(now, 7, &references, &mut packet);
        let expected = [
            &[0x80, 207, 0, 8, 0, 0, 0, 7, 5, 0, 0, 6][..],
            &[0, 0, 0, 9, 0x56, 0x78, 0x9a, 0xbc, 0, 1, 0x80, 0],
            &[0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 1],
        ];
        assert_eq!(packet, expected.concat());
    }

    #[test]
    fn reference_times_wrap_around() {
        let last = 0x00ff_ffff;
        let before = unwrap_reference(last, Some(i64::from(last - 9) * REFERENCE));
        assert_eq!(unwrap_reference(1, Some(before)) - before, 2 * REFERENCE);
        assert_eq!(unwrap_reference(last, Some(before + 2 * REFERENCE)), before, "and back");
    }

    #[test]
    fn a_sender_report_is_what_rfc_3550_says() {
        let mut packet = Vec::new();
        let at = ntp(Duration::from_millis(500));
        SenderReport { ssrc: 9, ntp: at, rtp: 77, packets: 3, bytes: 300, name: "abc" }.write(&mut packet);
        let expected = [
            &[0x80, 200, 0, 6, 0, 0, 0, 9, 0x83, 0xaa, 0x7e, 0x80, 0x80, 0, 0, 0][..],
            &[0, 0, 0, 77, 0, 0, 0, 3, 0, 0, 1, 44],
            &[0x81, 202, 0, 3, 0, 0, 0, 9, 1, 3, b'a', b'b', b'c', 0, 0, 0],
        ];
        assert_eq!(packet, expected.concat());
    }
}
