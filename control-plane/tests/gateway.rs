//! The one public port: TLS with a certificate of our own, HTTP/1.1 and HTTP/2, limits, what is served.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "no WebSocket is opened here")]
mod live;
mod support;

use std::sync::Arc;
use std::time::Duration;

use control_plane::config::HttpConfig;
use control_plane::gateway;
use live::Live;
use reqwest::{Certificate, Client};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A browser that trusts the certificate that the server made, and nothing else.
fn browser(live: &Live) -> Client {
    let pem = std::fs::read(live.app.folder.path().join("certificate.pem")).unwrap();
    let own = Certificate::from_pem(&pem).unwrap();
    Client::builder().tls_certs_only([own]).build().unwrap()
}

fn url(live: &Live, path: &str) -> String {
    format!("https://localhost:{}{path}", live.address.port())
}

async fn connect(live: &Live) -> TlsStream<TcpStream> {
    connect_for(live, &[]).await
}

/// `protocols`: offered by ALPN.
async fn connect_for(live: &Live, protocols: &[&[u8]]) -> TlsStream<TcpStream> {
    let mut tls = (*live.tls).clone();
    tls.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let stream = TcpStream::connect(live.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(tls)).connect(name, stream).await.unwrap()
}

/// One HTTP/1.1 request that asks to close, and the status line of its answer; `None` when nothing comes.
async fn get(stream: &mut TlsStream<TcpStream>, patience: Duration) -> Option<String> {
    let request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut head = [0; 15];
    timeout(patience, stream.read_exact(&mut head)).await.ok()?.ok()?;
    String::from_utf8(head.to_vec()).ok()
}

#[tokio::test]
async fn https_and_http2_with_a_certificate_made_at_first_start() {
    let live = Live::start().await;
    let reply = browser(&live).get(url(&live, "/livez")).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    assert!(reply.headers().contains_key("strict-transport-security"));

    let mut stream = connect_for(&live, &[b"h2"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    // The preface and an empty SETTINGS frame (RFC 9113 §3.4); a server answers with SETTINGS, frame type 4.
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut frame = [0; 9];
    timeout(Duration::from_secs(5), stream.read_exact(&mut frame)).await.unwrap().unwrap();
    assert_eq!(frame[3], 4);
}

#[tokio::test]
async fn a_deep_link_opens_the_client_and_an_unknown_api_path_does_not() {
    let live = Live::start().await;
    let browser = browser(&live);
    for path in ["/", "/consultations/con_1"] {
        let reply = browser.get(url(&live, path)).send().await.unwrap();
        assert_eq!(reply.headers()["content-type"], "text/html; charset=utf-8", "{path}");
    }
    for path in ["/api/v1/nothing", "/api/v2/session"] {
        let reply = browser.get(url(&live, path)).send().await.unwrap();
        assert_eq!(reply.status(), 404, "{path}");
        assert_eq!(reply.headers()["content-type"], "application/json", "{path}");
    }
    assert_eq!(browser.get(url(&live, "/assets/gone.js")).send().await.unwrap().status(), 404);
    assert_eq!(browser.post(url(&live, "/")).send().await.unwrap().status(), 405);
}

#[tokio::test]
async fn metrics_of_both_halves_are_shown_to_this_machine() {
    let live = Live::start().await;
    let browser = browser(&live);
    browser.get(url(&live, "/livez")).send().await.unwrap();
    let text = browser.get(url(&live, "/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("auscult_http_requests_total{class=\"2xx\"} 1"), "{text}");
    assert!(text.contains("auscult_media_"), "{text}");
}

/// Only this machine may read the metrics; through a proxy on this machine it is not this machine that reads.
#[tokio::test]
async fn a_proxy_is_believed_only_when_it_is_named() {
    let trusted = HttpConfig { trusted_proxies: vec![[127, 0, 0, 1].into()], ..HttpConfig::default() };
    for (http, status) in [(HttpConfig::default(), 200), (trusted, 404)] {
        let live = Live::start_with(http).await;
        let request = browser(&live).get(url(&live, "/metrics")).header("x-forwarded-for", "203.0.113.9");
        assert_eq!(request.send().await.unwrap().status(), status);

        let wrong = serde_json::json!({"email": "nobody@example.org", "password": "wrong password"});
        let attempt = browser(&live).post(url(&live, "/api/v1/session"));
        let attempt = attempt.header("x-forwarded-for", "127.0.0.1, 203.0.113.9").json(&wrong);
        assert_eq!(attempt.send().await.unwrap().status(), 401);
        let store = &live.app.app.store;
        let entries = store.read(store.tenant()).await.unwrap().log_page(0, 100).await.unwrap();
        let last = &entries.last().unwrap().entry;
        let expected = if status == 200 { "127.0.0.1" } else { "203.0.113.9" };
        assert_eq!((&*last.action, &*last.address), ("session.refuse", expected));
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_in_a_sentence() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let error = gateway::listen(&HttpConfig { listen: address, ..HttpConfig::default() }).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("http.listen {address} is already in use: stop the other program or choose another port")
    );
}

#[tokio::test]
async fn whoever_does_not_finish_the_handshake_is_dropped() {
    let live = Live::start_with(HttpConfig { handshake_timeout_s: 1, ..HttpConfig::default() }).await;
    let mut silent = TcpStream::connect(live.address).await.unwrap();
    let mut noise = TcpStream::connect(live.address).await.unwrap();
    noise.write_all(b"\0\x01 neither TLS nor HTTP").await.unwrap();
    let mut half = TcpStream::connect(live.address).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nHost: local").await.unwrap();
    for stream in [&mut silent, &mut noise, &mut half] {
        let mut rest = Vec::new();
        let ended = timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "still open");
        assert!(!rest.starts_with(b"HTTP"), "nothing is served without TLS");
    }
    assert_eq!(live.app.app.metrics.gateway_handshake_failures_total.get(), 3);
}

#[tokio::test]
async fn whoever_asks_nothing_is_dropped() {
    let live = Live::start_with(HttpConfig { header_timeout_s: 1, ..HttpConfig::default() }).await;
    let opened = Instant::now();
    let mut silent = connect(&live).await;
    let mut half = connect(&live).await;
    half.write_all(b"GET / HTTP/1.1\r\nHost: local").await.unwrap();
    let mut silent_h2 = connect_for(&live, &[b"h2"]).await;
    let mut between = connect(&live).await;
    between.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = [0; 15];
    between.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    for stream in [&mut silent, &mut half, &mut silent_h2, &mut between] {
        // However it ends, with or without the last words of TLS.
        let ended = timeout(Duration::from_secs(5), stream.read_to_end(&mut Vec::new())).await;
        assert!(ended.is_ok(), "still open");
    }
    assert!(opened.elapsed() >= Duration::from_millis(900), "not before its time");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let live = Live::start_with(HttpConfig { max_connections: 1, ..HttpConfig::default() }).await;
    let first = connect(&live).await;
    let mut second = TcpStream::connect(live.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(live.tls.clone());
    let handshake = connector.connect(name.clone(), &mut second);
    assert!(timeout(Duration::from_millis(300), handshake).await.is_err(), "no place yet");
    drop(first);
    drop(second);
    let answer = get(&mut connect(&live).await, Duration::from_secs(5)).await;
    assert_eq!(answer.as_deref(), Some("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn a_request_under_way_is_finished_at_shutdown_and_the_port_is_closed() {
    let live = Live::start().await;
    let mut busy = connect(&live).await;
    busy.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n").await.unwrap();
    let idle = connect(&live).await;
    tokio::task::yield_now().await;
    live.app.app.tasks.stopping().cancel();
    busy.write_all(b"\r\n").await.unwrap();
    let mut reply = Vec::new();
    let _ = timeout(Duration::from_secs(5), busy.read_to_end(&mut reply)).await.expect("it ends");
    drop(idle);
    let refused = timeout(Duration::from_secs(5), async {
        while TcpStream::connect(live.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(refused.await.is_ok(), "the port is closed");
}
