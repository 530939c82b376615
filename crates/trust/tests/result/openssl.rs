//! OpenSSL's command on the chain, at a time of its own.

use std::{path::Path, process::Command};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use casemate_cose::{SigningKey, UnixTime};
use casemate_testkit::{
    Folder,
    der::{element, sequence},
    tool,
};
use casemate_trust::result::{jwt_svid, spiffe_bundle};
use serde_json::Value;

use crate::admitted::{AT, accepted, admission, ed25519, p256, p384, pem, random, root, svid};

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

/// Whoever knows JWS and JWK and nothing of Casemate: the token by the key of the bundle, which is the certificate's.
#[test]
fn checks_tokens_by_the_bundle() {
    let Some(openssl) = tool("trust::result::openssl", "openssl", "openssl") else { return };
    let run = |args: &[&str], folder: &Folder| {
        let output = Command::new(&openssl).args(args).current_dir(folder.path()).output().unwrap();
        (output.status.success(), output.stdout)
    };
    let authority = p256();
    let keep = SigningKey::from_seed(&[1; 32]);
    let token = jwt_svid(&accepted(&keep, AT), "reports", &admission("clinic"), &authority, &random(), AT).unwrap();
    let bundle = spiffe_bundle(&root("clinic", &authority, AT), &authority.public());
    let bundle: Value = serde_json::from_str(&bundle).unwrap();
    let of_use = |name: &str| {
        bundle["keys"].as_array().unwrap().iter().find(|key| key["use"] == name).unwrap_or_else(|| panic!("{name}"))
    };
    // SubjectPublicKeyInfo of P-256 up to the coordinates. [RFC 5480 §2]
    let head = "3059301306072a8648ce3d020106082a8648ce3d03010703420004";
    let decoded = |value: &Value| URL_SAFE_NO_PAD.decode(value.as_str().unwrap()).unwrap();
    let spki = |jwk: &Value| [hex::decode(head).unwrap(), decoded(&jwk["x"]), decoded(&jwk["y"])].concat();
    let (jwt, x509) = (of_use("jwt-svid"), of_use("x509-svid"));
    assert_eq!((&jwt["kty"], &jwt["crv"]), (&"EC".into(), &"P-256".into()));

    let folder = Folder::new("svid-openssl-jwt");
    folder.write("key.pem", pem("PUBLIC KEY", &spki(jwt))).unwrap();
    folder.write("x5c.der", STANDARD.decode(x509["x5c"][0].as_str().unwrap()).unwrap()).unwrap();
    let (is_read, certified) = run(&["x509", "-inform", "DER", "-in", "x5c.der", "-noout", "-pubkey"], &folder);
    assert!(is_read && certified == run(&["pkey", "-pubin", "-in", "key.pem"], &folder).1);
    assert_eq!(spki(x509), spki(jwt));

    let (signed, signature) = token.rsplit_once('.').unwrap();
    let header: Value = serde_json::from_slice(&decoded(&signed.split('.').next().unwrap().into())).unwrap();
    assert_eq!((&header["kid"], &header["alg"]), (&jwt["kid"], &"ES256".into()));
    let (r, s) = signature_of(&decoded(&signature.into()));
    folder.write("signature", sequence(&[r, s])).unwrap();
    let verify = ["dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "signed"];
    folder.write("signed", signed).unwrap();
    assert!(run(&verify, &folder).0);
    folder.write("signed", signed.replacen('a', "b", 1)).unwrap();
    assert!(!run(&verify, &folder).0, "changed");
}

/// r and s as INTEGERs. [RFC 3279 §2.2.3]
fn signature_of(raw: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let number = |half: &[u8]| {
        let digits = &half[half.iter().position(|byte| *byte != 0).unwrap()..];
        element(2, &[if digits[0] >= 0x80 { &[0][..] } else { &[] }, digits].concat())
    };
    assert_eq!(raw.len(), 64);
    (number(&raw[..32]), number(&raw[32..]))
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
