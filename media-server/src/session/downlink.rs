//! Which layers go over the way to one participant.

use std::time::Instant;

use super::Session;
use super::allocation::{Demand, Picture, allocate};
use crate::egress::{Outgoing, Wish};
use crate::room::layers::Layer;
use crate::{Source, TrackId};

/// A browser without transport-wide feedback gives no estimate; then this, bit/s.
const UNKNOWN_ESTIMATE: u64 = 3_000_000;

/// Where packets get lost a camera is shown no better than this, whatever the way carries: the more packets a frame has, the more
/// often one of them is missing. Chromium, losing 5 %, stood for 6.5 % of a minute with 720 lines, and not at all with 360.
const BEST_WHERE_LOST: Layer = Layer::Middle;

/// A layer that a viewer now needs a keyframe of.
pub(crate) type Wanted = (TrackId, Layer);

impl Session {
    /// Pictures are open; or the last one has just gone, and nothing more is to be looked for.
    pub(crate) fn has_layers_to_choose(&self) -> bool {
        self.egress.wishes() || self.open_pictures().next().is_some()
    }

    /// Chooses a layer for every open picture. Returns what needs a keyframe. `may_probe`: whether the way carries more may be
    /// looked for.
    pub(crate) fn choose_layers(
        &mut self,
        now: Instant,
        pictures: &mut [Picture],
        may_probe: bool,
    ) -> Vec<Wanted> {
        let audio = self.open_lines().filter(|(_, track)| track.source.is_audio()).count();
        let estimate = self.estimate(now);
        if self.repairs.is_lossy() {
            pictures.iter_mut().map(|picture| &mut picture.demand).for_each(limit);
        }
        let scarcity = &mut self.scarcity;
        let allocation = allocate(estimate, audio as u64, pictures, scarcity.has_lasted(now));
        scarcity.observe(now, allocation.scarce);
        let mut wanted = Vec::new();
        for Picture { mid, tile, layer, .. } in &*pictures {
            let Some(forward) = self.forwards.iter_mut().find(|forward| forward.mid == *mid) else {
                continue;
            };
            let shown = forward.shown_or_target();
            if forward.aim(now, *layer, *tile) {
                wanted.extend(forward.track.zip(*layer));
                // When the network lost packets because they were too much, repairs of a layer that ends would keep the
                // keyframe of the next one waiting.
                if *layer < shown
                    && shown <= *tile
                    && let Some(stream) = &mut forward.stream
                {
                    stream.forget();
                }
            }
        }
        let visible = pictures.iter().any(|picture| picture.demand.wanted.is_some());
        let wish = Wish { next: allocation.minimum, most: allocation.desired };
        self.egress.wish(if visible && may_probe { wish } else { Wish::default() });
        wanted
    }

    /// Bit/s that the way carries.
    fn estimate(&self, now: Instant) -> u64 {
        let mut streams = self.forwards.iter().filter_map(|forward| forward.stream.as_ref());
        let numbered = streams.any(Outgoing::is_numbered);
        self.egress.estimate(now).filter(|_| numbered).unwrap_or(UNKNOWN_ESTIMATE)
    }
}

/// No more of a camera than stands little where packets get lost.
fn limit(demand: &mut Demand) {
    if demand.source != Source::Screen {
        demand.wanted = demand.wanted.map(|wanted| wanted.min(BEST_WHERE_LOST));
    }
}
