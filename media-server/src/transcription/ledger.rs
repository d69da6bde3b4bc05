//! Where every sample of a speaker's audio went. Nothing that was heard may vanish without an entry.

/// Counts of 16 kHz samples. Once nothing is buffered any more,
/// `received = transcribed + silence + gap + withdrawn`; until then the difference is [`Ledger::pending`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    /// The speaker's timeline: decoded, concealed, or known to be missing.
    pub(super) received: u64,
    /// Inside an utterance whose final caption was sent.
    pub(super) transcribed: u64,
    /// No speech, by voice activity or by the model itself.
    pub(super) silence: u64,
    /// Lost on the way, or speech that could not be transcribed.
    pub(super) gap: u64,
    /// Wiped because consent was withdrawn.
    pub(super) withdrawn: u64,
}

impl Ledger {
    /// Samples still buffered or being transcribed.
    pub(super) fn pending(&self) -> u64 {
        self.received - self.transcribed - self.silence - self.gap - self.withdrawn
    }

    pub(super) fn add(&mut self, other: Self) {
        self.received += other.received;
        self.transcribed += other.transcribed;
        self.silence += other.silence;
        self.gap += other.gap;
        self.withdrawn += other.withdrawn;
    }
}
