//! On what it rests that somebody's statement is believed, where it isn't now: what has ended, was revoked, or begins later.
//!
//! Nothing is believed by this. It is for saying why something is not: as if all statements counted, those that have ended and those
//! that are revoked too, would this one be believed, and which of those that it rests on don't count?

use std::collections::BTreeMap;

use super::{
    ProofError, Standing, State,
    graph::{Edge, Graph, Principal, Word},
    publishers::{Publishers, Why},
};
use crate::statement::{Purpose, Said, Sentence, Speaker, Topic, limits};

/// The most links that are followed.
const LINKS_MAX: usize = 4096;
/// The most statements that are looked at by which others hand on more than they have.
const HANDED_MAX: usize = 256;

/// Who may publish about one topic, and who might if every statement counted.
pub(crate) struct Lapses<'s> {
    standing: &'s Standing,
    graph: Graph,
    now: Publishers<'s>,
    ever: Publishers<'s>,
    /// By node: the places of what keys say, and counts, by which they let it publish.
    handed: BTreeMap<usize, Vec<usize>>,
}

impl<'s> Lapses<'s> {
    /// # Errors
    /// [`ProofError::Entangled`], [`ProofError::TooMany`].
    pub(crate) fn of(standing: &'s Standing, topic: Topic) -> Result<Self, ProofError> {
        let statements = standing.statements();
        let graph = Graph::of(statements, |_| true)?;
        let now = Publishers::of(statements, &graph, topic, |place| standing.state_at(place) == State::Stands);
        let ever = Publishers::of(statements, &graph, topic, |_| true);
        let mut handed: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (place, said) in standing.standing().filter(|(_, said)| said.speaker() != Speaker::Root) {
            let node = match said.statement().sentence.unnested().1 {
                Sentence::Trusted { subject, purpose: Purpose::Publishing { topic: of, .. } } if *of == topic => {
                    Principal::of(subject).and_then(|principal| graph.find(principal))
                }
                _ => None,
            };
            if let Some(node) = node {
                handed.entry(node).or_default().push(place);
            }
        }
        Ok(Self { standing, graph, now, ever, handed })
    }

    /// Of what it rests on that this statement is believed, all that doesn't count now, the statement itself first and then what is
    /// nearer to the owner. Nothing for a statement that nobody ever was to be believed about.
    pub(crate) fn of_statement(&self, said: &Said) -> Vec<(&'s Said, State)> {
        let mut links = Vec::new();
        let statements = self.standing.statements();
        let Some(place) = statements.place(said.digest()) else { return links };
        let mut rests = vec![place];
        if said.speaker() != Speaker::Root {
            let believes = |publishers: &'_ Publishers<'s>| publishers.believes(place, said, &self.graph);
            let by =
                [&self.now, &self.ever].into_iter().find_map(|publishers| Some((publishers, believes(publishers)?)));
            let Some((publishers, right)) = by else { return links };
            Self::delegated(publishers, right, &mut rests);
            self.relayed(said, place, &mut rests);
        }
        for place in rests {
            let state = self.standing.state_at(place);
            if let Some(said) = statements.said().get(place)
                && !matches!(state, State::Stands | State::Unknown)
                && links.iter().all(|(other, _): &(&Said, State)| other.digest() != said.digest())
            {
                links.push((said, state));
            }
        }
        links
    }

    /// For want of what right this statement is not believed, though its speaker may publish, or was let: the statement itself, or the
    /// nearest one by which somebody hands on to who says it what is not theirs to hand on; and what whoever says that may publish.
    pub(crate) fn outside(&self, said: &'s Said) -> Option<(&'s Said, Vec<Purpose>)> {
        let statements = self.standing.statements();
        let place = statements.place(said.digest())?;
        if self.standing.state_at(place) != State::Stands || self.now.believes(place, said, &self.graph).is_some() {
            return None;
        }
        let wanted = said.statement().sentence.unnested().1;
        let (mut places, mut next) = (vec![place], 0);
        while let Some(place) = places.get(next).copied().filter(|_| next < HANDED_MAX) {
            next = next.saturating_add(1);
            let Some(said) = statements.said().get(place) else { continue };
            let rights = self.rights_beside(said);
            if !rights.is_empty() {
                return Some((said, rights));
            }
            let handed = self.graph.heard(place).and_then(|heard| self.handed.get(&heard));
            for by in handed.into_iter().flatten() {
                let admits = |by: &Said| match by.statement().sentence.unnested().1 {
                    Sentence::Trusted { purpose: Purpose::Publishing { limits, .. }, .. } => {
                        limits::admit(limits.as_deref(), wanted)
                    }
                    _ => false,
                };
                if statements.said().get(*by).is_some_and(admits) && !places.contains(by) {
                    places.push(*by);
                }
            }
        }
        None
    }

    /// What who says this may publish about its topic now, if that is something else: deepest first.
    fn rights_beside(&self, said: &Said) -> Vec<Purpose> {
        let Some(place) = self.standing.statements().place(said.digest()) else { return Vec::new() };
        let stands = self.standing.state_at(place) == State::Stands;
        let Some(heard) = self.graph.heard(place).filter(|_| stands) else { return Vec::new() };
        if self.now.believes(place, said, &self.graph).is_some() {
            return Vec::new();
        }
        self.now.of_node(heard).map(|(_, right)| right.purpose(self.now.topic())).collect()
    }

    /// By what statements who says this may publish it, up to the owner's.
    fn delegated(publishers: &Publishers<'_>, right: usize, rests: &mut Vec<usize>) {
        let mut right = Some(right);
        while let Some(why) = right.and_then(|right| publishers.right(right)).map(|right| right.why) {
            right = match why {
                // What the owner says rests on no right: it ends there.
                Why::Stated(place, by) => {
                    rests.push(place);
                    by
                }
                Why::Inherited(of, Word::Stated(place)) => {
                    rests.push(place);
                    Some(of)
                }
                Why::Inherited(of, Word::Policy) => Some(of),
            };
            if rests.len() >= LINKS_MAX {
                return;
            }
        }
    }

    /// By what words of the owner's a key speaks for another, whose word it says this is.
    fn relayed(&self, said: &Said, place: usize, rests: &mut Vec<usize>) {
        let (Speaker::Key(key), Some(to)) = (said.speaker(), self.graph.heard(place)) else { return };
        let from = self.graph.find(Principal::Key(key));
        let path = from.and_then(|from| self.graph.by_root.path(from, to));
        rests.extend(path.unwrap_or_default().into_iter().filter_map(|Edge { word, .. }| match word {
            Word::Stated(by) => Some(by),
            Word::Policy => None,
        }));
    }
}
