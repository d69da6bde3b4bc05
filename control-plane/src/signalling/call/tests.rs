use uuid::Uuid;

use super::*;
use crate::domain::clinical::Access;
use crate::ids::{ConsultationId, SessionId, UserId};
use crate::signalling::protocol::{ParticipantKind, TrackSource};

const DOCTOR: u128 = 1;
const PATIENT: u128 = 2;

fn id(number: u128) -> ParticipantId {
    ParticipantId::from_uuid(Uuid::from_u128(number))
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn grant(number: u128) -> TicketGrant {
    TicketGrant {
        consultation: ConsultationId::from_uuid(Uuid::from_u128(7)),
        tenant: TenantId::from_uuid(Uuid::from_u128(8)),
        user: UserId::from_uuid(Uuid::from_u128(number)),
        session: SessionId::from_uuid(Uuid::from_u128(number)),
        participant: id(number),
        name: format!("Person {number}"),
        kind: if number == DOCTOR { ParticipantKind::Doctor } else { ParticipantKind::Patient },
        label: String::new(),
        started_at: at(0),
        access: Access::of_patient(UserId::from_uuid(Uuid::from_u128(PATIENT))),
    }
}

fn open(call: &mut Call, number: u128, socket: u64) -> Vec<Effect> {
    call.apply(CallEvent::SocketOpened { grant: grant(number), socket: SocketId(socket) }, at(0))
}

/// A doctor on socket 1 and a patient on socket 2.
fn call_of_two() -> Call {
    let mut call = Call::new(&grant(DOCTOR));
    open(&mut call, DOCTOR, 1);
    open(&mut call, PATIENT, 2);
    call
}

/// "1,2: participant" for what is told to sockets 1 and 2, "2: close Replaced", or the work itself.
fn lines(effects: &[Effect]) -> Vec<String> {
    effects
        .iter()
        .map(|effect| match effect {
            Effect::Tell { sockets, message } => {
                let json = serde_json::to_value(message).unwrap();
                let sockets: Vec<_> = sockets.iter().map(|socket| socket.0.to_string()).collect();
                let detail = match message {
                    ServerMessage::Participant { participant } => format!(
                        " {:?} {:?}{}",
                        participant.presence,
                        participant.tracks.iter().map(|t| (t.source, t.muted)).collect::<Vec<_>>(),
                        if participant.captioned { " captioned" } else { "" }
                    ),
                    ServerMessage::Error { code, .. } => format!(" {code:?}"),
                    ServerMessage::Left { reason, .. } => format!(" {reason:?}"),
                    _ => String::new(),
                };
                format!("{}: {}{detail}", sockets.join(","), json["type"].as_str().unwrap())
            }
            Effect::Close { socket, why } => format!("{}: close {why:?}", socket.0),
            Effect::Work(Work::SetMuted { track, muted }) => format!("set_muted {:?} {muted}", track.source),
            Effect::Work(Work::SetCaptioned { captioned, .. }) => format!("set_captioned {captioned}"),
            Effect::Work(Work::LeaveRoom { .. }) => "leave_room".into(),
            Effect::Work(Work::RecordPresence { present, .. }) => format!("record_presence {present}"),
        })
        .collect()
}

#[test]
fn a_newcomer_is_announced_to_the_others_only() {
    let mut call = Call::new(&grant(DOCTOR));
    assert_eq!(lines(&open(&mut call, DOCTOR, 1)), ["record_presence true", ": participant Joined []"]);
    assert_eq!(lines(&open(&mut call, PATIENT, 2)), ["record_presence true", "1: participant Joined []"]);
    assert_eq!(call.views().len(), 2);
}

#[test]
fn a_second_tab_takes_over_without_a_twin() {
    let mut call = call_of_two();
    let effects = open(&mut call, PATIENT, 3);
    assert_eq!(
        lines(&effects),
        ["2: error Replaced", "2: close Replaced", "1: participant Joined []"],
        "the same participant goes on"
    );
    assert_eq!(call.views().len(), 2);
    let late = call.apply(CallEvent::SocketClosed { participant: id(PATIENT), socket: SocketId(2) }, at(5));
    assert!(late.is_empty(), "the replaced socket takes nothing with it");
}

#[test]
fn an_ended_session_takes_its_person_out_also_while_they_are_waited_for() {
    let session = |number: u128| Revocation::Session(grant(number).session);
    let revoke = |call: &mut Call, ended| lines(&call.apply(CallEvent::Revoked { ended }, at(2_000)));
    let mut call = call_of_two();
    assert!(revoke(&mut call, session(99)).is_empty());
    let out = ["1: left Left", "2: close SignedOut", "leave_room", "record_presence false"];
    assert_eq!(revoke(&mut call, session(PATIENT)), out);

    let mut call = call_of_two();
    call.apply(CallEvent::SocketClosed { participant: id(PATIENT), socket: SocketId(2) }, at(1_000));
    let out = ["1: left Left", "leave_room", "record_presence false"];
    assert_eq!(revoke(&mut call, Revocation::User(grant(PATIENT).user)), out);
    assert_eq!(call.views().len(), 1);
}

#[test]
fn a_lost_socket_is_a_grace_period_then_a_leave() {
    let mut call = call_of_two();
    let lost =
        call.apply(CallEvent::SocketClosed { participant: id(PATIENT), socket: SocketId(2) }, at(1_000));
    assert_eq!(lines(&lost), ["1: participant Reconnecting []"]);
    assert!(call.apply(CallEvent::Tick, at(15_999)).is_empty());
    assert_eq!(
        lines(&call.apply(CallEvent::Tick, at(16_000))),
        ["1: left ConnectionLost", "leave_room", "record_presence false"]
    );
    assert_eq!(call.views().len(), 1);
}

#[test]
fn whoever_comes_back_in_time_is_the_same_participant_with_the_same_consent() {
    let mut call = call_of_two();
    call.apply(CallEvent::Consent { participant: id(PATIENT), captions: true }, at(0));
    call.apply(CallEvent::SessionOpened { participant: id(PATIENT) }, at(0));
    call.apply(CallEvent::MediaConnected { participant: id(PATIENT) }, at(0));
    call.apply(CallEvent::SocketClosed { participant: id(PATIENT), socket: SocketId(2) }, at(1_000));
    assert_eq!(lines(&open(&mut call, PATIENT, 3)), ["1: participant Connected [] captioned"]);
    assert!(call.is_session_open(id(PATIENT)));
    assert!(call.apply(CallEvent::Tick, at(100_000)).is_empty());
}

#[test]
fn a_new_peer_connection_gets_consent_and_mutes_again() {
    let mut call = call_of_two();
    call.apply(CallEvent::Consent { participant: id(PATIENT), captions: true }, at(0));
    let mute = CallEvent::Mute { participant: id(PATIENT), source: Source::Camera, muted: true };
    call.apply(mute, at(0));
    assert_eq!(
        lines(&call.apply(CallEvent::SessionOpened { participant: id(PATIENT) }, at(0))),
        ["set_muted Camera true", "set_captioned true", "1,2: participant Joined [] captioned"]
    );
}

#[test]
fn nobody_is_captioned_without_consent() {
    let mut call = call_of_two();
    assert!(!call.is_captioned(id(PATIENT)));
    let opened = lines(&call.apply(CallEvent::SessionOpened { participant: id(PATIENT) }, at(0)));
    assert!(opened.contains(&"set_captioned false".to_owned()));
    let yes = call.apply(CallEvent::Consent { participant: id(PATIENT), captions: true }, at(0));
    assert_eq!(lines(&yes), ["1,2: participant Joined [] captioned", "set_captioned true"]);
    let again = call.apply(CallEvent::Consent { participant: id(PATIENT), captions: true }, at(0));
    assert!(again.is_empty());
    let no = call.apply(CallEvent::Consent { participant: id(PATIENT), captions: false }, at(0));
    assert_eq!(lines(&no), ["1,2: participant Joined []", "set_captioned false"]);
}

#[test]
fn consent_ends_with_the_participant() {
    let mut call = call_of_two();
    call.apply(CallEvent::Consent { participant: id(PATIENT), captions: true }, at(0));
    call.apply(CallEvent::Leave { participant: id(PATIENT) }, at(0));
    open(&mut call, PATIENT, 3);
    assert!(!call.is_captioned(id(PATIENT)));
}

#[test]
fn tracks_appear_and_vanish_and_stay_muted() {
    let mut call = call_of_two();
    let microphone = TrackId { participant: id(DOCTOR), source: Source::Microphone };
    let published = call.apply(CallEvent::TrackPublished { track: microphone }, at(0));
    assert_eq!(lines(&published), ["1,2: participant Joined [(Microphone, false)]"]);
    let mute = CallEvent::Mute { participant: id(DOCTOR), source: Source::Microphone, muted: true };
    assert_eq!(
        lines(&call.apply(mute, at(0))),
        ["1,2: participant Joined [(Microphone, true)]", "set_muted Microphone true"]
    );
    let gone = call.apply(CallEvent::TrackUnpublished { track: microphone }, at(0));
    assert_eq!(lines(&gone), ["1,2: participant Joined []"]);
    let back = call.apply(CallEvent::TrackPublished { track: microphone }, at(0));
    assert_eq!(
        lines(&back),
        ["1,2: participant Joined [(Microphone, true)]", "set_muted Microphone true"],
        "a mute outlives the track"
    );
    assert_eq!(call.views()[0].tracks[0].source, TrackSource::Microphone);
}

#[test]
fn presence_follows_the_media() {
    let mut call = call_of_two();
    let connected = CallEvent::MediaConnected { participant: id(DOCTOR) };
    assert_eq!(lines(&call.apply(connected, at(0))), ["1,2: participant Connected []"]);
    let disconnected = CallEvent::MediaDisconnected { participant: id(DOCTOR) };
    assert_eq!(lines(&call.apply(disconnected, at(0))), ["1,2: participant Reconnecting []"]);
    let ended = CallEvent::SessionEnded { participant: id(DOCTOR) };
    assert_eq!(lines(&call.apply(ended, at(0))), ["1,2: participant Joined []", "1: error MediaFailed"]);
    assert!(!call.is_session_open(id(DOCTOR)));
}

#[test]
fn a_session_that_opens_after_its_participant_left_is_closed_again() {
    let mut call = call_of_two();
    let left = call.apply(CallEvent::Leave { participant: id(PATIENT) }, at(0));
    assert_eq!(lines(&left), ["1: left Left", "2: close Left", "leave_room", "record_presence false"]);
    let late = call.apply(CallEvent::SessionOpened { participant: id(PATIENT) }, at(0));
    assert_eq!(lines(&late), ["leave_room"]);
}

#[test]
fn the_end_is_told_to_everyone_before_their_sockets_close() {
    let mut call = call_of_two();
    assert_eq!(
        lines(&call.apply(CallEvent::Ended, at(0))),
        ["1,2: ended", "1: close Ended", "record_presence false", "2: close Ended", "record_presence false"]
    );
    assert!(call.views().is_empty());
}

#[test]
fn an_empty_call_is_remembered_for_a_minute() {
    let mut call = call_of_two();
    call.apply(CallEvent::Leave { participant: id(DOCTOR) }, at(0));
    call.apply(CallEvent::Leave { participant: id(PATIENT) }, at(1_000));
    assert!(!call.is_over(at(60_999)));
    assert!(call.is_over(at(61_000)));
    open(&mut call, PATIENT, 3);
    assert!(!call.is_over(at(200_000)));
}
