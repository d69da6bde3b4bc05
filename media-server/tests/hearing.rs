//! The proof that everyone hears everyone, and help for microphones that send nothing.

#[expect(dead_code, reason = "other test files use the rest of it")]
mod support;

use std::time::Duration;

use media_server::{HearingProof, MediaCommand, MediaEvent, ParticipantId, Source};
use str0m::net::Protocol;
use support::sim::{Sim, config, room};

const AV: [Source; 2] = [Source::Microphone, Source::Camera];

fn proofs(sim: &Sim) -> Vec<([ParticipantId; 2], HearingProof)> {
    let proof = |event: &MediaEvent| match event {
        MediaEvent::Hearing { between, proof, .. } => Some((*between, *proof)),
        _ => None,
    };
    sim.events.iter().filter_map(proof).collect()
}

fn silences(sim: &Sim) -> Vec<(ParticipantId, u32)> {
    let silence = |event: &MediaEvent| match event {
        MediaEvent::Silent { participant, times, .. } => Some((*participant, *times)),
        _ => None,
    };
    sim.events.iter().filter_map(silence).collect()
}

/// Peers who publish; each receives the microphones that `hears` says.
fn call(people: usize, hears: impl Fn(usize, usize) -> bool) -> Sim {
    let mut sim = Sim::new(config());
    for _ in 0..people {
        sim.join(Protocol::Udp, &AV, &[]);
    }
    for me in 0..people {
        let others = (0..people).filter(|other| *other != me && hears(me, *other));
        let tracks: Vec<_> = others.map(|other| sim.peers[other].track(Source::Microphone)).collect();
        if !tracks.is_empty() {
            sim.subscribe(me, &tracks);
        }
    }
    sim
}

#[test]
fn every_pair_is_proven_once_within_seconds() {
    let mut sim = call(3, |_, _| true);
    sim.talk(Duration::from_secs(10));
    let proofs = proofs(&sim);
    assert_eq!(proofs.len(), 3, "{:?}", proofs.iter().map(|(_, proof)| proof).collect::<Vec<_>>());
    for (_, proof) in proofs {
        let HearingProof::Both { after } = proof else { panic!("{proof:?}") };
        assert!(after <= Duration::from_secs(3), "{after:?}");
    }
    assert!(silences(&sim).is_empty());
}

#[test]
fn one_who_is_not_heard_is_told_apart_and_proven_when_it_works() {
    let mut sim = call(2, |me, _| me == 1);
    sim.talk(Duration::from_secs(20));
    let between = [sim.peers[0].id, sim.peers[1].id];
    let missing = HearingProof::Missing { heard: [false, true] };
    assert!(proofs(&sim) == [(between, missing)], "only the second hears");
    let track = sim.peers[1].track(Source::Microphone);
    sim.subscribe(0, &[track]);
    sim.talk(Duration::from_secs(3));
    assert!(matches!(proofs(&sim)[..], [_, (_, HearingProof::Both { .. })]));
}

#[test]
fn a_muted_microphone_is_neither_missed_nor_silent() {
    let mut sim = call(2, |_, _| true);
    let track = sim.peers[0].track(Source::Microphone);
    sim.command(MediaCommand::SetMuted { room: room(), track, muted: true });
    sim.talk(Duration::from_secs(30));
    assert!(proofs(&sim).is_empty());
    sim.command(MediaCommand::SetMuted { room: room(), track, muted: false });
    sim.talk(Duration::from_secs(3));
    assert!(matches!(proofs(&sim)[..], [(_, HearingProof::Both { .. })]));
    assert!(silences(&sim).is_empty());
}

#[test]
fn a_microphone_that_stops_sending_is_said_every_five_seconds_until_it_sends_again() {
    let mut sim = call(2, |_, _| true);
    sim.talk(Duration::from_secs(3));
    // Silence begins with a look, of which there is one a second, on a tick.
    sim.run_for(Duration::from_secs(13));
    let [first, second] = [0, 1].map(|index: usize| sim.peers[index].id);
    let mut said = silences(&sim);
    said.sort_unstable();
    assert!(said == [(first, 1), (first, 2), (second, 1), (second, 2)], "{}", said.len());
    sim.events.clear();
    sim.talk(Duration::from_secs(8));
    assert!(silences(&sim).is_empty());
    sim.run_for(Duration::from_millis(7_500));
    assert!(silences(&sim).iter().all(|(_, times)| *times == 1), "a new silence");
    assert_eq!(silences(&sim).len(), 2);
}
