//! Why `snp` evidence was refused.

use super::{Component, Product, Tcb, VekKind};
use crate::{ChainFlaw, flaw::flaws, wire::WireError};

flaws! {
    /// Why `snp` evidence was refused. Exhaustive, so that a new reason breaks every consumer at compile time.
    {
        /// The ASK or ASVK that issued the signing key's certificate is neither in the evidence nor endorsed.
        /// Fault: the verifier's endorsements. Remedy: add it.
        AskMissing { issuer: String } at 5, "snp-ask-missing":
            "there is no certificate of `{issuer}`, who issued the signing key's", expected "the certificate of `{issuer}`",
            actual "none", remedy "endorse the ASK or ASVK of the product line, from AMD's KDS (`/cert_chain`)";
        /// AUTHOR_KEY_EN and AUTHOR_KEY_DIGEST contradict each other.
        /// Fault: whoever sent it. Remedy: get it again.
        AuthorKey { is_enabled: bool } at 3, "snp-author-key":
            "AUTHOR_KEY_EN is {is_enabled}, which AUTHOR_KEY_DIGEST contradicts",
            expected "an AUTHOR_KEY_DIGEST if and only if AUTHOR_KEY_EN", actual "AUTHOR_KEY_EN {is_enabled}",
            remedy "get the evidence again from where it was made";
        /// A certificate that came with the evidence can't be read.
        /// Fault: the host. Remedy: set right the certificates that it hands out.
        Certificate { label: &'static str, error: WireError } at 5, "snp-certificate":
            "the {label} in the certificate table is malformed: {error}", expected "an X.509 certificate in DER",
            actual "{error}", remedy "have the host hand out the certificates of AMD's KDS, in DER";
        /// The signing key's certificate does not chain to a pinned ARK.
        /// Fault: whoever sent it, or the date. Remedy: see the flaw.
        Chain { flaw: ChainFlaw } at 5, "snp-chain":
            "the chain of certificates does not hold: {flaw}",
            expected "ARK, ASK or ASVK, VCEK or VLEK, all valid and not revoked", actual "{flaw}",
            remedy "get current certificates and lists from AMD's KDS; what it has revoked is not to be believed";
        /// The signing key's certificate is another chip's.
        /// Fault: whoever sent it. Remedy: get this chip's.
        Hwid { chip_id: String, certified: String } at 6, "snp-hwid":
            "the report is of chip `{chip_id}`, the VCEK of chip `{certified}`", expected "a VCEK of chip `{chip_id}`",
            actual "one of `{certified}`", remedy "get the VCEK of this chip and TCB from AMD's KDS";
        /// The bytes are not what the specification says.
        /// Fault: whoever sent it. Remedy: get it again.
        Layout { error: WireError } at 1, "snp-layout":
            "the report is malformed: {error}", expected "an attestation report of version 2 to 5", actual "{error}",
            remedy "get the evidence again from where it was made";
        /// The processor is of no known product line.
        /// Fault: nobody's. Remedy: update Casemate.
        Processor { family: u8, model: u8 } at 4, "snp-processor":
            "no product line has processors of family 0x{family:x}, model 0x{model:x}", expected "Milan, Genoa or Turin",
            actual "family 0x{family:x}, model 0x{model:x}", remedy "update Casemate";
        /// The signing key's certificate is of another product line than the processor.
        /// Fault: whoever sent it. Remedy: get this chip's.
        Product { expected: Product, actual: String } at 6, "snp-product":
            "the processor is a {expected}, the certificates are of `{actual}`", expected "certificates of {expected}",
            actual "`{actual}`", remedy "get the VCEK of this chip and TCB from AMD's KDS";
        /// The signature does not verify.
        /// Fault: whoever sent it. Remedy: get it again.
        Signature {} at 8, "snp-signature":
            "the report's signature does not verify", expected "a signature by the certified key", actual "another",
            remedy "get the evidence again from where it was made";
        /// SIGNING_KEY has a value without meaning.
        /// Fault: whoever sent it. Remedy: get it again.
        SigningKey { actual: u32 } at 3, "snp-signing-key":
            "SIGNING_KEY is {actual}, which is reserved", expected "0 (VCEK) or 1 (VLEK)", actual "{actual}",
            remedy "get the evidence again from where it was made";
        /// The certificate table is malformed.
        /// Fault: the host. Remedy: set right the certificates that it hands out.
        Table { error: WireError } at 2, "snp-table":
            "the certificate table is malformed: {error}", expected "a table of certificates, or nothing, after the report",
            actual "{error}", remedy "send the report alone, or with the table as the host hands it out";
        /// TCB versions are out of order.
        /// Fault: whoever sent it. Remedy: update the platform's firmware.
        TcbOrder { low: &'static str, low_tcb: Tcb, high: &'static str, high_tcb: Tcb, component: Component } at 7,
            "snp-tcb-order":
            "{component} of {low} is above that of {high}", expected "{low} at most {high}: {high_tcb}", actual "{low_tcb}",
            remedy "none for this report; a platform that reports so is faulty";
        /// A TCB version has reserved bytes that are not zero.
        /// Fault: whoever sent it. Remedy: get it again.
        TcbReserved { field: &'static str, actual: String } at 7, "snp-tcb-reserved":
            "{field} is {actual}, in which reserved bytes are not zero", expected "reserved bytes zero", actual "{actual}",
            remedy "get the evidence again from where it was made";
        /// The firmware did not sign the report.
        /// Fault: the host's settings. Remedy: let it sign.
        Unsigned {} at 3, "snp-unsigned":
            "the report is not signed", expected "a report signed by VCEK or VLEK", actual "SIGNING_KEY 7, none",
            remedy "switch MASK_CHIP_KEY off on the host, or provision a VLEK";
        /// An extension of the signing key's certificate is missing or malformed.
        /// Fault: whoever issued it. Remedy: get it again.
        VekExtension { error: WireError } at 6, "snp-vek-extension":
            "the signing key's certificate has a missing or malformed extension: {error}",
            expected "the extensions of a VCEK or VLEK", actual "{error}",
            remedy "get the certificate again from AMD's KDS";
        /// The certified key is no P-384 key.
        /// Fault: whoever issued it. Remedy: get it again.
        VekKey {} at 6, "snp-vek-key":
            "the certified signing key is no P-384 key", expected "a P-384 key", actual "another",
            remedy "get the certificate again from AMD's KDS";
        /// The report names one kind of signing key, and the certificate is of another.
        /// Fault: whoever sent it. Remedy: get the right one.
        VekKind { expected: VekKind, actual: String } at 6, "snp-vek-kind":
            "the report was signed by a {expected}, the certificate is of `{actual}`", expected "a certificate of a {expected}",
            actual "one of `{actual}`", remedy "get the {expected} of this platform";
        /// The signing key's certificate is neither in the evidence nor endorsed.
        /// Fault: the verifier's endorsements. Remedy: add it.
        VekMissing { kind: VekKind } at 5, "snp-vek-missing":
            "there is no certificate of a {kind}", expected "the certificate of the {kind} that signed", actual "none",
            remedy "have the host send it with the report, or endorse it: AMD's KDS has it by chip id and TCB";
        /// The signing key's certificate is of another TCB version.
        /// Fault: whoever sent it. Remedy: get this TCB's.
        VekTcb { component: Component, reported: u8, certified: u8 } at 6, "snp-vek-tcb":
            "{component} is reported as {reported}, the signing key is certified for {certified}",
            expected "a signing key for {component} {reported}", actual "{certified}",
            remedy "get the VCEK of this chip and TCB from AMD's KDS";
        /// The report was not asked for by the guest.
        /// Fault: whoever sent it. Remedy: have the guest ask.
        Vmpl { actual: u32 } at 3, "snp-vmpl":
            "VMPL is {actual}: no guest asked for this report", expected "0 to 3", actual "{actual}",
            remedy "have the guest ask for the report; one that the host asked for has no report data";
    }
}
