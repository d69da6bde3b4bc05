//! Who sees which simulcast layer: looked at on every tick, at a new estimate and when a screen changes.

use std::time::Instant;

use super::Engine;
use crate::demux::Slot;
use crate::room::layers::Layer;
use crate::session::{Connection, Demand, Session};
use crate::{ParticipantId, RoomId, Tile, TrackId};

impl Engine {
    /// Takes over what the participant's screen shows.
    pub(super) fn set_tiles(
        &mut self,
        now: Instant,
        room: RoomId,
        participant: ParticipantId,
        tiles: &[Tile],
    ) {
        let Some(room) = self.rooms.get_mut(&room) else { return };
        room.member(participant).show(tiles);
        if let Some(slot) = room.slot(participant) {
            self.choose_layers(now, slot);
        }
    }

    pub(super) fn choose_all_layers(&mut self, now: Instant) {
        let viewers = self.sessions.iter().flatten().filter(|session| session.has_layers_to_choose());
        let slots: Vec<Slot> = viewers.map(|session| session.slot).collect();
        for slot in slots {
            self.choose_layers(now, slot);
        }
    }

    /// Not before the session is connected: a keyframe that comes too early is lost, and browsers make the next one
    /// 300 ms later at the earliest.
    pub(super) fn choose_layers(&mut self, now: Instant, slot: Slot) {
        let Some(session) = self.session(slot).filter(|session| matches!(session.connection, Connection::Up))
        else {
            return;
        };
        let room = session.grant.room;
        let demands = self.demands(now, session);
        let mut wanted = Vec::new();
        self.drive(slot, |session| wanted = session.choose_layers(now, &demands));
        for (track, layer) in wanted {
            self.want_keyframe(now, room, track, layer);
        }
    }

    fn demands(&self, now: Instant, session: &Session) -> Vec<(str0m::media::Mid, Demand)> {
        let Some(room) = self.rooms.get(&session.grant.room) else { return Vec::new() };
        let viewer = room.members.get(&session.grant.participant);
        let demand = |track: TrackId, current: Option<Layer>| Demand {
            source: track.source,
            wanted: viewer.map_or(Some(Layer::High), |viewer| viewer.wants(track)),
            rates: room.rates(now, track),
            current,
        };
        let pictures = session.open_pictures();
        pictures.map(|(mid, track, current)| (mid, demand(track, current))).collect()
    }
}
