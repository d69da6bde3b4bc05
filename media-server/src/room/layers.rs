//! Simulcast layers of a published track: which of them arrive, at what rate, and who waits for a keyframe of which.

use std::time::{Duration, Instant};

use super::keyframes::KeyframeRequests;

/// A layer without packets for this long is not a choice: the browser has stopped encoding it.
const ACTIVE_WITHIN: Duration = Duration::from_secs(1);
const RATE_WINDOW: Duration = Duration::from_millis(500);

/// One encoding of a picture. Ordered: `Low < Middle < High`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Layer {
    /// RID `q`, about 180 lines; or the only encoding of a track without simulcast.
    Low,
    /// RID `h`, about 360 lines.
    Middle,
    /// RID `f`, about 720 lines.
    High,
}

impl Layer {
    pub(crate) const ALL: [Self; 3] = [Self::Low, Self::Middle, Self::High];

    /// The RIDs of our web client (quarter, half, full; RFC 8853); `None` for any other.
    pub(crate) fn from_rid(rid: Option<&str>) -> Option<Self> {
        match rid {
            None | Some("q") => Some(Self::Low),
            Some("h") => Some(Self::Middle),
            Some("f") => Some(Self::High),
            Some(_) => None,
        }
    }

    /// The smallest layer that fills a tile of this many device pixels; `None`: nothing of it can be seen.
    pub(crate) fn for_tile(width: u32, height: u32) -> Option<Self> {
        match height.max(width.saturating_mul(9) / 16) {
            0 => None,
            1..=220 => Some(Self::Low),
            221..=440 => Some(Self::Middle),
            _ => Some(Self::High),
        }
    }

    /// What the layer costs while it has not been measured, bit/s: the web client's encoding limits.
    pub(crate) const fn nominal_bitrate(self) -> u64 {
        match self {
            Self::Low => 150_000,
            Self::Middle => 500_000,
            Self::High => 1_700_000,
        }
    }
}

/// One value per layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PerLayer<T>([T; 3]);

impl<T> PerLayer<T> {
    pub(crate) fn get(&self, layer: Layer) -> &T {
        let [low, middle, high] = &self.0;
        match layer {
            Layer::Low => low,
            Layer::Middle => middle,
            Layer::High => high,
        }
    }

    pub(crate) fn get_mut(&mut self, layer: Layer) -> &mut T {
        let [low, middle, high] = &mut self.0;
        match layer {
            Layer::Low => low,
            Layer::Middle => middle,
            Layer::High => high,
        }
    }
}

/// What arrives of one layer.
#[derive(Clone, Copy, Default)]
pub(crate) struct LayerState {
    pub(crate) keyframes: KeyframeRequests,
    last_packet: Option<Instant>,
    window: Option<(Instant, u64)>,
    /// Of the last complete window, bit/s.
    bitrate: Option<u64>,
}

impl LayerState {
    /// Counts a packet of `bytes` payload. True: nothing of this layer was being sent before.
    pub(crate) fn received(&mut self, now: Instant, bytes: usize) -> bool {
        let begins = !self.is_active(now);
        self.last_packet = Some(now);
        let (since, sum) = self.window.get_or_insert((now, 0));
        *sum += bytes as u64;
        let elapsed = now.duration_since(*since);
        if elapsed >= RATE_WINDOW {
            let bits = u128::from(*sum) * 8 * 1_000_000 / elapsed.as_micros();
            self.bitrate = u64::try_from(bits).ok();
            self.window = Some((now, 0));
        }
        begins
    }

    fn is_active(&self, now: Instant) -> bool {
        self.last_packet.is_some_and(|at| now.duration_since(at) <= ACTIVE_WITHIN)
    }

    pub(crate) fn last_packet(&self) -> Option<Instant> {
        self.last_packet
    }

    /// Bit/s while the layer is being sent; `None` while it is not.
    pub(crate) fn bitrate(&self, now: Instant, layer: Layer) -> Option<u64> {
        self.is_active(now).then(|| self.bitrate.unwrap_or(layer.nominal_bitrate()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_of_a_layer_is_measured_and_ends_with_its_packets() {
        let start = Instant::now();
        let mut state = LayerState::default();
        assert_eq!(state.bitrate(start, Layer::High), None);
        for ms in (0..=1000).step_by(10) {
            assert_eq!(state.received(start + Duration::from_millis(ms), 1000), ms == 0);
        }
        let now = start + Duration::from_secs(1);
        let rate = state.bitrate(now, Layer::High).expect("active");
        assert!((790_000..=820_000).contains(&rate), "{rate}");
        let later = now + Duration::from_millis(1001);
        assert_eq!(state.bitrate(later, Layer::High), None);
        assert!(state.received(later, 1000), "it begins again");
    }

    #[test]
    fn a_tile_gets_the_smallest_layer_that_fills_it() {
        for (width, height, expected) in [
            (0, 0, None),
            (320, 180, Some(Layer::Low)),
            (640, 360, Some(Layer::Middle)),
            (360, 640, Some(Layer::High)),
            (1280, 200, Some(Layer::High)),
            (u32::MAX, 1, Some(Layer::High)),
        ] {
            assert_eq!(Layer::for_tile(width, height), expected, "{width}x{height}");
        }
    }
}
