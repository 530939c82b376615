//! Floors of releases: whose release has to be of which version.
//!
//! 1. The root's floors are everybody's.
//! 2. A delegate's floor counts if it begins while the delegate may publish measurements, by what is not revoked. It counts on for
//!    ever.
//! 3. A delegate's floor is one for what the delegate itself published, and for what those published to whom it handed the right on,
//!    except who has it of the root as well. Nobody else's releases are concerned, the root's least of all. Where rights have limits,
//!    only those count that let in releases of this line and for this kind of platform.
//!
//! **Cost.** For n statements, 2 makes at most [`PERIODS_MAX`] graphs, and walks each edge once for each period beyond; 3 walks each edge at most once for each line and kind.

use std::collections::{BTreeMap, BTreeSet};

use casemate_cose::UnixTime;

use super::{
    ProofError,
    graph::{Graph, Word},
    publishers::{Publishers, hands_on},
};
use crate::statement::{Kind, Limits, Purpose, Release, Said, Sentence, Speaker, Statements, Subject, Topic, Validity};

/// In how many periods, between which delegations begin and end, it is found out exactly who may publish what. In later ones a delegate's
/// floor counts if rights lead from the root to the delegate when it begins, however deep and within whatever limits.
const PERIODS_MAX: usize = 64;

/// The floors that count.
#[derive(Clone, Debug, Default)]
pub(super) struct Floors {
    root: BTreeMap<String, u64>,
    /// By line, kind of platform and who published what they are for.
    others: BTreeMap<(String, Option<Kind>, usize), u64>,
    /// By a statement's place: whose release it is, where a delegate's floor may be for it.
    publishers: BTreeMap<usize, usize>,
    /// The places of delegates' floors that count.
    counting: Vec<usize>,
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

    /// The places of the floors of delegates that count.
    pub(super) fn of_delegates(&self) -> &[usize] {
        &self.counting
    }

    /// The floor of the release that the statement at this place trusts, if it is of one below.
    pub(super) fn above(&self, place: usize, said: &Said) -> Option<u64> {
        let (release, kind) = release_of(said.statement().sentence.unnested().1)?;
        let publisher = self.publishers.get(&place);
        let own = publisher.and_then(|publisher| self.others.get(&(release.line.clone(), kind, *publisher)).copied());
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
        delegates.retain(|(place, said)| publishers.may_believe(*place, said, &graph));
        delegates.sort_by_key(|(_, said)| said.statement().validity.not_before);
        // 2
        let mut periods = Periods::of(statements, &left, &graph, &publishers);
        let mut counting = Vec::new();
        for (place, said) in delegates {
            if periods.believes(place, said)? {
                self.counting.push(place);
                counting.push((place, said));
            }
        }
        // 3
        let mut published: BTreeMap<(&str, Option<Kind>), BTreeSet<usize>> = BTreeMap::new();
        for (place, said) in statements.said().iter().enumerate().filter(|(place, _)| left(*place)) {
            let release = release_of(said.statement().sentence.unnested().1);
            if let (Speaker::Key(_), Some((release, kind)), Some(by)) = (said.speaker(), release, graph.heard(place)) {
                published.entry((&release.line, kind)).or_default().insert(by);
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
        for of_line in lines.values_mut() {
            // The highest first: what it reaches, lower ones don't change.
            of_line.sort_unstable_by(|one, other| other.cmp(one));
        }
        for ((line, kind), publishers) in published {
            let Some(of_line) = lines.get(line) else { continue };
            scopes.start(line, kind);
            for (version, by) in of_line {
                for node in scopes.reach(*by) {
                    if publishers.contains(&node) {
                        self.others.insert((line.to_owned(), kind, node), *version);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Times between which no right to publish measurements begins or ends. Floors are asked about in the order in which they begin.
struct Periods<'s, L> {
    statements: &'s Statements,
    left: L,
    /// The first second of each but the first.
    starts: Vec<UnixTime>,
    /// How many were looked at exactly.
    exact: usize,
    /// The period of the last floor, and what is known of it.
    last: Option<(usize, Period<'s>)>,
    chains: Chains,
}

/// Who may publish measurements in a period.
enum Period<'s> {
    Exact(Box<(Graph, Publishers<'s>)>),
    /// By node: whether rights lead to it from the root.
    Reached(Vec<bool>),
}

impl<'s, L: Fn(usize) -> bool> Periods<'s, L> {
    fn of(statements: &'s Statements, left: L, graph: &Graph, publishers: &Publishers<'_>) -> Self {
        let mut starts = BTreeSet::new();
        for (place, said) in statements.said().iter().enumerate().filter(|(place, _)| left(*place)) {
            let decides = match said.statement().sentence.unnested().1 {
                Sentence::SpeaksFor { .. } => said.speaker() == Speaker::Root,
                _ => is_grant(statements, place, said, graph, publishers),
            };
            if decides {
                let validity = said.statement().validity;
                starts.insert(validity.not_before);
                starts.extend(validity.not_after.0.checked_add(1).map(UnixTime));
            }
        }
        let chains = Chains::of(statements, &left, graph, publishers);
        Self { statements, left, starts: starts.into_iter().collect(), exact: 0, last: None, chains }
    }

    /// Whether a floor is believed by what counts when it begins.
    fn believes(&mut self, place: usize, said: &Said) -> Result<bool, ProofError> {
        let begins = said.statement().validity.not_before;
        let number = self.starts.partition_point(|start| *start <= begins);
        if self.last.as_ref().is_none_or(|(last, _)| *last != number) {
            self.last = Some((number, self.period(begins)?));
        }
        Ok(match &self.last {
            Some((_, Period::Exact(known))) => known.1.may_believe(place, said, &known.0),
            Some((_, Period::Reached(nodes))) => {
                self.chains.heard.get(&place).is_some_and(|node| nodes.get(*node) == Some(&true))
            }
            None => false,
        })
    }

    fn period(&mut self, begins: UnixTime) -> Result<Period<'s>, ProofError> {
        if self.exact >= PERIODS_MAX {
            return Ok(Period::Reached(self.chains.reached(begins)));
        }
        self.exact = self.exact.saturating_add(1);
        let is_floor = |said: &Said| matches!(said.statement().sentence.unnested().1, Sentence::Floor(_));
        let active = |place: usize| {
            let said = self.statements.said().get(place);
            (self.left)(place) && said.is_some_and(|said| said.statement().validity.holds(begins) || is_floor(said))
        };
        let graph = Graph::of(self.statements, active)?;
        let publishers = Publishers::of(self.statements, &graph, Topic::Measurements, active);
        Ok(Period::Exact(Box::new((graph, publishers))))
    }
}

/// How the right to publish measurements gets from the root to others, and when.
struct Chains {
    roots: Vec<(usize, Validity)>,
    /// By node: who gets what it has.
    next: Vec<Vec<(usize, Validity)>>,
    /// By the place of a delegate's floor: whose it is.
    heard: BTreeMap<usize, usize>,
}

impl Chains {
    fn of(statements: &Statements, left: impl Fn(usize) -> bool, graph: &Graph, publishers: &Publishers<'_>) -> Self {
        let validity_of = |place: usize| statements.said().get(place).map(|said| said.statement().validity);
        let heirs = |node: usize| {
            let edges = graph.by_root.speakers(node).iter();
            edges.filter_map(|edge| match edge.word {
                Word::Policy => Some((edge.node, Validity::ALWAYS)),
                Word::Stated(place) => Some((edge.node, validity_of(place)?)),
            })
        };
        let next = (0..graph.len()).map(|node| heirs(node).collect()).collect();
        let mut chains = Self { roots: Vec::new(), next, heard: BTreeMap::new() };
        for (place, said) in statements.said().iter().enumerate().filter(|(place, _)| left(*place)) {
            if let (Sentence::Floor(_), Some(node)) = (said.statement().sentence.unnested().1, graph.heard(place)) {
                chains.heard.insert(place, node);
            }
            let Some(grant) = hands_on(statements, place, graph, Topic::Measurements) else { continue };
            let handed = (grant.node, said.statement().validity);
            match said.speaker() {
                Speaker::Root => chains.roots.push(handed),
                Speaker::Key(_) if publishers.may_believe(place, said, graph) => {
                    if let Some(next) = graph.heard(place).and_then(|by| chains.next.get_mut(by)) {
                        next.push(handed);
                    }
                }
                Speaker::Key(_) => {}
            }
        }
        chains
    }

    /// By node: whether rights that hold at this time lead to it from the root.
    fn reached(&self, at: UnixTime) -> Vec<bool> {
        let mut reached = vec![false; self.next.len()];
        let holds = |(_, validity): &&(usize, Validity)| validity.holds(at);
        let mut open: Vec<usize> = self.roots.iter().filter(holds).map(|(node, _)| *node).collect();
        while let Some(node) = open.pop() {
            if let Some(mark @ false) = reached.get_mut(node) {
                *mark = true;
                open.extend(self.next.get(node).into_iter().flatten().filter(holds).map(|(node, _)| *node));
            }
        }
        reached
    }
}

/// A node to whom a right was handed on, and within which limits.
type Handed<'s> = (usize, Option<&'s Limits>);

/// To whom each node handed on the right to publish measurements.
struct Scopes<'s> {
    handed: Vec<Vec<Handed<'s>>>,
    /// Who speaks for each node by the root's word, and so has what that one has.
    heirs: Vec<Vec<usize>>,
    /// To whom the root gave it.
    roots: Vec<Handed<'s>>,
    /// What is asked for: a line of releases, and a kind of platform.
    asked: (String, Option<Kind>),
    /// Who has the right for that of the root.
    of_root: Vec<bool>,
    /// Nodes that were reached since the last start.
    reached: Vec<bool>,
}

impl<'s> Scopes<'s> {
    fn of(
        statements: &'s Statements,
        left: impl Fn(usize) -> bool,
        graph: &Graph,
        publishers: &Publishers<'_>,
    ) -> Self {
        let mut handed = vec![Vec::new(); graph.len()];
        let mut roots = Vec::new();
        for (place, said) in statements.said().iter().enumerate().filter(|(place, _)| left(*place)) {
            let Some(grant) = hands_on(statements, place, graph, Topic::Measurements) else { continue };
            let limits = grant.limits.map(|limits| limits.names);
            match said.speaker() {
                Speaker::Root => roots.push((grant.node, limits)),
                Speaker::Key(_) if publishers.may_believe(place, said, graph) => {
                    if let Some(handed) = graph.heard(place).and_then(|by| handed.get_mut(by)) {
                        handed.push((grant.node, limits));
                    }
                }
                Speaker::Key(_) => {}
            }
        }
        let speakers = |node: usize| graph.by_root.speakers(node).iter().map(|edge| edge.node).collect();
        let heirs = (0..graph.len()).map(speakers).collect();
        Self { handed, heirs, roots, asked: Default::default(), of_root: Vec::new(), reached: Vec::new() }
    }

    /// Begins anew, with releases of this line for this kind of platform.
    fn start(&mut self, line: &str, kind: Option<Kind>) {
        self.asked = (line.to_owned(), kind);
        self.reached = vec![false; self.handed.len()];
        let is_limited = self.roots.iter().any(|(_, limits)| limits.is_some());
        if is_limited || self.of_root.is_empty() {
            self.of_root = vec![false; self.handed.len()];
            let admitted = self.roots.iter().filter(|(_, limits)| self.admits(*limits));
            let mut open: Vec<usize> = admitted.map(|(node, _)| *node).collect();
            while let Some(node) = open.pop() {
                if let Some(mark @ false) = self.of_root.get_mut(node) {
                    *mark = true;
                    open.extend(self.heirs.get(node).into_iter().flatten());
                }
            }
        }
    }

    /// The node, and all to whom it handed on, that were not reached before.
    fn reach(&mut self, from: usize) -> Vec<usize> {
        let (mut found, mut open) = (Vec::new(), vec![from]);
        while let Some(node) = open.pop() {
            let is_of_root = self.of_root.get(node) == Some(&true);
            if is_of_root && node != from {
                continue;
            }
            if let Some(mark @ false) = self.reached.get_mut(node) {
                *mark = true;
                found.push(node);
                let handed = self.handed.get(node).into_iter().flatten();
                open.extend(handed.filter(|(_, limits)| self.admits(*limits)).map(|(to, _)| *to));
                // Who speaks for one that has it of the root has it so, too.
                open.extend(self.heirs.get(node).filter(|_| !is_of_root).into_iter().flatten());
            }
        }
        found
    }

    fn admits(&self, limits: Option<&Limits>) -> bool {
        limits.is_none_or(|limits| limits.admit_release(&self.asked.0, self.asked.1))
    }
}

/// Whether a statement hands on the right to publish measurements, and is believed.
fn is_grant(statements: &Statements, place: usize, said: &Said, graph: &Graph, publishers: &Publishers<'_>) -> bool {
    let is_believed = said.speaker() == Speaker::Root || publishers.may_believe(place, said, graph);
    hands_on(statements, place, graph, Topic::Measurements).is_some() && is_believed
}

/// The release as which a sentence trusts a measurement or program, and the measurement's kind of platform.
fn release_of(sentence: &Sentence) -> Option<(&Release, Option<Kind>)> {
    let Sentence::Trusted { subject, purpose: Purpose::Execution(Some(release)) } = sentence else { return None };
    match subject {
        Subject::Measurement(measurement) => Some((release, Some(measurement.kind))),
        Subject::Program(_) => Some((release, None)),
        _ => None,
    }
}

fn raise(floors: &mut BTreeMap<String, u64>, line: String, version: u64) {
    let floor = floors.entry(line).or_insert(version);
    *floor = (*floor).max(version);
}
