//! `casemate domain sign` and `export`: a domain as its owner's word, and in other forms.

use std::path::Path;

use casemate_cose::Digest;
use casemate_store::{Seal, Store};
use casemate_trust::{
    Domain, DomainError, Reason,
    domain::{PROGRAMS, SIGNERS},
    export::corim,
    statement::Said,
};
use serde_json::json;

use crate::{
    cli::{
        Global,
        domain::{DomainExportArgs, DomainForm, DomainSignArgs},
    },
    failure::{Failure, Outcome},
    files,
    output::{self, Written},
    screen::{Screen, plain},
    state::{self, State},
};

use super::{domain::said, domain_file, explain};

/// Signs the domain with the party's identity key, if it takes nothing back.
pub(super) async fn sign(args: &DomainSignArgs, global: &Global, screen: Screen) -> Outcome {
    let state = State::open(global)?;
    let (path, read) = domain_file::read_or_own(args.file.as_deref(), global)?;
    let domain = read.domain;
    if domain.owner() != state.name.as_str() {
        return Err(Failure::input(format!(
            "`{}` is the domain of {}, and this party is {}",
            path.display(),
            domain.owner(),
            state.name
        ))
        .help("write this party's name as `owner` under `[domain]`, or name the other party's folder with --state"));
    }
    check_dropped(&args.drop)?;
    let last = state.dir.join("domain.signed");
    let before = signed_before(&state, &last).await?;
    if let Some(before) = &before
        && let Err(error) = domain.supersedes_dropping(before, &args.drop.iter().cloned().collect())
    {
        let expected = "what takes nothing back that was signed";
        let reason = Reason::new("domain-rollback", expected, error.to_string(), error.help());
        return Err(Failure::refused(format!("`{}` is not signed", path.display()), vec![reason]));
    }
    if let Some(out) = args.out.as_ref().filter(|out| **out != last) {
        output::check(out, Written::SignedDomain)?;
    }
    let (keys, _store) = state.unlock().await?;
    let signed = domain.sign(keys.identity());
    // What the next one is compared with, before anybody else can have it.
    files::write(&last, &signed)?;
    let out = args.out.clone().unwrap_or_else(|| last.clone());
    if out != last {
        output::write(&out, Written::SignedDomain, &signed)?;
    }
    explain::domain(&domain, explain::Digests::Hidden, screen);
    screen.line(format!("wrote {}, signed by {}", out.display(), keys.public()));
    if before.is_none() {
        screen.line(
            "  this party's broker goes by what is signed from now on: sign again after each change of domain.toml",
        );
    }
    let warnings: Vec<String> = differs(&state, &domain).into_iter().collect();
    warnings.iter().for_each(|warning| screen.line(format!("warning: {warning}")));
    screen.object(&json!({
        "path": out, "digest": domain.digest().to_string(), "sequence": domain.sequence(), "signer": keys.public().to_string(),
        "warnings": warnings,
    }));
    Ok(())
}

/// A misspelt word would drop nothing, and one for what is there still would wait for the day that it goes.
fn check_dropped(words: &[String]) -> Result<(), Failure> {
    let is_known = |word: &&String| [SIGNERS, PROGRAMS].contains(&word.as_str()) || word.parse::<Digest>().is_ok();
    match words.iter().find(|word| !is_known(word)) {
        Some(word) => Err(Failure::input(format!("--drop: `{word}` is nothing that can be dropped"))
            .help(format!("`{SIGNERS}`, `{PROGRAMS}`, or a digest: the refusal without it tells which"))),
        None => Ok(()),
    }
}

/// The later of what this party signed last and what its broker went by last, if that was signed.
async fn signed_before(state: &State, last: &Path) -> Result<Option<Domain>, Failure> {
    let in_file = if last.exists() {
        let opened = Domain::open(&files::read(last)?, &state.identity()?);
        Some(opened.map_err(|error| {
            Failure::input(format!("`{}`: {error}", last.display())).help(
                "what was signed last has to be there and whole: restore it, or move it away: then only what the broker went by is \
                 compared",
            )
        })?)
    } else {
        None
    };
    let store = state.store().await?;
    let mark = store.domain_mark().await.map_err(state::store)?.filter(|mark| mark.seal == Seal::Signed);
    let in_force = match mark {
        Some(mark) => in_force(&store, &mark.digest).await?,
        None => None,
    };
    Ok(in_file.into_iter().chain(in_force).max_by_key(Domain::sequence))
}

/// The domain in force of this digest. What another version compiled can't be compared; the broker sees to the sequence number itself.
async fn in_force(store: &Store, digest: &Digest) -> Result<Option<Domain>, Failure> {
    let damaged = |why: &str| {
        Failure::machine(format!("nothing was signed: the domain in force last, {digest}, {why}"))
            .help("what is signed is compared with it: restore the state folder from a backup")
    };
    let compiled = store.compiled_domain(digest).await.map_err(state::store)?;
    match Domain::from_bytes(&compiled.ok_or_else(|| damaged("is not in `state.db`"))?) {
        Ok(domain) if domain.digest() == *digest => Ok(Some(domain)),
        Ok(_) => Err(damaged("is damaged in `state.db`: its digest is another")),
        Err(DomainError::Version { .. }) => Ok(None),
        Err(error) => Err(damaged(&format!("is damaged in `state.db`: {error}"))),
    }
}

/// That `domain.toml` is not what was signed, which shuts the broker.
fn differs(state: &State, signed: &Domain) -> Option<String> {
    let path = state.dir.join("domain.toml");
    if !path.exists() {
        return None;
    }
    let is_same = domain_file::read(&path).is_ok_and(|text| text.domain.digest() == signed.digest());
    let warning = || {
        format!(
            "{} says something else: the broker refuses every keep until it says the same, or is gone",
            path.display()
        )
    };
    (!is_same).then(warning)
}

/// Writes a domain in another form.
pub(super) fn export(args: &DomainExportArgs, global: &Global, screen: Screen) -> Outcome {
    let (_, read) = domain_file::read_or_own(args.file.as_deref(), global)?;
    let domain = read.domain;
    let digest = domain.digest().to_string();
    let object = json!({
        "owner": domain.owner(), "sequence": domain.sequence(), "digest": digest, "statements": said(&domain),
        "keys": domain.keys().map(ToString::to_string).collect::<Vec<_>>(),
    });
    if args.form == DomainForm::Corim {
        return manifests(args, &domain, screen);
    }
    let bytes = match args.form {
        DomainForm::Corim | DomainForm::Compiled => domain.to_bytes(),
        DomainForm::Json => format!("{object:#}\n").into_bytes(),
        DomainForm::Toml => {
            if let Some(why) = domain.unwritable() {
                return Err(
                    Failure::input(why).help("export it as `json` or `compiled`, or remove what can never count")
                );
            }
            domain.to_toml().into_bytes()
        }
    };
    match &args.out {
        Some(path) => {
            let written = match args.form {
                DomainForm::Corim => Written::Corim,
                DomainForm::Compiled => Written::CompiledDomain,
                DomainForm::Json => Written::JsonDomain,
                DomainForm::Toml => Written::Domain,
            };
            output::write(path, written, &bytes)?;
            screen.line(format!("wrote {}: the domain of {}, {digest}", path.display(), domain.owner()));
            screen.object(&json!({"path": path, "digest": digest, "bytes": bytes.len()}));
        }
        None => {
            let text = String::from_utf8(bytes).map_err(|_| {
                Failure::input("a compiled domain is no text").help("say where to write it with --out FILE")
            })?;
            screen.line(text.trim_end());
            screen.object(&json!({"digest": digest, "text": text}));
        }
    }
    Ok(())
}

/// Writes the reference values of a domain's owner as CoRIM.
fn manifests(args: &DomainExportArgs, domain: &Domain, screen: Screen) -> Outcome {
    let out = args
        .out
        .as_ref()
        .ok_or_else(|| Failure::input("a CoRIM is no text").help("say where to write it with --out FILE"))?;
    let exported = corim::export(domain.owner(), domain.own().map(Said::statement));
    if exported.documents.is_empty() {
        return Err(Failure::input(format!("the domain of {} has no reference values", domain.owner()))
            .help("reference values are its entries `[[runtime]]` with registers"));
    }
    let documents: Vec<Vec<u8>> = exported.documents.iter().map(|(_, bytes)| bytes.clone()).collect();
    let written = output::write_all(out, Written::Corim, &documents)?;
    for (path, (validity, _)) in written.iter().zip(&exported.documents) {
        screen.line(format!(
            "wrote {}: what counts{}",
            path.display(),
            if validity.to_string().is_empty() { " always".to_owned() } else { validity.to_string() }
        ));
    }
    output::tell_left_over(out, written.len(), screen);
    for label in &exported.left_out {
        screen.line(format!("left out, as it is no reference value: `{}`", plain(label)));
    }
    screen.object(&json!({"paths": written, "left_out": exported.left_out}));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_domain_in_force_that_is_gone_is_no_first_one() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let failure = in_force(&store, &Digest::of(b"gone")).await.unwrap_err();
        assert!(failure.exit_code() == 3 && failure.to_string().contains("is not in `state.db`"), "{failure}");
    }
}
