//! Keeps that a domain accepted, and authorities that name them.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use casemate_cose::{Digest, Signer, SigningKey, UnixTime};
use casemate_evidence::{
    Authenticated, Binding, Bound, Endorsements, Isolation, Role, authenticate,
    software::{Statement, sign},
};
use casemate_trust::{
    Accepted, Domain, Verdict, appraise,
    domain::{Launcher, Process, Runtime},
    result::{Admission, authority, x509_svid},
};

pub(crate) const AT: UnixTime = UnixTime(1_800_000_000);
pub(crate) const PROGRAM: Digest = Digest::from_bytes([7; 32]);
pub(crate) const RUNTIME: Digest = Digest::from_bytes([6; 32]);
pub(crate) const MANIFEST: Digest = Digest::from_bytes([2; 32]);

pub(crate) fn random() -> SystemRandom {
    SystemRandom::new()
}

pub(crate) fn p256() -> Signer {
    Signer::p256(EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random()).unwrap().as_ref()).unwrap()
}

pub(crate) fn p384() -> Signer {
    Signer::p384(EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random()).unwrap().as_ref()).unwrap()
}

pub(crate) fn ed25519(seed: u8) -> Signer {
    SigningKey::from_seed(&[seed; 32]).into()
}

/// A keep with a key of its own, attested and accepted at `at`.
pub(crate) fn accepted(key: &SigningKey, at: UnixTime) -> Accepted<Bound> {
    match appraise(evidence(key, at), &domain(), at) {
        Verdict::Accepted(accepted) => accepted,
        Verdict::Denied(reasons) => panic!("denied: {reasons:?}"),
    }
}

fn launcher() -> SigningKey {
    SigningKey::from_seed(&[9; 32])
}

/// A domain that accepts it.
pub(crate) fn domain() -> Domain {
    let launchers = vec![Launcher { name: "a host".to_owned(), key: launcher().public() }];
    let runtimes = vec![Runtime { name: "casemate 0.1.0".to_owned(), digest: RUNTIME }];
    Domain::new("clinic", launchers, runtimes, Some(Process::default())).unwrap()
}

/// A keep with a key of its own, attested at `at`.
pub(crate) fn evidence(key: &SigningKey, at: UnixTime) -> Authenticated<Bound> {
    let binding = Binding {
        role: Role::Keep,
        nonce: [1; 32],
        manifest: MANIFEST,
        exporter: [3; 32],
        own_key: key.public().spki_digest(),
        peer_key: Digest::from_bytes([5; 32]),
    };
    let statement = Statement {
        isolation: Isolation::Process,
        runtime: RUNTIME,
        libraries: Digest::of(b"the libraries"),
        program: PROGRAM,
        manifest: MANIFEST,
        report_data: binding.report_data(),
        lacks: [].into(),
        secret_bytes: 4096,
        debug: false,
        at,
    };
    let endorsements = Endorsements::of_launchers([launcher().public()]);
    authenticate(&sign(&statement, &launcher()), &endorsements, &Bound::new(binding), at).unwrap()
}

/// Keeps of `trust_domain` that serve as `cohort` and `cohort.clinic.example`.
pub(crate) fn admission(trust_domain: &str) -> Admission {
    let names = vec!["cohort.clinic.example".to_owned()];
    let admission = Admission::new(trust_domain.parse().unwrap(), 600).unwrap();
    admission.named(PROGRAM, "cohort".parse().unwrap(), names).unwrap()
}

/// An authority's certificate for an hour around `at`.
pub(crate) fn root(trust_domain: &str, key: &Signer, at: UnixTime) -> Vec<u8> {
    let from = UnixTime(at.0 - 1800);
    authority(&trust_domain.parse().unwrap(), key, &random(), from, at.plus_s(1800)).unwrap()
}

/// The SVID of the keep that holds `key`, accepted at `at`.
pub(crate) fn svid(key: &SigningKey, trust_domain: &str, authority: &Signer, at: UnixTime) -> Vec<u8> {
    let accepted = accepted(key, at);
    x509_svid(&accepted, &key.public().spki(), &admission(trust_domain), authority, &random(), at).unwrap()
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
