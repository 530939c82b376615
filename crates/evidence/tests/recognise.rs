//! Every recorded file of evidence is recognised for what it is, in every encoding.
#![expect(clippy::disallowed_methods, reason = "tests read recorded evidence from files")]

use base64::Engine as _;
use casemate_evidence::{
    Anchor, DangerouslyUnbound, Endorsement, Endorsements, Evidence, Format, Recognised, Unrecognised, Vendor,
    authenticate, loose, recognise,
};
use casemate_testkit::vectors;

const RECORDED: [(&str, Format, &str); 24] = [
    ("snp/ms-milan/report.bin", Format::Snp, "an SEV-SNP report"),
    ("snp/ms-turin/report.bin", Format::Snp, "an SEV-SNP report"),
    ("snp/milan-v2/report.bin", Format::Snp, "an SEV-SNP report"),
    ("snp/aws-vlek/report.bin", Format::Snp, "an SEV-SNP report"),
    ("snp/debug-milan-v2/report.bin", Format::Snp, "an SEV-SNP report"),
    ("dcap/phala/sgx_quote", Format::Dcap, "an SGX quote of version 3"),
    ("dcap/phala/tdx_quote", Format::Dcap, "a TDX quote of version 4"),
    ("dcap/phala/tdx_quote_outdated", Format::Dcap, "a TDX quote of version 5"),
    ("dcap/phala/tdx-quote.hex", Format::Dcap, "a TDX quote of version 4, in hexadecimal"),
    ("dcap/phala/quote-from-tappd.hex", Format::Dcap, "a TDX quote of version 4, in hexadecimal"),
    ("dcap/google/quote_v5_sample.dat", Format::Dcap, "a TDX quote of version 5"),
    ("dcap/misc/tdx-v4-debug.quote", Format::Dcap, "a TDX quote of version 4"),
    ("dcap/openenclave/evidence", Format::Dcap, "an SGX quote of version 3"),
    ("azure/az-snp-vtpm-v1.json", Format::Azure, "an Azure confidential VM's evidence, in JSON"),
    ("azure/az-tdx-vtpm-v1.json", Format::Azure, "an Azure confidential VM's evidence, in JSON"),
    ("nitro/attestation.bin", Format::Nitro, "an AWS Nitro attestation document, in dstack's frame"),
    ("nitro/debug.bin", Format::Nitro, "an AWS Nitro attestation document, in dstack's frame"),
    ("cca/cca-token-01.cbor", Format::Cca, "an Arm CCA token"),
    ("cca/cca-token-02.cbor", Format::Cca, "an Arm CCA token"),
    ("psa/psa-token.cbor", Format::Psa, "an Arm PSA token"),
    ("psa/psaintegtoken.cbor", Format::Psa, "an Arm PSA token"),
    ("gpu/hopper_evidence.json", Format::Gpu, "an NVIDIA GPU's report and certificates, in JSON"),
    ("tpm/gce/gce-cos-85-nonce9009.pb", Format::Tpm, ""),
    ("tpm/gce/gce-cos-85-no-nonce.pb", Format::Tpm, ""),
];

#[test]
fn recorded_evidence_is_recognised_in_every_encoding() {
    let Some(vectors) = vectors("recorded evidence, recognised") else { return };
    for (file, format, what) in RECORDED {
        let bytes = std::fs::read(vectors.join(file)).unwrap();
        let found = recognise(&bytes).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(found.evidence.first().map(Evidence::format), Some(format), "{file}");
        assert!(what.is_empty() || found.what == what, "{file}: {}", found.what);
        if file.ends_with(".json") || file.ends_with(".hex") {
            continue;
        }
        let standard = base64::engine::general_purpose::STANDARD.encode(&bytes);
        let wrapped: Vec<String> =
            standard.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        for text in [
            hex::encode(&bytes),
            hex::encode_upper(&bytes) + "\n",
            standard.clone(),
            wrapped.join("\r\n"),
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&bytes),
            format!("-----BEGIN EVIDENCE-----\n{}\n-----END EVIDENCE-----\n", wrapped.join("\n")),
            format!("{{\"version\": 1, \"quote\": \"{standard}\"}}"),
            format!("{{\"evidence\": {{\"report\": \"{standard}\"}}}}"),
        ] {
            let again = recognise(text.as_bytes()).unwrap_or_else(|error| panic!("{file}: {error}: {text:.80}"));
            assert_eq!(again.evidence, found.evidence, "{file}: {}", again.what);
        }
        let framed = found.evidence[0].to_bytes();
        assert_eq!(recognise(&framed).unwrap().evidence, found.evidence[..1], "{file}");
    }
}

#[test]
fn what_is_no_evidence_is_not_recognised() {
    let known = |bytes: &[u8]| recognise(bytes).map(|found| found.what);
    let Some(vectors) = vectors("a recorded quote in Open Enclave's header") else { return };
    let quote = std::fs::read(vectors.join("dcap/phala/sgx_quote")).unwrap();
    let header = [&[1, 0, 0, 0, 2, 0, 0, 0], (quote.len() as u64).to_le_bytes().as_slice()].concat();
    assert_eq!(known(&[header, quote].concat()).as_deref(), Ok("an SGX quote of version 3, in Open Enclave's header"));
    for (name, bytes) in [
        ("empty", &b""[..]),
        ("text", b"not evidence at all!"),
        ("zeros", &[0; 4096]),
        ("json", b"{\"a\": 1}"),
        ("json_list", b"[]"),
        ("deep_json", b"{\"evidence\": {\"evidence\": {\"evidence\": {\"quote\": \"AAAA\"}}}}"),
        ("broken_pem", b"-----BEGIN EVIDENCE-----\nAAAA\n"),
        ("private_key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
    ] {
        assert_eq!(known(bytes), Err(Unrecognised::Unknown), "{name}");
    }
    assert!(matches!(known(b"HCLA\x02\x00\x00\x00"), Err(Unrecognised::Part { .. })));
    assert!(matches!(known(&[0; (8 << 20) + 1]), Err(Unrecognised::TooLong { .. })));
    let log = std::fs::read(vectors.join("eventlog/tpm/rhel8-uefi.bin")).unwrap();
    assert!(matches!(known(&log), Err(Unrecognised::Part { what: "a TCG event log alone", .. })));
    // A map of numbers under COSE, as PSA tokens are, but without their tag: a statement of Casemate's own.
    let publisher = casemate_cose::SigningKey::from_seed(&[3; 32]);
    let bundle = casemate_evidence::Bundle::pack("milan", casemate_testkit::NOW, &[], &publisher).unwrap();
    assert_eq!(known(&bundle), Err(Unrecognised::Unknown));
}

/// A reader takes one of two statements in one file; the other may say anything.
#[test]
fn json_with_two_statements_is_refused() {
    let report = |first: u8| {
        let mut bytes = vec![first; 1184];
        bytes[..4].copy_from_slice(&[2, 0, 0, 0]);
        bytes[0x34..0x38].copy_from_slice(&[1, 0, 0, 0]);
        hex::encode(bytes)
    };
    let (one, other) = (report(7), report(8));
    let known = |text: &str| recognise(text.as_bytes()).map(|found| found.what);
    let what = Ok("an SEV-SNP report, in the field `quote` of JSON".to_owned());
    let several = |one, other| Err(Unrecognised::Several { one, other });
    let device = format!(r#""evidence":"AAAA","certificate":"AAAA","quote":"{one}""#);
    for (text, expected) in [
        (format!(r#"{{"quote":"{one}","n":[1,-1,0.5,true,null,{{"n":1}}]}}"#), what.clone()),
        // The same twice says nothing else; text that is no evidence is none.
        (format!(r#"{{"quote":"{one}","report":"{one}"}}"#), what.clone()),
        (format!(r#"{{"quote":"{one}","report":"none"}}"#), what),
        (format!(r#"{{"quote":"{one}","attestation_report":"{other}"}}"#), several("quote", "attestation_report")),
        (format!(r#"{{"evidence":{{"report":"{other}","token":"{one}"}}}}"#), several("report", "token")),
        (
            format!(r#"{{"quote":"{one}","evidence":{}}}"#, serde_json_text(&format!(r#"{{"report":"{other}"}}"#))),
            several("quote", "evidence"),
        ),
        (format!("{{{device}}}"), several("evidence", "quote")),
        (format!("[{{{device}}}]"), several("evidence", "quote")),
    ] {
        assert_eq!(known(&text), expected, "{text:.90}");
    }
    for (text, name) in [
        (format!(r#"{{"quote":"{one}","quote":"{other}"}}"#), "`quote` at line 1"),
        (format!(r#"{{"quote":"{one}","\u0071uote":"{one}"}}"#), "`quote` at line 1"),
        (format!(r#"{{"quote":"{one}","a":[{{"tpm_quote":1,"tpm_quote":2}}]}}"#), "`tpm_quote` at line 1"),
        (format!(r#"{{"quote":{}}}"#, serde_json_text(r#"{"\u001b":1,"\u001b":2}"#)), r"`\u{1b}` at line 1"),
    ] {
        let Err(Unrecognised::Twice { field }) = recognise(text.as_bytes()) else { panic!("{text:.90}") };
        assert!(field.starts_with(name), "{field}");
    }
}

/// A text in JSON.
fn serde_json_text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[test]
fn loose_endorsements_are_read() {
    let Some(vectors) = vectors("recorded endorsements") else { return };
    let kinds = |file: &str| -> Vec<&'static str> {
        let bytes = std::fs::read(vectors.join(file)).unwrap();
        let items = loose(&bytes).unwrap_or_else(|error| panic!("{file}: {error}"));
        items.iter().map(casemate_evidence::Endorsement::kind).collect()
    };
    for (file, expected) in [
        ("snp/roots/ask_ark_milan.pem", &["certificate", "certificate"][..]),
        ("snp/milan-v2/vcek.der", &["certificate"]),
        ("dcap/collateral-a/root_ca_crl.der", &["crl"]),
        ("dcap/collateral-a/pck_crl_platform.der", &["crl"]),
        ("dcap/collateral-a/tcb_info_50806f000000.json", &["tcb-info"]),
        ("dcap/collateral-a/td_qe_identity.json", &["qe-identity"]),
        ("dcap/collateral-a/tcb_signing_chain.pem", &["certificate", "certificate"]),
        ("gpu/NV_GPU_DRIVER_GH100_550.144.03.xml", &["rim"]),
        ("gpu/hopperCertChain.txt", &["certificate"; 5]),
    ] {
        assert_eq!(kinds(file), expected, "{file}");
    }
    for file in ["dcap/phala/tdx_quote_collateral.json", "dcap/phala/sgx_quote_collateral.json"] {
        let found = kinds(file);
        for kind in ["certificate", "crl", "qe-identity", "tcb-info"] {
            assert!(found.contains(&kind), "{file}: {found:?}");
        }
    }
    assert!(kinds("dcap/openenclave/endorsements").len() > 3);
}

#[test]
fn an_answer_with_its_headers_brings_its_issuers() {
    let Some(vectors) = vectors("recorded collateral") else { return };
    let read = |file: &str| std::fs::read_to_string(vectors.join(file)).unwrap();
    let chain = read("dcap/collateral-a/tcb_signing_chain.pem").replace('\n', "%0A").replace(' ', "%20");
    let body = read("dcap/collateral-a/tcb_info_50806f000000.json");
    let answer =
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTCB-Info-Issuer-Chain: {chain}\r\n\r\n{body}");
    let kinds: Vec<_> = loose(answer.as_bytes()).unwrap().iter().map(|item| item.kind()).collect();
    assert_eq!(kinds, ["certificate", "certificate", "tcb-info"]);
    for (crime, text) in [
        ("broken_header", answer.replace("%0A", "%0")),
        ("header_alone", answer.split("\r\n\r\n").next().unwrap().to_owned()),
        ("body_of_text", answer.replace(&body, "hello")),
    ] {
        assert!(loose(text.as_bytes()).is_err(), "{crime}");
    }
    assert!(loose(b"").is_err() && loose(b"{}").is_err() && loose(&[0x30, 0]).is_err() && loose(b"<a/>").is_err());
}

/// A GPU's chain has DICE's TcbInfo, and is nobody's statement; a chain of any other maker's stays DICE evidence.
#[test]
fn a_gpu_s_chain_is_certificates() {
    let Some(vectors) = vectors("a recorded GPU's chain") else { return };
    let chain = std::fs::read(vectors.join("gpu/hopperCertChain.txt")).unwrap();
    let Err(Unrecognised::Part { what, .. }) = recognise(&chain) else { panic!("taken for evidence") };
    assert_eq!(what, "an NVIDIA GPU's certificates, without its report");
    let forced = Recognised::of_format(Format::Dice, &chain);
    assert_eq!((forced.what.as_str(), forced.evidence[0].format()), ("a DICE certificate chain, in PEM", Format::Dice));
    assert_eq!(forced.evidence[0].bytes().first(), Some(&0x30));
    // Said to be DICE evidence, it is judged as such: below a root that is given the chain holds, and its TcbInfo is not laid out as the
    // TCG has it. 2026-11-22.
    let judge = |endorsements: Endorsements| {
        authenticate(&forced.evidence[0], &endorsements, &DangerouslyUnbound, casemate_cose::UnixTime(1_795_305_600))
    };
    let certificates = loose(&chain).unwrap();
    let Some(Endorsement::Certificate(root)) = certificates.last() else { panic!("no certificate") };
    let anchor = Endorsement::Anchor(Anchor::of_certificate(Vendor::Dice, root).unwrap());
    assert_eq!(judge(Endorsements::default().with(anchor)).unwrap_err().rule(), "dice-tcb-info");
    assert_eq!(judge(Endorsements::of_vendors()).unwrap_err().rule(), "dice-chain");
    // The leaf alone, whose issuer is not the root, is what it was.
    let text = String::from_utf8(chain).unwrap();
    let leaf = text.split_inclusive("-----END CERTIFICATE-----").next().unwrap();
    assert_eq!(recognise(leaf.as_bytes()).unwrap().evidence[0].format(), Format::Dice);
}
