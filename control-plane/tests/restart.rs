//! A process that dies takes nobody's sign-in with it and lifts no lock: sessions, tokens, locks and keys are all on disk.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};
use support::database::{self, Urls};
use support::program::{Browser, Server, auscult};

const PAT: &str = "pat@example.org";

/// A patient's account; returns its password.
fn account(folder: &Path, urls: &Urls) -> String {
    let arguments = ["admin", "create-user", "--email", PAT, "--name", "Pat", "--role", "patient"];
    let output = auscult(folder, urls, &arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    printed.trim().rsplit(' ').next().unwrap().to_owned()
}

async fn try_to_sign_in(origin: &str, password: &str) -> u16 {
    let body = json!({"email": PAT, "password": password});
    Browser::new().send(origin, Some(body), "session").await.unwrap().0
}

async fn refresh(origin: &str, token: &Value) -> (u16, Value) {
    let body = json!({"refresh_token": token});
    Browser::new().send(origin, Some(body), "tokens/refresh").await.unwrap()
}

#[tokio::test]
async fn sessions_and_locks_outlive_the_process() {
    let (folder, urls) = (tempfile::tempdir().unwrap(), database::fresh().await);
    let password = account(folder.path(), &urls);
    let start = || Server::start(&mut auscult(folder.path(), &urls, &["serve"]));
    let server = start();
    let origin = server.origin.clone();
    let stays = Browser::sign_in(&origin, PAT, &password).await;
    let leaves = Browser::sign_in(&origin, PAT, &password).await;
    assert_eq!(leaves.delete(&origin, "session").await.unwrap().0, 204);
    let body = json!({"email": PAT, "password": password});
    let (status, tokens) = Browser::new().send(&origin, Some(body), "tokens").await.unwrap();
    assert_eq!(status, 200, "{tokens}");
    for _ in 0..5 {
        assert_eq!(try_to_sign_in(&origin, "wrong password").await, 401);
    }
    assert_eq!(try_to_sign_in(&origin, &password).await, 401, "locked");

    server.kill();
    let server = start();
    let origin = server.origin.clone();
    let (status, view) = stays.send(&origin, None, "session").await.unwrap();
    assert_eq!((status, view["user"]["name"].as_str()), (200, Some("Pat")));
    // The CSRF token of before counts as well.
    let body = json!({"reason": "My knee hurts", "specialty": ""});
    assert_eq!(stays.send(&origin, Some(body), "consultations").await.unwrap().0, 201);
    assert_eq!(leaves.send(&origin, None, "session").await.unwrap().0, 401, "signed out stays signed out");
    let (status, next) = refresh(&origin, &tokens["refresh_token"]).await;
    assert_eq!((status, next["refresh_token"].is_string()), (200, true), "{next}");
    assert_eq!(try_to_sign_in(&origin, &password).await, 401, "locked still");
}

#[tokio::test]
async fn secrets_are_made_once_and_for_their_owner_alone() {
    let (folder, urls) = (tempfile::tempdir().unwrap(), database::fresh().await);
    account(folder.path(), &urls);
    let keys = || {
        let entries =
            std::fs::read_dir(folder.path().join("keys")).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = entries.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
        files.sort();
        files
    };
    let made = keys();
    assert!(made.len() >= 2, "the master key and the signing key");
    for (path, _) in &made {
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
    Server::start(&mut auscult(folder.path(), &urls, &["serve"])).kill();
    let after = keys();
    assert!(made.iter().all(|file| after.contains(file)), "a start changes no key");
}
