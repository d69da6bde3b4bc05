//! Who talks to whom, for how long, and how many of them.

use std::time::Duration;

use anyhow::{Result, bail};

use super::stamp::Stream;

/// How rooms come and go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Arrivals {
    /// All open before the measurement and stay.
    Standing { rooms: usize },
    /// Rooms open at this rate and close `life` later.
    Turnover { rooms_per_second: f64, life: Duration },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scenario {
    pub name: &'static str,
    /// Participants of a room.
    pub size: u16,
    /// How many of them publish; the others only receive.
    pub publishers: u16,
    pub video: bool,
    /// Layers of the camera: 1 or 3.
    pub layers: u8,
    /// The only layer, where there is one.
    pub single: u8,
    pub arrivals: Arrivals,
    /// Nothing is sent any more once everybody of the room receives everything: what joining costs.
    pub quiet: bool,
    /// Microphones carry real speech; nobody receives it.
    pub speech: bool,
}

pub const NAMES: [&str; 9] = [
    "one-to-one",
    "three-party",
    "five-party",
    "audio-only",
    "one-to-many",
    "join-storm",
    "churn",
    "small-pictures",
    "speakers",
];

impl Scenario {
    /// `rooms`: standing rooms, or rooms per second for the two scenarios of turnover; `None`: the usual number.
    pub fn named(name: &str, rooms: Option<usize>, layers: u8) -> Result<Self> {
        let standing = |usual| Arrivals::Standing { rooms: rooms.unwrap_or(usual) };
        let turnover = |usual: usize, seconds: f64| Arrivals::Turnover {
            rooms_per_second: rooms.unwrap_or(usual) as f64,
            life: Duration::from_secs_f64(seconds),
        };
        let room = |size, publishers, video, arrivals| Self {
            name: NAMES.into_iter().find(|known| *known == name).unwrap_or_default(),
            size,
            publishers,
            video,
            layers,
            arrivals,
            single: 2,
            quiet: false,
            speech: false,
        };
        Ok(match name {
            "one-to-one" => room(2, 2, true, standing(20)),
            "three-party" => room(3, 3, true, standing(7)),
            "five-party" => room(5, 5, true, standing(3)),
            "small-pictures" => Self { layers: 1, single: 0, ..room(2, 2, true, standing(50)) },
            "audio-only" => room(2, 2, false, standing(40)),
            "one-to-many" => room(21, 1, true, standing(2)),
            // 100 joins per second.
            "join-storm" => Self { quiet: true, ..room(2, 2, true, turnover(50, 1.5)) },
            "churn" => room(2, 2, true, turnover(2, 5.0)),
            "speakers" => Self { speech: true, ..room(1, 1, false, standing(60)) },
            _ => bail!("no scenario {name}; there are {}", NAMES.join(", ")),
        })
    }

    /// Participants at any time.
    pub fn participants(&self) -> usize {
        self.rooms() * usize::from(self.size)
    }

    pub fn rooms(&self) -> usize {
        match self.arrivals {
            Arrivals::Standing { rooms } => rooms,
            Arrivals::Turnover { rooms_per_second, life } => {
                (rooms_per_second * life.as_secs_f64()).round() as usize
            }
        }
    }

    /// The video stream that flows when nothing has arrived yet.
    pub fn first_layer(&self) -> Stream {
        Stream::Video(if self.layers > 1 { 0 } else { self.single })
    }
}
