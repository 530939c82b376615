//! What in a domain is suspicious, but may be meant.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use casemate_cose::{Digest, UnixTime};

use super::{Domain, unmatched::Asked};
use crate::{
    component::{beside, fit, registry},
    printable::quoted,
    proof::{Ever, ProofError},
    scripts,
    statement::{
        Allowance, Identities, Kind, Measurement, Names, PlatformRule, Purpose, Release, Said, Sentence, Speaker,
        Statement, Subject, Topic, Validity,
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
        let (known, asked) = (Known::of(self), Asked::of(self));
        let (mut warnings, mut strangers) = (Vec::new(), BTreeSet::new());
        for said in self.statements().said() {
            let mut whats = match said.speaker() {
                Speaker::Root => [known.of_root(said.statement()), asked.unmatched(said.statement())].concat(),
                Speaker::Key(key) => known.of_key(key, said, &mut strangers).into_iter().collect(),
            };
            // An entry of the text can't say such a thing; what was compiled, signed or imported can.
            let sentence = &said.statement().sentence;
            whats.extend(fit::misfit(sentence).map(|why| format!("{} can never match: {why}", said.name())));
            whats.extend(endless(said));
            whats.extend(names_of(said.statement()).filter_map(mixed));
            warnings.extend(whats.into_iter().map(|what| self.warning(said, what)));
        }
        let of_all = self.unwritable().into_iter().chain(mixed(self.owner())).chain(known.unfollowed());
        warnings.extend(of_all.map(|what| Warning { line: None, statement: self.digest(), what }));
        sorted(warnings)
    }

    /// Why what this domain says can't be written as a `domain.toml` that is read again: text is held to more than the compiled form is,
    /// as nothing that can never count is let stand in it. Nothing for what was read from text.
    #[must_use]
    pub fn unwritable(&self) -> Option<String> {
        if self.own().all(|said| self.line_of(&said.digest()).is_some()) {
            return None;
        }
        let error = Self::parse(&self.to_toml()).err()?;
        Some(format!("as `domain.toml` it would be refused: {error}; {}", error.help()))
    }

    /// What counts no more or not yet at this time, in the order of lines.
    #[must_use]
    pub fn warnings_at(&self, at: UnixTime) -> Vec<Warning> {
        let warning = |said: &Said| {
            let Validity { not_before, not_after } = said.statement().validity;
            let ends = !said.statement().sentence.is_for_good();
            let name = said.name();
            if at < not_before {
                Some(self.warning(said, format!("{name} counts only from {not_before} on")))
            } else if at > not_after && ends {
                Some(self.warning(said, format!("{name} counted until {not_after}: it can be removed")))
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

/// That a floor or revocation is said to end.
fn endless(said: &Said) -> Option<String> {
    let end = said.statement().validity.not_after;
    let is_said = said.statement().sentence.is_for_good() && end != Validity::ALWAYS.not_after;
    is_said.then(|| format!("{} counts after {end} as well: floors and revocations never end", said.name()))
}

/// The names in a statement that are compared, or read by a person.
fn names_of(statement: &Statement) -> impl Iterator<Item = &str> {
    let names: Vec<&str> = match statement.sentence.unnested().1 {
        Sentence::Floor(Release { line, .. })
        | Sentence::Trusted { purpose: Purpose::Execution(Some(Release { line, .. })), .. } => vec![line],
        Sentence::Trusted { purpose: Purpose::Publishing { limits: Some(limits), .. }, .. } => {
            limits.releases.iter().chain(&limits.properties).flatten().map(String::as_str).collect()
        }
        _ => Vec::new(),
    };
    std::iter::once(statement.label.as_str()).chain(names.into_iter().filter(|name| *name != statement.label))
}

fn mixed(name: &str) -> Option<String> {
    scripts::mixed(name).map(|scripts| format!("{} has {scripts}", quoted(name)))
}

/// What of the whole domain decides whether a statement is suspicious.
struct Known<'d> {
    domain: &'d Domain,
    has_launcher: bool,
    /// The devices of which the owner accepts some.
    devices: BTreeSet<Kind>,
    /// What the owner itself lets keys publish.
    rights: BTreeMap<Digest, Vec<&'d Purpose>>,
    /// Who might be believed at some time, if that can be computed.
    ever: Result<Ever<'d>, ProofError>,
}

impl<'d> Known<'d> {
    fn of(domain: &'d Domain) -> Self {
        let rules = domain.own().filter_map(|said| match &said.statement().sentence {
            Sentence::Trusted { subject: Subject::Platform(rule), .. } => Some(rule.kind),
            _ => None,
        });
        let devices = rules.filter(|kind| DEVICES.contains(kind)).collect();
        let has_launcher = !domain.launchers().is_empty();
        let mut rights: BTreeMap<Digest, Vec<&'d Purpose>> = BTreeMap::new();
        for said in domain.own() {
            if let Sentence::Trusted { subject: Subject::Key(key), purpose: purpose @ Purpose::Publishing { .. } } =
                &said.statement().sentence
            {
                rights.entry(*key).or_default().push(purpose);
            }
        }
        Self { domain, has_launcher, devices, rights, ever: Ever::of(domain.statements()) }
    }

    /// That what follows can't be computed if all counts that is said: the day may come.
    fn unfollowed(&self) -> Option<String> {
        let why = self.ever.as_ref().err()?;
        Some(format!("what follows from all of it together, at whatever time it counts, can't be computed: {why}"))
    }

    /// Why what a key says counts at no time; what it takes back of its own does. Of each stranger once, however much it signed.
    fn of_key(&self, key: Digest, said: &Said, strangers: &mut BTreeSet<Digest>) -> Option<String> {
        let ever = self.ever.as_ref().ok()?;
        if ever.believes(said) {
            return None;
        }
        let rights = ever.rights(said);
        let topic = said.statement().sentence.unnested().1.topic();
        if rights.is_empty() && !self.rights.contains_key(&key) {
            let what = || {
                let (key, nobody) = (key.short(), "no `[[delegate]]` names it, nor does one whom one lets");
                format!("nothing makes what key {key} signed count: {nobody}")
            };
            return strangers.insert(key).then(what);
        }
        if topic == Some(Topic::Revocations) {
            return None;
        }
        // Who may publish about topics of which nobody signed anything may publish these.
        let others = self.rights.get(&key).into_iter().flatten().copied().filter(|_| rights.is_empty());
        let rights: Vec<String> = rights.iter().chain(others).map(right).collect();
        Some(format!("{} does not count: key {} may publish only {}", said.name(), key.short(), rights.join(", and ")))
    }

    fn of_root(&self, statement: &Statement) -> Vec<String> {
        let name = quoted(&statement.label);
        match &statement.sentence {
            Sentence::Trusted { subject: Subject::Platform(rule), .. } => self.of_platform(&name, rule),
            Sentence::Trusted { purpose: Purpose::Publishing { topic, limits, .. }, .. } => {
                let mut whats = Vec::new();
                if matches!(topic, Topic::Keys | Topic::Platforms) && limits.is_none() {
                    whats.push(format!("{name} may publish {topic}: whom this domain believes is then theirs to say"));
                }
                if statement.validity.not_after == Validity::ALWAYS.not_after {
                    whats.push(format!("{name} may publish without end: give it an `until`"));
                }
                whats
            }
            Sentence::Trusted { purpose: purpose @ (Purpose::Authentication | Purpose::KeyProvision), .. } => {
                vec![format!(
                    "{name} is trusted for {}, which nothing asks of a domain: evidence alone gives it",
                    purpose.kind()
                )]
            }
            Sentence::Trusted { subject: Subject::Measurement(measurement), purpose: Purpose::Execution(_) } => {
                of_measurement(&name, measurement).into_iter().collect()
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
            whats
                .push(format!("{name} accepts any genuine {kind} chip: one extracted attestation key forges them all"));
        }
        if kind == Kind::Tdx
            && !rule.demands.is_empty()
            && !rule.demands.iter().any(|demand| demand.property == "tcb-status")
        {
            whats.push(format!(
                "{name} demands no `tcb-status`: a platform whose firmware Intel calls out of date or revoked will do"
            ));
        }
        let is_alone = |device: &Kind| {
            *device != kind
                && self.devices.contains(device)
                && !rule.demands.iter().any(|demand| beside::kind_of(&demand.property) == Some(*device))
        };
        if matches!(kind, Kind::Snp | Kind::Tdx) {
            whats.extend(DEVICES.iter().filter(|device| is_alone(device)).map(|device| {
                format!(
                    "{name} accepts evidence from which the {device} was left out: with = [\"{device}\"] asks for it"
                )
            }));
        }
        if rule.demands.is_empty() {
            whats.push(format!("{name} demands no property: any firmware will do"));
        }
        for allowance in &rule.allow {
            whats.push(match allowance {
                Allowance::MaskedChip if is_any => {
                    format!("{name} allows `{allowance}`, which matters only where `chips` are listed")
                }
                _ => format!("{name} allows `{allowance}`: {}", danger(*allowance)),
            });
        }
        whats
    }
}

/// A right as a person reads it: about what, and how deep it may be handed on.
fn right(purpose: &Purpose) -> String {
    let on = match purpose {
        Purpose::Publishing { depth: depth @ 1.., .. } => format!(", {depth} deep"),
        _ => String::new(),
    };
    format!("{}{on}", Names::published(purpose))
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

/// What stands beside a CPU and can be left out of evidence.
const DEVICES: [Kind; 2] = [Kind::Gpu, Kind::Tpm];

/// Registers that any machine has so before it starts, or that whatever runs sets as it likes.
fn of_measurement(name: &str, measurement: &Measurement) -> Option<String> {
    let kind = measurement.kind;
    if measurement.registers.iter().all(|register| register.value.iter().all(|byte| *byte == 0)) {
        return Some(format!(
            "{name} names registers of {kind} that are all zero: so they are where nothing was measured"
        ));
    }
    let is_boots = |register: &str| match kind {
        Kind::Tdx => register != "rtmr-3" && register != "rtmr-2",
        // The first eight are the firmware's and its settings'; what is above is the operating system's and its programs'.
        Kind::Tpm => {
            register.rsplit('.').next().and_then(|number| number.parse::<u8>().ok()).is_some_and(|pcr| pcr < 10)
        }
        Kind::Cca => register == "realm.rim",
        Kind::Nitro => ["pcr0", "pcr1", "pcr2"].contains(&register),
        _ => true,
    };
    let is_said = measurement
        .registers
        .iter()
        .any(|register| is_boots(&register.name) && register.value.iter().any(|byte| *byte != 0));
    (!is_said).then(|| {
        format!(
            "{name} names no register of {kind} that is measured at the start: what runs extends the others as it likes"
        )
    })
}
