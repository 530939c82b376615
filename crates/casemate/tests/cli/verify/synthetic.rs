//! Evidence of an AMD of our own: every answer that the command has, and bundles from packing to rollback.

use std::{fs, path::Path, sync::LazyLock};

use casemate_cose::{SigningKey, UnixTime};
use casemate_evidence::{Bundle, Endorsement, loose};
use casemate_testkit::{
    Folder, NOW,
    vendor::{
        amd::{Amd, Line, Report, at},
        aws::Aws,
    },
};
use serde_json::{Value, json};

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
        ("gone", &[UNBOUND], 2, &["cannot read `gone`", "check the path"]),
        ("certificates", &[UNBOUND], 2, &["cannot read `certificates`", "name a file in it"]),
        ("report.bin", &["--nonce", "0g"], 2, &["`--nonce` is not hexadecimal"]),
        ("report.bin", &["--report-data", "0"], 2, &["`--report-data` is not hexadecimal"]),
        ("report.bin", &["--nonce", ""], 2, &["`--nonce` is empty", UNBOUND]),
        ("report.bin", &[UNBOUND, "--endorsements", "gone"], 2, &["cannot read `gone`"]),
        ("report.bin", &["--nonce", "00", "--report-data", "00"], 2, &["`snp` has one field", "give one of them"]),
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
    let wrong: [&[&str]; 7] = [
        &[],
        &[UNBOUND, "--nonce", "00"],
        &["--report-data", "00", UNBOUND],
        &[UNBOUND, "--format", "sgx"],
        &[UNBOUND, "--at", "yesterday"],
        &[UNBOUND, "--at", "20260601"],
        &[UNBOUND, "--not-older-than", "20260601"],
    ];
    for more in wrong {
        let mut command = std::process::Command::new(CASEMATE);
        let output = command.args(["verify", "report.bin"]).args(more).current_dir(folder.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{more:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{more:?}");
    }
}

const PACK: [&str; 7] = ["endorsements", "pack", "certificates", "--platform", "milan", "--out", "milan.endorsements"];
const ROOT: [&str; 2] = ["--trust-root", "amd=root.der"];

/// A party whose folder is the world's.
fn packer(folder: &Path) -> Party {
    let party = Party { name: "packer".to_owned(), folder: folder.to_owned() };
    party.write("passphrase", "the passphrase of a packer\n");
    party.expect(&["init", "--name", "packer"]);
    party
}

/// Packs the certificates with their root into `rooted.endorsements`, and what vendors signed alone into `milan.endorsements`.
fn packed(party: &Party) -> Value {
    let mut rooted = PACK.to_vec();
    rooted[6] = "rooted.endorsements";
    rooted.extend(ROOT);
    let packed = party.expect(&rooted);
    let items = loose_items(&party.join("certificates"));
    let bytes = pack_as(&stranger_key(), "milan", packed["made"].as_u64().unwrap(), &items);
    fs::write(party.join("milan.endorsements"), bytes).unwrap();
    packed
}

#[test]
fn a_bundle_is_packed_shown_and_checked() {
    let folder = world("verify-packed");
    let party = packer(folder.path());
    let vcek = fs::read(folder.join("certificates/vcek.der")).unwrap();
    let mut forged = vcek.clone();
    *forged.last_mut().unwrap() ^= 1;
    folder.write("certificates/vcek.der", forged).unwrap();
    party.call(&PACK).refused(&["endorsement-signature"]);
    assert!(!folder.join("milan.endorsements").exists(), "a bundle with a forgery was packed");
    folder.write("certificates/vcek.der", vcek).unwrap();
    let packed = packed(&party);
    assert_eq!(packed["items"].as_array().unwrap().len(), 3, "{packed}");
    let publisher = packed["publisher"].as_str().unwrap();
    let shown = party.expect(&["endorsements", "show", "rooted.endorsements", "--publisher", publisher]);
    assert_eq!((&shown["bundles"][0]["digest"], &shown["items"]), (&packed["digest"], &packed["items"]));
    assert_eq!(shown["bundles"][0]["platform"], "milan");
    let items = shown["items"].as_array().unwrap();
    let end = items.iter().filter_map(|item| item["not_after"].as_u64()).min().unwrap();
    let signatures: Vec<&Value> = items.iter().map(|item| &item["signature"]).collect();
    assert_eq!(signatures, ["right", "right", "unsigned"], "{shown}");

    let at = NOW.0.to_string();
    let check = |at: &str, more: &[&str]| {
        let args = ["endorsements", "check", "milan.endorsements", "--at", at];
        party.call(&[&args[..], more].concat())
    };
    assert_eq!(check(&at, &ROOT).code, Some(0));
    let rootless = check(&at, &[]);
    assert_eq!((rootless.code, &rootless.json["items"][0]["signature"]), (Some(0), &json!("issuer not here")));
    let expired = check(&(end + 1).to_string(), &ROOT);
    assert_eq!((expired.code, &expired.json["holds"]), (Some(1), &Value::Bool(false)), "{expired:?}");
    let soon = (end - 3600).to_string();
    assert_eq!(check(&soon, &ROOT).code, Some(0));
    let soon = check(&soon, &[&ROOT[..], &["--for", "2h"]].concat());
    assert_eq!(soon.code, Some(1), "{soon:?}");
}

#[test]
fn a_bundle_from_judging_to_rollback() {
    let folder = world("verify-bundle");
    let packed = packed(&packer(folder.path()));
    let (publisher, made) = (packed["publisher"].as_str().unwrap(), packed["made"].as_u64().unwrap());
    let (at, late) = (NOW.0.to_string(), (NOW.0 + 86_401).to_string());
    let judge = |bundle: &str, at: &str, more: &[&str]| {
        let mut args = vec!["verify", "report.bin", UNBOUND, "--endorsements", bundle, "--at", at];
        args.extend(more);
        casemate(folder.path(), &args)
    };
    assert_eq!(judge("milan.endorsements", &at, &ROOT).code, Some(0));
    judge("milan.endorsements", &late, &ROOT).refused(&["snp-chain"]);
    judge("milan.endorsements", &at, &[]).refused(&["snp-chain"]);

    // With the root in it, for those who know the publisher; then the verdict names the bundle.
    let verdict = judge("rooted.endorsements", &at, &["--publisher", publisher]);
    assert_eq!((verdict.code, &verdict.json["bundle"]), (Some(0), &packed["digest"]), "{verdict:?}");
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
    old.refused(&["bundle-rolled-back"]);
    let far = (made + 86_400).to_string();
    judge("milan.endorsements", &at, &["--not-older-than", &far]).refused(&["bundle-rolled-back"]);

    let mut bytes = fs::read(folder.join("milan.endorsements")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    folder.write("flipped.endorsements", &bytes).unwrap();
    judge("flipped.endorsements", &at, &ROOT).refused(&["bundle-signature"]);
    judge("report.bin", &at, &ROOT).fails(2, &["`report.bin` endorses nothing"]);
    casemate(folder.path(), &["verify", "milan.endorsements", UNBOUND]).fails(2, &["--endorsements"]);
}

#[test]
fn a_bundle_needs_an_identity_and_something_to_pack() {
    let folder = world("verify-pack");
    let nobody = casemate(folder.path(), &PACK);
    assert_eq!(nobody.code, Some(2), "{nobody:?}");
    assert!(!folder.join("milan.endorsements").exists());
    fs::create_dir_all(folder.join("nothing")).unwrap();
    packer(folder.path())
        .call(&["endorsements", "pack", "nothing", "--platform", "milan", "--out", "none.endorsements"])
        .fails(2, &["nothing to pack"]);
}

fn stranger_key() -> SigningKey {
    SigningKey::from_seed(&[5; 32])
}

/// What vendors gave in the files of a folder, other files left out.
fn loose_items(folder: &Path) -> Vec<Endorsement> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().flat_map(|path| loose(&fs::read(path).unwrap()).unwrap_or_default()).collect()
}

fn pack_as(key: &SigningKey, platform: &str, made: u64, items: &[Endorsement]) -> Vec<u8> {
    Bundle::pack(platform, UnixTime(made), items, key).unwrap()
}

/// The bundle that was seen last, given as such: nothing in the next one is older.
#[test]
fn a_bundle_is_held_against_the_one_seen_before() {
    let folder = world("verify-seen");
    let certificates = loose_items(&folder.join("certificates"));
    let crl = |age_s: u64| Endorsement::Crl(AMD.ark.crl(&[], NOW.0 - age_s, NOW.0 + 3600));
    let bundle = |file: &str, platform: &str, made: u64, crl: Option<Endorsement>| {
        let items: Vec<_> = certificates.iter().cloned().chain(crl).collect();
        folder.write(file, pack_as(&stranger_key(), platform, made, &items)).unwrap();
    };
    bundle("seen", "milan", NOW.0 - 50, Some(crl(60)));
    bundle("newer", "milan", NOW.0, Some(crl(30)));
    bundle("older_list", "milan", NOW.0, Some(crl(61)));
    bundle("no_list", "milan", NOW.0, None);
    bundle("packed_before", "milan", NOW.0 - 51, Some(crl(60)));
    bundle("older_list_of_another_platform", "genoa", NOW.0, Some(crl(61)));
    bundle("no_list_of_another_platform", "genoa", NOW.0 - 99, None);
    folder.write("no_bundle", "text").unwrap();
    let judge = |file: &str, seen: &str| {
        let at = NOW.0.to_string();
        let args =
            ["verify", "report.bin", UNBOUND, "--endorsements", file, "--trust-root", "amd=root.der", "--at", &at];
        casemate(folder.path(), &[&args[..], &["--not-older-than", seen]].concat())
    };
    for file in ["seen", "newer", "no_list_of_another_platform"] {
        assert_eq!(judge(file, "seen").code, Some(0), "{file}");
    }
    for (crime, says) in [
        ("older_list", "crl `ARK-Milan` is older than one that was seen"),
        ("no_list", "crl `ARK-Milan` is gone"),
        ("packed_before", "was packed at"),
        ("older_list_of_another_platform", "crl `ARK-Milan` is older"),
    ] {
        let answer = judge(crime, "seen");
        answer.refused(&["bundle-rolled-back"]);
        assert!(answer.json["reasons"][0]["actual"].as_str().unwrap().contains(says), "{crime}: {answer:?}");
    }
    judge("newer", "gone").fails(2, &["cannot read `gone`", "--not-older-than"]);
    judge("newer", "no_bundle").fails(2, &["`no_bundle` is no bundle", "--not-older-than"]);
}

/// A forged certificate is found before any evidence comes; what can't be said is said to be so.
#[test]
fn forgeries_among_endorsements_are_found_without_evidence() {
    let folder = world("verify-forged-endorsements");
    let at = NOW.0.to_string();
    let check = |more: &[&str]| {
        let args = ["endorsements", "check", "certificates", "--at", &at];
        casemate(folder.path(), &[&args[..], more].concat())
    };
    let root = ["--trust-root", "amd=root.der"];
    let honest = check(&root);
    assert_eq!((honest.code, &honest.json["holds"]), (Some(0), &Value::Bool(true)), "{honest:?}");
    let mut vcek = fs::read(folder.join("certificates/vcek.der")).unwrap();
    fs::remove_file(folder.join("certificates/ask.der")).unwrap();
    let alone = check(&root);
    assert_eq!(alone.code, Some(0), "{alone:?}");
    assert_eq!(alone.json["items"][0]["signature"], "issuer not here", "{alone:?}");
    assert_eq!(alone.json["items"][0]["said"], "issuer not here: `SEV-Milan`");
    folder.write("certificates/ask.der", AMD.ark.issue(&AMD.ask_certificate())).unwrap();
    *vcek.last_mut().unwrap() ^= 1;
    folder.write("certificates/vcek.der", vcek).unwrap();
    let forged = check(&root);
    forged.refused(&["endorsement-signature"]);
    assert_eq!(forged.json["failing"], Value::Array(Vec::new()), "its dates are right: {forged:?}");
    let mut command = std::process::Command::new(CASEMATE);
    command.args(["endorsements", "check", "certificates", "--at", &at]).args(root).current_dir(folder.path());
    let output = command.output().unwrap();
    let (said, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(said.contains("  WRONG    ") && said.contains("`SEV-Milan` did not sign it"), "{said}");
    assert!(error.contains("1 of 3 are not what their issuers signed"), "{error}");
}

/// A name of others is shown without what turns the direction of reading.
#[test]
fn names_of_platforms_steer_no_terminal() {
    let folder = world("verify-steering");
    let platform = "mil\u{202e}na\u{1b}[31m";
    let items = loose_items(&folder.join("certificates"));
    folder.write("turned.endorsements", pack_as(&stranger_key(), platform, NOW.0, &items)).unwrap();
    let run = |args: &[&str]| {
        let output = std::process::Command::new(CASEMATE).args(args).current_dir(folder.path()).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let late = (NOW.0 + 1).to_string();
    for args in [
        &["endorsements", "show", "turned.endorsements"][..],
        &["verify", "report.bin", UNBOUND, "--endorsements", "turned.endorsements", "--not-older-than", &late],
    ] {
        let said = run(args);
        assert!(said.contains("mil\\u{202e}na\\u{1b}[31m"), "{said}");
        assert!(!said.contains(['\u{202e}', '\u{1b}']), "{said:?}");
    }
}

/// What is broken in a folder is told, and refuses nothing that doesn't need it.
#[test]
fn odd_files_in_a_folder_are_passed_over_with_a_note() {
    let folder = world("verify-odd");
    folder.write("certificates/tcb.json", r#"{"tcbInfo":{"fmspc":"b0c06f000000"},"signature":"00"}"#).unwrap();
    folder.write("certificates/key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
    let answer = verify(folder.path(), "report.bin", &[UNBOUND]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert_eq!(answer.json["passed_over"].as_array().unwrap().len(), 3, "{answer:?}");
    let notes = answer.json["notes"].as_array().unwrap();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(
        notes[0].as_str().unwrap().contains("key.pem") && notes[1].as_str().unwrap().contains("tcb-info"),
        "{notes:?}"
    );
}

/// Of a Nitro document both fields can be asked for.
#[test]
fn a_nitro_document_has_a_nonce_and_user_data() {
    let folder = Folder::new("verify-nitro");
    let aws = Aws::new();
    folder.write("document.cbor", aws.sign(&aws.document())).unwrap();
    folder.write("root.der", aws.root.root()).unwrap();
    let (user_data, nonce, at) = ("5a".repeat(64), hex::encode("nonce"), NOW.0.to_string());
    let judge = |more: &[&str]| {
        let args = ["verify", "document.cbor", "--trust-root", "aws=root.der", "--at", &at];
        casemate(folder.path(), &[&args[..], more].concat())
    };
    let honest: [&[&str]; 3] =
        [&["--nonce", &nonce, "--report-data", &user_data], &["--nonce", &nonce], &["--report-data", &user_data]];
    for more in honest {
        assert_eq!(judge(more).code, Some(0), "{more:?}");
    }
    let crimes: [&[&str]; 4] = [
        &["--nonce", "00", "--report-data", &user_data],
        &["--nonce", &nonce, "--report-data", "00"],
        &["--nonce", &user_data, "--report-data", &nonce],
        &["--nonce", &user_data],
    ];
    for more in crimes {
        judge(more).refused(&["evidence-binding"]);
    }
}
