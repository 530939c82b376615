//! The result as it leaves: signed by the keep, with its proofs, encrypted to each recipient.

use casemate_attester::control::{Done, PartyResult};
use casemate_contract::{BUNDLE_BYTES_MAX, RESULT_BYTES_MAX, ResultBody, RunBundle};
use casemate_cose::{CborError, SigningKey, decode, encode};
use casemate_seal::blob::seal_to;
use minicbor::{Decode, Encode};

use super::{brokers::Party, refusal::Refusal, terms::Terms};

/// The longest content of a result file.
pub const RESULT_FILE_BYTES_MAX: usize = RESULT_BYTES_MAX + BUNDLE_BYTES_MAX + (1 << 16);

/// What a recipient finds inside its age file.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct ResultFile {
    /// The signed result: a COSE_Sign1 of kind `casemate/result/1` by the keep's key.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub result: Vec<u8>,
    /// The run's bundle, which says whose key that is and who permitted it.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub bundle: Vec<u8>,
}

impl ResultFile {
    /// Reads the content of an age file. Nothing in it is verified.
    ///
    /// # Errors
    /// [`CborError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CborError> {
        decode(bytes, RESULT_FILE_BYTES_MAX)
    }

    /// The content of an age file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }
}

/// Signs and encrypts. Takes the permits of all brokers by value: without them there is nothing to deliver with. What they permitted
/// is the result and what lay outside secret memory until they were asked.
pub(super) fn deliver(
    terms: &Terms,
    keep_key: &SigningKey,
    (body, ordinary_bytes): (&ResultBody, u64),
    permitted: Vec<Party<()>>,
) -> Result<Done, Refusal> {
    let records = permitted.into_iter().map(Party::into_record).collect();
    let bundle =
        RunBundle::new(terms.contract_file.clone(), terms.manifest.bytes().to_vec(), keep_key.public(), records);
    let bundle = bundle.to_bytes();
    let content = ResultFile { result: body.sign(keep_key), bundle: bundle.clone() }.to_bytes();
    let mut results = Vec::new();
    for to in &terms.manifest.fields().recipients {
        let mut file = Vec::new();
        seal_to(content.as_slice(), &mut file, &[to.recipient.as_str()]).map_err(|error| {
            let remedy = "sign a successor of the contract with the party's recipient key";
            Refusal::one(
                "result-recipient",
                &format!("the age recipient of `{}`", to.party),
                &error.to_string(),
                remedy,
            )
        })?;
        results.push(PartyResult { party: to.party.to_string(), file });
    }
    Ok(Done { results, bundle, ordinary_bytes })
}
