//! What everybody else in a call notices while somebody with a valid token sends the most expensive offers there are.

#[expect(dead_code, reason = "one person speaks here; there is no video")]
#[path = "support/client.rs"]
mod client;
#[expect(dead_code, reason = "other test files use the rest of it")]
mod support;

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use client::{Client, Network};
use media_server::{MediaError, Negotiation, Source, TrackId};
use support::node::{Node, claims, participant_id, room_id};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Joins under way at any time; the worker of the call handles all of them.
const ATTACKERS: u128 = 48;
const PACKETS: usize = 40;
/// An offer takes up to a tenth of that. Debug builds take ten times as long.
const LONGEST_STALL: Duration = Duration::from_millis(if cfg!(debug_assertions) { 1000 } else { 150 });

/// As long as is allowed, and refused only at its end: what has been read until then is read again for the message.
fn bomb() -> Negotiation {
    let mut offer = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n\
                     c=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtpmap:96 VP8/90000\r\n"
        .to_owned();
    for number in 0..1800 {
        write!(offer, "a=fingerprint:sha-256 AB:{number}\r\n").expect("text");
    }
    assert!((50_000..65_536).contains(&offer.len()), "{}", offer.len());
    Negotiation { request: 1, offer, publish: Vec::new(), subscribe: Vec::new() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_goes_on_while_offers_that_take_long_arrive_all_the_time() {
    let node = Arc::new(Node::start(1));
    let mut speaker = Client::join(&node, room_id(1), participant_id(1), Network::Udp, &[]).await;
    let microphone = TrackId { participant: speaker.id, source: Source::Microphone };
    let mut listener = Client::join(&node, room_id(1), participant_id(2), Network::Udp, &[microphone]).await;
    let exploded = Arc::new(AtomicUsize::new(0));
    let mut attackers = JoinSet::new();
    for number in 0..ATTACKERS {
        let (node, exploded, bomb) = (Arc::clone(&node), Arc::clone(&exploded), bomb());
        let token = node.token(&claims(room_id(100 + number), participant_id(100 + number)));
        attackers.spawn(async move {
            loop {
                let refused = node.server.connect(&token, bomb.clone()).await.map(drop);
                // Whoever waits for more than 5 s is told that the worker is gone.
                assert!(matches!(refused, Err(MediaError::Sdp(_) | MediaError::WorkerGone)), "{refused:?}");
                exploded.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let mut stalls = Vec::with_capacity(PACKETS);
    for _ in 0..PACKETS {
        let sent = Instant::now();
        speaker.send_audio().await;
        let (number, _) = speaker.sent();
        listener.until("heard", |seen| seen.audio.last().is_some_and(|last| last.number == number)).await;
        stalls.push(sent.elapsed());
    }
    assert!(attackers.try_join_next().is_none(), "all of them go on");
    attackers.shutdown().await;
    stalls.sort_unstable();
    let [median, longest] = [stalls[PACKETS / 2], stalls[PACKETS - 1]];
    let exploded = exploded.load(Ordering::Relaxed);
    assert!(exploded > PACKETS / 2, "{exploded}: the worker was kept busy");
    assert!(longest < LONGEST_STALL, "median {median:?}, longest {longest:?}, {exploded} offers");
}
