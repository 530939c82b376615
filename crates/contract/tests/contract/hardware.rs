//! A keep for which hardware vouches: contracts name launchers, so that none releases a key to it.

use casemate_contract::{Decision, authorise};
use casemate_evidence::{Anchor, Bound, Endorsement, Endorsements, Evidence, Format, Vendor, authenticate};
use casemate_testkit::{
    NOW,
    vendor::amd::{Amd, Line, Report, at},
};
use casemate_trust::{Domain, Verdict, appraise, draft};

use crate::study::{binding, manifest_of, run_of, signed};

#[test]
fn no_key_leaves_for_a_keep_without_a_launcher() {
    let contract = signed();
    let manifest = manifest_of(&contract);
    let binding = binding(&manifest, "clinic");
    let amd = Amd::new(Line::Milan);
    let mut report = Report::of(Line::Milan);
    report.put(at::HOST_DATA, manifest.digest().as_bytes()).put(at::REPORT_DATA, &binding.report_data());
    let evidence = Evidence::new(Format::Snp, report.sign(&amd.vcek));
    let endorsements = Endorsements::default().with_all([
        Endorsement::Anchor(Anchor::of_certificate(Vendor::Amd, &amd.ark.root()).unwrap()),
        Endorsement::Certificate(amd.ark.issue(&amd.ask_certificate())),
        Endorsement::Certificate(amd.vcek(&report).issue(&amd.ask)),
    ]);
    let authentic = || authenticate(&evidence, &endorsements, &Bound::new(binding.clone()), NOW).unwrap();
    // The owner's domain accepts this guest, its manifest is the contract's, and its session this one.
    let statements = draft(&authentic(), "host").statements;
    let domain = Domain::of("clinic", 0, statements, Vec::new(), Vec::new()).unwrap();
    let Verdict::Accepted(accepted) = appraise(authentic(), &domain, NOW) else { panic!("denied") };
    let Decision::Deny(reasons) = authorise(&contract, &run_of(&manifest), &accepted, &"clinic".parse().unwrap(), NOW)
    else {
        panic!("a key would leave");
    };
    let [reason] = &reasons[..] else { panic!("{reasons:?}") };
    assert_eq!(reason.rule(), "contract-no-launcher");
    assert_eq!(reason.actual(), "a keep in `snp`, for which hardware vouches");
}
