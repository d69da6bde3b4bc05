//! The control side of a system under test of ours: requests as JSON over one WebSocket; those with a transaction are
//! answered when they are done.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use futures::{SinkExt, StreamExt};
use media_server::{ParticipantId, RoomId, Source};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request as Handshake, Response};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use uuid::Uuid;

/// Usual would be 128 KiB, filled with zeros for each read.
const READ_AT_ONCE: usize = 8 * 1024;
/// Replies waiting for the socket; full: requests wait.
const REPLIES: usize = 256;

#[derive(Parser)]
pub struct Arguments {
    /// Media threads; 0 means one per core.
    #[arg(long, default_value_t = 0)]
    pub workers: usize,
    /// Address of the media ports and of the WebSocket.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub listen: IpAddr,
    /// Caption with the bundled demonstration model.
    #[arg(long)]
    pub captions: bool,
    /// Whoever lets people in signs with its private half: an Ed25519 public key, base64url.
    #[arg(long)]
    pub join_key: String,
}

#[derive(Deserialize)]
struct Request {
    transaction: Option<String>,
    request: Body,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    Join { token: String, room: u32, seat: u16, offer: String, publish: Vec<Line>, subscribe: Vec<Line> },
    Applied { room: u32, seat: u16 },
    Captioned { room: u32, seat: u16, captioned: bool },
    Leave { room: u32, seat: u16 },
    Close { room: u32 },
    Metrics,
}

#[derive(Deserialize)]
pub struct Line {
    pub mid: String,
    pub seat: u16,
    pub source: Source,
}

/// What a room of the generator is called here.
#[must_use]
pub fn room_id(room: u32) -> RoomId {
    RoomId::from_uuid(Uuid::from_u128(u128::from(room)))
}

#[must_use]
pub fn participant(room: u32, seat: u16) -> ParticipantId {
    ParticipantId::from_uuid(Uuid::from_u128(u128::from(room) << 16 | u128::from(seat)))
}

/// Binds, says where (the generator reads it), and serves one connection until it ends.
#[expect(clippy::print_stdout, reason = "the generator waits for the address")]
pub async fn serve<H, F>(listen: IpAddr, handle: H) -> Result<()>
where
    H: Fn(Body) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Value>> + Send,
{
    let listener = TcpListener::bind((listen, 0)).await?;
    println!("{}", listener.local_addr()?);
    let (socket, _) = listener.accept().await?;
    socket.set_nodelay(true)?;
    let settings = WebSocketConfig::default().read_buffer_size(READ_AT_ONCE);
    let socket =
        tokio_tungstenite::accept_hdr_async_with_config(socket, accept_protocol, Some(settings)).await?;
    let (mut sink, mut stream) = socket.split();
    let (replies, mut queue) = mpsc::channel::<Value>(REPLIES);
    let (mut tasks, handle) = (JoinSet::new(), Arc::new(handle));
    tasks.spawn(async move {
        while let Some(reply) = queue.recv().await {
            if sink.send(Message::text(reply.to_string())).await.is_err() {
                return;
            }
        }
    });
    while let Some(message) = stream.next().await {
        let Ok(text) = message?.into_text() else { continue };
        if text.is_empty() {
            continue;
        }
        let request: Request = serde_json::from_str(&text).context("request")?;
        while tasks.try_join_next().is_some() {}
        let (handle, replies) = (Arc::clone(&handle), replies.clone());
        tasks.spawn(async move {
            let mut reply = match handle(request.request).await {
                Ok(reply) => reply,
                Err(error) => json!({ "error": format!("{error:#}") }),
            };
            if let Some(transaction) = request.transaction {
                reply["transaction"] = transaction.into();
                // The generator may have gone.
                drop(replies.send(reply).await);
            }
        });
    }
    Ok(())
}

#[expect(clippy::result_large_err, reason = "the type of tungstenite's callback")]
#[expect(clippy::unnecessary_wraps, reason = "the signature that the handshake calls")]
fn accept_protocol(_: &Handshake, mut response: Response) -> Result<Response, ErrorResponse> {
    let protocol = "mediahost".parse().expect("a header value");
    response.headers_mut().insert("sec-websocket-protocol", protocol);
    Ok(response)
}
