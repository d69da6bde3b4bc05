//! The real program in a process of its own, and browsers that talk to it.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::time::Duration;

use serde_json::{Value, json};

use super::database::Urls;

/// The binary with everything on free ports of the loopback address.
pub(crate) fn auscult(folder: &Path, urls: &Urls, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auscult"));
    command
        .args(arguments)
        .env("AUSCULT_DATA__FOLDER", folder.join("data"))
        .env("AUSCULT_DATA__KEYS", folder.join("keys"))
        .env("AUSCULT_DATABASE__URL", &urls.serving)
        .env("AUSCULT_DATABASE__OWNER_URL", &urls.owner)
        .env("AUSCULT_HTTP__LISTEN", "127.0.0.1:0")
        .env("AUSCULT_MEDIA__LISTEN", "127.0.0.1")
        .env("AUSCULT_MEDIA__FIRST_PORT", "0")
        .env("AUSCULT_MEDIA__WORKERS", "1")
        .env("AUSCULT_WHISPER__ENABLED", "false")
        .env("AUSCULT_TELEMETRY__LOG", "error")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}

pub(crate) struct Server {
    child: Child,
    pub(crate) origin: String,
    pub(crate) printed: String,
}

impl Server {
    /// Returns when it is ready.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let (mut printed, mut buffer) = (String::new(), [0; 1024]);
        while !printed.contains("Auscult is ready: https://127.0.0.1:") {
            let read = stdout.read(&mut buffer).unwrap();
            assert!(read > 0, "it ended: {printed}");
            printed += &String::from_utf8_lossy(&buffer[..read]);
        }
        let address = printed.split("is ready: https://").nth(1).unwrap().split_whitespace().next().unwrap();
        let origin = format!("https://{address}");
        // The rest of what it prints is thrown away, so that it never waits for us.
        std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        Self { child, origin, printed }
    }

    /// Whether it ended with success, within 15 s.
    pub(crate) async fn exited(mut self) -> bool {
        for _ in 0..300 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("still running");
    }

    pub(crate) fn signal(&self, name: &str) {
        let done = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(done.is_ok_and(|status| status.success()));
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A browser that is signed in.
pub(crate) struct Browser {
    http: reqwest::Client,
    /// `name=secret`; empty before the sign-in.
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

impl Browser {
    /// One that is not signed in yet.
    pub(crate) fn new() -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        });
        let http = reqwest::Client::builder().danger_accept_invalid_certs(true).build().unwrap();
        Self { http, cookie: String::new(), csrf: String::new() }
    }

    pub(crate) async fn sign_in(origin: &str, email: &str, password: &str) -> Self {
        let browser = Self::new();
        let url = format!("{origin}/api/v1/session");
        let body = json!({"email": email, "password": password});
        let reply = browser.http.post(url).json(&body).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        let cookie = reply.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let csrf = reply.json::<Value>().await.unwrap()["csrf_token"].as_str().unwrap().to_owned();
        Self { cookie, csrf, ..browser }
    }

    /// `POST` with a body, else `GET`: status and answer; `None` when the server died meanwhile.
    pub(crate) async fn send(&self, origin: &str, post: Option<Value>, path: &str) -> Option<(u16, Value)> {
        let url = format!("{origin}/api/v1/{path}");
        let request = match post {
            Some(body) => self.http.post(url).json(&body).header("x-csrf-token", &self.csrf),
            None => self.http.get(url),
        };
        self.answer(request).await
    }

    pub(crate) async fn delete(&self, origin: &str, path: &str) -> Option<(u16, Value)> {
        let request = self.http.delete(format!("{origin}/api/v1/{path}"));
        self.answer(request.header("x-csrf-token", &self.csrf)).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Option<(u16, Value)> {
        let request = if self.cookie.is_empty() { request } else { request.header("cookie", &self.cookie) };
        let reply = request.send().await.ok()?;
        let status = reply.status().as_u16();
        let text = reply.text().await.ok()?;
        Some((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }
}
