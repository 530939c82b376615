//! Who may publish about a topic, how deep, and within which limits.
//!
//! A right to publish begins with the root's word, is handed on less deep and within its limits by who has it, and is inherited along
//! the root's "speaks for" as it is. So the deepest right comes first: rights are settled in the order of their depth, deepest first,
//! and a right that another of the same key covers is never settled. What is handed on has to lie within one right: two that cover it
//! only together are two, and neither covers it.
//!
//! **Too many.** Rights within limits that don't cover one another are several of one key, and so are those of whoever speaks for it. Two
//! bounds hold, each twice, once for what rests on the root's word alone and once for the rest, so that what others hand on takes
//! nothing from the root's: [`RIGHTS_MAX`] of a key, and [`INHERITED_MAX`] times that such a right passes to who speaks for its holder. What
//! is beyond, in the order in which they are settled, is not looked at; nobody else's rights are less for it. For n statements and e
//! edges there are at most n + e + 2 [`INHERITED_MAX`] candidates, each held against at most 2 [`RIGHTS_MAX`] + 1 rights.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BTreeMap, BinaryHeap},
};

use super::{
    graph::{Graph, Principal, Word},
    things::TrustBy,
};
use crate::statement::{
    Limits, Purpose, Said, Sentence, Speaker, Statements, Topic,
    interned::{Interned, LimitsId},
    limits,
};

/// The most rights within limits about one topic that a key has by the root's word, and the most that it has by others'.
pub const RIGHTS_MAX: usize = 64;
/// How often rights within limits about one topic are inherited: those by the root's word, and those by others'.
const INHERITED_MAX: usize = 1 << 14;

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
    pub(super) limits: Option<Bounds<'s>>,
    /// On whose word it rests: the root's alone, or others' too.
    by: TrustBy,
    pub(super) why: Why,
}

/// Limits of a right: what they name, and which of the domain's they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds<'s> {
    id: LimitsId,
    pub(super) names: &'s Limits,
}

/// Who may publish about one topic.
#[derive(Clone, Debug)]
pub(super) struct Publishers<'s> {
    interned: &'s Interned,
    topic: Topic,
    /// In the order in which they were settled: deepest first, and what rests on another comes after it.
    rights: Vec<Right<'s>>,
    /// By node: the places of its rights.
    of_node: Vec<Vec<usize>>,
    /// By node: whether it has more rights than are looked at.
    surplus: Vec<bool>,
}

/// A right that may be settled. The greatest is settled first: deepest, of them the unlimited ones, then of the shortest derivation,
/// then in the order of nodes and statements.
#[derive(Eq, Ord, PartialEq, PartialOrd)]
struct Candidate<'s> {
    depth: u16,
    limits: Reverse<Option<Bounds<'s>>>,
    by: TrustBy,
    steps: Reverse<u32>,
    node: Reverse<usize>,
    why: Reverse<Why>,
}

/// What a key says of whom else may publish.
pub(super) struct Grant<'s> {
    pub(super) node: usize,
    pub(super) depth: u16,
    pub(super) limits: Option<Bounds<'s>>,
}

impl<'s> Publishers<'s> {
    /// Who may publish about `topic`, by the statements that `active` admits.
    pub(super) fn of(statements: &'s Statements, graph: &Graph, topic: Topic, active: impl Fn(usize) -> bool) -> Self {
        let mut publishers = Self {
            interned: statements.interned(),
            topic,
            rights: Vec::new(),
            of_node: vec![Vec::new(); graph.len()],
            surplus: vec![false; graph.len()],
        };
        let mut inherited: BTreeMap<TrustBy, usize> = BTreeMap::new();
        let mut candidates: BinaryHeap<Candidate<'s>> = BinaryHeap::new();
        let mut handed: Vec<Vec<(Grant<'s>, usize)>> = Vec::new();
        handed.resize_with(graph.len(), Vec::new);
        for (place, said) in statements.said().iter().enumerate().filter(|(place, _)| active(*place)) {
            let Some(grant) = hands_on(statements, place, graph, topic) else { continue };
            match said.speaker() {
                Speaker::Root => candidates.push(Candidate::new(&grant, 1, TrustBy::Root, Why::Stated(place, None))),
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
            let (by, Reverse(why)) = (candidate.by, candidate.why);
            // Those before it are as deep at least.
            if publishers.of_node(node).any(|(_, right)| publishers.cover(right.limits, limits)) {
                continue;
            }
            let Some(settled) = publishers.settle(Right { node, depth, limits, by, why }) else { continue };
            let next = steps.saturating_add(1);
            for edge in graph.by_root.speakers(node) {
                if limits.is_some() && !publishers.may_inherit(edge.node, inherited.entry(by).or_default()) {
                    continue;
                }
                let heir = Grant { node: edge.node, depth, limits };
                candidates.push(Candidate::new(&heir, next, by, Why::Inherited(settled, edge.word)));
            }
            if let Some(handed) = handed.get_mut(node) {
                handed.retain(|(grant, place)| {
                    let is_within = grant.depth < depth && publishers.cover(limits, grant.limits);
                    if is_within {
                        candidates.push(Candidate::new(
                            grant,
                            next,
                            TrustBy::Others,
                            Why::Stated(*place, Some(settled)),
                        ));
                    }
                    !is_within
                });
            }
        }
        publishers
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
        let admits = |right: &Right<'_>| match sentence {
            Sentence::Trusted { purpose: Purpose::Publishing { depth, .. }, .. } => {
                *depth < right.depth && self.interned.cover(right.limits.map(|own| own.id), self.interned.at(place))
            }
            _ => limits::admit(right.limits.map(|own| own.names), sentence),
        };
        self.of_node(graph.heard(place)?).find(|(_, right)| admits(right)).map(|(place, _)| place)
    }

    /// The same, or that the key which says it has more rights than are looked at: one of the others may be the right for it.
    pub(super) fn may_believe(&self, place: usize, said: &Said, graph: &Graph) -> bool {
        let is_of_topic = || said.statement().sentence.unnested().1.topic() == Some(self.topic);
        let has_surplus = || graph.heard(place).is_some_and(|node| self.surplus.get(node) == Some(&true));
        self.believes(place, said, graph).is_some() || (is_of_topic() && has_surplus())
    }

    /// The rights of a node, deepest first, and their places.
    pub(super) fn of_node(&self, node: usize) -> impl Iterator<Item = (usize, Right<'s>)> {
        let places = self.of_node.get(node).into_iter().flatten();
        places.filter_map(|place| Some((*place, self.right(*place)?)))
    }

    fn cover(&self, wider: Option<Bounds<'_>>, narrower: Option<Bounds<'_>>) -> bool {
        self.interned.cover(wider.map(|wider| wider.id), narrower.map(|narrower| narrower.id))
    }

    /// Counts that a right passes to this node; no more than [`INHERITED_MAX`] do.
    fn may_inherit(&mut self, node: usize, count: &mut usize) -> bool {
        if *count >= INHERITED_MAX {
            self.mark_surplus(node);
            return false;
        }
        *count = count.saturating_add(1);
        true
    }

    /// The place of the right, unless its holder has as many as are looked at.
    fn settle(&mut self, right: Right<'s>) -> Option<usize> {
        let is_like = |own: &Right<'_>| own.limits.is_some() && own.by == right.by;
        let alike = self.of_node(right.node).filter(|(_, own)| is_like(own)).count();
        if right.limits.is_some() && alike >= RIGHTS_MAX {
            self.mark_surplus(right.node);
            return None;
        }
        let place = self.rights.len();
        if let Some(own) = self.of_node.get_mut(right.node) {
            own.push(place);
        }
        self.rights.push(right);
        Some(place)
    }

    fn mark_surplus(&mut self, node: usize) {
        if let Some(surplus) = self.surplus.get_mut(node) {
            *surplus = true;
        }
    }
}

impl Right<'_> {
    /// For what its holder is trusted.
    pub(super) fn purpose(&self, topic: Topic) -> Purpose {
        Purpose::Publishing { topic, depth: self.depth, limits: self.limits.map(|own| Box::new(own.names.clone())) }
    }
}

impl<'s> Candidate<'s> {
    const fn new(grant: &Grant<'s>, steps: u32, by: TrustBy, why: Why) -> Self {
        Self {
            depth: grant.depth,
            limits: Reverse(grant.limits),
            by,
            steps: Reverse(steps),
            node: Reverse(grant.node),
            why: Reverse(why),
        }
    }
}

/// Whom the statement at a place trusts to publish about `topic`, how deep, and within which limits.
pub(super) fn hands_on<'s>(statements: &'s Statements, place: usize, graph: &Graph, topic: Topic) -> Option<Grant<'s>> {
    match statements.said().get(place)?.statement().sentence.unnested().1 {
        Sentence::Trusted { subject, purpose: Purpose::Publishing { topic: of, depth, limits } } if *of == topic => {
            let node = graph.find(Principal::of(subject)?)?;
            let id = statements.interned().at(place);
            let limits = limits.as_deref().map(|names| id.map(|id| Bounds { id, names }));
            // Limits that nobody knows would be none.
            Some(Grant { node, depth: *depth, limits: limits.map_or(Some(None), |known| known.map(Some))? })
        }
        _ => None,
    }
}

impl Eq for Bounds<'_> {}

impl PartialEq for Bounds<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Ord for Bounds<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.id.cmp(&other.id)
    }
}

impl PartialOrd for Bounds<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
