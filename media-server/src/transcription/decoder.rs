//! One RTP stream's packets -> 16 kHz mono PCM with nothing missing unnoticed.

use std::time::Instant;

use opus::{Channels, Decoder, packet};

use super::pcm::{RATE, samples};
use super::reorder::{Frame, Hole, Reorder};
use super::tap::AudioPacket;

/// Longer losses are not concealed: invented sound would be transcribed as invented words.
const CONCEAL_AT_MOST: usize = samples(100) as usize;
/// Opus conceals in steps of 2.5 ms.
const CONCEAL_STEP: usize = RATE as usize / 400;
/// How far a stream's audio may run ahead of the clock, samples.
const AHEAD_AT_MOST: u64 = samples(5_000);
/// The longest Opus packet, 120 ms.
const LONGEST: usize = samples(120) as usize;

/// A piece of the speaker's timeline.
pub(super) enum Piece<'a> {
    /// Decoded or concealed; -1..=1.
    Audio(&'a [f32]),
    /// Samples that were sent and did not come.
    Lost(u64),
    /// Samples during which nothing was sent.
    Paused(u64),
}

/// Counts for the metrics.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameCounts {
    pub(super) decoded: u64,
    /// Concealed by in-band FEC or by extrapolation.
    pub(super) concealed: u64,
    pub(super) corrupt: u64,
    pub(super) late: u64,
    /// More audio than time passed: no microphone does that.
    pub(super) excess: u64,
}

impl FrameCounts {
    pub(super) fn add(&mut self, other: Self) {
        self.decoded += other.decoded;
        self.concealed += other.concealed;
        self.corrupt += other.corrupt;
        self.late += other.late;
        self.excess += other.excess;
    }
}

/// Decoder of one stream; a new SSRC gets a new one.
pub(super) struct StreamDecoder {
    reorder: Reorder,
    opus: Decoder,
    output: Box<[f32; LONGEST]>,
    counts: FrameCounts,
    /// Arrival of the first packet, and samples decoded since.
    begun: Option<Instant>,
    decoded: u64,
}

impl StreamDecoder {
    pub(super) fn new() -> Result<Self, opus::Error> {
        Ok(Self {
            reorder: Reorder::default(),
            opus: Decoder::new(RATE as u32, Channels::Mono)?,
            output: Box::new([0.0; LONGEST]),
            counts: FrameCounts::default(),
            begun: None,
            decoded: 0,
        })
    }

    pub(super) fn push(&mut self, packet: &AudioPacket) {
        let begun = *self.begun.get_or_insert(packet.arrived);
        let passed = samples(packet.arrived.saturating_duration_since(begun).as_millis() as u64);
        if self.decoded > passed + AHEAD_AT_MOST {
            self.counts.excess += 1;
            return;
        }
        let inserted = self.reorder.push(packet);
        self.counts.late += inserted.late;
        self.counts.corrupt += inserted.corrupt;
    }

    /// Counts since the last call.
    pub(super) fn take_counts(&mut self) -> FrameCounts {
        std::mem::take(&mut self.counts)
    }

    /// Hands every piece that is settled at `now` to `sink`, with the arrival time of the packet behind it.
    pub(super) fn poll(&mut self, now: Instant, mut sink: impl FnMut(Piece<'_>, Instant)) {
        while let Some((hole, frame)) = self.reorder.poll(now) {
            self.decode(hole, &frame, &mut sink);
        }
    }

    /// As [`Self::poll`], without waiting for what is missing.
    pub(super) fn flush(&mut self, mut sink: impl FnMut(Piece<'_>, Instant)) {
        while let Some((hole, frame)) = self.reorder.take() {
            self.decode(hole, &frame, &mut sink);
        }
    }

    fn decode(&mut self, hole: Hole, frame: &Frame, sink: &mut impl FnMut(Piece<'_>, Instant)) {
        match hole {
            Hole::None => {}
            Hole::Paused(ticks) => sink(Piece::Paused(ticks / 3), frame.arrived),
            Hole::Lost(ticks) => self.conceal((ticks / 3) as usize, frame, sink),
        }
        let ticks = packet::get_nb_samples(&frame.opus, 48_000).unwrap_or(960) as u64;
        self.reorder.taken(frame, ticks);
        if let Ok(count) = self.opus.decode_float(&frame.opus, self.output.as_mut_slice(), false) {
            self.counts.decoded += 1;
            self.emit(count, frame.arrived, sink);
        } else {
            self.counts.corrupt += 1;
            sink(Piece::Lost(ticks / 3), frame.arrived);
        }
    }

    /// Fills `missing` samples before `next`: the last packet's worth from `next`'s in-band FEC, the rest by
    /// extrapolation.
    fn conceal(&mut self, missing: usize, next: &Frame, sink: &mut impl FnMut(Piece<'_>, Instant)) {
        if missing > CONCEAL_AT_MOST || !missing.is_multiple_of(CONCEAL_STEP) {
            sink(Piece::Lost(missing as u64), next.arrived);
            return;
        }
        let from_fec = packet::get_nb_samples(&next.opus, RATE as u32).unwrap_or(0).min(missing);
        for (count, payload, fec) in [(missing - from_fec, &[][..], false), (from_fec, &next.opus[..], true)]
        {
            let Some(output) = self.output.get_mut(..count).filter(|output| !output.is_empty()) else {
                continue;
            };
            match self.opus.decode_float(payload, output, fec) {
                Ok(filled) if filled == count => {
                    self.counts.concealed += 1;
                    self.emit(count, next.arrived, sink);
                }
                _ => sink(Piece::Lost(count as u64), next.arrived),
            }
        }
    }

    fn emit(&mut self, count: usize, arrived: Instant, sink: &mut impl FnMut(Piece<'_>, Instant)) {
        self.decoded += count as u64;
        let decoded = self.output.get_mut(..count).unwrap_or_default();
        // Opus may overshoot by a little.
        for sample in &mut *decoded {
            *sample = sample.clamp(-1.0, 1.0);
        }
        sink(Piece::Audio(decoded), arrived);
        decoded.fill(0.0);
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test begins at some instant")]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use opus::{Application, Bitrate, Encoder};
    use uuid::Uuid;

    use super::*;
    use crate::{ParticipantId, RoomId};

    /// A 440 Hz tone in Opus packets of 20 ms with in-band FEC.
    fn tone(packets: u64, start: Instant) -> Vec<AudioPacket> {
        let mut encoder = Encoder::new(48_000, Channels::Mono, Application::Voip).unwrap();
        encoder.set_inband_fec(true).unwrap();
        encoder.set_packet_loss_perc(20).unwrap();
        encoder.set_bitrate(Bitrate::Bits(24_000)).unwrap();
        (0..packets)
            .map(|sequence| {
                let wave: Vec<f32> = (0..960)
                    .map(|i| {
                        (((sequence * 960 + i) as f32) * 440.0 * std::f32::consts::TAU / 48_000.0).sin() * 0.3
                    })
                    .collect();
                AudioPacket {
                    room: RoomId::from_uuid(Uuid::nil()),
                    participant: ParticipantId::from_uuid(Uuid::nil()),
                    stream: 0,
                    sequence,
                    rtp_time: sequence * 960,
                    red: false,
                    payload: Arc::from(encoder.encode_vec_float(&wave, 1500).unwrap()),
                    arrived: start + Duration::from_millis(20 * sequence),
                }
            })
            .collect()
    }

    /// (samples of audio, lost, paused) and the PCM with losses as zeros.
    fn decode<'a>(
        packets: impl Iterator<Item = &'a AudioPacket>,
    ) -> ((u64, u64, u64), Vec<f32>, FrameCounts) {
        let mut decoder = StreamDecoder::new().unwrap();
        let (mut total, mut pcm) = ((0, 0, 0), Vec::new());
        let mut sink = |piece: Piece<'_>, _: Instant| match piece {
            Piece::Audio(audio) => {
                total.0 += audio.len() as u64;
                pcm.extend_from_slice(audio);
            }
            Piece::Lost(count) => {
                total.1 += count;
                pcm.resize(pcm.len() + count as usize, 0.0);
            }
            Piece::Paused(count) => total.2 += count,
        };
        for packet in packets {
            decoder.push(packet);
            decoder.poll(packet.arrived, &mut sink);
        }
        decoder.flush(&mut sink);
        (total, pcm, decoder.counts)
    }

    fn rms(pcm: &[f32]) -> f32 {
        (pcm.iter().map(|sample| sample * sample).sum::<f32>() / pcm.len() as f32).sqrt()
    }

    #[test]
    fn every_sample_of_a_clean_stream_comes_out() {
        let packets = tone(50, Instant::now());
        let (total, pcm, counts) = decode(packets.iter());
        assert_eq!((total, counts.decoded), ((16_000, 0, 0), 50));
        assert!((rms(&pcm[1000..]) - 0.3 / 2_f32.sqrt()).abs() < 0.03);
    }

    #[test]
    fn short_losses_are_concealed_and_long_ones_stay_losses() {
        let packets = tone(60, Instant::now());
        let lost =
            |sequence: u64| sequence == 20 || (30..33).contains(&sequence) || (40..47).contains(&sequence);
        let (total, pcm, counts) = decode(packets.iter().filter(|packet| !lost(packet.sequence)));
        assert_eq!(total, (320 * 53, 320 * 7, 0));
        // One hole by FEC alone, one by extrapolation and then FEC.
        assert_eq!((counts.decoded, counts.concealed), (49, 3));
        assert!(rms(&pcm[20 * 320..21 * 320]) > 0.1, "the concealed packet has sound");
        assert!(rms(&pcm[40 * 320..47 * 320]) < 1e-6, "the long loss has none");
    }

    #[test]
    fn a_sender_of_more_audio_than_time_passes_is_held_back() {
        let start = Instant::now();
        let mut packets = tone(1_000, start);
        for packet in &mut packets {
            packet.arrived = start + packet.arrived.duration_since(start) / 100;
        }
        let (total, _, counts) = decode(packets.iter());
        assert!(total.0 < samples(5_500), "{total:?}");
        assert_eq!(counts.decoded + counts.excess, 1_000);
    }

    #[test]
    fn hostile_payloads_become_losses() {
        let mut packets = tone(3, Instant::now());
        packets[1].payload = Arc::from([0xff_u8; 7]);
        let (total, _, counts) = decode(packets.iter());
        assert_eq!(total.0 + total.1, 960);
        assert_eq!(counts.corrupt, 1);
    }
}
