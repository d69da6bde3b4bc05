//! The real process leaves no core dump behind: its memory holds keys and what people say.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

#[test]
fn a_server_dumps_no_core() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Command::new(env!("CARGO_BIN_EXE_auscult"))
        .arg("serve")
        .env("AUSCULT_DATA__FOLDER", folder.path())
        .env("AUSCULT_HTTP__LISTEN", "127.0.0.1:0")
        .env("AUSCULT_MEDIA__LISTEN", "127.0.0.1")
        .env("AUSCULT_MEDIA__FIRST_PORT", "0")
        .env("AUSCULT_MEDIA__WORKERS", "1")
        .env("AUSCULT_WHISPER__ENABLED", "false")
        .env("AUSCULT_TELEMETRY__LOG", "error")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let ready = lines.map_while(Result::ok).any(|line| line.contains("Auscult is ready"));
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.id()));
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(ready);
    let limits = limits.unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
}
