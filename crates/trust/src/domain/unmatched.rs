//! What of a domain is never asked for: limits that let nothing in, properties that evidence alone says, floors of lines that are gone,
//! words about keys that are revoked. Each may be meant, where more is to come or other parties' statements are still to be imported, so
//! that none is an error.

use std::collections::{BTreeMap, BTreeSet};

use casemate_cose::{Digest, UnixTime};

use super::{Domain, text::meant};
use crate::{
    component::registry,
    printable::quoted,
    scripts,
    statement::{Kind, Limits, PlatformRule, Purpose, Release, Sentence, Statement, Subject, Topic},
};

/// The property that `[[region]]` says.
const REGION: &str = "region";

/// What of the whole domain decides whether something is asked for.
pub(super) struct Asked<'d> {
    rules: BTreeMap<Kind, Vec<&'d PlatformRule>>,
    /// Lines of releases that somebody says something is of.
    lines: BTreeSet<&'d str>,
    /// What the owner lets others publish, and within which limits.
    published: Vec<(Topic, Option<&'d Limits>)>,
    /// Keys that the owner revokes, and from when on.
    revoked: BTreeMap<Digest, UnixTime>,
    /// Whether whole domains are trusted: they may say anything.
    is_open: bool,
}

impl<'d> Asked<'d> {
    pub(super) fn of(domain: &'d Domain) -> Self {
        let mut asked = Self {
            rules: BTreeMap::new(),
            lines: BTreeSet::new(),
            published: Vec::new(),
            revoked: BTreeMap::new(),
            is_open: false,
        };
        for said in domain.statements().said() {
            if let Sentence::Trusted { purpose: Purpose::Execution(Some(release)), .. } =
                said.statement().sentence.unnested().1
            {
                asked.lines.insert(&release.line);
            }
        }
        for said in domain.own() {
            match &said.statement().sentence {
                Sentence::Trusted { subject: Subject::Platform(rule), .. } => {
                    asked.rules.entry(rule.kind).or_default().push(rule);
                }
                Sentence::Trusted { subject, purpose: Purpose::Publishing { topic, limits, .. } } => {
                    asked.published.push((*topic, limits.as_deref()));
                    asked.is_open |= matches!(subject, Subject::Domain(_));
                }
                Sentence::Distrusts(Subject::Key(key)) => {
                    let from = asked.revoked.entry(*key).or_insert(said.statement().validity.not_before);
                    *from = said.statement().validity.not_before.min(*from);
                }
                _ => {}
            }
        }
        asked
    }

    /// Why what the owner says here is never asked for, as far as it isn't.
    pub(super) fn unmatched(&self, statement: &Statement) -> Vec<String> {
        let name = quoted(&statement.label);
        let mut whats: Vec<String> = self.about_revoked(statement).into_iter().collect();
        match &statement.sentence {
            Sentence::Floor(Release { line, .. }) => whats.extend(self.floor(line)),
            Sentence::HasProperty { subject, name: property, .. } => {
                whats
                    .extend(self.own(subject, property).map(|why| format!("{name} says what nothing asks for: {why}")));
            }
            Sentence::Trusted { purpose: Purpose::Publishing { topic, limits: Some(limits), .. }, .. } => {
                let why = self.kinds(*topic, limits).chain(self.properties(limits));
                whats.extend(why.map(|why| format!("{name} is limited to what nothing asks for: {why}")));
            }
            _ => {}
        }
        whats
    }

    fn may_publish(&self, topic: Topic, admits: impl Fn(&Limits) -> bool) -> bool {
        self.is_open || self.published.iter().any(|(of, limits)| *of == topic && limits.is_none_or(&admits))
    }

    fn may_publish_of(&self, topic: Topic, kind: Kind) -> bool {
        self.may_publish(topic, |limits| limits.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind)))
    }

    fn floor(&self, line: &str) -> Option<String> {
        let of_line = |limits: &Limits| limits.releases.as_ref().is_none_or(|lines| lines.iter().any(|of| of == line));
        let published = [Topic::Measurements, Topic::Programs].iter().any(|topic| self.may_publish(*topic, of_line));
        if published || self.lines.contains(line) {
            return None;
        }
        let limits = self.published.iter().filter_map(|(_, limits)| limits.as_ref()?.releases.as_ref()).flatten();
        let meant = nearest(line, self.lines.iter().copied().chain(limits.map(String::as_str)));
        Some(format!("no runtime or program is of the release {}, whose floor this is{meant}", scripts::told(line)))
    }

    /// Kinds of which no platform is accepted.
    fn kinds<'a>(&'a self, topic: Topic, limits: &'a Limits) -> impl Iterator<Item = String> + 'a {
        // Who publishes platforms says which are accepted.
        let kinds = limits.kinds.iter().flatten().filter(move |_| topic != Topic::Platforms);
        kinds
            .filter(|kind| !self.rules.contains_key(kind) && !self.may_publish_of(Topic::Platforms, **kind))
            .map(|kind| format!("no `[[platform]]` of kind {kind} is accepted"))
    }

    /// Properties that no rule demands, or that evidence alone says.
    fn properties<'a>(&'a self, limits: &'a Limits) -> impl Iterator<Item = String> + 'a {
        let is_of = |kind: &Kind| limits.kinds.as_ref().is_none_or(|kinds| kinds.contains(kind));
        limits.properties.iter().flatten().filter_map(move |name| {
            let rules = self.rules.iter().filter(|(kind, _)| is_of(kind)).flat_map(|(_, rules)| rules);
            let asking = rules.filter(|rule| rule.demands.iter().any(|demand| demand.property == *name));
            let kinds: BTreeSet<Kind> = asking.map(|rule| rule.kind).collect();
            if kinds.iter().any(|kind| registry::property(*kind, name).is_none()) {
                return None;
            }
            if let Some(kind) = kinds.first() {
                return Some(format!("only evidence says the {} of {kind}", quoted(name)));
            }
            if self.may_publish(Topic::Platforms, |_| true) {
                return None;
            }
            let demanded = self.rules.values().flatten().flat_map(|rule| &rule.demands);
            let meant = nearest(name, demanded.map(|demand| demand.property.as_str()).chain([REGION]));
            Some(format!("no `[[platform]]` demands {}{meant}", quoted(name)))
        })
    }

    /// That evidence alone says such a property of what it is said of here.
    fn own(&self, subject: &Subject, property: &str) -> Option<String> {
        let kind = match subject {
            Subject::Hardware(kind, _) => Some(*kind).filter(|kind| registry::property(*kind, property).is_some()),
            Subject::Key(_) if !self.may_publish(Topic::Platforms, |_| true) => {
                let is_own = |kind: &&Kind| registry::property(**kind, property).is_some();
                self.rules.keys().all(|kind| is_own(&kind)).then(|| self.rules.keys().next().copied()).flatten()
            }
            _ => None,
        };
        kind.map(|kind| format!("only evidence says the {} of {kind}", quoted(property)))
    }

    /// That it is about a key that is revoked by the time that it begins. What trusts such a key is an error.
    fn about_revoked(&self, statement: &Statement) -> Option<String> {
        let keys: Vec<&Subject> = match &statement.sentence {
            Sentence::HasProperty { subject, .. } => vec![subject],
            Sentence::SpeaksFor { speaker, principal } => vec![speaker, principal],
            _ => Vec::new(),
        };
        let gone = keys.into_iter().find_map(|subject| match subject {
            Subject::Key(key) => {
                self.revoked.get(key).filter(|from| **from <= statement.validity.not_before).map(|_| key)
            }
            _ => None,
        })?;
        Some(format!("{} never counts: key {} is revoked", quoted(&statement.label), gone.short()))
    }
}

/// `; is `guest` meant?`, if one of these names is so alike.
fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    let known: BTreeSet<&str> = known.filter(|known| *known != name).collect();
    let meant = known.into_iter().find(|known| meant(name, &format!("`{known}`")).is_some());
    meant.map(|known| format!("; is {} meant?", quoted(known))).unwrap_or_default()
}
