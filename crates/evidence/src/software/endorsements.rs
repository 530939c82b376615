//! The endorsement of `software` evidence: the verifier's list of launcher keys.

use casemate_cose::PublicKey;

use super::Flaw;
use crate::Endorsements;

/// Finds the launcher that an object names among those endorsed.
pub(super) fn endorsed(endorsements: &Endorsements, claimed: PublicKey) -> Result<PublicKey, Flaw> {
    let known = endorsements.launchers().find(|launcher| *launcher == claimed);
    known.ok_or(Flaw::Launcher { actual: claimed })
}
