//! What reaches somebody over a bad network: 5 % of datagrams lost at random, up to 30 ms of jitter.

#[expect(dead_code, reason = "other test files use the rest of it")]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use media_server::Source;
use str0m::net::Protocol;
use str0m::rtp::RedDecoder;
use support::sim::{Network, Sim};

/// Percent of the spoken packets that the listener has neither as such nor in RED.
fn lost(red: bool, bad_network: Option<usize>) -> f64 {
    let (mut sim, _) = Sim::one_way(Source::Microphone);
    sim.peers[0].red = red;
    sim.talk(Duration::from_secs(1));
    sim.network = Network { jitter: Duration::from_millis(30), loss_percent: 5, ..Network::default() };
    sim.bad_network = bad_network;
    sim.peers[1].arrived.clear();
    sim.talk(Duration::from_secs(120));
    let recovered = sim.engine.counters().packets_recovered;
    assert_eq!(recovered > 0, red && bad_network != Some(1), "{recovered} recovered");
    let mut heard = BTreeSet::new();
    for packet in &sim.peers[1].arrived {
        let blocks = if packet.payload.starts_with(b"opus") {
            vec![packet.payload.as_slice()]
        } else {
            let blocks = RedDecoder::decode(&packet.payload).expect("RED");
            blocks.into_iter().map(|block| block.payload).collect()
        };
        heard.extend(blocks.iter().map(|opus| u64::from_be_bytes(opus[4..12].try_into().expect("eight"))));
    }
    let (first, last) = (heard.first().expect("sound"), heard.last().expect("sound"));
    let spoken = last - first + 1;
    assert!(spoken > 5900, "{spoken} packets in two minutes");
    100.0 * (1.0 - heard.len() as f64 / spoken as f64)
}

#[test]
fn redundancy_keeps_a_voice_whole_when_the_speakers_or_the_listeners_network_is_bad() {
    for bad_network in [Some(0), Some(1)] {
        let (plain, red) = (lost(false, bad_network), lost(true, bad_network));
        assert!(plain > 3.0, "{plain:.2} % of plain Opus lost: the network is bad");
        assert!(red <= 0.5, "{red:.2} % lost with RED");
    }
}

/// A packet of a voice has to get over both networks, but what the first one loses is mended before the second.
#[test]
fn redundancy_keeps_a_voice_whole_when_both_networks_are_bad() {
    let (plain, red) = (lost(false, None), lost(true, None));
    assert!(plain > 8.0, "{plain:.2} % of plain Opus lost: both networks are bad");
    assert!(red <= 0.5, "{red:.2} % lost with RED");
}

/// By the round trip a receiver knows when to ask for a packet again.
#[test]
fn who_only_receives_learns_the_round_trip() {
    let (mut sim, _) = Sim::one_way(Source::Camera);
    for delay in [10, 100] {
        sim.network.delay = Duration::from_millis(delay);
        sim.talk(Duration::from_secs(5));
        let learnt = sim.peers[1].round_trip.expect("an answer").as_millis();
        let expected = u128::from(delay) * 2;
        // Times are in 65536ths of a second.
        assert!((expected - 1..expected + 3).contains(&learnt), "{learnt} ms, not {expected}");
    }
}

/// When each retransmission, and each report but transport-wide feedback, is sent to a peer.
fn repeats(sim: &Sim, peer: usize) -> BTreeMap<&[u8], Vec<Instant>> {
    const RTX: u8 = 97;
    let mut sent = BTreeMap::<&[u8], Vec<Instant>>::new();
    let departures = sim.departures.as_ref().expect("recorded");
    for (_, at, datagram) in departures.iter().filter(|(to, ..)| *to == peer) {
        let (format, kind) = (datagram[0] & 0x1f, datagram[1]);
        let repair = kind & 0x7f == RTX && datagram[0] & 0x20 == 0;
        if datagram[0] >> 6 == 2 && (repair || (192..=223).contains(&kind) && (format, kind) != (15, 205)) {
            sent.entry(datagram).or_default().push(*at);
        }
    }
    sent
}

#[test]
fn retransmissions_and_reports_are_sent_twice_where_packets_get_lost_and_only_there() {
    let (mut sim, track) = Sim::one_way(Source::Camera);
    sim.join(Protocol::Udp, &[], &[track]);
    sim.network.loss_percent = 5;
    sim.bad_network = Some(1);
    // By now the way is known to lose packets.
    sim.talk(Duration::from_secs(10));
    sim.departures = Some(Vec::new());
    let start = sim.now;
    sim.talk(Duration::from_secs(5));
    let [good, bad] = [2, 1].map(|peer| repeats(&sim, peer));
    assert!(good.values().all(|times| times.len() == 1), "{good:?}");
    // The last ones may still wait, and of the first ones the first copy may have left before.
    let first = start + Duration::from_millis(20);
    let settled = |times: &&Vec<Instant>| first < times[0] && times[0] + Duration::from_millis(100) < sim.now;
    let times: Vec<_> = bad.values().filter(settled).collect();
    assert!(times.len() > 20, "{} repairs and reports", times.len());
    for times in times {
        let [once, again] = times[..] else { panic!("{} times", times.len()) };
        let later = again.duration_since(once).as_millis();
        assert!((9..=12).contains(&later), "{later} ms later");
    }
    let reports = bad.keys().filter(|datagram| (192..=223).contains(&datagram[1])).count();
    assert!(reports > 0 && reports < bad.len(), "both kinds: {reports} of {}", bad.len());
}
