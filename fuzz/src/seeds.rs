//! Seeds that need nobody's recordings: what vendors of our own made, for every target.

use casemate_cose::Kind;
use casemate_evidence::{Bundle, Endorsement, Format, software};
use casemate_testkit::{
    NOW, cbor, key,
    pki::{Algorithm, Certificate},
    vendor::{
        amd,
        arm::{Arm, Cca, Psa},
        aws::Aws,
        azure::Azure,
        dice,
        eventlog::{Log, SHA1, SHA256},
        intel::{self, Intel, pem},
        nvidia::{self, Nvidia},
        ratls,
        tpm::{COMMAND_LINE, Quote, Tpm},
    },
};

use crate::{
    own::{Own, statements},
    signed::{CERTIFICATES, DIGEST, MODULUS, POINT, REALM_KEY},
};

/// The first bytes of a corpus.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Seed {
    /// The target that it is for.
    pub target: &'static str,
    /// Its name in the corpus.
    pub name: String,
    /// What the target is given.
    pub bytes: Vec<u8>,
}

impl Seed {
    /// A seed.
    pub fn new(target: &'static str, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { target, name: name.into(), bytes: bytes.into() }
    }
}

/// Seeds of the targets of [`crate::trust`].
#[must_use]
pub fn of_trust() -> Vec<Seed> {
    crate::trust::seeds()
}

/// Seeds of the targets that are given what was received.
#[must_use]
pub fn received(own: &Own) -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (name, evidence) in &own.evidence {
        seeds.push(Seed::new(evidence.format().as_str(), format!("own-{name}"), evidence.bytes()));
        seeds.push(Seed::new("recognise", format!("own-{}-{name}", evidence.format()), evidence.bytes()));
    }
    // Evidence in its frame, and as text.
    for (name, evidence) in own.evidence.iter().filter(|(_, it)| [Format::Psa, Format::Software].contains(&it.format()))
    {
        seeds.push(Seed::new("recognise", format!("own-frame-{name}"), evidence.to_bytes()));
        seeds.push(Seed::new("recognise", format!("own-base64-{name}"), nvidia::base64(evidence.bytes())));
    }
    for (name, log) in &own.logs {
        seeds.push(Seed::new("event_log", format!("own-{name}"), log.as_slice()));
    }
    for (place, item) in own.believed.iter().enumerate() {
        let name = format!("own-{}-{place}", item.kind());
        seeds.extend(of_item(item).into_iter().map(|(target, bytes)| Seed::new(target, name.clone(), bytes)));
    }
    for certificate in [Tpm::new(Algorithm::P256).root.root(), amd::Amd::new(amd::Line::Milan).ark.root()] {
        seeds.push(Seed::new("loose", format!("own-root-{}.pem", certificate.len()), pem("CERTIFICATE", &certificate)));
        seeds.push(Seed::new("x509", format!("own-root-{}", certificate.len()), certificate));
    }
    seeds.extend(bundles(own));
    seeds
}

/// The targets that read such an item, and how it lies there.
#[must_use]
pub fn of_item(item: &Endorsement) -> Vec<(&'static str, Vec<u8>)> {
    match item {
        Endorsement::Certificate(bytes) | Endorsement::Crl(bytes) | Endorsement::Ocsp(bytes) => {
            vec![("x509", bytes.clone()), ("loose", bytes.clone())]
        }
        Endorsement::QeIdentity(bytes) | Endorsement::TcbInfo(bytes) => {
            vec![("collateral", bytes.clone()), ("loose", bytes.clone())]
        }
        Endorsement::Rim(bytes) => vec![("rim", bytes.clone()), ("loose", bytes.clone())],
        Endorsement::Key { spki, .. } => {
            vec![("loose", pem("PUBLIC KEY", spki).into_bytes()), ("loose", spki.clone())]
        }
        _ => Vec::new(),
    }
}

/// Of every kind of item one, of what vendors signed alone, and of nothing.
fn bundles(own: &Own) -> Vec<Seed> {
    let mut kinds = std::collections::BTreeMap::new();
    for item in &own.believed {
        kinds.entry(item.kind()).or_insert_with(|| item.clone());
    }
    let all: Vec<_> = kinds.into_values().collect();
    let vouches = |item: &Endorsement| {
        matches!(item, Endorsement::Anchor(_) | Endorsement::Key { .. } | Endorsement::Launcher(_))
    };
    let vendors: Vec<_> = all.iter().filter(|item| !vouches(item)).cloned().collect();
    let packed = [("all", all), ("vendors", vendors), ("empty", Vec::new())];
    let pack = |(name, items): (&str, Vec<Endorsement>)| {
        let bytes = Bundle::pack("a platform", NOW, &items, &key(2)).expect("what is believed can be packed");
        let content = casemate_cose::verify(Kind::Endorsements, &bytes, &key(2).public()).expect("just signed");
        let content = Seed::new("signed_bundle", format!("own-{name}"), content.payload());
        [Seed::new("bundle", format!("own-{name}"), bytes.clone()), content]
    };
    packed.into_iter().flat_map(pack).collect()
}

/// Seeds of the targets that sign what they are given.
#[must_use]
pub fn to_be_signed() -> Vec<Seed> {
    let mut seeds = vec![azure()];
    seeds.extend(arm());
    seeds.extend(intel());
    seeds.extend(dice());
    let report = Nvidia::default().sign(&nvidia::Report::default());
    seeds.push(Seed::new("signed_gpu", "own", &report[..report.len() - 96]));
    let mut document = Aws::new().document();
    for (field, word) in ["certificate", "cabundle"].into_iter().zip(CERTIFICATES) {
        document.set(field, cbor::bytes(word));
    }
    let claims = ratls::claims(1, &DIGEST).encode();
    seeds.push(Seed::new("signed_ratls", "own", claims));
    seeds.push(Seed::new("signed_rim", "own", manifest()));
    seeds.push(Seed::new("signed_nitro", "own", document.payload()));
    for (part, line) in [(0, amd::Line::Genoa), (1, amd::Line::Milan), (2, amd::Line::Turin), (3, amd::Line::Genoa)] {
        let mut report = amd::Report::of(line);
        if part == 3 {
            report.put(amd::at::FLAGS, &[4]).put(amd::at::CHIP_ID, &[0; 64]);
        }
        seeds.push(Seed::new("signed_snp", format!("own-{part}"), chosen(part, &report.0)));
    }
    for (name, statement) in statements() {
        let object = software::sign(&statement, &key(1));
        let verified = casemate_cose::verify(Kind::Evidence, object.bytes(), &key(1).public()).expect("just signed");
        seeds.push(Seed::new("signed_software", format!("own-{name}"), verified.payload()));
    }
    let log = Log::boot(&[SHA256], COMMAND_LINE);
    seeds.push(Seed::new("signed_tpm", "own-attest", chosen(0, &Quote::of(&log, SHA256, SHA256).encode())));
    for banks in [&[SHA256][..], &[SHA1, SHA256]] {
        let log = Log::boot(banks, COMMAND_LINE).encode();
        seeds.push(Seed::new("signed_tpm", format!("own-log-{}", banks.len()), chosen(1, &log)));
    }
    seeds.extend(x509());
    seeds
}

/// The rest of an input behind its first byte.
fn chosen(part: u8, rest: &[u8]) -> Vec<u8> {
    [&[part], rest].concat()
}

fn azure() -> Seed {
    let azure = Azure::default();
    let jwk = azure.jwk("", "");
    let modulus = jwk.rsplit('"').nth(1).expect("`n` stands last");
    let text = String::from_utf8(azure.honest_runtime_data()).expect("JSON");
    // The second key's own modulus is of no consequence.
    let text = text.replace(modulus, std::str::from_utf8(MODULUS).expect("a word"));
    Seed::new("signed_azure", "own", text)
}

fn arm() -> Vec<Seed> {
    let arm = Arm::default();
    let mut seeds = Vec::new();
    for (profile, first, word) in [(Cca::Ssd1, 0, REALM_KEY[1]), (Cca::Platform1, 2, REALM_KEY[2])] {
        let mut token = arm.cca(profile, Algorithm::P384);
        token.platform.set(10, cbor::bytes(REALM_KEY[0]));
        token.realm.set(44_237, cbor::bytes(word));
        let (platform, realm) = (token.platform.claims.encode(), token.realm.claims.encode());
        seeds.push(Seed::new("signed_cca", format!("own-{profile:?}-platform"), chosen(first, &platform)));
        seeds.push(Seed::new("signed_cca", format!("own-{profile:?}-realm"), chosen(first + 1, &realm)));
    }
    for profile in [Psa::Iot1, Psa::Psa2, Psa::Tfm] {
        let claims = arm.psa(profile, Algorithm::P256).claims.encode();
        seeds.push(Seed::new("signed_psa", format!("own-{profile:?}"), claims));
    }
    seeds
}

fn intel() -> Vec<Seed> {
    let intel = Intel::default();
    let seed = |name: &str, part: u8, rest: &[u8]| Seed::new("signed_dcap", format!("own-{name}"), chosen(part, rest));
    let platform = intel::Sgx::default().to_der();
    vec![
        seed("tcb-info-tdx", 0, intel::tcb_info("TDX").as_bytes()),
        seed("tcb-info-sgx", 1, intel::tcb_info("SGX").as_bytes()),
        seed("identity-tdx", 2, intel::qe_identity("TD_QE", 2).as_bytes()),
        seed("identity-sgx", 3, intel::qe_identity("QE", 1).as_bytes()),
        seed("body-tdx-1.0", 4, &intel.tdx(4, 2).body),
        seed("body-tdx-1.5", 4, &intel.tdx(5, 3).body),
        seed("body-tdx-1.5-extended", 4, &intel.tdx(5, 4).body),
        seed("body-sgx", 5, &intel.sgx(3).body),
        seed("qe-report-tdx", 6, &intel.tdx(5, 3).qe_report),
        seed("qe-report-sgx", 7, &intel.sgx(3).qe_report),
        seed("platform-tdx", 8, &platform),
        seed("platform-sgx", 9, &platform),
    ]
}

fn dice() -> Vec<Seed> {
    let whole = dice::tcb_info(&[
        (0x80, b"ACME"),
        (0x81, b"Model 1"),
        (0x82, b"1.2.3"),
        (0x83, &[0]),
        (0x84, &[2]),
        (0x85, &[3]),
        (0xa6, &[dice::fwid(&[1; 48]), dice::fwid(&[2; 48])].concat()),
        (0x87, &[0, 0]),
        (0x88, b"info"),
        (0x89, b"type"),
        (0x8a, &[3, 0xf8]),
    ]);
    let seed = |name: &str, part: u8, rest: &[u8]| Seed::new("signed_dice", format!("own-{name}"), chosen(part, rest));
    vec![
        seed("rt", 0, &dice::rt_info()),
        seed("whole", 0, &whole),
        seed("fmc", 1, &dice::fmc_infos(dice::FLAGS)),
        seed("ueid", 2, &dice::ueid(&[1; 17])),
    ]
}

/// What a manifest says of the honest measurements: one value each, the second with an alternative, the last one inactive.
fn manifest() -> String {
    let hash = |byte: u8| hex(&[byte; 48]);
    let mut text = format!("<Meta colloquialVersion=\"{}\"></Meta><Payload>", nvidia::DRIVER);
    for index in 0..4 {
        let active = if index == 3 { "False" } else { "True" };
        let other = if index == 1 { format!(" h:Hash1=\"{}\"", hash(9)) } else { String::new() };
        let alternatives = if index == 1 { 2 } else { 1 };
        text.push_str(&format!(
            "<Resource active=\"{active}\" alternatives=\"{alternatives}\" index=\"{index}\" type=\"Measurement\" \
             h:Hash0=\"{}\"{other}></Resource>",
            hash(index + 1)
        ));
    }
    text + "</Payload>"
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The signed parts of a certificate and of a list: behind the outer SEQUENCE's head, up to the algorithm.
fn x509() -> Vec<Seed> {
    let maker = Tpm::new(Algorithm::P256);
    let point = maker.ak.public();
    let signed = |der: &[u8], tag: u8| {
        let start = der.iter().skip(1).position(|byte| *byte == tag).expect("a SEQUENCE in a SEQUENCE") + 1;
        let content = match der[start + 1] {
            0x82 => 4 + usize::from(u16::from_be_bytes([der[start + 2], der[start + 3]])),
            0x81 => 3 + usize::from(der[start + 2]),
            short => 2 + usize::from(short),
        };
        let mut bytes = der[start..start + content].to_vec();
        if let Some(place) = bytes.windows(point.len()).position(|window| window == point) {
            bytes[place..place + point.len()].copy_from_slice(&POINT);
        }
        bytes
    };
    let leaf = maker.issuer.issue(&maker.certificate());
    let bare = maker.issuer.issue(&Certificate::of("AK", 7, &maker.ak));
    let seed = |name: &str, part: u8, der: &[u8]| {
        Seed::new("signed_x509", format!("own-{name}"), chosen(part, &signed(der, 0x30)))
    };
    vec![
        seed("leaf", 0, &leaf),
        seed("bare", 0, &bare),
        seed("list", 1, &maker.issuer.crl_now(&[8, 9])),
        seed("empty-list", 1, &maker.issuer.crl_now(&[])),
    ]
}
