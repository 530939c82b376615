//! Tokens that other projects made, with the keys that they publish.

use std::path::Path;

use casemate_cose::UnixTime;
use casemate_evidence::{Endorsement, Endorsements, Format, KeyOwner, Platform, cca};
use casemate_testkit::vectors;
use serde_json::Value;

use crate::{
    assert_refused,
    keys::{key, spki_of_jwk},
    noise::Accepted,
    read, unbound,
};

/// Tokens have no clock and keys no dates: any time will do.
const AT: UnixTime = UnixTime(1_766_669_400);

fn json(vectors: &Path, file: &str) -> Value {
    serde_json::from_slice(&read(vectors, file)).unwrap()
}

/// The one platform in a file of trust anchors.
fn anchor(vectors: &Path, file: &str) -> Endorsement {
    let anchor = &json(vectors, file)[0];
    let id = hex::decode(anchor["instance-id"].as_str().unwrap()).unwrap();
    key(KeyOwner::Cca, &id, spki_of_jwk(&anchor["pkey"]).unwrap())
}

fn with(item: Endorsement) -> Endorsements {
    Endorsements::default().with(item)
}

#[test]
fn the_first_token_is_authentic_with_its_key() {
    let Some(vectors) = vectors("cca::real::the_first_token_is_authentic_with_its_key") else { return };
    let bytes = read(&vectors, "cca/cca-token-01.cbor");
    let outcome = unbound(Format::Cca, &bytes, &with(anchor(&vectors, "cca/ta-tfa.json")), AT).unwrap();
    assert_eq!(outcome.claims().at, AT);
    assert_eq!(outcome.claims().report_data.bytes, [0xab; 64]);
    assert_eq!(outcome.claims().manifest, None);
    assert!(!outcome.claims().debug);
    let Platform::Cca(claims) = &outcome.claims().platform else { panic!("no cca claims") };
    assert_eq!(claims.platform.profile, cca::Profile::Ssd1);
    assert_eq!(claims.platform.lifecycle_value, 12_291);
    agrees_with_reference_values(claims, &json(&vectors, "cca/rv.json"));
    // The same key, published by itself.
    let bare = spki_of_jwk(&json(&vectors, "cca/cpak.json")).unwrap();
    let outcome = unbound(Format::Cca, &bytes, &with(key(KeyOwner::Cca, &claims.platform.instance_id, bare)), AT);
    crate::assert_accepted("cpak.json", outcome);
}

/// What the makers of the token list as its reference values.
fn agrees_with_reference_values(claims: &cca::Claims, values: &Value) {
    let same = |actual: &[u8], value: &Value| assert_eq!(hex::encode_upper(actual), value.as_str().unwrap());
    let platform = &values["platform"][1];
    same(&claims.platform.implementation_id, &platform["implementation-id"]);
    same(&claims.platform.config, &platform["platform-configuration"]);
    for (actual, value) in claims.platform.software.iter().zip(platform["sw-components"].as_array().unwrap()) {
        assert_eq!(actual.kind.as_deref(), value["component-type"].as_str());
        assert_eq!(actual.version.as_deref(), value["version"].as_str());
        same(&actual.measurement, &value["measurement-value"]);
        same(&actual.signer, &value["signer-id"]);
    }
    let realm = &values["realm"][0];
    same(&claims.realm.personalization, &realm["personalization-value"]);
    same(&claims.realm.initial_measurement, &realm["initial-measurement"]);
    for (actual, value) in
        claims.realm.extensible_measurements.iter().zip(realm["extensible-measurements"].as_array().unwrap())
    {
        same(actual, value);
    }
    assert_eq!(claims.realm.public_key_hash_algorithm, realm["rak-hash-algorithm"].as_str().unwrap());
}

#[test]
fn the_second_token_is_authentic_with_its_key() {
    let Some(vectors) = vectors("cca::real::the_second_token_is_authentic_with_its_key") else { return };
    let bytes = read(&vectors, "cca/cca-token-02.cbor");
    let outcome = unbound(Format::Cca, &bytes, &with(anchor(&vectors, "cca/ta-02-ok.json")), AT).unwrap();
    let Platform::Cca(claims) = &outcome.claims().platform else { panic!("no cca claims") };
    assert_eq!(claims.realm.initial_measurement.len(), 64);
    assert_eq!(claims.realm.public_key_hash_algorithm, "sha-512");
    // Half of two keys: a point that is not on the curve.
    let half = with(anchor(&vectors, "cca/ta-02-bad.json"));
    assert_refused("key_off_the_curve", unbound(Format::Cca, &bytes, &half, AT), "cca-platform-key");
}

#[test]
fn keys_of_others_are_refused() {
    let Some(vectors) = vectors("cca::real::keys_of_others_are_refused") else { return };
    let (first, second) = (read(&vectors, "cca/cca-token-01.cbor"), read(&vectors, "cca/cca-token-02.cbor"));
    for (crime, bytes, file) in [
        ("first_with_the_seconds_key", &first, "cca/ta-02-ok.json"),
        ("second_with_the_firsts_key", &second, "cca/ta-tfa.json"),
        ("first_with_a_third_platforms_key", &first, "cca/ta.json"),
        ("second_with_a_third_platforms_key", &second, "cca/ta.json"),
    ] {
        let outcome = unbound(Format::Cca, bytes, &with(anchor(&vectors, file)), AT);
        assert_refused(crime, outcome, "cca-unknown-platform");
    }
    let id = |byte: u8| [vec![1], vec![byte; 32]].concat();
    let theirs = with(key(KeyOwner::Cca, &id(2), spki_of_jwk(&json(&vectors, "cca/pkey.json")).unwrap()));
    assert_refused("another_key_under_its_id", unbound(Format::Cca, &second, &theirs, AT), "cca-platform-signature");
    let large = with(key(KeyOwner::Cca, &id(2), spki_of_jwk(&json(&vectors, "cca/cpak.json")).unwrap()));
    assert_refused("a_larger_key_under_its_id", unbound(Format::Cca, &second, &large, AT), "cca-platform-key-kind");
    let psa = with(key(KeyOwner::Psa, &id(2), spki_of_jwk(&json(&vectors, "cca/ta-02-ok.json")[0]["pkey"]).unwrap()));
    assert_refused("its_key_as_a_psa_devices", unbound(Format::Cca, &second, &psa, AT), "cca-unknown-platform");
}

#[test]
fn noise_is_refused() {
    let Some(vectors) = vectors("cca::real::noise_is_refused") else { return };
    for (token, keys) in [("cca/cca-token-01.cbor", "cca/ta-tfa.json"), ("cca/cca-token-02.cbor", "cca/ta-02-ok.json")]
    {
        let (bytes, endorsements) = (read(&vectors, token), with(anchor(&vectors, keys)));
        let accepted = Accepted { format: Format::Cca, bytes: &bytes, endorsements: &endorsements, at: AT };
        accepted.cache_changes_nothing();
        accepted.truncations_are_refused();
        accepted.mutations_never_panic();
        accepted.flips_are_refused(1);
    }
}
