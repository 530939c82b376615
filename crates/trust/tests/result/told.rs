//! Real verdicts, as others are told them.

use casemate_cose::{Digest, PublicKey, SigningKey};
use casemate_trust::{
    Domain, Verdict, appraise,
    domain::{Launcher, Process, Runtime},
    result::{Appraised, Aspect, AttestationResult, Expected, Freshness, Names, Tier, VerifierId, digest_of_accepted},
};

use crate::admitted::{AT, RUNTIME, domain, ed25519, evidence, random};

fn keep() -> SigningKey {
    SigningKey::from_seed(&[1; 32])
}

fn verifier() -> VerifierId {
    VerifierId { developer: "https://casemate.invalid".to_owned(), build: "casemate 0.1.0".to_owned() }
}

fn told(domain: &Domain) -> (AttestationResult, Option<Digest>) {
    let evidence = evidence(&keep(), AT);
    let appraised = Appraised::of(&evidence);
    let verdict = appraise(evidence, domain, AT);
    let digest = match &verdict {
        Verdict::Accepted(accepted) => Some(digest_of_accepted(accepted)),
        Verdict::Denied(_) => None,
    };
    (AttestationResult::of(&appraised, &verdict, domain, verifier(), Some(vec![7; 16]), AT), digest)
}

#[test]
fn an_acceptance_says_what_it_rests_on_and_until_when() {
    let (result, digest) = told(&domain());
    assert_eq!(result.domain, domain().digest());
    assert_eq!(result.evidence, evidence(&keep(), AT).evidence_digest());
    assert_eq!(Some(result.verdict), digest);
    assert_eq!(result.expires, AT.plus_s(300));
    let cpu = result.component("cpu").unwrap();
    assert_eq!(cpu.status, Tier::Warning, "isolation `process` does not keep root out");
    assert_eq!(cpu.trustworthiness.value(Aspect::Executables), 3);
    assert_eq!(cpu.trustworthiness.value(Aspect::RuntimeOpaque), 32);
    assert_eq!(cpu.trustworthiness.value(Aspect::Hardware), 0);
    let key = ed25519(40);
    let jwt = result.to_jwt(Names::Ietf, &key, &random()).unwrap();
    let expected = Expected { key: &key.public(), names: Names::Ietf, freshness: Freshness::Nonce(&[7; 16]), at: AT };
    assert_eq!(AttestationResult::from_jwt(&jwt, &expected).unwrap().result(), &result);
}

#[test]
fn a_denial_has_every_reason_and_no_good_word() {
    let stranger = Launcher { name: "another host".to_owned(), key: keep().public() };
    let other = Runtime { name: "casemate 0.0.9".to_owned(), digest: Digest::from_bytes([5; 32]) };
    let domain = Domain::new("clinic", vec![stranger], vec![other], Some(Process::default())).unwrap();
    let (result, _) = told(&domain);
    assert_eq!(result.status(), Tier::Contraindicated);
    let cpu = result.component("cpu").unwrap();
    let rules: Vec<&str> = cpu.unmet.iter().map(|reason| reason.rule.as_str()).collect();
    assert_eq!(rules, ["domain-runtime", "domain-launcher"]);
    assert_eq!(cpu.trustworthiness.value(Aspect::Executables), 33);
    assert_eq!(cpu.trustworthiness.value(Aspect::Hardware), 97);
    assert!(cpu.trustworthiness.iter().all(|(_, judgement)| Tier::of(judgement.value) != Tier::Affirming));
}

/// The reasons name everybody whom the domain would have accepted; the token does not.
#[test]
fn a_denial_by_a_large_domain_still_fits() {
    let other = |place: u16| {
        let mut key = [0; 32];
        key[..2].copy_from_slice(&place.to_be_bytes());
        Launcher { name: format!("host {place} of a large hospital"), key: PublicKey::from_bytes(key) }
    };
    let launchers = (0..4000).map(other).collect();
    let runtimes = vec![Runtime { name: "casemate 0.1.0".to_owned(), digest: RUNTIME }];
    let domain = Domain::new("clinic", launchers, runtimes, Some(Process::default())).unwrap();
    let (result, _) = told(&domain);
    let expected = &result.component("cpu").unwrap().unmet[0].expected;
    assert!(expected.starts_with("one launcher of `host 0 of") && expected.ends_with(" ..."), "{expected}");
    let jwt = result.to_jwt(Names::Ietf, &ed25519(40), &random()).unwrap();
    assert!(jwt.len() < 8192, "{} bytes", jwt.len());
}

/// What names a verdict changes with everything that it is about.
#[test]
fn every_verdict_has_a_digest_of_its_own() {
    let (accepted, _) = told(&domain());
    let launchers =
        vec![Launcher { name: "a host, by another name".to_owned(), key: SigningKey::from_seed(&[9; 32]).public() }];
    let runtimes = vec![Runtime { name: "casemate 0.1.0".to_owned(), digest: RUNTIME }];
    let renamed = Domain::new("clinic", launchers, runtimes.clone(), Some(Process::default())).unwrap();
    let denying = Domain::new("clinic", vec![], vec![], None).unwrap();
    let mut digests = vec![accepted.verdict, told(&renamed).0.verdict, told(&denying).0.verdict];
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), 3);
    assert_eq!(told(&domain()).0, accepted, "the same in, the same out");
}
