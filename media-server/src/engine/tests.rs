use super::*;
use crate::{Answer, Grant, MediaError, Negotiation, ParticipantId, Publication, Source};
use str0m::Rtc;
use str0m::media::{Direction, MediaKind};
use tokio::sync::oneshot;
use uuid::Uuid;

fn engine(now: Instant) -> Engine {
    let config = EngineConfig {
        worker: 0,
        ice_lite: true,
        local: vec![SocketAddr::from(([10, 0, 0, 1], 3480))],
        public: Vec::new(),
        max_participants_per_room: 8,
        max_participants: 8,
        disconnect_timeout: Duration::from_secs(20),
        hearing_within: Duration::from_secs(15),
        silent_after: Duration::from_secs(5),
    };
    let mut next = 0_u8;
    let random = Box::new(move |bytes: &mut [u8; 28]| {
        next += 1;
        bytes.fill(next);
    });
    Engine::new(config, None, random, now)
}

fn connect(engine: &mut Engine, now: Instant, participant: ParticipantId) -> Result<Answer, MediaError> {
    let mut browser = Rtc::new(now);
    let mut api = browser.sdp_api();
    let mid = api.add_media(MediaKind::Audio, Direction::SendOnly, None, None, None).to_string();
    let (offer, _) = api.apply().expect("an offer");
    let publish = vec![Publication { mid, source: Source::Microphone }];
    let room = RoomId::from_uuid(Uuid::from_u128(1));
    let grant = Grant { room, participant, publish: vec![Source::Microphone], subscribe: true };
    let negotiation =
        Negotiation { request: 1, offer: offer.to_sdp_string(), publish, subscribe: Vec::new() };
    let (reply, answer) = oneshot::channel();
    engine.handle_command(now, MediaCommand::Connect { grant, negotiation, reply });
    answer.blocking_recv().expect("answered")
}

#[test]
fn a_panic_costs_one_session_and_says_whose() {
    let now = Instant::now();
    let mut engine = engine(now);
    let [first, second] = [1, 2].map(|n| ParticipantId::from_uuid(Uuid::from_u128(n)));
    connect(&mut engine, now, first).expect("accepted");
    connect(&mut engine, now, second).expect("accepted");
    engine.drive(0, |_| panic!("injected by a test"));
    engine.settle(now);
    let counters = engine.counters();
    assert_eq!((counters.sessions, counters.session_panics), (1, 1));
    let ended = std::iter::from_fn(|| engine.poll_event()).find_map(|event| match event {
        MediaEvent::SessionEnded { participant, why, .. } => Some((participant, why)),
        _ => None,
    });
    assert_eq!(ended, Some((first, SessionEnd::Failed)));
    connect(&mut engine, now, first).expect("may come back");
    assert_eq!(engine.counters().sessions, 2);
}

#[test]
fn what_nobody_waits_for_is_told_on_a_tick_or_before_what_somebody_waits_for() {
    let now = Instant::now();
    let mut engine = engine(now);
    let (room, participant) =
        (RoomId::from_uuid(Uuid::from_u128(1)), ParticipantId::from_uuid(Uuid::from_u128(2)));
    let told = |engine: &mut Engine| std::iter::from_fn(|| engine.poll_event()).count();
    engine.tell(MediaEvent::Connected { room, participant });
    assert_eq!(told(&mut engine), 0);
    engine.handle_timeout(now + TICK);
    assert_eq!(told(&mut engine), 1);
    engine.tell(MediaEvent::Connected { room, participant });
    assert_eq!(told(&mut engine), 0);
    engine.tell(MediaEvent::SessionEnded { room, participant, why: SessionEnd::Timeout });
    let first = engine.poll_event();
    assert!(matches!(first, Some(MediaEvent::Connected { .. })), "in their order");
    assert_eq!(told(&mut engine), 1);
}
