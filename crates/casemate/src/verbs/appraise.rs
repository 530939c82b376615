//! `casemate appraise`: whether a domain accepts evidence, with a proof, or with every condition that is not met.
//!
//! Exit code 0 accepted, 1 not authentic or denied, 2 not understood, 3 this machine failed.

use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use casemate_cose::{Signer, SigningKey};
use casemate_trust::{
    explain::{Account, Names},
    result::{self, AttestationResult},
};
use serde_json::{Map, Value, json};

use crate::{
    cli::{
        Global,
        domain::{AppraiseArgs, EarNames},
    },
    clock,
    failure::{Failure, Outcome, reason_json},
    files,
    screen::{Screen, plain},
    state::State,
};

use super::{
    appraised::{self, Expected, Judged},
    domain_file, verify,
};

/// Holds a file of evidence against a domain.
pub(crate) async fn appraise(args: &AppraiseArgs, global: &Global, screen: Screen) -> Outcome {
    let at = args.endorsed.at.unwrap_or_else(clock::now);
    let stated = verify::Expected::of(&args.expected)?;
    let domain = domain_file::read(&args.domain)?.domain;
    let recognised = verify::read(&args.evidence, args.endorsed.format)?;
    stated.check_formats(&recognised)?;
    let evidence = appraised::only(&recognised, &args.evidence)?;
    let gathered = verify::gather(&args.endorsed)?;
    let endorsements = appraised::endorsements(&gathered, &recognised.carried, &domain);
    let expected = Expected { stated: Some(&stated), allow_debug: args.expected.allow_debug };
    let appraised = appraised::appraised(&evidence, &endorsements, expected, &domain, at)
        .map_err(|refusal| appraised::not_authentic(&args.evidence, &refusal))?;
    screen.line(format!("{}: {}", args.evidence.display(), recognised.what));
    screen.line(format!("judged at {at} with {}", gathered.describe()));
    screen.line(format!("under the domain of {}, {}", domain.owner(), domain.digest()));
    let names = Names::of_domain(&domain).with_evidence(&appraised.components);
    if let Some(path) = &args.ear {
        ear(path, &appraised.result, args.ear_names, global).await?;
    }
    let mut object = Map::new();
    object.insert("file".to_owned(), json!(args.evidence.display().to_string()));
    object.insert("at".to_owned(), json!(at.0));
    object.insert("domain".to_owned(), json!(domain.digest().to_string()));
    object.insert("evidence".to_owned(), json!(appraised.result.evidence.to_string()));
    match &appraised.outcome {
        Judged::Accepted { proof, notes, expires, .. } => {
            let account = Account::of_proof(proof, &names);
            if let Some(path) = &args.proof {
                files::write(path, &proof.to_bytes())?;
            }
            draw(args.svg.as_deref(), &account)?;
            screen.line(format!("\naccepted until {expires}: {}", account.words().trim_end()));
            for note in notes {
                screen.line(format!("note: {}", plain(note)));
            }
            if args.expected.dangerously_unbound {
                screen.line("perhaps a replay: nothing says for whom the evidence was made");
            }
            object.insert("verdict".to_owned(), json!("accepted"));
            object.insert("expires".to_owned(), json!(expires.0));
            object.insert("proof".to_owned(), json!(proof.digest().to_string()));
            object.insert("notes".to_owned(), json!(notes));
            object.insert("account".to_owned(), json!(account.words().lines().collect::<Vec<_>>()));
            screen.object(&Value::Object(object));
            Ok(())
        }
        Judged::Denied(denials) => {
            let reasons = appraised::reasons(denials);
            let what = args.evidence.display().to_string();
            draw(args.svg.as_deref(), &Account::of_denial(&what, &reasons))?;
            object.insert("verdict".to_owned(), json!("denied"));
            object.insert("reasons".to_owned(), reasons.iter().map(reason_json).collect());
            screen.object(&Value::Object(object));
            let failure = Failure::refused(
                format!("`{what}` is authentic, and the domain of {} denies it", domain.owner()),
                reasons,
            );
            Err(if args.proof.is_some() {
                failure.help("there is no proof of what is denied: none was written")
            } else {
                failure
            }
            .in_object())
        }
    }
}

/// Writes a picture.
pub(super) fn draw(path: Option<&Path>, account: &Account) -> Result<(), Failure> {
    let Some(path) = path else { return Ok(()) };
    let picture = account.picture().map_err(|error| {
        Failure::input(format!("no picture: {error}")).help("leave --svg out: the words have all of it")
    })?;
    files::write(path, picture.as_bytes())
}

/// Writes the outcome as an EAR, signed by the party.
async fn ear(path: &Path, result: &AttestationResult, names: EarNames, global: &Global) -> Result<(), Failure> {
    let (keys, _store) = State::open(global)?.unlock().await?;
    let signer = Signer::Ed25519(SigningKey::from_seed(keys.identity().seed()));
    let names = match names {
        EarNames::Dotted => result::Names::Dotted,
        EarNames::Ietf => result::Names::Ietf,
    };
    let token = result
        .to_jwt(names, &signer, &SystemRandom::new())
        .map_err(|error| Failure::machine(format!("no EAR was written: {error}")))?;
    files::write(path, token.as_bytes())
}
