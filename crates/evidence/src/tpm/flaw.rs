//! Why TPM 2.0 quotes with event logs are refused.

use casemate_cose::Digest;

use crate::{ChainFlaw, flaw::flaws, wire::WireError};

flaws! {
    /// Why a TPM's quote was refused: in `tpm` evidence, or inside that of an Azure confidential VM. Exhaustive, so that a new
    /// reason breaks every consumer at compile time.
    {
        /// The bytes are not what the format says.
        /// Fault: whoever sent it. Remedy: get it again.
        Layout { error: WireError } at 1, "tpm-layout":
            "the evidence is malformed: {error}", expected "bytes as docs/formats/evidence-tpm.md has them", actual "{error}",
            remedy "get the evidence again from where it was made";
        /// The TPM's statement can't be read.
        Attest { error: WireError } at 2, "tpm-attest":
            "the quote is malformed: {error}", expected "a TPMS_ATTEST and nothing after it", actual "{error}",
            remedy "get the evidence again from where it was made";
        /// The signed bytes were not made by a TPM.
        Magic { actual: u32 } at 2, "tpm-magic":
            "the signed bytes begin with 0x{actual:08x}: no TPM made them", expected "TPM_GENERATED_VALUE 0xff544347",
            actual "0x{actual:08x}", remedy "ask for a quote: somebody has let the key sign other bytes";
        /// The TPM states something else than its PCRs.
        Type { actual: u16 } at 2, "tpm-type":
            "the TPM's statement is of type 0x{actual:04x}, not a quote", expected "TPM_ST_ATTEST_QUOTE 0x8018",
            actual "0x{actual:04x}", remedy "ask the TPM for a quote (TPM2_Quote)";
        /// A given attestation key lacks what makes it one, or has what it must not.
        AkAttributes { attribute: &'static str, state: &'static str } at 3, "tpm-ak-attributes":
            "attribute `{attribute}` of the attestation key is {state}",
            expected "a key with fixedTPM, fixedParent, sensitiveDataOrigin, restricted and sign, without decrypt",
            actual "`{attribute}` {state}", remedy "create a restricted signing key in the TPM (an AK) and quote with it";
        /// No root that the verifier believes vouches for the key.
        AkChain { error: ChainFlaw } at 3, "tpm-ak-chain":
            "the attestation key's certificates don't hold: {error}", expected "a chain to a root given for TPMs",
            actual "{error}",
            remedy "give the TPM maker's or the cloud's root as an anchor, with intermediates that the evidence lacks; or make the key itself known";
        /// A key among the endorsements is none.
        AkGiven { error: WireError } at 3, "tpm-ak-given":
            "a TPM key among the endorsements can't be read: {error}", expected "a SubjectPublicKeyInfo in DER", actual "{error}",
            remedy "give the key as a SubjectPublicKeyInfo in DER";
        /// The key that comes with the quote can't be read.
        AkLayout { error: WireError } at 3, "tpm-ak-layout":
            "the attestation key is malformed: {error}", expected "a certificate, a TPMT_PUBLIC or a SubjectPublicKeyInfo",
            actual "{error}", remedy "get the evidence again from where it was made";
        /// The forms in which the key comes are of several keys.
        AkMismatch { one: Digest, other: Digest } at 3, "tpm-ak-mismatch":
            "the evidence carries two attestation keys, `{one}` and `{other}`", expected "one key in all its forms",
            actual "keys {one} and {other}", remedy "send certificate and public area of the key that signed";
        /// There is no key.
        AkMissing {} at 3, "tpm-ak-missing":
            "the evidence carries no attestation key", expected "a certificate, a TPMT_PUBLIC or a SubjectPublicKeyInfo",
            actual "none", remedy "send the attestation key with the quote";
        /// Nobody vouches for the key.
        AkUnknown { actual: Digest } at 3, "tpm-ak-unknown":
            "nobody vouches for attestation key `{actual}`", expected "a key among the endorsements, or a certificate",
            actual "key {actual}", remedy "enrol this TPM: add its key to the endorsements, or send its certificate";
        /// The certificate is not for signing.
        AkUsage { certificate: String } at 3, "tpm-ak-usage":
            "certificate `{certificate}` doesn't let its key sign", expected "key usage digitalSignature",
            actual "another key usage", remedy "quote with an attestation key: an endorsement key can't";
        /// The signature can't be read.
        SignatureLayout { error: WireError } at 4, "tpm-signature-layout":
            "the signature is malformed: {error}", expected "a TPMT_SIGNATURE and nothing after it", actual "{error}",
            remedy "get the evidence again from where it was made";
        /// The signature is of a scheme that isn't accepted, or not of this key.
        SignatureScheme { actual: String } at 4, "tpm-signature-scheme":
            "the signature's scheme is not accepted: {actual}",
            expected "RSASSA, RSAPSS or ECDSA with SHA-256 or SHA-384, as the key has it", actual "{actual}",
            remedy "quote with SHA-256 or SHA-384; SHA-1 signatures are never accepted";
        /// The signature does not verify.
        Signature { key: Digest } at 4, "tpm-signature":
            "the quote is not signed by attestation key `{key}`", expected "a signature of key {key} over the quote as received",
            actual "one that does not verify", remedy "get the evidence again; if it stays so, it was changed or made by another TPM";
        /// The quote is bound to nothing.
        QualifyingDataEmpty {} at 5, "tpm-qualifying-data-empty":
            "the quote has no qualifying data: it may be from any time", expected "a nonce", actual "none",
            remedy "ask the TPM for a quote over this session's challenge";
        /// The digest of the PCR values is another.
        PcrDigest { expected: String, actual: String } at 6, "tpm-pcr-digest":
            "the PCR values are not those that were quoted: their digest is {actual}", expected "digest {expected}",
            actual "digest {actual}", remedy "read the PCRs again together with the quote; a PCR may have been extended between the two";
        /// The PCR values are of other PCRs than the quote selects.
        PcrSelection { expected: String, actual: String } at 6, "tpm-pcr-selection":
            "the quote is over PCRs `{expected}`, the values are of `{actual}`",
            expected "values of {expected}, at least one", actual "values of {actual}",
            remedy "send exactly the PCRs of the selection, in its order";
        /// A command line came along that no event is about.
        CommandLine {} at 7, "tpm-command-line":
            "a command line came along, but no event of the EFI stub is first in PCR 9", expected "a log with that event, PCR 9 quoted",
            actual "none", remedy "boot the kernel by its EFI stub, quote PCR 9 and send the log; or send no command line";
        /// The command line is not the one that was measured.
        CommandLineDigest { pcr: u32 } at 7, "tpm-command-line-digest":
            "the command line is not the one that was measured into PCR {pcr}", expected "the line that the kernel was started with",
            actual "another", remedy "send the line as the EFI stub was given it, unchanged";
        /// The log can't be read.
        Log { error: WireError } at 7, "tpm-log":
            "the event log is malformed: {error}", expected "a TCG event log and nothing after it", actual "{error}",
            remedy "send the log as the kernel gives it, in `binary_bios_measurements`";
        /// The log lacks a bank that was quoted.
        LogBank { bank: &'static str } at 7, "tpm-log-bank":
            "the event log has no digests of bank `{bank}`", expected "a bank for each that was quoted", actual "none of {bank}",
            remedy "quote a bank that the firmware logs";
        /// The log does not give the quoted value.
        LogDiverges { pcr: u32, bank: &'static str, replayed: String, quoted: String, event: String } at 7, "tpm-log-diverges":
            "the event log does not give the quoted value of PCR {pcr} in bank `{bank}`: {event}",
            expected "{quoted}", actual "{replayed}",
            remedy "send the whole log with the quote, later extensions as further events; if it is whole, it was changed";
        /// The log is silent about a PCR that firmware extends in any case.
        LogIncomplete { pcr: u32, bank: &'static str } at 7, "tpm-log-incomplete":
            "PCR {pcr} of bank `{bank}` was extended, and the event log has no event of it", expected "events of PCR {pcr}",
            actual "none", remedy "send the whole log";
    }
}

impl From<WireError> for Flaw {
    fn from(error: WireError) -> Self {
        Self::Layout { error }
    }
}
