//! Reference values as unsigned CoRIM, in a profile of Casemate's own: [`import::corim`](crate::import::corim) reads the same
//! statements from it. [draft-ietf-rats-corim-10; docs/formats/import.md#casemates-own-corim]
//!
//! A CoRIM has one validity: statements of several make several documents. What is no reference value is left out and named.

use minicbor::{Encoder, data::Tag, encode};

use crate::{
    import::corim::{DECIMAL, LABEL_KEY, PROFILE, RELEASE_KEY, VENDOR},
    statement::{Measurement, Purpose, Release, Sentence, Statement, Subject, Validity},
};

/// Documents, and what is in none of them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Exported {
    /// The documents, each with the validity of all its statements, in order of validity.
    pub documents: Vec<(Validity, Vec<u8>)>,
    /// The labels of the statements that are no reference values: in none of the documents.
    pub left_out: Vec<String>,
}

/// Writes every statement "this measurement is trusted to run what is secret" as a reference triple. `id` names the documents.
#[must_use]
pub fn export<'s>(id: &str, statements: impl IntoIterator<Item = &'s Statement>) -> Exported {
    let mut exported = Exported::default();
    let mut grouped: Vec<(Validity, Vec<Value<'_>>)> = Vec::new();
    for statement in statements {
        let Some(value) = Value::of(statement) else {
            exported.left_out.push(statement.label.clone());
            continue;
        };
        match grouped.iter_mut().find(|(validity, _)| *validity == statement.validity) {
            Some((_, values)) => values.push(value),
            None => grouped.push((statement.validity, vec![value])),
        }
    }
    grouped.sort_by_key(|(validity, _)| *validity);
    for (number, (validity, values)) in grouped.iter().enumerate() {
        let bytes = written(|e| document(e, &format!("{id}/{number}"), *validity, values));
        exported.documents.push((*validity, bytes));
    }
    exported
}

/// A reference value.
struct Value<'s> {
    label: &'s str,
    measurement: &'s Measurement,
    release: Option<&'s Release>,
}

impl<'s> Value<'s> {
    fn of(statement: &'s Statement) -> Option<Self> {
        match &statement.sentence {
            Sentence::Trusted { subject: Subject::Measurement(measurement), purpose: Purpose::Execution(release) } => {
                Some(Self { label: &statement.label, measurement, release: release.as_ref() })
            }
            _ => None,
        }
    }
}

fn written(
    write: impl FnOnce(&mut Encoder<&mut Vec<u8>>) -> Result<(), encode::Error<std::convert::Infallible>>,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    match write(&mut Encoder::new(&mut bytes)) {
        Ok(()) => bytes,
        // Writing to a `Vec` is infallible, and nothing below makes an error of its own.
        Err(error) => unreachable!("encoding into memory failed: {error}"),
    }
}

fn document<W: encode::Write>(
    e: &mut Encoder<W>,
    id: &str,
    validity: Validity,
    values: &[Value<'_>],
) -> Result<(), encode::Error<W::Error>> {
    let is_always = validity == Validity::ALWAYS;
    let module = written(|e| module(e, id, values));
    e.tag(Tag::new(501))?.map(if is_always { 3 } else { 4 })?;
    e.u64(0)?.str(id)?;
    e.u64(1)?.array(1)?.tag(Tag::new(506))?.bytes(&module)?;
    e.u64(3)?.tag(Tag::new(32))?.str(PROFILE)?;
    if !is_always {
        e.u64(4)?.map(2)?;
        e.u64(0)?.tag(Tag::new(1))?.u64(validity.not_before.0)?;
        e.u64(1)?.tag(Tag::new(1))?.u64(validity.not_after.0)?;
    }
    Ok(())
}

fn module<W: encode::Write>(e: &mut Encoder<W>, id: &str, values: &[Value<'_>]) -> Result<(), encode::Error<W::Error>> {
    e.map(2)?.u64(1)?.map(1)?.u64(0)?.str(id)?;
    e.u64(4)?.map(1)?.u64(0)?.array(count(values.len()))?;
    values.iter().try_for_each(|value| triple(e, value))
}

fn triple<W: encode::Write>(e: &mut Encoder<W>, value: &Value<'_>) -> Result<(), encode::Error<W::Error>> {
    let Value { label, measurement, release } = value;
    e.array(2)?.map(1)?.u64(0)?.map(2)?.u64(1)?.str(VENDOR)?.u64(2)?.str(measurement.kind.as_str())?;
    let besides = 1_usize.saturating_add(usize::from(release.is_some()));
    e.array(count(measurement.registers.len().saturating_add(besides)))?;
    for register in &measurement.registers {
        e.map(2)?.u64(0)?.str(&register.name)?;
        e.u64(1)?.map(1)?.u64(4)?.tag(Tag::new(560))?.bytes(&register.value)?;
    }
    e.map(2)?.u64(0)?.str(LABEL_KEY)?.u64(1)?.map(1)?.u64(11)?.str(label)?;
    if let Some(Release { line, version }) = release {
        e.map(2)?.u64(0)?.str(RELEASE_KEY)?.u64(1)?.map(2)?;
        e.u64(0)?.map(2)?.u64(0)?.str(&version.to_string())?.u64(1)?.u64(DECIMAL)?;
        e.u64(11)?.str(line)?;
    }
    Ok(())
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
