//! What verbs share that hold evidence against domains: one piece of evidence, one domain, one outcome.

use std::path::Path;

use casemate_cose::{UnixTime, VerifyingKey};
use casemate_evidence::{
    AllowDebug, Authenticated, DangerouslyUnbound, Endorsements, Evidence, Expectation, Refusal, authenticate,
};
use casemate_trust::{
    DenyReason, Domain, Reason, Verdict, appraise,
    component::{Component, components},
    proof::Proof,
    result::{self, AttestationResult, NONCE_BYTES_MAX, NONCE_BYTES_MIN, VerifierId},
};

use crate::{cli::verify::EndorsedArgs, clock, failure::Failure, gathered::Gathered, screen::Screen};

use super::verify::{self, reason};

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

/// Authenticates one piece of evidence: its components.
pub(super) fn authentic(
    evidence: &Evidence,
    endorsements: &Endorsements,
    expected: Expected<'_>,
    at: UnixTime,
) -> Result<Vec<Component>, Box<Refusal>> {
    judge(evidence, endorsements, expected, at, &Look)
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

/// Only to see what it says.
struct Look;

impl Then for Look {
    type Output = Vec<Component>;

    fn then<B: Expectation>(&self, authentic: Authenticated<B>) -> Vec<Component> {
        components(authentic.claims())
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

/// The one piece of evidence in a file: what several say of several machines has several verdicts.
pub(super) fn only(recognised: &casemate_evidence::Recognised, path: &Path) -> Result<Evidence, Failure> {
    match recognised.evidence.as_slice() {
        [one] => Ok(one.clone()),
        several => Err(Failure::input(format!("`{}` holds {} pieces of evidence", path.display(), several.len()))
            .help("give them one by one; `casemate verify` shows each")),
    }
}

/// Reasons of a denial in the form in which they travel.
pub(super) fn reasons(denials: &[DenyReason]) -> Vec<Reason> {
    denials.iter().map(DenyReason::reason).collect()
}

/// Evidence that is not authentic.
pub(super) fn not_authentic(path: &Path, refusal: &Refusal) -> Failure {
    Failure::refused(format!("`{}` is not authentic", path.display()), vec![reason(refusal)])
}

/// A domain that accepts authentic evidence.
pub(super) fn draft(path: &Path, args: &EndorsedArgs, owner: &str, screen: Screen) -> Result<Domain, Failure> {
    let at = args.at.unwrap_or_else(clock::now);
    let recognised = verify::read(path, args.format)?;
    let evidence = only(&recognised, path)?;
    let gathered = verify::gather(args)?;
    let endorsements = gathered.endorsements().with_all(recognised.carried.iter().cloned());
    let authentic = authenticate(&evidence, &endorsements, &DangerouslyUnbound, at)
        .map_err(|refusal| not_authentic(path, &refusal))?;
    screen.line(format!("{}: {}, authentic at {at} with {}", path.display(), recognised.what, gathered.describe()));
    let name = path.file_stem().map_or_else(|| "drafted".to_owned(), |name| name.display().to_string());
    let drafted = casemate_trust::draft(&authentic, &name);
    let keys = drafted.launchers.into_iter().map(VerifyingKey::Ed25519).collect();
    Domain::of(owner, 0, drafted.statements, keys, Vec::new())
        .map_err(|error| Failure::input(format!("no domain could be drafted: {error}")).help(error.help()))
}
