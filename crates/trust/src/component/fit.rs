//! What evidence of a kind can never say: values outside what a property can have, identities and registers of another length, and
//! demands that only evidence meets which the rule refuses as dangerous. Whoever asks for it meant something else: a misspelt
//! name under `not` would admit what it was to keep out.

use std::{collections::BTreeSet, fmt};

use casemate_evidence::{
    dcap::{SgxAttributes, TdAttributes},
    snp::Policy,
};

use super::{
    cca, dice,
    registry::{self, Bound, Property, Type},
    tpm,
};
use crate::statement::{
    Allowance, Demand, Identities, Kind, Measurement, PlatformRule, Sentence, Subject, Test, Value,
};

/// Up to this number of values a property's are tried one by one.
const TRIED_MAX: u64 = 16;

/// Why no evidence has such a value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Misfit {
    /// It has another length.
    Length {
        /// Its bytes.
        actual: usize,
        /// How many there can be.
        known: &'static [usize],
    },
    /// It is above what the field can hold.
    Most {
        /// The number.
        actual: u64,
        /// The highest there can be.
        most: u64,
    },
    /// It is no name of a closed list.
    Name {
        /// The name.
        actual: String,
        /// Those that there are.
        known: &'static [&'static str],
    },
    /// It is of another type.
    Type {
        /// What it is.
        actual: Type,
        /// What it has to be.
        known: Type,
    },
}

/// Why tests of one property are never met.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Never {
    /// No value meets all of them.
    NoValue,
    /// Whatever meets them is refused as this, since the rule doesn't admit it.
    Refused(Allowance),
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { actual, known } => {
                write!(f, "it has {actual} bytes, and {} are what there can be", lengths(known))
            }
            Self::Most { actual, most } => write!(f, "{actual} is above {most}, the highest there can be"),
            Self::Name { actual, known } => write!(f, "`{}` is none of {}", actual.escape_debug(), listed(known)),
            Self::Type { actual, known } => write!(f, "it is a {known}, not a {actual}"),
        }
    }
}

/// `32, 48 or 64`
#[must_use]
pub fn lengths(known: &[usize]) -> String {
    let known: Vec<String> = known.iter().map(ToString::to_string).collect();
    match known.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => "any number".to_owned(),
    }
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

impl Property {
    /// Why no evidence has this value of it; `None` if some can.
    #[must_use]
    pub fn misfit(&self, value: &Value) -> Option<Misfit> {
        let actual = Type::of(value);
        if actual != self.of {
            return Some(Misfit::Type { actual, known: self.of });
        }
        match (self.bound, value) {
            (Bound::Bytes(known), Value::Bytes(bytes)) => misfit_of_length(bytes, known),
            (Bound::Most(most), Value::Number(actual)) if *actual > most => {
                Some(Misfit::Most { actual: *actual, most })
            }
            (Bound::Names(_), Value::Set(names)) => names.iter().find_map(|name| self.misfit_of_name(name)),
            (Bound::Names(_), Value::Text(name)) => self.misfit_of_name(name),
            _ => None,
        }
    }

    /// Why no evidence has this name, as a text or as a member of a set.
    #[must_use]
    pub fn misfit_of_name(&self, name: &str) -> Option<Misfit> {
        match self.bound {
            Bound::Names(known) if !known.contains(&name) => Some(Misfit::Name { actual: name.to_owned(), known }),
            _ => None,
        }
    }

    /// All values that it can have, where they are few.
    fn few(&self) -> Option<Vec<Value>> {
        match (self.of, self.bound) {
            (Type::Bool, _) => Some(vec![Value::Bool(false), Value::Bool(true)]),
            (Type::Number, Bound::Most(most)) if most < TRIED_MAX => Some((0..=most).map(Value::Number).collect()),
            (Type::Text, Bound::Names(known)) => {
                Some(known.iter().map(|name| Value::Text((*name).to_owned())).collect())
            }
            _ => None,
        }
    }
}

/// Why there are no such bytes, if they can only have these lengths; none are listed where they can have any.
#[must_use]
pub fn misfit_of_length(bytes: &[u8], known: &'static [usize]) -> Option<Misfit> {
    let fits = known.is_empty() || known.contains(&bytes.len());
    (!fits).then_some(Misfit::Length { actual: bytes.len(), known })
}

/// Why evidence of a kind never meets all these tests of one property and is accepted by a rule that admits no more than `allow`.
#[must_use]
pub fn never(kind: Kind, property: &str, tests: &[&Test], allow: &BTreeSet<Allowance>) -> Option<Never> {
    let row = registry::property(kind, property)?;
    let meeting: Vec<Value> =
        candidates(row, tests)?.into_iter().filter(|value| tests.iter().all(|test| test.is_met_by(value))).collect();
    if meeting.is_empty() {
        return Some(Never::NoValue);
    }
    let refused = |value: &Value| dangers(kind, property, value).into_iter().find(|danger| !allow.contains(danger));
    let refused: Option<Vec<Allowance>> = meeting.iter().map(refused).collect();
    refused.and_then(|dangers| dangers.first().copied()).map(Never::Refused)
}

/// The values among which all are that meet the tests; `None` where they are too many to say.
fn candidates(row: &Property, tests: &[&Test]) -> Option<Vec<Value>> {
    let named = tests.iter().find_map(|test| match test {
        Test::Equals(value) => Some(vec![value.clone()]),
        Test::OneOf(values) => Some(values.clone()),
        _ => None,
    });
    row.few().or(named)
}

/// What is dangerous about evidence of a kind with this value.
fn dangers(kind: Kind, property: &str, value: &Value) -> Vec<Allowance> {
    let so = |dangers: &[(bool, Allowance)]| {
        dangers.iter().filter(|(is_so, _)| *is_so).map(|(_, danger)| *danger).collect::<Vec<_>>()
    };
    match (kind, property, value) {
        (Kind::Snp, "policy", Value::Number(number)) => {
            let policy = Policy(*number);
            so(&[(policy.debug(), Allowance::Debug), (policy.migrate_ma(), Allowance::Migratable)])
        }
        (Kind::Snp, "policy.debug", Value::Bool(is_so)) => so(&[(*is_so, Allowance::Debug)]),
        (Kind::Snp, "policy.migrate-ma", Value::Bool(is_so)) => so(&[(*is_so, Allowance::Migratable)]),
        (Kind::Snp, "vmpl", Value::Number(level)) => so(&[(*level > 0, Allowance::VmplAboveZero)]),
        (Kind::Tdx, "migratable", Value::Bool(is_so)) => so(&[(*is_so, Allowance::Migratable)]),
        (Kind::Tdx, "td-attributes", Value::Bytes(bytes)) => {
            let attributes = <[u8; 8]>::try_from(bytes.as_slice()).map(|bytes| TdAttributes(u64::from_be_bytes(bytes)));
            attributes.map_or_else(
                |_| Vec::new(),
                |own| so(&[(own.is_debug(), Allowance::Debug), (own.is_migratable(), Allowance::Migratable)]),
            )
        }
        (Kind::Tdx, "mr-service-td" | "init-service-td-hash" | "current-service-td-hash", Value::Bytes(bytes)) => {
            so(&[(bytes.iter().any(|byte| *byte != 0), Allowance::ServiceDomain)])
        }
        (Kind::Sgx, "attributes", Value::Bytes(bytes)) => {
            let is_debug = <[u8; 16]>::try_from(bytes.as_slice()).is_ok_and(|bytes| SgxAttributes(bytes).is_debug());
            so(&[(is_debug, Allowance::Debug)])
        }
        (Kind::Psa, "lifecycle", Value::Text(state)) | (Kind::Cca, "platform.lifecycle", Value::Text(state)) => {
            so(&[(state != cca::SECURED, Allowance::Debug)])
        }
        (Kind::Tpm, "ak.source", Value::Text(source)) => so(&[(source == tpm::GIVEN, Allowance::HostOperatedTpm)]),
        (Kind::Dice, name, Value::Set(flags)) if name.ends_with(".flags") => {
            so(&[(flags.iter().any(|flag| dice::is_debug(flag)), Allowance::Debug)])
        }
        _ => Vec::new(),
    }
}

/// Why a statement can never count for any evidence, in plain words; `None` if it can.
#[must_use]
pub fn misfit(sentence: &Sentence) -> Option<String> {
    match sentence.unnested().1 {
        Sentence::HasProperty { subject: Subject::Hardware(kind, identity), .. } => of_identity(*kind, identity),
        Sentence::Distrusts(Subject::Measurement(measurement))
        | Sentence::Trusted { subject: Subject::Measurement(measurement), .. } => of_measurement(measurement),
        Sentence::Trusted { subject: Subject::Platform(rule), .. } => of_rule(rule),
        _ => None,
    }
}

fn of_identity(kind: Kind, identity: &[u8]) -> Option<String> {
    let known = registry::identity(kind)?.bytes;
    let misfit = misfit_of_length(identity, known)?;
    Some(format!("no {kind} hardware is called `{}`: {misfit}", registry::hex(identity)))
}

fn of_measurement(measurement: &Measurement) -> Option<String> {
    let kind = measurement.kind;
    measurement.registers.iter().find_map(|register| {
        let name = &register.name;
        let Some(row) = registry::register(kind, name) else {
            return Some(format!("evidence of {kind} has no register `{name}`"));
        };
        let misfit = misfit_of_length(&register.value, row.bytes_of(name))?;
        Some(format!("no register `{name}` of {kind} has this value: {misfit}"))
    })
}

fn of_rule(rule: &PlatformRule) -> Option<String> {
    let kind = rule.kind;
    if let Identities::Listed(identities) = &rule.identities
        && let Some(misfit) = identities.iter().find_map(|identity| of_identity(kind, identity))
    {
        return Some(misfit);
    }
    if let Some(misfit) = rule.demands.iter().find_map(|demand| of_demand(kind, demand)) {
        return Some(misfit);
    }
    rule.demands.chunk_by(|one, next| one.property == next.property).find_map(|demands| {
        let property = demands.first()?.property.as_str();
        let tests: Vec<&Test> = demands.iter().map(|demand| &demand.test).collect();
        Some(never(kind, property, &tests, &rule.allow)?.words(property))
    })
}

fn of_demand(kind: Kind, demand: &Demand) -> Option<String> {
    let row = registry::property(kind, &demand.property)?;
    let misfit = match &demand.test {
        Test::AtLeast(value) | Test::AtMost(value) | Test::Equals(value) | Test::NotEquals(value) => row.misfit(value),
        Test::OneOf(values) => values.iter().find_map(|value| row.misfit(value)),
        Test::SubsetOf(_) if row.of != Type::Set => Some(Misfit::Type { actual: Type::Set, known: row.of }),
        Test::SubsetOf(names) => names.iter().find_map(|name| row.misfit_of_name(name)),
    };
    Some(format!("no evidence of {kind} has such a `{}`: {}", demand.property, misfit?))
}

impl Never {
    /// What is wrong, in plain words.
    #[must_use]
    pub fn words(self, property: &str) -> String {
        match self {
            Self::NoValue => format!("no value of `{property}` meets all of this"),
            Self::Refused(danger) => format!(
                "what is asked of `{property}` can never match: evidence that has it is refused as `{danger}`, which `allow` does not name"
            ),
        }
    }
}
