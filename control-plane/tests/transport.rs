//! What travels how: TLS 1.2 and 1.3 and nothing older, plain HTTP only to be sent to HTTPS, and the headers that tell a
//! browser what a page of ours may do, for every kind of route.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "no WebSocket is opened here")]
mod live;
mod support;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Method};
use control_plane::config::HttpConfig;
use live::Live;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ProtocolVersion, SupportedProtocolVersion};
use serde_json::json;
use support::TestApp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Everything the server says to `bytes`, sent without TLS, until it closes.
async fn say(live: &Live, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(live.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.expect("it ends");
    answer
}

#[tokio::test]
async fn plain_http_is_sent_to_the_same_address_over_tls_and_gets_nothing_else() {
    let live = Live::start().await;
    for (request, location) in [
        ("GET / HTTP/1.1\r\nHost: care.example:8443\r\n\r\n", "https://care.example:8443/"),
        (
            "GET /consultations/con_1?from=mail HTTP/1.1\r\nHost: care.example\r\n\r\n",
            "https://care.example/consultations/con_1?from=mail",
        ),
        ("GET http://evil.example/x HTTP/1.1\r\nHost: care.example\r\n\r\n", "https://care.example/x"),
        ("GET //evil.example/ HTTP/1.1\r\nHost: care.example\r\n\r\n", "https://care.example//evil.example/"),
        (
            "POST /api/v1/session HTTP/1.1\r\nHost: [::1]:8443\r\nContent-Length: 0\r\n\r\n",
            "https://[::1]:8443/api/v1/session",
        ),
        ("GET / HTTP/1.0\r\nHost: care.example\r\n\r\n", "https://care.example/"),
    ] {
        let answer = String::from_utf8(say(&live, request.as_bytes()).await).unwrap().to_ascii_lowercase();
        assert!(answer.contains(" 308 permanent redirect\r\n"), "{request}: {answer}");
        assert!(answer.contains(&format!("\r\nlocation: {location}\r\n")), "{request}: {answer}");
        for header in ["set-cookie", "strict-transport-security"] {
            assert!(!answer.contains(header), "{header} over plain HTTP: {answer}");
        }
        assert!(answer.ends_with("\r\n\r\n"), "no body: {answer}");
    }
    for request in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: somebody@care.example\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: care.example/evil\r\n\r\n",
        "NONSENSE\r\n\r\n",
    ] {
        let answer = String::from_utf8(say(&live, request.as_bytes()).await).unwrap().to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 400 "), "{request}: {answer}");
        assert!(!answer.contains("location"), "{request}: {answer}");
    }
}

/// A ClientHello (RFC 5246 section 7.4.1.2) of a client that knows nothing newer than `version`, and otherwise offers what
/// the server takes: TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 and an older suite, x25519 and P-256, ECDSA with SHA-256.
fn client_hello(version: [u8; 2]) -> Vec<u8> {
    let suites = [0xc0, 0x2b, 0xc0, 0x09];
    let groups = [0, 10, 0, 6, 0, 4, 0, 29, 0, 23];
    let signatures = [0, 13, 0, 4, 0, 2, 4, 3];
    let extensions = [&groups[..], &signatures].concat();
    let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_be_bytes();
    let offer = [&length(&suites)[..], &suites, &[1, 0], &length(&extensions), &extensions].concat();
    let body = [&version[..], &[7; 32], &[0], &offer].concat();
    let handshake = [&[1, 0][..], &length(&body), &body].concat();
    [&[22, 3, 1][..], &length(&handshake), &handshake].concat()
}

#[tokio::test]
async fn tls_1_1_and_older_are_refused() {
    let live = Live::start_with(HttpConfig { handshake_timeout_s: 1, ..HttpConfig::default() }).await;
    for (name, version) in [("SSL 3.0", [3, 0]), ("TLS 1.0", [3, 1]), ("TLS 1.1", [3, 2])] {
        let answer = say(&live, &client_hello(version)).await;
        // One fatal alert (RFC 8446 section 6) and nothing else.
        assert_eq!(
            (answer.len(), &answer[..1], &answer[5..6]),
            (7, &[21][..], &[2][..]),
            "{name}: {answer:?}"
        );
    }
    assert_eq!(live.app.app.metrics.gateway_handshake_failures_total.get(), 3);
    let answer = say(&live, &client_hello([3, 3])).await;
    assert_eq!((answer[0], answer[5]), (22, 2), "the same client with TLS 1.2 is sent a ServerHello");
}

#[tokio::test]
async fn tls_1_3_and_1_2_work() {
    let live = Live::start().await;
    for (version, name) in [
        (&rustls::version::TLS13, ProtocolVersion::TLSv1_3),
        (&rustls::version::TLS12, ProtocolVersion::TLSv1_2),
    ] {
        assert_eq!(negotiated(&live, &[version]).await, name);
    }
    assert_eq!(negotiated(&live, rustls::ALL_VERSIONS).await, ProtocolVersion::TLSv1_3, "the newest wins");
}

async fn negotiated(live: &Live, versions: &[&'static SupportedProtocolVersion]) -> ProtocolVersion {
    let pem = std::fs::read(live.app.folder.path().join("certificate.pem")).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls::pki_types::pem::PemObject::from_pem_slice(&pem).unwrap()).unwrap();
    let tls = ClientConfig::builder_with_protocol_versions(versions)
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(live.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(tls)).connect(name, stream).await.unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("strict-transport-security: max-age=63072000; includeSubDomains"), "{answer}");
    stream.get_ref().1.protocol_version().unwrap()
}

/// What every answer carries, whatever its route. The policy lets a page run scripts and styles of this origin only:
/// nothing inline, nothing evaluated, no frame around it, nothing embedded.
const EVERYWHERE: &str = "\
content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self' wss:; media-src 'self' blob:; worker-src 'self' blob:; manifest-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'
cross-origin-opener-policy: same-origin
cross-origin-resource-policy: same-origin
permissions-policy: camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=(), usb=()
referrer-policy: no-referrer
strict-transport-security: max-age=63072000; includeSubDomains
x-content-type-options: nosniff
x-frame-options: DENY
";

/// One line per header, sorted; without those whose value is another one each time.
fn snapshot(headers: &HeaderMap) -> String {
    let mut lines: Vec<_> = headers
        .iter()
        .filter(|(name, _)| {
            !["x-request-id", "content-length", "etag", "set-cookie"].contains(&name.as_str())
        })
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    lines.sort();
    lines.iter().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{line}");
        text
    })
}

#[tokio::test]
async fn every_kind_of_route_carries_the_same_strict_headers() {
    let app = TestApp::start().await;
    let patient = app.patient().await;
    let anonymous = app.anonymous();
    let get = async |path: &str| {
        anonymous.send_for_headers(anonymous.request(Method::GET, path, Body::empty())).await
    };
    let (json, page) = ("application/json", "text/html; charset=utf-8");
    for (what, status, headers, own) in [
        ("a page", 200, get("/").await, vec![("cache-control", "no-store"), ("content-type", page)]),
        (
            "a deep link",
            200,
            get("/consultations/con_1").await,
            vec![("cache-control", "no-store"), ("content-type", page)],
        ),
        ("a missing file", 404, get("/assets/gone.js").await, vec![]),
        (
            "not signed in",
            401,
            get("/api/v1/session").await,
            vec![("cache-control", "no-store"), ("content-type", json)],
        ),
        (
            "no such route",
            404,
            get("/api/v1/nothing").await,
            vec![("cache-control", "no-store"), ("content-type", json)],
        ),
        (
            "the description",
            200,
            get("/api/v1/openapi.json").await,
            vec![("cache-control", "no-store"), ("content-type", json)],
        ),
        ("the documentation", 303, get("/docs").await, vec![("location", "/docs/")]),
        ("liveness", 200, get("/livez").await, vec![("content-type", "text/plain; charset=utf-8")]),
        (
            "signalling without an upgrade",
            400,
            get("/api/v1/signal").await,
            vec![("cache-control", "no-store"), ("content-type", "text/plain; charset=utf-8")],
        ),
    ] {
        check(what, status, &headers, &own);
    }
    let signed_in =
        patient.send_for_headers(patient.request(Method::GET, "/api/v1/session", Body::empty())).await;
    check("the API", 200, &signed_in, &[("cache-control", "no-store"), ("content-type", json)]);
    let body = Body::from(json!({"email": "pat@example.org", "password": support::PASSWORD}).to_string());
    let signing_in =
        anonymous.send_for_headers(anonymous.request(Method::POST, "/api/v1/session", body)).await;
    check("signing in", 200, &signing_in, &[("cache-control", "no-store"), ("content-type", json)]);
    for cookie in signing_in.1.get_all("set-cookie") {
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.starts_with("__Host-"), "{cookie}");
        for attribute in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite="] {
            assert!(cookie.contains(attribute), "{attribute} of {cookie}");
        }
    }
}

#[track_caller]
fn check(what: &str, status: u16, answer: &(u16, HeaderMap), own: &[(&str, &str)]) {
    let mut expected: Vec<_> = EVERYWHERE.lines().map(ToOwned::to_owned).collect();
    expected.extend(own.iter().map(|(name, value)| format!("{name}: {value}")));
    expected.sort();
    assert_eq!(
        (answer.0, snapshot(&answer.1).lines().collect::<Vec<_>>()),
        (status, expected.iter().map(String::as_str).collect()),
        "{what}"
    );
}
