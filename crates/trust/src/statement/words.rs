//! Statements in plain words: "`release team` may publish measurements".
//!
//! Keys and programs are shown by the first digits of their digest and, where the owner gave them one, by their name: what others
//! call them names nothing. Labels of others are quoted as theirs. Text of other parties shows no control characters.

use std::{collections::BTreeMap, fmt};

use casemate_cose::Digest;

use super::{
    Demand, Identities, Kind, Limits, Measurement, PlatformRule, Purpose, Release, Said, Sentence, Speaker, Statement,
    Subject, Test, Validity, Value,
};
use crate::{
    component::{beside, registry},
    printable::{called, quoted},
};

/// The most parts of a list that are shown.
const SHOWN_MAX: usize = 4;

/// Names for digests: what a domain's owner calls keys, programs and domains.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Names(BTreeMap<Digest, String>);

impl Names {
    /// Nobody has a name.
    #[must_use]
    pub const fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// The labels of an owner's statements as names of the keys and programs that they are about. What several statements name
    /// differently has the name of the first; a statement that something has a property names the property. Labels of others are no
    /// names.
    #[must_use]
    pub fn of<'s>(statements: impl IntoIterator<Item = &'s Statement>) -> Self {
        let mut names = BTreeMap::new();
        for statement in statements {
            let is_name = !statement.label.is_empty() && !matches!(statement.sentence, Sentence::HasProperty { .. });
            if let Some(digest) = statement.sentence.about().filter(|_| is_name) {
                names.entry(digest).or_insert_with(|| statement.label.clone());
            }
        }
        Self(names)
    }

    /// Gives a digest a name, unless it has one.
    pub fn give(&mut self, digest: Digest, name: impl Into<String>) {
        self.0.entry(digest).or_insert_with(|| name.into());
    }

    /// A sentence in plain words.
    #[must_use]
    pub fn sentence(&self, sentence: &Sentence) -> String {
        match sentence {
            Sentence::Distrusts(subject @ Subject::Key(_)) => {
                format!("{} counts no more: nothing that it says, and no trust in it", self.subject(subject))
            }
            Sentence::Distrusts(subject) => format!("{} is trusted no more, whoever says so", self.subject(subject)),
            Sentence::EvidenceTrusted => "the evidence is trusted as a whole".into(),
            Sentence::Floor(release) => format!("{} counts from version {} on", quoted(&release.line), release.version),
            Sentence::HasProperty { subject, name, value } => {
                format!("{} has {} {value}", self.subject(subject), quoted(name))
            }
            Sentence::IsEnvironment(place) => format!("{} of the evidence is genuine", component(*place)),
            Sentence::MeasurementTrusted(place) => {
                format!("what runs on {} of the evidence is trusted", component(*place))
            }
            Sentence::PlatformTrusted(place) => {
                format!("the platform of {} of the evidence is trusted", component(*place))
            }
            Sentence::Revokes(digest) => format!("statement {} counts no more", self.digest(digest)),
            Sentence::Says { .. } => self.says(sentence),
            Sentence::SpeaksFor { speaker, principal } => {
                format!("{} speaks for {}", self.subject(speaker), self.subject(principal))
            }
            Sentence::Trusted { subject, purpose } => format!("{} {}", self.subject(subject), may(subject, purpose)),
        }
    }

    /// What a right to publish is about: `measurements of release `casemate``.
    pub(crate) fn published(purpose: &Purpose) -> String {
        match purpose {
            Purpose::Publishing { topic, limits, .. } => {
                format!("{topic}{}", limits.as_ref().map(ToString::to_string).unwrap_or_default())
            }
            other => other.kind().to_owned(),
        }
    }

    /// A subject in plain words.
    #[must_use]
    pub fn subject(&self, subject: &Subject) -> String {
        match subject {
            Subject::Domain(digest) => format!("domain {}", self.digest(digest)),
            Subject::Environment(place) => format!("{} of the evidence", component(*place)),
            Subject::Hardware(kind, identity) => format!("{kind} hardware {}", hexadecimal(identity)),
            Subject::Key(digest) => format!("key {}", self.digest(digest)),
            Subject::Measurement(measurement) => measurement.to_string(),
            Subject::Platform(rule) => rule.to_string(),
            Subject::Program(digest) => format!("program {}", self.digest(digest)),
            Subject::Vendor(vendor) => format!("vendor `{vendor}`"),
        }
    }

    /// The name and the first digits, or these alone.
    fn digest(&self, digest: &Digest) -> String {
        self.0.get(digest).map_or_else(|| digest.short(), |name| format!("{} ({})", quoted(name), digest.short()))
    }

    /// Nested sentences, without recursion over more than there can be.
    fn says(&self, sentence: &Sentence) -> String {
        let (mut text, mut said) = (String::new(), sentence);
        while let Sentence::Says { key, sentence } = said {
            text.push_str(&format!("key {} says: ", self.digest(key)));
            said = sentence;
        }
        text + &self.sentence(said)
    }
}

impl Said {
    /// What to call the statement: the owner's name for what it is about; what somebody else calls it, and who that is.
    #[must_use]
    pub fn name(&self) -> String {
        let label = &self.statement().label;
        match self.speaker() {
            Speaker::Root => quoted(label),
            Speaker::Key(key) => format!("{} (so called by key {})", called(label), key.short()),
        }
    }
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Names::none().sentence(self))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Names::none().subject(self))
    }
}

impl fmt::Display for Statement {
    /// With its label for what it is about, and when it counts if that isn't always.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sentence {
            Sentence::Trusted { subject, purpose } if !self.label.is_empty() => {
                write!(f, "{} {}", quoted(&self.label), may(subject, purpose))?;
            }
            other => fmt::Display::fmt(other, f)?,
        }
        fmt::Display::fmt(&self.counts(), f)
    }
}

impl fmt::Display for Validity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.not_before != Self::ALWAYS.not_before {
            write!(f, " from {}", self.not_before)?;
        }
        if self.not_after != Self::ALWAYS.not_after {
            write!(f, " until {}", self.not_after)?;
        }
        Ok(())
    }
}

impl fmt::Display for Limits {
    /// As it stands behind a topic: ` of release `casemate` and of kind snp, tdx`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let called = |names: &Vec<String>| list(names.iter().map(|name| quoted(name)));
        let parts = [
            self.properties.as_ref().map(|names| format!(" called {}", called(names))),
            self.releases.as_ref().map(|names| format!(" of release {}", called(names))),
            self.kinds.as_ref().map(|kinds| format!(" of kind {}", list(kinds.iter().map(ToString::to_string)))),
        ];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(" and"))
    }
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self
            .registers
            .iter()
            .map(|register| format!("{} {}", quoted(&register.name), hexadecimal(&register.value)));
        write!(f, "what runs on `{}` with {}", self.kind, list(shown))
    }
}

impl fmt::Display for PlatformRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.identities {
            Identities::AnyGenuineChip => write!(f, "any genuine `{}` platform", self.kind)?,
            Identities::Listed(listed) => {
                write!(f, "`{}` platforms {}", self.kind, list(listed.iter().map(|identity| hexadecimal(identity))))?;
            }
        }
        if !self.demands.is_empty() {
            let demands = self.demands.iter().map(|demand| match beside::kind_of(&demand.property) {
                Some(kind) => format!("{} `{kind}` beside it", demand.words(self.kind)),
                None => format!("{} {}", quoted(&demand.property), demand.words(self.kind)),
            });
            write!(f, " with {}", list(demands))?;
        }
        if !self.allow.is_empty() {
            write!(f, ", allowing {}", list(self.allow.iter().map(|allowance| format!("`{allowance}`"))))?;
        }
        Ok(())
    }
}

impl Demand {
    /// What is demanded, numbers written as files about components of `kind` have them: `at least 0xe0`.
    #[must_use]
    pub fn words(&self, kind: Kind) -> String {
        let property = registry::property(kind, &self.property);
        tested(&self.test, |value| match (property, value) {
            (Some(property), Value::Number(_)) => property.show(value),
            _ => value.to_string(),
        })
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&tested(self, Value::to_string))
    }
}

fn tested(test: &Test, show: impl Fn(&Value) -> String) -> String {
    match test {
        Test::AtLeast(value) => format!("at least {}", show(value)),
        Test::AtMost(value) => format!("at most {}", show(value)),
        Test::Equals(value) => show(value),
        Test::NotEquals(value) => format!("anything but {}", show(value)),
        Test::OneOf(values) => format!("one of {}", list(values.iter().map(show))),
        Test::SubsetOf(members) if members.is_empty() => "none".to_owned(),
        Test::SubsetOf(members) => format!("none but {}", list(members.iter().map(|member| quoted(member)))),
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(true) => f.write_str("yes"),
            Self::Bool(false) => f.write_str("no"),
            Self::Bytes(bytes) => f.write_str(&hexadecimal(bytes)),
            Self::Number(number) => fmt::Display::fmt(number, f),
            Self::Set(members) if members.is_empty() => f.write_str("none"),
            Self::Set(members) => f.write_str(&list(members.iter().map(|member| quoted(member)))),
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Time(time) => fmt::Display::fmt(time, f),
        }
    }
}

fn may(subject: &Subject, purpose: &Purpose) -> String {
    match purpose {
        Purpose::Attestation(None) => "may say what is genuine".into(),
        Purpose::Attestation(Some(Kind::Software)) => "may say what its host runs".into(),
        Purpose::Attestation(Some(kind)) => format!("may say what is genuine {kind}"),
        Purpose::Authentication => "may act as a peer".into(),
        Purpose::Contracts => "may sign contracts".into(),
        Purpose::Execution(None) if matches!(subject, Subject::Platform(_)) => "may carry what is secret".into(),
        Purpose::Execution(None) => "may run what is secret".into(),
        Purpose::Execution(Some(Release { line, version })) => {
            format!("may run what is secret, as version {version} of {}", quoted(line))
        }
        Purpose::KeyProvision => "may be given keys".into(),
        Purpose::Publishing { depth, .. } => {
            let on = match depth {
                0 => String::new(),
                1 => ", and let one other key".to_owned(),
                depth => format!(", and let other keys, {depth} deep"),
            };
            format!("may publish {}{on}", Names::published(purpose))
        }
    }
}

fn component(place: u16) -> String {
    format!("component {place}")
}

fn hexadecimal(bytes: &[u8]) -> String {
    let shown: String = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    if bytes.len() > 8 { format!("{shown}…") } else { shown }
}

fn list(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = parts.collect();
    let shown = parts.iter().take(SHOWN_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    if parts.len() > SHOWN_MAX { format!("{shown} and {} more", parts.len() - SHOWN_MAX) } else { shown }
}

#[cfg(test)]
mod tests {
    use casemate_cose::UnixTime;

    use super::*;
    use crate::statement::Topic;

    #[test]
    fn a_delegation_reads_as_a_person_would_say_it() {
        let subject = Subject::Key(Digest::of(b"team"));
        let purpose = Purpose::Publishing { topic: Topic::Measurements, depth: 0, limits: None };
        let mut statement = Statement::always("release team", Sentence::Trusted { subject, purpose });
        assert_eq!(statement.to_string(), "`release team` may publish measurements");
        statement.validity.not_after = UnixTime(951_782_399);
        assert_eq!(statement.to_string(), "`release team` may publish measurements until 2000-02-28T23:59:59Z");
        let names = Names::of([&statement]);
        assert_eq!(
            names.sentence(&statement.sentence),
            format!("key `release team` ({}) may publish measurements", Digest::of(b"team").short())
        );
        let said = Sentence::Says { key: Digest::of(b"team"), sentence: Box::new(Sentence::EvidenceTrusted) };
        assert_eq!(
            names.sentence(&said),
            format!("key `release team` ({}) says: the evidence is trusted as a whole", Digest::of(b"team").short())
        );
    }

    #[test]
    fn no_control_characters_of_others_reach_the_screen() {
        let sentence = Sentence::Floor(Release { line: "evil\u{1b}[2J\u{202e}".into(), version: 1 });
        assert!(!sentence.to_string().chars().any(crate::printable::hides_or_moves));
    }
}
