//! Which programs may run on secrets.

use casemate_cose::{Digest, UnixTime};

use super::Domain;
use crate::{
    proof::{Facts, ProofError, check},
    statement::{Purpose, Sentence, Subject, Topic},
};

impl Domain {
    /// Whether the domain says which programs may run on secrets: its owner names some, or lets somebody publish them. One that does so
    /// is believed about it for good: where everything that it names has ended or is revoked, nothing may run.
    #[must_use]
    pub fn names_programs(&self) -> bool {
        self.own().any(|said| match &said.statement().sentence {
            Sentence::Trusted { subject: Subject::Program(_), .. } => true,
            Sentence::Trusted { purpose: Purpose::Publishing { topic, .. }, .. } => *topic == Topic::Programs,
            _ => false,
        })
    }

    /// Whether the program of this digest may run on secrets at this time: as a proof says that is made and checked, or because the
    /// domain names no programs and does not revoke this one.
    ///
    /// # Errors
    /// [`ProofError`]: what follows from the domain can't be computed.
    pub fn accepts_program(&self, program: Digest, at: UnixTime) -> Result<bool, ProofError> {
        let (effective, subject) = (self.effective(at)?, Subject::Program(program));
        if !self.names_programs() {
            return Ok(effective.standing().revokes(&subject).is_none());
        }
        let goal = Sentence::Trusted { subject: subject.clone(), purpose: Purpose::Execution(None) };
        let Some(proof) = effective.prove(&goal, at)? else { return Ok(false) };
        Ok(match check(&proof, effective.standing(), Facts::NONE, at)? {
            // Trusted as some release is trusted.
            Sentence::Trusted { subject: proved, purpose: Purpose::Execution(_) } => *proved == subject,
            _ => false,
        })
    }
}
