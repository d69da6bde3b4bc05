//! Patients at their browsers who write down what the real program told them was done, while the machine under it fails.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::database::Urls;
use super::program::{Browser, Server, auscult};

pub(crate) const PATIENTS: usize = 6;

/// A patient's browser, and what the server told it was done.
pub(crate) struct Patient {
    pub(crate) browser: Browser,
    /// (id, reason, acknowledged as cancelled)
    pub(crate) ledger: Vec<(String, String, bool)>,
    asked: u32,
}

impl Patient {
    pub(crate) async fn sign_in(server: &Server, email: &str, password: &str) -> Self {
        let browser = Browser::sign_in(&server.origin, email, password).await;
        Self { browser, ledger: Vec::new(), asked: 0 }
    }

    /// Status and body; `None` when the server died meanwhile.
    pub(crate) async fn send(&self, origin: &str, post: Option<Value>, path: &str) -> Option<(u16, Value)> {
        self.browser.send(origin, post, path).await
    }

    /// Asks for consultations and cancels them until the server is gone. `done`: by everybody.
    pub(crate) async fn load(&mut self, origin: &str, done: &Cell<u32>) {
        while self.ask_and_cancel(origin).await.is_some() {
            done.set(done.get() + 1);
        }
    }

    pub(crate) async fn ask_and_cancel(&mut self, origin: &str) -> Option<()> {
        self.asked += 1;
        let reason = format!("reason {} of {}", self.asked, &self.browser.csrf[..8]);
        let body = json!({"reason": reason, "specialty": ""});
        let (status, view) = self.send_until_taken(origin, Some(body), "consultations").await?;
        if status == 409 {
            // One that was written but not acknowledged before the last kill: whole, and it can be cancelled.
            let (_, list) = self.send_until_taken(origin, None, "consultations").await?;
            let open = list.as_array().unwrap().iter().find(|one| one["state"] == "requested").unwrap();
            let (id, reason) = (open["id"].as_str().unwrap(), open["reason"].as_str().unwrap());
            assert!(reason.starts_with("reason "), "half a record: {reason}");
            self.ledger.push((id.to_owned(), reason.to_owned(), false));
        } else {
            assert_eq!(status, 201, "{view}");
            self.ledger.push((view["id"].as_str().unwrap().to_owned(), reason, false));
        }
        let id = self.ledger.last().unwrap().0.clone();
        let path = format!("consultations/{id}/cancel");
        let (status, view) = self.send_until_taken(origin, Some(json!({})), &path).await?;
        assert_eq!(status, 200, "{view}");
        self.ledger.last_mut().unwrap().2 = true;
        Some(())
    }

    /// Sends again while it is answered 503: the first write that found room on a disk that was full may have filled the last
    /// page, before the disk had any. Reading is a write too, for the log.
    pub(crate) async fn send_until_taken(
        &self,
        origin: &str,
        post: Option<Value>,
        path: &str,
    ) -> Option<(u16, Value)> {
        for _ in 0..500 {
            let answer = self.send(origin, post.clone(), path).await?;
            if answer.0 != 503 {
                return Some(answer);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("never answered again");
    }

    /// Every acknowledged write from entry `from` on is there.
    pub(crate) async fn check(&self, origin: &str, from: usize) {
        for (id, reason, cancelled) in &self.ledger[from..] {
            let (status, view) =
                self.send_until_taken(origin, None, &format!("consultations/{id}")).await.unwrap();
            assert_eq!((status, view["reason"].as_str()), (200, Some(reason.as_str())), "{id} is lost");
            assert!(!cancelled || view["state"] == "cancelled", "the cancellation of {id} is lost");
        }
    }
}

pub(crate) async fn patients(folder: &Path, urls: &Urls, server: &Server) -> Vec<Patient> {
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

/// Sends until the answer has this status.
pub(crate) async fn ask_until(patient: &mut Patient, origin: &str, wanted: u16) -> Value {
    for _ in 0..3000 {
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
        } else {
            // One that was refused may have been kept; anything else is no answer of a full disk.
            assert!(matches!(status, 409 | 503), "{view}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    panic!("never answered {wanted}");
}

/// A library that makes fsync fail while `flag` exists, to be loaded before the C library.
pub(crate) fn failing_fsync(folder: &Path) -> (PathBuf, PathBuf) {
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
