//! What others wrote about trust, imported: documents by their documentation, real files, crimes against each format, and what
//! evidence is accepted after.

#![expect(clippy::disallowed_methods, reason = "tests read recorded documents and evidence from files")]
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are as free as tests"
)]

mod azure_release;
mod certifier;
mod certifier_files;
mod corim;
mod corim_files;
mod export;
mod judged;
mod properties;
mod rvps;

use casemate_trust::{
    Domain,
    import::{ImportError, Imported},
    statement::{Demand, Identities, Kind, Measurement, PlatformRule, Purpose, Sentence, Subject, Test, Value},
};

/// The refusals of an import, each as `place: what: why`.
#[track_caller]
fn refusals(result: Result<Imported, ImportError>) -> Vec<String> {
    match result {
        Err(ImportError::Refused { refusals, count }) => {
            assert_eq!(refusals.len(), count);
            refusals.iter().map(ToString::to_string).collect()
        }
        Err(other) => panic!("{other}"),
        Ok(imported) => panic!("imported: {:#?}", imported.statements),
    }
}

/// Whether an import is refused for one thing alone, at this place and for this reason.
#[track_caller]
fn one_refusal(what: &str, result: Result<Imported, ImportError>, start: &str, why: &str) {
    let refusals = refusals(result);
    let [one] = refusals.as_slice() else { panic!("{what}: {refusals:#?}") };
    assert!(one.starts_with(start) && one.contains(why), "{what}: {one}");
}

/// What was imported stands in a domain, in each of its forms.
#[track_caller]
fn stands(imported: &Imported) {
    let domain = Domain::of("clinic", 0, imported.statements.clone(), Vec::new(), Vec::new());
    let domain = domain.unwrap_or_else(|error| panic!("{error}: {:#?}", imported.statements));
    assert_eq!(Domain::from_bytes(&domain.to_bytes()), Ok(domain.clone()));
    let never: Vec<_> =
        domain.warnings().into_iter().filter(|warning| warning.what.contains("can never match")).collect();
    assert_eq!(never, []);
}

/// The rules for platforms, in order.
fn rules(imported: &Imported) -> Vec<&PlatformRule> {
    let rules = imported.statements.iter().filter_map(|statement| match &statement.sentence {
        Sentence::Trusted { subject: Subject::Platform(rule), purpose: Purpose::Execution(None) } => Some(rule),
        _ => None,
    });
    let rules: Vec<&PlatformRule> = rules.collect();
    assert!(rules.iter().all(|rule| rule.allow.is_empty()), "no import adds an allowance");
    rules
}

/// What runs, in order.
fn measurements(imported: &Imported) -> Vec<&Measurement> {
    let measurements = imported.statements.iter().filter_map(|statement| match &statement.sentence {
        Sentence::Trusted { subject: Subject::Measurement(measurement), purpose: Purpose::Execution(_) } => {
            Some(measurement)
        }
        _ => None,
    });
    measurements.collect()
}

/// Whom to believe about evidence, in order.
fn attesters(imported: &Imported) -> Vec<&Subject> {
    let attesters = imported.statements.iter().filter_map(|statement| match &statement.sentence {
        Sentence::Trusted { subject, purpose: Purpose::Attestation(_) } => Some(subject),
        _ => None,
    });
    attesters.collect()
}

fn demand(property: &str, test: Test) -> Demand {
    Demand { property: property.to_owned(), test }
}

fn number(number: u64) -> Value {
    Value::Number(number)
}

/// A rule for any genuine platform.
fn any_genuine(kind: Kind, mut demands: Vec<Demand>) -> PlatformRule {
    demands.sort();
    PlatformRule { kind, identities: Identities::AnyGenuineChip, demands, allow: std::collections::BTreeSet::new() }
}
