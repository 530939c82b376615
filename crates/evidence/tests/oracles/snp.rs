//! `sev` on SEV-SNP reports.

use std::path::Path;

use casemate_cose::UnixTime;
use casemate_evidence::{
    AllowDebug, Anchor, DangerouslyUnbound, Endorsement, Endorsements, Evidence, Format, Refusal, Signature, Vendor,
    authenticate, signatures,
};
use casemate_testkit::{
    NOW, skip, vectors,
    vendor::amd::{Amd, Line, Report, at},
};
use sev::{
    certs::snp::{Certificate, Chain, Verifiable as _},
    firmware::guest::AttestationReport,
    parser::ByteParser as _,
};

use crate::{certificates, package, read};

/// 2024-01-01, 2025-06-01, 2026-06-01.
const TIMES: [UnixTime; 3] = [UnixTime(1_704_067_200), UnixTime(1_748_736_000), UnixTime(1_780_272_000)];

/// A signing key's certificate and those above it: VEK, ASK, ARK.
struct Endorsed {
    name: &'static str,
    chain: [Vec<u8>; 3],
}

struct Recorded {
    reports: Vec<(&'static str, Vec<u8>)>,
    endorsed: Vec<Endorsed>,
}

/// Casemate's answer, AMD's roots pinned.
fn ours(report: &[u8], endorsed: &Endorsed, at: UnixTime) -> Result<(), Refusal> {
    judge(report, endorsed, Endorsements::of_vendors(), at)
}

fn judge(report: &[u8], endorsed: &Endorsed, roots: Endorsements, at: UnixTime) -> Result<(), Refusal> {
    let endorsements = roots.with_all(endorsed.chain.iter().cloned().map(Endorsement::Certificate));
    let evidence = Evidence::new(Format::Snp, report.to_vec());
    authenticate(&evidence, &endorsements, &AllowDebug::new(DangerouslyUnbound), at).map(drop)
}

/// `sev` has no notion of time.
fn theirs(report: &[u8], endorsed: &Endorsed) -> Result<(), String> {
    let [vek, ask, ark] = endorsed.chain.each_ref().map(|der| Certificate::from_der(der));
    let of = |error: std::io::Error| error.to_string();
    let chain = Chain::from((ask.map_err(of)?, ark.map_err(of)?, vek.map_err(of)?));
    let report = AttestationReport::from_bytes(report).map_err(of)?;
    (&chain, &report).verify().map_err(of)
}

impl Recorded {
    fn of(vectors: &Path) -> Self {
        let folder = vectors.join("snp");
        let one = |path: &str| certificates(&read(&folder.join(path))).remove(0);
        let roots = |line: &str| certificates(&read(&folder.join(format!("roots/ask_ark_{line}.pem"))));
        let report = |name: &'static str| (name, read(&folder.join(name).join("report.bin")));
        let endorsed = |name, vek: &str, line: &str| {
            let [ask, ark] = roots(line).try_into().unwrap();
            Endorsed { name, chain: [one(vek), ask, ark] }
        };
        Self {
            reports: ["aws-vlek", "debug-milan-v2", "milan-v2", "ms-genoa", "ms-milan", "ms-turin"]
                .map(report)
                .to_vec(),
            endorsed: vec![
                endorsed("aws-vlek", "aws-vlek/vlek.der", "milan_vlek"),
                endorsed("debug-milan-v2", "debug-milan-v2/vcek.der", "milan"),
                endorsed("milan-v2", "milan-v2/vcek.der", "milan"),
                endorsed("ms-genoa", "ms-genoa/vcek.pem", "genoa"),
                endorsed("ms-milan", "ms-milan/vcek.pem", "milan"),
                endorsed("ms-turin", "ms-turin/vcek.pem", "turin_vcek"),
                endorsed("wrong-chip-legacy", "milan-v2/wrong-chip-legacy.vcek.der", "milan"),
                endorsed("wrong-chip-new", "milan-v2/wrong-chip-new.vcek.der", "milan"),
                endorsed("milan-v2 below the ASVK", "milan-v2/vcek.der", "milan_vlek"),
                endorsed("milan-v2 below Genoa", "milan-v2/vcek.der", "genoa"),
            ],
        }
    }
}

/// Every report with every chain. `sev` looks at signatures alone, so that it takes what has expired; nothing else differs.
#[test]
fn every_report_with_every_chain() {
    let Some(vectors) = vectors("oracles::snp::every_report_with_every_chain") else { return };
    let recorded = Recorded::of(&vectors);
    let mut accepted = Vec::new();
    for (name, report) in &recorded.reports {
        for endorsed in &recorded.endorsed {
            let theirs = theirs(report, endorsed);
            for at in TIMES {
                let case = format!("{name} with {} at {at}", endorsed.name);
                match (ours(report, endorsed, at), &theirs) {
                    (Ok(()), Ok(())) => accepted.push(*name),
                    (Err(_), Err(_)) => {}
                    (Err(refusal), Ok(())) => {
                        let message = refusal.to_string();
                        let is_time = ["is valid from", "expired after"].iter().any(|what| message.contains(what));
                        assert!(is_time && name == &endorsed.name, "{case}: {message}");
                    }
                    (Ok(()), Err(error)) => panic!("{case}: {error}"),
                }
            }
        }
    }
    accepted.dedup();
    assert_eq!(accepted, ["aws-vlek", "debug-milan-v2", "milan-v2", "ms-genoa", "ms-milan", "ms-turin"]);
}

/// The package's own sample.
#[test]
fn its_own_sample() {
    let Some(folder) = package("sev-8.").map(|package| package.join("tests/certs_data")) else {
        skip("oracles::snp::its_own_sample", "the package `sev` is not in Cargo's registry", "run it by `cargo test`");
        return;
    };
    let report = hex::decode(String::from_utf8(read(&folder.join("report_milan.hex"))).unwrap().trim()).unwrap();
    let [ask, ark] = certificates(&read(&folder.join("cert_chain_milan"))).try_into().unwrap();
    let endorsed = Endorsed { name: "sample", chain: [read(&folder.join("vcek_milan.der")), ask, ark] };
    assert_eq!(theirs(&report, &endorsed), Ok(()));
    assert!(ours(&report, &endorsed, TIMES[0]).is_ok());
}

/// The package has no report of a Turin, but the chain of its signing key: both say of it what it is, and what it no longer is
/// with one byte changed.
#[test]
fn its_own_turin_chain() {
    let Some(folder) = package("sev-8.").map(|package| package.join("tests/certs_data")) else {
        skip(
            "oracles::snp::its_own_turin_chain",
            "the package `sev` is not in Cargo's registry",
            "run it by `cargo test`",
        );
        return;
    };
    let [ask, ark] = certificates(&read(&folder.join("cert_chain_turin"))).try_into().unwrap();
    let judged = |vek: &[u8]| {
        let roots = Endorsements::of_vendors();
        let count = roots.items().len();
        let chain = [vek, &ask, &ark].map(|der: &[u8]| Endorsement::Certificate(der.to_vec()));
        signatures(&roots.with_all(chain)).split_off(count)
    };
    let theirs = |vek: &[u8]| {
        let [ark, ask, vek] = [&ark, &ask, vek].map(|der: &[u8]| Certificate::from_der(der).unwrap());
        (&ark, &ark).verify().is_ok() && (&ark, &ask).verify().is_ok() && (&ask, &vek).verify().is_ok()
    };
    let vek = read(&folder.join("vcek_turin.der"));
    assert!(theirs(&vek));
    assert!(judged(&vek).iter().all(|signature| matches!(signature, Signature::Right { .. })), "{:?}", judged(&vek));

    // A byte of the signature, which ends the certificate.
    let mut forged = vek;
    *forged.last_mut().unwrap() ^= 1;
    assert!(!theirs(&forged));
    assert!(matches!(
        judged(&forged).as_slice(),
        [Signature::Wrong { .. }, Signature::Right { .. }, Signature::Right { .. }]
    ));
}

/// What `sev` leaves to its caller: the signing key's certificate is of this chip, TCB and product line.
#[test]
fn what_sev_does_not_compare() {
    let amd = Amd::new(Line::Milan);
    let honest = Report::of(amd.line);
    let cases: [(&str, usize, &[u8], Option<&str>); 4] = [
        ("honest", at::CHIP_ID, &[0xc1], None),
        ("another_chip", at::CHIP_ID, &[0xc2], Some("snp-hwid")),
        ("another_tcb", at::REPORTED_TCB, &[3], Some("snp-vek-tcb")),
        ("another_line", at::CPUID, &[0x19, 0x11], Some("snp-product")),
    ];
    for (case, place, bytes, rule) in cases {
        let mut report = honest.clone();
        report.put(place, bytes);
        let report = report.sign(&amd.vcek);
        let chain = [amd.vcek(&honest).issue(&amd.ask), amd.ark.issue(&amd.ask_certificate()), amd.ark.root()];
        let endorsed = Endorsed { name: case, chain };
        assert_eq!(theirs(&report, &endorsed), Ok(()), "{case}");
        let root = Endorsement::Anchor(Anchor::of_certificate(Vendor::Amd, &endorsed.chain[2]).unwrap());
        let outcome = judge(&report, &endorsed, Endorsements::default().with(root), NOW);
        assert_eq!(outcome.err().map(|refusal| refusal.rule()), rule, "{case}");
    }
}
