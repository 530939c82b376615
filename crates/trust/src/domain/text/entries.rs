//! What each entry says.

use std::{collections::BTreeSet, ops::Range};

use super::{
    Draft, Placed, platform,
    require::{self, Said},
    table::{Table, Word},
};
use crate::{
    component::registry,
    domain::DomainError,
    statement::{
        DEPTH_MAX, Kind, LIMIT_NAMES_MAX, Limits, Measurement, Purpose, Register, Release, STATEMENT_BYTES_MAX,
        Sentence, Signed, Statement, Subject, Topic, Value, decode_nested,
    },
};
use casemate_cose::Digest;
use casemate_evidence::Vendor;

/// The tables of a domain.
pub(super) const WORDS: &[&str] = &[
    "domain",
    "launcher",
    "runtime",
    "program",
    "process",
    "platform",
    "floor",
    "delegate",
    "signer",
    "region",
    "revoke",
    "signed",
    "key",
    "vendor",
    "speaks",
    "property",
    "statement",
];

/// The label of a revocation that was given no other.
pub(super) const REVOKED: &str = "revoked";

/// What keys can be trusted for, beside publishing.
pub(super) const PURPOSES: &[(&str, Purpose)] = &[
    ("attestation", Purpose::Attestation(None)),
    ("authentication", Purpose::Authentication),
    ("contracts", Purpose::Contracts),
    ("key-provision", Purpose::KeyProvision),
];

/// The word for being trusted for attestation of one kind.
pub(super) fn attestation_of(kind: Kind) -> String {
    format!("attestation:{kind}")
}

/// The table `[domain]`: owner and sequence number.
pub(super) fn head(file: &Table<'_>) -> Result<(String, u64), DomainError> {
    let head = file.table("domain", &["owner", "sequence"])?.ok_or_else(|| file.missing("domain"))?;
    let sequence = head.word("sequence").map(|word| word.number()).transpose()?.unwrap_or_default();
    Ok((head.need("owner")?.label()?, sequence))
}

/// Reads every entry.
pub(super) fn read(file: &Table<'_>, draft: &mut Draft) -> Result<(), DomainError> {
    let mut said = Said::default();
    each(file, "region", &["name", "chips", "hosts"], |entry, name| region(&entry, name, draft, &mut said))?;
    each(file, "property", &["name", "property", "value", "chips", "hosts"], |entry, name| {
        property(&entry, name, draft, &mut said)
    })?;
    others(file, draft, &mut said)?;
    let (mut launchers, mut runtimes, mut programs) = (Once::default(), Once::default(), Once::default());
    each(file, "launcher", &["name", "key"], |entry, name| launcher(&entry, name, draft, &mut launchers))?;
    let mut words = vec!["name", "digest", "release", "version"];
    words.extend(Kind::ALL.iter().map(|kind| kind.as_str()));
    each(file, "runtime", &words, |entry, name| runtime(&entry, name, draft, &mut runtimes))?;
    each(file, "program", &["name", "digest", "release", "version"], |entry, name| {
        let digest = programs.digest(&entry.need("digest")?)?;
        let purpose = Purpose::Execution(release(&entry)?);
        draft.say("program", &entry, name, Sentence::Trusted { subject: Subject::Program(digest), purpose })
    })?;
    let words = ["name", "key", "may_publish", "kinds", "properties", "releases", "depth"];
    each(file, "delegate", &words, |entry, name| delegate(&entry, name, draft))?;
    each(file, "signer", &["name", "key"], |entry, name| {
        trusted(&entry, name, "signer", &[Purpose::Contracts], draft)
    })?;
    each(file, "key", &["name", "key", "trusted_for"], |entry, name| {
        let word = entry.need("trusted_for")?;
        let purposes = word.set(|word| purpose(word))?.into_iter().collect::<Vec<_>>();
        if purposes.is_empty() {
            return Err(never("the key is trusted for nothing", "name what for, or remove the entry", &word));
        }
        trusted(&entry, name, "key", &purposes, draft)
    })?;
    each(file, "vendor", &["name", "vendor", "kind"], |entry, name| {
        let vendor = entry.need("vendor")?.named("vendor", Vendor::ALL)?;
        let kind = entry.word("kind").map(|word| word.named("kind of platform", Kind::ALL)).transpose()?;
        let sentence = Sentence::Trusted { subject: Subject::Vendor(vendor), purpose: Purpose::Attestation(kind) };
        draft.say("vendor", &entry, name, sentence)
    })?;
    each(file, "speaks", &["name", "key", "for"], |entry, name| speaks(&entry, name, draft))?;
    platform::read(file, draft, &said)?;
    let mut names = BTreeSet::new();
    for entry in file.entries("floor", &with(&["name", "release", "version"]))? {
        for_good(&entry, "a floor")?;
        let release = release(&entry)?.ok_or_else(|| entry.missing("release"))?;
        let word = entry.word("name").map_or_else(|| entry.need("release"), Ok)?;
        let name = named(&word)?;
        if !names.insert(name.label.clone()) {
            return Err(word.twice());
        }
        draft.say("floor", &entry, Some(name), Sentence::Floor(release))?;
    }
    let mut words = vec!["name", "statement", "key", "program", "runtime"];
    words.extend(Kind::ALL.iter().map(|kind| kind.as_str()));
    for entry in file.entries("revoke", &with(&words))? {
        for_good(&entry, "a revocation")?;
        revoke(&entry, draft)?;
    }
    Ok(())
}

/// What others signed, and what there are no words for.
fn others(file: &Table<'_>, draft: &mut Draft, said: &mut Said) -> Result<(), DomainError> {
    for entry in file.entries("signed", &["statement"])? {
        let word = entry.need("statement")?;
        let signed = Signed::verify(&word.base64()?)
            .map_err(|error| DomainError::Signed { why: error.to_string(), span: Some(word.span()) })?;
        draft.signed.push((signed, entry.span()));
    }
    for entry in file.entries("statement", &["cbor", "keys"])? {
        for key in entry.word("keys").map(|word| word.list()).transpose()?.unwrap_or_default() {
            draft.key(&key)?;
        }
        let word = entry.need("cbor")?;
        let statement: Statement = decode_nested(&word.base64()?, STATEMENT_BYTES_MAX)
            .map_err(|error| word.refuse(format!("the base64 of a statement's CBOR ({error})")))?;
        if let Sentence::HasProperty { name, value, .. } = &statement.sentence {
            said.add(name, value);
        }
        draft.said.push(Placed { statement, word: "statement", head: entry.span(), mark: word.span() });
    }
    Ok(())
}

/// Reads each entry `[[word]]`, whose names differ.
fn each<'a>(
    file: &Table<'a>,
    word: &'static str,
    known: &[&str],
    mut read: impl FnMut(Table<'a>, Option<Name>) -> Result<(), DomainError>,
) -> Result<(), DomainError> {
    let mut names = BTreeSet::new();
    for entry in file.entries(word, &with(known))? {
        let name = entry.word("name").map(|word| named(&word)).transpose()?;
        if let Some(Name { label, mark }) = &name
            && !names.insert(label.clone())
        {
            return Err(DomainError::Twice { actual: label.clone(), span: Some(mark.clone()) });
        }
        read(entry, name)?;
    }
    Ok(())
}

/// A name and where it is.
#[derive(Clone)]
pub(super) struct Name {
    pub(super) label: String,
    pub(super) mark: Range<usize>,
}

pub(super) fn named(word: &Word<'_>) -> Result<Name, DomainError> {
    Ok(Name { label: word.label()?, mark: word.span() })
}

/// What never ends is given no end: whoever wrote one would rely on it.
fn for_good(entry: &Table<'_>, what: &str) -> Result<(), DomainError> {
    let Some(word) = entry.word("until") else { return Ok(()) };
    let what = format!("{what} never ends, so that this `until` would count for nothing");
    Err(DomainError::Never { what, remedy: "remove `until`".to_owned(), span: Some(word.span()) })
}

/// The words of an entry that can begin and end.
pub(super) fn with<'k>(known: &[&'k str]) -> Vec<&'k str> {
    known.iter().copied().chain(["from", "until"]).collect()
}

/// Keys and digests that may be there once only.
#[derive(Default)]
struct Once(BTreeSet<Digest>);

impl Once {
    fn digest(&mut self, word: &Word<'_>) -> Result<Digest, DomainError> {
        let digest = word.digest()?;
        if self.0.insert(digest) { Ok(digest) } else { Err(word.twice()) }
    }
}

impl Draft {
    /// The entry says this, for as long as its words say.
    pub(super) fn say(
        &mut self,
        word: &'static str,
        entry: &Table<'_>,
        name: Option<Name>,
        sentence: Sentence,
    ) -> Result<(), DomainError> {
        let Name { label, mark } = name.ok_or_else(|| entry.missing("name"))?;
        let statement = Statement { label, sentence, validity: entry.validity()? };
        self.said.push(Placed { statement, word, head: entry.span(), mark });
        Ok(())
    }

    /// The digest of a key; the key is kept where it is known in full.
    pub(super) fn key(&mut self, word: &Word<'_>) -> Result<Digest, DomainError> {
        let (digest, key) = word.key()?;
        self.keys.extend(key);
        Ok(digest)
    }
}

fn never(what: &str, remedy: &str, word: &Word<'_>) -> DomainError {
    DomainError::Never { what: what.to_owned(), remedy: remedy.to_owned(), span: Some(word.span()) }
}

fn purpose(word: &Word<'_>) -> Result<Purpose, DomainError> {
    let text = word.text()?;
    let of_kind = |kind: &&Kind| attestation_of(**kind) == text;
    if let Some(kind) = Kind::ALL.iter().find(of_kind) {
        return Ok(Purpose::Attestation(Some(*kind)));
    }
    let found = PURPOSES.iter().find(|(name, _)| *name == text);
    let known = PURPOSES.iter().map(|(name, _)| (*name).to_owned());
    let known = known.chain(Kind::ALL.iter().map(|kind| attestation_of(*kind)));
    found.map(|(_, purpose)| purpose.clone()).ok_or_else(|| DomainError::Unknown {
        what: "purpose of keys".to_owned(),
        actual: text.to_owned(),
        known: known.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        span: Some(word.span()),
    })
}

fn launcher(entry: &Table<'_>, name: Option<Name>, draft: &mut Draft, once: &mut Once) -> Result<(), DomainError> {
    let word = entry.need("key")?;
    let key = word.ed25519()?;
    if !once.0.insert(key.spki_digest()) {
        return Err(word.twice());
    }
    let purpose = Purpose::Attestation(Some(Kind::Software));
    let sentence = Sentence::Trusted { subject: Subject::Key(key.spki_digest()), purpose };
    draft.keys.push(key);
    draft.say("launcher", entry, name, sentence)
}

/// Both words or none.
fn release(entry: &Table<'_>) -> Result<Option<Release>, DomainError> {
    match (entry.word("release"), entry.word("version")) {
        (Some(line), Some(version)) => Ok(Some(Release { line: line.label()?, version: version.number()? })),
        (Some(_), None) => Err(entry.missing("version")),
        (None, Some(_)) => Err(entry.missing("release")),
        (None, None) => Ok(None),
    }
}

fn runtime(entry: &Table<'_>, name: Option<Name>, draft: &mut Draft, once: &mut Once) -> Result<(), DomainError> {
    let purpose = Purpose::Execution(release(entry)?);
    let mut measurements = Vec::new();
    if let Some(word) = entry.word("digest") {
        measurements.push(of_process(once.digest(&word)?));
    }
    for kind in Kind::ALL.iter().copied() {
        let Some(word) = entry.word(kind.as_str()) else { continue };
        if kind == Kind::Software && !measurements.is_empty() {
            let what = "the runtime for isolation `process` is named by `digest` and again by `software`".to_owned();
            let remedy = "remove one of the two".to_owned();
            return Err(DomainError::Contradiction { what, remedy, span: Some(word.span()) });
        }
        measurements.push(Measurement { kind, registers: registers(kind, &word)? });
    }
    if measurements.is_empty() {
        let words =
            format!("digest` or `{}", Kind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join("` or `"));
        return Err(entry.missing(&words));
    }
    for measurement in measurements {
        let subject = Subject::Measurement(measurement);
        draft.say("runtime", entry, name.clone(), Sentence::Trusted { subject, purpose: purpose.clone() })?;
    }
    Ok(())
}

fn registers(kind: Kind, word: &Word<'_>) -> Result<Vec<Register>, DomainError> {
    let mut registers: Vec<Register> = Vec::new();
    let expected = "a table of registers and their values, such as { measurement = \"91eb…\" }";
    for (name, span, word) in require::flat(word, expected, |name| registry::register(kind, name).is_some())? {
        let Some(row) = registry::register(kind, &name) else {
            let known: Vec<_> = registry::registers(kind).iter().map(|register| register.name).collect();
            let known = super::table::alike_first(&name, &known);
            return Err(DomainError::Unknown {
                what: format!("register of {kind}"),
                actual: name,
                known,
                span: Some(span),
            });
        };
        let value = word.hex_of(row.bytes_of(&name))?;
        registers.push(Register { name, value });
    }
    registers.sort();
    if registers.is_empty() {
        return Err(never(
            "a runtime of no registers would be any",
            "name its registers as `casemate verify` prints them",
            word,
        ));
    }
    Ok(registers)
}

fn delegate(entry: &Table<'_>, name: Option<Name>, draft: &mut Draft) -> Result<(), DomainError> {
    let key = draft.key(&entry.need("key")?)?;
    let word = entry.need("may_publish")?;
    let topics = word.set(|word| word.named("topic", Topic::ALL))?;
    if topics.is_empty() {
        return Err(never("the key may publish nothing", "name a topic, or remove the entry", &word));
    }
    let depth = match entry.word("depth") {
        Some(word) => u16::try_from(word.number()?)
            .ok()
            .filter(|depth| *depth <= DEPTH_MAX)
            .ok_or_else(|| word.refuse(format!("a whole number of at most {DEPTH_MAX}")))?,
        None => 0,
    };
    for topic in topics {
        let purpose = Purpose::Publishing { topic, depth, limits: limits(entry, topic)? };
        draft.say("delegate", entry, name.clone(), Sentence::Trusted { subject: Subject::Key(key), purpose })?;
    }
    Ok(())
}

/// What limits the right to publish about this topic.
fn limits(entry: &Table<'_>, topic: Topic) -> Result<Option<Box<Limits>>, DomainError> {
    let mut limits = Limits::default();
    if let Some(word) = entry.word("kinds") {
        limits.kinds = Some(named_by(&word, |word| word.named("kind of platform", Kind::ALL))?);
        fits(&limits, topic, &word)?;
    }
    if let Some(word) = entry.word("properties") {
        limits.properties = Some(named_by(&word, require::name)?);
        fits(&limits, topic, &word)?;
    }
    if let Some(word) = entry.word("releases") {
        limits.releases = Some(named_by(&word, |word| word.label())?);
        fits(&limits, topic, &word)?;
    }
    Ok(if limits.is_empty() { None } else { Some(Box::new(limits)) })
}

/// The members of a list, of which there is one at least.
fn named_by<T: Ord>(
    word: &Word<'_>,
    read: impl Fn(&Word<'_>) -> Result<T, DomainError>,
) -> Result<Vec<T>, DomainError> {
    let names = word.set(read)?;
    if names.is_empty() {
        return Err(never("an empty list lets nothing count", "name some, or remove the word for all of them", word));
    }
    if names.len() > LIMIT_NAMES_MAX {
        return Err(DomainError::TooMany { actual: names.len(), max: LIMIT_NAMES_MAX });
    }
    Ok(names.into_iter().collect())
}

/// A limit that says nothing of a topic would leave it unlimited, or let nothing count.
fn fits(limits: &Limits, topic: Topic, word: &Word<'_>) -> Result<(), DomainError> {
    let Some(what) = limits.misfit(topic) else { return Ok(()) };
    let remedy = format!("let the key publish {topic} by another entry, without `{what}`");
    Err(never(&format!("statements about {topic} name no {what}, so that none would count"), &remedy, word))
}

/// One thing that counts no more.
fn revoke(entry: &Table<'_>, draft: &mut Draft) -> Result<(), DomainError> {
    let mut revoked = Vec::new();
    if let Some(word) = entry.word("statement") {
        revoked.push((Sentence::Revokes(word.digest()?), word));
    }
    if let Some(word) = entry.word("key") {
        revoked.push((Sentence::Distrusts(Subject::Key(draft.key(&word)?)), word));
    }
    if let Some(word) = entry.word("program") {
        revoked.push((Sentence::Distrusts(Subject::Program(word.digest()?)), word));
    }
    if let Some(word) = entry.word("runtime") {
        revoked.push((Sentence::Distrusts(Subject::Measurement(of_process(word.digest()?))), word));
    }
    for kind in Kind::ALL.iter().copied() {
        let Some(word) = entry.word(kind.as_str()) else { continue };
        let measurement = Measurement { kind, registers: registers(kind, &word)? };
        revoked.push((Sentence::Distrusts(Subject::Measurement(measurement)), word));
    }
    let mut revoked = revoked.into_iter();
    let Some((sentence, word)) = revoked.next() else {
        return Err(entry.missing("statement` or `key` or `program` or `runtime"));
    };
    if let Some((_, second)) = revoked.next() {
        let what = format!("the entry revokes `{}` and `{}`", word.name(), second.name());
        let remedy = "give each an entry of its own".to_owned();
        return Err(DomainError::Contradiction { what, remedy, span: Some(second.span()) });
    }
    let name = entry.word("name").map(|word| named(&word)).transpose()?;
    let name = name.unwrap_or_else(|| Name { label: REVOKED.to_owned(), mark: word.span() });
    draft.say("revoke", entry, Some(name), sentence)
}

/// What runs in isolation `process`, by its runtime.
fn of_process(digest: Digest) -> Measurement {
    let register = Register { name: crate::domain::views::RUNTIME.to_owned(), value: digest.as_bytes().to_vec() };
    Measurement { kind: Kind::Software, registers: vec![register] }
}

fn trusted(
    entry: &Table<'_>,
    name: Option<Name>,
    word: &'static str,
    purposes: &[Purpose],
    draft: &mut Draft,
) -> Result<(), DomainError> {
    let key = draft.key(&entry.need("key")?)?;
    for purpose in purposes.iter().cloned() {
        draft.say(word, entry, name.clone(), Sentence::Trusted { subject: Subject::Key(key), purpose })?;
    }
    Ok(())
}

fn speaks(entry: &Table<'_>, name: Option<Name>, draft: &mut Draft) -> Result<(), DomainError> {
    let (speaker, word) = (draft.key(&entry.need("key")?)?, entry.need("for")?);
    let principal = draft.key(&word)?;
    if speaker == principal {
        return Err(never("every key speaks for itself", "remove the entry", &word));
    }
    let (speaker, principal) = (Subject::Key(speaker), Subject::Key(principal));
    draft.say("speaks", entry, name, Sentence::SpeaksFor { speaker, principal })
}

fn region(entry: &Table<'_>, name: Option<Name>, draft: &mut Draft, said: &mut Said) -> Result<(), DomainError> {
    let name = name.ok_or_else(|| entry.missing("name"))?;
    let value = Value::Text(name.label.clone());
    has(entry, "region", &name, (require::REGION, value), draft, said)
}

fn property(entry: &Table<'_>, name: Option<Name>, draft: &mut Draft, said: &mut Said) -> Result<(), DomainError> {
    let word = entry.need("property")?;
    let property = &require::name(&word)?;
    let value = require::plain(&entry.need("value")?)?;
    let name = name.ok_or_else(|| entry.missing("name"))?;
    has(entry, "property", &name, (property, value), draft, said)
}

/// All chips and hosts of the entry have the property.
fn has(
    entry: &Table<'_>,
    word: &'static str,
    name: &Name,
    (property, value): (&str, Value),
    draft: &mut Draft,
    said: &mut Said,
) -> Result<(), DomainError> {
    let mut subjects = Vec::new();
    if let Some(word) = entry.word("chips") {
        let known: Vec<_> =
            Kind::ALL.iter().filter(|kind| registry::identity(**kind).is_some()).map(|kind| kind.as_str()).collect();
        for (_, chips) in Table::new("`chips`", word.value(), &known)?.words() {
            let kind: Kind = chips.name().parse().map_err(|_| chips.refuse("a kind of platform"))?;
            let known = registry::identity(kind).map_or(&[][..], |identity| identity.bytes);
            subjects
                .extend(chips.set(|word| word.hex_of(known))?.into_iter().map(|chip| Subject::Hardware(kind, chip)));
        }
    }
    if let Some(word) = entry.word("hosts") {
        let mut hosts = BTreeSet::new();
        for host in word.list()? {
            let key = draft.key(&host)?;
            if !hosts.insert(key) {
                return Err(host.twice());
            }
        }
        subjects.extend(hosts.into_iter().map(Subject::Key));
    }
    if subjects.is_empty() {
        return Err(DomainError::Never {
            what: format!("{} names neither chips nor hosts: nothing has the property", entry.name()),
            remedy: "name them, or remove the entry".to_owned(),
            span: Some(entry.span()),
        });
    }
    said.add(property, &value);
    for subject in subjects {
        let sentence = Sentence::HasProperty { subject, name: property.to_owned(), value: value.clone() };
        draft.say(word, entry, Some(name.clone()), sentence)?;
    }
    Ok(())
}
