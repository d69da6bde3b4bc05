//! How much is sent again to a participant. Packets of pictures leave as they come, and with them what is asked for again; who
//! asks for as much again has to wait for the pacer. str0m's own limit (`RTX_SHARE`) is lower, but looks only every 50 ms.

/// What may be sent again at once, bytes; also how far the share may be overdrawn, by the padding of probes.
const BURST: i64 = 64_000;

pub(super) struct Repairs {
    /// Bytes that may still be sent again.
    allowance: i64,
}

impl Default for Repairs {
    fn default() -> Self {
        Self { allowance: BURST }
    }
}

impl Repairs {
    /// A packet was forwarded.
    pub(super) fn earn(&mut self, bytes: usize) {
        self.allowance = (self.allowance + bytes as i64).min(BURST);
    }

    /// A packet was sent again, or padding.
    pub(super) fn spend(&mut self, bytes: usize) {
        self.allowance = (self.allowance - bytes as i64).max(-BURST);
    }

    pub(super) fn are_too_many(&self) -> bool {
        self.allowance < 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_as_much_again() {
        let mut repairs = Repairs::default();
        for _ in 0..1_000 {
            repairs.earn(1_200);
            repairs.spend(1_200);
        }
        assert!(!repairs.are_too_many());
        repairs.earn(1_200);
        repairs.spend(64_000);
        assert!(!repairs.are_too_many(), "a burst");
        repairs.spend(1_200);
        assert!(repairs.are_too_many());
        repairs.spend(1_000_000);
        repairs.earn(63_999);
        assert!(repairs.are_too_many());
        repairs.earn(1_200);
        assert!(!repairs.are_too_many(), "after a third of a second of a good picture");
    }
}
