//! Recorded evidence: a draft of it accepts it, with a proof that checks; one word in the domain denies it.

use casemate_testkit::{Folder, vectors};

use super::{casemate, changed, recorded_file};

/// Evidence, its endorsements, when, and one word of its draft with another that denies it, by the rule.
const ROWS: [(&str, &str, &[&str], &str, (&str, &str), &str); 6] = [
    (
        "snp",
        "snp/ms-milan/report.bin",
        &["snp/ms-milan"],
        "2026-06-01",
        ("product = \"Milan\"", "product = \"Turin\""),
        "domain-property",
    ),
    (
        "snp-genoa",
        "snp/ms-genoa/report.bin",
        &["snp/ms-genoa"],
        "2026-06-01",
        ("vmpl = 0", "vmpl = 1"),
        "domain-property",
    ),
    (
        "snp-turin",
        "snp/ms-turin/report.bin",
        &["snp/ms-turin"],
        "2026-06-01",
        ("signed-by = \"VCEK\"", "signed-by = \"VLEK\""),
        "domain-property",
    ),
    (
        "tdx",
        "dcap/phala/tdx_quote",
        &["dcap/phala/tdx_quote_collateral.json"],
        "2025-06-20",
        ("tcb-status = \"UpToDate\"", "tcb-status = \"OutOfDate\""),
        "domain-property",
    ),
    ("nitro", "nitro/attestation.bin", &[], "2025-12-25T13:17:00Z", ("nitro = { ", "nitro = { pcr0 = \"00\", "), ""),
    ("gpu", "gpu/hopper_evidence.json", &[], "2026-11-22", ("name = \"", "name = \"the "), ""),
];

#[test]
fn drafts_of_recorded_evidence() {
    let Some(recorded) = vectors("domain init --from") else { return };
    let folder = Folder::new("domain-recorded");
    for (name, evidence, endorsements, at, (word, other), rule) in ROWS {
        let evidence = recorded_file(&recorded, evidence);
        let at = if at.contains('T') { at.to_owned() } else { format!("{at}T00:00:00Z") };
        let endorsements: Vec<String> = endorsements.iter().map(|path| recorded_file(&recorded, path)).collect();
        let with = |args: &[&str]| {
            let mut all = args.to_vec();
            endorsements.iter().for_each(|path| all.extend(["--endorsements", path]));
            all.extend(["--at", &at]);
            casemate(folder.path(), &all)
        };
        let (domain, proof) = (format!("{name}.toml"), format!("{name}.proof"));
        let made = with(&["domain", "init", "--from", &evidence, "--owner", "clinic", "--out", &domain]);
        assert_eq!(made.code, Some(0), "{name}: {made:?}");
        let accepted = with(&["appraise", &evidence, "--domain", &domain, "--dangerously-unbound", "--proof", &proof]);
        assert_eq!(accepted.code, Some(0), "{name}: {accepted:?}");
        let checked =
            with(&["proof", "check", &proof, "--domain", &domain, "--evidence", &evidence, "--dangerously-unbound"]);
        assert_eq!(checked.code, Some(0), "{name}: {checked:?}");
        if rule.is_empty() {
            continue;
        }
        let denying = changed(folder.path(), &domain, word, other);
        with(&["appraise", &evidence, "--domain", &denying, "--dangerously-unbound"]).refused(&[rule]);
    }
}
