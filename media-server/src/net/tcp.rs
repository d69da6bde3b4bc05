//! ICE-TCP for browsers behind firewalls that block UDP: the worker's port number on TCP, passive, with the framing of
//! RFC 4571 (16-bit length before each packet).
//!
//! The one place where packets pass a queue inside the worker's thread; TCP is the fallback, UDP does not come here.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

const MAX_CONNECTIONS: usize = 1024;
/// DTLS and RTP packets are at most one MTU; a longer frame is no media.
const MAX_FRAME: usize = 2048;
/// A browser sends its first check at once; whoever stays silent is not one.
const FIRST_FRAME: Duration = Duration::from_secs(2);
/// ICE consent checks come every few seconds (RFC 7675).
const IDLE: Duration = Duration::from_secs(30);
/// Frames from all connections waiting for the worker; full: the reading tasks wait, TCP slows the browsers down.
const INCOMING: usize = 256;
/// Frames to one connection, about a second of video; full: newest dropped, as a full network would.
const OUTGOING: usize = 256;

/// One packet from a connection.
pub(crate) struct TcpFrame {
    pub(crate) remote: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) packet: Vec<u8>,
}

pub(crate) struct TcpPort {
    listener: TcpListener,
    connections: HashMap<SocketAddr, mpsc::Sender<Vec<u8>>>,
    tasks: JoinSet<SocketAddr>,
    incoming_sender: mpsc::Sender<TcpFrame>,
    incoming: mpsc::Receiver<TcpFrame>,
}

impl TcpPort {
    pub(crate) async fn bind(address: SocketAddr) -> io::Result<Self> {
        let (incoming_sender, incoming) = mpsc::channel(INCOMING);
        Ok(Self {
            listener: TcpListener::bind(address).await?,
            connections: HashMap::new(),
            tasks: JoinSet::new(),
            incoming_sender,
            incoming,
        })
    }

    /// The next packet of any connection. Accepts and reaps connections meanwhile. Cancel-safe.
    pub(crate) async fn receive(&mut self) -> TcpFrame {
        loop {
            tokio::select! {
                Some(frame) = self.incoming.recv() => return frame,
                Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    if let Ok(remote) = ended {
                        self.connections.remove(&remote);
                    }
                }
                accepted = self.listener.accept(), if self.connections.len() < MAX_CONNECTIONS => {
                    match accepted {
                        Ok((stream, remote)) => self.open(stream, remote),
                        // Out of file descriptors: wait instead of spinning.
                        Err(error) => {
                            tracing::warn!(%error, "media connection not accepted");
                            tokio::time::sleep(Duration::from_millis(100)).await;
                        }
                    }
                }
            }
        }
    }

    pub(crate) fn send(&self, remote: SocketAddr, packet: Vec<u8>) {
        if let Some(connection) = self.connections.get(&remote) {
            // Full or just closed: lost, like a datagram.
            drop(connection.try_send(packet));
        }
    }

    fn open(&mut self, stream: TcpStream, remote: SocketAddr) {
        let Ok(local) = stream.local_addr() else { return };
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let (reader, writer) = stream.into_split();
        let (outgoing, packets) = mpsc::channel(OUTGOING);
        self.connections.insert(remote, outgoing);
        let incoming = self.incoming_sender.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                result = read_frames(reader, remote, local, incoming) => log_end(result),
                result = write_frames(writer, packets) => log_end(result),
            }
            remote
        });
    }
}

fn log_end(result: io::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(%error, "media connection ended");
    }
}

async fn read_frames(
    mut reader: OwnedReadHalf,
    remote: SocketAddr,
    local: SocketAddr,
    incoming: mpsc::Sender<TcpFrame>,
) -> io::Result<()> {
    let mut patience = FIRST_FRAME;
    loop {
        let length = usize::from(timeout(patience, reader.read_u16()).await??);
        if length > MAX_FRAME {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "frame too long"));
        }
        let mut packet = vec![0; length];
        timeout(patience, reader.read_exact(&mut packet)).await??;
        patience = IDLE;
        if incoming.send(TcpFrame { remote, local, packet }).await.is_err() {
            return Ok(());
        }
    }
}

async fn write_frames(mut writer: OwnedWriteHalf, mut packets: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
    let mut frame = Vec::with_capacity(MAX_FRAME);
    while let Some(packet) = packets.recv().await {
        let Ok(length) = u16::try_from(packet.len()) else { continue };
        frame.clear();
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(&packet);
        timeout(IDLE, writer.write_all(&frame)).await??;
    }
    Ok(())
}
