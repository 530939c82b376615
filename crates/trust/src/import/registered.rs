//! What is imported has to be known here: every name of a property or register is one of the registry, of the right type.

use std::collections::BTreeSet;

use casemate_evidence::Vendor;

use crate::{
    component::registry::{self, Type},
    statement::{
        Demand, Identities, Kind, Measurement, PlatformRule, Purpose, Register, Sentence, Subject, Test, Value,
    },
};

/// What a condition of others comes to here.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Condition {
    /// A demand of a platform's property.
    Demand(Demand),
    /// A register's value: part of what runs.
    Register(Register),
}

/// A test of a name of this kind: a demand where the name is a property's; where it is a register's, equality alone.
///
/// # Errors
/// Why there is no such condition.
pub(super) fn condition(kind: Kind, name: &str, test: Test) -> Result<Condition, String> {
    if registry::register(kind, name).is_some() {
        return match test {
            Test::Equals(Value::Bytes(value)) => Ok(Condition::Register(Register { name: name.to_owned(), value })),
            _ => Err(format!("`{name}` is a register of {kind}: it can only be equal to something")),
        };
    }
    let Some(property) = registry::property(kind, name) else {
        return Err(format!("evidence of {kind} has no property `{name}` here"));
    };
    let fits = |value: &Value| Type::of(value) == property.of;
    let is_typed = match &test {
        Test::AtLeast(value) | Test::AtMost(value) => property.of.is_ordered() && fits(value),
        Test::Equals(value) | Test::NotEquals(value) => fits(value),
        Test::OneOf(values) => values.iter().all(fits),
        Test::SubsetOf(_) => property.of == Type::Set,
    };
    if !is_typed {
        return Err(format!("`{name}` of {kind} is a {}, which can't be compared so", property.of));
    }
    Ok(Condition::Demand(Demand { property: name.to_owned(), test }))
}

/// A rule for any genuine platform of this kind: others' policies know no list of hardware.
pub(super) fn any_genuine(kind: Kind, demands: impl IntoIterator<Item = Demand>) -> PlatformRule {
    rule(kind, Identities::AnyGenuineChip, demands)
}

/// A rule without allowances; demands in order, each once.
pub(super) fn rule(kind: Kind, identities: Identities, demands: impl IntoIterator<Item = Demand>) -> PlatformRule {
    let demands: BTreeSet<Demand> = demands.into_iter().collect();
    PlatformRule { kind, identities, demands: demands.into_iter().collect(), allow: BTreeSet::new() }
}

/// "Platforms that fit this rule are trusted to run what is secret."
pub(super) fn trusted_platform(rule: PlatformRule) -> Sentence {
    Sentence::Trusted { subject: Subject::Platform(rule), purpose: Purpose::Execution(None) }
}

/// "What these registers say is trusted to run what is secret." `None` if a register has two values.
pub(super) fn trusted_measurement(kind: Kind, registers: impl IntoIterator<Item = Register>) -> Option<Sentence> {
    let registers: BTreeSet<Register> = registers.into_iter().collect();
    let registers: Vec<Register> = registers.into_iter().collect();
    if !registers.is_sorted_by(|one, next| one.name < next.name) {
        return None;
    }
    let subject = Subject::Measurement(Measurement { kind, registers });
    Some(Sentence::Trusted { subject, purpose: Purpose::Execution(None) })
}

/// "This vendor is trusted for attestation of this kind."
pub(super) const fn trusted_vendor(vendor: Vendor, kind: Kind) -> Sentence {
    Sentence::Trusted { subject: Subject::Vendor(vendor), purpose: Purpose::Attestation(Some(kind)) }
}
