//! How one participant's downstream is shared among the pictures that it shows. Pure: rates in, layers out.
//!
//! Audio comes first and is never part of the choice. Every visible picture gets its lowest layer, then the layers rise
//! one step at a time, screens before cameras, while the estimate allows it. Where not even the lowest ones fit, pictures
//! that are not shown yet do not start; one that is shown ends only when that has lasted ([`Scarcity`]).

use std::time::{Duration, Instant};

use str0m::media::Mid;

use crate::Source;
use crate::room::layers::{Layer, PerLayer};

/// Opus with one redundant block and headers, bit/s.
const AUDIO_LINE: u64 = 90_000;
/// A lowest layer counts with at most this when pictures have to be given up, bit/s: encoders shrink to it.
const LEAST_PICTURE: u64 = 100_000;
/// A shown picture ends when its lowest layer has not fitted for this long. A busy computer makes the estimate drop for a
/// second or two though the network carries everything; a standing picture would be worse than a little too much sent.
const ENDURED: Duration = Duration::from_secs(5);
/// Rising needs this much more than the layer costs, in percent; staying needs 100.
const RISE_MARGIN: u64 = 115;
/// Headers, retransmissions and the swings of an encoder, in percent of the payload rate.
const OVERHEAD: u64 = 108;

/// One m-line that carries a picture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand {
    pub(crate) source: Source,
    /// What it shall be shown in at most; `None`: it cannot be seen.
    pub(crate) wanted: Option<Layer>,
    /// Payload bit/s of the layers that arrive.
    pub(crate) rates: PerLayer<Option<u64>>,
    /// The layer aimed at now.
    pub(crate) current: Option<Layer>,
}

impl Demand {
    /// Bit/s on the way to the viewer; 0 for a layer that does not arrive.
    fn cost(&self, layer: Option<Layer>) -> u64 {
        layer.and_then(|layer| *self.rates.get(layer)).unwrap_or(0) * OVERHEAD / 100
    }

    /// The same, without the swings above an encoding's limit: after each keyframe a layer seems to cost half as much
    /// again, and would be left because of it.
    fn sustained_cost(&self, layer: Option<Layer>) -> u64 {
        let limit =
            layer.filter(|layer| *layer > Layer::Low).map(|layer| layer.nominal_bitrate() * OVERHEAD / 100);
        self.cost(layer).min(limit.unwrap_or(u64::MAX))
    }

    fn arriving(&self) -> impl Iterator<Item = Layer> {
        Layer::ALL.into_iter().filter(|layer| self.rates.get(*layer).is_some())
    }

    /// What a visible picture starts with. Nothing arrives at present: as before, so that it goes on where it was.
    fn lowest(&self) -> Option<Layer> {
        self.wanted?;
        self.arriving().next().or(self.current).or(Some(Layer::Low))
    }

    /// The next better layer that the tile can use.
    fn next_above(&self, layer: Layer) -> Option<Layer> {
        self.arriving().find(|next| *next > layer && Some(*next) <= self.wanted)
    }

    /// What probing is worth: the best layer that a visible picture could be shown in, even if its tile is small now;
    /// a tile that grows shall not wait for the estimate. Not less than the web client's limit for it: an encoder
    /// takes little for a picture that stands still, and everything once it moves.
    fn ambition(&self) -> u64 {
        let best = self.arriving().last();
        match (self.wanted, best) {
            (None, _) => 0,
            (Some(_), Some(layer)) => self.cost(best).max(layer.nominal_bitrate() * OVERHEAD / 100),
            (Some(wanted), None) => wanted.nominal_bitrate(),
        }
    }
}

/// A demand, and the layer chosen for it.
pub(crate) struct Picture {
    pub(crate) mid: Mid,
    /// What the tile needs, whatever the way to it is like.
    pub(crate) tile: Option<Layer>,
    pub(crate) demand: Demand,
    pub(crate) layer: Option<Layer>,
}

/// What to look for; bit/s.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Allocation {
    /// What is worth probing for.
    pub(crate) desired: u64,
    /// What the next step needs; 0 when nothing more is wanted.
    pub(crate) minimum: u64,
    /// The lowest layers of what is shown already do not fit.
    pub(crate) scarce: bool,
}

/// Since when the lowest layers of the shown pictures have not fitted.
#[derive(Default)]
pub(super) struct Scarcity {
    since: Option<Instant>,
}

impl Scarcity {
    pub(super) fn has_lasted(&self, now: Instant) -> bool {
        self.since.is_some_and(|since| now.duration_since(since) >= ENDURED)
    }

    pub(super) fn observe(&mut self, now: Instant, scarce: bool) {
        self.since = scarce.then(|| self.since.unwrap_or(now));
    }
}

/// Chooses the layers. `estimate`: bit/s that the way to this participant carries. `end_shown`: what is shown may be ended.
pub(crate) fn allocate(
    estimate: u64,
    audio_lines: u64,
    pictures: &mut [Picture],
    end_shown: bool,
) -> Allocation {
    let audio = audio_lines * AUDIO_LINE;
    let budget = estimate.saturating_sub(audio);
    for picture in &mut *pictures {
        picture.layer = picture.demand.lowest();
    }
    let shortage = give_up(budget, pictures, end_shown);
    let refused = rise(budget, pictures);
    let minimum = refused.or(shortage.needed).map_or(0, |step| audio + step);
    let wishes: u64 = pictures.iter().map(|picture| picture.demand.ambition()).sum();
    Allocation { desired: (audio + wishes).max(minimum), minimum, scarce: shortage.of_shown }
}

#[derive(Default)]
struct Shortage {
    /// What the first picture given up needs to come back.
    needed: Option<u64>,
    of_shown: bool,
}

/// Takes away cameras, the last one first, then screens, until the lowest layers fit.
fn give_up(budget: u64, pictures: &mut [Picture], end_shown: bool) -> Shortage {
    let mut shortage = Shortage::default();
    for screens in [false, true] {
        for at in (0..pictures.len()).rev() {
            let total: u64 = pictures.iter().map(least).sum();
            let Some(picture) = pictures.get_mut(at) else { continue };
            let shown = picture.demand.current.is_some();
            let margin = if shown { 100 } else { RISE_MARGIN };
            let is_screen = picture.demand.source == Source::Screen;
            if is_screen != screens || picture.layer.is_none() || total * margin / 100 <= budget {
                continue;
            }
            shortage.of_shown |= shown;
            if !shown || end_shown {
                picture.layer = None;
                shortage.needed = Some(total * RISE_MARGIN / 100);
            }
        }
    }
    shortage
}

fn least(picture: &Picture) -> u64 {
    picture.demand.cost(picture.layer).min(LEAST_PICTURE)
}

/// Raises layers step by step, screens first; what the first refused step would have needed.
fn rise(budget: u64, pictures: &mut [Picture]) -> Option<u64> {
    let mut refused = None;
    for screens in [true, false] {
        let mut rising = true;
        while rising {
            rising = false;
            for at in 0..pictures.len() {
                let total: u64 = pictures.iter().map(|picture| picture.demand.cost(picture.layer)).sum();
                let Some(picture) = pictures.get_mut(at) else { continue };
                let demand = &picture.demand;
                let next = picture.layer.and_then(|layer| demand.next_above(layer));
                if next.is_none() || (demand.source == Source::Screen) != screens {
                    continue;
                }
                let rises = next > demand.current;
                let cost = if rises { demand.cost(next) } else { demand.sustained_cost(next) };
                let needed = total - demand.cost(picture.layer) + cost;
                let margin = if rises { RISE_MARGIN } else { 100 };
                if needed * margin / 100 <= budget {
                    picture.layer = next;
                    rising = true;
                } else {
                    refused.get_or_insert(needed * RISE_MARGIN / 100);
                }
            }
        }
    }
    refused
}

#[cfg(test)]
mod tests {
    use super::*;
    use Layer::{High, Low, Middle};

    const RATES: [u64; 3] = [150_000, 500_000, 1_700_000];

    fn demand(source: Source, wanted: Option<Layer>, current: Option<Layer>, layers: &[Layer]) -> Demand {
        let mut rates = PerLayer::default();
        for layer in layers {
            *rates.get_mut(*layer) = Some(RATES[*layer as usize]);
        }
        Demand { source, wanted, rates, current }
    }

    fn camera(wanted: Option<Layer>, current: Option<Layer>) -> Demand {
        demand(Source::Camera, wanted, current, &Layer::ALL)
    }

    /// The layers chosen, and the rest.
    fn chosen(
        estimate: u64,
        audio_lines: u64,
        demands: &[Demand],
        end_shown: bool,
    ) -> (Vec<Option<Layer>>, Allocation) {
        let picture =
            |demand: &Demand| Picture { mid: "0".into(), tile: demand.wanted, demand: *demand, layer: None };
        let mut pictures: Vec<_> = demands.iter().map(picture).collect();
        let allocation = allocate(estimate, audio_lines, &mut pictures, end_shown);
        (pictures.iter().map(|picture| picture.layer).collect(), allocation)
    }

    fn layers(estimate: u64, demands: &[Demand]) -> Vec<Option<Layer>> {
        chosen(estimate, 1, demands, true).0
    }

    #[test]
    fn the_estimate_decides_the_layer_and_rising_needs_a_margin() {
        let from_low = [camera(Some(High), Some(Low))];
        let from_high = [camera(Some(High), Some(High))];
        for (estimate, rises_to, stays_at) in [
            (100_000, None, None),
            (300_000, Some(Low), Some(Low)),
            (640_000, Some(Low), Some(Middle)),
            (1_000_000, Some(Middle), Some(Middle)),
            (2_000_000, Some(Middle), Some(High)),
            (3_000_000, Some(High), Some(High)),
        ] {
            assert_eq!(layers(estimate, &from_low), [rises_to], "{estimate}");
            assert_eq!(layers(estimate, &from_high), [stays_at], "{estimate}");
        }
    }

    #[test]
    fn a_layer_is_not_left_because_its_keyframe_was_large() {
        let mut large = camera(Some(High), Some(High));
        *large.rates.get_mut(High) = Some(2_700_000);
        assert_eq!(layers(2_400_000, &[large]), [Some(High)]);
        assert_eq!(layers(1_900_000, &[large]), [Some(Middle)]);
    }

    #[test]
    fn a_small_tile_gets_a_small_layer_and_a_hidden_one_nothing() {
        let demands = [camera(Some(Low), None), camera(None, Some(High)), camera(Some(Middle), None)];
        assert_eq!(layers(10_000_000, &demands), [Some(Low), None, Some(Middle)]);
    }

    #[test]
    fn everybody_is_seen_before_anybody_is_seen_well() {
        let demands = [camera(Some(High), None), camera(Some(High), None), camera(Some(High), None)];
        assert_eq!(layers(1_300_000, &demands), [Some(Middle), Some(Low), Some(Low)]);
        assert_eq!(layers(2_200_000, &demands), [Some(Middle); 3]);
    }

    #[test]
    fn screens_keep_their_layer_longer_than_cameras() {
        let screen = demand(Source::Screen, Some(High), None, &[Low]);
        let tight = [camera(Some(High), Some(Low)), screen];
        assert_eq!(layers(220_000, &tight), [None, Some(Low)]);
    }

    #[test]
    fn what_is_shown_stays_over_a_short_dip_of_the_estimate_and_nothing_new_starts() {
        let demands = [camera(Some(High), Some(Middle)), camera(Some(High), None)];
        let (layers, dip) = chosen(120_000, 1, &demands, false);
        assert_eq!((layers, dip.scarce), (vec![Some(Low), None], true));
        let (layers, lasting) = chosen(120_000, 1, &demands, true);
        assert_eq!((layers, lasting.scarce), (vec![None, None], true));
        assert!(!chosen(250_000, 1, &demands, false).1.scarce, "only the new one does not fit");
    }

    #[test]
    fn scarcity_lasts_only_without_interruption() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut scarcity = Scarcity::default();
        scarcity.observe(at(0), true);
        scarcity.observe(at(4999), true);
        assert!(!scarcity.has_lasted(at(4999)));
        assert!(scarcity.has_lasted(at(5000)));
        scarcity.observe(at(5000), false);
        scarcity.observe(at(5050), true);
        assert!(!scarcity.has_lasted(at(10_000)));
    }

    #[test]
    fn a_track_with_one_layer_is_shown_whatever_the_tile() {
        let single = demand(Source::Camera, Some(Low), None, &[High]);
        assert_eq!(layers(500_000, &[single]), [Some(High)]);
    }

    #[test]
    fn a_camera_that_pauses_keeps_its_layer() {
        let paused = demand(Source::Camera, Some(High), Some(Middle), &[]);
        assert_eq!(layers(3_000_000, &[paused]), [Some(Middle)]);
    }

    #[test]
    fn a_picture_that_stands_still_is_probed_for_as_if_it_moved() {
        let mut still = camera(Some(High), Some(High));
        *still.rates.get_mut(High) = Some(300_000);
        assert_eq!(chosen(1_000_000, 1, &[still], true).1.desired, 1_926_000);
    }

    #[test]
    fn the_estimator_is_told_what_is_wanted_and_what_the_next_step_needs() {
        let limited = chosen(1_000_000, 1, &[camera(Some(High), Some(Middle))], true).1;
        assert_eq!((limited.desired, limited.minimum), (2_201_400, 2_201_400));
        let content = chosen(5_000_000, 1, &[camera(Some(High), Some(High))], true).1;
        assert_eq!((content.desired, content.minimum), (1_926_000, 0));
        let hidden = chosen(5_000_000, 2, &[camera(None, Some(High))], true).1;
        assert_eq!((hidden.desired, hidden.minimum), (180_000, 0), "only audio is wanted");
    }
}
