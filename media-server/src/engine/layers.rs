//! Who sees which simulcast layer: looked at on every third tick where somebody sends, on the next one where a layer has
//! begun, at a new estimate and when a screen changes.

use std::time::{Duration, Instant};

use super::Engine;
use crate::demux::Slot;
use crate::room::layers::Layer;
use crate::session::{Connection, Demand, Picture, Session};
use crate::{ParticipantId, RoomId, Tile};

/// Everybody's layers are looked at on each of so many ticks.
const TICKS: u8 = 3;
/// Where nobody has sent anything for this long, nothing is probed for.
const QUIET: Duration = Duration::from_millis(500);
/// And here nothing is left to choose: layers count as arriving for a second after their last packet.
const SETTLED: Duration = Duration::from_millis(1_200);

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

    /// On a tick: for everybody in whose room something is sent, or for those in whose room a layer has begun.
    pub(super) fn choose_all_layers(&mut self, now: Instant) {
        let all = self.ticks_left == 0;
        self.ticks_left = self.ticks_left.checked_sub(1).unwrap_or(TICKS - 1);
        self.begun.sort_unstable();
        for slot in 0..self.sessions.len() {
            let Ok(slot) = Slot::try_from(slot) else { return };
            let due = |session: &Session| {
                let room = session.grant.room;
                all && !self.is_quiet(now, room, SETTLED) || self.begun.binary_search(&room).is_ok()
            };
            if self.session(slot).is_some_and(|session| due(session) && session.has_layers_to_choose()) {
                self.choose_layers(now, slot);
            }
        }
        self.begun.clear();
    }

    /// Not before the session is connected: a keyframe that comes too early is lost, and browsers make the next one
    /// 300 ms later at the earliest.
    pub(super) fn choose_layers(&mut self, now: Instant, slot: Slot) {
        let Some(session) = self.session(slot).filter(|session| matches!(session.connection, Connection::Up))
        else {
            return;
        };
        let room = session.grant.room;
        let mut pictures = std::mem::take(&mut self.pictures);
        self.pictures_of(now, slot, &mut pictures);
        let may_probe = !self.is_quiet(now, room, QUIET);
        let mut wanted = Vec::new();
        self.drive(slot, |session| wanted = session.choose_layers(now, &mut pictures, may_probe));
        pictures.clear();
        self.pictures = pictures;
        for (track, layer) in wanted {
            self.want_keyframe(now, room, track, layer);
        }
    }

    /// Nobody has sent anything there for so long.
    fn is_quiet(&self, now: Instant, room: RoomId, long: Duration) -> bool {
        self.rooms.get(&room).is_none_or(|room| now.saturating_duration_since(room.active) >= long)
    }

    /// What the participant could be shown.
    fn pictures_of(&self, now: Instant, slot: Slot, pictures: &mut Vec<Picture>) {
        let Some(session) = self.session(slot) else { return };
        let Some(room) = self.rooms.get(&session.grant.room) else { return };
        let viewer = room.members.get(&session.grant.participant);
        pictures.extend(session.open_pictures().map(|(mid, track, current)| {
            let tile = viewer.map_or(Some(Layer::High), |viewer| viewer.wants(track));
            let rates = room.rates(now, track);
            let demand = Demand { source: track.source, wanted: tile, rates, current };
            Picture { mid, tile, demand, layer: None }
        }));
    }
}
