//! What str0m remembers for good of what it is given: a participant, or who forges its address, can have it remember little.

#[expect(dead_code, reason = "other test files use the rest of it")]
mod support;

use std::time::Duration;

use media_server::Source;
use str0m::net::Protocol;
use support::peer::Peer;
use support::sim::{Bottleneck, Sim};

const AV: [Source; 2] = [Source::Microphone, Source::Camera];
const MILLISECOND: Duration = Duration::from_millis(1);
/// Payload type.
const OPUS: u8 = 111;

/// A call of three that a fourth has joined, whose offer was changed: peer 3, of whom no good is to be expected.
fn call_with_a_fourth(change: impl Fn(&str) -> String) -> Sim {
    let mut sim = Sim::call();
    sim.peers.push(Peer::new(sim.now, 4, Protocol::Udp));
    let mut negotiation = sim.peers[3].offer(&AV, &[]);
    negotiation.offer = change(&negotiation.offer);
    let answer = sim.connect(3, negotiation).expect("accepted");
    sim.apply(3, &answer);
    sim.run_until(Duration::from_secs(5), |sim| sim.peers[3].connected);
    sim.talk(MILLISECOND * 200);
    sim.peers[2].arrived.clear();
    sim
}

/// An Opus packet of the fourth, properly encrypted, with this SSRC and this header extension; padding at its end where the
/// payload is nothing else.
fn packet_of_fourth(sim: &mut Sim, sequence: u16, ssrc: u32, extension: &[u8], payload: &[u8]) -> Vec<u8> {
    let padding = if payload == PADDING { 0x20 } else { 0 };
    let mut packet = vec![0x90 | padding, OPUS];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0; 4]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend(extension);
    packet.extend(payload);
    sim.peers[3].srtp().rtp(&packet).expect("a header")
}

fn send_as_fourth(sim: &mut Sim, sequence: u16, ssrc: u32, extension: &[u8], payload: &[u8]) {
    let datagram = packet_of_fourth(sim, sequence, ssrc, extension, payload);
    sim.inject(sim.peers[3].address, &datagram);
}

/// Four bytes of padding, which the last one counts (RFC 3550 §5.1).
const PADDING: [u8; 4] = [0, 0, 0, 4];

/// An extension with one element of two bytes (RFC 8285 §4.2).
fn element(id: u8, [high, low]: [u8; 2]) -> [u8; 8] {
    [0xbe, 0xde, 0, 1, id << 4 | 1, high, low, 0]
}

/// The number that the peers' offers give to the transport-wide number.
const TRANSPORT: u8 = 3;

fn assert_nobody_noticed(sim: &mut Sim) {
    sim.talk(Duration::from_secs(1));
    let counters = sim.engine.counters();
    assert_eq!((counters.session_panics, counters.sessions), (0, 4));
    let numbers = sim.peers[2].numbers(sim.peers[0].track(Source::Camera));
    assert!(numbers.len() > 100 && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "the call goes on");
}

/// Found by fuzzing: str0m 0.25 would make feedback of 2^51 entries and take all memory that there is.
#[test]
fn transport_wide_numbers_below_zero_are_dropped_wherever_an_offer_puts_them() {
    let twcc = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
    let line = |id: u8, uri: &str| format!("a=extmap:{id} {uri}\r\n");
    let offered = line(TRANSPORT, twcc);
    let two_bytes = |number: u16| [&[0x10, 0, 0, 1, 16, 2][..], &number.to_be_bytes()].concat();
    let as_offered = |number: u16| element(TRANSPORT, number.to_be_bytes()).to_vec();
    let elsewhere = |number: u16| element(5, number.to_be_bytes()).to_vec();
    let at_mid = |number: u16| element(4, number.to_be_bytes()).to_vec();
    let twice = offered.clone() + &line(5, twcc);
    let swapped = offered.clone() + &line(TRANSPORT, "urn:ietf:params:rtp-hdrext:sdes:mid");
    type Extension = fn(u16) -> Vec<u8>;
    let cases: [(&str, &str, Extension, u64); 7] = [
        ("as offered", &offered, as_offered, 2),
        ("not offered", "", two_bytes, 2),
        ("nor looked for elsewhere", "", as_offered, 0),
        ("at one place of two", &twice, as_offered, 2),
        ("at the other", &twice, elsewhere, 0),
        ("its place taken", &swapped, as_offered, 2),
        ("and in the place of who took it", &swapped, at_mid, 0),
    ];
    for (case, lines, extension, most) in cases {
        for (probe, payload) in [(false, &[0x10; 100][..]), (false, &[]), (false, &PADDING), (true, &PADDING)]
        {
            let mut sim = call_with_a_fourth(|offer| offer.replace(&offered, lines));
            let ssrc = if probe { 0 } else { sim.peers[3].ssrc_sent(Source::Microphone) };
            let before = sim.engine.counters().dropped_malformed;
            for (sequence, number) in [(5_000, 5), (5_001, 65_000), (5_002, 65_001), (5_003, 30_000)] {
                send_as_fourth(&mut sim, sequence, ssrc, &extension(number), payload);
            }
            assert_eq!(sim.engine.counters().dropped_malformed - before, most, "{case}");
            assert_nobody_noticed(&mut sim);
        }
    }
}

/// How many transport-wide reports left for the fourth since the departures were looked at last.
fn reports_to_the_fourth(sim: &mut Sim) -> usize {
    let sent = sim.departures.replace(Vec::new()).unwrap_or_default();
    let is_report = |datagram: &[u8]| matches!(datagram, [first, 205, ..] if first & 0x1f == 15);
    sent.iter().filter(|(to, _, datagram)| *to == 3 && is_report(datagram)).count()
}

/// Between the numbers of packets that are far apart. Of larger ones a report counts beyond 16 bits, which a build with
/// overflow checks turns into a panic.
const FAR: u16 = if cfg!(debug_assertions) { 64 } else { 32_767 };

/// A report has room for 85 packets whose numbers are that far apart, for 171 a little nearer, and one that comes late has
/// str0m report a hundred again. What was not reported would be gone through every 50 ms, and kept.
#[test]
fn whatever_numbers_packets_have_no_report_is_owed_for_long() {
    let far_apart = |index: u16| index.wrapping_mul(FAR);
    let late_again_and_again = |index: u16| match index % 60 {
        0 => (index.wrapping_mul(64)).wrapping_sub(29_997),
        _ => index.wrapping_mul(64),
    };
    let without_feedback = |offer: &str| {
        let kept = offer.split_inclusive('\n').filter(|line| !line.contains("transport-cc"));
        kept.collect()
    };
    let in_order = |index: u16| index;
    let numberings: [&dyn Fn(u16) -> u16; 3] = [&in_order, &far_apart, &late_again_and_again];
    let changes: [&dyn Fn(&str) -> String; 2] = [&str::to_owned, &without_feedback];
    for (numbering, change) in
        numberings.into_iter().flat_map(|numbers| changes.map(|change| (numbers, change)))
    {
        let mut sim = call_with_a_fourth(change);
        let ssrc = sim.peers[3].ssrc_sent(Source::Microphone);
        let before = sim.engine.counters();
        // Nothing reaches it any more: reports of what it has not sent make a client of str0m panic.
        sim.bottlenecks.insert(3, Bottleneck::new(1));
        reports_to_the_fourth(&mut sim);
        for index in 1..=20_000_u16 {
            send_as_fourth(
                &mut sim,
                index,
                ssrc,
                &element(TRANSPORT, numbering(index).to_be_bytes()),
                &[0x10],
            );
            if index.is_multiple_of(100) {
                sim.run_for(MILLISECOND * 20);
            }
        }
        let after = sim.engine.counters();
        let dropped = after.dropped_over_rate - before.dropped_over_rate;
        // Four seconds at 1 200 a second, and as many at once; fewer where they are far apart.
        assert!((13_000..20_000).contains(&dropped), "{dropped} of 20 000 dropped");
        assert!(reports_to_the_fourth(&mut sim) > 5, "reported");
        sim.run_for(Duration::from_secs(1));
        reports_to_the_fourth(&mut sim);
        sim.run_for(Duration::from_secs(1));
        assert_eq!(reports_to_the_fourth(&mut sim), 0, "owed after a second");
        assert_nobody_noticed(&mut sim);
    }
}

/// str0m takes note of a stream before it knows whether a packet is authentic.
#[test]
fn a_participant_and_who_forges_its_address_begin_few_streams_and_end_none() {
    let mut sim = call_with_a_fourth(str::to_owned);
    let microphone = sim.peers[3].track(Source::Microphone);
    sim.subscribe(2, &[microphone]);
    sim.talk(Duration::from_secs(6));
    let mid = sim.peers[3].publish[1].0.to_string();
    let [first, second, third] = *mid.as_bytes() else { panic!("names of three letters") };
    let before = sim.engine.counters().dropped_over_rate;
    for stream in 0..600 {
        let named = [0xbe, 0xde, 0, 1, 0x42, first, second, third];
        let mut datagram = packet_of_fourth(&mut sim, 1, 7_000_000 + stream, &named, &[0x10]);
        *datagram.last_mut().expect("not empty") ^= u8::from(stream % 2 == 0);
        sim.inject(sim.peers[3].address, &datagram);
    }
    let dropped = sim.engine.counters().dropped_over_rate - before;
    assert!((538..560).contains(&dropped), "{dropped} of 600, beside its own streams");
    sim.peers[2].arrived.clear();
    assert_nobody_noticed(&mut sim);
    assert!(sim.peers[2].numbers(microphone).len() > 30, "its other track goes on too");
}

/// str0m makes a stream of each SSRC that an offer announces, and reports about each every second.
#[test]
fn offers_announce_few_streams_however_many_there_are() {
    let mut sim = call_with_a_fourth(str::to_owned);
    for round in 0..50_u32 {
        let mut negotiation = sim.peers[3].ice_restart_offer();
        let added: String =
            (0..60).map(|n| format!("a=ssrc:{} cname:c\r\n", 8_000_000 + 100 * round + n)).collect();
        negotiation.offer += &added;
        let answer = sim.renegotiate(3, negotiation).expect("accepted");
        sim.apply(3, &answer);
        sim.talk(MILLISECOND * 100);
    }
    sim.departures = Some(Vec::new());
    sim.talk(Duration::from_secs(2));
    let sent = sim.departures.take().expect("recorded");
    let reports =
        sent.iter().filter(|(to, _, datagram)| *to == 3 && matches!(datagram[..], [_, 200..=207, ..]));
    let bytes: usize = reports.map(|(_, _, datagram)| datagram.len()).sum();
    assert!((1_000..20_000).contains(&bytes), "{bytes} bytes of reports in two seconds");
    sim.peers[2].arrived.clear();
    assert_nobody_noticed(&mut sim);
}

#[test]
fn media_before_there_are_keys_is_dropped() {
    let mut sim = Sim::call();
    sim.peers.push(Peer::new(sim.now, 4, Protocol::Udp));
    let negotiation = sim.peers[3].offer(&AV, &[]);
    let answer = sim.connect(3, negotiation).expect("accepted");
    sim.apply(3, &answer);
    let address = sim.peers[3].address;
    for _ in 0..100 {
        sim.inject(address, &[0x80; 40]);
        sim.run_for(MILLISECOND);
        sim.inject(address, &[0x80; 40]);
    }
    let counters = sim.engine.counters();
    assert!(sim.peers[3].connected);
    assert!(counters.dropped_unproven > 10, "{counters:?}");
}
