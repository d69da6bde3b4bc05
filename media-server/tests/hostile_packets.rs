//! What strangers send: nothing is answered, nothing panics, and a running call does not notice.

#[expect(dead_code, reason = "other test files use the rest of it")]
mod support;

use std::net::SocketAddr;
use std::time::Duration;

use media_server::Source;
use str0m::net::Protocol;
use support::sim::{Sim, config};

const AV: [Source; 2] = [Source::Microphone, Source::Camera];
const DATAGRAMS: u32 = 100_000;

struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// A STUN Binding request with our real ufrag but without the password: the best that a stranger can do.
fn unauthenticated_check(ufrag: &str, dice: &mut Dice) -> Vec<u8> {
    let username = format!("{ufrag}:evil");
    let padded = username.len().next_multiple_of(4);
    let mut message =
        vec![0, 1, 0, u8::try_from(8 + 4 + padded + 24).expect("short"), 0x21, 0x12, 0xa4, 0x42];
    message.extend(dice.bytes(12));
    message.extend([0, 0x24, 0, 4, 0x6e, 0, 1, 0xff]);
    message.extend([0, 6, 0, u8::try_from(username.len()).expect("short")]);
    message.extend(username.as_bytes());
    message.resize(20 + 8 + 4 + padded, 0);
    message.extend([0, 8, 0, 20]);
    message.extend(dice.bytes(20));
    message
}

#[test]
fn a_hundred_thousand_junk_datagrams_get_no_answer_and_disturb_no_call() {
    let mut sim = Sim::new(config());
    sim.join(Protocol::Udp, &AV, &[]);
    let first = AV.map(|source| sim.peers[0].track(source));
    sim.join(Protocol::Udp, &AV, &first);
    sim.talk(Duration::from_secs(1));
    // The credentials as anybody on the path sees them: in the answer to a third participant.
    let negotiation = support::peer::Peer::new(sim.now, 9, Protocol::Udp).offer(&AV, &[]);
    sim.peers.push(support::peer::Peer::new(sim.now, 9, Protocol::Udp));
    let answer = sim.connect(2, negotiation).expect("accepted").0;
    sim.peers.pop();
    let ufrag =
        answer.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).expect("credentials").to_owned();

    let mut dice = Dice(1);
    let before = sim.engine.counters();
    sim.peers[1].arrived.clear();
    for round in 0..100 {
        for index in 0..DATAGRAMS / 100 {
            let length = usize::try_from(dice.next() % 1400).expect("small");
            let mut junk = dice.bytes(length);
            let kind = index % 5;
            match (kind, junk.first_mut()) {
                (1, Some(first)) => *first = 0x80 | (*first & 0x3f),
                (2, Some(first)) => *first = 20 + *first % 44,
                (3, _) => junk = unauthenticated_check(&ufrag, &mut dice),
                (4, _) => {
                    junk = unauthenticated_check(&ufrag, &mut dice);
                    junk.truncate(length % junk.len());
                }
                _ => {}
            }
            let port = u16::try_from(dice.next() % 60_000 + 1024).expect("a port");
            sim.inject(SocketAddr::from(([203, 0, 113, (dice.next() % 250) as u8], port)), &junk);
        }
        sim.talk(Duration::from_millis(if round % 2 == 0 { 20 } else { 40 }));
    }
    let after = sim.engine.counters();
    assert_eq!(sim.strays, 0, "nothing was sent back");
    assert_eq!(after.session_panics, 0);
    let dropped = |counters: &media_server::Counters| {
        counters.dropped_unknown_source + counters.dropped_malformed + counters.dropped_unproven
    };
    assert_eq!(dropped(&after) - dropped(&before), u64::from(DATAGRAMS));
    assert!(after.dropped_unproven > 0, "the forged checks got as far as the integrity check");
    let numbers = sim.peers[1].numbers(first[0]);
    assert!(numbers.len() > 140, "{}", numbers.len());
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "not one audio packet was lost");
}

#[test]
fn junk_from_a_participants_own_address_ends_nobodys_session() {
    let mut sim = Sim::new(config());
    sim.join(Protocol::Udp, &AV, &[]);
    let first = AV.map(|source| sim.peers[0].track(source));
    sim.join(Protocol::Udp, &AV, &first);
    sim.talk(Duration::from_secs(1));
    let spoofed = sim.peers[0].address;
    let mut dice = Dice(2);
    for index in 0..20_000 {
        let length = usize::try_from(dice.next() % 300).expect("small");
        let mut junk = dice.bytes(length);
        if let Some(first) = junk.first_mut() {
            *first = [0x80, 22, 0, 21][index % 4];
        }
        sim.inject(spoofed, &junk);
    }
    sim.peers[1].arrived.clear();
    sim.talk(Duration::from_secs(2));
    let counters = sim.engine.counters();
    assert_eq!((counters.sessions, counters.session_panics), (2, 0));
    assert!(sim.peers[1].numbers(first[0]).len() > 80, "the call goes on");
    assert!(sim.peers[1].numbers(first[1]).len() > 200);
}

/// A genuine `ClientHello` of another client.
fn client_hello() -> &'static [u8] {
    &include_bytes!("../fuzz/corpus/datagram/dtls_hello_late")[4..]
}

/// A peer joins while `each` does something every millisecond; true when it is connected within two seconds.
fn joins(sim: &mut Sim, mut each: impl FnMut(&mut Sim, u64)) -> bool {
    sim.peers = vec![support::peer::Peer::new(sim.now, 1, Protocol::Udp)];
    let negotiation = sim.peers[0].offer(&AV, &[]);
    let answer = sim.connect(0, negotiation).expect("accepted");
    sim.apply(0, &answer);
    (0..2000).any(|millisecond| {
        each(sim, millisecond);
        sim.run_for(Duration::from_millis(1));
        sim.peers[0].connected
    })
}

/// A peer joins while `attack` does something every millisecond, given a number that counts them; the web client makes up
/// to four peer connections before it gives up. Whether it was connected, and how many of them were stopped.
fn joins_in_the_end(sim: &mut Sim, mut attack: impl FnMut(&mut Sim, u64)) -> (bool, u32) {
    let stopped = (0..4).take_while(|_| !joins(sim, &mut attack)).count();
    (stopped < 4, u32::try_from(stopped).expect("four"))
}

const JOINS: u32 = 1000;

#[test]
fn client_hellos_of_strangers_stop_none_of_a_thousand_joins() {
    let mut sim = Sim::new(config());
    let joined = (0..JOINS).filter(|_| {
        joins(&mut sim, |sim, millisecond| {
            let port = 2000 + u16::try_from(millisecond).expect("a port");
            sim.inject(SocketAddr::from(([203, 0, 113, 9], port)), client_hello());
        })
    });
    assert_eq!(joined.count(), 1000);
    assert_eq!(sim.strays, 0, "and got no answer");
}

/// The attacker knows address and port of every client and when it joins. The server is the DTLS client, so that a hello
/// is never what it waits for.
#[test]
fn forged_client_hellos_stop_none_of_a_thousand_joins() {
    let mut sim = Sim::new(config());
    let joined = (0..JOINS).filter(|_| {
        joins(&mut sim, |sim, _| {
            let client = sim.peers[0].address;
            sim.inject(client, client_hello());
        })
    });
    assert_eq!(joined.count(), 1000);
}

/// A `ServerHello` that nothing in DTLS 1.2 distinguishes from the client's own: right version and suite, DTLS-SRTP,
/// extended master secret, a random number of its own.
fn server_hello() -> Vec<u8> {
    let extensions =
        [&[0, 14, 0, 5, 0, 2, 0, 7, 0][..], &[0, 23, 0, 0], &[0, 11, 0, 2, 1, 0], &[0xff, 1, 0, 1, 0]]
            .concat();
    let mut body = vec![0xfe, 0xfd];
    body.extend([0x5a; 32]);
    body.extend([0, 0xc0, 0x2b, 0]);
    body.extend([0, u8::try_from(extensions.len()).expect("short")]);
    body.extend(extensions);
    let length = u8::try_from(body.len()).expect("short");
    let message = [&[2, 0, 0, length, 0, 0, 0, 0, 0, 0, 0, length][..], &body].concat();
    let record = [22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, u8::try_from(message.len()).expect("short")];
    [&record[..], &message].concat()
}

/// Who knows the port as well and answers for the client before it does stops the attempt, as DTLS 1.2 has it in either
/// role: the real answer is signed over a number that the forged one has replaced. One moment of the first hundred
/// milliseconds stops a third of the attempts and about one join in fifty.
#[test]
fn a_forged_server_hello_to_the_right_port_stops_an_attempt_but_seldom_the_join() {
    let mut dice = Dice(3);
    let mut sim = Sim::new(config());
    let (mut stopped, mut lost) = (0, 0);
    for _ in 0..200 {
        let mut at = 0;
        let (joined, failures) = joins_in_the_end(&mut sim, |sim, millisecond| {
            if millisecond == 0 {
                at = dice.next() % 100;
            }
            if millisecond == at {
                let client = sim.peers[0].address;
                sim.inject(client, &server_hello());
            }
        });
        stopped += failures;
        lost += u32::from(!joined);
    }
    assert!(stopped > 50, "{stopped} attempts were stopped");
    assert!(lost <= 10, "{lost} of 200 joins failed");
}
