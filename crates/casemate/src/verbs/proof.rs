//! `casemate proof`: whether a proof proves what it says, of this evidence, under this domain. Nothing is searched for.

use casemate_trust::{
    Reason,
    explain::{Account, Names},
    proof::{Facts, Proof, check as check_proof},
};
use serde_json::json;

use crate::{
    cli::domain::{ProofCheckArgs, ProofVerb},
    failure::{Failure, Outcome},
    files,
    screen::Screen,
};

use super::{appraised, domain_file, verify};

/// Dispatches `casemate proof`.
pub(crate) fn proof(verb: &ProofVerb, screen: Screen) -> Outcome {
    match verb {
        ProofVerb::Check(args) => check(args, screen),
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
    let evidence = appraised::only(&recognised, &args.evidence)?;
    let gathered = verify::gather(&args.endorsed)?;
    let endorsements = appraised::endorsements(&gathered, &recognised.carried, &domain);
    let expected = appraised::Expected { stated: Some(&stated), allow_debug: args.expected.allow_debug };
    let components = appraised::authentic(&evidence, &endorsements, expected, at)
        .map_err(|refusal| appraised::not_authentic(&args.evidence, &refusal))?;
    let effective = domain.effective(at).map_err(|error| Failure::input(error.to_string()))?;
    let facts = Facts { components: &components, key: None };
    let names = Names::of_domain(&domain).with_evidence(&components);
    match check_proof(&proof, effective.standing(), facts, at) {
        Ok(_) => {
            let words = Account::of_proof(&proof, &names).words();
            screen.line(words.trim_end());
            screen.line(format!("\nthe proof holds at {at}: {} steps, each checked", proof.steps.len()));
            screen.object(&json!({
                "proof": proof.digest().to_string(), "domain": domain.digest().to_string(), "at": at.0, "holds": true,
                "steps": proof.steps.len(), "account": words.lines().collect::<Vec<_>>(),
            }));
            Ok(())
        }
        Err(error) => {
            let reason = Reason::new(
                "proof-check",
                "a proof of which every step follows",
                error.to_string(),
                "appraise the evidence again",
            );
            Err(Failure::refused(
                format!("`{}` proves nothing of `{}`", args.proof.display(), args.evidence.display()),
                vec![reason],
            ))
        }
    }
}
