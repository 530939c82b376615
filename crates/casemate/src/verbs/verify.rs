//! `casemate verify`: whether evidence of any TEE is authentic, check by check. Needs no state folder and no network.
//!
//! Exit code 0 if it is, 1 if it was refused, 2 if it could not be understood.

use std::path::Path;

use casemate_cose::{Digest, UnixTime, claimed_signer};
use casemate_evidence::{
    AllowDebug, Authenticated, Claims, DangerouslyUnbound, Endorsements, Evidence, Expectation, Format, Recognised,
    Refusal, Stated, Support, Unrecognised, authenticate, loose, recognise, steps,
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
    let stated = stated(args)?;
    let bytes = files::read(&args.evidence)?;
    let recognised = match args.format {
        Some(format) => Recognised::of_format(format, &bytes),
        None => recognise(&bytes).map_err(|error| not_understood(&args.evidence, &bytes, &error))?,
    };
    let gathered = gather(args)?;
    let endorsements = gathered.endorsements().with_all(recognised.carried.iter().cloned());
    screen.line(format!("{}: {}", args.evidence.display(), recognised.what));
    screen.line(format!("judged at {at} with {}", gathered.describe()));
    let mut judged = Vec::new();
    let mut reasons: Vec<Reason> = Vec::new();
    let mut refused_parts = Vec::new();
    for (place, evidence) in recognised.evidence.iter().enumerate() {
        let name = recognised.parts.get(place).map(String::as_str);
        let outcome = judge(evidence, &endorsements, stated.as_deref(), args.allow_debug, at);
        if recognised.evidence.len() > 1 {
            let name = name.map(|name| format!(": {name}")).unwrap_or_default();
            screen.line(format!("\npart {} of {}{name}", place + 1, recognised.evidence.len()));
        }
        show(evidence, &outcome, screen);
        let mut object = object(evidence, &outcome);
        if let (Some(name), Value::Object(object)) = (name, &mut object) {
            object.insert("part".to_owned(), json!(name));
        }
        judged.push(object);
        if let Err(refusal) = &outcome {
            refused_parts.extend(name);
            let reason = reason(refusal);
            // Parts of one machine may all be refused for the same.
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
    }
    let is_authentic = reasons.is_empty();
    screen.object(&json!({
        "file": args.evidence.display().to_string(), "what": recognised.what, "at": at.0, "authentic": is_authentic,
        "bundle": gathered.bundle().map(|digest| digest.to_string()), "evidence": judged,
        "reasons": reasons.iter().map(reason_json).collect::<Vec<_>>(),
        "passed_over": gathered.passed_over().iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
    }));
    if is_authentic {
        screen.line(conclusion(args));
        if recognised.evidence.iter().any(|evidence| evidence.format() == Format::Ratls) {
            screen.line(
                "it is bound to the certificate's key alone, which can be relayed: nothing releases a key for it",
            );
        }
        return Ok(());
    }
    let which = if refused_parts.is_empty() { String::new() } else { format!(": {}", refused_parts.join(", ")) };
    Err(Failure::refused(format!("`{}` is refused{which}", args.evidence.display()), reasons).in_object())
}

/// What was made of one piece of evidence, whatever was expected of it.
type Judged = Result<(Claims, Support, Digest), Box<Refusal>>;

/// What the evidence has to state, or `None` if the caller says that it doesn't know.
fn stated(args: &VerifyArgs) -> Result<Option<Vec<u8>>, Failure> {
    let (option, text) = match (&args.nonce, &args.report_data) {
        (Some(text), _) => ("--nonce", text),
        (None, Some(text)) => ("--report-data", text),
        (None, None) => return Ok(None),
    };
    let help = "write all of its bytes as hex digits, two for each; it is compared whole";
    let bytes = hex::decode(text.strip_prefix("0x").unwrap_or(text))
        .map_err(|error| Failure::input(format!("`{option}` is not hexadecimal: {error}")).help(help))?;
    if bytes.is_empty() {
        let help = "give the bytes that you asked with, or --dangerously-unbound";
        return Err(Failure::input(format!("`{option}` is empty, so that it binds to nothing")).help(help));
    }
    Ok(Some(bytes))
}

fn judge(
    evidence: &Evidence,
    endorsements: &Endorsements,
    stated: Option<&[u8]>,
    allow_debug: bool,
    at: UnixTime,
) -> Judged {
    match stated {
        Some(bytes) => expecting(evidence, endorsements, Stated::new(bytes.to_vec()), allow_debug, at),
        None => expecting(evidence, endorsements, DangerouslyUnbound, allow_debug, at),
    }
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
            (_, Some((at, number))) if at == format => usize::from(number),
            (_, Some((part, _))) => step_of_part(format, part),
            (Refusal::Debug, None) => steps(format).len() + 1,
            (Refusal::Manifest { .. } | Refusal::Binding { .. } | Refusal::KeyBound, None) => steps(format).len() + 2,
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

/// The step of `whole` that judges a part of it, by all steps of the part's own format.
const fn step_of_part(whole: Format, part: Format) -> usize {
    match (whole, part) {
        (Format::Azure, Format::Tpm) => 6,
        (Format::Azure, _) | (Format::Composite, Format::Gpu | Format::Tpm) => 3,
        (Format::Composite, _) => 2,
        (Format::Ratls, _) => 5,
        _ => 1,
    }
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
        if went == Went::Failed
            && let Err(refusal) = outcome
        {
            screen.line(format!("              {}", plain(&refusal.to_string())));
        }
    }
    let Ok((claims, support, digest)) = outcome else { return };
    screen.line("\nclaims");
    let facts = claims.facts();
    let width = facts.rows().iter().map(|fact| fact.name.len()).max().unwrap_or_default();
    for fact in facts.rows() {
        screen.line(format!("  {:width$}  {}", fact.name, plain(&fact.value)));
    }
    screen.line("\nrests on");
    for used in &support.used {
        screen.line(format!("  {:11}  {:26}  {}", used.kind, until(used.window.not_after), plain(&used.name)));
    }
    if support.used.is_empty() {
        screen.line("  keys that were given as believed, and nothing that expires");
    }
    if support.window.not_after.0 < NO_END {
        screen.line(format!("  all of it holds until {}", support.window.not_after));
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
        expected: plain(&refusal.expected()),
        actual: plain(&refusal.actual()),
        remedy: plain(&refusal.remedy()),
    }
}

fn gather(args: &VerifyArgs) -> Result<Gathered, Failure> {
    let mut gathered = Gathered::of_paths(&args.endorsements, &args.publisher, args.not_older_than)?;
    endorsements::trust(&mut gathered, &args.trust_root, &args.trust_key)?;
    Ok(gathered)
}

/// Certificates without an end say so by this date [RFC 5280 §4.1.2.5].
const NO_END: u64 = 253_402_300_799;

/// Until when something holds.
pub(super) fn until(time: UnixTime) -> String {
    if time.0 >= NO_END { "without end".to_owned() } else { format!("until {time}") }
}

/// Text of others, without what would steer a terminal.
pub(super) fn plain(text: &str) -> String {
    let shown = |character: char| {
        if character.is_control() { character.escape_default().to_string() } else { character.into() }
    };
    text.chars().map(shown).collect()
}

/// The last line: what was not asked is said.
fn conclusion(args: &VerifyArgs) -> &'static str {
    if args.dangerously_unbound {
        "\nauthentic, but perhaps a replay: nothing says for whom it was made"
    } else {
        "\nauthentic, and made for what you asked with; whether that is good enough is for you, or a domain, to say"
    }
}

fn not_understood(file: &Path, bytes: &[u8], error: &Unrecognised) -> Failure {
    let failure = Failure::input(format!("`{}` is not understood: {error}", file.display()));
    if !matches!(error, Unrecognised::Unknown) {
        return failure;
    }
    if claimed_signer(bytes).is_ok() {
        return failure.help("`casemate explain` says what it is; a bundle goes with --endorsements");
    }
    match loose(bytes) {
        Ok(items) => failure.help(format!(
            "it holds {}, which vouch for evidence: give it with --endorsements, and the evidence as EVIDENCE",
            endorsements::count(&items)
        )),
        Err(_) => failure.help("if you know what it is, say so with --format"),
    }
}
