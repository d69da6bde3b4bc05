//! One track of another participant, as this one receives it.

use std::time::Instant;

use str0m::media::MediaKind;
use str0m::rtp::{Ssrc, Vp8Descriptor};

use super::ledger::Ledger;
use super::peer::Arrived;
use super::picture::{Packet, Picture};
use super::quality::Quality;
use super::stamp::{Stamp, Stream};
use super::voice::Voice;

pub struct Reception {
    pub ledger: Ledger,
    /// Where it counts what people get, beside what arrives.
    people: Option<People>,
}

enum People {
    Listener(Voice),
    Viewer(Box<Picture>, Option<Ssrc>),
}

impl Reception {
    /// `rated`: what people get counts.
    pub fn new(now: Instant, kind: MediaKind, rated: bool) -> Self {
        let people = match kind {
            MediaKind::Audio => People::Listener(Voice::default()),
            MediaKind::Video => People::Viewer(Picture::new(now).into(), None),
        };
        Self { ledger: Ledger::default(), people: rated.then_some(people) }
    }

    pub fn begin(&mut self, now: Instant, sent: &[u64; Stream::COUNT], first: Stream) {
        self.ledger.begin(sent, first);
        match &mut self.people {
            Some(People::Listener(voice)) => voice.begin(sent[Stream::Audio.index()]),
            Some(People::Viewer(picture, _)) => picture.begin(now),
            None => {}
        }
    }

    pub fn end(&mut self, now: Instant, sent: &[u64; Stream::COUNT]) {
        self.ledger.end(sent);
        match &mut self.people {
            Some(People::Listener(voice)) => voice.end(sent[Stream::Audio.index()]),
            Some(People::Viewer(picture, _)) => picture.end(now),
            None => {}
        }
    }

    /// `payload`: of the packet, or of its primary block.
    pub fn arrived(&mut self, at: Instant, stamp: &Stamp, packet: &Arrived, payload: &[u8]) {
        let layer = match stamp.stream {
            Stream::Audio => None,
            Stream::Video(layer) => Some(layer),
        };
        let starts_keyframe = layer.is_some()
            && Vp8Descriptor::parse(payload).is_ok_and(|descriptor| descriptor.starts_keyframe(payload));
        self.ledger.arrived(stamp.stream, stamp.number, starts_keyframe);
        match (&mut self.people, layer) {
            (Some(People::Listener(voice)), _) => voice.hear(stamp.number),
            (Some(People::Viewer(picture, ssrc)), Some(layer)) => {
                *ssrc = Some(packet.ssrc);
                // RFC 7741 §4.2: the S bit, and partition 0.
                let starts = payload.first().is_some_and(|descriptor| descriptor & 0x17 == 0x10);
                let (marker, number) = (packet.marker, stamp.number);
                let seen = Packet { starts, starts_keyframe, marker, layer, number };
                picture.arrive(at, packet.sequence, seen);
            }
            _ => {}
        }
    }

    /// A redundant block.
    pub fn arrived_again(&mut self, stamp: &Stamp) {
        if let Some(People::Listener(voice)) = &mut self.people {
            voice.hear(stamp.number);
        }
    }

    /// The stream of which a keyframe is needed now.
    pub fn wants_keyframe_of(&mut self, now: Instant) -> Option<Ssrc> {
        match &mut self.people {
            Some(People::Viewer(picture, ssrc)) => ssrc.filter(|_| picture.asks_for_keyframe(now)),
            _ => None,
        }
    }

    pub fn rate(&self, quality: &mut Quality, steps_from: Option<Instant>) {
        match &self.people {
            Some(People::Listener(voice)) => quality.hear(voice),
            Some(People::Viewer(picture, _)) => quality.watch(picture, steps_from),
            None => {}
        }
    }
}
