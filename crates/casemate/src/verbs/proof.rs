//! `casemate proof`: whether a proof shows that a domain trusts this evidence. Nothing is searched for.

use casemate_trust::{
    Reason,
    explain::{Account, Names},
    proof::{Proof, ProofError},
    statement::{Sentence, Subject},
};
use serde_json::json;

use crate::{
    cli::{
        Global,
        domain::{ProofCheckArgs, ProofVerb},
    },
    failure::{Failure, Outcome},
    files,
    screen::Screen,
};

use super::{appraised, domain_file, proof_kept, session_file, verify};

/// Dispatches `casemate proof`.
pub(crate) async fn proof(verb: &ProofVerb, global: &Global, screen: Screen) -> Outcome {
    match verb {
        ProofVerb::Check(args) => check(args, screen),
        ProofVerb::Kept(args) => proof_kept::kept(args, global, screen).await,
    }
}

fn check(args: &ProofCheckArgs, screen: Screen) -> Outcome {
    let proof = Proof::from_bytes(&files::read(&args.proof)?).map_err(|error| {
        Failure::input(format!("`{}` is no proof: {error}", args.proof.display()))
            .help("`casemate explain` says what it is")
    })?;
    let at = args.endorsed.at.unwrap_or(proof.at);
    let stated = verify::Expected::of(&args.expected)?;
    let domain = domain_file::read(&args.domain)?.domain;
    let recognised = verify::read(&args.evidence, args.endorsed.format)?;
    stated.check_formats(&recognised)?;
    let evidence = appraised::only(&recognised, &args.evidence, args.piece.as_deref())?;
    let gathered = verify::gather(&args.endorsed)?;
    let endorsements = appraised::endorsements(&gathered, &recognised.carried, &domain);
    let expected = appraised::Expected { stated: Some(&stated), allow_debug: args.expected.allow_debug };
    let checked = match &args.session {
        Some(path) => {
            appraised::checked_bound(&evidence, &endorsements, &session_file::read(path)?, (&proof, &domain), at)
        }
        None => appraised::checked(&evidence, &endorsements, expected, (&proof, &domain), at),
    };
    let checked = checked.map_err(|refusal| appraised::not_authentic(&args.evidence, &refusal))?;
    checked.shown.map_err(|error| refused(args, &error))?;
    let names = Names::of_domain(&domain).with_evidence(&checked.components).checked();
    let words = Account::of_proof(&proof, &names).words();
    let mut notes = Vec::new();
    if args.endorsed.at.is_none() {
        notes.push("the time is the proof's own: demand one with --at".to_owned());
    }
    notes.extend(args.expected.dangerously_unbound.then(|| appraised::UNBOUND.to_owned()));
    screen.line(words.trim_end());
    screen.line(format!("\nthe proof holds at {at}: {} steps, each checked", proof.steps.len()));
    notes.iter().for_each(|note| screen.line(format!("note: {note}")));
    screen.object(&json!({
        "proof": proof.digest().to_string(), "domain": domain.digest().to_string(), "at": at.0, "holds": true,
        "steps": proof.steps.len(), "notes": notes, "account": words.lines().collect::<Vec<_>>(),
    }));
    Ok(())
}

/// Why it does not show that the domain trusts the evidence.
fn refused(args: &ProofCheckArgs, error: &ProofError) -> Failure {
    let is_of_key = matches!(error, ProofError::Goal { actual, .. }
        if matches!(&**actual, Sentence::Trusted { subject: Subject::Key(_), .. }));
    let remedy = match error {
        ProofError::Goal { .. } if is_of_key => {
            "whether evidence is bound to a key is seen in its session alone: give the one that the broker asked in with --session, which \
             `casemate proof kept --out` writes; of a file of evidence, `casemate appraise --proof` proves what can be checked here"
        }
        ProofError::Stale { .. } => "ask for a proof of the time of the evidence: a later one can't rest on it",
        _ => "appraise the evidence again",
    };
    let expected = "a proof that the domain trusts this evidence, of which every step follows";
    let reason = Reason::new("proof-check", expected, error.to_string(), remedy);
    let message = format!("`{}` does not show that `{}` is trusted", args.proof.display(), args.evidence.display());
    Failure::refused(message, vec![reason])
}
