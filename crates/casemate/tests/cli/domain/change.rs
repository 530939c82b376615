//! Domains through their lives: checked, signed, exported, compared.

use std::fs;

use casemate_testkit::Folder;
use serde_json::{Value, json};

use super::{World, casemate, printed};
use crate::party::Party;

#[test]
fn what_is_wrong_is_shown_in_its_line() {
    let folder = Folder::new("domain-wrong");
    let head = "[domain]\nowner = \"clinic\"\n";
    for (crime, text, line, part) in [
        ("unknown_table", "[[plattform]]\n".to_owned(), 3, "plattform"),
        ("unknown_word", "[[launcher]]\nname = \"x\"\nky = \"ed25519:00\"\n".to_owned(), 5, "ky"),
        ("no_hardware_named", "[[platform]]\nname = \"x\"\nkind = \"snp\"\n".to_owned(), 3, "any_genuine_chip"),
        ("unknown_kind", "[[platform]]\nname = \"x\"\nkind = \"snpp\"\n".to_owned(), 5, "snpp"),
        (
            "unknown_property",
            "[[platform]]\nname = \"x\"\nkind = \"snp\"\nany_genuine_chip = true\n[platform.require]\nmicrocod = 1\n"
                .to_owned(),
            8,
            "microcod",
        ),
        (
            "a_value_of_another_type",
            "[[platform]]\nname = \"x\"\nkind = \"snp\"\nany_genuine_chip = true\n[platform.require]\nproduct = 7\n"
                .to_owned(),
            8,
            "product",
        ),
        (
            "a_delegate_that_publishes_nothing",
            format!("[[delegate]]\nname = \"x\"\nkey = \"ed25519:{}\"\nmay_publish = []\n", "11".repeat(32)),
            6,
            "publish",
        ),
        ("not_toml", "owner\n".to_owned(), 3, ""),
    ] {
        folder.write("domain.toml", format!("{head}{text}")).unwrap();
        let answer = casemate(folder.path(), &["domain", "check", "domain.toml"]);
        assert_eq!(answer.code, Some(2), "{crime}: {answer:?}");
        let said = format!("{} {}", answer.text("message"), answer.text("help"));
        assert!(said.contains(part), "{crime}: `{part}` is not in {said}");
        let offset = answer.json["marks"][0]["offset"].as_u64().unwrap_or_else(|| panic!("{crime}: {answer:?}"));
        let before = &fs::read(folder.join("domain.toml")).unwrap()[..usize::try_from(offset).unwrap()];
        let found = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        assert!(found.abs_diff(line) <= 2, "{crime}: line {found}, not {line}");
    }
    let (code, _, errors) = printed(folder.path(), &["domain", "check", "domain.toml"]);
    assert_eq!(code, Some(2));
    assert!(errors.contains("domain.toml:3"), "{errors}");
}

#[test]
fn the_domain_of_the_readme_is_one() {
    let readme = include_str!("../../../../../README.md");
    let text = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let folder = Folder::new("domain-readme");
    folder.write("domain.toml", text).unwrap();
    let answer = casemate(folder.path(), &["domain", "check", "domain.toml"]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert_eq!(answer.text("owner"), "clinic");
}

#[test]
fn what_is_worth_a_look_is_a_warning_with_its_line() {
    let folder = Folder::new("domain-warnings");
    let text = "[domain]\nowner = \"clinic\"\n\n[[runtime]]\nname = \"guest\"\nsnp = { measurement = \"MM\" }\n\n[[platform]]\n\
        name = \"every Milan\"\nkind = \"snp\"\nany_genuine_chip = true\n\n[[delegate]]\nname = \"team\"\nkey = \"ed25519:KK\"\n\
        may_publish = [\"measurements\"]\nuntil = 2020-01-01\n";
    let text = text.replace("MM", &"22".repeat(48)).replace("KK", &"11".repeat(32));
    folder.write("domain.toml", text).unwrap();
    let answer = casemate(folder.path(), &["domain", "check", "domain.toml"]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    let warnings = answer.json["warnings"].as_array().unwrap();
    let of = |line: u64| {
        let found = warnings.iter().find(|warning| warning["line"] == line);
        found
            .map(|warning| warning["text"].as_str().unwrap().to_owned())
            .unwrap_or_else(|| panic!("line {line}: {warnings:#?}"))
    };
    assert!(of(8).contains("genuine"), "{warnings:#?}");
    assert!(of(13).contains("2020-01-01"), "{warnings:#?}");
    let (_, said, _) = printed(folder.path(), &["domain", "check", "domain.toml"]);
    assert!(said.contains("warning: line 8: ") && said.contains("no errors, "), "{said}");
}

#[test]
fn a_domain_in_every_form_is_the_same() {
    let world = World::new("domain-forms");
    let digest = casemate(world.path(), &["domain", "check", "domain.toml"]).text("digest");
    for form in ["compiled", "toml"] {
        let file = format!("as.{form}");
        let written = casemate(world.path(), &["domain", "export", "domain.toml", "--as", form, "--out", &file]);
        assert_eq!((written.code, written.text("digest")), (Some(0), digest.clone()), "{written:?}");
        let shown = casemate(world.path(), &["domain", "show", &file]);
        assert_eq!((shown.text("digest"), shown.text("owner")), (digest.clone(), "clinic".to_owned()), "{shown:?}");
        assert_eq!(world.appraise("report.bin", &file, &[]).code, Some(0));
    }
    let shown = casemate(world.path(), &["domain", "export", "domain.toml", "--as", "json"]);
    let statements: Value = serde_json::from_str(&shown.text("text")).unwrap();
    assert_eq!(statements["statements"].as_array().unwrap().len(), 3, "{statements:#}");
    casemate(world.path(), &["domain", "export", "domain.toml", "--as", "compiled"]).fails(2, &["--out"]);
    let manifest =
        casemate(world.path(), &["domain", "export", "domain.toml", "--as", "corim", "--out", "values.cbor"]);
    assert_eq!(manifest.code, Some(0), "{manifest:?}");
    assert_eq!(manifest.json["left_out"].as_array().unwrap().len(), 2, "vendor and platform: {manifest:?}");
    assert_eq!(casemate(world.path(), &["explain", "as.compiled"]).text("kind"), "domain");
    // Each gives way to what the same option writes.
    for form in ["compiled", "corim", "json", "toml"] {
        let export = || casemate(world.path(), &["domain", "export", "domain.toml", "--as", form, "--out", "again"]);
        let (first, second) = (export(), export());
        assert_eq!((first.code, second.code), (Some(0), Some(0)), "{form}: {second:?}");
        fs::remove_file(world.folder.join("again")).unwrap();
    }
}

/// One domain may make several documents: those of one name are not those of another.
#[test]
fn manifests_beside_each_other() {
    let folder = Folder::new("domain-corim");
    let runtime = |name: &str, value: &str, more: &str| {
        format!("[[runtime]]\nname = \"{name}\"\nsnp = {{ measurement = \"{}\" }}\n{more}", value.repeat(48))
    };
    let platform = "[[platform]]\nname = \"Milan\"\nkind = \"snp\"\nany_genuine_chip = true\n";
    let head = format!("[domain]\nowner = \"clinic\"\n{platform}{}", runtime("a", "11", ""));
    for (file, value) in [("two.toml", "22"), ("three.toml", "33")] {
        folder.write(file, format!("{head}{}", runtime("b", value, "until = 2030-01-01\n"))).unwrap();
    }
    folder.write("one.toml", &head).unwrap();
    let export =
        |file: &str, out: &str| casemate(folder.path(), &["domain", "export", file, "--as", "corim", "--out", out]);
    let written = |file: &str, out: &str| -> Vec<Vec<u8>> {
        let answer = export(file, out);
        assert_eq!(answer.json["paths"], json!([out, format!("{out}.2")]), "{answer:?}");
        [out.to_owned(), format!("{out}.2")].map(|path| fs::read(folder.join(&path)).unwrap()).into()
    };
    let two = written("two.toml", "site.v2");
    let three = written("three.toml", "site.v3");
    assert!(two.iter().chain(&three).all(|bytes| bytes.starts_with(&[0xd9, 0x01, 0xf5])));
    assert!(two != three && fs::read(folder.join("site.v2.2")).unwrap() == two[1], "one of them is the other's");
    // What is left of before is no part of what is written now.
    let args = ["domain", "export", "one.toml", "--as", "corim", "--out", "site.v2"];
    let (code, said, errors) = printed(folder.path(), &args);
    assert!(code == Some(0) && said.contains("note: `site.v2.2` is there from before"), "{said}{errors}");
    // All or none.
    folder.write("new.2", "notes of a person").unwrap();
    export("two.toml", "new").fails(2, &["`new.2` exists and is no unsigned CoRIM"]);
    assert!(!folder.join("new").exists());
}

#[test]
fn what_is_signed_never_goes_back() {
    let world = World::new("domain-sign");
    let party = Party::new(world.path(), "clinic");
    party.expect(&["init", "--name", "clinic"]);
    let write = |sequence: u64, floor: u64| {
        let text = world.text("domain.toml").replacen(
            "owner = \"clinic\"",
            &format!("owner = \"clinic\"\nsequence = {sequence}"),
            1,
        );
        party.write("state/domain.toml", format!("{text}\n[[floor]]\nrelease = \"casemate\"\nversion = {floor}\n"));
    };
    write(4, 2);
    let first = party.expect(&["domain", "sign", "--out", "clinic.domain"]);
    assert_eq!(first["sequence"], 4);
    let signed = party.expect(&["domain", "show", "clinic.domain"]);
    assert_eq!(signed["signer"], first["signer"]);
    assert_eq!(party.expect(&["explain", "clinic.domain"])["kind"], "domain");
    // The same again, and more.
    party.expect(&["domain", "sign"]);
    write(5, 2);
    party.expect(&["domain", "sign"]);
    let before = fs::read(party.join("state/domain.signed")).unwrap();
    for (sequence, floor, part) in [
        (5, 3, "same sequence number"),
        (6, 1, "the floor of"),
        (3, 2, "its sequence number is 3"),
        (3, 1, "its sequence number is 3"),
    ] {
        write(sequence, floor);
        let answer = party.call(&["domain", "sign"]);
        answer.refused(&["domain-rollback"]);
        assert!(answer.json["reasons"][0]["actual"].as_str().unwrap().contains(part), "{answer:?}");
    }
    assert_eq!(fs::read(party.join("state/domain.signed")).unwrap(), before);
    write(6, 3);
    party.expect(&["domain", "sign"]);

    // What somebody else put there, or damaged, is no measure.
    party.write("state/domain.signed", &before[..before.len() - 1]);
    write(7, 3);
    party.call(&["domain", "sign"]).fails(2, &["domain.signed", "restore it"]);
    let other = party.write("other.toml", "[domain]\nowner = \"registry\"\n");
    party.call(&["domain", "sign", &other]).fails(2, &["domain of registry", "this party is clinic"]);
}

#[test]
fn which_evidence_would_be_judged_differently() {
    let world = World::new("domain-diff");
    let new = world.changed("product = \"Milan\"", "product = \"Genoa\"");
    let args = ["domain", "diff", "domain.toml", &new, "--evidence", "report.bin", "--evidence", "other.bin"];
    let answer = world.judged(&args);
    assert_eq!((answer.code, &answer.json["changed"]), (Some(0), &json!(1)), "{answer:?}");
    let judged = answer.json["judged"].as_array().unwrap();
    let verdict = |place: usize, domain: &str| judged[place][domain]["verdict"].as_str().unwrap();
    assert_eq!((verdict(0, "old"), verdict(0, "new")), ("accepted", "denied"), "{judged:#?}");
    assert_eq!((verdict(1, "old"), verdict(1, "new")), ("denied", "denied"), "{judged:#?}");
    assert_eq!(judged[0]["new"]["reasons"][0]["rule"], "domain-property");
    assert_eq!(answer.json["changes"].as_array().unwrap().len(), 1, "{answer:?}");
    let at = casemate_testkit::NOW.0.to_string();
    let mut people = args.to_vec();
    people.extend(["--endorsements", "certificates", "--trust-root", "amd=root.der", "--at", &at]);
    let (_, said, _) = printed(world.path(), &people);
    for part in [
        "`product` `Milan`, then `Genoa`",
        "1 of 2 pieces of evidence would be judged differently",
        "accepted, then denied",
    ] {
        assert!(said.contains(part), "`{part}` is not in {said}");
    }
    let same = world.judged(&["domain", "diff", "domain.toml", "domain.toml"]);
    assert_eq!((&same.json["changes"], &same.json["changed"]), (&json!([]), &json!(0)));
}

/// Without what endorses it, evidence is judged by nobody: that nothing would change for it is no answer.
#[test]
fn evidence_that_could_not_be_judged_is_no_evidence_that_stays_as_it_was() {
    let world = World::new("domain-diff-unjudged");
    let new = world.changed("product = \"Milan\"", "product = \"Genoa\"");
    let args = ["domain", "diff", "domain.toml", &new, "--evidence", "report.bin"];
    let honest = world.judged(&args);
    assert_eq!((honest.code, &honest.json["changed"], &honest.json["unjudged"]), (Some(0), &json!(1), &json!(0)));
    let blind = casemate(world.path(), &args);
    assert_eq!(
        (blind.code, &blind.json["changed"], &blind.json["unjudged"]),
        (Some(1), &json!(0), &json!(1)),
        "{blind:?}"
    );
    assert_eq!(blind.json["judged"][0]["unjudged"]["rule"], blind.json["judged"][0]["new"]["reasons"][0]["rule"]);
    let (code, said, errors) = printed(world.path(), &args);
    assert_eq!(code, Some(1));
    for part in ["0 of 0 pieces of evidence would be judged differently", "1 piece could not be judged", "report.bin: "]
    {
        assert!(said.contains(part), "`{part}` is not in {said}");
    }
    assert!(
        errors.contains("1 of 1 pieces of evidence could not be judged") && errors.contains("--endorsements"),
        "{errors}"
    );
}

#[test]
fn an_error_in_a_line_of_megabytes_is_a_screen_long() {
    let folder = Folder::new("domain-long");
    let long = "x".repeat(2 << 20);
    folder
        .write("domain.toml", format!("[domain]\nowner = \"clinic\"\n[[vendor]]\nname = \"x\"\nvendor = \"{long}\"\n"))
        .unwrap();
    let (code, _, errors) = printed(folder.path(), &["domain", "check", "domain.toml"]);
    assert_eq!(code, Some(2));
    assert!(errors.len() < 8000 && errors.contains("domain.toml:5"), "{} bytes", errors.len());
    let answer = casemate(folder.path(), &["domain", "check", "domain.toml"]);
    assert_eq!(answer.json["marks"][0]["length"], json!(long.len() + 2), "the mark is that of the file");
}

#[test]
fn what_was_exported_as_json_is_whole() {
    let world = World::new("domain-json");
    let shown = casemate(world.path(), &["domain", "export", "domain.toml", "--as", "json"]);
    let object: Value = serde_json::from_str(&shown.text("text")).unwrap();
    let mut text = "[domain]\nowner = \"clinic\"\n".to_owned();
    for statement in object["statements"].as_array().unwrap() {
        text += &format!("[[statement]]\ncbor = {}\n", statement["cbor"]);
    }
    world.folder.write("again.toml", text).unwrap();
    assert_eq!(
        casemate(world.path(), &["domain", "check", "again.toml"]).text("digest"),
        object["digest"].as_str().unwrap()
    );
}

#[test]
fn what_is_dropped_has_a_name() {
    let world = World::new("domain-drop");
    let party = Party::new(world.path(), "clinic");
    party.expect(&["init", "--name", "clinic"]);
    party.write("state/domain.toml", world.text("domain.toml"));
    party.call(&["domain", "sign", "--drop", "singers"]).fails(2, &["`singers`", "`signers`"]);
    party.expect(&["domain", "sign", "--drop", "signers"]);
    let own = party.expect(&["domain", "sign"])["signer"].as_str().unwrap().to_owned();
    let revoked = format!("{}\n[[revoke]]\nkey = \"{own}\"\n", world.text("domain.toml"));
    party.write("state/domain.toml", revoked);
    let warnings = party.expect(&["domain", "check"])["warnings"].to_string();
    assert!(warnings.contains("this party's own identity key"), "{warnings}");
}

#[test]
fn a_draft_is_of_authentic_evidence_alone() {
    let world = World::new("domain-draft");
    world.folder.write("report.txt", "no report").unwrap();
    let draft = |evidence: &str, out: &str| {
        world.judged(&["domain", "init", "--from", evidence, "--owner", "clinic", "--out", out])
    };
    draft("report.txt", "x.toml").fails(2, &["is not understood"]);
    draft("debug.bin", "x.toml").refused(&["evidence-debug"]);
    draft("report.bin", "domain.toml").fails(2, &["domain.toml` exists"]);
    let nobodys = ["domain", "init", "--from", "report.bin", "--out", "x.toml", "--endorsements", "certificates"];
    casemate(world.path(), &nobodys).fails(2, &["--owner"]);
    assert!(!world.folder.join("x.toml").exists());
}
