//! Who may do what: one table of roles and permissions, and who may see a consultation at all.

use std::net::IpAddr;

use super::consultation::StateName;
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    SetAvailability,
    ListDoctors,
    RequestConsultation,
    /// See the list of consultations; which ones is [`may_see`]'s question.
    ListConsultations,
    AcceptConsultation,
    /// Start, end, invite.
    ConductConsultation,
    CancelConsultation,
    JoinConsultation,
    ReadTranscript,
    SeeStatus,
}

impl Permission {
    pub const ALL: [Self; 10] = [
        Self::SetAvailability,
        Self::ListDoctors,
        Self::RequestConsultation,
        Self::ListConsultations,
        Self::AcceptConsultation,
        Self::ConductConsultation,
        Self::CancelConsultation,
        Self::JoinConsultation,
        Self::ReadTranscript,
        Self::SeeStatus,
    ];
}

/// The role does not have the permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not allowed")]
pub struct NotAllowed;

/// The table of roles and permissions. Administrators run the clinic; they see no consultation.
#[must_use]
pub const fn allows(role: Role, permission: Permission) -> bool {
    match permission {
        Permission::SeeStatus | Permission::ListDoctors => true,
        Permission::SetAvailability | Permission::AcceptConsultation | Permission::ConductConsultation => {
            matches!(role, Role::Doctor)
        }
        Permission::RequestConsultation => matches!(role, Role::Patient),
        Permission::CancelConsultation | Permission::ReadTranscript => {
            matches!(role, Role::Patient | Role::Doctor)
        }
        Permission::ListConsultations | Permission::JoinConsultation => {
            matches!(role, Role::Patient | Role::Doctor | Role::Guest)
        }
    }
}

/// Whether a consultation exists for somebody: its people see it, and every doctor while it waits for one.
/// For everyone else it answers as a missing one.
#[must_use]
pub const fn may_see(role: Role, takes_part: bool, state: StateName) -> bool {
    takes_part || (matches!(role, Role::Doctor) && matches!(state, StateName::Requested))
}

impl Actor {
    pub const fn require(&self, permission: Permission) -> Result<(), NotAllowed> {
        if allows(self.role, permission) { Ok(()) } else { Err(NotAllowed) }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn the_whole_table_of_roles_and_permissions() {
        let mut table = String::new();
        for permission in Permission::ALL {
            let allowed: Vec<_> =
                Role::ALL.into_iter().filter(|role| allows(*role, permission)).map(Role::name).collect();
            writeln!(table, "{permission:?}: {}", allowed.join(" ")).expect("a String takes any text");
        }
        assert_eq!(
            table,
            "\
SetAvailability: doctor
ListDoctors: patient doctor admin guest
RequestConsultation: patient
ListConsultations: patient doctor guest
AcceptConsultation: doctor
ConductConsultation: doctor
CancelConsultation: patient doctor
JoinConsultation: patient doctor guest
ReadTranscript: patient doctor
SeeStatus: patient doctor admin guest
"
        );
    }

    #[test]
    fn only_a_waiting_consultation_is_seen_by_other_doctors() {
        for state in StateName::ALL {
            for role in Role::ALL {
                assert!(may_see(role, true, state));
                let queue = role == Role::Doctor && state == StateName::Requested;
                assert_eq!(may_see(role, false, state), queue, "{role:?} {state:?}");
            }
        }
    }
}
