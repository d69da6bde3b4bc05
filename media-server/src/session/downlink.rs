//! The way to one participant: what it carries, and which layers go over it.

use std::time::Instant;

use str0m::bwe::Bitrate;
use str0m::media::Mid;

use super::Session;
use super::allocation::{Allocation, Demand, Scarcity, allocate};
use crate::TrackId;
use crate::room::layers::Layer;

/// Where the estimator starts, bit/s; its first probes take it to three and six times this within a second.
pub(super) const INITIAL_ESTIMATE: u64 = 1_000_000;
/// A browser without transport-wide feedback gives no estimate; then this, bit/s.
const UNKNOWN_ESTIMATE: u64 = 3_000_000;

#[derive(Default)]
pub(super) struct Downlink {
    /// Bit/s, of the congestion controller.
    pub(super) estimate: Option<u64>,
    scarcity: Scarcity,
    /// Minimum and desired bit/s as last told to the estimator.
    told: (u64, u64),
}

/// A layer that a viewer now needs a keyframe of.
pub(crate) type Wanted = (TrackId, Layer);

impl Session {
    /// Chooses a layer for every open picture: `demands` names the m-lines. Returns what needs a keyframe.
    pub(crate) fn choose_layers(&mut self, now: Instant, demands: &[(Mid, Demand)]) -> Vec<Wanted> {
        let audio = self.open_lines().filter(|(_, track)| track.source.is_audio()).count();
        let estimate = self.downlink.estimate.unwrap_or(UNKNOWN_ESTIMATE);
        let pictures: Vec<Demand> = demands.iter().map(|(_, demand)| *demand).collect();
        let scarcity = &mut self.downlink.scarcity;
        let allocation = allocate(estimate, audio as u64, &pictures, scarcity.has_lasted(now));
        scarcity.observe(now, allocation.scarce);
        let mut wanted = Vec::new();
        for ((mid, _), layer) in demands.iter().zip(&allocation.layers) {
            let Some(forward) = self.forwards.iter_mut().find(|forward| forward.mid == *mid) else {
                continue;
            };
            if forward.aim(now, *layer) {
                wanted.extend(forward.track.zip(*layer));
            }
        }
        self.tell_estimator(&allocation);
        wanted
    }

    fn tell_estimator(&mut self, allocation: &Allocation) {
        let told = (allocation.minimum, allocation.desired);
        if std::mem::replace(&mut self.downlink.told, told) != told {
            self.rtc.bwe().set_bitrate(Bitrate::bps(told.0), Bitrate::bps(told.1));
            self.drain();
        }
    }
}
