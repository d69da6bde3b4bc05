//! A screen that does not change: nothing is sent for minutes, and whoever comes to see it needs its picture.

#[expect(dead_code, reason = "other test files use the rest of it")]
mod support;

use std::time::Duration;

use media_server::Source;
use str0m::net::Protocol;
use support::peer::Peer;
use support::sim::{Sim, config};

const MILLISECOND: Duration = Duration::from_millis(1);

/// Peer 0 shows a screen that has not changed for ten seconds.
fn still_screen() -> Sim {
    let mut sim = Sim::new(config());
    sim.join(Protocol::Udp, &[Source::Screen], &[]);
    for frame in 0..10 {
        sim.peers[0].send_video(sim.now, 4, frame == 0);
        sim.run_for(MILLISECOND * 33);
    }
    sim.run_for(Duration::from_secs(10));
    sim
}

/// Until the engine asks for a keyframe, and the way to the publisher.
fn is_asked(sim: &mut Sim) -> bool {
    let (asked, before) = (sim.peers[0].keyframe_requests, sim.engine.counters().keyframe_requests);
    let wanted = (0..2_000).any(|_| {
        sim.run_for(MILLISECOND);
        sim.engine.counters().keyframe_requests > before
    });
    // 10 ms on the way, a round of 5.
    sim.run_for(MILLISECOND * 18);
    wanted && sim.peers[0].keyframe_requests > asked
}

#[test]
fn who_joins_is_shown_a_still_screen_at_once() {
    // The rounds of who is silent come every 120 ms; one of these is far from the next.
    for offset in [0, 13, 29, 53, 71] {
        let mut sim = still_screen();
        sim.run_for(MILLISECOND * offset);
        let screen = sim.peers[0].track(Source::Screen);
        sim.peers.push(Peer::new(sim.now, 2, Protocol::Udp));
        let negotiation = sim.peers[1].offer(&[], &[screen]);
        let answer = sim.connect(1, negotiation).expect("accepted");
        sim.apply(1, &answer);
        assert!(is_asked(&mut sim), "{offset} ms later");
        sim.peers[0].send_video(sim.now, 4, true);
        sim.run_for(MILLISECOND * 25);
        assert_eq!(sim.peers[1].numbers(screen).len(), 4, "the keyframe");
    }
}

/// As the publisher's page does when somebody comes whose tracks it wants.
#[test]
fn it_is_asked_for_also_after_the_publisher_has_negotiated_again() {
    let mut sim = still_screen();
    sim.resubscribe(0);
    let screen = sim.peers[0].track(Source::Screen);
    sim.peers.push(Peer::new(sim.now, 2, Protocol::Udp));
    let negotiation = sim.peers[1].offer(&[], &[screen]);
    let answer = sim.connect(1, negotiation).expect("accepted");
    sim.apply(1, &answer);
    assert!(is_asked(&mut sim));
}

#[test]
fn a_screen_that_changes_now_and_then_costs_no_keyframes() {
    let mut sim = still_screen();
    let screen = sim.peers[0].track(Source::Screen);
    sim.join(Protocol::Udp, &[], &[screen]);
    sim.run_for(MILLISECOND * 500);
    sim.peers[0].send_video(sim.now, 4, true);
    sim.run_for(Duration::from_secs(2));
    let asked = sim.peers[0].keyframe_requests;
    sim.peers[1].arrived.clear();
    for _ in 0..5 {
        sim.peers[0].send_video(sim.now, 4, false);
        sim.run_for(Duration::from_secs(3));
    }
    assert_eq!(sim.peers[1].numbers(screen).len(), 20, "every change is passed on");
    assert_eq!(sim.peers[0].keyframe_requests, asked);
}
