//! The compiled form of a domain.
//!
//! ```text
//! { 0: version, 1: owner, 2: [{0: name, 1: key}, …] by key, 3: [{0: name, 1: digest}, …] by digest,
//!   4: {0: [lack, …] by name} }                                  4 is absent where `process` is not accepted
//! ```

use casemate_cose::{decode, encode};
use casemate_evidence::Lack;
use minicbor::{Decode, Encode};

use super::{DOMAIN_BYTES_MAX, Domain, DomainError, Launcher, Process, Runtime};

const VERSION: u64 = 1;

#[derive(Decode, Encode)]
#[cbor(map)]
struct Compiled {
    #[n(0)]
    version: u64,
    #[n(1)]
    owner: String,
    #[n(2)]
    launchers: Vec<Launcher>,
    #[n(3)]
    runtimes: Vec<Runtime>,
    #[n(4)]
    process: Option<CompiledProcess>,
}

#[derive(Decode, Encode)]
#[cbor(map)]
struct CompiledProcess {
    #[n(0)]
    accept_lacks: Vec<Lack>,
}

pub(super) fn write(domain: &Domain) -> Vec<u8> {
    let process = domain.process.as_ref();
    encode(&Compiled {
        version: VERSION,
        owner: domain.owner.clone(),
        launchers: domain.launchers.clone(),
        runtimes: domain.runtimes.clone(),
        process: process
            .map(|process| CompiledProcess { accept_lacks: process.accept_lacks.iter().copied().collect() }),
    })
}

pub(super) fn parse(bytes: &[u8]) -> Result<Domain, DomainError> {
    let compiled: Compiled = decode(bytes, DOMAIN_BYTES_MAX)?;
    if compiled.version != VERSION {
        return Err(DomainError::Version { actual: compiled.version, expected: VERSION });
    }
    let process = compiled.process.map(|process| Process { accept_lacks: process.accept_lacks.into_iter().collect() });
    let domain = Domain::new(compiled.owner, compiled.launchers, compiled.runtimes, process)?;
    // One set of entries has one encoding: its order, and each lack once.
    if domain.to_bytes() == bytes { Ok(domain) } else { Err(DomainError::Order) }
}
