//! Why `dcap` evidence was refused.

use casemate_cose::UnixTime;

use super::{EnclaveId, Tee};
use crate::{ChainFlaw, flaw::flaws, wire::WireError};

flaws! {
    /// Why `dcap` evidence was refused. Exhaustive, so that a new reason breaks every consumer at compile time.
    {
        /// The attestation key is no point of the curve.
        /// Fault: whoever sent it. Remedy: get it again.
        AttestationKey {} at 10, "dcap-attestation-key":
            "the attestation key is no point of P-256", expected "a P-256 key", actual "64 other bytes",
            remedy "get the quote again from where it was made";
        /// The attestation key is of a type that is not read here.
        /// Fault: nobody's. Remedy: quote with ECDSA P-256.
        AttestationKeyType { actual: u16 } at 2, "dcap-attestation-key-type":
            "attestation key type {actual} is not read", expected "2, ECDSA with P-256", actual "{actual}",
            remedy "have the platform quote with Intel's ECDSA P-256 key";
        /// The quote's body is of a type that its version or TEE does not have.
        /// Fault: whoever sent it. Remedy: get it again.
        BodyType { tee: Tee, actual: u16 } at 2, "dcap-body-type":
            "a quote of {tee} has body type {actual}", expected "1 for SGX, 2 to 4 for TDX", actual "{actual} for {tee}",
            remedy "get the quote again; if it is what the platform makes, update Casemate";
        /// The certification data is of a type that does not stand there.
        /// Fault: whoever sent it. Remedy: get it again.
        CertificationType { expected: &'static str, actual: u16 } at 2, "dcap-certification-type":
            "certification data type {actual} stands where {expected} does", expected "{expected}", actual "{actual}",
            remedy "get the quote again; if it is what the platform makes, update Casemate";
        /// There is TCB info, for other platforms.
        /// Fault: the verifier's endorsements. Remedy: get this platform's.
        Fmspc { expected: String, actual: String } at 5, "dcap-fmspc":
            "the processor's FMSPC is {expected}, TCB info is there for {actual}", expected "TCB info for FMSPC {expected}",
            actual "{actual}", remedy "get TCB info for FMSPC {expected} from Intel's provisioning service";
        /// The bytes are not what the specification says.
        /// Fault: whoever sent it. Remedy: get it again.
        Layout { error: WireError } at 1, "dcap-layout":
            "the quote is malformed: {error}", expected "a quote of version 3 to 5", actual "{error}",
            remedy "get the evidence again from where it was made";
        /// The TDX module is not one whose attributes Intel vouches for.
        /// Fault: the host's operator. Remedy: load Intel's module.
        ModuleAttributes { expected: String, actual: String } at 11, "dcap-module-attributes":
            "SEAMATTRIBUTES is {actual}, expected {expected}", expected "{expected}", actual "{actual}",
            remedy "have the host load Intel's production TDX module";
        /// The TDX module is not Intel's.
        /// Fault: the host's operator. Remedy: load Intel's module.
        ModuleSigner { expected: String, actual: String } at 11, "dcap-module-signer":
            "MRSIGNERSEAM is {actual}, expected {expected}", expected "{expected}", actual "{actual}",
            remedy "have the host load Intel's production TDX module";
        /// The TCB info does not know the TDX module.
        /// Fault: the verifier's endorsements, or the host's operator. Remedy: get newer TCB info.
        ModuleUnknown { field: &'static str, major: u8 } at 11, "dcap-module-unknown":
            "{field} says TDX module {major}, of which the TCB info has no identity",
            expected "a module among the TCB info's `tdxModuleIdentities`", actual "TDX_{major:02X}",
            remedy "get current TCB info from Intel's provisioning service";
        /// The custom claims after an Open Enclave quote are not those that it was made for.
        /// Fault: whoever sent it. Remedy: get it again.
        OpenEnclaveClaims { expected: String, actual: String } at 1, "dcap-open-enclave-claims":
            "the custom claims have SHA-256 {expected}, the report data is {actual}",
            expected "report data that begins with {expected}", actual "{actual}",
            remedy "get the evidence again from where it was made";
        /// The TCB info is for another provisioning certification enclave.
        /// Fault: the verifier's endorsements. Remedy: get this platform's.
        PceId { expected: String, actual: String } at 5, "dcap-pce-id":
            "the platform's PCE id is {expected}, the TCB info's is {actual}", expected "PCE id {expected}", actual "{actual}",
            remedy "get TCB info for this platform from Intel's provisioning service";
        /// The PCK certificate can't be read.
        /// Fault: whoever sent it. Remedy: get it again.
        PckCertificate { error: WireError } at 3, "dcap-pck-certificate":
            "the PCK certificate chain is malformed: {error}", expected "PCK certificate, PCK CA, root in PEM", actual "{error}",
            remedy "get the quote again, or the chain from Intel's provisioning service";
        /// The PCK certificate does not chain to Intel's root.
        /// Fault: whoever sent it, the date, or the endorsements. Remedy: see the flaw.
        PckChain { flaw: ChainFlaw } at 3, "dcap-pck-chain":
            "the PCK certificate's chain does not hold: {flaw}",
            expected "Intel's root, PCK CA and PCK certificate, all valid and not revoked", actual "{flaw}",
            remedy "get current revocation lists from Intel's provisioning service; what Intel revoked is not to be believed";
        /// The PCK certificate lacks what Intel's have.
        /// Fault: whoever sent it. Remedy: get it again.
        PckExtension { error: WireError } at 4, "dcap-pck-extension":
            "the SGX extension of the PCK certificate is malformed: {error}",
            expected "the extension 1.2.840.113741.1.13.1 as Intel's profile has it", actual "{error}",
            remedy "get the PCK certificate from Intel's provisioning service";
        /// The quote does not carry its PCK certificate or the PCK CA's, and the endorsements don't have it.
        /// Fault: the verifier's endorsements. Remedy: add it.
        PckMissing { wanted: String } at 3, "dcap-pck-missing":
            "there is no {wanted}", expected "{wanted}", actual "none",
            remedy "endorse the certificate, from Intel's provisioning service (`/pckcert`)";
        /// A chain of certificates of Intel's, but not of a PCK.
        /// Fault: whoever sent it. Remedy: get it again.
        PckName { expected: &'static str, actual: String } at 3, "dcap-pck-name":
            "a certificate of the PCK chain is of `{actual}`", expected "`{expected}`", actual "`{actual}`",
            remedy "get the quote again from where it was made";
        /// The quoting enclave has other attributes.
        /// Fault: the host's operator. Remedy: run Intel's.
        QeAttributes { expected: String, actual: String } at 9, "dcap-qe-attributes":
            "the quoting enclave's masked ATTRIBUTES are {actual}", expected "{expected}", actual "{actual}",
            remedy "have the host run Intel's production quoting enclave";
        /// There are identities, of other enclaves.
        /// Fault: the verifier's endorsements. Remedy: get this TEE's.
        QeIdentityId { expected: EnclaveId, actual: String } at 6, "dcap-qe-identity-id":
            "an identity of `{expected}` is needed, there is {actual}", expected "`{expected}`", actual "{actual}",
            remedy "get the quoting enclave's identity for this TEE from Intel's provisioning service";
        /// A QE identity can't be read.
        /// Fault: the verifier's endorsements. Remedy: get it again.
        QeIdentityJson { error: String } at 6, "dcap-qe-identity-json":
            "the QE identity is malformed: {error}", expected "Intel's enclave identity, version 2", actual "{error}",
            remedy "get the QE identity from Intel's provisioning service (API v3 or v4)";
        /// There is no QE identity.
        /// Fault: the verifier's endorsements. Remedy: add it.
        QeIdentityMissing { expected: EnclaveId } at 6, "dcap-qe-identity-missing":
            "there is no identity of `{expected}`", expected "Intel's identity of `{expected}`", actual "none",
            remedy "endorse the QE identity, from Intel's provisioning service (`/qe/identity`)";
        /// The QE identity is not signed by Intel.
        /// Fault: the verifier's endorsements. Remedy: get it again.
        QeIdentitySignature {} at 6, "dcap-qe-identity-signature":
            "the QE identity's signature does not verify", expected "a signature by Intel's TCB signer over these bytes",
            actual "another", remedy "get the QE identity again, as Intel's provisioning service sent it: byte for byte";
        /// The QE identity is not of now.
        /// Fault: the verifier's endorsements, or the date. Remedy: get a current one.
        QeIdentityWindow { from: UnixTime, to: UnixTime, at: UnixTime } at 6, "dcap-qe-identity-window":
            "the QE identity holds from {from} to {to}, not at {at}",
            expected "a QE identity that holds at {at}", actual "from {from} to {to}",
            remedy "get a current QE identity from Intel's provisioning service";
        /// The quoting enclave uses other fields.
        /// Fault: the host's operator. Remedy: run Intel's.
        QeMiscSelect { expected: String, actual: String } at 9, "dcap-qe-misc-select":
            "the quoting enclave's masked MISCSELECT is {actual}", expected "{expected}", actual "{actual}",
            remedy "have the host run Intel's production quoting enclave";
        /// The quoting enclave is another product.
        /// Fault: the host's operator. Remedy: run Intel's.
        QeProduct { expected: u16, actual: u16 } at 9, "dcap-qe-product":
            "the quoting enclave's ISVPRODID is {actual}", expected "{expected}", actual "{actual}",
            remedy "have the host run Intel's production quoting enclave";
        /// The quoting enclave does not vouch for this attestation key.
        /// Fault: whoever sent it. Remedy: get it again.
        QeReportData { expected: String, actual: String } at 8, "dcap-qe-report-data":
            "the quoting enclave's report data is {actual}, expected {expected}",
            expected "SHA-256 of attestation key and QE authentication data, and 32 zero bytes", actual "{actual}",
            remedy "get the quote again from where it was made";
        /// The quoting enclave's report was not made on the certified platform.
        /// Fault: whoever sent it. Remedy: get it again.
        QeReportSignature {} at 7, "dcap-qe-report-signature":
            "the signature of the quoting enclave's report does not verify", expected "a signature by the PCK",
            actual "another", remedy "get the quote again from where it was made";
        /// The quoting enclave is not Intel's.
        /// Fault: whoever sent it. Remedy: get it again.
        QeSigner { expected: String, actual: String } at 9, "dcap-qe-signer":
            "the quoting enclave's MRSIGNER is {actual}", expected "{expected}", actual "{actual}",
            remedy "have the host run Intel's production quoting enclave";
        /// The quote is another vendor's.
        /// Fault: whoever sent it. Remedy: quote with Intel's quoting enclave.
        QeVendor { actual: String } at 2, "dcap-qe-vendor":
            "the quoting enclave's vendor is {actual}", expected "Intel, 939a7233f79c4ca9940a0db3957f0607", actual "{actual}",
            remedy "have the platform quote with Intel's quoting enclave";
        /// The quote was not signed by its attestation key.
        /// Fault: whoever sent it. Remedy: get it again.
        Signature {} at 10, "dcap-signature":
            "the quote's signature does not verify", expected "a signature by the attestation key", actual "another",
            remedy "get the quote again from where it was made";
        /// TCB info can't be read.
        /// Fault: the verifier's endorsements. Remedy: get it again.
        TcbInfoJson { error: String } at 5, "dcap-tcb-info-json":
            "the TCB info is malformed: {error}", expected "Intel's TCB info, version 2 or 3", actual "{error}",
            remedy "get the TCB info from Intel's provisioning service (API v3 or v4)";
        /// There is no TCB info.
        /// Fault: the verifier's endorsements. Remedy: add it.
        TcbInfoMissing { tee: Tee, fmspc: String } at 5, "dcap-tcb-info-missing":
            "there is no TCB info", expected "{tee} TCB info for FMSPC {fmspc}", actual "none",
            remedy "endorse {tee} TCB info for FMSPC {fmspc}, from Intel's provisioning service (`/tcb?fmspc={fmspc}`)";
        /// The TCB info is not signed by Intel.
        /// Fault: the verifier's endorsements. Remedy: get it again.
        TcbInfoSignature {} at 5, "dcap-tcb-info-signature":
            "the TCB info's signature does not verify", expected "a signature by Intel's TCB signer over these bytes",
            actual "another", remedy "get the TCB info again, as Intel's provisioning service sent it: byte for byte";
        /// There is TCB info, for the other TEE.
        /// Fault: the verifier's endorsements. Remedy: get this TEE's.
        TcbInfoTee { expected: Tee } at 5, "dcap-tcb-info-tee":
            "the quote is of {expected}, TCB info is there for the other TEE only", expected "TCB info for {expected}",
            actual "TCB info for the other TEE", remedy "get TCB info for {expected} from Intel's provisioning service";
        /// The TCB info is not of now.
        /// Fault: the verifier's endorsements, or the date. Remedy: get a current one.
        TcbInfoWindow { from: UnixTime, to: UnixTime, at: UnixTime } at 5, "dcap-tcb-info-window":
            "the TCB info holds from {from} to {to}, not at {at}",
            expected "TCB info that holds at {at}", actual "from {from} to {to}",
            remedy "get current TCB info from Intel's provisioning service";
        /// Who signed the TCB info or the QE identity does not chain to Intel's root.
        /// Fault: the verifier's endorsements, or the date. Remedy: see the flaw.
        TcbSignerChain { flaw: ChainFlaw } at 5, "dcap-tcb-signer-chain":
            "the TCB signer's chain does not hold: {flaw}", expected "Intel's root and TCB signer, valid and not revoked",
            actual "{flaw}", remedy "get the issuer chain that Intel's provisioning service sends along, and the root's list";
        /// There is no certificate of a TCB signer.
        /// Fault: the verifier's endorsements. Remedy: add it.
        TcbSignerMissing {} at 5, "dcap-tcb-signer-missing":
            "there is no certificate of `Intel SGX TCB Signing`", expected "the TCB signer's certificate", actual "none",
            remedy "endorse the issuer chain that Intel's provisioning service sends along";
        /// A quote of this version is not of such a TEE.
        /// Fault: whoever sent it. Remedy: get it again.
        TeeType { version: u16, actual: u32 } at 2, "dcap-tee-type":
            "a quote of version {version} has TEE type 0x{actual:x}", expected "0 (SGX), or from version 4 0x81 (TDX)",
            actual "0x{actual:x}", remedy "get the quote again from where it was made";
        /// The quote has a version that is not read here.
        /// Fault: nobody's. Remedy: update Casemate.
        Version { actual: u16 } at 2, "dcap-version":
            "quote version {actual} is not read", expected "3 to 5", actual "{actual}",
            remedy "get the quote again; if it is what the platform makes, update Casemate";
    }
}

impl From<WireError> for Flaw {
    fn from(error: WireError) -> Self {
        Self::Layout { error }
    }
}
