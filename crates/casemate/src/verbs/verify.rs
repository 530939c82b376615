//! `casemate verify`: whether evidence of any TEE is authentic, check by check. Needs no state folder and no network.
//!
//! Exit code 0 if it is, 1 if it was refused, 2 if it could not be understood or a file is not there, 3 if this machine failed.

use std::path::Path;

use casemate_cose::{Digest, UnixTime, claimed_signer};
use casemate_evidence::{
    AllowDebug, Authenticated, Claims, DangerouslyUnbound, Endorsements, Evidence, Expectation, Format, NotCompared,
    Recognised, Refusal, Stated, Support, Unrecognised, authenticate, loose, recognise, steps,
};
use casemate_trust::Reason;
use serde_json::{Value, json};

use crate::{
    cli::verify::{EndorsedArgs, ExpectedArgs, VerifyArgs},
    clock,
    failure::{Failure, Outcome, reason_json},
    files,
    gathered::{self, Gathered, PassedOver},
    screen::{Screen, steers},
};

/// Verifies a file of evidence.
pub(crate) fn verify(args: &VerifyArgs, screen: Screen) -> Outcome {
    let at = args.endorsed.at.unwrap_or_else(clock::now);
    let expected = Expected::of(&args.expected)?;
    let recognised = read(&args.evidence, args.endorsed.format)?;
    expected.check_formats(&recognised)?;
    let gathered = gather(&args.endorsed)?;
    let endorsements = gathered.endorsements().with_all(recognised.carried.iter().cloned());
    screen.line(format!("{}: {}", args.evidence.display(), recognised.what));
    screen.line(format!("judged at {at} with {}", gathered.describe()));
    gathered.notes().iter().for_each(|note| screen.line(format!("note: {note}")));
    let mut judged = Vec::new();
    let mut reasons: Vec<Reason> = Vec::new();
    let mut refused_parts = Vec::new();
    for (place, evidence) in recognised.evidence.iter().enumerate() {
        let name = recognised.parts.get(place).map(String::as_str);
        let outcome = judge(evidence, &endorsements, &expected, args.expected.allow_debug, at);
        if recognised.evidence.len() > 1 {
            let name = name.map(|name| format!(": {}", plain(name))).unwrap_or_default();
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
        "passed_over": gathered.passed_over().iter().map(|PassedOver { path, .. }| path.display().to_string()).collect::<Vec<_>>(),
        "notes": gathered.notes(),
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

/// Reads a file of evidence.
pub(super) fn read(path: &Path, format: Option<Format>) -> Result<Recognised, Failure> {
    let bytes = files::read(path)?;
    match format {
        Some(format) => Ok(Recognised::of_format(format, &bytes)),
        None => recognise(&bytes).map_err(|error| not_understood(path, &bytes, &error)),
    }
}

/// What was made of one piece of evidence, whatever was expected of it.
type Judged = Result<(Claims, Support, Digest), Box<Refusal>>;

/// What the evidence has to state; nothing of it if the caller says that it doesn't know.
pub(super) struct Expected {
    nonce: Option<Vec<u8>>,
    report_data: Option<Vec<u8>>,
}

impl Expected {
    /// What the options say.
    pub(super) fn of(args: &ExpectedArgs) -> Result<Self, Failure> {
        let read = |option, text: &Option<String>| text.as_deref().map(|text| bytes_of(option, text)).transpose();
        Ok(Self { nonce: read("--nonce", &args.nonce)?, report_data: read("--report-data", &args.report_data)? })
    }

    /// Both fields are there in Nitro documents alone.
    pub(super) fn check_formats(&self, recognised: &Recognised) -> Result<(), Failure> {
        let mut others = recognised.evidence.iter().filter(|evidence| evidence.format() != Format::Nitro);
        match others.next() {
            Some(other) if self.nonce.is_some() && self.report_data.is_some() => {
                Err(one_field(other.format().as_str()))
            }
            _ => Ok(()),
        }
    }

    /// The bytes that somebody asked with.
    pub(super) fn asked(&self) -> Option<&[u8]> {
        self.nonce.as_deref().or(self.report_data.as_deref())
    }

    /// The expectation of all of it.
    pub(super) fn stated(&self) -> Option<Stated> {
        match (self.report_data.clone(), self.nonce.clone()) {
            (None, None) => None,
            (Some(report_data), None) => Some(Stated::new(report_data)),
            (None, Some(nonce)) => Some(Stated::nonce(nonce)),
            (Some(report_data), Some(nonce)) => Some(Stated::new(report_data).and_nonce(nonce)),
        }
    }
}

fn one_field(of: &str) -> Failure {
    Failure::input(format!("`{of}` has one field for both `--nonce` and `--report-data`")).help("give one of them")
}

pub(super) fn bytes_of(option: &str, text: &str) -> Result<Vec<u8>, Failure> {
    let help = "write all of its bytes as hex digits, two for each; it is compared whole";
    let bytes = hex::decode(text.strip_prefix("0x").unwrap_or(text))
        .map_err(|error| Failure::input(format!("`{option}` is not hexadecimal: {error}")).help(help))?;
    if bytes.is_empty() {
        let help = "give the bytes that you asked with, or --dangerously-unbound";
        return Err(Failure::input(format!("`{option}` is empty, so that it binds to nothing")).help(help));
    }
    Ok(bytes)
}

fn judge(
    evidence: &Evidence,
    endorsements: &Endorsements,
    expected: &Expected,
    allow_debug: bool,
    at: UnixTime,
) -> Judged {
    match expected.stated() {
        Some(stated) => expecting(evidence, endorsements, stated, allow_debug, at),
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
    /// Nothing was given to compare with.
    NotCompared,
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
            (
                Refusal::Manifest { .. } | Refusal::Binding { .. } | Refusal::KeyBound | Refusal::OtherKey { .. },
                None,
            ) => steps(format).len() + 2,
            (_, None) => 1,
        }),
    };
    let not_compared = not_compared(outcome);
    let is_empty = |number: usize| not_compared.iter().any(|not| usize::from(not.step) == number && not.is_all);
    let went = |number: usize| match failed_at {
        None if is_empty(number) => Went::NotCompared,
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

/// What authentic evidence states and nothing was given to compare with.
fn not_compared(outcome: &Judged) -> Vec<NotCompared> {
    outcome.as_ref().map(|(claims, ..)| claims.not_compared()).unwrap_or_default()
}

/// Why something was not compared in the step at `place`, counted from 0.
fn reasons_not_compared(outcome: &Judged, place: usize) -> Vec<String> {
    let not = not_compared(outcome).into_iter().filter(|not| usize::from(not.step) == place + 1);
    not.map(|not| plain(&format!("not compared: {}: {}", not.what, not.why))).collect()
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
            Went::NotCompared => "not   ",
            Went::NotReached => "      ",
        };
        let source = if source.is_empty() { String::new() } else { format!("  [{source}]") };
        screen.line(format!("  {mark}  {:>2}. {text}{source}", number + 1));
        if went == Went::Failed
            && let Err(refusal) = outcome
        {
            screen.line(format!("              {}", plain(&refusal.to_string())));
        }
        for said in reasons_not_compared(outcome, number) {
            screen.line(format!("              {said}"));
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
        .enumerate()
        .map(|(place, (text, source, went))| {
            let went = match went {
                Went::Passed => "passed",
                Went::Failed => "failed",
                Went::NotCompared => "not compared",
                Went::NotReached => "not reached",
            };
            let not_compared = reasons_not_compared(outcome, place);
            json!({"check": text, "source": source, "outcome": went, "not_compared": not_compared})
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

pub(super) fn reason(refusal: &Refusal) -> Reason {
    Reason {
        rule: refusal.rule().to_owned(),
        expected: plain(&refusal.expected()),
        actual: plain(&refusal.actual()),
        remedy: plain(&refusal.remedy()),
    }
}

pub(super) fn gather(args: &EndorsedArgs) -> Result<Gathered, Failure> {
    let mut gathered = Gathered::of_paths(&args.endorsements, &args.publisher, args.not_older_than.as_ref())?;
    gathered::trust(&mut gathered, &args.trust_root, &args.trust_key)?;
    Ok(gathered)
}

/// Certificates without an end say so by this date [RFC 5280 §4.1.2.5].
const NO_END: u64 = 253_402_300_799;

/// Until when something holds.
pub(super) fn until(time: UnixTime) -> String {
    if time.0 >= NO_END { "without end".to_owned() } else { format!("until {time}") }
}

/// Text of others, without what would steer a terminal.
pub(crate) fn plain(text: &str) -> String {
    let shown = |character: char| {
        let steers = character.is_control() || steers(character);
        if steers { character.escape_default().to_string() } else { character.into() }
    };
    text.chars().map(shown).collect()
}

/// The last line: what was not asked is said.
fn conclusion(args: &VerifyArgs) -> &'static str {
    if args.expected.dangerously_unbound {
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
            gathered::count(&items)
        )),
        Err(_) => failure.help("if you know what it is, say so with --format"),
    }
}
