//! What was acknowledged is there after `kill -9`, after a full disk and after a disk that refuses to sync: the real
//! binary under load, with the ledger kept by its clients. `AUSCULT_KILLS` says how often it is killed (`make
//! prove-durability`: 200).
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "starts, kills and waits for another process")]
#![expect(clippy::print_stdout, reason = "`make prove-durability` says what it measured")]

mod support;

use std::cell::Cell;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;
use support::cluster::Cluster;
use support::database::{Urls, in_cluster};
use support::failing_disk::{FailingDisk, Failure};
use support::ledger::{PATIENTS, Patient, ask_until, failing_fsync, patients};
use support::program::{Server, auscult};

fn kills() -> u32 {
    std::env::var("AUSCULT_KILLS").map_or(12, |text| text.parse().unwrap())
}

/// A few hundred milliseconds that differ from round to round.
fn moment(round: u32) -> Duration {
    Duration::from_millis(120 + u64::from(round.wrapping_mul(2_654_435_761) >> 23))
}

async fn kill_again_and_again(folder: &Path, urls: &Urls) {
    let mut server = Server::start(&mut auscult(folder, urls, &["serve"]));
    let mut patients = patients(folder, urls, &server).await;
    let mut checked = vec![0; PATIENTS];
    for round in 0..kills() {
        let origin = server.origin.clone();
        let done = Cell::new(0);
        let load = patients.iter_mut().map(|patient| patient.load(&origin, &done));
        let load = futures::future::join_all(load);
        let pull_the_plug = async {
            // However slow the machine is: something was acknowledged in every round.
            while done.get() == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tokio::time::sleep(moment(round)).await;
            server.kill();
        };
        tokio::join!(load, pull_the_plug);
        server = Server::start(&mut auscult(folder, urls, &["serve"]));
        for (patient, checked) in patients.iter().zip(&mut checked) {
            patient.check(&server.origin, *checked).await;
            *checked = patient.ledger.len();
        }
    }
    for patient in &patients {
        patient.check(&server.origin, 0).await;
    }
    let acknowledged: usize = patients.iter().map(|patient| patient.ledger.len()).sum();
    assert!(acknowledged >= kills() as usize, "the load was no load: {acknowledged}");
    drop(server);
    let verified = auscult(folder, urls, &["audit", "verify"]).output().unwrap();
    let said = String::from_utf8(verified.stdout).unwrap();
    assert!(verified.status.success() && said.contains("entries are whole"), "{said}");
    assert!(!said.contains(" 0 checkpoints in the database"), "signed at every start: {said}");
    print!("{said}");
    let writes = 2 * acknowledged;
    println!("{} kills, about {writes} acknowledged writes, none lost", kills());
}

#[tokio::test]
async fn no_acknowledged_write_is_lost_by_kill_9_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    kill_again_and_again(folder.path(), &Urls::default()).await;
}

#[tokio::test]
async fn no_acknowledged_write_is_lost_by_kill_9_on_postgresql() {
    let (folder, cluster) = (tempfile::tempdir().unwrap(), Cluster::start());
    let urls = in_cluster(&cluster.socket(), "auscult_owner").await;
    kill_again_and_again(folder.path(), &urls).await;
}

#[tokio::test]
async fn a_disk_that_refuses_to_sync_stops_the_server_and_nothing_false_is_acknowledged() {
    let (folder, urls) = (tempfile::tempdir().unwrap(), Urls::default());
    let (library, flag) = failing_fsync(folder.path());
    let mut command = auscult(folder.path(), &urls, &["serve"]);
    let server = Server::start(command.env("LD_PRELOAD", library).env("FAIL_FSYNC", &flag));
    let mut patients = patients(folder.path(), &urls, &server).await;
    let patient = &mut patients[0];
    patient.ask_and_cancel(&server.origin).await.unwrap();
    std::fs::write(&flag, "").unwrap();
    let body = json!({"reason": "reason never acknowledged", "specialty": ""});
    let (status, view) = patient.send(&server.origin, Some(body), "consultations").await.unwrap();
    assert_eq!((status, view["error"]["code"].as_str()), (503, Some("unavailable")), "{view}");
    let message = view["error"]["message"].as_str().unwrap();
    assert!(message.contains("the disk failed") && message.contains("look whether it was kept"), "{message}");
    assert!(!server.exited().await, "a service manager has to see that it failed");

    let server = Server::start(&mut auscult(folder.path(), &urls, &["serve"]));
    patient.check(&server.origin, 0).await;
    patient.ask_and_cancel(&server.origin).await.unwrap();
}

/// Mounts a file system of 6 MiB at `$AUSCULT_DATA__FOLDER`, makes an account whose password it prints, keeps the file
/// system full while `$FULL` exists, and becomes the server.
const ON_A_SMALL_DISK: &str = r#"
mount -t tmpfs -o size=6m,mode=700 tmpfs "$AUSCULT_DATA__FOLDER" || exit 1
"$0" admin create-user --email p0@example.org --name P --role patient
filler="$AUSCULT_DATA__FOLDER/filler"
(while sleep 0.05; do
    if [ -e "$FULL" ]; then [ -e "$filler" ] || cat /dev/zero > "$filler"; else rm -f "$filler"; fi
done) > /dev/null 2>&1 &
exec "$0" serve
"#;

#[tokio::test]
async fn a_full_disk_refuses_writes_in_clear_words_and_loses_nothing() {
    let (folder, urls) = (tempfile::tempdir().unwrap(), Urls::default());
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let plain = auscult(folder.path(), &urls, &["serve"]);
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"]);
    command.args(["sh", "-c", ON_A_SMALL_DISK]).arg(plain.get_program());
    for (key, value) in plain.get_envs() {
        command.env(key, value.unwrap());
    }
    let full = folder.path().join("full");
    command.env("FULL", &full).stdin(Stdio::null()).stdout(Stdio::piped());
    let server = Server::start(&mut command);
    let password = server.printed.lines().find_map(|line| line.strip_prefix("Password, shown this once: "));
    let mut patient = Patient::sign_in(&server, "p0@example.org", password.unwrap()).await;
    patient.ask_and_cancel(&server.origin).await.unwrap();

    std::fs::write(&full, "").unwrap();
    let refused = ask_until(&mut patient, &server.origin, 503).await;
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("the disk is full") && message.contains("nothing was changed"), "{message}");
    std::fs::remove_file(&full).unwrap();
    // What is open from before the disk was full counts as one that was asked for.
    let (_, list) = patient.send_until_taken(&server.origin, None, "consultations").await.unwrap();
    assert!(!list.as_array().unwrap().is_empty());
    patient.check(&server.origin, 0).await;
    if let Some((id, ..)) = patient.ledger.iter().find(|(_, _, cancelled)| !cancelled) {
        let path = format!("consultations/{id}/cancel");
        assert_eq!(patient.send(&server.origin, Some(json!({})), &path).await.unwrap().0, 200);
    }
    ask_until(&mut patient, &server.origin, 201).await;
}

/// The database fails under a running server, which refuses in clear words and goes on by itself when it is back.
/// Returns what was said first.
async fn fail_and_mend(failure: Failure) -> String {
    let folder = tempfile::tempdir().unwrap();
    let cluster = FailingDisk::start(failure).await;
    let urls = in_cluster(&cluster.socket(), "auscult_owner").await;
    let server = Server::start(&mut auscult(folder.path(), &urls, &["serve"]));
    let mut patients = patients(folder.path(), &urls, &server).await;
    let patient = &mut patients[0];
    patient.ask_and_cancel(&server.origin).await.unwrap();

    cluster.fail();
    let refused = ask_until(patient, &server.origin, 503).await;
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        ask_until(patient, &server.origin, 503).await;
    }
    cluster.mend();
    let (status, list) = patient.send_until_taken(&server.origin, None, "consultations").await.unwrap();
    assert_eq!(status, 200, "{list}");
    let reasons = list.as_array().unwrap().iter().map(|one| one["reason"].as_str().unwrap());
    assert!(reasons.into_iter().all(|reason| reason.starts_with("reason ")), "half a record: {list}");
    patient.check(&server.origin, 0).await;
    patient.ask_and_cancel(&server.origin).await.unwrap();
    patient.check(&server.origin, 0).await;
    drop(server);
    let verified = auscult(folder.path(), &urls, &["audit", "verify"]).output().unwrap();
    let said = String::from_utf8(verified.stdout).unwrap();
    assert!(verified.status.success() && said.contains("entries are whole"), "{said}");
    refused["error"]["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn postgresql_without_room_for_rows_refuses_writes_and_goes_on_when_there_is_room() {
    let message = fail_and_mend(Failure::FullTables).await;
    assert!(message.contains("the disk is full") && message.contains("nothing was changed"), "{message}");
}

/// PostgreSQL panics then, ends every connection and comes back by itself; what it was keeping may be kept or not.
fn is_clear(message: &str) -> bool {
    let unsure = message.contains("the database was lost while it kept this; look whether it was kept");
    unsure || message.contains("the database cannot be reached or has failed; nothing was changed")
}

#[tokio::test]
async fn postgresql_without_room_for_its_log_is_waited_for() {
    let message = fail_and_mend(Failure::FullLog).await;
    assert!(is_clear(&message), "{message}");
}

#[tokio::test]
async fn postgresql_whose_disk_refuses_to_sync_is_waited_for_and_nothing_false_is_acknowledged() {
    let message = fail_and_mend(Failure::NoSync).await;
    assert!(is_clear(&message), "{message}");
}
