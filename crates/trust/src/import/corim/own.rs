//! The profile of Casemate's own exports: what runs, register by register. [docs/formats/import.md#casemates-own-corim]
//!
//! ```text
//! environment   { 0: { 1: "casemate", 2: kind } }
//! measurements  { 0: register, 1: { 4: 560(value) } }           one for each register
//!               { 0: "statement.label", 1: { 11: label } }
//!               { 0: "statement.release", 1: { 0: { 0: version, 1: 4 }, 11: line } }        decimal; if it is of a release
//! ```

use super::{
    fields::{Fields, item, step},
    triples::{Measurement, Triple, Triples},
};
use crate::{
    component::registry,
    import::{cbor::Cbor, findings::Findings, registered::trusted_measurement},
    statement::{Kind, Purpose, Register, Release, Sentence, Statement, Validity},
};

/// The profile's name.
pub const PROFILE: &str = "https://example.invalid/casemate/corim/1";
/// The vendor that environments name.
pub(crate) const VENDOR: &str = "casemate";
/// The key under which the statement's label stands.
pub(crate) const LABEL_KEY: &str = "statement.label";
/// The key under which the release stands.
pub(crate) const RELEASE_KEY: &str = "statement.release";
/// A version that is a decimal number. [RFC 9393 §4.1]
pub(crate) const DECIMAL: u64 = 4;

/// Says what the triples say.
pub(super) fn say(triples: &Triples<'_, '_>, validity: Validity, findings: &mut Findings) {
    for triple in &triples.attest_keys {
        findings.refuse(&triple.place, triple.environment.shown(), "is a key, of which this profile says nothing");
    }
    for triple in &triples.reference {
        if let Some(statement) = reference(triple, validity, findings) {
            findings.state_by_name(statement);
        }
    }
}

fn reference(triple: &Triple<'_, '_>, validity: Validity, findings: &mut Findings) -> Option<Statement> {
    let kind = kind(triple, findings);
    let (mut label, mut release, mut registers) = (String::new(), None, Vec::new());
    for (number, object) in triple.objects.iter().enumerate() {
        let place = item(&step(&triple.place, "measurements"), number);
        let known = ["version", "raw-value", "name"];
        let Some(Measurement { place, key, values }) = Measurement::read(&place, object, &known, findings) else {
            continue;
        };
        match key.and_then(Cbor::as_text) {
            Some(LABEL_KEY) => label = text(&place, &values, findings).unwrap_or_default(),
            Some(RELEASE_KEY) => release = self::release(&place, &values, findings),
            Some(name) => registers.extend(register(&place, kind, name, &values, findings)),
            None => findings.refuse(&place, "mkey", "names no register"),
        }
    }
    let place = step(&triple.place, "measurements");
    if registers.is_empty() {
        findings.refuse(&place, triple.environment.shown(), "names no register");
    }
    let Some(mut sentence) = trusted_measurement(kind?, registers) else {
        findings.refuse(&place, triple.environment.shown(), "gives a register two values");
        return None;
    };
    if let Sentence::Trusted { purpose, .. } = &mut sentence {
        *purpose = Purpose::Execution(release);
    }
    Some(Statement { label, sentence, validity })
}

fn kind(triple: &Triple<'_, '_>, findings: &mut Findings) -> Option<Kind> {
    let own = &triple.environment;
    let rest = [own.class_id, own.layer, own.index, own.instance, own.group];
    let kind = own.model.and_then(|model| model.parse().ok());
    let found = kind.filter(|_| own.vendor == Some(VENDOR) && rest.iter().all(Option::is_none));
    if found.is_none() {
        let why =
            format!("is no environment of this profile: vendor `{VENDOR}`, a kind of platform for model, nothing else");
        findings.refuse(&step(&triple.place, "environment"), own.shown(), why);
    }
    found
}

fn text(place: &str, values: &Fields<'_, '_>, findings: &mut Findings) -> Option<String> {
    let found = values.get("name").and_then(Cbor::as_text);
    if found.is_none() {
        findings.refuse(&step(place, "name"), "name", "has to be a text");
    }
    found.map(str::to_owned)
}

fn release(place: &str, values: &Fields<'_, '_>, findings: &mut Findings) -> Option<Release> {
    let line = text(place, values, findings)?;
    let place = step(place, "version");
    let value = values.get("version");
    let version = value.and_then(|value| {
        let fields = Fields::read(&place, value, &[(0, "version"), (1, "scheme")], findings)?;
        let is_decimal = fields.get("scheme").and_then(Cbor::as_unsigned) == Some(DECIMAL);
        let text = fields.get("version").and_then(Cbor::as_text).filter(|_| is_decimal)?;
        text.parse::<u64>().ok().filter(|version| version.to_string() == text)
    });
    if version.is_none() {
        let shown = value.map_or_else(|| "version".to_owned(), Cbor::shown);
        findings.refuse(&place, shown, "is no decimal version");
    }
    Some(Release { line, version: version? })
}

fn register(
    place: &str,
    kind: Option<Kind>,
    name: &str,
    values: &Fields<'_, '_>,
    findings: &mut Findings,
) -> Option<Register> {
    if kind.is_some_and(|kind| registry::register(kind, name).is_none()) {
        findings.refuse(place, name, "is no register of that kind of platform");
    }
    let value = values.get("raw-value").and_then(|value| value.tagged(560)).and_then(Cbor::as_bytes);
    if value.is_none() || values.get("name").is_some() || values.get("version").is_some() {
        findings.refuse(&step(place, "raw-value"), name, "has to be bytes of tag 560, and nothing else");
    }
    Some(Register { name: name.to_owned(), value: value?.to_vec() })
}
