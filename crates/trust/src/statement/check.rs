//! What a statement may say. Everything that reads or makes statements calls this; the prover and the checker rely on it.
//!
//! 1. Its label is printable and short; it ends no earlier than it begins; its encoding is at most
//!    [`STATEMENT_BYTES_MAX`] long; sentences are nested at most [`NESTING_MAX`] deep.
//! 2. It does not speak of the evidence at hand.
//! 3. Subjects fit: hardware and keys have properties; keys and domains speak for one another; and each is trusted only for
//!    what it can do.
//! 4. Lists are sorted, each member once, within their limits, and not empty where that could never be met.
//! 5. Tests fit their values: an order only where there is one.

use super::{
    DEMANDS_MAX, DEPTH_MAX, Demand, IDENTITIES_MAX, Identities, LIMIT_NAMES_MAX, Limits, Measurement, NESTING_MAX,
    PlatformRule, Purpose, REGISTERS_MAX, Release, STATEMENT_BYTES_MAX, Sentence, Statement, StatementError, Subject,
    Test, Topic, VALUE_BYTES_MAX, VALUES_MAX, Value,
};
use crate::printable::hides_or_moves;

/// The longest label of a statement.
pub const LABEL_BYTES_MAX: usize = 128;
/// The longest name of a property, a register or a line of releases.
pub const NAME_BYTES_MAX: usize = 128;

impl Statement {
    /// Refuses what can't be said: limits, order, sentences about the evidence at hand, purposes that don't fit.
    ///
    /// # Errors
    /// [`StatementError`], the first thing that is wrong.
    pub fn check(&self) -> Result<(), StatementError> {
        // 1
        if self.label.len() > LABEL_BYTES_MAX || self.label.chars().any(hides_or_moves) {
            return Err(StatementError::Label { actual: self.label.clone(), max: LABEL_BYTES_MAX });
        }
        if self.validity.not_after < self.validity.not_before {
            return Err(StatementError::Validity);
        }
        let mut said = &self.sentence;
        for nesting in 0.. {
            let Sentence::Says { sentence, .. } = said else { break };
            if nesting >= NESTING_MAX {
                return Err(StatementError::Nesting);
            }
            said = sentence;
        }
        // 2 to 5
        check_sentence(said)?;
        let actual = casemate_cose::encode(self).len();
        if actual > STATEMENT_BYTES_MAX {
            return Err(StatementError::TooLong { what: "statement", actual, max: STATEMENT_BYTES_MAX });
        }
        Ok(())
    }
}

fn check_sentence(said: &Sentence) -> Result<(), StatementError> {
    match said {
        Sentence::Floor(release) => check_release(release),
        Sentence::HasProperty { subject, name, value } => {
            if !matches!(subject, Subject::Hardware(..) | Subject::Key(_)) {
                return refuse_subject(subject, "have a property that is said of it");
            }
            check_subject(subject)?;
            check_name("name of a property", name)?;
            check_value(name, value)
        }
        Sentence::Distrusts(subject) => match subject {
            Subject::Key(_) | Subject::Measurement(_) | Subject::Program(_) => check_subject(subject),
            _ => refuse_subject(subject, "be revoked"),
        },
        Sentence::Revokes(_) => Ok(()),
        Sentence::SpeaksFor { speaker, principal } => {
            for subject in [speaker, principal] {
                if !matches!(subject, Subject::Domain(_) | Subject::Key(_)) {
                    return refuse_subject(subject, "speak or be spoken for");
                }
            }
            Ok(())
        }
        Sentence::Trusted { subject, purpose } => {
            check_purpose(subject, purpose)?;
            check_subject(subject)
        }
        // 2; `check` followed `Says` to its end.
        Sentence::EvidenceTrusted
        | Sentence::IsEnvironment(_)
        | Sentence::MeasurementTrusted(_)
        | Sentence::PlatformTrusted(_)
        | Sentence::Says { .. } => Err(StatementError::Environment),
    }
}

fn check_purpose(subject: &Subject, purpose: &Purpose) -> Result<(), StatementError> {
    let fits = match subject {
        Subject::Environment(_) => return Err(StatementError::Environment),
        Subject::Hardware(..) => false,
        Subject::Measurement(_) => matches!(purpose, Purpose::Attestation(_) | Purpose::Execution(_)),
        Subject::Program(_) => matches!(purpose, Purpose::Execution(_)),
        Subject::Platform(_) => matches!(purpose, Purpose::Execution(None)),
        Subject::Vendor(_) => matches!(purpose, Purpose::Attestation(_)),
        Subject::Domain(_) | Subject::Key(_) => !matches!(purpose, Purpose::Execution(_)),
    };
    if !fits {
        return Err(StatementError::Purpose { subject: subject.kind(), purpose: purpose.kind() });
    }
    match purpose {
        Purpose::Publishing { depth, .. } if *depth > DEPTH_MAX => {
            Err(StatementError::TooMany { what: "keys deep", actual: usize::from(*depth), max: usize::from(DEPTH_MAX) })
        }
        Purpose::Publishing { topic, limits: Some(limits), .. } => check_limits(*topic, limits),
        Purpose::Execution(Some(release)) => check_release(release),
        _ => Ok(()),
    }
}

fn check_limits(topic: Topic, limits: &Limits) -> Result<(), StatementError> {
    if let Some(what) = limits.misfit(topic) {
        return Err(StatementError::Limit { what, topic });
    }
    let Limits { kinds, properties, releases } = limits;
    if limits.is_empty() || kinds.as_ref().is_some_and(Vec::is_empty) {
        return Err(StatementError::None { what: "limits" });
    }
    check_count("limits", kinds.as_ref().map_or(0, Vec::len), LIMIT_NAMES_MAX)?;
    check_ascending("limits", kinds.iter().flatten())?;
    for names in [properties, releases].into_iter().flatten() {
        if names.is_empty() {
            return Err(StatementError::None { what: "limits" });
        }
        check_count("limits", names.len(), LIMIT_NAMES_MAX)?;
        check_ascending("limits", names.iter())?;
        names.iter().try_for_each(|name| check_name("name of a limit", name))?;
    }
    Ok(())
}

fn check_subject(subject: &Subject) -> Result<(), StatementError> {
    match subject {
        Subject::Environment(_) => Err(StatementError::Environment),
        Subject::Hardware(_, identity) => check_bytes("hardware identity", identity),
        Subject::Measurement(measurement) => check_measurement(measurement),
        Subject::Platform(rule) => check_rule(rule),
        Subject::Domain(_) | Subject::Key(_) | Subject::Program(_) | Subject::Vendor(_) => Ok(()),
    }
}

fn check_measurement(measurement: &Measurement) -> Result<(), StatementError> {
    check_count("registers", measurement.registers.len(), REGISTERS_MAX)?;
    if measurement.registers.is_empty() {
        return Err(StatementError::None { what: "registers" });
    }
    check_ascending("registers", measurement.registers.iter().map(|register| &register.name))?;
    for register in &measurement.registers {
        check_name("name of a register", &register.name)?;
        check_bytes("value of a register", &register.value)?;
    }
    Ok(())
}

fn check_rule(rule: &PlatformRule) -> Result<(), StatementError> {
    if let Identities::Listed(listed) = &rule.identities {
        check_count("hardware identities", listed.len(), IDENTITIES_MAX)?;
        if listed.is_empty() {
            return Err(StatementError::None { what: "hardware identities" });
        }
        for identity in listed {
            check_bytes("hardware identity", identity)?;
        }
    }
    check_count("demands", rule.demands.len(), DEMANDS_MAX)?;
    check_ascending("demands", rule.demands.iter())?;
    rule.demands.iter().try_for_each(check_demand)
}

fn check_demand(demand: &Demand) -> Result<(), StatementError> {
    let Demand { property, test } = demand;
    check_name("name of a property", property)?;
    match test {
        Test::AtLeast(Value::Number(_) | Value::Time(_)) | Test::AtMost(Value::Number(_) | Value::Time(_)) => Ok(()),
        Test::AtLeast(_) | Test::AtMost(_) => {
            Err(StatementError::Test { property: property.clone(), why: "only numbers and times have an order" })
        }
        Test::Equals(value) | Test::NotEquals(value) => check_value(property, value),
        Test::OneOf(values) => {
            check_count("values", values.len(), VALUES_MAX)?;
            check_ascending("values", values.iter())?;
            let Some(first) = values.first() else { return Err(StatementError::None { what: "values" }) };
            if !values.iter().all(|value| value.same_type(first)) {
                return Err(StatementError::Test {
                    property: property.clone(),
                    why: "the values are of several types",
                });
            }
            values.iter().try_for_each(|value| check_value(property, value))
        }
        Test::SubsetOf(members) => check_set(members),
    }
}

fn check_value(property: &str, value: &Value) -> Result<(), StatementError> {
    match value {
        Value::Bool(_) | Value::Number(_) | Value::Time(_) => Ok(()),
        Value::Bytes(bytes) => check_length("value", bytes.len(), VALUE_BYTES_MAX),
        Value::Set(members) => check_set(members),
        Value::Text(text) if text.chars().any(hides_or_moves) => {
            Err(StatementError::Test { property: property.to_owned(), why: "the text is not printable" })
        }
        Value::Text(text) => check_length("value", text.len(), VALUE_BYTES_MAX),
    }
}

fn check_set(members: &[String]) -> Result<(), StatementError> {
    check_count("values", members.len(), VALUES_MAX)?;
    check_ascending("members of a set", members.iter())?;
    members.iter().try_for_each(|member| check_name("member of a set", member))
}

fn check_release(release: &Release) -> Result<(), StatementError> {
    check_name("name of a line of releases", &release.line)
}

/// Printable, not empty, at most [`NAME_BYTES_MAX`] bytes.
fn check_name(what: &'static str, name: &str) -> Result<(), StatementError> {
    check_length(what, name.len(), NAME_BYTES_MAX)?;
    if name.is_empty() || name.trim() != name || name.chars().any(hides_or_moves) {
        return Err(StatementError::Name { what, actual: name.to_owned() });
    }
    Ok(())
}

fn check_bytes(what: &'static str, bytes: &[u8]) -> Result<(), StatementError> {
    if bytes.is_empty() { Err(StatementError::None { what }) } else { check_length(what, bytes.len(), VALUE_BYTES_MAX) }
}

fn check_length(what: &'static str, actual: usize, max: usize) -> Result<(), StatementError> {
    if actual > max { Err(StatementError::TooLong { what, actual, max }) } else { Ok(()) }
}

fn check_count(what: &'static str, actual: usize, max: usize) -> Result<(), StatementError> {
    if actual > max { Err(StatementError::TooMany { what, actual, max }) } else { Ok(()) }
}

fn check_ascending<T: Ord>(what: &'static str, members: impl Iterator<Item = T>) -> Result<(), StatementError> {
    if members.is_sorted_by(|left, right| left < right) { Ok(()) } else { Err(StatementError::Order { what }) }
}

fn refuse_subject(subject: &Subject, what: &'static str) -> Result<(), StatementError> {
    match subject {
        Subject::Environment(_) => Err(StatementError::Environment),
        _ => Err(StatementError::Subject { subject: subject.kind(), what }),
    }
}
