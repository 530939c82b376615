//! What others wrote about trust: taken over whole, or refused by name.

use casemate_testkit::{Folder, vectors};

use super::{casemate, printed, recorded_file};

#[test]
fn what_cannot_be_said_is_named_and_nothing_is_written() {
    let folder = Folder::new("import-refused");
    folder.write("values.json", r#"{"no_such_reference_value": ["00"]}"#).unwrap();
    let args = ["domain", "import", "rvps", "values.json", "--owner", "clinic", "--out", "domain.toml"];
    casemate(folder.path(), &args).fails(2, &["no_such_reference_value", "nothing was written"]);
    let policy = r#"{"version":"1.0.0","anyOf":[{"authority":"https://a.attest.azure.net","allOf":[{"claim":"x-ms-compliance-status","equals":"azure-compliant-cvm"}]}]}"#;
    folder.write("policy.json", policy).unwrap();
    let args = ["domain", "import", "azure-key-release", "policy.json", "--owner", "clinic", "--out", "domain.toml"];
    casemate(folder.path(), &args).fails(2, &["x-ms-compliance-status", "/anyOf/0/allOf/0"]);
    assert!(!folder.join("domain.toml").exists());
    assert_eq!(casemate(folder.path(), &["domain", "import", "nothing", "values.json"]).code, Some(2));
}

#[test]
fn a_release_policy_is_added_and_comments_stay() {
    let folder = Folder::new("import-into");
    let policy = r#"{"version":"1.0.0","anyOf":[{"authority":"https://a.attest.azure.net","allOf":[
        {"claim":"x-ms-sgx-is-debuggable","equals":"false"},{"claim":"x-ms-sgx-mrenclave","equals":"MM"}]}]}"#;
    folder.write("policy.json", policy.replace("MM", &"ab".repeat(32))).unwrap();
    folder.write("domain.toml", "# ours\n[domain]\nowner = \"clinic\"\n").unwrap();
    casemate(folder.path(), &["domain", "import", "azure-key-release", "policy.json"]).fails(2, &["--owner", "--into"]);
    let args = ["domain", "import", "azure-key-release", "policy.json", "--into", "domain.toml"];
    let (code, said, errors) = printed(folder.path(), &args);
    assert_eq!(code, Some(0), "{said} {errors}");
    let text = std::fs::read_to_string(folder.join("domain.toml")).unwrap();
    assert!(text.starts_with("# ours\n[domain]\nowner = \"clinic\"\n\n# "), "{text}");
    assert!(text.contains(&"ab".repeat(32)), "{text}");
    assert_eq!(casemate(folder.path(), &["domain", "check", "domain.toml"]).code, Some(0));
    // Twice the same is told with its place.
    assert_eq!(casemate(folder.path(), &args).code, Some(2));
}

/// Reference values of Trustee: a measurement, and what it has to run on.
const TRUSTEE: &str = r#"{"snp_launch_measurement": ["MM"], "snp_bootloader": [3], "snp_tee_svn": [0], "snp_snp_svn": [8],
    "snp_microcode": [115], "snp_smt_enabled": true, "snp_tsme_enabled": false, "snp_guest_abi_major": 0,
    "snp_guest_abi_minor": 31, "snp_single_socket": false, "snp_smt_allowed": true}"#;
const WEAK: &str = "[domain]\nowner = \"c\"\n[[runtime]]\nname = \"mine\"\nsnp = { measurement = \"CC\" }\n\
    [[platform]]\nname = \"test hosts\"\nkind = \"snp\"\nany_genuine_chip = true\nallow = [\"migratable\"]\n";

#[test]
fn together_nothing_is_wider() {
    let folder = Folder::new("import-wider");
    folder.write("ok.json", TRUSTEE.replace("MM", &"a".repeat(96))).unwrap();
    folder.write("next.json", TRUSTEE.replace("MM", &"b".repeat(96))).unwrap();
    folder.write("part.json", format!(r#"{{"snp_launch_measurement": ["{}"]}}"#, "b".repeat(96))).unwrap();
    folder.write("weak.toml", WEAK.replace("CC", &"c".repeat(96))).unwrap();
    let text = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
    let into =
        |file: &str, domain: &str| casemate(folder.path(), &["domain", "import", "rvps", file, "--into", domain]);
    let weak = text("weak.toml");
    into("ok.json", "weak.toml").fails(2, &["test hosts", "no `migratable`", "a file of its own"]);
    assert_eq!(text("weak.toml"), weak);
    // Half of it is refused alone and in company.
    let args = ["domain", "import", "rvps", "part.json", "--owner", "c"];
    casemate(folder.path(), &args).fails(2, &["part.json", "makes no domain"]);
    let own = ["domain", "import", "rvps", "ok.json", "--owner", "c", "--out", "own.toml"];
    assert_eq!(casemate(folder.path(), &own).code, Some(0));
    let before = text("own.toml");
    into("part.json", "own.toml").fails(2, &["makes no domain"]);
    assert_eq!(text("own.toml"), before);
    // The next release under the same demands is let in, by a name of its own.
    let answer = into("next.json", "own.toml");
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(
        text("own.toml").starts_with(before.trim_end()) && text("own.toml").contains("name = \"Trustee: snp (2)\"")
    );
    assert_eq!(casemate(folder.path(), &["domain", "check", "own.toml"]).code, Some(0));
}

#[test]
fn nothing_is_made_of_nothing_and_what_is_over_is_named() {
    let folder = Folder::new("import-nothing");
    folder.write("own.toml", "[domain]\nowner = \"c\"\n").unwrap();
    for (name, text) in [("map.json", "{}"), ("list.json", "[]")] {
        folder.write(name, text).unwrap();
        let args = ["domain", "import", "rvps", name, "--owner", "c", "--out", "own.toml"];
        casemate(folder.path(), &args).fails(2, &["says nothing", "nothing was written"]);
        casemate(folder.path(), &["domain", "import", "rvps", name, "--into", "own.toml"]).fails(2, &["says nothing"]);
    }
    assert_eq!(std::fs::read_to_string(folder.join("own.toml")).unwrap(), "[domain]\nowner = \"c\"\n");
    let one = |value: (&String, &serde_json::Value)| serde_json::json!({"version": "0.1.0", "name": value.0, "expiration": "2020-01-01T00:00:00Z", "value": value.1});
    let values: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&TRUSTEE.replace("MM", &"a".repeat(96))).unwrap();
    let values: Vec<_> = values.iter().map(one).collect();
    folder.write("old.json", serde_json::to_string(&values).unwrap()).unwrap();
    let answer = casemate(folder.path(), &["domain", "import", "rvps", "old.json", "--owner", "c"]);
    assert!(answer.json["warnings"].to_string().contains("`Trustee: snp` ended at 2020-01-01T00:00:00Z"), "{answer:?}");
    // What is wrong with what was made of a document has no line in the document.
    folder.write("part.json", format!(r#"{{"snp_launch_measurement": ["{}"]}}"#, "b".repeat(96))).unwrap();
    let answer = casemate(folder.path(), &["domain", "import", "rvps", "part.json", "--owner", "c"]);
    assert!(
        !answer.text("message").contains("line ") && answer.json["marks"].as_array().is_none_or(Vec::is_empty),
        "{answer:?}"
    );
}

#[test]
fn real_files_of_others() {
    let Some(recorded) = vectors("domain import") else { return };
    let folder = Folder::new("import-recorded");
    let import = |format: &str, path: &str, more: &[&str]| {
        let path = recorded_file(&recorded, path);
        let mut args = vec!["domain", "import", format, &path, "--owner", "clinic"];
        args.extend(more);
        casemate(folder.path(), &args)
    };
    // A signed manifest is taken from its signer, or from whoever says aloud that nobody looks.
    import("corim", "corim/signed-good-corim.cbor", &[]).fails(2, &["--signer", "--dangerously-unverified"]);
    for (format, path) in [
        ("certifier", "policies/certifier/simple_app_under_sev-sev_policy.json"),
        ("certifier", "policies/certifier/simple_app_under_oe-oe_policy.json"),
        ("corim", "corim/unsigned-good-corim.cbor"),
    ] {
        let answer = import(format, path, &[]);
        // Whole, or by name: never silently less.
        match answer.code {
            Some(0) => assert!(answer.json["statements"].as_u64().unwrap() > 0, "{path}: {answer:?}"),
            _ => answer.fails(2, &["is not imported"]),
        }
    }
}
