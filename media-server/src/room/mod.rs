//! A room: who is in it, what they publish, who receives what. Lives on one worker for its whole life.

pub(crate) mod hearing;
pub(crate) mod keyframes;
pub(crate) mod layers;
pub(crate) mod redundancy;
pub(crate) mod rewrite;
pub(crate) mod speaker;

use std::time::Instant;

use str0m::media::Mid;

use crate::demux::Slot;
use crate::ids::IdMap;
use crate::{ParticipantId, Source, Tile, TrackId};
use hearing::{Hearing, Silence};
use layers::{Layer, LayerState, PerLayer};
use redundancy::Redundancy;
use speaker::ActiveSpeakers;

/// More tracks than a room of the greatest configurable size can hold are not worth remembering.
const MAX_TILES: usize = 256;

/// One participant of a room; outlives its sessions, so that consent and mute survive a reload.
#[derive(Default)]
pub(crate) struct Member {
    /// The open session, if there is one.
    pub(crate) slot: Option<Slot>,
    /// The participant's words are captioned: the tap is open.
    pub(crate) captioned: bool,
    muted: Vec<Source>,
    /// Since when the microphone has been on and sent nothing, as far as was looked.
    pub(crate) silent: Option<Silence>,
    /// What the participant's screen shows, as far as it has said.
    tiles: IdMap<TrackId, Option<Layer>>,
}

impl Member {
    /// The layer that the participant's tile of `track` needs; `None`: it is not to be seen. The best one while the
    /// participant has not said.
    pub(crate) fn wants(&self, track: TrackId) -> Option<Layer> {
        self.tiles.get(&track).copied().unwrap_or(Some(Layer::High))
    }

    /// Replaces everything that was said before.
    pub(crate) fn show(&mut self, tiles: &[Tile]) {
        let wanted = tiles.iter().map(|tile| (tile.track, Layer::for_tile(tile.width, tile.height)));
        self.tiles = wanted.take(MAX_TILES).collect();
    }
}

/// A published track.
#[derive(Default)]
pub(crate) struct Track {
    /// Its first packet has arrived and the others know of it.
    pub(crate) announced: bool,
    pub(crate) layers: PerLayer<LayerState>,
    pub(crate) redundancy: Redundancy,
    /// Open m-lines that receive it.
    pub(crate) subscribers: Vec<(Slot, Mid)>,
}

pub(crate) struct Room {
    pub(crate) members: IdMap<ParticipantId, Member>,
    pub(crate) tracks: IdMap<TrackId, Track>,
    pub(crate) speakers: ActiveSpeakers,
    pub(crate) hearing: Hearing,
    /// When a packet came last.
    pub(crate) active: Instant,
}

impl Room {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            members: IdMap::default(),
            tracks: IdMap::default(),
            speakers: ActiveSpeakers::new(now),
            hearing: Hearing::default(),
            active: now,
        }
    }

    pub(crate) fn member(&mut self, participant: ParticipantId) -> &mut Member {
        self.members.entry(participant).or_default()
    }

    pub(crate) fn slot(&self, participant: ParticipantId) -> Option<Slot> {
        self.members.get(&participant)?.slot
    }

    /// Participants with an open session.
    pub(crate) fn present(&self) -> usize {
        self.members.values().filter(|member| member.slot.is_some()).count()
    }

    pub(crate) fn is_muted(&self, track: TrackId) -> bool {
        self.members.get(&track.participant).is_some_and(|member| member.muted.contains(&track.source))
    }

    /// Bit/s of every layer of the track that arrives and may be passed on.
    pub(crate) fn rates(&self, now: Instant, id: TrackId) -> PerLayer<Option<u64>> {
        let mut rates = PerLayer::default();
        if let Some(track) = self.tracks.get(&id).filter(|_| !self.is_muted(id)) {
            for layer in Layer::ALL {
                *rates.get_mut(layer) = track.layers.get(layer).bitrate(now, layer);
            }
        }
        rates
    }

    /// True when this changed something.
    pub(crate) fn set_muted(&mut self, track: TrackId, muted: bool) -> bool {
        let member = self.member(track.participant);
        let was = member.muted.contains(&track.source);
        member.muted.retain(|source| *source != track.source);
        if muted {
            member.muted.push(track.source);
        }
        if was != muted
            && let Some(track) = self.tracks.get_mut(&track)
        {
            // What was said before is not sent with what is said later.
            track.redundancy = Redundancy::default();
        }
        was != muted
    }

    /// Replaces everything that `slot` receives.
    pub(crate) fn subscribe(&mut self, slot: Slot, wanted: &[(Mid, TrackId)]) {
        self.unsubscribe(slot);
        for (mid, track) in wanted {
            self.tracks.entry(*track).or_default().subscribers.push((slot, *mid));
        }
    }

    pub(crate) fn unsubscribe(&mut self, slot: Slot) {
        for track in self.tracks.values_mut() {
            track.subscribers.retain(|(subscriber, _)| *subscriber != slot);
        }
        self.tracks.retain(|_, track| track.announced || !track.subscribers.is_empty());
    }

    /// Takes back the participant's tracks for which `gone` says so; returns those that had been announced.
    pub(crate) fn unpublish(
        &mut self,
        participant: ParticipantId,
        gone: impl Fn(Source) -> bool,
    ) -> Vec<TrackId> {
        let mut withdrawn = Vec::new();
        for (id, track) in &mut self.tracks {
            if id.participant == participant && gone(id.source) && std::mem::take(&mut track.announced) {
                withdrawn.push(*id);
            }
        }
        self.tracks.retain(|_, track| track.announced || !track.subscribers.is_empty());
        withdrawn
    }
}
