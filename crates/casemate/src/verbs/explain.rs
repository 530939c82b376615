//! `casemate explain`: what a file is, in words. Nothing is believed of it that is not said to be verified.

use std::collections::BTreeSet;

use casemate_contract::{
    Compiled, Contract, DecisionStatement, FREE_FORM, ManifestFields, Output, PartyCard, PermitStatement, ResultBody,
    RunBundle, SignedContract,
};
use casemate_cose::UnixTime;
use casemate_evidence::{Evidence, software::Statement};
use casemate_ledger::{Receipt, ReceiptBody};
use casemate_trust::{
    Domain, Reason,
    domain::Runtime,
    explain::{Account, Names},
    proof::Proof,
    statement::{Kind, Measurement, Purpose, Register, Sentence, Speaker, Subject},
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    cli::domain::ExplainArgs,
    failure::{Failure, Outcome},
    files,
    screen::{Screen, plain},
};

use super::{appraise, domain_file, explain_result};

/// How a Parquet file with an encrypted footer begins [parquet-format, Encryption.md §5.1].
const SEALED_TABLE: &[u8] = b"PARE";

/// How a Wasm module and a component begin [WebAssembly 1.0 §5.5.16].
const WASM: &[u8] = b"\0asm";

/// A sentence leaves further demands of a rule out.
const DEMANDS_IN_A_SENTENCE: usize = 4;

/// Explains a file.
pub(crate) fn explain(args: &ExplainArgs, screen: Screen) -> Outcome {
    let bytes = files::read(&args.file)?;
    if let Some((kind, account)) = told(&bytes, args)? {
        screen.line(account.words().trim_end());
        account.notes().iter().for_each(|note| screen.line(format!("note: {}", plain(note))));
        appraise::draw(args.svg.as_deref(), &account)?;
        let words = account.words();
        screen.object(&json!({
            "file": args.file, "kind": kind, "bytes": bytes.len(), "account": words.lines().collect::<Vec<_>>(),
            "notes": account.notes(),
        }));
        return Ok(());
    }
    if args.svg.is_some() || args.domain.is_some() {
        let message = format!("`{}` is neither a proof nor a denial", args.file.display());
        return Err(
            Failure::input(message).help("--svg and --domain are for those alone: `casemate appraise` writes them")
        );
    }
    let kind = recognise(&bytes, screen).ok_or_else(|| {
        Failure::input(format!("`{}` is nothing that Casemate writes", args.file.display())).help(
            "it explains run records, receipts, contracts, manifests, evidence, decisions, permits, cards, domains, signed statements, \
             proofs, denials, attestation results and SVIDs",
        )
    })?;
    screen.object(&json!({"file": args.file, "kind": kind, "bytes": bytes.len()}));
    Ok(())
}

/// The account of a proof, or of a denial as `casemate appraise --json` tells it.
fn told(bytes: &[u8], args: &ExplainArgs) -> Result<Option<(&'static str, Account)>, Failure> {
    if let Ok(proof) = Proof::from_bytes(bytes) {
        let names = match &args.domain {
            Some(path) => Names::of_domain(&domain_file::read(path)?.domain),
            None => Names::none(),
        };
        return Ok(Some(("proof", Account::of_proof(&proof, &names))));
    }
    let Ok(verdict) = serde_json::from_slice::<Denied>(bytes) else { return Ok(None) };
    let reasons: Vec<Reason> = verdict
        .reasons
        .into_iter()
        .map(|told| Reason::new(told.rule, told.expected, told.actual, told.remedy))
        .collect();
    Ok((verdict.verdict == "denied").then(|| ("denial", Account::of_denial(&verdict.file, &reasons))))
}

/// What `casemate appraise --json` prints of a denial.
#[derive(Deserialize)]
struct Denied {
    verdict: String,
    file: String,
    reasons: Vec<ToldReason>,
}

#[derive(Deserialize)]
struct ToldReason {
    rule: String,
    expected: String,
    actual: String,
    remedy: String,
}

fn recognise(bytes: &[u8], screen: Screen) -> Option<&'static str> {
    if let Ok(record) = RunBundle::from_bytes(bytes) {
        bundle(&record, screen);
        return Some("record of a run");
    }
    if let Ok(found) = Receipt::from_bytes(bytes)
        && let Ok(body) = ReceiptBody::from_bytes(&found.body)
    {
        receipt(&found, &body, screen);
        return Some("receipt");
    }
    if let Ok(signed) = SignedContract::from_bytes(bytes) {
        screen.line("a contract; every signature in it is valid");
        screen.line(signed.compiled().show().trim_end());
        return Some("contract");
    }
    if let Ok(fields) = ManifestFields::claimed(bytes) {
        manifest(&fields, screen);
        return Some("manifest");
    }
    if let Ok(found) = Evidence::from_bytes(bytes) {
        evidence(&found, screen);
        return Some("evidence");
    }
    if let Ok(found) = PartyCard::open(bytes) {
        card(&found, screen);
        return Some("card");
    }
    if let Ok(signer) = casemate_cose::claimed_signer(bytes)
        && let Some(kind) = signed(bytes, signer, screen)
    {
        return Some(kind);
    }
    let of_others = [explain_result::statement, explain_result::result, explain_result::certificate];
    if let Some(kind) = of_others.iter().find_map(|told| told(bytes, screen)) {
        return Some(kind);
    }
    if let Some((kind, words)) = opaque(bytes) {
        screen.line(words);
        return Some(kind);
    }
    if let Ok(found) = Domain::from_bytes(bytes) {
        domain(&found, Digests::Hidden, screen);
        return Some("domain");
    }
    let text = std::str::from_utf8(bytes).ok()?;
    if let Ok(found) = Domain::parse(text) {
        domain(&found, Digests::Hidden, screen);
        return Some("domain");
    }
    if let Ok(found) = Contract::parse(text, UnixTime(0)) {
        screen.line("a contract as a person writes it; nobody has signed it");
        screen.line(Compiled::new(found).show().trim_end());
        return Some("contract");
    }
    None
}

/// What a party, a broker or a keep signed.
fn signed(bytes: &[u8], signer: casemate_cose::PublicKey, screen: Screen) -> Option<&'static str> {
    if let Ok(found) = Domain::open(bytes, &signer) {
        domain(&found, Digests::Hidden, screen);
        screen.line(format!("  signed by  {signer}: believe it if that is the identity key of {}", found.owner()));
        return Some("domain");
    }
    if let Ok(found) = DecisionStatement::verify(bytes, &signer) {
        decision(&found, signer, screen);
        return Some("decision");
    }
    if let Ok(found) = ResultBody::verify(bytes, &signer) {
        result(&found, signer, screen);
        return Some("result");
    }
    if let Ok(found) = PermitStatement::verify(bytes, &signer) {
        screen.line(format!("the permit of {}, signed by {signer}: believe it if that is its broker", found.owner));
        permit(&found, screen);
        return Some("permit");
    }
    None
}

/// What is known by how it begins, and is not looked into here: kind and words.
fn opaque(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    if bytes.starts_with(SEALED_TABLE) {
        let words = "a sealed table: Parquet whose footer is encrypted; only its dataset's key opens it";
        return Some(("sealed table", words));
    }
    if bytes.starts_with(b"age-encryption.org/") || bytes.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----") {
        let words = "an age file: a result, a sealed file, or a key file; only its recipient or passphrase opens it";
        return Some(("age file", words));
    }
    if bytes.starts_with(WASM) {
        let words =
            "a Wasm program, or looks like one: `casemate program show` says what it asks for, `try` what it does";
        return Some(("Wasm program", words));
    }
    None
}

/// A broker's verdict on a keep.
fn decision(found: &DecisionStatement, signer: casemate_cose::PublicKey, screen: Screen) {
    screen.line(format!("the decision of {}, signed by {signer}: believe it if that is its broker", found.owner));
    screen.line(format!("  verdict    the keep of run {} is accepted, under the domain {}", found.run, found.domain));
    screen.line(format!("  evidence   {}", found.evidence));
    screen.line(format!("  contract   {}", found.contract));
    screen.line(format!("  decision   at {} to release, counts until {}", found.at, found.expires));
}

/// A result outside its age file.
fn result(found: &ResultBody, signer: casemate_cose::PublicKey, screen: Screen) {
    screen.line(format!("a result, signed by {signer}: believe it if a run's record says that this is its keep"));
    screen.line(format!("  run        {} of {} {}", found.run, found.study, found.computation));
    screen.line(format!("  contract   {}", found.contract));
    match &found.output {
        Output::Table(table) => screen.line(format!("  table      {} bytes of Arrow IPC", table.len())),
        Output::Files(outputs) => {
            screen.line(format!("  program    {FREE_FORM}"));
            for output in outputs {
                screen.line(format!("  file       {} ({} bytes)", output.name, output.bytes.len()));
            }
        }
    }
}

/// What a permit lets out.
fn permit(permit: &PermitStatement, screen: Screen) {
    screen.line(format!("  permit     at {} for the result {}", permit.at, permit.result));
    for gate in &permit.gates {
        let outcome = if gate.passed { "passed" } else { "refused" };
        screen.line(format!("  gate       {}: {}: {outcome}", gate.dataset, gate.gate));
    }
    screen.line(format!("  memory     {}", outside(permit.ordinary_bytes)));
}

/// How much lay outside secret memory.
pub(crate) fn outside(ordinary_bytes: u64) -> String {
    match ordinary_bytes {
        0 => "nothing lay outside secret memory, as the keep counted it".to_owned(),
        bytes => format!("up to {} MiB lay outside secret memory, as the keep counted it", bytes.div_ceil(1 << 20)),
    }
}

/// A party's card.
pub(crate) fn card(card: &PartyCard, screen: Screen) {
    screen.line(format!("the card of {}, signed by its own identity key", card.name));
    screen.line(format!("  identity   {}", card.key));
    if let Some(broker) = &card.broker {
        screen.line(format!("  broker     {} at {}", broker.key, broker.address));
    }
    if let Some(launcher) = card.launcher {
        screen
            .line(format!("  launcher   {launcher}   vouches for keeps that this party runs, to whoever believes it"));
    }
    if let Some(runtime) = card.runtime {
        screen.line(format!("  runtime    {runtime}"));
    }
    for dataset in &card.datasets {
        screen.line(format!("  dataset    {} {}", dataset.name, dataset.digest));
    }
    screen.line("  compare the identity key over another channel before you rely on it");
}

/// Whether the digests of statements are told: whoever revokes one has to name it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Digests {
    Hidden,
    Shown,
}

/// A domain.
pub(crate) fn domain(domain: &Domain, digests: Digests, screen: Screen) {
    screen.line(format!("the domain of {}: whom this owner believes", domain.owner()));
    screen.line(format!("  digest     {}", domain.digest()));
    if domain.sequence() > 0 {
        screen.line(format!("  sequence   {}", domain.sequence()));
    }
    let mut told = BTreeSet::new();
    for launcher in domain.launchers() {
        told.insert(Subject::Key(launcher.key.spki_digest()));
        screen.line(format!("  launcher   {} {}", launcher.name, launcher.key));
    }
    for runtime in domain.runtimes() {
        told.insert(runtime_subject(&runtime));
        screen.line(format!("  runtime    {} {}", runtime.name, runtime.digest));
    }
    for lack in domain.accepted_lacks() {
        screen.line(format!("  accepts    {lack}: {}", lack.explain().means));
    }
    let names = super::domain::names(domain);
    for said in domain.statements().said() {
        let statement = said.statement();
        let (who, sentence) = match said.speaker() {
            Speaker::Root if digests == Digests::Hidden && is_told(&statement.sentence, &told) => continue,
            Speaker::Root => ("says      ".to_owned(), &statement.sentence),
            Speaker::Key(key) => {
                (format!("holds      {} says:", names.subject(&Subject::Key(key))), &statement.sentence)
            }
        };
        let line = domain.line_of(&said.digest()).map(|line| format!("  (line {line})")).unwrap_or_default();
        let label = if statement.label.is_empty() { String::new() } else { format!("`{}`: ", plain(&statement.label)) };
        screen.line(format!("  {who} {label}{}{}{line}", names.sentence(sentence), statement.validity));
        if let Sentence::Trusted { subject: Subject::Platform(rule), .. } = sentence
            && rule.demands.len() > DEMANDS_IN_A_SENTENCE
        {
            for demand in &rule.demands {
                screen.line(format!("             {} {}", plain(&demand.property), demand.words(rule.kind)));
            }
        }
        if digests == Digests::Shown {
            screen.line(format!("             {}", said.digest()));
        }
    }
}

/// Whether launchers, runtimes and lacks tell of it.
fn is_told(sentence: &Sentence, told: &BTreeSet<Subject>) -> bool {
    match sentence {
        Sentence::Trusted { subject: Subject::Platform(rule), .. } => rule.kind == Kind::Software,
        Sentence::Trusted { subject: Subject::Key(key), purpose: Purpose::Attestation(_) } => {
            told.contains(&Subject::Key(*key))
        }
        Sentence::Trusted { subject, purpose: Purpose::Execution(None) } => told.contains(subject),
        _ => false,
    }
}

fn runtime_subject(runtime: &Runtime) -> Subject {
    let value = runtime.digest.as_bytes().to_vec();
    Subject::Measurement(Measurement {
        kind: Kind::Software,
        registers: vec![Register { name: "runtime".to_owned(), value }],
    })
}

/// The record of a run, unverified.
pub(crate) fn bundle(record: &RunBundle, screen: Screen) {
    screen.line("the record of a run; nothing of it is verified here: see `casemate receipt verify`");
    if let Ok(fields) = ManifestFields::claimed(&record.manifest) {
        manifest(&fields, screen);
        let contract = SignedContract::from_bytes(&record.contract);
        let said = contract.as_ref().ok().and_then(|signed| {
            let computation = signed.compiled().contract().computation(fields.computation.as_str())?;
            computation.program.free_form()
        });
        if let Some(said) = said {
            screen.line(format!("  program    {said}"));
        }
    }
    screen.line(format!("  keep's key {}", record.keep_key));
    for broker in &record.brokers {
        screen.line(format!("{}", broker.owner));
        if let Ok(found) = Evidence::from_bytes(&broker.evidence) {
            evidence(&found, screen);
        }
        statements(broker, screen);
        for bytes in [&broker.release_receipt, &broker.permit_receipt] {
            if let Ok(found) = Receipt::from_bytes(bytes)
                && let Ok(body) = ReceiptBody::from_bytes(&found.body)
            {
                receipt(&found, &body, screen);
            }
        }
    }
}

fn statements(broker: &casemate_contract::BrokerRecord, screen: Screen) {
    let signer = casemate_cose::claimed_signer(&broker.decision);
    let Ok(signer) = signer else { return };
    if let Ok(decision) = DecisionStatement::verify(&broker.decision, &signer) {
        screen.line(format!("  decision   at {} to release, counts until {}", decision.at, decision.expires));
    }
    if let Ok(found) = PermitStatement::verify(&broker.permit, &signer) {
        permit(&found, screen);
    }
}

fn manifest(fields: &ManifestFields, screen: Screen) {
    screen.line(format!("  manifest   run {} of {} {}", fields.run, fields.study, fields.computation));
    screen.line(format!("             contract {} (sequence {})", fields.contract, fields.sequence));
    screen.line(format!("             isolation {}, run by {}", fields.isolation, fields.runner));
    screen.line(format!("             program {}", fields.program));
    if !fields.arguments.is_empty() {
        screen.line(format!("             arguments {:?}", fields.arguments));
    }
    let limits = fields.limits;
    screen.line(format!(
        "             at most {} MiB of memory, {} s of processor time, {} s",
        limits.memory_bytes >> 20,
        limits.cpu_s,
        limits.wall_s
    ));
    for dataset in &fields.datasets {
        screen.line(format!("             reads {} {}", dataset.name, dataset.digest));
    }
    for recipient in &fields.recipients {
        screen.line(format!("             result for {}", recipient.party));
    }
}

fn evidence(evidence: &Evidence, screen: Screen) {
    let Some((statement, launcher)) = Statement::claimed(evidence) else {
        screen.line("  evidence   of kind software, whose signature does not verify");
        return;
    };
    screen.line(format!("  evidence   of kind software, signed by launcher {launcher} at {}", statement.at));
    screen.line(format!("             isolation {}, runtime {}", statement.isolation, statement.runtime));
    screen.line(format!("             libraries of its host {}", statement.libraries));
    screen.line(format!("             {} KiB of secret memory", statement.secret_bytes >> 10));
    for lack in &statement.lacks {
        screen.line(format!("             lacks {lack}: {}", lack.explain().means));
    }
}

/// One receipt.
pub(crate) fn receipt(receipt: &Receipt, body: &ReceiptBody, screen: Screen) {
    screen.line(format!(
        "  receipt    {} by {} at {}, entry {} of its ledger",
        body.event, body.owner, body.at, receipt.index
    ));
    if !body.datasets.is_empty() {
        screen.line(format!("             about {}", body.datasets.join(", ")));
    }
    if !body.lacks.is_empty() {
        screen.line(format!("             lacking {}", body.lacks.join(", ")));
    }
    if let Some(bytes) = body.ordinary_bytes {
        screen.line(format!("             {}", outside(bytes)));
    }
    for reason in &body.reasons {
        screen.line(format!("             because {reason}"));
    }
}
