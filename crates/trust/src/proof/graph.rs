//! Who speaks for whom by the root's word, and who said what: what the prover walks.
//!
//! Nodes are keys and domains, as many as statements name; edges are the root's "A speaks for B", and for each domain that
//! is named "the key of digest d speaks for the domain of digest d". A nested statement, "K says (L says S)", is heard as
//! L's only along these edges. All walks together visit at most [`VISITS_MAX`] nodes.

use std::collections::{BTreeMap, VecDeque, btree_map::Entry};

use casemate_cose::Digest;

use super::ProofError;
use crate::statement::{Sentence, Speaker, Statements, Subject};

/// The most nodes that are visited to hear nested statements.
pub(super) const VISITS_MAX: u64 = 1 << 22;

/// A key or a domain.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Principal {
    Domain(Digest),
    Key(Digest),
}

impl Principal {
    pub(super) const fn of(subject: &Subject) -> Option<Self> {
        match subject {
            Subject::Domain(digest) => Some(Self::Domain(*digest)),
            Subject::Key(digest) => Some(Self::Key(*digest)),
            _ => None,
        }
    }

    pub(super) const fn subject(self) -> Subject {
        match self {
            Self::Domain(digest) => Subject::Domain(digest),
            Self::Key(digest) => Subject::Key(digest),
        }
    }
}

/// By what an edge holds.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Word {
    /// A domain is its key.
    Policy,
    /// The statement at this place says so.
    Stated(usize),
}

/// One end of an edge, and by what it holds.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Edge {
    pub(super) node: usize,
    pub(super) word: Word,
}

/// Edges by node, both ways.
#[derive(Clone, Debug, Default)]
pub(super) struct Edges {
    speakers: Vec<Vec<Edge>>,
    principals: Vec<Vec<Edge>>,
}

/// What the prover walks; of the statements, those that are active.
#[derive(Clone, Debug)]
pub(super) struct Graph {
    nodes: BTreeMap<Principal, usize>,
    names: Vec<Principal>,
    /// By the root's word, and domains' keys.
    pub(super) by_root: Edges,
    /// What others say of speaking: place, speaker, principal.
    pub(super) by_others: Vec<(usize, usize, usize)>,
    /// By a statement's place: the key that says it in the end, if it is heard.
    heard: Vec<Option<usize>>,
    visits: u64,
}

impl Graph {
    /// The graph of the statements at places that `active` admits.
    ///
    /// # Errors
    /// [`ProofError::Entangled`].
    pub(super) fn of(statements: &Statements, active: impl Fn(usize) -> bool) -> Result<Self, ProofError> {
        let mut graph = Self {
            nodes: BTreeMap::new(),
            names: Vec::new(),
            by_root: Edges::default(),
            by_others: Vec::new(),
            heard: vec![None; statements.said().len()],
            visits: 0,
        };
        let mut nested = Vec::new();
        for (place, said) in statements.said().iter().enumerate().filter(|(place, _)| active(*place)) {
            let (keys, sentence) = said.statement().sentence.unnested();
            let pair = graph.name(sentence);
            match (said.speaker(), pair) {
                (Speaker::Root, Some((speaker, principal))) => {
                    graph.by_root.add(speaker, principal, Word::Stated(place));
                }
                (Speaker::Key(_), Some((speaker, principal))) => graph.by_others.push((place, speaker, principal)),
                _ => {}
            }
            if let Speaker::Key(signer) = said.speaker() {
                let chain: Vec<usize> =
                    std::iter::once(signer).chain(keys).map(|key| graph.node(Principal::Key(key))).collect();
                if let (Some(last), Some(heard)) = (chain.last(), graph.heard.get_mut(place)) {
                    *heard = Some(*last);
                }
                nested.extend(chain.iter().zip(chain.iter().skip(1)).map(|(from, to)| (*from, *to, place)));
            }
        }
        graph.join_domains();
        graph.hear(nested)?;
        Ok(graph)
    }

    /// How many nodes there are.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// The node of a key or domain that a statement names.
    pub(super) fn find(&self, principal: Principal) -> Option<usize> {
        self.nodes.get(&principal).copied()
    }

    /// What a node is.
    pub(super) fn principal(&self, node: usize) -> Option<Principal> {
        self.names.get(node).copied()
    }

    /// The key that says, in the end, what is at this place.
    pub(super) fn heard(&self, place: usize) -> Option<usize> {
        self.heard.get(place).copied().flatten()
    }

    /// How many nodes were visited to hear nested statements.
    pub(super) const fn visits(&self) -> u64 {
        self.visits
    }

    /// The node of a principal, made if there was none.
    fn node(&mut self, principal: Principal) -> usize {
        let next = self.names.len();
        let node = *self.nodes.entry(principal).or_insert(next);
        if node == next {
            self.names.push(principal);
        }
        node
    }

    /// Makes the nodes that a sentence names; both ends if it says who speaks for whom.
    fn name(&mut self, sentence: &Sentence) -> Option<(usize, usize)> {
        match sentence {
            Sentence::SpeaksFor { speaker, principal } => {
                Some((self.node(Principal::of(speaker)?), self.node(Principal::of(principal)?)))
            }
            Sentence::Trusted { subject, .. } => {
                if let Some(principal) = Principal::of(subject) {
                    self.node(principal);
                }
                None
            }
            _ => None,
        }
    }

    /// The key of digest d speaks for the domain of digest d.
    fn join_domains(&mut self) {
        for domain in self.names.clone() {
            if let Principal::Domain(digest) = domain {
                let (key, domain) = (self.node(Principal::Key(digest)), self.node(domain));
                self.by_root.add(key, domain, Word::Policy);
            }
        }
    }

    /// Nested statements of which one key does not speak for the next are not heard.
    fn hear(&mut self, mut hops: Vec<(usize, usize, usize)>) -> Result<(), ProofError> {
        hops.sort_unstable();
        for hops in hops.chunk_by(|left, right| left.0 == right.0) {
            let Some((from, ..)) = hops.first() else { continue };
            let reached = self.by_root.reached_from(*from);
            self.visits = self.visits.saturating_add(reached.visits);
            if self.visits > VISITS_MAX {
                return Err(ProofError::Entangled { max: VISITS_MAX });
            }
            for (_, to, place) in hops {
                if !reached.holds(*to)
                    && let Some(heard) = self.heard.get_mut(*place)
                {
                    *heard = None;
                }
            }
        }
        Ok(())
    }
}

/// What a walk reached: by node, the node before and the word that leads from there.
pub(super) struct Reached {
    by: BTreeMap<usize, Edge>,
    visits: u64,
}

impl Edges {
    /// Adds an edge, unless one leads the same way; a root's statement comes before what follows.
    pub(super) fn add(&mut self, speaker: usize, principal: usize, word: Word) {
        let most = speaker.max(principal).saturating_add(1);
        if self.speakers.len() < most {
            self.speakers.resize_with(most, Vec::new);
            self.principals.resize_with(most, Vec::new);
        }
        if let Some(edges) = self.principals.get_mut(speaker) {
            edges.push(Edge { node: principal, word });
        }
        if let Some(edges) = self.speakers.get_mut(principal) {
            edges.push(Edge { node: speaker, word });
        }
    }

    /// Who speaks for a node.
    pub(super) fn speakers(&self, node: usize) -> &[Edge] {
        self.speakers.get(node).map_or(&[], Vec::as_slice)
    }

    /// For whom a node speaks.
    pub(super) fn principals(&self, node: usize) -> &[Edge] {
        self.principals.get(node).map_or(&[], Vec::as_slice)
    }

    /// The shortest path from one node to another, at least one edge long: each edge's end and word.
    pub(super) fn path(&self, from: usize, to: usize) -> Option<Vec<Edge>> {
        self.reached_from(from).path(from, to)
    }

    /// All nodes for which `from` speaks, breadth first. `from` itself is reached only by a cycle. It costs as much as it visits,
    /// however many nodes there are.
    pub(super) fn reached_from(&self, from: usize) -> Reached {
        let mut reached = Reached { by: BTreeMap::new(), visits: 1 };
        let mut next = VecDeque::from([from]);
        while let Some(node) = next.pop_front() {
            for edge in self.principals(node) {
                reached.visits = reached.visits.saturating_add(1);
                if let Entry::Vacant(by) = reached.by.entry(edge.node) {
                    by.insert(Edge { node, word: edge.word });
                    if edge.node != from {
                        next.push_back(edge.node);
                    }
                }
            }
        }
        reached
    }
}

impl Reached {
    /// The way that the walk came, from where it began.
    pub(super) fn path(&self, from: usize, to: usize) -> Option<Vec<Edge>> {
        let (mut path, mut node) = (Vec::new(), to);
        loop {
            let edge = self.by.get(&node).copied()?;
            path.push(Edge { node, word: edge.word });
            node = edge.node;
            if node == from {
                path.reverse();
                return Some(path);
            }
        }
    }

    /// How many nodes and edges the walk looked at.
    pub(super) const fn visits(&self) -> u64 {
        self.visits
    }

    /// Whether the walk came there.
    pub(super) fn holds(&self, node: usize) -> bool {
        self.by.contains_key(&node)
    }
}
