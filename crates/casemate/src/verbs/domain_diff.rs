//! `casemate domain diff`: what changed between two domains, and which of the evidence seen so far would be judged differently.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use casemate_contract::RunBundle;
use casemate_cose::{Digest, UnixTime};
use casemate_evidence::{Endorsement, Evidence, software::Statement as Software};
use casemate_trust::{
    Domain, Reason,
    statement::{Kind, PlatformRule, Sentence, Subject},
};
use serde_json::{Value, json};

use crate::{
    cli::{Global, domain::DomainDiffArgs},
    clock,
    failure::{Failure, Outcome, reason_json},
    files,
    gathered::Gathered,
    screen::{Screen, plain},
    state::State,
};

use super::{
    appraised::{self, Expected, Judged},
    domain_file,
    judged::{self, Kept},
    verify::{self, reason},
};

/// How deep the results of runs are looked through.
const DEPTH_MAX: usize = 4;

/// Compares two domains.
pub(super) async fn diff(args: &DomainDiffArgs, global: &Global, screen: Screen) -> Outcome {
    let (old, new) = (domain_file::read(&args.old)?.domain, domain_file::read(&args.new)?.domain);
    let changes: Vec<String> = old.diff(&new).iter().map(ToString::to_string).collect();
    screen.line(format!("from {} to {}", old.digest(), new.digest()));
    changes.iter().for_each(|change| screen.line(format!("  {}", plain(change))));
    let demands = demands(&old, &new);
    demands.iter().for_each(|change| screen.line(format!("    {}", plain(change))));
    if changes.is_empty() {
        screen.line("  they say the same");
    }
    let seen = seen(args, global).await?;
    let gathered = verify::gather(&args.endorsed)?;
    let compared: Vec<Compared> = seen.iter().map(|seen| compare(seen, &old, &new, args, &gathered)).collect();
    show(&compared, screen);
    screen.object(&json!({
        "old": old.digest().to_string(), "new": new.digest().to_string(), "changes": changes, "demands": demands,
        "judged": compared.iter().map(Compared::json).collect::<Vec<_>>(),
        "changed": compared.iter().filter(|compared| compared.differs()).count(),
    }));
    Ok(())
}

/// What rules for platforms of one label demand in one domain and not in the other.
fn demands(old: &Domain, new: &Domain) -> Vec<String> {
    let before: BTreeMap<_, _> = rules(old).collect();
    let mut changes = Vec::new();
    for ((label, kind), rule) in rules(new) {
        let Some(was) = before.get(&(label, kind)) else { continue };
        let names: BTreeSet<&str> =
            was.demands.iter().chain(&rule.demands).map(|demand| demand.property.as_str()).collect();
        for name in names {
            let asked = |rule: &PlatformRule| {
                let asked = rule.demands.iter().filter(|demand| demand.property == name);
                let tests = asked.map(|demand| demand.words(rule.kind));
                let tests: Vec<String> = tests.collect();
                if tests.is_empty() { "anything".to_owned() } else { tests.join(" and ") }
            };
            let (then, now) = (asked(was), asked(rule));
            if then != now {
                changes.push(format!("`{label}`: `{name}` {then}, then {now}"));
            }
        }
    }
    changes
}

fn rules(domain: &Domain) -> impl Iterator<Item = ((&str, Kind), &PlatformRule)> {
    domain.own().filter_map(|said| match &said.statement().sentence {
        Sentence::Trusted { subject: Subject::Platform(rule), .. } => {
            Some(((said.statement().label.as_str(), rule.kind), rule))
        }
        _ => None,
    })
}

/// Evidence, where it was found, and when it was judged or made.
struct Seen {
    name: String,
    evidence: Evidence,
    carried: Vec<Endorsement>,
    at: UnixTime,
    /// What the broker kept with it, where it is the broker's.
    kept: Option<Kept>,
}

/// All evidence that is named, what this party's broker judged, and what the records of runs in the state folder hold.
async fn seen(args: &DomainDiffArgs, global: &Global) -> Result<Vec<Seen>, Failure> {
    let mut all = Vec::new();
    for path in &args.evidence {
        all.extend(of_file(path, args)?);
    }
    if State::is_party(global) {
        let kept = judged::all(&State::open(global)?.store().await?).await?;
        all.extend(kept.into_iter().map(of_broker));
        let mut records = Vec::new();
        walk(&global.state.join("results"), 0, &mut records);
        for path in records {
            if let Ok(record) = RunBundle::from_bytes(&files::read(&path)?) {
                all.extend(of_record(&path, &record));
            }
        }
    }
    // What several brokers saw, or what is named twice, is one piece of evidence.
    let mut known = BTreeSet::new();
    all.retain(|seen| known.insert(seen.evidence.digest()));
    Ok(all)
}

fn of_file(path: &Path, args: &DomainDiffArgs) -> Result<Vec<Seen>, Failure> {
    if let Ok(record) = RunBundle::from_bytes(&files::read(path)?) {
        return Ok(of_record(path, &record));
    }
    let recognised = verify::read(path, args.endorsed.format)?;
    let several = recognised.evidence.len() > 1;
    let one = |(place, evidence): (usize, Evidence)| {
        let part = if several { format!(", part {}", place + 1) } else { String::new() };
        let at = args.endorsed.at.unwrap_or_else(|| own_time(&evidence).unwrap_or_else(clock::now));
        Seen {
            name: format!("{}{part}", path.display()),
            evidence,
            carried: recognised.carried.clone(),
            at,
            kept: None,
        }
    };
    Ok(recognised.evidence.iter().cloned().enumerate().map(one).collect())
}

fn of_broker(kept: Kept) -> Seen {
    Seen { name: kept.name(), evidence: kept.evidence.clone(), carried: Vec::new(), at: kept.at, kept: Some(kept) }
}

fn of_record(path: &Path, record: &RunBundle) -> Vec<Seen> {
    let of_broker = |broker: &casemate_contract::BrokerRecord| {
        let evidence = Evidence::from_bytes(&broker.evidence).ok()?;
        let at = own_time(&evidence)?;
        let name = format!("{}, as the broker of {} saw it", path.display(), broker.owner);
        Some(Seen { name, evidence, carried: Vec::new(), at, kept: None })
    };
    record.brokers.iter().filter_map(of_broker).collect()
}

/// The time that a launcher wrote into its evidence.
fn own_time(evidence: &Evidence) -> Option<UnixTime> {
    Software::claimed(evidence).map(|(statement, _)| statement.at)
}

fn walk(path: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(path) else { return };
    let mut inside: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    inside.sort();
    for path in inside {
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() && depth < DEPTH_MAX => walk(&path, depth + 1, found),
            Ok(metadata) if metadata.is_file() && path.extension().is_some_and(|ending| ending == "receipt") => {
                found.push(path)
            }
            _ => {}
        }
    }
}

/// One piece of evidence under both domains.
struct Compared {
    name: String,
    digest: Digest,
    at: UnixTime,
    broker: Option<Value>,
    old: Found,
    new: Found,
}

/// What came of it.
#[derive(PartialEq)]
enum Found {
    Accepted,
    Denied(Vec<Reason>),
    NotAuthentic(Reason),
}

fn compare(seen: &Seen, old: &Domain, new: &Domain, args: &DomainDiffArgs, gathered: &Gathered) -> Compared {
    let expected = Expected { stated: None, allow_debug: args.allow_debug };
    let under = |domain: &Domain| {
        let endorsements = appraised::endorsements(gathered, &seen.carried, domain);
        let judged = match &seen.kept {
            Some(kept) => appraised::appraised_bound(&seen.evidence, &endorsements, &kept.session, domain, seen.at),
            None => appraised::appraised(&seen.evidence, &endorsements, expected, domain, seen.at),
        };
        match judged {
            Err(refusal) => Found::NotAuthentic(reason(&refusal)),
            Ok(appraised) => match appraised.outcome {
                Judged::Accepted { .. } => Found::Accepted,
                Judged::Denied(denials) => Found::Denied(appraised::reasons(&denials)),
            },
        }
    };
    let (name, digest, broker) = (seen.name.clone(), seen.evidence.digest(), seen.kept.as_ref().map(Kept::json));
    Compared { name, digest, at: seen.at, broker, old: under(old), new: under(new) }
}

impl Compared {
    fn differs(&self) -> bool {
        self.old.word() != self.new.word()
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name, "evidence": self.digest.to_string(), "at": self.at.0, "old": self.old.json(), "new": self.new.json(),
            "differs": self.differs(), "broker": self.broker,
        })
    }
}

impl Found {
    const fn word(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Denied(_) => "denied",
            Self::NotAuthentic(_) => "not authentic",
        }
    }

    fn reasons(&self) -> &[Reason] {
        match self {
            Self::Accepted => &[],
            Self::Denied(reasons) => reasons,
            Self::NotAuthentic(reason) => std::slice::from_ref(reason),
        }
    }

    fn json(&self) -> Value {
        json!({"verdict": self.word(), "reasons": self.reasons().iter().map(reason_json).collect::<Vec<_>>()})
    }
}

fn show(judged: &[Compared], screen: Screen) {
    if judged.is_empty() {
        screen.line("\nno evidence to judge: no broker of this state folder has seen any; name some with --evidence");
        return;
    }
    let changed = judged.iter().filter(|compared| compared.differs()).count();
    screen.line(format!("\n{changed} of {} pieces of evidence would be judged differently", judged.len()));
    for compared in judged.iter().filter(|compared| compared.differs() || compared.old != compared.new) {
        let (old, new) = (compared.old.word(), compared.new.word());
        let change = if compared.differs() {
            format!("{old}, then {new}")
        } else {
            format!("{new} as before, for other reasons")
        };
        screen.line(format!("  {}: {change}", plain(&compared.name)));
        for reason in compared.new.reasons() {
            screen.line(format!("    {}", plain(&reason.to_string())));
        }
    }
}
