//! `auscult keys` by the program itself: a new version of one person's key, in any clinic; master keys that come in the
//! environment; and giving one up.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "looks into tables; runs the program")]

mod support;

use std::process::{Command, Output};

use control_plane::crypto::sealed::key_version;
use control_plane::ids::TenantId;
use serde_json::{Value, json};
use sqlx::{AnyPool, Row as _};
use support::database::{self, Urls};
use support::program::{Browser, Server, auscult};
use support::{Client, Consultation, PASSWORD, REASON, TestApp};
use tempfile::TempDir;

const CONSULTATIONS: &str = "/api/v1/consultations";
const LATER: &str = "The brumwick is swollen since Tuesday";

/// The program beside a server that runs in this process.
fn beside(app: &TestApp, arguments: &[&str]) -> Output {
    let config = &app.app.config;
    let urls = Urls { serving: config.database.url.clone(), owner: config.database.owner_url.clone() };
    let mut command = auscult(app.folder.path(), &urls, arguments);
    let folders = [("FOLDER", config.data.folder.clone()), ("KEYS", config.data.keys_folder())];
    command.envs(folders.map(|(name, folder)| (format!("AUSCULT_DATA__{name}"), folder)));
    command.output().unwrap()
}

#[track_caller]
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
fn refused(output: &Output, why: &str) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains(why), "{errors}");
}

async fn id_of(client: &Client) -> String {
    client.get("/api/v1/session").await.expect(200)["user"]["id"].as_str().unwrap().to_owned()
}

/// Versions of a person's own key, oldest first.
async fn versions(database: &AnyPool, person: &str) -> Vec<i64> {
    let rows = sqlx::query("SELECT version FROM patient_keys WHERE patient_id = $1 ORDER BY version");
    let rows = rows.bind(person.to_owned()).fetch_all(database).await.unwrap();
    rows.iter().map(|row| row.get("version")).collect()
}

/// Which version of its patient's key the reason of a consultation needs.
async fn sealed_under(database: &AnyPool, consultation: &str) -> u32 {
    let row = sqlx::query("SELECT reason FROM consultations WHERE id = $1").bind(consultation.to_owned());
    let row = row.fetch_one(database).await.unwrap();
    key_version(&row.get::<Vec<u8>, _>("reason")).unwrap()
}

/// Asks for one with a later reason, after what was open is cancelled. Returns its id.
async fn ask_again(patient: &Client, open: &str) -> String {
    patient.post(&format!("{CONSULTATIONS}/{open}/cancel"), json!({})).await.expect(200);
    let body = json!({"reason": LATER, "specialty": ""});
    patient.post(CONSULTATIONS, body).await.expect(201)["id"].as_str().unwrap().to_owned()
}

async fn reason(patient: &Client, id: &str) -> Value {
    patient.get(&format!("{CONSULTATIONS}/{id}")).await.expect(200)["reason"].clone()
}

#[tokio::test]
async fn a_new_version_of_a_persons_key_seals_from_now_on_and_the_old_one_still_opens() {
    let app = TestApp::start().await;
    let Consultation { id: first, patient, .. } = Consultation::requested(&app).await;
    let (person, database) = (id_of(&patient).await, app.intruder().await);
    let entries = app.actions().await.len();
    let said = done(&beside(&app, &["keys", "rotate", "--person", &person]));
    assert!(said.contains(&format!("for {person} from now on needs version 2")), "{said}");
    assert_eq!(app.actions().await[entries..], ["key.rotate"]);
    let log = patient.get("/api/v1/account/access-log").await.expect(200);
    assert_eq!(log["items"][0]["action"], "key.rotate", "the patient reads of it");

    let second = ask_again(&patient, &first).await;
    assert_eq!((sealed_under(&database, &first).await, sealed_under(&database, &second).await), (1, 2));
    for (id, text) in [(&first, REASON), (&second, LATER)] {
        assert_eq!(reason(&patient, id).await, text);
    }

    // A backup holds both versions, and both open in what is restored of it.
    let safe = TempDir::new().unwrap();
    let (file, data) = (safe.path().join("today.backup"), safe.path().join("data"));
    let entries = app.actions().await.len();
    done(&beside(&app, &["backup", "create", "--out", &file.display().to_string()]));
    assert_eq!(app.actions().await[entries..], ["backup.create"]);
    let made = Command::new("cp").arg("-a").arg(app.app.config.data.keys_folder()).arg(safe.path()).status();
    assert!(made.unwrap().success());
    let urls = database::fresh().await;
    let restore = ["backup", "restore", &file.display().to_string(), "--to", &data.display().to_string()];
    std::fs::create_dir(&data).unwrap();
    done(&auscult(safe.path(), &urls, &restore).output().unwrap());
    std::fs::rename(safe.path().join("keys"), data.join("keys")).unwrap();
    let holder = TempDir::new().unwrap();
    std::fs::remove_dir(holder.path()).unwrap();
    std::fs::rename(&data, holder.path()).unwrap();
    let restored = TestApp::start_in(holder, urls).await;
    assert_eq!(versions(&restored.intruder().await, &person).await, [1, 2]);
    let patient_there = restored.sign_in("pat@example.org").await;
    for (id, text) in [(&first, REASON), (&second, LATER)] {
        assert_eq!(reason(&patient_there, id).await, text);
    }

    // Erasing destroys both.
    patient.post(&format!("{CONSULTATIONS}/{second}/cancel"), json!({})).await.expect(200);
    patient.post("/api/v1/account/erase", json!({"confirm": "pat@example.org"})).await.expect(204);
    assert_eq!(versions(&database, &person).await, [0_i64; 0]);
    refused(&beside(&app, &["keys", "rotate", "--person", &person]), "not found");
}

#[tokio::test]
async fn a_person_of_another_clinic_is_named_with_it() {
    let app = TestApp::start().await;
    let second = app.app.store.create_clinic("Second", "second.example", app.app.clock.now()).await.unwrap();
    let there = app.anonymous().at("second.example");
    let new = json!({"role": "patient", "name": "Ida", "email": "ida@example.org", "password": PASSWORD, "specialty": ""});
    there.post("/api/v1/registrations", new).await.expect(201);
    let reply =
        there.post("/api/v1/session", json!({"email": "ida@example.org", "password": PASSWORD})).await;
    let ida = app.client_of(&reply, &reply.json["csrf_token"]).at("second.example");
    let (person, database) = (id_of(&ida).await, app.intruder().await);
    refused(&beside(&app, &["keys", "rotate", "--person", &person]), "not found");
    let nowhere = TenantId::generate().to_string();
    let of = |clinic: &str| beside(&app, &["keys", "rotate", "--person", &person, "--clinic", clinic]);
    refused(&of(&nowhere), "there is none");
    assert_eq!(versions(&database, &person).await, [1]);
    assert!(done(&of(&second.to_string())).contains("needs version 2"));
    assert_eq!(versions(&database, &person).await, [1, 2]);
    let clinic = second.to_string();
    refused(&beside(&app, &["keys", "rotate", "--clinic", &clinic]), "--person");
}

/// An installation whose master keys come in the environment.
struct Given {
    folder: TempDir,
    urls: Urls,
}

impl Given {
    fn command(&self, keys: &[(&str, u8)], arguments: &[&str]) -> Command {
        let mut command = auscult(self.folder.path(), &self.urls, arguments);
        command.env("AUSCULT_KEYS__PROVIDER", "environment");
        for (name, byte) in keys {
            command.env(name, format!("{byte:02x}").repeat(32));
        }
        command
    }

    fn run(&self, keys: &[(&str, u8)], arguments: &[&str]) -> Output {
        self.command(keys, arguments).output().unwrap()
    }
}

#[tokio::test]
async fn master_keys_of_the_environment_seal_rotate_and_are_given_up() {
    const KEY: &str = "AUSCULT_MASTER_KEY";
    const FIRST: &str = "AUSCULT_MASTER_KEY_1";
    let given = Given { folder: TempDir::new().unwrap(), urls: database::fresh().await };
    let email = "pat@example.org";
    let account = ["admin", "create-user", "--email", email, "--name", "Pat", "--role", "patient"];
    let printed = done(&given.run(&[(KEY, 0x11)], &account));
    let password = printed.trim().rsplit(' ').next().unwrap().to_owned();
    assert!(!given.folder.path().join("keys/master.key").exists(), "no key is made beside them");

    let server = Server::start(&mut given.command(&[(KEY, 0x11)], &["serve"]));
    let patient = Browser::sign_in(&server.origin, email, &password).await;
    let body = json!({"reason": REASON, "specialty": ""});
    let (status, asked) = patient.send(&server.origin, Some(body), "consultations").await.unwrap();
    assert_eq!(status, 201);
    let path = format!("consultations/{}", asked["id"].as_str().unwrap());
    server.kill();
    refused(&given.run(&[(KEY, 0x22)], &["keys", "status"]), "master key");
    refused(&given.run(&[], &["keys", "status"]), "is not set");

    let both = [(FIRST, 0x11), (KEY, 0x22)];
    refused(&given.run(&[(KEY, 0x11)], &["keys", "rotate"]), "set AUSCULT_MASTER_KEY to a new one");
    assert!(
        done(&given.run(&both, &["keys", "rotate"])).contains("version 2 of the master key wraps everything")
    );
    let status = done(&given.run(&both, &["keys", "status"]));
    let states: Vec<_> = status.lines().skip(1).map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!(states, ["opens", "active"], "{status}");
    refused(&given.run(&both, &["keys", "retire", "2"]), "wraps new keys");
    refused(&given.run(&both, &["keys", "retire", "1"]), "try again in a minute");
    let url = match given.urls.serving.replace("//auscult_app@", "//auscult_root@") {
        url if url.is_empty() => {
            format!("sqlite://{}", given.folder.path().join("data/auscult.db").display())
        }
        url => url,
    };
    sqlx::any::install_default_drivers();
    let database = AnyPool::connect(&url).await.unwrap();
    sqlx::query("UPDATE master_keys SET created_at = created_at - 61000").execute(&database).await.unwrap();
    database.close().await;
    assert!(done(&given.run(&both, &["keys", "retire", "1"])).contains("Version 1"));
    let status = done(&given.run(&[("AUSCULT_MASTER_KEY_2", 0x22)], &["keys", "status"]));
    assert!(status.contains("retired") && status.contains("active"), "{status}");

    // The first one is gone from the machine, and what was sealed under it is read.
    let server = Server::start(&mut given.command(&[("AUSCULT_MASTER_KEY_2", 0x22)], &["serve"]));
    let patient = Browser::sign_in(&server.origin, email, &password).await;
    let (status, read) = patient.send(&server.origin, None, &path).await.unwrap();
    assert_eq!((status, read["reason"].as_str()), (200, Some(REASON)));
}
