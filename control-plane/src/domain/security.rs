//! What looks wrong in the audit log: rules that follow its entries one by one and say when somebody should look.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use utoipa::ToSchema;

use super::audit::Action;
use super::audit_log::LogEntry;
use super::time::Timestamp;

/// What was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// Many wrong secrets from one address.
    BruteForce,
    /// An account, known or not, was locked after too many wrong passwords.
    Lockout,
    /// Many refused requests of one person.
    RoleProbing,
    /// One person opened the data of many patients.
    MassReads,
    OffHoursBreakGlass,
    /// A refresh token was used twice: somebody else has a copy.
    TokenReuse,
    /// The log is not what was signed.
    CheckpointMismatch,
}

impl EventKind {
    pub const ALL: [Self; 7] = [
        Self::BruteForce,
        Self::Lockout,
        Self::RoleProbing,
        Self::MassReads,
        Self::OffHoursBreakGlass,
        Self::TokenReuse,
        Self::CheckpointMismatch,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BruteForce => "brute_force",
            Self::Lockout => "lockout",
            Self::RoleProbing => "role_probing",
            Self::MassReads => "mass_reads",
            Self::OffHoursBreakGlass => "off_hours_break_glass",
            Self::TokenReuse => "token_reuse",
            Self::CheckpointMismatch => "checkpoint_mismatch",
        }
    }

    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::Lockout => Severity::Notice,
            Self::BruteForce | Self::RoleProbing | Self::OffHoursBreakGlass => Severity::Warning,
            Self::MassReads | Self::TokenReuse | Self::CheckpointMismatch => Severity::Alarm,
        }
    }
}

/// How soon somebody should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Severity {
    Notice,
    Warning,
    Alarm,
}

impl Severity {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Alarm => "alarm",
        }
    }
}

/// Somebody should look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    pub kind: EventKind,
    /// Whom it is about: `usr_…`, else an address.
    pub subject: String,
    pub at: Timestamp,
}

/// When it is too much.
#[derive(Debug, Clone, Copy)]
pub struct Thresholds {
    /// What is longer ago does not count any more. Also: how far apart two events of a kind about somebody are.
    pub window: Duration,
    pub wrong_secrets: usize,
    pub refusals: usize,
    /// Different patients.
    pub patients: usize,
    /// Hours of the day (UTC) in which emergency access is unusual: from the first up to the second.
    pub night: (u8, u8),
}

/// People and addresses that are followed at once; the one that was quiet for longest is forgotten first.
const FOLLOWED: usize = 10_000;

/// Follows one clinic's log.
pub struct Watch {
    thresholds: Thresholds,
    /// By kind and subject: when, and for [`EventKind::MassReads`] whose data.
    recent: HashMap<(EventKind, String), VecDeque<(i64, String)>>,
}

impl Watch {
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        Self { thresholds, recent: HashMap::new() }
    }

    /// Entries come in their order.
    pub fn follow(&mut self, entry: &LogEntry) -> Option<Alert> {
        let action = Action::ALL.iter().copied().find(|action| action.name() == entry.action)?;
        let (kind, subject) = match action {
            Action::SignInRefused => (EventKind::BruteForce, &entry.address),
            Action::AccountLocked if entry.subject.is_empty() => (EventKind::Lockout, &entry.address),
            Action::AccountLocked => (EventKind::Lockout, &entry.subject),
            Action::RequestRefused => (EventKind::RoleProbing, &entry.actor),
            Action::TokenReused => (EventKind::TokenReuse, &entry.actor),
            Action::BreakGlassOpened if self.is_night(entry.at) => {
                (EventKind::OffHoursBreakGlass, &entry.actor)
            }
            Action::ConsultationRead
            | Action::TranscriptRead
            | Action::PatientRead
            | Action::DataExported
                if !entry.patient.is_empty() && entry.patient != entry.actor =>
            {
                (EventKind::MassReads, &entry.actor)
            }
            _ => return None,
        };
        let threshold = match kind {
            EventKind::BruteForce => self.thresholds.wrong_secrets,
            EventKind::RoleProbing => self.thresholds.refusals,
            EventKind::MassReads => self.thresholds.patients,
            EventKind::Lockout
            | EventKind::OffHoursBreakGlass
            | EventKind::TokenReuse
            | EventKind::CheckpointMismatch => 1,
        };
        let count = self.count(kind, subject, entry);
        let alert = Alert { kind, subject: subject.clone(), at: Timestamp::from_millis(entry.at) };
        (count >= threshold).then_some(alert)
    }

    /// How often within the window, this time included; of reads: of how many patients.
    fn count(&mut self, kind: EventKind, subject: &str, entry: &LogEntry) -> usize {
        let since = entry.at - self.thresholds.window.as_millis() as i64;
        if self.recent.len() >= FOLLOWED {
            self.forget(since);
        }
        let times = self.recent.entry((kind, subject.to_owned())).or_default();
        if kind == EventKind::MassReads {
            times.retain(|(_, patient)| *patient != entry.patient);
        }
        times.push_back((entry.at, entry.patient.clone()));
        while times.front().is_some_and(|(at, _)| *at <= since) {
            times.pop_front();
        }
        // More than enough: nothing larger is ever asked for.
        let most = self.thresholds.wrong_secrets.max(self.thresholds.refusals).max(self.thresholds.patients);
        while times.len() > most {
            times.pop_front();
        }
        times.len()
    }

    fn forget(&mut self, since: i64) {
        let last = |times: &VecDeque<(i64, String)>| times.back().map_or(i64::MIN, |(at, _)| *at);
        self.recent.retain(|_, times| last(times) > since);
        if self.recent.len() >= FOLLOWED {
            let mut ages: Vec<i64> = self.recent.values().map(last).collect();
            ages.sort_unstable();
            let middle = ages.get(ages.len() / 2).copied().unwrap_or(i64::MAX);
            self.recent.retain(|_, times| last(times) > middle);
        }
    }

    fn is_night(&self, at: i64) -> bool {
        let hour = (at.div_euclid(3_600_000)).rem_euclid(24) as u8;
        let (from, to) = self.thresholds.night;
        if from <= to { (from..to).contains(&hour) } else { hour >= from || hour < to }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THRESHOLDS: Thresholds = Thresholds {
        window: Duration::from_mins(10),
        wrong_secrets: 5,
        refusals: 4,
        patients: 3,
        night: (22, 6),
    };
    const NOON: i64 = 1_790_000_000_000 - 1_790_000_000_000 % 86_400_000 + 12 * 3_600_000;

    fn entry(action: Action, seconds: i64, patient: &str) -> LogEntry {
        LogEntry {
            tenant: "ten_1".into(),
            seq: 1,
            at: NOON + seconds * 1000,
            actor: "usr_1".into(),
            role: "doctor".into(),
            action: action.name().into(),
            subject: String::new(),
            patient: patient.into(),
            purpose: "TREAT".into(),
            outcome: "done".into(),
            address: "192.0.2.1".into(),
        }
    }

    /// Which of the entries, by their place, raise an alert.
    fn alerts(entries: &[LogEntry]) -> Vec<(usize, EventKind, String)> {
        let mut watch = Watch::new(THRESHOLDS);
        let follow = |(place, entry)| watch.follow(entry).map(|alert| (place, alert.kind, alert.subject));
        entries.iter().enumerate().filter_map(follow).collect()
    }

    #[test]
    fn many_wrong_secrets_from_one_address_within_the_window_are_brute_force() {
        let quick: Vec<_> = (0..6).map(|n| entry(Action::SignInRefused, n * 60, "")).collect();
        let found = |place| (place, EventKind::BruteForce, "192.0.2.1".to_owned());
        assert_eq!(alerts(&quick), [found(4), found(5)]);
        let slow: Vec<_> = (0..20).map(|n| entry(Action::SignInRefused, n * 150, "")).collect();
        assert_eq!(alerts(&slow), []);
    }

    #[test]
    fn many_refusals_of_one_person_are_probing_and_of_several_people_not() {
        let one: Vec<_> = (0..4).map(|n| entry(Action::RequestRefused, n, "")).collect();
        assert_eq!(alerts(&one), [(3, EventKind::RoleProbing, "usr_1".into())]);
        let actor = |n: i64| format!("usr_{n}");
        let several: Vec<_> = (0..9)
            .map(|n| LogEntry { actor: actor(n % 3), ..entry(Action::RequestRefused, n, "") })
            .collect();
        assert_eq!(alerts(&several), []);
    }

    #[test]
    fn it_is_the_number_of_patients_that_makes_reading_suspicious() {
        let read = |n: i64, patient: &str| entry(Action::ConsultationRead, n, patient);
        let same: Vec<_> = (0..50).map(|n| read(n, "usr_2")).collect();
        assert_eq!(alerts(&same), []);
        let many = [read(0, "usr_2"), read(1, "usr_3"), read(2, "usr_2"), read(3, "usr_4")];
        assert_eq!(alerts(&many), [(3, EventKind::MassReads, "usr_1".into())]);
        let own: Vec<_> = (0..50).map(|n| read(n, "usr_1")).collect();
        assert_eq!(alerts(&own), []);
    }

    #[test]
    fn emergency_access_at_night_a_lock_and_a_reused_token_are_told_at_once() {
        let night = entry(Action::BreakGlassOpened, 11 * 3600, "usr_2");
        let day = entry(Action::BreakGlassOpened, 0, "usr_2");
        assert_eq!(alerts(&[day, night]), [(1, EventKind::OffHoursBreakGlass, "usr_1".into())]);
        let known = LogEntry { subject: "usr_9".into(), ..entry(Action::AccountLocked, 0, "") };
        let unknown = entry(Action::AccountLocked, 1, "");
        let expected =
            [(0, EventKind::Lockout, "usr_9".to_owned()), (1, EventKind::Lockout, "192.0.2.1".to_owned())];
        assert_eq!(alerts(&[known, unknown]), expected);
        assert_eq!(alerts(&[entry(Action::TokenReused, 0, "")]).len(), 1);
    }

    #[test]
    fn only_so_many_are_followed() {
        let mut watch = Watch::new(THRESHOLDS);
        for n in 0..3 * FOLLOWED as i64 {
            let entry = LogEntry { actor: format!("usr_{n}"), ..entry(Action::RequestRefused, 0, "") };
            watch.follow(&entry);
        }
        assert!(watch.recent.len() <= FOLLOWED);
    }
}
