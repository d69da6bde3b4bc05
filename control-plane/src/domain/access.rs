//! Who may do what: the one table of roles and permissions. Whose clinical text somebody may open is
//! [`clinical`](super::clinical)'s question.

use std::net::IpAddr;
use std::time::Duration;

use super::time::Timestamp;
use super::user::Role;
use crate::ids::{SessionId, TenantId, UserId};

/// Somebody who has signed in, doing something from somewhere.
#[derive(Debug, Clone, Copy)]
pub struct Actor {
    pub tenant: TenantId,
    pub user: UserId,
    pub role: Role,
    pub session: SessionId,
    pub address: IpAddr,
    /// When the person last proved a secret: dangerous steps need it to be recent ([`Actor::has_confirmed`]).
    pub authenticated_at: Timestamp,
    /// Signed in with more than a password.
    pub second_factor: bool,
    /// Nothing is left to do first: the address is known to be their own, a doctor is approved, a second factor is there
    /// where the clinic wants one (`session.rs`, `obligations`).
    pub cleared: bool,
}

/// How long a confirmed secret lets dangerous steps pass.
pub const CONFIRMED_FOR: Duration = Duration::from_mins(5);

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Permission {
            $($(#[$doc])* $name),+
        }

        impl Permission {
            pub const ALL: &'static [Self] = &[$(Self::$name),+];
        }
    };
}

permissions! {
    SeeStatus,
    ReadDashboard,
    /// Server-sent events.
    FollowEvents,
    ReadNotices,
    ListDoctors,
    SetAvailability,
    RequestConsultation,
    /// See the list of consultations; which ones, and with how much of them, is `clinical.rs`'s question.
    ListConsultations,
    AcceptConsultation,
    /// Start, end, invite.
    ConductConsultation,
    CancelConsultation,
    JoinConsultation,
    ReadTranscript,
    /// Assigned patients and those of one's emergency access.
    ReadPatients,
    SearchUsers,
    /// Emergency access to a record that is not one's own to read.
    BreakGlass,
    ReviewBreakGlass,
    /// Hand in a licence.
    ApplyForApproval,
    DecideApprovals,
    ManageUsers,
    AssignDoctor,
    /// The clinic's audit log and what was noticed in it.
    ReadAudit,
    /// Who dealt with one's own data.
    ReadAccessLog,
}

/// What a role may do about a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Never,
    Always,
    /// Once the address is verified and, for doctors, an administrator has approved them.
    Cleared,
}

/// Why a person may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    #[error("not allowed")]
    Role,
    #[error("not yet allowed")]
    NotCleared,
}

/// The table of roles and permissions. Administrators run the clinic; they open no clinical text without
/// emergency access.
#[expect(clippy::match_same_arms, reason = "a line per permission reads like the table that it is")]
const fn rule(role: Role, permission: Permission) -> Rule {
    use Rule::{Always, Cleared, Never};
    use {Permission as P, Role as R};
    match (permission, role) {
        (P::SeeStatus | P::ListDoctors | P::FollowEvents, _) => Always,
        (P::ReadDashboard | P::ReadNotices, R::Patient | R::Doctor | R::Admin) => Always,
        (P::SetAvailability | P::AcceptConsultation | P::ConductConsultation, R::Doctor) => Cleared,
        (P::RequestConsultation, R::Patient) => Cleared,
        (P::ListConsultations, R::Patient | R::Guest) => Always,
        (P::ListConsultations, R::Doctor | R::Admin) => Cleared,
        (P::CancelConsultation | P::ReadTranscript, R::Patient) => Always,
        (P::CancelConsultation | P::ReadTranscript, R::Doctor) => Cleared,
        (P::ReadTranscript, R::Admin) => Cleared,
        (P::JoinConsultation, R::Patient | R::Doctor | R::Guest) => Cleared,
        (P::ReadPatients | P::SearchUsers | P::BreakGlass, R::Doctor | R::Admin) => Cleared,
        (P::ApplyForApproval, R::Doctor) => Always,
        (P::ReviewBreakGlass | P::DecideApprovals | P::ManageUsers | P::AssignDoctor, R::Admin) => Cleared,
        (P::ReadAudit, R::Admin) => Cleared,
        (P::ReadAccessLog, R::Patient) => Always,
        (
            P::ReadDashboard
            | P::ReadNotices
            | P::SetAvailability
            | P::RequestConsultation
            | P::AcceptConsultation
            | P::ConductConsultation
            | P::CancelConsultation
            | P::JoinConsultation
            | P::ReadTranscript
            | P::ReadPatients
            | P::SearchUsers
            | P::BreakGlass
            | P::ReviewBreakGlass
            | P::ApplyForApproval
            | P::DecideApprovals
            | P::ManageUsers
            | P::AssignDoctor
            | P::ReadAudit
            | P::ReadAccessLog,
            _,
        ) => Never,
    }
}

impl Actor {
    /// Whether the person proved a secret within [`CONFIRMED_FOR`].
    #[must_use]
    pub fn has_confirmed(&self, now: Timestamp) -> bool {
        now.since(self.authenticated_at) < CONFIRMED_FOR
    }

    pub const fn require(&self, permission: Permission) -> Result<(), NotAllowed> {
        match rule(self.role, permission) {
            Rule::Always => Ok(()),
            Rule::Cleared if self.cleared => Ok(()),
            Rule::Cleared => Err(NotAllowed::NotCleared),
            Rule::Never => Err(NotAllowed::Role),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// In brackets: only once cleared.
    #[test]
    fn the_whole_table_of_roles_and_permissions() {
        let mut table = String::new();
        for permission in Permission::ALL {
            let allowed: Vec<_> = Role::ALL
                .into_iter()
                .filter_map(|role| match rule(role, *permission) {
                    Rule::Always => Some(role.name().to_owned()),
                    Rule::Cleared => Some(format!("({})", role.name())),
                    Rule::Never => None,
                })
                .collect();
            writeln!(table, "{permission:?}: {}", allowed.join(" ")).expect("a String takes any text");
        }
        assert_eq!(
            table,
            "\
SeeStatus: patient doctor admin guest
ReadDashboard: patient doctor admin
FollowEvents: patient doctor admin guest
ReadNotices: patient doctor admin
ListDoctors: patient doctor admin guest
SetAvailability: (doctor)
RequestConsultation: (patient)
ListConsultations: patient (doctor) (admin) guest
AcceptConsultation: (doctor)
ConductConsultation: (doctor)
CancelConsultation: patient (doctor)
JoinConsultation: (patient) (doctor) (guest)
ReadTranscript: patient (doctor) (admin)
ReadPatients: (doctor) (admin)
SearchUsers: (doctor) (admin)
BreakGlass: (doctor) (admin)
ReviewBreakGlass: (admin)
ApplyForApproval: doctor
DecideApprovals: (admin)
ManageUsers: (admin)
AssignDoctor: (admin)
ReadAudit: (admin)
ReadAccessLog: patient
"
        );
    }
}
