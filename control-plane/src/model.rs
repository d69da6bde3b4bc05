//! Downloading a Whisper model: resumable, from any mirror, believed only when its digest is the pinned one.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Client, Response, StatusCode};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A server that is silent for this long is given up for this attempt.
const SILENCE: Duration = Duration::from_secs(30);
/// Attempts after an interruption; progress starts the count again. A server that never answered gets one only.
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_secs(2);

/// A published model. Digests as several public projects pin them.
#[derive(Debug, PartialEq, Eq)]
pub struct Model {
    pub name: &'static str,
    pub file: &'static str,
    sha256: &'static str,
}

const MODELS: [Model; 7] = [
    Model {
        name: "tiny",
        file: "ggml-tiny.bin",
        sha256: "be07e048e1e599ad46341c8d2a135645097a538221678b7acdd1b1919c6e1b21",
    },
    Model {
        name: "tiny.en",
        file: "ggml-tiny.en.bin",
        sha256: "921e4cf8686fdd993dcd081a5da5b6c365bfde1162e72b08d75ac75289920b1f",
    },
    Model {
        name: "base",
        file: "ggml-base.bin",
        sha256: "60ed5bc3dd14eea856493d334349b405782ddcaf0028d4b5df4088345fba2efe",
    },
    Model {
        name: "base.en",
        file: "ggml-base.en.bin",
        sha256: "a03779c86df3323075f5e796cb2ce5029f00ec8869eee3fdfb897afe36c6d002",
    },
    Model {
        name: "small",
        file: "ggml-small.bin",
        sha256: "1be3a9b2063867b937e64e2ec7483364a79917e157fa98c5d94b5c1fffea987b",
    },
    Model {
        name: "small.en",
        file: "ggml-small.en.bin",
        sha256: "c6138d6d58ecc8322097e0f987c32f1be8bb0a18532a3f88f734d1bbf9c41e5d",
    },
    Model {
        name: "medium.en",
        file: "ggml-medium.en.bin",
        sha256: "cc37e93478338ec7700281a7ac30a10128929eb8f427dda2e865faa8f6da4356",
    },
];

impl Model {
    /// `base.en` and so on; the error lists the names there are.
    pub fn named(name: &str) -> Result<&'static Self, String> {
        MODELS.iter().find(|model| model.name == name).ok_or_else(|| {
            let names: Vec<_> = MODELS.iter().map(|model| model.name).collect();
            format!("there is {}", names.join(", "))
        })
    }

    /// Where it lies once it is complete and checked.
    #[must_use]
    pub fn path_in(&self, folder: &Path) -> PathBuf {
        folder.join(self.file)
    }
}

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error(
        "cannot reach {url}: {why}. Without a network, copy the file and set whisper.model, or set models.base_url to a mirror"
    )]
    Network { url: String, why: String },
    #[error("{url} answered {status}")]
    Refused { url: String, status: StatusCode },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("what {url} sent is not {file}: SHA-256 {found} instead of {expected}; it was thrown away")]
    Digest { url: String, file: &'static str, found: String, expected: &'static str },
}

/// Downloads `model` into `folder` unless it is there, and returns its path. An interrupted download goes on where it
/// stopped (`<file>.part`). `progress` is told bytes so far and in all, if the server says.
pub async fn fetch(
    model: &Model,
    base_url: &str,
    folder: &Path,
    mut progress: impl FnMut(u64, Option<u64>) + Send,
) -> Result<PathBuf, FetchError> {
    let path = model.path_in(folder);
    let failed = |source| FetchError::File { path: folder.to_owned(), source };
    fs::create_dir_all(folder).await.map_err(failed)?;
    if fs::try_exists(&path).await.map_err(failed)? {
        return Ok(path);
    }
    let url = format!("{}/{}", base_url.trim_end_matches('/'), model.file);
    let part = folder.join(format!("{}.part", model.file));
    let client = Client::builder()
        .connect_timeout(SILENCE)
        .read_timeout(SILENCE)
        .build()
        .map_err(|error| network(&url, &error))?;

    let mut download = Download::resume(&part).await?;
    let mut attempts: u32 = 1;
    loop {
        let before = download.length;
        let result = download.go_on(&client, &url, &mut progress).await;
        attempts = if download.length > before { ATTEMPTS } else { attempts.saturating_sub(1) };
        match result {
            Ok(()) => break,
            Err(FetchError::Network { .. }) if attempts > 0 => tokio::time::sleep(PAUSE).await,
            Err(error) => return Err(error),
        }
    }
    let found = download.finish().await?;
    if found != model.sha256 {
        fs::remove_file(&part).await.map_err(|source| FetchError::File { path: part, source })?;
        return Err(FetchError::Digest { url, file: model.file, found, expected: model.sha256 });
    }
    fs::rename(&part, &path).await.map_err(|source| FetchError::File { path: path.clone(), source })?;
    Ok(path)
}

/// The part that is on disk, and the digest of it so far.
struct Download {
    path: PathBuf,
    file: File,
    length: u64,
    digest: Context,
}

impl Download {
    async fn resume(path: &Path) -> Result<Self, FetchError> {
        let failed = |source| FetchError::File { path: path.to_owned(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .await
            .map_err(failed)?;
        let (mut length, mut digest, mut buffer) = (0, Context::new(&SHA256), vec![0; 1 << 20]);
        loop {
            let read = file.read(&mut buffer).await.map_err(failed)?;
            let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else { break };
            digest.update(chunk);
            length += chunk.len() as u64;
        }
        Ok(Self { path: path.to_owned(), file, length, digest })
    }

    /// One request, until the body ends or breaks.
    async fn go_on(
        &mut self,
        client: &Client,
        url: &str,
        progress: &mut (impl FnMut(u64, Option<u64>) + Send),
    ) -> Result<(), FetchError> {
        let mut request = client.get(url);
        if self.length > 0 {
            request = request.header(RANGE, format!("bytes={}-", self.length));
        }
        let mut response = request.send().await.map_err(|error| network(url, &error))?;
        match response.status() {
            StatusCode::PARTIAL_CONTENT if continues_at(&response, self.length) => {}
            StatusCode::OK => self.start_over().await?,
            // We have everything; the digest says whether it is right.
            StatusCode::RANGE_NOT_SATISFIABLE => return Ok(()),
            status => return Err(FetchError::Refused { url: url.to_owned(), status }),
        }
        let total = response.content_length().map(|rest| self.length + rest);
        while let Some(chunk) = response.chunk().await.map_err(|error| network(url, &error))? {
            self.file.write_all(&chunk).await.map_err(|source| self.failed(source))?;
            self.digest.update(&chunk);
            self.length += chunk.len() as u64;
            progress(self.length, total);
        }
        Ok(())
    }

    /// The server does not resume.
    async fn start_over(&mut self) -> Result<(), FetchError> {
        use tokio::io::AsyncSeekExt;
        self.file.set_len(0).await.map_err(|source| self.failed(source))?;
        self.file.rewind().await.map_err(|source| self.failed(source))?;
        self.length = 0;
        self.digest = Context::new(&SHA256);
        Ok(())
    }

    /// Everything is on disk; returns the digest in hex.
    async fn finish(mut self) -> Result<String, FetchError> {
        self.file.flush().await.map_err(|source| self.failed(source))?;
        self.file.sync_all().await.map_err(|source| self.failed(source))?;
        Ok(hex::encode(self.digest.finish()))
    }

    fn failed(&self, source: io::Error) -> FetchError {
        FetchError::File { path: self.path.clone(), source }
    }
}

fn continues_at(response: &Response, offset: u64) -> bool {
    response
        .headers()
        .get(CONTENT_RANGE)
        .and_then(|range| range.to_str().ok()?.strip_prefix("bytes ")?.split('-').next()?.parse().ok())
        == Some(offset)
}

/// The innermost cause is the one that says something ("connection refused", "dns error").
fn network(url: &str, error: &reqwest::Error) -> FetchError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    FetchError::Network { url: url.to_owned(), why: cause.to_string() }
}

/// Whole percent, 0 to 100.
#[must_use]
pub fn percent(done: u64, total: u64) -> u8 {
    u8::try_from(done.saturating_mul(100).checked_div(total).unwrap_or(0).min(100)).unwrap_or(100)
}

/// Says every ten percent once, for logs.
#[derive(Default)]
pub struct Steps {
    last: Option<u8>,
}

impl Steps {
    /// The percentage, when it is a new multiple of ten.
    pub fn next(&mut self, done: u64, total: Option<u64>) -> Option<u8> {
        let step = percent(done, total?) / 10 * 10;
        (self.last.replace(step) != Some(step)).then_some(step)
    }
}

#[cfg(test)]
mod tests;
