//! Crimes against keys, states and bindings of an Arm of our own.

use casemate_cose::Digest;
use casemate_evidence::{
    AllowDebug, Authenticated, Binding, Bound, DangerouslyUnbound, Endorsements, Evidence, Expectation, Format,
    KeyOwner, Refusal, Role, Stated, authenticate,
};
use casemate_testkit::{
    NOW, cbor,
    cose::Envelope,
    pki::{Algorithm, Key},
    vendor::arm::{Arm, CHALLENGE, Cca, CcaToken, INSTANCE_ID, MANIFEST, collection, cose_key, cose_key_map},
};

use super::{Crime, all_refused, endorsements, refused};
use crate::{assert_accepted, assert_refused, keys::key};

const REALM_KEYS_PLATFORM1: &[Crime] = &[
    ("public_key_hash_swapped", |_, token| token.realm.set(44_240, cbor::text("sha-512")), "cca-realm-key-binding", ""),
    ("public_key_hash_unknown", |_, token| token.realm.set(44_240, cbor::text("sha-224")), "cca-layout", "sha-224"),
    ("realm_key_not_bound", |_, token| token.platform.set(10, cbor::bytes(&[7; 32])), "cca-realm-key-binding", ""),
    (
        "realm_key_replaced",
        |_, token| token.realm.set(44_237, cbor::bytes(&cose_key(&Key::new(Algorithm::P384), 2))),
        "cca-realm-key-binding",
        "",
    ),
    (
        "realm_key_of_another_bound",
        |_, token| token.set_realm_key(&cose_key(&Key::new(Algorithm::P384), 2)),
        "cca-realm-signature",
        "",
    ),
    (
        "realm_key_raw_in_the_newer_profile",
        |arm, token| token.set_realm_key(&arm.realm_key.public()),
        "cca-realm-key",
        "",
    ),
    (
        "realm_key_on_another_curve",
        |arm, token| token.set_realm_key(&cose_key(&arm.realm_key, 1)),
        "cca-realm-key",
        "coordinates",
    ),
    (
        "realm_key_on_an_unknown_curve",
        |arm, token| token.set_realm_key(&cose_key(&arm.realm_key, 8)),
        "cca-realm-key",
        "crv",
    ),
    (
        "realm_key_symmetric",
        |arm, token| {
            let mut key = cose_key_map(&arm.realm_key, 2);
            key.set(&cbor::number(1), cbor::number(4));
            token.set_realm_key(&key.encode());
        },
        "cca-realm-key",
        "EC2",
    ),
    (
        "realm_key_without_y",
        |arm, token| {
            let mut key = cose_key_map(&arm.realm_key, 2);
            key.remove(&cbor::number(-3));
            token.set_realm_key(&key.encode());
        },
        "cca-realm-key",
        "x and y",
    ),
    (
        "realm_key_with_its_secret",
        |arm, token| {
            let mut key = cose_key_map(&arm.realm_key, 2);
            key.push(&cbor::number(-4), cbor::bytes(&[1; 48]));
            token.set_realm_key(&key.encode());
        },
        "cca-realm-key",
        "-4",
    ),
    (
        "realm_key_for_another_algorithm",
        |arm, token| {
            let mut key = cose_key_map(&arm.realm_key, 2);
            key.push(&cbor::number(3), cbor::number(-7));
            token.set_realm_key(&key.encode());
        },
        "cca-realm-key",
        "alg",
    ),
    (
        "realm_key_with_a_trailing_byte",
        |arm, token| token.set_realm_key(&[cose_key(&arm.realm_key, 2), vec![0]].concat()),
        "cca-realm-key",
        "follow",
    ),
    (
        "realm_key_off_the_curve",
        |arm, token| {
            let mut key = cose_key_map(&arm.realm_key, 2);
            key.set(&cbor::number(-3), cbor::bytes(&[1; 48]));
            token.set_realm_key(&key.encode());
        },
        "cca-realm-signature",
        "",
    ),
];

const REALM_KEYS_SSD1: &[Crime] = &[
    (
        "realm_key_as_cose_key_in_the_older_profile",
        |arm, token| token.set_realm_key(&cose_key(&arm.realm_key, 2)),
        "cca-realm-key",
        "97 bytes",
    ),
    (
        "realm_key_compressed",
        |arm, token| {
            let point = arm.realm_key.public();
            token.set_realm_key(&[&[2 | (point[96] & 1)], &point[1..49]].concat());
        },
        "cca-realm-key",
        "97 bytes",
    ),
    (
        "realm_profile_in_the_older_profile",
        |_, token| token.realm.set(265, cbor::text("tag:arm.com,2023:realm#1.0.0")),
        "cca-profile",
        "realm#1.0.0",
    ),
];

#[test]
fn realm_keys() {
    let arm = Arm::default();
    all_refused(&arm, Cca::Platform1, REALM_KEYS_PLATFORM1);
    all_refused(&arm, Cca::Ssd1, REALM_KEYS_SSD1);
    let mut small = Arm { realm_key: Key::new(Algorithm::P256), ..arm };
    let mut token = small.cca(Cca::Ssd1, Algorithm::P384);
    token.realm.envelope = Envelope::of(Algorithm::P256);
    refused(
        "realm_key_p256_in_the_older_profile",
        &small.sign_cca(&token),
        &endorsements(&small),
        ("cca-realm-key", "65 bytes"),
    );
    small.realm_key = Key::new(Algorithm::P384);
}

#[test]
fn tokens_of_others() {
    let (arm, other) = (Arm::default(), Arm::default());
    let (token, theirs) = (arm.cca(Cca::Platform1, Algorithm::P384), other.cca(Cca::Platform1, Algorithm::P384));
    let platform = |arm: &Arm, token: &CcaToken| token.platform.seal(&arm.key);
    let realm = |arm: &Arm, token: &CcaToken| token.realm.seal(&arm.realm_key);
    let ours = endorsements(&arm);
    let mixed = collection(&platform(&arm, &token), &realm(&other, &theirs));
    refused("realm_token_of_another_platform", &mixed, &ours, ("cca-realm-key-binding", ""));
    let mixed = collection(&platform(&other, &theirs), &realm(&arm, &token));
    refused("platform_token_of_another_device", &mixed, &ours, ("cca-platform-signature", ""));
    refused("tokens_of_another_device", &other.sign_cca(&theirs), &ours, ("cca-platform-signature", ""));
    let bytes = arm.sign_cca(&token);
    refused("no_platform_endorsed", &bytes, &Endorsements::default(), ("cca-unknown-platform", ""));
    let mut id = INSTANCE_ID;
    id[32] ^= 1;
    let near = Endorsements::default().with(key(KeyOwner::Cca, &id, arm.key.spki()));
    refused("instance_id_a_bit_off", &bytes, &near, ("cca-unknown-platform", ""));
    let keystone = Endorsements::default().with(key(KeyOwner::Keystone, &INSTANCE_ID, arm.key.spki()));
    refused("key_of_a_keystone_device", &bytes, &keystone, ("cca-unknown-platform", ""));
    let broken = Endorsements::default().with(key(KeyOwner::Cca, &INSTANCE_ID, arm.key.spki()[..80].to_vec()));
    refused("endorsed_key_cut", &bytes, &broken, ("cca-platform-key", ""));
    let realm_key = Endorsements::default().with(key(KeyOwner::Cca, &INSTANCE_ID, arm.realm_key.spki()));
    refused("realm_key_endorsed_as_the_platforms", &bytes, &realm_key, ("cca-platform-signature", ""));
}

fn judge<B: Expectation>(token: &CcaToken, arm: &Arm, expectation: &B) -> Result<Authenticated<B>, Refusal> {
    authenticate(&Evidence::new(Format::Cca, arm.sign_cca(token)), &endorsements(arm), expectation, NOW)
}

#[test]
fn lifecycles() {
    let arm = Arm::default();
    let judge_state = |state: i64| {
        let mut token = arm.cca(Cca::Platform1, Algorithm::P384);
        token.platform.set(2395, cbor::number(state));
        (judge(&token, &arm, &DangerouslyUnbound), judge(&token, &arm, &AllowDebug::new(DangerouslyUnbound)))
    };
    for state in [0x3000, 0x30ff] {
        assert_accepted("secured", judge_state(state).0);
    }
    for state in [0x4000, 0x40ff] {
        let (plain, admitted) = judge_state(state);
        assert_refused("non_rot_debug", plain, "evidence-debug");
        assert!(admitted.unwrap().claims().debug);
    }
    for (crime, state, rule) in [
        ("unknown", 0, "cca-lifecycle"),
        ("assembly_and_test", 0x1000, "cca-lifecycle"),
        ("provisioning", 0x20ff, "cca-lifecycle"),
        ("recoverable_rot_debug", 0x5000, "cca-lifecycle"),
        ("decommissioned", 0x6000, "cca-lifecycle"),
        ("just_beyond_secured", 0x3100, "cca-layout"),
        ("beyond_all_states", 0x7000, "cca-layout"),
        ("secured_in_the_low_bits", 0x1_3000, "cca-layout"),
        ("negative", -1, "cca-layout"),
    ] {
        let (plain, admitted) = judge_state(state);
        assert_refused(crime, plain, rule);
        assert_refused(crime, admitted, rule);
    }
}

#[test]
fn bindings() {
    let arm = Arm::default();
    let binding = Binding {
        role: Role::Keep,
        nonce: [1; 32],
        manifest: Digest::from_bytes(MANIFEST),
        exporter: [2; 32],
        own_key: Digest::of(b"own"),
        peer_key: Digest::of(b"peer"),
    };
    let bound = Bound::new(binding.clone());
    let mut token = arm.cca(Cca::Platform1, Algorithm::P384);
    assert_refused("challenge_of_another_session", judge(&token, &arm, &bound), "evidence-binding");
    token.realm.set(10, cbor::bytes(&binding.report_data()));
    assert_accepted("bound", judge(&token, &arm, &bound));
    for (crime, value) in [
        ("no_manifest", [[0; 32], [0; 32]].concat()),
        ("manifest_a_bit_off", [[0x3c; 32], [0; 32]].concat()),
        ("manifest_and_more", [MANIFEST, [1; 32]].concat()),
        ("manifest_in_the_second_half", [[0; 32], MANIFEST].concat()),
    ] {
        let mut token = token.clone();
        token.realm.set(44_235, cbor::bytes(&value));
        assert_refused(crime, judge(&token, &arm, &bound), "evidence-manifest");
    }
    let honest = arm.cca(Cca::Ssd1, Algorithm::P384);
    assert_accepted("stated", judge(&honest, &arm, &Stated::new(CHALLENGE.to_vec())));
    let mut off = CHALLENGE.to_vec();
    off[63] ^= 1;
    assert_refused("challenge_a_bit_off", judge(&honest, &arm, &Stated::new(off)), "evidence-binding");
    assert_refused("challenge_cut", judge(&honest, &arm, &Stated::new(CHALLENGE[..63].to_vec())), "evidence-binding");
}
