//! The policy that a person writes, JSON. [utilities/policy_schema.json]

use std::collections::{BTreeMap, BTreeSet};

use casemate_cose::Digest;

use super::{
    LABEL, Principal,
    key::Key,
    key_digest, measurements, note_every_kind,
    platform::{Given, Platform, Property},
    purpose, why_not,
};
use crate::{
    import::{
        ImportError, Imported, Signed,
        bytes::hexadecimal,
        findings::{Findings, HEARSAY},
        json::{Json, below, field},
    },
    statement::{Kind, Sentence, Subject},
};

/// The longest measurement, in bytes.
const MEASUREMENT_BYTES_MAX: usize = 64;

/// Imports a policy. `files` are those that it names, by the names that it gives them: certificates and public keys, DER or PEM, or
/// public keys as the framework writes them.
///
/// # Errors
/// [`ImportError`], naming every platform, property, measurement, claim and file that can't be said here by its JSON pointer.
pub fn policy(bytes: &[u8], files: &BTreeMap<String, Vec<u8>>) -> Result<Imported, ImportError> {
    let json = Json::parse(bytes)?;
    let mut findings = Findings::default();
    let Some(fields) = json.as_map() else {
        findings.refuse("", json.shown(), "is no policy: a policy is an object");
        return findings.finish(Signed::Unsigned);
    };
    for (name, value) in fields {
        if !["policyKey", "platforms", "measurements", "claims"].contains(&name.as_str()) {
            findings.refuse(&below("", name), name, "is no field of a policy");
        } else if name == "policyKey" && value.as_text().is_none() {
            findings.refuse("/policyKey", value.shown(), "is no file's name");
        }
    }
    let Some(policy_key) = field(fields, "policyKey").and_then(Json::as_text) else {
        findings.refuse("/policyKey", "policyKey", "is missing");
        return findings.finish(Signed::Unsigned);
    };
    let platforms = platforms(field(fields, "platforms"), &mut findings);
    let kinds: BTreeSet<Kind> = platforms.iter().filter_map(Platform::kind).collect();
    let mut reader = Reader { policy_key, files, kinds, products: BTreeSet::new() };
    let claims = reader.claims(field(fields, "claims"), &mut findings);
    for sentence in claims {
        findings.say(LABEL, sentence);
    }
    for platform in &platforms {
        for sentence in platform.sentences(&reader.products, &mut findings) {
            findings.say(LABEL, sentence);
        }
    }
    reader.measurements(field(fields, "measurements"), &mut findings);
    note_every_kind(&mut findings);
    findings.note(
        "there, a key that is trusted for attestation may trust other keys for it; here it may not, unless the domain lets it publish keys",
    );
    findings.finish(Signed::Unsigned)
}

fn platforms(value: Option<&Json>, findings: &mut Findings) -> Vec<Platform> {
    list("/platforms", value, findings)
        .iter()
        .enumerate()
        .filter_map(|(number, item)| {
            let place = below("/platforms", number);
            let fields = object(&place, item, &["type", "props"], findings)?;
            let kind = text(&place, fields, "type", findings)?;
            let props = below(&place, "props");
            let properties = list(&props, field(fields, "props"), findings)
                .iter()
                .enumerate()
                .filter_map(|(number, item)| property(&below(&props, number), item, findings))
                .collect();
            Some(Platform { place: below(&place, "type"), kind, properties })
        })
        .collect()
}

fn property(place: &str, item: &Json, findings: &mut Findings) -> Option<Property> {
    let fields = object(place, item, &["name", "type", "comparator", "value"], findings)?;
    let name = text(place, fields, "name", findings);
    let kind = text(place, fields, "type", findings);
    let comparator = text(place, fields, "comparator", findings);
    let value = text(place, fields, "value", findings);
    let (name, kind, comparator, value) = (name?, kind?, comparator?, value?);
    let value = match kind.as_str() {
        "string" => Given::Text(value),
        "int" => match number(&value) {
            Some(number) => Given::Number(number),
            None => {
                findings.refuse(&below(place, "value"), value, "is no whole number below 2^64");
                return None;
            }
        },
        _ => {
            findings.refuse(&below(place, "type"), kind, "is no type known here; known are `int` and `string`");
            return None;
        }
    };
    Some(Property { place: place.to_owned(), name, comparator, value })
}

/// Decimal, or hexadecimal after `0x`.
fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => u64::from_str_radix(digits, 16).ok(),
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

fn list<'j>(place: &str, value: Option<&'j Json>, findings: &mut Findings) -> &'j [Json] {
    match value {
        None => &[],
        Some(Json::List(items)) => items,
        Some(other) => {
            findings.refuse(place, other.shown(), "is no list");
            &[]
        }
    }
}

fn object<'j>(place: &str, value: &'j Json, known: &[&str], findings: &mut Findings) -> Option<&'j [(String, Json)]> {
    let Some(fields) = value.as_map() else {
        findings.refuse(place, value.shown(), "is no object");
        return None;
    };
    for (name, _) in fields.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
        findings.refuse(&below(place, name), name, "is no field that is known there");
    }
    Some(fields)
}

fn text(place: &str, fields: &[(String, Json)], name: &str, findings: &mut Findings) -> Option<String> {
    let value = field(fields, name);
    let found = value.and_then(Json::as_text);
    if found.is_none() {
        let shown = value.map_or_else(|| name.to_owned(), Json::shown);
        findings.refuse(&below(place, name), shown, if value.is_some() { "is no text" } else { "is missing" });
    }
    found.map(str::to_owned)
}

const SUBJECTS: [&str; 5] =
    ["certSubject", "environmentSubject", "keySubject", "measurementSubject", "platformSubject"];
const OBJECTS: [&str; 4] = ["environmentObject", "keyObject", "measurementObject", "platformObject"];
const CLAUSES: [&str; 3] = ["indirectClause", "simpleClause", "unaryClause"];

/// Reads claims. What is said by whom is told by the names of files.
struct Reader<'a> {
    policy_key: &'a str,
    files: &'a BTreeMap<String, Vec<u8>>,
    kinds: BTreeSet<Kind>,
    products: BTreeSet<&'static str>,
}

impl Reader<'_> {
    fn measurements(&self, value: Option<&Json>, findings: &mut Findings) {
        if value.is_none() {
            findings.refuse("/measurements", "measurements", "is missing");
        }
        for (number, item) in list("/measurements", value, findings).iter().enumerate() {
            let place = below("/measurements", number);
            for sentence in self.measurement(&place, item, findings) {
                findings.say(LABEL, sentence);
            }
        }
    }

    fn measurement(&self, place: &str, value: &Json, findings: &mut Findings) -> Vec<Sentence> {
        let bytes = value.as_text().filter(|text| !text.is_empty()).and_then(|text| {
            let size = text.strip_prefix("0x").unwrap_or(text).len() / 2;
            hexadecimal(text, size).filter(|bytes| bytes.len() <= MEASUREMENT_BYTES_MAX)
        });
        match bytes {
            Some(bytes) => measurements(place, &bytes, &self.kinds, findings),
            None => {
                let shown = value.shown();
                let why = match value.as_text() {
                    Some("") => "is empty: a template that nobody filled in",
                    Some(text) if text.starts_with('<') => "is a template that nobody filled in",
                    _ => "is no measurement in hexadecimal",
                };
                findings.refuse(place, shown, why);
                Vec::new()
            }
        }
    }

    fn claims(&mut self, value: Option<&Json>, findings: &mut Findings) -> Vec<Sentence> {
        let mut all = Vec::new();
        for (number, item) in list("/claims", value, findings).iter().enumerate() {
            all.extend(self.claim(&below("/claims", number), item, findings));
        }
        all
    }

    /// "The policy key says …", or another key does.
    fn claim(&mut self, place: &str, item: &Json, findings: &mut Findings) -> Vec<Sentence> {
        let known = [&SUBJECTS[..], &CLAUSES, &["verb", "signingKey"]].concat();
        let Some(fields) = object(place, item, &known, findings) else { return Vec::new() };
        if let Some(signer) = field(fields, "signingKey").filter(|signer| signer.as_text() != Some(self.policy_key)) {
            findings.refuse(
                &below(place, "signingKey"),
                signer.shown(),
                "signs in the policy key's place: import what it signed",
            );
        }
        if text(place, fields, "verb", findings).is_some_and(|verb| verb != "says") {
            findings.refuse(&below(place, "verb"), "verb", "has to be `says`: a claim is what somebody says");
        }
        let Some((name, who)) = self.one(place, fields, &SUBJECTS, "subject", findings) else { return Vec::new() };
        let speaker = if name == "keySubject" && who == self.policy_key {
            None
        } else {
            match self.key(&below(place, name), name, &who, findings) {
                Some(key) => Some(key),
                None => return Vec::new(),
            }
        };
        let said = self.clause(place, fields, &CLAUSES, findings);
        if let Some(key) = speaker {
            findings.refuse(&below(place, name), key.to_string(), HEARSAY);
            return Vec::new();
        }
        said
    }

    /// The one clause that is there.
    fn clause(
        &mut self,
        place: &str,
        fields: &[(String, Json)],
        known: &[&str],
        findings: &mut Findings,
    ) -> Vec<Sentence> {
        let there: Vec<&(String, Json)> = fields.iter().filter(|(name, _)| known.contains(&name.as_str())).collect();
        let [(name, clause)] = there.as_slice() else {
            findings.refuse(place, "clause", format!("has to have exactly one of {}", known.join(", ")));
            return Vec::new();
        };
        let place = below(place, name);
        match name.as_str() {
            "indirectClause" => self.indirect(&place, clause, findings),
            "simpleClause" => self.simple(&place, clause, findings),
            _ => self.unary(&place, clause, findings),
        }
    }

    fn indirect(&mut self, place: &str, clause: &Json, findings: &mut Findings) -> Vec<Sentence> {
        let known = [&SUBJECTS[..], &["simpleClause", "unaryClause", "verb"]].concat();
        let Some(fields) = object(place, clause, &known, findings) else { return Vec::new() };
        if text(place, fields, "verb", findings).is_some_and(|verb| verb != "says") {
            findings.refuse(&below(place, "verb"), "verb", "has to be `says`");
        }
        let Some((name, who)) = self.one(place, fields, &SUBJECTS, "subject", findings) else { return Vec::new() };
        let at = below(place, name);
        let key = self.key(&at, name, &who, findings);
        self.clause(place, fields, &["simpleClause", "unaryClause"], findings);
        if let Some(key) = key {
            findings.refuse(&at, key.to_string(), HEARSAY);
        }
        Vec::new()
    }

    fn unary(&mut self, place: &str, clause: &Json, findings: &mut Findings) -> Vec<Sentence> {
        let known = [&SUBJECTS[..], &["verb"]].concat();
        let Some(fields) = object(place, clause, &known, findings) else { return Vec::new() };
        let verb = text(place, fields, "verb", findings);
        let subject = self.one(place, fields, &SUBJECTS, "subject", findings);
        let (Some(verb), Some((name, who))) = (verb, subject) else { return Vec::new() };
        let at = below(place, name);
        match (name, verb.as_str()) {
            ("measurementSubject", "is-trusted") => self.measurement(&at, &Json::Text(who), findings),
            ("keySubject" | "certSubject", verb) if purpose(verb).is_some() => {
                let Some(key) = self.key(&at, name, &who, findings) else { return Vec::new() };
                let principal = Principal::of(key);
                self.products.extend(principal.product);
                if principal.product.is_some() {
                    findings.note(format!(
                        "`{}` is AMD's root of one product line: platforms of others are not accepted",
                        who.escape_debug()
                    ));
                }
                purpose(verb).map(|purpose| principal.trusted(purpose)).into_iter().collect()
            }
            ("platformSubject" | "environmentSubject", _) => {
                findings.refuse(&at, who, "names a file of another format: write the platform under `platforms`");
                Vec::new()
            }
            (_, verb) => {
                let of = name.strip_suffix("Subject").map_or(name, |of| if of == "cert" { "key" } else { of });
                findings.refuse(&below(place, "verb"), verb, why_not(verb, of));
                Vec::new()
            }
        }
    }

    fn simple(&mut self, place: &str, clause: &Json, findings: &mut Findings) -> Vec<Sentence> {
        let known = [&SUBJECTS[..], &OBJECTS, &["verb"]].concat();
        let Some(fields) = object(place, clause, &known, findings) else { return Vec::new() };
        let verb = text(place, fields, "verb", findings);
        let subject = self.one(place, fields, &SUBJECTS, "subject", findings);
        let object = self.one(place, fields, &OBJECTS, "object", findings);
        let (Some(verb), Some((subject, who)), Some((object, whom))) = (verb, subject, object) else {
            return Vec::new();
        };
        if verb != "speaks-for" || object != "keyObject" {
            findings.refuse(&below(place, "verb"), &verb, why_not(&verb, "key"));
            return Vec::new();
        }
        let speaker = self.key(&below(place, subject), subject, &who, findings);
        let principal = self.key(&below(place, object), object, &whom, findings);
        let (Some(speaker), Some(principal)) = (speaker, principal) else { return Vec::new() };
        vec![Sentence::SpeaksFor { speaker: Subject::Key(speaker), principal: Subject::Key(principal) }]
    }

    /// The one of these fields that is there, and its text.
    fn one(
        &self,
        place: &str,
        fields: &[(String, Json)],
        known: &[&'static str],
        what: &str,
        findings: &mut Findings,
    ) -> Option<(&'static str, String)> {
        let there: Vec<(&'static str, &Json)> =
            known.iter().filter_map(|name| Some((*name, field(fields, name)?))).collect();
        match there.as_slice() {
            [(name, Json::Text(text))] => Some((*name, text.clone())),
            [(name, other)] => {
                findings.refuse(&below(place, name), other.shown(), "is no text");
                None
            }
            _ => {
                findings.refuse(place, what, format!("has to have exactly one of {}", known.join(", ")));
                None
            }
        }
    }

    /// The key in the file of this name.
    fn key(&self, place: &str, field: &str, name: &str, findings: &mut Findings) -> Option<Digest> {
        if !matches!(field, "certSubject" | "keyObject" | "keySubject") {
            findings.refuse(place, name, "is no key");
            return None;
        }
        let Some(bytes) = self.files.get(name) else {
            findings.refuse(place, name, "names a file that was not given");
            return None;
        };
        if let Some(key) = key_digest(bytes) {
            return Some(key);
        }
        match Key::parse(name, bytes) {
            Ok(key) => Some(key.digest()),
            Err(error) => {
                findings.refuse(
                    place,
                    name,
                    format!("names a file that holds neither certificate nor public key: {error}"),
                );
                None
            }
        }
    }
}
