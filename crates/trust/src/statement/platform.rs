//! Rules for platforms: what has to be so for evidence of one kind to be good enough.

use std::collections::BTreeSet;

use casemate_evidence::named;
use minicbor::{Decode, Encode, bytes::ByteVec};

use super::{Test, list};

/// The most demands of one rule.
pub const DEMANDS_MAX: usize = 256;
/// The most hardware identities of one rule.
pub const IDENTITIES_MAX: usize = 4096;

/// More allowances than there are.
const ALLOWANCES_MAX: usize = 16;

/// The kind of a component of evidence.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// An Arm CCA realm and its platform.
    Cca,
    /// A device with a DICE chain.
    Dice,
    /// An NVIDIA GPU.
    Gpu,
    /// A Keystone enclave.
    Keystone,
    /// An AWS Nitro enclave.
    Nitro,
    /// A device with a PSA token.
    Psa,
    /// An SGX enclave.
    Sgx,
    /// An SEV-SNP guest.
    Snp,
    /// A keep by a launcher's word.
    Software,
    /// A TDX trust domain.
    Tdx,
    /// A TPM, also a virtual one.
    Tpm,
}

/// A rule for platforms of one kind. All of it has to be met.
#[derive(Clone, Debug, Decode, Encode, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cbor(map)]
pub struct PlatformRule {
    /// Platforms of this kind.
    #[n(0)]
    pub kind: Kind,
    /// Which ones of that kind.
    #[n(1)]
    pub identities: Identities,
    /// What their properties have to be, ascending by name; several of one property all have to be met.
    #[n(2)]
    #[cbor(decode_with = "list::read::<_, _, DEMANDS_MAX>")]
    pub demands: Vec<Demand>,
    /// What is refused unless admitted here by name.
    #[n(3)]
    #[cbor(decode_with = "list::set::<_, _, ALLOWANCES_MAX>")]
    pub allow: BTreeSet<Allowance>,
}

/// Which pieces of hardware.
#[derive(Clone, Debug, Decode, Encode, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Identities {
    /// Any that the vendor made: one extracted attestation key forges them all.
    #[n(0)]
    AnyGenuineChip,
    /// These, by the identity that the evidence proves.
    #[n(1)]
    Listed(
        #[n(0)]
        #[cbor(decode_with = "list::set::<_, _, IDENTITIES_MAX>")]
        BTreeSet<ByteVec>,
    ),
}

/// What one property has to be.
#[derive(Clone, Debug, Decode, Encode, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cbor(map)]
pub struct Demand {
    /// The property's name as `casemate verify` prints it.
    #[n(0)]
    pub property: String,
    /// What is asked of it.
    #[n(1)]
    pub test: Test,
}

/// What is dangerous and therefore refused, unless a rule admits it by name.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Allowance {
    /// The keep can be looked into by design.
    Debug,
    /// The host runs the TPM: its quote is worth the host's word. The verdict says so.
    HostOperatedTpm,
    /// The platform hides which chip it is, although the rule lists identities.
    MaskedChip,
    /// The guest can be moved to another host by a migration agent or service.
    Migratable,
    /// A service domain is bound to the guest and acts in its name.
    ServiceDomain,
    /// The evidence was asked for by privilege level 1, 2 or 3 of the guest.
    VmplAboveZero,
}

named!(Kind, UnknownKind, "kind of platform", [
    Cca => "cca",
    Dice => "dice",
    Gpu => "gpu",
    Keystone => "keystone",
    Nitro => "nitro",
    Psa => "psa",
    Sgx => "sgx",
    Snp => "snp",
    Software => "software",
    Tdx => "tdx",
    Tpm => "tpm",
]);

named!(Allowance, UnknownAllowance, "allowance", [
    Debug => "debug",
    HostOperatedTpm => "host-operated-tpm",
    MaskedChip => "masked-chip",
    Migratable => "migratable",
    ServiceDomain => "service-domain",
    VmplAboveZero => "vmpl-above-zero",
]);
