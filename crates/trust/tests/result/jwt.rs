//! JWT-SVIDs: for one audience, in one trust domain, by one key.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use casemate_cose::{Signer, SigningKey};
use casemate_trust::result::{JwtSvid, ResultError, TrustDomain, digest_of_accepted, jwt_svid, read_jwt_svid};

use crate::admitted::{AT, accepted, admission, ed25519, p256, p384, random};

fn token(authority: &Signer) -> Result<String, ResultError> {
    let keep = SigningKey::from_seed(&[1; 32]);
    jwt_svid(&accepted(&keep, AT), "reports", &admission("clinic"), authority, &random(), AT)
}

fn clinic() -> TrustDomain {
    "clinic".parse().unwrap()
}

#[test]
fn is_read_by_its_audience() {
    for authority in [p256(), p384()] {
        let token = token(&authority).unwrap();
        let read = |at| read_jwt_svid(&token, &authority.public(), &clinic(), "reports", at);
        let accepted = accepted(&SigningKey::from_seed(&[1; 32]), AT);
        let id = "spiffe://clinic/keep/cohort".parse().unwrap();
        let (evidence, verdict) = (accepted.evidence_digest(), digest_of_accepted(&accepted));
        assert_eq!(read(AT).unwrap(), JwtSvid { id, evidence, verdict, from: AT, until: AT.plus_s(300) });
        // The verdict ends after 300 s, the lifetime would be 600.
        assert!(read(AT.plus_s(300)).is_ok());
        assert!(matches!(read(AT.plus_s(301)), Err(ResultError::Expired { .. })));
    }
}

#[test]
fn header_and_claims_are_those_of_the_standard() {
    let token = token(&p256()).unwrap();
    let parts: Vec<serde_json::Value> = token
        .split('.')
        .take(2)
        .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
        .collect();
    let mut headers: Vec<&String> = parts[0].as_object().unwrap().keys().collect();
    headers.sort();
    assert_eq!(headers, ["alg", "kid", "typ"], "others must not be there");
    assert_eq!((&parts[0]["alg"], &parts[0]["typ"]), (&"ES256".into(), &"JWT".into()));
    assert_eq!(parts[1]["sub"], "spiffe://clinic/keep/cohort");
    assert_eq!(parts[1]["aud"], serde_json::json!(["reports"]));
    assert_eq!(parts[1]["exp"], AT.0 + 301);
}

#[test]
fn passes_for_no_other() {
    let authority = p256();
    let token = token(&authority).unwrap();
    let public = authority.public();
    let audience = read_jwt_svid(&token, &public, &clinic(), "payroll", AT);
    assert!(matches!(audience, Err(ResultError::Audience { .. })));
    let domain = read_jwt_svid(&token, &public, &"bank".parse().unwrap(), "reports", AT);
    assert!(matches!(domain, Err(ResultError::Invalid { .. })));
    let key = read_jwt_svid(&token, &p256().public(), &clinic(), "reports", AT);
    assert!(matches!(key, Err(ResultError::KeyId { .. })));
    for bit in (0..token.len() * 8).step_by(7) {
        let mut flipped = token.clone().into_bytes();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let Ok(flipped) = String::from_utf8(flipped) else { continue };
        assert!(read_jwt_svid(&flipped, &public, &clinic(), "reports", AT).is_err(), "bit {bit}");
    }
}

#[test]
fn is_not_made_where_the_standard_has_no_word_for_it() {
    assert_eq!(token(&ed25519(20)), Err(ResultError::AlgorithmOfSvid("EdDSA")));
    let keep = SigningKey::from_seed(&[1; 32]);
    for audience in
        [String::new(), "a".repeat(2049), "a\nb".to_owned(), "a\u{1b}[2J".to_owned(), "a\u{202e}b".to_owned()]
    {
        let made = jwt_svid(&accepted(&keep, AT), &audience, &admission("clinic"), &p256(), &random(), AT);
        assert!(matches!(made, Err(ResultError::Invalid { .. })));
    }
    let late = AT.plus_s(301);
    let made = jwt_svid(&accepted(&keep, AT), "reports", &admission("clinic"), &p256(), &random(), late);
    assert!(matches!(made, Err(ResultError::Expired { .. })));
}
