//! One client: its connections, what it sends and what it must receive.
#![expect(clippy::disallowed_methods, reason = "stamps packets with the time that both ends share")]

use std::collections::HashMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use str0m::media::{MediaKind, Mid, Rid};
use str0m::rtp::RedDecoder;

use super::ledger::Tally;
use super::link::{Link, Profile};
use super::media::{self, AUDIO_TICKS, LAYERS, Part, VIDEO_TICKS};
use super::peer::{Arrived, Outgoing, Peer};
use super::quality::Quality;
use super::quantiles::Latencies;
use super::reception::Reception;
use super::scenario::Scenario;
use super::stamp::{Stamp, Stream};

/// Which participant of the whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Who {
    pub room: u32,
    pub seat: u16,
}

/// The m-lines of a participant that publishes.
#[derive(Clone, Copy)]
pub struct Lines {
    pub audio: Mid,
    pub video: Option<Mid>,
}

/// A track of another participant.
type Track = (u16, MediaKind);

pub struct Participant {
    pub who: Who,
    scenario: Scenario,
    /// Everything that is sent; with most systems also everything that is received.
    pub main: Option<Peer>,
    /// A second connection that only receives, where the system under test wants that.
    pub second: Option<Peer>,
    pub lines: Option<Lines>,
    /// `None`: as good as the machine's own network.
    pub link: Option<Link>,
    /// Its microphone sends RED.
    red: bool,
    /// The payload before, for RED.
    said: Option<Vec<u8>>,
    /// Packets of each stream so far.
    pub sent: [u64; Stream::COUNT],
    frame: u64,
    keyframe_due: bool,
    receptions: HashMap<Track, Reception>,
    /// Packets that should never have come here.
    pub misrouted: u64,
    pub asked: Instant,
    pub complete: bool,
}

/// The wall clock, nanoseconds since the Unix epoch: what the kernel stamps datagrams with.
pub fn wall_clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

impl Participant {
    /// `profile`: of its network; `seed`: of what happens there.
    pub fn new(now: Instant, who: Who, scenario: Scenario, profile: Option<Profile>, seed: u64) -> Self {
        let mut kinds = vec![MediaKind::Audio];
        if scenario.video {
            kinds.push(MediaKind::Video);
        }
        let others = (0..scenario.publishers).filter(|seat| *seat != who.seat);
        let tracks = others.flat_map(|seat| kinds.iter().map(move |kind| (seat, *kind)));
        Self {
            who,
            scenario,
            main: None,
            second: None,
            lines: None,
            link: profile
                .filter(|profile| profile.everyone || who.seat == 0)
                .map(|profile| Link::new(profile, seed)),
            red: profile.is_some(),
            said: None,
            sent: [0; Stream::COUNT],
            frame: 0,
            keyframe_due: true,
            receptions: tracks
                .map(|track| (track, Reception::new(now, track.1, profile.is_some())))
                .collect(),
            misrouted: 0,
            asked: now,
            complete: false,
        }
    }

    pub fn publishes(&self) -> bool {
        self.who.seat < self.scenario.publishers
    }

    /// What it receives, in a fixed order.
    pub fn tracks(&self) -> Vec<Track> {
        let mut tracks: Vec<Track> = self.receptions.keys().copied().collect();
        tracks.sort_by_key(|(seat, kind)| (*seat, kind.is_video()));
        tracks
    }

    /// Media can be sent.
    pub fn is_up(&self) -> bool {
        self.lines.is_some() && self.main.as_ref().is_some_and(|peer| peer.connected)
    }

    /// `speech`: what it says; nothing: filler.
    pub fn send_audio(&mut self, now: Instant, speech: &[Vec<u8>]) -> Result<()> {
        let (Some(lines), Some(peer)) = (self.lines, &mut self.main) else { return Ok(()) };
        let number = self.sent[Stream::Audio.index()];
        let stamp = stamp(self.who, Stream::Audio, number);
        self.sent[Stream::Audio.index()] += 1;
        // Speakers are at different places.
        let place = number as usize + 977 * self.who.room as usize;
        let spoken = (!speech.is_empty()).then(|| speech[place % speech.len()].clone());
        let mut payload = spoken.unwrap_or_else(|| media::audio(&stamp));
        if self.red {
            let before = self.said.replace(payload.clone());
            payload = media::red(peer.opus()?, before, &payload);
        }
        let packet = Outgoing {
            mid: lines.audio,
            rid: None,
            sequence: 1000 + number,
            time: (number as u32).wrapping_mul(AUDIO_TICKS),
            marker: false,
            red: self.red,
            payload,
        };
        peer.write(now, packet)?;
        peer.timeout(now)
    }

    /// One frame in every layer.
    pub fn send_video(&mut self, now: Instant) -> Result<()> {
        let (Some(Lines { video: Some(mid), .. }), Some(peer)) = (self.lines, &mut self.main) else {
            return Ok(());
        };
        self.keyframe_due |= std::mem::take(&mut peer.keyframe_wanted);
        let keyframe = std::mem::take(&mut self.keyframe_due);
        let simulcast = self.scenario.layers > 1;
        let (first, count) = if simulcast { (0, LAYERS.len()) } else { (self.scenario.single.into(), 1) };
        for (index, layer) in LAYERS.iter().enumerate().skip(first).take(count) {
            let stream = Stream::Video(index as u8);
            for part in 0..layer.packets {
                let number = self.sent[stream.index()];
                let stamp = stamp(self.who, stream, number);
                let part_of = Part { frame: self.frame, index: part, keyframe, simulcast };
                self.sent[stream.index()] += 1;
                let packet = Outgoing {
                    mid,
                    rid: simulcast.then(|| Rid::from(layer.rid)),
                    sequence: 1000 + number,
                    time: (self.frame as u32).wrapping_mul(VIDEO_TICKS),
                    marker: part + 1 == layer.packets,
                    red: false,
                    payload: media::video(&stamp, &part_of),
                };
                peer.write(now, packet)?;
            }
        }
        self.frame += 1;
        peer.timeout(now)
    }

    /// Enters a packet that arrived at `at`, by the kernel's clock at `arrived`; `latencies` takes what counts.
    pub fn account(
        &mut self,
        at: Instant,
        arrived: u64,
        packet: &Arrived,
        latencies: Option<&mut Latencies>,
    ) {
        if !packet.red {
            return self.enter(at, arrived, packet, &packet.payload, latencies);
        }
        let Ok(mut blocks) = RedDecoder::decode(&packet.payload) else { return };
        let Some(primary) = blocks.pop() else { return };
        for stamp in blocks.iter().filter_map(|block| Stamp::find(block.payload)) {
            if let Some(reception) = self.receptions.get_mut(&(stamp.seat, MediaKind::Audio)) {
                reception.arrived_again(&stamp);
            }
        }
        self.enter(at, arrived, packet, primary.payload, latencies);
    }

    fn enter(
        &mut self,
        at: Instant,
        arrived: u64,
        packet: &Arrived,
        payload: &[u8],
        latencies: Option<&mut Latencies>,
    ) {
        // Padding probes of the congestion control carry no payload of ours.
        let Some(stamp) = Stamp::find(payload) else { return };
        let kind = if stamp.stream == Stream::Audio { MediaKind::Audio } else { MediaKind::Video };
        let track = (stamp.seat, kind);
        let reception = self.receptions.get_mut(&track).filter(|_| stamp.room == self.who.room);
        let Some(reception) = reception else {
            self.misrouted += 1;
            return;
        };
        reception.arrived(at, &stamp, packet, payload);
        if let Some(latencies) = latencies {
            latencies.add(arrived.saturating_sub(stamp.sent));
        }
    }

    /// Asks for the keyframes that its pictures wait for.
    pub fn ask_for_keyframes(&mut self, now: Instant) -> Result<()> {
        for reception in self.receptions.values_mut() {
            if let (Some(ssrc), Some(peer)) = (reception.wants_keyframe_of(now), &mut self.main) {
                peer.request_keyframe(now, ssrc)?;
            }
        }
        Ok(())
    }

    /// Something of every track has arrived.
    pub fn receives_all(&self) -> bool {
        self.receptions.values().all(|reception| reception.ledger.started())
    }

    /// `sent`: of each publisher, by seat.
    pub fn begin(&mut self, now: Instant, sent: &[[u64; Stream::COUNT]]) {
        let first_layer = self.scenario.first_layer();
        for ((seat, kind), reception) in &mut self.receptions {
            let first = if kind.is_audio() { Stream::Audio } else { first_layer };
            reception.begin(now, &sent[usize::from(*seat)], first);
        }
    }

    pub fn end(&mut self, now: Instant, sent: &[[u64; Stream::COUNT]]) {
        for ((seat, _), reception) in &mut self.receptions {
            reception.end(now, &sent[usize::from(*seat)]);
        }
    }

    pub fn rate(&self, quality: &mut Quality, steps_from: Option<Instant>) {
        self.receptions.values().for_each(|reception| reception.rate(quality, steps_from));
    }

    pub fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        for reception in self.receptions.values() {
            sum += reception.ledger.tally();
        }
        sum
    }
}

fn stamp(who: Who, stream: Stream, number: u64) -> Stamp {
    Stamp { room: who.room, seat: who.seat, stream, number, sent: wall_clock() }
}
