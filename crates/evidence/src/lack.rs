//! What an isolation promises and a machine did not give.

use crate::named::named;

/// One thing that `process` isolation promises and that this keep ran without. A domain admits lacks by name or not at all.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Lack {
    /// The keep saw the host's file system, or part of it.
    EmptyRoot,
    /// The keep shared System V IPC and POSIX message queues with the host.
    IpcNamespace,
    /// No Landlock denied files, ports and signals a second time.
    Landlock,
    /// The keep shared the host's mounts.
    MountNamespace,
    /// The keep shared the host's network.
    NetworkNamespace,
    /// The keep could gain privileges by executing a set-user-id program.
    NoNewPrivileges,
    /// The keep saw the host's processes.
    PidNamespace,
    /// The manifest's limits on memory, files or processes did not hold.
    ResourceLimits,
    /// No list said which system calls the keep may make.
    Seccomp,
    /// Not even keys could be kept in `memfd_secret` memory.
    SecretKeys,
    /// Tables, TLS buffers and working copies of keys lay in ordinary memory.
    SecretPlaintext,
    /// The keep could be dumped or traced by other processes of its user.
    Undumpable,
    /// The keep shared the host's user ids.
    UserNamespace,
}

named!(Lack, UnknownLack, "lack", [
    EmptyRoot => "empty-root",
    IpcNamespace => "ipc-namespace",
    Landlock => "landlock",
    MountNamespace => "mount-namespace",
    NetworkNamespace => "network-namespace",
    NoNewPrivileges => "no-new-privileges",
    PidNamespace => "pid-namespace",
    ResourceLimits => "resource-limits",
    Seccomp => "seccomp",
    SecretKeys => "secret-keys",
    SecretPlaintext => "secret-plaintext",
    Undumpable => "undumpable",
    UserNamespace => "user-namespace",
]);

/// A lack in words.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Explanation {
    /// What it means for whoever's data is in the keep.
    pub means: &'static str,
    /// What the host's operator can do about it.
    pub remedy: &'static str,
}

const USER_NAMESPACES: &str = "allow user namespaces: `sysctl user.max_user_namespaces=15000`, on Debian and Ubuntu also \
                               `kernel.unprivileged_userns_clone=1` and \
                               `kernel.apparmor_restrict_unprivileged_userns=0`; in a container run it with a seccomp \
                               profile that lets `unshare` and `mount` through";

impl Lack {
    /// What this lack means, and what to do about it on the host.
    #[must_use]
    pub const fn explain(self) -> Explanation {
        let (means, remedy) = match self {
            Self::EmptyRoot => (
                "the keep could read and write files of the host, so a program that broke out of its sandbox could \
                 leave data there",
                USER_NAMESPACES,
            ),
            Self::IpcNamespace => (
                "the keep shared message queues and shared memory with the host, so a program that broke out of its \
                 sandbox could pass data to another process",
                USER_NAMESPACES,
            ),
            Self::Landlock => (
                "files, ports and signals were denied to the keep by its empty root, its namespaces and its list of system \
                 calls only, so a program that found a gap in these would meet no further fence",
                "run Linux 5.13 or later with `landlock` in the `lsm=` list of its command line; in a container let the \
                 `landlock_*` calls through",
            ),
            Self::MountNamespace => (
                "the keep shared the host's mounts, so that the host's files could not be taken from its view",
                USER_NAMESPACES,
            ),
            Self::NetworkNamespace => (
                "the keep shared the host's network, so a program that broke out of its sandbox could send data \
                 anywhere",
                USER_NAMESPACES,
            ),
            Self::NoNewPrivileges => (
                "the keep could have gained privileges by executing a set-user-id program",
                "run on Linux 3.5 or later, under a seccomp profile that lets `prctl` through",
            ),
            Self::PidNamespace => {
                ("the keep saw the host's processes and could signal those of its own user", USER_NAMESPACES)
            }
            Self::ResourceLimits => (
                "the keep could use more memory, files or processes than the manifest says, so one study can starve \
                 another",
                "let `setrlimit` through, and set no hard limit below the manifest's",
            ),
            Self::Seccomp => (
                "the keep could make every system call and new executable pages, so a program that broke out of its \
                 sandbox could attack the host's kernel",
                "run a kernel built with `CONFIG_SECCOMP_FILTER`; in a container let `seccomp` through",
            ),
            Self::SecretKeys => (
                "keys lay in ordinary memory: root, a core dump or swap on the host can hold them",
                "boot a kernel 5.14 or later with `secretmem.enable=1` (the default from 6.5), and raise \
                 `RLIMIT_MEMLOCK`; in a container let `memfd_secret` through",
            ),
            Self::SecretPlaintext => (
                "tables, TLS buffers and working copies of keys did not surely fit into secret memory: root on the host \
                 could read what lay outside while the keep ran, and it could reach swap",
                "raise the limit on locked memory (`ulimit -l`, `LimitMEMLOCK=`) and the machine's memory above what \
                 the run may use, or start the run as root with `CAP_IPC_LOCK`",
            ),
            Self::Undumpable => (
                "other processes of the keep's user could trace it, read its memory or have it dump core",
                "let `prctl(PR_SET_DUMPABLE)` through, and set `kernel.yama.ptrace_scope=1` or higher",
            ),
            Self::UserNamespace => (
                "the keep ran with the host's user ids, so a program that broke out of its sandbox is the launcher's \
                 user on the host",
                USER_NAMESPACES,
            ),
        };
        Explanation { means, remedy }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_sorted_and_round_trip() {
        assert!(Lack::ALL.is_sorted() && Lack::ALL.is_sorted_by_key(|lack| lack.as_str()));
        for lack in Lack::ALL {
            assert_eq!(lack.to_string().parse(), Ok(*lack));
            assert_eq!(casemate_cose::decode::<Lack>(&casemate_cose::encode(lack), 32), Ok(*lack));
        }
    }

    #[test]
    fn refuses_other_names() {
        for name in ["", "userNamespace", "user-namespace ", "user_namespace"] {
            assert_eq!(name.parse::<Lack>(), Err(UnknownLack(name.into())));
        }
    }

    #[test]
    fn each_has_its_own_meaning_and_a_remedy() {
        let meanings: BTreeSet<_> = Lack::ALL.iter().map(|lack| lack.explain().means).collect();
        assert_eq!(meanings.len(), Lack::ALL.len());
        assert!(Lack::ALL.iter().all(|lack| !lack.explain().remedy.is_empty()));
    }
}
