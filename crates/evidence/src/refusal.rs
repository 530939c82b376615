//! Why evidence was refused: data that says which rule, what was expected, what was found, and what to do.

use casemate_cose::{CborError, Digest};
use thiserror::Error;

use crate::{Format, Step, azure, cca, composite, dcap, dice, gpu, keystone, nitro, psa, ratls, snp, software, tpm};

/// Why evidence was refused. Exhaustive, so that a new reason breaks every consumer at compile time.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Refusal {
    /// The evidence was made for something else: another nonce, session, key, role, or a replay.
    /// Fault: whoever sent it. Remedy: ask for evidence over this session's challenge.
    #[error("the evidence is bound to something else than this session")]
    Binding {
        /// What it has to state: `report data`, `user data` or `nonce`.
        field: &'static str,
        /// What this session's binding gives, or what was asked with.
        expected: Vec<u8>,
        /// What the evidence states; empty where it states nothing there.
        actual: Vec<u8>,
    },
    /// The keep can be looked into by design.
    /// Fault: whoever launched it. Remedy: launch it without debug mode.
    #[error("the keep runs in debug mode")]
    Debug,
    /// The bytes are not a frame `[format, bytes]`.
    /// Fault: whoever wrote the file. Remedy: get it again.
    #[error("the evidence is no frame of a format and its bytes: {0}")]
    Frame(CborError),
    /// The evidence speaks for a certificate's key, and for no session: whoever holds or relays the certificate can present it.
    /// Fault: whoever sent it. Remedy: ask for evidence over this session's challenge.
    #[error("the evidence is bound to a certificate's key, which can be relayed, and not to this session")]
    KeyBound,
    /// The keep runs under another manifest than the verifier derived.
    /// Fault: whoever launched it. Remedy: launch with the manifest that follows from contract, computation and run.
    #[error("the keep runs under {}, expected manifest `{expected}`", name(*actual))]
    Manifest {
        /// The digest of the manifest that the verifier expects.
        expected: Digest,
        /// The digest of the manifest that the evidence states, if it states one.
        actual: Option<Digest>,
    },
    /// The evidence speaks for another key, or for none.
    /// Fault: whoever brought evidence and key together. Remedy: give the key that the keep had attested.
    #[error("the evidence does not speak for this key")]
    OtherKey {
        /// SHA-256 of the `SubjectPublicKeyInfo` of the key that was given.
        expected: Digest,
        /// What the evidence states where it would name a key.
        actual: String,
    },
    /// `azure` evidence was refused.
    #[error(transparent)]
    Azure(#[from] azure::Flaw),
    /// `cca` evidence was refused.
    #[error(transparent)]
    Cca(#[from] cca::Flaw),
    /// `composite` evidence was refused.
    #[error(transparent)]
    Composite(#[from] composite::Flaw),
    /// `dcap` evidence was refused.
    #[error(transparent)]
    Dcap(#[from] dcap::Flaw),
    /// `dice` evidence was refused.
    #[error(transparent)]
    Dice(#[from] dice::Flaw),
    /// `gpu` evidence was refused.
    #[error(transparent)]
    Gpu(#[from] gpu::Flaw),
    /// `keystone` evidence was refused.
    #[error(transparent)]
    Keystone(#[from] keystone::Flaw),
    /// `nitro` evidence was refused.
    #[error(transparent)]
    Nitro(#[from] nitro::Flaw),
    /// `psa` evidence was refused.
    #[error(transparent)]
    Psa(#[from] psa::Flaw),
    /// `ratls` evidence was refused.
    #[error(transparent)]
    Ratls(#[from] ratls::Flaw),
    /// `snp` evidence was refused.
    #[error(transparent)]
    Snp(#[from] snp::Flaw),
    /// `software` evidence was refused.
    #[error(transparent)]
    Software(#[from] software::Flaw),
    /// `tpm` evidence was refused.
    #[error(transparent)]
    Tpm(#[from] tpm::Flaw),
    /// The evidence is longer than anything this format needs.
    /// Fault: whoever sent it. Remedy: none; honest evidence is shorter.
    #[error("{actual} bytes of evidence where at most {max} are read")]
    TooLong {
        /// Bytes received.
        actual: usize,
        /// Bytes read at most.
        max: usize,
    },
    /// The frame names a format that this version does not know.
    /// Fault: nobody's. Remedy: update Casemate, or use an isolation that both sides know.
    #[error("unknown evidence format `{}`", .0.escape_default())]
    UnknownFormat(String),
}

impl Refusal {
    /// The step that refused, for a refusal by a format's own verifier: its number at the head of that format's
    /// `verify.rs`. See [`steps`].
    #[must_use]
    pub const fn step(&self) -> Option<(Format, u8)> {
        Some(match self {
            Self::Binding { .. }
            | Self::Debug
            | Self::Frame(_)
            | Self::KeyBound
            | Self::Manifest { .. }
            | Self::OtherKey { .. }
            | Self::TooLong { .. }
            | Self::UnknownFormat(_) => return None,
            Self::Azure(flaw) => (Format::Azure, flaw.step()),
            Self::Cca(flaw) => (Format::Cca, flaw.step()),
            Self::Composite(flaw) => (Format::Composite, flaw.step()),
            Self::Dcap(flaw) => (Format::Dcap, flaw.step()),
            Self::Dice(flaw) => (Format::Dice, flaw.step()),
            Self::Gpu(flaw) => (Format::Gpu, flaw.step()),
            Self::Keystone(flaw) => (Format::Keystone, flaw.step()),
            Self::Nitro(flaw) => (Format::Nitro, flaw.step()),
            Self::Psa(flaw) => (Format::Psa, flaw.step()),
            Self::Ratls(flaw) => (Format::Ratls, flaw.step()),
            Self::Snp(flaw) => (Format::Snp, flaw.step()),
            Self::Software(flaw) => (Format::Software, flaw.step()),
            Self::Tpm(flaw) => (Format::Tpm, flaw.step()),
        })
    }

    /// The rule that was broken, a stable name.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Binding { .. } => "evidence-binding",
            Self::Debug => "evidence-debug",
            Self::Frame(_) => "evidence-frame",
            Self::KeyBound => "evidence-key-bound",
            Self::Manifest { .. } => "evidence-manifest",
            Self::OtherKey { .. } => "evidence-key",
            Self::Azure(flaw) => flaw.rule(),
            Self::Cca(flaw) => flaw.rule(),
            Self::Composite(flaw) => flaw.rule(),
            Self::Dcap(flaw) => flaw.rule(),
            Self::Dice(flaw) => flaw.rule(),
            Self::Gpu(flaw) => flaw.rule(),
            Self::Keystone(flaw) => flaw.rule(),
            Self::Nitro(flaw) => flaw.rule(),
            Self::Psa(flaw) => flaw.rule(),
            Self::Ratls(flaw) => flaw.rule(),
            Self::Snp(flaw) => flaw.rule(),
            Self::Software(flaw) => flaw.rule(),
            Self::Tpm(flaw) => flaw.rule(),
            Self::TooLong { .. } => "evidence-size",
            Self::UnknownFormat(_) => "evidence-format",
        }
    }

    /// What would have been accepted.
    #[must_use]
    pub fn expected(&self) -> String {
        match self {
            Self::Binding { field, expected, .. } => format!("{field} {}", hex::encode(expected)),
            Self::Debug => "a keep without debug mode".to_owned(),
            Self::Frame(_) => "a frame of format and bytes in deterministic CBOR".to_owned(),
            Self::KeyBound => "evidence made for this session".to_owned(),
            Self::Manifest { expected, .. } => format!("manifest {expected}"),
            Self::OtherKey { expected, .. } => format!("evidence for the key {expected}"),
            Self::Azure(flaw) => flaw.expected(),
            Self::Cca(flaw) => flaw.expected(),
            Self::Composite(flaw) => flaw.expected(),
            Self::Dcap(flaw) => flaw.expected(),
            Self::Dice(flaw) => flaw.expected(),
            Self::Gpu(flaw) => flaw.expected(),
            Self::Keystone(flaw) => flaw.expected(),
            Self::Nitro(flaw) => flaw.expected(),
            Self::Psa(flaw) => flaw.expected(),
            Self::Ratls(flaw) => flaw.expected(),
            Self::Snp(flaw) => flaw.expected(),
            Self::Software(flaw) => flaw.expected(),
            Self::Tpm(flaw) => flaw.expected(),
            Self::TooLong { max, .. } => format!("at most {max} bytes"),
            Self::UnknownFormat(_) => "a format known here".to_owned(),
        }
    }

    /// What was found.
    #[must_use]
    pub fn actual(&self) -> String {
        match self {
            Self::Binding { field, actual, .. } if actual.is_empty() => format!("no {field}"),
            Self::Binding { field, actual, .. } => format!("{field} {}", hex::encode(actual)),
            Self::Debug => "a keep in debug mode".to_owned(),
            Self::Frame(error) => error.to_string(),
            Self::KeyBound => "evidence made for a certificate's key (CVE-2026-33697)".to_owned(),
            Self::Manifest { actual, .. } => name(*actual),
            Self::OtherKey { actual, .. } => actual.clone(),
            Self::Azure(flaw) => flaw.actual(),
            Self::Cca(flaw) => flaw.actual(),
            Self::Composite(flaw) => flaw.actual(),
            Self::Dcap(flaw) => flaw.actual(),
            Self::Dice(flaw) => flaw.actual(),
            Self::Gpu(flaw) => flaw.actual(),
            Self::Keystone(flaw) => flaw.actual(),
            Self::Nitro(flaw) => flaw.actual(),
            Self::Psa(flaw) => flaw.actual(),
            Self::Ratls(flaw) => flaw.actual(),
            Self::Snp(flaw) => flaw.actual(),
            Self::Software(flaw) => flaw.actual(),
            Self::Tpm(flaw) => flaw.actual(),
            Self::TooLong { actual, .. } => format!("{actual} bytes"),
            Self::UnknownFormat(format) => format!("format `{}`", format.escape_default()),
        }
    }

    /// Whose move it is, and what to do.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Binding { .. } => "ask for new evidence over this session's challenge; if that is what was sent, \
                                     something between the two ends relays or replays"
                .to_owned(),
            Self::Debug => "launch the keep without debug mode".to_owned(),
            Self::Frame(_) => "get the evidence again from where it was made".to_owned(),
            Self::KeyBound => "ask the keep for evidence over this session's challenge, after the handshake".to_owned(),
            Self::Manifest { .. } => {
                "launch the keep with the manifest that follows from contract, computation and run".to_owned()
            }
            Self::OtherKey { .. } => {
                "give the key that the keep had attested, or evidence whose certificate, key field or report data names this key"
                    .to_owned()
            }
            Self::Azure(flaw) => flaw.remedy(),
            Self::Cca(flaw) => flaw.remedy(),
            Self::Composite(flaw) => flaw.remedy(),
            Self::Dcap(flaw) => flaw.remedy(),
            Self::Dice(flaw) => flaw.remedy(),
            Self::Gpu(flaw) => flaw.remedy(),
            Self::Keystone(flaw) => flaw.remedy(),
            Self::Nitro(flaw) => flaw.remedy(),
            Self::Psa(flaw) => flaw.remedy(),
            Self::Ratls(flaw) => flaw.remedy(),
            Self::Snp(flaw) => flaw.remedy(),
            Self::Software(flaw) => flaw.remedy(),
            Self::Tpm(flaw) => flaw.remedy(),
            Self::TooLong { .. } => "none: honest evidence is shorter".to_owned(),
            Self::UnknownFormat(_) => "update Casemate, or use an isolation that both sides know".to_owned(),
        }
    }
}

fn name(manifest: Option<Digest>) -> String {
    manifest.map_or_else(|| "no manifest that it states".to_owned(), |manifest| format!("manifest `{manifest}`"))
}

/// The steps of a format's verifier, in order.
#[must_use]
pub const fn steps(format: Format) -> &'static [Step] {
    match format {
        Format::Azure => azure::STEPS,
        Format::Cca => cca::STEPS,
        Format::Composite => composite::STEPS,
        Format::Dcap => dcap::STEPS,
        Format::Dice => dice::STEPS,
        Format::Gpu => gpu::STEPS,
        Format::Keystone => keystone::STEPS,
        Format::Nitro => nitro::STEPS,
        Format::Psa => psa::STEPS,
        Format::Ratls => ratls::STEPS,
        Format::Snp => snp::STEPS,
        Format::Software => software::STEPS,
        Format::Tpm => tpm::STEPS,
    }
}
