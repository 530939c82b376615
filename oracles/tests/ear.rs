//! Attestation results of Casemate, as the `ear` crate reads them: JWT and CWT, by keys of three kinds, with the names of
//! draft-ietf-rats-ear-04 (0.6) and the earlier ones with dots (0.5).

#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::SystemTime;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair},
};
use casemate_cose::{Digest, Signer, SigningKey, UnixTime, VerifyingKey};
use casemate_evidence::Vendor;
use casemate_trust::{
    Hardware, Reason,
    component::Component,
    result::{Aspect, AspectFault, AttestationResult, ComponentResult, Names, Tier, VerifierId},
    statement::{Kind, Subject, Value},
};

fn keys() -> [Signer; 3] {
    let random = SystemRandom::new();
    let p256 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let p384 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random).unwrap();
    let ed25519 = SigningKey::from_seed(&[7; 32]).into();
    [ed25519, Signer::p256(p256.as_ref()).unwrap(), Signer::p384(p384.as_ref()).unwrap()]
}

/// The key as a JWK.
fn jwk(key: &VerifyingKey) -> Vec<u8> {
    casemate_trust::result::jwk(key).into_bytes()
}

/// What a version of the crate calls a key's algorithm.
macro_rules! algorithm {
    ($krate:ident, $key:expr) => {
        match $key.public() {
            VerifyingKey::Ed25519(_) => $krate::Algorithm::EdDSA,
            VerifyingKey::P256(_) => $krate::Algorithm::ES256,
            VerifyingKey::P384(_) => $krate::Algorithm::ES384,
        }
    };
}

fn cpu() -> Component {
    Component {
        name: "cpu".to_owned(),
        kind: Kind::Snp,
        attester: Subject::Vendor(Vendor::Amd),
        identity: Some(vec![0xc0; 64]),
        properties: vec![
            ("product".into(), Value::Text("Milan".to_owned())),
            ("reported-tcb.microcode".into(), Value::Number(0xd5)),
            ("vmpl-0".into(), Value::Bool(true)),
            ("z-advisories".into(), Value::Set(vec!["a".to_owned(), "b".to_owned()])),
        ],
        registers: vec![("measurement".to_owned(), vec![0xab; 48])],
        dangers: [].into(),
    }
}

fn gpu() -> Component {
    let vendor = Subject::Vendor(Vendor::NvidiaDevice);
    Component { name: "gpu-0".to_owned(), kind: Kind::Gpu, attester: vendor, properties: vec![], ..cpu() }
}

/// Of this minute: the crates look at the clock.
fn results() -> [AttestationResult; 2] {
    let at = UnixTime(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs());
    let of = |cpu_result, gpu_result| AttestationResult {
        verifier: VerifierId { developer: "https://casemate.invalid".to_owned(), build: "casemate 0.1.0".to_owned() },
        domain: Digest::from_bytes([1; 32]),
        evidence: Digest::from_bytes([2; 32]),
        verdict: Digest::from_bytes([3; 32]),
        at,
        expires: at.plus_s(300),
        nonce: Some(vec![9; 32]),
        components: [("cpu".to_owned(), cpu_result), ("gpu-0".to_owned(), gpu_result)].into(),
    };
    let reason = Reason::new("domain-property", "at least 0xdb", "0xd5", "update the host's firmware");
    [
        of(
            ComponentResult::accepted(&cpu(), Hardware::Listed),
            ComponentResult::accepted(&gpu(), Hardware::AnyGenuine),
        ),
        of(
            ComponentResult::denied(&cpu(), vec![(AspectFault::Hardware, reason)]),
            ComponentResult::denied(&gpu(), vec![]),
        ),
    ]
}

const PRIVATE: [(&str, i32, [u8; 32]); 2] = [("evidence", -76_101, [2; 32]), ("verdict", -76_102, [3; 32])];

/// What both versions of the crate call the same.
macro_rules! same {
    ($krate:ident, $read:expr, $ours:expr, $names:expr, $separator:literal) => {{
        let (mut read, ours): ($krate::Ear, &AttestationResult) = ($read, $ours);
        assert_eq!(read.profile, Names::profile($names));
        assert_eq!(read.iat, i64::try_from(ours.at.0).unwrap());
        assert_eq!(
            (read.vid.developer.as_str(), read.vid.build.as_str()),
            ("https://casemate.invalid", "casemate 0.1.0")
        );
        for (name, label, digest) in PRIVATE {
            let name = format!("casemate{}{name}", $separator);
            read.extensions.register(&name, label, $krate::RawValueKind::String).unwrap();
            let digest = $krate::RawValue::String(Digest::from_bytes(digest).to_string());
            assert_eq!(read.extensions.get_by_name(&name), Some(digest));
        }
        assert_eq!(read.submods.keys().collect::<Vec<_>>(), ours.components.keys().collect::<Vec<_>>());
        for (name, ours) in &ours.components {
            let theirs = &read.submods[name];
            let tier = match theirs.status {
                $krate::TrustTier::None => Tier::None,
                $krate::TrustTier::Affirming => Tier::Affirming,
                $krate::TrustTier::Warning => Tier::Warning,
                $krate::TrustTier::Contraindicated => Tier::Contraindicated,
            };
            assert_eq!(tier, ours.status, "{name}");
            for (aspect, claim) in Aspect::ALL.into_iter().zip(theirs.trust_vector) {
                assert_eq!(claim.tag(), aspect.as_str());
                assert_eq!(claim.value(), ours.trustworthiness.value(aspect), "{name}: {aspect}");
                assert_eq!(claim.tier() as u8, Tier::of(claim.value()) as u8, "both call its class the same");
            }
        }
        read
    }};
}

#[test]
fn the_names_of_the_draft_are_read() {
    for key in keys() {
        let jwk = jwk(&key.public());
        for ours in &results() {
            let jwt = ours.to_jwt(Names::Ietf, &key, &SystemRandom::new()).unwrap();
            let cwt = ours.to_cwt(Names::Ietf, &key, &SystemRandom::new()).unwrap();
            for read in [
                ear::Ear::from_jwt_jwk(&jwt, algorithm!(ear, key), &jwk).unwrap(),
                ear::Ear::from_cose_jwk(&cwt, algorithm!(ear, key), &jwk).unwrap(),
            ] {
                let read = same!(ear, read, ours, Names::Ietf, "_");
                assert_eq!(read.exp, Some(i64::try_from(ours.expires.0).unwrap() + 1));
                assert_eq!(read.status.unwrap() as u8, ours.status() as u8);
                assert_eq!(read.nonce.as_ref().unwrap(), &ear::Nonce::try_from([9_u8; 32].as_slice()).unwrap());
                let cpu = &read.submods["cpu"];
                assert_eq!(cpu.policy_ids, [ours.domain.to_string()]);
                assert_eq!(cpu.attester_claims["product"], ear::RawValue::String("Milan".to_owned()));
                assert_eq!(cpu.attester_claims["reported-tcb.microcode"], ear::RawValue::Integer(0xd5));
                assert_eq!(cpu.verifier_claims["kind"], ear::RawValue::String("snp".to_owned()));
                let denied = ours.status() == Tier::Contraindicated;
                assert_eq!(cpu.verifier_claims.contains_key("unmet"), denied);
            }
        }
    }
}

#[test]
fn the_names_with_dots_are_read() {
    for key in keys() {
        let jwk = jwk(&key.public());
        for ours in &results() {
            let jwt = ours.to_jwt(Names::Dotted, &key, &SystemRandom::new()).unwrap();
            let cwt = ours.to_cwt(Names::Dotted, &key, &SystemRandom::new()).unwrap();
            for read in [
                ear_dotted::Ear::from_jwt_jwk(&jwt, algorithm!(ear_dotted, key), &jwk).unwrap(),
                ear_dotted::Ear::from_cose_jwk(&cwt, algorithm!(ear_dotted, key), &jwk).unwrap(),
            ] {
                let read = same!(ear_dotted, read, ours, Names::Dotted, ".");
                let cpu = &read.submods["cpu"];
                assert_eq!(cpu.policy_id, Some(ours.domain.to_string()));
                assert_eq!(cpu.annotated_evidence["product"], ear_dotted::RawValue::String("Milan".to_owned()));
                assert_eq!(cpu.policy_claims["kind"], ear_dotted::RawValue::String("snp".to_owned()));
            }
        }
    }
}

#[test]
fn another_key_or_a_changed_claim_is_refused_there_too() {
    let [_, key, _] = keys();
    let [accepted, _] = results();
    let jwt = accepted.to_jwt(Names::Ietf, &key, &SystemRandom::new()).unwrap();
    let [_, stranger, _] = keys();
    let (own, other) = (jwk(&key.public()), jwk(&stranger.public()));
    let read = |jwt: &str, jwk: &[u8]| ear::Ear::from_jwt_jwk(jwt, algorithm!(ear, key), jwk);
    read(&jwt, &own).unwrap();
    assert!(read(&jwt, &other).is_err());
    let mut changed = jwt.into_bytes();
    let claims = changed.iter().position(|byte| *byte == b'.').unwrap() + 40;
    changed[claims] = if changed[claims] == b'A' { b'B' } else { b'A' };
    assert!(read(std::str::from_utf8(&changed).unwrap(), &own).is_err());
}
