//! Crimes against the collection, the envelopes and the claims of an Arm of our own.

use casemate_testkit::{
    cbor::{self, Map},
    cose::header,
    pki::Algorithm,
    vendor::arm::{Arm, Cca, collection, component, component_map},
};

use super::{Crime, all_refused, endorsements, refused};

#[test]
fn collections() {
    let arm = Arm::default();
    let token = arm.cca(Cca::Platform1, Algorithm::P384);
    let (platform, realm) = (token.platform.seal(&arm.key), token.realm.seal(&arm.realm_key));
    let honest = collection(&platform, &realm);
    let map = |entries: &[(i64, Vec<u8>)]| Map::of_numbers(entries).encode();
    let (p, r) = (cbor::bytes(&platform), cbor::bytes(&realm));
    let both = map(&[(44_234, p.clone()), (44_241, r.clone())]);
    for (crime, bytes, rule) in [
        ("collection_of_another_tag", cbor::tag(907, &both), "cca-collection"),
        ("collection_untagged", both.clone(), "cca-collection"),
        ("collection_tagged_twice", cbor::tag(399, &cbor::tag(399, &both)), "cca-collection"),
        ("collection_an_array", cbor::tag(399, &cbor::array(&[p.clone(), r.clone()])), "cca-collection"),
        ("platform_missing", cbor::tag(399, &map(&[(44_241, r.clone())])), "cca-collection"),
        ("realm_missing", cbor::tag(399, &map(&[(44_234, p.clone())])), "cca-collection"),
        (
            "realm_twice",
            cbor::tag(399, &map(&[(44_234, p.clone()), (44_241, r.clone()), (44_241, r.clone())])),
            "cca-collection",
        ),
        (
            "third_token",
            cbor::tag(399, &map(&[(44_234, p.clone()), (44_241, r.clone()), (44_242, r.clone())])),
            "cca-collection",
        ),
        ("tokens_swapped", cbor::tag(399, &map(&[(44_234, r.clone()), (44_241, p.clone())])), "cca-unknown-claim"),
        ("platform_for_realm", cbor::tag(399, &map(&[(44_234, p.clone()), (44_241, p.clone())])), "cca-layout"),
        ("realm_for_platform", cbor::tag(399, &map(&[(44_234, r.clone()), (44_241, r.clone())])), "cca-unknown-claim"),
        (
            "token_not_in_a_string",
            cbor::tag(399, &map(&[(44_234, platform.clone()), (44_241, r.clone())])),
            "cca-collection",
        ),
        (
            "collection_of_indefinite_length",
            cbor::tag(399, &Map::of_numbers(&[(44_234, p), (44_241, r)]).encode_indefinite()),
            "cca-collection",
        ),
        ("trailing_byte", [honest.as_slice(), &[0]].concat(), "cca-collection"),
        ("beyond_its_bound", [honest.as_slice(), &[0; 32 << 10]].concat(), "cca-collection"),
        ("a_bare_platform_token", platform, "cca-collection"),
    ] {
        refused(crime, &bytes, &endorsements(&arm), (rule, ""));
    }
}

const ENVELOPES: &[Crime] = &[
    ("platform_mac0", |_, token| token.platform.envelope.tag = Some(17), "cca-mac0", "COSE_Mac0"),
    ("realm_mac0", |_, token| token.realm.envelope.tag = Some(17), "cca-mac0", "COSE_Mac0"),
    ("platform_untagged", |_, token| token.platform.envelope.tag = None, "cca-envelope", "tag 18"),
    ("realm_untagged", |_, token| token.realm.envelope.tag = None, "cca-envelope", "tag 18"),
    ("platform_hmac_under_tag_18", |_, token| token.platform.envelope.protected = header(5), "cca-algorithm", "`5`"),
    (
        "platform_es256_by_a_p384_key",
        |_, token| token.platform.envelope.protected = header(-7),
        "cca-platform-key-kind",
        "P384",
    ),
    (
        "platform_eddsa_by_a_p384_key",
        |_, token| token.platform.envelope.protected = header(-8),
        "cca-platform-key-kind",
        "P384",
    ),
    ("realm_es256_by_a_p384_key", |_, token| token.realm.envelope.protected = header(-7), "cca-realm-signature", ""),
    ("platform_without_algorithm", |_, token| token.platform.envelope.protected = Vec::new(), "cca-algorithm", "none"),
    (
        "platform_algorithm_unprotected",
        |_, token| {
            token.platform.envelope.unprotected = std::mem::take(&mut token.platform.envelope.protected);
        },
        "cca-algorithm",
        "none",
    ),
    ("realm_algorithm_in_both_headers", |_, token| token.realm.envelope.unprotected = header(-35), "cca-header", "`1`"),
    (
        "realm_critical_header",
        |_, token| {
            let crit = cbor::array(&[cbor::number(1)]);
            token.realm.envelope.protected = Map::of_numbers(&[(1, cbor::number(-35)), (2, crit)]).encode();
        },
        "cca-header",
        "`2`",
    ),
    ("platform_detached", |_, token| token.platform.envelope.payload = Some(cbor::null()), "cca-detached", ""),
    (
        "platform_signature_r_zero",
        |_, token| token.platform.envelope.signature = Some([vec![0; 48], vec![1; 48]].concat()),
        "cca-platform-signature",
        "",
    ),
    (
        "platform_signature_s_zero",
        |_, token| token.platform.envelope.signature = Some([vec![1; 48], vec![0; 48]].concat()),
        "cca-platform-signature",
        "",
    ),
    (
        "realm_signature_r_zero",
        |_, token| token.realm.envelope.signature = Some([vec![0; 48], vec![1; 48]].concat()),
        "cca-realm-signature",
        "",
    ),
    (
        "realm_signature_all_ones",
        |_, token| token.realm.envelope.signature = Some(vec![0xff; 96]),
        "cca-realm-signature",
        "",
    ),
    (
        "platform_signature_by_the_realm",
        |arm, token| {
            let claims = token.platform.claims.encode();
            token.platform.envelope.signature =
                Some(arm.realm_key.sign_fixed(&token.platform.envelope.to_be_signed(&claims)));
        },
        "cca-platform-signature",
        "",
    ),
    (
        "realm_signature_by_the_platform",
        |arm, token| {
            let claims = token.realm.claims.encode();
            token.realm.envelope.signature = Some(arm.key.sign_fixed(&token.realm.envelope.to_be_signed(&claims)));
        },
        "cca-realm-signature",
        "",
    ),
    (
        "realm_signature_in_der",
        |arm, token| {
            let claims = token.realm.claims.encode();
            token.realm.envelope.signature = Some(arm.realm_key.sign(&token.realm.envelope.to_be_signed(&claims)));
        },
        "cca-realm-signature",
        "",
    ),
];

#[test]
fn envelopes() {
    let arm = Arm::default();
    all_refused(&arm, Cca::Platform1, ENVELOPES);
}

const PLATFORM_CLAIMS: &[Crime] = &[
    ("profile_missing", |_, token| token.platform.remove(265), "cca-missing", "cca-platform-profile"),
    ("challenge_missing", |_, token| token.platform.remove(10), "cca-missing", "cca-platform-challenge"),
    ("implementation_id_missing", |_, token| token.platform.remove(2396), "cca-missing", "implementation-id"),
    ("instance_id_missing", |_, token| token.platform.remove(256), "cca-missing", "instance-id"),
    ("config_missing", |_, token| token.platform.remove(2401), "cca-missing", "config"),
    ("lifecycle_missing", |_, token| token.platform.remove(2395), "cca-missing", "lifecycle"),
    ("software_missing", |_, token| token.platform.remove(2399), "cca-missing", "sw-components"),
    ("hash_algorithm_missing", |_, token| token.platform.remove(2402), "cca-missing", "hash-algo-id"),
    ("unknown_number", |_, token| token.platform.set(2403, cbor::bytes(&[])), "cca-unknown-claim", "`2403`"),
    (
        "unknown_text",
        |_, token| token.platform.claims.push(&cbor::text("claim"), cbor::null()),
        "cca-unknown-claim",
        "`claim`",
    ),
    (
        "lifecycle_twice",
        |_, token| token.platform.claims.push(&cbor::number(2395), cbor::number(0x3000)),
        "cca-layout",
        "each key once",
    ),
    ("challenge_of_31_bytes", |_, token| token.platform.set(10, cbor::bytes(&[1; 31])), "cca-layout", "31 bytes"),
    (
        "implementation_id_of_33_bytes",
        |_, token| token.platform.set(2396, cbor::bytes(&[1; 33])),
        "cca-layout",
        "33 bytes",
    ),
    ("instance_id_of_32_bytes", |_, token| token.platform.set(256, cbor::bytes(&[1; 32])), "cca-layout", "32 bytes"),
    (
        "instance_id_of_another_type",
        |_, token| token.platform.set(256, cbor::bytes(&[2; 33])),
        "cca-layout",
        "type 0x02",
    ),
    ("config_of_1025_bytes", |_, token| token.platform.set(2401, cbor::bytes(&[1; 1025])), "cca-layout", "1025"),
    (
        "config_in_chunks",
        |_, token| token.platform.set(2401, vec![0x5f, 0x41, 1, 0xff]),
        "cca-layout",
        "definite length",
    ),
    ("hash_algorithm_unknown", |_, token| token.platform.set(2402, cbor::text("md5")), "cca-layout", "md5"),
    (
        "profile_of_a_later_draft",
        |_, token| token.platform.set(265, cbor::text("tag:arm.com,2024:cca_platform#2.0.0")),
        "cca-unknown-profile",
        "2024",
    ),
    (
        "profile_of_psa",
        |_, token| token.platform.set(265, cbor::text("tag:psacertified.org,2023:psa#tfm")),
        "cca-unknown-profile",
        "psa",
    ),
    (
        "older_profile_beside_a_newer_realm",
        |_, token| token.platform.set(265, cbor::text("http://arm.com/CCA-SSD/1.0.0")),
        "cca-profile",
        "",
    ),
    ("no_software", |_, token| token.platform.set(2399, cbor::array(&[])), "cca-layout", "software components"),
    (
        "65_software_components",
        |_, token| token.platform.set(2399, cbor::array(&vec![component("BL"); 65])),
        "cca-layout",
        "65",
    ),
    (
        "software_without_measurement",
        |_, token| {
            let mut component = component_map("BL");
            component.remove(&cbor::number(2));
            token.platform.set(2399, cbor::array(&[component.encode()]));
        },
        "cca-missing",
        "measurement value",
    ),
    (
        "software_without_signer",
        |_, token| {
            let mut component = component_map("BL");
            component.remove(&cbor::number(5));
            token.platform.set(2399, cbor::array(&[component.encode()]));
        },
        "cca-missing",
        "signer id",
    ),
    (
        "software_with_an_unknown_field",
        |_, token| {
            let mut component = component_map("BL");
            component.push(&cbor::number(7), cbor::number(1));
            token.platform.set(2399, cbor::array(&[component.encode()]));
        },
        "cca-unknown-claim",
        "`7`",
    ),
    (
        "software_measurement_of_20_bytes",
        |_, token| {
            let mut component = component_map("BL");
            component.set(&cbor::number(2), cbor::bytes(&[1; 20]));
            token.platform.set(2399, cbor::array(&[component.encode()]));
        },
        "cca-layout",
        "20 bytes",
    ),
];

#[test]
fn platform_claims() {
    let arm = Arm::default();
    all_refused(&arm, Cca::Platform1, PLATFORM_CLAIMS);
    let mut token = arm.cca(Cca::Platform1, Algorithm::P384);
    token.platform.envelope.payload = Some(cbor::bytes(&token.platform.claims.encode_indefinite()));
    refused(
        "claims_of_indefinite_length",
        &arm.sign_cca(&token),
        &endorsements(&arm),
        ("cca-layout", "definite length"),
    );
    token.platform.envelope.payload = Some(cbor::bytes(&[token.platform.claims.encode(), vec![0]].concat()));
    refused("claims_with_a_trailing_byte", &arm.sign_cca(&token), &endorsements(&arm), ("cca-layout", "follow"));
}

const REALM_CLAIMS: &[Crime] = &[
    ("challenge_missing", |_, token| token.realm.remove(10), "cca-missing", "cca-realm-challenge"),
    ("personalization_missing", |_, token| token.realm.remove(44_235), "cca-missing", "personalization"),
    ("hash_algorithm_missing", |_, token| token.realm.remove(44_236), "cca-missing", "hash-algo-id"),
    ("public_key_missing", |_, token| token.realm.remove(44_237), "cca-missing", "public-key"),
    ("rim_missing", |_, token| token.realm.remove(44_238), "cca-missing", "initial-measurement"),
    ("rems_missing", |_, token| token.realm.remove(44_239), "cca-missing", "extensible"),
    ("public_key_hash_missing", |_, token| token.realm.remove(44_240), "cca-missing", "public-key-hash"),
    ("profile_missing", |_, token| token.realm.remove(265), "cca-profile", "`none`"),
    (
        "profile_of_another",
        |_, token| token.realm.set(265, cbor::text("tag:arm.com,2023:realm#2.0.0")),
        "cca-profile",
        "2.0.0",
    ),
    ("unknown_number", |_, token| token.realm.set(44_242, cbor::null()), "cca-unknown-claim", "`44242`"),
    (
        "unknown_text",
        |_, token| token.realm.claims.push(&cbor::text("claim"), cbor::null()),
        "cca-unknown-claim",
        "`claim`",
    ),
    (
        "rim_twice",
        |_, token| token.realm.claims.push(&cbor::number(44_238), cbor::bytes(&[0x51; 32])),
        "cca-layout",
        "each key once",
    ),
    ("challenge_of_63_bytes", |_, token| token.realm.set(10, cbor::bytes(&[1; 63])), "cca-layout", "63 bytes"),
    (
        "personalization_of_32_bytes",
        |_, token| token.realm.set(44_235, cbor::bytes(&[1; 32])),
        "cca-layout",
        "32 bytes",
    ),
    ("rim_of_33_bytes", |_, token| token.realm.set(44_238, cbor::bytes(&[1; 33])), "cca-layout", "33 bytes"),
    (
        "three_rems",
        |_, token| token.realm.set(44_239, cbor::array(&vec![cbor::bytes(&[1; 32]); 3])),
        "cca-layout",
        "4 measurements",
    ),
    (
        "five_rems",
        |_, token| token.realm.set(44_239, cbor::array(&vec![cbor::bytes(&[1; 32]); 5])),
        "cca-layout",
        "4 measurements",
    ),
    (
        "rems_longer_than_the_rim",
        |_, token| token.realm.set(44_239, cbor::array(&vec![cbor::bytes(&[1; 64]); 4])),
        "cca-layout",
        "initial measurement",
    ),
    ("hash_algorithm_unknown", |_, token| token.realm.set(44_236, cbor::text("sha-1")), "cca-layout", "sha-1"),
];

#[test]
fn realm_claims() {
    let arm = Arm::default();
    all_refused(&arm, Cca::Platform1, REALM_CLAIMS);
}
