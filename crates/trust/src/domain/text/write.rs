//! Writes a domain as text that is read as the same domain.
//!
//! Statements of one name, time and kind are one entry, under a comment that says what such entries are for. What has no words, can
//! never match, or would need a name that another entry has, becomes `[[statement]]`, with what it says in a comment.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use casemate_cose::{Digest, VerifyingKey};

use super::{
    date::{self, Edge},
    entries::{PURPOSES, REVOKED, attestation_of},
    require::{self, Said},
    toml_words::{comment, key, list, plain, quoted},
    words::{self, HEAD, REQUIRE, Word},
};
use crate::{
    component::{beside, fit, registry},
    domain::{
        Domain, Process, check,
        views::{LACKS, PROCESS, RUNTIME},
    },
    statement::{
        Demand, Identities, Kind, Limits, Measurement, PlatformRule, Purpose, Release, Sentence, Statement, Subject,
        Validity, Value,
    },
};

pub(in crate::domain) fn write(domain: &Domain) -> String {
    let mut text = format!("{HEAD}\n[domain]\nowner = {}\n", quoted(domain.owner()));
    if domain.sequence() > 0 {
        let _ = writeln!(text, "sequence = {}", domain.sequence());
    }
    text + &domain.entries_toml()
}

impl Domain {
    /// What [`Domain::to_toml`] writes after the head: it can be put after the text of another domain.
    #[must_use]
    pub fn entries_toml(&self) -> String {
        entries(self)
    }
}

fn entries(domain: &Domain) -> String {
    let mut text = String::new();
    let statements: Vec<&Statement> = domain.own().map(crate::statement::Said::statement).collect();
    let mut said = Said::default();
    for statement in &statements {
        if let Sentence::HasProperty { name, value, .. } = &statement.sentence {
            said.add(name, value);
        }
    }
    let mut writer =
        Writer { domain, said, groups: BTreeMap::new(), launchers: BTreeSet::new(), digests: BTreeSet::new() };
    let (attesters, others): (Vec<&Statement>, Vec<_>) =
        statements.into_iter().partition(|statement| is_attester(statement));
    let mut rest: Vec<&Statement> = others.into_iter().filter(|statement| !writer.take(statement)).collect();
    rest.extend(attesters.into_iter().filter(|statement| !writer.take_attester(statement)));
    let mut before = "";
    for ((word, _), group) in &writer.groups {
        let comment = words::explained(*word, &group.statements);
        // Once for several of one kind.
        let _ = if comment == before { writeln!(text) } else { write!(text, "\n{comment}\n") };
        before = comment;
        let head = if *word == Word::Process { "[process]".to_owned() } else { format!("[[{}]]", word.as_str()) };
        let _ = write!(text, "{head}\n{}", writer.body(*word, group));
    }
    for statement in rest {
        let _ = write!(text, "\n{}", writer.statement(statement));
    }
    for signed in domain.signed() {
        let (sentence, validity) = (&signed.statement().sentence, signed.statement().counts());
        let said = comment(&format!("key {} says: {sentence}{validity}", signed.speaker().short()));
        let _ = write!(text, "\n[[signed]]           # {said}\nstatement = \"{}\"\n", STANDARD.encode(signed.object()));
    }
    text
}

/// The statements of one entry.
struct Group<'d> {
    /// What all of them share beside name and time.
    same: String,
    validity: Validity,
    statements: Vec<&'d Statement>,
    /// Who vouches for a platform.
    attesters: Vec<&'d Subject>,
}

struct Writer<'d> {
    domain: &'d Domain,
    /// Which properties statements give.
    said: Said,
    /// By word and name.
    groups: BTreeMap<(Word, String), Group<'d>>,
    /// Keys and digests that may have one entry only.
    launchers: BTreeSet<Digest>,
    digests: BTreeSet<(Word, Vec<u8>)>,
}

fn is_attester(statement: &Statement) -> bool {
    matches!(statement.sentence, Sentence::Trusted { purpose: Purpose::Attestation(_), .. })
}

impl<'d> Writer<'d> {
    /// Puts a statement into its entry; false where it has none.
    fn take(&mut self, statement: &'d Statement) -> bool {
        let Some((word, same)) = self.shape(statement) else { return false };
        self.put(word, same.clone(), statement)
            || matches!(&statement.sentence, Sentence::Trusted { subject: Subject::Key(key), purpose: Purpose::Contracts }
                if self.put(Word::Key, key.to_string(), statement))
    }

    /// A vendor or key that vouches is a platform's where a platform of its name is there for the same time.
    fn take_attester(&mut self, statement: &'d Statement) -> bool {
        let Sentence::Trusted { subject, purpose: Purpose::Attestation(of) } = &statement.sentence else {
            return false;
        };
        let of = *of;
        if let Some(group) = self.groups.get_mut(&(Word::Platform, statement.label.clone()))
            && group.validity == statement.validity
            && of.is_some()
            && group.statements.iter().all(|other| platform(other).map(|rule| rule.kind) == of)
        {
            group.attesters.push(subject);
            return true;
        }
        match subject {
            Subject::Vendor(vendor) => {
                is_written(statement.validity) && self.put(Word::Vendor, vendor.to_string(), statement)
            }
            Subject::Key(key) if is_written(statement.validity) => {
                let is_known = matches!(self.domain.key(key), Some(VerifyingKey::Ed25519(_)));
                let is_launcher = is_known && of == Some(Kind::Software);
                (is_launcher
                    && !self.launchers.contains(key)
                    && self.put(Word::Launcher, key.to_string(), statement)
                    && self.launchers.insert(*key))
                    || self.put(Word::Key, key.to_string(), statement)
            }
            _ => false,
        }
    }

    fn put(&mut self, word: Word, same: String, statement: &'d Statement) -> bool {
        let once = once(word, statement);
        if once.as_ref().is_some_and(|once| self.digests.contains(once)) {
            return false;
        }
        let name = match (&statement.sentence, word) {
            // Revocations need no name of their own.
            (Sentence::Distrusts(_) | Sentence::Revokes(_), Word::Revoke) => statement.digest().to_string(),
            _ => statement.label.clone(),
        };
        let validity = statement.validity;
        let new = || Group { same: same.clone(), validity, statements: Vec::new(), attesters: Vec::new() };
        let group = self.groups.entry((word, name)).or_insert_with(new);
        let is_several = !matches!(
            word,
            Word::Launcher
                | Word::Process
                | Word::Platform
                | Word::Program
                | Word::Floor
                | Word::Signer
                | Word::Speaks
                | Word::Vendor
                | Word::Revoke
        );
        let fits = group.same == same && group.validity == validity && (is_several || group.statements.is_empty());
        let kind = |statement: &Statement| measurement(statement).map(|measurement| measurement.kind);
        let is_other_kind =
            word != Word::Runtime || group.statements.iter().all(|other| kind(other) != kind(statement));
        if fits && is_other_kind {
            group.statements.push(statement);
            self.digests.extend(once);
        }
        fits && is_other_kind
    }

    /// The entry that a statement belongs to, and what all its statements share; `None` where the words can't say it.
    fn shape(&self, statement: &Statement) -> Option<(Word, String)> {
        if !is_written(statement.validity)
            || statement.counts() != statement.validity
            || fit::misfit(&statement.sentence).is_some()
        {
            return None;
        }
        let label = &statement.label;
        match &statement.sentence {
            Sentence::Floor(release) => is_released(Some(release)).then(|| (Word::Floor, String::new())),
            Sentence::HasProperty { subject, name, value } => {
                let is_subject = match subject {
                    Subject::Hardware(kind, chip) => registry::identity(*kind).is_some() && !chip.is_empty(),
                    Subject::Key(_) => true,
                    _ => false,
                };
                let value_text = plain(value).filter(|_| is_subject && require::is_name(name))?;
                let is_region = name == require::REGION && matches!(value, Value::Text(text) if text == label);
                Some(if is_region {
                    (Word::Region, String::new())
                } else {
                    (Word::Property, format!("{name} {value_text}"))
                })
            }
            Sentence::Distrusts(Subject::Measurement(measurement)) => {
                is_measured(measurement).then(|| (Word::Revoke, String::new()))
            }
            Sentence::Distrusts(_) | Sentence::Revokes(_) => Some((Word::Revoke, String::new())),
            Sentence::SpeaksFor { speaker: Subject::Key(one), principal: Subject::Key(other) } => {
                (one != other).then(|| (Word::Speaks, String::new()))
            }
            Sentence::Trusted { subject, purpose } => self.shape_of_trust(subject, purpose, label),
            _ => None,
        }
    }

    fn shape_of_trust(&self, subject: &Subject, purpose: &Purpose, label: &str) -> Option<(Word, String)> {
        match (subject, purpose) {
            (Subject::Key(_), Purpose::Contracts) => Some((Word::Signer, String::new())),
            (Subject::Key(key), Purpose::Publishing { depth, limits, .. }) => {
                let limits = limit_lines(limits.as_deref())?.join(" ");
                Some((Word::Delegate, format!("{key} {depth} {limits}")))
            }
            (Subject::Key(key), Purpose::Authentication | Purpose::KeyProvision) => Some((Word::Key, key.to_string())),
            (Subject::Measurement(measurement), Purpose::Execution(release)) => {
                let same = release_lines(release.as_ref()).join(" ");
                (is_measured(measurement) && is_released(release.as_ref())).then_some((Word::Runtime, same))
            }
            (Subject::Program(_), Purpose::Execution(release)) => {
                is_released(release.as_ref()).then(|| (Word::Program, String::new()))
            }
            (Subject::Platform(rule), Purpose::Execution(None)) => {
                let allowances = registry::allowances(rule.kind);
                let is_admitted = rule.allow.iter().all(|allowance| allowances.contains(allowance));
                let is_any = rule.identities == Identities::AnyGenuineChip;
                let is_written = is_admitted
                    && demands(rule, &self.said).is_some()
                    && (is_any || registry::identity(rule.kind).is_some());
                let is_process = rule.kind == Kind::Software;
                match is_process {
                    true if is_any && rule.allow.is_empty() && label == PROCESS && Process::of(rule).is_some() => {
                        is_written.then(|| (Word::Process, String::new()))
                    }
                    true => None,
                    false => is_written.then(|| (Word::Platform, String::new())),
                }
            }
            _ => None,
        }
    }

    fn body(&self, word: Word, group: &Group<'d>) -> String {
        let mut text = String::new();
        let Some(first) = group.statements.first() else { return text };
        let is_named = match &first.sentence {
            Sentence::Floor(release) => release.line != first.label,
            Sentence::Distrusts(_) | Sentence::Revokes(_) => first.label != REVOKED,
            _ => word != Word::Process,
        };
        if is_named {
            let _ = writeln!(text, "name = {}", quoted(&first.label));
        }
        for line in self.lines(word, group, first) {
            text.push_str(&line);
            text.push('\n');
        }
        text.push_str(&validity(group.validity).unwrap_or_default());
        if let Sentence::Trusted { subject: Subject::Platform(rule), .. } = &first.sentence {
            text.push_str(&required(word, rule, &self.said));
        }
        text
    }

    fn lines(&self, word: Word, group: &Group<'d>, first: &Statement) -> Vec<String> {
        match &first.sentence {
            Sentence::Floor(release) => release_lines(Some(release)),
            Sentence::HasProperty { name, value, .. } => self.property(word, group, name, value),
            Sentence::Distrusts(subject) => vec![self.revoked(subject)],
            Sentence::Revokes(digest) => vec![format!("statement = \"{digest}\"")],
            Sentence::SpeaksFor { speaker, principal } => {
                vec![format!("key = {}", self.subject(speaker)), format!("for = {}", self.subject(principal))]
            }
            Sentence::Trusted { subject, purpose } => self.trusted(word, group, subject, purpose),
            _ => Vec::new(),
        }
    }

    /// What is revoked, beside statements.
    fn revoked(&self, subject: &Subject) -> String {
        match subject {
            Subject::Measurement(measurement) => match digest_of(measurement) {
                Some(digest) => format!("runtime = \"sha256:{}\"", registry::hex(&digest)),
                None => registers(measurement),
            },
            Subject::Program(digest) => format!("program = \"{digest}\""),
            _ => format!("key = {}", self.subject(subject)),
        }
    }

    fn trusted(&self, word: Word, group: &Group<'d>, subject: &Subject, purpose: &Purpose) -> Vec<String> {
        match subject {
            Subject::Vendor(vendor) => {
                let kind = if let Purpose::Attestation(kind) = purpose { *kind } else { None };
                let kind = kind.map(|kind| format!("kind = \"{kind}\""));
                std::iter::once(format!("vendor = \"{vendor}\"")).chain(kind).collect()
            }
            Subject::Program(digest) => {
                let mut lines = vec![format!("digest = \"{digest}\"")];
                lines.extend(release_lines(release_of(purpose)));
                lines
            }
            Subject::Measurement(_) => {
                let mut measurements: Vec<_> =
                    group.statements.iter().filter_map(|statement| measurement(statement)).collect();
                measurements.sort();
                let mut lines: Vec<_> = measurements.into_iter().map(registers).collect();
                lines.extend(release_lines(release_of(purpose)));
                lines
            }
            Subject::Platform(rule) if word == Word::Process => {
                let lacks = Process::of(rule).map(|process| process.accept_lacks).unwrap_or_default();
                let mut lines =
                    vec![format!("accept_lacks = [{}]", list(lacks.iter().map(|lack| format!("\"{lack}\""))))];
                lines.extend(beside(rule));
                lines
            }
            Subject::Platform(rule) => self.platform(rule, group),
            _ => {
                let mut lines = vec![format!("key = {}", self.subject(subject))];
                lines.extend(self.purposes(word, group));
                lines
            }
        }
    }

    fn purposes(&self, word: Word, group: &Group<'d>) -> Vec<String> {
        let purposes = group.statements.iter().filter_map(|statement| match &statement.sentence {
            Sentence::Trusted { purpose, .. } => Some(purpose),
            _ => None,
        });
        let purposes: BTreeSet<&Purpose> = purposes.collect();
        if word == Word::Key {
            let names = purposes.iter().filter_map(|purpose| match purpose {
                Purpose::Attestation(Some(kind)) => Some(attestation_of(*kind)),
                _ => PURPOSES.iter().find(|(_, other)| other == *purpose).map(|(name, _)| (*name).to_owned()),
            });
            return vec![format!("trusted_for = [{}]", list(names.map(|name| format!("\"{name}\""))))];
        }
        let topics = purposes.iter().filter_map(|purpose| match purpose {
            Purpose::Publishing { topic, depth, limits } => Some((topic, depth, limits)),
            _ => None,
        });
        let topics: Vec<_> = topics.collect();
        let Some((_, depth, limits)) = topics.first() else { return Vec::new() };
        let mut lines =
            vec![format!("may_publish = [{}]", list(topics.iter().map(|(topic, ..)| format!("\"{topic}\""))))];
        lines.extend(limit_lines(limits.as_deref()).unwrap_or_default());
        if **depth > 0 {
            lines.push(format!("depth = {depth}"));
        }
        lines
    }

    fn platform(&self, rule: &PlatformRule, group: &Group<'d>) -> Vec<String> {
        let mut lines = vec![format!("kind = \"{}\"", rule.kind)];
        match &rule.identities {
            Identities::Listed(chips) => {
                lines.push(format!(
                    "chips = [{}]",
                    list(chips.iter().map(|chip| format!("\"{}\"", registry::hex(chip))))
                ));
            }
            Identities::AnyGenuineChip if registry::identity(rule.kind).is_some() => {
                lines.push("any_genuine_chip = true".to_owned());
            }
            Identities::AnyGenuineChip => {}
        }
        if !rule.allow.is_empty() {
            lines.push(format!("allow = [{}]", list(rule.allow.iter().map(|allowance| format!("\"{allowance}\"")))));
        }
        lines.extend(beside(rule));
        let by_vendor = registry::vendor(rule.kind).map(Subject::Vendor);
        let is_by_vendor = matches!(group.attesters.as_slice(), [one] if Some(*one) == by_vendor.as_ref());
        if !is_by_vendor {
            let mut attesters = group.attesters.clone();
            attesters.sort();
            lines.push(format!("attesters = [{}]", list(attesters.into_iter().map(|subject| self.subject(subject)))));
        }
        lines
    }

    fn property(&self, word: Word, group: &Group<'d>, name: &str, value: &Value) -> Vec<String> {
        let mut lines = Vec::new();
        if word == Word::Property {
            lines.push(format!("property = \"{name}\""));
            lines.push(format!("value = {}", plain(value).unwrap_or_default()));
        }
        let mut chips: BTreeMap<Kind, BTreeSet<String>> = BTreeMap::new();
        let mut hosts: BTreeSet<String> = BTreeSet::new();
        for statement in &group.statements {
            match &statement.sentence {
                Sentence::HasProperty { subject: Subject::Hardware(kind, chip), .. } => {
                    chips.entry(*kind).or_default().insert(format!("\"{}\"", registry::hex(chip)));
                }
                Sentence::HasProperty { subject, .. } => _ = hosts.insert(self.subject(subject)),
                _ => {}
            }
        }
        if !chips.is_empty() {
            let kinds = chips.into_iter().map(|(kind, chips)| format!("{kind} = [{}]", list(chips.into_iter())));
            lines.push(format!("chips = {{ {} }}", list(kinds)));
        }
        if !hosts.is_empty() {
            lines.push(format!("hosts = [{}]", list(hosts.into_iter())));
        }
        lines
    }

    /// A key in full where it is known so, its digest otherwise; a vendor.
    fn subject(&self, subject: &Subject) -> String {
        match subject {
            Subject::Key(digest) => match self.domain.key(digest) {
                Some(key) => format!("\"{key}\""),
                None => format!("\"{digest}\""),
            },
            Subject::Vendor(vendor) => format!("\"{vendor}\""),
            _ => String::new(),
        }
    }

    /// What there are no words for.
    fn statement(&self, statement: &Statement) -> String {
        let (said, cbor) = (comment(&statement.to_string()), STANDARD.encode(casemate_cose::encode(statement)));
        let keys: BTreeSet<String> = check::keys_of(statement)
            .filter_map(|digest| self.domain.key(&digest))
            .map(|key| format!("\"{key}\""))
            .collect();
        let keys = if keys.is_empty() { String::new() } else { format!("keys = [{}]\n", list(keys.into_iter())) };
        format!("[[statement]]        # {said}\ncbor = \"{cbor}\"\n{keys}")
    }
}

/// The digest that only one entry of this word may have.
fn once(word: Word, statement: &Statement) -> Option<(Word, Vec<u8>)> {
    match (word, &statement.sentence) {
        (Word::Program, Sentence::Trusted { subject: Subject::Program(digest), .. }) => {
            Some((word, digest.as_bytes().to_vec()))
        }
        (Word::Runtime, _) => digest_of(measurement(statement)?).map(|digest| (word, digest)),
        _ => None,
    }
}

fn platform(statement: &Statement) -> Option<&PlatformRule> {
    match &statement.sentence {
        Sentence::Trusted { subject: Subject::Platform(rule), .. } => Some(rule),
        _ => None,
    }
}

fn measurement(statement: &Statement) -> Option<&Measurement> {
    match &statement.sentence {
        Sentence::Trusted { subject: Subject::Measurement(measurement), .. } => Some(measurement),
        _ => None,
    }
}

/// Whether words can say of which registers it is.
fn is_measured(measurement: &Measurement) -> bool {
    let is_known = |name: &str| registry::register(measurement.kind, name).is_some();
    measurement.registers.iter().all(|register| is_known(&register.name) && !register.value.is_empty())
}

/// What `digest` says of a runtime.
fn digest_of(measurement: &Measurement) -> Option<Vec<u8>> {
    match measurement.registers.as_slice() {
        [one] if measurement.kind == Kind::Software && one.name == RUNTIME && one.value.len() == 32 => {
            Some(one.value.clone())
        }
        _ => None,
    }
}

fn registers(measurement: &Measurement) -> String {
    if let Some(digest) = digest_of(measurement) {
        return format!("digest = \"sha256:{}\"", registry::hex(&digest));
    }
    let mut rows: Vec<_> = measurement.registers.iter().collect();
    rows.sort_by_cached_key(|register| registry::place(measurement.kind, &register.name));
    let rows =
        rows.into_iter().map(|register| format!("{} = \"{}\"", key(&register.name), registry::hex(&register.value)));
    format!("{} = {{ {} }}", measurement.kind, list(rows))
}

fn release_of(purpose: &Purpose) -> Option<&Release> {
    if let Purpose::Execution(release) = purpose { release.as_ref() } else { None }
}

fn release_lines(release: Option<&Release>) -> Vec<String> {
    let lines = |release: &Release| {
        vec![format!("release = {}", quoted(&release.line)), format!("version = {}", release.version)]
    };
    release.map(lines).unwrap_or_default()
}

/// What limits a right to publish; `None` where the words can't say it.
fn limit_lines(limits: Option<&Limits>) -> Option<Vec<String>> {
    let Some(Limits { kinds, properties, releases }) = limits else { return Some(Vec::new()) };
    let is_said = properties.iter().flatten().all(|name| require::is_name(name))
        && releases.iter().flatten().all(|line| crate::domain::check_name(line).is_ok());
    let line = |word: &str, names: Vec<String>| format!("{word} = [{}]", list(names.into_iter()));
    let texts = |names: &Vec<String>| names.iter().map(|name| quoted(name)).collect::<Vec<_>>();
    let kinds = kinds.as_ref().map(|kinds| kinds.iter().map(|kind| format!("\"{kind}\"")).collect());
    let lines = [
        kinds.map(|names| line("kinds", names)),
        properties.as_ref().map(|names| line("properties", texts(names))),
        releases.as_ref().map(|names| line("releases", texts(names))),
    ];
    is_said.then(|| lines.into_iter().flatten().collect())
}

/// Whether the words `release` and `version` can say it.
fn is_released(release: Option<&Release>) -> bool {
    let fits =
        |release: &Release| i64::try_from(release.version).is_ok() && crate::domain::check_name(&release.line).is_ok();
    release.is_none_or(fits)
}

fn is_written(times: Validity) -> bool {
    validity(times).is_some()
}

/// `from` and `until`; `None` where TOML has no such time.
fn validity(validity: Validity) -> Option<String> {
    let mut text = String::new();
    if validity.not_before > Validity::ALWAYS.not_before {
        let _ = writeln!(text, "from = {}", date::write(validity.not_before, Edge::First)?);
    }
    if validity.not_after < Validity::ALWAYS.not_after {
        let _ = writeln!(text, "until = {}", date::write(validity.not_after, Edge::Last)?);
    }
    Some(text)
}

/// The components that have to be presented as well.
fn beside(rule: &PlatformRule) -> Option<String> {
    let kinds = beside::asked(&rule.demands).filter(|kinds| !kinds.is_empty())?;
    Some(format!("with = [{}]", list(kinds.iter().map(|kind| format!("\"{kind}\"")))))
}

fn required(word: Word, rule: &PlatformRule, said: &Said) -> String {
    let rows = demands(rule, said).unwrap_or_default();
    if rows.is_empty() {
        return String::new();
    }
    rows.into_iter().fold(format!("{REQUIRE}\n[{}.require]\n", word.as_str()), |text, row| text + &row + "\n")
}

/// One line a property, in the registry's order; `None` where there are no words for what is asked of one.
fn demands(rule: &PlatformRule, said: &Said) -> Option<Vec<String>> {
    let mut rows: BTreeMap<&str, Vec<(&'static str, String)>> = BTreeMap::new();
    let is_process = rule.kind == Kind::Software;
    // `accept_lacks` says the one demand about lacks that there may be.
    if is_process && rule.demands.iter().filter(|demand| demand.property == LACKS).count() != 1 {
        return None;
    }
    beside::asked(&rule.demands)?;
    let is_required =
        |demand: &&Demand| beside::kind_of(&demand.property).is_none() && (!is_process || demand.property != LACKS);
    for demand in rule.demands.iter().filter(is_required) {
        let property = demand.property.as_str();
        let of = said.type_of(rule.kind, property)?;
        let row = rows.entry(property).or_default();
        let (word, value) = require::write(&demand.test, of)?;
        if row.iter().any(|(other, _)| *other == word) || property.is_empty() {
            return None;
        }
        row.push((word, value));
    }
    let row = |(property, tests): (&str, Vec<(&'static str, String)>)| match tests.as_slice() {
        [("equals" | "one_of", value)]
            if !(value.starts_with('[') && tests.iter().any(|(word, _)| *word == "equals")) =>
        {
            format!("{} = {value}", key(property))
        }
        tests => {
            let tests = tests.iter().map(|(word, value)| format!("{word} = {value}"));
            format!("{} = {{ {} }}", key(property), list(tests))
        }
    };
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_by_cached_key(|(property, _)| (registry::place(rule.kind, property), (*property).to_owned()));
    Some(rows.into_iter().map(row).collect())
}
