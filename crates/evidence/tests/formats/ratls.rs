//! `ratls` evidence: certificates of an enclave of our own, of every scheme, recorded ones, and crimes against each.

mod crimes;
mod real;

use casemate_cose::{Digest, UnixTime};
use casemate_evidence::{
    AllowDebug, Anchor, Authenticated, Binding, Bound, DangerouslyUnbound, Endorsement, Endorsements, Evidence, Field,
    Format, Isolation, Platform, Refusal, Role, Stated, Vendor, authenticate, composite,
    ratls::{Claims, Scheme},
    recognise,
};
use casemate_testkit::{
    NOW, cbor,
    pki::{Algorithm, Authority, Certificate},
    vendor::ratls::{GRAMINE, INTEL_SDK, QUOTE_TAG, RaTls, WRAPPER, claims, wrapped},
};

use super::{assert_refused, noise::Accepted, unbound};

/// The misspelt name that Gramine writes: DER tag and length are part of it.
const GRAMINE_MISSPELT: &str = "0.6.9.42.840.113741.1337.6";

/// What is believed of an Intel of our own.
fn endorsements(maker: &RaTls) -> Endorsements {
    let made = maker.intel.make(&maker.intel.sgx(3));
    with_root(&made, Endorsements::default())
}

fn with_root(made: &casemate_testkit::vendor::intel::Made, endorsements: Endorsements) -> Endorsements {
    endorsements
        .with(Endorsement::Anchor(Anchor::of_certificate(Vendor::Intel, &made.root).unwrap()))
        .with(Endorsement::Certificate(made.tcb_signer.clone()))
        .with_all(made.crls.iter().cloned().map(Endorsement::Crl))
        .with(Endorsement::TcbInfo(made.tcb_info.clone().into_bytes()))
        .with(Endorsement::QeIdentity(made.qe_identity.clone().into_bytes()))
}

fn judge(maker: &RaTls, certificate: &[u8]) -> Result<Authenticated<DangerouslyUnbound>, Refusal> {
    unbound(Format::Ratls, certificate, &endorsements(maker), NOW)
}

fn certificate_claims(claims: &casemate_evidence::Claims) -> &Claims {
    let Platform::Ratls(claims) = &claims.platform else { panic!("{claims:?}") };
    claims
}

fn fact(claims: &casemate_evidence::Claims, name: &str) -> Option<String> {
    claims.facts().rows().iter().find(|fact| fact.name == name).map(|fact| fact.value.clone())
}

#[test]
fn certificates_of_every_kind_of_key_are_read() {
    for algorithm in [Algorithm::P256, Algorithm::P384, Algorithm::P521, Algorithm::Ed25519, Algorithm::RsaPkcs1Sha256]
    {
        let maker = RaTls::new(algorithm);
        let certificate = maker.interoperable(&maker.claims());
        let authentic = judge(&maker, &certificate).unwrap_or_else(|refusal| panic!("{algorithm:?}: {refusal}"));
        let all = authentic.claims();
        assert_eq!((all.isolation, all.debug), (Some(Isolation::Sgx), false));
        assert_eq!(fact(all, "quote.tcb-status").as_deref(), Some("UpToDate"));
        assert!(fact(all, "bound-to").unwrap().contains("can be relayed (CVE-2026-33697)"));
        let claims = certificate_claims(all);
        assert_eq!((claims.scheme, claims.older, claims.is_self_signed), (Scheme::Interoperable, None, true));
        assert_eq!(claims.key, Digest::of(&maker.own.key.spki()));
        assert_eq!(recognise(&certificate).unwrap().what, "an RA-TLS certificate");
        // What the certificate says of itself is over sooner than what vouches for the platform, or later.
        assert!(authentic.support().used.iter().any(|used| used.name == "RATLS"));
    }
}

#[test]
fn keys_are_hashed_with_every_function() {
    let maker = RaTls::default();
    let spki = maker.own.key.spki();
    for (number, function) in
        [(1, &aws_lc_rs::digest::SHA256), (7, &aws_lc_rs::digest::SHA384), (8, &aws_lc_rs::digest::SHA512)]
    {
        let hash = aws_lc_rs::digest::digest(function, &spki);
        let authentic = judge(&maker, &maker.interoperable(&claims(number, hash.as_ref())));
        assert!(authentic.is_ok(), "{number}: {authentic:?}");
    }
}

#[test]
fn older_schemes_are_read() {
    let maker = RaTls::default();
    let sgx = maker.intel.sgx(3);
    let (spki, text) = (maker.own.key.spki(), maker.pem_of_key());
    let issue = |name: &str, quote: Vec<u8>| maker.own.issue(&maker.certificate().with_extension(name, false, quote));
    for (name, over, scheme) in [
        (GRAMINE, &spki, Scheme::Gramine),
        (GRAMINE_MISSPELT, &spki, Scheme::Gramine),
        (INTEL_SDK, &text, Scheme::IntelSdk),
    ] {
        let certificate = issue(name, maker.quote(&sgx, over));
        let authentic = judge(&maker, &certificate).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        assert_eq!(certificate_claims(authentic.claims()).scheme, scheme);
        assert_eq!(recognise(&certificate).unwrap().evidence[0].format(), Format::Ratls, "{name}");
    }
    // Each scheme hashes as its own source says, and as no other does.
    for (crime, name, over) in [("gramine_as_the_sdk", GRAMINE, &text), ("sdk_as_gramine", INTEL_SDK, &spki)] {
        assert_refused(crime, judge(&maker, &issue(name, maker.quote(&sgx, over))), "ratls-key-binding");
    }
}

/// As Gramine and Intel's SDK write them today: the interoperable extension, and an older one besides.
#[test]
fn an_older_extension_may_say_the_same() {
    let maker = RaTls::default();
    let buffer = maker.claims().encode();
    let sgx = maker.intel.sgx(3);
    let quote = maker.quote(&sgx, &buffer);
    let both = |name: &str, older: Vec<u8>| {
        let wrapped = wrapped(QUOTE_TAG, &quote, &buffer);
        maker.own.issue(&maker.certificate().with_extension(name, false, older).with_extension(WRAPPER, false, wrapped))
    };
    for (name, older, scheme) in [
        (GRAMINE, maker.quote(&sgx, &maker.own.key.spki()), Scheme::Gramine),
        (INTEL_SDK, quote.clone(), Scheme::IntelSdk),
    ] {
        let authentic = judge(&maker, &both(name, older)).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        let claims = certificate_claims(authentic.claims());
        assert_eq!((claims.scheme, claims.older), (Scheme::Interoperable, Some(scheme)));
    }
}

#[test]
fn a_trust_domain_and_a_ca_are_possible() {
    let maker = RaTls::new(Algorithm::P256);
    let buffer = maker.claims().encode();
    let tdx = maker.intel.tdx(4, 2);
    let quote = maker.quote(&tdx, &buffer);
    let ca = Authority::new("Somebody", Algorithm::P256);
    let certificate = maker.certificate().with_extension(WRAPPER, true, wrapped(QUOTE_TAG, &quote, &buffer));
    let endorsements = with_root(&maker.intel.make(&tdx), Endorsements::default());
    let bytes = ca.issue(&certificate);
    assert_refused("issuer_not_given", unbound(Format::Ratls, &bytes, &endorsements, NOW), "ratls-issuer");
    let impostor = Authority::new("Somebody", Algorithm::P256);
    let wrong = endorsements.clone().with(Endorsement::Certificate(impostor.root()));
    assert_refused("issuer_of_the_same_name", unbound(Format::Ratls, &bytes, &wrong, NOW), "ratls-issuer");
    let endorsements = endorsements.with(Endorsement::Certificate(ca.root()));
    let authentic = unbound(Format::Ratls, &bytes, &endorsements, NOW).unwrap();
    assert_eq!(authentic.claims().isolation, Some(Isolation::Tdx));
    let claims = certificate_claims(authentic.claims());
    assert_eq!((claims.issuer.as_str(), claims.is_self_signed), ("Somebody", false));
}

/// What the user states is compared with the nonce, or with the quote's report data where there is none.
#[test]
fn what_is_stated_is_compared_whole() {
    let maker = RaTls::default();
    let endorsements = endorsements(&maker);
    let judge = |certificate: &[u8], stated: &[u8]| {
        let evidence = Evidence::new(Format::Ratls, certificate.to_vec());
        authenticate(&evidence, &endorsements, &Stated::new(stated.to_vec()), NOW)
    };
    let mut claims = maker.claims();
    let report_data = [Digest::of(&claims.encode()).as_bytes().as_slice(), &[0; 32]].concat();
    let plain = maker.interoperable(&claims);
    assert!(judge(&plain, &report_data).is_ok());
    assert_refused("report_data_cut", judge(&plain, &report_data[..32]), "evidence-binding");
    assert_refused("nonce_where_there_is_none", judge(&plain, b"challenge"), "evidence-binding");
    claims.set(&cbor::text("nonce"), cbor::bytes(b"challenge"));
    claims.set(&cbor::text("other"), cbor::array(&[cbor::number(1)]));
    let fresh = maker.interoperable(&claims);
    assert!(judge(&fresh, b"challenge").is_ok());
    for (crime, stated) in [("nonce_one_byte_off", &b"challengf"[..]), ("nonce_padded", b"challenge\0"), ("empty", b"")]
    {
        assert_refused(crime, judge(&fresh, stated), "evidence-binding");
    }
}

/// The attack: an enclave's certificate states this very session's binding as its nonce, under the right manifest. Without the
/// rule, it would be [`Bound`].
#[test]
fn a_certificate_is_never_bound() {
    let maker = RaTls::default();
    let binding = Binding {
        role: Role::Keep,
        nonce: [1; 32],
        manifest: Digest::from_bytes([0xc5; 32]),
        exporter: [3; 32],
        own_key: Digest::of(&maker.own.key.spki()),
        peer_key: Digest::from_bytes([5; 32]),
    };
    let mut claims = maker.claims();
    claims.set(&cbor::text("nonce"), cbor::bytes(&binding.report_data()));
    let evidence = Evidence::new(Format::Ratls, maker.interoperable(&claims));
    let endorsements = endorsements(&maker);
    let seen = authenticate(&evidence, &endorsements, &Stated::new(binding.report_data().to_vec()), NOW).unwrap();
    // All that `Bound` compares is as it expects.
    assert!(seen.claims().is_manifest(&binding.manifest) && !seen.claims().debug);
    assert_eq!(seen.claims().report_data.field, Field::Full);
    let bound = Bound::new(binding);
    assert_refused("relayed", authenticate(&evidence, &endorsements, &bound, NOW), "evidence-key-bound");
    let allowed = AllowDebug::new(bound);
    assert_refused("relayed_debug", authenticate(&evidence, &endorsements, &allowed, NOW), "evidence-key-bound");
    // Nor does it become so as a part of something else.
    let whole = composite::evidence(&evidence, &[Evidence::new(Format::Tpm, Vec::new())]);
    let outcome = authenticate(&whole, &endorsements, &DangerouslyUnbound, NOW);
    assert_refused("certificate_as_a_cpu", outcome, "composite-cpu");
}

#[test]
fn noise_is_refused() {
    let maker = RaTls::new(Algorithm::P256);
    let (bytes, endorsements) = (maker.interoperable(&maker.claims()), endorsements(&maker));
    let accepted = Accepted { format: Format::Ratls, bytes: &bytes, endorsements: &endorsements, at: NOW };
    accepted.flips_are_refused(16);
    accepted.truncations_are_refused();
    accepted.mutations_never_panic();
}

/// The times at which a certificate holds.
fn edges(certificate: &Certificate) -> [UnixTime; 2] {
    [UnixTime(certificate.not_before), UnixTime(certificate.not_after)]
}
