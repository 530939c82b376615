//! `casemate contract`: write, check, show and sign what the parties agree.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use casemate_contract::{Compiled, Contract, ContractErrors, SignedContract, StudyId, TemplateSpec, template};
use casemate_evidence::Lack;
use serde_json::json;
use toml_edit::Document;

use crate::{
    cli::{ContractFileArgs, ContractNewArgs, ContractShowArgs, ContractSignArgs, ContractVerb, Global},
    clock,
    failure::{Failure, Outcome},
    files,
    screen::Screen,
    sql_check,
    state::State,
};

use super::{
    contract_mail,
    domain::{read_card, read_lacks},
};

/// A contract made by `contract new` runs for a year.
const TEMPLATE_VALID_S: u64 = 365 * 86_400;

/// Dispatches `casemate contract`.
pub(crate) async fn contract(verb: &ContractVerb, global: &Global, screen: Screen) -> Outcome {
    match verb {
        ContractVerb::New(args) => new(args, screen),
        ContractVerb::Check(args) => check(args, screen).await,
        ContractVerb::Show(args) => show(args, screen).await,
        ContractVerb::Sign(args) => sign(args, global, screen).await,
        ContractVerb::Send(args) => contract_mail::send(args, global, screen).await,
        ContractVerb::Receive(args) => contract_mail::receive(args, global, screen).await,
    }
}

fn new(args: &ContractNewArgs, screen: Screen) -> Outcome {
    let study: StudyId = args.study.parse().map_err(|error| Failure::input(format!("--study: {error}")))?;
    if args.out.exists() {
        return Err(Failure::input(format!("`{}` exists", args.out.display())).help("choose another file with --out"));
    }
    let cards = args.cards.iter().map(|path| read_card(path)).collect::<Result<Vec<_>, _>>()?;
    let at = clock::now();
    let accept_lacks =
        if args.accept_lacks.is_empty() { vec![Lack::SecretPlaintext] } else { read_lacks(&args.accept_lacks)? };
    let spec = TemplateSpec { study, expires: at.plus_s(TEMPLATE_VALID_S), accept_lacks, at };
    let text = template(&cards, &spec).map_err(|error| Failure::input(error.to_string()))?;
    files::write(&args.out, text.as_bytes())?;
    screen.line(format!("wrote {}: read it, change it, then `casemate contract check` and `sign`", args.out.display()));
    screen.object(&json!({"study": args.study, "path": args.out}));
    Ok(())
}

async fn check(args: &ContractFileArgs, screen: Screen) -> Outcome {
    let signed = load(&args.file).await?;
    let compiled = signed.compiled();
    screen.line(format!("{} is in order: {}", args.file.display(), compiled.digest()));
    let mut computations = Vec::new();
    for computation in compiled.contract().computations() {
        if let Ok(explanation) = sql_check::explain(compiled.contract(), computation).await {
            screen.line(format!("  {} reads", computation.name));
            for (table, columns) in &explanation.reads {
                screen.line(format!("    {table} ({})", columns.join(", ")));
            }
            for gate in &explanation.gates {
                screen.line(format!("    gate {gate}"));
            }
            computations.push(json!({"name": computation.name.as_str(), "gates": explanation.gates}));
        }
    }
    screen.object(&json!({"ok": true, "digest": compiled.digest().to_string(), "computations": computations}));
    Ok(())
}

async fn show(args: &ContractShowArgs, screen: Screen) -> Outcome {
    let signed = load(&args.file).await?;
    let compiled = signed.compiled();
    screen.line(compiled.show().trim_end());
    screen.line("");
    let signatures: Vec<_> = signed.signed().map(ToString::to_string).collect();
    let missing: Vec<_> = signed.missing().iter().map(ToString::to_string).collect();
    screen.line(format!("signed by   {}", list(&signatures)));
    screen.line(format!("missing     {}", list(&missing)));
    if args.cedar {
        for party in compiled.contract().parties() {
            let policies = compiled.contract().cedar(&party.name);
            if !policies.is_empty() {
                screen.line(format!("\n// What {} allows\n{}", party.name, policies.trim()));
            }
        }
    }
    screen.object(&json!({
        "study": compiled.contract().study().id.as_str(), "sequence": compiled.contract().study().sequence,
        "digest": compiled.digest().to_string(), "signed": signatures, "missing": missing, "toml": compiled.to_toml(),
    }));
    Ok(())
}

async fn sign(args: &ContractSignArgs, global: &Global, screen: Screen) -> Outcome {
    let mut signed = load(&args.file).await?;
    let state = State::open(global)?;
    let (keys, store) = state.unlock().await?;
    let party = signed.sign(keys.identity()).map_err(|error| Failure::input(error.to_string()).help(error.help()))?;
    let out = args.out.clone().unwrap_or_else(|| args.file.with_extension("contract"));
    let study = signed.compiled().contract().study();
    let digest = signed.compiled().digest();
    let merged = store
        .merge_contract(&digest, study.id.as_str(), study.sequence, clock::now(), |stored| merge(stored, &signed))
        .await
        .map_err(contract_mail::merge_failure)?;
    files::write(&out, &merged.bytes)?;
    let all = SignedContract::from_bytes(&merged.bytes).map_err(|error| Failure::machine(error.to_string()))?;
    let missing: Vec<_> = all.missing().iter().map(ToString::to_string).collect();
    screen.line(format!("{party} signed {digest}"));
    screen.line(format!("  written to {}; {}", out.display(), still(&missing)));
    screen.object(&json!({
        "party": party.as_str(), "digest": digest.to_string(), "contract": out, "missing": missing,
    }));
    Ok(())
}

/// The stored copy of a contract with the signatures of another.
pub(crate) fn merge(
    stored: Option<&[u8]>,
    signed: &SignedContract,
) -> Result<Vec<u8>, casemate_contract::SignatureError> {
    let Some(stored) = stored else { return Ok(signed.to_bytes()) };
    let mut merged = SignedContract::from_bytes(stored)?;
    merged.merge(signed)?;
    Ok(merged.to_bytes())
}

/// Whose signatures are still to come, in words.
pub(crate) fn still(missing: &[String]) -> String {
    if missing.is_empty() { "signed by all".to_owned() } else { format!("still to sign: {}", missing.join(", ")) }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

/// Reads a study.toml or a .contract, checked in every respect, the SQL included.
pub(crate) async fn load(path: &Path) -> Result<SignedContract, Failure> {
    let is_toml = path.extension().is_some_and(|ending| ending == "toml");
    if !is_toml {
        let signed = read_signed(path)?;
        let problems = sql_check::check(signed.compiled().contract()).await;
        return if problems.is_empty() {
            Ok(signed)
        } else {
            let reasons = problems.into_iter().map(|problem| problem.reason).collect();
            Err(Failure::refused(format!("`{}` asks for what the gates refuse", path.display()), reasons))
        };
    }
    let text = files::read_text(path)?;
    let contract = Contract::parse(&text, clock::now()).map_err(|errors| not_in_order(path, &text, &errors))?;
    let problems = sql_check::check(&contract).await;
    if problems.is_empty() {
        return Ok(SignedContract::new(Compiled::new(contract)));
    }
    let document = Document::parse(text.as_str()).ok();
    let mark = |computation: &str| sql_span(document.as_ref(), computation).unwrap_or(0..0);
    let marks = problems
        .iter()
        .map(|problem| (mark(&problem.computation), format!("{}: {}", problem.reason.rule, problem.reason.actual)))
        .collect();
    let reasons = problems.into_iter().map(|problem| problem.reason).collect();
    Err(Failure::refused(format!("`{}` asks for what the gates refuse", path.display()), reasons)
        .marked(path, &text, marks))
}

/// Reads a .contract with its signatures verified.
pub(crate) fn read_signed(path: &Path) -> Result<SignedContract, Failure> {
    SignedContract::from_bytes(&files::read(path)?).map_err(|error| {
        Failure::input(format!("`{}` is no signed contract: {error}", path.display())).help(error.help())
    })
}

fn not_in_order(path: &Path, text: &str, errors: &ContractErrors) -> Failure {
    let marks: Vec<(Range<usize>, String)> = errors
        .errors()
        .iter()
        .filter_map(|error| error.span.clone().map(|span| (span, error.problem.to_string())))
        .collect();
    let listed: Vec<_> = errors.errors().iter().map(ToString::to_string).collect();
    let mut helps: Vec<_> = errors.errors().iter().map(casemate_contract::ContractError::help).collect();
    helps.dedup();
    Failure::input(format!("`{}` is not in order:\n  {}", path.display(), listed.join("\n  ")))
        .help(helps.join("\n"))
        .marked(path, text, marks)
}

fn sql_span(document: Option<&Document<&str>>, computation: &str) -> Option<Range<usize>> {
    document?.get("computations")?.get(computation)?.get("sql")?.span()
}

/// The file name under which a received contract is written.
pub(crate) fn received_path(signed: &SignedContract) -> Result<PathBuf, Failure> {
    let path = PathBuf::from(format!("{}.contract", signed.compiled().contract().study().id));
    if !path.exists() {
        return Ok(path);
    }
    let digest = fs::read(&path).ok().and_then(|bytes| SignedContract::from_bytes(&bytes).ok());
    if digest.is_some_and(|known| known.compiled().digest() == signed.compiled().digest()) {
        return Ok(path);
    }
    let study = signed.compiled().contract().study();
    Ok(PathBuf::from(format!("{}-{}-{}.contract", study.id, study.sequence, signed.compiled().digest().short())))
}
