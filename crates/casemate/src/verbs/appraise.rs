//! `casemate appraise`: whether a domain accepts evidence, with a proof, or with every condition that is not met.
//!
//! Exit code 0 accepted, 1 not authentic or denied, 2 not understood, 3 this machine failed.

use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use casemate_cose::{Signer, SigningKey, UnixTime};
use casemate_trust::{
    explain::{Account, Names},
    proof::Proof,
    result::{self, AttestationResult},
};
use serde_json::{Map, Value, json};

use crate::{
    cli::{
        Global,
        domain::{AppraiseArgs, EarForm, EarNames},
    },
    clock,
    failure::{Failure, Outcome},
    output::{self, Written},
    screen::{Screen, plain},
    state::State,
};

use super::{
    appraised::{self, Expected, Judged},
    domain_file, verify,
};

/// Holds a file of evidence against a domain.
pub(crate) async fn appraise(args: &AppraiseArgs, global: &Global, screen: Screen) -> Outcome {
    make_way(args)?;
    let at = args.endorsed.at.unwrap_or_else(clock::now);
    let stated = verify::Expected::of(&args.expected)?;
    let domain_file::DomainFile { domain, signer } = domain_file::read(&args.domain)?;
    let recognised = verify::read(&args.evidence, args.endorsed.format)?;
    stated.check_formats(&recognised)?;
    let evidence = appraised::only(&recognised, &args.evidence, args.piece.as_deref())?;
    let gathered = verify::gather(&args.endorsed)?;
    let endorsements = appraised::endorsements(&gathered, &recognised.carried, &domain);
    let expected = Expected { stated: Some(&stated), allow_debug: args.expected.allow_debug };
    let appraised = appraised::appraised(&evidence, &endorsements, expected, &domain, at)
        .map_err(|refusal| appraised::not_authentic(&args.evidence, &refusal))?;
    screen.line(format!("{}: {}", args.evidence.display(), recognised.what));
    screen.line(format!("judged at {at} with {}", gathered.describe()));
    screen.line(format!("under the domain of {}, {}", domain.owner(), domain.digest()));
    if let Some(signer) = signer {
        screen.line(format!("signed by {signer}: believe it if that is the identity key of {}", domain.owner()));
    }
    if let Some(path) = &args.ear {
        ear(path, &appraised.result, args, global).await?;
    }
    let unbound = args.expected.dangerously_unbound.then(|| appraised::UNBOUND.to_owned());
    let mut object = Map::new();
    object.insert("file".to_owned(), json!(args.evidence.display().to_string()));
    object.insert("at".to_owned(), json!(at.0));
    object.insert("domain".to_owned(), json!(domain.digest().to_string()));
    object.insert("evidence".to_owned(), json!(appraised.result.evidence.to_string()));
    match &appraised.outcome {
        Judged::Accepted { proof, notes, expires } => {
            let names = Names::of_domain(&domain).with_evidence(&appraised.components).checked();
            let account = Account::of_proof(proof, &names);
            let notes: Vec<String> = notes.iter().cloned().chain(unbound).collect();
            let account = account.with_notes(notes.iter().cloned());
            accepted(args, proof, &account, *expires, &notes, screen)?;
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
            draw(args.svg.as_deref(), &Account::of_denial(&what, &reasons).with_notes(unbound.clone()))?;
            object.insert("verdict".to_owned(), json!("denied"));
            object.insert("reasons".to_owned(), denials.iter().map(appraised::denial_json).collect());
            object.insert("notes".to_owned(), json!(unbound.into_iter().collect::<Vec<_>>()));
            screen.object(&Value::Object(object));
            let message = format!("`{what}` is authentic, and the domain of {} denies it", domain.owner());
            let failure = Failure::refused(message, reasons).in_object();
            let help = "there is no proof of what is denied: none was written";
            Err(if args.proof.is_some() { failure.help(help) } else { failure })
        }
    }
}

/// Writes and tells of an acceptance.
fn accepted(
    args: &AppraiseArgs,
    proof: &Proof,
    account: &Account,
    expires: UnixTime,
    notes: &[String],
    screen: Screen,
) -> Outcome {
    if let Some(path) = &args.proof {
        output::write(path, Written::Proof, &proof.to_bytes())?;
    }
    draw(args.svg.as_deref(), account)?;
    screen.line(format!("\naccepted until {expires}: {}", account.words().trim_end()));
    for note in notes {
        screen.line(format!("note: {}", plain(note)));
    }
    Ok(())
}

/// Takes proof, token and picture of before away, so that none is there of what was not judged so. Nothing else is taken away.
fn make_way(args: &AppraiseArgs) -> Outcome {
    let written = [(&args.proof, Written::Proof), (&args.ear, Written::Ear), (&args.svg, Written::Picture)];
    let named: Vec<(&Path, Written)> =
        written.iter().filter_map(|(path, written)| path.as_deref().map(|path| (path, *written))).collect();
    for (place, (path, written)) in named.iter().enumerate() {
        if named.iter().take(place).any(|(other, _)| other == path) {
            return Err(Failure::input(format!("`{}` is to become two things", path.display()))
                .help("name a file of its own for each"));
        }
        output::check(path, *written)?;
    }
    named.iter().try_for_each(|(path, written)| output::clear(path, *written))
}

/// Writes a picture.
pub(super) fn draw(path: Option<&Path>, account: &Account) -> Result<(), Failure> {
    let Some(path) = path else { return Ok(()) };
    let picture = account.picture().map_err(|error| {
        Failure::input(format!("no picture: {error}")).help("leave --svg out: the words have all of it")
    })?;
    output::write(path, Written::Picture, picture.as_bytes())
}

/// Writes the outcome as an EAR, signed by the party.
async fn ear(path: &Path, result: &AttestationResult, args: &AppraiseArgs, global: &Global) -> Result<(), Failure> {
    let (keys, _store) = State::open(global)?.unlock().await?;
    let signer = Signer::Ed25519(SigningKey::from_seed(keys.identity().seed()));
    let names = match args.ear_names {
        EarNames::Dotted => result::Names::Dotted,
        EarNames::Ietf => result::Names::Ietf,
    };
    let random = SystemRandom::new();
    let token = match args.ear_form {
        EarForm::Cwt => result.to_cwt(names, &signer, &random),
        EarForm::Jwt => result.to_jwt(names, &signer, &random).map(String::into_bytes),
    };
    let token = token.map_err(|error| Failure::machine(format!("no EAR was written: {error}")))?;
    output::write(path, Written::Ear, &token)
}
