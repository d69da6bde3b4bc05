//! Everything that can go wrong between the control plane and a media node.

/// Why a media request was refused. Messages are safe to show: they hold no address, token or SDP text.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    #[error("join token refused: {0}")]
    Token(#[from] crate::grant::TokenError),
    #[error("the grant does not allow publishing {0:?}")]
    NotGranted(crate::Source),
    #[error("session description refused: {0}")]
    Sdp(String),
    #[error("room is full ({limit} participants)")]
    RoomFull { limit: usize },
    #[error("media node is full ({limit} participants on this worker)")]
    WorkerFull { limit: usize },
    #[error("no such participant in this room")]
    NoSuchParticipant,
    #[error("media worker is not answering")]
    WorkerGone,
    #[error("media session failed and was closed")]
    SessionFailed,
    #[error("{what} {address}: {source}")]
    Bind { what: &'static str, address: std::net::SocketAddr, source: std::io::Error },
    #[error("configuration: {0}")]
    Config(String),
}
