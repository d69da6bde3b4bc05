//! A real database and a real media node; only its events are ours.

use media_server::transcription::CaptionText;
use media_server::{JoinTokenVerifier, MediaServer, ParticipantId};
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::app::open_store;
use crate::config::Config;
use crate::domain::audit::{Action, Agent, AuditEntry};
use crate::domain::clinical::Access;
use crate::domain::consultation::{Consultation, ConsultationState, Reason};
use crate::domain::session::{SecondFactor, SessionKind};
use crate::domain::time::Timestamp;
use crate::domain::user::Role;
use crate::ids::UserId;
use crate::signalling::protocol::ParticipantKind;
use crate::signalling::switchboard::{Opened, Outgoing};
use crate::signalling::tickets::TicketGrant;
use crate::store::{NewSession, NewUser};

const NOW: Timestamp = Timestamp::from_millis(1_790_000_060_000);
const STARTED: Timestamp = Timestamp::from_millis(1_790_000_000_000);

struct Bench {
    store: Store,
    metrics: Metrics,
    hub: Hub,
    events: mpsc::Sender<MediaEvent>,
    screen: Opened,
    grant: TicketGrant,
    _folder: TempDir,
}

impl Bench {
    /// A patient alone in an active consultation.
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.data.folder = folder.path().join("data");
        config.media.listen = [127, 0, 0, 1].into();
        (config.media.first_port, config.media.workers) = (0, 1);
        config.whisper.enabled = false;
        let clock = Clock::fixed(NOW);
        let (store, signer) = open_store(&config, &clock).await.unwrap();
        let (metrics, tasks) = (Metrics::new(), Tasks::default());
        let verifier = JoinTokenVerifier::new(&signer.public_key());
        let (media, _) =
            MediaServer::start(&config.media, &config.whisper, verifier, metrics.registry(), NOW.millis())
                .unwrap();
        let media = MediaNodes::Local(std::sync::Arc::new(media));
        let (events, receiver) = mpsc::channel(64);
        let hub = start(store.clone(), signer, media, clock, metrics.clone(), receiver, &tasks);
        let grant = active_consultation(&store).await;
        let screen = hub.open(grant.clone()).await.unwrap_or_else(|code| panic!("{code:?}"));
        Self { store, metrics, hub, events, screen, grant, _folder: folder }
    }

    async fn speak(&self, kind: CaptionKind, revision: u32, words: &str) {
        self.speak_as(self.grant.participant, kind, revision, words).await;
    }

    async fn speak_as(&self, participant: ParticipantId, kind: CaptionKind, revision: u32, words: &str) {
        let caption = Caption {
            room: RoomId::from_uuid(self.grant.consultation.uuid()),
            participant,
            utterance: 3,
            revision,
            kind,
            text: CaptionText::new(words.into()),
            start_ms: STARTED.millis() + 1_000,
            end_ms: STARTED.millis() + 2_500,
            confidence: 0.9,
        };
        self.events.send(MediaEvent::Caption(caption)).await.unwrap();
    }

    /// The next message on the screen.
    async fn shown(&mut self) -> Value {
        match self.screen.queue.recv().await {
            Some(Outgoing::Text(text)) => serde_json::from_str(&text).unwrap(),
            _ => panic!("the socket was closed"),
        }
    }

    async fn kept(&self) -> Vec<String> {
        let TicketGrant { tenant, consultation, participant, .. } = self.grant;
        let access = &self.grant.access;
        let kept =
            self.store.recent_captions(access, tenant, consultation, participant, 10, NOW).await.unwrap();
        kept.iter().map(|kept| kept.caption.text.reveal().to_owned()).collect()
    }
}

async fn active_consultation(store: &Store) -> TicketGrant {
    let user = |name: &str, role| NewUser {
        email: Some(format!("{name}@example.org")),
        name: name.into(),
        role,
        specialty: String::new(),
        password_hash: None,
        email_verified: true,
        approved: true,
    };
    let patient = store.create_user(&user("pat", Role::Patient), NOW).await.unwrap();
    let doctor = store.create_user(&user("doc", Role::Doctor), NOW).await.unwrap();
    let consultation = Consultation {
        id: ConsultationId::generate(),
        patient: patient.id,
        specialty: String::new(),
        requested_at: STARTED,
        state: ConsultationState::Active { doctor: doctor.id, accepted_at: STARTED, started_at: STARTED },
    };
    let mut tx = store.begin(store.tenant()).await.unwrap();
    tx.insert_consultation(&consultation, &Reason::new("a cough".into())).await.unwrap();
    let kind = ParticipantKind::Patient;
    let participant = tx.insert_participant(consultation.id, patient.id, kind, "", NOW).await.unwrap();
    let new = NewSession {
        user: patient.id,
        secret: "a secret",
        kind: SessionKind::Browser,
        device: "",
        address: [127, 0, 0, 1].into(),
        second_factor: SecondFactor::None,
    };
    let limits = Config::default().accounts.session_limits();
    let session = tx.insert_session(&new, limits, NOW).await.unwrap();
    let entry = AuditEntry::by(Agent::Server, Action::ConsultationRequested, consultation.id, NOW);
    tx.commit(entry).await.unwrap();
    TicketGrant {
        consultation: consultation.id,
        tenant: store.tenant(),
        user: UserId::from_uuid(patient.id.uuid()),
        session,
        participant: participant.id,
        name: patient.name,
        kind,
        label: String::new(),
        started_at: STARTED,
        access: Access::of_patient(patient.id),
    }
}

#[tokio::test]
async fn a_final_caption_is_in_the_transcript_by_the_time_it_is_on_a_screen() {
    let mut bench = Bench::start().await;
    bench.speak(CaptionKind::Final, 4, "the florbinax hurts").await;
    let shown = bench.shown().await;
    assert_eq!(bench.kept().await, ["the florbinax hurts"]);
    let caption = &shown["caption"];
    assert_eq!((&caption["state"], &caption["text"]), (&"final".into(), &"the florbinax hurts".into()));
    assert_eq!((&caption["start_ms"], &caption["end_ms"]), (&1_000.into(), &2_500.into()));
    assert_eq!(bench.metrics.captions_kept_total.get(), 1);
}

#[tokio::test]
async fn partial_and_retracted_captions_go_to_the_screens_only() {
    let mut bench = Bench::start().await;
    bench.speak(CaptionKind::Partial { stable_chars: 3 }, 1, "the flor").await;
    bench.speak(CaptionKind::Retracted, 2, "").await;
    let (partial, retracted) = (bench.shown().await, bench.shown().await);
    assert_eq!(
        (&partial["caption"]["state"], &partial["caption"]["stable_chars"]),
        (&"partial".into(), &3.into())
    );
    assert_eq!(retracted["caption"]["state"], "retracted");
    assert_eq!(partial["caption"]["utterance"], retracted["caption"]["utterance"]);
    assert!(bench.kept().await.is_empty());
}

#[tokio::test]
async fn a_gap_is_kept_as_a_gap() {
    let mut bench = Bench::start().await;
    bench.speak(CaptionKind::Gap, 2, "").await;
    assert_eq!(bench.shown().await["caption"]["state"], "gap");
    assert_eq!(bench.kept().await, [""]);
}

#[tokio::test]
async fn what_cannot_be_kept_is_taken_off_the_screens_and_counted() {
    let mut bench = Bench::start().await;
    let nobody = ParticipantId::from_uuid(Uuid::from_u128(99));
    bench.speak_as(nobody, CaptionKind::Final, 4, "words of nobody").await;
    let shown = bench.shown().await;
    assert_eq!((&shown["caption"]["state"], &shown["caption"]["text"]), (&"retracted".into(), &"".into()));
    assert_eq!(bench.metrics.captions_lost_total.get(), 1);
    assert!(bench.kept().await.is_empty());
}

#[tokio::test]
async fn the_end_comes_after_the_last_caption() {
    let mut bench = Bench::start().await;
    for _ in 0..5 {
        bench.speak(CaptionKind::Partial { stable_chars: 0 }, 1, "get").await;
    }
    bench.speak(CaptionKind::Final, 2, "get well soon").await;
    bench.hub.close_call(bench.grant.consultation).await;
    assert_eq!(bench.kept().await, ["get well soon"], "before it is completed");
    bench.hub.end_consultation(bench.grant.consultation).await;
    let mut told = Vec::new();
    while let Ok(Outgoing::Text(text)) = bench.screen.queue.try_recv() {
        let message: Value = serde_json::from_str(&text).unwrap();
        told.push(message["caption"]["state"].as_str().or(message["type"].as_str()).unwrap().to_owned());
    }
    assert_eq!(told.last().map(String::as_str), Some("ended"));
    assert_eq!(told.get(told.len() - 2).map(String::as_str), Some("final"));
}
