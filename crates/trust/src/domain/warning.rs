//! What in a domain is suspicious, but may be meant.

use std::{collections::BTreeSet, fmt};

use casemate_cose::{Digest, UnixTime};

use super::Domain;
use crate::{
    component::registry,
    statement::{
        Allowance, Identities, Kind, PlatformRule, Purpose, Said, Sentence, Speaker, Statement, Subject, Topic,
        Validity,
    },
};

/// Something suspicious, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Warning {
    /// The line of `domain.toml` where the entry starts, if the domain was read from text.
    pub line: Option<usize>,
    /// The statement that it is about.
    pub statement: Digest,
    /// What is suspicious, in plain words.
    pub what: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl Domain {
    /// What is suspicious at any time, in the order of lines.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let known = Known::of(self);
        let (mut warnings, mut strangers) = (Vec::new(), BTreeSet::new());
        for said in self.statements().said() {
            let whats = match said.speaker() {
                Speaker::Root => known.of_root(said.statement()),
                // Of each stranger once, however much it signed.
                Speaker::Key(key) if strangers.insert(key) => known.of_key(key),
                Speaker::Key(_) => Vec::new(),
            };
            warnings.extend(whats.into_iter().map(|what| self.warning(said, what)));
        }
        sorted(warnings)
    }

    /// What counts no more or not yet at this time, in the order of lines.
    #[must_use]
    pub fn warnings_at(&self, at: UnixTime) -> Vec<Warning> {
        let warning = |said: &Said| {
            let Validity { not_before, not_after } = said.statement().validity;
            // Floors and revocations never end.
            let ends = !matches!(said.statement().sentence, Sentence::Floor(_) | Sentence::Revokes(_));
            let name = said.statement().label.escape_debug();
            if at < not_before {
                Some(self.warning(said, format!("`{name}` counts only from {not_before} on")))
            } else if at > not_after && ends {
                Some(self.warning(said, format!("`{name}` counted until {not_after}: it can be removed")))
            } else {
                None
            }
        };
        sorted(self.statements().said().iter().filter_map(warning).collect())
    }

    fn warning(&self, said: &Said, what: String) -> Warning {
        Warning { line: self.line_of(&said.digest()), statement: said.digest(), what }
    }
}

fn sorted(mut warnings: Vec<Warning>) -> Vec<Warning> {
    warnings.sort_by(|a, b| (a.line, &a.what, a.statement).cmp(&(b.line, &b.what, b.statement)));
    // An entry of several statements is suspicious once.
    warnings.dedup_by(|a, b| a.line.is_some() && a.line == b.line && a.what == b.what);
    warnings
}

/// What of the whole domain decides whether a statement is suspicious.
struct Known<'d> {
    domain: &'d Domain,
    has_launcher: bool,
    /// Keys that the owner says something of by which what they sign can count.
    believed: BTreeSet<Digest>,
    /// Whether keys that the owner does not name can become believed.
    is_open: bool,
}

impl<'d> Known<'d> {
    fn of(domain: &'d Domain) -> Self {
        let has_launcher = !domain.launchers().is_empty();
        let mut known = Self { domain, has_launcher, believed: BTreeSet::new(), is_open: false };
        for said in domain.own() {
            match &said.statement().sentence {
                Sentence::Trusted { subject: Subject::Key(key), purpose: Purpose::Publishing { topic, depth } } => {
                    known.believed.insert(*key);
                    known.is_open |= *depth > 0 || *topic == Topic::Keys;
                }
                Sentence::SpeaksFor { speaker, principal } => {
                    known.believed.extend([speaker, principal].into_iter().filter_map(|subject| match subject {
                        Subject::Key(key) => Some(*key),
                        _ => None,
                    }));
                }
                Sentence::Trusted { subject: Subject::Domain(_), .. } => known.is_open = true,
                _ => {}
            }
        }
        known
    }

    fn of_key(&self, key: Digest) -> Vec<String> {
        if self.is_open || self.believed.contains(&key) {
            return Vec::new();
        }
        vec![format!("nothing makes what key {} signed count: no `[[delegate]]` names it", key.short())]
    }

    fn of_root(&self, statement: &Statement) -> Vec<String> {
        let name = statement.label.escape_debug();
        match &statement.sentence {
            Sentence::Trusted { subject: Subject::Platform(rule), .. } => self.of_platform(&name.to_string(), rule),
            Sentence::Trusted { purpose: Purpose::Publishing { topic, .. }, .. } => {
                let mut whats = Vec::new();
                if matches!(topic, Topic::Keys | Topic::Platforms) {
                    whats
                        .push(format!("`{name}` may publish {topic}: whom this domain believes is then theirs to say"));
                }
                if statement.validity.not_after == Validity::ALWAYS.not_after {
                    whats.push(format!("`{name}` may publish without end: give it an `until`"));
                }
                whats
            }
            Sentence::Revokes(digest) if self.domain.statements().find(*digest).is_none() => {
                vec![format!("it revokes {}, which is no statement of this domain", digest.short())]
            }
            _ => Vec::new(),
        }
    }

    fn of_platform(&self, name: &str, rule: &PlatformRule) -> Vec<String> {
        let mut whats = Vec::new();
        let kind = rule.kind;
        if kind == Kind::Software {
            if !self.has_launcher {
                whats.push("isolation `process` is accepted, and no `[[launcher]]` is named".to_owned());
            }
            return whats;
        }
        let is_any = rule.identities == Identities::AnyGenuineChip && registry::identity(kind).is_some();
        if is_any {
            whats.push(format!(
                "`{name}` accepts any genuine {kind} chip: one extracted attestation key forges them all"
            ));
        }
        if rule.demands.is_empty() {
            whats.push(format!("`{name}` demands no property: any firmware will do"));
        }
        for allowance in &rule.allow {
            whats.push(match allowance {
                Allowance::MaskedChip if is_any => {
                    format!("`{name}` allows `{allowance}`, which matters only where `chips` are listed")
                }
                _ => format!("`{name}` allows `{allowance}`: {}", danger(*allowance)),
            });
        }
        whats
    }
}

/// What is dangerous about it.
const fn danger(allowance: Allowance) -> &'static str {
    match allowance {
        Allowance::Debug => "the host can look into the keep",
        Allowance::HostOperatedTpm => "its quote is worth the host's word",
        Allowance::MaskedChip => "that it is one of the chips listed is nobody's word",
        Allowance::Migratable => "it can be moved to a host that was never attested",
        Allowance::ServiceDomain => "another domain acts in the guest's name",
        Allowance::VmplAboveZero => "less privileged software of the guest speaks for all of it",
    }
}
