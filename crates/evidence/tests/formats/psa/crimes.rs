//! Crimes against tokens of an Arm of our own.

use casemate_cose::Digest;
use casemate_evidence::{
    AllowDebug, Binding, Bound, DangerouslyUnbound, Endorsements, Evidence, Expectation, Format, KeyOwner, Role,
    Stated, authenticate,
};
use casemate_testkit::{
    NOW,
    cbor::{self, Map},
    cose::header,
    pki::Algorithm,
    vendor::arm::{Arm, INSTANCE_ID, Psa, Token, component, component_map},
};

use super::endorsements;
use crate::{assert_accepted, assert_refused, keys::key, unbound};

/// A crime, the profile, what it does, the rule that refuses it, and a word of the message.
type Crime = (&'static str, Psa, fn(&Arm, &mut Token), &'static str, &'static str);

#[track_caller]
fn refused(crime: &str, bytes: &[u8], endorsements: &Endorsements, (rule, word): (&str, &str)) {
    let outcome = unbound(Format::Psa, bytes, endorsements, NOW);
    if let Err(refusal) = &outcome {
        assert!(refusal.to_string().contains(word), "`{crime}`: {refusal}");
    }
    assert_refused(crime, outcome, rule);
}

#[track_caller]
fn all_refused(crimes: &[Crime]) {
    let arm = Arm::default();
    for (crime, profile, commit, rule, word) in crimes {
        let mut token = arm.psa(*profile, Algorithm::P384);
        commit(&arm, &mut token);
        refused(crime, &arm.sign_psa(&token), &endorsements(&arm), (rule, word));
    }
}

const ENVELOPES: &[Crime] = &[
    ("mac0", Psa::Tfm, |_, token| token.envelope.tag = Some(17), "psa-mac0", "COSE_Mac0"),
    ("untagged", Psa::Tfm, |_, token| token.envelope.tag = None, "psa-envelope", "tag 18"),
    ("cwt_tag", Psa::Tfm, |_, token| token.envelope.tag = Some(61), "psa-envelope", "tag 18"),
    ("hmac_under_tag_18", Psa::Tfm, |_, token| token.envelope.protected = header(5), "psa-algorithm", "`5`"),
    ("eddsa_in_the_tfm_profile", Psa::Tfm, |_, token| token.envelope.protected = header(-8), "psa-algorithm", "EdDSA"),
    ("es256_by_a_p384_key", Psa::Tfm, |_, token| token.envelope.protected = header(-7), "psa-key-kind", "P384"),
    ("es512_by_a_p384_key", Psa::Iot1, |_, token| token.envelope.protected = header(-36), "psa-key-kind", "P384"),
    ("eddsa_by_a_p384_key", Psa::Psa2, |_, token| token.envelope.protected = header(-8), "psa-key-kind", "P384"),
    ("no_algorithm", Psa::Tfm, |_, token| token.envelope.protected = Vec::new(), "psa-algorithm", "none"),
    (
        "algorithm_unprotected",
        Psa::Tfm,
        |_, token| {
            token.envelope.unprotected = std::mem::take(&mut token.envelope.protected);
        },
        "psa-algorithm",
        "none",
    ),
    ("algorithm_in_both_headers", Psa::Tfm, |_, token| token.envelope.unprotected = header(-35), "psa-header", "`1`"),
    (
        "certificate_chain_in_the_header",
        Psa::Tfm,
        |_, token| {
            token.envelope.unprotected = Map::of_numbers(&[(33, cbor::bytes(&[0x30, 0]))]).encode();
        },
        "psa-header",
        "`33`",
    ),
    ("detached", Psa::Tfm, |_, token| token.envelope.payload = Some(cbor::null()), "psa-detached", ""),
    (
        "signature_r_zero",
        Psa::Tfm,
        |_, token| token.envelope.signature = Some([vec![0; 48], vec![1; 48]].concat()),
        "psa-signature",
        "",
    ),
    (
        "signature_s_zero",
        Psa::Tfm,
        |_, token| token.envelope.signature = Some([vec![1; 48], vec![0; 48]].concat()),
        "psa-signature",
        "",
    ),
    (
        "signature_beyond_the_order",
        Psa::Tfm,
        |_, token| token.envelope.signature = Some(vec![0xff; 96]),
        "psa-signature",
        "",
    ),
    (
        "signature_by_another_key",
        Psa::Tfm,
        |arm, token| {
            let message = token.envelope.to_be_signed(&token.claims.encode());
            token.envelope.signature = Some(arm.realm_key.sign_fixed(&message));
        },
        "psa-signature",
        "",
    ),
    (
        "signature_in_der",
        Psa::Tfm,
        |arm, token| {
            let message = token.envelope.to_be_signed(&token.claims.encode());
            token.envelope.signature = Some(arm.key.sign(&message));
        },
        "psa-signature",
        "",
    ),
    (
        "claims_of_indefinite_length",
        Psa::Tfm,
        |_, token| {
            token.envelope.payload = Some(cbor::bytes(&token.claims.encode_indefinite()));
        },
        "psa-layout",
        "definite length",
    ),
    (
        "claims_with_a_trailing_byte",
        Psa::Tfm,
        |_, token| {
            token.envelope.payload = Some(cbor::bytes(&[token.claims.encode(), vec![0]].concat()));
        },
        "psa-layout",
        "follow",
    ),
];

#[test]
fn envelopes() {
    all_refused(ENVELOPES);
    let arm = Arm::default();
    let bytes = arm.sign_psa(&arm.psa(Psa::Tfm, Algorithm::P384));
    refused("trailing_byte", &[bytes.as_slice(), &[0]].concat(), &endorsements(&arm), ("psa-envelope", "follow"));
    refused(
        "beyond_its_bound",
        &[bytes.as_slice(), &[0; 16 << 10]].concat(),
        &endorsements(&arm),
        ("psa-envelope", "at most"),
    );
}

const CLAIMS: &[Crime] = &[
    ("profile_missing", Psa::Tfm, |_, token| token.remove(265), "psa-missing", "psa-profile"),
    ("older_profile_missing", Psa::Iot1, |_, token| token.remove(-75_000), "psa-missing", "psa-profile"),
    (
        "profile_unknown",
        Psa::Tfm,
        |_, token| token.set(265, cbor::text("tag:psacertified.org,2023:psa#aes-mac")),
        "psa-profile",
        "aes-mac",
    ),
    (
        "older_profile_under_the_newer_key",
        Psa::Tfm,
        |_, token| token.set(265, cbor::text("PSA_IOT_PROFILE_1")),
        "psa-profile",
        "PSA_IOT_PROFILE_1",
    ),
    (
        "newer_profile_under_the_older_key",
        Psa::Iot1,
        |_, token| token.set(-75_000, cbor::text("http://arm.com/psa/2.0.0")),
        "psa-profile",
        "2.0.0",
    ),
    (
        "cca_platform_profile",
        Psa::Tfm,
        |_, token| token.set(265, cbor::text("http://arm.com/CCA-SSD/1.0.0")),
        "psa-profile",
        "CCA",
    ),
    (
        "both_profiles",
        Psa::Tfm,
        |_, token| token.set(-75_000, cbor::text("PSA_IOT_PROFILE_1")),
        "psa-unknown-claim",
        "",
    ),
    (
        "older_nonce_in_the_newer_profile",
        Psa::Tfm,
        |_, token| token.set(-75_008, cbor::bytes(&[1; 32])),
        "psa-unknown-claim",
        "-75008",
    ),
    (
        "boot_seed_key_of_the_draft",
        Psa::Tfm,
        |_, token| token.set(2397, cbor::bytes(&[1; 32])),
        "psa-unknown-claim",
        "2397",
    ),
    (
        "no_measurements_in_the_newer_profile",
        Psa::Tfm,
        |_, token| token.set(-75_007, cbor::number(1)),
        "psa-unknown-claim",
        "-75007",
    ),
    ("nonce_missing", Psa::Tfm, |_, token| token.remove(10), "psa-missing", "psa-nonce"),
    ("instance_id_missing", Psa::Psa2, |_, token| token.remove(256), "psa-missing", "psa-instance-id"),
    ("implementation_id_missing", Psa::Iot1, |_, token| token.remove(-75_003), "psa-missing", "psa-implementation-id"),
    ("client_id_missing", Psa::Tfm, |_, token| token.remove(2394), "psa-missing", "psa-client-id"),
    ("lifecycle_missing", Psa::Tfm, |_, token| token.remove(2395), "psa-missing", "lifecycle"),
    ("software_missing", Psa::Tfm, |_, token| token.remove(2399), "psa-missing", "software"),
    ("older_software_missing", Psa::Iot1, |_, token| token.remove(-75_006), "psa-missing", "software"),
    ("older_boot_seed_missing", Psa::Iot1, |_, token| token.remove(-75_004), "psa-missing", "psa-boot-seed"),
    ("measured_and_unmeasured", Psa::Iot1, |_, token| token.set(-75_007, cbor::number(1)), "psa-unmeasured", ""),
    (
        "unmeasured_of_another_value",
        Psa::Iot1,
        |_, token| {
            token.remove(-75_006);
            token.set(-75_007, cbor::number(0));
        },
        "psa-layout",
        "no-sw-measurements",
    ),
    ("unknown_number", Psa::Tfm, |_, token| token.set(2401, cbor::null()), "psa-unknown-claim", "`2401`"),
    (
        "unknown_text",
        Psa::Tfm,
        |_, token| token.claims.push(&cbor::text("claim"), cbor::null()),
        "psa-unknown-claim",
        "`claim`",
    ),
    (
        "nonce_twice",
        Psa::Tfm,
        |_, token| token.claims.push(&cbor::number(10), cbor::bytes(&[0x0e; 32])),
        "psa-layout",
        "each key once",
    ),
    ("nonce_of_31_bytes", Psa::Tfm, |_, token| token.set(10, cbor::bytes(&[1; 31])), "psa-layout", "31 bytes"),
    (
        "nonces_in_an_array",
        Psa::Tfm,
        |_, token| token.set(10, cbor::array(&[cbor::bytes(&[1; 32])])),
        "psa-layout",
        "psa-nonce",
    ),
    ("instance_id_of_32_bytes", Psa::Tfm, |_, token| token.set(256, cbor::bytes(&[1; 32])), "psa-layout", "32 bytes"),
    (
        "instance_id_of_another_type",
        Psa::Tfm,
        |_, token| token.set(256, cbor::bytes(&[2; 33])),
        "psa-layout",
        "type 0x02",
    ),
    (
        "implementation_id_of_31_bytes",
        Psa::Tfm,
        |_, token| token.set(2396, cbor::bytes(&[1; 31])),
        "psa-layout",
        "31 bytes",
    ),
    ("client_id_zero", Psa::Tfm, |_, token| token.set(2394, cbor::number(0)), "psa-layout", "psa-client-id"),
    (
        "client_id_of_33_bits",
        Psa::Tfm,
        |_, token| token.set(2394, cbor::number(1 << 32)),
        "psa-layout",
        "psa-client-id",
    ),
    ("client_id_not_shortest", Psa::Tfm, |_, token| token.set(2394, vec![0x18, 1]), "psa-layout", "shortest"),
    ("boot_seed_of_7_bytes", Psa::Tfm, |_, token| token.set(268, cbor::bytes(&[1; 7])), "psa-layout", "7 bytes"),
    ("boot_seed_of_33_bytes", Psa::Tfm, |_, token| token.set(268, cbor::bytes(&[1; 33])), "psa-layout", "33 bytes"),
    (
        "older_boot_seed_of_8_bytes",
        Psa::Iot1,
        |_, token| token.set(-75_004, cbor::bytes(&[1; 8])),
        "psa-layout",
        "8 bytes",
    ),
    (
        "certification_without_its_version",
        Psa::Tfm,
        |_, token| token.set(2398, cbor::text("1234567890123")),
        "psa-layout",
        "EAN-13",
    ),
    (
        "certification_with_a_letter",
        Psa::Tfm,
        |_, token| token.set(2398, cbor::text("123456789012x-12345")),
        "psa-layout",
        "EAN-13",
    ),
    (
        "older_certification_with_a_version",
        Psa::Iot1,
        |_, token| token.set(-75_005, cbor::text("1234567890123-12345")),
        "psa-layout",
        "EAN-13",
    ),
    ("service_endless", Psa::Tfm, |_, token| token.set(2400, cbor::text(&"s".repeat(257))), "psa-layout", "257"),
    ("no_software", Psa::Tfm, |_, token| token.set(2399, cbor::array(&[])), "psa-layout", "software components"),
    (
        "65_software_components",
        Psa::Tfm,
        |_, token| token.set(2399, cbor::array(&vec![component("BL"); 65])),
        "psa-layout",
        "65",
    ),
    (
        "software_without_measurement",
        Psa::Tfm,
        |_, token| {
            let mut component = component_map("BL");
            component.remove(&cbor::number(2));
            token.set(2399, cbor::array(&[component.encode()]));
        },
        "psa-missing",
        "measurement value",
    ),
    (
        "software_with_an_unknown_field",
        Psa::Tfm,
        |_, token| {
            let mut component = component_map("BL");
            component.push(&cbor::number(3), cbor::number(1));
            token.set(2399, cbor::array(&[component.encode()]));
        },
        "psa-unknown-claim",
        "`3`",
    ),
];

#[test]
fn claims() {
    all_refused(CLAIMS);
}

#[test]
fn tokens_of_others() {
    let (arm, other) = (Arm::default(), Arm::default());
    let bytes = arm.sign_psa(&arm.psa(Psa::Tfm, Algorithm::P384));
    refused("no_device_endorsed", &bytes, &Endorsements::default(), ("psa-unknown-device", ""));
    refused(
        "token_of_another_device",
        &other.sign_psa(&other.psa(Psa::Tfm, Algorithm::P384)),
        &endorsements(&arm),
        ("psa-signature", ""),
    );
    let with = |owner, id: &[u8], spki| Endorsements::default().with(key(owner, id, spki));
    let mut id = INSTANCE_ID;
    id[32] ^= 1;
    refused("instance_id_a_bit_off", &bytes, &with(KeyOwner::Psa, &id, arm.key.spki()), ("psa-unknown-device", ""));
    refused(
        "key_of_a_cca_platform",
        &bytes,
        &with(KeyOwner::Cca, &INSTANCE_ID, arm.key.spki()),
        ("psa-unknown-device", ""),
    );
    refused(
        "endorsed_key_cut",
        &bytes,
        &with(KeyOwner::Psa, &INSTANCE_ID, arm.key.spki()[..80].to_vec()),
        ("psa-key", ""),
    );
    let mut off_the_curve = arm.key.spki();
    *off_the_curve.last_mut().unwrap() ^= 1;
    refused(
        "endorsed_key_off_the_curve",
        &bytes,
        &with(KeyOwner::Psa, &INSTANCE_ID, off_the_curve),
        ("psa-key", "curve"),
    );
    let cca = arm.cca(casemate_testkit::vendor::arm::Cca::Ssd1, Algorithm::P384);
    refused("platform_token_of_cca", &cca.platform.seal(&arm.key), &endorsements(&arm), ("psa-profile", "CCA"));
}

fn judge<B: Expectation>(
    token: &Token,
    arm: &Arm,
    expectation: &B,
) -> Result<casemate_evidence::Authenticated<B>, casemate_evidence::Refusal> {
    authenticate(&Evidence::new(Format::Psa, arm.sign_psa(token)), &endorsements(arm), expectation, NOW)
}

#[test]
fn lifecycles() {
    let arm = Arm::default();
    let judge_state = |state: i64| {
        let mut token = arm.psa(Psa::Tfm, Algorithm::P384);
        token.set(2395, cbor::number(state));
        (judge(&token, &arm, &DangerouslyUnbound), judge(&token, &arm, &AllowDebug::new(DangerouslyUnbound)))
    };
    assert_accepted("secured", judge_state(0x30ff).0);
    let (plain, admitted) = judge_state(0x4000);
    assert_refused("non_rot_debug", plain, "evidence-debug");
    assert!(admitted.unwrap().claims().debug);
    for (crime, state, rule) in [
        ("unknown", 0, "psa-lifecycle"),
        ("assembly_and_test", 0x10ff, "psa-lifecycle"),
        ("provisioning", 0x2000, "psa-lifecycle"),
        ("recoverable_rot_debug", 0x5000, "psa-lifecycle"),
        ("decommissioned", 0x60ff, "psa-lifecycle"),
        ("between_states", 0x2fff, "psa-layout"),
        ("beyond_all_states", 0x6100, "psa-layout"),
    ] {
        assert_refused(crime, judge_state(state).1, rule);
    }
}

#[test]
fn bindings() {
    let arm = Arm::default();
    let mut token = arm.psa(Psa::Tfm, Algorithm::P384);
    assert_accepted("stated", judge(&token, &arm, &Stated::new(vec![0x0e; 32])));
    let mut off = vec![0x0e; 32];
    off[31] ^= 1;
    assert_refused("nonce_a_bit_off", judge(&token, &arm, &Stated::new(off)), "evidence-binding");
    assert_refused(
        "nonce_padded",
        judge(&token, &arm, &Stated::new([[0x0e; 32], [0; 32]].concat())),
        "evidence-binding",
    );
    let binding = Binding {
        role: Role::Keep,
        nonce: [1; 32],
        manifest: Digest::of(b"manifest"),
        exporter: [2; 32],
        own_key: Digest::of(b"own"),
        peer_key: Digest::of(b"peer"),
    };
    token.set(10, cbor::bytes(&binding.report_data()));
    assert_refused("a_device_for_a_keep", judge(&token, &arm, &Bound::new(binding)), "evidence-manifest");
}
