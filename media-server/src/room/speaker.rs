//! Who speaks, from the audio levels that browsers put into each packet (RFC 6464).

use std::time::{Duration, Instant};

use crate::ParticipantId;

const UPDATE_INTERVAL: Duration = Duration::from_millis(200);
/// Decibels relative to full scale (RFC 6464 §3); speech in a quiet room lies around -30.
const SPEAKING_DB: f32 = -50.0;
/// Share of the newest packet in the smoothed level: about 100 ms at 50 packets per second.
const ATTACK: f32 = 0.2;
const SILENCE_DB: f32 = -127.0;
const MAX_SPEAKERS: usize = 3;

struct Level {
    participant: ParticipantId,
    /// Smoothed, dBov.
    db: f32,
    last_packet: Instant,
}

/// The room's loudest participants.
pub(crate) struct ActiveSpeakers {
    levels: Vec<Level>,
    current: Vec<ParticipantId>,
    next_update: Instant,
}

impl ActiveSpeakers {
    pub(crate) fn new(now: Instant) -> Self {
        Self { levels: Vec::new(), current: Vec::new(), next_update: now + UPDATE_INTERVAL }
    }

    /// One packet's level: 0 (loudest) to -127 (silence), dBov.
    pub(crate) fn observe(&mut self, now: Instant, participant: ParticipantId, db: i8) {
        let db = f32::from(db);
        match self.levels.iter_mut().find(|level| level.participant == participant) {
            Some(level) => {
                level.db += ATTACK * (db - level.db);
                level.last_packet = now;
            }
            None => self.levels.push(Level { participant, db, last_packet: now }),
        }
    }

    pub(crate) fn forget(&mut self, participant: ParticipantId) {
        self.levels.retain(|level| level.participant != participant);
    }

    /// The new list, loudest first, when it is time and the list has changed.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Vec<ParticipantId>> {
        if now < self.next_update {
            return None;
        }
        // Counted from when it was due: a wake that comes a little late does not cost another tick.
        self.next_update = (self.next_update + UPDATE_INTERVAL).max(now);
        for level in &mut self.levels {
            if now.duration_since(level.last_packet) > UPDATE_INTERVAL {
                level.db = SILENCE_DB;
            }
        }
        let mut speaking: Vec<&Level> = self.levels.iter().filter(|level| level.db > SPEAKING_DB).collect();
        speaking.sort_by(|a, b| b.db.total_cmp(&a.db));
        let speaking: Vec<ParticipantId> =
            speaking.iter().take(MAX_SPEAKERS).map(|level| level.participant).collect();
        if speaking == self.current {
            return None;
        }
        self.current.clone_from(&speaking);
        Some(speaking)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn the_loudest_comes_first_and_silence_empties_the_list() {
        let start = Instant::now();
        let [quiet, loud, silent] = [1, 2, 3].map(|n| ParticipantId::from_uuid(Uuid::from_u128(n)));
        let mut speakers = ActiveSpeakers::new(start);
        let mut now = start;
        for _ in 0..15 {
            now += Duration::from_millis(20);
            speakers.observe(now, quiet, -40);
            speakers.observe(now, loud, -20);
            speakers.observe(now, silent, -127);
        }
        assert_eq!(speakers.poll(now), Some(vec![loud, quiet]));
        assert_eq!(speakers.poll(now + UPDATE_INTERVAL), None, "unchanged");
        assert_eq!(speakers.poll(now + UPDATE_INTERVAL * 3), Some(vec![]), "packets stopped");
    }

    #[test]
    fn a_look_that_comes_late_does_not_put_off_the_next_one() {
        let start = Instant::now();
        let [first, second] = [1, 2].map(|n| ParticipantId::from_uuid(Uuid::from_u128(n)));
        let mut speakers = ActiveSpeakers::new(start);
        let late = start + UPDATE_INTERVAL + Duration::from_millis(1);
        speakers.observe(late, first, -20);
        assert_eq!(speakers.poll(late), Some(vec![first]));
        speakers.observe(late, second, -10);
        assert_eq!(speakers.poll(start + UPDATE_INTERVAL * 2), Some(vec![second, first]));
    }
}
