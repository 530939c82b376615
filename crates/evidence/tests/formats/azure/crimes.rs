//! Crimes on VMs of an Azure of our own. Each is one mutation of a case that is otherwise accepted.

use casemate_cose::Digest;
use casemate_evidence::{
    Authenticated, DangerouslyUnbound, Endorsement, Endorsements, Format, Isolation, Platform, Refusal,
};
use casemate_testkit::{
    NOW,
    vendor::{
        amd::{self, Report},
        azure::{Azure, Evidence},
        eventlog::{Event, Log, SHA256, SHA384, kind},
        tpm::{COMMAND_LINE, Quote},
    },
};

use super::anchored;
use crate::{assert_refused, unbound};

/// Its name, what is done, and the rule that refuses it.
type Crime<T> = (&'static str, fn(&mut T), &'static str);

struct Case {
    azure: Azure,
    log: Log,
    quote: Quote,
    endorsements: Endorsements,
}

impl Case {
    fn new() -> Self {
        let azure = Azure::default();
        let log = Log::boot(&[SHA256, SHA384], COMMAND_LINE);
        let quote = Quote::of(&log, SHA256, SHA256);
        let endorsements = anchored(&azure.amd.ark.root());
        let crls = [azure.amd.ark.crl_now(&[]), azure.amd.ask.crl_now(&[])];
        Self { azure, log, quote, endorsements: endorsements.with_all(crls.map(Endorsement::Crl)) }
    }

    fn evidence(&self) -> Evidence {
        self.azure.evidence(&self.quote, &self.log, COMMAND_LINE)
    }

    fn judge(&self, evidence: &Evidence) -> Result<Authenticated<DangerouslyUnbound>, Refusal> {
        unbound(Format::Azure, &evidence.encode(), &self.endorsements, NOW)
    }

    /// Evidence over other runtime data, for which the CPU vouches.
    fn with_runtime_data(&self, runtime_data: Vec<u8>) -> Evidence {
        let report = self.azure.report(&runtime_data);
        self.with_report(&report, runtime_data)
    }

    fn with_report(&self, report: &Report, runtime_data: Vec<u8>) -> Evidence {
        Evidence { hardware: report.sign(&self.azure.amd.vcek), runtime_data, ..self.evidence() }
    }
}

#[test]
fn honest_vms_are_accepted() {
    let case = Case::new();
    let authentic = case.judge(&case.evidence()).unwrap();
    let claims = authentic.claims();
    assert_eq!((claims.isolation, claims.manifest), (Some(Isolation::Snp), Some(Digest::from_bytes([0x42; 32]))));
    let Platform::Azure(azure) = &claims.platform else { panic!() };
    assert_eq!(azure.attestation_key.digest, Digest::of(&case.azure.tpm.ak.spki()));
    // HOST_DATA is Azure's and not taken for a manifest.
    assert_ne!(azure.hardware.manifest, claims.manifest);
    let silent = Evidence { log: vec![], command_line: String::new(), ..case.evidence() };
    assert_eq!(case.judge(&silent).unwrap().claims().manifest, None);
}

#[test]
fn crimes_on_the_hcl_report() {
    let case = Case::new();
    let crimes: [Crime<Evidence>; 17] = [
        ("signature_of_another_structure", |it| it.hcl.signature = *b"HCLB", "azure-hcl-report"),
        ("version_0", |it| it.hcl.version = 0, "azure-hcl-report"),
        ("version_3", |it| it.hcl.version = 3, "azure-hcl-report"),
        ("report_size_off_by_one", |it| it.hcl.size_off_by = 1, "azure-hcl-report"),
        ("data_size_off_by_one", |it| it.hcl.data_size_off_by = 1, "azure-hcl-report"),
        ("request_for_something_else", |it| it.hcl.request = 1, "azure-hcl-report"),
        ("status_not_zero", |it| it.hcl.status = 1, "azure-hcl-report"),
        ("report_type_vbs", |it| it.hcl.kind = 1, "azure-hcl-report"),
        ("report_type_tdx_for_an_snp_report", |it| it.hcl.kind = 4, "azure-hcl-report"),
        ("hash_sha384", |it| it.hcl.hash = 2, "azure-hcl-report"),
        ("padding_not_zero", |it| it.hcl.padding[99] = 1, "azure-hcl-report"),
        ("hardware_report_truncated", |it| it.hardware.truncate(1183), "azure-hcl-report"),
        ("td_quote_besides_an_snp_report", |it| it.td_quote = vec![4, 0], "azure-hardware-parts"),
        ("runtime_data_changed", |it| it.runtime_data[40] ^= 1, "azure-runtime-data-digest"),
        ("runtime_data_with_a_trailing_space", |it| it.runtime_data.push(b' '), "azure-runtime-data-digest"),
        ("hardware_signature_changed", |it| it.hardware[0x2a0] ^= 1, "snp-signature"),
        ("runtime_data_empty", |it| it.runtime_data.clear(), "azure-runtime-data-digest"),
    ];
    for (crime, commit, rule) in crimes {
        let mut evidence = case.evidence();
        commit(&mut evidence);
        assert_refused(crime, case.judge(&evidence), rule);
    }
}

#[test]
fn crimes_on_the_hardware() {
    let case = Case::new();
    let runtime_data = case.azure.honest_runtime_data();
    let mut report = case.azure.report(&runtime_data);
    report.put(amd::at::REPORT_DATA + 63, &[1]);
    assert_refused(
        "report_data_tail_not_zero",
        case.judge(&case.with_report(&report, runtime_data.clone())),
        "azure-report-data-tail",
    );
    let mut report = case.azure.report(&runtime_data);
    report.put(amd::at::VMPL, &[2]);
    assert_refused(
        "report_asked_for_above_the_paravisor",
        case.judge(&case.with_report(&report, runtime_data.clone())),
        "azure-vmpl",
    );
    let mut report = case.azure.report(&runtime_data);
    report.put(amd::at::POLICY, &(0x3_001f_u64 | 1 << 19).to_le_bytes());
    assert_refused("debug_policy", case.judge(&case.with_report(&report, runtime_data)), "evidence-debug");
    let other = Azure::default();
    let stranger = Evidence { certificates: other.certificates(&other.report(b"")), ..case.evidence() };
    assert!(case.judge(&stranger).unwrap_err().rule().starts_with("snp-"), "certificates_of_another_vendor");
    let none = Evidence { certificates: vec![], ..case.evidence() };
    assert!(case.judge(&none).unwrap_err().rule().starts_with("snp-"), "no_certificates");
    let revoked = anchored(&case.azure.amd.ark.root())
        .with_all([case.azure.amd.ark.crl_now(&[2]), case.azure.amd.ask.crl_now(&[])].map(Endorsement::Crl));
    assert_refused("ask_revoked", unbound(Format::Azure, &case.evidence().encode(), &revoked, NOW), "snp-chain");
    let wrong_root = anchored(&other.amd.ark.root());
    assert_refused("wrong_root", unbound(Format::Azure, &case.evidence().encode(), &wrong_root, NOW), "snp-chain");
}

#[test]
fn crimes_on_the_runtime_data() {
    let case = Case::new();
    let (ak, ek) = (case.azure.jwk("HCLAkPub", "sign"), case.azure.jwk("HCLEkPub", "encrypt"));
    let of = |keys: &[&str]| case.azure.runtime_data(&keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>());
    let honest = String::from_utf8(case.azure.honest_runtime_data()).unwrap();
    for (crime, runtime_data, rule) in [
        ("no_ak", of(&[&ek]), "azure-ak-count"),
        ("two_aks", of(&[&ak, &ak]), "azure-ak-count"),
        ("ak_for_encryption", of(&[&case.azure.jwk("HCLAkPub", "encrypt")]), "azure-ak"),
        ("ak_of_type_ec", of(&[&ak.replace(r#""kty":"RSA""#, r#""kty":"EC""#)]), "azure-ak"),
        ("ak_without_modulus", of(&[&ak.replace(r#""n":"#, r#""m":"#)]), "azure-ak"),
        ("ak_with_padding", of(&[&ak.replace(r#""}"#, r#"==""}"#).replace("sign==", "sign")]), "azure-runtime-data"),
        ("ak_exponent_even", of(&[&ak.replace("AQAB", "AQAC")]), "azure-ak"),
        (
            "no_vm_configuration",
            honest.replace("vm-configuration", "vm-konfiguration").into_bytes(),
            "azure-runtime-data",
        ),
        (
            "secure_boot_twice",
            honest.replace(r#""secure-boot":true"#, r#""secure-boot":false,"secure-boot":true"#).into_bytes(),
            "azure-runtime-data",
        ),
        ("not_json", b"HCLAkPub".to_vec(), "azure-runtime-data"),
        ("json_twice", honest.repeat(2).into_bytes(), "azure-runtime-data"),
    ] {
        assert_refused(crime, case.judge(&case.with_runtime_data(runtime_data)), rule);
    }
    let later = honest.replacen('{', r#"{"added-by-azure-later":[1],"#, 1).into_bytes();
    assert!(case.judge(&case.with_runtime_data(later)).is_ok(), "what the CPU vouches for may grow");
}

#[test]
fn crimes_on_the_quote() {
    let case = Case::new();
    let other = Azure::default();
    let honest = case.evidence();
    let signed = |commit: fn(&mut Quote)| {
        let mut quote = case.quote.clone();
        commit(&mut quote);
        case.azure.evidence(&quote, &case.log, COMMAND_LINE)
    };
    let with_log = |commit: fn(&mut Log)| {
        let mut log = case.log.clone();
        commit(&mut log);
        Evidence { log: log.encode(), ..case.evidence() }
    };
    let mut swapped = honest.clone();
    let value = swapped.pcrs[4].2.clone();
    swapped.pcrs[4].2 = std::mem::replace(&mut swapped.pcrs[7].2, value);
    let other_bank = Quote::of(&case.log, SHA384, SHA256);
    for (crime, evidence, rule) in [
        (
            "quote_by_the_key_of_another_vm",
            Evidence { signature: other.sign(&honest.quote), ..honest.clone() },
            "tpm-signature",
        ),
        (
            "runtime_data_of_another_vm",
            Evidence { runtime_data: other.honest_runtime_data(), ..honest.clone() },
            "azure-runtime-data-digest",
        ),
        (
            "signature_truncated",
            Evidence { signature: honest.signature[1..].to_vec(), ..honest.clone() },
            "tpm-signature",
        ),
        ("signature_zero", Evidence { signature: vec![0; 256], ..honest.clone() }, "tpm-signature"),
        ("signature_empty", Evidence { signature: vec![], ..honest.clone() }, "tpm-signature"),
        ("qualifying_data_empty", signed(|quote| quote.qualifying_data.clear()), "tpm-qualifying-data-empty"),
        ("magic", signed(|quote| quote.magic = 0), "tpm-magic"),
        ("type_certify", signed(|quote| quote.kind = 0x8017), "tpm-type"),
        ("trailing_byte_in_the_quote", signed(|quote| quote.tail = vec![0]), "tpm-attest"),
        ("selection_of_fewer", signed(|quote| quote.selection[0].1.retain(|pcr| *pcr < 8)), "tpm-pcr-selection"),
        ("values_swapped", swapped, "tpm-pcr-digest"),
        ("another_bank", case.azure.evidence(&other_bank, &case.log, COMMAND_LINE), "azure-pcr-bank"),
        ("log_differs_in_one_event", with_log(|log| log.events[2].measured.push(1)), "tpm-log-diverges"),
        (
            "log_with_one_event_more",
            with_log(|log| log.events.push(Event::new(4, kind::IPL, b"more"))),
            "tpm-log-diverges",
        ),
        (
            "command_line_of_another_manifest",
            Evidence { command_line: COMMAND_LINE.replacen("42", "43", 1), ..honest.clone() },
            "tpm-command-line-digest",
        ),
    ] {
        assert_refused(crime, case.judge(&evidence), rule);
    }
    let bytes = honest.encode();
    for (crime, bytes) in [
        ("trailing_byte", [bytes.as_slice(), &[0]].concat()),
        ("truncated", bytes[..bytes.len() - 1].to_vec()),
        ("nine_elements", [&[0x89], &bytes[1..], &[0x40]].concat()),
    ] {
        assert_refused(crime, unbound(Format::Azure, &bytes, &case.endorsements, NOW), "azure-layout");
    }
    let many = Evidence { certificates: vec![vec![0x30, 0]; 4], ..honest };
    assert_refused("four_certificates", case.judge(&many), "azure-layout");
}
