//! Whoever holds the database moves sealed values about by SQL: every one of them opens in its own place alone.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "somebody who tampers uses SQL")]

mod support;

use control_plane::domain::user::Role;
use serde_json::json;
use sqlx::{AnyPool, Row as _};
use support::{Client, PASSWORD, TestApp};

/// Where a sealed value stands: table, column, id of the row.
type Place = (&'static str, &'static str, String);

async fn body(database: &AnyPool, (table, column, id): &Place) -> Vec<u8> {
    let sql = format!("SELECT {column} AS body FROM {table} WHERE id = $1");
    sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).fetch_one(database).await.unwrap().get("body")
}

async fn put(database: &AnyPool, (table, column, id): &Place, body: &[u8]) {
    let sql = format!("UPDATE {table} SET {column} = $2 WHERE id = $1");
    let done = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).bind(body).execute(database).await.unwrap();
    assert_eq!(done.rows_affected(), 1);
}

/// Two consultations of one patient and one of another, with who may read each.
async fn people(app: &TestApp) -> (Vec<Place>, Vec<(Client, String)>) {
    let (mut places, mut readers) = (Vec::new(), Vec::new());
    for (email, count) in [("ada@example.org", 2), ("bob@example.org", 1)] {
        let client = app.person(email, email, Role::Patient).await;
        let user = client.get("/api/v1/session").await.expect(200)["user"]["id"].as_str().unwrap().to_owned();
        places.push(("users", "identity", user));
        readers.push((client.clone(), "/api/v1/session".to_owned()));
        for number in 0..count {
            let body = json!({"reason": format!("reason {number} of {email}"), "specialty": ""});
            let view = client.post("/api/v1/consultations", body).await.expect(201);
            let id = view["id"].as_str().unwrap().to_owned();
            client.post(&format!("/api/v1/consultations/{id}/cancel"), json!({})).await.expect(200);
            readers.push((client.clone(), format!("/api/v1/consultations/{id}")));
            places.push(("consultations", "reason", id));
        }
    }
    (places, readers)
}

#[tokio::test]
async fn every_sealed_value_opens_in_its_own_place_alone() {
    let app = TestApp::start().await;
    let (places, readers) = people(&app).await;
    let database = app.intruder().await;
    let mut refused = 0;
    for (to, (reader, path)) in places.iter().zip(&readers) {
        let own = body(&database, to).await;
        for from in places.iter().filter(|from| *from != to) {
            put(&database, to, &body(&database, from).await).await;
            reader.get(path).await.refused(500, "internal");
            refused += 1;
        }
        put(&database, to, &own).await;
        reader.get(path).await.expect(200);
    }
    assert_eq!(refused, places.len() * (places.len() - 1));
    let login = json!({"email": "ada@example.org", "password": PASSWORD});
    app.anonymous().post("/api/v1/session", login).await.expect(200);
}
