//! Which statements count at a time. Prover and checker share this: that nothing revokes a statement is shown by no
//! derivation.
//!
//! 1. What the root revokes, and what a key revokes of its own, counts no more: statements by their digest, and whatever trusts a key,
//!    measurement or program that is revoked. [`super::things`] Such a revocation counts from its first second on and for ever.
//! 2. Who may publish revocations is found out with what 1 left; what they revoke counts no more, except the root's.
//! 3. Floors of releases: the root's, for everybody's; those of whom 1 and 2 leave to publish measurements, for their own. The highest
//!    counts. [`super::floors`]
//! 4. What has begun and not ended, and is left by 1 to 3, stands.
//! 5. Of these, what others say of a property that the owner says otherwise of counts no more. [`super::overruled`]
//!
//! Each step looks only at what earlier ones decided. In 2 and 3 a delegation counts although it has ended: what was revoked
//! doesn't come back when the delegate's time is up. To undo a delegate's revocations, revoke them, or the delegation.

use std::{collections::BTreeMap, fmt, sync::Arc};

use casemate_cose::{Digest, UnixTime};

use super::{
    ProofError,
    floors::Floors,
    graph::{Graph, VISITS_MAX},
    overruled::overrule,
    publishers::Publishers,
    things::{Ran, Things},
};
use crate::statement::{Kind, Said, Sentence, Speaker, Statements, Subject, Topic, Validity};

/// Which statements of a domain count at a time: begun, not ended, not revoked, of no release below its floor.
#[derive(Clone, Debug)]
pub struct Standing {
    floors: Floors,
    /// The places of what others revoke with, as far as they may.
    revoking: Vec<usize>,
    /// What the root revokes, and what others do who may.
    gone: [Things<Digest>; 2],
    states: Vec<State>,
    statements: Arc<Statements>,
    window: Validity,
}

/// How a statement stands at a time.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum State {
    /// Its release is below the floor of its line.
    BelowFloor {
        /// The version that the floor demands.
        floor: u64,
    },
    /// Its last second has passed.
    Expired,
    /// It begins later.
    NotYet,
    /// It says something else of a property than the owner does, in the statement of this digest.
    Overruled(Digest),
    /// The statement of this digest revokes it.
    Revoked(Digest),
    /// It counts.
    Stands,
    /// The domain has no such statement.
    Unknown,
}

impl Standing {
    /// How the statements stand at this time.
    ///
    /// # Errors
    /// [`ProofError::Entangled`], [`ProofError::TooMany`].
    pub fn of(statements: &Arc<Statements>, at: UnixTime) -> Result<Self, ProofError> {
        let mut revoked: Vec<Option<Digest>> = vec![None; statements.said().len()];
        // 1
        for (_, by) in begun(statements, at) {
            let of_its_own = |target: &Said| by.speaker() == Speaker::Root || target.speaker() == by.speaker();
            revoke(&mut revoked, statements, by, &by.statement().sentence, of_its_own);
        }
        let (of_root, own): (Vec<_>, Vec<_>) = begun(statements, at)
            .filter_map(|(_, by)| Some((by, distrusted(&by.statement().sentence)?)))
            .partition(|(by, _)| by.speaker() == Speaker::Root);
        let of_root = Things::of(of_root.into_iter().map(|(by, subject)| (subject, by.digest())));
        let own: BTreeMap<Speaker, Things<Digest>> = by_speaker(own);
        revoke_things(&mut revoked, statements, |said, tests| {
            of_root.concern(said, tests).or_else(|| own.get(&said.speaker())?.concern(said, tests))
        })?;
        // 2
        let left = |revoked: &[Option<Digest>], place: usize, said: &Said| {
            said.statement().validity.not_before <= at && revoked.get(place).is_some_and(Option::is_none)
        };
        let by_root = revoked.clone();
        let others = published(statements, Topic::Revocations, |place, said| left(&by_root, place, said))?;
        let revoking = others.iter().map(|(place, _)| *place).collect();
        for (_, by) in &others {
            let sentence = by.statement().sentence.unnested().1;
            revoke(&mut revoked, statements, by, sentence, |target| target.speaker() != Speaker::Root);
        }
        let of_others = others
            .into_iter()
            .filter_map(|(_, by)| Some((distrusted(by.statement().sentence.unnested().1)?, by.digest())));
        let of_others = Things::of(of_others);
        revoke_things(&mut revoked, statements, |said, tests| {
            if said.speaker() == Speaker::Root { None } else { of_others.concern(said, tests) }
        })?;
        // 3
        let admitted = |place: usize| statements.said().get(place).is_some_and(|said| left(&revoked, place, said));
        let floors = Floors::of(statements, admitted)?;
        // 4
        let mut states: Vec<State> = statements
            .said()
            .iter()
            .zip(&revoked)
            .enumerate()
            .map(|(place, (said, revoked))| state(place, said, *revoked, &floors, at))
            .collect();
        // 5
        overrule(statements, &mut states);
        let gone = [of_root, of_others];
        Ok(Self { floors, revoking, gone, states, statements: Arc::clone(statements), window: window(statements, at) })
    }

    /// All statements, those that don't count too.
    #[must_use]
    pub fn statements(&self) -> &Statements {
        &self.statements
    }

    /// The time around which nothing begins or ends: all of this holds in it unchanged.
    #[must_use]
    pub const fn window(&self) -> Validity {
        self.window
    }

    /// The root's floor of a line of releases, which is everybody's.
    #[must_use]
    pub fn floor(&self, line: &str) -> Option<u64> {
        self.floors.of_root(line)
    }

    /// How the statement of this digest stands.
    #[must_use]
    pub fn state(&self, digest: Digest) -> State {
        self.statements.place(digest).map_or(State::Unknown, |place| self.state_at(place))
    }

    /// The statement of this digest, if it counts.
    #[must_use]
    pub fn find(&self, digest: Digest) -> Option<&Said> {
        let place = self.statements.place(digest)?;
        self.statements.said().get(place).filter(|_| self.state_at(place) == State::Stands)
    }

    /// The statement that revokes this key, measurement or program, the root's first.
    #[must_use]
    pub fn revokes(&self, subject: &Subject) -> Option<Digest> {
        self.gone.iter().find_map(|things| things.find(subject))
    }

    /// Whether it is revoked to run this: registers ascending by name.
    pub(crate) fn ran(&self, kind: Kind, registers: &[(String, Vec<u8>)]) -> Option<Ran> {
        let [of_root, of_others] = &self.gone;
        let by_root = of_root.run(kind, registers).map(Ran::ByRoot);
        by_root.or_else(|| of_others.run(kind, registers).map(Ran::ByOthers))
    }

    /// By what others refuse: the revocations and floors of delegates that count.
    pub(crate) fn refusals_of_others(&self) -> impl Iterator<Item = &Said> {
        let places = self.revoking.iter().chain(self.floors.of_delegates());
        places.filter_map(|place| self.statements.said().get(*place))
    }

    /// The statements that count, and their places.
    pub(super) fn standing(&self) -> impl Iterator<Item = (usize, &Said)> {
        self.statements.said().iter().enumerate().filter(|(place, _)| self.state_at(*place) == State::Stands)
    }

    /// How the statement at this place stands.
    pub(super) fn state_at(&self, place: usize) -> State {
        self.states.get(place).copied().unwrap_or(State::Unknown)
    }
}

/// What others say about a topic and is believed at some time or other, whatever was revoked since.
pub(crate) fn believed_ever(statements: &Statements, topic: Topic) -> Result<Vec<&Said>, ProofError> {
    Ok(published(statements, topic, |_, _| true)?.into_iter().map(|(_, said)| said).collect())
}

/// Statements that have begun, ended or not.
fn begun(statements: &Statements, at: UnixTime) -> impl Iterator<Item = (usize, &Said)> {
    statements.said().iter().enumerate().filter(move |(_, said)| said.statement().validity.not_before <= at)
}

/// What others say about a topic and is believed, by the statements that `left` admits.
fn published(
    statements: &Statements,
    topic: Topic,
    left: impl Fn(usize, &Said) -> bool,
) -> Result<Vec<(usize, &Said)>, ProofError> {
    let active = |place: usize| statements.said().get(place).is_some_and(|said| left(place, said));
    let places = || statements.said().iter().enumerate().filter(|(place, _)| active(*place));
    if !places().any(|(_, said)| {
        said.speaker() != Speaker::Root && said.statement().sentence.unnested().1.topic() == Some(topic)
    }) {
        return Ok(Vec::new());
    }
    let graph = Graph::of(statements, active)?;
    let publishers = Publishers::of(statements, &graph, topic, active);
    Ok(places().filter(|(place, said)| publishers.believes(*place, said, &graph).is_some()).collect())
}

/// Marks what a revocation revokes, if it is one and its target is admitted. The first to revoke is remembered.
fn revoke(
    revoked: &mut [Option<Digest>],
    statements: &Statements,
    by: &Said,
    sentence: &Sentence,
    admits: impl Fn(&Said) -> bool,
) {
    let Sentence::Revokes(digest) = sentence else { return };
    let Some(place) = statements.place(*digest) else { return };
    if statements.said().get(place).is_some_and(admits)
        && let Some(mark) = revoked.get_mut(place)
    {
        mark.get_or_insert(by.digest());
    }
}

/// The thing that a sentence revokes.
const fn distrusted(sentence: &Sentence) -> Option<&Subject> {
    if let Sentence::Distrusts(subject) = sentence { Some(subject) } else { None }
}

fn by_speaker(said: Vec<(&Said, &Subject)>) -> BTreeMap<Speaker, Things<Digest>> {
    let mut all: BTreeMap<Speaker, Vec<(&Subject, Digest)>> = BTreeMap::new();
    for (by, subject) in said {
        all.entry(by.speaker()).or_default().push((subject, by.digest()));
    }
    all.into_iter().map(|(speaker, things)| (speaker, Things::of(things))).collect()
}

/// Marks the statements that things which are revoked concern.
fn revoke_things(
    revoked: &mut [Option<Digest>],
    statements: &Statements,
    concern: impl Fn(&Said, &mut u64) -> Option<Digest>,
) -> Result<(), ProofError> {
    let mut tests = 0;
    for (said, mark) in statements.said().iter().zip(revoked) {
        if let Some(by) = concern(said, &mut tests) {
            mark.get_or_insert(by);
        }
        if tests > VISITS_MAX {
            return Err(ProofError::Entangled { max: VISITS_MAX });
        }
    }
    Ok(())
}

fn state(place: usize, said: &Said, revoked: Option<Digest>, floors: &Floors, at: UnixTime) -> State {
    let statement = said.statement();
    if statement.validity.not_before > at {
        return State::NotYet;
    }
    if let Some(by) = revoked {
        return State::Revoked(by);
    }
    if let Some(floor) = floors.above(place, said) {
        return State::BelowFloor { floor };
    }
    if statement.validity.not_after < at { State::Expired } else { State::Stands }
}

/// From the last second at which something began or had just ended, to the second before the next one.
fn window(statements: &Statements, at: UnixTime) -> Validity {
    let mut window = Validity::ALWAYS;
    for said in statements.said() {
        let Validity { not_before, not_after } = said.statement().validity;
        for change in std::iter::once(not_before).chain(not_after.0.checked_add(1).map(UnixTime)) {
            if change <= at {
                window.not_before = window.not_before.max(change);
            } else {
                window.not_after = window.not_after.min(UnixTime(change.0.saturating_sub(1)));
            }
        }
    }
    window
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BelowFloor { floor } => write!(f, "is of a release below the floor {floor}"),
            Self::Expired => f.write_str("has expired"),
            Self::NotYet => f.write_str("counts only later"),
            Self::Overruled(by) => write!(f, "says otherwise than the owner does in `{by}`"),
            Self::Revoked(by) => write!(f, "is revoked by `{by}`"),
            Self::Stands => f.write_str("counts"),
            Self::Unknown => f.write_str("the domain does not have"),
        }
    }
}
