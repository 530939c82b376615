//! For every recorded file of evidence that is authentic: the domain drafted from it accepts it, and each change of one word in that
//! domain denies it, with exactly that reason and no other.

#![expect(clippy::disallowed_methods, reason = "tests read recorded evidence from files")]
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::type_complexity,
    clippy::unwrap_used,
    reason = "helpers of tests are as free as tests"
)]

mod files;
mod tested;
mod words;

use casemate_evidence::{AllowDebug, Authenticated, DangerouslyUnbound};
use casemate_testkit::vectors;
use casemate_trust::{
    DenyReason, Domain, Drafted, Verdict, appraise, component, draft,
    statement::{Kind, Statement},
};

/// Recorded evidence: nobody here was asked, so that it is bound to nothing.
type Recorded = Authenticated<AllowDebug<DangerouslyUnbound>>;

/// The domain of these statements, by way of the text that a person reads.
#[track_caller]
fn domain(file: &str, drafted: &Drafted, statements: Vec<Statement>) -> Domain {
    let keys = drafted.launchers.iter().map(|key| (*key).into()).collect();
    let domain =
        Domain::of("clinic", 0, statements, keys, Vec::new()).unwrap_or_else(|error| panic!("{file}: {error}"));
    let text = domain.to_toml();
    Domain::parse(&text).unwrap_or_else(|error| panic!("{file}: {error}: {}\n{text}", error.help()))
}

/// What a domain says of evidence, at its own time.
fn judged(evidence: &dyn Fn() -> Recorded, domain: &Domain) -> Result<Vec<String>, Vec<DenyReason>> {
    let evidence = evidence();
    let at = evidence.claims().at;
    match appraise(evidence, domain, at) {
        Verdict::Accepted(accepted) => Ok(accepted.notes().iter().map(ToString::to_string).collect()),
        Verdict::Denied(reasons) => Err(reasons),
    }
}

#[test]
fn drafted_domains_accept_and_each_word_of_them_counts() {
    let Some(vectors) = vectors("domains drafted from recorded evidence") else { return };
    let (mut wrong, mut files, mut changes) = (Vec::new(), 0, 0);
    for (file, evidence) in files::authentic(&vectors) {
        let drafted = draft(&evidence(), "recorded");
        let accepting = domain(&file, &drafted, drafted.statements.clone());
        match judged(&*evidence, &accepting) {
            Ok(_) => files += 1,
            Err(reasons) => {
                wrong.push(format!("{file}: not accepted: {}", reasons[0]));
                continue;
            }
        }
        for change in words::changes(&drafted.statements) {
            let changed = domain(&file, &drafted, change.statements.clone());
            changes += 1;
            if !change.is_structural {
                let differing = words::differing(&accepting.to_toml(), &changed.to_toml());
                if differing != 1 {
                    wrong.push(format!("{file}: {}: {differing} words differ", change.what));
                }
            }
            match judged(&*evidence, &changed) {
                Ok(_) => wrong.push(format!("{file}: {}: accepted", change.what)),
                Err(reasons) => {
                    let is_it = (change.is_it)(&reasons);
                    if !is_it {
                        let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
                        wrong.push(format!("{file}: {}: {}", change.what, reasons.join(" | ")));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong of {changes}:\n{}", wrong.len(), wrong.join("\n"));
    // The vTPM's attestation has a quote for each of three banks.
    assert_eq!(files, 30, "every authentic recording has a row");
    assert!(changes > 1000, "{changes} changes");
}

#[test]
fn verdicts_say_what_the_domain_admits() {
    let Some(vectors) = vectors("notes of verdicts on recorded evidence") else { return };
    let mut noted = Vec::new();
    for (file, evidence) in files::authentic(&vectors) {
        let drafted = draft(&evidence(), "recorded");
        let notes = judged(&*evidence, &domain(&file, &drafted, drafted.statements.clone())).unwrap();
        noted.extend(notes.into_iter().map(|note| format!("{file}: {note}")));
    }
    assert_eq!(
        noted,
        [
            "snp/aws-vlek/report.bin: cpu: privilege level above zero",
            "snp/debug-milan-v2/report.bin: cpu: debug",
            "dcap/misc/tdx-v5-below-lowest.quote: cpu: service domain bound",
            "dcap/misc/tdx-v4-debug.quote: cpu: debug",
            "dcap/openenclave/evidence: cpu: debug",
            "nitro/debug.bin: cpu: debug",
            "tpm/gce/gce-cos-85-nonce9009.pb: vtpm: host-operated",
            "tpm/gce/gce-cos-85-nonce9009.pb: vtpm: host-operated",
            "tpm/gce/gce-cos-85-nonce9009.pb: vtpm: host-operated",
        ]
    );
}

#[test]
fn components_are_what_the_evidence_has() {
    let Some(vectors) = vectors("components of recorded evidence") else { return };
    for (file, evidence) in files::authentic(&vectors) {
        let components = component::components(evidence().claims());
        let kinds: Vec<_> = components.iter().map(|component| (component.name.as_str(), component.kind)).collect();
        let expected = match file.split('/').next().unwrap() {
            "azure" => vec![("cpu", Kind::Snp), ("vtpm", Kind::Tpm)],
            "cca" => vec![("cpu", Kind::Cca)],
            "gpu" => vec![("gpu-0", Kind::Gpu)],
            "nitro" => vec![("cpu", Kind::Nitro)],
            "psa" => vec![("device", Kind::Psa)],
            "snp" => vec![("cpu", Kind::Snp)],
            "tpm" => vec![("vtpm", Kind::Tpm)],
            _ if file.ends_with("sgx_quote") || file.contains("openenclave") => vec![("cpu", Kind::Sgx)],
            _ => vec![("cpu", Kind::Tdx)],
        };
        assert_eq!(kinds, expected, "{file}");
    }
}
