//! What verbs share that hold evidence against domains: one piece of evidence, one domain, one outcome.

use std::path::Path;

use casemate_cose::{UnixTime, VerifyingKey};
use casemate_evidence::{
    AllowDebug, Authenticated, Bound, DangerouslyUnbound, Endorsements, Evidence, Expectation, Refusal, authenticate,
};
use casemate_trust::{
    DenyReason, Domain, DomainError, Reason, Verdict, appraise,
    component::{Component, components},
    proof::{Proof, ProofError},
    result::{self, AttestationResult, NONCE_BYTES_MAX, NONCE_BYTES_MIN, VerifierId},
    shows,
};
use serde_json::{Value, json};

use crate::{
    cli::domain::DomainInitArgs,
    clock,
    failure::{Failure, reason_json},
    gathered::Gathered,
    screen::{Screen, plain},
};

use super::verify::{self, reason};

/// What is said of evidence that was taken `--dangerously-unbound`.
pub(super) const UNBOUND: &str = "perhaps a replay: nothing says for whom the evidence was made";

/// What is expected of evidence.
#[derive(Clone, Copy)]
pub(super) struct Expected<'a> {
    /// What it has to state, if that is known.
    pub(super) stated: Option<&'a verify::Expected>,
    pub(super) allow_debug: bool,
}

/// Authentic evidence, held against a domain.
pub(super) struct Appraised {
    pub(super) components: Vec<Component>,
    /// The outcome as others are told it.
    pub(super) result: AttestationResult,
    pub(super) outcome: Judged,
}

/// What a domain says of authentic evidence.
pub(super) enum Judged {
    Accepted { proof: Proof, notes: Vec<String>, expires: UnixTime },
    Denied(Vec<DenyReason>),
}

/// The endorsements that were gathered, those that the evidence carries, and the domain's launchers.
pub(super) fn endorsements(
    gathered: &Gathered,
    carried: &[casemate_evidence::Endorsement],
    domain: &Domain,
) -> Endorsements {
    let launchers = domain.endorsements();
    let all = carried.iter().chain(launchers.items()).cloned();
    gathered.endorsements().with_all(all)
}

/// Authenticates one piece of evidence and appraises it.
pub(super) fn appraised(
    evidence: &Evidence,
    endorsements: &Endorsements,
    expected: Expected<'_>,
    domain: &Domain,
    at: UnixTime,
) -> Result<Appraised, Box<Refusal>> {
    // What a result can repeat.
    let asked = expected.stated.and_then(verify::Expected::asked);
    let nonce = asked.filter(|bytes| (NONCE_BYTES_MIN..=NONCE_BYTES_MAX).contains(&bytes.len()));
    judge(evidence, endorsements, expected, at, &Appraise { domain, at, nonce: nonce.map(<[u8]>::to_vec) })
}

/// Authenticates evidence that was made for a session, as the broker at its other end did, and appraises it.
pub(super) fn appraised_bound(
    evidence: &Evidence,
    endorsements: &Endorsements,
    session: &Bound,
    domain: &Domain,
    at: UnixTime,
) -> Result<Appraised, Box<Refusal>> {
    let authentic = authenticate(evidence, endorsements, session, at)?;
    Ok(Appraise { domain, at, nonce: None }.then(authentic))
}

/// Authenticates evidence that was made for a session, as the broker at its other end did, and checks a proof of it.
pub(super) fn checked_bound(
    evidence: &Evidence,
    endorsements: &Endorsements,
    session: &Bound,
    (proof, domain): (&Proof, &Domain),
    at: UnixTime,
) -> Result<Checked, Box<Refusal>> {
    let authentic = authenticate(evidence, endorsements, session, at)?;
    Ok(Check { proof, domain, at }.then(authentic))
}

/// A proof that was held against authentic evidence.
pub(super) struct Checked {
    pub(super) components: Vec<Component>,
    /// Whether it shows that the domain trusts the evidence.
    pub(super) shown: Result<(), ProofError>,
}

/// Authenticates one piece of evidence and checks a proof of it.
pub(super) fn checked(
    evidence: &Evidence,
    endorsements: &Endorsements,
    expected: Expected<'_>,
    (proof, domain): (&Proof, &Domain),
    at: UnixTime,
) -> Result<Checked, Box<Refusal>> {
    judge(evidence, endorsements, expected, at, &Check { proof, domain, at })
}

/// What is done with authentic evidence, whatever it is bound to.
trait Then {
    type Output;
    fn then<B: Expectation>(&self, authentic: Authenticated<B>) -> Self::Output;
}

fn judge<T: Then>(
    evidence: &Evidence,
    endorsements: &Endorsements,
    expected: Expected<'_>,
    at: UnixTime,
    next: &T,
) -> Result<T::Output, Box<Refusal>> {
    fn one<B: Expectation, T: Then>(
        evidence: &Evidence,
        endorsements: &Endorsements,
        expectation: &B,
        at: UnixTime,
        next: &T,
    ) -> Result<T::Output, Box<Refusal>> {
        authenticate(evidence, endorsements, expectation, at).map(|authentic| next.then(authentic)).map_err(Box::new)
    }
    let stated = expected.stated.and_then(verify::Expected::stated);
    match (stated, expected.allow_debug) {
        (Some(stated), false) => one(evidence, endorsements, &stated, at, next),
        (Some(stated), true) => one(evidence, endorsements, &AllowDebug::new(stated), at, next),
        (None, false) => one(evidence, endorsements, &DangerouslyUnbound, at, next),
        (None, true) => one(evidence, endorsements, &AllowDebug::new(DangerouslyUnbound), at, next),
    }
}

/// To check a proof of it.
struct Check<'a> {
    proof: &'a Proof,
    domain: &'a Domain,
    at: UnixTime,
}

impl Then for Check<'_> {
    type Output = Checked;

    fn then<B: Expectation>(&self, authentic: Authenticated<B>) -> Checked {
        let shown = shows(self.proof, &authentic, self.domain, self.at);
        Checked { components: components(authentic.claims()), shown }
    }
}

/// To draft a domain that accepts it, and to see whether that does at this time.
struct DraftOf<'a> {
    owner: &'a str,
    at: UnixTime,
}

impl Then for DraftOf<'_> {
    type Output = Result<(Domain, Vec<DenyReason>), DomainError>;

    fn then<B: Expectation>(&self, authentic: Authenticated<B>) -> Self::Output {
        let drafted = casemate_trust::draft(&authentic, &casemate_trust::machine_name(&authentic));
        let keys = drafted.launchers.into_iter().map(VerifyingKey::Ed25519).collect();
        let domain = Domain::of(self.owner, 0, drafted.statements, keys, Vec::new())?;
        let denials = match appraise(authentic, &domain, self.at) {
            Verdict::Accepted(_) => Vec::new(),
            Verdict::Denied(denials) => denials,
        };
        Ok((domain, denials))
    }
}

/// To hold it against a domain.
struct Appraise<'a> {
    domain: &'a Domain,
    at: UnixTime,
    nonce: Option<Vec<u8>>,
}

impl Then for Appraise<'_> {
    type Output = Appraised;

    fn then<B: Expectation>(&self, authentic: Authenticated<B>) -> Appraised {
        let components = components(authentic.claims());
        let told = result::Appraised::of(&authentic);
        let verdict = appraise(authentic, self.domain, self.at);
        let verifier = VerifierId {
            developer: "casemate".to_owned(),
            build: concat!("casemate ", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        let result = AttestationResult::of(&told, &verdict, self.domain, verifier, self.nonce.clone(), self.at);
        let outcome = match verdict {
            Verdict::Accepted(accepted) => Judged::Accepted {
                proof: accepted.proof().clone(),
                notes: accepted.notes().iter().map(ToString::to_string).collect(),
                expires: accepted.expires(),
            },
            Verdict::Denied(reasons) => Judged::Denied(reasons),
        };
        Appraised { components, result, outcome }
    }
}

/// The one piece of evidence in a file, or the one that is named: what several say of several machines has several verdicts.
pub(super) fn only(
    recognised: &casemate_evidence::Recognised,
    path: &Path,
    piece: Option<&str>,
) -> Result<Evidence, Failure> {
    let (pieces, parts) = (recognised.evidence.as_slice(), &recognised.parts);
    match (pieces, piece) {
        ([one], None) => Ok(one.clone()),
        (several, None) => {
            Err(Failure::input(format!("`{}` holds {} pieces of evidence", path.display(), several.len()))
                .help(format!("choose one with --piece: {}", choices(several.len(), parts))))
        }
        (several, Some(piece)) => {
            let by_name = parts.iter().position(|part| part == piece);
            let by_number = || piece.parse::<usize>().ok()?.checked_sub(1);
            let chosen = by_name.or_else(by_number).and_then(|place| several.get(place));
            chosen.cloned().ok_or_else(|| {
                Failure::input(format!("`{}` holds no piece `{piece}`", path.display()))
                    .help(format!("its pieces: {}", choices(several.len(), parts)))
            })
        }
    }
}

/// The most pieces that are named.
const CHOICES_MAX: usize = 16;

fn choices(count: usize, parts: &[String]) -> String {
    let named = |place: usize| {
        parts.get(place).map_or_else(|| (place + 1).to_string(), |name| format!("{} ({})", place + 1, plain(name)))
    };
    let more = if count > CHOICES_MAX { ", …" } else { "" };
    (0..count.min(CHOICES_MAX)).map(named).collect::<Vec<_>>().join(", ") + more
}

/// Reasons of a denial in the form in which they travel. Whoever appraises a file has the choice of the time.
pub(super) fn reasons(denials: &[DenyReason]) -> Vec<Reason> {
    denials.iter().map(told).collect()
}

fn told(denial: &DenyReason) -> Reason {
    let reason = denial.reason();
    match denial {
        DenyReason::Time { actual, .. } => Reason {
            remedy: format!(
                "judge a recording at its own time: use --at {actual}; of evidence that was just made, make new, and set both \
                 machines' clocks by NTP"
            ),
            ..reason
        },
        _ => reason,
    }
}

/// One reason of a denial as JSON: what every reason has, and where in evidence and domain it comes from.
pub(super) fn denial_json(denial: &DenyReason) -> Value {
    let mut object = reason_json(&told(denial));
    if let Value::Object(object) = &mut object {
        object.insert("component".to_owned(), json!(denial.component()));
        object.insert("property".to_owned(), json!(denial.property()));
        object.insert("label".to_owned(), json!(denial.place().map(|place| &place.label)));
        object.insert("line".to_owned(), json!(denial.line()));
    }
    object
}

/// Evidence that is not authentic.
pub(super) fn not_authentic(path: &Path, refusal: &Refusal) -> Failure {
    Failure::refused(format!("`{}` is not authentic", path.display()), vec![reason(refusal)])
}

/// A domain that accepts authentic evidence, and what it lacks at this time nevertheless.
pub(super) fn draft(
    path: &Path,
    args: &DomainInitArgs,
    owner: &str,
    screen: Screen,
) -> Result<(Domain, Vec<String>), Failure> {
    let at = args.endorsed.at.unwrap_or_else(clock::now);
    let recognised = verify::read(path, args.endorsed.format)?;
    let evidence = only(&recognised, path, args.piece.as_deref())?;
    let gathered = verify::gather(&args.endorsed)?;
    let endorsements = gathered.endorsements().with_all(recognised.carried.iter().cloned());
    let expected = Expected { stated: None, allow_debug: args.allow_debug };
    let drafted = judge(&evidence, &endorsements, expected, at, &DraftOf { owner, at })
        .map_err(|refusal| not_authentic(path, &refusal))?;
    screen.line(format!("{}: {}, authentic at {at} with {}", path.display(), recognised.what, gathered.describe()));
    let (domain, denials) =
        drafted.map_err(|error| Failure::input(format!("no domain could be drafted: {error}")).help(error.help()))?;
    let note = |reason: &Reason| {
        format!(
            "at {at} it denies this very evidence: {}, where {} is demanded: {}",
            reason.actual, reason.expected, reason.remedy
        )
    };
    Ok((domain, reasons(&denials).iter().map(note).collect()))
}
