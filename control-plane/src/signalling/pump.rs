//! The hub's tasks: media events in, captions kept before they are shown, time passing.

use std::time::Duration;

use media_server::transcription::{Caption, CaptionKind};
use media_server::{HearingProof, MediaEvent, ParticipantId, RoomId};
use tokio::sync::mpsc;

use super::call::CallEvent;
use super::convert::caption_view;
use super::hub::{FlushRequest, Hub, Shared};
use super::protocol::{CaptionService, CaptionState};
use crate::clock::Clock;
use crate::crypto::signer::Signer;
use crate::domain::transcript::{EntryState, NewCaption};
use crate::ids::ConsultationId;
use crate::media::MediaNodes;
use crate::metrics::Metrics;
use crate::store::Store;
use crate::tasks::Tasks;

/// Settled captions waiting for the database. When it is full the pump waits, and the media server holds captions
/// back: none is lost, partials come late.
const KEEPER: usize = 256;
/// Ends of consultations that wait for their captions; further ones wait to be let in.
const FLUSHES: usize = 16;
/// A caption that cannot be kept is tried again after these pauses: a locked or restarting database.
const RETRIES: [Duration; 4] =
    [Duration::from_millis(50), Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(3)];
const TICK: Duration = Duration::from_millis(500);

/// Into the keeper, in the order in which things happened.
enum Keep {
    Caption(Caption),
    Flush(FlushRequest),
}

/// The hub and its tasks. They end when `events` does, that is when the media node has shut down.
pub fn start(
    store: Store,
    signer: Signer,
    media: MediaNodes,
    clock: Clock,
    metrics: Metrics,
    events: mpsc::Receiver<MediaEvent>,
    tasks: &Tasks,
) -> Hub {
    let (flush, flushes) = mpsc::channel(FLUSHES);
    let (keeper, kept) = mpsc::channel(KEEPER);
    let hub = Hub::new(Shared { store, signer, media, clock, metrics, flush });
    tasks.spawn("media events", pump(hub.clone(), events, flushes, keeper));
    tasks.spawn("transcripts", keep_captions(hub.clone(), kept));
    let (ticking, stopping) = (hub.clone(), tasks.stopping().clone());
    tasks.spawn("grace periods", async move {
        let mut interval = tokio::time::interval(TICK);
        while stopping.run_until_cancelled(interval.tick()).await.is_some() {
            ticking.tick().await;
        }
    });
    hub
}

/// Events come before flushes, so that a flush finds everything that was sent before it.
async fn pump(
    hub: Hub,
    mut events: mpsc::Receiver<MediaEvent>,
    mut flushes: mpsc::Receiver<FlushRequest>,
    keeper: mpsc::Sender<Keep>,
) {
    loop {
        let kept = tokio::select! {
            biased;
            event = events.recv() => match event {
                None => return,
                Some(MediaEvent::Caption(caption)) if is_settled(&caption) => {
                    keeper.send(Keep::Caption(caption)).await
                }
                Some(MediaEvent::Caption(caption)) => {
                    show(&hub, &caption).await;
                    Ok(())
                }
                Some(event) => {
                    dispatch(&hub, event).await;
                    Ok(())
                }
            },
            Some(flush) = flushes.recv() => keeper.send(Keep::Flush(flush)).await,
        };
        if kept.is_err() {
            return;
        }
    }
}

const fn is_settled(caption: &Caption) -> bool {
    matches!(caption.kind, CaptionKind::Final | CaptionKind::Gap)
}

async fn dispatch(hub: &Hub, event: MediaEvent) {
    let (room, event) = match event {
        MediaEvent::TrackPublished { room, track } => (room, CallEvent::TrackPublished { track }),
        MediaEvent::TrackUnpublished { room, track } => (room, CallEvent::TrackUnpublished { track }),
        MediaEvent::Connected { room, participant } => (room, CallEvent::MediaConnected { participant }),
        MediaEvent::Disconnected { room, participant } => {
            (room, CallEvent::MediaDisconnected { participant })
        }
        MediaEvent::SessionEnded { room, participant, why } => {
            tracing::info!(%participant, ?why, "media session ended");
            (room, CallEvent::SessionEnded { participant })
        }
        MediaEvent::ActiveSpeakers { room, participants } => {
            (room, CallEvent::ActiveSpeakers { participants })
        }
        MediaEvent::Quality { room, participant, level, .. } => {
            (room, CallEvent::Quality { participant, level })
        }
        MediaEvent::Hearing { room, between, proof } => return report_hearing(hub, room, between, proof),
        MediaEvent::Silent { room, participant, times } => {
            if times == 1 {
                hub.shared().metrics.silent_microphones_total.inc();
            }
            (room, CallEvent::Silent { participant, times })
        }
        MediaEvent::Caption(_) => return,
    };
    hub.apply(consultation_of(room), event).await;
}

/// What a call is for, proven or not: for alerts, and by ids in the log.
fn report_hearing(hub: &Hub, room: RoomId, between: [ParticipantId; 2], proof: HearingProof) {
    let metrics = &hub.shared().metrics;
    let [first, second] = between;
    let outcome = match proof {
        HearingProof::Both { after } => {
            metrics.hearing_seconds.observe(after.as_secs_f64());
            "proven"
        }
        HearingProof::Missing { heard: [first_heard, second_heard] } => {
            let consultation = consultation_of(room);
            tracing::warn!(%consultation, %first, first_heard, %second, second_heard, "not everyone is heard");
            "failed"
        }
    };
    metrics.hearing_total.with_label_values(&[outcome]).inc();
}

/// Partials and what is taken back go to the screens only.
async fn show(hub: &Hub, caption: &Caption) {
    if let Some(place) = hub.transcript_place(caption.room) {
        let caption = caption_view(caption, place.started_at);
        hub.apply(place.consultation, CallEvent::Caption { caption }).await;
    }
}

async fn keep_captions(hub: Hub, mut queue: mpsc::Receiver<Keep>) {
    while let Some(next) = queue.recv().await {
        match next {
            Keep::Caption(caption) => keep(&hub, &caption).await,
            // Whoever asked may have given up waiting.
            Keep::Flush(done) => drop(done.send(())),
        }
    }
}

/// Committed first, shown second: what has been on a screen as final survives a power cut. What cannot be kept is
/// taken off the screens and counted.
async fn keep(hub: &Hub, caption: &Caption) {
    let metrics = &hub.shared().metrics;
    let Some(place) = hub.transcript_place(caption.room) else {
        tracing::error!(room = %caption.room, "a caption came for a call that is not on");
        return metrics.captions_lost_total.inc();
    };
    let mut view = caption_view(caption, place.started_at);
    let (model, demonstration) = match hub.shared().media.captions().into() {
        CaptionService::Ready { model, demonstration } => (model, demonstration),
        CaptionService::Unavailable { .. } => (String::new(), false),
    };
    let new = NewCaption {
        participant: caption.participant,
        utterance: view.utterance,
        state: if caption.kind == CaptionKind::Gap { EntryState::Gap } else { EntryState::Final },
        start_ms: view.start_ms,
        end_ms: view.end_ms,
        text: caption.text.clone(),
        model,
        demonstration,
    };
    let mut retries = RETRIES.into_iter();
    loop {
        let kept = hub.shared().store.append_caption(place.tenant, place.consultation, &new, hub.now()).await;
        match (kept, retries.next()) {
            (Ok(_), _) => {
                metrics.captions_kept_total.inc();
                break;
            }
            (Err(_), Some(pause)) => tokio::time::sleep(pause).await,
            (Err(error), None) => {
                tracing::error!(consultation = %place.consultation, %error, "cannot keep a caption");
                metrics.captions_lost_total.inc();
                view.state = CaptionState::Retracted;
                view.text.clear();
                break;
            }
        }
    }
    hub.apply(place.consultation, CallEvent::Caption { caption: view }).await;
}

fn consultation_of(room: RoomId) -> ConsultationId {
    ConsultationId::from_uuid(room.uuid())
}

#[cfg(test)]
mod tests;
