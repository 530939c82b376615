//! `casemate domain import`: what others wrote about trust, as entries of a `domain.toml`. Whoever imports it takes its word for theirs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use casemate_cose::{Digest, UnixTime, VerifyingKey};
use casemate_evidence::{Endorsement, KeyOwner, public_key};
use casemate_trust::{
    Domain, DomainError,
    import::{ImportError, Imported, Signed, azure_release, certifier, corim, rvps, widening},
    statement::{Said, Statement},
};
use serde_json::{Value, json};

use crate::{
    cli::{
        Global,
        domain::{DomainImportArgs, ImportFormat},
    },
    clock,
    failure::{Failure, Outcome},
    files,
    output::{self, Written},
    screen::{Screen, plain},
    state::State,
};

use super::{domain_file, explain};

/// The longest file beside a policy that may be a certificate which it names.
const CERTIFICATE_BYTES_MAX: u64 = 64 << 10;
/// The most files beside a policy.
const CERTIFICATES_MAX: usize = 256;

/// Imports a document into a domain, or makes one of it.
pub(super) fn import(args: &DomainImportArgs, global: &Global, screen: Screen) -> Outcome {
    let imported = read(args)?;
    if imported.statements.is_empty() {
        return Err(Failure::input(format!("`{}` says nothing that a domain could hold", args.file.display()))
            .help("nothing was written: look whether it is the document that you meant"));
    }
    let text = match &args.into {
        Some(path) => appended(path, args, &imported)?,
        None => {
            let owner = match &args.owner {
                Some(owner) => owner.clone(),
                None => State::open(global)
                    .map_err(|failure| {
                        failure.help("say whose domain it becomes with --owner NAME, or add it to one with --into FILE")
                    })?
                    .name
                    .to_string(),
            };
            alone(&owner, &args.file, &imported)?
        }
    };
    let domain = Domain::parse(&text).map_err(|error| no_domain(args, &error))?;
    let out = args.out.as_ref().or(args.into.as_ref());
    if let Some(path) = out {
        output::write(path, Written::Domain, text.as_bytes())?;
        screen.line(format!("wrote {}", path.display()));
        explain::domain(&domain, explain::Digests::Hidden, screen);
    } else {
        screen.line(text.trim_end());
    }
    let warnings = over(&imported, clock::now());
    tell(&imported, &warnings, screen);
    screen.object(&json!({
        "path": out, "digest": domain.digest().to_string(), "statements": imported.statements.len(), "notes": imported.notes,
        "signed": signed(imported.signed), "keys": imported.endorsements.iter().filter_map(key).collect::<Vec<_>>(),
        "text": out.is_none().then_some(&text), "warnings": warnings,
    }));
    Ok(())
}

/// The document's statements as a domain of their own.
fn alone(owner: &str, file: &Path, imported: &Imported) -> Result<String, Failure> {
    let text = of(owner, file, imported)?.to_toml();
    // What it says may not be enough for a domain. Its lines are not the document's.
    Domain::parse(&text).map_err(|error| makes_none(file, &error))?;
    Ok(text)
}

fn makes_none(file: &Path, error: &DomainError) -> Failure {
    Failure::input(format!("`{}` is not imported: what it says makes no domain: {error}", file.display()))
        .help("nothing was written: the document lacks this; say it in domain.toml by hand, or get a whole document")
}

fn no_domain(args: &DomainImportArgs, error: &DomainError) -> Failure {
    match &args.into {
        None => makes_none(&args.file, error),
        Some(into) => Failure::input(format!(
            "`{}` is not imported: what it says makes no domain together with `{}`: {error}",
            args.file.display(),
            into.display()
        ))
        .help(
            "nothing was written: import it into a file of its own with --out, and take over by hand what is to count",
        ),
    }
}

/// What counts no more.
fn over(imported: &Imported, at: UnixTime) -> Vec<String> {
    let over = imported.statements.iter().filter(|statement| statement.validity.not_after < at);
    over.map(|statement| format!("`{}` ended at {}: it counts no more", statement.label, statement.validity.not_after))
        .collect()
}

fn read(args: &DomainImportArgs) -> Result<Imported, Failure> {
    let bytes = files::read(&args.file)?;
    if args.format == ImportFormat::Certifier && args.dangerously_unverified {
        return Err(Failure::input("claims of the Certifier Framework are never taken unverified")
            .help("give the policy key with --signer KEY"));
    }
    let is_policy = args.format == ImportFormat::Certifier && bytes.trim_ascii_start().starts_with(b"{");
    let has_no_signature = matches!(args.format, ImportFormat::AzureKeyRelease | ImportFormat::Rvps) || is_policy;
    if args.signer.is_some() && has_no_signature {
        return Err(Failure::input(format!("`{}` is not signed, by this key or any other", args.file.display())).help(
            "leave out --signer: such a document is the word of whoever gave it, and yours once it is imported",
        ));
    }
    let imported = match args.format {
        ImportFormat::AzureKeyRelease => azure_release::import(&bytes),
        ImportFormat::Certifier if is_policy => certifier::policy(&bytes, &beside(&args.file)?),
        ImportFormat::Certifier => {
            certifier::signed_claims(&bytes, args.signer.as_deref().map(claims_signer).transpose()?)
        }
        ImportFormat::Corim => corim::import(&bytes, signer(args)?.as_ref()),
        ImportFormat::Rvps => rvps::import(&bytes, clock::now()),
        ImportFormat::Statement => return Err(Failure::input("a signed statement is kept as it is, not taken over")),
    };
    imported.map_err(|error| refused(&args.file, &error))
}

/// The key whose claims are taken over: in a file, or by its digest as a refusal names it.
fn claims_signer(path: &Path) -> Result<Digest, Failure> {
    if let Some(digest) = path.to_str().and_then(|text| text.parse().ok()) {
        return Ok(digest);
    }
    certifier::key(&files::read(path)?).map_err(|error| {
        Failure::input(format!("`{}` is no key: {error}", path.display()))
            .help("give a certificate or a public key, PEM or DER, or its digest `sha256:…`")
    })
}

/// By whom a manifest has to be signed.
fn signer(args: &DomainImportArgs) -> Result<Option<corim::Signer>, Failure> {
    match (&args.signer, args.dangerously_unverified) {
        (Some(path), _) => signer_key(path).map(|key| Some(corim::Signer::Key(key))),
        (None, true) => Ok(Some(corim::Signer::DangerouslyUnverified)),
        (None, false) => Ok(None),
    }
}

/// The small files beside a policy, by their names: it names its certificates so.
fn beside(path: &Path) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = fs::read_dir(folder).map_err(|error| Failure::io("read", folder, &error))?;
    let mut found = BTreeMap::new();
    for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        let is_small =
            fs::metadata(&path).is_ok_and(|metadata| metadata.is_file() && metadata.len() <= CERTIFICATE_BYTES_MAX);
        if let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|_| is_small) {
            found.insert(name.to_owned(), files::read(&path)?);
        }
        if found.len() > CERTIFICATES_MAX {
            return Err(Failure::input(format!("`{}` holds more than {CERTIFICATES_MAX} files", folder.display()))
                .help("put the policy and the certificates that it names into a folder of their own"));
        }
    }
    Ok(found)
}

/// A public key in a file.
pub(super) fn signer_key(path: &Path) -> Result<VerifyingKey, Failure> {
    let bad = |what: String| {
        Failure::input(format!("`{}` is no key: {what}", path.display()))
            .help("give a public key as PEM, DER or JSON Web Key")
    };
    let spki = public_key(&files::read(path)?).map_err(|error| bad(error.to_string()))?;
    VerifyingKey::from_spki(&spki).map_err(|error| bad(error.to_string()))
}

/// What can't be said here is named, each with its place, and nothing is written.
fn refused(path: &Path, error: &ImportError) -> Failure {
    let failure = Failure::input(format!("`{}` is not imported: {error}", path.display()));
    match error {
        ImportError::Unverified => {
            failure.help("give the signer's key with --signer KEY, or say that nobody looks: --dangerously-unverified")
        }
        ImportError::Unsigned { .. } => {
            failure.help("get the signed document, or leave out --signer: then it is your word alone")
        }
        ImportError::Refused { .. } => failure
            .help("nothing was written: leave these out of the document, or say what they mean in domain.toml by hand"),
        _ => failure,
    }
}

fn of(owner: &str, file: &Path, imported: &Imported) -> Result<Domain, Failure> {
    Domain::of(owner, 0, imported.statements.clone(), Vec::new(), Vec::new()).map_err(|error| makes_none(file, &error))
}

/// The text of a domain with the imported entries after it: its comments stay, and together they accept no more than each alone.
fn appended(path: &Path, args: &DomainImportArgs, imported: &Imported) -> Result<String, Failure> {
    let text = files::read_text(path)?;
    let before = Domain::parse(&text).map_err(|error| domain_file::marked(path, &text, &error))?;
    if args.format == ImportFormat::Rvps {
        // Half of what Trustee's policy asks for would count on whatever platform the domain has.
        alone(before.owner(), &args.file, imported)?;
    }
    let refused = |what: String| Failure::input(format!("`{}` is not imported: {what}", args.file.display()));
    let new = renamed(&before, &imported.statements);
    if new.is_empty() {
        return Err(refused(format!("`{}` says all of it already", path.display())));
    }
    let widening = widening(&before, &imported.statements, clock::now()).map_err(|error| refused(error.to_string()))?;
    if let Some(widening) = widening {
        return Err(refused(plain(&widening.to_string())).help(
            "nothing was written: import it into a file of its own with --out, or raise what the platforms there demand",
        ));
    }
    let new = Imported { statements: new, ..imported.clone() };
    let entries = of(before.owner(), &args.file, &new)?.entries_toml();
    Ok(format!("{}\n{entries}", text.trim_end()))
}

/// What the domain doesn't say already, under names that are free there.
fn renamed(before: &Domain, imported: &[Statement]) -> Vec<Statement> {
    let own = || before.own().map(Said::statement);
    let is_new = |statement: &&Statement| {
        !own().any(|other| other.sentence == statement.sentence && other.validity == statement.validity)
    };
    let names: BTreeSet<&str> = own().map(|statement| statement.label.as_str()).collect();
    let others: BTreeSet<&str> = imported.iter().map(|statement| statement.label.as_str()).collect();
    // One name for all that the document calls by one: what belongs together stays together.
    let mut free: BTreeMap<&str, String> = BTreeMap::new();
    for label in others.iter().copied().filter(|label| names.contains(label)) {
        let numbered = (2..).map(|number: u64| format!("{label} ({number})"));
        let taken = |name: &String| names.contains(name.as_str()) || others.contains(name.as_str());
        if let Some(name) = numbered.into_iter().find(|name| !taken(name)) {
            free.insert(label, name);
        }
    }
    let renamed = imported.iter().filter(is_new).map(|statement| Statement {
        label: free.get(statement.label.as_str()).unwrap_or(&statement.label).clone(),
        ..statement.clone()
    });
    renamed.collect()
}

fn tell(imported: &Imported, warnings: &[String], screen: Screen) {
    let under = match imported.signed {
        Signed::By(key) => format!("signed by {key}, as was verified"),
        Signed::DangerouslyUnverified => "signed, and nobody looked by whom: its word is yours now".to_owned(),
        Signed::Unsigned => "signed by nobody: its word is yours now".to_owned(),
    };
    let count = imported.statements.len();
    let plural = if count == 1 { "" } else { "s" };
    screen.line(format!("imported {count} statement{plural}; the document is {under}"));
    warnings.iter().for_each(|warning| screen.line(format!("warning: {}", plain(warning))));
    for note in &imported.notes {
        screen.line(format!("note: {}", plain(note)));
    }
    for endorsement in &imported.endorsements {
        if let Endorsement::Key { owner, id, .. } = endorsement {
            screen.line(format!(
                "it also makes a key known: --trust-key {owner}:{}=… with `casemate verify` and `appraise`",
                hex::encode(id)
            ));
        }
    }
}

fn signed(signed: Signed) -> Value {
    match signed {
        Signed::By(key) => json!(key.to_string()),
        Signed::DangerouslyUnverified => json!("unverified"),
        Signed::Unsigned => Value::Null,
    }
}

/// A key that the document makes known, as JSON.
fn key(endorsement: &Endorsement) -> Option<Value> {
    match endorsement {
        Endorsement::Key { owner, id, spki } => {
            let owner: &KeyOwner = owner;
            Some(json!({"owner": owner.to_string(), "id": hex::encode(id), "spki": hex::encode(spki)}))
        }
        _ => None,
    }
}
