//! OpenSSL's command on the chain, at a time of its own.

use std::{path::Path, process::Command};

use casemate_cose::{SigningKey, UnixTime};
use casemate_testkit::{Folder, tool};

use crate::admitted::{AT, ed25519, p256, p384, pem, root, svid};

fn verifies(openssl: &Path, folder: &Folder, purpose: &str, at: UnixTime) -> bool {
    let output = Command::new(openssl)
        .args(["verify", "-x509_strict", "-purpose", purpose, "-attime", &at.0.to_string(), "-CAfile"])
        .args([folder.join("root.pem"), folder.join("svid.pem")])
        .output()
        .unwrap();
    output.status.success()
}

#[test]
fn verifies_the_chain_for_servers_and_clients() {
    let Some(openssl) = tool("trust::result::openssl", "openssl", "openssl") else { return };
    let keep = SigningKey::from_seed(&[1; 32]);
    for authority in [ed25519(20), p256(), p384()] {
        let folder = Folder::new("svid-openssl");
        folder.write("root.pem", pem("CERTIFICATE", &root("clinic", &authority, AT))).unwrap();
        folder.write("svid.pem", pem("CERTIFICATE", &svid(&keep, "clinic", &authority, AT))).unwrap();
        for purpose in ["sslserver", "sslclient"] {
            assert!(verifies(&openssl, &folder, purpose, AT), "{authority:?} {purpose}");
        }
        // OpenSSL takes the last second for one too late.
        assert!(verifies(&openssl, &folder, "sslclient", AT.plus_s(299)));
        assert!(!verifies(&openssl, &folder, "sslclient", AT.plus_s(301)), "after the verdict");
        assert!(!verifies(&openssl, &folder, "sslclient", UnixTime(AT.0 - 1)), "before the appraisal");
        assert!(!verifies(&openssl, &folder, "smimesign", AT), "for nothing but TLS");
        folder.write("svid.pem", pem("CERTIFICATE", &svid(&keep, "clinic", &ed25519(21), AT))).unwrap();
        assert!(!verifies(&openssl, &folder, "sslclient", AT), "another authority's");
    }
}

#[test]
fn shows_what_the_standard_asks_for() {
    let Some(openssl) = tool("trust::result::openssl", "openssl", "openssl") else { return };
    let folder = Folder::new("svid-openssl-text");
    let keep = SigningKey::from_seed(&[1; 32]);
    folder.write("svid.pem", pem("CERTIFICATE", &svid(&keep, "clinic", &ed25519(20), AT))).unwrap();
    folder.write("root.pem", pem("CERTIFICATE", &root("clinic", &ed25519(20), AT))).unwrap();
    let text = |file| {
        let output =
            Command::new(&openssl).args(["x509", "-noout", "-text", "-in"]).arg(folder.join(file)).output().unwrap();
        String::from_utf8(output.stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let leaf = text("svid.pem");
    for part in [
        "Subject: Subject Public Key Info: Public Key Algorithm: ED25519",
        "X509v3 Basic Constraints: critical CA:FALSE",
        "X509v3 Key Usage: critical Digital Signature X509v3",
        "X509v3 Extended Key Usage: TLS Web Server Authentication, TLS Web Client Authentication",
        "X509v3 Subject Alternative Name: critical URI:spiffe://clinic/keep/cohort, DNS:cohort.clinic.example",
        casemate_trust::result::SVID_EXTENSION_OID,
    ] {
        assert!(leaf.contains(part), "{part}: {leaf}");
    }
    let root = text("root.pem");
    for part in [
        "X509v3 Basic Constraints: critical CA:TRUE, pathlen:0",
        "X509v3 Key Usage: critical Certificate Sign X509v3",
        "X509v3 Subject Alternative Name: URI:spiffe://clinic",
    ] {
        assert!(root.contains(part), "{part}: {root}");
    }
}
