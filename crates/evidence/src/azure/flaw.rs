//! Why Azure confidential VM evidence is refused.

use crate::{flaw::flaws, wire::WireError};

flaws! {
    /// Why `azure` evidence was refused by a step of its own. What the hardware report or the quote inside is refused for, it is
    /// refused for by the rules of `snp`, `dcap` and `tpm`. Exhaustive, so that a new reason breaks every consumer at compile time.
    {
        /// The bytes are not what the format says.
        /// Fault: whoever sent it. Remedy: get it again.
        Layout { error: WireError } at 1, "azure-layout":
            "the evidence is malformed: {error}", expected "bytes as docs/formats/evidence-azure.md has them", actual "{error}",
            remedy "get the evidence again from where it was made";
        /// The HCL report can't be read.
        HclReport { error: WireError } at 2, "azure-hcl-report":
            "the HCL report is malformed: {error}", expected "an HCL report as the vTPM's NV index 0x01400001 has it", actual "{error}",
            remedy "read the report again from NV index 0x01400001";
        /// A certificate stands where none belongs, or a TD quote is missing or too much.
        Hardware { actual: &'static str } at 3, "azure-hardware-parts":
            "the evidence has {actual}", expected "certificates with an SNP report; a TD quote with a TDREPORT",
            actual "{actual}", remedy "send what belongs to this VM's CPU, and nothing else";
        /// The TD quote is over other report data than the TDREPORT in the HCL report.
        TdQuote {} at 3, "azure-td-quote":
            "the TD quote and the HCL report are over different report data", expected "a quote over the TDREPORT of the HCL report",
            actual "a quote over another", remedy "send the quote that this VM's report gave";
        /// The report was not asked for by the paravisor: whoever runs above it can have the CPU sign any runtime data.
        Vmpl { actual: u32 } at 3, "azure-vmpl":
            "the SNP report was asked for at VMPL {actual}, not by the paravisor", expected "VMPL 0", actual "VMPL {actual}",
            remedy "send the report that the paravisor made, from NV index 0x01400001";
        /// The CPU vouches for other runtime data.
        RuntimeDataDigest { expected: String, actual: String } at 4, "azure-runtime-data-digest":
            "the CPU does not vouch for the runtime data: their SHA-256 is {actual}",
            expected "report data {expected}", actual "runtime data of SHA-256 {actual}",
            remedy "get the evidence again; if it stays so, the runtime data or the key in them was changed";
        /// The second half of the report data is in use.
        ReportDataTail { actual: String } at 4, "azure-report-data-tail":
            "the second half of the CPU's report data is {actual}", expected "32 zero bytes", actual "{actual}",
            remedy "none: the paravisor leaves it zero";
        /// The attestation key is not one.
        Ak { actual: String } at 5, "azure-ak":
            "the vTPM's key is {actual}", expected "an RSA key for signing", actual "{actual}",
            remedy "none: the paravisor makes RSA signing keys of 2048 bits";
        /// The runtime data name no attestation key, or several.
        AkCount { actual: usize } at 5, "azure-ak-count":
            "the runtime data have {actual} keys `HCLAkPub`", expected "one", actual "{actual}",
            remedy "none: the paravisor names one";
        /// The runtime data can't be read.
        RuntimeData { error: String } at 5, "azure-runtime-data":
            "the runtime data are malformed: {error}", expected "JSON with `keys` and `vm-configuration`", actual "{error}",
            remedy "get the evidence again from where it was made";
        /// PCRs of another bank than SHA-256.
        PcrBank { actual: &'static str } at 6, "azure-pcr-bank":
            "the quote is over PCRs of bank `{actual}`", expected "bank `sha256`", actual "bank `{actual}`",
            remedy "quote the SHA-256 bank";
    }
}
