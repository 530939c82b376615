//! `ccatoken` and Casemate on the same Arm CCA tokens: the same answer, and the same claims.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{fs, path::Path};

use casemate_cose::UnixTime;
use casemate_evidence::{
    Authenticated, DangerouslyUnbound, Endorsement, Endorsements, Evidence, Format, KeyOwner, Platform, Refusal,
    authenticate, cca, public_key,
};
use casemate_testkit::vectors;
use ccatoken::{store::MemoTrustAnchorStore, token};
use serde_json::Value;

/// Tokens have no clock and keys no dates: any time will do.
const AT: UnixTime = UnixTime(1_766_669_400);
/// Tokens, and files of trust anchors for them or for others.
const TOKENS: [&str; 2] = ["cca-token-01.cbor", "cca-token-02.cbor"];
const ANCHORS: [&str; 4] = ["ta-tfa.json", "ta-02-ok.json", "ta-02-bad.json", "ta.json"];

fn read(vectors: &Path, file: &str) -> Vec<u8> {
    fs::read(vectors.join("cca").join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Casemate's answer. Keys that are none are left out, as nobody could endorse them.
fn ours(token: &[u8], anchors: &[u8]) -> Result<Authenticated<DangerouslyUnbound>, Refusal> {
    let anchors: Value = serde_json::from_slice(anchors).unwrap();
    let keys = anchors.as_array().unwrap().iter().filter_map(|anchor| {
        let id = unhex(anchor["instance-id"].as_str().unwrap());
        let spki = public_key(anchor["pkey"].to_string().as_bytes()).ok()?;
        Some(Endorsement::Key { owner: KeyOwner::Cca, id, spki })
    });
    let endorsements = Endorsements::default().with_all(keys);
    authenticate(&Evidence::new(Format::Cca, token.to_vec()), &endorsements, &DangerouslyUnbound, AT)
}

/// `ccatoken`'s: an error, or evidence with trust vectors that affirm that both parts were signed.
fn theirs(token: &[u8], anchors: &[u8]) -> Result<token::Evidence, String> {
    let mut store = MemoTrustAnchorStore::new();
    store.load_json(std::str::from_utf8(anchors).unwrap()).map_err(|error| format!("{error:?}"))?;
    let mut evidence = token::Evidence::decode(&token.to_vec()).map_err(|error| format!("{error:?}"))?;
    evidence.verify(&store).map_err(|error| format!("{error:?}"))?;
    let (platform, realm) = evidence.get_trust_vectors();
    let values = [platform.instance_identity.get(), realm.instance_identity.get()];
    // 2: `TRUSTWORTHY_INSTANCE` [draft-ietf-rats-ar4si, §2.3.4].
    if values == [2, 2] { Ok(evidence) } else { Err(format!("instance identities {values:?}")) }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|place| u8::from_str_radix(&text[place..place + 2], 16).unwrap()).collect()
}

fn assert_same_claims(ours: &cca::Claims, theirs: &token::Evidence) {
    let platform = &theirs.platform_claims;
    assert_eq!(ours.platform.instance_id, platform.inst_id);
    assert_eq!(ours.platform.implementation_id, platform.impl_id);
    assert_eq!(ours.platform.config, platform.config);
    assert_eq!(ours.platform.software.len(), platform.sw_components.len());
    for (ours, theirs) in ours.platform.software.iter().zip(&platform.sw_components) {
        assert_eq!(ours.measurement, theirs.mval);
        assert_eq!(ours.signer, theirs.signer_id);
    }
    let realm = &theirs.realm_claims;
    assert_eq!(ours.realm.personalization, realm.perso);
    assert_eq!(ours.realm.initial_measurement, realm.rim);
    assert_eq!(
        ours.realm.extensible_measurements.iter().map(Vec::as_slice).collect::<Vec<_>>(),
        realm.rem.iter().map(Vec::as_slice).collect::<Vec<_>>()
    );
    assert_eq!(ours.realm.public_key_hash_algorithm, realm.rak_hash_alg);
}

#[test]
fn every_token_with_every_key() {
    let Some(vectors) = vectors("oracles::cca::every_token_with_every_key") else { return };
    let mut accepted = 0;
    for token in TOKENS {
        for anchors in ANCHORS {
            let (bytes, anchors_bytes) = (read(&vectors, token), read(&vectors, anchors));
            match (ours(&bytes, &anchors_bytes), theirs(&bytes, &anchors_bytes)) {
                (Ok(ours), Ok(theirs)) => {
                    let Platform::Cca(claims) = &ours.claims().platform else { panic!("no cca claims") };
                    assert_eq!(ours.claims().report_data.bytes, theirs.realm_claims.challenge);
                    assert_same_claims(claims, &theirs);
                    accepted += 1;
                }
                (Err(_), Err(_)) => {}
                (ours, theirs) => panic!("{token} with {anchors}: {:?}, {:?}", ours.err(), theirs.err()),
            }
        }
    }
    assert_eq!(accepted, 2, "each with its own key");
}

#[test]
fn damaged_tokens() {
    let Some(vectors) = vectors("oracles::cca::damaged_tokens") else { return };
    for (token, anchors) in [("cca-token-01.cbor", "ta-tfa.json"), ("cca-token-02.cbor", "ta-02-ok.json")] {
        let (honest, anchors) = (read(&vectors, token), read(&vectors, anchors));
        for bit in (0..honest.len() * 8).step_by(37) {
            let mut bytes = honest.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            // What it panics over counts as refused.
            let theirs = std::panic::catch_unwind(|| theirs(&bytes, &anchors).is_ok()).unwrap_or(false);
            let ours = ours(&bytes, &anchors).is_ok();
            assert_eq!(ours, theirs, "{token}, bit {bit}");
        }
    }
}
