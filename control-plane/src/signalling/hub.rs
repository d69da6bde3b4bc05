//! The consultations that are on. Changes go through the [`Switchboard`] behind the one lock; what a change asks of the
//! media node and the database is carried out here, once the lock is released.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use media_server::{Answer, Grant, MediaError, Negotiation, ParticipantId, RoomId, Source};
use tokio::sync::{mpsc, oneshot};

use super::call::{CallEvent, Work};
use super::protocol::{ClientMessage, Offer, ServerMessage, ShownTile, SignalError};
use super::switchboard::{Opened, Seat, Switchboard, error_message};
use super::tickets::TicketGrant;
use crate::clock::Clock;
use crate::crypto::signer::Signer;
use crate::domain::session::Revocation;
use crate::domain::time::Timestamp;
use crate::ids::{ConsultationId, SessionId, TenantId};
use crate::media::MediaNodes;
use crate::metrics::Metrics;
use crate::store::Store;

/// More pictures than anybody's screen shows.
const MAX_TILES: usize = 64;

/// Answered once every caption that the media node had sent before is kept.
pub(super) type FlushRequest = oneshot::Sender<()>;

/// What the hub works with.
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) signer: Signer,
    pub(super) media: MediaNodes,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    pub(super) flush: mpsc::Sender<FlushRequest>,
}

/// Every running consultation. Cheap to clone.
#[derive(Clone)]
pub struct Hub {
    board: Arc<Mutex<Switchboard>>,
    shared: Arc<Shared>,
}

/// Where the captions of a call belong.
#[derive(Clone, Copy)]
pub(super) struct TranscriptPlace {
    pub(super) consultation: ConsultationId,
    pub(super) tenant: TenantId,
    pub(super) started_at: Timestamp,
}

impl Hub {
    pub(super) fn new(shared: Shared) -> Self {
        Self { board: Arc::default(), shared: Arc::new(shared) }
    }

    /// A socket that redeemed its ticket. An earlier socket of the same participant is replaced.
    pub(super) async fn open(&self, grant: TicketGrant) -> Result<Opened, SignalError> {
        let now = self.now();
        let (opened, work) = self.lock().open(grant, now)?;
        self.shared.metrics.signalling_sockets.inc();
        self.carry_out(opened.seat.consultation, work).await;
        Ok(opened)
    }

    /// The socket is gone, for whatever reason. Called exactly once per [`Hub::open`].
    pub(super) async fn closed(&self, seat: Seat) {
        self.shared.metrics.signalling_sockets.dec();
        let now = self.now();
        let work = self.lock().close(seat, now);
        self.carry_out(seat.consultation, work).await;
    }

    /// One message of an authenticated browser.
    pub(super) async fn handle(&self, seat: Seat, message: ClientMessage) -> Result<(), SignalError> {
        let participant = seat.participant;
        match message {
            ClientMessage::Authenticate { .. } => return Err(SignalError::MalformedMessage),
            ClientMessage::Connect { offer } => self.connect(seat, offer).await,
            ClientMessage::Renegotiate { offer } => self.renegotiate(seat, offer).await,
            ClientMessage::Negotiated { request } => {
                self.shared.media.negotiated(seat.room(), participant, request).await;
            }
            ClientMessage::Mute { source, muted } => {
                let event = CallEvent::Mute { participant, source: source.into(), muted };
                self.apply(seat.consultation, event).await;
            }
            ClientMessage::View { tiles } => self.view(seat, tiles).await?,
            ClientMessage::Consent { captions } => self.consent(seat, captions).await,
            ClientMessage::Leave => self.apply(seat.consultation, CallEvent::Leave { participant }).await,
        }
        Ok(())
    }

    async fn view(&self, seat: Seat, tiles: Vec<ShownTile>) -> Result<(), SignalError> {
        if tiles.len() > MAX_TILES {
            return Err(SignalError::MalformedMessage);
        }
        let tiles = tiles.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
        self.shared.media.set_tiles(seat.room(), seat.participant, tiles).await;
        Ok(())
    }

    async fn connect(&self, seat: Seat, offer: Offer) {
        let request = offer.request;
        // The room is being closed: a session opened now would keep it, and its captions, going.
        if self.lock().is_ending(seat.consultation) {
            return self.refuse(seat, request, SignalError::ConsultationNotActive);
        }
        let answer = match Negotiation::try_from(offer) {
            Err(refused) => return self.refuse(seat, request, refused),
            Ok(negotiation) => match self.join_token(seat) {
                Some(token) => self.shared.media.connect(&token, negotiation).await,
                None => return self.refuse(seat, request, SignalError::MediaFailed),
            },
        };
        if answer.is_ok() {
            let event = CallEvent::SessionOpened { participant: seat.participant };
            self.apply(seat.consultation, event).await;
        }
        self.answer(seat, request, answer);
    }

    fn join_token(&self, seat: Seat) -> Option<String> {
        let grant = Grant {
            room: seat.room(),
            participant: seat.participant,
            publish: vec![Source::Microphone, Source::Camera, Source::Screen],
            subscribe: true,
        };
        self.shared
            .signer
            .join_token(&grant, self.now())
            .inspect_err(|error| tracing::error!(%error, "cannot mint a join token"))
            .ok()
    }

    async fn renegotiate(&self, seat: Seat, offer: Offer) {
        let request = offer.request;
        if self.lock().is_ending(seat.consultation) {
            return self.refuse(seat, request, SignalError::ConsultationNotActive);
        }
        match Negotiation::try_from(offer) {
            Err(refused) => self.refuse(seat, request, refused),
            Ok(negotiation) => {
                let answer = self.shared.media.renegotiate(seat.room(), seat.participant, negotiation).await;
                self.answer(seat, request, answer);
            }
        }
    }

    fn answer(&self, seat: Seat, request: u32, answer: Result<Answer, MediaError>) {
        match answer {
            Ok(answer) => self.tell(seat, &ServerMessage::Answer { request, sdp: answer.0 }),
            Err(error) => {
                tracing::info!(participant = %seat.participant, %error, "offer refused");
                self.refuse(seat, request, SignalError::from(&error));
            }
        }
    }

    fn refuse(&self, seat: Seat, request: u32, code: SignalError) {
        self.tell(seat, &error_message(Some(request), code));
    }

    /// A yes is recorded before the first word is heard; a no closes the tap before anything else.
    async fn consent(&self, seat: Seat, captions: bool) {
        let event = CallEvent::Consent { participant: seat.participant, captions };
        let known = self.lock().call(seat.consultation).map(|call| call.is_captioned(seat.participant));
        if known != Some(!captions) {
            return;
        }
        if !captions {
            self.apply(seat.consultation, event).await;
            let _ = self.record_consent(seat, false).await;
        } else if self.record_consent(seat, true).await {
            self.apply(seat.consultation, event).await;
        }
    }

    async fn record_consent(&self, seat: Seat, captions: bool) -> bool {
        let recorded = self.shared.store.record_consent(
            seat.tenant,
            seat.consultation,
            seat.participant,
            captions,
            self.now(),
        );
        match recorded.await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(participant = %seat.participant, %error, "cannot record consent");
                false
            }
        }
    }

    /// A message for one socket only.
    pub(super) fn tell(&self, seat: Seat, message: &ServerMessage) {
        self.lock().tell(seat.socket, message);
    }

    /// Something happened in a call.
    pub(super) async fn apply(&self, consultation: ConsultationId, event: CallEvent) {
        let now = self.now();
        let work = self.lock().apply(consultation, event, now);
        self.carry_out(consultation, work).await;
    }

    /// Called at short intervals: grace periods run out, empty calls are forgotten.
    pub(super) async fn tick(&self) {
        let now = self.now();
        let (work, busy) = {
            let mut board = self.lock();
            (board.tick(now), board.busy())
        };
        self.shared.metrics.calls.set(i64::try_from(busy).unwrap_or(i64::MAX));
        self.carry_out_all(work).await;
    }

    /// Closes the sockets of an ended session, or of all of a person's sessions, and takes them out of their calls.
    pub async fn revoke(&self, ended: Revocation) {
        let now = self.now();
        let work = self.lock().revoke(ended, now);
        self.carry_out_all(work).await;
    }

    /// In which somebody is in a call, or is waited for.
    #[must_use]
    pub fn sessions(&self) -> Vec<(TenantId, SessionId)> {
        self.lock().sessions()
    }

    /// First half of an end: nobody comes in any more, the room closes. Returns once the last final caption is kept,
    /// some seconds later at most; only then may the consultation become completed.
    pub async fn close_call(&self, consultation: ConsultationId) {
        self.lock().begin_end(consultation, self.now());
        self.shared.media.close_room(RoomId::from_uuid(consultation.uuid())).await;
        self.flush_captions().await;
    }

    /// Second half, once it is completed: everyone is told, and finds it completed when they look.
    pub async fn end_consultation(&self, consultation: ConsultationId) {
        let work = self.lock().end(consultation, self.now());
        self.carry_out(consultation, work).await;
    }

    /// Waits until every caption sent so far is kept.
    async fn flush_captions(&self) {
        let (done, kept) = oneshot::channel();
        if self.shared.flush.send(done).await.is_ok() {
            let _ = kept.await;
        }
    }

    /// Another model, or none: everyone should know.
    pub fn caption_service_changed(&self) {
        let service = self.shared.media.captions().into();
        self.lock().tell_service(service);
    }

    /// From here on nobody comes into a call but those who are in it and come back; everyone is told how long theirs may
    /// still go on.
    pub fn drain(&self, within: Duration) {
        let until = self.now().plus(within);
        self.lock().drain(until, self.now());
    }

    /// New calls should go to another server.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.lock().is_draining()
    }

    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.lock().busy() == 0
    }

    /// Whether somebody who asks for a ticket may use it.
    #[must_use]
    pub fn lets_in(&self, consultation: ConsultationId, participant: ParticipantId) -> bool {
        self.lock().lets_in(consultation, participant)
    }

    /// Tells everyone that the server goes away and closes their sockets; nobody comes in any more.
    pub fn close_all(&self) {
        self.lock().close_all();
    }

    /// `None` for a call that is not on.
    pub(super) fn transcript_place(&self, room: RoomId) -> Option<TranscriptPlace> {
        let consultation = ConsultationId::from_uuid(room.uuid());
        let board = self.lock();
        let call = board.call(consultation)?;
        Some(TranscriptPlace { consultation, tenant: call.tenant, started_at: call.started_at })
    }

    async fn carry_out_all(&self, work: Vec<(ConsultationId, Vec<Work>)>) {
        for (consultation, work) in work {
            self.carry_out(consultation, work).await;
        }
    }

    async fn carry_out(&self, consultation: ConsultationId, work: Vec<Work>) {
        let Shared { media, store, .. } = &*self.shared;
        let room = RoomId::from_uuid(consultation.uuid());
        for work in work {
            match work {
                Work::SetMuted { track, muted } => media.set_muted(room, track, muted).await,
                Work::SetCaptioned { participant, captioned } => {
                    media.set_captioned(room, participant, captioned).await;
                }
                Work::LeaveRoom { participant } => media.leave(room, participant).await,
                Work::RecordPresence { tenant, participant, present } => {
                    let now = self.now();
                    let recorded = store.record_presence(tenant, consultation, participant, present, now);
                    if let Err(error) = recorded.await {
                        tracing::error!(%consultation, %error, "cannot record presence");
                    }
                }
            }
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    fn lock(&self) -> MutexGuard<'_, Switchboard> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
