//! The proof that a call is one: of every two participants, each has been sent the other's sound. Counted where packets
//! are forwarded, looked at once a second.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::{HearingProof, ParticipantId};

/// A second of sound: less may be what arrived before the first word.
const ENOUGH_PACKETS: u64 = 50;

/// What one participant should and did get of another since the last look.
pub(crate) struct Way {
    pub(crate) from: ParticipantId,
    pub(crate) to: ParticipantId,
    /// Both are connected, and a microphone is on.
    pub(crate) expected: bool,
    /// Sound packets that were forwarded since they have received each other's track.
    pub(crate) packets: u64,
}

/// A microphone that is on and sends nothing.
#[derive(Clone, Copy)]
pub(crate) struct Silence {
    since: Instant,
    reported: u32,
}

impl Silence {
    pub(crate) fn begin(since: Instant) -> Self {
        Self { since, reported: 0 }
    }

    /// Each time that it has lasted for another `patience`: how many times that is now.
    pub(crate) fn due(&mut self, now: Instant, patience: Duration) -> Option<u32> {
        let times = self.reported + 1;
        let due = now.saturating_duration_since(self.since) >= patience * times;
        due.then(|| std::mem::replace(&mut self.reported, times) + 1)
    }
}

/// Two participants; the lower id first.
#[derive(Default)]
struct Pair {
    /// The first has been sent the second's sound, and the other way around.
    heard: [bool; 2],
    /// How long what is missing could have come.
    waited: Duration,
    reported: Option<HearingProof>,
}

/// What is known of every two participants of a room.
#[derive(Default)]
pub(crate) struct Hearing(HashMap<[ParticipantId; 2], Pair>);

impl Hearing {
    /// `elapsed`: since the last look. A pair is reported when it is proven, and once when it is not after `patience`.
    pub(crate) fn look(
        &mut self,
        elapsed: Duration,
        patience: Duration,
        ways: &[Way],
    ) -> Vec<([ParticipantId; 2], HearingProof)> {
        let mut reports = Vec::new();
        for there in ways.iter().filter(|way| way.from < way.to) {
            let Some(back) = ways.iter().find(|way| (way.from, way.to) == (there.to, there.from)) else {
                continue;
            };
            let between = [there.from, there.to];
            let pair = self.0.entry(between).or_default();
            if let Some(report) = pair.look(elapsed, patience, [back, there]) {
                reports.push((between, report));
            }
        }
        reports
    }

    /// Whoever comes back begins anew.
    pub(crate) fn forget(&mut self, participant: ParticipantId) {
        self.0.retain(|between, _| !between.contains(&participant));
    }
}

impl Pair {
    /// `ways`: to the first, to the second.
    fn look(&mut self, elapsed: Duration, patience: Duration, ways: [&Way; 2]) -> Option<HearingProof> {
        if matches!(self.reported, Some(HearingProof::Both { .. })) {
            return None;
        }
        let missing_is_expected = self.heard.iter().zip(ways).all(|(heard, way)| *heard || way.expected);
        if missing_is_expected {
            self.waited += elapsed;
        }
        for (heard, way) in self.heard.iter_mut().zip(ways) {
            *heard |= way.packets >= ENOUGH_PACKETS;
        }
        let report = match self.heard {
            [true, true] => HearingProof::Both { after: self.waited },
            heard if self.waited >= patience && self.reported.is_none() => HearingProof::Missing { heard },
            _ => return None,
        };
        self.reported = Some(report);
        Some(report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const SECOND: Duration = Duration::from_secs(1);
    const PATIENCE: Duration = Duration::from_secs(3);

    fn id(number: u128) -> ParticipantId {
        ParticipantId::from_uuid(Uuid::from_u128(number))
    }

    fn ways(there: (bool, u64), back: (bool, u64)) -> [Way; 2] {
        [
            Way { from: id(1), to: id(2), expected: there.0, packets: there.1 },
            Way { from: id(2), to: id(1), expected: back.0, packets: back.1 },
        ]
    }

    fn look(hearing: &mut Hearing, there: (bool, u64), back: (bool, u64)) -> Option<HearingProof> {
        let mut reports = hearing.look(SECOND, PATIENCE, &ways(there, back));
        assert!(reports.len() <= 1);
        reports.pop().map(|(between, report)| {
            assert_eq!(between, [id(1), id(2)]);
            report
        })
    }

    #[test]
    fn both_ways_are_proven_once() {
        let mut hearing = Hearing::default();
        assert_eq!(look(&mut hearing, (true, 49), (true, 80)), None);
        let proven = HearingProof::Both { after: 2 * SECOND };
        assert_eq!(look(&mut hearing, (true, 50), (true, 0)), Some(proven), "each way stays proven");
        assert_eq!(look(&mut hearing, (true, 200), (true, 200)), None);
        hearing.forget(id(2));
        assert!(look(&mut hearing, (true, 50), (true, 50)).is_some(), "a new call");
    }

    #[test]
    fn what_is_missing_is_said_once_and_may_be_proven_later() {
        let mut hearing = Hearing::default();
        assert_eq!(look(&mut hearing, (true, 60), (true, 0)), None);
        assert_eq!(look(&mut hearing, (true, 90), (true, 0)), None);
        let missing = HearingProof::Missing { heard: [false, true] };
        assert_eq!(look(&mut hearing, (true, 90), (true, 0)), Some(missing));
        assert_eq!(look(&mut hearing, (true, 90), (true, 0)), None);
        assert_eq!(
            look(&mut hearing, (true, 90), (true, 50)),
            Some(HearingProof::Both { after: 5 * SECOND })
        );
    }

    #[test]
    fn nobody_waits_for_a_microphone_that_is_off() {
        let mut hearing = Hearing::default();
        for _ in 0..100 {
            assert_eq!(look(&mut hearing, (true, 60), (false, 0)), None);
        }
        let proven = HearingProof::Both { after: SECOND };
        assert_eq!(look(&mut hearing, (true, 60), (true, 50)), Some(proven));
    }
}
