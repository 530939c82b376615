//! What is judged: evidence of vendors of our own, and recorded evidence where `CASEMATE_VECTORS` names it. With each, the
//! signatures that its verification needs.

use std::{env, fs, path::PathBuf};

use aws_lc_rs::signature as lc;
use casemate_cose::UnixTime;
use casemate_evidence::{Anchor, Endorsement, Endorsements, Evidence, Format, Vendor, gpu, loose};
use casemate_testkit::{
    NOW,
    pki::{Algorithm, Authority, Key},
    vendor::{
        amd::{Amd, Line, Report, guid, table},
        aws::Aws,
        intel::Intel,
        nvidia::{self as vendor, Manifest, Nvidia, Ocsp},
    },
};

use super::floor::{Check, public_key};

/// One piece of evidence, and what to judge it by.
pub(crate) struct Input {
    /// The format, as the figures are named.
    pub(crate) name: &'static str,
    /// Who made it.
    pub(crate) maker: &'static str,
    pub(crate) evidence: Evidence,
    pub(crate) endorsements: Endorsements,
    pub(crate) at: UnixTime,
    /// The signatures that are left when endorsements are known.
    pub(crate) warm: Vec<Check>,
    /// Every distinct signature.
    pub(crate) cold: Vec<Check>,
    pub(crate) other: Option<Other>,
}

/// The same for a verifier of others.
pub(crate) enum Other {
    DcapQvl { root: Vec<u8>, collateral: Box<dcap_qvl::QuoteCollateralV3> },
    Sev { certificates: [Vec<u8>; 3] },
}

/// All of them.
pub(crate) fn all() -> Vec<Input> {
    let intel = Intel::default();
    let mut inputs = vec![
        of_our_intel("tdx", &intel, &intel.make(&intel.tdx(4, 2))),
        of_our_intel("sgx", &intel, &intel.make(&intel.sgx(3))),
        of_our_amd(),
        of_our_aws(),
        of_our_nvidia("gpu", false),
        of_our_nvidia("gpu_rim", true),
    ];
    if let Some(folder) = env::var_os("CASEMATE_VECTORS").map(PathBuf::from).filter(|folder| folder.is_dir()) {
        inputs.extend(recorded(&Recorded { folder }));
    } else {
        println!("recorded evidence is left out: CASEMATE_VECTORS names no folder");
    }
    inputs
}

fn root(vendor: Vendor, authority: &Authority) -> Endorsement {
    Endorsement::Anchor(Anchor::of_certificate(vendor, &authority.root()).unwrap())
}

fn of_our_intel(name: &'static str, intel: &Intel, made: &casemate_testkit::vendor::intel::Made) -> Input {
    let endorsements = Endorsements::default()
        .with(root(Vendor::Intel, &intel.root))
        .with(Endorsement::Certificate(made.tcb_signer.clone()))
        .with_all(made.crls.iter().cloned().map(Endorsement::Crl))
        .with(Endorsement::TcbInfo(made.tcb_info.clone().into_bytes()))
        .with(Endorsement::QeIdentity(made.qe_identity.clone().into_bytes()));
    let collateral = Collateral {
        root: made.root.clone(),
        pck_chain: made.pck_chain.clone(),
        tcb_signer: made.tcb_signer.clone(),
        root_crl: made.crls[0].clone(),
        pck_crl: made.crls[1].clone(),
        tcb_info: made.tcb_info.clone(),
        qe_identity: made.qe_identity.clone(),
    };
    dcap((name, "our own"), made.quote.clone(), endorsements, NOW, &collateral)
}

/// A quote's collateral, in parts.
struct Collateral {
    root: Vec<u8>,
    /// PCK, PCK CA.
    pck_chain: Vec<Vec<u8>>,
    tcb_signer: Vec<u8>,
    root_crl: Vec<u8>,
    pck_crl: Vec<u8>,
    tcb_info: String,
    qe_identity: String,
}

fn dcap(
    (name, maker): (&'static str, &'static str),
    quote: Vec<u8>,
    endorsements: Endorsements,
    at: UnixTime,
    collateral: &Collateral,
) -> Input {
    let [pck, pck_ca] = collateral.pck_chain.as_slice() else { panic!("a PCK certificate and its issuer's") };
    let warm = quote_checks(&quote, pck);
    let signer = public_key(&collateral.tcb_signer).1;
    let by_signer = |file: &str| {
        let (body, signature) = body(file);
        Check::new(&lc::ECDSA_P256_SHA256_FIXED, signer, body.as_bytes(), &signature)
    };
    let mut cold: Vec<Check> = quote_checks(&quote, pck).to_vec();
    cold.extend([
        Check::of_signed(pck, pck_ca),
        Check::of_signed(pck_ca, &collateral.root),
        Check::of_signed(&collateral.tcb_signer, &collateral.root),
        Check::of_signed(&collateral.root_crl, &collateral.root),
        Check::of_signed(&collateral.pck_crl, pck_ca),
        by_signer(&collateral.tcb_info),
        by_signer(&collateral.qe_identity),
    ]);
    let [qe_report, own] = warm;
    Input {
        name,
        maker,
        evidence: Evidence::new(Format::Dcap, quote),
        endorsements,
        at,
        warm: vec![qe_report.with_known_key(), own],
        cold,
        other: Some(collateral.for_dcap_qvl()),
    }
}

impl Collateral {
    fn for_dcap_qvl(&self) -> Other {
        let pem = |ders: &[&Vec<u8>]| -> String {
            ders.iter().map(|der| casemate_testkit::vendor::intel::pem("CERTIFICATE", der)).collect()
        };
        let ((tcb_info, tcb_info_signature), (qe_identity, qe_identity_signature)) =
            (body(&self.tcb_info), body(&self.qe_identity));
        let signers = pem(&[&self.tcb_signer, &self.root]);
        let collateral = dcap_qvl::QuoteCollateralV3 {
            pck_crl_issuer_chain: pem(&[&self.pck_chain[1], &self.root]),
            root_ca_crl: self.root_crl.clone(),
            pck_crl: self.pck_crl.clone(),
            tcb_info_issuer_chain: signers.clone(),
            tcb_info: tcb_info.to_owned(),
            tcb_info_signature,
            qe_identity_issuer_chain: signers,
            qe_identity: qe_identity.to_owned(),
            qe_identity_signature,
            pck_certificate_chain: None,
        };
        Other::DcapQvl { root: self.root.clone(), collateral: Box::new(collateral) }
    }
}

/// The signed text and the signature in an answer of Intel's service.
fn body(file: &str) -> (&str, Vec<u8>) {
    let (body, signature) = file.rsplit_once(",\"signature\":\"").unwrap();
    let (_, body) = body.split_once(':').unwrap();
    (body, hex::decode(signature.trim_end().trim_end_matches("\"}")).unwrap())
}

/// The QE report's signature and the quote's.
fn quote_checks(quote: &[u8], pck: &[u8]) -> [Check; 2] {
    let number = |place: usize| usize::from(u16::from_le_bytes([quote[place], quote[place + 1]]));
    let version = number(0);
    let (body, length) = match version {
        5 => (54, number(50)),
        _ if quote[4] == 0x81 => (48, 584),
        _ => (48, 384),
    };
    let end = body + length;
    let (signature, key) = (end + 4, end + 68);
    let qe_report = if version == 3 { key + 64 } else { key + 70 };
    let point = [&[4], &quote[key..key + 64]].concat();
    let fixed = &lc::ECDSA_P256_SHA256_FIXED;
    let qe_signature = &quote[qe_report + 384..qe_report + 448];
    [
        Check::new(fixed, public_key(pck).1, &quote[qe_report..qe_report + 384], qe_signature),
        Check::new(fixed, &point, &quote[..end], &quote[signature..signature + 64]),
    ]
}

fn of_our_amd() -> Input {
    let amd = Amd::new(Line::Milan);
    let report = Report::of(amd.line);
    let (vcek, ask) = (amd.vcek(&report).issue(&amd.ask), amd.ark.issue(&amd.ask_certificate()));
    let bytes = [report.sign(&amd.vcek), table(&[(guid::VCEK, &vcek), (guid::ASK, &ask)])].concat();
    let crl = amd.ark.crl_now(&[77]);
    let endorsements = Endorsements::default().with(root(Vendor::Amd, &amd.ark)).with(Endorsement::Crl(crl.clone()));
    snp("our own", bytes, endorsements, NOW, ([ask, amd.ark.root(), vcek], Some(crl)))
}

/// `certificates` are ASK, ARK, VCEK.
fn snp(
    maker: &'static str,
    bytes: Vec<u8>,
    endorsements: Endorsements,
    at: UnixTime,
    (certificates, crl): ([Vec<u8>; 3], Option<Vec<u8>>),
) -> Input {
    let [ask, ark, vcek] = &certificates;
    let scalar = |place: usize| bytes[place..place + 48].iter().rev().copied().collect::<Vec<u8>>();
    let signature = [scalar(0x2a0), scalar(0x2a0 + 72)].concat();
    let own = Check::new(&lc::ECDSA_P384_SHA384_FIXED, public_key(vcek).1, &bytes[..0x2a0], &signature);
    let mut cold = vec![own.clone(), Check::of_signed(vcek, ask), Check::of_signed(ask, ark)];
    cold.extend(crl.map(|crl| Check::of_signed(&crl, ark)));
    Input {
        name: "snp",
        maker,
        evidence: Evidence::new(Format::Snp, bytes),
        endorsements,
        at,
        warm: vec![own.with_known_key()],
        cold,
        other: Some(Other::Sev { certificates }),
    }
}

fn of_our_aws() -> Input {
    let aws = Aws::new();
    let bytes = aws.sign(&aws.document());
    nitro("our own", bytes, Endorsements::default().with(root(Vendor::Aws, &aws.root)), NOW)
}

fn nitro(maker: &'static str, bytes: Vec<u8>, endorsements: Endorsements, at: UnixTime) -> Input {
    let (bundle, leaf) = bundle_of(&bytes);
    let (leaf, bundle) = (leaf.as_slice(), bundle.as_slice());
    let (message, signature) = cose_message(&bytes);
    let own = Check::new(&lc::ECDSA_P384_SHA384_FIXED, public_key(leaf).1, &message, signature);
    let above = bundle.last().unwrap();
    let mut cold = vec![own.clone(), Check::of_signed(leaf, above)];
    cold.extend(bundle.windows(2).map(|pair| Check::of_signed(&pair[1], &pair[0])));
    let warm = vec![Check::of_signed(leaf, above).with_known_key(), own];
    Input {
        name: "nitro",
        maker,
        evidence: Evidence::new(Format::Nitro, bytes),
        endorsements,
        at,
        warm,
        cold,
        other: None,
    }
}

/// `Sig_structure` and the signature of an untagged COSE_Sign1 with ES384 [RFC 9052 §4.4].
fn cose_message(bytes: &[u8]) -> (Vec<u8>, &[u8]) {
    let protected = &bytes[1..6];
    let signature = &bytes[bytes.len() - 96..];
    let payload = &bytes[7..bytes.len() - 98];
    ([b"\x84\x6aSignature1".as_slice(), protected, &[0x40], payload].concat(), signature)
}

fn of_our_nvidia(name: &'static str, with_manifest: bool) -> Input {
    let nvidia = Nvidia::default();
    let report = nvidia.sign(&vendor::Report::default());
    let chain = nvidia.chain(&nvidia.device());
    let mut endorsements = Endorsements::default()
        .with(root(Vendor::NvidiaDevice, &nvidia.root))
        .with(root(Vendor::NvidiaRim, &nvidia.rim_root));
    let mut more = Vec::new();
    if with_manifest {
        let signer = nvidia.rim_certificate();
        let manifest = nvidia.manifest(&Manifest::default(), &signer);
        let answer = Ocsp::good(11).sign(&nvidia.root, &nvidia.root, &Key::new(Algorithm::P384));
        endorsements = endorsements.with(Endorsement::Rim(manifest.into_bytes())).with(Endorsement::Ocsp(answer));
        // The manifest, its signer's certificate, the answer, its responder's certificate: as many checks of the same kind.
        let one = Check::of_signed(&nvidia.rim_root.issue(&signer), &nvidia.rim_root.root());
        more = vec![one; 4];
    }
    gpu((name, "our own"), (&report, &chain), endorsements, NOW, more)
}

fn gpu(
    (name, maker): (&'static str, &'static str),
    (report, chain): (&[u8], &[Vec<u8>]),
    endorsements: Endorsements,
    at: UnixTime,
    more: Vec<Check>,
) -> Input {
    let (message, signature) = report.split_at(report.len() - 96);
    let own = Check::new(&lc::ECDSA_P384_SHA384_FIXED, public_key(&chain[0]).1, message, signature);
    let mut cold = vec![own.clone()];
    cold.extend(chain.windows(2).map(|pair| Check::of_signed(&pair[0], &pair[1])));
    cold.extend(more);
    let evidence = gpu::evidence(report, &vendor::pem(chain));
    Input { name, maker, evidence, endorsements, at, warm: vec![own.with_known_key()], cold, other: None }
}

/// Evidence that others recorded.
struct Recorded {
    folder: PathBuf,
}

impl Recorded {
    fn read(&self, file: &str) -> Vec<u8> {
        fs::read(self.folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    fn loose(&self, file: &str) -> Vec<Endorsement> {
        loose(&self.read(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    fn certificates(&self, file: &str) -> Vec<Vec<u8>> {
        let items = self.loose(file).into_iter();
        items.filter_map(|item| if let Endorsement::Certificate(der) = item { Some(der) } else { None }).collect()
    }
}

fn recorded(recorded: &Recorded) -> Vec<Input> {
    /// 2025-06-20, 2025-12-25T13:30:00Z, 2026-06-01.
    const TIMES: [UnixTime; 3] = [UnixTime(1_750_377_600), UnixTime(1_766_669_400), UnixTime(1_780_272_000)];
    let mut inputs = Vec::new();
    for (name, file) in [("tdx", "dcap/phala/tdx_quote"), ("sgx", "dcap/phala/sgx_quote")] {
        inputs.push(recorded_quote(recorded, name, file, TIMES[0]));
    }
    let [ask, vcek] = ["ask", "vcek"].map(|name| recorded.certificates(&format!("snp/ms-milan/{name}.pem")).remove(0));
    let ark = recorded.certificates("snp/roots/ask_ark_milan.pem").remove(1);
    let endorsements =
        Endorsements::of_vendors().with_all([&ask, &vcek].map(|der| Endorsement::Certificate(der.clone())));
    inputs.push(snp("AMD", recorded.read("snp/ms-milan/report.bin"), endorsements, TIMES[2], ([ask, ark, vcek], None)));

    let framed = recorded.read("nitro/attestation.bin");
    let length = usize::from(u16::from_le_bytes([framed[2], framed[3]]) >> 2);
    inputs.push(nitro("AWS", framed[4..4 + length].to_vec(), Endorsements::of_vendors(), TIMES[1]));

    let report =
        hex::decode(String::from_utf8(recorded.read("gpu/hopperAttestationReport.txt")).unwrap().trim()).unwrap();
    let chain = recorded.certificates("gpu/hopperCertChain.txt");
    let vendors = Endorsements::of_vendors();
    inputs.push(gpu(("gpu", "NVIDIA"), (&report, &chain), vendors.clone(), TIMES[2], Vec::new()));
    let manifests = recorded.loose("gpu/NV_GPU_DRIVER_GH100_550.144.03.xml");
    // The manifest's own signature, and those in its chain of four below the root.
    let more = vec![Check::of_signed(&chain[0], &chain[1]); 4];
    inputs.push(gpu(("gpu_rim", "NVIDIA"), (&report, &chain), vendors.with_all(manifests), TIMES[2], more));
    inputs
}

fn recorded_quote(recorded: &Recorded, name: &'static str, file: &str, at: UnixTime) -> Input {
    let quote = recorded.read(file);
    let collateral: dcap_qvl::QuoteCollateralV3 =
        serde_json::from_slice(&recorded.read(&format!("{file}_collateral.json"))).unwrap();
    let start = quote.windows(11).position(|window| window == b"-----BEGIN ").unwrap();
    let chain = certificates(&quote[start..]);
    let signers = certificates(collateral.tcb_info_issuer_chain.as_bytes());
    let answer = |name: &str, body: &str, signature: &[u8]| {
        format!("{{\"{name}\":{body},\"signature\":\"{}\"}}", hex::encode(signature))
    };
    let parts = Collateral {
        root: signers[1].clone(),
        pck_chain: chain[..2].to_vec(),
        tcb_signer: signers[0].clone(),
        root_crl: collateral.root_ca_crl.clone(),
        pck_crl: collateral.pck_crl.clone(),
        tcb_info: answer("tcbInfo", &collateral.tcb_info, &collateral.tcb_info_signature),
        qe_identity: answer("enclaveIdentity", &collateral.qe_identity, &collateral.qe_identity_signature),
    };
    let endorsements = Endorsements::of_vendors().with_all(recorded.loose(&format!("{file}_collateral.json")));
    let mut input = dcap((name, "Intel"), quote, endorsements, at, &parts);
    input.other = Some(Other::DcapQvl { root: signers[1].clone(), collateral: Box::new(collateral) });
    input
}

fn certificates(pem: &[u8]) -> Vec<Vec<u8>> {
    let end = pem.iter().rposition(|byte| *byte == b'-').unwrap();
    let items = loose(&pem[..=end]).unwrap().into_iter();
    items.filter_map(|item| if let Endorsement::Certificate(der) = item { Some(der) } else { None }).collect()
}

/// The certificates in a document, as they lie there: the leaf, then the bundle from the root down.
fn bundle_of(document: &[u8]) -> (Vec<Vec<u8>>, Vec<u8>) {
    let find = |name: &[u8]| document.windows(name.len()).position(|window| window == name).unwrap() + name.len();
    let string = |place: usize| {
        let (start, length) = match document[place] {
            0x59 => (place + 3, usize::from(u16::from_be_bytes([document[place + 1], document[place + 2]]))),
            _ => (place + 2, usize::from(document[place + 1])),
        };
        (document[start..start + length].to_vec(), start + length)
    };
    let (leaf, _) = string(find(b"kcertificate"));
    let mut place = find(b"hcabundle");
    let count = document[place] & 0x1f;
    place += 1;
    let mut bundle = Vec::new();
    for _ in 0..count {
        let (certificate, next) = string(place);
        bundle.push(certificate);
        place = next;
    }
    (bundle, leaf)
}
