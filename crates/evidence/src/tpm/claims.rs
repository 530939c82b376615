//! What a TPM 2.0 quote says.

use casemate_cose::Digest;

use super::{Attest, PcrValue};
use crate::{Facts, Hash, KeyKind, eventlog::Boot};

/// The claims of `tpm` evidence.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claims {
    /// Who signed.
    pub attestation_key: AttestationKey,
    /// What was signed.
    pub quote: Quote,
}

/// An attestation key, and on whose word it is one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AttestationKey {
    /// SHA-256 of its `SubjectPublicKeyInfo`: the TPM's identity.
    pub digest: Digest,
    /// What kind of key it is.
    pub kind: KeyKind,
    /// On whose word.
    pub source: KeySource,
    /// Whether its `TPMT_PUBLIC` came along and says that it is a restricted signing key that never left its TPM. That is the
    /// sender's word, for nobody signs it: who certified the key, or made it known, answers for what kind of key it is.
    pub attributes_checked: bool,
}

/// On whose word a key is an attestation key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KeySource {
    /// A certification authority's.
    Certificate {
        /// The root's name.
        root: String,
        /// SHA-256 of the root's `SubjectPublicKeyInfo`.
        root_key: Digest,
        /// Whether each issuer's revocation list was there.
        revocation_checked: bool,
    },
    /// The verifier's own: the key is among its endorsements.
    Given,
    /// The CPU's: the digest of the runtime data that the key stands in is signed by it.
    RuntimeData,
}

/// A quote: what a TPM says about itself and its PCRs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Quote {
    /// The qualified name of the key that signed: TPM_ALG_ID and digest.
    pub qualified_signer: Vec<u8>,
    /// Milliseconds that the TPM has run for, over its life.
    pub clock_ms: u64,
    /// How often the TPM was reset since its owner last cleared it.
    pub reset_count: u32,
    /// How often it was restarted or hibernated since the last reset.
    pub restart_count: u32,
    /// Whether the clock has never been higher: false after an unorderly shutdown, for a while.
    pub is_clock_safe: bool,
    /// The version of the TPM's firmware, as its maker counts.
    pub firmware_version: u64,
    /// The hash of the signature, and of the digest over the PCRs.
    pub hash: Hash,
    /// The PCRs, in the order of the selection.
    pub pcrs: Vec<Pcr>,
    /// What the log says; `None` if none came along.
    pub log: Option<Log>,
}

/// The value of one PCR.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pcr {
    /// The bank. A PCR of SHA-1 proves little: collisions can be made.
    pub bank: Hash,
    /// Which PCR.
    pub index: u32,
    /// Its value.
    pub value: Vec<u8>,
}

/// What a log that replays to the quoted values says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Log {
    /// The bank from which the rest is read: the strongest quoted one.
    pub bank: Hash,
    /// The quoted PCRs that it extends, ascending.
    pub logged: Vec<u32>,
    /// The quoted PCRs that it doesn't extend and that something else did: Linux IMA extends PCR 10.
    pub unlogged: Vec<u32>,
    /// The boot.
    pub boot: Boot,
    /// The manifest that the kernel's command line names, if the EFI stub measured that line first into PCR 9.
    pub manifest: Option<Digest>,
}

impl Quote {
    pub(crate) fn new(attest: &Attest<'_>, values: &[PcrValue<'_>], hash: Hash, log: Option<Log>) -> Self {
        Self {
            qualified_signer: attest.qualified_signer.to_vec(),
            clock_ms: attest.clock_ms,
            reset_count: attest.reset_count,
            restart_count: attest.restart_count,
            is_clock_safe: attest.is_clock_safe,
            firmware_version: attest.firmware_version,
            hash,
            pcrs: values
                .iter()
                .map(|value| Pcr { bank: value.bank, index: value.index, value: value.value.to_vec() })
                .collect(),
            log,
        }
    }

    /// The manifest that the log proves: [`Log::manifest`].
    pub(crate) fn manifest(&self) -> Option<Digest> {
        self.log.as_ref().and_then(|log| log.manifest)
    }

    /// The value of a PCR, if it was quoted.
    #[must_use]
    pub fn pcr(&self, bank: Hash, index: u32) -> Option<&[u8]> {
        let pcr = self.pcrs.iter().find(|pcr| pcr.bank == bank && pcr.index == index);
        pcr.map(|pcr| pcr.value.as_slice())
    }

    pub(crate) fn facts(&self, facts: &mut Facts) {
        facts.hex("qualified-signer", &self.qualified_signer);
        facts.add("clock-ms", self.clock_ms);
        facts.add("reset-count", self.reset_count);
        facts.add("restart-count", self.restart_count);
        facts.add("clock-safe", self.is_clock_safe);
        facts.add("firmware-version", format!("0x{:016x}", self.firmware_version));
        facts.add("quote-hash", self.hash);
        for pcr in &self.pcrs {
            facts.hex(&format!("pcr.{}.{}", pcr.bank, pcr.index), &pcr.value);
        }
        facts.add("event-log", self.log.is_some());
        if let Some(log) = &self.log {
            log.facts(facts);
        }
    }
}

impl Log {
    fn facts(&self, facts: &mut Facts) {
        let list = |pcrs: &[u32]| pcrs.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        facts.add("log.bank", self.bank);
        facts.add("log.pcrs", list(&self.logged));
        facts.add("log.pcrs-unlogged", list(&self.unlogged));
        if let Some(secure_boot) = self.boot.secure_boot {
            facts.add("log.secure-boot", secure_boot);
        }
        for digest in &self.boot.applications {
            facts.hex("log.application", digest);
        }
        for line in &self.boot.command_lines {
            facts.add("log.command-line", line);
        }
        if let Some(digest) = &self.boot.load_options {
            facts.hex("log.load-options", digest);
        }
    }
}

impl AttestationKey {
    pub(crate) fn facts(&self, facts: &mut Facts) {
        facts.add("ak", self.digest);
        facts.add("ak.kind", format!("{:?}", self.kind));
        facts.add("ak.attributes-checked", self.attributes_checked);
        match &self.source {
            KeySource::Certificate { root, root_key, revocation_checked } => {
                facts.add("ak.source", "certificate");
                facts.add("ak.root", root);
                facts.add("ak.root-key", root_key);
                facts.add("ak.revocation-checked", revocation_checked);
            }
            KeySource::Given => facts.add("ak.source", "given"),
            KeySource::RuntimeData => facts.add("ak.source", "runtime-data"),
        }
    }
}

impl Claims {
    pub(crate) fn facts(&self, facts: &mut Facts) {
        self.attestation_key.facts(facts);
        self.quote.facts(facts);
    }
}
