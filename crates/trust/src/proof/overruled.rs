//! Where the owner says which property something has, nobody else says otherwise: what others state of the same property of the same
//! thing stands only if it is a value that the owner states.

use std::collections::BTreeMap;

use casemate_cose::Digest;

use super::State;
use crate::statement::{Said, Sentence, Speaker, Statements, Subject, Value};

/// What something has, by itself and by the property's name.
type Stated<'s> = (&'s Subject, &'s str);

/// Marks what the owner's statements that stand overrule.
pub(super) fn overrule(statements: &Statements, states: &mut [State]) {
    let mut own: BTreeMap<Stated<'_>, (Digest, Vec<&Value>)> = BTreeMap::new();
    for (said, _) in standing(statements, states).filter(|(said, _)| said.speaker() == Speaker::Root) {
        if let Some((stated, value)) = property(said) {
            own.entry(stated).or_insert_with(|| (said.digest(), Vec::new())).1.push(value);
        }
    }
    if own.is_empty() {
        return;
    }
    for (said, state) in statements.said().iter().zip(states) {
        if said.speaker() != Speaker::Root
            && *state == State::Stands
            && let Some((stated, value)) = property(said)
            && let Some((by, values)) = own.get(&stated)
            && !values.contains(&value)
        {
            *state = State::Overruled(*by);
        }
    }
}

fn standing<'s>(statements: &'s Statements, states: &[State]) -> impl Iterator<Item = (&'s Said, State)> {
    statements.said().iter().zip(states.iter().copied()).filter(|(_, state)| *state == State::Stands)
}

fn property(said: &Said) -> Option<(Stated<'_>, &Value)> {
    match said.statement().sentence.unnested().1 {
        Sentence::HasProperty { subject, name, value } => Some(((subject, name), value)),
        _ => None,
    }
}
