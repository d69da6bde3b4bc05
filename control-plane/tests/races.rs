//! Two who change the same account at the same time, and steps that are taken after what they rested on has changed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use control_plane::domain::audit::{Action, Agent, AuditEntry};
use control_plane::domain::time::Timestamp;
use control_plane::domain::user::Role;
use control_plane::ids::UserId;
use control_plane::store::Tx;
use serde_json::{Value, json};
use support::{Client, PASSWORD, Reply, TestApp};

const SESSION: &str = "/api/v1/session";
const PAT: &str = "pat@example.org";
const NEW: &str = "rain over nine chimneys";
const MINUTE: Duration = Duration::from_mins(1);

/// What `answer` gives whose request reads and hashes, and then waits for its turn to write until the others have
/// committed; one of them makes a change.
async fn changed_meanwhile(
    app: &TestApp,
    answer: impl Future<Output = Reply>,
    change: impl AsyncFnOnce(&mut Tx),
) -> Reply {
    let (store, now) = (&app.app.store, app.app.clock.now());
    // As many as may write at once.
    let writers = if app.app.config.database.url.is_empty() { 1 } else { 5 };
    let mut turns = Vec::new();
    for _ in 0..writers {
        turns.push(store.begin(store.tenant()).await.unwrap());
    }
    let meanwhile = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let mut tx = turns.pop().unwrap();
        change(&mut tx).await;
        tx.commit(AuditEntry::by(Agent::Server, Action::UserCreated, "", now)).await.unwrap();
        drop(turns);
    };
    tokio::join!(answer, meanwhile).0
}

async fn change(tx: &mut Tx, what: &str, user: UserId, later: Timestamp) {
    match what {
        "password" => tx.set_password(user, "not a hash", false, later).await.unwrap(),
        "better hash" => tx.upgrade_password_hash(user, "not a hash").await.unwrap(),
        "deactivation" => tx.deactivate(user, later).await.unwrap(),
        "second factor" => {
            tx.put_totp(user, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", later).await.unwrap();
            tx.confirm_totp(user, later).await.unwrap();
        }
        _ => {}
    }
}

async fn id(app: &TestApp, email: &str) -> UserId {
    let store = &app.app.store;
    store.credentials(store.tenant(), email).await.unwrap().unwrap().user.id
}

#[tokio::test]
async fn a_sign_in_under_way_counts_what_was_changed_meanwhile() {
    let app = TestApp::start().await;
    let later = app.app.clock.now().plus(MINUTE);
    for (what, status) in [
        ("nothing", 200),
        ("better hash", 200),
        ("password", 401),
        ("deactivation", 401),
        ("second factor", 202),
    ] {
        let email = format!("{}@example.org", what.replace(' ', "-"));
        app.add_user(&email, "Pat Patient", Role::Patient).await;
        let user = id(&app, &email).await;
        let stranger = app.anonymous();
        let answer = stranger.post(SESSION, json!({"email": email, "password": PASSWORD}));
        let reply = changed_meanwhile(&app, answer, async |tx| change(tx, what, user, later).await).await;
        assert_eq!(reply.status.as_u16(), status, "{what}");
    }
}

/// Somebody with a session and the old password is not faster than its owner.
#[tokio::test]
async fn a_change_of_the_password_under_way_does_not_undo_another() {
    let app = TestApp::start().await;
    let (user, later) = {
        app.add_user(PAT, "Pat Patient", Role::Patient).await;
        (id(&app, PAT).await, app.app.clock.now().plus(MINUTE))
    };
    let (owner, thief) = (app.sign_in(PAT).await, app.sign_in(PAT).await);
    let body = json!({"current": PASSWORD, "new": NEW});
    let answer = thief.put("/api/v1/account/password", body);
    let reply = changed_meanwhile(&app, answer, async |tx| change(tx, "password", user, later).await).await;
    assert_eq!(reply.json["error"]["fields"]["current"], "is not right", "{}", reply.text);
    owner.get(SESSION).await.expect(200);
}

/// A clinic whose passwords are good for 90 days, and one that is a minute from it.
async fn with_an_old_password() -> (TestApp, Client) {
    let app = TestApp::start_with(|config| config.accounts.password_max_age_days = 90).await;
    app.add_user(PAT, "Pat Patient", Role::Patient).await;
    app.wait(Duration::from_mins(90 * 24 * 60 - 1));
    let pat = app.sign_in(PAT).await;
    app.wait(MINUTE);
    (app, pat)
}

async fn first_step(app: &TestApp) -> Value {
    let body = json!({"email": PAT, "password": PASSWORD});
    app.anonymous().post(SESSION, body).await.expect(202)
}

async fn new_password(app: &TestApp, step: &Value, password: &str) -> Reply {
    let body = json!({"challenge": step["challenge"], "password": password});
    app.anonymous().post("/api/v1/session/password", body).await
}

#[tokio::test]
async fn of_two_who_were_asked_for_a_new_password_one_sets_it() {
    let (app, _) = with_an_old_password().await;
    let (owner, thief) = (first_step(&app).await, first_step(&app).await);
    new_password(&app, &owner, NEW).await.expect(200);
    new_password(&app, &thief, "a password of a thief").await.refused(401, "unauthenticated");
    app.sign_in_with(PAT, NEW).await;
}

#[tokio::test]
async fn a_new_password_is_not_set_past_a_second_factor() {
    let (app, pat) = with_an_old_password().await;
    let thief = first_step(&app).await;
    enrol_totp(&app, &pat).await;
    new_password(&app, &thief, NEW).await.refused(401, "unauthenticated");
    pat.get(SESSION).await.expect(200);
}

async fn enrol_totp(app: &TestApp, client: &Client) -> Value {
    let secret = client.post("/api/v1/account/totp", json!({})).await.expect(200)["secret"].clone();
    let code = json!({"code": app.totp_code(&secret)});
    client.post("/api/v1/account/totp/confirm", code).await.expect(200);
    app.wait(Duration::from_secs(30));
    secret
}

#[tokio::test]
async fn a_first_step_with_the_old_password_leads_nowhere_after_a_change() {
    let app = TestApp::start().await;
    let pat = app.patient().await;
    let secret = enrol_totp(&app, &pat).await;
    let step = first_step(&app).await;
    let change = json!({"current": PASSWORD, "new": NEW});
    pat.put("/api/v1/account/password", change).await.expect(204);
    let answer = async |step: &Value| {
        let code = app.totp_code(&secret);
        let body = json!({"challenge": step["challenge"], "method": "totp", "code": code});
        app.anonymous().post("/api/v1/session/second-step", body).await
    };
    answer(&step).await.refused(401, "unauthenticated");
    let again = json!({"email": PAT, "password": NEW});
    let again = app.anonymous().post(SESSION, again).await.expect(202);
    answer(&again).await.expect(200);
}
