//! The trail that every access leaves: who did what to what, when, from where, for what purpose. Ids and actions only,
//! never names or clinical text, so nothing in it will ever need erasing.

use std::net::IpAddr;

use utoipa::ToSchema;

use super::access::Actor;
use super::clinical::Access;
use super::time::Timestamp;
use super::user::Role;
use crate::ids::UserId;

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident => $text:literal),+ $(,)?) => {
        /// What was done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Action {
            $($(#[$doc])* $name),+
        }

        impl Action {
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// As it is stored.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text),+
                }
            }
        }
    };
}

actions! {
    // accounts
    UserCreated => "user.create",
    UserChanged => "user.change",
    UserRead => "user.read",
    UsersListed => "user.list",
    UsersSearched => "user.search",
    UserDeactivated => "user.deactivate",
    UserReactivated => "user.reactivate",
    UserErased => "user.erase",
    PictureSet => "picture.set",
    PictureRemoved => "picture.remove",
    PictureRead => "picture.read",
    Registered => "account.register",
    EmailVerified => "account.verify_email",
    EmailVerificationAsked => "account.ask_verification",
    PasswordChanged => "password.change",
    PasswordResetAsked => "password.ask_reset",
    PasswordReset => "password.reset",
    BootstrapOffered => "account.offer_bootstrap",
    AdministratorBootstrapped => "account.bootstrap",
    // signing in
    SignedIn => "session.create",
    SignInRefused => "session.refuse",
    SecondStepAsked => "session.ask_second_step",
    AccountLocked => "session.lock",
    Reauthenticated => "session.confirm",
    SignedOut => "session.end",
    SessionRevoked => "session.revoke",
    TotpBegun => "totp.begin",
    TotpEnrolled => "totp.enrol",
    TotpRemoved => "totp.remove",
    RecoveryCodesMade => "recovery.make",
    RecoveryCodeUsed => "recovery.use",
    PasskeyAdded => "passkey.add",
    PasskeyRemoved => "passkey.remove",
    OidcLinked => "oidc.link",
    OidcUnlinked => "oidc.unlink",
    TokensIssued => "token.issue",
    TokensRefreshed => "token.refresh",
    TokenReused => "token.reuse",
    // the clinic
    AvailabilitySet => "availability.set",
    NoticeSeen => "notice.see",
    DashboardRead => "dashboard.read",
    PatientsListed => "patient.list",
    PatientRead => "patient.read",
    VerificationSubmitted => "verification.submit",
    VerificationsListed => "verification.list",
    VerificationRead => "verification.read",
    VerificationApproved => "verification.approve",
    VerificationRejected => "verification.reject",
    BreakGlassOpened => "break_glass.open",
    BreakGlassEnded => "break_glass.end",
    BreakGlassListed => "break_glass.list",
    BreakGlassReviewed => "break_glass.review",
    // consultations
    ConsultationRequested => "consultation.request",
    ConsultationsListed => "consultation.list",
    ConsultationRead => "consultation.read",
    ConsultationAccepted => "consultation.accept",
    ConsultationAssigned => "consultation.assign",
    ConsultationStarted => "consultation.start",
    ConsultationEnded => "consultation.end",
    ConsultationCancelled => "consultation.cancel",
    InviteCreated => "invite.create",
    InviteUsed => "invite.use",
    TicketIssued => "ticket.issue",
    ParticipantJoined => "participant.join",
    ParticipantLeft => "participant.leave",
    CaptionConsentGiven => "consent.give",
    CaptionConsentWithdrawn => "consent.withdraw",
    CaptionKept => "caption.keep",
    CaptionsRead => "caption.read",
    TranscriptRead => "transcript.read",
    // the trail itself, keys, data
    AuditRead => "audit.read",
    AuditExported => "audit.export",
    AuditProved => "audit.prove",
    AccessLogRead => "access_log.read",
    SecurityEventsRead => "security_event.list",
    SecurityEventAcknowledged => "security_event.acknowledge",
    DataExported => "data.export",
    KeysRotated => "key.rotate",
    BackupMade => "backup.create",
    BackupRestored => "backup.restore",
    /// A request that was refused before anything was done.
    RequestRefused => "request.refuse",
}

/// Why it was done: `PurposeOfUse` codes of HL7 v3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Treatment,
    Emergency,
    BreakGlass,
    Payment,
    Operations,
    /// The person looks at their own record.
    PatientRequest,
}

impl Purpose {
    pub const ALL: [Self; 6] = [
        Self::Treatment,
        Self::Emergency,
        Self::BreakGlass,
        Self::Payment,
        Self::Operations,
        Self::PatientRequest,
    ];

    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Treatment => "TREAT",
            Self::Emergency => "ETREAT",
            Self::BreakGlass => "BTG",
            Self::Payment => "HPAYMT",
            Self::Operations => "HOPERAT",
            Self::PatientRequest => "PATRQT",
        }
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Outcome {
    Done,
    /// Refused: not allowed, or nothing that this person may know of.
    Denied,
    Failed,
}

impl Outcome {
    pub const ALL: [Self; 3] = [Self::Done, Self::Denied, Self::Failed];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }
}

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agent {
    User(UserId),
    /// Nobody who has proved who they are.
    Anonymous,
    /// The server itself.
    Server,
}

/// One line of the trail.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    pub at: Timestamp,
    pub agent: Agent,
    /// `None`: the server, or nobody who has proved who they are.
    pub role: Option<Role>,
    pub action: Action,
    /// Id of what it was done to.
    pub subject: String,
    /// Whose data it is, where it is a patient's.
    pub patient: Option<UserId>,
    pub purpose: Purpose,
    pub outcome: Outcome,
    pub address: Option<IpAddr>,
}

impl AuditEntry {
    /// A patient's own act is at the patient's request; [`about`](Self::about) and [`for_purpose`](Self::for_purpose)
    /// say more.
    #[must_use]
    pub fn of(actor: &Actor, action: Action, subject: impl ToString, at: Timestamp) -> Self {
        let purpose = match actor.role {
            Role::Patient => Purpose::PatientRequest,
            Role::Doctor | Role::Guest => Purpose::Treatment,
            Role::Admin => Purpose::Operations,
        };
        let patient = (actor.role == Role::Patient).then_some(actor.user);
        let entry = Self::by(Agent::User(actor.user), action, subject, at);
        Self { role: Some(actor.role), patient, purpose, address: Some(actor.address), ..entry }
    }

    /// Done by `agent` on this machine or over a connection whose address is recorded elsewhere.
    #[must_use]
    pub fn by(agent: Agent, action: Action, subject: impl ToString, at: Timestamp) -> Self {
        Self {
            at,
            agent,
            role: None,
            action,
            subject: subject.to_string(),
            patient: None,
            purpose: Purpose::Operations,
            outcome: Outcome::Done,
            address: None,
        }
    }

    #[must_use]
    pub fn about(self, patient: UserId) -> Self {
        Self { patient: Some(patient), ..self }
    }

    /// About the patient whose clinical text was opened, for the purpose that allowed it.
    #[must_use]
    pub fn under(self, access: &Access) -> Self {
        self.about(access.patient()).for_purpose(access.purpose())
    }

    #[must_use]
    pub fn for_purpose(self, purpose: Purpose) -> Self {
        Self { purpose, ..self }
    }

    #[must_use]
    pub fn with_outcome(self, outcome: Outcome) -> Self {
        Self { outcome, ..self }
    }

    #[must_use]
    pub fn from_address(self, address: IpAddr) -> Self {
        Self { address: Some(address), ..self }
    }
}
