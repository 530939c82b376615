//! `[process]` and `[[platform]]`: which platforms are good enough, and on whose word.

use std::collections::{BTreeMap, BTreeSet};

use casemate_evidence::{Lack, Vendor};
use minicbor::bytes::ByteVec;

use super::{
    Demanded, Draft,
    entries::{Name, named, with},
    require::{Said, demands},
    table::{Table, Word, alike_first},
};
use crate::{
    component::{
        beside::{self, BESIDE_MAX},
        registry,
    },
    domain::{
        DomainError, Process,
        views::{LACKS, PROCESS},
    },
    statement::{Allowance, Demand, Identities, Kind, PlatformRule, Purpose, Sentence, Subject},
};

const WORDS: &[&str] = &["name", "kind", "chips", "any_genuine_chip", "allow", "attesters", "require", "with"];

pub(super) fn read(file: &Table<'_>, draft: &mut Draft, said: &Said) -> Result<(), DomainError> {
    if let Some(table) = file.table("process", &with(&["accept_lacks", "require", "with"]))? {
        process(&table, draft, said)?;
    }
    let mut names = BTreeSet::new();
    for entry in file.entries("platform", &with(WORDS))? {
        let word = entry.need("name")?;
        if !names.insert(word.label()?) {
            return Err(word.twice());
        }
        platform(&entry, &named(&word)?, draft, said)?;
    }
    Ok(())
}

fn process(table: &Table<'_>, draft: &mut Draft, said: &Said) -> Result<(), DomainError> {
    let lacks =
        table.word("accept_lacks").map(|word| word.set(|word| word.named("lack known here", Lack::ALL))).transpose()?;
    let mut rule = Process { accept_lacks: lacks.unwrap_or_default() }.rule();
    rule.demands.extend(required(table, Kind::Software, &rule.allow, draft, said)?);
    let places = draft.demanded.entry(table.span().start).or_default();
    if let Some(demanded) = places.iter().find(|demanded| demanded.property == LACKS) {
        let what = "what may lack is said by `accept_lacks`".to_owned();
        let remedy = "name it there".to_owned();
        return Err(DomainError::Contradiction { what, remedy, span: Some(demanded.place.clone()) });
    }
    let word = table.word("accept_lacks");
    places.extend(word.map(|word| Demanded { property: LACKS.to_owned(), place: word.span() }));
    rule.demands.sort();
    let name = Name { label: PROCESS.to_owned(), mark: table.span() };
    draft.say("process", table, Some(name), trusted(rule))
}

fn platform(entry: &Table<'_>, name: &Name, draft: &mut Draft, said: &Said) -> Result<(), DomainError> {
    let word = entry.need("kind")?;
    let kind = word.named("kind of platform", Kind::ALL)?;
    if kind == Kind::Software {
        let what = "keeps by a launcher's word are no platform of their own".to_owned();
        let remedy = "write `[process]`, and a `[[launcher]]` for each host".to_owned();
        return Err(DomainError::Contradiction { what, remedy, span: Some(word.span()) });
    }
    let allow = allowed(entry, kind)?;
    let rule = PlatformRule {
        kind,
        identities: identities(entry, kind)?,
        demands: required(entry, kind, &allow, draft, said)?,
        allow,
    };
    for attester in attesters(entry, kind, draft)? {
        let sentence = Sentence::Trusted { subject: attester, purpose: Purpose::Attestation(Some(kind)) };
        draft.say("attester", entry, Some(name.clone()), sentence)?;
    }
    draft.say("platform", entry, Some(name.clone()), trusted(rule))
}

fn trusted(rule: PlatformRule) -> Sentence {
    Sentence::Trusted { subject: Subject::Platform(rule), purpose: Purpose::Execution(None) }
}

fn required(
    entry: &Table<'_>,
    kind: Kind,
    allow: &BTreeSet<Allowance>,
    draft: &mut Draft,
    said: &Said,
) -> Result<Vec<Demand>, DomainError> {
    let places = draft.demanded.entry(entry.span().start).or_default();
    let mut required = match entry.word("require") {
        Some(word) => demands(kind, &word, said, allow, places)?,
        None => Vec::new(),
    };
    if let Some(demanded) = places.iter().find(|demanded| beside::kind_of(&demanded.property).is_some()) {
        let what = "what stands beside a component is said by `with`".to_owned();
        let remedy = "write it there: `with = [\"gpu\", \"gpu\"]` for two GPUs".to_owned();
        return Err(DomainError::Contradiction { what, remedy, span: Some(demanded.place.clone()) });
    }
    if let Some(word) = entry.word("with") {
        required.extend(beside(&word, places)?);
        required.sort();
    }
    Ok(required)
}

/// The components that have to be presented as well: kinds, each as often as there have to be some.
fn beside(word: &Word<'_>, places: &mut Vec<Demanded>) -> Result<Vec<Demand>, DomainError> {
    let kinds = word.list()?;
    if kinds.is_empty() {
        return Err(word.refuse("a list of kinds, such as [\"tpm\"]; nothing needs no list"));
    }
    let mut counts: BTreeMap<Kind, u64> = BTreeMap::new();
    for kind in &kinds {
        let count = counts.entry(kind.named("kind of platform", Kind::ALL)?).or_default();
        *count = count.saturating_add(1);
    }
    if u64::try_from(kinds.len()).is_ok_and(|actual| actual > BESIDE_MAX) {
        return Err(word.refuse(format!("at most {BESIDE_MAX} components: evidence presents no more")));
    }
    let demands = counts.into_iter().map(|(kind, least)| {
        let demand = beside::demand(kind, least);
        places.push(Demanded { property: demand.property.clone(), place: word.span() });
        demand
    });
    Ok(demands.collect())
}

/// Which chips: one of the two words, where the kind's evidence says which chip it is.
fn identities(entry: &Table<'_>, kind: Kind) -> Result<Identities, DomainError> {
    let (chips, any) = (entry.word("chips"), entry.word("any_genuine_chip"));
    let Some(identity) = registry::identity(kind) else {
        let Some(word) = chips.or(any) else { return Ok(Identities::AnyGenuineChip) };
        let what = format!("evidence of {kind} does not say which chip it is of");
        let remedy = format!("remove `{}`", word.name());
        return Err(DomainError::Contradiction { what, remedy, span: Some(word.span()) });
    };
    let any = any.map(|word| Ok::<_, DomainError>((word.flag()?, word))).transpose()?;
    match (chips, any) {
        (Some(_), Some((true, word))) => {
            let what = "`chips` says which chips, and `any_genuine_chip` says any".to_owned();
            let remedy = "remove one of the two".to_owned();
            Err(DomainError::Contradiction { what, remedy, span: Some(word.span()) })
        }
        (Some(chips), _) => {
            let listed = chips.set(|word| word.hex_of(identity.bytes).map(ByteVec::from))?;
            if listed.is_empty() {
                let what = "an empty list of chips accepts none".to_owned();
                let remedy = "list them as `casemate verify` prints them, or remove the platform".to_owned();
                return Err(DomainError::Never { what, remedy, span: Some(chips.span()) });
            }
            Ok(Identities::Listed(listed))
        }
        (None, Some((true, _))) => Ok(Identities::AnyGenuineChip),
        (None, _) => Err(entry.missing("chips` or `any_genuine_chip")),
    }
}

fn allowed(entry: &Table<'_>, kind: Kind) -> Result<BTreeSet<Allowance>, DomainError> {
    let Some(word) = entry.word("allow") else { return Ok(BTreeSet::new()) };
    word.set(|word| {
        let allowance = word.named("allowance", Allowance::ALL)?;
        let known = registry::allowances(kind);
        if known.contains(&allowance) {
            return Ok(allowance);
        }
        let names: Vec<_> = known.iter().map(|allowance| allowance.as_str()).collect();
        let known = if names.is_empty() { "none".to_owned() } else { alike_first(allowance.as_str(), &names) };
        let (what, actual) = (format!("danger that {kind} has"), allowance.to_string());
        Err(DomainError::Unknown { what, actual, known, span: Some(word.span()) })
    })
}

/// On whose word platforms are genuine: the kind's vendor's, or that of the keys and vendors that the entry names. None where
/// other entries say it.
fn attesters(entry: &Table<'_>, kind: Kind, draft: &mut Draft) -> Result<Vec<Subject>, DomainError> {
    let Some(word) = entry.word("attesters") else {
        let vendor = registry::vendor(kind).ok_or_else(|| entry.missing("attesters"))?;
        return Ok(vec![Subject::Vendor(vendor)]);
    };
    let mut attesters = BTreeSet::new();
    for attester in word.list()? {
        let subject = match attester.text()?.parse::<Vendor>() {
            Ok(vendor) => Subject::Vendor(vendor),
            Err(_) => Subject::Key(draft.key(&attester)?),
        };
        if !attesters.insert(subject) {
            return Err(attester.twice());
        }
    }
    Ok(attesters.into_iter().collect())
}
