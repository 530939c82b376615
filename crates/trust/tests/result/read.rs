//! Certificates are read in the one form in which they are written, by their own authority.

use casemate_cose::{SigningKey, UnixTime};
use casemate_trust::result::{Authority, ResultError, X509Svid, digest_of_accepted, spiffe_bundle};

use crate::admitted::{AT, accepted, ed25519, p256, p384, root, svid};

fn keep() -> SigningKey {
    SigningKey::from_seed(&[1; 32])
}

#[test]
fn says_what_was_written() {
    for authority in [ed25519(20), p256(), p384()] {
        let certificate = root("clinic", &authority, AT);
        let believed = Authority::read(&certificate).unwrap();
        assert_eq!((believed.trust_domain.as_str(), believed.key), ("clinic", authority.public()));
        assert_eq!((believed.from, believed.until), (UnixTime(AT.0 - 1800), AT.plus_s(1800)));
        let der = svid(&keep(), "clinic", &authority, AT);
        let read = X509Svid::read(&der, &believed, AT).unwrap();
        assert_eq!(X509Svid::claimed(&der).unwrap(), read);
        let accepted = accepted(&keep(), AT);
        assert_eq!(read.id.to_string(), "spiffe://clinic/keep/cohort");
        assert_eq!(read.dns_names, ["cohort.clinic.example"]);
        assert_eq!((read.spki, read.from, read.until), (keep().public().spki(), AT, accepted.expires()));
        assert_eq!((read.evidence, read.domain), (accepted.evidence_digest(), accepted.domain_digest()));
        assert_eq!(read.verdict, digest_of_accepted(&accepted));
    }
}

#[test]
fn is_over_when_it_is() {
    let believed = Authority::read(&root("clinic", &ed25519(20), AT)).unwrap();
    let der = svid(&keep(), "clinic", &ed25519(20), AT);
    let read = |at| X509Svid::read(&der, &believed, at).map(drop);
    assert_eq!(read(AT.plus_s(300)), Ok(()));
    assert!(matches!(read(AT.plus_s(301)), Err(ResultError::Expired { .. })));
    assert!(matches!(read(UnixTime(AT.0 - 1)), Err(ResultError::NotYet { .. })));
    let late = svid(&keep(), "clinic", &ed25519(20), AT.plus_s(1700));
    assert!(
        matches!(X509Svid::read(&late, &believed, AT.plus_s(1801)), Err(ResultError::Expired { .. })),
        "the authority's"
    );
}

#[test]
fn passes_for_no_other() {
    let believed = Authority::read(&root("clinic", &ed25519(20), AT)).unwrap();
    let other_key = svid(&keep(), "clinic", &ed25519(21), AT);
    assert!(matches!(X509Svid::read(&other_key, &believed, AT), Err(ResultError::Form(_))));
    let other_domain = svid(&keep(), "bank", &ed25519(20), AT);
    assert!(matches!(X509Svid::read(&other_domain, &believed, AT), Err(ResultError::Invalid { .. })));
    assert!(X509Svid::read(&root("clinic", &ed25519(20), AT), &believed, AT).is_err(), "the authority is no keep");
    assert!(Authority::read(&other_key).is_err(), "a keep is no authority");
    let der = svid(&keep(), "clinic", &ed25519(20), AT);
    for bit in 0..der.len() * 8 {
        let mut flipped = der.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(X509Svid::read(&flipped, &believed, AT).is_err(), "bit {bit}");
    }
    for length in 0..der.len() {
        assert!(X509Svid::read(&der[..length], &believed, AT).is_err(), "cut at {length}");
    }
    assert!(X509Svid::read(&[der, vec![0]].concat(), &believed, AT).is_err());
}

/// An ECDSA signature has a second form, with the other root of s, that verifies as well; no third one is read.
#[test]
fn signatures_have_one_encoding() {
    let authority = p256();
    let believed = Authority::read(&root("clinic", &authority, AT)).unwrap();
    let der = svid(&keep(), "clinic", &authority, AT);
    assert!(X509Svid::read(&der, &believed, AT).is_ok());
    for place in der.len() - 72..der.len() {
        let mut flipped = der.clone();
        flipped[place] ^= 0x80;
        assert!(X509Svid::read(&flipped, &believed, AT).is_err(), "byte {place}");
    }
}

#[test]
fn bundles_have_certificate_and_key() {
    let certificate = root("clinic", &p256(), AT);
    let authority = Authority::read(&certificate).unwrap();
    let bundle: serde_json::Value = serde_json::from_str(&spiffe_bundle(&certificate, &authority.key)).unwrap();
    let uses: Vec<&str> = bundle["keys"].as_array().unwrap().iter().map(|key| key["use"].as_str().unwrap()).collect();
    assert_eq!(uses, ["x509-svid", "jwt-svid"]);
    assert_eq!(bundle["keys"][1]["kid"], authority.key.spki_digest().to_string());
    assert!(bundle["keys"][0]["x5c"][0].as_str().unwrap().starts_with("MII"));
    let certificate = root("clinic", &ed25519(20), AT);
    let bundle: serde_json::Value = serde_json::from_str(&spiffe_bundle(&certificate, &ed25519(20).public())).unwrap();
    assert_eq!(bundle["keys"].as_array().unwrap().len(), 1, "JWT-SVIDs are not signed with Ed25519");
}
