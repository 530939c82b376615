//! `casemate admission issue`: from evidence that a domain accepts to a certificate or a token for the key that it names.
//!
//! 1. The authority holds its key and certificate, and its certificate holds now.
//! 2. The evidence is authentic, of no keep in debug mode, and names the key.
//! 3. The domain accepts it.
//! 4. What runs has a name, and its evidence may name its key as it does.
//! 5. What is written counts from then on, and no longer than the verdict.

use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use casemate_cose::{Digest, Signer, UnixTime};
use casemate_evidence::{BoundToKey, DangerouslyUnbound, Endorsements, Evidence, Platform, authenticate, public_key};
use casemate_trust::{
    Accepted, Reason, Verdict, appraise,
    result::{self, Admission, Authority, ResultError, digest_of_accepted},
};
use serde_json::{Value, json};

use crate::{
    cli::{Global, admission::AdmissionIssueArgs},
    clock,
    failure::{Failure, Outcome},
    files,
    output::{self, Written},
    screen::{Screen, plain},
    state::State,
};

use super::{
    admission::{self, pem},
    appraised, domain_file, verify,
};

/// What is said of evidence that was taken without a nonce.
const OLD: &str = "nothing says when the evidence was asked for: it counts for whoever holds the key, for as long as what vouches for it holds";

/// Issues an SVID. What is refused leaves none of before there; what was not understood leaves what is there.
pub(crate) async fn issue(args: &AdmissionIssueArgs, global: &Global, screen: Screen) -> Outcome {
    output::check(&args.out, Written::Svid)?;
    let outcome = issued(args, global, screen).await;
    if outcome.as_ref().is_err_and(Failure::is_refusal) {
        output::clear(&args.out, Written::Svid)?;
    }
    outcome
}

async fn issued(args: &AdmissionIssueArgs, global: &Global, screen: Screen) -> Outcome {
    let at = args.endorsed.at.unwrap_or_else(clock::now);
    if at > clock::now() {
        let message = format!("`--at {at}` is in the future: nobody knows yet what will be revoked then");
        return Err(Failure::input(message).help("leave --at out, or give the time of a recording"));
    }
    let nonce = args.nonce.as_deref().map(|text| verify::bytes_of("--nonce", text)).transpose();
    let nonce = nonce.map_err(|failure| {
        failure.help("give the nonce that you asked with, all of it in hex, or leave --nonce out")
    })?;
    // 1
    let state = State::open(global)?;
    let names = admission::names(&state)?;
    admission::check_trust_domain(&state, names.trust_domain())?;
    let authority = admission::own(&state)?;
    let names = names.ending(authority.until);
    let domain = domain_file::read(&args.domain)?.domain;
    let recognised = verify::read(&args.evidence, args.endorsed.format)?;
    let evidence = appraised::only(&recognised, &args.evidence, args.piece.as_deref())?;
    let gathered = verify::gather(&args.endorsed)?;
    let endorsements = appraised::endorsements(&gathered, &recognised.carried, &domain);
    // 2
    let spki = match &args.key {
        Some(path) => public_key(&files::read(path)?)
            .map_err(|error| Failure::input(format!("`{}` is no public key: {error}", path.display())))?,
        None => named_key(&evidence, &endorsements, &args.evidence, at)?,
    };
    let expected = BoundToKey::new(spki.clone()).map_err(|error| Failure::input(format!("the key: {error}")))?;
    let expected = nonce.clone().map_or(expected.clone(), |nonce| expected.with_nonce(nonce));
    let authentic = authenticate(&evidence, &endorsements, &expected, at)
        .map_err(|refusal| refused(&args.evidence, verify::reason(&refusal)))?;
    // 3
    let accepted = match appraise(authentic, &domain, at) {
        Verdict::Accepted(accepted) => accepted,
        Verdict::Denied(denials) => {
            let message =
                format!("`{}` is authentic, and the domain of {} denies it", args.evidence.display(), domain.owner());
            return Err(Failure::refused(message, appraised::reasons(&denials)));
        }
    };
    // 4
    let (id, dns) = names.name(&accepted).map_err(|error| failed(&args.evidence, &error, &names))?;
    let (id, dns) = (id.to_string(), dns.to_vec());
    let (keys, _store) = state.unlock().await?;
    let signer = admission::signer(&keys)?;
    check_own(&authority, &signer, at)?;
    // 5
    let (bytes, until) =
        made(args, &accepted, &spki, &names, &signer, at).map_err(|error| failed(&args.evidence, &error, &names))?;
    output::write(&args.out, Written::Svid, &bytes)?;

    let mut notes: Vec<String> = accepted.notes().iter().map(ToString::to_string).collect();
    notes.extend(nonce.is_none().then(|| OLD.to_owned()));
    screen.line(format!(
        "{}: {}, accepted by the domain of {}",
        args.evidence.display(),
        recognised.what,
        domain.owner()
    ));
    screen.line(format!("  named      {id}"));
    dns.iter().for_each(|host| screen.line(format!("  serves     {host}")));
    screen.line(format!("  key        {}", Digest::of(&spki)));
    screen.line(format!("  counts     from {at} until {until}"));
    screen.line(format!("  written    {}", args.out.display()));
    notes.iter().for_each(|note| screen.line(format!("note: {}", plain(note))));
    screen.object(&object(args, (&id, &dns), &spki, &accepted, (at, until), &notes));
    Ok(())
}

fn object(
    args: &AdmissionIssueArgs,
    (id, dns): (&str, &[String]),
    spki: &[u8],
    accepted: &Accepted<BoundToKey>,
    (at, until): (UnixTime, UnixTime),
    notes: &[String],
) -> Value {
    json!({
        "svid": args.out, "form": if args.jwt { "jwt" } else { "x509" }, "spiffe_id": id, "dns": dns, "audience": args.audience,
        "key": Digest::of(spki).to_string(), "from": at.0, "until": until.0,
        "evidence": accepted.evidence_digest().to_string(), "verdict": digest_of_accepted(accepted).to_string(),
        "domain": accepted.domain_digest().to_string(), "notes": notes,
    })
}

/// The SVID's bytes, and until when it counts.
fn made(
    args: &AdmissionIssueArgs,
    accepted: &Accepted<BoundToKey>,
    spki: &[u8],
    names: &Admission,
    signer: &Signer,
    at: UnixTime,
) -> Result<(Vec<u8>, UnixTime), ResultError> {
    let random = SystemRandom::new();
    let until = names.until(accepted, at)?;
    let bytes = match &args.audience {
        Some(audience) => result::jwt_svid(accepted, audience, names, signer, &random, at)?.into_bytes(),
        None => pem(&result::x509_svid(accepted, spki, names, signer, &random, at)?).into_bytes(),
    };
    Ok((bytes, until))
}

/// Whether the certificate that others believe is this key's, and holds.
fn check_own(authority: &Authority, signer: &Signer, at: UnixTime) -> Outcome {
    let help = "write it anew with `casemate admission renew`";
    admission::check_key(authority, signer)?;
    if at > authority.until || clock::now() > authority.until {
        return Err(Failure::input(format!("authority.pem holds until {}", authority.until)).help(help));
    }
    Ok(())
}

/// The key in evidence that has a place for one.
fn named_key(evidence: &Evidence, endorsements: &Endorsements, path: &Path, at: UnixTime) -> Result<Vec<u8>, Failure> {
    let authentic = authenticate(evidence, endorsements, &DangerouslyUnbound, at)
        .map_err(|refusal| refused(path, verify::reason(&refusal)))?;
    let named = match &authentic.claims().platform {
        Platform::Nitro(document) => document.public_key.clone(),
        Platform::Ratls(_) => public_key(evidence.bytes()).ok(),
        _ => None,
    };
    named.ok_or_else(|| {
        Failure::input(format!("`{}` holds no key", path.display())).help("name the attested key with --key")
    })
}

/// Evidence that leads to no name.
fn failed(path: &Path, error: &ResultError, names: &Admission) -> Failure {
    let file = format!("[[workload]] in admission.toml, of {}", names.trust_domain().id());
    let reason = match error {
        ResultError::Unnamed { what } => Reason::new(
            "admission-name",
            format!("what has a name: {file}"),
            format!("{what}, which has none"),
            format!("if that is to have one, write name and `runs = \"{what}\"` there"),
        ),
        ResultError::Ambiguous { names } => Reason::new(
            "admission-name",
            "what has one name, whichever of the measurements that it meets is taken",
            names.clone(),
            format!("give them one name in every {file}, or let the domain accept one of these measurements alone"),
        ),
        ResultError::SeveralComponents { actual } => Reason::new(
            "admission-components",
            "evidence of one component, whose measurement says what runs",
            format!("evidence of {actual} components, of which the CPU's measurement is but a part of what runs"),
            "name keeps by evidence of one component, or by a launcher's word",
        ),
        ResultError::StatedKey { what } => Reason::new(
            "admission-report-data",
            "a field of the attester that names the key, or a workload that has nothing stated as report data but what names its key",
            format!(
                "the key named by report data alone, be it through a certificate, of {what}, of which nobody said that"
            ),
            "if its program never states there what others ask for, write `report_data = \"key-digest\"` in its [[workload]]",
        ),
        ResultError::NoKeep => Reason::new(
            "admission-keep",
            "evidence of a keep",
            "evidence of a device or a token, where no keep runs",
            "give evidence of a keep",
        ),
        ResultError::Key { attested, actual } => Reason::new(
            "evidence-key",
            format!("the key {attested}"),
            format!("the key {actual}"),
            "give the key that the keep had attested",
        ),
        ResultError::Expired { expires, at } => Reason::new(
            "admission-expired",
            format!("a verdict, and what it rests on, that count at {at}"),
            format!("something of it that ended at {expires}"),
            "take endorsements and evidence of now, and have the keep attested again",
        ),
        ResultError::Invalid { .. } => return Failure::input(error.to_string()),
        other => return admission::library(other),
    };
    refused(path, reason)
}

fn refused(path: &Path, reason: Reason) -> Failure {
    Failure::refused(format!("`{}` leads to no name", path.display()), vec![reason])
}
