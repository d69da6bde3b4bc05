//! The real program, and browsers that talk to it over TLS.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Once;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::installation::{Installation, PASSWORD};

const READY: &str = "Auscult is ready: https://";

/// `auscult` with everything on free ports of the loopback address.
pub(super) fn auscult(installation: &Installation, arguments: &[&str]) -> Result<Command> {
    let (mut command, config) = (Command::new(program()?), &installation.config);
    command
        .args(arguments)
        .env("AUSCULT_DATA__FOLDER", &config.data.folder)
        .env("AUSCULT_DATABASE__URL", &config.database.url)
        .env("AUSCULT_DATABASE__OWNER_URL", &config.database.owner_url)
        .env("AUSCULT_HTTP__LISTEN", "127.0.0.1:0")
        .env("AUSCULT_MEDIA__LISTEN", "127.0.0.1")
        .env("AUSCULT_MEDIA__FIRST_PORT", "0")
        .env("AUSCULT_MEDIA__WORKERS", "1")
        .env("AUSCULT_WHISPER__ENABLED", "false")
        .env("AUSCULT_TELEMETRY__LOG", "error")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    Ok(command)
}

/// Beside this program: one build makes both.
fn program() -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("auscult");
    ensure!(path.exists(), "{} is missing: `make bench-trust` builds it", path.display());
    Ok(path)
}

/// Killed when dropped.
pub(super) struct Server {
    child: Child,
    origin: String,
}

impl Server {
    /// Returns when it is ready.
    pub(super) fn start(installation: &Installation) -> Result<Self> {
        let mut child = auscult(installation, &["serve"])?.spawn()?;
        let mut stdout = child.stdout.take().context("standard output")?;
        let (mut printed, mut buffer) = (String::new(), [0; 1024]);
        let origin = loop {
            let read = stdout.read(&mut buffer)?;
            ensure!(read > 0, "the server ended: {printed}");
            printed += &String::from_utf8_lossy(&buffer[..read]);
            let line = printed.split_once(READY).and_then(|(_, rest)| rest.split_once(char::is_whitespace));
            if let Some((address, _)) = line {
                break format!("https://{address}");
            }
        };
        // The rest of what it prints is thrown away, so that it never waits for us.
        std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        Ok(Self { child, origin })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Somebody who is signed in; cheap to clone.
#[derive(Clone)]
pub(super) struct Browser {
    http: reqwest::Client,
    origin: String,
    cookie: String,
    csrf: String,
}

impl Browser {
    pub(super) async fn sign_in(server: &Server, email: &str) -> Result<Self> {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        });
        let http = reqwest::Client::builder().danger_accept_invalid_certs(true).build()?;
        let mut browser =
            Self { http, origin: server.origin.clone(), cookie: String::new(), csrf: String::new() };
        browser.sign_in_again(email).await?;
        Ok(browser)
    }

    /// Over the same connection.
    pub(super) async fn sign_in_again(&mut self, email: &str) -> Result<()> {
        let url = format!("{}/api/v1/session", self.origin);
        let body = json!({"email": email, "password": PASSWORD});
        let reply = self.http.post(url).json(&body).send().await?;
        ensure!(reply.status() == 200, "signing in: {}", reply.status());
        let cookie = reply.headers().get("set-cookie").context("no cookie")?.to_str()?;
        cookie.split(';').next().unwrap_or_default().clone_into(&mut self.cookie);
        let view: Value = reply.json().await?;
        view["csrf_token"].as_str().context("no CSRF token")?.clone_into(&mut self.csrf);
        Ok(())
    }

    /// Anything but success is an error.
    pub(super) async fn get(&self, path: &str) -> Result<Value> {
        self.send(self.http.get(format!("{}/api/v1/{path}", self.origin)), path).await
    }

    /// Anything but success is an error.
    pub(super) async fn post(&self, path: &str, body: Value) -> Result<Value> {
        let request = self.http.post(format!("{}/api/v1/{path}", self.origin));
        self.send(request.json(&body).header("x-csrf-token", &self.csrf), path).await
    }

    async fn send(&self, request: reqwest::RequestBuilder, path: &str) -> Result<Value> {
        let reply = request.header("cookie", &self.cookie).send().await?;
        ensure!(reply.status().is_success(), "{path}: {} {}", reply.status(), reply.text().await?);
        Ok(reply.json().await?)
    }

    /// Asks for a consultation; returns its id.
    pub(super) async fn request_consultation(&self) -> Result<String> {
        let body = json!({"reason": "My knee has hurt since Monday", "specialty": ""});
        let view = self.post("consultations", body).await?;
        Ok(view["id"].as_str().context("no id")?.to_owned())
    }
}
