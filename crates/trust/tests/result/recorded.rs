//! Every recorded piece of authentic evidence, accepted and denied, as others are told of it.

use casemate_cose::UnixTime;
use casemate_testkit::vectors;
use casemate_trust::{
    Domain, appraise, draft,
    result::{Appraised, Aspect, AttestationResult, Expected, Freshness, Names, Tier, VerifierId},
};

use crate::{
    Recorded,
    admitted::{ed25519, random},
    files,
};

fn told(evidence: Recorded, domain: &Domain) -> (AttestationResult, UnixTime) {
    let at = evidence.claims().at;
    let appraised = Appraised::of(&evidence);
    let verifier = VerifierId { developer: "https://casemate.invalid".to_owned(), build: "casemate 0.1.0".to_owned() };
    (AttestationResult::of(&appraised, &appraise(evidence, domain, at), domain, verifier, None, at), at)
}

/// What is written of it is read back, whatever evidence says.
fn assert_travels(file: &str, result: &AttestationResult, at: UnixTime) {
    let key = ed25519(40);
    for names in [Names::Ietf, Names::Dotted] {
        let expected = Expected { key: &key.public(), names, freshness: Freshness::Time, at };
        let jwt = result.to_jwt(names, &key, &random()).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(AttestationResult::from_jwt(&jwt, &expected).unwrap().result(), result, "{file}");
        let cwt = result.to_cwt(names, &key, &random()).unwrap();
        assert_eq!(AttestationResult::from_cwt(&cwt, &expected).unwrap().result(), result, "{file}");
    }
}

#[test]
fn every_recorded_piece_of_evidence_is_told_of() {
    let Some(vectors) = vectors("attestation results of recorded evidence") else { return };
    let nothing = Domain::new("clinic", vec![], vec![], None).unwrap();
    let mut told_of = 0;
    for (file, evidence) in files::authentic(&vectors) {
        let drafted = draft(&evidence(), "recorded");
        let keys = drafted.launchers.iter().map(|key| (*key).into()).collect();
        let domain = Domain::of("clinic", 0, drafted.statements, keys, Vec::new()).unwrap();
        let is_debug = evidence().claims().debug;

        let (accepted, at) = told(evidence(), &domain);
        assert_travels(&file, &accepted, at);
        assert!(accepted.components.values().all(|component| component.unmet.is_empty()), "{file}");
        let is_visible =
            accepted.component("cpu").is_ok_and(|cpu| cpu.trustworthiness.value(Aspect::RuntimeOpaque) == 96);
        assert!(!is_visible || is_debug, "{file}");
        assert!(!is_debug || accepted.status() == Tier::Contraindicated, "{file}: debug mode is no good word");
        assert_ne!(accepted.status(), Tier::None, "{file}");

        let (denied, at) = told(evidence(), &nothing);
        assert_travels(&file, &denied, at);
        assert_eq!(denied.status(), Tier::Contraindicated, "{file}");
        for component in denied.components.values() {
            assert!(!component.unmet.is_empty(), "{file}");
            let values = component.trustworthiness.iter().map(|(_, judgement)| Tier::of(judgement.value));
            assert!(values.into_iter().all(|tier| tier != Tier::Affirming), "{file}");
        }
        let names = |result: &AttestationResult| result.components.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&accepted), names(&denied), "{file}: no component is dropped");
        told_of += 1;
    }
    assert!(told_of >= 30, "{told_of} pieces of evidence");
}
