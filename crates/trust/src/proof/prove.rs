//! From a goal to its proof.

use casemate_cose::{Digest, UnixTime};

use super::{
    Effective, Fact, Facts, Proof, ProofError, Rule, check,
    derive::Derivation,
    graph::{Principal, VISITS_MAX},
};
use crate::statement::{Purpose, Sentence, Speaker, Subject};

/// Why one component of evidence is trusted: what the proof of it rests on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Grounds {
    /// Its attester is trusted for attestation.
    pub attester: Fact,
    /// What runs on it is trusted.
    pub measurement: Fact,
    /// A platform rule that it meets is trusted.
    pub platform: Fact,
    /// What is said of its hardware or attester and the rule demands, and the evidence doesn't say: one for each such
    /// property, ascending by name.
    pub properties: Vec<Fact>,
}

impl Effective {
    /// A proof of a sentence that is not about evidence, if there is one. What it concludes may be more than the goal: a right
    /// to publish that is deeper, execution as some release.
    ///
    /// # Errors
    /// [`ProofError::Entangled`], [`ProofError::TooMany`]: the proof would be longer than a checker reads; and
    /// [`ProofError::Time`], out of the window.
    pub fn prove(&self, goal: &Sentence, at: UnixTime) -> Result<Option<Proof>, ProofError> {
        let mut derivation = Derivation::new(self);
        let found = match goal {
            Sentence::Says { key, sentence } => self.prove_says(&mut derivation, *key, sentence)?,
            Sentence::SpeaksFor { speaker, principal } => self.prove_speaks_for(&mut derivation, speaker, principal)?,
            Sentence::Trusted { subject, purpose } => {
                self.is_trusted(subject, purpose).map(|fact| derivation.fact(fact)).transpose()?
            }
            _ => {
                let stated = self
                    .facts()
                    .find(|fact| self.said(*fact).is_some_and(|said| said.statement().sentence.unnested().1 == goal));
                stated.map(|fact| derivation.fact(fact)).transpose()?
            }
        };
        if found.is_none() {
            return Ok(None);
        }
        let proof = derivation.finish(at)?;
        check(&proof, self.standing(), Facts::NONE, at)?;
        Ok(Some(proof))
    }

    /// The proof of a sentence about evidence: [`Sentence::EvidenceTrusted`], or that the bound key is trusted for
    /// [`Purpose::Authentication`] or [`Purpose::KeyProvision`], or, where what runs on the first component is trusted for it,
    /// [`Purpose::Attestation`]. One [`Grounds`] for each component, in order. The checker has
    /// accepted what comes back.
    ///
    /// # Errors
    /// [`ProofError`], as [`check`](super::check()) says it: grounds that don't carry the goal.
    pub fn prove_evidence(
        &self,
        goal: &Sentence,
        grounds: &[Grounds],
        evidence: Facts<'_>,
        at: UnixTime,
    ) -> Result<Proof, ProofError> {
        let proof = self.derive_evidence(goal, grounds, evidence, at)?;
        let proved = check(&proof, self.standing(), evidence, at)?;
        if proved == goal { Ok(proof) } else { Err(ProofError::Foreign) }
    }

    /// The same, which nobody has checked.
    pub(crate) fn derive_evidence(
        &self,
        goal: &Sentence,
        grounds: &[Grounds],
        evidence: Facts<'_>,
        at: UnixTime,
    ) -> Result<Proof, ProofError> {
        let mut derivation = Derivation::new(self);
        let parts = (0..)
            .zip(grounds)
            .map(|(place, grounds)| component(&mut derivation, place, grounds))
            .collect::<Result<Vec<u32>, _>>()?;
        let whole = derivation.push(Rule::Whole, parts, Sentence::EvidenceTrusted)?;
        if let Sentence::Trusted { subject, .. } = goal {
            let speaks = Sentence::SpeaksFor { speaker: subject.clone(), principal: Subject::Environment(0) };
            let bound = derivation.push(Rule::Bound, Vec::new(), speaks)?;
            let mut premises = vec![whole, bound];
            if let (Sentence::Trusted { purpose: purpose @ Purpose::Attestation(_), .. }, [first, ..]) =
                (goal, evidence.components)
            {
                let attesting = self.attesting(first.kind, &first.registers, purpose).ok_or(ProofError::Foreign)?;
                premises.push(derivation.fact(attesting)?);
            }
            derivation.push(Rule::Authenticate, premises, goal.clone())?;
        }
        derivation.finish(at)
    }

    fn prove_speaks_for(
        &self,
        derivation: &mut Derivation<'_>,
        speaker: &Subject,
        principal: &Subject,
    ) -> Result<Option<u32>, ProofError> {
        let find = |subject: &Subject| self.graph.find(Principal::of(subject)?);
        if let (Subject::Domain(domain), None) = (principal, find(principal)) {
            // No statement names the domain: whoever speaks for its key speaks for it.
            let key = Subject::Key(*domain);
            let policy = derivation.policy(*domain)?;
            if *speaker == key {
                return Ok(Some(policy));
            }
            let Some(before) = self.prove_speaks_for(derivation, speaker, &key)? else { return Ok(None) };
            let conclusion = Sentence::SpeaksFor { speaker: speaker.clone(), principal: principal.clone() };
            return derivation.push(Rule::Transit, vec![before, policy], conclusion).map(Some);
        }
        let Some((from, to)) = find(speaker).zip(find(principal)) else { return Ok(None) };
        let Some(path) = self.believed_edges.path(from, to) else { return Ok(None) };
        derivation.path(from, &path).map(Some)
    }

    /// Among all that is said, what is this sentence once as many inner keys are heard as may be, of a key that speaks for
    /// the one asked for.
    fn prove_says(
        &self,
        derivation: &mut Derivation<'_>,
        key: Digest,
        sentence: &Sentence,
    ) -> Result<Option<u32>, ProofError> {
        let Some(to) = self.graph.find(Principal::Key(key)) else { return Ok(None) };
        let mut visits = 0_u64;
        let mut path = |from, to| {
            let reached = self.graph.by_root.reached_from(from);
            visits = visits.saturating_add(reached.visits());
            let walked = (visits <= VISITS_MAX).then(|| reached.path(from, to));
            walked.ok_or(ProofError::Entangled { max: VISITS_MAX })
        };
        for (place, said) in self.standing().standing() {
            let Speaker::Key(mut speaker) = said.speaker() else { continue };
            let (mut rest, mut hops) = (&said.statement().sentence, 0);
            loop {
                if rest == sentence && speaker == key {
                    return derivation.says(place, hops).map(Some);
                }
                let Some(from) = self.graph.find(Principal::Key(speaker)) else { break };
                if rest == sentence
                    && let Some(path) = path(from, to)?
                {
                    let says = derivation.says(place, hops)?;
                    let conclusion = Sentence::Says { key, sentence: Box::new(sentence.clone()) };
                    return derivation.relay(from, &path, says, conclusion).map(Some);
                }
                let Sentence::Says { key: next, sentence: inner } = rest else { break };
                let Some(over) = self.graph.find(Principal::Key(*next)) else { break };
                if path(from, over)?.is_none() {
                    break;
                }
                (rest, speaker, hops) = (inner, *next, hops.saturating_add(1));
            }
        }
        Ok(None)
    }
}

/// The steps to "component c is trusted for execution".
fn component(derivation: &mut Derivation<'_>, place: u16, grounds: &Grounds) -> Result<u32, ProofError> {
    let attester = derivation.fact(grounds.attester)?;
    let environment = derivation.push(Rule::Vouch, vec![attester], Sentence::IsEnvironment(place))?;
    let mut premises = vec![environment, derivation.fact(grounds.platform)?];
    for property in &grounds.properties {
        premises.push(derivation.fact(*property)?);
    }
    let platform = derivation.push(Rule::PlatformMeets, premises, Sentence::PlatformTrusted(place))?;
    let measurement = derivation.fact(grounds.measurement)?;
    let measured =
        derivation.push(Rule::Measured, vec![environment, measurement], Sentence::MeasurementTrusted(place))?;
    let trusted = Sentence::Trusted { subject: Subject::Environment(place), purpose: Purpose::Execution(None) };
    derivation.push(Rule::Compose, vec![platform, measured], trusted)
}
