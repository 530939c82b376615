//! Who may publish about a topic, how deep, and within which limits.
//!
//! A right to publish begins with the root's word, is handed on less deep and within its limits by who has it, and is inherited along
//! the root's "speaks for" as it is. So the deepest right comes first: rights are settled in the order of their depth, deepest first,
//! and a right that another of the same key covers is never settled. What is handed on has to lie within one right: two that cover it
//! only together are two, and neither covers it. A key has at most [`RIGHTS_MAX`] that don't cover one another, so that statements and
//! edges are looked at as often at most: for n statements and e edges at most [`RIGHTS_MAX`] (n + e) candidates; n + e without limits.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::{
    ProofError,
    graph::{Graph, Principal, Word},
};
use crate::statement::{Limits, Purpose, Said, Sentence, Speaker, Statements, Topic, limits};

/// The most rights about one topic that a key may have of which none covers another.
const RIGHTS_MAX: usize = 64;

/// Why a key or domain may publish.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Why {
    /// The statement at this place is believed: by this right, unless it is the root's.
    Stated(usize, Option<usize>),
    /// It speaks for who has this right.
    Inherited(usize, Word),
}

/// A right to publish.
#[derive(Clone, Copy, Debug)]
pub(super) struct Right<'s> {
    pub(super) node: usize,
    pub(super) depth: u16,
    pub(super) limits: Option<&'s Limits>,
    pub(super) why: Why,
}

/// Who may publish about one topic.
#[derive(Clone, Debug)]
pub(super) struct Publishers<'s> {
    topic: Topic,
    /// In the order in which they were settled: deepest first, and what rests on another comes after it.
    rights: Vec<Right<'s>>,
    /// By node: the places of its rights.
    of_node: Vec<Vec<usize>>,
}

/// A right that may be settled. The greatest is settled first: deepest, of them the unlimited ones, then of the shortest derivation,
/// then in the order of nodes and statements.
#[derive(Eq, Ord, PartialEq, PartialOrd)]
struct Candidate<'s> {
    depth: u16,
    limits: Reverse<Option<&'s Limits>>,
    steps: Reverse<u32>,
    node: Reverse<usize>,
    why: Reverse<Why>,
}

/// What a key says of whom else may publish.
pub(super) struct Grant<'s> {
    pub(super) node: usize,
    pub(super) depth: u16,
    pub(super) limits: Option<&'s Limits>,
}

impl<'s> Publishers<'s> {
    /// Who may publish about `topic`, by the statements that `active` admits.
    ///
    /// # Errors
    /// [`ProofError::TooMany`]: more than [`RIGHTS_MAX`] rights of one key.
    pub(super) fn of(
        statements: &'s Statements,
        graph: &Graph,
        topic: Topic,
        active: impl Fn(usize) -> bool,
    ) -> Result<Self, ProofError> {
        let mut publishers = Self { topic, rights: Vec::new(), of_node: vec![Vec::new(); graph.len()] };
        let mut candidates: BinaryHeap<Candidate<'s>> = BinaryHeap::new();
        let mut handed: Vec<Vec<(Grant<'s>, usize)>> = Vec::new();
        handed.resize_with(graph.len(), Vec::new);
        for (place, said) in statements.said().iter().enumerate().filter(|(place, _)| active(*place)) {
            let Some(grant) = hands_on(said, graph, topic) else { continue };
            match said.speaker() {
                Speaker::Root => candidates.push(Candidate::new(&grant, 1, Why::Stated(place, None))),
                Speaker::Key(_) => {
                    if let Some(handed) = graph.heard(place).and_then(|heard| handed.get_mut(heard)) {
                        handed.push((grant, place));
                    }
                }
            }
        }
        while let Some(candidate) = candidates.pop() {
            let Candidate { depth, limits: Reverse(limits), steps: Reverse(steps), node: Reverse(node), .. } =
                candidate;
            let Reverse(why) = candidate.why;
            // Those before it are as deep at least.
            if publishers.of_node(node).any(|(_, right)| limits::cover(right.limits, limits)) {
                continue;
            }
            let settled = publishers.settle(Right { node, depth, limits, why })?;
            let next = steps.saturating_add(1);
            for edge in graph.by_root.speakers(node) {
                let heir = Grant { node: edge.node, depth, limits };
                candidates.push(Candidate::new(&heir, next, Why::Inherited(settled, edge.word)));
            }
            if let Some(handed) = handed.get_mut(node) {
                handed.retain(|(grant, place)| {
                    let is_within = grant.depth < depth && limits::cover(limits, grant.limits);
                    if is_within {
                        candidates.push(Candidate::new(grant, next, Why::Stated(*place, Some(settled))));
                    }
                    !is_within
                });
            }
        }
        Ok(publishers)
    }

    /// About what.
    pub(super) const fn topic(&self) -> Topic {
        self.topic
    }

    /// A right, by its place.
    pub(super) fn right(&self, place: usize) -> Option<Right<'s>> {
        self.rights.get(place).copied()
    }

    /// All rights, deepest first: what rests on another comes after it.
    pub(super) fn settled(&self) -> &[Right<'s>] {
        &self.rights
    }

    /// The right by which what a key says at this place is believed: it is heard, of this topic, of one who may publish it and within the
    /// limits of that.
    pub(super) fn believes(&self, place: usize, said: &Said, graph: &Graph) -> Option<usize> {
        let (_, sentence) = said.statement().sentence.unnested();
        if sentence.topic() != Some(self.topic) {
            return None;
        }
        let handed = match sentence {
            Sentence::Trusted { purpose: Purpose::Publishing { depth, .. }, .. } => Some(*depth),
            _ => None,
        };
        let admits = |right: &Right<'_>| {
            handed.is_none_or(|handed| handed < right.depth) && limits::admit(right.limits, sentence)
        };
        self.of_node(graph.heard(place)?).find(|(_, right)| admits(right)).map(|(place, _)| place)
    }

    /// The rights of a node, deepest first, and their places.
    pub(super) fn of_node(&self, node: usize) -> impl Iterator<Item = (usize, Right<'s>)> {
        let places = self.of_node.get(node).into_iter().flatten();
        places.filter_map(|place| Some((*place, self.right(*place)?)))
    }

    fn settle(&mut self, right: Right<'s>) -> Result<usize, ProofError> {
        let place = self.rights.len();
        if let Some(own) = self.of_node.get_mut(right.node) {
            let actual = own.len().saturating_add(1);
            if actual > RIGHTS_MAX {
                return Err(ProofError::TooMany { what: "rights of one key to publish", actual, max: RIGHTS_MAX });
            }
            own.push(place);
        }
        self.rights.push(right);
        Ok(place)
    }
}

impl Right<'_> {
    /// For what its holder is trusted.
    pub(super) fn purpose(&self, topic: Topic) -> Purpose {
        Purpose::Publishing { topic, depth: self.depth, limits: self.limits.cloned().map(Box::new) }
    }
}

impl<'s> Candidate<'s> {
    const fn new(grant: &Grant<'s>, steps: u32, why: Why) -> Self {
        Self {
            depth: grant.depth,
            limits: Reverse(grant.limits),
            steps: Reverse(steps),
            node: Reverse(grant.node),
            why: Reverse(why),
        }
    }
}

/// Whom a statement trusts to publish about `topic`, how deep, and within which limits.
pub(super) fn hands_on<'s>(said: &'s Said, graph: &Graph, topic: Topic) -> Option<Grant<'s>> {
    match said.statement().sentence.unnested().1 {
        Sentence::Trusted { subject, purpose: Purpose::Publishing { topic: of, depth, limits } } if *of == topic => {
            Some(Grant { node: graph.find(Principal::of(subject)?)?, depth: *depth, limits: limits.as_deref() })
        }
        _ => None,
    }
}
