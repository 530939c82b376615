//! Recorded evidence: a draft of it accepts it, with a proof that checks; one word in the domain denies it.

use casemate_testkit::{Folder, vectors};

use super::{casemate, changed, recorded_file};

/// Evidence, and what denies it.
struct Row {
    name: &'static str,
    evidence: &'static str,
    endorsements: &'static [&'static str],
    at: &'static str,
    /// A word of its draft, and another that denies it.
    change: (&'static str, &'static str),
    rule: &'static str,
}

const ROWS: [Row; 6] = [
    Row {
        name: "snp",
        evidence: "snp/ms-milan/report.bin",
        endorsements: &["snp/ms-milan"],
        at: "2026-06-01T00:00:00Z",
        change: ("product = \"Milan\"", "product = \"Turin\""),
        rule: "domain-property",
    },
    Row {
        name: "snp-genoa",
        evidence: "snp/ms-genoa/report.bin",
        endorsements: &["snp/ms-genoa"],
        at: "2026-06-01T00:00:00Z",
        change: ("product = \"Genoa\"", "product = \"Turin\""),
        rule: "domain-property",
    },
    Row {
        name: "snp-turin",
        evidence: "snp/ms-turin/report.bin",
        endorsements: &["snp/ms-turin"],
        at: "2026-06-01T00:00:00Z",
        change: ("signed-by = \"VCEK\"", "signed-by = \"VLEK\""),
        rule: "domain-property",
    },
    Row {
        name: "tdx",
        evidence: "dcap/phala/tdx_quote",
        endorsements: &["dcap/phala/tdx_quote_collateral.json"],
        at: "2025-06-20T00:00:00Z",
        change: ("tcb-status = \"UpToDate\"", "tcb-status = \"OutOfDate\""),
        rule: "domain-property",
    },
    Row {
        name: "nitro",
        evidence: "nitro/attestation.bin",
        endorsements: &[],
        at: "2025-12-25T13:17:00Z",
        change: ("pcr0 = \"5cb7", "pcr0 = \"5cb8"),
        rule: "domain-register",
    },
    Row {
        name: "gpu",
        evidence: "gpu/hopper_evidence.json",
        endorsements: &[],
        at: "2026-11-22T00:00:00Z",
        change: ("protected-pcie = true", "protected-pcie = false"),
        rule: "domain-property",
    },
];

#[test]
fn drafts_of_recorded_evidence() {
    let Some(recorded) = vectors("domain init --from") else { return };
    let folder = Folder::new("domain-recorded");
    for Row { name, evidence, endorsements, at, change: (word, other), rule } in ROWS {
        let evidence = recorded_file(&recorded, evidence);
        let endorsements: Vec<String> = endorsements.iter().map(|path| recorded_file(&recorded, path)).collect();
        let with = |args: &[&str]| {
            let mut all = args.to_vec();
            endorsements.iter().for_each(|path| all.extend(["--endorsements", path]));
            all.extend(["--at", at]);
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
        let denying = changed(folder.path(), &domain, word, other);
        with(&["appraise", &evidence, "--domain", &denying, "--dangerously-unbound"]).refused(&[rule]);
    }
}
