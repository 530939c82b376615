//! `casemate contract`: write, check and show what the parties agree. Signing and mail are files of their own.

use std::{ops::Range, path::Path};

use casemate_contract::{
    Compiled, Contract, ContractErrors, Prose, SignedContract, StudyId, TemplateSpec, template, untouched,
};
use casemate_evidence::Lack;
use serde_json::json;
use toml_edit::Document;

use crate::{
    cli::{ContractFileArgs, ContractNewArgs, ContractShowArgs, ContractVerb, Global},
    clock,
    failure::{Failure, Outcome},
    files, output,
    screen::Screen,
    sql_check,
    state::State,
};

use super::{
    contract_artifact, contract_mail, contract_sign,
    domain::{read_card, read_lacks},
    party,
};

/// A contract made by `contract new` runs for a year.
const TEMPLATE_VALID_S: u64 = 365 * 86_400;

/// Dispatches `casemate contract`.
pub(crate) async fn contract(verb: &ContractVerb, global: &Global, screen: Screen) -> Outcome {
    match verb {
        ContractVerb::New(args) => new(args, global, screen).await,
        ContractVerb::Check(args) => check(args, screen).await,
        ContractVerb::Show(args) => show(args, screen).await,
        ContractVerb::Sign(args) => contract_sign::sign(args, global, screen).await,
        ContractVerb::Send(args) => contract_mail::send(args, global, screen).await,
        ContractVerb::Receive(args) => contract_mail::receive(args, global, screen).await,
        ContractVerb::Discard(args) => contract_mail::discard(args, global, screen).await,
    }
}

async fn new(args: &ContractNewArgs, global: &Global, screen: Screen) -> Outcome {
    let study: StudyId = args.study.parse().map_err(|error| Failure::input(format!("--study: {error}")))?;
    output::check_new(&args.out, None, "choose another file with --out")?;
    let cards = args.cards.iter().map(|path| read_card(path)).collect::<Result<Vec<_>, _>>()?;
    let at = clock::now();
    let accept_lacks =
        if args.accept_lacks.is_empty() { vec![Lack::SecretPlaintext] } else { read_lacks(&args.accept_lacks)? };
    let (purpose, legal_basis) =
        (prose("--purpose", args.purpose.as_ref())?, prose("--legal-basis", args.legal_basis.as_ref())?);
    let spec = TemplateSpec { study, purpose, legal_basis, expires: at.plus_s(TEMPLATE_VALID_S), accept_lacks, at };
    let text = template(&cards, &spec).map_err(|error| Failure::input(error.to_string()))?;
    // Whoever only writes a contract down for others need be no party.
    let known = if State::is_party(global) {
        let state = State::open(global)?;
        party::remember(&state, &state.store().await?, &cards).await?
    } else {
        Vec::new()
    };
    files::write_new(&args.out, text.as_bytes())?;
    if !known.is_empty() {
        let names: Vec<_> = known.iter().map(|party| party.name.as_str()).collect();
        screen.line(format!("known from now on, by their cards: {}", names.join(", ")));
    }
    screen.line(format!("wrote {}: read it, change it, then `casemate contract check` and `sign`", args.out.display()));
    screen.object(&json!({"study": args.study, "path": args.out}));
    Ok(())
}

fn prose(option: &str, text: Option<&String>) -> Result<Option<Prose>, Failure> {
    let parsed = text.map(|text| text.parse()).transpose();
    parsed.map_err(|error| Failure::input(format!("{option}: {error}")))
}

async fn check(args: &ContractFileArgs, screen: Screen) -> Outcome {
    let signed = load(&args.file).await?;
    filled_in(&args.file, signed.compiled().contract())?;
    loadable(&args.file, signed.compiled().contract())?;
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

/// Whose signatures are still to come, in words.
pub(crate) fn still(missing: &[String]) -> String {
    if missing.is_empty() { "signed by all".to_owned() } else { format!("still to sign: {}", missing.join(", ")) }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

/// Reads a study.toml or a .contract, checked in every respect, the SQL included.
pub(crate) async fn load(path: &Path) -> Result<SignedContract, Failure> {
    if !is_toml(path) {
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

/// Refuses a contract in which the template's own text still stands for what is agreed.
pub(crate) fn filled_in(path: &Path, contract: &Contract) -> Outcome {
    let fields = untouched(contract.study());
    if fields.is_empty() {
        return Ok(());
    }
    let failure = Failure::input(format!("`{}` says nothing of its own for {}", path.display(), fields.join(" and ")))
        .help("write what the study is for and on what legal basis, in place of the template's text");
    let Some(text) = is_toml(path).then(|| files::read_text(path)).transpose()? else { return Err(failure) };
    let document = Document::parse(text.as_str()).ok();
    let span = |field: &str| document.as_ref()?.get("study")?.get(field)?.span();
    let mark = |field: &str| (span(field).unwrap_or(0..0), format!("the template's text for `{field}`"));
    let marks = fields.into_iter().map(mark).collect();
    Err(failure.marked(path, &text, marks))
}

/// Refuses a contract that pins compiled code which no keep of this version could ever load.
fn loadable(path: &Path, contract: &Contract) -> Outcome {
    let found = contract_artifact::unloadable(contract);
    if found.is_empty() {
        return Ok(());
    }
    let marks =
        found.iter().map(|(computation, reason)| (computation.clone(), reason.actual.clone())).collect::<Vec<_>>();
    let reasons = found.into_iter().map(|(_, reason)| reason).collect();
    let failure = Failure::refused(format!("`{}` pins compiled code that no keep loads", path.display()), reasons);
    let Some(text) = is_toml(path).then(|| files::read_text(path)).transpose()? else { return Err(failure) };
    let document = Document::parse(text.as_str()).ok();
    let span = |name: &str| document.as_ref()?.get("computations")?.get(name)?.get("artifact")?.span();
    let marks = marks.into_iter().map(|(name, what)| (span(&name).unwrap_or(0..0), what)).collect();
    Err(failure.marked(path, &text, marks))
}

fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "toml")
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
    let computation = document?.get("computations")?.get(computation)?;
    computation.get("sql").or_else(|| computation.get("inputs"))?.span()
}
