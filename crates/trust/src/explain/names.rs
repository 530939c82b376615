//! What readers know things by: labels, lines, places in the evidence.

use std::collections::BTreeMap;

use casemate_cose::{Digest, UnixTime};

use crate::{
    Domain,
    component::Component,
    printable::{called, quoted},
    statement::{self, Purpose, Sentence, Speaker, Subject, Validity},
};

/// How many registers of a component are told: the first ones are those that are measured at its start.
const REGISTERS_SHOWN: usize = 3;
/// How many bytes of an identity or a register are shown: enough to compare by eye, too little to rely on.
const BYTES_SHOWN: usize = 8;

/// Names for what proofs know by digests and numbers only. Without any, an account says the digests.
#[derive(Clone, Debug)]
pub struct Names {
    owner: Option<String>,
    words: statement::Names,
    statements: BTreeMap<Digest, Known>,
    components: Vec<Told>,
    is_checked: bool,
}

/// What is known of a statement.
#[derive(Clone, Debug)]
struct Known {
    /// What its owner calls it, in backquotes; in quotes, with its digest, what somebody else calls it.
    label: Option<String>,
    line: Option<usize>,
    until: UnixTime,
}

/// What is known of a component of the evidence.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) name: String,
    pub(super) says: String,
    pub(super) dangers: Vec<String>,
}

impl Names {
    /// No names at all.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            owner: None,
            words: statement::Names::none(),
            statements: BTreeMap::new(),
            components: Vec::new(),
            is_checked: false,
        }
    }

    /// The names in a domain: its owner's, its statements' labels and, where it was read from text, their lines.
    #[must_use]
    pub fn of_domain(domain: &Domain) -> Self {
        let all = || domain.statements().said().iter();
        // What others call a key is no name of it.
        let words = statement::Names::of(domain.own().map(statement::Said::statement));
        let known = all().map(|said| {
            let (label, until) = (&said.statement().label, said.statement().validity.not_after);
            let label = (!label.is_empty()).then(|| match said.speaker() {
                Speaker::Root => quoted(label),
                Speaker::Key(_) => format!("{} (statement {})", called(label), said.digest().short()),
            });
            (said.digest(), Known { label, line: domain.line_of(&said.digest()), until })
        });
        let (owner, statements) = (Some(domain.owner().to_owned()), known.collect());
        Self { owner, words, statements, components: Vec::new(), is_checked: false }
    }

    /// The same, and the names of the evidence's components.
    #[must_use]
    pub fn with_evidence(mut self, components: &[Component]) -> Self {
        let told = components.iter().map(|component| Told {
            name: component.name.clone(),
            says: self.says(component),
            dangers: component.dangers.iter().map(|danger| format!("told of it: `{danger}`")).collect(),
        });
        self.components = told.collect();
        self
    }

    /// The same, for a proof that the checker has accepted under this domain: without it, an account says that nothing was checked.
    #[must_use]
    pub const fn checked(mut self) -> Self {
        self.is_checked = true;
        self
    }

    /// What the evidence says of a component.
    fn says(&self, component: &Component) -> String {
        let which = component.identity.as_ref().map(|identity| format!(" {}", start(identity))).unwrap_or_default();
        let mut says = format!(
            "a platform `{}`{which}, in the word of {}",
            component.kind,
            self.words.subject(&component.attester)
        );
        for (place, (name, value)) in component.registers.iter().enumerate().take(REGISTERS_SHOWN) {
            let lead = if place == 0 { "; what runs has " } else { ", " };
            says += &format!("{lead}{} {}", quoted(name), start(value));
        }
        if component.registers.len() > REGISTERS_SHOWN {
            says += &format!(" and {} registers more", component.registers.len() - REGISTERS_SHOWN);
        }
        if !component.dangers.is_empty() {
            let dangers: Vec<String> = component.dangers.iter().map(|danger| format!("`{danger}`")).collect();
            says += &format!("; told of it: {}", dangers.join(", "));
        }
        says
    }

    /// A sentence in plain words, components by their names.
    pub(super) fn sentence(&self, sentence: &Sentence) -> String {
        let component = |place: &u16| self.component(*place);
        match sentence {
            Sentence::IsEnvironment(place) => format!("{} is genuine", component(place)),
            Sentence::MeasurementTrusted(place) => format!("what runs on {} is trusted", component(place)),
            Sentence::PlatformTrusted(place) => format!("the platform of {} is trusted", component(place)),
            Sentence::SpeaksFor { speaker, principal: Subject::Environment(place) } => {
                format!("{} speaks for {}", self.words.subject(speaker), component(place))
            }
            Sentence::Trusted { subject: Subject::Environment(place), purpose: Purpose::Execution(None) } => {
                format!("{} may run what is secret", component(place))
            }
            other => self.words.sentence(other),
        }
    }

    pub(super) fn owner(&self) -> &str {
        self.owner.as_deref().unwrap_or("the domain's owner")
    }

    pub(super) const fn is_of_domain(&self) -> bool {
        self.owner.is_some()
    }

    pub(super) const fn is_checked(&self) -> bool {
        self.is_checked
    }

    /// Whether the domain has this statement.
    pub(super) fn knows(&self, statement: &Digest) -> bool {
        self.statements.contains_key(statement)
    }

    pub(super) fn components(&self) -> &[Told] {
        &self.components
    }

    fn component(&self, place: u16) -> String {
        let told = self.components.get(usize::from(place));
        told.map_or_else(|| format!("component {place}"), |told| format!("`{}`", told.name))
    }

    /// What a key is called.
    pub(super) fn key(&self, key: Digest) -> String {
        self.words.subject(&Subject::Key(key))
    }

    /// A statement's label in quotes, if it has one.
    pub(super) fn label(&self, statement: &Digest) -> Option<String> {
        self.statements.get(statement)?.label.clone()
    }

    pub(super) fn line(&self, statement: &Digest) -> Option<usize> {
        self.statements.get(statement)?.line
    }

    /// The last second in which a statement counts, if there is one.
    pub(super) fn until(&self, statement: &Digest) -> Option<UnixTime> {
        let until = self.statements.get(statement)?.until;
        (until < Validity::ALWAYS.not_after).then_some(until)
    }
}

fn start(bytes: &[u8]) -> String {
    let shown: String = bytes.iter().take(BYTES_SHOWN).map(|byte| format!("{byte:02x}")).collect();
    if bytes.len() > BYTES_SHOWN { format!("{shown}…") } else { shown }
}
