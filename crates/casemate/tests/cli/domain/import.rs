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
    assert!(text.starts_with("# ours\n[domain]\n"), "{text}");
    assert!(text.contains(&"ab".repeat(32)), "{text}");
    assert_eq!(casemate(folder.path(), &["domain", "check", "domain.toml"]).code, Some(0));
    // Twice the same is told with its place.
    assert_eq!(casemate(folder.path(), &args).code, Some(2));
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
