//! From a verified `software` statement to the claims that all formats share.

use casemate_cose::{Kind, PublicKey, claimed_signer, verify};

use super::{
    Flaw, Statement,
    abi::{self, Payload},
};
use crate::{Attester, Claims, Evidence, Isolation, Lack};

/// The claims of `payload`, which `launcher` signed.
pub(super) fn claims(payload: &Payload, launcher: PublicKey) -> Result<Claims, Flaw> {
    Ok(Claims {
        isolation: isolation(&payload.isolation)?,
        runtime: payload.runtime,
        program: payload.program,
        manifest: payload.manifest,
        report_data: payload.report_data,
        lacks: lacks(&payload.lacks)?,
        secret_bytes: payload.secret_bytes,
        attester: Attester::Launcher(launcher),
        at: payload.at,
        debug: payload.debug,
    })
}

impl Statement {
    /// What `evidence` *claims* and who it says signed it, with nothing verified: for showing it to people.
    #[must_use]
    pub fn claimed(evidence: &Evidence) -> Option<(Self, PublicKey)> {
        let Evidence::Software(object) = evidence;
        let launcher = claimed_signer(object).ok()?;
        let verified = verify(Kind::Evidence, object, &launcher).ok()?;
        let claims = claims(&abi::parse(verified.payload()).ok()?, launcher).ok()?;
        let statement = Self {
            isolation: claims.isolation,
            runtime: claims.runtime,
            program: claims.program,
            manifest: claims.manifest,
            report_data: claims.report_data,
            lacks: claims.lacks.into_iter().collect(),
            secret_bytes: claims.secret_bytes,
            debug: claims.debug,
            at: claims.at,
        };
        Some((statement, launcher))
    }
}

/// A launcher can speak for `process` alone: it can't attest a hypervisor's or a chip's work.
fn isolation(name: &str) -> Result<Isolation, Flaw> {
    match name.parse() {
        Ok(Isolation::Process) => Ok(Isolation::Process),
        Ok(actual) => Err(Flaw::Isolation { actual }),
        Err(_) => Err(Flaw::UnknownIsolation { actual: name.to_owned() }),
    }
}

/// Known, strictly ascending names: no set of lacks has two spellings.
fn lacks(names: &[String]) -> Result<Vec<Lack>, Flaw> {
    let lacks = names
        .iter()
        .map(|name| name.parse().map_err(|_| Flaw::UnknownLack { actual: name.clone() }))
        .collect::<Result<Vec<Lack>, Flaw>>()?;
    if !lacks.is_sorted_by(|one, next| one < next) {
        return Err(Flaw::LacksOrder { actual: names.to_vec() });
    }
    Ok(lacks)
}
