//! `cca` evidence.

mod crimes;
mod keys;
mod real;

use casemate_cose::Digest;
use casemate_evidence::{Endorsements, Format, Isolation, KeyOwner, Platform, cca};
use casemate_testkit::{
    NOW, cbor,
    cose::Envelope,
    pki::{Algorithm, Key},
    vendor::arm::{Arm, CHALLENGE, Cca, CcaToken, INSTANCE_ID, MANIFEST, cose_key, cose_key_map},
};

use super::{assert_accepted, assert_refused, keys::key, noise::Accepted, unbound};

/// Endorses the platform of an Arm of our own.
fn endorsements(arm: &Arm) -> Endorsements {
    Endorsements::default().with(key(KeyOwner::Cca, &INSTANCE_ID, arm.key.spki()))
}

/// A crime, what it does, the rule that refuses it, and a word of the message.
type Crime = (&'static str, fn(&Arm, &mut CcaToken), &'static str, &'static str);

#[track_caller]
fn refused(crime: &str, bytes: &[u8], endorsements: &Endorsements, (rule, word): (&str, &str)) {
    let outcome = unbound(Format::Cca, bytes, endorsements, NOW);
    if let Err(refusal) = &outcome {
        assert!(refusal.to_string().contains(word), "`{crime}`: {refusal}");
    }
    assert_refused(crime, outcome, rule);
}

#[track_caller]
fn all_refused(arm: &Arm, profile: Cca, crimes: &[Crime]) {
    for (crime, commit, rule, word) in crimes {
        let mut token = arm.cca(profile, Algorithm::P384);
        commit(arm, &mut token);
        refused(crime, &arm.sign_cca(&token), &endorsements(arm), (rule, word));
    }
}

#[test]
fn honest_tokens_of_both_profiles_say_what_was_put_in() {
    let arm = Arm::default();
    for (profile, name) in
        [(Cca::Ssd1, "http://arm.com/CCA-SSD/1.0.0"), (Cca::Platform1, "tag:arm.com,2023:cca_platform#1.0.0")]
    {
        let bytes = arm.sign_cca(&arm.cca(profile, Algorithm::P384));
        let outcome = unbound(Format::Cca, &bytes, &endorsements(&arm), NOW).unwrap();
        let all = outcome.claims();
        assert_eq!(all.isolation, Some(Isolation::Cca));
        assert_eq!(all.manifest, Some(Digest::from_bytes(MANIFEST)));
        assert_eq!(all.report_data.bytes, CHALLENGE);
        assert!(!all.debug);
        let Platform::Cca(claims) = &all.platform else { panic!("no cca claims") };
        assert_eq!(claims.platform.profile.as_str(), name);
        assert_eq!(claims.platform.instance_id, INSTANCE_ID);
        assert_eq!(claims.platform.lifecycle, cca::Lifecycle::Secured);
        assert_eq!(claims.platform.lifecycle_value, 0x3001);
        assert_eq!(claims.platform.software[1].kind.as_deref(), Some("RMM"));
        assert_eq!(claims.realm.initial_measurement, [0x51; 32]);
        assert_eq!(claims.realm.extensible_measurements[3], [4; 32]);
        assert_eq!(outcome.support().used[0].kind, "key-cca");
    }
}

#[test]
fn every_algorithm_is_read() {
    for algorithm in [Algorithm::P256, Algorithm::P384, Algorithm::P521, Algorithm::Ed25519] {
        let arm = Arm::new(algorithm);
        let bytes = arm.sign_cca(&arm.cca(Cca::Platform1, algorithm));
        assert_accepted(&format!("{algorithm:?}"), unbound(Format::Cca, &bytes, &endorsements(&arm), NOW));
    }
}

#[test]
fn realm_keys_of_every_curve_are_read() {
    for (algorithm, curve) in [(Algorithm::P256, 1), (Algorithm::P384, 2), (Algorithm::P521, 3)] {
        let arm = Arm { realm_key: Key::new(algorithm), ..Arm::default() };
        let mut token = arm.cca(Cca::Platform1, Algorithm::P384);
        let mut map = cose_key_map(&arm.realm_key, curve);
        map.push(&cbor::number(2), cbor::bytes(b"kid"));
        map.push(&cbor::number(3), cbor::number(casemate_testkit::cose::number(algorithm)));
        for encoded in [map.encode(), cose_key(&arm.realm_key, curve)] {
            token.set_realm_key(&encoded);
            token.realm.envelope = Envelope::of(algorithm);
            let outcome = unbound(Format::Cca, &arm.sign_cca(&token), &endorsements(&arm), NOW);
            assert_accepted(&format!("{algorithm:?}"), outcome);
        }
    }
}

#[test]
fn equal_tokens_of_other_spellings_are_accepted() {
    let arm = Arm::default();
    let mut token = arm.cca(Cca::Platform1, Algorithm::P384);
    token.platform.claims.0.reverse();
    token.realm.claims.0.reverse();
    token.platform.remove(2400);
    token.platform.envelope.unprotected = cbor::Map::of_numbers(&[(4, cbor::bytes(b"cpak"))]).encode();
    assert_accepted("reversed", unbound(Format::Cca, &arm.sign_cca(&token), &endorsements(&arm), NOW));
    let (platform, realm) = (token.platform.seal(&arm.key), token.realm.seal(&arm.realm_key));
    let entries = [(44_241, cbor::bytes(&realm)), (44_234, cbor::bytes(&platform))];
    let realm_first = cbor::tag(399, &cbor::Map::of_numbers(&entries).encode());
    assert_accepted("realm_first", unbound(Format::Cca, &realm_first, &endorsements(&arm), NOW));
}

#[test]
fn a_new_key_may_stand_beside_the_old_one() {
    let arm = Arm::default();
    let bytes = arm.sign_cca(&arm.cca(Cca::Ssd1, Algorithm::P384));
    let keys = [Key::new(Algorithm::P384), Key::new(Algorithm::P256)]
        .map(|other| key(KeyOwner::Cca, &INSTANCE_ID, other.spki()));
    let several = Endorsements::default().with_all(keys).with(key(KeyOwner::Cca, &INSTANCE_ID, arm.key.spki()));
    assert_accepted("several_keys", unbound(Format::Cca, &bytes, &several, NOW));
}

#[test]
fn noise_is_refused() {
    let arm = Arm::default();
    let endorsements = endorsements(&arm);
    let bytes = arm.sign_cca(&arm.cca(Cca::Platform1, Algorithm::P384));
    let accepted = Accepted { format: Format::Cca, bytes: &bytes, endorsements: &endorsements, at: NOW };
    accepted.cache_changes_nothing();
    accepted.truncations_are_refused();
    accepted.mutations_never_panic();
    accepted.flips_are_refused(1);
}
