//! How often a worker's thread has to be woken when nothing arrives.

#[expect(dead_code, reason = "other test files use the rest of it")]
mod support;

use std::time::Duration;

use media_server::Source;
use str0m::net::Protocol;
use support::sim::{Sim, config};

/// 20 rounds of the rooms; those of silent sessions fall on them. It was 201 with a round every 5 ms.
const WAKES_PER_SECOND: usize = 25;

/// Padding of the one viewer ten times a second, and reports: 32. It was 180 when every round of padding was kept to the
/// point, and 60 with a round every 20 ms.
const PACKETS_PER_SILENT_SECOND: u64 = 40;

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
        while sim.engine.poll_transmit().is_some() {}
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
