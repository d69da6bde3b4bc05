//! More speech than the machine can transcribe: stated steps, an exact account, nothing dropped silently.

use std::time::Duration;

use super::super::{AudioPacket, CaptionKind, StopMode};
use super::sim::{Sim, by_arrival, packets, participant, room};
use super::speech::Dialogue;

/// `rooms` consultations that all speak dialogue d01; everybody then leaves.
fn consultations(sim: &mut Sim, rooms: u128) {
    let dialogue = Dialogue::load("d01");
    let mut channels: Vec<Vec<AudioPacket>> = Vec::new();
    for number in 0..rooms {
        for (who, opus) in [(1, &dialogue.doctor), (2, &dialogue.patient)] {
            let speaker = (room(number), participant(10 * number + who));
            sim.pipeline.start_speaker(speaker.0, speaker.1);
            channels.push(packets(opus, speaker, sim.start));
        }
    }
    sim.run(&by_arrival(channels), Duration::from_millis(20 * dialogue.doctor.len() as u64));
    for number in 0..rooms {
        for who in [1, 2] {
            sim.pipeline.stop_speaker(
                room(number),
                participant(10 * number + who),
                StopMode::Finish,
                sim.now,
            );
        }
    }
    sim.run(&[], sim.now - sim.start + Duration::from_secs(15));
}

fn count(sim: &Sim, kind: &CaptionKind) -> usize {
    sim.sent.iter().filter(|sent| sent.caption.kind == *kind).count()
}

#[test]
fn three_times_too_much_speech_becomes_captions_and_recorded_gaps_to_the_sample() {
    // 4 consultations speak for 0.75 s in every second, 8 x 9 / 2 utterances in all; finals alone need 36 x 3 s in
    // 35.5 s of dialogue.
    let mut sim = Sim::scripted(8, Duration::from_secs(3));
    consultations(&mut sim, 4);
    let ledger = sim.balanced();
    assert!(ledger.gap > 0 && ledger.transcribed > 0, "{ledger:?}");
    assert_eq!(count(&sim, &CaptionKind::Final) + count(&sim, &CaptionKind::Gap), 36);
    sim.assert_revisions();
    // Every gap names its span.
    for sent in sim.sent.iter().filter(|sent| sent.caption.kind == CaptionKind::Gap) {
        assert!(sent.caption.end_ms > sent.caption.start_ms);
    }
}

#[test]
fn under_overload_partials_give_way_to_finals() {
    let mut easy = Sim::scripted(8, Duration::from_millis(30));
    consultations(&mut easy, 2);
    let mut hard = Sim::scripted(8, Duration::from_millis(900));
    consultations(&mut hard, 2);
    assert_eq!(easy.inferences.1, 18);
    assert_eq!(hard.inferences.1, 18, "every final was transcribed");
    assert!(easy.inferences.0 > 50, "{:?}", easy.inferences);
    assert!(hard.inferences.0 < 25, "{:?}", hard.inferences);
    assert_eq!(hard.balanced().gap, 0);
}

#[test]
fn consultations_beyond_the_promise_get_every_final_and_fewer_partials() {
    let mut sim = Sim::scripted(1, Duration::from_millis(30));
    consultations(&mut sim, 2);
    assert_eq!(count(&sim, &CaptionKind::Final), 18);
    let partials = |number| {
        let shown = |kind: &CaptionKind| matches!(kind, CaptionKind::Partial { .. });
        sim.sent.iter().filter(|sent| sent.caption.room == room(number) && shown(&sent.caption.kind)).count()
    };
    assert!(partials(1) >= 9 && partials(1) * 3 < partials(0) * 2, "{} and {}", partials(0), partials(1));
}

#[test]
fn a_room_that_ends_under_overload_answers_after_five_seconds_with_gaps() {
    let dialogue = Dialogue::load("d01");
    let mut sim = Sim::scripted(8, Duration::from_secs(8));
    let doctor = (room(1), participant(1));
    sim.pipeline.start_speaker(doctor.0, doctor.1);
    sim.run(&packets(&dialogue.doctor, doctor, sim.start), Duration::from_secs(24));
    let (reply, mut finished) = tokio::sync::oneshot::channel();
    sim.pipeline.finish_room(room(1), reply, sim.now);
    sim.run(&[], Duration::from_millis(28_900));
    assert!(finished.try_recv().is_err());
    sim.run(&[], Duration::from_millis(29_100));
    assert!(finished.try_recv().is_ok());
    assert!(count(&sim, &CaptionKind::Gap) > 0);
    sim.balanced();
}

#[test]
fn a_speaker_who_stops_and_starts_again_goes_on_with_new_utterances() {
    let dialogue = Dialogue::load("d01");
    let mut sim = Sim::scripted(8, Duration::from_millis(60));
    let doctor = (room(1), participant(1));
    sim.pipeline.start_speaker(doctor.0, doctor.1);
    let all = packets(&dialogue.doctor, doctor, sim.start);
    sim.run(&all, Duration::from_secs(3));
    sim.pipeline.stop_speaker(doctor.0, doctor.1, StopMode::Finish, sim.now);
    sim.pipeline.start_speaker(doctor.0, doctor.1);
    let rest: Vec<AudioPacket> = all.into_iter().filter(|packet| packet.arrived > sim.now).collect();
    sim.run(&rest, Duration::from_secs(20));
    sim.pipeline.stop_speaker(doctor.0, doctor.1, StopMode::Finish, sim.now);
    sim.run(&[], Duration::from_secs(22));
    sim.assert_revisions();
    let finals: Vec<u64> = sim
        .sent
        .iter()
        .filter(|sent| sent.caption.kind == CaptionKind::Final)
        .map(|sent| sent.caption.utterance)
        .collect();
    assert!(finals.len() >= 4 && finals.is_sorted(), "{finals:?}");
    sim.balanced();
}
