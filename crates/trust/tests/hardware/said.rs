//! What others say of hardware: it counts where evidence can't say it, and nowhere else.

use aws_lc_rs::rand::SystemRandom;
use casemate_cose::{Signer, SigningKey};
use casemate_testkit::NOW;
use casemate_trust::{
    DenyReason, Domain, Verdict, appraise,
    statement::{Demand, Kind, Purpose, Sentence, Signed, Statement, Subject, Test, Topic, Value},
};

use super::{accepted, denied, domain, hasty, machines::snp, rules};

fn asking(name: &str, test: Test) -> Vec<Statement> {
    let demand = Demand { property: name.to_owned(), test };
    rules(hasty(&snp(&[])), |rule| rule.demands = vec![demand.clone()])
}

fn said(name: &str, value: Value) -> Statement {
    let subject = Subject::Hardware(Kind::Snp, vec![0xc1; 64]);
    Statement::always("operator", Sentence::HasProperty { subject, name: name.to_owned(), value })
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn a_region_is_what_is_said_of_the_chip() {
    let asking = || asking("region", Test::Equals(text("EU")));
    let reasons = denied(snp(&[]), &domain(asking()), NOW);
    assert!(matches!(&reasons[..], [DenyReason::Property { actual: None, .. }]), "{reasons:?}");
    let with = |value: &str| [asking(), vec![said("region", text(value))]].concat();
    let reasons = denied(snp(&[]), &domain(with("US")), NOW);
    assert!(matches!(&reasons[..], [DenyReason::Property { actual: Some(actual), .. }] if *actual == text("US")));
    assert!(accepted(snp(&[]), with("EU")).proof().steps.len() > 3);
    // Of another chip nothing follows.
    let Statement { label, sentence: Sentence::HasProperty { name, value, .. }, validity } = said("region", text("EU"))
    else {
        panic!()
    };
    let subject = Subject::Hardware(Kind::Snp, vec![0xc2; 64]);
    let other = Statement { label, sentence: Sentence::HasProperty { subject, name, value }, validity };
    let reasons = denied(snp(&[]), &domain([asking(), vec![other]].concat()), NOW);
    assert!(matches!(&reasons[..], [DenyReason::Property { actual: None, .. }]));
}

#[test]
fn nobody_says_of_a_chip_what_its_evidence_would() {
    // A guest without an ID block: the evidence has no such property. Whoever may say where chips stand says that it has.
    let digest = Value::Bytes(vec![1; 48]);
    let asking = asking("id-key-digest", Test::Equals(digest.clone()));
    let forged = [asking, vec![said("id-key-digest", digest)]].concat();
    let reasons = denied(snp(&[]), &domain(forged), NOW);
    assert!(
        matches!(&reasons[..], [DenyReason::Property { property, actual: None, .. }] if property == "id-key-digest")
    );
}

#[test]
fn one_value_has_to_meet_all_that_is_asked_of_it() {
    let rack = |number| said("rack", Value::Number(number));
    let between = rules(hasty(&snp(&[])), |rule| {
        rule.demands = vec![
            Demand { property: "rack".to_owned(), test: Test::AtLeast(Value::Number(3)) },
            Demand { property: "rack".to_owned(), test: Test::AtMost(Value::Number(5)) },
        ];
    });
    // One is high enough, the other low enough, neither both.
    let reasons = denied(snp(&[]), &domain([between.clone(), vec![rack(2), rack(9)]].concat()), NOW);
    assert!(matches!(&reasons[..], [DenyReason::Property { .. }]), "{reasons:?}");
    accepted(snp(&[]), [between, vec![rack(2), rack(4), rack(9)]].concat());
}

#[test]
fn what_meets_a_demand_is_looked_up() {
    // 8,000 values, each of which passes 255 of 256 demands: two million comparisons, were they all made.
    let demand = |test| Demand { property: "rack".to_owned(), test };
    let entangled = rules(hasty(&snp(&[])), |rule| {
        rule.demands = (0..255).map(|least| demand(Test::AtLeast(Value::Number(least)))).collect();
        rule.demands.push(demand(Test::AtMost(Value::Number(0))));
    });
    let values = (0..8000).map(|number| said("rack", Value::Number(1000 + number)));
    let reasons = denied(snp(&[]), &domain(entangled.into_iter().chain(values).collect()), NOW);
    let rules: Vec<_> = reasons.iter().map(DenyReason::rule).collect();
    assert_eq!(rules, ["domain-property"], "{}", reasons[0]);
}

/// Whoever may publish properties says thousands of the very name that the owner's rules ask for: a value that is the owner's word, or
/// another's, is found all the same.
#[test]
#[expect(clippy::disallowed_methods, reason = "signing takes a source of randomness, from which Ed25519 draws nothing")]
fn a_delegate_that_says_too_much_takes_nothing_away() {
    let key: Signer = SigningKey::from_seed(&[7; 32]).into();
    let purpose = Purpose::Publishing { topic: Topic::Properties, depth: 0, limits: None };
    let delegate = Sentence::Trusted { subject: Subject::Key(key.public().spki_digest()), purpose };
    let hasty = hasty(&snp(&[]));
    let asking = |number: u64| {
        let test = if number.is_multiple_of(2) {
            Test::Equals(Value::Number(number))
        } else {
            Test::OneOf(vec![Value::Number(number)])
        };
        rules(hasty.clone(), |rule| rule.demands = vec![Demand { property: "rack".to_owned(), test: test.clone() }])
    };
    let mut statements: Vec<Statement> = (0..1_000).flat_map(asking).collect();
    statements.push(Statement::always("delegate", delegate));
    statements.push(said("rack", Value::Number(777)));
    let signed: Vec<Signed> = (0..4_000)
        .map(|number| said("rack", Value::Number(10_000 + number)))
        .map(|said| Signed::sign(&said, &key, &SystemRandom::new()).unwrap())
        .collect();
    statements.sort();
    statements.dedup();
    let domain = Domain::of("clinic", 0, statements, Vec::new(), signed).unwrap();
    assert!(matches!(appraise(snp(&[]), &domain, NOW), Verdict::Accepted(_)));
}
