//! Identifiers of the control plane: UUID v7, shown as `<prefix>_<32 hex digits>`; the only place ids are made.

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
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ts_rs::TS, utoipa::ToSchema)]
        #[ts(type = "string")]
        #[schema(value_type = String)]
        pub struct $name(Uuid);

        impl $name {
            /// A new, time-ordered id.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

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

id_type!(TenantId, "ten");
id_type!(UserId, "usr");
id_type!(
    /// One consultation; its media room has the same UUID.
    ConsultationId,
    "con"
);
id_type!(
    /// A caption kept in a transcript.
    CaptionId,
    "cap"
);
id_type!(
    /// One sign-in of one browser.
    SessionId,
    "ses"
);
id_type!(
    /// A one-time invitation of a guest to one consultation.
    InviteId,
    "inv"
);
id_type!(
    /// A refresh token of an API client.
    RefreshTokenId,
    "ref"
);
id_type!(
    /// A one-time secret: e-mail verification, password reset, second step.
    OneTimeId,
    "one"
);
id_type!(PasskeyId, "pky");
id_type!(
    /// A doctor's application to be verified.
    VerificationId,
    "ver"
);
id_type!(
    /// Emergency access to one patient's record.
    BreakGlassId,
    "btg"
);
id_type!(NoticeId, "ntc");
id_type!(SecurityEventId, "sev");
