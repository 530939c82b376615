//! Dangers in words: what each is, what would have been safe, and what to do.

use crate::statement::Allowance;

/// A danger in two words, for verdicts and receipts: `host-operated`.
pub(super) const fn short(danger: Allowance) -> &'static str {
    match danger {
        Allowance::Debug => "debug",
        Allowance::HostOperatedTpm => "host-operated",
        Allowance::MaskedChip => "chip masked",
        Allowance::Migratable => "migratable",
        Allowance::ServiceDomain => "service domain bound",
        Allowance::VmplAboveZero => "privilege level above zero",
    }
}

/// What a danger is, and what it lets somebody do.
pub(super) const fn dangerous(danger: Allowance) -> &'static str {
    match danger {
        Allowance::Debug => "debug mode, in which the host reads the memory",
        Allowance::HostOperatedTpm => {
            "an attestation key that is only known as such: whoever operates the host can quote what he likes"
        }
        Allowance::MaskedChip => {
            "a masked chip, which may be any other than those listed, one whose key leaked among them"
        }
        Allowance::Migratable => "a guest that an agent can move to a host of its choice, and read on the way",
        Allowance::ServiceDomain => "a service domain bound to it, which acts in its name",
        Allowance::VmplAboveZero => "evidence asked for by a privilege level that a higher one in the guest rules",
    }
}

/// What would have been safe instead.
pub(super) const fn safe(danger: Allowance) -> &'static str {
    match danger {
        Allowance::Debug => "no debug mode",
        Allowance::HostOperatedTpm => "an attestation key that a certification authority vouches for",
        Allowance::MaskedChip => "a chip that tells which one it is",
        Allowance::Migratable => "a guest that stays on its host",
        Allowance::ServiceDomain => "no service domain",
        Allowance::VmplAboveZero => "evidence of privilege level 0",
    }
}

/// What to do instead of allowing it.
pub(super) const fn mend(danger: Allowance) -> &'static str {
    match danger {
        Allowance::Debug => "launch it without debug mode",
        Allowance::HostOperatedTpm => "use a TPM whose key is certified",
        Allowance::MaskedChip => "run on a host that does not mask its chip",
        Allowance::Migratable => "launch it without a migration agent",
        Allowance::ServiceDomain => "launch it without a service domain",
        Allowance::VmplAboveZero => "have the evidence asked for by privilege level 0",
    }
}
