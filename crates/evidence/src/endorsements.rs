//! What a verifier brings along to tell genuine evidence from other evidence.

use casemate_cose::PublicKey;

/// Endorsements of every format, as data: nothing is fetched while evidence is authenticated.
/// The default endorses nobody, so that everything is refused.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Endorsements {
    /// Keys of the launchers whose `software` evidence is looked at.
    pub launchers: Vec<PublicKey>,
}

impl Endorsements {
    /// Endorses these launchers and nothing else.
    #[must_use]
    pub fn of_launchers(launchers: impl IntoIterator<Item = PublicKey>) -> Self {
        Self { launchers: launchers.into_iter().collect() }
    }
}
