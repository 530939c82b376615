//! What an appraisal costs does not grow with the domain.

use casemate_cose::Digest;
use casemate_testkit::NOW;
use casemate_trust::{
    Domain, Verdict, appraise, draft,
    statement::{Identities, Kind, Measurement, Purpose, Register, Sentence, Statement, Subject},
};

use super::{domain, machines::snp, rules};

/// As many statements as a domain of a large owner has: other chips' platforms, other runtimes, properties of chips.
fn crowded(number: u32) -> Domain {
    let mut statements = draft(&snp(&[]), "machine").statements;
    let trusted = |subject| Sentence::Trusted { subject, purpose: Purpose::Execution(None) };
    for place in 0..number / 3 {
        let other = Digest::of(&place.to_be_bytes());
        let other = [other.as_bytes().as_slice(), &[0; 32]].concat();
        let rule = rules(draft(&snp(&[]), &format!("machine {place}")).statements.split_off(1), |rule| {
            rule.identities = Identities::Listed([other.clone().into()].into());
        });
        statements.extend(rule.into_iter().take(1));
        let registers = vec![Register { name: "measurement".to_owned(), value: other.get(..48).unwrap().to_vec() }];
        let measurement = trusted(Subject::Measurement(Measurement { kind: Kind::Snp, registers }));
        statements.push(Statement::always(format!("runtime {place}"), measurement));
        let region = Sentence::HasProperty {
            subject: Subject::Hardware(Kind::Snp, other),
            name: "region".to_owned(),
            value: casemate_trust::statement::Value::Text("EU".to_owned()),
        };
        statements.push(Statement::always("EU", region));
    }
    domain(statements)
}

#[test]
fn an_appraisal_allocates_no_more_for_ten_thousand_statements() {
    let cost = |number| {
        let domain = crowded(number);
        let evidence = || snp(&[]);
        // What follows from the domain, and its digest, are kept.
        assert!(matches!(appraise(evidence(), &domain, NOW), Verdict::Accepted(_)));
        let evidence = evidence();
        let measured = allocation_counter::measure(|| {
            let verdict = appraise(evidence, &domain, NOW);
            assert!(matches!(verdict, Verdict::Accepted(_)));
        });
        (measured.count_total, measured.bytes_total)
    };
    let (few, many) = (cost(30), cost(10_000));
    assert!(many.0 <= few.0 + 8, "{few:?} {many:?}");
    assert!(many.0 < 150, "{many:?}");
}
