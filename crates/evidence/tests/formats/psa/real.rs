//! Tokens that other projects made, with the keys that they publish.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use casemate_cose::UnixTime;
use casemate_evidence::{Endorsements, Format, KeyOwner, Platform, Stated, authenticate, psa};
use casemate_testkit::vectors;
use serde_json::Value;

use crate::{
    assert_accepted, assert_refused,
    keys::{key, spki_of_jwk, spki_of_pem},
    noise::Accepted,
    read, unbound,
};

/// Tokens have no clock and keys no dates: any time will do.
const AT: UnixTime = UnixTime(1_766_669_400);

fn json(vectors: &Path, file: &str) -> Value {
    serde_json::from_slice(&read(vectors, file)).unwrap()
}

/// The key in a file of trust anchors, as PEM in JSON.
fn pem_key(vectors: &Path, file: &str) -> Result<Vec<u8>, String> {
    spki_of_pem(json(vectors, file)["attributes"]["iak-pub"].as_str().unwrap())
}

/// The instance id of an anchor or a token's claims in JSON.
fn instance(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

/// Each token, the claims that its makers list, and the key that signed it.
fn tokens(vectors: &Path) -> [(&'static str, &'static str, Endorsements); 3] {
    let anchor = instance(&json(vectors, "psa/ta-integ-endorsements.json")["attributes"]["inst-id"]);
    let integ = pem_key(vectors, "psa/ta-integ-endorsements.json").unwrap();
    let jwk = spki_of_jwk(&json(vectors, "psa/token-ec.p256.jwk")).unwrap();
    // The anchor of this token names another instance than the token does.
    let own = instance(&json(vectors, "psa/psa-token.json")["psa-instance-id"]);
    let first = pem_key(vectors, "psa/ta-endorsements.json").unwrap();
    let of = |id: &[u8], spki: Vec<u8>| Endorsements::default().with(key(KeyOwner::Psa, id, spki));
    [
        ("psa/psa-token.cbor", "psa/psa-token.json", of(&own, first)),
        ("psa/psaintegtoken.cbor", "psa/token-psa.good.json", of(&anchor, integ)),
        ("psa/token-psa.good.cose", "psa/token-psa.good.json", of(&anchor, jwk)),
    ]
}

#[test]
fn tokens_are_authentic_with_their_keys() {
    let Some(vectors) = vectors("psa::real::tokens_are_authentic_with_their_keys") else { return };
    for (file, listed, endorsements) in tokens(&vectors) {
        let bytes = read(&vectors, file);
        let outcome = unbound(Format::Psa, &bytes, &endorsements, AT).unwrap();
        let listed = json(&vectors, listed);
        let Platform::Psa(claims) = &outcome.claims().platform else { panic!("no psa claims") };
        assert_eq!(claims.instance_id.as_slice(), instance(&listed["psa-instance-id"]), "{file}");
        assert_eq!(claims.implementation_id.as_slice(), instance(&listed["psa-implementation-id"]), "{file}");
        assert_eq!(claims.boot_seed, Some(instance(&listed["psa-boot-seed"])), "{file}");
        assert_eq!(i64::from(claims.client_id), listed["psa-client-id"].as_i64().unwrap(), "{file}");
        assert_eq!(claims.lifecycle_value, 0x3000, "{file}");
        let components = listed["psa-software-components"].as_array().unwrap();
        assert_eq!(claims.software.len(), components.len(), "{file}");
        for (actual, value) in claims.software.iter().zip(components) {
            assert_eq!(actual.kind.as_deref(), value["measurement-type"].as_str(), "{file}");
            assert_eq!(actual.signer, instance(&value["signer-id"]), "{file}");
        }
        let nonce = instance(&listed["psa-nonce"]);
        let evidence = casemate_evidence::Evidence::new(Format::Psa, bytes);
        assert_accepted(file, authenticate(&evidence, &endorsements, &Stated::new(nonce.clone()), AT));
        let mut off = nonce;
        off[0] ^= 1;
        assert_refused(file, authenticate(&evidence, &endorsements, &Stated::new(off), AT), "evidence-binding");
    }
}

#[test]
fn profiles_are_told_apart() {
    let Some(vectors) = vectors("psa::real::profiles_are_told_apart") else { return };
    for ((file, _, endorsements), profile) in
        tokens(&vectors).into_iter().zip([psa::Profile::Iot1, psa::Profile::Psa2, psa::Profile::Psa2])
    {
        let outcome = unbound(Format::Psa, &read(&vectors, file), &endorsements, AT).unwrap();
        let Platform::Psa(claims) = &outcome.claims().platform else { panic!("no psa claims") };
        assert_eq!(claims.profile, profile, "{file}");
    }
}

#[test]
fn keys_of_others_are_refused() {
    let Some(vectors) = vectors("psa::real::keys_of_others_are_refused") else { return };
    let [(first, _, first_key), (second, _, second_key), _] = tokens(&vectors);
    let (first, second) = (read(&vectors, first), read(&vectors, second));
    assert_refused("anothers_device", unbound(Format::Psa, &first, &second_key, AT), "psa-unknown-device");
    assert_refused("anothers_device", unbound(Format::Psa, &second, &first_key, AT), "psa-unknown-device");
    let id = instance(&json(&vectors, "psa/ta-endorsements.json")["attributes"]["inst-id"]);
    let other = pem_key(&vectors, "psa/ta-endorsements.json").unwrap();
    let under_its_id = Endorsements::default().with(key(KeyOwner::Psa, &id, other));
    assert_refused("another_key_under_its_id", unbound(Format::Psa, &second, &under_its_id, AT), "psa-signature");
}

#[test]
fn bad_anchors_are_no_keys() {
    let Some(vectors) = vectors("psa::real::bad_anchors_are_no_keys") else { return };
    for (file, reason) in [
        ("psa/ta-bad-key.json", "subjectPublicKeyInfo"),
        ("psa/ta-bad-key-header.json", "no `-----BEGIN PUBLIC KEY-----`"),
        ("psa/ta-bad-key-private-key.json", "no `-----BEGIN PUBLIC KEY-----`"),
    ] {
        let refused = pem_key(&vectors, file).unwrap_err();
        assert!(refused.contains(reason), "{file}: {refused}");
    }
}

#[test]
fn noise_is_refused() {
    let Some(vectors) = vectors("psa::real::noise_is_refused") else { return };
    for (file, _, endorsements) in tokens(&vectors) {
        let bytes = read(&vectors, file);
        let accepted = Accepted { format: Format::Psa, bytes: &bytes, endorsements: &endorsements, at: AT };
        accepted.cache_changes_nothing();
        accepted.truncations_are_refused();
        accepted.mutations_never_panic();
        accepted.flips_are_refused(1);
    }
}
