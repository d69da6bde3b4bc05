//! `auscult audit`: the real binary over a real database, and over what it exported.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "somebody who tampers uses SQL; starts another process")]

mod support;

use std::path::PathBuf;
use std::process::Command;

use control_plane::crypto::note::NoteSigner;
use serde_json::Value;
use support::{Consultation, TestApp};

/// An installation whose server has stopped.
struct Installation {
    app: TestApp,
}

impl Installation {
    /// With some entries, signed at a shutdown.
    async fn used() -> Self {
        let app = TestApp::start().await;
        Consultation::active(&app).await;
        let app = app.restart().await;
        app.stop().await;
        Self { app }
    }

    /// Exit code and what was said.
    fn run(&self, arguments: &[&str]) -> (i32, String) {
        let config = &self.app.app.config;
        let output = Command::new(env!("CARGO_BIN_EXE_auscult"))
            .arg("audit")
            .args(arguments)
            .env("AUSCULT_DATA__FOLDER", &config.data.folder)
            .env("AUSCULT_DATABASE__URL", &config.database.url)
            .env("AUSCULT_DATABASE__OWNER_URL", &config.database.owner_url)
            .env("AUSCULT_TELEMETRY__LOG", "error")
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), said)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.app.folder.path().join(name)
    }

    /// A file here, as an argument.
    fn file(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

#[tokio::test]
async fn a_whole_log_is_verified_and_a_changed_entry_is_named() {
    let used = Installation::used().await;
    let (code, said) = used.run(&["verify"]);
    assert!(code == 0 && said.contains("entries are whole"), "{code}: {said}");
    std::fs::copy(used.path("checkpoints/audit.pub"), used.path("a.pub")).unwrap();
    let copy = std::fs::read_dir(used.path("checkpoints")).unwrap();
    let copy = copy.map(|file| file.unwrap().path()).find(|path| path.extension().unwrap() == "checkpoints");
    std::fs::rename(copy.unwrap(), used.path("copy")).unwrap();
    let (code, said) = used.run(&["verify"]);
    assert!(code == 2 && said.contains("--from-checkpoints"), "{code}: {said}");
    let elsewhere = ["verify", "--from-checkpoints", &used.file("copy"), "--key", &used.file("a.pub")];
    assert_eq!(used.run(&elsewhere).0, 0);

    let database = used.app.tamperer().await;
    sqlx::query("UPDATE audit SET outcome = 'denied' WHERE seq = 3").execute(&database).await.unwrap();
    let (code, said) = used.run(&elsewhere);
    assert!(code == 1 && said.contains("WRONG from entry 3"), "{code}: {said}");
    // Losing the head does not make the server hash everything anew. (Opening a database puts its triggers back.)
    let database = used.app.tamperer().await;
    sqlx::query("UPDATE audit_heads SET frontier = NULL").execute(&database).await.unwrap();
    let (code, said) = used.run(&elsewhere);
    assert!(code == 1 && said.contains("WRONG from entry 3"), "{code}: {said}");
    let database = used.app.tamperer().await;
    sqlx::query("DELETE FROM audit WHERE seq > 2").execute(&database).await.unwrap();
    sqlx::query("DELETE FROM checkpoints").execute(&database).await.unwrap();
    let (code, said) = used.run(&elsewhere);
    assert!(code == 1 && said.contains("WRONG from entry 3"), "{code}: {said}");
}

#[tokio::test]
async fn a_log_that_was_signed_and_is_gone_is_missed() {
    let used = Installation::used().await;
    let signer = NoteSigner::existing(&used.app.app.config.data.keys_folder()).unwrap();
    let origin = "auscult/ten_00000000000000000000000000000001";
    let note = |text: &str| signer.sign(origin, text).unwrap();
    let file = used.path("checkpoints/other.checkpoints");
    std::fs::write(&file, format!("{origin}\n7\nunsigned\n")).unwrap();
    assert_eq!(used.run(&["verify"]).0, 0, "what nobody has signed says nothing");
    let text = format!("{origin}\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n");
    std::fs::write(&file, note(&text)).unwrap();
    let (code, said) = used.run(&["verify"]);
    assert!(code == 1 && said.contains("not in the database"), "{code}: {said}");
    assert!(said.contains("entries are whole"), "the log that is there is whole all the same: {said}");
}

#[tokio::test]
async fn what_cannot_be_found_out_is_neither_good_nor_tampered() {
    let used = Installation::used().await;
    for arguments in [
        &["verify", "--data", "/nonexistent/auscult"][..],
        &["verify", "--config", "/nonexistent/auscult.toml"],
        &["verify", "--from-checkpoints", "/nonexistent/x"],
        &["verify", "--key", "/nonexistent/audit.pub"],
        &["check", "/nonexistent/x", "--key", &used.file("checkpoints/audit.pub")],
        &["prove", "999999"],
        &["prove", "0"],
        &["prove", "x"],
        &["export", "--clinic", "ten_00000000000000000000000000000001"],
    ] {
        let (code, said) = used.run(arguments);
        assert!(code == 2 && !said.is_empty(), "{arguments:?}: {code} {said}");
    }
    assert_eq!(used.run(&["verify"]).0, 0);
}

#[tokio::test]
async fn exports_and_proofs_are_checked_with_the_public_key_alone() {
    let used = Installation::used().await;
    let (code, key) = used.run(&["key"]);
    assert!(code == 0 && key.starts_with("auscult/ten_"), "{key}");
    std::fs::write(used.path("key"), &key).unwrap();
    let key = used.file("key");

    let (full, some) = (used.file("full"), used.file("some"));
    assert_eq!(used.run(&["export", "--out", &full]).0, 0);
    let text = std::fs::read_to_string(&full).unwrap();
    let entries: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let accepted = entries.iter().position(|line| line["entry"]["action"] == "consultation.accept").unwrap();
    let patient = entries[accepted]["entry"]["patient"].as_str().unwrap();
    assert_eq!(used.run(&["export", "--patient", patient, "--out", &some]).0, 0);
    let own = std::fs::read_to_string(&some).unwrap();
    assert!(own.contains("skipped") && !text.contains("skipped"), "{own}");
    let (_, proof) = used.run(&["prove", &accepted.to_string()]);
    std::fs::write(used.path("proof"), &proof).unwrap();
    // No database any more.
    let checked = |file: &str| used.run(&["check", file, "--key", &key, "--data", "/nonexistent"]);
    for file in [&full, &some, &used.file("proof")] {
        let (code, said) = checked(file);
        assert!(code == 0 && said.contains("in the signed log of"), "{file}: {code} {said}");
    }
    let forge = |text: &str| std::fs::write(used.path("forged"), text).unwrap();
    for good in [&text, &own, &proof] {
        forge(&good.replacen("consultation.accept", "consultation.cancel", 1));
        let (code, said) = checked(&used.file("forged"));
        assert!(code == 1 && said.contains("WRONG from entry"), "{code}: {said}");
    }
    let without_last = text.trim_end().rsplit_once('\n').unwrap().0;
    forge(without_last);
    let (code, said) = checked(&used.file("forged"));
    assert!(code == 1 && said.contains(&format!("entry {} is missing", entries.len() - 1)), "{said}");
    forge("{}");
    assert_eq!(checked(&used.file("forged")).0, 2);
}
