//! Every property of every component of recorded evidence under every test that there is for its type: at most, one of, not, only.
//! Tests that the value meets accept, together; those that it fails deny, each with its reason and no other.

use casemate_cose::UnixTime;
use casemate_testkit::vectors;
use casemate_trust::{
    DenyReason,
    component::{self, Component, registry},
    draft,
    statement::{Demand, Kind, Sentence, Statement, Subject, Test, Value},
};

use super::{domain, files, judged};

/// A test to hold a value against, if its type has such a one.
type Asked = fn(&Value) -> Option<Test>;

const MET: [(&str, Asked); 4] = [
    ("at most the value, or only its members", |value| match value {
        Value::Number(_) | Value::Time(_) => Some(Test::AtMost(value.clone())),
        Value::Set(members) => Some(Test::SubsetOf(members.clone())),
        _ => None,
    }),
    ("one of the value and another", |value| is_single(value).then(|| one_of(vec![value.clone(), other(value)]))),
    ("not another", |value| Some(Test::NotEquals(other(value)))),
    ("only its members and one more", |value| match other(value) {
        Value::Set(more) => Some(Test::SubsetOf(more)),
        _ => None,
    }),
];

const FAILED: [(&str, Asked); 4] = [
    ("at most one less", |value| match value {
        Value::Number(number) => Some(Test::AtMost(Value::Number(number.checked_sub(1)?))),
        Value::Time(time) => Some(Test::AtMost(Value::Time(UnixTime(time.0.checked_sub(1)?)))),
        _ => None,
    }),
    ("one of others", |value| is_single(value).then(|| one_of(vec![other(value)]))),
    ("not the value", |value| Some(Test::NotEquals(value.clone()))),
    ("only other members", |value| match value {
        Value::Set(members) if !members.is_empty() => Some(Test::SubsetOf(vec!["zzz".to_owned()])),
        _ => None,
    }),
];

#[test]
fn every_test_of_every_property_accepts_what_meets_it_and_denies_the_rest() {
    let Some(vectors) = vectors("every test of every property of recorded evidence") else { return };
    let (mut wrong, mut met, mut failed) = (Vec::new(), 0, 0);
    for (file, evidence) in files::authentic(&vectors) {
        let drafted = draft(&evidence(), "recorded");
        for component in component::components(evidence().claims()) {
            for (what, asked) in MET {
                let demands = demands(&component, asked);
                met += demands.len();
                let under = domain(&file, &drafted, demanding(&drafted.statements, component.kind, &demands));
                if let Err(reasons) = judged(&*evidence, &under) {
                    wrong.push(format!("{file}: {}: {what}: {}", component.name, reasons[0]));
                }
            }
            for (what, asked) in FAILED {
                let demands = demands(&component, asked);
                failed += demands.len();
                let under = domain(&file, &drafted, demanding(&drafted.statements, component.kind, &demands));
                match judged(&*evidence, &under) {
                    Ok(_) if demands.is_empty() => {}
                    Ok(_) => wrong.push(format!("{file}: {}: {what}: accepted", component.name)),
                    Err(reasons) if are(&reasons, &component, &demands) => {}
                    Err(reasons) => {
                        let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
                        wrong.push(format!("{file}: {}: {what}: {}", component.name, reasons.join(" | ")));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(met > 2_000 && failed > 1_500, "{met} met, {failed} failed");
}

/// One demand for each property to which the test applies, in order.
fn demands(component: &Component, asked: Asked) -> Vec<Demand> {
    let known = component.properties.iter().filter(|(name, value)| {
        registry::property(component.kind, name).is_some() && !matches!(value, Value::Bytes(bytes) if bytes.is_empty())
    });
    known.filter_map(|(name, value)| Some(Demand { property: name.to_string(), test: asked(value)? })).collect()
}

/// The statements, their rule for this kind demanding just this.
fn demanding(statements: &[Statement], kind: Kind, demands: &[Demand]) -> Vec<Statement> {
    let mut statements = statements.to_vec();
    for statement in &mut statements {
        if let Sentence::Trusted { subject: Subject::Platform(rule), .. } = &mut statement.sentence
            && rule.kind == kind
        {
            rule.demands = demands.to_vec();
        }
    }
    statements
}

/// Whether the reasons are that these demands are not met, each of them once, and nothing else.
fn are(reasons: &[DenyReason], component: &Component, demands: &[Demand]) -> bool {
    let is = |demand: &Demand| {
        reasons.iter().any(|reason| {
            matches!(reason, DenyReason::Property { component: of, property, demanded, actual: Some(actual), .. }
                if *of == component.name && *property == demand.property && *demanded == demand.test
                    && component.property(property) == Some(actual))
        })
    };
    reasons.len() == demands.len() && demands.iter().all(is)
}

/// What lists name: anything but sets.
fn is_single(value: &Value) -> bool {
    !matches!(value, Value::Set(_))
}

fn one_of(mut values: Vec<Value>) -> Test {
    values.sort();
    Test::OneOf(values)
}

/// Another value of the same type, no larger than numbers of their field can be.
fn other(value: &Value) -> Value {
    match value {
        Value::Bool(value) => Value::Bool(!value),
        Value::Bytes(bytes) => Value::Bytes(bytes.iter().map(|byte| byte ^ 1).collect()),
        Value::Number(number) => Value::Number(number.checked_sub(1).unwrap_or(1)),
        Value::Set(names) => Value::Set(names.iter().cloned().chain(["zzz".to_owned()]).collect()),
        Value::Text(text) => Value::Text(format!("{text}x")),
        Value::Time(time) => Value::Time(UnixTime(time.0 - 1)),
    }
}
