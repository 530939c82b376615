//! `casemate domain`: whom this owner believes for what.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use casemate_contract::PartyCard;
use casemate_cose::{Digest, UnixTime};
use casemate_evidence::Lack;
use casemate_trust::{
    Domain, domain,
    proof::State as Stands,
    statement::{Names, Said, Sentence, Speaker, Subject, Validity},
};
use serde_json::{Value, json};

use crate::{
    cli::{
        Global,
        domain::{DomainFileArgs, DomainInitArgs, DomainShowArgs, DomainVerb, ImportFormat},
    },
    clock,
    failure::{Failure, Outcome},
    files,
    output::{self, Written},
    runtime,
    screen::{Screen, plain},
    state::State,
};

use super::{
    appraised, domain_change, domain_diff, domain_file, domain_import, domain_say,
    domain_standing::{self, Standing},
    explain,
};

/// A statement that ends within these seconds is told of: 30 days.
const ENDS_SOON_S: u64 = 30 * 86_400;

/// Dispatches `casemate domain`.
pub(crate) async fn domain(verb: &DomainVerb, global: &Global, screen: Screen) -> Outcome {
    match verb {
        DomainVerb::Init(args) => init(args, global, screen),
        DomainVerb::Check(args) => check(args, global, screen),
        DomainVerb::Sign(args) => domain_change::sign(args, global, screen).await,
        DomainVerb::Show(args) => show(args, global, screen).await,
        DomainVerb::Say(args) => domain_say::say(args, global, screen).await,
        DomainVerb::Import(args) if args.format == ImportFormat::Statement => domain_say::import(args, screen),
        DomainVerb::Import(args) => domain_import::import(args, global, screen),
        DomainVerb::Export(args) => domain_change::export(args, global, screen),
        DomainVerb::Diff(args) => domain_diff::diff(args, global, screen).await,
    }
}

fn init(args: &DomainInitArgs, global: &Global, screen: Screen) -> Outcome {
    let path = match &args.out {
        Some(path) => path.clone(),
        None => State::open(global)?.dir.join("domain.toml"),
    };
    output::check_new(
        &path,
        Some(Written::Domain),
        "edit it, or move it away: the broker reads it again for every run",
    )?;
    let owner = match &args.owner {
        Some(owner) => owner.clone(),
        None => State::open(global).map_err(|failure| no_owner(args, failure))?.name.to_string(),
    };
    let (domain, notes) = match &args.from {
        Some(evidence) => appraised::draft(evidence, args, &owner, screen)?,
        None => (of_hosts(args, owner, screen)?, Vec::new()),
    };
    let mut text = domain.to_toml();
    if args.from.is_none() {
        text = with_libraries(&text);
    }
    output::write(&path, Written::Domain, text.as_bytes())?;
    screen.line(format!("wrote {}", path.display()));
    explain::domain(&domain, explain::Digests::Hidden, screen);
    if args.from.is_some() {
        screen.line("  a draft: it accepts what this evidence shows, whoever asked for it. Read each line before you rely on it");
    }
    notes.iter().for_each(|note| screen.line(format!("note: {}", plain(note))));
    screen.object(&json!({"path": path, "digest": domain.digest().to_string(), "notes": notes}));
    Ok(())
}

fn no_owner(args: &DomainInitArgs, failure: Failure) -> Failure {
    if args.from.is_some() {
        failure.help("say whose domain it is with --owner NAME, or name a party with --state")
    } else {
        failure
    }
}

/// The domain that believes the launchers on parties' cards.
fn of_hosts(args: &DomainInitArgs, owner: String, screen: Screen) -> Result<Domain, Failure> {
    let (digest, source) = match &args.runtime {
        Some(text) => {
            (text.parse::<Digest>().map_err(|error| Failure::input(format!("--runtime: {error}")))?, "--runtime")
        }
        None => (runtime::digest()?, "this program"),
    };
    let mut launchers = Vec::new();
    for path in &args.hosts {
        let card = read_card(path)?;
        launchers.push(launcher(&card)?);
        if card.runtime.is_some_and(|runtime| runtime != digest) {
            screen.step(format!(
                "warning: {} runs another build than {source}; keeps on its host will be refused",
                card.name
            ));
        }
    }
    let lacks = read_lacks(&args.accept_lacks)?;
    let runtime = domain::Runtime { name: format!("casemate {}", env!("CARGO_PKG_VERSION")), digest };
    let process = domain::Process { accept_lacks: lacks.into_iter().collect() };
    Domain::new(owner, launchers, vec![runtime], Some(process))
        .map_err(|error| Failure::input(error.to_string()).help(error.help()))
}

/// The text with a remark on which libraries may run in keeps. It is no demand: hosts update their libraries by themselves, and each
/// update would end all runs until somebody has changed the domain.
fn with_libraries(text: &str) -> String {
    const TABLE: &str = "[process]\n";
    let Ok(libraries) = casemate_launch::libraries() else { return text.to_owned() };
    let remark = format!(
        "# Libraries of its host run in each keep: the C library and what comes with it. Evidence names them by one digest, and\n\
         # `casemate doctor` on that host lists them. Nothing is asked of them here. To accept none but those of the host on which this\n\
         # file was written, and to have runs refused after an update of the host's until the new digest stands here, add:\n\
         # require = {{ libraries = [\"{}\"] }}\n",
        libraries.digest()
    );
    text.replacen(TABLE, &format!("{TABLE}{remark}"), 1)
}

fn launcher(card: &PartyCard) -> Result<domain::Launcher, Failure> {
    match card.launcher {
        Some(key) => Ok(domain::Launcher { name: format!("host of {}", card.name), key }),
        None => Err(Failure::input(format!("the card of {} names no launcher", card.name))),
    }
}

async fn show(args: &DomainShowArgs, global: &Global, screen: Screen) -> Outcome {
    let (path, read) = domain_file::read_or_own(args.what.file.as_deref(), global)?;
    let digests = if args.digests { explain::Digests::Shown } else { explain::Digests::Hidden };
    explain::domain(&read.domain, digests, screen);
    if let Some(signer) = read.signer {
        screen
            .line(format!("  signed by  {signer}: believe it if that is the identity key of {}", read.domain.owner()));
    }
    let standing = match args.what.file {
        None => Some(domain_standing::of_own(&State::open(global)?, &read.domain).await?),
        Some(_) => None,
    };
    standing.iter().flat_map(Standing::words).for_each(|line| screen.line(format!("  {}", plain(&line))));
    screen.object(&json!({
        "path": path, "digest": read.domain.digest().to_string(), "owner": read.domain.owner(),
        "sequence": read.domain.sequence(), "signer": read.signer.map(|signer| signer.to_string()),
        "statements": said(&read.domain), "broker": standing.as_ref().map(Standing::json),
    }));
    Ok(())
}

/// The statements of a domain as JSON.
pub(super) fn said(domain: &Domain) -> Vec<Value> {
    let names = names(domain);
    let one = |said: &Said| {
        let statement = said.statement();
        let speaker = match said.speaker() {
            Speaker::Root => "owner".to_owned(),
            Speaker::Key(key) => key.to_string(),
        };
        json!({
            "digest": said.digest().to_string(), "line": domain.line_of(&said.digest()), "speaker": speaker,
            "label": statement.label, "says": names.sentence(&statement.sentence),
            "not_before": statement.validity.not_before.0, "not_after": end(statement.counts()), "cbor": cbor(domain, said),
        })
    };
    domain.statements().said().iter().map(one).collect()
}

/// The statement whole, in base64: the owner's as `[[statement]] cbor` of a `domain.toml` takes it, others' as `[[signed]] statement` does.
fn cbor(domain: &Domain, said: &Said) -> String {
    let signed = domain.signed().iter().find(|signed| signed.digest() == said.digest());
    STANDARD.encode(signed.map_or_else(|| said.statement().to_bytes(), |signed| signed.object().to_vec()))
}

/// The last second of a statement that has one.
fn end(validity: Validity) -> Option<u64> {
    (validity.not_after != Validity::ALWAYS.not_after).then_some(validity.not_after.0)
}

fn check(args: &DomainFileArgs, global: &Global, screen: Screen) -> Outcome {
    let (path, read) = domain_file::read_or_own(args.file.as_deref(), global)?;
    let at = clock::now();
    let mut warnings = warnings(&read.domain, at)?;
    if args.file.is_none() {
        let unsigned = domain_standing::unsigned(&State::open(global)?, &read.domain)?;
        warnings.extend(unsigned.map(|what| (None, what)));
        warnings.extend(revokes_itself(&State::open(global)?, &read.domain)?);
    }
    for (line, text) in &warnings {
        let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        screen.line(format!("warning: {place}{}", plain(text)));
    }
    let statements = read.domain.statements().said().len();
    screen.line(format!(
        "{}: no errors, {} warning{}; {statements} statement{} of {}",
        path.display(),
        warnings.len(),
        plural(warnings.len()),
        plural(statements),
        read.domain.owner()
    ));
    screen.line(format!("  digest     {}", read.domain.digest()));
    screen.object(&json!({
        "path": path, "digest": read.domain.digest().to_string(), "owner": read.domain.owner(), "statements": statements,
        "warnings": warnings.iter().map(|(line, text)| json!({"line": line, "text": text})).collect::<Vec<_>>(),
    }));
    Ok(())
}

/// That the owner revokes the key of which the domain itself, and what this party signs, is the word: nothing asks the domain about it.
fn revokes_itself(state: &State, domain: &Domain) -> Result<Option<(Option<usize>, String)>, Failure> {
    let own = Subject::Key(state.identity()?.spki_digest());
    let revokes = |said: &&Said| said.statement().sentence == Sentence::Distrusts(own.clone());
    Ok(domain.own().find(revokes).map(|said| {
        let what = "it revokes this party's own identity key: its domain and its signature under contracts count on";
        (domain.line_of(&said.digest()), what.to_owned())
    }))
}

const fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// What stands in a domain and counts for less, or for more, than a hasty reader may think: its own words, and what of it is over, not yet
/// or soon over at `at`.
fn warnings(domain: &Domain, at: UnixTime) -> Result<Vec<(Option<usize>, String)>, Failure> {
    let effective = domain.effective(at).map_err(|error| Failure::input(error.to_string()))?;
    let told = domain.warnings().into_iter().chain(domain.warnings_at(at));
    let mut warnings: Vec<_> = told.map(|warning| (warning.line, warning.what)).collect();
    for said in domain.statements().said() {
        let (statement, state) = (said.statement(), effective.standing().state(said.digest()));
        let end = statement.validity.not_after;
        let what = match state {
            Stands::BelowFloor { .. } | Stands::Overruled(_) | Stands::Revoked(_) => {
                format!("{} {state}", said.name())
            }
            Stands::Stands if end <= at.plus_s(ENDS_SOON_S) => format!("{} ends at {end}", said.name()),
            _ => continue,
        };
        warnings.push((domain.line_of(&said.digest()), what));
    }
    warnings.sort();
    warnings.dedup();
    Ok(warnings)
}

/// The names that a domain's owner gives. What others call something is no name of it.
pub(super) fn names(domain: &Domain) -> Names {
    Names::of(domain.own().map(Said::statement))
}

/// Reads and verifies a party's card.
pub(crate) fn read_card(path: &Path) -> Result<PartyCard, Failure> {
    PartyCard::open(&files::read(path)?)
        .map_err(|error| Failure::input(format!("`{}` is no party's card: {error}", path.display())))
}

/// Lacks by their names on the command line.
pub(crate) fn read_lacks(names: &[String]) -> Result<Vec<Lack>, Failure> {
    names.iter().map(|lack| lack.parse()).collect::<Result<_, _>>().map_err(|error| {
        let known: Vec<_> = Lack::ALL.iter().map(ToString::to_string).collect();
        Failure::input(format!("--accept-lack: {error}")).help(format!("one of {}", known.join(", ")))
    })
}
