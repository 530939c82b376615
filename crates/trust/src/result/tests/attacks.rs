//! Each attack with the check that it needs gone: the claims alone would be believed, or the signature alone.

use aws_lc_rs::hmac;

use super::{
    ear::{Encoding, Form},
    jwt::Typ,
    *,
};

const JSON: Form = Form { names: Names::Ietf, encoding: Encoding::Json };

fn parts(token: &str) -> [String; 3] {
    let parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

fn claims_of(token: &str) -> String {
    String::from_utf8(from_base64url(&parts(token)[1]).unwrap()).unwrap()
}

/// A reader without signatures: it believes the claims.
fn naive(token: &str, expected: &Expected<'_>) -> bool {
    JSON.read(claims_of(token).as_bytes(), expected).is_ok()
}

fn join(head: &str, claims: &str, signature: &[u8]) -> String {
    format!("{}.{}.{}", base64url(head.as_bytes()), base64url(claims.as_bytes()), base64url(signature))
}

fn head(alg: &str, key: &VerifyingKey) -> String {
    format!(r#"{{"alg":"{alg}","kid":"{}","typ":"eat+jwt"}}"#, key.spki_digest())
}

fn refusal(token: &str, expected: &Expected<'_>) -> ResultError {
    AttestationResult::from_jwt(token, expected).unwrap_err()
}

fn honest(key: &Signer) -> String {
    accepted().to_jwt(Names::Ietf, key, &random()).unwrap()
}

#[test]
fn no_algorithm_is_none() {
    let key = p256();
    let public = key.public();
    let expected = expected(&public, Names::Ietf);
    for alg in ["none", "None", "nOnE", ""] {
        let token = join(&head(alg, &public), &claims_of(&honest(&key)), &[]);
        assert!(naive(&token, &expected));
        assert_eq!(refusal(&token, &expected), ResultError::Algorithm { expected: "ES256", actual: alg.to_owned() });
    }
}

/// The public key as a secret that everybody knows: a reader that lets the header choose would compute the same.
#[test]
fn the_public_key_is_no_secret_of_a_mac() {
    let key = p256();
    let public = key.public();
    let (head, claims) = (head("HS256", &public), claims_of(&honest(&key)));
    let signed = format!("{}.{}", base64url(head.as_bytes()), base64url(claims.as_bytes()));
    let secret = hmac::Key::new(hmac::HMAC_SHA256, &public.spki());
    let tag = hmac::sign(&secret, signed.as_bytes());
    hmac::verify(&secret, signed.as_bytes(), tag.as_ref()).expect("who lets the header choose believes it");
    let token = format!("{signed}.{}", base64url(tag.as_ref()));
    let expected = expected(&public, Names::Ietf);
    assert!(naive(&token, &expected));
    assert_eq!(refusal(&token, &expected), ResultError::Algorithm { expected: "ES256", actual: "HS256".to_owned() });
}

/// The signature is good, the header lies about what it is.
#[test]
fn every_other_pair_of_key_and_algorithm_is_refused() {
    for key in [ed25519(), p256(), p384()] {
        let public = key.public();
        for alg in ["EdDSA", "ES256", "ES384", "ES512", "RS256", "PS384", "Ed25519"] {
            let (head, claims) = (head(alg, &public), claims_of(&honest(&key)));
            let signed = format!("{}.{}", base64url(head.as_bytes()), base64url(claims.as_bytes()));
            let signature = key.sign(signed.as_bytes(), &random()).unwrap();
            public.verify(signed.as_bytes(), &signature).expect("without a look at the header it verifies");
            let read = AttestationResult::from_jwt(&join(&head, &claims, &signature), &expected(&public, Names::Ietf));
            assert_eq!(read.is_ok(), alg == jwt::algorithm(&public), "{public} {alg}");
        }
    }
}

#[test]
fn a_stranger_signs_with_the_own_name_or_the_verifiers() {
    let (key, stranger) = (p256(), p256());
    let public = key.public();
    let expected = expected(&public, Names::Ietf);
    let own = honest(&stranger);
    assert!(naive(&own, &expected));
    assert!(matches!(refusal(&own, &expected), ResultError::KeyId { .. }));

    let (head, claims) = (head("ES256", &public), claims_of(&own));
    let signed = format!("{}.{}", base64url(head.as_bytes()), base64url(claims.as_bytes()));
    let signature = stranger.sign(signed.as_bytes(), &random()).unwrap();
    assert_eq!(refusal(&join(&head, &claims, &signature), &expected), ResultError::Signature);

    let other = accepted().to_cwt(Names::Ietf, &stranger, &random()).unwrap();
    assert!(matches!(AttestationResult::from_cwt(&other, &expected), Err(ResultError::KeyId { .. })));
}

/// A header that brings its own key, asks for one from the network, or says what a reader must understand.
#[test]
fn headers_say_nothing_else() {
    let key = ed25519();
    let public = key.public();
    let honest = honest(&key);
    let plain = head("EdDSA", &public);
    for more in [
        r#""jwk":{"kty":"OKP"}"#,
        r#""jku":"https://x""#,
        r#""x5c":[]"#,
        r#""crit":["b64"],"b64":false"#,
        r#""cty":"JWT""#,
    ] {
        let head = format!("{},{more}}}", plain.trim_end_matches('}'));
        let signed = format!("{}.{}", base64url(head.as_bytes()), parts(&honest)[1]);
        let signature = key.sign(signed.as_bytes(), &random()).unwrap();
        public.verify(signed.as_bytes(), &signature).unwrap();
        let token = join(&head, &claims_of(&honest), &signature);
        assert!(matches!(refusal(&token, &expected(&public, Names::Ietf)), ResultError::Form(_)), "{more}");
    }
}

#[test]
fn signatures_are_not_optional() {
    let key = ed25519();
    let public = key.public();
    let expected = expected(&public, Names::Ietf);
    let honest = honest(&key);
    let [head, claims, signature] = parts(&honest);
    assert!(naive(&honest, &expected));
    assert_eq!(refusal(&format!("{head}.{claims}."), &expected), ResultError::Signature);
    assert_eq!(refusal(&format!("{head}.{claims}"), &expected), ResultError::Form("not three parts"));
    let other = p256();
    assert!(AttestationResult::from_jwt(&format!("{head}.{claims}.{signature}.{signature}"), &expected).is_err());
    let cwt = accepted().to_cwt(Names::Ietf, &key, &random()).unwrap();
    let stripped = [&cwt[..cwt.len() - 66], &[0x40]].concat();
    assert_eq!(AttestationResult::from_cwt(&stripped, &expected), Err(ResultError::Signature));
    assert!(matches!(
        AttestationResult::from_jwt(&honest, &Expected { key: &other.public(), ..expected }),
        Err(ResultError::Algorithm { .. })
    ));
}

#[test]
fn a_dropped_component_is_missed() {
    let key = ed25519();
    let public = key.public();
    let expected = expected(&public, Names::Ietf);
    let mut alone = accepted();
    alone.components.remove("gpu-0");
    let dropped = String::from_utf8(JSON.write(&alone).unwrap()).unwrap();
    let [head, _, signature] = parts(&honest(&key));
    let spliced = format!("{head}.{}.{signature}", base64url(dropped.as_bytes()));
    assert!(naive(&spliced, &expected));
    assert_eq!(refusal(&spliced, &expected), ResultError::Signature);
    // A verifier that never saw the GPU: who needs it asks for it by name.
    let token = alone.to_jwt(Names::Ietf, &key, &random()).unwrap();
    let read = AttestationResult::from_jwt(&token, &expected).unwrap();
    assert_eq!(read.result().status(), Tier::Affirming, "who looks at the overall word alone misses it");
    assert_eq!(read.result().component("gpu-0"), Err(ResultError::ComponentAbsent("gpu-0".to_owned())));
}

#[test]
fn tokens_count_in_their_time_only() {
    let key = ed25519();
    let public = key.public();
    let at = |at: u64| Expected { at: UnixTime(at), ..expected(&public, Names::Ietf) };
    let jwt = honest(&key);
    let cwt = accepted().to_cwt(Names::Ietf, &key, &random()).unwrap();
    for (time, accepted) in
        [(AT.0 - 61, false), (AT.0 - 60, true), (AT.0 + 300, true), (AT.0 + 301, false), (u64::MAX, false)]
    {
        assert_eq!(AttestationResult::from_jwt(&jwt, &at(time)).is_ok(), accepted, "{time}");
        assert_eq!(AttestationResult::from_cwt(&cwt, &at(time)).is_ok(), accepted, "{time}");
    }
    assert!(matches!(refusal(&jwt, &at(AT.0 + 301)), ResultError::Expired { .. }));
    assert!(matches!(refusal(&jwt, &at(AT.0 - 61)), ResultError::NotYet { .. }));
}

#[test]
fn another_nonce_or_profile_is_refused() {
    let key = ed25519();
    let public = key.public();
    let ietf = expected(&public, Names::Ietf);
    let token = honest(&key);
    assert_eq!(refusal(&token, &Expected { freshness: Freshness::Nonce(&[8; 32]), ..ietf }), ResultError::Nonce);
    let without = AttestationResult { nonce: None, ..accepted() }.to_jwt(Names::Ietf, &key, &random()).unwrap();
    assert_eq!(refusal(&without, &ietf), ResultError::Nonce);
    AttestationResult::from_jwt(&token, &Expected { freshness: Freshness::Time, ..ietf }).unwrap();
    assert!(matches!(refusal(&token, &Expected { names: Names::Dotted, ..ietf }), ResultError::Profile { .. }));
}

/// What an honest verifier's key signs must still be of the one form: a verifier that contradicts itself is not believed.
#[test]
fn signed_claims_that_contradict_themselves_are_refused() {
    let key = ed25519();
    let public = key.public();
    let ietf = expected(&public, Names::Ietf);
    let claims = String::from_utf8(JSON.write(&denied()).unwrap()).unwrap();
    let crimes = [
        ("the overall status raised", r#""ear_status":"contraindicated"}"#, r#""ear_status":"affirming"}"#),
        ("the overall status gone", r#","ear_status":"contraindicated","eat_nonce""#, r#","eat_nonce""#),
        ("a component's status raised", r#"{"ear_status":"contraindicated","#, r#"{"ear_status":"affirming","#),
        ("a status that is no tier", r#"{"ear_status":"contraindicated","#, r#"{"ear_status":"fine","#),
        ("a value of nine bits", r#""hardware":96"#, r#""hardware":352"#),
        ("a value of no aspect", r#""hardware":96"#, r#""hardwares":96"#),
        ("a value without a reason", r#""hardware":"#, r#""hard-ware":"#),
        ("an end in fractions", r#""exp":1800000301"#, r#""exp":1800000301.0"#),
        ("an end in text", r#""exp":1800000301"#, r#""exp":"1800000301""#),
        ("no end", r#""exp":1800000301,"#, ""),
        ("two ends", r#""exp":1800000301"#, r#""exp":1800000001,"exp":1800000301"#),
        ("another claim", r#""exp":"#, r#""nbf":0,"exp":"#),
        ("white space", r#"{"eat_profile""#, r#"{ "eat_profile""#),
        ("an escape where none is needed", "casemate 0.1.0", r"\u0063asemate 0.1.0"),
        ("another order", r#""iat":1800000000,"exp":1800000301"#, r#""exp":1800000301,"iat":1800000000"#),
        ("a domain that is no digest", "sha256:0101", "sha256:01"),
    ];
    for (crime, from, to) in crimes {
        // The overall status is the last member but one.
        let doctored = match crime {
            "the overall status raised" => {
                let place = claims.rfind(r#""ear_status":"contraindicated""#).unwrap();
                format!("{}{}", &claims[..place], claims[place..].replacen("contraindicated", "affirming", 1))
            }
            _ => claims.replacen(from, to, 1),
        };
        assert_ne!(doctored, claims, "{crime}: nothing was changed");
        let token = jwt::sign(Typ::Eat, doctored.as_bytes(), &key, &random()).unwrap();
        let refusal = refusal(&token, &ietf);
        let of_status = crime.contains("status raised");
        assert_eq!(matches!(refusal, ResultError::Status { .. }), of_status, "{crime}: {refusal}");
        assert!(of_status || matches!(refusal, ResultError::Form(_)), "{crime}: {refusal}");
    }
}

#[test]
fn every_bit_counts() {
    let key = ed25519();
    let public = key.public();
    let expected = expected(&public, Names::Ietf);
    let small = result_of([("cpu", ComponentResult::denied(&gpu(), vec![]))]);
    let jwt = small.to_jwt(Names::Ietf, &key, &random()).unwrap().into_bytes();
    let cwt = small.to_cwt(Names::Ietf, &key, &random()).unwrap();
    for bit in 0..jwt.len() * 8 {
        let mut flipped = jwt.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let Ok(text) = std::str::from_utf8(&flipped) else { continue };
        assert!(AttestationResult::from_jwt(text, &expected).is_err(), "bit {bit}");
    }
    for bit in 0..cwt.len() * 8 {
        let mut flipped = cwt.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(AttestationResult::from_cwt(&flipped, &expected).is_err(), "bit {bit}");
    }
    for length in 0..cwt.len() {
        assert!(AttestationResult::from_cwt(&cwt[..length], &expected).is_err());
    }
    assert!(AttestationResult::from_cwt(&[cwt.as_slice(), &[0]].concat(), &expected).is_err());
    assert!(AttestationResult::from_cwt(&cwt[1..], &expected).is_err(), "without its tag");
    assert!(
        AttestationResult::from_cwt(&[&[0xd8, 61], cwt.as_slice()].concat(), &expected).is_err(),
        "with a second tag"
    );
}

/// By the same key: no token passes for another kind, nor for what Casemate signs for itself.
#[test]
fn no_kind_passes_for_another() {
    let key = p256();
    let public = key.public();
    let ietf = expected(&public, Names::Ietf);
    let claims = claims_of(&honest(&key));
    let as_svid = jwt::sign(Typ::Svid, claims.as_bytes(), &key, &random()).unwrap();
    assert!(matches!(refusal(&as_svid, &ietf), ResultError::Form(_)));
    let trust_domain = "clinic".parse().unwrap();
    assert!(matches!(read_jwt_svid(&honest(&key), &public, &trust_domain, "a", AT), Err(ResultError::Form(_))));
    let own = casemate_cose::sign_keyed(casemate_cose::Kind::Domain, claims.as_bytes(), &key, &random()).unwrap();
    assert!(matches!(AttestationResult::from_cwt(&own, &ietf), Err(ResultError::Form(_))));
    let cwt = accepted().to_cwt(Names::Ietf, &key, &random()).unwrap();
    for kind in casemate_cose::Kind::ALL {
        assert!(casemate_cose::verify_keyed(kind, &cwt).is_err());
        assert!(casemate_cose::verify_keyed(kind, &cwt[1..]).is_err());
    }
}

#[test]
fn huge_and_deep_tokens_are_refused() {
    let key = ed25519();
    let public = key.public();
    let ietf = expected(&public, Names::Ietf);
    assert!(matches!(refusal(&"a".repeat(TOKEN_BYTES_MAX + 1), &ietf), ResultError::TooMany { .. }));
    assert!(matches!(
        AttestationResult::from_cwt(&vec![0; TOKEN_BYTES_MAX + 1], &ietf),
        Err(ResultError::TooMany { .. })
    ));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let token = jwt::sign(Typ::Eat, deep.as_bytes(), &key, &random()).unwrap();
    assert!(matches!(refusal(&token, &ietf), ResultError::Form(_)));
    let token = join(&deep, "{}", &[]);
    assert!(matches!(refusal(&token, &ietf), ResultError::Form(_)));
}

mod arbitrary {
    use proptest::prelude::*;

    use super::*;

    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(|number| number.to_string()),
            any::<bool>().prop_map(|value| value.to_string()),
            "[a-z_#:0-9]{0,12}".prop_map(|text| format!("\"{text}\"")),
            Just("\"contraindicated\"".to_owned()),
            Just("null".to_owned()),
        ];
        let name = prop_oneof![
            Just("submods"),
            Just("eat_profile"),
            Just("iat"),
            Just("exp"),
            Just("ear_status"),
            Just("ear_verifier_id"),
            Just("ear_verifier_claims"),
            Just("ear_trustworthiness_vector"),
            Just("hardware"),
            Just("kind"),
            Just("x"),
        ];
        leaf.prop_recursive(5, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
                prop::collection::vec((name.clone(), inner), 0..6).prop_map(|members| {
                    let members: Vec<String> =
                        members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                    format!("{{{}}}", members.join(","))
                }),
            ]
        })
    }

    proptest! {
        /// Whatever a key signs: no panic, and what is believed is what would be written.
        #[test]
        fn signed_claims_never_panic(claims in json(), noise in prop::collection::vec(any::<u8>(), 0..200)) {
            let key = ed25519();
            let public = key.public();
            let ietf = expected(&public, Names::Ietf);
            let token = jwt::sign(Typ::Eat, claims.as_bytes(), &key, &random()).unwrap();
            prop_assert!(AttestationResult::from_jwt(&token, &ietf).is_err());
            prop_assert!(AttestationResult::from_cwt(&noise, &ietf).is_err());
            let form = Form { names: Names::Ietf, encoding: Encoding::Cbor };
            prop_assert!(form.read(&noise, &ietf).is_err());
        }

        /// One byte of the claims, as a verifier in error might sign it: either it is refused, or it is what it says.
        #[test]
        fn changed_claims_say_what_they_say(place in any::<prop::sample::Index>(), byte in any::<u8>(), is_cbor in any::<bool>()) {
            let encoding = if is_cbor { Encoding::Cbor } else { Encoding::Json };
            let form = Form { names: Names::Ietf, encoding };
            let key = ed25519();
            let public = key.public();
            let mut claims = form.write(&denied()).unwrap();
            let place = place.index(claims.len());
            claims[place] = byte;
            if let Ok(read) = form.read(&claims, &expected(&public, Names::Ietf)) {
                prop_assert_eq!(form.write(read.result()).unwrap(), claims);
                prop_assert_eq!(read.result().status(), Tier::Contraindicated);
            }
        }
    }
}
