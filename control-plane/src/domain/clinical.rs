//! Who may open which clinical text. An [`Access`] is the only key to it and is made nowhere else:
//!
//! ```compile_fail,E0451
//! use control_plane::domain::{audit::Purpose, clinical::{Access, Clinical}};
//! let patient = control_plane::ids::UserId::generate();
//! let forged = Access { patient, what: Clinical::Reason, purpose: Purpose::Treatment };
//! ```

use super::access::Actor;
use super::audit::Purpose;
use super::consultation::StateName;
use super::user::Role;
use crate::ids::UserId;

/// A kind of clinical text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clinical {
    /// Why the patient asks for the consultation.
    Reason,
    /// What was said in it, afterwards.
    Transcript,
    /// What has just been said, for those who are in the call.
    Captions,
}

impl Clinical {
    pub const ALL: [Self; 3] = [Self::Reason, Self::Transcript, Self::Captions];
}

/// What a consultation is to somebody.
#[derive(Debug, Clone, Copy)]
pub struct Involvement {
    pub patient: UserId,
    /// Who has accepted it.
    pub doctor: Option<UserId>,
    pub state: StateName,
    /// Patient, doctor or guest of this consultation.
    pub takes_part: bool,
    /// Has emergency access to this patient's record now.
    pub break_glass: bool,
}

impl Involvement {
    /// Whether the consultation exists for `actor`: its people see it, every doctor while it waits for one, and
    /// administrators, whom it shows no clinical text. For everyone else it answers as a missing one.
    #[must_use]
    pub const fn is_visible_to(&self, actor: &Actor) -> bool {
        self.takes_part
            || self.break_glass
            || matches!(actor.role, Role::Admin)
            || (matches!(actor.role, Role::Doctor) && matches!(self.state, StateName::Requested))
    }
}

/// The decision that one person may open one kind of one patient's clinical text, and why. The audit entry takes
/// patient and purpose from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    patient: UserId,
    what: Clinical,
    purpose: Purpose,
}

impl Access {
    /// `None`: the person may not.
    #[must_use]
    pub fn decide(actor: &Actor, consultation: &Involvement, what: Clinical) -> Option<Self> {
        let granted = |purpose| Some(Self { patient: consultation.patient, what, purpose });
        let is_doctor = actor.role == Role::Doctor && actor.cleared;
        let is_its_doctor = is_doctor && consultation.doctor == Some(actor.user);
        let is_in_queue = consultation.state == StateName::Requested;
        match what {
            _ if consultation.patient == actor.user => granted(Purpose::PatientRequest),
            _ if is_its_doctor => granted(Purpose::Treatment),
            Clinical::Captions if consultation.takes_part => granted(Purpose::Treatment),
            Clinical::Reason if is_doctor && is_in_queue => granted(Purpose::Treatment),
            Clinical::Reason | Clinical::Transcript if consultation.break_glass && actor.cleared => {
                granted(Purpose::BreakGlass)
            }
            Clinical::Reason | Clinical::Transcript | Clinical::Captions => None,
        }
    }

    #[must_use]
    pub const fn patient(&self) -> UserId {
        self.patient
    }

    #[must_use]
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Whether it is for this kind of text of this patient.
    #[must_use]
    pub fn opens(&self, what: Clinical, patient: UserId) -> bool {
        self.what == what && self.patient == patient
    }
}

#[cfg(test)]
impl Access {
    /// A patient's own to the captions of the call.
    pub(crate) const fn of_patient(patient: UserId) -> Self {
        Self { patient, what: Clinical::Captions, purpose: Purpose::PatientRequest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;
    use crate::ids::{SessionId, TenantId};

    const PATIENT: u128 = 1;
    const DOCTOR: u128 = 2;
    const OTHER: u128 = 3;

    fn user(number: u128) -> UserId {
        UserId::from_uuid(uuid::Uuid::from_u128(number))
    }

    fn actor(number: u128, role: Role, cleared: bool) -> Actor {
        Actor {
            tenant: TenantId::generate(),
            user: user(number),
            role,
            session: SessionId::generate(),
            address: [127, 0, 0, 1].into(),
            authenticated_at: Timestamp::from_millis(0),
            second_factor: false,
            cleared,
        }
    }

    fn consultation(state: StateName, takes_part: bool, break_glass: bool) -> Involvement {
        let doctor = (state != StateName::Requested).then(|| user(DOCTOR));
        Involvement { patient: user(PATIENT), doctor, state, takes_part, break_glass }
    }

    /// Purposes for reason, transcript and captions; `-` where there is no access.
    fn purposes(actor: &Actor, consultation: &Involvement) -> String {
        let purpose = |what| {
            Access::decide(actor, consultation, what).map_or("-", |access| {
                assert!(access.opens(what, user(PATIENT)) && !access.opens(what, user(OTHER)));
                assert!(
                    Clinical::ALL.into_iter().filter(|other| access.opens(*other, user(PATIENT))).count()
                        == 1
                );
                access.purpose().code()
            })
        };
        Clinical::ALL.map(purpose).join(" ")
    }

    #[test]
    fn the_whole_table_of_clinical_text() {
        use StateName::{Active, Completed, Requested};
        let (patient, doctor) = (actor(PATIENT, Role::Patient, true), actor(DOCTOR, Role::Doctor, true));
        let guest = actor(OTHER, Role::Guest, true);
        let (other, admin) = (actor(OTHER, Role::Doctor, true), actor(OTHER, Role::Admin, true));
        let unapproved = actor(OTHER, Role::Doctor, false);
        for (who, state, takes_part, break_glass, expected) in [
            (&patient, Requested, true, false, "PATRQT PATRQT PATRQT"),
            (&patient, Completed, true, false, "PATRQT PATRQT PATRQT"),
            (&doctor, Active, true, false, "TREAT TREAT TREAT"),
            (&doctor, Completed, true, false, "TREAT TREAT TREAT"),
            (&guest, Active, true, false, "- - TREAT"),
            (&guest, Active, false, false, "- - -"),
            (&other, Requested, false, false, "TREAT - -"),
            (&unapproved, Requested, false, false, "- - -"),
            (&unapproved, Active, false, true, "- - -"),
            (&other, Active, false, false, "- - -"),
            (&other, Completed, false, true, "BTG BTG -"),
            (&admin, Requested, false, false, "- - -"),
            (&admin, Active, false, false, "- - -"),
            (&admin, Active, false, true, "BTG BTG -"),
        ] {
            let found = purposes(who, &consultation(state, takes_part, break_glass));
            assert_eq!(found, expected, "{:?} {state:?} {takes_part} {break_glass}", who.role);
        }
    }

    #[test]
    fn a_doctor_who_was_replaced_has_no_access_left() {
        let former = actor(OTHER, Role::Doctor, true);
        assert_eq!(purposes(&former, &consultation(StateName::Accepted, false, false)), "- - -");
        assert!(!consultation(StateName::Accepted, false, false).is_visible_to(&former));
    }

    #[test]
    fn strangers_see_a_consultation_only_while_it_waits_or_in_an_emergency() {
        for state in StateName::ALL {
            for role in Role::ALL {
                let who = actor(OTHER, role, true);
                assert!(consultation(state, true, false).is_visible_to(&who));
                assert!(consultation(state, false, true).is_visible_to(&who));
                let queue = role == Role::Doctor && state == StateName::Requested;
                let seen = queue || role == Role::Admin;
                assert_eq!(consultation(state, false, false).is_visible_to(&who), seen, "{role:?} {state:?}");
            }
        }
    }
}
