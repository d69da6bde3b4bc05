//! Does everyone who should be heard arrive, and reach everyone else? Looked at about once a second, from what the packet path
//! has counted.

use std::time::{Duration, Instant};

use super::Engine;
use crate::demux::Slot;
use crate::room::Room;
use crate::room::hearing::{Silence, Way};
use crate::room::layers::Layer;
use crate::session::{Connection, Session};
use crate::{MediaEvent, ParticipantId, Source, TrackId};

const EVERY: Duration = Duration::from_secs(1);

impl Engine {
    pub(super) fn check_hearing(&mut self, now: Instant) {
        let elapsed = now.duration_since(self.listened);
        if elapsed < EVERY {
            return;
        }
        self.listened = now;
        let (patience, silent_after) = (self.config.hearing_within, self.config.silent_after);
        for (id, room) in &mut self.rooms {
            let connected = connected(room, &self.sessions);
            let ways = ways(room, &connected);
            for (between, proof) in room.hearing.look(elapsed, patience, &ways) {
                self.events.push_back(MediaEvent::Hearing { room: *id, between, proof });
            }
            let on: Vec<_> = connected.iter().filter(|one| speaks(room, one)).map(|one| one.0).collect();
            for (participant, times) in on_and_off(room, now, &on, silent_after) {
                self.events.push_back(MediaEvent::Silent { room: *id, participant, times });
            }
        }
    }
}

type Connected<'a> = (ParticipantId, &'a Session);

/// Those whose media flows.
fn connected<'a>(room: &Room, sessions: &'a [Option<Session>]) -> Vec<Connected<'a>> {
    let session = |slot: Slot| sessions.get(usize::from(slot))?.as_ref();
    let open = room.members.iter().filter_map(|(id, member)| Some((*id, member.slot.and_then(session)?)));
    open.filter(|(_, session)| matches!(session.connection, Connection::Up)).collect()
}

fn microphone(participant: ParticipantId) -> TrackId {
    TrackId { participant, source: Source::Microphone }
}

fn speaks(room: &Room, (id, session): &Connected<'_>) -> bool {
    session.publishes(Source::Microphone) && !room.is_muted(microphone(*id))
}

fn ways(room: &Room, connected: &[Connected<'_>]) -> Vec<Way> {
    let pairs = connected.iter().flat_map(|from| connected.iter().map(move |to| (from, to)));
    pairs
        .filter(|(from, to)| from.0 != to.0)
        .map(|(from, to)| Way {
            from: from.0,
            to: to.0,
            expected: speaks(room, from),
            packets: to.1.sent_of(microphone(from.0)),
        })
        .collect()
}

/// Keeps the silences of the microphones that are on; returns those that have just become long.
fn on_and_off(
    room: &mut Room,
    now: Instant,
    on: &[ParticipantId],
    silent_after: Duration,
) -> Vec<(ParticipantId, u32)> {
    let mut long = Vec::new();
    for (id, member) in &mut room.members {
        let track = room.tracks.get(&microphone(*id));
        // Sound has one layer.
        let last = track.and_then(|track| track.layers.get(Layer::Low).last_packet());
        let sends = last.is_some_and(|at| now.saturating_duration_since(at) < EVERY);
        if sends || !on.contains(id) {
            member.silent = None;
        } else {
            let silence = member.silent.get_or_insert_with(|| Silence::begin(now));
            long.extend(silence.due(now, silent_after).map(|times| (*id, times)));
        }
    }
    long
}
