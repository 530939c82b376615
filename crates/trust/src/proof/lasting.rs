//! When something that may matter begins or ends next.
//!
//! The root's statements may matter, and of others' those that would be believed if every statement counted, ended or not begun or
//! revoked; and what a key revokes of its own. What is revoked stays so, whenever it would have ended.

use std::collections::BTreeSet;

use casemate_cose::UnixTime;

use super::{ProofError, Standing, State, graph::Graph, publishers::Publishers};
use crate::statement::{Said, Sentence, Speaker, Topic, Validity};

/// The last second before a statement that may matter begins or ends, after the window of this standing began.
pub(super) fn lasting(standing: &Standing) -> Result<UnixTime, ProofError> {
    let statements = standing.statements();
    let mut believed: BTreeSet<usize> = BTreeSet::new();
    let graph = Graph::of(statements, |_| true)?;
    for topic in Topic::ALL {
        let publishers = Publishers::of(statements, &graph, *topic, |_| true);
        let places = statements.said().iter().enumerate();
        believed.extend(places.filter(|(place, said)| publishers.may_believe(*place, said, &graph)).map(|it| it.0));
    }
    let speakers: BTreeSet<Speaker> =
        believed.iter().filter_map(|place| statements.said().get(*place)).map(Said::speaker).collect();
    let matters = |place: usize, said: &Said| {
        let revokes = matches!(said.statement().sentence, Sentence::Distrusts(_) | Sentence::Revokes(_));
        said.speaker() == Speaker::Root || believed.contains(&place) || (revokes && speakers.contains(&said.speaker()))
    };
    let from = standing.window().not_before;
    let mut last = UnixTime(u64::MAX);
    for (place, said) in statements.said().iter().enumerate() {
        if matches!(standing.state_at(place), State::Revoked(_)) || !matters(place, said) {
            continue;
        }
        let Validity { not_before, not_after } = said.statement().validity;
        for change in std::iter::once(not_before).chain(not_after.0.checked_add(1).map(UnixTime)) {
            if change > from {
                last = last.min(UnixTime(change.0.saturating_sub(1)));
            }
        }
    }
    Ok(last)
}
