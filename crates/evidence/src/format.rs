//! The formats of evidence.

use crate::named::named;

/// A format of evidence: who made it, and how its bytes lie. docs/formats/evidence.md
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Format {
    /// An Azure confidential VM: HCL report and vTPM quote, over SNP or TDX.
    Azure,
    /// An Arm CCA token: platform and realm.
    Cca,
    /// A CPU's evidence and that of devices bound to it.
    Composite,
    /// An SGX or TDX quote as Intel's DCAP makes it, also inside Open Enclave's header.
    Dcap,
    /// A DICE certificate chain with TCG TcbInfo.
    Dice,
    /// An NVIDIA GPU's SPDM measurements.
    Gpu,
    /// A RISC-V Keystone report.
    Keystone,
    /// An AWS Nitro attestation document.
    Nitro,
    /// An Arm PSA token.
    Psa,
    /// An X.509 certificate with a quote in it: RA-TLS.
    Ratls,
    /// An AMD SEV-SNP report, its certificates after it if it has any.
    Snp,
    /// A launcher's signed statement about a keep.
    Software,
    /// A TPM 2.0 quote with its event log.
    Tpm,
}

named!(Format, UnknownFormat, "evidence format", [
    Azure => "azure",
    Cca => "cca",
    Composite => "composite",
    Dcap => "dcap",
    Dice => "dice",
    Gpu => "gpu",
    Keystone => "keystone",
    Nitro => "nitro",
    Psa => "psa",
    Ratls => "ratls",
    Snp => "snp",
    Software => "software",
    Tpm => "tpm",
]);
