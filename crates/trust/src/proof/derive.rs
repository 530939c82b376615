//! Writes down why a fact holds: steps, each after what it rests on.

use std::collections::BTreeMap;

use casemate_cose::{Digest, UnixTime};

use super::{
    Effective, Fact, PROOF_BYTES_MAX, Proof, ProofError, Rule, STEPS_MAX, Step,
    effective::Ground,
    graph::{Edge, Principal, Word},
};
use crate::statement::{Said, Sentence, Speaker, Subject};

/// A proof in the making.
pub(super) struct Derivation<'e> {
    effective: &'e Effective,
    /// Facts that have their step.
    facts: BTreeMap<Fact, u32>,
    /// Steps about statements, by rule and premises, which decide what they conclude.
    once: BTreeMap<(Rule, Vec<u32>, Option<Digest>), u32>,
    steps: Vec<Step>,
    /// How long they are at least: their sentences alone.
    bytes: usize,
}

impl<'e> Derivation<'e> {
    pub(super) const fn new(effective: &'e Effective) -> Self {
        Self { effective, facts: BTreeMap::new(), once: BTreeMap::new(), steps: Vec::new(), bytes: 0 }
    }

    /// # Errors
    /// [`ProofError::TooMany`]: a proof that would be longer than is read.
    pub(super) fn finish(self, at: UnixTime) -> Result<Proof, ProofError> {
        let proof = Proof { at, steps: self.steps };
        proof.check_length()?;
        Ok(proof)
    }

    /// The step that concludes a fact, after all that it rests on. Facts may rest on one another thousands deep: what is open
    /// is a list, not the stack.
    pub(super) fn fact(&mut self, goal: Fact) -> Result<u32, ProofError> {
        let mut open = vec![goal];
        while let Some(fact) = open.last().copied() {
            if self.facts.contains_key(&fact) {
                open.pop();
                continue;
            }
            let missing: Vec<Fact> =
                self.rests_on(fact).into_iter().flatten().filter(|needed| !self.facts.contains_key(needed)).collect();
            if missing.is_empty() {
                let step = self.conclude(fact)?;
                self.facts.insert(fact, step);
            } else {
                open.extend(missing);
            }
        }
        self.facts.get(&goal).copied().ok_or(ProofError::Foreign)
    }

    /// Adds a step about evidence.
    pub(super) fn push(&mut self, rule: Rule, premises: Vec<u32>, conclusion: Sentence) -> Result<u32, ProofError> {
        let actual = self.steps.len();
        let place = u32::try_from(actual).ok().filter(|_| actual < STEPS_MAX);
        let place = place.ok_or(ProofError::TooMany { what: "steps", actual, max: STEPS_MAX })?;
        self.bytes = self.bytes.saturating_add(casemate_cose::encode(&conclusion).len());
        if self.bytes > PROOF_BYTES_MAX {
            let what = "bytes of proof";
            return Err(ProofError::TooMany { what, actual: self.bytes, max: PROOF_BYTES_MAX });
        }
        self.steps.push(Step { rule, premises, conclusion });
        Ok(place)
    }

    /// The step "A speaks for B" over the edges of a path that begins at `from`.
    pub(super) fn path(&mut self, from: usize, path: &[Edge]) -> Result<u32, ProofError> {
        let mut whole = None;
        for edge in path {
            let leg = self.word(edge.node, edge.word)?;
            whole = Some(match whole {
                None => leg,
                Some(before) => {
                    let conclusion = self.speaks_for(from, edge.node)?;
                    self.once(Rule::Transit, vec![before, leg], None, conclusion)?
                }
            });
        }
        whole.ok_or(ProofError::Foreign)
    }

    /// The step "K says S" for a signed statement, relayed over as many of its inner keys as asked for.
    pub(super) fn says(&mut self, place: usize, hops: usize) -> Result<u32, ProofError> {
        let said = self.said(place)?;
        let Speaker::Key(mut speaker) = said.speaker() else { return Err(ProofError::Foreign) };
        let mut sentence = Sentence::Says { key: speaker, sentence: Box::new(said.statement().sentence.clone()) };
        let mut step = self.once(Rule::Signed(said.digest()), Vec::new(), None, sentence.clone())?;
        for _ in 0..hops {
            let Sentence::Says { sentence: inner, .. } = sentence else { return Err(ProofError::Foreign) };
            let Sentence::Says { key: next, .. } = *inner else { return Err(ProofError::Foreign) };
            let (from, to) = (self.node(Principal::Key(speaker))?, self.node(Principal::Key(next))?);
            let graph = &self.effective.graph;
            let path = graph.by_root.path(from, to).ok_or(ProofError::Foreign)?;
            let speaks = self.path(from, &path)?;
            sentence = *inner;
            speaker = next;
            step = self.once(Rule::Relay, vec![speaks, step], None, sentence.clone())?;
        }
        Ok(step)
    }

    /// The step "the key of digest d speaks for the domain of digest d".
    pub(super) fn policy(&mut self, domain: Digest) -> Result<u32, ProofError> {
        let (speaker, principal) = (Subject::Key(domain), Subject::Domain(domain));
        self.once(Rule::Policy, Vec::new(), Some(domain), Sentence::SpeaksFor { speaker, principal })
    }

    /// The step "L says S" after "K says S" over a path from K to L.
    pub(super) fn relay(
        &mut self,
        from: usize,
        path: &[Edge],
        says: u32,
        conclusion: Sentence,
    ) -> Result<u32, ProofError> {
        let speaks = self.path(from, path)?;
        self.once(Rule::Relay, vec![speaks, says], None, conclusion)
    }

    fn rests_on(&self, fact: Fact) -> [Option<Fact>; 2] {
        match self.effective.ground(fact) {
            Some(Ground::Inherited { word: Word::Stated(place), from, .. }) => {
                [Some(*from), self.effective.stated.get(*place).copied().flatten()]
            }
            Some(Ground::Inherited { word: Word::Policy, from, .. }) => [Some(*from), None],
            Some(Ground::Stated { may, .. }) => [*may, None],
            None => [None, None],
        }
    }

    fn conclude(&mut self, fact: Fact) -> Result<u32, ProofError> {
        let effective = self.effective;
        let conclusion = effective.sentence(fact).ok_or(ProofError::Foreign)?;
        match effective.ground(fact).ok_or(ProofError::Foreign)? {
            Ground::Stated { place, may } => {
                let said = self.said(*place)?;
                let Some(may) = may else {
                    return self.once(Rule::Domain(said.digest()), Vec::new(), None, conclusion);
                };
                let hops = said.statement().sentence.unnested().0.len();
                let says = self.says(*place, hops)?;
                let may = self.concluded(*may)?;
                self.once(Rule::Believe, vec![may, says], None, conclusion)
            }
            Ground::Inherited { word, principal, from, .. } => {
                let speaks = self.word(*principal, *word)?;
                let from = self.concluded(*from)?;
                self.once(Rule::Inherit, vec![speaks, from], None, conclusion)
            }
        }
    }

    /// The step of one edge.
    fn word(&mut self, principal: usize, word: Word) -> Result<u32, ProofError> {
        match word {
            Word::Policy => match self.effective.graph.principal(principal) {
                Some(Principal::Domain(domain)) => self.policy(domain),
                _ => Err(ProofError::Foreign),
            },
            Word::Stated(place) => {
                let fact = self.effective.stated.get(place).copied().flatten().ok_or(ProofError::Foreign)?;
                self.fact(fact)
            }
        }
    }

    /// Adds a step about statements, unless it is there. `domain` tells apart what rule and premises don't.
    fn once(
        &mut self,
        rule: Rule,
        premises: Vec<u32>,
        domain: Option<Digest>,
        conclusion: Sentence,
    ) -> Result<u32, ProofError> {
        let key = (rule, premises, domain);
        if let Some(step) = self.once.get(&key) {
            return Ok(*step);
        }
        let step = self.push(rule, key.1.clone(), conclusion)?;
        self.once.insert(key, step);
        Ok(step)
    }

    fn speaks_for(&self, speaker: usize, principal: usize) -> Result<Sentence, ProofError> {
        let subject = |node| self.effective.graph.principal(node).map(Principal::subject).ok_or(ProofError::Foreign);
        Ok(Sentence::SpeaksFor { speaker: subject(speaker)?, principal: subject(principal)? })
    }

    fn concluded(&self, fact: Fact) -> Result<u32, ProofError> {
        self.facts.get(&fact).copied().ok_or(ProofError::Foreign)
    }

    fn node(&self, principal: Principal) -> Result<usize, ProofError> {
        self.effective.graph.find(principal).ok_or(ProofError::Foreign)
    }

    fn said(&self, place: usize) -> Result<&'e Said, ProofError> {
        self.effective.standing().statements().said().get(place).ok_or(ProofError::Foreign)
    }
}
