//! Changes of one word in a domain, each with the reason that it must lead to.

use std::collections::BTreeSet;

use casemate_cose::{Digest, UnixTime};
use casemate_evidence::Vendor;
use casemate_trust::{
    DenyReason,
    component::{
        fit,
        registry::{self, Bound, Property},
    },
    statement::{Demand, Identities, PlatformRule, Purpose, Sentence, Statement, Subject, Test, Value},
};

/// A domain with one word changed.
pub(super) struct Change {
    /// Which.
    pub(super) what: String,
    /// All of its statements.
    pub(super) statements: Vec<Statement>,
    /// Whether these are exactly the reasons.
    pub(super) is_it: Box<dyn Fn(&[DenyReason]) -> bool>,
    /// Whether the change moves more than one word of the text: whom a platform believes, several times over.
    pub(super) is_structural: bool,
}

/// Every change of one word.
pub(super) fn changes(statements: &[Statement]) -> Vec<Change> {
    let mut changes = Vec::new();
    for (place, statement) in statements.iter().enumerate() {
        let with = |sentence: Sentence| {
            let mut statements = statements.to_vec();
            statements[place].sentence = sentence;
            statements
        };
        let Sentence::Trusted { subject, purpose } = &statement.sentence else { panic!("{statement:?}") };
        let trusted = |subject| Sentence::Trusted { subject, purpose: purpose.clone() };
        match subject {
            Subject::Platform(rule) => {
                of_rule(&statement.label, rule, |rule| with(trusted(Subject::Platform(rule))), &mut changes);
            }
            Subject::Measurement(measurement) => {
                for (register, own) in measurement.registers.iter().enumerate() {
                    let mut changed = measurement.clone();
                    flip(&mut changed.registers[register].value);
                    let name = own.name.clone();
                    changes.push(Change {
                        what: format!("{}: register {name}", statement.label),
                        statements: with(trusted(Subject::Measurement(changed))),
                        is_it: Box::new(move |reasons| {
                            matches!(reasons, [DenyReason::Register { register, .. }] if *register == name)
                        }),
                        is_structural: false,
                    });
                }
            }
            attester => {
                let changed = if let Subject::Key(digest) = attester {
                    let mut bytes = digest.as_bytes().to_vec();
                    flip(&mut bytes);
                    Subject::Key(Digest::from_bytes(bytes.try_into().unwrap()))
                } else {
                    Subject::Vendor(if *attester == Subject::Vendor(Vendor::Aws) { Vendor::Amd } else { Vendor::Aws })
                };
                // An Azure vTPM's attester is its CPU's: both entries name it.
                let mut all = statements.to_vec();
                let same = all.iter_mut().filter(|other| {
                    matches!(&other.sentence, Sentence::Trusted { subject, purpose: Purpose::Attestation(_) } if subject == attester)
                });
                same.for_each(|other| other.sentence = trusted(changed.clone()));
                let attester = attester.clone();
                changes.push(Change {
                    what: format!("{}: attester", statement.label),
                    statements: all,
                    is_it: Box::new(move |reasons| {
                        reasons
                            .iter()
                            .all(|reason| matches!(reason, DenyReason::Attester { actual, .. } if *actual == attester))
                    }),
                    is_structural: true,
                });
            }
        }
    }
    changes
}

fn of_rule(label: &str, rule: &PlatformRule, with: impl Fn(PlatformRule) -> Vec<Statement>, changes: &mut Vec<Change>) {
    for (place, Demand { property, test }) in rule.demands.iter().enumerate() {
        let is_subset = matches!(test, Test::SubsetOf(_));
        let Some(test) = harder(registry::property(rule.kind, property), test) else { continue };
        let mut changed = rule.clone();
        changed.demands[place].test = test.clone();
        // What no accepted evidence can have, no word of the text can ask for: a statement can.
        let sentence =
            Sentence::Trusted { subject: Subject::Platform(changed.clone()), purpose: Purpose::Execution(None) };
        // `with` names one more.
        let is_structural = is_subset || property.starts_with("beside.") || fit::misfit(&sentence).is_some();
        let (name, demand) = (property.clone(), test);
        changes.push(Change {
            what: format!("{label}: {property} {demand:?}"),
            statements: with(changed),
            is_it: Box::new(move |reasons| match reasons {
                [DenyReason::Property { property, demanded, actual: Some(_), .. }] => {
                    *property == name && *demanded == demand
                }
                [DenyReason::Beside { kind, demanded, .. }] => {
                    name == format!("beside.{kind}") && demand == Test::AtLeast(Value::Number(*demanded))
                }
                _ => false,
            }),
            is_structural,
        });
    }
    if let Identities::Listed(listed) = &rule.identities {
        let other = listed.iter().map(|identity| {
            let mut other = identity.to_vec();
            flip(&mut other);
            other.into()
        });
        let actual = listed.first().map(|identity| identity.to_vec());
        changes.push(Change {
            what: format!("{label}: identity"),
            statements: with(PlatformRule { identities: Identities::Listed(other.collect()), ..rule.clone() }),
            is_it: Box::new(
                move |reasons| matches!(reasons, [DenyReason::Identity { actual: found, .. }] if *found == actual),
            ),
            is_structural: false,
        });
    }
    for danger in rule.allow.iter().copied() {
        let allow: BTreeSet<_> = rule.allow.iter().copied().filter(|other| *other != danger).collect();
        changes.push(Change {
            what: format!("{label}: {danger} not allowed"),
            statements: with(PlatformRule { allow, ..rule.clone() }),
            is_it: Box::new(move |reasons| matches!(reasons, [DenyReason::Danger { actual, .. }] if *actual == danger)),
            is_structural: true,
        });
    }
}

/// The test that the present value just fails; `None` where there is no such word: no set is smaller than an empty one.
fn harder(row: Option<&Property>, test: &Test) -> Option<Test> {
    let bound = row.map(|row| row.bound);
    let other = |value: &Value| match value {
        Value::Bool(value) => Value::Bool(!value),
        Value::Bytes(bytes) => {
            let mut bytes = bytes.clone();
            flip(&mut bytes);
            Value::Bytes(bytes)
        }
        Value::Number(number) => Value::Number(number + 1),
        Value::Set(names) => Value::Set(names.iter().cloned().chain(["zzz".to_owned()]).collect()),
        Value::Text(text) => Value::Text(match bound {
            Some(Bound::Names(names)) => (*names.iter().find(|name| *name != text).unwrap()).to_owned(),
            _ => format!("{text}x"),
        }),
        Value::Time(time) => Value::Time(UnixTime(time.0 + 1)),
    };
    match test {
        Test::AtLeast(value) => Some(Test::AtLeast(other(value))),
        Test::Equals(value) => Some(Test::Equals(other(value))),
        Test::SubsetOf(names) => {
            let (_, fewer) = names.split_last()?;
            Some(Test::SubsetOf(fewer.to_vec()))
        }
        other => panic!("drafts ask no {other:?}"),
    }
}

fn flip(bytes: &mut [u8]) {
    *bytes.last_mut().unwrap() ^= 1;
}

/// How many words of two texts differ, where they differ in nothing else.
pub(super) fn differing(one: &str, other: &str) -> usize {
    let (one, other): (Vec<_>, Vec<_>) = (one.split_whitespace().collect(), other.split_whitespace().collect());
    if one.len() != other.len() {
        return usize::MAX;
    }
    one.iter().zip(&other).filter(|(one, other)| one != other).count()
}
