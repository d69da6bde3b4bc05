//! From one participant's packet to everyone who receives it.

use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::Engine;
use crate::demux::Slot;
use crate::room::layers::Layer;
use crate::room::redundancy::Taken;
use crate::session::{Connection, Forwarded, Frame, Incoming, SessionEvent, is_red};
use crate::transcription::AudioPacket;
use crate::{MediaEvent, RoomId, Source, TrackId};

impl Engine {
    pub(super) fn handle_session_event(&mut self, now: Instant, slot: Slot, event: SessionEvent) {
        let Some(session) = self.session_mut(slot) else { return };
        let (room, participant) = (session.grant.room, session.grant.participant);
        match event {
            SessionEvent::Packet(incoming) => {
                self.route(now, room, TrackId { participant, source: incoming.source }, &incoming);
            }
            SessionEvent::Connected => {
                self.tell(MediaEvent::Connected { room, participant });
                self.choose_layers(now, slot);
            }
            SessionEvent::EstimateChanged => self.choose_layers(now, slot),
            SessionEvent::Disconnected => {
                session.connection = Connection::Lost { since: now };
                self.tell(MediaEvent::Disconnected { room, participant });
            }
            SessionEvent::KeyframeRequested(mid) => {
                let forward = session.forwards.iter().find(|forward| forward.mid == mid);
                let wanted = forward.and_then(|forward| forward.track.zip(forward.shown_or_target()));
                if let Some((track, layer)) = wanted {
                    self.want_keyframe(now, room, track, layer);
                }
            }
            SessionEvent::Quality { level, rtt, loss_percent } => {
                let rtt_ms = rtt.and_then(|rtt| u32::try_from(rtt.as_millis()).ok());
                self.tell(MediaEvent::Quality { room, participant, level, rtt_ms, loss_percent });
            }
        }
    }

    fn route(&mut self, now: Instant, room_id: RoomId, id: TrackId, incoming: &Incoming) {
        self.counters.packets_received += 1;
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        room.active = now;
        let muted = room.is_muted(id);
        let Some(frame) = Frame::parse(&incoming.params, &incoming.packet.payload) else {
            self.counters.dropped_malformed += 1;
            return;
        };
        let track = room.tracks.entry(id).or_default();
        if !std::mem::replace(&mut track.announced, true) {
            self.events.push_back(MediaEvent::TrackPublished { room: room_id, track: id });
            self.urgent = true;
        }
        let layer = track.layers.get_mut(incoming.layer);
        let begins = layer.received(now, incoming.packet.payload.len());
        if begins && !id.source.is_audio() && self.begun.last() != Some(&room_id) {
            self.begun.push(room_id);
        }
        if frame.starts_keyframe() {
            layer.keyframes.arrived(now);
        }
        if muted {
            return;
        }
        let red = is_red(&incoming.params, incoming.packet.payload_type);
        let taken = matches!(frame, Frame::Audio).then(|| track.redundancy.take(incoming, red));
        if id.source == Source::Microphone {
            self.listen(now, room_id, id, incoming);
        }
        if let Some(Taken { missed, first }) = taken {
            if let Some(missed) = missed {
                self.counters.packets_recovered += 1;
                self.fan_out(now, room_id, id, &missed, &frame);
            }
            if !first {
                return;
            }
        }
        if self.fan_out(now, room_id, id, incoming, &frame) {
            self.want_keyframe(now, room_id, id, incoming.layer);
        }
    }

    /// Speaker levels, and the caption tap where the speaker has consented.
    fn listen(&mut self, now: Instant, room_id: RoomId, id: TrackId, incoming: &Incoming) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        if let Some(db) = incoming.packet.level {
            room.speakers.observe(now, id.participant, db);
        }
        let captioned = room.members.get(&id.participant).is_some_and(|member| member.captioned);
        if let (true, Some(tap)) = (captioned, &mut self.tap) {
            tap.offer(audio_packet(room_id, id, incoming));
        }
    }

    /// Writes the packet to every subscriber; true when one of them cannot go on without a keyframe.
    fn fan_out(
        &mut self,
        now: Instant,
        room: RoomId,
        id: TrackId,
        incoming: &Incoming,
        frame: &Frame,
    ) -> bool {
        let Some(track) = self.rooms.get(&room).and_then(|room| room.tracks.get(&id)) else { return false };
        let mut keyframe_needed = false;
        let red = is_red(&incoming.params, incoming.packet.payload_type);
        let deepened = OnceCell::new();
        for (slot, mid) in &track.subscribers {
            let Some(session) = self.sessions.get_mut(usize::from(*slot)).and_then(Option::as_mut) else {
                continue;
            };
            if !matches!(session.connection, Connection::Up) {
                continue;
            }
            let first_write = !session.is_written_to();
            let lossy = red && session.is_lossy();
            let deepened = lossy.then(|| deepened.get_or_init(|| track.redundancy.deepened(incoming)));
            let incoming = deepened.and_then(Option::as_ref).unwrap_or(incoming);
            match catch_unwind(AssertUnwindSafe(|| session.forward(now, *mid, incoming, frame))) {
                Ok(Forwarded::Sent) => {
                    self.counters.packets_forwarded += 1;
                    if first_write {
                        self.written.push_back(*slot);
                    }
                }
                Ok(Forwarded::NeedsKeyframe) => keyframe_needed = true,
                Ok(Forwarded::OtherLayer) => {}
                Ok(Forwarded::Dropped) => self.counters.packets_not_forwarded += 1,
                Err(_) => self.failed.push(*slot),
            }
        }
        keyframe_needed
    }

    /// Somebody cannot show this layer without a keyframe; asks at once unless that was done just now.
    pub(super) fn want_keyframe(&mut self, now: Instant, room: RoomId, track: TrackId, layer: Layer) {
        let Some(state) = self.rooms.get_mut(&room).and_then(|room| room.tracks.get_mut(&track)) else {
            return;
        };
        state.layers.get_mut(layer).keyframes.want(now);
        self.request_keyframe_if_due(now, room, track, layer);
    }

    /// Before the first packet of a stream there is no one to ask: until then the request stays due.
    pub(super) fn request_keyframe_if_due(
        &mut self,
        now: Instant,
        room_id: RoomId,
        track: TrackId,
        layer: Layer,
    ) {
        let Some(slot) = self.rooms.get(&room_id).and_then(|room| room.slot(track.participant)) else {
            return;
        };
        if !self.session(slot).is_some_and(|session| session.is_sending(track.source, layer)) {
            return;
        }
        let state = self.rooms.get_mut(&room_id).and_then(|room| room.tracks.get_mut(&track));
        if state.is_some_and(|state| state.layers.get_mut(layer).keyframes.poll(now)) {
            self.counters.keyframe_requests += 1;
            self.drive(slot, |session| session.request_keyframe(track.source, layer));
        }
    }
}

fn audio_packet(room: RoomId, id: TrackId, incoming: &Incoming) -> AudioPacket {
    let packet = &incoming.packet;
    AudioPacket {
        room,
        participant: id.participant,
        stream: incoming.stream,
        sequence: packet.numbers.sequence,
        rtp_time: packet.rtp_time,
        red: is_red(&incoming.params, packet.payload_type),
        payload: packet.payload.clone(),
        arrived: packet.arrived,
    }
}
