//! The restore drill: a running installation, a backup of it, everything gone, and everything back, on both engines and
//! by the program itself. Without its keys a backup is worth nothing.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "runs the program, looks at tables")]

mod support;

use std::collections::BTreeSet;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use control_plane::domain::transcript::{EntryState, NewCaption};
use control_plane::store::{LEFT_OUT, TABLES};
use media_server::transcription::CaptionText;
use serde_json::json;
use support::database::{self, Urls};
use support::{Consultation, PASSWORD, REASON, TestApp};
use tempfile::TempDir;

const WORDS: &str = "the florbinax started hurting";

async fn completed(app: &TestApp) -> Consultation {
    let consultation = Consultation::active(app).await;
    let view = consultation.patient.get(&consultation.path("")).await.expect(200);
    let caption = NewCaption {
        participant: view["participant_id"].as_str().unwrap().parse().unwrap(),
        utterance: 0,
        state: EntryState::Final,
        start_ms: 0,
        end_ms: 1500,
        text: CaptionText::new(WORDS.into()),
        model: "test model".into(),
        demonstration: false,
    };
    let (store, id) = (&app.app.store, consultation.id.parse().unwrap());
    assert!(store.append_caption(store.tenant(), id, &caption, app.app.clock.now()).await.unwrap());
    consultation.doctor.post(&consultation.path("end"), json!({})).await.expect(200);
    consultation
}

fn auscult(folder: &Path, urls: &Urls, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_auscult"))
        .args(arguments)
        .env("AUSCULT_DATA__FOLDER", folder)
        .env("AUSCULT_DATABASE__URL", &urls.serving)
        .env("AUSCULT_DATABASE__OWNER_URL", &urls.owner)
        .env("AUSCULT_TELEMETRY__LOG", "error")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[track_caller]
fn done(output: Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn refused(output: Output, why: &str) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains(why), "{errors}");
}

fn copy_keys(from: &Path, to: &Path) {
    std::fs::DirBuilder::new().mode(0o700).recursive(true).create(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// An installation that runs, and a backup that was made of it meanwhile.
struct Drill {
    app: TestApp,
    urls: Urls,
    consultation: Consultation,
    safe: TempDir,
}

impl Drill {
    async fn start() -> Self {
        let (urls, safe) = (database::fresh().await, tempfile::tempdir().unwrap());
        let app = TestApp::start_on(urls.clone()).await;
        let consultation = completed(&app).await;
        let drill = Self { app, urls, consultation, safe };
        let (file, key) = (drill.file(), drill.key());
        let made = auscult(
            drill.app.folder.path(),
            &drill.urls,
            &["backup", "create", "--out", &file, "--key-out", &key],
        );
        assert!(done(made).contains("rows in"));
        drill
    }

    fn file(&self) -> String {
        self.safe.path().join("today.backup").display().to_string()
    }

    fn key(&self) -> String {
        self.safe.path().join("backup.key").display().to_string()
    }
}

#[tokio::test]
async fn everything_is_back_after_everything_was_lost() {
    let drill = Drill::start().await;
    let (file, key, safe) = (drill.file(), drill.key(), drill.safe.path().to_owned());
    copy_keys(&drill.app.app.config.data.keys_folder(), &safe.join("keys"));
    let bytes = std::fs::read(&file).unwrap();
    for needle in [REASON, WORDS, "Pat Patient", "pat@example.org", "Dermatology", "consultation"] {
        assert!(!bytes.windows(needle.len()).any(|window| window == needle.as_bytes()), "{needle}");
    }
    drill.app.stop().await;
    drop(drill.app);

    let (target, urls) = (tempfile::tempdir().unwrap(), database::fresh().await);
    let (folder, to) = (target.path().join("data"), target.path().join("data").display().to_string());
    let restore = ["backup", "restore", &file, "--to", &to, "--key", &key];
    refused(auscult(&folder, &urls, &restore), "put the keys there first");
    copy_keys(&safe.join("keys"), &folder.join("keys"));
    let said = done(auscult(&folder, &urls, &restore));
    assert!(said.contains("entries is whole") && said.contains("Restored"), "{said}");
    refused(auscult(&folder, &urls, &restore), if urls.serving.is_empty() { "exists" } else { "not empty" });

    let holder = tempfile::tempdir().unwrap();
    std::fs::remove_dir(holder.path()).unwrap();
    std::fs::rename(&folder, holder.path()).unwrap();
    let app = TestApp::start_in(holder, urls).await;
    let patient = app.sign_in("pat@example.org").await;
    let transcript = patient.get(&drill.consultation.path("transcript")).await.expect(200);
    assert_eq!(transcript["entries"][0]["text"], WORDS);
    assert_eq!(transcript["consultation"]["reason"], REASON);
    let old_session =
        support::Client { router: patient.router.clone(), ..drill.consultation.patient.clone() };
    old_session.get("/api/v1/session").await.refused(401, "unauthenticated");
    assert!(app.actions().await.contains(&"backup.restore".to_owned()));
}

#[tokio::test]
async fn whoever_was_erased_after_the_backup_stays_erased() {
    let drill = Drill::start().await;
    let body = json!({"confirm": "pat@example.org"});
    drill.consultation.patient.post("/api/v1/account/erase", body).await.expect(204);
    let (target, urls) = (tempfile::tempdir().unwrap(), database::fresh().await);
    copy_keys(&drill.app.app.config.data.keys_folder(), &target.path().join("keys"));
    let (file, to) = (drill.file(), target.path().display().to_string());
    done(auscult(target.path(), &urls, &["backup", "restore", &file, "--to", &to]));

    let app = TestApp::start_in(target, urls).await;
    let login = json!({"email": "pat@example.org", "password": PASSWORD});
    app.anonymous().post("/api/v1/session", login).await.refused(401, "unauthenticated");
    let doctor = app.sign_in("doc@example.org").await;
    doctor.get(&drill.consultation.path("transcript")).await.refused(404, "not_found");
    assert_eq!(app.actions().await.iter().filter(|action| *action == "user.erase").count(), 1);
}

#[tokio::test]
async fn without_its_keys_a_backup_is_worth_nothing() {
    let drill = Drill::start().await;
    let (file, key, own) = (drill.file(), drill.key(), drill.app.folder.path());
    let whole = done(auscult(own, &drill.urls, &["backup", "verify", &file, "--key", &key]));
    assert!(whole.contains("The backup is whole"), "{whole}");
    refused(auscult(own, &drill.urls, &["backup", "create", "--out", &file]), "exists");

    // With the backups' key and another master key: refused, nothing is shown.
    let (target, urls) = (tempfile::tempdir().unwrap(), database::fresh().await);
    let to = target.path().display().to_string();
    copy_keys(drill.safe.path(), &target.path().join("keys"));
    std::fs::remove_file(target.path().join("keys/today.backup")).unwrap();
    refused(
        auscult(target.path(), &urls, &["backup", "restore", &file, "--to", &to, "--key", &key]),
        "master key",
    );

    let other = drill.safe.path().join("other.key");
    std::fs::copy(&key, &other).unwrap();
    std::fs::write(&other, [7; 32]).unwrap();
    let other = other.display().to_string();
    refused(auscult(own, &drill.urls, &["backup", "verify", &file, "--key", &other]), "does not open");
    let bytes = std::fs::read(&file).unwrap();
    for changed in [30, bytes.len() / 2, bytes.len() - 1] {
        let mut bytes = bytes.clone();
        bytes[changed] ^= 1;
        std::fs::write(&file, &bytes).unwrap();
        assert!(
            !auscult(own, &drill.urls, &["backup", "verify", &file, "--key", &key]).status.success(),
            "{changed}"
        );
    }
    std::fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    refused(auscult(own, &drill.urls, &["backup", "verify", &file, "--key", &key]), "does not open");
}

#[tokio::test]
async fn every_table_is_in_the_backup_or_left_out_on_purpose() {
    let app = TestApp::start().await;
    let tables = if app.app.config.database.url.is_empty() {
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    } else {
        "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()"
    };
    let there: Vec<String> = sqlx::query_scalar(tables).fetch_all(&app.intruder().await).await.unwrap();
    let there: BTreeSet<_> =
        there.iter().map(String::as_str).filter(|name| *name != "_sqlx_migrations").collect();
    assert_eq!(there, TABLES.into_iter().chain(LEFT_OUT).collect());
}
