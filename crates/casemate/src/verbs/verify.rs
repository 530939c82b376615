//! `casemate verify`: whether evidence of any TEE is authentic, check by check. Needs no state folder and no network.
//!
//! Exit code 0 if it is, 1 if it was refused, 2 if it could not be understood.

use std::path::Path;

use casemate_cose::{Digest, UnixTime};
use casemate_evidence::{
    AllowDebug, Authenticated, Claims, DangerouslyUnbound, Endorsements, Evidence, Expectation, Recognised, Refusal,
    Stated, Support, authenticate, recognise, steps,
};
use casemate_trust::Reason;
use serde_json::{Value, json};

use crate::{
    cli::verify::VerifyArgs,
    clock,
    failure::{Failure, Outcome, reason_json},
    files,
    screen::Screen,
};

use super::endorsements::{self, Gathered};

/// Verifies a file of evidence.
pub(crate) fn verify(args: &VerifyArgs, screen: Screen) -> Outcome {
    let at = args.at.unwrap_or_else(clock::now);
    let bytes = files::read(&args.evidence)?;
    let recognised = match args.format {
        Some(format) => Recognised::of_format(format, &bytes),
        None => recognise(&bytes).map_err(|error| not_understood(&args.evidence, &error))?,
    };
    let gathered = gather(args)?;
    let endorsements = gathered.endorsements().with_all(recognised.carried.iter().cloned());
    screen.line(format!("{}: {}", args.evidence.display(), recognised.what));
    screen.line(format!("judged at {at} with {}", gathered.describe()));
    let mut judged = Vec::new();
    let mut reasons = Vec::new();
    for (place, evidence) in recognised.evidence.iter().enumerate() {
        let outcome = judge(evidence, &endorsements, args, at)?;
        if recognised.evidence.len() > 1 {
            screen.line(format!("\npart {} of {}", place + 1, recognised.evidence.len()));
        }
        show(evidence, &outcome, screen);
        judged.push(object(evidence, &outcome));
        if let Err(refusal) = &outcome {
            reasons.push(reason(refusal));
        }
    }
    let is_authentic = reasons.is_empty();
    screen.object(&json!({
        "file": args.evidence, "what": recognised.what, "at": at.0, "authentic": is_authentic,
        "bundle": gathered.bundle().map(|digest| digest.to_string()), "evidence": judged,
    }));
    if is_authentic {
        screen.line("\nauthentic: whether that is good enough is for you, or a domain, to say");
        return Ok(());
    }
    Err(Failure::refused(format!("`{}` is refused", args.evidence.display()), reasons).in_object())
}

/// What was made of one piece of evidence, whatever was expected of it.
type Judged = Result<(Claims, Support, Digest), Box<Refusal>>;

fn judge(evidence: &Evidence, endorsements: &Endorsements, args: &VerifyArgs, at: UnixTime) -> Result<Judged, Failure> {
    let stated = match (&args.nonce, &args.report_data) {
        (Some(text), _) | (None, Some(text)) => Some(hex::decode(text.trim_start_matches("0x")).map_err(|error| {
            Failure::input(format!("the nonce is not hexadecimal: {error}")).help("write its bytes as hex digits")
        })?),
        (None, None) => None,
    };
    Ok(match stated {
        Some(bytes) => expecting(evidence, endorsements, Stated::new(bytes), args.allow_debug, at),
        None => expecting(evidence, endorsements, DangerouslyUnbound, args.allow_debug, at),
    })
}

fn expecting<B: Expectation>(
    evidence: &Evidence,
    endorsements: &Endorsements,
    expectation: B,
    allow_debug: bool,
    at: UnixTime,
) -> Judged {
    fn parts<B>(authentic: Authenticated<B>) -> (Claims, Support, Digest) {
        (authentic.claims().clone(), authentic.support().clone(), authentic.evidence_digest())
    }
    if allow_debug {
        authenticate(evidence, endorsements, &AllowDebug::new(expectation), at).map(parts).map_err(Box::new)
    } else {
        authenticate(evidence, endorsements, &expectation, at).map(parts).map_err(Box::new)
    }
}

/// How one check went.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Went {
    Passed,
    Failed,
    NotReached,
}

/// The format's checks and those that all formats share, in their order.
fn checks(evidence: &Evidence, outcome: &Judged) -> Vec<(String, &'static str, Went)> {
    let format = evidence.format();
    let failed_at = match outcome {
        Ok(_) => None,
        Err(refusal) => Some(match (&**refusal, refusal.step()) {
            // A part of a composite failed: the step that failed is the composite's, whatever the part's was.
            (_, Some((at, number))) if at == format => usize::from(number),
            (_, Some(_)) => 1,
            (Refusal::Debug, None) => steps(format).len() + 1,
            (Refusal::Manifest { .. } | Refusal::Binding { .. }, None) => steps(format).len() + 2,
            (_, None) => 1,
        }),
    };
    let went = |number: usize| match failed_at {
        None => Went::Passed,
        Some(failed) if number < failed => Went::Passed,
        Some(failed) if number == failed => Went::Failed,
        Some(_) => Went::NotReached,
    };
    let mut checks: Vec<_> =
        steps(format).iter().map(|step| (step.text.to_owned(), step.source, went(usize::from(step.number)))).collect();
    let next = steps(format).len();
    checks.push(("not in debug mode, or that was allowed".to_owned(), "", went(next + 1)));
    checks.push(("what it is bound to is what was asked for, or nothing was".to_owned(), "", went(next + 2)));
    checks
}

fn show(evidence: &Evidence, outcome: &Judged, screen: Screen) {
    screen.line(format!("format {}, {} bytes", evidence.format(), evidence.bytes().len()));
    screen.line("\nchecks");
    for (number, (text, source, went)) in checks(evidence, outcome).into_iter().enumerate() {
        let mark = match went {
            Went::Passed => "passed",
            Went::Failed => "FAILED",
            Went::NotReached => "      ",
        };
        let source = if source.is_empty() { String::new() } else { format!("  [{source}]") };
        screen.line(format!("  {mark}  {:>2}. {text}{source}", number + 1));
    }
    let Ok((claims, support, digest)) = outcome else { return };
    screen.line("\nclaims");
    let facts = claims.facts();
    let width = facts.rows().iter().map(|fact| fact.name.len()).max().unwrap_or_default();
    for fact in facts.rows() {
        screen.line(format!("  {:width$}  {}", fact.name, fact.value));
    }
    screen.line("\nrests on");
    for used in &support.used {
        screen.line(format!("  {:11}  until {}  {}", used.kind, until(used.window.not_after), used.name));
    }
    if support.window.not_after.0 != u64::MAX {
        screen.line(format!("  all of it holds until {}", until(support.window.not_after)));
    }
    screen.line(format!("\nevidence {digest}"));
}

fn object(evidence: &Evidence, outcome: &Judged) -> Value {
    let checks: Vec<Value> = checks(evidence, outcome)
        .into_iter()
        .map(|(text, source, went)| {
            let went = match went {
                Went::Passed => "passed",
                Went::Failed => "failed",
                Went::NotReached => "not reached",
            };
            json!({"check": text, "source": source, "outcome": went})
        })
        .collect();
    let mut object = json!({
        "format": evidence.format().as_str(), "digest": evidence.digest().to_string(), "authentic": outcome.is_ok(),
        "checks": checks,
    });
    let more = match outcome {
        Ok((claims, support, _)) => json!({
            "claims": claims.facts().rows().iter().map(|fact| json!({"name": fact.name, "value": fact.value})).collect::<Vec<_>>(),
            "rests_on": support.used.iter().map(|used| json!({
                "kind": used.kind, "name": used.name, "digest": used.digest.to_string(),
                "not_before": used.window.not_before.0, "not_after": used.window.not_after.0,
            })).collect::<Vec<_>>(),
            "not_after": support.window.not_after.0,
        }),
        Err(refusal) => json!({"refusal": reason_json(&reason(refusal))}),
    };
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}

fn reason(refusal: &Refusal) -> Reason {
    Reason {
        rule: refusal.rule().to_owned(),
        expected: refusal.expected(),
        actual: refusal.actual(),
        remedy: refusal.remedy(),
    }
}

fn gather(args: &VerifyArgs) -> Result<Gathered, Failure> {
    let mut gathered = Gathered::of_paths(&args.endorsements, &args.publisher, args.not_older_than)?;
    endorsements::trust(&mut gathered, &args.trust_root, &args.trust_key)?;
    Ok(gathered)
}

/// A time, or that there is no end.
pub(super) fn until(time: UnixTime) -> String {
    // X.509 says so for certificates without an end [RFC 5280 §4.1.2.5].
    const NO_END: u64 = 253_402_300_799;
    if time.0 >= NO_END { "no end            ".to_owned() } else { time.to_string() }
}

fn not_understood(file: &Path, error: &impl std::fmt::Display) -> Failure {
    Failure::input(format!("`{}` is not understood: {error}", file.display()))
        .help("if you know what it is, say so with --format")
}
