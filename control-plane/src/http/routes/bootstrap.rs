//! The first administrator, made with the secret that the server printed when it started.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::registrations::email_field;
use super::{check_password, text_field};
use crate::app::App;
use crate::domain::audit::Action;
use crate::domain::one_time::OneTimePurpose;
use crate::domain::user::Role;
use crate::error::ApiError;
use crate::http::json::Body;
use crate::http::sign_in::Visitor;
use crate::http::views::ErrorBody;
use crate::store::{NewUser, StoreError};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(bootstrap))
}

/// `POST /api/v1/bootstrap`
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Bootstrap {
    /// Printed by the server; works once.
    pub secret: String,
    pub name: String,
    pub email: String,
    pub password: String,
}

/// Make the first administrator.
#[utoipa::path(
    post, path = "/bootstrap", tag = "signing in",
    security(()),
    request_body = Bootstrap,
    responses((status = 201, description = "Made; sign in next"), (status = 404, description = "The secret is not right, or there is an administrator", body = ErrorBody)),
)]
pub async fn bootstrap(
    State(app): State<App>,
    visitor: Visitor,
    Body(body): Body<Bootstrap>,
) -> Result<StatusCode, ApiError> {
    let now = app.clock.now();
    let (name, email) = (text_field("name", &body.name, 1, 80)?, email_field(&body.email)?);
    check_password(&app, "password", &body.password, &email)?;
    let too_many = |retry_after| ApiError::TooManyRequests { retry_after };
    app.sign_ins.attempt(visitor.address, now).map_err(too_many)?;
    let mut tx = app.store.read(visitor.tenant).await?;
    tx.one_time(OneTimePurpose::Bootstrap, &body.secret, now).await?;
    drop(tx);
    let hash = app.passwords.hash(&body.password).await?;
    let mut tx = app.store.begin(visitor.tenant).await?;
    let secret = tx.one_time(OneTimePurpose::Bootstrap, &body.secret, now).await?;
    tx.spend_one_time(secret.id, now).await?;
    if tx.has_administrator().await? {
        return Err(ApiError::NotFound);
    }
    let new = NewUser {
        email: Some(email),
        name,
        role: Role::Admin,
        specialty: String::new(),
        password_hash: Some(hash),
        email_verified: true,
        approved: true,
    };
    let user = tx.insert_user(&new, now).await.map_err(|error| match error {
        StoreError::Conflict => ApiError::field("email", "has an account already"),
        error => error.into(),
    })?;
    tx.commit(visitor.entry(&user, Action::AdministratorBootstrapped, now)).await?;
    app.sign_ins.forgive(visitor.address);
    Ok(StatusCode::CREATED)
}
