//! The words of the media server in the words of the protocol, and back. They are separate types on purpose: the media
//! server may change without breaking browsers.

use media_server::transcription::{Caption, CaptionKind, CaptionsStatus};
use media_server::{
    MediaError, Negotiation, ParticipantId, Publication, QualityLevel, Source, Subscription, Tile, TrackId,
};

use super::protocol::{
    CaptionService, CaptionState, CaptionView, Offer, PublishLine, Quality, ShownTile, SignalError,
    SubscribeLine, TrackSource,
};
use crate::domain::time::Timestamp;
use crate::domain::transcript::{EntryState, NewCaption};

impl From<Source> for TrackSource {
    fn from(source: Source) -> Self {
        match source {
            Source::Microphone => Self::Microphone,
            Source::Camera => Self::Camera,
            Source::Screen => Self::Screen,
        }
    }
}

impl From<TrackSource> for Source {
    fn from(source: TrackSource) -> Self {
        match source {
            TrackSource::Microphone => Self::Microphone,
            TrackSource::Camera => Self::Camera,
            TrackSource::Screen => Self::Screen,
        }
    }
}

impl From<QualityLevel> for Quality {
    fn from(level: QualityLevel) -> Self {
        match level {
            QualityLevel::Good => Self::Good,
            QualityLevel::Fair => Self::Fair,
            QualityLevel::Poor => Self::Poor,
        }
    }
}

impl From<CaptionsStatus> for CaptionService {
    fn from(status: CaptionsStatus) -> Self {
        match status {
            CaptionsStatus::Ready { model, demonstration } => Self::Ready { model, demonstration },
            CaptionsStatus::Unavailable { why } => Self::Unavailable { why },
        }
    }
}

impl From<PublishLine> for Publication {
    fn from(line: PublishLine) -> Self {
        Self { mid: line.mid, source: line.source.into() }
    }
}

impl TryFrom<SubscribeLine> for Subscription {
    type Error = SignalError;

    fn try_from(line: SubscribeLine) -> Result<Self, SignalError> {
        let participant: ParticipantId = line.participant.parse().map_err(|_| SignalError::OfferRefused)?;
        Ok(Self { mid: line.mid, track: TrackId { participant, source: line.source.into() } })
    }
}

impl TryFrom<ShownTile> for Tile {
    type Error = SignalError;

    fn try_from(tile: ShownTile) -> Result<Self, SignalError> {
        let participant: ParticipantId =
            tile.participant.parse().map_err(|_| SignalError::MalformedMessage)?;
        let track = TrackId { participant, source: tile.source.into() };
        Ok(Self { track, width: tile.width, height: tile.height })
    }
}

impl TryFrom<Offer> for Negotiation {
    type Error = SignalError;

    fn try_from(offer: Offer) -> Result<Self, SignalError> {
        Ok(Self {
            request: offer.request,
            offer: offer.sdp,
            publish: offer.publish.into_iter().map(Into::into).collect(),
            subscribe: offer.subscribe.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
        })
    }
}

impl From<&MediaError> for SignalError {
    fn from(error: &MediaError) -> Self {
        match error {
            MediaError::NotGranted(_) => Self::NotGranted,
            MediaError::Sdp(_) => Self::OfferRefused,
            MediaError::RoomFull { .. } | MediaError::WorkerFull { .. } => Self::RoomFull,
            MediaError::Token(_)
            | MediaError::NoSuchParticipant
            | MediaError::WorkerGone
            | MediaError::SessionFailed
            | MediaError::Bind { .. }
            | MediaError::Config(_) => Self::MediaFailed,
        }
    }
}

pub(super) fn caption_view(caption: &Caption, started_at: Timestamp) -> CaptionView {
    let (state, stable_chars) = match caption.kind {
        CaptionKind::Partial { stable_chars } => {
            (CaptionState::Partial, u32::try_from(stable_chars).unwrap_or(u32::MAX))
        }
        CaptionKind::Final => (CaptionState::Final, 0),
        CaptionKind::Retracted => (CaptionState::Retracted, 0),
        CaptionKind::Gap => (CaptionState::Gap, 0),
    };
    CaptionView {
        participant: caption.participant.to_string(),
        utterance: caption.utterance,
        revision: caption.revision,
        state,
        stable_chars,
        text: caption.text.reveal().to_owned(),
        start_ms: caption.start_ms - started_at.millis(),
        end_ms: caption.end_ms - started_at.millis(),
    }
}

/// A caption out of the transcript; it replaces whatever the screen had of that utterance.
pub(super) fn kept_view(caption: &NewCaption) -> CaptionView {
    CaptionView {
        participant: caption.participant.to_string(),
        utterance: caption.utterance,
        revision: u32::MAX,
        state: match caption.state {
            EntryState::Final => CaptionState::Final,
            EntryState::Gap => CaptionState::Gap,
        },
        stable_chars: 0,
        text: caption.text.reveal().to_owned(),
        start_ms: caption.start_ms,
        end_ms: caption.end_ms,
    }
}
