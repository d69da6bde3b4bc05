//! Every statement of the store on PostgreSQL too: a consultation from sign-in to transcript on a throw-away cluster.
//! `make test` installs PostgreSQL's programs where they are missing.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use control_plane::domain::transcript::{EntryState, NewCaption};
use media_server::ParticipantId;
use media_server::transcription::CaptionText;
use serde_json::json;
use support::{Consultation, REASON, TestApp};
use tempfile::TempDir;

/// A cluster that listens on a socket in its own folder only; stopped and deleted when dropped.
struct Cluster {
    programs: PathBuf,
    folder: TempDir,
}

impl Cluster {
    fn start() -> Self {
        let missing = "PostgreSQL's programs are missing: apt-get install postgresql, or use `make test`";
        let programs = std::fs::read_dir("/usr/lib/postgresql")
            .expect(missing)
            .flatten()
            .map(|entry| entry.path().join("bin"))
            .find(|bin| bin.join("initdb").exists())
            .expect(missing);
        let cluster = Self { programs, folder: tempfile::tempdir().unwrap() };
        // PostgreSQL refuses to run as root, so its folder belongs to whoever will run it.
        if is_root() {
            assert!(Command::new("chown").args(["postgres", &cluster.path()]).status().unwrap().success());
        }
        let data = cluster.data();
        cluster.run("initdb", &["--pgdata", &data, "--username", "auscult", "--auth", "trust", "--no-sync"]);
        let options = format!("-c listen_addresses='' -c unix_socket_directories='{}'", cluster.path());
        let log = format!("{}/log", cluster.path());
        cluster.run("pg_ctl", &["--pgdata", &data, "--wait", "--options", &options, "--log", &log, "start"]);
        cluster
    }

    fn path(&self) -> String {
        self.folder.path().display().to_string()
    }

    fn data(&self) -> String {
        format!("{}/data", self.path())
    }

    fn url(&self) -> String {
        format!("postgres://auscult@localhost/postgres?host={}", self.path())
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let program = self.programs.join(program);
        let output = command(&program).args(arguments).current_dir("/").output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} failed: {errors}", program.display());
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.run("pg_ctl", &["--pgdata", &self.data(), "--mode", "immediate", "stop"]);
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("--user").output().unwrap();
    output.stdout == b"0\n"
}

fn command(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]).arg(program);
    command
}

#[tokio::test]
async fn a_consultation_on_postgresql() {
    let cluster = Cluster::start();
    let app = TestApp::start_on(&cluster.url()).await;
    let consultation = Consultation::active(&app).await;
    let Consultation { patient, doctor, .. } = &consultation;
    let second = json!({"reason": "another reason", "specialty": ""});
    patient.post("/api/v1/consultations", second).await.refused(409, "conflict");
    doctor.put("/api/v1/availability", json!({"availability": "busy"})).await.expect(200);
    assert_eq!(patient.get("/api/v1/doctors").await.expect(200)[0]["availability"], "busy");
    assert_eq!(doctor.get("/api/v1/consultations").await.expect(200)[0]["reason"], REASON);

    let invite =
        doctor.post(&consultation.path("invites"), json!({"label": "Interpreter"})).await.expect(201);
    let body = json!({"secret": invite["secret"], "name": "Ines"});
    app.anonymous().post("/api/v1/session/guest", body.clone()).await.expect(200);
    app.anonymous().post("/api/v1/session/guest", body).await.refused(404, "not_found");

    keep_a_caption(&app, &consultation).await;
    app.wait(Duration::from_mins(90));
    doctor.post(&consultation.path("end"), json!({})).await.expect(200);
    doctor.delete("/api/v1/session").await.expect(204);
    let app = app.restart().await;
    let patient = app.sign_in("pat@example.org").await;
    let transcript = patient.get(&consultation.path("transcript")).await.expect(200);
    assert_eq!(transcript["entries"][0]["text"], "the knee hurts");
    assert_eq!(transcript["consultation"]["reason"], REASON);
    app.stop().await;
}

async fn keep_a_caption(app: &TestApp, consultation: &Consultation) {
    let view = consultation.patient.get(&consultation.path("")).await.expect(200);
    let speaker: ParticipantId = view["participant_id"].as_str().unwrap().parse().unwrap();
    let (store, now) = (&app.app.store, app.app.clock.now());
    let (tenant, id) = (store.tenant(), consultation.id.parse().unwrap());
    let caption = NewCaption {
        participant: speaker,
        utterance: 1 << 52,
        state: EntryState::Final,
        start_ms: 0,
        end_ms: 900,
        text: CaptionText::new("the knee hurts".into()),
        model: "test model".into(),
        demonstration: false,
    };
    assert!(store.append_caption(tenant, id, &caption, now).await.unwrap());
    assert!(!store.append_caption(tenant, id, &caption, now).await.unwrap(), "idempotent");
    store.record_consent(tenant, id, speaker, true, now).await.unwrap();
    store.record_presence(tenant, id, speaker, true, now).await.unwrap();
    assert_eq!(store.recent_captions(tenant, id, speaker, 10, now).await.unwrap().len(), 1);
    assert!(store.is_active(tenant, id).await.unwrap());
    assert!(store.has_users().await.unwrap());
}
