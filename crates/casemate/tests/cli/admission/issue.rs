//! What gets a name, and every way in which something else would: refused, with nothing written.

use std::fs;

use casemate_cose::Digest;
use casemate_testkit::{
    Folder, vectors,
    vendor::amd::{Amd, Line, Report, at},
};

use super::{World, pem};
use crate::party::Answer;

#[test]
fn a_certificate_of_the_attested_key() {
    let Some(world) = World::new("admission-x509") else { return };
    world.name_it();
    let made = world.issue("server.ratls", "server.pem", &[]);
    assert_eq!(made.code, Some(0), "{made:?}");
    assert_eq!(
        (made.text("form"), made.text("spiffe_id")),
        ("x509".into(), "spiffe://clinic.example/keep/cohort".into())
    );
    assert_eq!(made.json["dns"][0], "cohort.clinic.example");
    let notes = made.json["notes"].to_string();
    assert!(notes.contains("can be relayed") && notes.contains("nothing says when"), "{notes}");
    assert_eq!(made.json["until"].as_u64().unwrap() - made.json["from"].as_u64().unwrap(), 300, "{made:?}");

    let checked = world.check("server.pem", &[]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    for field in ["spiffe_id", "key", "evidence", "verdict", "domain"] {
        assert_eq!(checked.text(field), made.text(field), "{field}");
        assert!(!made.text(field).is_empty(), "{field}");
    }
    // The same key, said by its owner: alone, and in the certificate that holds the evidence.
    for key in ["server.pub", "server.ratls"] {
        let again = world.issue("server.ratls", "server.pem", &["--key", key]);
        assert_eq!((again.code, again.text("key")), (Some(0), made.text("key")), "{again:?}");
    }
    let key = fs::read(world.clinic.join("server.pub")).unwrap();
    let spki = casemate_evidence::public_key(&key).unwrap();
    assert_eq!(made.text("key"), Digest::of(&spki).to_string());
    assert!(!world.clinic.join("none.pem").exists(), "what was refused");
}

#[test]
fn a_token_for_one_audience() {
    let Some(world) = World::new("admission-jwt") else { return };
    world.name_it();
    let made = world.issue("server.ratls", "server.jwt", &["--jwt", "--audience", "reports"]);
    assert_eq!(
        (made.code, made.text("form"), made.text("audience")),
        (Some(0), "jwt".into(), "reports".into()),
        "{made:?}"
    );
    let checked = world.check("server.jwt", &["--audience", "reports"]);
    assert_eq!((checked.code, checked.text("verdict")), (Some(0), made.text("verdict")), "{checked:?}");
    let refused = world.check("server.jwt", &["--audience", "payroll"]);
    refused.refused(&["svid-audience"]);
    assert!(refused.json["reasons"][0]["remedy"].as_str().unwrap().contains("--audience"), "{refused:?}");
    world.check("server.jwt", &[]).fails(2, &["--audience"]);
    world.check("server.jwt", &["--audience", "reports", "--at", "2026-11-22T02:00:10Z"]).refused(&["svid-expired"]);
    assert_eq!(world.issue("server.ratls", "x.jwt", &["--jwt"]).code, Some(2), "for whom?");
    assert_eq!(world.issue("server.ratls", "x.jwt", &["--jwt", "--audience", ""]).code, Some(2), "for nobody");
    let moves = world.issue("server.ratls", "x.jwt", &["--jwt", "--audience", "a\n\u{1b}[2J"]);
    moves.fails(2, &["the audience", "control characters"]);
    assert!(!world.clinic.join("x.jwt").exists());
}

/// Evidence that somebody asked for with a nonce, which the certificate's claims state beside the key.
#[test]
fn the_right_nonce_says_that_evidence_is_new() {
    let Some(world) = World::new("admission-nonce") else { return };
    world.name_it();
    let nonce = hex::encode(super::NONCE);
    let made = world.issue("asked.ratls", "server.pem", &["--nonce", &nonce]);
    assert_eq!(made.code, Some(0), "{made:?}");
    assert!(!made.json["notes"].to_string().contains("nothing says when"), "{made:?}");
    assert_eq!(world.check("server.pem", &[]).text("key"), made.text("key"));
    let first = &nonce[..nonce.len() - 2];
    for (crime, evidence, nonce) in [
        ("another", "asked.ratls", "00ff".to_owned()),
        ("cut", "asked.ratls", first.to_owned()),
        ("longer", "asked.ratls", format!("{nonce}00")),
        ("evidence without one", "server.ratls", nonce),
    ] {
        let refused = world.issue(evidence, "server.pem", &["--nonce", &nonce]);
        assert_eq!(refused.rules(), ["evidence-binding"], "{crime}: {refused:?}");
    }
    world.issue("asked.ratls", "server.pem", &["--nonce", ""]).fails(2, &["leave --nonce out"]);
    assert!(!world.clinic.join("server.pem").exists());
}

/// Somebody holds evidence that is accepted, and a key of his own.
#[test]
fn no_other_key() {
    let Some(world) = World::new("admission-other-key") else { return };
    world.name_it();
    world.issue("server.ratls", "x.pem", &["--key", "client.pub"]).refused(&["evidence-key"]);
    world.issue("server.ratls", "x.pem", &["--key", "client.ratls"]).refused(&["evidence-key"]);
    world
        .issue("server.ratls", "x.jwt", &["--key", "client.pub", "--jwt", "--audience", "a"])
        .refused(&["evidence-key"]);
    // A request that its own key did not sign names a key that its writer may not hold: here the attested one's neighbour's.
    world.issue("server.ratls", "x.pem", &["--key", "root.der"]).refused(&["evidence-key"]);
    world.issue("server.ratls", "x.pem", &["--key", "server.key"]).fails(2, &["no public key"]);
    world.issue("server.ratls", "x.pem", &["--nonce", "00ff"]).refused(&["evidence-binding"]);
    assert!(!world.clinic.join("x.pem").exists() && !world.clinic.join("x.jwt").exists());
}

/// One crime each: an authority that skipped the check would name it.
#[test]
fn what_is_not_accepted_has_no_name() {
    let Some(world) = World::new("admission-denied") else { return };
    world.name_it();
    assert_eq!(world.issue("server.ratls", "x.pem", &[]).code, Some(0));
    let good = fs::read_to_string(world.clinic.join("domain.toml")).unwrap();
    let (before, after) = good.split_once("mr-enclave = \"").unwrap();
    // What is not understood leaves the SVID of before; what is refused doesn't.
    world.issue("absent.ratls", "x.pem", &[]).fails(2, &["absent.ratls"]);
    assert!(world.clinic.join("x.pem").exists());
    world.clinic.write("domain.toml", format!("{before}mr-enclave = \"00ff{}", &after[4..]));
    world.issue("server.ratls", "x.pem", &[]).refused(&["domain-register"]);
    assert!(!world.clinic.join("x.pem").exists(), "the SVID of before is gone");
    world.clinic.write("domain.toml", &good);
    let mut flipped = fs::read(world.clinic.join("server.ratls")).unwrap();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    world.clinic.write("flipped.ratls", flipped);
    assert_eq!(world.issue("flipped.ratls", "x.pem", &["--key", "server.pub"]).rules().len(), 1);
    // Without what vouches for it.
    let bare = ["admission", "issue", "server.ratls", "--domain", "domain.toml", "--out", "x.pem"];
    assert_eq!(world.call(&bare).code, Some(1));
    // Nothing of somebody else's is overwritten.
    world.issue("server.ratls", "domain.toml", &[]).fails(2, &["is no SVID"]);
    assert!(!world.clinic.join("x.pem").exists());
}

/// What `admission issue` writes follows the one rule for what options write.
#[test]
fn no_place_but_its_own() {
    let Some(world) = World::new("admission-place") else { return };
    world.name_it();
    assert!(!world.clinic.join("state/domain.signed").exists());
    world.issue("server.ratls", "state/domain.signed", &[]).fails(2, &["state folder"]);
    assert!(!world.clinic.join("state/domain.signed").exists());
    std::os::unix::fs::symlink("nowhere", world.clinic.join("link.pem")).unwrap();
    world.issue("server.ratls", "link.pem", &[]).fails(2, &["`link.pem` exists and is no SVID"]);
    // Nor does a refusal take the link away.
    world.issue("server.ratls", "link.pem", &["--nonce", "00ff"]).fails(2, &["is no SVID"]);
    assert!(world.clinic.join("link.pem").is_symlink() && !world.clinic.join("nowhere").exists());
    // An SVID of either form gives way to the other, and goes where none is issued.
    for more in [&["--jwt", "--audience", "a"][..], &[], &["--jwt", "--audience", "a"]] {
        assert_eq!(world.issue("server.ratls", "x", more).code, Some(0), "{more:?}");
    }
    world.issue("server.ratls", "x", &["--nonce", "00ff"]).refused(&["evidence-binding"]);
    assert!(!world.clinic.join("x").exists());
}

/// A verdict of before, and one of later.
#[test]
fn no_time_but_its_own() {
    let Some(world) = World::new("admission-time") else { return };
    world.name_it();
    assert_eq!(world.issue("server.ratls", "server.pem", &[]).code, Some(0));
    // Replayed after the verdict's end.
    world.check("server.pem", &["--at", "2026-11-22T02:00:10Z"]).refused(&["svid-expired"]);
    world.check("server.pem", &["--at", "2026-11-22T01:54:00Z"]).refused(&["svid-not-yet"]);
    world.issue("server.ratls", "x.pem", &["--at", "2026-11-22T01:56:00Z"]).fails(2, &["in the future"]);
    // A verdict of ten minutes ago leads to an SVID of ten minutes ago, which is over.
    let old = world.issue("server.ratls", "old.pem", &["--at", "2026-11-22T01:45:00Z"]);
    assert_eq!(old.code, Some(0), "{old:?}");
    world.check("old.pem", &[]).refused(&["svid-expired"]);
    // The authority's own end.
    let late = world.at(
        "@2027-11-23 00:00:00",
        world.clinic.command(&["admission", "check", "server.pem", "--authority", "state/authority.pem"]),
    );
    Answer::of(late).refused(&["svid-expired"]);
    assert!(!world.clinic.join("x.pem").exists());
}

/// A guest whose program states what it is asked to state: the digest of anybody's key.
#[test]
fn report_data_name_a_key_where_the_party_says_so() {
    let Some(world) = World::new("admission-report-data") else { return };
    let amd = Amd::new(Line::Milan);
    let key = fs::read(world.clinic.join("client.pub")).unwrap();
    let spki = casemate_evidence::public_key(&key).unwrap();
    let certify = |policy: Option<u64>, stated: &[u8]| {
        let mut report = Report::of(Line::Milan);
        report.put(at::REPORT_DATA, &[0; 64]).put(at::REPORT_DATA, stated);
        if let Some(policy) = policy {
            report.put(at::POLICY, &policy.to_le_bytes());
        }
        report
    };
    let report = certify(None, Digest::of(&spki).as_bytes());
    fs::create_dir_all(world.clinic.join("certificates")).unwrap();
    world.clinic.write("amd.der", amd.ark.root());
    world.clinic.write("certificates/vcek.der", amd.vcek(&report).issue(&amd.ask));
    world.clinic.write("certificates/ask.der", amd.ark.issue(&amd.ask_certificate()));
    world.clinic.write("report.bin", report.sign(&amd.vcek));
    world.clinic.write("debug.bin", certify(Some(0xb_001f), Digest::of(&spki).as_bytes()).sign(&amd.vcek));
    world.clinic.write("asked.bin", certify(None, &[7; 64]).sign(&amd.vcek));
    let endorsed = ["--endorsements", "certificates", "--trust-root", "amd=amd.der"];
    let draft = ["domain", "init", "--from", "report.bin", "--owner", "clinic", "--out", "snp.toml"];
    world.expect(&[&draft, &endorsed[..]].concat());
    let issue = |evidence: &str, more: &[&str]| {
        let args = ["admission", "issue", evidence, "--domain", "snp.toml", "--out", "snp.pem"];
        world.call(&[&args, &endorsed[..], more].concat())
    };
    let own = ["--key", "client.pub"];
    let refused = issue("report.bin", &own);
    refused.refused(&["admission-name"]);
    let remedy = refused.json["reasons"][0]["remedy"].as_str().unwrap();
    let runs = remedy.split_once("runs = \"").unwrap().1.split('"').next().unwrap();
    world.add(&format!("name = \"guest\"\nruns = \"{runs}\""));
    issue("report.bin", &own).refused(&["admission-report-data"]);
    let path = world.clinic.join("state/admission.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{}report_data = \"key-digest\"\n", text)).unwrap();
    assert_eq!(issue("report.bin", &own).code, Some(0));
    assert_eq!(world.check("snp.pem", &[]).text("spiffe_id"), "spiffe://clinic.example/keep/guest");
    issue("report.bin", &["--key", "server.pub"]).refused(&["evidence-key"]);
    issue("asked.bin", &own).refused(&["evidence-key"]);
    issue("debug.bin", &own).refused(&["evidence-debug"]);
    issue("report.bin", &[]).fails(2, &["holds no key", "--key"]);
    assert!(!world.clinic.join("snp.pem").exists());
}

/// Requests as OpenSSL writes them: the key of one that it signed itself, and of no other.
#[test]
fn keys_come_in_requests() {
    let Some(openssl) = casemate_testkit::tool("admission: requests", "openssl", "openssl") else { return };
    let Some(world) = World::new("admission-request") else { return };
    world.name_it();
    let made = std::process::Command::new(openssl)
        .args(["req", "-new", "-key", "server.key", "-subj", "/CN=whoever", "-out", "server.csr"])
        .current_dir(&world.clinic.folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    assert_eq!(world.issue("server.ratls", "server.pem", &["--key", "server.csr"]).code, Some(0));
    let text = fs::read_to_string(world.clinic.join("server.csr")).unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let mut der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, body).unwrap();
    assert!(casemate_evidence::public_key(&der).is_ok());
    let place = der.windows(7).position(|window| window == b"whoever").unwrap();
    der[place] ^= 1;
    world.clinic.write("forged.csr", pem("CERTIFICATE REQUEST", &der));
    world.issue("server.ratls", "x.pem", &["--key", "forged.csr"]).fails(2, &["its own key signed"]);
}

/// Recorded evidence: authentic, accepted, and bound to no key; or of a platform whose collateral was not recorded.
#[test]
fn recorded_evidence_names_no_key() {
    let Some(recorded) = vectors("admission issue") else { return };
    let Some(world) = World::new("admission-recorded") else { return };
    let recorded = |path: &str| recorded.join(path).display().to_string();
    let (report, chain) = (recorded("snp/ms-milan/report.bin"), recorded("snp/ms-milan"));
    let at = ["--endorsements", &chain, "--at", "2026-06-01T00:00:00Z"];
    world.expect(
        &[&["domain", "init", "--from", &report, "--owner", "clinic", "--out", "milan.toml"], &at[..]].concat(),
    );
    let issue = ["admission", "issue", &report, "--domain", "milan.toml", "--key", "server.pub", "--out", "x.pem"];
    world.call(&[&issue, &at[..]].concat()).refused(&["evidence-key"]);
    let gramine = recorded("ratls/gramine-cert.pem");
    let refused = world.call(&["admission", "issue", &gramine, "--domain", "domain.toml", "--out", "x.pem"]);
    assert!(refused.rules()[0].starts_with("dcap-"), "{refused:?}");
    assert!(!world.clinic.join("x.pem").exists());
}

#[test]
fn without_an_authority() {
    let Some(world) = World::without_authority("admission-none") else { return };
    world.issue("server.ratls", "x.pem", &[]).fails(2, &["no authority", "admission init"]);
    world.call(&["admission", "show"]).fails(2, &["no authority"]);
    let folder = Folder::new("admission-no-party");
    let party = crate::party::Party::new(folder.path(), "nobody");
    party.call(&["admission", "init", "--trust-domain", "a"]).fails(2, &["no party's state folder"]);
}
