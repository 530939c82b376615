//! The bytes of `software` evidence: a COSE_Sign1 of kind `casemate/evidence/1` over this CBOR map.
//!
//! ```text
//! { 0: version, 1: isolation, 2: runtime, 3: program, 4: manifest, 5: report data, 6: [lack, …], 7: secret bytes,
//!   8: debug, 9: at, 10: libraries }
//! ```

use std::collections::{BTreeMap, BTreeSet};

use casemate_cose::{CborError, Digest, Kind, SigningKey, UnixTime, decode, encode};
use minicbor::{Decode, Decoder, Encode};

use crate::{Evidence, Format, Isolation, Lack};

/// The version of the statement that this crate writes, and the only one that it reads.
pub const STATEMENT_VERSION: u64 = 1;

/// What a launcher says about a keep that it has started and looked at from outside.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Statement {
    /// How the keep is isolated: a launcher can speak for `process` only.
    pub isolation: Isolation,
    /// SHA-256 of the binary that runs as the keep.
    pub runtime: Digest,
    /// What of the host runs within the keep beside the binary: see [`digest_of_libraries`].
    pub libraries: Digest,
    /// SHA-256 of the program that it was given.
    pub program: Digest,
    /// SHA-256 of the manifest's bytes.
    pub manifest: Digest,
    /// What the keep asked to have stated.
    pub report_data: [u8; 64],
    /// What this machine did not give.
    pub lacks: BTreeSet<Lack>,
    /// Bytes of `memfd_secret` memory that the keep has.
    pub secret_bytes: u64,
    /// Whether the keep was launched for looking into.
    pub debug: bool,
    /// The time on the launcher's clock.
    pub at: UnixTime,
}

/// Signs `statement` as the launcher who holds `key`.
#[must_use]
pub fn sign(statement: &Statement, key: &SigningKey) -> Evidence {
    Evidence::new(Format::Software, casemate_cose::sign(Kind::Evidence, &encode(&Payload::from(statement)), key))
}

/// One digest for the shared libraries that a runtime is linked with, its dynamic loader included: SHA-256 over the deterministic CBOR
/// of an array of `[name, SHA-256 of the file]`, ascending by name. `files` is by the names under which libraries call for
/// each other (`DT_SONAME`).
#[must_use]
pub fn digest_of_libraries(files: &BTreeMap<String, Digest>) -> Digest {
    Digest::of(&encode(&files.iter().collect::<Vec<(&String, &Digest)>>()))
}

/// The statement as it lies on the wire: names are still text, so that an unknown one can be refused by name.
#[derive(Clone, Decode, Encode)]
#[cbor(map)]
pub(super) struct Payload {
    #[n(0)]
    pub(super) version: u64,
    #[n(1)]
    pub(super) isolation: String,
    #[n(2)]
    pub(super) runtime: Digest,
    #[n(3)]
    pub(super) program: Digest,
    #[n(4)]
    pub(super) manifest: Digest,
    #[cbor(n(5), with = "minicbor::bytes")]
    pub(super) report_data: [u8; 64],
    #[n(6)]
    pub(super) lacks: Vec<String>,
    #[n(7)]
    pub(super) secret_bytes: u64,
    #[n(8)]
    pub(super) debug: bool,
    #[n(9)]
    pub(super) at: UnixTime,
    #[n(10)]
    pub(super) libraries: Digest,
}

impl From<&Statement> for Payload {
    fn from(statement: &Statement) -> Self {
        Self {
            version: STATEMENT_VERSION,
            isolation: statement.isolation.to_string(),
            runtime: statement.runtime,
            program: statement.program,
            manifest: statement.manifest,
            report_data: statement.report_data,
            lacks: statement.lacks.iter().map(Lack::to_string).collect(),
            secret_bytes: statement.secret_bytes,
            debug: statement.debug,
            at: statement.at,
            libraries: statement.libraries,
        }
    }
}

/// The version of a statement, of which a later version may have other fields: only the first entry is read.
pub(super) fn peek_version(payload: &[u8]) -> Result<u64, CborError> {
    let malformed = |error: minicbor::decode::Error| CborError::Malformed(error.to_string());
    let mut decoder = Decoder::new(payload);
    decoder.map().map_err(malformed)?;
    if decoder.u64().map_err(malformed)? != 0 {
        return Err(CborError::Malformed("the first field is not the version".to_owned()));
    }
    decoder.u64().map_err(malformed)
}

/// Reads a statement of [`STATEMENT_VERSION`].
pub(super) fn parse(payload: &[u8]) -> Result<Payload, CborError> {
    decode(payload, payload.len())
}
