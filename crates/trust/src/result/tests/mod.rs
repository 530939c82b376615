//! Tokens: honest ones are read by whoever expects them, and every attack that would work without one check is refused by it.

#![expect(clippy::disallowed_methods, reason = "ECDSA signatures are random, also in tests")]

mod attacks;
mod honest;
mod vector;

use std::collections::BTreeSet;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair},
};
use casemate_cose::{Signer, SigningKey, VerifyingKey};
use casemate_evidence::Vendor;

use super::*;
use crate::statement::{Allowance, Subject, Value};

const AT: UnixTime = UnixTime(1_800_000_000);
const NAMES: [Names; 2] = [Names::Ietf, Names::Dotted];

fn random() -> SystemRandom {
    SystemRandom::new()
}

fn ed25519() -> Signer {
    SigningKey::from_seed(&[7; 32]).into()
}

fn p256() -> Signer {
    Signer::p256(EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random()).unwrap().as_ref()).unwrap()
}

fn p384() -> Signer {
    Signer::p384(EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random()).unwrap().as_ref()).unwrap()
}

fn snp() -> Component {
    Component {
        name: "cpu".to_owned(),
        kind: Kind::Snp,
        attester: Subject::Vendor(Vendor::Amd),
        identity: Some(vec![0xc0; 64]),
        properties: vec![
            ("committed-tcb.microcode".into(), Value::Number(0xd5)),
            ("family-id".into(), Value::Bytes(vec![0; 16])),
            ("platform-info.smt-en".into(), Value::Bool(true)),
            ("product".into(), Value::Text("Milan".to_owned())),
        ],
        registers: vec![("measurement".to_owned(), vec![0xab; 48])],
        dangers: BTreeSet::new(),
    }
}

fn gpu() -> Component {
    Component {
        name: "gpu-0".to_owned(),
        kind: Kind::Gpu,
        attester: Subject::Vendor(Vendor::NvidiaDevice),
        identity: None,
        properties: vec![("driver-version".into(), Value::Text("550.90".to_owned()))],
        registers: vec![("measurement-1".to_owned(), vec![0xcd; 48])],
        dangers: BTreeSet::new(),
    }
}

fn result_of(components: impl IntoIterator<Item = (&'static str, ComponentResult)>) -> AttestationResult {
    AttestationResult {
        verifier: VerifierId { developer: "https://casemate.invalid".to_owned(), build: "casemate 0.1.0".to_owned() },
        domain: Digest::from_bytes([1; 32]),
        evidence: Digest::from_bytes([2; 32]),
        verdict: Digest::from_bytes([3; 32]),
        at: AT,
        expires: AT.plus_s(300),
        nonce: Some(vec![9; 32]),
        components: components.into_iter().map(|(name, component)| (name.to_owned(), component)).collect(),
    }
}

/// Accepted evidence of a CPU, named, and of a GPU, of which any genuine would do.
fn accepted() -> AttestationResult {
    result_of([
        ("cpu", ComponentResult::accepted(&snp(), Hardware::Listed)),
        ("gpu-0", ComponentResult::accepted(&gpu(), Hardware::AnyGenuine)),
    ])
}

/// The same evidence, denied for the CPU's firmware.
fn denied() -> AttestationResult {
    let reason = Reason::new("microcode", "at least 0xdb", "0xd5", "update the host's firmware");
    result_of([
        ("cpu", ComponentResult::denied(&snp(), vec![(AspectFault::Hardware, reason)])),
        ("gpu-0", ComponentResult::denied(&gpu(), vec![])),
    ])
}

fn expected(key: &VerifyingKey, names: Names) -> Expected<'_> {
    Expected { key, names, freshness: Freshness::Nonce(&[9; 32]), at: AT.plus_s(1) }
}
