//! Statements that would do and don't count at this time: told in denials by what has ended, was revoked, or begins later, be it the
//! statement or what it rests on that it is believed.

use crate::{
    DenyReason,
    component::Component,
    proof::{Lapses, State},
    statement::{Purpose, Said, Sentence, Speaker, Topic},
    unmet::{Asked, place},
};

/// What a denial calls what lets somebody else's statement count.
pub(crate) const DELEGATION: &str = "delegation";
/// How many statements of others are looked at: more only hostile domains need.
const OTHERS_MAX: usize = 256;

/// A statement that would do, and all for which it doesn't count.
pub(crate) struct Lapsed<'a> {
    pub(crate) said: &'a Said,
    states: Vec<(&'a Said, State)>,
}

/// Statements that would do and don't count, in the statements' own order. What a stranger says would never have counted.
pub(crate) fn lapsed<'a>(asked: &Asked<'a>, topic: Topic, would_do: impl Fn(&'a Sentence) -> bool) -> Vec<Lapsed<'a>> {
    let standing = asked.effective.standing();
    let (mut lapses, mut others) = (None, 0_usize);
    let mut found = Vec::new();
    for said in standing.statements().said() {
        let state = standing.state(said.digest());
        let counts = state == State::Stands;
        if (counts && said.speaker() == Speaker::Root) || !would_do(said.statement().sentence.unnested().1) {
            continue;
        }
        let states = match said.speaker() {
            Speaker::Root => vec![(said, state)],
            Speaker::Key(_) => {
                others = others.saturating_add(1);
                if others > OTHERS_MAX {
                    continue;
                }
                let lapses = lapses.get_or_insert_with(|| Lapses::of(standing, topic).ok());
                lapses.as_ref().map(|lapses| lapses.of_statement(said)).unwrap_or_default()
            }
        };
        if !states.is_empty() {
            found.push(Lapsed { said, states });
        }
    }
    found
}

/// Where somebody says what would do and may not: that statement, or the one by which its speaker was let publish more than there was
/// to hand on; and what whoever says that may publish. The first.
pub(crate) fn outside<'a>(
    asked: &Asked<'a>,
    topic: Topic,
    would_do: impl Fn(&'a Sentence) -> bool,
) -> Option<(&'a Said, Vec<Purpose>)> {
    let standing = asked.effective.standing();
    let would_do =
        |said: &&'a Said| said.speaker() != Speaker::Root && would_do(said.statement().sentence.unnested().1);
    let mut others = standing.statements().said().iter().filter(would_do).take(OTHERS_MAX).peekable();
    others.peek()?;
    let lapses = Lapses::of(standing, topic).ok()?;
    others.find_map(|said| lapses.outside(said))
}

impl Lapsed<'_> {
    /// Why it doesn't count: `what` it is about, or the delegations that it rests on.
    pub(crate) fn reasons(&self, asked: &Asked<'_>, component: &Component, what: &'static str) -> Vec<DenyReason> {
        let reason = |(said, state): &(&Said, State)| DenyReason::Lapsed {
            component: component.name.clone(),
            place: place(asked, said),
            what: if said.digest() == self.said.digest() { what } else { DELEGATION },
            state: *state,
        };
        self.states.iter().map(reason).collect()
    }

    /// For how many reasons it doesn't count.
    pub(crate) fn len(&self) -> usize {
        self.states.len()
    }
}
