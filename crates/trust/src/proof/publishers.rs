//! Who may publish about a topic, and how deep.
//!
//! A right to publish begins with the root's word, is handed on less deep by who has it, and is inherited along the root's
//! "speaks for" as deep as it is. So the deepest right comes first: keys are settled in the order of their depth, deepest
//! first, each once, and what was settled is never raised again. Statements and edges are looked at once each, when the key
//! that says them, or is spoken for, is settled: for n statements and e edges at most n + e candidates.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::graph::{Graph, Principal, Word};
use crate::statement::{Purpose, Said, Sentence, Speaker, Statements, Topic};

/// Why a key or domain may publish.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Why {
    /// The statement at this place is believed.
    Stated(usize),
    /// It speaks for this node, which may.
    Inherited(usize, Word),
}

/// A right to publish.
#[derive(Clone, Copy, Debug)]
pub(super) struct Right {
    pub(super) depth: u16,
    pub(super) why: Why,
}

/// Who may publish about one topic: by node.
#[derive(Clone, Debug)]
pub(super) struct Publishers {
    topic: Topic,
    rights: Vec<Option<Right>>,
    /// Nodes in the order in which they were settled.
    order: Vec<usize>,
}

/// A right that may be settled. The greatest is settled first: deepest, then of the shortest derivation, then in the order of
/// nodes and statements.
#[derive(Eq, Ord, PartialEq, PartialOrd)]
struct Candidate {
    depth: u16,
    steps: Reverse<u32>,
    node: Reverse<usize>,
    why: Reverse<Why>,
}

impl Publishers {
    /// Who may publish about `topic`, by the statements that `active` admits.
    pub(super) fn of(statements: &Statements, graph: &Graph, topic: Topic, active: impl Fn(usize) -> bool) -> Self {
        let mut publishers = Self { topic, rights: vec![None; graph.len()], order: Vec::new() };
        let mut candidates: BinaryHeap<Candidate> = BinaryHeap::new();
        let mut handed: Vec<Vec<(usize, u16, usize)>> = vec![Vec::new(); graph.len()];
        for (place, said) in statements.said().iter().enumerate().filter(|(place, _)| active(*place)) {
            let Some((node, depth)) = hands_on(said, graph, topic) else { continue };
            match said.speaker() {
                Speaker::Root => candidates.push(Candidate::new(depth, 1, node, Why::Stated(place))),
                Speaker::Key(_) => {
                    if let Some(handed) = graph.heard(place).and_then(|heard| handed.get_mut(heard)) {
                        handed.push((node, depth, place));
                    }
                }
            }
        }
        while let Some(Candidate { depth, steps: Reverse(steps), node: Reverse(node), why: Reverse(why) }) =
            candidates.pop()
        {
            let Some(right @ None) = publishers.rights.get_mut(node) else { continue };
            *right = Some(Right { depth, why });
            publishers.order.push(node);
            let next = steps.saturating_add(1);
            for edge in graph.by_root.speakers(node) {
                candidates.push(Candidate::new(depth, next, edge.node, Why::Inherited(node, edge.word)));
            }
            for (to, less, place) in handed.get(node).into_iter().flatten().filter(|(_, less, _)| *less < depth) {
                candidates.push(Candidate::new(*less, next, *to, Why::Stated(*place)));
            }
        }
        publishers
    }

    /// About what.
    pub(super) const fn topic(&self) -> Topic {
        self.topic
    }

    /// The right of a node.
    pub(super) fn right(&self, node: usize) -> Option<Right> {
        self.rights.get(node).copied().flatten()
    }

    /// Nodes that may publish, deepest first: who rests on another comes after it.
    pub(super) fn settled(&self) -> impl Iterator<Item = (usize, Right)> {
        self.order.iter().filter_map(|node| Some((*node, self.right(*node)?)))
    }

    /// Whether what a key says at this place is believed: it is heard, of this topic, and of one who may publish it.
    pub(super) fn believes(&self, place: usize, said: &Said, graph: &Graph) -> bool {
        let (_, sentence) = said.statement().sentence.unnested();
        let Some(right) = graph.heard(place).and_then(|heard| self.right(heard)) else { return false };
        let handed = match sentence {
            Sentence::Trusted { purpose: Purpose::Publishing { depth, .. }, .. } => Some(*depth),
            _ => None,
        };
        sentence.topic() == Some(self.topic) && handed.is_none_or(|handed| handed < right.depth)
    }
}

impl Candidate {
    const fn new(depth: u16, steps: u32, node: usize, why: Why) -> Self {
        Self { depth, steps: Reverse(steps), node: Reverse(node), why: Reverse(why) }
    }
}

/// Whom a statement trusts to publish about `topic`, and how deep.
pub(super) fn hands_on(said: &Said, graph: &Graph, topic: Topic) -> Option<(usize, u16)> {
    match said.statement().sentence.unnested().1 {
        Sentence::Trusted { subject, purpose: Purpose::Publishing { topic: of, depth } } if *of == topic => {
            Some((graph.find(Principal::of(subject)?)?, *depth))
        }
        _ => None,
    }
}
