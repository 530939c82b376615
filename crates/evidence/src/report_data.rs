//! The field of evidence that its requester fills: what it is called and how long it is differs by format.

use casemate_cose::Digest;

use crate::Binding;

/// The requester's bytes as the evidence states them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReportData {
    /// Which field it was, and therefore how a binding is put into it.
    pub field: Field,
    /// Its bytes, as received: never padded, never cut.
    pub bytes: Vec<u8>,
}

/// How a 64-byte binding is put into a format's field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Field {
    /// 64 bytes: the binding itself (report data, user data, challenge).
    Full,
    /// 32 bytes, a GPU's nonce: SHA-256 over `casemate/binding/1/gpu` and the binding.
    GpuNonce,
    /// TPM qualifying data: SHA-256 over `casemate/binding/1/tpm` and the binding.
    TpmQualifyingData,
}

impl ReportData {
    /// All 64 bytes of a [`Field::Full`].
    #[must_use]
    pub fn full(bytes: &[u8; 64]) -> Self {
        Self { field: Field::Full, bytes: bytes.to_vec() }
    }

    /// What this field holds in evidence for `binding`.
    #[must_use]
    pub fn expected(field: Field, binding: &Binding) -> Vec<u8> {
        field.of(&binding.report_data())
    }
}

impl Field {
    /// What the field holds for these 64 bytes of binding or of a CPU's report data.
    #[must_use]
    pub fn of(self, report_data: &[u8; 64]) -> Vec<u8> {
        self.of_bytes(report_data)
    }

    /// As [`Self::of`], for the report data of a CPU's evidence whose field is not of 64 bytes: an Azure VM's qualifying data.
    pub(crate) fn of_bytes(self, report_data: &[u8]) -> Vec<u8> {
        let hashed = |label: &str| Digest::of_parts(&[label.as_bytes(), report_data]).as_bytes().to_vec();
        match self {
            Self::Full => report_data.to_vec(),
            Self::GpuNonce => hashed("casemate/binding/1/gpu"),
            Self::TpmQualifyingData => hashed("casemate/binding/1/tpm"),
        }
    }
}
