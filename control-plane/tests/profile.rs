//! Name, specialty and picture: what somebody changes about themselves, and who sees it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::io::Cursor;

use axum::body::Body;
use axum::http::{Method, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use control_plane::domain::user::Role;
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};
use sqlx::Row as _;
use support::{Client, Consultation, TestApp};

const ACCOUNT: &str = "/api/v1/account";
const PICTURE: &str = "/api/v1/account/picture";

fn png(colour: [u8; 3]) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::from_pixel(400, 300, Rgb(colour)).write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

async fn put(client: &Client, picture: Vec<u8>) -> support::Reply {
    let mut request = client.request(Method::PUT, PICTURE, Body::from(picture));
    request.headers_mut().insert(header::CONTENT_TYPE, "image/png".parse().unwrap());
    client.send(request).await
}

/// Whose picture: its address.
async fn address(client: &Client) -> String {
    let view = client.get(ACCOUNT).await.expect(200);
    format!("/api/v1/users/{}/picture", view["user"]["id"].as_str().unwrap())
}

/// The colour in the middle of the picture that `client` sees; `None`: not found.
async fn colour(client: &Client, address: &str) -> Option<[u8; 3]> {
    let (status, headers, bytes) = client.fetch(address).await;
    if status == 404 {
        return None;
    }
    assert_eq!((status, headers[header::CONTENT_TYPE].to_str().unwrap()), (200, "image/jpeg"));
    assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    let picture = image::load_from_memory_with_format(&bytes, ImageFormat::Jpeg).unwrap().into_rgb8();
    assert_eq!(picture.dimensions(), (256, 256));
    Some(picture.get_pixel(128, 128).0)
}

#[tokio::test]
async fn a_person_changes_name_and_a_doctor_the_specialty() {
    let app = TestApp::start().await;
    let (patient, doctor) = (app.patient().await, app.doctor().await);
    let before = app.actions().await.len();
    let changed = patient.put(ACCOUNT, json!({"name": " Pat Renamed ", "specialty": ""})).await.expect(200);
    assert_eq!(changed["user"]["name"], "Pat Renamed");
    assert_eq!(app.actions().await[before..], ["user.change"]);
    assert_eq!(patient.get(ACCOUNT).await.expect(200), changed, "as it reads afterwards");
    let session = patient.get("/api/v1/session").await.expect(200);
    assert_eq!(
        (&session["user"]["name"], &session["user"]["email"]),
        (&json!("Pat Renamed"), &json!("pat@example.org"))
    );
    app.sign_in("pat@example.org").await;

    let body = json!({"name": "Dora Doctor", "specialty": "Cardiology"});
    assert_eq!(doctor.put(ACCOUNT, body).await.expect(200)["user"]["specialty"], "Cardiology");
    assert_eq!(patient.get("/api/v1/doctors").await.expect(200)[0]["specialty"], "Cardiology");
    for (client, field, body) in [
        (&patient, "name", json!({"name": "  ", "specialty": ""})),
        (&patient, "name", json!({"name": "x".repeat(81), "specialty": ""})),
        (&patient, "specialty", json!({"name": "Pat", "specialty": "Cardiology"})),
        (&doctor, "specialty", json!({"name": "Dora", "specialty": ""})),
        (&doctor, "role", json!({"name": "Dora", "specialty": "Cardiology", "role": "admin"})),
    ] {
        let reply = client.put(ACCOUNT, body).await;
        assert!(reply.json["error"]["fields"][field].is_string(), "{}", reply.text);
        reply.refused(422, "invalid_input");
    }
}

#[tokio::test]
async fn a_picture_is_set_replaced_and_removed() {
    let app = TestApp::start().await;
    let ada = app.person("ada@example.org", "Ada", Role::Patient).await;
    let own = address(&ada).await;
    assert_eq!(colour(&ada, &own).await, None);
    for new in [[250, 0, 0], [0, 0, 250]] {
        let before = app.actions().await.len();
        put(&ada, png(new)).await.expect(204);
        assert_eq!(app.actions().await[before..], ["picture.set"]);
        let shown = colour(&ada, &own).await.unwrap();
        assert_eq!(app.actions().await[before..], ["picture.set", "picture.read"]);
        assert!(shown.iter().zip(new).all(|(a, b)| a.abs_diff(b) < 12), "{shown:?}");
        assert_eq!(ada.get(ACCOUNT).await.expect(200)["has_picture"], true);
    }
    ada.delete(PICTURE).await.expect(204);
    assert_eq!(
        (colour(&ada, &own).await, ada.get(ACCOUNT).await.expect(200)["has_picture"].clone()),
        (None, json!(false))
    );
    ada.delete(PICTURE).await.refused(404, "not_found");
}

#[tokio::test]
async fn what_is_no_picture_or_too_large_is_refused() {
    let app = TestApp::start().await;
    let ada = app.person("ada@example.org", "Ada", Role::Patient).await;
    let reply = put(&ada, b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec()).await;
    assert_eq!(reply.json["error"]["fields"]["picture"], "must be a PNG, JPEG or WebP picture");
    reply.refused(422, "invalid_input");
    put(&ada, vec![0; 5 * 1024 * 1024 + 1]).await.refused(413, "body_too_large");
    put(&ada, vec![0; 5 * 1024 * 1024]).await.refused(422, "invalid_input");
    put(&Client { csrf: None, ..ada.clone() }, png([0; 3])).await.refused(403, "csrf");
    put(&app.anonymous(), png([0; 3])).await.refused(401, "unauthenticated");
    let large = json!({"name": "x".repeat(70_000), "specialty": ""});
    ada.put(ACCOUNT, large).await.refused(413, "body_too_large");
}

#[tokio::test]
async fn a_patients_picture_is_for_those_who_were_in_a_consultation_with_them() {
    let app = TestApp::start().await;
    let consultation = Consultation::requested(&app).await;
    let (patient, doctor) = (&consultation.patient, &consultation.doctor);
    let stranger = app.person("eve@example.org", "Eve", Role::Patient).await;
    let other_doctor = app.person("other@example.org", "Otto", Role::Doctor).await;
    let admin = app.person("root@example.org", "Root", Role::Admin).await;
    put(patient, png([0, 200, 0])).await.expect(204);
    put(doctor, png([200, 0, 0])).await.expect(204);
    let (of_patient, of_doctor) = (address(patient).await, address(doctor).await);

    assert!(colour(doctor, &of_patient).await.is_none(), "not the doctor of the patient yet");
    doctor.post(&consultation.path("accept"), json!({})).await.expect(200);
    for sees in [doctor, patient] {
        assert!(colour(sees, &of_patient).await.is_some());
    }
    let nobodys = of_patient.replace(&of_patient[20..30], "0000000000");
    for may_not in [&stranger, &other_doctor, &admin] {
        let (refused, missing) = (may_not.get(&of_patient).await, may_not.get(&nobodys).await);
        assert_eq!(
            (refused.status, refused.without_request_id()),
            (missing.status, missing.without_request_id())
        );
        refused.refused(404, "not_found");
    }
    for sees in [&stranger, &other_doctor, &admin, patient] {
        assert!(colour(sees, &of_doctor).await.is_some(), "everybody sees those who work here");
    }
    app.anonymous().get(&of_doctor).await.refused(401, "unauthenticated");

    let me = patient.get("/api/v1/session").await.expect(200);
    let emergency = format!("/api/v1/patients/{}/break-glass", me["user"]["id"].as_str().unwrap());
    admin.post(&emergency, json!({"reason": "Unconscious, nobody knows who it is"})).await.expect(201);
    assert!(colour(&admin, &of_patient).await.is_some(), "in an emergency");
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "looks at the table as it is stored")]
async fn a_picture_goes_with_its_persons_data_and_with_its_person() {
    let app = TestApp::start().await;
    let ada = app.person("ada@example.org", "Ada", Role::Patient).await;
    let export = async || ada.get("/api/v1/account/export").await.expect(200)["account"]["picture"].clone();
    assert_eq!(export().await, Value::Null);
    put(&ada, png([0, 200, 0])).await.expect(204);
    let own = address(&ada).await;
    let (_, _, jpeg) = ada.fetch(&own).await;
    assert_eq!(export().await, STANDARD.encode(&jpeg));
    let pictures = async || {
        let database = app.intruder().await;
        let row =
            sqlx::query("SELECT COUNT(*) AS n FROM profile_pictures").fetch_one(&database).await.unwrap();
        row.get::<i64, _>("n")
    };
    assert_eq!(pictures().await, 1);
    ada.post("/api/v1/account/erase", json!({"confirm": "ada@example.org"})).await.expect(204);
    assert_eq!(pictures().await, 0);
}

#[tokio::test]
async fn a_guest_has_no_profile() {
    let app = TestApp::start().await;
    let consultation = Consultation::active(&app).await;
    let invite =
        consultation.doctor.post(&consultation.path("invites"), json!({"label": "Interpreter"})).await;
    let body = json!({"secret": invite.expect(201)["secret"], "name": "Ines"});
    let reply = app.anonymous().post("/api/v1/session/guest", body).await;
    let guest = app.client_of(&reply, &reply.json["session"]["csrf_token"]);
    guest.put(ACCOUNT, json!({"name": "Ines", "specialty": ""})).await.refused(403, "forbidden");
    put(&guest, png([0; 3])).await.refused(403, "forbidden");
    guest.delete(PICTURE).await.refused(403, "forbidden");
}
