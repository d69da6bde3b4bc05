//! How good calls were for those who took part in them: what listeners and viewers got over a bad network.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::link::STEP;
use super::picture::Picture;
use super::voice::Voice;

/// A share of what was due.
#[derive(Default, Clone, Copy)]
struct Share {
    due: u64,
    lost: u64,
}

/// Summed over all tracks of all participants.
#[derive(Default)]
pub struct Quality {
    audio: Share,
    video: Share,
    watched: Duration,
    frozen: Duration,
    switches: u64,
    undecodable: u64,
    /// From a step of the network to the layer that fits it, down and up; `None`: it never came.
    steps: [Vec<Option<Duration>>; 2],
}

/// As rows have it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rating {
    pub profile: String,
    /// Neither as a packet nor as a redundant block of another one, percent.
    pub audio_lost_percent: f64,
    /// Not even as a retransmission, percent.
    pub video_lost_percent: f64,
    /// Of the time that cameras were watched.
    pub frozen_percent: f64,
    /// From one simulcast layer to another.
    pub switches: u64,
    /// Frames that the decoder took and could not have decoded.
    pub undecodable: u64,
    /// From the network's step down to the first frame of a lower layer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub down_ms: Option<Steps>,
    /// From the step up to the first frame of a higher one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub up_ms: Option<Steps>,
}

/// How long it took, over all viewers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Steps {
    pub p50: f64,
    pub max: f64,
    /// Viewers for whom nothing changed.
    pub never: u64,
}

impl Quality {
    pub fn hear(&mut self, voice: &Voice) {
        let (said, lost) = voice.said_and_lost();
        self.audio = Share { due: self.audio.due + said, lost: self.audio.lost + lost };
    }

    /// `steps_from`: when the measurement began, if the network changed then.
    pub fn watch(&mut self, picture: &Picture, steps_from: Option<Instant>) {
        let (due, lost) = picture.due_and_lost();
        self.video = Share { due: self.video.due + due, lost: self.video.lost + lost };
        self.watched += picture.watched;
        self.frozen += picture.frozen;
        self.switches += (picture.switches.len() as u64).saturating_sub(1);
        self.undecodable += picture.undecodable;
        if let Some(began) = steps_from {
            self.steps[0].push(picture.moved_after(began + STEP, true));
            self.steps[1].push(picture.moved_after(began + 2 * STEP, false));
        }
    }

    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in [(&mut self.audio, other.audio), (&mut self.video, other.video)] {
            *mine = Share { due: mine.due + theirs.due, lost: mine.lost + theirs.lost };
        }
        self.watched += other.watched;
        self.frozen += other.frozen;
        self.switches += other.switches;
        self.undecodable += other.undecodable;
        for (mine, theirs) in self.steps.iter_mut().zip(&other.steps) {
            mine.extend(theirs);
        }
    }

    pub fn rating(&self, profile: &str) -> Rating {
        let percent = |part: f64, whole: f64| (part / whole.max(f64::EPSILON) * 1e5).round() / 1e3;
        let share = |share: Share| percent(share.lost as f64, share.due as f64);
        Rating {
            profile: profile.to_owned(),
            audio_lost_percent: share(self.audio),
            video_lost_percent: share(self.video),
            frozen_percent: percent(self.frozen.as_secs_f64(), self.watched.as_secs_f64()),
            switches: self.switches,
            undecodable: self.undecodable,
            down_ms: Steps::of(&self.steps[0]),
            up_ms: Steps::of(&self.steps[1]),
        }
    }
}

impl Steps {
    fn of(times: &[Option<Duration>]) -> Option<Self> {
        let mut moved: Vec<f64> =
            times.iter().flatten().map(|time| (time.as_secs_f64() * 1000.0).round()).collect();
        moved.sort_by(f64::total_cmp);
        let never = (times.len() - moved.len()) as u64;
        let at = |index: usize| moved.get(index).copied().unwrap_or_default();
        let steps = Self { p50: at(moved.len() / 2), max: at(moved.len().saturating_sub(1)), never };
        (!times.is_empty()).then_some(steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_everything_that_was_due() {
        let mut quality = Quality { audio: Share { due: 1000, lost: 5 }, ..Quality::default() };
        quality.add(&Quality {
            audio: Share { due: 1000, lost: 0 },
            watched: Duration::from_secs(10),
            frozen: Duration::from_millis(50),
            steps: [vec![Some(Duration::from_millis(700)), None], Vec::new()],
            ..Quality::default()
        });
        let rating = quality.rating("step");
        assert_eq!((rating.audio_lost_percent, rating.frozen_percent), (0.25, 0.5));
        assert_eq!(rating.down_ms, Some(Steps { p50: 700.0, max: 700.0, never: 1 }));
        assert_eq!(rating.up_ms, None);
    }
}
