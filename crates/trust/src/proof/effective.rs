//! All that follows from a domain's statements at a time: the prover.
//!
//! 1. Which statements stand. [`Standing`]
//! 2. Who may publish, topic by topic. [`super::publishers`]
//! 3. What is believed: the root's statements that stand, and of others' those that their speaker may publish.
//! 4. Who inherits: along what the root says of speaking, rights to publish; along all that is believed of speaking,
//!    attestation, authentication, contracts, key provision.
//!
//! **Termination.** No step adds to what an earlier one reads. In 2 each key is settled once for each of six topics (with limits,
//! once for each right that no other covers, 64 at most), in 4 once
//! for each of fifteen purposes (attestation is one for each kind), each edge is walked once for each; with n statements there are at
//! most n facts of 3, and with e edges (n at most of statements, two for each domain that a statement names) at most 21 e of
//! inheritance, no more than
//! [`FACTS_MAX`] for [`STATEMENTS_MAX`](crate::statement::STATEMENTS_MAX) statements. Who speaks for whom over several others
//! is not computed: it is quadratic, and is searched for where a goal asks.
//!
//! **Order.** Statements are walked in the order of their digests; what follows, and each proof, is the same in whatever
//! order they came.
//!
//! **More never takes away.** Beyond 1, nothing asks whether something is absent: only revocations and floors take away.

use std::sync::{Arc, OnceLock};

use casemate_cose::{Digest, UnixTime};

use super::{
    ProofError, Standing,
    graph::{Edge, Edges, Graph, Principal, Word},
    index::Index,
    publishers::{Publishers, Why},
};
use crate::statement::{Kind, Measurement, Purpose, Said, Sentence, Speaker, Statements, Subject, Topic, Value};

/// The most facts that follow.
pub const FACTS_MAX: usize = 1 << 20;

/// All that follows from a domain's statements in the window around a time. It is costly to make and cheap to ask: a domain
/// keeps it for the window.
#[derive(Clone, Debug)]
pub struct Effective {
    /// All that is believed of who speaks for whom.
    pub(super) believed_edges: Edges,
    pub(super) facts: Vec<Ground>,
    pub(super) graph: Graph,
    index: Index,
    /// By a statement's place: the fact that it is believed.
    pub(super) stated: Vec<Option<Fact>>,
    standing: Standing,
    /// The last second before something begins or ends that may matter, once somebody asked.
    lasting: OnceLock<UnixTime>,
}

/// Something that is believed, with its proof at hand. It counts only with the [`Effective`] that gave it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Fact(pub(super) u32);

/// On what a fact rests.
#[derive(Clone, Debug)]
pub(super) enum Ground {
    /// The statement at this place is believed: the root's, or a key's of which `may` says that it may publish this.
    Stated { place: usize, may: Option<Fact> },
    /// This node is trusted for a purpose, because it speaks, by a word, for one of which `from` says that it is.
    Inherited { node: usize, purpose: Arc<Purpose>, word: Word, principal: usize, from: Fact },
}

impl Effective {
    /// What follows at this time.
    ///
    /// # Errors
    /// [`ProofError::Entangled`], [`ProofError::TooMany`].
    pub fn of(statements: &Arc<Statements>, at: UnixTime) -> Result<Self, ProofError> {
        let standing = Standing::of(statements, at)?;
        let stands = |place: usize| standing.state_at(place) == super::State::Stands;
        let graph = Graph::of(statements, stands)?;
        let mut effective = Self {
            believed_edges: graph.by_root.clone(),
            facts: Vec::new(),
            index: Index::default(),
            stated: vec![None; statements.said().len()],
            standing: standing.clone(),
            lasting: OnceLock::new(),
            graph,
        };
        for topic in Topic::ALL {
            let publishers = Publishers::of(statements, &effective.graph, *topic, stands);
            effective.believe(&standing, &publishers)?;
        }
        for (place, speaker, principal) in effective.graph.by_others.clone() {
            if effective.stated.get(place).is_some_and(Option::is_some) {
                effective.believed_edges.add(speaker, principal, Word::Stated(place));
            }
        }
        let others = [Purpose::Authentication, Purpose::Contracts, Purpose::KeyProvision];
        for purpose in effective.index.attestations().into_iter().map(Purpose::Attestation).chain(others) {
            effective.inherit(&purpose)?;
        }
        effective.index.finish();
        Ok(effective)
    }

    /// Which statements count.
    #[must_use]
    pub const fn standing(&self) -> &Standing {
        &self.standing
    }

    /// The last second before a statement begins or ends that may matter: the root's, or of somebody who might be believed if every
    /// statement counted. What a stranger says changes nothing, whenever it begins. No earlier than `least`, if nothing that matters is.
    #[must_use]
    pub fn lasts(&self, least: UnixTime) -> UnixTime {
        let window = self.standing.window().not_after;
        if window >= least {
            return window;
        }
        *self.lasting.get_or_init(|| super::lasting::lasting(&self.standing).unwrap_or(window))
    }

    /// How many facts follow.
    #[must_use]
    pub fn len(&self) -> usize {
        self.facts.len()
    }

    /// Whether nothing follows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// How many steps it took to hear nested statements.
    #[must_use]
    pub const fn visits(&self) -> u64 {
        self.graph.visits()
    }

    /// Whether the subject is trusted for the purpose. A key that may publish deeper may publish less deep; execution of no
    /// release in particular is execution of any.
    #[must_use]
    pub fn is_trusted(&self, subject: &Subject, purpose: &Purpose) -> Option<Fact> {
        self.index.trusted(subject, purpose)
    }

    /// The rules for platforms of this kind that are trusted. Their sentences are [`Sentence::Trusted`] of
    /// [`Subject::Platform`].
    pub fn platform_rules(&self, kind: Kind) -> impl Iterator<Item = (Fact, &Said)> {
        self.with_statements(self.index.platforms(kind))
    }

    /// Of [`Effective::platform_rules`], those that can be met by hardware of this identity: rules for any genuine chip, rules
    /// that list it, and for evidence that hides it all.
    pub fn platform_rules_for(&self, kind: Kind, identity: Option<&[u8]>) -> impl Iterator<Item = (Fact, &Said)> {
        self.with_statements(self.index.platforms_for(kind, identity))
    }

    /// The trusted measurements that these registers, ascending by name, meet; of no release below its floor, and not revoked.
    #[must_use]
    pub fn measurements(&self, kind: Kind, registers: &[(String, Vec<u8>)]) -> Vec<(Fact, &Said)> {
        let ran = self.standing.ran(kind, registers);
        let counts = |said: &Said| !ran.is_some_and(|ran| ran.refuses(said.speaker().into()));
        self.met(kind, registers).filter(|(_, said)| counts(said)).collect()
    }

    /// The trusted measurements that these registers meet, although it is revoked to run them, and by what.
    pub(crate) fn revoked_measurements(
        &self,
        kind: Kind,
        registers: &[(String, Vec<u8>)],
    ) -> impl Iterator<Item = (&Said, Digest)> {
        let ran = self.standing.ran(kind, registers);
        let met = ran.is_some().then(|| self.met(kind, registers)).into_iter().flatten();
        met.filter_map(move |(_, said)| {
            let ran = ran.filter(|ran| ran.refuses(said.speaker().into()))?;
            Some((said, ran.by()))
        })
    }

    fn met(&self, kind: Kind, registers: &[(String, Vec<u8>)]) -> impl Iterator<Item = (Fact, &Said)> {
        self.with_statements(self.index.measurements(kind, registers))
            .filter(move |(_, said)| measured(said).is_some_and(|measurement| measurement.is_met_by(kind, registers)))
    }

    /// All trusted measurements of this kind, for saying what would have been accepted.
    pub fn all_measurements(&self, kind: Kind) -> impl Iterator<Item = (Fact, &Said, &Measurement)> {
        self.with_statements(self.index.all_measurements(kind))
            .filter_map(|(fact, said)| measured(said).map(|measurement| (fact, said, measurement)))
    }

    /// A measurement that is trusted to say what `asked` is about and that these registers meet.
    pub(super) fn attesting(&self, kind: Kind, registers: &[(String, Vec<u8>)], asked: &Purpose) -> Option<Fact> {
        let ran = self.standing.ran(kind, registers);
        let met = |said: &Said| match said.statement().sentence.unnested().1 {
            Sentence::Trusted { subject: Subject::Measurement(measurement), purpose } => {
                let is_gone = ran.is_some_and(|ran| ran.refuses(said.speaker().into()));
                purpose.covers(asked) && measurement.is_met_by(kind, registers) && !is_gone
            }
            _ => false,
        };
        self.with_statements(self.index.attesting(kind)).find(|(_, said)| met(said)).map(|(fact, _)| fact)
    }

    /// What is said of hardware or of a key: name and value.
    pub fn properties(&self, subject: &Subject) -> impl Iterator<Item = (Fact, &str, &Value)> {
        self.with_statements(self.index.properties(subject)).filter_map(|(fact, said)| {
            match said.statement().sentence.unnested().1 {
                Sentence::HasProperty { name, value, .. } => Some((fact, name.as_str(), value)),
                _ => None,
            }
        })
    }

    /// The statement that says this, if one does (a fact may be inherited, too).
    #[must_use]
    pub fn said(&self, fact: Fact) -> Option<&Said> {
        match self.ground(fact)? {
            Ground::Stated { place, .. } => self.standing.statements().said().get(*place),
            Ground::Inherited { .. } => None,
        }
    }

    /// What is believed.
    #[must_use]
    pub fn sentence(&self, fact: Fact) -> Option<Sentence> {
        match self.ground(fact)? {
            Ground::Stated { .. } => Some(self.said(fact)?.statement().sentence.unnested().1.clone()),
            Ground::Inherited { node, purpose, .. } => Some(Sentence::Trusted {
                subject: self.graph.principal(*node)?.subject(),
                purpose: (**purpose).clone(),
            }),
        }
    }

    pub(super) fn ground(&self, fact: Fact) -> Option<&Ground> {
        self.facts.get(usize::try_from(fact.0).ok()?)
    }

    /// All facts, in order.
    pub(super) fn facts(&self) -> impl Iterator<Item = Fact> {
        (0..u32::try_from(self.facts.len()).unwrap_or(u32::MAX)).map(Fact)
    }

    fn with_statements(&self, facts: impl Iterator<Item = Fact>) -> impl Iterator<Item = (Fact, &Said)> {
        facts.filter_map(|fact| Some((fact, self.said(fact)?)))
    }

    /// Step 3 and the rights to publish of step 4, for one topic: in the order in which keys were settled, so that what a
    /// fact rests on comes before it.
    fn believe(&mut self, standing: &Standing, publishers: &Publishers<'_>) -> Result<(), ProofError> {
        let topic = publishers.topic();
        let of_topic = |said: &Said| said.statement().sentence.unnested().1.topic() == Some(topic);
        for (place, _) in standing.standing().filter(|(_, said)| said.speaker() == Speaker::Root && of_topic(said)) {
            self.state(standing, place, None)?;
        }
        // By the places of rights.
        let mut facts: Vec<(Fact, Arc<Purpose>)> = Vec::with_capacity(publishers.settled().len());
        let fact_of = |facts: &[(Fact, Arc<Purpose>)], right: usize| {
            facts.get(right).map(|(fact, _)| *fact).ok_or(ProofError::Foreign)
        };
        for right in publishers.settled() {
            let (fact, purpose) = match right.why {
                Why::Stated(place, by) => {
                    let may = by.map(|by| fact_of(&facts, by)).transpose()?;
                    (self.state(standing, place, may)?, Arc::new(right.purpose(topic)))
                }
                Why::Inherited(of, word) => {
                    let principal = publishers.right(of).ok_or(ProofError::Foreign)?.node;
                    // However many inherit it, its limits are there once.
                    let (from, purpose) = facts.get(of).cloned().ok_or(ProofError::Foreign)?;
                    let (node, shared) = (right.node, Arc::clone(&purpose));
                    let ground = Ground::Inherited { node, purpose: shared, word, principal, from };
                    (self.add(ground)?, purpose)
                }
            };
            if let Some(holder) = self.graph.principal(right.node) {
                self.index.add_right(fact, holder, topic, Arc::clone(&purpose));
            }
            facts.push((fact, purpose));
        }
        for (place, said) in standing.standing().filter(|(_, said)| said.speaker() != Speaker::Root) {
            if let Some(by) = publishers.believes(place, said, &self.graph) {
                let may = fact_of(&facts, by)?;
                self.state(standing, place, Some(may))?;
            }
        }
        Ok(())
    }

    /// Step 4 for one purpose: breadth first from all that are trusted by a statement.
    fn inherit(&mut self, purpose: &Purpose) -> Result<(), ProofError> {
        let mut trusted: Vec<Option<Fact>> =
            (0..self.graph.len()).map(|node| self.index.stated(self.graph.principal(node)?, purpose)).collect();
        let mut next: std::collections::VecDeque<usize> =
            trusted.iter().enumerate().filter_map(|(node, fact)| fact.map(|_| node)).collect();
        while let Some(principal) = next.pop_front() {
            let Some(from) = trusted.get(principal).copied().flatten() else { continue };
            for Edge { node, word } in self.believed_edges.speakers(principal).to_vec() {
                if let Some(None) = trusted.get(node) {
                    let fact = self.inherited(node, purpose.clone(), word, principal, from)?;
                    if let Some(mine) = trusted.get_mut(node) {
                        *mine = Some(fact);
                    }
                    next.push_back(node);
                }
            }
        }
        Ok(())
    }

    /// The fact that the statement at this place is believed, made if there was none.
    fn state(&mut self, standing: &Standing, place: usize, may: Option<Fact>) -> Result<Fact, ProofError> {
        if let Some(Some(fact)) = self.stated.get(place) {
            return Ok(*fact);
        }
        let fact = self.add(Ground::Stated { place, may })?;
        if let Some(stated) = self.stated.get_mut(place) {
            *stated = Some(fact);
        }
        if let Some(said) = standing.statements().said().get(place) {
            self.index.add(fact, said.statement().sentence.unnested().1);
        }
        Ok(fact)
    }

    fn inherited(
        &mut self,
        node: usize,
        purpose: Purpose,
        word: Word,
        principal: usize,
        from: Fact,
    ) -> Result<Fact, ProofError> {
        let subject = self.graph.principal(node).map(Principal::subject);
        let fact = self.add(Ground::Inherited { node, purpose: Arc::new(purpose.clone()), word, principal, from })?;
        if let Some(subject) = subject {
            self.index.add(fact, &Sentence::Trusted { subject, purpose });
        }
        Ok(fact)
    }

    fn add(&mut self, ground: Ground) -> Result<Fact, ProofError> {
        let actual = self.facts.len();
        let next = u32::try_from(actual).ok().filter(|_| actual < FACTS_MAX);
        let fact = next.map(Fact).ok_or(ProofError::TooMany { what: "facts", actual, max: FACTS_MAX })?;
        self.facts.push(ground);
        Ok(fact)
    }
}

/// The measurement that a statement trusts.
fn measured(said: &Said) -> Option<&Measurement> {
    match said.statement().sentence.unnested().1 {
        Sentence::Trusted { subject: Subject::Measurement(measurement), .. } => Some(measurement),
        _ => None,
    }
}
