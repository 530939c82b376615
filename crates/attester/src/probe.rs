//! What this machine can isolate and attest with, row by row. `casemate doctor` prints the rows.

/// Whether something is there.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Presence {
    /// Not there, and what it is for does not work.
    Absent,
    /// There.
    Present,
    /// This process may not look.
    Unknown,
}

/// One thing that was looked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Row {
    /// What.
    pub what: String,
    /// Is it there?
    pub presence: Presence,
    /// Its size, version or setting, or why it is absent.
    pub detail: String,
    /// Why it matters.
    pub why: String,
    /// How to get it; empty when it is there.
    pub remedy: String,
}

impl Row {
    /// A row: `remedy` is kept only where the thing is not there.
    #[must_use]
    pub fn new(what: &str, presence: Presence, detail: impl Into<String>, why: &str, remedy: &str) -> Self {
        let remedy = if presence == Presence::Present { "" } else { remedy };
        Self { what: what.to_owned(), presence, detail: detail.into(), why: why.to_owned(), remedy: remedy.to_owned() }
    }
}

/// What the hardware and hypervisor offer to attest with.
#[must_use]
pub fn hardware_rows() -> Vec<Row> {
    const GUEST: &str = "rent or boot a confidential guest of this kind, with its driver";
    [
        ("AMD SEV-SNP guest", "/dev/sev-guest", "isolation `snp`: keeps out host, hypervisor and operator", GUEST),
        ("Intel TDX guest", "/dev/tdx_guest", "isolation `tdx`: keeps out host, hypervisor and operator", GUEST),
        ("Intel SGX", "/dev/sgx_enclave", "isolation `sgx`: keeps out host, hypervisor and operator", GUEST),
        ("AWS Nitro enclave", "/dev/nsm", "isolation `nitro`: keeps out the parent instance", GUEST),
        (
            "evidence interface",
            "/sys/kernel/config/tsm/report",
            "how a Linux guest of any kind asks for evidence (configfs-tsm)",
            "Linux 6.7 or later in a confidential guest; `mount -t configfs none /sys/kernel/config`",
        ),
        (
            "TPM 2.0",
            "/dev/tpmrm0",
            "isolation `vm` attests by a TPM quote",
            "give the guest a TPM (`swtpm`), or load the driver",
        ),
        (
            "KVM",
            "/dev/kvm",
            "starts guests for isolation `vm`, and confidential ones where the processor can",
            "enable virtualisation in the firmware; load `kvm`; join the group `kvm`",
        ),
    ]
    .into_iter()
    .map(|(what, path, why, remedy)| {
        let (presence, detail) = device(path);
        Row::new(what, presence, detail, why, remedy)
    })
    .collect()
}

/// Whether there is something at `path` and this process may open it.
fn device(path: &str) -> (Presence, String) {
    match std::fs::File::open(path) {
        Ok(_) => (Presence::Present, path.to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => (Presence::Absent, format!("no `{path}`")),
        Err(error) => (Presence::Unknown, format!("`{path}`: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_there_absent_or_out_of_reach() {
        assert_eq!(device("/dev/null").0, Presence::Present);
        assert_eq!(device("/dev/no-such-device").0, Presence::Absent);
        assert_eq!(device("/dev/null/x").0, Presence::Unknown);
    }

    #[test]
    fn every_absent_thing_has_a_remedy_and_no_present_one() {
        for row in hardware_rows() {
            assert_eq!(row.remedy.is_empty(), row.presence == Presence::Present, "{}", row.what);
            assert!(!row.why.is_empty());
        }
    }
}
