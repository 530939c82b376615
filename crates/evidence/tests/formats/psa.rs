//! `psa` evidence.

mod crimes;
mod real;

use casemate_evidence::{Endorsements, Format, KeyOwner, Platform, psa};
use casemate_testkit::{
    NOW, cbor,
    pki::Algorithm,
    vendor::arm::{Arm, INSTANCE_ID, Psa},
};

use super::{assert_accepted, keys::key, noise::Accepted, unbound};

const PROFILES: [Psa; 3] = [Psa::Iot1, Psa::Psa2, Psa::Tfm];

/// Endorses the device of an Arm of our own.
fn endorsements(arm: &Arm) -> Endorsements {
    Endorsements::default().with(key(KeyOwner::Psa, &INSTANCE_ID, arm.key.spki()))
}

#[test]
fn honest_tokens_of_all_profiles_say_what_was_put_in() {
    let arm = Arm::default();
    for profile in PROFILES {
        let outcome =
            unbound(Format::Psa, &arm.sign_psa(&arm.psa(profile, Algorithm::P384)), &endorsements(&arm), NOW).unwrap();
        let all = outcome.claims();
        assert_eq!((all.isolation, all.manifest, all.debug, all.at), (None, None, false, NOW));
        assert_eq!(all.report_data.bytes, [0x0e; 32]);
        let Platform::Psa(claims) = &all.platform else { panic!("no psa claims") };
        assert_eq!(claims.instance_id, INSTANCE_ID);
        assert_eq!(claims.client_id, -2);
        assert_eq!(claims.boot_seed.as_deref(), Some([0x5e; 32].as_slice()));
        assert!(claims.certification_reference.as_ref().unwrap().starts_with("1234567890123"));
        assert_eq!(claims.software[1].kind.as_deref(), Some("PRoT"));
        assert_eq!(claims.lifecycle, psa::Lifecycle::Secured);
        assert_eq!(outcome.support().used[0].kind, "key-psa");
    }
}

#[test]
fn every_algorithm_and_size_of_nonce_is_read() {
    for algorithm in [Algorithm::P256, Algorithm::P384, Algorithm::P521, Algorithm::Ed25519] {
        let arm = Arm::new(algorithm);
        for length in [32, 48, 64] {
            let mut token = arm.psa(Psa::Psa2, algorithm);
            token.set(10, cbor::bytes(&vec![7; length]));
            let outcome = unbound(Format::Psa, &arm.sign_psa(&token), &endorsements(&arm), NOW);
            assert_accepted(&format!("{algorithm:?}, {length}"), outcome);
        }
    }
}

#[test]
fn what_a_profile_leaves_open_may_be_left_out() {
    let arm = Arm::default();
    for (profile, optional) in
        [(Psa::Iot1, [-75_005, -75_010, -75_010]), (Psa::Psa2, [2397, 2398, 2400]), (Psa::Tfm, [268, 2398, 2400])]
    {
        let mut token = arm.psa(profile, Algorithm::P384);
        optional.into_iter().for_each(|claim| token.remove(claim));
        token.claims.0.reverse();
        assert_accepted(&format!("{profile:?}"), unbound(Format::Psa, &arm.sign_psa(&token), &endorsements(&arm), NOW));
    }
    let mut unmeasured = arm.psa(Psa::Iot1, Algorithm::P384);
    unmeasured.remove(-75_006);
    unmeasured.set(-75_007, cbor::number(1));
    let outcome = unbound(Format::Psa, &arm.sign_psa(&unmeasured), &endorsements(&arm), NOW).unwrap();
    let Platform::Psa(claims) = &outcome.claims().platform else { panic!("no psa claims") };
    assert!(claims.software.is_empty());
    let mut short_seed = arm.psa(Psa::Tfm, Algorithm::P384);
    short_seed.set(268, cbor::bytes(&[1; 8]));
    assert_accepted("short_seed", unbound(Format::Psa, &arm.sign_psa(&short_seed), &endorsements(&arm), NOW));
}

#[test]
fn noise_is_refused() {
    let arm = Arm::default();
    let endorsements = endorsements(&arm);
    for profile in PROFILES {
        let bytes = arm.sign_psa(&arm.psa(profile, Algorithm::P384));
        let accepted = Accepted { format: Format::Psa, bytes: &bytes, endorsements: &endorsements, at: NOW };
        accepted.cache_changes_nothing();
        accepted.truncations_are_refused();
        accepted.mutations_never_panic();
        accepted.flips_are_refused(7);
    }
}
