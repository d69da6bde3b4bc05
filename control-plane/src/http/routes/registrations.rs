//! Making an account: by oneself, and the proof that the address is one's own. What happens to an address that has an
//! account already looks and takes as long as with a new one.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::oidc::serves;
use super::{check_password, specialty_of, text_field};
use crate::app::App;
use crate::domain::audit::{Action, Agent, AuditEntry, Outcome};
use crate::domain::one_time::OneTimePurpose;
use crate::domain::time::Timestamp;
use crate::domain::user::{Role, User, normalise_email};
use crate::error::ApiError;
use crate::http::actor::{Clinic, SignedIn};
use crate::http::json::Body;
use crate::http::sign_in::Visitor;
use crate::http::views::ErrorBody;
use crate::ids::UserId;
use crate::mail::News;
use crate::store::{NewUser, StoreError, Tx};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(register))
        .routes(routes!(policy))
        .routes(routes!(verify_email))
        .routes(routes!(resend))
}

/// `POST /api/v1/registrations`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Register {
    pub role: Role,
    /// 1 to 80 characters.
    pub name: String,
    pub email: String,
    pub password: String,
    /// A doctor's field; empty for a patient.
    pub specialty: String,
}

/// What to do after making an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NextStep {
    SignIn,
    VerifyEmail,
}

#[derive(Serialize, ToSchema)]
pub struct RegisteredView {
    pub next: NextStep,
}

/// `POST /api/v1/email-verification`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyEmail {
    /// From the fragment of the address in the mail; works once.
    pub token: String,
}

#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each is one switch of the clinic's policy")]
pub struct PasswordRulesView {
    pub min_chars: usize,
    pub upper: bool,
    pub lower: bool,
    pub digit: bool,
    pub special: bool,
}

/// Somebody's account at another provider, as a way in.
#[derive(Serialize, ToSchema)]
pub struct ProviderView {
    pub id: String,
    pub name: String,
}

#[derive(Serialize, ToSchema)]
pub struct PolicyView {
    pub registration: bool,
    pub password: PasswordRulesView,
    /// Whether the clinic sends mail at all.
    pub mail: bool,
    pub providers: Vec<ProviderView>,
}

/// Make an account.
#[utoipa::path(
    post, path = "/registrations", tag = "signing in",
    security(()),
    request_body = Register,
    responses((status = 201, description = "Made, or the address has an account already and its owner was told by mail", body = RegisteredView)),
)]
pub async fn register(
    State(app): State<App>,
    visitor: Visitor,
    Body(body): Body<Register>,
) -> Result<(StatusCode, Json<RegisteredView>), ApiError> {
    let may_choose = matches!(body.role, Role::Patient | Role::Doctor);
    if !app.config.accounts.registration || !may_choose {
        return Err(ApiError::Forbidden);
    }
    let new = checked(&app, &body)?;
    let now = app.clock.now();
    let too_many = |retry_after| ApiError::TooManyRequests { retry_after };
    app.sign_ins.attempt(visitor.address, now).map_err(too_many)?;
    let hash = app.passwords.hash(&body.password).await?;
    let new = NewUser { password_hash: Some(hash), ..new };
    insert_or_tell(&app, &visitor, new, now).await?;
    let next = if app.config.mail.is_on() { NextStep::VerifyEmail } else { NextStep::SignIn };
    Ok((StatusCode::CREATED, Json(RegisteredView { next })))
}

/// Everything but the password's hash.
fn checked(app: &App, body: &Register) -> Result<NewUser, ApiError> {
    let name = text_field("name", &body.name, 1, 80)?;
    let email = email_field(&body.email)?;
    let specialty = specialty_of(body.role, &body.specialty)?;
    check_password(app, "password", &body.password, &email)?;
    Ok(NewUser {
        email: Some(email),
        name,
        role: body.role,
        specialty,
        password_hash: None,
        email_verified: false,
        approved: false,
    })
}

pub(super) fn email_field(email: &str) -> Result<String, ApiError> {
    normalise_email(email).ok_or_else(|| ApiError::field("email", "must be an e-mail address"))
}

/// The account, or for a taken address the same work for nothing and a letter to its owner.
async fn insert_or_tell(app: &App, visitor: &Visitor, new: NewUser, now: Timestamp) -> Result<(), ApiError> {
    let email = new.email.clone().unwrap_or_default();
    let is_taken = app.store.credentials(visitor.tenant, &email).await?.is_some();
    let inserted = if is_taken {
        // An address that nobody has, undone at once.
        let nobody = format!("{}@invalid", UserId::generate());
        let mut tx = app.store.begin(visitor.tenant).await?;
        insert(&mut tx, &NewUser { email: Some(nobody), ..new }, now).await?;
        None
    } else {
        let mut tx = app.store.begin(visitor.tenant).await?;
        match insert(&mut tx, &new, now).await {
            Ok((user, token)) => Some((tx, user, token)),
            // Somebody registered it at the same moment.
            Err(StoreError::Conflict) => None,
            Err(error) => return Err(error.into()),
        }
    };
    let news = if let Some((tx, user, token)) = inserted {
        tx.commit(visitor.entry(&user, Action::Registered, now)).await?;
        News::VerifyEmail { token }
    } else {
        let tx = app.store.begin(visitor.tenant).await?;
        let refused = AuditEntry::by(Agent::Anonymous, Action::Registered, "", now);
        tx.commit(refused.with_outcome(Outcome::Denied).from_address(visitor.address)).await?;
        News::AddressTaken
    };
    app.send_mail(visitor.tenant, &email, news);
    Ok(())
}

async fn insert(tx: &mut Tx, new: &NewUser, now: Timestamp) -> Result<(User, String), StoreError> {
    let user = tx.insert_user(new, now).await?;
    let token = tx.insert_one_time(OneTimePurpose::VerifyEmail, Some(user.id), "", now).await?;
    Ok((user, token))
}

/// What the clinic demands of those who make an account.
#[utoipa::path(
    get, path = "/registrations/policy", tag = "signing in",
    security(()),
    responses((status = 200, description = "The policy", body = PolicyView)),
)]
pub async fn policy(State(app): State<App>, Clinic(tenant): Clinic) -> Json<PolicyView> {
    let (config, rules) = (&app.config, app.config.accounts.password_rules());
    let providers = app.oidc.providers().filter(|provider| serves(&app, provider, tenant));
    let providers = providers.map(|provider| &provider.settings);
    Json(PolicyView {
        registration: config.accounts.registration,
        password: PasswordRulesView {
            min_chars: rules.min_chars,
            upper: rules.upper,
            lower: rules.lower,
            digit: rules.digit,
            special: rules.special,
        },
        mail: config.mail.is_on(),
        providers: providers.map(|p| ProviderView { id: p.id.clone(), name: p.name.clone() }).collect(),
    })
}

/// Prove that an address is one's own.
#[utoipa::path(
    post, path = "/email-verification", tag = "signing in",
    security(()),
    request_body = VerifyEmail,
    responses((status = 204, description = "Verified"), (status = 404, description = "Unknown, used or too old", body = ErrorBody)),
)]
pub async fn verify_email(
    State(app): State<App>,
    visitor: Visitor,
    Body(body): Body<VerifyEmail>,
) -> Result<StatusCode, ApiError> {
    let now = app.clock.now();
    let too_many = |retry_after| ApiError::TooManyRequests { retry_after };
    app.sign_ins.attempt(visitor.address, now).map_err(too_many)?;
    let mut tx = app.store.begin(visitor.tenant).await?;
    let found = tx.one_time(OneTimePurpose::VerifyEmail, &body.token, now).await?;
    let user = tx.user(found.user.ok_or(ApiError::NotFound)?).await?;
    tx.verify_email(user.id, now).await?;
    tx.forget_one_times(OneTimePurpose::VerifyEmail, user.id).await?;
    tx.commit(visitor.entry(&user, Action::EmailVerified, now)).await?;
    app.sign_ins.forgive(visitor.address);
    Ok(StatusCode::NO_CONTENT)
}

/// Have the mail that verifies the address sent again.
#[utoipa::path(
    post, path = "/email-verification/resend", tag = "signing in",
    responses((status = 204, description = "Sent, unless the address is verified already")),
)]
pub async fn resend(
    State(app): State<App>,
    SignedIn { actor, user, .. }: SignedIn,
) -> Result<StatusCode, ApiError> {
    if user.email_verified_at.is_some() || user.role == Role::Guest || !app.config.mail.is_on() {
        return Ok(StatusCode::NO_CONTENT);
    }
    let now = app.clock.now();
    let mut tx = app.store.begin(actor.tenant).await?;
    tx.forget_one_times(OneTimePurpose::VerifyEmail, user.id).await?;
    let token = tx.insert_one_time(OneTimePurpose::VerifyEmail, Some(user.id), "", now).await?;
    tx.commit(AuditEntry::of(&actor, Action::EmailVerificationAsked, user.id, now)).await?;
    app.send_mail(actor.tenant, &user.email, News::VerifyEmail { token });
    Ok(StatusCode::NO_CONTENT)
}
