//! Whose signatures under contracts count.

use casemate_cose::{Digest, UnixTime};

use super::Domain;
use crate::{
    proof::{Facts, ProofError, believed_ever, check},
    statement::{Purpose, Sentence, Subject, Topic},
};

impl Domain {
    /// Whether the domain says whose signatures under contracts count: its owner, or whoever the owner lets publish `keys`, also
    /// in another's name. One that does so is believed about it for good: where everybody that it names has ended or is revoked,
    /// nobody's count, also where it is the delegation that was revoked. What a stranger says of signers changes nothing.
    ///
    /// # Errors
    /// [`ProofError`]: what follows from the domain can't be computed.
    pub fn names_signers(&self) -> Result<bool, ProofError> {
        if self.own().any(|said| is_signer(&said.statement().sentence)) {
            return Ok(true);
        }
        if !self.statements().said().iter().any(|said| is_signer(said.statement().sentence.unnested().1)) {
            return Ok(false);
        }
        let believed = believed_ever(self.statements(), Topic::Keys)?;
        Ok(believed.into_iter().any(|said| is_signer(said.statement().sentence.unnested().1)))
    }

    /// Whether the signature of a key, by the SHA-256 of its `SubjectPublicKeyInfo`, counts under contracts at this time: as a
    /// proof says that is made and checked, or because the domain names no signers and
    /// does not revoke this one.
    ///
    /// # Errors
    /// [`ProofError`]: what follows from the domain can't be computed.
    pub fn accepts_signer(&self, key: Digest, at: UnixTime) -> Result<bool, ProofError> {
        let (effective, subject) = (self.effective(at)?, Subject::Key(key));
        if !self.names_signers()? {
            return Ok(effective.standing().revokes(&subject).is_none());
        }
        let goal = Sentence::Trusted { subject, purpose: Purpose::Contracts };
        let Some(proof) = effective.prove(&goal, at)? else { return Ok(false) };
        Ok(*check(&proof, effective.standing(), Facts::NONE, at)? == goal)
    }
}

fn is_signer(sentence: &Sentence) -> bool {
    matches!(sentence, Sentence::Trusted { purpose: Purpose::Contracts, .. })
}
