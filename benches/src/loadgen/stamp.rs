//! What a packet says about itself, inside its payload: whose it is, which one, and when it was sent.

/// Unlikely in any other payload; where the rest is found.
const MAGIC: [u8; 4] = [0xA5, 0xC7, 0x1E, 0xD3];
/// Bytes before the stamp at most: a VP8 payload descriptor and frame header.
const SEARCH: usize = 32;
/// Bytes that a stamp takes.
pub const BYTES: usize = 28;

/// What a participant sends: a microphone and the layers of a camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    Audio,
    /// Index of the layer, lowest first.
    Video(u8),
}

impl Stream {
    /// Streams of one participant; `index` is below it.
    pub const COUNT: usize = 4;

    pub fn index(self) -> usize {
        match self {
            Self::Audio => 0,
            Self::Video(layer) => 1 + usize::from(layer),
        }
    }

    fn from_index(index: u8) -> Option<Self> {
        match index {
            0 => Some(Self::Audio),
            1..=3 => Some(Self::Video(index - 1)),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub room: u32,
    pub seat: u16,
    pub stream: Stream,
    /// Counts the packets of a stream from 0.
    pub number: u64,
    /// Nanoseconds since the Unix epoch.
    pub sent: u64,
}

impl Stamp {
    pub fn write(&self, payload: &mut Vec<u8>) {
        payload.extend(MAGIC);
        payload.extend(self.room.to_be_bytes());
        payload.extend(self.seat.to_be_bytes());
        payload.extend([self.stream.index() as u8, 0]);
        payload.extend(self.number.to_be_bytes());
        payload.extend(self.sent.to_be_bytes());
    }

    /// `None`: not one of our payloads.
    pub fn find(payload: &[u8]) -> Option<Self> {
        let head = payload.get(..payload.len().min(SEARCH + MAGIC.len()))?;
        let at = head.windows(MAGIC.len()).position(|window| window == MAGIC)?;
        let stamp: &[u8; BYTES] = payload.get(at..)?.first_chunk()?;
        let long = |from: usize| u64::from_be_bytes(stamp[from..from + 8].try_into().expect("eight bytes"));
        Some(Self {
            room: u32::from_be_bytes([stamp[4], stamp[5], stamp[6], stamp[7]]),
            seat: u16::from_be_bytes([stamp[8], stamp[9]]),
            stream: Stream::from_index(stamp[10])?,
            number: long(12),
            sent: long(20),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_found_behind_any_header_and_nowhere_else() {
        let stamp = Stamp { room: 7, seat: 3, stream: Stream::Video(2), number: u64::MAX - 5, sent: 12 };
        for header in 0..=SEARCH {
            let mut payload = vec![0x10; header];
            stamp.write(&mut payload);
            payload.extend([0; 10]);
            assert_eq!(Stamp::find(&payload), Some(stamp), "{header}");
            assert_eq!(Stamp::find(&payload[..header + BYTES - 1]), None, "cut off");
        }
        assert_eq!(Stamp::find(&[0; 100]), None);
    }
}
