//! The compiled form of a domain.
//!
//! ```text
//! { 0: version, 1: owner, 2: sequence, 3: [SubjectPublicKeyInfo, …] by digest, 4: [statement, …] by digest,
//!   5: [COSE_Sign1, …] by the digest of its payload }
//! ```

use casemate_cose::{VerifyingKey, encode};
use minicbor::{Decode, Decoder, Encode, bytes::ByteVec};

use super::{DOMAIN_BYTES_MAX, Domain, DomainError, ENTRIES_MAX};
use crate::statement::{Signed, Statement, decode_nested, list};

const VERSION: u64 = 2;
/// The most keys: each statement of the owner's names two at most.
const KEYS_MAX: usize = 2 * ENTRIES_MAX;

#[derive(Decode, Encode)]
#[cbor(map)]
struct Compiled {
    #[n(0)]
    version: u64,
    #[n(1)]
    owner: String,
    #[n(2)]
    sequence: u64,
    #[n(3)]
    #[cbor(decode_with = "list::read::<_, _, KEYS_MAX>")]
    keys: Vec<ByteVec>,
    #[n(4)]
    #[cbor(decode_with = "list::read::<_, _, ENTRIES_MAX>")]
    statements: Vec<Statement>,
    #[n(5)]
    #[cbor(decode_with = "list::read::<_, _, ENTRIES_MAX>")]
    signed: Vec<ByteVec>,
}

pub(super) fn write(domain: &Domain) -> Vec<u8> {
    encode(&Compiled {
        version: VERSION,
        owner: domain.owner.clone(),
        sequence: domain.sequence,
        keys: domain.keys().map(|key| key.spki().into()).collect(),
        statements: domain.own().map(|said| said.statement().clone()).collect(),
        signed: domain.signed().iter().map(|signed| signed.object().to_vec().into()).collect(),
    })
}

pub(super) fn parse(bytes: &[u8]) -> Result<Domain, DomainError> {
    if bytes.len() <= DOMAIN_BYTES_MAX {
        check_version(bytes)?;
    }
    let compiled: Compiled = decode_nested(bytes, DOMAIN_BYTES_MAX)?;
    let actual = compiled.statements.len().saturating_add(compiled.signed.len());
    if actual > ENTRIES_MAX {
        return Err(DomainError::TooMany { actual, max: ENTRIES_MAX });
    }
    let keys = compiled.keys.iter().map(|spki| VerifyingKey::from_spki(spki).map_err(|_| DomainError::Order));
    let keys = keys.collect::<Result<_, _>>()?;
    let signed = compiled.signed.iter().map(|object| Signed::verify(object)).collect::<Result<_, _>>();
    let signed = signed.map_err(|error| DomainError::Signed { why: error.to_string(), span: None })?;
    let domain = Domain::of(compiled.owner, compiled.sequence, compiled.statements, keys, signed)?;
    // One set of statements has one encoding: its order, each once, and no key that nothing names.
    if domain.to_bytes() == bytes { Ok(domain) } else { Err(DomainError::Order) }
}

/// Looks at the version before anything else: another one's fields have other shapes.
fn check_version(bytes: &[u8]) -> Result<(), DomainError> {
    let mut decoder = Decoder::new(bytes);
    let version =
        decoder.map().ok().and_then(|_| decoder.u64().ok()).filter(|key| *key == 0).and_then(|_| decoder.u64().ok());
    match version {
        Some(actual) if actual != VERSION => Err(DomainError::Version { actual, expected: VERSION }),
        _ => Ok(()),
    }
}
