//! Coming, going and coming back as the same participant.

#[expect(dead_code, reason = "other test files use the rest of it")]
mod support;

use std::time::Duration;

use media_server::engine::EngineConfig;
use media_server::{MediaCommand, MediaError, MediaEvent, Negotiation, SessionEnd, Source};
use str0m::net::Protocol;
use support::peer::Peer;
use support::sim::{Sim, config, room};

const AV: [Source; 2] = [Source::Microphone, Source::Camera];

fn two_party() -> Sim {
    let mut sim = Sim::new(config());
    sim.join(Protocol::Udp, &AV, &[]);
    let first = AV.map(|source| sim.peers[0].track(source));
    sim.join(Protocol::Udp, &AV, &first);
    let second = AV.map(|source| sim.peers[1].track(source));
    sim.subscribe(0, &second);
    sim.talk(Duration::from_secs(1));
    sim
}

/// What arrives at peer 0 from peer 1 in the next second.
fn heard_in_a_second(sim: &mut Sim) -> usize {
    sim.peers[0].arrived.clear();
    sim.talk(Duration::from_secs(1));
    sim.peers[0].numbers(sim.peers[1].track(Source::Microphone)).len()
}

#[test]
fn a_reload_replaces_the_session_and_the_others_hear_the_same_participant_go_on() {
    let mut sim = two_party();
    sim.peers[1] = Peer::new(sim.now, 2, Protocol::Udp);
    sim.events.clear();
    let started = sim.now;
    sim.reconnect(1, &AV, &[]);
    sim.talk(Duration::from_millis(500));
    let (audio, video) = (sim.peers[1].track(Source::Microphone), sim.peers[1].track(Source::Camera));
    assert!(sim.now - started < Duration::from_secs(2));
    assert!(sim.peers[0].numbers(audio).len() > 20, "audio goes on without a new subscription");
    assert!(sim.peers[0].numbers(video).len() > 20, "video too");
    assert_eq!(sim.engine.counters().sessions, 2, "no ghost twin");
    let ended = |event: &&MediaEvent| {
        matches!(event, MediaEvent::SessionEnded { .. } | MediaEvent::TrackUnpublished { .. })
    };
    assert_eq!(sim.events.iter().filter(ended).count(), 0);
}

#[test]
fn an_idle_m_line_goes_on_where_it_stopped_when_it_is_used_again() {
    let mut sim = two_party();
    let track = sim.peers[1].track(Source::Camera);
    let line = sim.peers[0].line(track).expect("subscribed");
    let kept: Vec<_> = sim.peers[0].subscribe.iter().copied().filter(|(mid, _)| *mid != line).collect();
    let all = std::mem::replace(&mut sim.peers[0].subscribe, kept);
    sim.resubscribe(0);
    sim.talk(Duration::from_millis(500));
    let before = sim.peers[0].packets(line).last().expect("video arrived").sequence;
    sim.peers[0].arrived.clear();
    sim.peers[0].subscribe = all;
    sim.resubscribe(0);
    sim.talk(Duration::from_millis(500));
    let packets = sim.peers[0].packets(line);
    assert!(packets.len() > 30);
    assert_eq!(packets[0].sequence, before + 1, "the receiver's SRTP index goes on from here");
}

/// RFC 5763 §5; browsers offer `actpass`, in each m-line.
#[test]
fn who_leaves_the_choice_becomes_the_dtls_server_and_stays_it() {
    let mut sim = two_party();
    let restart = sim.peers[1].ice_restart_offer();
    let again = sim.renegotiate(1, restart).expect("accepted");
    let mut peer = Peer::new(sim.now, 3, Protocol::Udp);
    let mut offer = peer.offer(&AV, &[]);
    sim.peers.push(peer);
    let first = sim.connect(2, offer.clone()).expect("accepted");
    let lines = offer.offer.lines().filter(|line| *line != "a=setup:actpass");
    let (session, media): (Vec<_>, Vec<_>) = {
        let mut media = false;
        lines.partition(|line| {
            media |= line.starts_with("m=");
            !media
        })
    };
    offer.offer = [session, vec!["a=setup:actpass"], media].concat().join("\n") + "\n";
    let for_all = sim.connect(2, offer).expect("accepted");
    for answer in [again, first, for_all] {
        let setups: Vec<_> = answer.0.lines().filter(|line| line.starts_with("a=setup:")).collect();
        assert!(!setups.is_empty() && setups.iter().all(|line| *line == "a=setup:active"), "{setups:?}");
    }
}

#[test]
fn an_ice_restart_keeps_media_flowing_and_leads_to_the_same_session() {
    let mut sim = two_party();
    let negotiation = sim.peers[1].ice_restart_offer();
    let answer = sim.renegotiate(1, negotiation).expect("accepted");
    let ufrag = answer.0.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).expect("credentials");
    assert!(ufrag.starts_with("m000001"), "worker 0, slot 1: {ufrag}");
    // From another address: only the new credentials can lead it to its session.
    sim.peers[1].address.set_port(6000);
    sim.apply(1, &answer);
    let heard = heard_in_a_second(&mut sim);
    assert!(heard > 40, "{heard} of 50");
    assert_eq!(sim.engine.counters().sessions, 2);
}

#[test]
fn a_silent_browser_is_reported_and_given_up_after_the_configured_time() {
    let mut sim = two_party();
    let second = sim.peers[1].id;
    sim.peers.pop();
    sim.events.clear();
    let started = sim.now;
    let mut lost = None;
    let mut ended = None;
    while ended.is_none() && sim.now - started < Duration::from_secs(60) {
        sim.run_for(Duration::from_millis(100));
        for event in sim.events.drain(..) {
            match event {
                MediaEvent::Disconnected { participant, .. } if participant == second => {
                    lost = Some(sim.now - started);
                }
                MediaEvent::SessionEnded { participant, why, .. } if participant == second => {
                    assert_eq!(why, SessionEnd::Timeout);
                    ended = Some(sim.now - started);
                }
                _ => {}
            }
        }
    }
    let (lost, ended) = (lost.expect("reported"), ended.expect("given up"));
    assert!(
        (lost + Duration::from_secs(19)..=lost + Duration::from_secs(21)).contains(&ended),
        "{lost:?} {ended:?}"
    );
}

#[test]
fn media_that_moves_to_a_new_address_is_followed_after_one_connectivity_check() {
    let mut sim = two_party();
    sim.peers[1].address.set_port(7000);
    let heard = heard_in_a_second(&mut sim);
    assert!(heard <= 50);
    sim.talk(Duration::from_secs(4));
    let heard = heard_in_a_second(&mut sim);
    assert!(heard > 40, "{heard} of 50 after the browser's next check");
}

#[test]
fn ice_tcp_carries_a_call_too() {
    let mut sim = Sim::new(config());
    sim.join(Protocol::Tcp, &AV, &[]);
    let first = AV.map(|source| sim.peers[0].track(source));
    sim.join(Protocol::Udp, &AV, &first);
    sim.talk(Duration::from_secs(2));
    assert!(sim.peers[1].numbers(first[0]).len() > 80);
    assert!(sim.peers[1].numbers(first[1]).len() > 200);
}

#[test]
fn offers_that_make_no_sense_are_refused_with_a_reason_and_disturb_nobody() {
    let mut sim = two_party();
    let good = Peer::new(sim.now, 3, Protocol::Udp).offer(&AV, &[]);
    let with = |offer: String| Negotiation { offer, ..good.clone() };
    let many = |line: &str, count| with(good.offer.clone() + &line.repeat(count));
    let mut twice = good.clone();
    twice.publish[1] = twice.publish[0].clone();
    let mut unknown = good.clone();
    unknown.publish[0].mid = "nope".into();
    let mut crossed = good.clone();
    let (microphone, camera) = (crossed.publish[0].mid.clone(), crossed.publish[1].mid.clone());
    crossed.publish[0].mid = camera;
    crossed.publish[1].mid = microphone;
    let mut screen = good.clone();
    screen.publish[1].source = Source::Screen;
    sim.peers.push(Peer::new(sim.now, 3, Protocol::Udp));
    for (case, negotiation) in [
        ("empty", with(String::new())),
        ("prose", with("hello".into())),
        ("truncated", with(good.offer[..good.offer.len() / 2].to_owned())),
        (
            "no fingerprint",
            with(
                good.offer
                    .lines()
                    .filter(|line| !line.contains("fingerprint"))
                    .map(|line| format!("{line}\r\n"))
                    .collect(),
            ),
        ),
        ("too long", many("a=x\r\n", 14_000)),
        ("too many m-lines", many("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", 40)),
        ("too many candidates", many("a=candidate:1 1 udp 1 10.0.0.9 9 typ host\r\n", 70)),
        ("published twice", twice),
        ("unknown m-line", unknown),
        ("audio as video", crossed),
    ] {
        let error = sim.connect(2, negotiation).err();
        assert!(matches!(error, Some(MediaError::Sdp(_))), "{case}: {error:?}");
    }
    assert!(matches!(sim.connect(2, screen).err(), Some(MediaError::NotGranted(Source::Screen))));
    sim.peers.pop();
    assert_eq!(sim.engine.counters().sessions, 2);
    assert!(heard_in_a_second(&mut sim) > 40, "the call goes on");
}

#[test]
fn candidates_in_an_offer_never_make_the_server_send_anything() {
    let mut sim = two_party();
    let mut negotiation = Peer::new(sim.now, 3, Protocol::Udp).offer(&AV, &[]);
    for target in ["169.254.169.254 80", "127.0.0.1 22", "10.9.9.9 5000"] {
        negotiation.offer += &format!("a=candidate:1 1 udp 2130706431 {target} typ host\r\n");
    }
    sim.peers.push(Peer::new(sim.now, 3, Protocol::Udp));
    sim.connect(2, negotiation).expect("accepted");
    sim.peers[2].outbox.clear();
    sim.strays = 0;
    sim.talk(Duration::from_secs(3));
    assert_eq!(sim.strays, 0);
}

#[test]
fn public_addresses_are_advertised_beside_the_private_one_on_udp_and_tcp() {
    let public = vec![
        "203.0.113.5:3480".parse().expect("an address"),
        "198.51.100.7:3480".parse().expect("an address"),
    ];
    let mut sim = Sim::new(EngineConfig { public, ..config() });
    sim.peers.push(Peer::new(sim.now, 1, Protocol::Udp));
    let negotiation = sim.peers[0].offer(&AV, &[]);
    let answer = sim.connect(0, negotiation).expect("accepted").0;
    for address in ["10.0.1.1", "203.0.113.5", "198.51.100.7"] {
        for transport in ["udp", "tcp"] {
            let advertised = |line: &str| {
                line.starts_with("a=candidate:")
                    && line.contains(&format!(" {address} 3480 typ host"))
                    && line.to_lowercase().contains(&format!(" {transport} "))
            };
            assert!(answer.lines().any(advertised), "{transport} {address} in {answer}");
        }
    }
    assert!(answer.contains("tcptype passive"));
}

#[test]
fn leaving_frees_everything() {
    let mut sim = two_party();
    sim.command(MediaCommand::CloseRoom { room: room() });
    let counters = sim.engine.counters();
    assert_eq!((counters.sessions, counters.rooms), (0, 0));
}
