//! `casemate domain diff`: what changed between two domains, and which of the evidence seen so far would be judged differently.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
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
    judged::{self, Damaged, Kept},
    verify::{self, reason},
};

/// The rule by which software evidence is no evidence under a domain that names its launcher not.
const LAUNCHER: &str = "software-launcher";
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
    let (seen, damaged) = seen(args, global).await?;
    let gathered = verify::gather(&args.endorsed)?;
    let compared: Vec<Compared> = seen.iter().map(|seen| compare(seen, &old, &new, args, &gathered)).collect();
    show(&compared, &damaged, screen);
    screen.object(&json!({
        "old": old.digest().to_string(), "new": new.digest().to_string(), "changes": changes, "demands": demands,
        "judged": compared.iter().map(Compared::json).collect::<Vec<_>>(),
        "changed": compared.iter().filter(|compared| compared.differs()).count(),
        "unjudged": compared.iter().filter(|compared| compared.unjudged().is_some()).count(),
        "damaged": damaged.iter().map(Damaged::json).collect::<Vec<_>>(),
    }));
    judged_all(&compared, &damaged)
}

/// That nothing changes for what can't be judged is nobody's word.
fn judged_all(compared: &[Compared], damaged: &[Damaged]) -> Outcome {
    let unjudged: Vec<&Reason> = compared.iter().filter_map(Compared::unjudged).collect();
    let count = unjudged.len() + damaged.len();
    if count == 0 {
        return Ok(());
    }
    let mut rules: Vec<Reason> = unjudged.into_iter().cloned().collect();
    rules.extend(damaged.iter().map(Damaged::reason));
    rules.dedup();
    let message = format!("{count} of {} pieces of evidence could not be judged", compared.len() + damaged.len());
    Err(Failure::refused(message, rules)
        .help("name what endorses it with --endorsements, and the time with --at; what is damaged, restore")
        .in_object())
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

/// All evidence that is named, what this party's broker judged, and what the records of runs in the state folder hold; apart from it,
/// what of that can't be judged.
async fn seen(args: &DomainDiffArgs, global: &Global) -> Result<(Vec<Seen>, Vec<Damaged>), Failure> {
    let mut pieces = Pieces::default();
    for path in &args.evidence {
        pieces.of_file(path, args)?;
    }
    if State::is_party(global) {
        let (kept, damaged) = judged::all(&State::open(global)?.store().await?).await?;
        kept.into_iter().for_each(|kept| pieces.of_broker(kept));
        pieces.damaged.extend(damaged);
        pieces.of_results(&global.state.join("results"), 0, args);
    }
    Ok(pieces.all())
}

/// What was found. What several brokers saw, or what is named twice, is one piece of evidence.
#[derive(Default)]
struct Pieces {
    seen: Vec<Seen>,
    known: BTreeSet<Digest>,
    damaged: Vec<Damaged>,
    /// Of which nothing said when it was made, unless it is found elsewhere, too.
    undated: BTreeMap<Digest, Damaged>,
}

impl Pieces {
    fn all(mut self) -> (Vec<Seen>, Vec<Damaged>) {
        let undated = self.undated.into_iter().filter(|(digest, _)| !self.known.contains(digest));
        self.damaged.extend(undated.map(|(_, damaged)| damaged));
        (self.seen, self.damaged)
    }

    fn add(&mut self, seen: Seen) {
        if self.known.insert(seen.evidence.digest()) {
            self.seen.push(seen);
        }
    }

    fn of_file(&mut self, path: &Path, args: &DomainDiffArgs) -> Outcome {
        if let Ok(record) = RunBundle::from_bytes(&files::read(path)?) {
            self.of_record(path, &record, args);
            return Ok(());
        }
        let recognised = verify::read(path, args.endorsed.format)?;
        let several = recognised.evidence.len() > 1;
        for (place, evidence) in recognised.evidence.iter().cloned().enumerate() {
            let part = if several { format!(", part {}", place + 1) } else { String::new() };
            let at = args.endorsed.at.unwrap_or_else(|| own_time(&evidence).unwrap_or_else(clock::now));
            let name = format!("{}{part}", path.display());
            self.add(Seen { name, evidence, carried: recognised.carried.clone(), at, kept: None });
        }
        Ok(())
    }

    fn of_broker(&mut self, kept: Kept) {
        let (name, evidence, at) = (kept.name(), kept.evidence.clone(), kept.at);
        self.add(Seen { name, evidence, carried: Vec::new(), at, kept: Some(kept) });
    }

    /// The records below a folder. That no run left any is no damage.
    fn of_results(&mut self, folder: &Path, depth: usize, args: &DomainDiffArgs) {
        let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut inside: Vec<PathBuf> = match entries {
            Ok(entries) => entries.iter().map(fs::DirEntry::path).collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => return self.is_damaged(folder, format!("can't be read: {error}")),
        };
        inside.sort();
        for path in inside {
            match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_dir() && depth < DEPTH_MAX => self.of_results(&path, depth + 1, args),
                Ok(metadata) if metadata.is_file() && path.extension().is_some_and(|ending| ending == "receipt") => {
                    match files::read(&path).map(|bytes| RunBundle::from_bytes(&bytes)) {
                        Ok(Ok(record)) => self.of_record(&path, &record, args),
                        Ok(Err(error)) => self.is_damaged(&path, format!("is no record of a run: {error}")),
                        Err(failure) => self.is_damaged(&path, failure.to_string()),
                    }
                }
                Ok(_) => {}
                Err(error) => self.is_damaged(&path, format!("can't be read: {error}")),
            }
        }
    }

    /// What each broker saw. Its own time comes first: the verb's may be meant for other evidence.
    fn of_record(&mut self, path: &Path, record: &RunBundle, args: &DomainDiffArgs) {
        for broker in &record.brokers {
            let what = format!("what the broker of {} saw", broker.owner);
            let evidence = match Evidence::from_bytes(&broker.evidence) {
                Ok(evidence) => evidence,
                Err(refusal) => {
                    self.is_damaged(path, format!("{what} is damaged: {}", refusal.actual()));
                    continue;
                }
            };
            let Some(at) = own_time(&evidence).or(args.endorsed.at) else {
                let damaged = Damaged::of_file(path, format!("{what} doesn't say when it was made"));
                self.undated.insert(evidence.digest(), Damaged { remedy: "give the time with --at", ..damaged });
                continue;
            };
            let name = format!("{}, as the broker of {} saw it", path.display(), broker.owner);
            self.add(Seen { name, evidence, carried: Vec::new(), at, kept: None });
        }
    }

    fn is_damaged(&mut self, path: &Path, why: String) {
        self.damaged.push(Damaged::of_file(path, why));
    }
}

/// The time that a launcher wrote into its evidence.
fn own_time(evidence: &Evidence) -> Option<UnixTime> {
    Software::claimed(evidence).map(|(statement, _)| statement.at)
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
    let is_of_launcher = seen.kept.as_ref().is_some_and(Kept::is_of_launcher);
    let under = |domain: &Domain| {
        let endorsements = appraised::endorsements(gathered, &seen.carried, domain);
        let judged = match &seen.kept {
            Some(kept) => appraised::appraised_bound(&seen.evidence, &endorsements, &kept.session, domain, seen.at),
            None => appraised::appraised(&seen.evidence, &endorsements, expected, domain, seen.at),
        };
        match judged {
            Err(refusal) => Found::NotAuthentic(unauthentic(reason(&refusal), is_of_launcher)),
            Ok(appraised) => match appraised.outcome {
                Judged::Accepted { .. } => Found::Accepted,
                Judged::Denied(denials) => Found::Denied(appraised::reasons(&denials)),
            },
        }
    };
    let (name, digest, broker) = (seen.name.clone(), seen.evidence.digest(), seen.kept.as_ref().map(Kept::json));
    Compared { name, digest, at: seen.at, broker, old: under(old), new: under(new) }
}

/// Brokers keep what was authentic: where no other launcher is the cause, what they kept is not what they had.
fn unauthentic(reason: Reason, is_of_launcher: bool) -> Reason {
    if !is_of_launcher || reason.rule == LAUNCHER {
        return reason;
    }
    let Reason { rule, expected, actual, .. } = reason;
    Reason::new(rule, expected, actual, "what the broker kept of it is damaged: restore the state folder's `state.db`")
}

impl Compared {
    /// Why it could be judged under neither domain. Evidence on the word of a launcher that neither names is refused by both.
    fn unjudged(&self) -> Option<&Reason> {
        match (&self.old, &self.new) {
            (Found::NotAuthentic(_), Found::NotAuthentic(reason)) if reason.rule != LAUNCHER => Some(reason),
            _ => None,
        }
    }

    fn differs(&self) -> bool {
        self.old.word() != self.new.word()
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name, "evidence": self.digest.to_string(), "at": self.at.0, "old": self.old.json(), "new": self.new.json(),
            "differs": self.differs(), "unjudged": self.unjudged().map(reason_json), "broker": self.broker,
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

fn show(judged: &[Compared], damaged: &[Damaged], screen: Screen) {
    if judged.is_empty() && damaged.is_empty() {
        screen.line("\nno evidence to judge: no broker of this state folder has seen any; name some with --evidence");
        return;
    }
    let changed = judged.iter().filter(|compared| compared.differs()).count();
    let could = judged.iter().filter(|compared| compared.unjudged().is_none());
    screen.line(format!("\n{changed} of {} pieces of evidence would be judged differently", could.clone().count()));
    for compared in could.filter(|compared| compared.differs() || compared.old != compared.new) {
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
    let unjudged: Vec<(String, String)> = judged
        .iter()
        .filter_map(|compared| Some((compared.name.clone(), compared.unjudged()?.to_string())))
        .chain(damaged.iter().map(|damaged| (damaged.name(), format!("{}; {}", damaged.why, damaged.remedy))))
        .collect();
    if unjudged.is_empty() {
        return;
    }
    let was = if unjudged.len() == 1 { "piece" } else { "pieces" };
    screen
        .line(format!("{} {was} could not be judged, so that nothing is known of what would change:", unjudged.len()));
    for (name, why) in unjudged {
        screen.line(format!("  {}: {}", plain(&name), plain(&why)));
    }
}
