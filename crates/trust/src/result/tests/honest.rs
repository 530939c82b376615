//! What is written is read.

use serde_json::{Value as Json, json};

use super::*;

#[test]
fn every_key_name_and_encoding_round_trips() {
    for key in [ed25519(), p256(), p384()] {
        let public = key.public();
        for names in NAMES {
            for result in [accepted(), denied(), AttestationResult { nonce: None, ..accepted() }] {
                let freshness = result.nonce.as_deref().map_or(Freshness::Time, Freshness::Nonce);
                let expected = Expected { freshness, ..expected(&public, names) };
                let jwt = result.to_jwt(names, &key, &random()).unwrap();
                assert_eq!(AttestationResult::from_jwt(&jwt, &expected).unwrap().result(), &result);
                let cwt = result.to_cwt(names, &key, &random()).unwrap();
                assert_eq!(AttestationResult::from_cwt(&cwt, &expected).unwrap().result(), &result);
            }
        }
    }
}

/// The same result by the same key is the same bytes, where the algorithm lets it be.
#[test]
fn the_same_in_gives_the_same_out() {
    let tokens = |result: AttestationResult| {
        let jwt = result.to_jwt(Names::Ietf, &ed25519(), &random()).unwrap();
        (jwt, result.to_cwt(Names::Ietf, &ed25519(), &random()).unwrap())
    };
    assert_eq!(tokens(accepted()), tokens(accepted()));
}

fn claims(token: &str) -> Json {
    serde_json::from_slice(&from_base64url(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[test]
fn names_are_those_of_the_drafts() {
    let ietf = claims(&accepted().to_jwt(Names::Ietf, &ed25519(), &random()).unwrap());
    assert_eq!(ietf["eat_profile"], "tag:ietf.org,2026:rats/ear#04");
    assert_eq!(ietf["iat"], 1_800_000_000);
    assert_eq!(ietf["exp"], 1_800_000_301, "the first second in which it counts no more");
    assert_eq!(ietf["ear_status"], "affirming");
    assert_eq!(ietf["ear_verifier_id"], json!({"developer": "https://casemate.invalid", "build": "casemate 0.1.0"}));
    let cpu = &ietf["submods"]["cpu"];
    assert_eq!(cpu["ear_status"], "affirming");
    assert_eq!(cpu["ear_appraisal_policy_ids"], json!([Digest::from_bytes([1; 32]).to_string()]));
    assert_eq!(cpu["ear_trustworthiness_vector"]["hardware"], 2);
    assert_eq!(cpu["ear_attester_claims"]["product"], "Milan");
    assert_eq!(cpu["ear_attester_claims"]["committed-tcb.microcode"], 0xd5);
    assert_eq!(cpu["ear_verifier_claims"]["kind"], "snp");

    let dotted = claims(&denied().to_jwt(Names::Dotted, &ed25519(), &random()).unwrap());
    assert_eq!(dotted["eat_profile"], "tag:github.com,2023:veraison/ear");
    assert_eq!(dotted.get("ear.status"), None, "a later draft's");
    let cpu = &dotted["submods"]["cpu"];
    assert_eq!(cpu["ear.status"], "contraindicated");
    assert_eq!(cpu["ear.appraisal-policy-id"], Digest::from_bytes([1; 32]).to_string());
    assert_eq!(cpu["ear.veraison.policy-claims"]["unmet"][0]["remedy"], "update the host's firmware");
}

/// Numbers that a reader of JSON would round are text, in both encodings.
#[test]
fn numbers_that_json_rounds_are_text() {
    let mut component = snp();
    component.properties = vec![("xfam".into(), Value::Number(1 << 53)), ("y".into(), Value::Number((1 << 53) - 1))];
    let result = result_of([("cpu", ComponentResult::accepted(&component, Hardware::Listed))]);
    let claims = claims(&result.to_jwt(Names::Ietf, &ed25519(), &random()).unwrap());
    assert_eq!(claims["submods"]["cpu"]["ear_attester_claims"]["xfam"], "9007199254740992");
    assert_eq!(claims["submods"]["cpu"]["ear_attester_claims"]["y"], 9_007_199_254_740_991_u64);
}

#[test]
fn a_cwt_has_its_tag_and_no_other() {
    let cwt = accepted().to_cwt(Names::Ietf, &ed25519(), &random()).unwrap();
    assert_eq!(cwt[..2], [0xd2, 0x84], "tag 18, four parts");
}

#[test]
fn results_that_can_not_be_are_not_written() {
    let empty = result_of([]);
    let mut raised = denied();
    raised.components.get_mut("cpu").unwrap().status = Tier::Affirming;
    let mut silent = denied();
    silent.components.get_mut("cpu").unwrap().status = Tier::None;
    let mut hollow = accepted();
    hollow.components.get_mut("cpu").unwrap().trustworthiness = Trustworthiness::default();
    let many = (0..=COMPONENTS_MAX).map(|place| (format!("gpu-{place}"), ComponentResult::denied(&gpu(), vec![])));
    let crowded = AttestationResult { components: many.collect(), ..accepted() };
    let mut wordy = accepted();
    wordy
        .components
        .get_mut("cpu")
        .unwrap()
        .claims
        .insert("x".into(), ClaimValue::Text("x".repeat(CLAIM_BYTES_MAX + 1)));
    let backwards = AttestationResult { expires: UnixTime(AT.0 - 1), ..accepted() };
    let endless = AttestationResult { expires: UnixTime(u64::MAX), ..accepted() };
    let crimes = [
        ("no component", empty),
        ("a status above its vector", raised),
        ("silence about what is wrong", silent),
        ("an empty vector", hollow),
        ("too many components", crowded),
        ("a claim too long", wordy),
        ("an end before the beginning", backwards),
        ("no end", endless),
        ("a nonce too short", AttestationResult { nonce: Some(vec![1; 7]), ..accepted() }),
        ("a nonce too long", AttestationResult { nonce: Some(vec![1; 65]), ..accepted() }),
    ];
    for (crime, result) in crimes {
        assert!(result.to_jwt(Names::Ietf, &ed25519(), &random()).is_err(), "{crime}");
        assert!(result.to_cwt(Names::Dotted, &ed25519(), &random()).is_err(), "{crime}");
    }
}

/// The key pair of [RFC 8037 §A.1].
#[test]
fn keys_are_told_as_jwk() {
    let mut seed = [0; 32];
    hex::decode_to_slice("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", &mut seed).unwrap();
    let public = Signer::from(SigningKey::from_seed(&seed)).public();
    let expected = json!({
        "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "use": "sig", "alg": "EdDSA", "kid": public.spki_digest().to_string(),
    });
    assert_eq!(serde_json::from_str::<Json>(&jwk(&public)).unwrap(), expected);
}

/// Whoever knows nothing of the claim reads the status: with the one, the other can't be good.
#[test]
fn what_may_be_a_replay_is_affirmed_by_nobody() {
    let mut result = accepted();
    for component in result.components.values_mut() {
        component.claims.insert(UNBOUND.to_owned(), ClaimValue::Bool(true));
    }
    let refused = ResultError::Status { actual: Tier::Affirming, worst: Tier::Warning };
    assert_eq!(result.to_jwt(Names::Ietf, &ed25519(), &random()), Err(refused));
    let mut result = accepted();
    result.components.values_mut().for_each(ComponentResult::unbind);
    assert_eq!(result.status(), Tier::Warning);
    result.to_jwt(Names::Ietf, &ed25519(), &random()).unwrap();
    // A denial is no better, and no worse.
    let mut result = denied();
    let before = result.status();
    result.components.values_mut().for_each(ComponentResult::unbind);
    assert_eq!(result.status(), before);
}

#[test]
fn results_are_recognised_and_nothing_else() {
    for names in NAMES {
        for result in [accepted(), denied()] {
            let jwt = result.to_jwt(names, &p256(), &random()).unwrap();
            assert!(is_ear(jwt.as_bytes()) && is_ear(&result.to_cwt(names, &p256(), &random()).unwrap()));
            let claims = jwt.split('.').nth(1).unwrap();
            assert!(!is_ear(claims.as_bytes()) && !is_ear(format!("{jwt}.x").as_bytes()));
        }
    }
    let other = base64url(br#"{"sub":"spiffe://clinic.example/cohort","aud":["x"]}"#);
    for other in [String::new(), "..".to_owned(), format!("e30.{other}.AA"), "age-encryption.org/v1".to_owned()] {
        assert!(!is_ear(other.as_bytes()), "{other}");
    }
}
