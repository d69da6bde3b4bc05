//! What a viewer has of a camera. It does what a browser does: puts packets in order by their RTP sequence numbers, takes a
//! frame when it is whole and follows the one before without a hole, or when it is a whole keyframe. The stamps inside say
//! afterwards whether the decoder could really have decoded it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::media::{LAYERS, VIDEO_INTERVAL};
use super::numbers::Numbers;

/// A picture that stands for longer than this is frozen: libwebrtc's rule, max(3 · average, average + 150 ms), at the
/// interval between frames that our cameras have.
pub const FROZEN: Duration = Duration::from_millis(150).saturating_add(VIDEO_INTERVAL);
/// A viewer's buffer holds a frame this long after the earliest that it could have come. On a lossy way libwebrtc's settles
/// at the jitter and one round trip, since it has to ask for packets again: 30 ms, and 20 to 80 ms on ours.
const PLAYOUT: Duration = Duration::from_millis(100);
/// Without a frame for this long, a viewer asks for a keyframe, and again after as long.
const PATIENCE: Duration = Duration::from_millis(500);
/// Packets that wait for a missing one; more: the oldest go.
const WAITING: usize = 512;

/// A packet as the decoder's buffer sees it, and what its stamp says.
#[derive(Clone, Copy)]
pub struct Packet {
    /// The first one of its frame.
    pub starts: bool,
    pub starts_keyframe: bool,
    /// The last one of its frame.
    pub marker: bool,
    pub layer: u8,
    /// Counts the packets of the layer from 0.
    pub number: u64,
}

impl Packet {
    fn frame(&self) -> u64 {
        self.number / LAYERS[usize::from(self.layer)].packets
    }
}

/// One camera as one participant sees it.
pub struct Picture {
    waiting: BTreeMap<u64, Packet>,
    /// Sequence number behind the last frame that was taken.
    next: Option<u64>,
    /// Layer and frame that were taken last.
    shown: Option<(u8, u64)>,
    last_frame: Instant,
    /// When the frame with number 0 would have been there, had all come as early as the earliest.
    earliest: Option<Instant>,
    asked: Instant,
    highest: Option<u64>,
    /// What follows counts from `begin` to `end`.
    seen: Numbers,
    counting: Option<Instant>,
    /// The highest sequence number at `end`.
    until: Option<u64>,
    pub frozen: Duration,
    pub watched: Duration,
    pub undecodable: u64,
    /// When another layer was shown for the first time, and which.
    pub switches: Vec<(Instant, u8)>,
}

impl Picture {
    pub fn new(now: Instant) -> Self {
        Self {
            waiting: BTreeMap::new(),
            next: None,
            shown: None,
            last_frame: now,
            earliest: None,
            asked: now,
            highest: None,
            seen: Numbers::default(),
            counting: None,
            until: None,
            frozen: Duration::ZERO,
            watched: Duration::ZERO,
            undecodable: 0,
            switches: Vec::new(),
        }
    }

    pub fn begin(&mut self, now: Instant) {
        self.seen = Numbers::starting_at(self.highest.map_or(0, |highest| highest + 1));
        self.counting = Some(now);
        (self.frozen, self.watched, self.undecodable) = Default::default();
        self.switches = self.shown.iter().map(|(layer, _)| (now, *layer)).collect();
    }

    pub fn end(&mut self, now: Instant) {
        if let Some(began) = self.counting.take() {
            self.stood_until(now, began);
            self.watched = now.saturating_duration_since(began);
            self.until = self.highest;
        }
    }

    /// A packet arrived, repaired ones included. `sequence`: its extended RTP sequence number.
    pub fn arrive(&mut self, at: Instant, sequence: u64, packet: Packet) {
        self.highest = self.highest.max(Some(sequence));
        self.seen.insert(sequence);
        if self.next.is_none_or(|next| sequence >= next) {
            self.waiting.insert(sequence, packet);
        }
        while self.waiting.len() > WAITING {
            self.waiting.pop_first();
        }
        while let Some((from, to)) = self.next_frame() {
            self.take(at, from, to);
        }
    }

    /// A decoder that gets nothing it can decode asks for a keyframe; true: now.
    pub fn asks_for_keyframe(&mut self, now: Instant) -> bool {
        let stands = now.saturating_duration_since(self.last_frame.max(self.asked)) >= PATIENCE;
        let asks = stands && !self.waiting.is_empty();
        if asks {
            self.asked = now;
        }
        asks
    }

    /// After `end`: packets that the server numbered, and those of them that never came.
    pub fn due_and_lost(&self) -> (u64, u64) {
        let (base, end) = (self.seen.base(), self.until.map_or(0, |until| until + 1));
        (end.saturating_sub(base), self.seen.missing(base, end))
    }

    /// First and last sequence number of what can be decoded next.
    fn next_frame(&self) -> Option<(u64, u64)> {
        let follows = self.next.and_then(|next| Some((next, self.end_of_frame(next)?)));
        let mut keyframes = self.waiting.iter().filter(|(_, packet)| packet.starts_keyframe);
        follows.or_else(|| keyframes.find_map(|(from, _)| Some((*from, self.end_of_frame(*from)?))))
    }

    /// The last packet of the frame that begins at `from`, if it is whole. The server may cut a frame when it goes on with
    /// another layer's keyframe.
    fn end_of_frame(&self, from: u64) -> Option<u64> {
        let run = self.waiting.range(from..).zip(from..).take_while(|((sequence, packet), expected)| {
            *sequence == expected && packet.starts == (*expected == from)
        });
        run.map(|(entry, _)| entry).find(|(_, packet)| packet.marker).map(|(sequence, _)| *sequence)
    }

    fn take(&mut self, at: Instant, from: u64, to: u64) {
        let rest = self.waiting.split_off(&(to + 1));
        let taken = std::mem::replace(&mut self.waiting, rest);
        let frame: Vec<&Packet> = taken.range(from..).map(|(_, packet)| packet).collect();
        let Some(first) = frame.first() else { return };
        let whole = frame.len() as u64 == LAYERS[usize::from(first.layer)].packets
            && frame.iter().zip(first.number..).all(|(packet, number)| {
                packet.layer == first.layer && packet.frame() == first.frame() && packet.number == number
            });
        let follows = self.shown == first.frame().checked_sub(1).map(|before| (first.layer, before));
        if self.counting.is_some() {
            self.undecodable += u64::from(!whole || !(first.starts_keyframe || follows));
            if self.shown.is_none_or(|(layer, _)| layer != first.layer) {
                self.switches.push((at, first.layer));
            }
        }
        let shown = self.show(at, first.frame());
        if let Some(began) = self.counting {
            self.stood_until(shown, began);
        }
        self.last_frame = shown;
        self.shown = Some((first.layer, first.frame()));
        self.next = Some(to + 1);
    }

    /// When a frame that can be decoded since `at` is shown.
    fn show(&mut self, at: Instant, frame: u64) -> Instant {
        let taken = VIDEO_INTERVAL * frame as u32;
        let came = at.checked_sub(taken).unwrap_or(at);
        let earliest = self.earliest.map_or(came, |earliest| earliest.min(came));
        self.earliest = Some(earliest);
        at.max(earliest + taken + PLAYOUT)
    }

    /// The picture has stood still since its last frame, as far as that counts.
    fn stood_until(&mut self, at: Instant, began: Instant) {
        let stood = at.saturating_duration_since(self.last_frame.max(began));
        if stood > FROZEN {
            self.frozen += stood;
        }
    }

    /// How long after `step` a lower layer (or a higher one) was shown than at `step`.
    pub fn moved_after(&self, step: Instant, down: bool) -> Option<Duration> {
        let (before, after): (Vec<_>, Vec<_>) = self.switches.iter().partition(|(at, _)| *at <= step);
        let (_, shown) = before.last()?;
        let moved = after.iter().find(|(_, layer)| if down { layer < shown } else { layer > shown });
        moved.map(|(at, _)| at.duration_since(step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: u8 = 2;

    /// Frame `frame` of a layer, as packets; the first of a keyframe says so.
    fn frame(layer: u8, frame: u64, keyframe: bool) -> Vec<Packet> {
        let packets = LAYERS[usize::from(layer)].packets;
        let of = |index| Packet {
            starts: index == 0,
            starts_keyframe: keyframe && index == 0,
            marker: index + 1 == packets,
            layer,
            number: frame * packets + index,
        };
        (0..packets).map(of).collect()
    }

    struct Show {
        picture: Picture,
        start: Instant,
        sequence: u64,
    }

    impl Show {
        #[expect(clippy::disallowed_methods, reason = "a test begins at some instant")]
        fn new() -> Self {
            let start = Instant::now();
            Self { picture: Picture::new(start), start, sequence: 500 }
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        /// The packets arrive at `ms`, without those at the positions in `but`; the sequence numbers of all of them.
        fn arrive(&mut self, ms: u64, packets: &[Packet], but: &[usize]) -> u64 {
            let first = self.sequence;
            for (index, packet) in packets.iter().enumerate() {
                if !but.contains(&index) {
                    self.picture.arrive(self.at(ms), self.sequence, *packet);
                }
                self.sequence += 1;
            }
            first
        }
    }

    #[test]
    fn a_missing_packet_freezes_the_picture_until_it_is_repaired() {
        let mut show = Show::new();
        show.arrive(0, &frame(FULL, 0, true), &[]);
        show.picture.begin(show.at(0));
        let late = show.arrive(33, &frame(FULL, 1, false), &[3]);
        for number in 2..10 {
            show.arrive(33 * number, &frame(FULL, number, false), &[]);
        }
        assert!(!show.picture.asks_for_keyframe(show.at(499)));
        show.picture.arrive(show.at(300), late + 3, frame(FULL, 1, false)[3]);
        show.picture.end(show.at(310));
        assert_eq!(show.picture.frozen, Duration::from_millis(200), "from 100 to 300 ms");
        assert_eq!((show.picture.undecodable, show.picture.due_and_lost()), (0, (45, 0)));
    }

    #[test]
    fn a_keyframe_ends_what_nothing_repaired() {
        let mut show = Show::new();
        show.arrive(0, &frame(FULL, 0, true), &[]);
        show.picture.begin(show.at(0));
        show.arrive(33, &frame(FULL, 1, false), &[4]);
        show.arrive(66, &frame(FULL, 2, false), &[]);
        assert!(
            show.picture.asks_for_keyframe(show.at(600)) && !show.picture.asks_for_keyframe(show.at(601))
        );
        show.arrive(700, &frame(FULL, 3, true), &[]);
        show.arrive(733, &frame(FULL, 4, false), &[]);
        show.picture.end(show.at(800));
        assert_eq!(show.picture.frozen, Duration::from_millis(600));
        assert_eq!((show.picture.undecodable, show.picture.due_and_lost()), (0, (20, 1)));
    }

    #[test]
    fn a_switch_to_another_layer_is_timed_and_needs_a_keyframe() {
        let mut show = Show::new();
        show.arrive(0, &frame(FULL, 0, true), &[]);
        show.picture.begin(show.at(0));
        show.arrive(133, &frame(1, 1, true), &[]);
        show.arrive(166, &frame(FULL, 2, false), &[]);
        show.picture.end(show.at(200));
        assert_eq!(show.picture.undecodable, 1);
        let ms = |step, down| show.picture.moved_after(show.at(step), down).map(|moved| moved.as_millis());
        assert_eq!((ms(100, true), ms(133, false), ms(140, true)), (Some(33), Some(33), None));
    }

    #[test]
    fn a_frame_that_the_server_left_out_shows_as_undecodable() {
        let mut show = Show::new();
        show.arrive(0, &frame(FULL, 0, true), &[]);
        show.picture.begin(show.at(0));
        show.arrive(66, &frame(FULL, 2, false), &[]);
        assert_eq!(show.picture.undecodable, 1);
    }
}
