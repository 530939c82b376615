//! `casemate proof kept`: the proofs by which this party's broker believed the keeps of a run, checked again from what it kept. Nothing
//! is searched for, and nobody is asked.

use std::{fs, path::Path};

use casemate_cose::Digest;
use casemate_store::Store;
use casemate_trust::{
    Domain, Reason,
    explain::{Account, Names},
    proof::Proof,
};
use serde_json::{Value, json};

use crate::{
    cli::{Global, domain::ProofKeptArgs},
    failure::{Failure, Outcome},
    output,
    screen::Screen,
    state::{self, State},
};

use super::{
    appraised, domain_file,
    judged::{self, Kept},
    session_file,
};

/// Checks what was kept of a run.
pub(super) async fn kept(args: &ProofKeptArgs, global: &Global, screen: Screen) -> Outcome {
    let store = State::open(global)?.store().await?;
    let all = judged::of_run(&store, args.run).await?;
    if all.is_empty() {
        return Err(Failure::input(format!("nothing is kept of the run {}", args.run))
            .help("brokers keep the latest 4096 pieces of evidence that they accepted; the run may be older, or another broker's"));
    }
    if let Some(out) = &args.out {
        fs::create_dir_all(out).map_err(|error| Failure::io("create", out, &error))?;
    }
    let mut rows = Vec::new();
    for kept in &all {
        screen.line(kept.name());
        match &kept.proof {
            Some(proof) => {
                rows.push(checked(kept, proof, &domain_of(kept, args, &store).await?, args.out.as_deref(), screen)?)
            }
            None => rows
                .push(json!({"evidence": kept.evidence.digest().to_string(), "holds": false, "broker": kept.json()})),
        }
    }
    let denied = rows.iter().filter(|row| row["holds"] == false).count();
    screen.object(&json!({"run": args.run.to_string(), "kept": rows}));
    if denied < rows.len() {
        return Ok(());
    }
    Err(Failure::refused(
        format!("nothing shows that a keep of the run {} could be believed: it was denied", args.run),
        vec![],
    )
    .help("`casemate domain diff` says why, under the domain of now")
    .in_object())
}

/// The domain under which it was judged: the one that is named, or as it was kept.
async fn domain_of(kept: &Kept, args: &ProofKeptArgs, store: &Store) -> Result<Domain, Failure> {
    let named = args.domain.as_deref().map(domain_file::read).transpose()?.map(|read| read.domain);
    if let Some(domain) = named {
        if domain.digest() == kept.domain {
            return Ok(domain);
        }
        return Err(Failure::input(format!(
            "the broker went by the domain {}, and this is {}",
            kept.domain,
            domain.digest()
        ))
        .help("give the domain of that time, or none: it may be kept"));
    }
    let gone =
        || Failure::input(format!("the domain {} is not kept any more", kept.domain)).help("give it with --domain");
    let compiled = store.compiled_domain(&kept.domain).await.map_err(state::store)?.ok_or_else(gone)?;
    Domain::from_bytes(&compiled).map_err(|error| Failure::machine(format!("the domain {}: {error}", kept.domain)))
}

fn checked(kept: &Kept, proof: &Proof, domain: &Domain, out: Option<&Path>, screen: Screen) -> Result<Value, Failure> {
    let does_not_hold = |reason: Reason| {
        Failure::refused(
            format!("what the broker kept of {} does not show that it could be believed", kept.name()),
            vec![reason],
        )
    };
    let endorsements = domain.endorsements();
    let checked = appraised::checked_bound(&kept.evidence, &endorsements, &kept.session, (proof, domain), kept.at)
        .map_err(|refusal| does_not_hold(super::verify::reason(&refusal)))?;
    checked.shown.map_err(|error| {
        let expected = "a proof that the domain trusts this evidence, of which every step follows";
        does_not_hold(Reason::new("proof-check", expected, error.to_string(), "restore the state folder's `state.db`"))
    })?;
    let names = Names::of_domain(domain).with_evidence(&checked.components).checked();
    let words = Account::of_proof(proof, &names).words();
    words.trim_end().lines().for_each(|line| screen.line(format!("  {line}")));
    screen.line(format!("  the proof holds at {}: {} steps, each checked", kept.at, proof.steps.len()));
    let written = match out {
        Some(out) => write(kept, proof, domain, out)?,
        None => Vec::new(),
    };
    written.iter().for_each(|path| screen.line(format!("  wrote {path}")));
    Ok(json!({
        "evidence": kept.evidence.digest().to_string(), "holds": true, "proof": proof.digest().to_string(), "at": kept.at.0,
        "steps": proof.steps.len(), "account": words.lines().collect::<Vec<_>>(), "broker": kept.json(), "written": written,
    }))
}

fn write(kept: &Kept, proof: &Proof, domain: &Domain, out: &Path) -> Result<Vec<String>, Failure> {
    let name = |digest: Digest, ending: &str| out.join(format!("{}.{ending}", digest.short()));
    let mut written = Vec::new();
    for (path, bytes) in [
        (name(kept.evidence.digest(), "evidence"), kept.evidence.to_bytes()),
        (name(kept.evidence.digest(), "proof"), proof.to_bytes()),
        (name(kept.evidence.digest(), "session"), session_file::text(&kept.session)?.into_bytes()),
        (name(domain.digest(), "domain"), domain.to_bytes()),
    ] {
        output::write_once(&path, &bytes)?;
        written.push(path.display().to_string());
    }
    Ok(written)
}
