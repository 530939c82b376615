//! How a keep is isolated, and from whom that protects it.

use crate::named::named;

/// How a keep is isolated. `process` and `vm` are not trusted execution environments.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Isolation {
    /// Arm Confidential Compute Architecture realm.
    Cca,
    /// AWS Nitro enclave.
    Nitro,
    /// Namespaces, seccomp and secret memory of an ordinary kernel.
    Process,
    /// Intel SGX enclave.
    Sgx,
    /// AMD SEV-SNP guest.
    Snp,
    /// Intel TDX trust domain.
    Tdx,
    /// A virtual machine with measured boot into a vTPM.
    Vm,
}

named!(Isolation, UnknownIsolation, "isolation", [
    Cca => "cca",
    Nitro => "nitro",
    Process => "process",
    Sgx => "sgx",
    Snp => "snp",
    Tdx => "tdx",
    Vm => "vm",
]);

impl Isolation {
    /// Whether its evidence is a launcher's word, signed by that launcher's key. Hardware, and a vTPM, speak for themselves.
    #[must_use]
    pub const fn is_vouched_by_launcher(self) -> bool {
        match self {
            Self::Process => true,
            Self::Cca | Self::Nitro | Self::Sgx | Self::Snp | Self::Tdx | Self::Vm => false,
        }
    }

    /// Whom and what this isolation keeps out, for screens, verdicts and receipts.
    #[must_use]
    pub const fn keeps_out(self) -> &'static str {
        match self {
            Self::Process => {
                "other users; memory reads (`/proc/PID/mem`, `process_vm_readv`, core dumps, swap) of what lies in \
                 secret memory; the program itself (sandbox, namespaces)"
            }
            Self::Vm => "other guests and processes; the boot is measured into a vTPM",
            Self::Cca | Self::Nitro | Self::Sgx | Self::Snp | Self::Tdx => {
                "the host, the hypervisor and the cloud's operator"
            }
        }
    }

    /// Whom and what this isolation does not keep out, for screens, verdicts and receipts.
    #[must_use]
    pub const fn does_not_keep_out(self) -> &'static str {
        match self {
            Self::Process => {
                "root on the host, who can inject code by ptrace or sign as the launcher; the kernel; whoever holds the \
                 launcher's key"
            }
            Self::Vm => {
                "the hypervisor and root on the host; where the host runs the vTPM, its quote is worth the host's word"
            }
            Self::Cca | Self::Nitro | Self::Sgx | Self::Snp | Self::Tdx => {
                "physical attacks beyond the vendor's claims (one extracted attestation key forges any keep that \
                 accepts any genuine chip); side channels of the program"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_round_trip() {
        assert!(Isolation::ALL.is_sorted() && Isolation::ALL.is_sorted_by_key(|isolation| isolation.as_str()));
        for isolation in Isolation::ALL {
            assert_eq!(isolation.to_string().parse(), Ok(*isolation));
            let bytes = casemate_cose::encode(isolation);
            assert_eq!(casemate_cose::decode::<Isolation>(&bytes, 16), Ok(*isolation));
        }
    }

    #[test]
    fn refuses_other_names() {
        for name in ["", "Process", "process ", "tee", "process\0"] {
            assert_eq!(name.parse::<Isolation>(), Err(UnknownIsolation(name.into())));
            assert!(casemate_cose::decode::<Isolation>(&casemate_cose::encode(&name), 32).is_err());
        }
    }

    #[test]
    fn a_launcher_vouches_for_process_alone() {
        let vouched: Vec<_> = Isolation::ALL.iter().filter(|isolation| isolation.is_vouched_by_launcher()).collect();
        assert_eq!(vouched, [&Isolation::Process]);
    }

    #[test]
    fn only_process_and_vm_leave_root_on_the_host_inside() {
        for isolation in Isolation::ALL {
            let lets_root_in = isolation.does_not_keep_out().contains("root on the host");
            assert_eq!(lets_root_in, matches!(isolation, Isolation::Process | Isolation::Vm), "{isolation}");
        }
    }
}
