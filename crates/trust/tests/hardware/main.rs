//! Hardware of our own vendors under domains: what is dangerous is refused unless it is admitted by name, every component has to be
//! accepted, and each denial says what is missing and where.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are as free as tests"
)]

mod any_order;
mod attacked;
mod composite;
mod cost;
mod dangers;
mod limited;
mod machines;
mod reasons;
mod said;

use std::collections::BTreeSet;

use casemate_cose::UnixTime;
use casemate_evidence::{Authenticated, Expectation};
use casemate_testkit::NOW;
use casemate_trust::{
    Accepted, DenyReason, Domain, Drafted, Verdict, appraise, draft,
    statement::{Allowance, Identities, PlatformRule, Sentence, Statement, Subject},
};

/// The domain of these statements.
fn domain(statements: Vec<Statement>) -> Domain {
    Domain::of("clinic", 0, statements, Vec::new(), Vec::new()).unwrap()
}

/// What a domain that was written in haste says of this evidence: any genuine chip, no demands, what runs by its registers.
fn hasty<B>(evidence: &Authenticated<B>) -> Vec<Statement> {
    let Drafted { statements, .. } = draft(evidence, "machine");
    rules(statements, |rule| {
        rule.identities = Identities::AnyGenuineChip;
        rule.demands.clear();
        rule.allow.clear();
    })
}

/// The statements, their rules for platforms changed.
fn rules(mut statements: Vec<Statement>, change: impl Fn(&mut PlatformRule)) -> Vec<Statement> {
    for statement in &mut statements {
        if let Sentence::Trusted { subject: Subject::Platform(rule), .. } = &mut statement.sentence {
            change(rule);
        }
    }
    statements
}

fn allowing(statements: Vec<Statement>, danger: Allowance) -> Vec<Statement> {
    rules(statements, |rule| rule.allow = BTreeSet::from([danger]))
}

#[track_caller]
fn accepted<B: Expectation + std::fmt::Debug>(evidence: Authenticated<B>, statements: Vec<Statement>) -> Accepted<B> {
    match appraise(evidence, &domain(statements), NOW) {
        Verdict::Accepted(accepted) => accepted,
        Verdict::Denied(reasons) => panic!("denied: {}", reasons[0]),
    }
}

#[track_caller]
fn denied<B: Expectation + std::fmt::Debug>(
    evidence: Authenticated<B>,
    domain: &Domain,
    at: UnixTime,
) -> Vec<DenyReason> {
    match appraise(evidence, domain, at) {
        Verdict::Accepted(accepted) => panic!("accepted: {accepted:?}"),
        Verdict::Denied(reasons) => reasons,
    }
}
