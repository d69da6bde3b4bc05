//! What to do with a refresh token that is handed in. Each works once; a second time means that two have it, unless the
//! answer to the first time was lost on its way.

use std::time::Duration;

use super::time::Timestamp;

/// A repetition within this time comes from the same client asking twice at once. It gets nothing and breaks nothing.
pub const PARALLEL: Duration = Duration::from_secs(2);

/// What is known of a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenState {
    pub used_at: Option<Timestamp>,
    /// Its answer never arrived, so another one was made in its place.
    pub void: bool,
    /// The access token handed out with it has been used.
    pub access_used: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Hand out the next pair.
    Rotate,
    /// Just used: the answer is on its way.
    Wait,
    /// The next pair never arrived: void it and hand out another one.
    Reissue,
    /// Somebody else has it too: end the family.
    Revoke,
}

/// `successor`: the one that took this token's place, if it has been used.
#[must_use]
pub fn judge(token: &TokenState, successor: Option<&TokenState>, now: Timestamp) -> Verdict {
    let (Some(used_at), Some(successor)) = (token.used_at, successor) else {
        return if token.void || token.used_at.is_some() { Verdict::Revoke } else { Verdict::Rotate };
    };
    let arrived = successor.used_at.is_some() || successor.access_used || successor.void;
    if token.void || arrived {
        Verdict::Revoke
    } else if now.since(used_at) < PARALLEL {
        Verdict::Wait
    } else {
        Verdict::Reissue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: TokenState = TokenState { used_at: None, void: false, access_used: false };

    #[test]
    fn every_case_of_a_refresh() {
        let at = Timestamp::from_millis;
        let used = TokenState { used_at: Some(at(1_000)), access_used: true, ..FRESH };
        let void = TokenState { void: true, ..FRESH };
        let access_used = TokenState { access_used: true, ..FRESH };
        for (what, token, successor, now, verdict) in [
            ("first use", FRESH, None, 1_000, Verdict::Rotate),
            ("first use, access token in use", access_used, None, 1_000, Verdict::Rotate),
            ("twice at once", used, Some(FRESH), 2_999, Verdict::Wait),
            ("answer lost", used, Some(FRESH), 3_000, Verdict::Reissue),
            ("answer lost long ago", used, Some(FRESH), 9_999_999, Verdict::Reissue),
            ("successor's access token used", used, Some(access_used), 1_001, Verdict::Revoke),
            ("successor used", used, Some(used), 1_001, Verdict::Revoke),
            ("successor void: names the wrong one", used, Some(void), 9_999, Verdict::Revoke),
            ("void", void, None, 1_000, Verdict::Revoke),
            ("used, but no successor is known", used, None, 1_000, Verdict::Revoke),
        ] {
            assert_eq!(judge(&token, successor.as_ref(), at(now)), verdict, "{what}");
        }
    }
}
