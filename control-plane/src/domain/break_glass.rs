//! Emergency access to the record of a patient who is not one's own: with a reason, for an hour, always reviewed by
//! somebody else.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::time::Timestamp;
use crate::ids::{BreakGlassId, UserId};

/// How long it lasts unless it is ended before.
pub const LIFETIME: Duration = Duration::from_hours(1);

/// What a reviewer says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    Justified,
    Unjustified,
}

impl Finding {
    pub const ALL: [Self; 2] = [Self::Justified, Self::Unjustified];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Justified => "justified",
            Self::Unjustified => "unjustified",
        }
    }

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|finding| finding.name() == name)
    }
}

/// Why it cannot be reviewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotReviewable {
    #[error("nobody reviews their own emergency access")]
    Own,
    #[error("this emergency access has been reviewed")]
    Reviewed,
}

/// One emergency access. Who opened it and whose record it opens; the reason is sealed beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakGlass {
    pub id: BreakGlassId,
    pub user: UserId,
    pub patient: UserId,
    pub granted_at: Timestamp,
    pub expires_at: Timestamp,
    /// Given back before it expired.
    pub ended_at: Option<Timestamp>,
    pub review: Option<(Timestamp, Finding)>,
}

impl BreakGlass {
    #[must_use]
    pub fn begin(user: UserId, patient: UserId, now: Timestamp) -> Self {
        Self {
            id: BreakGlassId::generate(),
            user,
            patient,
            granted_at: now,
            expires_at: now.plus(LIFETIME),
            ended_at: None,
            review: None,
        }
    }

    /// Whether it opens anything now.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && now < self.expires_at
    }

    /// Whether `reviewer` may say what they found; while it is still open as well.
    pub fn reviewable_by(&self, reviewer: UserId) -> Result<(), NotReviewable> {
        match self.review {
            _ if self.user == reviewer => Err(NotReviewable::Own),
            Some(_) => Err(NotReviewable::Reviewed),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_for_an_hour_and_not_a_millisecond_longer() {
        let at = Timestamp::from_millis;
        let access = BreakGlass::begin(UserId::generate(), UserId::generate(), at(1000));
        assert!(access.is_open(at(1000)) && access.is_open(at(3_600_999)));
        assert!(!access.is_open(at(3_601_000)));
        assert!(!BreakGlass { ended_at: Some(at(2000)), ..access }.is_open(at(2000)));
    }

    #[test]
    fn somebody_else_reviews_it_and_once() {
        let (user, other) = (UserId::generate(), UserId::generate());
        let access = BreakGlass::begin(user, UserId::generate(), Timestamp::from_millis(0));
        assert_eq!(access.reviewable_by(user), Err(NotReviewable::Own));
        assert_eq!(access.reviewable_by(other), Ok(()));
        let reviewed = BreakGlass { review: Some((access.granted_at, Finding::Justified)), ..access };
        assert_eq!(reviewed.reviewable_by(other), Err(NotReviewable::Reviewed));
        assert_eq!(reviewed.reviewable_by(user), Err(NotReviewable::Own));
    }
}
