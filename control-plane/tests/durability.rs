//! What was acknowledged is there after `kill -9`, after a full disk and after a disk that refuses to sync: the real
//! binary under load, with the ledger kept by its clients. `AUSCULT_KILLS` says how often it is killed (`make
//! prove-durability`: 200).
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "starts, kills and waits for another process")]
#![expect(clippy::print_stdout, reason = "`make prove-durability` says what it measured")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use support::cluster::Cluster;
use support::database::{Urls, in_cluster};
use support::program::{Browser, Server, auscult};

const PATIENTS: usize = 6;

fn kills() -> u32 {
    std::env::var("AUSCULT_KILLS").map_or(12, |text| text.parse().unwrap())
}

/// A patient's browser, and what the server told it was done.
struct Patient {
    browser: Browser,
    /// (id, reason, acknowledged as cancelled)
    ledger: Vec<(String, String, bool)>,
    asked: u32,
}

impl Patient {
    async fn sign_in(server: &Server, email: &str, password: &str) -> Self {
        let browser = Browser::sign_in(&server.origin, email, password).await;
        Self { browser, ledger: Vec::new(), asked: 0 }
    }

    /// Status and body; `None` when the server died meanwhile.
    async fn send(&self, origin: &str, post: Option<Value>, path: &str) -> Option<(u16, Value)> {
        self.browser.send(origin, post, path).await
    }

    /// Asks for consultations and cancels them until the server is gone.
    async fn load(&mut self, origin: &str) {
        while self.ask_and_cancel(origin).await.is_some() {}
    }

    async fn ask_and_cancel(&mut self, origin: &str) -> Option<()> {
        self.asked += 1;
        let reason = format!("reason {} of {}", self.asked, &self.browser.csrf[..8]);
        let body = json!({"reason": reason, "specialty": ""});
        let (status, view) = self.send(origin, Some(body), "consultations").await?;
        if status == 409 {
            // One that was written but not acknowledged before the last kill: whole, and it can be cancelled.
            let (_, list) = self.send(origin, None, "consultations").await?;
            let open = list.as_array().unwrap().iter().find(|one| one["state"] == "requested").unwrap();
            let (id, reason) = (open["id"].as_str().unwrap(), open["reason"].as_str().unwrap());
            assert!(reason.starts_with("reason "), "half a record: {reason}");
            self.ledger.push((id.to_owned(), reason.to_owned(), false));
        } else {
            assert_eq!(status, 201, "{view}");
            self.ledger.push((view["id"].as_str().unwrap().to_owned(), reason, false));
        }
        let id = self.ledger.last().unwrap().0.clone();
        let (status, _) = self.send(origin, Some(json!({})), &format!("consultations/{id}/cancel")).await?;
        assert_eq!(status, 200);
        self.ledger.last_mut().unwrap().2 = true;
        Some(())
    }

    /// Asks again while it is answered 503.
    async fn when_it_writes_again(&self, origin: &str, path: &str) -> (u16, Value) {
        for _ in 0..500 {
            let answer = self.send(origin, None, path).await.unwrap();
            if answer.0 != 503 {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("never answered again");
    }

    /// Every acknowledged write from entry `from` on is there.
    async fn check(&self, origin: &str, from: usize) {
        for (id, reason, cancelled) in &self.ledger[from..] {
            let (status, view) = self.send(origin, None, &format!("consultations/{id}")).await.unwrap();
            assert_eq!((status, view["reason"].as_str()), (200, Some(reason.as_str())), "{id} is lost");
            assert!(!cancelled || view["state"] == "cancelled", "the cancellation of {id} is lost");
        }
    }
}

async fn patients(folder: &Path, urls: &Urls, server: &Server) -> Vec<Patient> {
    let mut patients = Vec::new();
    for number in 0..PATIENTS {
        let email = format!("p{number}@example.org");
        let arguments = ["admin", "create-user", "--email", &email, "--name", "P", "--role", "patient"];
        let output = auscult(folder, urls, &arguments).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let password = printed.trim().rsplit(' ').next().unwrap();
        patients.push(Patient::sign_in(server, &email, password).await);
    }
    patients
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
        let load = futures::future::join_all(patients.iter_mut().map(|patient| patient.load(&origin)));
        let pull_the_plug = async {
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
    assert!(acknowledged > kills() as usize, "the load was no load: {acknowledged}");
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

/// A library that makes fsync fail while `flag` exists, to be loaded before the C library.
fn failing_fsync(folder: &Path) -> (PathBuf, PathBuf) {
    let (source, library, flag) = (folder.join("f.c"), folder.join("f.so"), folder.join("fail"));
    let text = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
static int failing(void) { const char *flag = getenv("FAIL_FSYNC"); return flag && access(flag, F_OK) == 0; }
int fsync(int fd) {
    if (failing()) { errno = EIO; return -1; }
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}
int fdatasync(int fd) {
    if (failing()) { errno = EIO; return -1; }
    return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
"#;
    std::fs::write(&source, text).unwrap();
    let compiler = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    assert!(compiler.unwrap().success());
    (library, flag)
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
    assert!(view["error"]["message"].as_str().unwrap().contains("disk"), "{view}");
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

/// Sends until the answer has this status.
async fn ask_until(patient: &mut Patient, origin: &str, wanted: u16) -> Value {
    for _ in 0..500 {
        patient.asked += 1;
        let reason = format!("reason {} {}", patient.asked, "x".repeat(1500));
        let body = json!({"reason": reason, "specialty": ""});
        let (status, view) = patient.send(origin, Some(body), "consultations").await.unwrap();
        if status == 201 {
            let id = view["id"].as_str().unwrap().to_owned();
            patient.ledger.push((id.clone(), reason, false));
            if wanted == 201 {
                return view;
            }
            let path = format!("consultations/{id}/cancel");
            let (status, view) = patient.send(origin, Some(json!({})), &path).await.unwrap();
            patient.ledger.last_mut().unwrap().2 = status == 200;
            if status == wanted {
                return view;
            }
        } else if status == wanted {
            return view;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never answered {wanted}");
}

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
    let (_, list) = patient.when_it_writes_again(&server.origin, "consultations").await;
    assert!(!list.as_array().unwrap().is_empty());
    patient.check(&server.origin, 0).await;
    if let Some((id, ..)) = patient.ledger.iter().find(|(_, _, cancelled)| !cancelled) {
        let path = format!("consultations/{id}/cancel");
        assert_eq!(patient.send(&server.origin, Some(json!({})), &path).await.unwrap().0, 200);
    }
    ask_until(&mut patient, &server.origin, 201).await;
}
