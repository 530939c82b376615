//! Who might be believed if every statement counted: those that have ended, that begin later and that are revoked, too. What is not
//! believed even so counts at no time.

use super::{ProofError, graph::Graph, publishers::Publishers};
use crate::statement::{Purpose, Said, Speaker, Statements, Topic};

/// Who might publish about the topics of which somebody signed something.
pub(crate) struct Ever<'s> {
    statements: &'s Statements,
    graph: Graph,
    publishers: Vec<Publishers<'s>>,
}

impl<'s> Ever<'s> {
    /// # Errors
    /// [`ProofError::Entangled`]: at some time it may be so that what follows can't be computed.
    pub(crate) fn of(statements: &'s Statements) -> Result<Self, ProofError> {
        let graph = Graph::of(statements, |_| true)?;
        let is_said = |topic: &&Topic| {
            let mut others = statements.said().iter().filter(|said| said.speaker() != Speaker::Root);
            others.any(|said| said.statement().sentence.unnested().1.topic() == Some(**topic))
        };
        let topics = Topic::ALL.iter().filter(is_said);
        let publishers = topics.map(|topic| Publishers::of(statements, &graph, *topic, |_| true)).collect();
        Ok(Self { statements, graph, publishers })
    }

    /// Whether what a key says might be believed.
    pub(crate) fn believes(&self, said: &Said) -> bool {
        let Some(place) = self.statements.place(said.digest()) else { return false };
        self.publishers.iter().any(|publishers| publishers.believes(place, said, &self.graph).is_some())
    }

    /// What who says this might publish, of any topic of which somebody signed something.
    pub(crate) fn rights(&self, said: &Said) -> Vec<Purpose> {
        let heard = self.statements.place(said.digest()).and_then(|place| self.graph.heard(place));
        let Some(heard) = heard else { return Vec::new() };
        let of_topic = |publishers: &Publishers<'s>| {
            publishers.of_node(heard).map(|(_, right)| right.purpose(publishers.topic())).collect::<Vec<_>>()
        };
        self.publishers.iter().flat_map(of_topic).collect()
    }
}
