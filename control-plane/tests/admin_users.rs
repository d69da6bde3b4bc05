//! Accounts in the hands of an administrator: found, made, changed, kept out.
#![expect(clippy::disallowed_methods, reason = "measures how long it takes")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "uses a part of it")]
mod live;
mod support;

use std::time::{Duration, Instant};

use control_plane::domain::user::Role;
use live::Live;
use serde_json::{Value, json};
use support::{Client, Consultation, TestApp};

/// Whatever is open closes within this.
const AT_ONCE: Duration = Duration::from_secs(1);

async fn administrator(app: &TestApp) -> Client {
    app.person("root@example.org", "Ada Admin", Role::Admin).await
}

async fn id_of(client: &Client) -> String {
    client.get("/api/v1/session").await.expect(200)["user"]["id"].as_str().unwrap().to_owned()
}

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn accounts_are_found_by_role_state_and_words_a_page_at_a_time() {
    let app = TestApp::start().await;
    let admin = administrator(&app).await;
    app.add_user("pat@example.org", "Pat Patient", Role::Patient).await;
    app.add_user("dora@example.org", "Dora Doctor", Role::Doctor).await;
    app.add_user("zoe@example.org", "Zoe Patricia Berg", Role::Patient).await;
    let list = async |query: &str| admin.get(&format!("/api/v1/admin/users{query}")).await.expect(200);

    let all = list("").await;
    assert_eq!(names(&all), ["Zoe Patricia Berg", "Dora Doctor", "Pat Patient", "Ada Admin"]);
    assert_eq!(all["next"], Value::Null);
    let me = &all["items"][3];
    assert_eq!(
        (&me["state"], &me["sessions"], &me["email"]),
        (&json!("active"), &json!(1), &json!("root@example.org"))
    );
    assert!(me["last_seen_at"].is_i64() && me["second_factor"] == false);
    assert_eq!(names(&list("?role=patient").await), ["Zoe Patricia Berg", "Pat Patient"]);
    assert_eq!(names(&list("?q=pat").await), ["Zoe Patricia Berg", "Pat Patient"]);
    assert_eq!(names(&list("?q=derm").await), ["Dora Doctor"], "by specialty");
    assert_eq!(names(&list("?q=zoe%40").await), ["Zoe Patricia Berg"], "by address");
    assert_eq!(names(&list("?state=deactivated").await), [""; 0]);
    assert_eq!(names(&list("?role=guest").await), [""; 0]);

    let first = list("?limit=3").await;
    let next = first["next"].as_str().unwrap();
    let second = list(&format!("?limit=3&cursor={next}")).await;
    assert_eq!((names(&first).len(), names(&second)), (3, vec!["Ada Admin"]));
    assert_eq!(second["next"], Value::Null);

    for (query, field) in
        [("role=root", "role"), ("state=x", "state"), ("cursor=7", "cursor"), ("limit=0", "limit")]
    {
        let refused = admin.get(&format!("/api/v1/admin/users?{query}")).await;
        assert!(refused.json["error"]["fields"][field].is_string(), "{}", refused.text);
    }
    admin.get("/api/v1/admin/users?color=red").await.refused(400, "malformed_body");
    for other in ["pat@example.org", "dora@example.org"] {
        app.sign_in(other).await.get("/api/v1/admin/users").await.refused(403, "forbidden");
    }
}

#[tokio::test]
async fn a_new_account_has_a_random_password_that_must_be_changed() {
    let app = TestApp::start().await;
    let admin = administrator(&app).await;
    let body =
        json!({"role": "doctor", "name": " Dora Doctor ", "email": "Dora@Example.org", "specialty": "Skin"});
    let made = admin.post("/api/v1/admin/users", body.clone()).await.expect(201);
    assert_eq!((&made["user"]["name"], &made["user"]["state"]), (&json!("Dora Doctor"), &json!("active")));
    admin.post("/api/v1/admin/users", body).await.refused(409, "conflict");

    let sign_in = json!({"email": "dora@example.org", "password": made["password"]});
    let step = app.anonymous().post("/api/v1/session", sign_in).await.expect(202);
    assert_eq!(step["methods"], json!(["new_password"]));
    let change = json!({"challenge": step["challenge"], "password": "something quite new"});
    app.anonymous().post("/api/v1/session/password", change).await.expect(200);
    app.sign_in_with("dora@example.org", "something quite new").await;
    let listed = admin.get("/api/v1/doctors").await.expect(200);
    assert_eq!(listed[0]["name"], "Dora Doctor");

    for (body, field) in [
        (json!({"role": "guest", "name": "G", "email": "g@example.org", "specialty": ""}), "role"),
        (json!({"role": "patient", "name": "", "email": "g@example.org", "specialty": ""}), "name"),
        (json!({"role": "patient", "name": "G", "email": "nowhere", "specialty": ""}), "email"),
        (json!({"role": "patient", "name": "G", "email": "g@example.org", "specialty": "x"}), "specialty"),
    ] {
        let refused = admin.post("/api/v1/admin/users", body).await;
        assert!(refused.json["error"]["fields"][field].is_string(), "{}", refused.text);
    }
    let actions = app.actions().await;
    assert_eq!(actions.iter().filter(|action| *action == "user.create").count(), 2, "{actions:?}");
}

#[tokio::test]
async fn another_role_ends_the_sessions_and_another_name_does_not() {
    let app = TestApp::start().await;
    let admin = administrator(&app).await;
    let pat = app.patient().await;
    let path = format!("/api/v1/admin/users/{}", id_of(&pat).await);
    let renamed = json!({"name": "Patricia", "specialty": "", "role": "patient"});
    assert_eq!(admin.put(&path, renamed).await.expect(200)["name"], "Patricia");
    assert_eq!(pat.get("/api/v1/session").await.expect(200)["user"]["name"], "Patricia");
    let promoted = json!({"name": "Patricia", "specialty": "Skin", "role": "doctor"});
    assert_eq!(admin.put(&path, promoted).await.expect(200)["role"], "doctor");
    pat.get("/api/v1/session").await.refused(401, "unauthenticated");
    let again = app.sign_in("pat@example.org").await.get("/api/v1/session").await.expect(200);
    assert_eq!(
        (&again["user"]["role"], &again["user"]["email"]),
        (&json!("doctor"), &json!("pat@example.org"))
    );
    admin.get("/api/v1/admin/users/usr_00000000000000000000000000000001").await.refused(404, "not_found");
    admin.get("/api/v1/admin/users/nobody").await.refused(404, "not_found");
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let app = TestApp::start().await;
    let admin = administrator(&app).await;
    let own = format!("/api/v1/admin/users/{}", id_of(&admin).await);
    let patient = json!({"name": "Ada Admin", "specialty": "", "role": "patient"});
    admin.put(&own, patient.clone()).await.refused(409, "wrong_state");
    admin.post(&format!("{own}/deactivate"), json!({})).await.refused(409, "wrong_state");
    admin.get("/api/v1/session").await.expect(200);

    // Two that remove each other at once: one of them stays.
    let other = app.person("two@example.org", "Bea Admin", Role::Admin).await;
    let others = format!("/api/v1/admin/users/{}", id_of(&other).await);
    let (one, two) = (format!("{others}/deactivate"), format!("{own}/deactivate"));
    let (one, two) = tokio::join!(admin.post(&one, json!({})), other.post(&two, json!({})));
    let done = [&one, &two].iter().filter(|reply| reply.status.as_u16() == 204).count();
    assert_eq!(done, 1, "{} {}", one.text, two.text);
}

#[tokio::test]
async fn who_is_deactivated_is_out_of_everything_within_a_second() {
    let live = Live::start().await;
    let admin = administrator(&live.app).await;
    let consultation = Consultation::active(&live.app).await;
    let (mut doctor, _) = live.join(&consultation, &consultation.doctor).await;
    let (mut patient, welcome) = live.join(&consultation, &consultation.patient).await;
    doctor.expect("participant").await;
    let path = format!("/api/v1/admin/users/{}", id_of(&consultation.patient).await);

    let begin = Instant::now();
    admin.post(&format!("{path}/deactivate"), json!({})).await.expect(204);
    assert_eq!(patient.closed().await, (None, 4401));
    assert_eq!(doctor.expect("left").await["id"], welcome["you"]);
    consultation.patient.get("/api/v1/session").await.refused(401, "unauthenticated");
    assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());

    let sign_in = json!({"email": "pat@example.org", "password": support::PASSWORD});
    live.app.anonymous().post("/api/v1/session", sign_in).await.refused(401, "unauthenticated");
    assert_eq!(admin.get(&path).await.expect(200)["state"], "deactivated");
    admin.post(&format!("{path}/deactivate"), json!({})).await.refused(409, "conflict");
    admin.post(&format!("{path}/reactivate"), json!({})).await.expect(204);
    admin.post(&format!("{path}/reactivate"), json!({})).await.refused(409, "conflict");
    let again = live.app.sign_in("pat@example.org").await;
    admin.post(&format!("{path}/sign-out"), json!({})).await.expect(204);
    again.get("/api/v1/session").await.refused(401, "unauthenticated");
    live.app.sign_in("pat@example.org").await;
}
