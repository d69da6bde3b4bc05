//! The way to one participant: what it carries, and which layers go over it.

use std::time::{Duration, Instant};

use str0m::bwe::Bitrate;
use str0m::media::Mid;

use super::Session;
use super::allocation::{Allocation, Demand, Scarcity, allocate};
use super::queue::{Queue, Waiting};
use crate::TrackId;
use crate::room::layers::Layer;

/// Where the estimator starts, bit/s; its first probes take it to three and six times this within a second.
pub(super) const INITIAL_ESTIMATE: u64 = 1_000_000;
/// A browser without transport-wide feedback gives no estimate; then this, bit/s.
const UNKNOWN_ESTIMATE: u64 = 3_000_000;

/// For repairs, per picture: later ones come too late for a conversation, and what is kept costs memory and cache: with a
/// whole second a quarter of a megabyte more per participant of a call of five.
const RTX_PACKETS: usize = 512;
const RTX_AGE: Duration = Duration::from_millis(700);

/// Wanting more for this long has the estimator start anew.
const STARVED: Duration = Duration::from_secs(3);

pub(super) struct Downlink {
    /// Bit/s, of the congestion controller, averaged over the last seconds.
    pub(super) smoothed: Option<u64>,
    /// Its latest figure, bit/s, while packets queue on the way.
    congested: Option<u64>,
    /// What a growing queue tells, bit/s.
    carried: Option<u64>,
    pub(super) queue: Queue,
    /// While no picture is wanted: the estimate from when one was, bit/s. What follows is made from sound alone, says
    /// little about what the way carries, and on a busy computer falls below what any picture needs.
    set_aside: Option<u64>,
    scarcity: Scarcity,
    hunger: Hunger,
    /// Minimum and desired bit/s as last told to the estimator.
    told: (u64, u64),
}

impl Default for Downlink {
    fn default() -> Self {
        Self {
            smoothed: None,
            congested: None,
            carried: None,
            queue: Queue::default(),
            set_aside: Some(INITIAL_ESTIMATE),
            scarcity: Scarcity::default(),
            hunger: Hunger::default(),
            told: (0, 0),
        }
    }
}

impl Downlink {
    /// Bit/s that the way carries, as far as is known.
    fn estimate(&self) -> Option<u64> {
        self.controllers().map(|estimate| estimate.min(self.carried.unwrap_or(u64::MAX)))
    }

    /// Bit/s that the controller says. The average says best what the way carries where losses and jitter make the latest
    /// figure jump up and down, but it follows a way that has become narrow up to a second late.
    fn controllers(&self) -> Option<u64> {
        let congested = self.congested.unwrap_or(u64::MAX);
        self.smoothed.map(|smoothed| smoothed.min(congested))
    }

    /// Takes in the controller's latest figure, bit/s, the latest round trip, and how long packets wait on the way back. True:
    /// the way is known to carry less.
    pub(super) fn observe(&mut self, now: Instant, latest: u64, rtt: Duration, back: Duration) -> bool {
        let before = self.estimate();
        (self.congested, self.carried) = match self.queue.observe(now, rtt, back) {
            Waiting::No => (None, None),
            Waiting::Long => (Some(latest), None),
            Waiting::Longer { carried } => (Some(latest), Some(carried)),
        };
        self.estimate() < before
    }

    /// Packets queue on the way.
    pub(super) fn is_congested(&self) -> bool {
        self.congested.is_some()
    }

    /// Bit/s, of what a better picture needs. Padding would lengthen a queue that there is.
    fn padded_up_to(&self, minimum: u64) -> u64 {
        if self.is_congested() { 0 } else { minimum }
    }

    /// Padding shall show whether a better picture fits.
    pub(super) fn wants_more(&self) -> bool {
        self.told.0 > 0
    }
}

/// Since when more has been wanted than the estimate allows.
#[derive(Default)]
struct Hunger {
    since: Option<Instant>,
}

impl Hunger {
    /// True each time that it has lasted for [`STARVED`].
    fn has_lasted(&mut self, now: Instant, hungry: bool) -> bool {
        if !hungry {
            self.since = None;
            return false;
        }
        let has_lasted = now.duration_since(*self.since.get_or_insert(now)) >= STARVED;
        if has_lasted {
            self.since = Some(now);
        }
        has_lasted
    }
}

/// A layer that a viewer now needs a keyframe of.
pub(crate) type Wanted = (TrackId, Layer);

impl Session {
    /// Pictures are open; or the last one has just gone, and the estimate has to be set aside.
    pub(crate) fn has_layers_to_choose(&self) -> bool {
        self.downlink.set_aside.is_none() || self.open_pictures().next().is_some()
    }

    /// Chooses a layer for every open picture: `demands` names the m-lines. Returns what needs a keyframe.
    pub(crate) fn choose_layers(&mut self, now: Instant, demands: &[(Mid, Demand)]) -> Vec<Wanted> {
        self.keep_estimate(demands.iter().any(|(_, demand)| demand.wanted.is_some()));
        let audio = self.open_lines().filter(|(_, track)| track.source.is_audio()).count();
        let estimate = self.downlink.estimate().unwrap_or(UNKNOWN_ESTIMATE);
        let pictures: Vec<Demand> = demands.iter().map(|(_, demand)| *demand).collect();
        let scarcity = &mut self.downlink.scarcity;
        let allocation = allocate(estimate, audio as u64, &pictures, scarcity.has_lasted(now));
        scarcity.observe(now, allocation.scarce);
        let mut wanted = Vec::new();
        let mut overtaxed = Vec::new();
        for ((mid, demand), layer) in demands.iter().zip(&allocation.layers) {
            let Some(forward) = self.forwards.iter_mut().find(|forward| forward.mid == *mid) else {
                continue;
            };
            let shown = forward.shown_or_target();
            if forward.aim(now, *layer, demand.wanted) {
                wanted.extend(forward.track.zip(*layer));
                if *layer < shown && shown <= demand.wanted {
                    overtaxed.push(*mid);
                }
            }
        }
        for mid in overtaxed {
            self.forget_sent(mid);
        }
        self.tell_estimator(&allocation);
        self.look_for_more(now, &allocation);
        wanted
    }

    /// Pictures begin, again too, with what the way carried when it last carried some.
    fn keep_estimate(&mut self, pictures_wanted: bool) {
        let Some(estimate) = self.downlink.controllers() else { return };
        if !pictures_wanted {
            self.downlink.set_aside.get_or_insert(estimate);
        } else if let Some(earlier) = self.downlink.set_aside.take().filter(|earlier| *earlier > estimate) {
            self.downlink.smoothed = Some(earlier);
            (self.downlink.congested, self.downlink.carried) = (None, None);
            self.rtc.bwe().reset(Bitrate::bps(earlier));
            self.drain();
        }
    }

    /// Sets up an m-line that is to carry pictures.
    pub(super) fn begin_picture(&mut self, mid: Mid) {
        self.forget_sent(mid);
        self.pace(self.paced);
    }

    /// What is asked for again decides how it and the pictures are sent.
    pub(super) fn follow_repairs(&mut self) {
        if self.repairs.are_too_many() != self.paced {
            self.pace(!self.paced);
        }
        let share = self.repairs.share();
        if share.total_cmp(&self.repair_share).is_ne() {
            self.repair_share = share;
            let pictures = self.forwards.iter().filter(|forward| !forward.kind.is_audio());
            for mid in pictures.map(|forward| forward.mid).collect::<Vec<_>>() {
                self.forget_sent(mid);
            }
        }
    }

    /// Packets of pictures leave as they come, since the browser that sent them has spread them already. Held back to the
    /// estimate they would wait for up to two seconds whenever it dips, and a keyframe that is to bring relief would wait
    /// behind them.
    pub(super) fn pace(&mut self, paced: bool) {
        self.paced = paced;
        for forward in self.forwards.iter().filter(|forward| !forward.kind.is_audio()) {
            if let Some(stream) = self.rtc.direct_api().stream_tx_by_mid(forward.mid, None) {
                stream.set_unpaced(!paced);
            }
        }
        self.drain();
    }

    /// What was sent of the picture so far is not sent again, and what follows can be (`RTX_AGE`). When the network lost
    /// packets because they were too much, repairs of a layer that ends would keep the keyframe of the next one waiting.
    fn forget_sent(&mut self, mid: Mid) {
        if let Some(stream) = self.rtc.direct_api().stream_tx_by_mid(mid, None) {
            stream.set_rtx_cache(RTX_PACKETS, RTX_AGE, Some(self.repair_share));
        }
        self.drain();
    }

    /// Starts the estimator anew, which probes at once. After losses it may hold its value for long (20 s were seen) and
    /// does not probe meanwhile, though the network carries more again.
    fn look_for_more(&mut self, now: Instant, allocation: &Allocation) {
        let Some(estimate) = self.downlink.controllers() else { return };
        if self.downlink.hunger.has_lasted(now, allocation.minimum > estimate) {
            self.rtc.bwe().reset(Bitrate::bps(estimate));
            self.drain();
        }
    }

    fn tell_estimator(&mut self, allocation: &Allocation) {
        let told = (self.downlink.padded_up_to(allocation.minimum), allocation.desired);
        if std::mem::replace(&mut self.downlink.told, told) != told {
            self.rtc.bwe().set_bitrate(Bitrate::bps(told.0), Bitrate::bps(told.1));
            self.drain();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_figure_counts_while_packets_queue_on_the_way() {
        let start = Instant::now();
        let mut downlink = Downlink { smoothed: Some(2_000_000), ..Downlink::default() };
        let mut after = |ms: u64, latest: u64, rtt: u64| {
            let (now, rtt) = (start + Duration::from_millis(ms), Duration::from_millis(rtt));
            let less = downlink.observe(now, latest, rtt, Duration::ZERO);
            assert_eq!(downlink.padded_up_to(7) == 0, downlink.is_congested());
            (downlink.estimate().unwrap_or_default(), less)
        };
        assert_eq!(after(0, 600_000, 50), (2_000_000, false), "jitter and losses");
        assert_eq!(after(100, 600_000, 119), (2_000_000, false));
        assert_eq!(after(200, 600_000, 60), (2_000_000, false));
        assert_eq!(after(300, 900_000, 150), (900_000, true));
        assert_eq!(after(400, 800_000, 150), (800_000, true));
        assert_eq!(after(500, 3_000_000, 151), (2_000_000, false));
        assert_eq!(after(600, 600_000, 60), (2_000_000, false), "the queue has gone");
    }

    #[test]
    fn a_growing_queue_counts_before_the_controller_knows() {
        let start = Instant::now();
        let mut downlink = Downlink { smoothed: Some(2_000_000), ..Downlink::default() };
        let less = [(0, 20), (100, 21), (200, 60), (300, 100)].map(|(ms, rtt)| {
            downlink.queue.sent(20_000);
            let (now, rtt) = (start + Duration::from_millis(ms), Duration::from_millis(rtt));
            downlink.observe(now, 3_000_000, rtt, Duration::ZERO)
        });
        assert_eq!(less, [false, false, false, true]);
        assert!(downlink.estimate() < Some(2_000_000));
    }

    #[test]
    fn hunger_is_reported_every_three_seconds_and_forgotten_when_it_ends() {
        let start = Instant::now();
        let mut hunger = Hunger::default();
        let mut reported = |ms: std::ops::Range<u64>, hungry: bool| -> Vec<u64> {
            ms.step_by(500)
                .filter(|ms| hunger.has_lasted(start + Duration::from_millis(*ms), hungry))
                .collect()
        };
        assert_eq!(reported(0..10_000, true), [3_000, 6_000, 9_000]);
        assert_eq!(reported(10_000..11_000, false), [0_u64; 0]);
        assert_eq!(reported(11_000..16_000, true), [14_000]);
    }
}
