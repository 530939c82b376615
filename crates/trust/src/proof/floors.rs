//! Floors of releases: whose release has to be of which version.
//!
//! 1. The root's floors are everybody's.
//! 2. A delegate's floor counts if it begins while the delegate may publish measurements, by what is not revoked. It counts on for
//!    ever.
//! 3. A delegate's floor is one for what the delegate itself published, and for what those published to whom it handed the right on,
//!    except who has it of the root as well. Nobody else's releases are concerned, the root's least of all.
//!
//! **Cost.** For n statements, 2 makes at most [`PERIODS_MAX`] graphs, and 3 walks each edge at most once for each line.

use std::collections::{BTreeMap, BTreeSet};

use casemate_cose::UnixTime;

use super::{
    ProofError,
    graph::Graph,
    publishers::{Publishers, hands_on},
};
use crate::statement::{Purpose, Release, Said, Sentence, Speaker, Statements, Subject, Topic};

/// How many periods, between which delegations begin and end, are looked at. In later ones every floor counts.
const PERIODS_MAX: usize = 64;

/// The floors that count.
#[derive(Clone, Debug, Default)]
pub(super) struct Floors {
    root: BTreeMap<String, u64>,
    /// By line and by who published what they are for.
    others: BTreeMap<(String, usize), u64>,
    /// By a statement's place: whose release it is, where a delegate's floor may be for it.
    publishers: BTreeMap<usize, usize>,
}

impl Floors {
    /// Of the statements that `left` admits: those that have begun and that nobody revokes.
    pub(super) fn of(statements: &Statements, left: impl Fn(usize) -> bool) -> Result<Self, ProofError> {
        let mut floors = Self::default();
        let mut delegates = Vec::new();
        for (place, said) in statements.said().iter().enumerate().filter(|(place, _)| left(*place)) {
            let Sentence::Floor(Release { line, version }) = said.statement().sentence.unnested().1 else { continue };
            if said.speaker() == Speaker::Root {
                raise(&mut floors.root, line.clone(), *version);
            } else {
                delegates.push((place, said));
            }
        }
        if !delegates.is_empty() {
            floors.add(statements, left, delegates)?;
        }
        Ok(floors)
    }

    /// The floor of a line for everybody.
    pub(super) fn of_root(&self, line: &str) -> Option<u64> {
        self.root.get(line).copied()
    }

    /// The floor of the release that the statement at this place trusts, if it is of one below.
    pub(super) fn above(&self, place: usize, said: &Said) -> Option<u64> {
        let release = release_of(said.statement().sentence.unnested().1)?;
        let publisher = self.publishers.get(&place);
        let own = publisher.and_then(|publisher| self.others.get(&(release.line.clone(), *publisher)).copied());
        self.of_root(&release.line).max(own).filter(|floor| release.version < *floor)
    }

    /// The floors of delegates.
    fn add(
        &mut self,
        statements: &Statements,
        left: impl Fn(usize) -> bool,
        mut delegates: Vec<(usize, &Said)>,
    ) -> Result<(), ProofError> {
        let graph = Graph::of(statements, &left)?;
        let publishers = Publishers::of(statements, &graph, Topic::Measurements, &left);
        delegates.retain(|(place, said)| publishers.believes(*place, said, &graph));
        // 2
        let mut periods = Periods::of(statements, &left, &graph, &publishers);
        let mut counting = Vec::new();
        for (place, said) in delegates {
            if periods.believes(place, said)? {
                counting.push((place, said));
            }
        }
        // 3
        let mut published: BTreeSet<(&str, usize)> = BTreeSet::new();
        for (place, said) in statements.said().iter().enumerate().filter(|(place, _)| left(*place)) {
            let release = release_of(said.statement().sentence.unnested().1);
            if let (Speaker::Key(_), Some(release), Some(by)) = (said.speaker(), release, graph.heard(place)) {
                published.insert((&release.line, by));
                self.publishers.insert(place, by);
            }
        }
        let mut scopes = Scopes::of(statements, left, &graph, &publishers);
        let mut lines: BTreeMap<&str, Vec<(u64, usize)>> = BTreeMap::new();
        for (place, said) in counting {
            if let (Sentence::Floor(release), Some(by)) = (said.statement().sentence.unnested().1, graph.heard(place)) {
                lines.entry(&release.line).or_default().push((release.version, by));
            }
        }
        for (line, mut of_line) in lines {
            // The highest first: what it reaches, lower ones don't change.
            of_line.sort_unstable_by(|one, other| other.cmp(one));
            scopes.start();
            for (version, by) in of_line {
                for node in scopes.reach(by) {
                    if published.contains(&(line, node)) {
                        self.others.insert((line.to_owned(), node), version);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Times between which no right to publish measurements begins or ends.
struct Periods<'s, L> {
    statements: &'s Statements,
    left: L,
    /// The first second of each but the first.
    starts: Vec<UnixTime>,
    known: BTreeMap<usize, (Graph, Publishers)>,
}

impl<'s, L: Fn(usize) -> bool> Periods<'s, L> {
    fn of(statements: &'s Statements, left: L, graph: &Graph, publishers: &Publishers) -> Self {
        let mut starts = BTreeSet::new();
        for (place, said) in statements.said().iter().enumerate().filter(|(place, _)| left(*place)) {
            let decides = match said.statement().sentence.unnested().1 {
                Sentence::SpeaksFor { .. } => said.speaker() == Speaker::Root,
                _ => is_grant(place, said, graph, publishers),
            };
            if decides {
                let validity = said.statement().validity;
                starts.insert(validity.not_before);
                starts.extend(validity.not_after.0.checked_add(1).map(UnixTime));
            }
        }
        Self { statements, left, starts: starts.into_iter().collect(), known: BTreeMap::new() }
    }

    /// Whether a floor is believed by what counts when it begins.
    fn believes(&mut self, place: usize, said: &Said) -> Result<bool, ProofError> {
        let begins = said.statement().validity.not_before;
        let period = self.starts.partition_point(|start| *start <= begins);
        if !self.known.contains_key(&period) {
            if self.known.len() >= PERIODS_MAX {
                return Ok(true);
            }
            let is_floor = |said: &Said| matches!(said.statement().sentence.unnested().1, Sentence::Floor(_));
            let active = |place: usize| {
                let said = self.statements.said().get(place);
                (self.left)(place) && said.is_some_and(|said| said.statement().validity.holds(begins) || is_floor(said))
            };
            let graph = Graph::of(self.statements, active)?;
            let publishers = Publishers::of(self.statements, &graph, Topic::Measurements, active);
            self.known.insert(period, (graph, publishers));
        }
        Ok(self.known.get(&period).is_some_and(|(graph, publishers)| publishers.believes(place, said, graph)))
    }
}

/// To whom each node handed on the right to publish measurements.
struct Scopes {
    handed: Vec<Vec<usize>>,
    /// Who has it of the root.
    of_root: Vec<bool>,
    /// Nodes that were reached since the last start.
    reached: Vec<bool>,
}

impl Scopes {
    fn of(statements: &Statements, left: impl Fn(usize) -> bool, graph: &Graph, publishers: &Publishers) -> Self {
        let mut handed = vec![Vec::new(); graph.len()];
        let mut of_root = vec![false; graph.len()];
        let mut open = Vec::new();
        for (place, said) in statements.said().iter().enumerate().filter(|(place, _)| left(*place)) {
            let Some((node, _)) = hands_on(said, graph, Topic::Measurements) else { continue };
            match said.speaker() {
                Speaker::Root => open.push(node),
                Speaker::Key(_) if publishers.believes(place, said, graph) => {
                    if let Some(handed) = graph.heard(place).and_then(|by| handed.get_mut(by)) {
                        handed.push(node);
                    }
                }
                Speaker::Key(_) => {}
            }
        }
        while let Some(node) = open.pop() {
            if let Some(mark @ false) = of_root.get_mut(node) {
                *mark = true;
                open.extend(graph.by_root.speakers(node).iter().map(|edge| edge.node));
            }
        }
        // Who speaks for one by the root's word has what that one was handed.
        for (node, handed) in handed.iter_mut().enumerate() {
            if of_root.get(node) == Some(&false) {
                handed.extend(graph.by_root.speakers(node).iter().map(|edge| edge.node));
            }
        }
        let reached = vec![false; graph.len()];
        Self { handed, of_root, reached }
    }

    fn start(&mut self) {
        self.reached.fill(false);
    }

    /// The node, and all to whom it handed on, that were not reached before.
    fn reach(&mut self, from: usize) -> Vec<usize> {
        let (mut found, mut open) = (Vec::new(), vec![from]);
        while let Some(node) = open.pop() {
            let is_of_root = node != from && self.of_root.get(node) == Some(&true);
            if let Some(mark @ false) = self.reached.get_mut(node)
                && !is_of_root
            {
                *mark = true;
                found.push(node);
                open.extend(self.handed.get(node).into_iter().flatten());
            }
        }
        found
    }
}

/// Whether a statement hands on the right to publish measurements, and is believed.
fn is_grant(place: usize, said: &Said, graph: &Graph, publishers: &Publishers) -> bool {
    let is_believed = said.speaker() == Speaker::Root || publishers.believes(place, said, graph);
    hands_on(said, graph, Topic::Measurements).is_some() && is_believed
}

/// The release as which a sentence trusts a measurement or program.
fn release_of(sentence: &Sentence) -> Option<&Release> {
    match sentence {
        Sentence::Trusted {
            subject: Subject::Measurement(_) | Subject::Program(_),
            purpose: Purpose::Execution(Some(release)),
        } => Some(release),
        _ => None,
    }
}

fn raise(floors: &mut BTreeMap<String, u64>, line: String, version: u64) {
    let floor = floors.entry(line).or_insert(version);
    *floor = (*floor).max(version);
}
