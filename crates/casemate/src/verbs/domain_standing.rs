//! What this party's broker makes of its domain: whether it is signed, and what was in force last.

use casemate_store::{DomainMark, Seal};
use casemate_trust::Domain;
use serde_json::{Value, json};

use crate::{
    failure::Failure,
    files,
    state::{self, State},
};

/// The domain of a state folder, and what stands against it there.
pub(super) struct Standing {
    signed: Signed,
    in_force: Option<DomainMark>,
}

/// What `domain.signed` is to the domain.
enum Signed {
    /// It says something else, or is not signed by this party: why.
    Differs(String),
    /// There is none.
    None,
    /// It says the same.
    Same,
}

/// Looks at the files and the store of `state`, whose domain is `own`.
pub(super) async fn of_own(state: &State, own: &Domain) -> Result<Standing, Failure> {
    let in_force = state.store().await?.domain_mark().await.map_err(state::store)?;
    Ok(Standing { signed: signed(state, own)?, in_force })
}

/// That the domain `own` of `state` is not what is signed, if something is.
pub(super) fn unsigned(state: &State, own: &Domain) -> Result<Option<String>, Failure> {
    Ok(signed(state, own)?.differs())
}

fn signed(state: &State, own: &Domain) -> Result<Signed, Failure> {
    let path = state.dir.join("domain.signed");
    if !path.exists() {
        return Ok(Signed::None);
    }
    Ok(match Domain::open(&files::read(&path)?, &state.identity()?) {
        Ok(signed) if signed.digest() == own.digest() => Signed::Same,
        Ok(signed) => Signed::Differs(format!("sequence {}, {}", signed.sequence(), signed.digest())),
        Err(error) => Signed::Differs(error.to_string()),
    })
}

impl Signed {
    fn differs(&self) -> Option<String> {
        match self {
            Self::Differs(what) => Some(format!(
                "not signed: domain.signed says something else ({what}), and the broker refuses every keep until you run `casemate \
                 domain sign`"
            )),
            Self::None | Self::Same => None,
        }
    }
}

impl Standing {
    /// For people.
    pub(super) fn words(&self) -> Vec<String> {
        let same = || matches!(self.signed, Signed::Same).then(|| "signed: domain.signed says the same".to_owned());
        let signed = self.signed.differs().or_else(same);
        let in_force = self.in_force.map(|mark| {
            let seal = if mark.seal == Seal::Signed { "signed" } else { "not signed" };
            format!("the broker went by sequence {}, {seal}, {}", mark.sequence, mark.digest)
        });
        signed.into_iter().chain(in_force).collect()
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let signed = match &self.signed {
            Signed::Differs(_) => "differs",
            Signed::None => "none",
            Signed::Same => "same",
        };
        let in_force = self.in_force.map(|mark| {
            let signed = mark.seal == Seal::Signed;
            json!({"digest": mark.digest.to_string(), "sequence": mark.sequence, "signed": signed})
        });
        json!({"signed": signed, "in_force": in_force})
    }
}
