//! Evidence of an AMD of our own: every answer that the command has, and bundles from packing to rollback.

use std::{fs, path::Path, sync::LazyLock};

use casemate_testkit::{
    Folder, NOW,
    vendor::amd::{Amd, Line, Report, at},
};
use serde_json::Value;

use super::{UNBOUND, casemate, claim, outcomes};
use crate::party::{Answer, CASEMATE, Party};

static AMD: LazyLock<Amd> = LazyLock::new(|| Amd::new(Line::Milan));

/// A folder with a report, the debug report of the same chip, their certificates and their root.
fn world(name: &str) -> Folder {
    let folder = Folder::new(name);
    let report = Report::of(Line::Milan);
    let mut debug = report.clone();
    debug.put(at::POLICY, &0xb_001f_u64.to_le_bytes());
    folder.write("report.bin", report.sign(&AMD.vcek)).unwrap();
    folder.write("debug.bin", debug.sign(&AMD.vcek)).unwrap();
    folder.write("root.der", AMD.ark.root()).unwrap();
    fs::create_dir_all(folder.join("certificates")).unwrap();
    folder.write("certificates/vcek.der", AMD.vcek(&report).issue(&AMD.ask)).unwrap();
    folder.write("certificates/ask.der", AMD.ark.issue(&AMD.ask_certificate())).unwrap();
    folder.write("certificates/README", "certificates of a chip\n").unwrap();
    folder
}

/// `verify FILE` with the world's endorsements, at the tests' time.
fn verify(folder: &Path, file: &str, more: &[&str]) -> Answer {
    let at = NOW.0.to_string();
    let mut args = vec!["verify", file, "--endorsements", "certificates", "--trust-root", "amd=root.der", "--at", &at];
    args.extend(more);
    casemate(folder, &args)
}

fn sevens() -> String {
    "07".repeat(64)
}

#[test]
fn authentic_evidence() {
    let folder = world("verify-authentic");
    for option in ["--nonce", "--report-data"] {
        let answer = verify(folder.path(), "report.bin", &[option, &sevens()]);
        assert_eq!(answer.code, Some(0), "{answer:?}");
        assert_eq!(answer.json["authentic"], true);
        assert_eq!(answer.json["reasons"], Value::Array(Vec::new()));
        assert_eq!(answer.json["bundle"], Value::Null);
        assert_eq!(answer.json["at"], NOW.0);
        assert_eq!(answer.json["passed_over"].as_array().unwrap().len(), 1, "the README: {answer:?}");
        let evidence = &answer.json["evidence"][0];
        assert_eq!(evidence["format"], "snp");
        assert!(evidence["digest"].as_str().unwrap().starts_with("sha256:"));
        assert!(outcomes(&answer.json).iter().all(|outcome| *outcome == "passed"), "{answer:?}");
        assert!(evidence["checks"][0]["source"].as_str().unwrap().starts_with("AMD 56860"));
        assert_eq!(claim(&answer.json, "product").as_deref(), Some("Milan"));
        let rests_on = evidence["rests_on"].as_array().unwrap();
        let end = rests_on.iter().filter_map(|used| used["not_after"].as_u64()).min();
        assert_eq!(evidence["not_after"].as_u64(), end, "{rests_on:?}");
    }
    let hexadecimal = hex::encode(fs::read(folder.join("report.bin")).unwrap());
    folder.write("report.hex", hexadecimal).unwrap();
    assert_eq!(verify(folder.path(), "report.hex", &[UNBOUND]).code, Some(0));
    assert_eq!(verify(folder.path(), "report.hex", &[UNBOUND, "--format", "snp"]).code, Some(0));
    assert!(!folder.join("no-state").exists(), "a state folder was made");
}

#[test]
fn people_read_every_check_and_what_it_rests_on() {
    let folder = world("verify-people");
    let run = |file: &str| {
        let at = NOW.0.to_string();
        let mut command = std::process::Command::new(CASEMATE);
        command.args(["verify", file, "--endorsements", "certificates", "--trust-root", "amd=root.der"]);
        let output = command.args([UNBOUND, "--at", &at]).current_dir(folder.path()).output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (said, _) = run("report.bin");
    for part in
        ["an SEV-SNP report", "  passed   1. ", "[AMD 56860", "claims", "rests on", "until ", "perhaps a replay"]
    {
        assert!(said.contains(part), "`{part}`: {said}");
    }
    assert!(said.lines().all(|line| line == line.trim_end()), "spaces at an end: {said}");
    let (said, errors) = run("debug.bin");
    assert!(said.contains("  FAILED   9. ") && said.contains("debug mode"), "{said}");
    assert!(errors.contains("evidence-debug") && errors.contains("remedy"), "{errors}");
}

#[test]
fn refused_evidence() {
    let folder = world("verify-refused");
    let mut off = sevens();
    off.replace_range(126.., "08");
    let short = &sevens()[..126];
    let mut flipped = fs::read(folder.join("report.bin")).unwrap();
    flipped[at::MEASUREMENT] ^= 1;
    folder.write("flipped.bin", flipped).unwrap();
    for (crime, file, more, rule) in [
        ("nonce_one_byte_off", "report.bin", vec!["--nonce", &off], "evidence-binding"),
        ("nonce_one_byte_short", "report.bin", vec!["--report-data", short], "evidence-binding"),
        ("debug", "debug.bin", vec![UNBOUND], "evidence-debug"),
        ("flipped_bit", "flipped.bin", vec![UNBOUND], "snp-signature"),
    ] {
        let answer = verify(folder.path(), file, &more);
        assert_eq!((answer.code, answer.rules()), (Some(1), vec![rule.to_owned()]), "{crime}: {answer:?}");
        assert_eq!(answer.json["authentic"], false, "{crime}");
        let refusal = &answer.json["evidence"][0]["refusal"];
        for field in ["rule", "expected", "actual", "remedy"] {
            assert!(refusal[field].as_str().is_some_and(|text| !text.is_empty()), "{crime}: {field}");
        }
        let outcomes = outcomes(&answer.json);
        let failed = outcomes.iter().position(|outcome| *outcome == "failed").unwrap();
        assert!(outcomes[..failed].iter().all(|outcome| *outcome == "passed"), "{crime}: {outcomes:?}");
        assert!(outcomes[failed + 1..].iter().all(|outcome| *outcome == "not reached"), "{crime}: {outcomes:?}");
        assert!(answer.json["evidence"][0].get("claims").is_none(), "{crime}: claims of what is not believed");
    }
    let allowed = verify(folder.path(), "debug.bin", &[UNBOUND, "--allow-debug"]);
    assert_eq!((allowed.code, claim(&allowed.json, "debug").as_deref()), (Some(0), Some("true")));
    // The root is nobody's that is built in.
    let at = NOW.0.to_string();
    let args = ["verify", "report.bin", UNBOUND, "--endorsements", "certificates", "--at", &at];
    casemate(folder.path(), &args).refused(&["snp-chain"]);
}

#[test]
fn input_that_is_wrong() {
    let folder = world("verify-input");
    folder.write("text", "not evidence").unwrap();
    folder.write("empty", "").unwrap();
    folder.write("two.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
    let cases: &[(&str, &[&str], i32, &[&str])] = &[
        ("text", &[UNBOUND], 2, &["`text` is not understood", "--format"]),
        ("empty", &[UNBOUND], 2, &["`empty` is not understood"]),
        ("certificates/ask.der", &[UNBOUND], 2, &["it holds 1 certificate", "--endorsements"]),
        ("gone", &[UNBOUND], 3, &["cannot read `gone`", "check the path"]),
        ("certificates", &[UNBOUND], 3, &["cannot read `certificates`"]),
        ("report.bin", &["--nonce", "0g"], 2, &["`--nonce` is not hexadecimal"]),
        ("report.bin", &["--report-data", "0"], 2, &["`--report-data` is not hexadecimal"]),
        ("report.bin", &["--nonce", ""], 2, &["`--nonce` is empty", UNBOUND]),
        ("report.bin", &[UNBOUND, "--endorsements", "gone"], 3, &["cannot read `gone`"]),
        ("report.bin", &[UNBOUND, "--endorsements", "text"], 2, &["`text` endorses nothing"]),
        ("report.bin", &[UNBOUND, "--endorsements", "two.pem"], 2, &["`two.pem` endorses nothing", "PRIVATE KEY"]),
        ("report.bin", &[UNBOUND, "--endorsements", "report.bin"], 2, &["an SEV-SNP report", "casemate verify"]),
        ("report.bin", &[UNBOUND, "--trust-root", "root.der"], 2, &["--trust-root", "VENDOR=FILE"]),
        ("report.bin", &[UNBOUND, "--trust-root", "vendor=root.der"], 2, &["`vendor` is no vendor", "amd"]),
        ("report.bin", &[UNBOUND, "--trust-root", "amd=text"], 2, &["`text`"]),
        ("report.bin", &[UNBOUND, "--trust-key", "amd=root.der"], 2, &["`amd` owns no keys here", "keystone"]),
        ("report.bin", &[UNBOUND, "--trust-key", "cca=root.der"], 2, &["needs the id", "cca:ID=FILE"]),
        ("report.bin", &[UNBOUND, "--trust-key", "psa:zz=root.der"], 2, &["not hexadecimal", "OWNER:ID=FILE"]),
    ];
    for (file, more, code, parts) in cases {
        verify(folder.path(), file, more).fails(*code, parts);
    }
    // Wrong on the command line itself: told by its parser, not in JSON.
    for more in [&[][..], &[UNBOUND, "--nonce", "00"], &[UNBOUND, "--format", "sgx"], &[UNBOUND, "--at", "yesterday"]] {
        let mut command = std::process::Command::new(CASEMATE);
        let output = command.args(["verify", "report.bin"]).args(more).current_dir(folder.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{more:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{more:?}");
    }
}

#[test]
fn a_bundle_from_packing_to_rollback() {
    let folder = world("verify-bundle");
    let party = Party { name: "packer".to_owned(), folder: folder.path().to_owned() };
    party.write("passphrase", "the passphrase of a packer\n");
    party.expect(&["init", "--name", "packer"]);
    let pack = ["endorsements", "pack", "certificates", "--platform", "milan", "--out", "milan.endorsements"];
    let packed = party.expect(&pack);
    assert_eq!(packed["items"].as_array().unwrap().len(), 2, "{packed}");
    let (digest, publisher) = (packed["digest"].as_str().unwrap(), packed["publisher"].as_str().unwrap());
    let made = packed["made"].as_u64().unwrap();

    let shown = party.expect(&["endorsements", "show", "milan.endorsements"]);
    assert_eq!(shown["bundles"][0]["digest"], digest);
    assert_eq!(shown["bundles"][0]["platform"], "milan");
    assert_eq!(shown["items"], packed["items"]);
    let end = shown["items"].as_array().unwrap().iter().filter_map(|item| item["not_after"].as_u64()).min().unwrap();
    let at = NOW.0.to_string();
    party.expect(&["endorsements", "check", "milan.endorsements", "--at", &at]);
    let late = (end + 1).to_string();
    let expired = party.call(&["endorsements", "check", "milan.endorsements", "--at", &late]);
    assert_eq!((expired.code, &expired.json["holds"]), (Some(1), &Value::Bool(false)), "{expired:?}");
    let soon = (end - 3600).to_string();
    party.expect(&["endorsements", "check", "milan.endorsements", "--at", &soon]);
    let soon = party.call(&["endorsements", "check", "milan.endorsements", "--at", &soon, "--for", "2h"]);
    assert_eq!(soon.code, Some(1), "{soon:?}");

    let judge = |bundle: &str, at: &str, more: &[&str]| {
        let mut args = vec!["verify", "report.bin", UNBOUND, "--endorsements", bundle, "--at", at];
        args.extend(more);
        casemate(folder.path(), &args)
    };
    let root = ["--trust-root", "amd=root.der"];
    assert_eq!(judge("milan.endorsements", &at, &root).code, Some(0));
    judge("milan.endorsements", &late, &root).refused(&["snp-chain"]);
    judge("milan.endorsements", &at, &[]).refused(&["snp-chain"]);

    // With the root in it, for those who know the publisher; then the verdict names the bundle.
    let mut rooted = pack.to_vec();
    rooted[6] = "rooted.endorsements";
    rooted.extend(root);
    let rooted = party.expect(&rooted);
    let verdict = judge("rooted.endorsements", &at, &["--publisher", publisher]);
    assert_eq!((verdict.code, &verdict.json["bundle"]), (Some(0), &rooted["digest"]), "{verdict:?}");
    judge("rooted.endorsements", &at, &[]).refused(&["bundle-unvouched"]);
    let stranger = "ed25519:fd1724385aa0c75b64fb78cd602fa1d991fdebf76b13c58ed702eac835e9f618";
    judge("milan.endorsements", &at, &["--publisher", stranger]).refused(&["bundle-publisher"]);

    let newest = made.to_string();
    let newer = (made + 1).to_string();
    assert_eq!(
        judge("rooted.endorsements", &at, &["--publisher", publisher, "--not-older-than", &newest]).code,
        Some(0)
    );
    let old = judge("rooted.endorsements", &at, &["--publisher", publisher, "--not-older-than", &newer]);
    // The second was packed after the first, perhaps in a later second.
    assert!(old.code == Some(0) || old.rules() == ["bundle-rolled-back"], "{old:?}");
    let far = (made + 86_400).to_string();
    judge("milan.endorsements", &at, &["--not-older-than", &far]).refused(&["bundle-rolled-back"]);

    let mut bytes = fs::read(folder.join("milan.endorsements")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    folder.write("flipped.endorsements", &bytes).unwrap();
    judge("flipped.endorsements", &at, &root).refused(&["bundle-signature"]);
    judge("report.bin", &at, &root).fails(2, &["`report.bin` endorses nothing"]);
    casemate(folder.path(), &["verify", "milan.endorsements", UNBOUND]).fails(2, &["--endorsements"]);
}

#[test]
fn a_bundle_needs_an_identity_and_something_to_pack() {
    let folder = world("verify-pack");
    let pack = ["endorsements", "pack", "certificates", "--platform", "milan", "--out", "milan.endorsements"];
    let nobody = casemate(folder.path(), &pack);
    assert_eq!(nobody.code, Some(2), "{nobody:?}");
    assert!(!folder.join("milan.endorsements").exists());
    fs::create_dir_all(folder.join("nothing")).unwrap();
    let party = Party { name: "packer".to_owned(), folder: folder.path().to_owned() };
    party.write("passphrase", "the passphrase of a packer\n");
    party.expect(&["init", "--name", "packer"]);
    party
        .call(&["endorsements", "pack", "nothing", "--platform", "milan", "--out", "none.endorsements"])
        .fails(2, &["nothing to pack"]);
}
