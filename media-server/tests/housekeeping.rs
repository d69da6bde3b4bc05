//! How often a worker's thread has to be woken when nothing arrives.

#[expect(dead_code, reason = "other test files use the rest of it")]
mod support;

use std::time::Duration;

use media_server::Source;
use str0m::net::Protocol;
use support::sim::{Sim, config};

/// 200 rounds of housekeeping and 20 of the rooms.
const WAKES_PER_SECOND: usize = 220;

/// Padding of the one viewer every 20 ms, and reports: 60. It was 180 when every round of padding was kept to the point.
const PACKETS_PER_SILENT_SECOND: u64 = 80;

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
        while sim.engine.flush(now) {}
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
}
