//! From a verified `software` statement to the claims that all formats share.

use casemate_cose::{Digest, Kind, PublicKey, claimed_signer, verify};

use super::{
    Flaw, Statement,
    abi::{self, Payload},
};
use crate::{Evidence, Facts, Format, Isolation, Lack, Platform, ReportData};

/// What a launcher says about a keep, in its own words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claims {
    /// The digest of the runtime that runs inside.
    pub runtime: Digest,
    /// The digest of the host's libraries that run within the keep: [`super::digest_of_libraries`].
    pub libraries: Digest,
    /// The digest of the program that the runtime was given.
    pub program: Digest,
    /// What the isolation promises and this machine did not give; sorted, each once.
    pub lacks: Vec<Lack>,
    /// How many bytes of the keep's memory are secret memory.
    pub secret_bytes: u64,
    /// The launcher that vouches for all this. Whoever holds that key can claim anything.
    pub launcher: PublicKey,
}

impl Claims {
    pub(crate) fn facts(&self, facts: &mut Facts) {
        facts.add("launcher", self.launcher);
        facts.add("runtime", self.runtime);
        facts.add("libraries", self.libraries);
        facts.add("program", self.program);
        facts.add("lacks", self.lacks.iter().map(Lack::to_string).collect::<Vec<_>>().join(", "));
        facts.add("secret-bytes", self.secret_bytes);
    }
}

/// The claims of `payload`, which `launcher` signed.
pub(super) fn claims(payload: &Payload, launcher: PublicKey) -> Result<crate::Claims, Flaw> {
    Ok(crate::Claims {
        isolation: Some(isolation(&payload.isolation)?),
        manifest: Some(payload.manifest),
        report_data: ReportData::full(&payload.report_data),
        at: payload.at,
        debug: payload.debug,
        platform: Platform::Software(Claims {
            runtime: payload.runtime,
            libraries: payload.libraries,
            program: payload.program,
            lacks: lacks(&payload.lacks)?,
            secret_bytes: payload.secret_bytes,
            launcher,
        }),
    })
}

impl Statement {
    /// What `evidence` *claims* and who it says signed it, with nothing verified: for showing it to people.
    #[must_use]
    pub fn claimed(evidence: &Evidence) -> Option<(Self, PublicKey)> {
        let object = (evidence.format() == Format::Software).then_some(evidence.bytes())?;
        let launcher = claimed_signer(object).ok()?;
        let verified = verify(Kind::Evidence, object, &launcher).ok()?;
        let payload = abi::parse(verified.payload()).ok()?;
        let statement = Self {
            isolation: isolation(&payload.isolation).ok()?,
            runtime: payload.runtime,
            libraries: payload.libraries,
            program: payload.program,
            manifest: payload.manifest,
            report_data: payload.report_data,
            lacks: lacks(&payload.lacks).ok()?.into_iter().collect(),
            secret_bytes: payload.secret_bytes,
            debug: payload.debug,
            at: payload.at,
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
