//! Spoken dialogues through real Opus and the bundled model.

use std::path::PathBuf;
use std::time::Duration;

use super::super::model::{Model, configured};
use super::super::{CaptionKind, StopMode};
use super::sim::{Dice, Sim, by_arrival, packets, participant, room, with_red};
use super::speech::{Dialogue, word_errors, words};
use crate::WhisperConfig;
use crate::transcription::AudioPacket;

const COST: Duration = Duration::from_millis(60);

pub(super) fn demonstration() -> Model {
    let config =
        WhisperConfig { demonstration_fallback: true, model: PathBuf::new(), ..WhisperConfig::default() };
    configured(&config).unwrap()
}

/// Both channels of a dialogue through the pipeline, their packets changed on the way; errors, words.
fn transcribe(name: &str, change: impl Fn(Vec<AudioPacket>) -> Vec<AudioPacket>) -> (Sim, usize, usize) {
    let dialogue = Dialogue::load(name);
    let mut sim = Sim::new(demonstration(), 4, COST);
    let (doctor, patient) = ((room(1), participant(1)), (room(1), participant(2)));
    sim.pipeline.start_speaker(doctor.0, doctor.1);
    sim.pipeline.start_speaker(patient.0, patient.1);
    let channels = vec![
        change(packets(&dialogue.doctor, doctor, sim.start)),
        change(packets(&dialogue.patient, patient, sim.start)),
    ];
    sim.run(&by_arrival(channels), Duration::from_millis(20 * dialogue.doctor.len() as u64 + 2_000));
    for (room, participant) in [doctor, patient] {
        sim.pipeline.stop_speaker(room, participant, StopMode::Finish, sim.now);
    }
    sim.run(&[], sim.now - sim.start + Duration::from_secs(2));
    let (mut errors, mut total) = (0, 0);
    for (is_doctor, (_, participant)) in [(true, doctor), (false, patient)] {
        let (said, heard) = (self::said(&dialogue, is_doctor), sim.finals(participant));
        errors += word_errors(&said, &heard);
        total += words(&said).len();
    }
    sim.assert_revisions();
    (sim, errors, total)
}

/// Everything one person says.
fn said(dialogue: &Dialogue, doctor: bool) -> String {
    let lines = dialogue.lines.iter().filter(|line| line.doctor == doctor);
    lines.map(|line| line.text.as_str()).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_dialogue_becomes_captions_of_the_right_speakers_in_time() {
    let (sim, errors, total) = transcribe("d01", |packets| packets);
    assert!(errors * 100 <= total * 5, "{errors} of {total} words wrong");
    let ledger = sim.balanced();
    assert_eq!(ledger.gap, 0);
    assert!(ledger.transcribed > 16_000 * 20);

    let dialogue = Dialogue::load("d01");
    let (mut first, mut last) = (Vec::new(), Vec::new());
    let mut seen = std::collections::HashSet::new();
    for sent in &sim.sent {
        let (start, end) =
            (sent.caption.start_ms - super::sim::UNIX_MS, sent.caption.end_ms - super::sim::UNIX_MS);
        if seen.insert(sent.caption.utterance) {
            first.push(sent.at_ms - start);
        }
        if sent.caption.kind == CaptionKind::Final {
            last.push(sent.at_ms - end);
            let overlaps = dialogue.lines.iter().any(|line| {
                line.doctor == (sent.caption.participant == participant(1))
                    && start as f64 / 1000.0 > line.start - 0.2
                    && (end as f64 / 1000.0) < line.end + 0.3
            });
            assert!(overlaps, "{start}..{end} ms is nobody's turn");
        }
    }
    first.sort_unstable();
    last.sort_unstable();
    assert!(first[first.len() / 2] <= 1_200, "first partials: {first:?}");
    assert!(*last.last().unwrap() <= 1_500, "finals: {last:?}");
}

#[test]
fn five_percent_loss_with_red_costs_few_words() {
    let (sim, errors, total) = transcribe("d01", |packets| {
        let mut dice = Dice::new(7);
        with_red(packets).into_iter().filter(|_| !dice.percent(5)).collect()
    });
    assert!(errors * 100 <= total * 5, "{errors} of {total} words wrong");
    assert!(sim.balanced().gap < 16_000);
}

#[test]
fn reordered_and_jittered_packets_change_nothing() {
    let (sim, errors, total) = transcribe("d01", |mut packets| {
        let mut dice = Dice::new(3);
        for packet in &mut packets {
            packet.arrived += Duration::from_millis(u64::from(dice.below(45)));
        }
        packets.sort_by_key(|packet| packet.arrived);
        packets
    });
    assert!(errors * 100 <= total * 5, "{errors} of {total} words wrong");
    assert_eq!(sim.balanced().gap, 0);
}

/// A sender with discontinuous transmission sends nothing while nobody speaks: sequence numbers go on without a
/// hole, timestamps jump.
#[test]
fn a_sender_that_pauses_in_silence_neither_stalls_nor_counts_as_loss() {
    let lines = Dialogue::load("d01").lines;
    let (sim, errors, total) = transcribe("d01", |packets| {
        let doctor = packets.first().is_some_and(|packet| packet.participant == participant(1));
        let spoken = |packet: &AudioPacket| {
            let at = packet.rtp_time as f64 / 48_000.0;
            lines.iter().any(|line| line.doctor == doctor && at > line.start - 0.1 && at < line.end + 0.1)
        };
        let mut sent: Vec<AudioPacket> = packets.into_iter().filter(spoken).collect();
        for (sequence, packet) in (0..).zip(&mut sent) {
            packet.sequence = sequence;
        }
        sent
    });
    assert!(errors * 100 <= total * 5, "{errors} of {total} words wrong");
    assert_eq!(sim.balanced().gap, 0);
    let late = sim.sent.iter().filter(|sent| sent.caption.kind == CaptionKind::Final);
    let worst = late.map(|sent| sent.at_ms - (sent.caption.end_ms - super::sim::UNIX_MS)).max().unwrap();
    assert!(worst <= 1_500, "a final came {worst} ms after the end of speech");
}

#[test]
fn a_long_loss_is_sent_as_a_gap_and_counted() {
    let (sim, _, _) = transcribe("d01", |packets| {
        packets.into_iter().filter(|packet| !(100..200).contains(&packet.sequence)).collect()
    });
    let gaps: Vec<i64> = sim
        .sent
        .iter()
        .filter(|sent| sent.caption.kind == CaptionKind::Gap)
        .map(|sent| sent.caption.end_ms - sent.caption.start_ms)
        .collect();
    assert_eq!(gaps, [2_000, 2_000]);
    assert_eq!(sim.balanced().gap, 2 * 32_000);
}

#[test]
fn withdrawing_in_the_middle_of_a_sentence_retracts_it_and_wipes_the_rest() {
    let dialogue = Dialogue::load("d01");
    let mut sim = Sim::new(demonstration(), 4, COST);
    let doctor = (room(1), participant(1));
    sim.pipeline.start_speaker(doctor.0, doctor.1);
    let packets = packets(&dialogue.doctor, doctor, sim.start);
    sim.run(&packets, Duration::from_millis(3_500));
    let shown = sim.sent.len();
    assert!(shown > 0, "partials of the first sentence");
    sim.pipeline.stop_speaker(doctor.0, doctor.1, StopMode::Withdraw, sim.now);
    let rest: Vec<AudioPacket> = packets.into_iter().filter(|packet| packet.arrived > sim.now).collect();
    sim.run(&rest, Duration::from_secs(20));
    let after: Vec<&CaptionKind> = sim.sent[shown..].iter().map(|sent| &sent.caption.kind).collect();
    assert!(matches!(after[..], [CaptionKind::Retracted]), "exactly one caption follows: the retraction");
    assert!(sim.sent[shown].at_ms <= 3_520);
    let ledger = sim.balanced();
    assert_eq!(ledger.transcribed, 0);
    assert!(ledger.withdrawn > 16_000);
    sim.assert_revisions();
}

/// The sample at an index, 48 kHz.
type Sound = fn(&mut Dice, usize) -> f32;

#[test]
fn silence_and_noise_give_no_words() {
    use opus::{Application, Channels, Encoder};

    let mut dice = Dice::new(11);
    let mut sim = Sim::new(demonstration(), 4, COST);
    let noises: [(&str, Sound); 5] = [
        ("silence", |_, _| 0.0),
        ("white noise", |dice, _| dice.below(2001) as f32 / 1000.0 - 1.0),
        ("quiet noise", |dice, _| (dice.below(2001) as f32 / 1000.0 - 1.0) * 0.01),
        ("mains hum", |_, i| (i as f32 * 50.0 * std::f32::consts::TAU / 48_000.0).sin() * 0.5),
        ("tone", |_, i| (i as f32 * 440.0 * std::f32::consts::TAU / 48_000.0).sin() * 0.5),
    ];
    let mut all = Vec::new();
    for (number, (_, sample)) in (1..).zip(noises) {
        let speaker = (room(number), participant(number));
        sim.pipeline.start_speaker(speaker.0, speaker.1);
        let mut encoder = Encoder::new(48_000, Channels::Mono, Application::Voip).unwrap();
        let opus: Vec<Vec<u8>> = (0..500)
            .map(|packet| {
                let pcm: Vec<f32> = (0..960).map(|i| sample(&mut dice, packet * 960 + i)).collect();
                encoder.encode_vec_float(&pcm, 1500).unwrap()
            })
            .collect();
        all.push(packets(&opus, speaker, sim.start));
    }
    sim.run(&by_arrival(all), Duration::from_secs(12));
    for (number, (name, _)) in (1..).zip(noises) {
        assert_eq!(sim.finals(participant(number)), "", "{name}");
    }
    assert!(sim.sent.is_empty());
}
