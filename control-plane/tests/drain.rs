//! The real binary on SIGTERM while a call is on: it goes on until it is over or the time is, and nobody new comes in.
#![expect(clippy::disallowed_methods, reason = "measures how long it takes")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "other test files use the rest of it")]
mod live;
mod support;

use std::time::{Duration, Instant};

use live::{Frame, Socket, authenticate, trusting};
use serde_json::{Value, json};
use support::database::{self, Urls};
use support::program::{Browser, Server, auscult};
use tempfile::TempDir;

/// A server with an active consultation that its doctor is in.
struct Scene {
    folder: TempDir,
    server: Server,
    doctor: Browser,
    patient: Browser,
    consultation: String,
    socket: Socket,
}

fn account(folder: &TempDir, urls: &Urls, email: &str, role: &str) -> String {
    let arguments = ["admin", "create-user", "--email", email, "--name", "N", "--role", role];
    let output = auscult(folder.path(), urls, &arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().rsplit(' ').next().unwrap().to_owned()
}

impl Scene {
    async fn open(drain_s: u32) -> Self {
        let (folder, urls) = (tempfile::tempdir().unwrap(), database::fresh().await);
        let passwords = [("doc@example.org", "doctor"), ("pat@example.org", "patient")]
            .map(|(email, role)| account(&folder, &urls, email, role));
        let mut command = auscult(folder.path(), &urls, &["serve"]);
        let server = Server::start(command.env("AUSCULT_HTTP__DRAIN_S", drain_s.to_string()));
        let doctor = Browser::sign_in(&server.origin, "doc@example.org", &passwords[0]).await;
        let patient = Browser::sign_in(&server.origin, "pat@example.org", &passwords[1]).await;
        let body = json!({"reason": "My knee hurts", "specialty": ""});
        let (_, made) = patient.send(&server.origin, Some(body), "consultations").await.unwrap();
        let consultation = made["id"].as_str().unwrap().to_owned();
        for step in ["accept", "start"] {
            let path = format!("consultations/{consultation}/{step}");
            assert_eq!(doctor.send(&server.origin, Some(json!({})), &path).await.unwrap().0, 200);
        }
        let (_, ticket) = ticket(&server, &doctor, &consultation).await;
        let mut socket = connect(&server, &folder, &ticket).await;
        socket.expect("welcome").await;
        Self { folder, server, doctor, patient, consultation, socket }
    }

    async fn ticket(&self, who: &Browser) -> (u16, Value) {
        ticket(&self.server, who, &self.consultation).await
    }

    async fn connect(&self, ticket: &Value) -> Socket {
        connect(&self.server, &self.folder, ticket).await
    }
}

async fn ticket(server: &Server, who: &Browser, consultation: &str) -> (u16, Value) {
    let path = format!("consultations/{consultation}/ticket");
    let (status, answer) = who.send(&server.origin, Some(json!({})), &path).await.unwrap();
    (status, if status == 200 { answer["ticket"].clone() } else { answer })
}

async fn connect(server: &Server, folder: &TempDir, ticket: &Value) -> Socket {
    let address = server.origin.strip_prefix("https://").unwrap().parse().unwrap();
    let tls = trusting(&folder.path().join("data"));
    let origin = format!("https://localhost:{}", std::net::SocketAddr::port(&address));
    let mut socket = Socket::open(address, "/api/v1/signal", Some(&origin), &tls).await.unwrap();
    socket.send(&authenticate(ticket.as_str().unwrap())).await;
    socket
}

#[tokio::test]
async fn a_call_goes_on_nobody_new_comes_in_and_the_end_of_the_call_is_the_end() {
    let mut scene = Scene::open(60).await;
    let (status, unused) = scene.ticket(&scene.patient).await;
    assert_eq!(status, 200);
    scene.server.signal("TERM");
    let left = scene.socket.expect("draining").await["left_ms"].as_i64().unwrap();
    assert!((50_000..=60_000).contains(&left), "{left}");

    let ready = reqwest::Client::builder().danger_accept_invalid_certs(true).build().unwrap();
    let ready = ready.get(format!("{}/readyz", scene.server.origin)).send().await.unwrap();
    assert_eq!(
        (ready.status().as_u16(), ready.text().await.unwrap().as_str()),
        (503, "the server is stopping\n")
    );
    let (status, refused) = scene.ticket(&scene.patient).await;
    assert_eq!((status, refused["error"]["code"].as_str()), (503, Some("unavailable")), "{refused}");
    let mut late = scene.connect(&unused).await;
    assert_eq!(late.closed().await, (Some("server_shutting_down".into()), 1001));

    // Whoever is in the call may reload the page.
    let (status, again) = scene.ticket(&scene.doctor).await;
    assert_eq!(status, 200, "{again}");
    let mut reloaded = scene.connect(&again).await;
    reloaded.expect("welcome").await;
    assert!(reloaded.expect("draining").await["left_ms"].as_i64().unwrap() <= left);
    assert_eq!(scene.socket.closed().await, (Some("replaced".into()), 4409));

    reloaded.send(&json!({"type": "leave"})).await;
    let since = Instant::now();
    assert!(scene.server.exited().await, "an orderly end");
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
}

#[tokio::test]
async fn a_call_that_lasts_longer_is_cut_off_when_the_time_is_over() {
    let mut scene = Scene::open(2).await;
    let since = Instant::now();
    scene.server.signal("TERM");
    scene.socket.expect("draining").await;
    assert_eq!(scene.socket.closed().await, (Some("server_shutting_down".into()), 1001));
    assert!(since.elapsed() >= Duration::from_secs(2), "{:?}", since.elapsed());
    assert!(scene.server.exited().await, "that is no failure");
}

#[tokio::test]
async fn a_second_signal_does_not_wait_for_calls_and_without_calls_none_is_needed() {
    let mut scene = Scene::open(60).await;
    scene.server.signal("TERM");
    scene.socket.expect("draining").await;
    scene.server.signal("TERM");
    let since = Instant::now();
    assert!(!scene.server.exited().await, "cut off: a failure");
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    assert!(matches!(scene.socket.next().await, Frame::Lost | Frame::Closed(_)));

    let (folder, urls) = (tempfile::tempdir().unwrap(), database::fresh().await);
    let mut command = auscult(folder.path(), &urls, &["serve"]);
    let idle = Server::start(command.env("AUSCULT_HTTP__DRAIN_S", "60"));
    idle.signal("TERM");
    let since = Instant::now();
    assert!(idle.exited().await);
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
}
