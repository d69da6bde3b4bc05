//! The accounts at other providers by which somebody signs in here.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::oidc::provider_of;
use super::require_confirmed_account;
use crate::app::App;
use crate::domain::access::Actor;
use crate::domain::audit::{Action, AuditEntry};
use crate::domain::time::Timestamp;
use crate::domain::user::Role;
use crate::error::ApiError;
use crate::http::path::IdPath;
use crate::http::views::ErrorBody;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(unlink))
}

#[derive(Serialize, ToSchema)]
pub struct LinkedProviderView {
    pub id: String,
    pub name: String,
    pub linked_at: Timestamp,
}

/// Providers that you can sign in with.
#[utoipa::path(
    get, path = "/account/providers", tag = "account",
    responses((status = 200, description = "Those that the clinic still takes people from", body = Vec<LinkedProviderView>)),
)]
pub async fn list(State(app): State<App>, actor: Actor) -> Result<Json<Vec<LinkedProviderView>>, ApiError> {
    if actor.role == Role::Guest {
        return Err(ApiError::Forbidden);
    }
    let linked = app.store.read(actor.tenant).await?.linked_issuers(actor.user).await?;
    let views = app.oidc.providers().filter_map(|provider| {
        let settings = &provider.settings;
        let (_, linked_at) = linked.iter().find(|(issuer, _)| *issuer == settings.issuer)?;
        Some(LinkedProviderView {
            id: settings.id.clone(),
            name: settings.name.clone(),
            linked_at: *linked_at,
        })
    });
    Ok(Json(views.collect()))
}

/// Stop signing in with a provider.
#[utoipa::path(
    delete, path = "/account/providers/{provider}", tag = "account",
    params(("provider" = String, Path, description = "Its id")),
    responses(
        (status = 204, description = "It lets you in no more, unless it is linked anew"),
        (status = 409, description = "There would be no other way in", body = ErrorBody),
    ),
)]
pub async fn unlink(
    State(app): State<App>,
    actor: Actor,
    IdPath(provider): IdPath<String>,
) -> Result<StatusCode, ApiError> {
    let now = app.clock.now();
    require_confirmed_account(&actor, now)?;
    let issuer = &provider_of(&app, actor.tenant, &provider)?.settings.issuer;
    let mut tx = app.store.begin(actor.tenant).await?;
    tx.unlink_oidc(actor.user, issuer).await?;
    let account = tx.credentials(actor.user).await?;
    let other_ways = account.passkeys as usize + tx.linked_issuers(actor.user).await?.len();
    if account.password_hash.is_none() && other_ways == 0 {
        return Err(ApiError::Conflict("this is your only way in; add a passkey first"));
    }
    tx.commit(AuditEntry::of(&actor, Action::OidcUnlinked, actor.user, now)).await?;
    Ok(StatusCode::NO_CONTENT)
}
