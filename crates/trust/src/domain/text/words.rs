//! The entries of a domain's text, and the comments that say what each is for.

use crate::statement::{Kind, Sentence, Statement, Subject};

/// Above the whole.
pub(super) const HEAD: &str = "# Whom this owner believes, and of what. What is not named here is not accepted.";
/// Above what a platform has to be.
pub(super) const REQUIRE: &str = "# All of this has to be so. `casemate verify` shows what a machine's values are.";

/// The entries, in the order in which they are written.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Word {
    Launcher,
    Runtime,
    Process,
    Platform,
    Vendor,
    Key,
    Program,
    Floor,
    Region,
    Property,
    Delegate,
    Signer,
    Speaks,
    Revoke,
}

impl Word {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Launcher => "launcher",
            Self::Runtime => "runtime",
            Self::Process => "process",
            Self::Platform => "platform",
            Self::Vendor => "vendor",
            Self::Key => "key",
            Self::Program => "program",
            Self::Floor => "floor",
            Self::Region => "region",
            Self::Property => "property",
            Self::Delegate => "delegate",
            Self::Signer => "signer",
            Self::Speaks => "speaks",
            Self::Revoke => "revoke",
        }
    }

    /// What such an entry is for, as a comment.
    const fn explained(self) -> &'static str {
        match self {
            Self::Launcher => {
                "# A host that is believed about its keeps: whoever holds this key can claim anything of them."
            }
            Self::Runtime => {
                "# What may run where secrets are: known builds, by what is measured of them when they start."
            }
            Self::Process => {
                "# Keeps that no hardware vouches for are accepted, with these protections missing at most."
            }
            Self::Platform => "# On which machines keeps may run.",
            Self::Vendor => "# A maker of hardware that is believed about what is genuine.",
            Self::Key => "# A key, and what it is trusted for.",
            Self::Program => "# A program that may run where secrets are.",
            Self::Floor => "# Versions below this count no more, whoever published them.",
            Self::Region => "# Which machines stand in a region.",
            Self::Property => "# What is known of machines and their evidence can't tell.",
            Self::Delegate => "# Who else may publish statements, about this and nothing else.",
            Self::Signer => "# Whose signatures under contracts count.",
            Self::Speaks => "# What the one key says counts as said by the other.",
            Self::Revoke => "# What counts no more, whoever says otherwise.",
        }
    }
}

/// What the entry of these statements is for, as a comment.
pub(super) fn explained(word: Word, statements: &[&Statement]) -> &'static str {
    let kind = statements.iter().find_map(|statement| match &statement.sentence {
        Sentence::Trusted { subject: Subject::Platform(rule), .. } => Some(rule.kind),
        _ => None,
    });
    match kind {
        Some(kind) if word == Word::Platform => platform(kind),
        _ => word.explained(),
    }
}

const fn platform(kind: Kind) -> &'static str {
    match kind {
        Kind::Cca => "# On which machines: realms of Arm CCA, with these identities and properties.",
        Kind::Dice => "# Which devices are good enough: those with a DICE chain, these identities and properties.",
        Kind::Gpu => "# Which GPUs are good enough: NVIDIA's, with these identities and properties.",
        Kind::Keystone => "# On which machines: RISC-V Keystone enclaves, with these identities and properties.",
        Kind::Nitro => "# On which machines: AWS Nitro enclaves, with these properties.",
        Kind::Psa => "# Which devices are good enough: those with a PSA token, these identities and properties.",
        Kind::Sgx => "# On which machines: Intel SGX enclaves, on these processors, as patched and set up as this.",
        Kind::Snp => "# On which machines: AMD SEV-SNP guests, on these processors, as patched and set up as this.",
        Kind::Software => "# On which machines: keeps that a launcher vouches for, with these properties.",
        Kind::Tdx => {
            "# On which machines: Intel TDX trust domains, on these processors, as patched and set up as this."
        }
        Kind::Tpm => "# Which TPMs are good enough, those of virtual machines among them.",
    }
}
