//! Why a token was not written, or not believed.

use casemate_cose::{Digest, UnixTime};
use thiserror::Error;

use super::{NONCE_BYTES_MAX, NONCE_BYTES_MIN, Tier};

/// Why an attestation result, token or SVID was not made or not accepted. What to do stands after the semicolon.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ResultError {
    /// A file of names is not one.
    #[error("{message}")]
    Admission {
        /// What is wrong.
        message: String,
        /// Where: a byte range of the text.
        span: Option<std::ops::Range<usize>>,
    },
    /// What runs meets several measurements that are called differently.
    #[error(
        "what runs has several names, {names}; leave one of them, or let the domain accept one of these measurements alone"
    )]
    Ambiguous {
        /// Which, and by which digests.
        names: String,
    },
    /// A token says that it is signed by another algorithm than its key's.
    #[error(
        "signed with `{actual}`, where the expected key signs `{expected}`; take the token from whoever holds that key"
    )]
    Algorithm {
        /// The key's.
        expected: &'static str,
        /// The token's word.
        actual: String,
    },
    /// JWT-SVIDs have a list of algorithms, and this is none of it.
    #[error("JWT-SVIDs can't be signed with `{0}`; sign them with a P-256 or P-384 key")]
    AlgorithmOfSvid(&'static str),
    /// A token is for somebody else.
    #[error("for the audience `{actual}`, not `{expected}`; ask for a token for this audience")]
    Audience {
        /// Whoever reads.
        expected: String,
        /// The token's.
        actual: String,
    },
    /// A component that was asked for is not in the result.
    #[error("nothing is said of the component `{0}`; ask the verifier for a result with it")]
    ComponentAbsent(String),
    /// Bytes that are not of the one form in which such tokens are written.
    #[error("not as Casemate writes it: {0}; take it unchanged from whoever made it")]
    Form(&'static str),
    /// The token is over.
    #[error("expired at {expires}, and it is {at}; ask for a new one")]
    Expired {
        /// The first second in which it counts no more.
        expires: UnixTime,
        /// The reader's time.
        at: UnixTime,
    },
    /// Something that no result or name can have.
    #[error("{what} `{actual}` can't be: {rule}")]
    Invalid {
        /// What it is.
        what: &'static str,
        /// How it stands there.
        actual: String,
        /// How it has to be.
        rule: &'static str,
    },
    /// The keep was attested for another key.
    #[error("evidence speaks for the key {attested}, not {actual}; take the attested key")]
    Key {
        /// The key that the evidence names.
        attested: Digest,
        /// The key that was given.
        actual: Digest,
    },
    /// The token names another key than the expected one.
    #[error("signed by the key `{actual}`, expected `{expected}`; take the token from whoever holds that key")]
    KeyId {
        /// The key that is believed.
        expected: String,
        /// The token's word.
        actual: String,
    },
    /// What was accepted is no place for a keep.
    #[error("evidence of a device or a token, where no keep runs; give evidence of a keep")]
    NoKeep,
    /// The token's nonce is another than the one it was asked for with.
    #[error("made for another nonce; ask for a new one")]
    Nonce,
    /// A nonce of a length that the standard doesn't know.
    #[error("a nonce of {0} bytes; take {NONCE_BYTES_MIN} to {NONCE_BYTES_MAX}")]
    NonceLength(usize),
    /// The token is from the future.
    #[error("issued at {issued}, and it is {at}; set the clock")]
    NotYet {
        /// When it says it was issued.
        issued: UnixTime,
        /// The reader's time.
        at: UnixTime,
    },
    /// The token is of another profile: of another version of the standard, or no attestation result.
    #[error("of the profile `{actual}`, expected `{expected}`; ask for a result of that profile")]
    Profile {
        /// The profile that is read.
        expected: &'static str,
        /// The token's.
        actual: String,
    },
    /// Several components decide together what runs, and no one measurement says it.
    #[error(
        "evidence of {actual} components in no session, where the CPU's measurement alone does not say what runs; give evidence of one component"
    )]
    SeveralComponents {
        /// How many.
        actual: usize,
    },
    /// The signature is not this key's over these bytes.
    #[error("the signature does not verify; take the token unchanged from its verifier")]
    Signature,
    /// The key did not sign: a hardware key that is gone, or a fault.
    #[error("the key does not sign; look at whatever holds it")]
    Signer,
    /// Nothing but the report data name the key, and nobody said that this workload has nothing else stated there.
    #[error(
        "only the report data name the key, and {what} may have stated there what others ask for; if its program never does, say so"
    )]
    StatedKey {
        /// What runs.
        what: Digest,
    },
    /// A status that says more than its reasons do.
    #[error("the status `{actual}` is better than what it rests on, `{worst}`; the verifier is not to be believed")]
    Status {
        /// What is said.
        actual: Tier,
        /// The worst of what it is said of.
        worst: Tier,
    },
    /// More bytes, components or claims than are read or written.
    #[error("{actual} {what}, and {max} are the most")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        actual: usize,
        /// How many are allowed.
        max: usize,
    },
    /// What runs has no name.
    #[error("what runs, {what}, has no name; name it, or run what has one")]
    Unnamed {
        /// What runs.
        what: Digest,
    },
}
