//! What every way to sign in shares: who is at the door, proving a password or a code, counting what was wrong, and the
//! session that comes of it. Whatever is wrong (unknown, wrong, locked, deactivated) takes the same way through here.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::AppendHeaders;

use super::actor::{ClientAddress, Clinic, must, session_cookie};
use super::known_browser::KnownBrowser;
use super::throttle::network;
use super::views::{SessionView, UserView};
use crate::app::App;
use crate::crypto::password::is_imported;
use crate::crypto::secret;
use crate::domain::access::CONFIRMED_FOR;
use crate::domain::audit::{Action, Agent, AuditEntry, Outcome};
use crate::domain::session::{SecondFactor, SessionKind, device_name};
use crate::domain::time::Timestamp;
use crate::domain::totp::{Authenticator, normalise_recovery_code};
use crate::domain::user::{Role, User, normalise_email};
use crate::error::ApiError;
use crate::ids::{TenantId, UserId};
use crate::store::{Credentials, NewSession, StoreError, Tx};

/// `Set-Cookie`, once per cookie.
pub type Cookies = AppendHeaders<Vec<(HeaderName, HeaderValue)>>;

/// Somebody at the door of a clinic.
pub struct Visitor {
    pub tenant: TenantId,
    pub address: std::net::IpAddr,
    /// Browser and system, for the list of devices.
    pub device: String,
    browser: KnownBrowser,
}

impl FromRequestParts<App> for Visitor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, app).await?;
        let Clinic(tenant) = Clinic::from_request_parts(parts, app).await?;
        let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let device = device_name(agent.unwrap_or_default());
        Ok(Self { tenant, address, device, browser: KnownBrowser::of(&parts.headers) })
    }
}

/// What the failures of one visitor with one login are counted under.
pub struct Counters {
    login: Vec<u8>,
    address: Vec<u8>,
    from_known_browser: bool,
}

impl Counters {
    /// To be cleared when the person has proved who they are.
    pub fn login(&self) -> &[u8] {
        &self.login
    }
}

impl Visitor {
    /// `login`: normalised, of an account or not.
    pub fn counters(&self, app: &App, login: &str) -> Result<Counters, ApiError> {
        let key = app.store.tenant_key(self.tenant)?;
        let browser = self.browser.id_for(&key, login);
        let subject = match browser {
            Some(id) => format!("browser {id} {login}"),
            None => format!("login {login}"),
        };
        let address = format!("address {}", network(self.address));
        let mac =
            |subject: &str| key.mac("failed sign-ins", subject.as_bytes()).map(|tag| tag.as_ref().to_vec());
        Ok(Counters { login: mac(&subject)?, address: mac(&address)?, from_known_browser: browser.is_some() })
    }

    /// Refuses an address that guesses. A browser that the account knows is let through: it is counted by itself.
    async fn admit(&self, app: &App, counters: &Counters, now: Timestamp) -> Result<(), ApiError> {
        if counters.from_known_browser {
            return Ok(());
        }
        let too_many = |retry_after| ApiError::TooManyRequests { retry_after };
        app.sign_ins.attempt(self.address, now).map_err(too_many)?;
        match app.store.locked_until(self.tenant, &counters.address, now).await? {
            Some(until) => Err(too_many(until.since(now))),
            None => Ok(()),
        }
    }

    /// A line of the trail about a person at the door.
    pub fn entry(&self, user: &User, action: Action, now: Timestamp) -> AuditEntry {
        let patient = (user.role == Role::Patient).then_some(user.id);
        let entry = AuditEntry::by(Agent::User(user.id), action, user.id, now).from_address(self.address);
        AuditEntry { role: Some(user.role), patient, ..entry }
    }
}

/// Somebody who knows the password of an account that is neither locked nor deactivated. Whatever comes of it happens
/// in the same transaction.
pub struct Proven {
    pub tx: Tx,
    pub account: Credentials,
}

/// Checks a password. Wrong ones are counted and refused as [`ApiError::WrongPassword`]; so is everything else that
/// keeps the person out, after the same work.
pub async fn prove_password(
    app: &App,
    visitor: &Visitor,
    email: &str,
    password: &str,
) -> Result<Proven, ApiError> {
    let now = app.clock.now();
    let login = normalise_email(email).unwrap_or_default();
    let counters = visitor.counters(app, &login)?;
    visitor.admit(app, &counters, now).await?;
    let account = app.store.credentials(visitor.tenant, &login).await?;
    let imported_left = app.store.has_imported_passwords(visitor.tenant).await?;
    let was_locked = app.store.locked_until(visitor.tenant, &counters.login, now).await?.is_some();
    let hash = account.as_ref().and_then(|account| account.password_hash.as_deref());
    let right = app.passwords.verify(password, hash, imported_left).await?;
    let better_hash = match hash {
        Some(hash) if right && !was_locked && is_imported(hash) => Some(app.passwords.hash(password).await?),
        _ => None,
    };
    let mut tx = app.store.begin(visitor.tenant).await?;
    let is_locked = tx.failures(&counters.login, now).await?.is_locked(now);
    let user = account.as_ref().map(|account| account.user.id);
    let known = account.filter(|account| right && !is_locked && account.user.deactivated_at.is_none());
    let account = match known {
        Some(known) => still(&mut tx, &known).await?,
        None => None,
    };
    let Some(account) = account else {
        refuse(app, tx, visitor, &counters, user).await?;
        return Err(ApiError::WrongPassword);
    };
    if let Some(hash) = better_hash {
        tx.upgrade_password_hash(account.user.id, &hash).await?;
    }
    app.sign_ins.forgive(visitor.address);
    Ok(Proven { tx, account })
}

/// The account as it is now, if it may still be entered with what was proved of `known`: while the password was hashed
/// it may have been replaced, a second factor set up, the account deactivated or erased. Stays so in this transaction.
pub async fn still(tx: &mut Tx, known: &Credentials) -> Result<Option<Credentials>, ApiError> {
    let now = match tx.hold_credentials(known.user.id).await {
        Ok(now) => now,
        Err(StoreError::NotFound | StoreError::Erased) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // Not the hash: another sign-in may have made it a better one of the same password.
    let same_password = now.password_changed_at == known.password_changed_at;
    Ok(Some(now).filter(|now| same_password && now.user.deactivated_at.is_none()))
}

/// Counts a wrong secret; the line in the trail says whether it was the one that locked. `user`: if there is an account.
pub async fn refuse(
    app: &App,
    mut tx: Tx,
    visitor: &Visitor,
    counters: &Counters,
    user: Option<UserId>,
) -> Result<(), ApiError> {
    let (now, accounts) = (app.clock.now(), &app.config.accounts);
    let (before, after) = tx.count_failure(&counters.login, accounts.lockout(), now).await?;
    tx.count_failure(&counters.address, accounts.address_lockout(), now).await?;
    let locks = after.is_locked(now) && !before.is_locked(now);
    let action = if locks { Action::AccountLocked } else { Action::SignInRefused };
    let subject = user.map(|user| user.to_string()).unwrap_or_default();
    let entry = AuditEntry::by(Agent::Anonymous, action, subject, now).with_outcome(Outcome::Denied);
    tx.commit(entry.from_address(visitor.address)).await?;
    Ok(())
}

/// Whether the counters let this person in now. Holds their rows until the transaction ends.
pub async fn is_locked(app: &App, tx: &mut Tx, counters: &Counters) -> Result<bool, ApiError> {
    let now = app.clock.now();
    Ok(tx.failures(&counters.login, now).await?.is_locked(now))
}

/// Uses up a code of the person's authenticator or a recovery code, whichever it looks like; `None`: not right.
pub async fn take_code(
    tx: &mut Tx,
    user: UserId,
    code: &str,
    now: Timestamp,
) -> Result<Option<SecondFactor>, ApiError> {
    let (right, factor) = match normalise_recovery_code(code).len() {
        6 => (take_totp(tx, user, code, now).await?, SecondFactor::Totp),
        _ => (take_recovery(tx, user, code, now).await?, SecondFactor::Recovery),
    };
    Ok(right.then_some(factor))
}

/// Uses up a code of the authenticator: whether it is right now and was not used before.
pub async fn take_totp(tx: &mut Tx, user: UserId, code: &str, now: Timestamp) -> Result<bool, ApiError> {
    let Some(totp) = tx.totp(user).await?.filter(|totp| totp.confirmed_at.is_some()) else {
        return Ok(false);
    };
    let authenticator =
        Authenticator::from_secret(&totp.secret).map_err(|error| ApiError::Internal(error.into()))?;
    match authenticator.step_of(code, now) {
        Some(step) => Ok(tx.use_totp_step(user, step).await?),
        None => Ok(false),
    }
}

/// Uses up a recovery code: whether it is one of the person's and was not used before.
pub async fn take_recovery(tx: &mut Tx, user: UserId, code: &str, now: Timestamp) -> Result<bool, ApiError> {
    Ok(tx.use_recovery_code(user, &normalise_recovery_code(code), now).await?)
}

/// [`new_session`] of a browser that the account will know again.
pub async fn open_session(
    app: &App,
    visitor: &Visitor,
    tx: &mut Tx,
    user: &User,
    second_factor: SecondFactor,
) -> Result<(Cookies, SessionView), ApiError> {
    let (cookie, view) = new_session(app, visitor, tx, user, second_factor).await?;
    let mut cookies = vec![(header::SET_COOKIE, cookie)];
    if user.role != Role::Guest {
        let key = app.store.tenant_key(visitor.tenant)?;
        cookies.push((header::SET_COOKIE, visitor.browser.remember(&key, &user.email)?));
    }
    Ok((AppendHeaders(cookies), view))
}

/// Makes a browser's session; the caller commits. The person has proved everything, so nothing is counted any more.
pub async fn new_session(
    app: &App,
    visitor: &Visitor,
    tx: &mut Tx,
    user: &User,
    second_factor: SecondFactor,
) -> Result<(HeaderValue, SessionView), ApiError> {
    let (now, limits) = (app.clock.now(), app.config.accounts.session_limits());
    let secret = secret::generate()?;
    let session = NewSession {
        user: user.id,
        secret: &secret,
        kind: SessionKind::Browser,
        device: &visitor.device,
        address: visitor.address,
        second_factor,
    };
    tx.insert_session(&session, limits, now).await?;
    let key = app.store.tenant_key(visitor.tenant)?;
    if user.role != Role::Guest {
        tx.clear_failures(&visitor.counters(app, &user.email)?.login).await?;
    }
    let view = session_view(app, user.clone(), key.csrf_token(&secret), now, second_factor);
    Ok((session_cookie(&secret, limits)?, view))
}

/// `authenticated_at`: when the person last proved a secret.
pub fn session_view(
    app: &App,
    user: User,
    csrf_token: String,
    authenticated_at: Timestamp,
    second_factor: SecondFactor,
) -> SessionView {
    let until = authenticated_at.plus(CONFIRMED_FOR);
    let must = must(app, &user, second_factor);
    let confirmed_until = (app.clock.now() < until).then_some(until);
    SessionView { user: UserView::from(user), csrf_token, confirmed_until, second_factor, must }
}
