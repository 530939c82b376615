//! Crimes against `gpu` evidence, with an NVIDIA of our own.

use casemate_cose::{UnixTime, encode};
use casemate_evidence::{
    Anchor, Authenticated, Cache, DangerouslyUnbound, Endorsement, Endorsements, Evidence, Format, Refusal, Vendor,
    authenticate, authenticate_cached, gpu, gpu::Comparison,
};
use casemate_testkit::{
    NOW, der,
    pki::{Algorithm, Authority, Certificate, Key},
    vendor::nvidia::{DRIVER, Device, EXCLUSIVE, INCLUSIVE, Manifest, Nvidia, Ocsp, Report, pem, tcb_info},
};

use super::gpu_claims;
use crate::assert_refused;

type Outcome = Result<Authenticated<DangerouslyUnbound>, Refusal>;

/// A case: honest by default, one field changed for a crime.
struct Case {
    nvidia: Nvidia,
    device: Device,
    report: Report,
    more: Vec<Endorsement>,
    at: UnixTime,
}

impl Case {
    fn new() -> Self {
        let nvidia = Nvidia::default();
        Self { device: nvidia.device(), nvidia, report: Report::default(), more: Vec::new(), at: NOW }
    }

    fn endorsements(&self) -> Endorsements {
        let root = |vendor, authority: &Authority| {
            Endorsement::Anchor(Anchor::of_certificate(vendor, &authority.root()).unwrap())
        };
        Endorsements::default()
            .with(root(Vendor::NvidiaDevice, &self.nvidia.root))
            .with(root(Vendor::NvidiaRim, &self.nvidia.rim_root))
            .with_all(self.more.iter().cloned())
    }

    fn evidence(&self) -> Evidence {
        gpu::evidence(&self.nvidia.sign(&self.report), &pem(&self.nvidia.chain(&self.device)))
    }

    fn outcome(&self) -> Outcome {
        authenticate(&self.evidence(), &self.endorsements(), &DangerouslyUnbound, self.at)
    }

    fn with_manifest(mut self, manifest: &Manifest) -> Self {
        let text = self.nvidia.manifest(manifest, &self.nvidia.rim_certificate());
        self.more.push(Endorsement::Rim(text.into_bytes()));
        self
    }

    fn with_answer(mut self, answer: &Ocsp, by: impl Fn(&Nvidia) -> &Authority) -> Self {
        let bytes = answer.sign(&self.nvidia.root, by(&self.nvidia), &Key::new(Algorithm::P384));
        self.more.push(Endorsement::Ocsp(bytes));
        self
    }
}

/// A named mutation and the rule that refuses it.
type Crime = (&'static str, fn(&mut Case), &'static str);

#[test]
fn an_honest_device_is_accepted() {
    let case = Case::new();
    let authentic = case.outcome().unwrap();
    assert_eq!(gpu_claims(authentic.claims()).measurements.len(), 4);
    assert_eq!(authentic.claims().report_data.bytes, [5; 32]);
    assert_eq!(authentic.support().window.not_after.0, NOW.0 + 86_400);
}

#[test]
fn crimes_of_layout_and_signature() {
    let crimes: [Crime; 13] = [
        ("request_of_another_version", |case| case.report.request[0] = 0x12, "gpu-layout"),
        ("request_of_another_code", |case| case.report.request[1] = 0xe1, "gpu-layout"),
        ("request_without_a_signature", |case| case.report.request[2] = 0, "gpu-layout"),
        ("request_of_one_measurement", |case| case.report.request[3] = 1, "gpu-layout"),
        ("answer_of_another_version", |case| case.report.answer[0] = 0x10, "gpu-layout"),
        ("answer_is_an_error", |case| case.report.answer[1] = 0x7f, "gpu-layout"),
        ("one_block_announced_too_many", |case| case.report.blocks = Some(5), "gpu-layout"),
        ("one_block_announced_too_few", |case| case.report.blocks = Some(3), "gpu-layout"),
        ("measurement_of_another_specification", |case| case.report.measurements[1].1 = 2, "gpu-layout"),
        ("measurement_of_32_bytes", |case| case.report.measurements[1].2.truncate(32), "gpu-layout"),
        ("measurements_swapped", |case| case.report.measurements.swap(0, 1), "gpu-layout"),
        ("measurement_twice", |case| case.report.measurements[1].0 = 1, "gpu-layout"),
        ("opaque_row_twice", |case| case.report.opaque.push((3, vec![b'1'])), "gpu-layout"),
    ];
    run(&crimes);
    let case = Case::new();
    let chain = pem(&case.nvidia.chain(&case.device));
    let honest = case.nvidia.sign(&case.report);
    let start = honest.len() - 96;
    let order =
        hex::decode("ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973")
            .unwrap();
    let patched = |at: usize, bytes: &[u8]| {
        let mut report = honest.clone();
        report[at..at + bytes.len()].copy_from_slice(bytes);
        report
    };
    for (crime, report, rule) in [
        ("r_zero", patched(start, &[0; 48]), "gpu-signature"),
        ("s_zero", patched(start + 48, &[0; 48]), "gpu-signature"),
        ("r_is_the_order", patched(start, &order), "gpu-signature"),
        ("s_is_the_order", patched(start + 48, &order), "gpu-signature"),
        ("nonce_replaced", patched(4, &[6; 32]), "gpu-signature"),
        ("slot_replaced", patched(36, &[1]), "gpu-signature"),
        ("trailing_byte", [honest.as_slice(), &[0]].concat(), "gpu-layout"),
        ("signature_doubled", [honest.as_slice(), &honest[start..]].concat(), "gpu-layout"),
    ] {
        let outcome = authenticate(&gpu::evidence(&report, &chain), &case.endorsements(), &DangerouslyUnbound, NOW);
        assert_refused(crime, outcome, rule);
    }
    for (crime, frame) in [
        ("frame_of_one_part", encode(&vec![minicbor::bytes::ByteVec::from(honest.clone())])),
        ("frame_trailing_byte", [case.evidence().bytes(), &[0]].concat()),
        ("frame_empty", vec![]),
    ] {
        let evidence = Evidence::new(Format::Gpu, frame);
        let outcome = authenticate(&evidence, &case.endorsements(), &DangerouslyUnbound, NOW);
        assert_refused(crime, outcome, "gpu-layout");
    }
}

#[test]
fn crimes_of_the_devices_chain() {
    let crimes: [Crime; 17] = [
        ("leaf_of_another_key", |case| case.device.leaf.spki = Key::new(Algorithm::P384).spki(), "gpu-signature"),
        ("leaf_of_p256", |case| case.device.leaf.spki = Key::new(Algorithm::P256).spki(), "gpu-signature"),
        ("leaf_expired", |case| case.device.leaf.not_after = NOW.0 - 1, "gpu-chain"),
        ("leaf_not_yet_valid", |case| case.device.leaf.not_before = NOW.0 + 1, "gpu-chain"),
        ("identity_expired", |case| case.device.identity.not_after = NOW.0 - 1, "gpu-chain"),
        ("identity_not_yet_valid", |case| case.device.identity.not_before = NOW.0 + 1, "gpu-chain"),
        ("provisioner_expired", |case| case.device.provisioner.not_after = NOW.0 - 1, "gpu-chain"),
        ("provisioner_not_yet_valid", |case| case.device.provisioner.not_before = NOW.0 + 1, "gpu-chain"),
        ("identity_is_no_authority", |case| case.device.identity.ca = None, "gpu-chain"),
        ("provisioner_is_no_authority", |case| case.device.provisioner.ca = None, "gpu-chain"),
        ("provisioner_allows_nothing_below", |case| case.device.provisioner.ca = Some(0), "gpu-chain"),
        (
            "identity_signed_by_another",
            |case| case.nvidia.provisioner = Authority::new("provisioner", Algorithm::P384),
            "gpu-chain",
        ),
        ("identity_named_otherwise", |case| case.device.identity.subject = "boot rom".to_owned(), "gpu-chain"),
        (
            "unknown_critical_extension",
            |case| {
                case.device.leaf = case.device.leaf.clone().with_extension("1.2.3.4", true, vec![5, 0]);
            },
            "gpu-chain",
        ),
        (
            "identity_revoked_by_list",
            |case| {
                let list = case.nvidia.provisioner.crl_now(&[12]);
                case.more.push(Endorsement::Crl(list));
            },
            "gpu-chain",
        ),
        (
            "list_outdated",
            |case| {
                let list = case.nvidia.provisioner.crl(&[], NOW.0 - 60, NOW.0 - 1);
                case.more.push(Endorsement::Crl(list));
            },
            "gpu-chain",
        ),
        (
            "firmware_of_another_leaf",
            |case| {
                case.device.leaf.extensions[0].2 = tcb_info(&[0x2b; 48]);
            },
            "gpu-firmware-id",
        ),
    ];
    run(&crimes);
}

#[test]
fn crimes_of_roots_and_order() {
    let (case, stranger) = (Case::new(), Case::new());
    let outcome = authenticate(&stranger.evidence(), &case.endorsements(), &DangerouslyUnbound, NOW);
    assert_refused("root_of_a_stranger", outcome, "gpu-chain");
    let only_rim = Endorsements::default()
        .with(Endorsement::Anchor(Anchor::of_certificate(Vendor::NvidiaRim, &case.nvidia.root.root()).unwrap()));
    let outcome = authenticate(&case.evidence(), &only_rim, &DangerouslyUnbound, NOW);
    assert_refused("root_of_the_manifests", outcome, "gpu-chain");

    let report = case.nvidia.sign(&case.report);
    let chain = case.nvidia.chain(&case.device);
    for (crime, ders, rule) in [
        ("no_certificates", vec![], "gpu-chain"),
        ("identity_left_out", vec![chain[0].clone(), chain[2].clone()], "gpu-chain"),
        ("reordered", vec![chain[1].clone(), chain[0].clone(), chain[2].clone()], "gpu-chain"),
        ("leaf_twice", [vec![chain[0].clone()], chain.clone()].concat(), "gpu-chain"),
        ("nine_certificates", vec![chain[2].clone(); 9], "gpu-chain"),
        ("truncated_certificate", vec![chain[0][..chain[0].len() - 1].to_vec()], "gpu-chain"),
    ] {
        let outcome =
            authenticate(&gpu::evidence(&report, &pem(&ders)), &case.endorsements(), &DangerouslyUnbound, NOW);
        assert_refused(crime, outcome, rule);
    }
}

#[test]
fn crimes_of_ocsp_answers() {
    let good = Case::new().with_answer(&Ocsp::good(11), |nvidia| &nvidia.root);
    assert!(good.outcome().is_ok());
    let last = UnixTime(NOW.0 + 60);
    assert_eq!(good.outcome().unwrap().support().window.not_after, last);
    let cases = [
        ("revoked", Ocsp::revoked(11, 1)),
        ("on_hold", Ocsp::revoked(11, 6)),
        ("unknown", Ocsp { status: der::element(0x82, &[]), ..Ocsp::good(11) }),
        ("outdated", Ocsp { next_update: Some(NOW.0 - 1), ..Ocsp::good(11) }),
        ("from_the_future", Ocsp { this_update: NOW.0 + 1, ..Ocsp::good(11) }),
        ("without_an_end", Ocsp { next_update: None, ..Ocsp::good(11) }),
        ("responder_for_something_else", Ocsp { usage: "1.3.6.1.5.5.7.3.1", ..Ocsp::good(11) }),
    ];
    for (crime, answer) in &cases {
        let case = Case::new().with_answer(answer, |nvidia| &nvidia.root);
        assert_refused(crime, case.outcome(), "gpu-ocsp");
    }
    let messages =
        |answer: &Ocsp| Case::new().with_answer(answer, |nvidia| &nvidia.root).outcome().unwrap_err().to_string();
    assert!(messages(&cases[1].1).contains("hold") && messages(&cases[0].1).contains("revoked"));
    let by_another = Case::new().with_answer(&Ocsp::good(11), |nvidia| &nvidia.rim_root);
    assert_refused("responder_of_another_authority", by_another.outcome(), "gpu-ocsp");
    let about_another = Case::new().with_answer(&Ocsp::revoked(99, 1), |nvidia| &nvidia.root);
    assert!(about_another.outcome().is_ok());
    let mut case = Case::new();
    case.more.push(Endorsement::Ocsp(vec![0x30, 0]));
    assert_refused("malformed", case.outcome(), "gpu-ocsp");
    let mut altered = Case::new().with_answer(&Ocsp::revoked(11, 1), |nvidia| &nvidia.root);
    if let Some(Endorsement::Ocsp(bytes)) = altered.more.first_mut() {
        // The last byte is the responder's certificate's signature.
        let end = bytes.len() - 1;
        bytes[end] ^= 1;
    }
    assert_refused("responder_forged", altered.outcome(), "gpu-ocsp");
}

#[test]
fn manifests_are_compared_and_differences_are_claims() {
    let matched = |manifest: &Manifest| {
        let authentic = Case::new().with_manifest(manifest).outcome().unwrap();
        gpu_claims(authentic.claims()).driver_manifest.clone().map(|manifest| manifest.comparison)
    };
    let honest = Manifest::default();
    assert_eq!(matched(&honest), Some(Comparison::Matched));
    let exclusive =
        Manifest { transforms: vec![honest.transforms[0], EXCLUSIVE], canonicalisation: EXCLUSIVE, ..honest.clone() };
    assert_eq!(matched(&exclusive), Some(Comparison::Matched));
    let mut off = honest.clone();
    off.references[2].2[0][47] ^= 1;
    assert_eq!(matched(&off), Some(Comparison::Mismatched(vec![2])));
    off.references[2].1 = "False";
    assert_eq!(matched(&off), Some(Comparison::Matched));
    let mut alternatives = honest.clone();
    alternatives.references[0].2.insert(0, vec![9; 48]);
    assert_eq!(matched(&alternatives), Some(Comparison::Matched));
    let mut more = honest.clone();
    more.references.push((9, "True", vec![vec![1; 48]]));
    assert_eq!(matched(&more), Some(Comparison::Mismatched(vec![9])));
    assert_eq!(matched(&Manifest { version: "999".to_owned(), ..honest }), None);
}

#[test]
fn what_is_not_compared_says_why() {
    let said = |manifests: &[&str]| {
        let mut case = Case::new();
        for version in manifests {
            case = case.with_manifest(&Manifest { version: (*version).to_owned(), ..Manifest::default() });
        }
        let authentic = case.outcome().unwrap();
        let facts = authentic.claims().facts();
        let row = |name| facts.rows().iter().find(|fact| fact.name == name).unwrap().value.clone();
        let not: Vec<_> =
            authentic.claims().not_compared().into_iter().map(|not| (not.step, not.what, not.is_all)).collect();
        (row("driver-manifest"), row("vbios-manifest"), not)
    };
    let nothing = "not compared: none was given".to_owned();
    let both = vec![(6, "driver and VBIOS".to_owned(), true)];
    assert_eq!(said(&[]), (nothing.clone(), nothing.clone(), both.clone()));
    let other = "not compared: the one that was given is for `999`".to_owned();
    assert_eq!(said(&["999"]), (other.clone(), other, both.clone()));
    let others = "not compared: those that were given are for `999`, `998`".to_owned();
    assert_eq!(said(&["999", "998"]), (others.clone(), others, both));
    let (driver, vbios, not) = said(&[DRIVER]);
    assert!(driver.starts_with("all ") && vbios == nothing, "{driver} {vbios}");
    assert_eq!(not, [(6, "VBIOS".to_owned(), false)]);
    let (_, vbios, _) = said(&[DRIVER, "999"]);
    assert_eq!(vbios, "not compared: the one that was given is for `999`");
    let whole = said(&[DRIVER, "96.00.5e.00.01"]);
    assert!(whole.2.is_empty() && whole.1.starts_with("all "), "{whole:?}");
}

#[test]
fn crimes_of_manifests() {
    let text = |before: &str, after: &str| Some((before.to_owned(), after.to_owned()));
    let honest = Manifest::default;
    let crimes = [
        ("value_changed", Manifest { forgery: text("Hash0=\"01", "Hash0=\"02"), ..honest() }),
        ("measurement_switched_off", Manifest { forgery: text("active=\"True\"", "active=\"False\""), ..honest() }),
        ("version_changed", Manifest { forgery: text("550.1.2", "550.1.3"), ..honest() }),
        ("white_space_added", Manifest { forgery: text("<Payload>", "<Payload> "), ..honest() }),
        ("element_added", Manifest { forgery: text("</Payload>", "<Resource></Resource></Payload>"), ..honest() }),
        ("reference_to_a_part", Manifest { uri: "#part", ..honest() }),
        ("no_enveloped_transform", Manifest { transforms: vec![INCLUSIVE], ..honest() }),
        (
            "unknown_transform",
            Manifest {
                transforms: vec![honest().transforms[0], "http://www.w3.org/TR/1999/REC-xslt-19991116"],
                ..honest()
            },
        ),
        ("three_transforms", Manifest { transforms: vec![honest().transforms[0], INCLUSIVE, INCLUSIVE], ..honest() }),
        (
            "unknown_canonicalisation",
            Manifest { canonicalisation: "http://www.w3.org/2001/10/xml-exc-c14n#WithComments", ..honest() },
        ),
        ("hmac_with_the_key", Manifest { method: "http://www.w3.org/2000/09/xmldsig#hmac-sha1", ..honest() }),
        ("signature_of_sha1", Manifest { method: "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1", ..honest() }),
        ("digest_of_sha1", Manifest { digest: "http://www.w3.org/2000/09/xmldsig#sha1", ..honest() }),
    ];
    refused(&crimes);
}

#[test]
fn crimes_of_the_shape_of_manifests() {
    let text = |before: &str, after: &str| Some((before.to_owned(), after.to_owned()));
    let honest = Manifest::default;
    let crimes = [
        (
            "signature_twice",
            Manifest {
                forgery: text(
                    "<ds:Signature ",
                    "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"></ds:Signature><ds:Signature ",
                ),
                ..honest()
            },
        ),
        (
            "signature_deeper",
            Manifest {
                forgery: text(
                    "<Payload>",
                    "<Payload><ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"></ds:Signature>",
                ),
                ..honest()
            },
        ),
        (
            "signed_info_changed",
            Manifest { forgery: text("<ds:Reference URI=\"\">", "<ds:Reference URI=\"\" Id=\"x\">"), ..honest() },
        ),
        (
            "entity_declared",
            Manifest {
                forgery: text("<SoftwareIdentity", "<!DOCTYPE x [<!ENTITY e \"x\">]><SoftwareIdentity"),
                ..honest()
            },
        ),
        ("comment_added", Manifest { forgery: text("<Payload>", "<Payload><!-- x -->"), ..honest() }),
        ("another_root_element", Manifest { forgery: text("<SoftwareIdentity", "<x/><SoftwareIdentity"), ..honest() }),
        ("no_references", Manifest { references: vec![], ..honest() }),
        ("value_of_32_bytes", Manifest { references: vec![(0, "True", vec![vec![1; 32]])], ..honest() }),
        (
            "index_twice",
            Manifest { references: vec![(0, "True", vec![vec![1; 48]]), (0, "True", vec![vec![2; 48]])], ..honest() },
        ),
        ("activity_unknown", Manifest { references: vec![(0, "Maybe", vec![vec![1; 48]])], ..honest() }),
        ("no_meta", Manifest { shape: text("<Meta colloquialVersion=\"550.1.2\"></Meta>", ""), ..honest() }),
        ("two_payloads", Manifest { shape: text("</Payload>", "</Payload><Payload></Payload>"), ..honest() }),
    ];
    refused(&crimes);
}

#[test]
fn crimes_of_the_manifests_signer() {
    let honest = Manifest::default;
    let by = |change: fn(&mut Certificate)| {
        let mut case = Case::new();
        let mut certificate = case.nvidia.rim_certificate();
        change(&mut certificate);
        let text = case.nvidia.manifest(&honest(), &certificate);
        case.more.push(Endorsement::Rim(text.into_bytes()));
        case.outcome()
    };
    assert!(by(|_| ()).is_ok());
    assert_refused("signer_expired", by(|certificate| certificate.not_after = NOW.0 - 1), "gpu-rim");
    assert_refused("signer_not_yet_valid", by(|certificate| certificate.not_before = NOW.0 + 1), "gpu-rim");
    assert_refused(
        "signer_of_another_key",
        by(|certificate| certificate.spki = Key::new(Algorithm::P384).spki()),
        "gpu-rim",
    );
    let (mut case, other) = (Case::new(), Nvidia::default());
    let text = other.manifest(&honest(), &other.rim_certificate());
    case.more.push(Endorsement::Rim(text.into_bytes()));
    assert_refused("signer_of_another_root", case.outcome(), "gpu-rim");
}

#[test]
fn every_bit_of_a_signed_report_counts() {
    let case = Case::new();
    let chain = pem(&case.nvidia.chain(&case.device));
    let (honest, endorsements, cache) = (case.nvidia.sign(&case.report), case.endorsements(), Cache::default());
    let judge = |report: &[u8]| {
        let evidence = gpu::evidence(report, &chain);
        authenticate_cached(&evidence, &endorsements, &DangerouslyUnbound, NOW, &cache)
    };
    assert!(judge(&honest).is_ok());
    for bit in 0..honest.len() * 8 {
        let mut flipped = honest.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(judge(&flipped).is_err(), "bit {bit}");
    }
    for length in 0..honest.len() {
        assert!(judge(&honest[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn cached_outcomes_are_the_same() {
    let cache = Cache::default();
    for round in 0..2 {
        for at in [NOW, UnixTime(NOW.0 + 86_400), UnixTime(NOW.0 + 86_401)] {
            let case = Case { at, ..Case::new() }.with_manifest(&Manifest::default());
            let (evidence, endorsements) = (case.evidence(), case.endorsements());
            let plain = authenticate(&evidence, &endorsements, &DangerouslyUnbound, at);
            for _ in 0..2 {
                let cached = authenticate_cached(&evidence, &endorsements, &DangerouslyUnbound, at, &cache);
                match (&plain, &cached) {
                    (Ok(plain), Ok(cached)) => {
                        assert_eq!((plain.claims(), plain.support()), (cached.claims(), cached.support()));
                    }
                    (Err(plain), Err(cached)) => assert_eq!(plain, cached),
                    _ => panic!("round {round}: {plain:?} and {cached:?}"),
                }
            }
        }
    }
}

fn run(crimes: &[Crime]) {
    assert!(Case::new().outcome().is_ok());
    for (crime, mutate, rule) in crimes {
        let mut case = Case::new();
        // An authority's certificate is written before its key changes: the chain is then signed by another.
        let before = case.endorsements();
        mutate(&mut case);
        let endorsements = before.with_all(case.more.iter().cloned());
        let outcome = authenticate(&case.evidence(), &endorsements, &DangerouslyUnbound, case.at);
        assert_refused(crime, outcome, rule);
    }
}

fn refused(crimes: &[(&str, Manifest)]) {
    for (crime, manifest) in crimes {
        assert_refused(crime, Case::new().with_manifest(manifest).outcome(), "gpu-rim");
    }
}
