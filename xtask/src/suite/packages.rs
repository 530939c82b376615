//! The system packages that some tests need.

use std::{path::Path, process::Command};

use crate::process::{self, installed};

/// A Debian package, how to see that it is there, and which tests need it.
struct Need {
    package: &'static str,
    present: fn() -> bool,
    what_for: &'static str,
}

const NEEDS: [Need; 11] = [
    Need {
        package: "age",
        present: || installed("age").is_some() && installed("age-keygen").is_some(),
        what_for: "sealed files go to and fro with the age that others use",
    },
    Need {
        package: "curl",
        present: || installed("curl").is_some(),
        what_for: "a stock client takes an attested keep for what it is",
    },
    Need {
        package: "faketime",
        present: || installed("faketime").is_some(),
        what_for: "a broker's or a runner's clock is a day off",
    },
    Need {
        package: "gdb",
        present: || installed("gcore").is_some(),
        what_for: "root dumps a running keep with `gcore`",
    },
    Need {
        package: "iproute2",
        present: || installed("ip").is_some(),
        what_for: "README's walk-through over three network namespaces",
    },
    Need {
        package: "nginx-light",
        present: || installed("nginx").is_some(),
        what_for: "a stock server takes an attested keep for what it is",
    },
    Need {
        package: "openssl",
        present: || installed("openssl").is_some(),
        what_for: "certificates are read and tokens compared by others' software",
    },
    Need {
        package: "ovmf",
        present: || Path::new("/usr/share/OVMF").is_dir(),
        what_for: "launch digests are predicted from a real firmware image",
    },
    Need {
        package: "python3",
        present: || installed("python3").is_some(),
        what_for: "tables go to and fro with pyarrow, results are compared with DuckDB's",
    },
    Need {
        package: "python3-venv",
        present: || process::succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"])),
        what_for: "the tests' Python packages lie in a folder of their own",
    },
    Need {
        package: "systemd-boot-efi",
        present: || Path::new("/usr/lib/systemd/boot/efi").is_dir(),
        what_for: "registers are predicted for a unified kernel image with a real stub",
    },
];

/// Installs what is missing, as root on Debian; elsewhere names it. Returns what is missing in the end, a line each.
pub(super) fn provide() -> Vec<String> {
    let missing = || NEEDS.iter().filter(|need| !(need.present)()).collect::<Vec<_>>();
    let wanted = missing();
    if wanted.is_empty() {
        return Vec::new();
    }
    let packages: Vec<&str> = wanted.iter().map(|need| need.package).collect();
    if is_root() && installed("apt-get").is_some() {
        println!("installing, for the tests: {}", packages.join(" "));
        install(&packages);
    }
    missing().iter().map(|need| format!("`{}`, for: {}; apt install {0}", need.package, need.what_for)).collect()
}

fn is_root() -> bool {
    process::output(Command::new("id").arg("-u"), "id").is_ok_and(|id| id.trim() == "0")
}

/// Tries; what comes of it is seen by looking again.
fn install(packages: &[&str]) {
    let apt_get = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(["-qq", "-o", "Acquire::http::Timeout=20", "-o", "Acquire::Retries=1"]).args(arguments);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    let installs = || {
        let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
        arguments.extend(packages);
        process::succeeds(&mut apt_get(&arguments))
    };
    // The lists of packages may be missing or old: fetch them and try once more.
    if !installs() && process::succeeds(&mut apt_get(&["update"])) {
        installs();
    }
    // Debian starts a server that it installs. The tests start their own, as an ordinary program.
    if packages.contains(&"nginx-light") {
        let stops = |program: &str, arguments: &[&str]| {
            installed(program).is_some_and(|program| process::succeeds(Command::new(program).args(arguments)))
        };
        let _ = stops("systemctl", &["disable", "--now", "nginx"]) || stops("service", &["nginx", "stop"]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_named_once_and_in_order() {
        assert!(NEEDS.windows(2).all(|pair| pair[0].package < pair[1].package));
    }
}
