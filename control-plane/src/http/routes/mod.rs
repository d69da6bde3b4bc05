//! Handlers, one file per resource.

pub mod account;
pub mod admin_users;
pub mod assignments;
pub mod audit;
pub mod bootstrap;
pub mod break_glass;
pub mod consultations;
pub mod dashboard;
pub mod erasure;
pub mod events;
pub mod health;
pub mod invites;
pub mod oidc;
pub mod passkeys;
pub mod passwords;
pub mod patients;
pub mod pictures;
pub mod providers;
pub mod registrations;
pub mod security_events;
pub mod session;
pub mod tokens;
pub mod totp;
pub mod transcripts;
pub mod users;
pub mod verifications;

use crate::app::App;
use crate::domain::access::Actor;
use crate::domain::time::Timestamp;
use crate::domain::user::Role;
use crate::error::ApiError;
use crate::ids::{TenantId, UserId};
use crate::live::{Audience, LiveEvent};

/// Trimmed text of `min` to `max` characters, without control characters except line breaks.
fn text_field(name: &str, text: &str, min: usize, max: usize) -> Result<String, ApiError> {
    let text = text.trim();
    let length = text.chars().count();
    if length < min || length > max {
        return Err(ApiError::field(name, format!("must have {min} to {max} characters")));
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err(ApiError::field(name, "must not have control characters"));
    }
    Ok(text.to_owned())
}

/// The field somebody gives themselves: a doctor has one, nobody else.
fn specialty_of(role: Role, text: &str) -> Result<String, ApiError> {
    match role {
        Role::Doctor => text_field("specialty", text, 1, 60),
        Role::Patient | Role::Admin | Role::Guest if text.trim().is_empty() => Ok(String::new()),
        Role::Patient | Role::Admin | Role::Guest => Err(ApiError::field("specialty", "is for doctors only")),
    }
}

/// `limit` of a list: 1 to 200, 50 when it is absent.
fn page_size(limit: Option<&str>) -> Result<usize, ApiError> {
    let limit = limit.filter(|limit| !limit.is_empty()).map_or(Some(50), |limit| limit.parse().ok());
    limit
        .filter(|limit| (1..=200).contains(limit))
        .ok_or_else(|| ApiError::field("limit", "must be 1 to 200"))
}

/// Refuses a password that the clinic does not want to be set. `email`: normalised, of whose it is.
fn check_password(app: &App, field: &str, password: &str, email: &str) -> Result<(), ApiError> {
    app.password_policy.check(password, email).map_err(|weak| ApiError::field(field, weak.to_string()))
}

/// Ways in and the account itself are changed only right after proving who one is. Guests have none.
fn require_confirmed_account(actor: &Actor, now: Timestamp) -> Result<(), ApiError> {
    if actor.role == Role::Guest { Err(ApiError::Forbidden) } else { must_have_confirmed(actor, now) }
}

/// A step that a stolen session must not be enough for: the person has just proved who they are.
fn must_have_confirmed(actor: &Actor, now: Timestamp) -> Result<(), ApiError> {
    if actor.has_confirmed(now) { Ok(()) } else { Err(ApiError::Reauthenticate) }
}

/// There is a new notice for each of these people: their pages look.
fn notify(app: &App, tenant: TenantId, people: impl IntoIterator<Item = UserId>) {
    for person in people {
        app.live.tell(tenant, Audience::User(person), LiveEvent::Notice);
    }
}
