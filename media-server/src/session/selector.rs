//! Which simulcast layer one m-line shows: the layer it aims at, and the packets that get it there.
//!
//! A change happens on a keyframe of the layer aimed at; until then the old layer goes on.

use std::time::{Duration, Instant};

use crate::room::layers::Layer;

/// A better layer must have been affordable for this long; a worse one is taken at once.
const UP_DWELL: Duration = Duration::from_secs(1);
/// A better layer that is kept for less than this was one too many: it, and what is below it, has to wait longer, so that a way
/// whose estimate swings does not change the picture all the time.
const KEPT: Duration = Duration::from_secs(5);
const DWELL_GROWTH: u32 = 3;
const LONGEST_DWELL: Duration = Duration::from_secs(27);
/// A picture that stands still for this long may continue with any lower layer.
const STALE: Duration = Duration::from_millis(500);

struct Shown {
    layer: Layer,
    at: Instant,
    /// Nothing more of its stream is sent: a keyframe of a lower layer is on its way.
    ended: bool,
}

pub(super) struct Selector {
    target: Option<Layer>,
    shown: Option<Shown>,
    /// Since when a better layer has been affordable.
    up_since: Option<Instant>,
    /// How long it has to be, up to the layer that was given up too soon.
    dwell: Duration,
    given_up: Option<Layer>,
    /// Since when a layer beyond that one has been affordable: the way has become another one.
    beyond_since: Option<Instant>,
    /// When the aim was last raised, until it is known whether that was kept.
    raised: Option<Instant>,
}

impl Default for Selector {
    fn default() -> Self {
        Self {
            target: None,
            shown: None,
            up_since: None,
            dwell: UP_DWELL,
            given_up: None,
            beyond_since: None,
            raised: None,
        }
    }
}

/// What to do with a packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Send,
    /// It belongs to the layer aimed at, but a change needs a keyframe.
    NeedsKeyframe,
    /// Of a layer that is not shown.
    Skip,
}

impl Selector {
    pub(super) fn target(&self) -> Option<Layer> {
        self.target
    }

    /// The layer that the viewer sees.
    pub(super) fn shown(&self) -> Option<Layer> {
        self.shown.as_ref().map(|shown| shown.layer)
    }

    /// Takes over a choice, `None` for no picture at all; true when the aim changed. `wanted`: what the tile needs.
    pub(super) fn aim(&mut self, now: Instant, choice: Option<Layer>, wanted: Option<Layer>) -> bool {
        let better = self.shown.is_some() && choice > self.target;
        if better && !self.has_been_affordable(now, choice) {
            return false;
        }
        (self.up_since, self.beyond_since) = (None, None);
        if better {
            self.raised = Some(now);
        } else if choice < self.target && self.target <= wanted {
            self.fall_back(now);
        }
        if choice.is_none() {
            self.shown = None;
        }
        std::mem::replace(&mut self.target, choice) != choice
    }

    /// Long enough?
    fn has_been_affordable(&mut self, now: Instant, choice: Option<Layer>) -> bool {
        let since = *self.up_since.get_or_insert(now);
        self.beyond_since = (choice > self.given_up).then(|| self.beyond_since.unwrap_or(now));
        now >= since + self.dwell || self.beyond_since.is_some_and(|beyond| now >= beyond + UP_DWELL)
    }

    /// What was aimed at cannot be kept: the way does not carry it, or its browser has stopped it.
    fn fall_back(&mut self, now: Instant) {
        if let Some(raised) = self.raised.take() {
            let kept = now.duration_since(raised) >= KEPT;
            self.dwell = if kept { UP_DWELL } else { LONGEST_DWELL.min(self.dwell * DWELL_GROWTH) };
            self.given_up = if kept { None } else { self.given_up.max(self.target) };
        }
    }

    /// The picture that was shown has ended: another track, or the camera was off.
    pub(super) fn interrupt(&mut self) {
        self.shown = None;
    }

    /// `continues`: the packet belongs to the RTP stream that is being shown.
    pub(super) fn admit(
        &mut self,
        now: Instant,
        layer: Layer,
        continues: bool,
        starts_keyframe: bool,
    ) -> Admission {
        let Some(target) = self.target else { return Admission::Skip };
        // Browsers make the keyframes of all layers at once and send the largest first. Passing on that of the layer that
        // is to end would take the network, which is too slow for it already, for a second.
        if continues && layer > target && starts_keyframe {
            self.shown.iter_mut().for_each(|shown| shown.ended = true);
        }
        if !continues || self.shown.as_ref().is_some_and(|shown| shown.ended) {
            let stale = self.shown.as_ref().is_none_or(|shown| now.duration_since(shown.at) > STALE);
            if layer > target || (layer < target && !stale) {
                return Admission::Skip;
            }
            if !starts_keyframe {
                return if layer == target { Admission::NeedsKeyframe } else { Admission::Skip };
            }
        }
        self.shown = Some(Shown { layer, at: now, ended: false });
        Admission::Send
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Admission::{NeedsKeyframe, Send, Skip};
    use Layer::{High, Low, Middle};

    #[test]
    fn the_old_layer_goes_on_until_a_keyframe_of_the_new_one() {
        let now = Instant::now();
        let mut selector = Selector::default();
        selector.aim(now, Some(High), Some(High));
        assert_eq!(selector.admit(now, High, false, true), Send);
        assert!(selector.aim(now, Some(Low), Some(High)), "down at once");
        assert_eq!(selector.admit(now, High, true, false), Send);
        assert_eq!(selector.admit(now, Low, false, false), NeedsKeyframe);
        assert_eq!(selector.admit(now, Middle, false, true), Skip);
        assert_eq!(selector.admit(now, Low, false, true), Send);
        assert_eq!(selector.shown(), Some(Low));
        assert_eq!(selector.admit(now, High, false, true), Skip, "a late packet of the old layer");
    }

    #[test]
    fn on_the_way_down_the_keyframe_of_the_better_layer_is_left_out_and_ends_it() {
        let now = Instant::now();
        let mut selector = Selector::default();
        selector.aim(now, Some(High), Some(High));
        selector.admit(now, High, false, true);
        selector.aim(now, Some(Middle), Some(High));
        assert_eq!(selector.admit(now, High, true, false), Send);
        assert_eq!(selector.admit(now, High, true, true), Skip);
        assert_eq!(selector.admit(now, High, true, false), Skip, "the rest of that keyframe");
        assert_eq!(selector.admit(now, Low, false, true), Skip, "not the one that is aimed at");
        assert_eq!(selector.admit(now, Middle, false, true), Send);
        assert_eq!(selector.admit(now, Middle, true, false), Send);
    }

    #[test]
    fn a_layer_that_was_ended_goes_on_with_a_keyframe_only() {
        let start = Instant::now();
        let later = start + UP_DWELL;
        let mut selector = Selector::default();
        selector.aim(start, Some(High), Some(High));
        selector.admit(start, High, false, true);
        selector.aim(start, Some(Middle), Some(High));
        selector.admit(start, High, true, true);
        selector.aim(start, Some(High), Some(High));
        assert!(selector.aim(later, Some(High), Some(High)));
        assert_eq!(selector.admit(later, High, true, false), NeedsKeyframe);
        assert_eq!(selector.admit(later, High, true, true), Send);
    }

    #[test]
    fn a_better_layer_is_aimed_at_after_a_second_of_being_affordable() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut selector = Selector::default();
        selector.aim(start, Some(Low), Some(High));
        selector.admit(start, Low, false, true);
        assert!(!selector.aim(at(0), Some(High), Some(High)));
        assert!(!selector.aim(at(900), Some(Low), Some(High)), "a dip starts the wait again");
        assert!(!selector.aim(at(1000), Some(High), Some(High)));
        assert!(!selector.aim(at(1999), Some(High), Some(High)));
        assert!(selector.aim(at(2000), Some(High), Some(High)));
    }

    #[test]
    fn a_better_layer_that_was_soon_given_up_has_to_wait_longer_the_next_time() {
        let start = Instant::now();
        let mut selector = Selector::default();
        selector.aim(start, Some(Middle), Some(High));
        selector.admit(start, Middle, false, true);
        let mut now = start;
        let mut waits = |kept: Duration| {
            let (asked, mut raised) = (now, false);
            while !raised {
                now += Duration::from_millis(100);
                raised = selector.aim(now, Some(High), Some(High));
            }
            let waited = now - asked;
            now += kept;
            assert!(selector.aim(now, Some(Middle), Some(High)), "down at once");
            waited.as_millis() - 100
        };
        let (short, long) = (KEPT / 2, KEPT);
        assert_eq!([short; 5].map(&mut waits), [1_000, 3_000, 9_000, 27_000, 27_000]);
        assert_eq!([long, short, long].map(&mut waits), [27_000, 1_000, 3_000], "kept: as in the beginning");
    }

    #[test]
    fn a_layer_beyond_the_one_that_was_given_up_need_not_wait_longer() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut selector = Selector::default();
        selector.aim(start, Some(Low), Some(High));
        selector.admit(start, Low, false, true);
        assert!(!selector.aim(at(0), Some(Middle), Some(High)));
        assert!(selector.aim(at(1_000), Some(Middle), Some(High)));
        assert!(selector.aim(at(2_000), Some(Low), Some(High)), "it was one too many");
        assert!(!selector.aim(at(3_000), Some(Middle), Some(High)));
        assert!(!selector.aim(at(4_500), Some(High), Some(High)));
        assert!(
            !selector.aim(at(5_400), Some(Middle), Some(High)),
            "a dip starts that wait again, not the other"
        );
        assert!(!selector.aim(at(5_500), Some(High), Some(High)));
        assert!(selector.aim(at(6_000), Some(Middle), Some(High)));
        assert!(selector.aim(at(7_000), Some(Low), Some(High)), "again");
        assert!(!selector.aim(at(7_100), Some(High), Some(High)));
        assert!(!selector.aim(at(8_000), Some(High), Some(High)));
        assert!(selector.aim(at(8_100), Some(High), Some(High)));
        selector.admit(at(8_100), High, false, true);
        assert!(selector.aim(at(9_000), Some(Low), Some(High)), "that one too");
        assert!(!selector.aim(at(10_000), Some(Middle), Some(High)));
        assert!(selector.aim(at(37_000), Some(Middle), Some(High)));
        assert!(selector.aim(at(38_000), Some(Low), Some(High)), "nor can the smaller one be kept");
        assert!(!selector.aim(at(39_000), Some(High), Some(High)));
        assert!(!selector.aim(at(60_000), Some(High), Some(High)), "nothing is beyond the larger one");
    }

    #[test]
    fn a_tile_that_shrinks_says_nothing_about_the_way() {
        let start = Instant::now();
        let later = start + UP_DWELL;
        let mut selector = Selector::default();
        selector.aim(start, Some(Low), Some(Low));
        selector.admit(start, Low, false, true);
        for tile in 0..3_u32 {
            let at = |dwell: Instant| dwell + tile * UP_DWELL;
            assert!(!selector.aim(at(start), Some(High), Some(High)));
            assert!(selector.aim(at(later), Some(High), Some(High)));
            assert!(selector.aim(at(later), Some(Low), Some(Low)));
        }
    }

    #[test]
    fn a_picture_that_has_not_started_or_stands_still_takes_a_lower_layer() {
        let start = Instant::now();
        let mut selector = Selector::default();
        selector.aim(start, Some(High), Some(High));
        assert_eq!(selector.admit(start, Low, false, true), Send);
        assert_eq!(selector.admit(start, Middle, false, true), Skip, "Low is moving");
        let later = start + Duration::from_secs(1);
        assert_eq!(selector.admit(later, Middle, false, true), Send);
    }

    #[test]
    fn without_a_choice_nothing_is_sent_and_the_next_picture_starts_at_once() {
        let now = Instant::now();
        let mut selector = Selector::default();
        selector.aim(now, Some(High), Some(High));
        selector.admit(now, High, false, true);
        assert!(selector.aim(now, None, Some(High)));
        assert_eq!(selector.admit(now, High, true, true), Skip);
        assert!(selector.aim(now, Some(High), Some(High)), "no dwell for what was hidden");
    }
}
