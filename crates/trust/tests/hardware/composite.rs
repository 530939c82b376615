//! Several components: each has to be accepted.

use casemate_testkit::NOW;
use casemate_trust::{
    DenyReason, draft,
    statement::{Kind, Sentence, Statement, Subject},
};

use super::{accepted, denied, domain, machines::composite};

fn is_rule_of(statement: &Statement, label: &str) -> bool {
    statement.label == label && matches!(&statement.sentence, Sentence::Trusted { subject: Subject::Platform(_), .. })
}

#[test]
fn every_component_is_accepted_or_none() {
    let statements = draft(&composite(), "host").statements;
    let verdict = accepted(composite(), statements.clone());
    let names: Vec<_> =
        verdict.components().iter().map(|component| (component.name.as_str(), component.kind)).collect();
    assert_eq!(names, [("cpu", Kind::Snp), ("gpu-0", Kind::Gpu), ("gpu-1", Kind::Gpu), ("vtpm", Kind::Tpm)]);
    let believed: Vec<_> = verdict.believed().iter().map(|believed| believed.platform.label.as_str()).collect();
    assert_eq!(believed, ["host cpu", "host gpu-0", "host gpu-1", "host vtpm"]);
    for (component, rule) in [
        ("cpu", "domain-platform"),
        ("gpu-0", "domain-identity"),
        ("gpu-1", "domain-identity"),
        ("vtpm", "domain-platform"),
    ] {
        let label = format!("host {component}");
        let without = statements.iter().filter(|statement| !is_rule_of(statement, &label)).cloned().collect();
        let reasons = denied(composite(), &domain(without), NOW);
        let found: Vec<_> = reasons.iter().map(|reason| (reason.component(), reason.rule())).collect();
        assert_eq!(found, [(Some(component), rule)], "{}", reasons[0]);
    }
}

#[test]
fn what_all_components_lack_is_told_of_each() {
    let reasons = denied(composite(), &domain(Vec::new()), NOW);
    let found: Vec<_> = reasons.iter().map(|reason| (reason.component().unwrap(), reason.rule())).collect();
    let all = ["cpu", "gpu-0", "gpu-1", "vtpm"];
    let expected: Vec<_> = ["domain-runtime", "domain-attester", "domain-platform"]
        .into_iter()
        .flat_map(|rule| all.map(|component| (component, rule)))
        .collect();
    assert_eq!(found, expected);
    assert!(reasons.iter().all(|reason| !matches!(reason, DenyReason::Proof { .. })));
}
