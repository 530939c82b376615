//! Reference values of Trustee's Reference Value Provider Service. [confidential-containers/trustee: rvps/README.md,
//! rvps/src/reference_value.rs, rvps/src/extractors/sample; attestation-service: ear_default_policy_cpu.rego]
//!
//! ```text
//! message          { "version": "0.1.0", "type": "sample", "payload": base64 of a sample }
//! sample           { name: value, … }
//! ReferenceValue   { "version", "name", "expiration" | "expired": time, "value": value }  or  "hash-value": [ { "alg", "value" }, … ]
//! ```
//! and lists of `ReferenceValue`. A reference value has a name and no meaning: that is in a policy. Names that Trustee's default policy
//! for CPUs asks for are imported as it uses them (`in` a list, `==` one value); any other name is refused, for nothing would ask for it.
//!
//! 1. The form is told by its fields.
//! 2. Values of the same name are joined; the first to expire ends the statement.
//! 3. Names become registers and demands by the table in `names.rs`. What the policy needs together has to be there together.
//! 4. What runs: every combination of the values of its registers; what it runs on: one rule.

mod form;
mod names;

use std::collections::{BTreeMap, BTreeSet};

use casemate_cose::UnixTime;
use form::ReferenceValue;
use names::{Name, Use};

use super::{
    ImportError, Imported, Signed,
    findings::Findings,
    json::Json,
    registered::{Condition, any_genuine, condition, trusted_measurement, trusted_platform, trusted_vendor},
};
use crate::{
    component::registry,
    statement::{Demand, Kind, Register, Sentence, Statement, Test, Validity, Value},
};

/// The most combinations of registers' values.
pub const COMBINATIONS_MAX: usize = 1024;

const LABEL: &str = "Trustee";

/// Imports reference values, registered at `registered`: those that say no expiry end twelve months later, as Trustee's do.
///
/// # Errors
/// [`ImportError`], naming every name and value that can't be said here by its JSON pointer.
pub fn import(bytes: &[u8], registered: UnixTime) -> Result<Imported, ImportError> {
    let json = Json::parse(bytes)?;
    let mut findings = Findings::default();
    let values = form::read(&json, registered, &mut findings)?;
    let mut kinds: BTreeMap<Kind, Vec<Named>> = BTreeMap::new();
    for value in values {
        match names::NAMES.iter().find(|name| name.name == value.name) {
            Some(name) => kinds.entry(name.kind).or_default().push(Named { name, value }),
            None => {
                let why = names::why_not(&value.name);
                findings.refuse(&value.place, &value.name, why);
            }
        }
    }
    for (kind, named) in kinds {
        say(kind, &named, &mut findings);
    }
    findings.finish(Signed::Unsigned)
}

/// A reference value whose name is known.
struct Named {
    name: &'static Name,
    value: ReferenceValue,
}

fn say(kind: Kind, named: &[Named], findings: &mut Findings) {
    for missing in names::missing(kind, &named.iter().map(|named| named.name.name).collect()) {
        findings.refuse(
            "",
            missing,
            "is missing: Trustee's policy asks for it together with others that are here, and would accept nothing",
        );
    }
    let validity = Validity {
        not_before: UnixTime(0),
        not_after: named.iter().map(|named| named.value.expires).min().unwrap_or(UnixTime(0)),
    };
    let mut registers: BTreeMap<&str, BTreeSet<Register>> = BTreeMap::new();
    let mut demands: BTreeSet<Demand> = BTreeSet::new();
    for Named { name, value } in named {
        match name.of.values(value) {
            Err((place, shown, why)) => findings.refuse(&place, shown, why),
            Ok(values) if registry::register(kind, name.own).is_some() => {
                let values = values.into_iter().filter_map(|value| match value {
                    Value::Bytes(value) => Some(Register { name: name.own.to_owned(), value }),
                    _ => None,
                });
                registers.entry(name.own).or_default().extend(values);
            }
            Ok(values) => demand(kind, name, value, values, &mut demands, findings),
        }
    }
    say_measurements(kind, &registers, validity, findings);
    say_platform(kind, demands, validity, findings);
}

fn demand(
    kind: Kind,
    name: &Name,
    value: &ReferenceValue,
    mut values: Vec<Value>,
    demands: &mut BTreeSet<Demand>,
    findings: &mut Findings,
) {
    values.sort();
    values.dedup();
    let test = match (name.used, values.as_slice()) {
        (Use::Equal, [one]) => Test::Equals(one.clone()),
        _ => Test::OneOf(values),
    };
    match condition(kind, name.own, test) {
        Ok(Condition::Demand(demand)) => {
            demands.insert(demand);
        }
        Ok(Condition::Register(_)) => findings.refuse(&value.place, &value.name, "is what runs, not what it runs on"),
        Err(why) => findings.refuse(&value.place, &value.name, why),
    }
}

fn say_measurements(
    kind: Kind,
    registers: &BTreeMap<&str, BTreeSet<Register>>,
    validity: Validity,
    findings: &mut Findings,
) {
    if registers.is_empty() {
        return findings.note(format!(
            "{kind}: nothing is said about what runs; nothing is accepted until the domain names a runtime for it"
        ));
    }
    let count = registers.values().fold(1_usize, |count, values| count.saturating_mul(values.len()));
    if count > COMBINATIONS_MAX {
        return findings.refuse(
            "",
            kind.as_str(),
            format!("comes to more than {COMBINATIONS_MAX} combinations of registers"),
        );
    }
    let mut combinations: Vec<Vec<Register>> = vec![Vec::new()];
    for values in registers.values() {
        combinations = combinations
            .iter()
            .flat_map(|own| values.iter().map(move |value| [own.as_slice(), std::slice::from_ref(value)].concat()))
            .collect();
    }
    for combination in combinations {
        if let Some(sentence) = trusted_measurement(kind, combination) {
            state(kind, sentence, validity, findings);
        }
    }
}

fn say_platform(kind: Kind, mut demands: BTreeSet<Demand>, validity: Validity, findings: &mut Findings) {
    if demands.is_empty() {
        return findings.note(format!("{kind}: nothing is said about platforms; the domain has to have one for it"));
    }
    for (property, value) in names::policys_own(kind) {
        findings.note(format!(
            "{kind}: `{property}` is demanded to be {}, as Trustee's default policy does of itself",
            registry::show(&value)
        ));
        demands.insert(Demand { property: (*property).to_owned(), test: Test::Equals(value) });
    }
    if let Some(vendor) = registry::vendor(kind) {
        state(kind, trusted_vendor(vendor, kind), validity, findings);
    }
    state(kind, trusted_platform(any_genuine(kind, demands)), validity, findings);
    findings.note(format!(
        "{kind}: any genuine chip is accepted, for no chips are named; one extracted attestation key forges them all"
    ));
}

fn state(kind: Kind, sentence: Sentence, validity: Validity, findings: &mut Findings) {
    findings.state(Statement { label: format!("{LABEL}: {kind}"), sentence, validity });
}
