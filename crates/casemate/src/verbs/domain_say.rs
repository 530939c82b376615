//! `casemate domain say` and `domain import statement`: what one party says, signed, and another's domain holds.

use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use casemate_cose::{Signer, SigningKey};
use casemate_trust::{Domain, proof::State as Stands, statement::Signed};
use serde_json::{Value, json};

use crate::{
    cli::{
        Global,
        domain::{DomainImportArgs, DomainSayArgs},
    },
    clock,
    failure::{Failure, Outcome},
    files,
    output::{self, Written},
    screen::{Screen, plain},
    state::State,
};

use super::{domain_file, domain_import};

/// Signs what entries of a `domain.toml` say.
pub(super) async fn say(args: &DomainSayArgs, global: &Global, screen: Screen) -> Outcome {
    let text = files::read_text(&args.file)?;
    let statements = Domain::statements_of(&text).map_err(|error| domain_file::marked(&args.file, &text, &error))?;
    if statements.is_empty() {
        return Err(Failure::input(format!("`{}` says nothing", args.file.display()))
            .help("write entries as in domain.toml: `[[runtime]]`, `[[floor]]`, `[[region]]`, `[[revoke]]`, …"));
    }
    let (keys, _store) = State::open(global)?.unlock().await?;
    let signer = Signer::Ed25519(SigningKey::from_seed(keys.identity().seed()));
    let signed = statements.iter().map(|statement| Signed::sign(statement, &signer, &SystemRandom::new()));
    let signed: Vec<Signed> =
        signed.collect::<Result<_, _>>().map_err(|error| Failure::machine(format!("nothing was signed: {error}")))?;
    let objects: Vec<Vec<u8>> = signed.iter().map(|signed| signed.object().to_vec()).collect();
    let paths = output::write_all(&args.out, Written::Statement, &objects)?;
    let mut told = Vec::with_capacity(signed.len());
    for (path, signed) in paths.iter().zip(&signed) {
        screen.line(format!("wrote {}: {}", path.display(), plain(&signed.statement().to_string())));
        screen.line(format!("  statement  {}", signed.digest()));
        told.push(told_of(signed, Some(path)));
    }
    output::tell_left_over(&args.out, signed.len(), screen);
    screen.line(format!("signed by {}: it counts where a `[[delegate]]` with that key lets it", keys.public()));
    screen.object(&json!({"signer": keys.public().to_string(), "statements": told}));
    Ok(())
}

fn told_of(signed: &Signed, path: Option<&Path>) -> Value {
    json!({
        "path": path, "digest": signed.digest().to_string(), "label": signed.statement().label,
        "says": signed.statement().to_string(),
    })
}

/// Puts a statement that another party signed into a domain, as it is.
pub(super) fn import(args: &DomainImportArgs, screen: Screen) -> Outcome {
    let signed = read(&args.file)?;
    if let Some(path) = &args.signer
        && domain_import::signer_key(path)? != *signed.signer()
    {
        return Err(Failure::input(format!("`{}` is signed by {}", args.file.display(), signed.signer()))
            .help(format!("that is not the key in `{}`", path.display())));
    }
    let into = args
        .into
        .as_ref()
        .ok_or_else(|| Failure::input("a signed statement is no domain").help("add it to one with --into FILE"))?;
    let text = files::read_text(into)?;
    let before = Domain::parse(&text).map_err(|error| domain_file::marked(into, &text, &error))?;
    if before.statements().find(signed.digest()).is_some() {
        return Err(Failure::input(format!("`{}` holds the statement {} already", into.display(), signed.digest())));
    }
    let entry = Domain::of(before.owner(), 0, Vec::new(), Vec::new(), vec![signed.clone()])
        .map_err(|error| Failure::input(error.to_string()).help(error.help()))?
        .entries_toml();
    let text = format!("{}\n{entry}", text.trim_end());
    let domain = Domain::parse(&text).map_err(|error| domain_file::marked(into, &text, &error))?;
    let effective = domain.effective(clock::now()).map_err(|error| {
        Failure::input(error.to_string())
            .help("nothing was written: make the domain simpler until `casemate domain check` finds no error in it")
    })?;
    let out = args.out.as_ref().unwrap_or(into);
    output::write(out, Written::Domain, text.as_bytes())?;
    let mut warnings: Vec<String> = domain
        .warnings()
        .into_iter()
        .filter(|warning| warning.statement == signed.digest())
        .map(|warning| warning.what)
        .collect();
    match effective.standing().state(signed.digest()) {
        Stands::Stands => {}
        state => warnings.push(format!("it {state}")),
    }
    screen.line(format!(
        "wrote {}: key {} says {}",
        out.display(),
        signed.signer(),
        plain(&signed.statement().to_string())
    ));
    screen.line(format!("  statement  {}: revoke it by that", signed.digest()));
    warnings.iter().for_each(|warning| screen.line(format!("warning: {}", plain(warning))));
    screen.object(&json!({
        "path": out, "digest": domain.digest().to_string(), "signer": signed.signer().to_string(),
        "statement": told_of(&signed, None), "warnings": warnings,
    }));
    Ok(())
}

/// A signed statement, in bytes or base64.
fn read(path: &Path) -> Result<Signed, Failure> {
    let bytes = files::read(path)?;
    let text = std::str::from_utf8(&bytes).ok().and_then(|text| STANDARD.decode(text.trim()).ok());
    Signed::verify(text.as_deref().unwrap_or(&bytes)).map_err(|error| {
        Failure::input(format!("`{}` is no signed statement: {error}", path.display()))
            .help("get it again from whoever said it: `casemate domain say` writes one")
    })
}
