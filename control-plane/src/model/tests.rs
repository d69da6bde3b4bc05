//! Against a real HTTP server on a real socket.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::*;

/// SHA-256 of a megabyte of `a`.
const TEST: Model = Model {
    name: "test",
    file: "test.bin",
    sha256: "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
};
const SIZE: usize = 1_000_000;

#[derive(Clone, Default)]
struct Mirror {
    ignores_range: bool,
    /// What each request asked for.
    ranges: Arc<Mutex<Vec<Option<String>>>>,
}

async fn serve_file(State(mirror): State<Mirror>, headers: HeaderMap) -> Response {
    let range = headers.get(header::RANGE).map(|range| range.to_str().unwrap().to_owned());
    mirror.ranges.lock().unwrap().push(range.clone());
    let offset = range
        .filter(|_| !mirror.ignores_range)
        .map(|range| range.trim_start_matches("bytes=").trim_end_matches('-').parse::<usize>().unwrap());
    match offset {
        None => Body::from(vec![b'a'; SIZE]).into_response(),
        Some(offset) if offset >= SIZE => StatusCode::RANGE_NOT_SATISFIABLE.into_response(),
        Some(offset) => (
            StatusCode::PARTIAL_CONTENT,
            [(header::CONTENT_RANGE, format!("bytes {offset}-{}/{SIZE}", SIZE - 1))],
            vec![b'a'; SIZE - offset],
        )
            .into_response(),
    }
}

async fn start(mirror: Mirror) -> String {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/models/test.bin", get(serve_file)).with_state(mirror);
    #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/models")
}

#[tokio::test]
async fn a_model_is_downloaded_checked_and_kept() {
    let mirror = Mirror::default();
    let url = start(mirror.clone()).await;
    let folder = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    let path = fetch(&TEST, &url, folder.path(), |done, total| seen.push((done, total))).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap().len(), SIZE);
    assert_eq!(seen.last(), Some(&(SIZE as u64, Some(SIZE as u64))));
    assert!(!folder.path().join("test.bin.part").exists());
    fetch(&TEST, &url, folder.path(), |_, _| {}).await.unwrap();
    assert_eq!(mirror.ranges.lock().unwrap().len(), 1, "what is there is not downloaded again");
}

#[tokio::test]
async fn an_interrupted_download_goes_on_where_it_stopped() {
    let mirror = Mirror::default();
    let url = start(mirror.clone()).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("test.bin.part"), vec![b'a'; 400_000]).unwrap();
    fetch(&TEST, &url, folder.path(), |_, _| {}).await.unwrap();
    assert_eq!(*mirror.ranges.lock().unwrap(), [Some("bytes=400000-".to_owned())]);
}

#[tokio::test]
async fn a_mirror_that_cannot_resume_and_a_part_that_is_complete_both_work() {
    for (ignores_range, part) in [(true, 400_000), (false, SIZE)] {
        let url = start(Mirror { ignores_range, ..Mirror::default() }).await;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("test.bin.part"), vec![b'a'; part]).unwrap();
        fetch(&TEST, &url, folder.path(), |_, _| {}).await.unwrap();
    }
}

#[tokio::test]
async fn what_has_another_digest_is_thrown_away() {
    let url = start(Mirror::default()).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("test.bin.part"), vec![b'b'; 400_000]).unwrap();
    let error = fetch(&TEST, &url, folder.path(), |_, _| {}).await.unwrap_err();
    assert!(matches!(error, FetchError::Digest { .. }), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_missing_file_and_a_missing_network_are_told_apart() {
    let url = start(Mirror::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let wrong = url.replace("models", "elsewhere");
    let error = fetch(&TEST, &wrong, folder.path(), |_, _| {}).await.unwrap_err();
    assert!(error.to_string().contains("404"), "{error}");
    let error = fetch(&TEST, "http://127.0.0.1:1", folder.path(), |_, _| {}).await.unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
    assert!(error.to_string().contains("whisper.model"), "{error}");
}

#[test]
fn progress_is_said_every_ten_percent() {
    let mut steps = Steps::default();
    let said: Vec<_> = (0..=100).filter_map(|done| steps.next(done, Some(100))).collect();
    assert_eq!(said, [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
    assert_eq!(Steps::default().next(5, None), None);
    assert_eq!(percent(1, 0), 0);
}

#[test]
fn an_unknown_name_is_answered_with_the_names_there_are() {
    assert!(Model::named("huge").unwrap_err().contains("base.en"));
    assert_eq!(Model::named("base.en").unwrap().file, "ggml-base.en.bin");
}
