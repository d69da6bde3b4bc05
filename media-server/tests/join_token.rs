//! Who gets in: join tokens at the door of a running node.

#[expect(dead_code, reason = "other test files use the rest of it")]
mod support;

use std::time::Instant;

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::{Algorithm, EncodingKey, Header, get_current_timestamp};
use media_server::{JoinClaims, MediaError, Negotiation, Source, TokenError};
use str0m::net::Protocol;
use support::node::{Node, claims, participant_id, room_id, sign, signing_key};
use support::peer::Peer;

const AV: [Source; 2] = [Source::Microphone, Source::Camera];

fn offer(publish: &[Source]) -> Negotiation {
    peer().offer(publish, &[])
}

#[expect(clippy::disallowed_methods, reason = "offers are made, no time passes")]
fn peer() -> Peer {
    Peer::new(Instant::now(), 1, Protocol::Udp)
}

async fn refusal(node: &Node, token: &str) -> Option<MediaError> {
    node.server.connect(token, offer(&AV)).await.err()
}

/// `header.payload.signature` put together by hand.
fn forged(header: &str, claims: &JoinClaims, signature: &[u8]) -> String {
    let payload = serde_json::to_vec(claims).expect("encodable");
    [header.as_bytes(), &payload, signature].map(|part| BASE64.encode(part)).join(".")
}

#[tokio::test]
async fn only_a_fresh_token_of_the_right_key_audience_and_issuer_opens_the_door() {
    let node = Node::start(1);
    let good = claims(room_id(1), participant_id(1));
    let now = get_current_timestamp();
    let other_key: Ed25519KeyPair = signing_key();
    for (case, claims) in [
        ("audience of access tokens", JoinClaims { aud: "auscult-api".into(), ..good.clone() }),
        ("another issuer", JoinClaims { iss: "someone".into(), ..good.clone() }),
        ("not valid yet", JoinClaims { nbf: now + 30, ..good.clone() }),
    ] {
        let error = refusal(&node, &node.token(&claims)).await;
        assert!(matches!(error, Some(MediaError::Token(TokenError::Invalid))), "{case}: {error:?}");
    }
    let expired = JoinClaims { exp: now - 30, ..good.clone() };
    let error = refusal(&node, &node.token(&expired)).await;
    assert!(matches!(error, Some(MediaError::Token(TokenError::Expired))), "{error:?}");
    let genuine = node.token(&good);
    let (signed, signature) = genuine.rsplit_once('.').expect("three parts");
    let hmac = EncodingKey::from_secret(node.public_key().as_slice());
    for (case, token) in [
        ("another key", sign(&good, &other_key)),
        ("alg none", forged(r#"{"typ":"JWT","alg":"none"}"#, &good, &[])),
        ("alg none, signature kept", forged(r#"{"typ":"JWT","alg":"none"}"#, &good, &[7; 64])),
        (
            "HMAC with the public key as secret",
            jsonwebtoken::encode(&Header::new(Algorithm::HS256), &good, &hmac).expect("signed"),
        ),
        ("no signature", format!("{signed}.")),
        ("signature of other claims", {
            let other = JoinClaims { publish: vec![Source::Screen], ..good.clone() };
            let payload = BASE64.encode(serde_json::to_vec(&other).expect("encodable"));
            let (header, _) = signed.split_once('.').expect("two parts");
            format!("{header}.{payload}.{signature}")
        }),
        ("prose", "hello".into()),
        ("nothing", String::new()),
    ] {
        let error = refusal(&node, &token).await;
        assert!(matches!(error, Some(MediaError::Token(TokenError::Invalid))), "{case}: {error:?}");
    }
    node.server.connect(&genuine, offer(&AV)).await.expect("the genuine one is accepted");
    node.server.shutdown().await;
}

#[tokio::test]
async fn a_token_of_one_room_cannot_touch_another() {
    let node = Node::start(1);
    let (ours, theirs, me, them) = (room_id(1), room_id(2), participant_id(1), participant_id(2));
    node.server.connect(&node.token(&claims(ours, me)), offer(&AV)).await.expect("accepted");
    node.server.connect(&node.token(&claims(theirs, them)), offer(&AV)).await.expect("accepted");
    for (room, participant) in [(theirs, me), (ours, them), (room_id(3), me)] {
        let error = node.server.renegotiate(room, participant, offer(&AV)).await.err();
        assert!(matches!(error, Some(MediaError::NoSuchParticipant)), "{room} {participant}: {error:?}");
    }
    node.server.shutdown().await;
}

#[tokio::test]
async fn a_source_that_the_grant_does_not_list_is_refused_first_and_later() {
    let node = Node::start(1);
    let room = room_id(1);
    let listen_only = JoinClaims { publish: vec![Source::Microphone], ..claims(room, participant_id(1)) };
    let token = node.token(&listen_only);
    let refused = node.server.connect(&token, offer(&AV)).await.err();
    assert!(matches!(refused, Some(MediaError::NotGranted(Source::Camera))), "{refused:?}");
    let mut peer = peer();
    let negotiation = peer.offer(&[Source::Microphone], &[]);
    node.server.connect(&token, negotiation).await.expect("accepted");
    let refused = node.server.renegotiate(room, participant_id(1), offer(&AV)).await.err();
    assert!(matches!(refused, Some(MediaError::NotGranted(Source::Camera))), "{refused:?}");
    node.server.shutdown().await;
}
