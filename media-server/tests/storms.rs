//! Participants with a valid token who want to do harm: what they can cause has a bound that does not depend on how hard
//! they try.

#[expect(dead_code, reason = "other test files use the rest of it")]
mod support;

use std::time::{Duration, Instant};

use media_server::{MediaError, Negotiation, Source};
use str0m::net::Protocol;
use support::peer::Peer;
use support::sim::{Sim, config};

const AV: [Source; 2] = [Source::Microphone, Source::Camera];
const MILLISECOND: Duration = Duration::from_millis(1);

/// A feedback message (RFC 4585 §6.1) of peer 1 about the publisher's camera, unencrypted.
fn message(sim: &mut Sim, kind: u8, format: u8, entries: &[u8]) -> Vec<u8> {
    let camera = sim.peers[0].track(Source::Camera);
    let words = u16::try_from(2 + entries.len() / 4).expect("short");
    let about = sim.peers[1].ssrc_received(camera);
    let mut packet = vec![0x80 | format, kind];
    packet.extend(words.to_be_bytes());
    packet.extend([0, 0, 0, 1]);
    packet.extend(about.to_be_bytes());
    packet.extend(entries);
    packet
}

fn feedback(sim: &mut Sim, kind: u8, format: u8, entries: &[u8]) -> Vec<u8> {
    let packet = message(sim, kind, format, entries);
    sim.peers[1].srtp().rtcp(&packet).expect("a header")
}

#[test]
fn a_thousand_keyframe_requests_a_second_cost_the_publisher_two() {
    let mut sim = Sim::call();
    let address = sim.peers[1].address;
    let before = sim.engine.counters().keyframe_requests;
    sim.peers[2].arrived.clear();
    for _ in 0..500 {
        for _ in 0..10 {
            let request = feedback(&mut sim, 206, 1, &[]);
            sim.inject(address, &request);
        }
        sim.talk(MILLISECOND * 10);
    }
    let asked = sim.engine.counters().keyframe_requests - before;
    assert!((8..=11).contains(&asked), "{asked} in five seconds");
    let numbers = sim.peers[2].numbers(sim.peers[0].track(Source::Camera));
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "the other viewer lost nothing");
}

/// What the server sends in five seconds without and with 3 000 requests a second for packets of all the last second.
fn requests_storm(sim: &mut Sim) -> (u64, u64) {
    let address = sim.peers[1].address;
    let camera = sim.peers[0].track(Source::Camera);
    let mid = sim.peers[1].line(camera).expect("subscribed");
    let mut storm = |asking: bool| {
        let before = sim.engine.counters().datagrams_sent;
        for _ in 0..500 {
            let last = sim.peers[1].packets(mid).last().expect("a picture").sequence as u16;
            let entries: Vec<u8> = (1..=30_u16)
                .flat_map(|step| [last.wrapping_sub(17 * step).to_be_bytes(), [0xff, 0xff]].concat())
                .collect();
            if asking {
                let request = feedback(sim, 205, 1, &entries);
                sim.inject(address, &request);
            }
            let old = sim.peers[1].arrived.len().saturating_sub(100);
            sim.peers[1].arrived.drain(..old);
            sim.talk(MILLISECOND * 10);
        }
        sim.engine.counters().datagrams_sent - before
    };
    (storm(false), storm(true))
}

#[test]
fn retransmissions_stay_below_a_quarter_of_what_is_sent_however_much_is_asked_for() {
    let (quiet, loud) = requests_storm(&mut Sim::call());
    assert!(loud > quiet + 100, "the requests were understood: {quiet}, {loud}");
    // One of two viewers asks: a quarter of what is sent to it is a third of what is forwarded.
    assert!(loud * 6 <= quiet * 7, "{quiet} datagrams without, {loud} with");
}

/// Transport-wide feedback that says so is believed: half of what is sent may be repairs then.
#[test]
fn retransmissions_stay_below_half_of_what_is_sent_where_packets_get_lost() {
    let mut sim = Sim::call();
    sim.bad_network = Some(1);
    sim.network.loss_percent = 5;
    sim.talk(Duration::from_secs(5));
    let (quiet, loud) = requests_storm(&mut sim);
    assert!(loud * 6 > quiet * 7, "more than without losses: {quiet}, {loud}");
    // Half of what is sent to it is as much again as is forwarded; a quarter of that may go twice.
    assert!(loud * 8 <= quiet * 13, "{quiet} datagrams without, {loud} with");
}

#[test]
fn a_publisher_of_fifty_megabits_a_second_gets_eight_through_and_disturbs_nobody() {
    let mut sim = Sim::call();
    sim.peers.push(Peer::new(sim.now, 4, Protocol::Udp));
    sim.reconnect(3, &AV, &[]);
    let (address, ssrc) = (sim.peers[3].address, sim.peers[3].ssrc_sent(Source::Microphone));
    let before = sim.engine.counters();
    sim.peers[2].arrived.clear();
    let mut sequence = 1_u16;
    for _ in 0..200 {
        for _ in 0..60 {
            sequence = sequence.wrapping_add(1);
            let mut packet = vec![0x80, 96];
            packet.extend(sequence.to_be_bytes());
            packet.extend([0; 4]);
            packet.extend(ssrc.to_be_bytes());
            packet.extend([0x10; 1000]);
            let datagram = sim.peers[3].srtp().rtp(&packet).expect("a header");
            sim.inject(address, &datagram);
        }
        sim.talk(MILLISECOND * 10);
    }
    let after = sim.engine.counters();
    let dropped = after.dropped_over_rate - before.dropped_over_rate;
    // Two seconds at a million bytes a second and a burst of a million, a quarter of it for what it sends besides.
    assert!((8_500..10_500).contains(&dropped), "{dropped} of 12 000 dropped");
    for source in AV {
        let numbers = sim.peers[2].numbers(sim.peers[0].track(source));
        assert!(numbers.len() > 80 && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{source:?}");
    }
    assert_eq!(after.sessions, 4);
}

/// Transport-wide feedback about 31 000 packets of long ago takes 28 bytes, and str0m goes through all of them: in a release
/// these thousand datagrams took 460 ms without their limit, and take 19.
#[test]
fn feedback_about_very_many_packets_is_taken_in_slowly() {
    let mut sim = Sim::call();
    let address = sim.peers[1].address;
    sim.talk(Duration::from_secs(200));
    let entries = [0x80, 0, 0x79, 0x18, 0, 0, 0, 1, 0x1f, 0xff, 0x1f, 0xff, 0x1f, 0xff, 0x19, 0x1b];
    let before = sim.engine.counters().dropped_over_rate;
    for _ in 0..1_000 {
        let compound = message(&mut sim, 205, 15, &entries).repeat(36);
        let datagram = sim.peers[1].srtp().rtcp(&compound).expect("a header");
        sim.inject(address, &datagram);
        sim.run_for(MILLISECOND);
    }
    let dropped = sim.engine.counters().dropped_over_rate - before;
    assert!((950..1_000).contains(&dropped), "{dropped} of 1 000 dropped");
    assert_eq!(sim.engine.counters().sessions, 3);
}

/// Found by fuzzing when str0m took such feedback in: it added beyond 64 bits at the first one, and panicked at the second, whose
/// deltas have other sizes than its chunks say.
#[test]
fn feedback_that_makes_no_sense_is_its_senders_affair() {
    // Transport-wide feedback about one packet, number 65 535, when a few hundred have been sent.
    let never_sent = [0xff, 0xff, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0].to_vec();
    let mut deltas = [0x38, 0, 0, 0x16, 0, 0, 0x15, 0, 0x40, 0, 0, 0, 0, 0, 0xcd].to_vec();
    deltas.extend([[0xf4; 5].as_slice(), &[0xff; 3], &[0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0]].concat());
    deltas.extend([0xb7, 0x71, 0x30, 0xf8, 0x39, 0x38, 0, 0, 0x16, 0, 0, 0x15, 0, 0x40, 0, 0, 0, 0, 0, 0xcd]);
    deltas.extend([0xf4; 3]);
    for entries in [never_sent, deltas] {
        let mut sim = Sim::call();
        let address = sim.peers[1].address;
        let request = feedback(&mut sim, 205, 15, &entries);
        sim.inject(address, &request);
        sim.peers[2].arrived.clear();
        sim.talk(Duration::from_secs(1));
        let counters = sim.engine.counters();
        assert_eq!((counters.session_panics, counters.sessions), (0, 3));
        assert!(sim.peers[2].numbers(sim.peers[0].track(Source::Camera)).len() > 100, "the call goes on");
    }
}

/// A good offer with `added` in its last m-line.
fn bomb(sim: &mut Sim, added: &str) -> Negotiation {
    sim.peers.clear();
    sim.peers.push(Peer::new(sim.now, 1, Protocol::Udp));
    let mut negotiation = sim.peers[0].offer(&AV, &[]);
    negotiation.offer += added;
    negotiation
}

#[test]
fn offers_beyond_the_limits_are_refused_by_name() {
    let mut sim = Sim::new(config());
    let lines = |count: usize, line: &str| line.repeat(count);
    for (added, why) in [
        (lines(2000, "a=x:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"), "longer than 65536 bytes"),
        (lines(31, "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"), "more than 32 m-lines"),
        (lines(65, "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"), "more than 64 candidates"),
        (lines(3000, "a=x\r\n"), "more than 3000 lines"),
        (lines(65, "a=ssrc:1 cname:c\r\n"), "more than 64 lines about SSRCs in an m-line"),
        (lines(17, "a=ssrc-group:FID 1 2\r\n"), "more than 16 groups of SSRCs in an m-line"),
        (lines(65, "a=extmap:1 urn:x\r\n"), "more than 64 header extensions in an m-line"),
        (lines(129, "a=rtpmap:96 VP8/90000\r\n"), "more than 128 codecs in an m-line"),
        (lines(129, "a=fmtp:96 x=1\r\n"), "more than 128 codec parameters in an m-line"),
        (lines(513, "a=rtcp-fb:96 nack\r\n"), "more than 512 kinds of feedback in an m-line"),
        (lines(5, "a=rid:x send\r\n"), "more than 4 simulcast layers in an m-line"),
        (
            format!("m=video 9 UDP/TLS/RTP/SAVPF{}\r\n", lines(129, " 96")),
            "more than 128 payload types in an m-line",
        ),
    ] {
        let negotiation = bomb(&mut sim, &added);
        let refused = sim.connect(0, negotiation).err();
        assert!(matches!(&refused, Some(MediaError::Sdp(text)) if text == why), "{refused:?}, not {why}");
    }
    assert_eq!(sim.engine.counters().sessions, 0);
}

/// Debug builds take ten times as long.
const LONGEST_OFFER: Duration = Duration::from_millis(if cfg!(debug_assertions) { 1000 } else { 100 });

/// Refused at the very end, when all the rest has been understood.
const BROKEN: &str = "a=rtpmap:0 VP8/90000\r\na=rtpmap:0 VP8/90000\r\n";

/// A good offer with `m_lines` m-lines more, in each of them `line` as often as is allowed and as it fits.
fn filled(sim: &mut Sim, line: &str, most: usize, m_lines: usize) -> Negotiation {
    let mut negotiation = bomb(sim, "");
    // str0m's own are three random characters.
    let mids: String = (0..m_lines).map(|mid| format!(" more{mid}")).collect();
    let bundle = negotiation.offer.lines().find(|line| line.starts_with("a=group:BUNDLE")).expect("bundled");
    negotiation.offer = negotiation.offer.replace(bundle, &format!("{bundle}{mids}"));
    let transport =
        |name: &str| negotiation.offer.lines().find(|line| line.starts_with(name)).expect("present");
    let transport = ["a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=setup:"].map(transport).join("\r\n");
    let room = (64 * 1024 - negotiation.offer.len()) / m_lines - transport.len() - 200;
    for mid in 0..m_lines {
        let (mut payload_types, mut lines) = (String::new(), String::new());
        for number in 0..most.min(2500 / m_lines / line.lines().count()) {
            let added = line.replace("%d", &number.to_string());
            if payload_types.len() + lines.len() + added.len() > room {
                break;
            }
            lines += &added;
            if line.starts_with("a=rtpmap:") {
                payload_types += &format!(" {number}");
            }
        }
        if payload_types.is_empty() {
            payload_types += " 0";
            lines += "a=rtpmap:0 VP8/90000\r\n";
        }
        negotiation.offer += &format!(
            "m=video 9 UDP/TLS/RTP/SAVPF{payload_types}\r\nc=IN IP4 0.0.0.0\r\na=mid:more{mid}\r\n{transport}\r\n\
             a=sendrecv\r\na=rtcp-mux\r\na=rtcp-rsize\r\n{lines}"
        );
    }
    negotiation
}

#[test]
fn the_largest_offers_allowed_take_a_tenth_of_a_second_at_most() {
    for (line, most) in [
        ("a=ssrc:%d cname:c\r\n", 64),
        ("a=ssrc-group:FID %d 1%d\r\n", 16),
        ("a=rtpmap:%d VP8/90000\r\n", 100),
        ("a=rtpmap:%d H264/90000\r\n", 100),
        ("a=rtpmap:%d VP8/90000\r\na=rtcp-fb:%d nack\r\na=rtcp-fb:%d nack pli\r\n", 100),
        ("a=rtpmap:%d rtx/90000\r\na=fmtp:%d apt=0\r\n", 100),
        ("a=fmtp:0 max-fs=1\r\n", 100),
        ("a=rtcp-fb:0 nack\r\n", 512),
        ("a=extmap:%d urn:x%d\r\n", 64),
        ("a=msid:%d t\r\n", usize::MAX),
        ("a=simulcast:send %d;%d;%d;%d\r\n", usize::MAX),
        ("a=fingerprint:sha-256 AB:CD\r\n", usize::MAX),
        ("a=x\r\n", usize::MAX),
    ] {
        for (m_lines, ending) in [1, 5, 29].into_iter().flat_map(|count| [(count, ""), (count, BROKEN)]) {
            let mut sim = Sim::new(config());
            let mut negotiation = filled(&mut sim, line, most, m_lines);
            negotiation.offer += ending;
            #[expect(clippy::disallowed_methods, reason = "how long it really takes")]
            let began = Instant::now();
            let answer = sim.connect(0, negotiation).map(drop);
            let took = began.elapsed();
            assert!(took < LONGEST_OFFER, "{line:?} in {m_lines} m-lines took {took:?}");
            let limited = |text: &str| text.starts_with("more than") || text.starts_with("longer than");
            let parsed = match &answer {
                Ok(()) => ending.is_empty(),
                Err(MediaError::Sdp(text)) => !ending.is_empty() && !limited(text),
                Err(_) => false,
            };
            assert!(parsed, "{line:?}: {answer:?}");
            assert_eq!(sim.engine.counters().session_panics, 0);
        }
    }
}
