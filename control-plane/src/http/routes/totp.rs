//! Authenticator apps and recovery codes of one's own account.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use qrcode::QrCode;
use qrcode::render::svg;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::require_confirmed_account;
use crate::app::App;
use crate::crypto;
use crate::domain::access::Actor;
use crate::domain::audit::{Action, AuditEntry};
use crate::domain::session::SecondFactor;
use crate::domain::totp::{
    Authenticator, NotASecret, RECOVERY_CODES, normalise_recovery_code, recovery_code,
};
use crate::error::ApiError;
use crate::http::actor::SignedIn;
use crate::http::json::Body;
use crate::http::views::ErrorBody;
use crate::ids::UserId;
use crate::mail::News;
use crate::store::Tx;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(begin, remove))
        .routes(routes!(confirm))
        .routes(routes!(new_recovery_codes))
}

/// Shown this once. Holds a secret, so it is not `Debug`.
#[derive(Serialize, ToSchema)]
pub struct TotpView {
    /// Base 32, to be typed where nothing can be scanned.
    pub secret: String,
    pub otpauth_url: String,
    /// The same as a QR code: an SVG document.
    pub qr_svg: String,
}

/// `POST /api/v1/account/totp/confirm`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmTotp {
    /// What the app shows now.
    pub code: String,
}

/// Shown this once; each works once.
#[derive(Serialize, ToSchema)]
pub struct RecoveryCodesView {
    pub recovery_codes: Vec<String>,
}

/// Begin with an authenticator app.
#[utoipa::path(
    post, path = "/account/totp", tag = "account",
    responses((status = 200, description = "What the app needs; confirm a code next", body = TotpView), (status = 409, description = "One is in use already", body = ErrorBody)),
)]
pub async fn begin(
    State(app): State<App>,
    SignedIn { actor, user, .. }: SignedIn,
) -> Result<Json<TotpView>, ApiError> {
    let now = app.clock.now();
    require_confirmed_account(&actor, now)?;
    let authenticator = Authenticator::new(crypto::random()?, &user.email).map_err(internal)?;
    let (secret, otpauth_url) = (authenticator.secret(), authenticator.url().map_err(internal)?);
    let code = QrCode::new(&otpauth_url).map_err(|error| ApiError::Internal(error.into()))?;
    let qr_svg = code.render::<svg::Color<'_>>().min_dimensions(240, 240).build();
    let mut tx = app.store.begin(actor.tenant).await?;
    tx.put_totp(user.id, &secret, now).await?;
    tx.commit(AuditEntry::of(&actor, Action::TotpBegun, user.id, now)).await?;
    Ok(Json(TotpView { secret, otpauth_url, qr_svg }))
}

/// The app shows the right code: it is needed from now on.
#[utoipa::path(
    post, path = "/account/totp/confirm", tag = "account",
    request_body = ConfirmTotp,
    responses((status = 200, description = "In use", body = RecoveryCodesView), (status = 409, description = "Nothing was begun", body = ErrorBody)),
)]
pub async fn confirm(
    State(app): State<App>,
    SignedIn { actor, user, second_factor, .. }: SignedIn,
    Body(body): Body<ConfirmTotp>,
) -> Result<Json<RecoveryCodesView>, ApiError> {
    let now = app.clock.now();
    let mut tx = app.store.begin(actor.tenant).await?;
    let begun = tx.totp(user.id).await?.filter(|totp| totp.confirmed_at.is_none());
    let begun = begun.ok_or(ApiError::Conflict("begin with an authenticator app first"))?;
    let authenticator = Authenticator::from_secret(&begun.secret).map_err(internal)?;
    let is_right = match authenticator.step_of(&body.code, now) {
        Some(step) => tx.use_totp_step(user.id, step).await?,
        None => false,
    };
    if !is_right {
        return Err(ApiError::field("code", "is not right"));
    }
    tx.confirm_totp(user.id, now).await?;
    let recovery_codes = make_recovery_codes(&mut tx, user.id).await?;
    if second_factor == SecondFactor::None {
        tx.set_second_factor(actor.session, SecondFactor::Totp).await?;
    }
    tx.commit(AuditEntry::of(&actor, Action::TotpEnrolled, user.id, now)).await?;
    Ok(Json(RecoveryCodesView { recovery_codes }))
}

/// Sign in without the authenticator app again. Its recovery codes are gone too.
#[utoipa::path(
    delete, path = "/account/totp", tag = "account",
    responses((status = 204, description = "Removed"), (status = 404, description = "There is none", body = ErrorBody)),
)]
pub async fn remove(
    State(app): State<App>,
    SignedIn { actor, user, .. }: SignedIn,
) -> Result<StatusCode, ApiError> {
    let now = app.clock.now();
    require_confirmed_account(&actor, now)?;
    let mut tx = app.store.begin(actor.tenant).await?;
    tx.totp(user.id).await?.ok_or(ApiError::NotFound)?;
    tx.delete_totp(user.id).await?;
    tx.drop_second_factors(user.id).await?;
    tx.commit(AuditEntry::of(&actor, Action::TotpRemoved, user.id, now)).await?;
    app.send_mail(actor.tenant, &user.email, News::SecondFactorRemoved);
    Ok(StatusCode::NO_CONTENT)
}

/// Ten new recovery codes; the earlier ones are worth nothing any more.
#[utoipa::path(
    post, path = "/account/recovery-codes", tag = "account",
    responses((status = 200, description = "The codes", body = RecoveryCodesView), (status = 409, description = "There is no authenticator app that they could replace", body = ErrorBody)),
)]
pub async fn new_recovery_codes(
    State(app): State<App>,
    actor: Actor,
) -> Result<Json<RecoveryCodesView>, ApiError> {
    let now = app.clock.now();
    require_confirmed_account(&actor, now)?;
    let mut tx = app.store.begin(actor.tenant).await?;
    let totp = tx.totp(actor.user).await?.filter(|totp| totp.confirmed_at.is_some());
    totp.ok_or(ApiError::Conflict("set up an authenticator app first"))?;
    let recovery_codes = make_recovery_codes(&mut tx, actor.user).await?;
    tx.commit(AuditEntry::of(&actor, Action::RecoveryCodesMade, actor.user, now)).await?;
    Ok(Json(RecoveryCodesView { recovery_codes }))
}

async fn make_recovery_codes(tx: &mut Tx, user: UserId) -> Result<Vec<String>, ApiError> {
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        codes.push(recovery_code(crypto::random()?));
    }
    let normalised: Vec<String> = codes.iter().map(|code| normalise_recovery_code(code)).collect();
    tx.replace_recovery_codes(user, &normalised).await?;
    Ok(codes)
}

fn internal(error: NotASecret) -> ApiError {
    ApiError::Internal(error.into())
}
