//! The account of one subscription: which packets had to arrive, and which did.

use super::numbers::Numbers;
use super::stamp::Stream;

/// Packets of one stream that had to arrive, as ranges of their numbers.
#[derive(Default)]
struct Account {
    arrived: Numbers,
    /// Half open; the last one grows.
    due: Vec<(u64, u64)>,
}

/// What became of a subscription's packets.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Distinct packets.
    pub delivered: u64,
    pub lost: u64,
    pub duplicated: u64,
    /// Packets of another layer that did not begin with a keyframe.
    pub broken_switches: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.broken_switches += other.broken_switches;
    }
}

/// One track as one participant receives it. Everything that the publisher sent is due; of a simulcast track, the layer
/// that flows, from the first packet after a switch to the last one before the next.
#[derive(Default)]
pub struct Ledger {
    accounts: [Account; Stream::COUNT],
    current: Option<Stream>,
    open: bool,
    tally: Tally,
}

impl Ledger {
    /// Has anything arrived yet?
    pub fn started(&self) -> bool {
        self.current.is_some()
    }

    /// From now on packets count. `sent`: how many of each stream have been sent so far; `first`: what is due when
    /// nothing has arrived yet.
    pub fn begin(&mut self, sent: &[u64; Stream::COUNT], first: Stream) {
        self.open = true;
        self.tally = Tally::default();
        for (account, base) in self.accounts.iter_mut().zip(sent) {
            *account = Account { arrived: Numbers::starting_at(*base), due: Vec::new() };
        }
        let current = *self.current.get_or_insert(first);
        let account = &mut self.accounts[current.index()];
        account.due.push((account.arrived.base(), account.arrived.base()));
    }

    /// Everything that has been sent of the current stream is due, nothing later counts.
    pub fn end(&mut self, sent: &[u64; Stream::COUNT]) {
        self.open = false;
        if let Some(current) = self.current
            && let Some(last) = self.accounts[current.index()].due.last_mut()
        {
            last.1 = sent[current.index()];
        }
    }

    /// A packet arrived. `keyframe`: it starts one.
    pub fn arrived(&mut self, stream: Stream, number: u64, keyframe: bool) {
        let switched = self.current != Some(stream);
        let account = &mut self.accounts[stream.index()];
        let late = account.due.last().is_some_and(|(_, end)| number < *end);
        if switched && !late {
            if self.open && self.current.is_some() && !keyframe && stream != Stream::Audio {
                self.tally.broken_switches += 1;
            }
            self.current = Some(stream);
            if self.open && number >= account.arrived.base() {
                account.due.push((number, number + 1));
            }
        }
        if account.due.is_empty() || number < account.arrived.base() {
            return;
        }
        if !account.arrived.insert(number) {
            self.tally.duplicated += 1;
        }
        if self.open
            && let Some(last) = account.due.last_mut()
        {
            last.1 = last.1.max(number + 1);
        }
    }

    /// After `end`, when nothing is under way any more.
    pub fn tally(&self) -> Tally {
        let mut tally = self.tally;
        for account in &self.accounts {
            for (from, to) in &account.due {
                let lost = account.arrived.missing(*from, *to);
                tally.lost += lost;
                tally.delivered += to.saturating_sub(*from) - lost;
            }
        }
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOW: Stream = Stream::Video(0);
    const FULL: Stream = Stream::Video(2);

    #[test]
    fn every_packet_sent_in_the_window_is_due_exactly_once() {
        let mut ledger = Ledger::default();
        ledger.arrived(FULL, 8, true);
        ledger.begin(&[0, 0, 0, 10], FULL);
        for number in [9, 10, 11, 13, 14, 13] {
            ledger.arrived(FULL, number, false);
        }
        ledger.end(&[0, 0, 0, 17]);
        ledger.arrived(FULL, 15, false);
        ledger.arrived(FULL, 18, false);
        let expected = Tally { delivered: 5, lost: 2, duplicated: 1, broken_switches: 0 };
        assert_eq!(ledger.tally(), expected, "12 and 16 are lost, 13 came twice, 9 and 18 do not count");
    }

    #[test]
    fn a_subscription_that_gets_nothing_has_lost_everything() {
        let mut ledger = Ledger::default();
        ledger.begin(&[5, 0, 0, 0], Stream::Audio);
        ledger.end(&[55, 0, 0, 0]);
        assert_eq!(ledger.tally().lost, 50);
    }

    #[test]
    fn of_simulcast_the_flowing_layer_is_due_and_a_switch_needs_a_keyframe() {
        let mut ledger = Ledger::default();
        ledger.arrived(LOW, 0, true);
        ledger.begin(&[0, 1, 2, 5], LOW);
        for number in [1, 2, 4] {
            ledger.arrived(LOW, number, false);
        }
        ledger.arrived(FULL, 30, true);
        ledger.arrived(LOW, 3, false);
        ledger.arrived(FULL, 32, false);
        ledger.arrived(LOW, 9, false);
        ledger.end(&[0, 11, 20, 40]);
        let expected = Tally { delivered: 7, lost: 2, duplicated: 0, broken_switches: 1 };
        assert_eq!(ledger.tally(), expected, "31 of the full layer and 10 of the low one are lost");
    }
}
