//! How often a worker's thread has to be woken when nothing arrives.

#[expect(dead_code, reason = "other test files use the rest of it")]
mod support;

use std::time::Duration;

use media_server::{MediaCommand, Source, Tile};
use str0m::net::Protocol;
use support::peer::Peer;
use support::sim::{Bottleneck, Sim, config, room};

/// 25 ticks of the rooms, on which the rounds of silent sessions fall, and the one that ends the second. It was 201 with a round
/// every 5 ms.
const WAKES_PER_SECOND: usize = 26;

/// Reports: 1. It was 180 with str0m's padding to the point.
const PACKETS_PER_SILENT_SECOND: u64 = 4;

#[test]
fn many_quiet_sessions_are_looked_after_in_common_rounds() {
    let mut config = config();
    config.max_participants_per_room = 40;
    let mut sim = Sim::new(config);
    for _ in 0..20 {
        sim.join(Protocol::Udp, &[Source::Microphone], &[]);
        // Their timers would otherwise run in step.
        sim.run_for(Duration::from_micros(1370));
    }
    sim.run_for(Duration::from_secs(3));
    let (start, mut now, mut wakes) = (sim.now, sim.now, 0);
    while now < start + Duration::from_secs(1) {
        now = sim.engine.deadline().max(now);
        sim.engine.handle_timeout(now);
        while sim.engine.flush() {}
        while sim.engine.poll_departure().is_some() {}
        wakes += 1;
    }
    assert!(wakes <= WAKES_PER_SECOND, "{wakes}");
}

#[test]
fn a_call_that_has_fallen_silent_costs_few_packets() {
    let mut sim = Sim::new(config());
    sim.join(Protocol::Udp, &[Source::Microphone, Source::Camera], &[]);
    let tracks = [Source::Microphone, Source::Camera].map(|source| sim.peers[0].track(source));
    sim.join(Protocol::Udp, &[], &tracks);
    sim.talk(Duration::from_secs(3));
    // What the estimator still probes ends within seconds.
    sim.run_for(Duration::from_secs(10));
    let before = sim.engine.counters().datagrams_sent;
    sim.run_for(Duration::from_secs(10));
    let each_second = (sim.engine.counters().datagrams_sent - before) / 10;
    assert!(each_second <= PACKETS_PER_SILENT_SECOND, "{each_second}");
    sim.peers[1].arrived.clear();
    sim.peers[0].send_audio(sim.now);
    sim.run_for(Duration::from_millis(21));
    assert_eq!(sim.peers[1].numbers(tracks[0]).len(), 1, "what ends the silence waits for no round");
}

/// RTP packets that the server sends within three seconds in which nobody else sends any.
fn sent_in_silence(sim: &mut Sim) -> usize {
    sim.departures = Some(Vec::new());
    sim.run_for(Duration::from_secs(3));
    let departures = sim.departures.take().expect("recorded");
    assert!(!departures.is_empty(), "reports");
    let is_rtp = |datagram: &[u8]| matches!(datagram, [128..=191, kind, ..] if !(192..=223).contains(kind));
    departures.iter().filter(|(_, _, datagram)| is_rtp(datagram)).count()
}

#[test]
fn nothing_is_probed_for_where_nobody_sends() {
    // The best layer would need half as much again as the way carries; and a call that ends before all is known.
    for (way, talk) in [(Some(1_200_000), 5_000), (None, 200)] {
        let mut sim = Sim::new(config());
        sim.peers.push(Peer::new(sim.now, 1, Protocol::Udp));
        sim.peers[0].simulcast = true;
        sim.reconnect(0, &[Source::Camera], &[]);
        let track = sim.peers[0].track(Source::Camera);
        sim.join(Protocol::Udp, &[], &[track]);
        sim.bottlenecks.extend(way.map(|way| (1, Bottleneck::new(way))));
        sim.talk(Duration::from_millis(talk));
        sim.run_for(Duration::from_millis(700));
        assert_eq!(sent_in_silence(&mut sim), 0, "{way:?}");
        let participant = sim.peers[1].id;
        let tiles = vec![Tile { track, width: 1280, height: 720 }];
        sim.command(MediaCommand::SetTiles { room: room(), participant, tiles });
        assert_eq!(sent_in_silence(&mut sim), 0, "{way:?}: a screen that changes");
    }
}

#[test]
fn feedback_leaves_with_forwarded_packets_where_there_are_some_and_soon_where_there_are_none() {
    let mut sim = Sim::new(config());
    sim.join(Protocol::Udp, &[Source::Microphone, Source::Camera], &[]);
    let tracks = [Source::Microphone, Source::Camera].map(|source| sim.peers[0].track(source));
    sim.join(Protocol::Udp, &[Source::Microphone], &tracks);
    sim.talk(Duration::from_secs(3));
    sim.departures = Some(Vec::new());
    sim.talk(Duration::from_secs(10));
    let departures = sim.departures.take().expect("recorded");
    let is_feedback = |datagram: &[u8]| (datagram[0] & 0x1f, datagram[1]) == (15, 205);
    let [alone, viewer] = [0, 1].map(|peer| {
        let of_peer: Vec<_> = departures.iter().filter(|(to, ..)| *to == peer).collect();
        let feedback = of_peer.iter().filter(|(_, _, datagram)| is_feedback(datagram)).count();
        let follows = of_peer.windows(2).filter(|pair| {
            let [(_, before, first), (_, at, second)] = pair else { return false };
            is_feedback(second) && before == at && matches!(first[1] & 0x7f, 96..)
        });
        (feedback, follows.count())
    });
    for feedback in [alone.0, viewer.0] {
        assert!((100..=250).contains(&feedback), "{feedback} in ten seconds");
    }
    assert_eq!(alone.1, 0, "nothing is forwarded to who alone has a camera");
    assert!(viewer.1 * 20 >= viewer.0 * 19, "{} of {} with forwarded packets", viewer.1, viewer.0);
}
