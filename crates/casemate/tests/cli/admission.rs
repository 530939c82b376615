//! `casemate admission`: from an enclave's certificate, which an Intel of our own vouches for, to a name that others believe.

mod issue;
mod mtls;
mod readme;
mod said;
mod strangers;

use std::{fs, path::PathBuf, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use casemate_testkit::{
    Folder, cbor,
    pki::{Algorithm, Authority},
    vendor::ratls::RaTls,
};

use serde_json::Value;

use crate::{
    hostile_machine::{faketime, shifted},
    party::{Answer, Party},
};

/// Some seconds after [`casemate_testkit::NOW`], the time of all evidence of vendors of our own: the clock of a process that issues starts then.
const STARTS: &str = "@2026-11-22 01:55:00";
/// A minute later: the time of whoever is shown what was issued.
const LATER: &str = "@2026-11-22 01:56:00";

/// With what somebody asked.
const NONCE: &[u8] = b"a challenge";

/// A party with an authority, two keys of one enclave with their certificates, what vouches for them, and a domain that accepts it.
struct World {
    /// Removed when the world ends.
    folder: Folder,
    clinic: Party,
    /// What shifts the clock of a process.
    library: PathBuf,
}

impl World {
    /// Nothing, where clocks can't be shifted.
    fn new(name: &str) -> Option<Self> {
        let world = Self::without_authority(name)?;
        world.expect(&["admission", "init", "--trust-domain", "clinic.example"]);
        Some(world)
    }

    fn without_authority(name: &str) -> Option<Self> {
        let library = faketime(name)?;
        let folder = Folder::new(name);
        let clinic = Party::new(folder.path(), "clinic");
        clinic.expect(&["init", "--name", "clinic"]);
        let mut maker = RaTls::default();
        let made = maker.intel.make(&maker.intel.sgx(3));
        fs::create_dir_all(clinic.join("collateral")).unwrap();
        clinic.write("root.der", &made.root);
        clinic.write("collateral/signer.der", &made.tcb_signer);
        clinic.write("collateral/tcb.json", &made.tcb_info);
        clinic.write("collateral/qe.json", &made.qe_identity);
        for (place, list) in made.crls.iter().enumerate() {
            clinic.write(&format!("collateral/{place}.crl"), list);
        }
        for (name, algorithm) in [("client", Algorithm::P256), ("server", Algorithm::P384)] {
            maker.own = Authority::new("RATLS", algorithm);
            clinic.write(&format!("{name}.ratls"), maker.interoperable(&maker.claims()));
            clinic.write(&format!("{name}.key"), pem("PRIVATE KEY", &maker.own.key.pkcs8().unwrap()));
            clinic.write(&format!("{name}.pub"), pem("PUBLIC KEY", &maker.own.key.spki()));
        }
        // The server's key again, for whoever asked with a nonce.
        let mut asked = maker.claims();
        asked.set(&cbor::text("nonce"), cbor::bytes(NONCE));
        clinic.write("asked.ratls", maker.interoperable(&asked));
        let world = Self { folder, clinic, library };
        let drafted =
            world.judged(&["domain", "init", "--from", "server.ratls", "--owner", "clinic", "--out", "domain.toml"]);
        assert_eq!(drafted.code, Some(0), "{drafted:?}");
        Some(world)
    }

    /// A command whose clock starts then.
    fn at(&self, starts: &str, command: Command) -> Command {
        let mut command = shifted(command, &self.library, starts);
        command.env("TZ", "UTC");
        command
    }

    fn call(&self, args: &[&str]) -> Answer {
        Answer::of(self.at(STARTS, self.clinic.command(args)))
    }

    #[track_caller]
    fn expect(&self, args: &[&str]) -> Value {
        let answer = self.call(args);
        assert_eq!(answer.code, Some(0), "{args:?}: {answer:?}");
        answer.json
    }

    /// The command with what vouches for the enclave.
    fn judged(&self, args: &[&str]) -> Answer {
        let endorsed = ["--endorsements", "collateral", "--trust-root", "intel=root.der"];
        self.call(&[args, &endorsed].concat())
    }

    fn issue(&self, evidence: &str, out: &str, more: &[&str]) -> Answer {
        self.judged(&[&["admission", "issue", evidence, "--domain", "domain.toml", "--out", out], more].concat())
    }

    /// Gives what runs in the enclave the name `cohort`, as the refusal says how.
    fn name_it(&self) -> String {
        let refused = self.issue("server.ratls", "none.pem", &[]);
        refused.refused(&["admission-name"]);
        let remedy = refused.json["reasons"][0]["remedy"].as_str().unwrap();
        let (_, runs) = remedy.split_once("runs = \"").unwrap();
        let runs = runs.split('"').next().unwrap().to_owned();
        self.add(&format!(
            "name = \"cohort\"\nruns = \"{runs}\"\ndns = [\"cohort.clinic.example\"]\nreport_data = \"key-digest\""
        ));
        runs
    }

    fn add(&self, workload: &str) {
        let path = self.clinic.join("state/admission.toml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, format!("{text}\n[[workload]]\n{workload}\n")).unwrap();
    }

    fn check(&self, svid: &str, more: &[&str]) -> Answer {
        let args = ["admission", "check", svid, "--authority", "state/authority.pem"];
        Answer::of(self.at(LATER, self.clinic.command(&[&args, more].concat())))
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
