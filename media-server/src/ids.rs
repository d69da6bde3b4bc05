//! Names of the things a media node knows. Made elsewhere (the control plane), never here.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, de};
use uuid::Uuid;

/// The text is not `<prefix>_<32 hex digits>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {0} id")]
pub struct InvalidId(&'static str);

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}_{}", $prefix, self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.strip_prefix(concat!($prefix, "_"))
                    .filter(|hex| hex.len() == 32)
                    .and_then(|hex| Uuid::try_parse(hex).ok())
                    .map(Self)
                    .ok_or(InvalidId($prefix))
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

id_type!(
    /// A room: everyone in it may hear everyone in it, subject to their grants. Lives on one worker.
    RoomId,
    "room"
);
id_type!(
    /// One person in one room; stays the same across reloads, reconnects and network changes.
    ParticipantId,
    "par"
);

/// What a track carries. A participant publishes at most one track of each source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Microphone,
    Camera,
    Screen,
}

impl Source {
    #[must_use]
    pub const fn is_audio(self) -> bool {
        matches!(self, Self::Microphone)
    }
}

/// A published track: whose, and from which source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TrackId {
    pub participant: ParticipantId,
    pub source: Source,
}

/// A map by ids that the control plane made: nobody can choose them so that they collide, and packets look them up.
pub(crate) type IdMap<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_as_text_and_refuse_anything_else() {
        let id = RoomId::from_uuid(Uuid::from_u128(7));
        assert_eq!(id.to_string(), "room_00000000000000000000000000000007");
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in [
            "",
            "room_",
            "par_00000000000000000000000000000007",
            "room_7",
            "room_zz000000000000000000000000000007",
        ] {
            assert!(bad.parse::<RoomId>().is_err(), "{bad}");
        }
    }
}
