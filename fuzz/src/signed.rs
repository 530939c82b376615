//! What lies behind signatures: here a vendor of our own signs whatever the fuzzer makes, and the evidence around it is honest.
//!
//! Inputs do not depend on keys, which are new in each process: where a signed text holds a key or a certificate, the input has a
//! word in its place. The first byte of some inputs says what the rest is. Each function says whether the evidence was authentic.

use std::sync::LazyLock;

use casemate_cose::{Digest, Kind};
use casemate_evidence::{
    AllowDebug, Bundle, Cache, DangerouslyUnbound, Endorsement, Endorsements, Evidence, Format, Hash, KeyOwner,
    Publisher, Vendor, authenticate, authenticate_cached, eventlog::EventLog, gpu as gpu_format,
};
use casemate_testkit::{
    NOW, cbor,
    cose::Envelope,
    der, key,
    pki::{Algorithm, Authority},
    vendor::{
        amd::{Amd, Line, Report, at},
        arm::{Arm, Cca, INSTANCE_ID, collection},
        aws::Aws,
        azure::{self as vm, Azure},
        dice as layers,
        eventlog::{Log, SHA256},
        intel::{Intel, Made},
        nvidia::{self as cards, Manifest, Nvidia, pem},
        ratls::{QUOTE_TAG, RaTls, WRAPPER, wrapped},
        tpm::{self as quotes, COMMAND_LINE, Quote, Tpm},
    },
};

use crate::own::root;

/// In the place of the attestation key's modulus, in Azure's runtime data.
pub(crate) const MODULUS: &[u8] = b"$MODULUS";
/// In the place of a realm key's digest, of the key as the first profile has it, and as the second.
pub(crate) const REALM_KEY: [&[u8]; 3] = [b"$DIGEST", b"$POINT", b"$COSE_KEY"];
/// In the place of the document's certificate and of those above it.
pub(crate) const CERTIFICATES: [&[u8]; 2] = [b"$LEAF", b"$ABOVE"];
/// In the place of a point of P-256: as long as one, as DER counts bytes.
pub(crate) const POINT: [u8; 65] = [0xa5; 65];

/// In the place of a key's SHA-256: as long as one.
pub(crate) const DIGEST: [u8; 32] = [0xa5; 32];

/// What is believed, and what was found to be so.
#[derive(Default)]
struct Judge {
    endorsements: Endorsements,
    cache: Cache,
}

impl Judge {
    fn of(items: impl IntoIterator<Item = Endorsement>) -> Self {
        Self { endorsements: Endorsements::default().with_all(items), cache: Cache::default() }
    }

    fn believes(&self, evidence: &Evidence) -> bool {
        let expectation = AllowDebug::new(DangerouslyUnbound);
        let outcome = authenticate_cached(evidence, &self.endorsements, &expectation, NOW, &self.cache);
        outcome.is_ok_and(|authentic| !authentic.claims().facts().rows().is_empty())
    }
}

/// `bytes` with the first `word` replaced.
fn fill(bytes: &[u8], word: &[u8], actual: &[u8]) -> Vec<u8> {
    match bytes.windows(word.len()).position(|window| window == word) {
        Some(place) => [&bytes[..place], actual, &bytes[place + word.len()..]].concat(),
        None => bytes.to_vec(),
    }
}

/// Runtime data for which a CPU vouches.
pub fn azure(runtime_data: &[u8]) -> bool {
    static CASE: LazyLock<(Azure, vm::Evidence, Vec<u8>, Judge)> = LazyLock::new(|| {
        let azure = Azure::default();
        let log = Log::boot(&[SHA256], COMMAND_LINE);
        let evidence = azure.evidence(&Quote::of(&log, SHA256, SHA256), &log, COMMAND_LINE);
        let jwk = azure.jwk("", "");
        let modulus = jwk.rsplit('"').nth(1).expect("`n` stands last").as_bytes().to_vec();
        let judge = Judge::of([root(Vendor::Amd, &azure.amd.ark)]);
        (azure, evidence, modulus, judge)
    });
    let (azure, honest, modulus, judge) = &*CASE;
    let runtime_data = fill(runtime_data, MODULUS, modulus);
    let hardware = azure.report(&runtime_data).sign(&azure.amd.vcek);
    let evidence = vm::Evidence { hardware, runtime_data, ..honest.clone() };
    judge.believes(&Evidence::new(Format::Azure, evidence.encode()))
}

/// A bundle's content, packed by somebody known.
pub fn bundle(content: &[u8]) -> bool {
    let packer = key(2);
    let bytes = casemate_cose::sign(Kind::Endorsements, content, &packer);
    let _anybody = Bundle::open(&bytes, Publisher::Anyone);
    Bundle::open(&bytes, Publisher::Known(&[packer.public()])).is_ok_and(|bundle| {
        let _rows = (bundle.dated(), bundle.window());
        true
    })
}

/// Claims of a platform (even) or of a realm, beside honest ones of the other, of the first profile (0, 1) or the second (2, 3).
pub fn cca(bytes: &[u8]) -> bool {
    static CASE: LazyLock<(Arm, Judge)> = LazyLock::new(|| {
        let arm = Arm::default();
        let key = Endorsement::Key { owner: KeyOwner::Cca, id: INSTANCE_ID.to_vec(), spki: arm.key.spki() };
        (arm, Judge::of([key]))
    });
    let (arm, judge) = &*CASE;
    let Some((part, claims)) = bytes.split_first() else { return false };
    let honest = arm.cca(if part & 2 == 0 { Cca::Ssd1 } else { Cca::Platform1 }, Algorithm::P384);
    let value = |map: &cbor::Map, claim| {
        let key = cbor::number(claim);
        map.0.iter().find(|(own, _)| *own == key).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let mut claims = fill(claims, &cbor::bytes(REALM_KEY[0]), &value(&honest.platform.claims, 10));
    let realm_key = value(&honest.realm.claims, 44_237);
    for word in &REALM_KEY[1..] {
        claims = fill(&claims, &cbor::bytes(word), &realm_key);
    }
    let (mut platform, mut realm) = (honest.platform.claims.encode(), honest.realm.claims.encode());
    *(if part & 1 == 0 { &mut platform } else { &mut realm }) = claims;
    let platform = honest.platform.envelope.seal(&platform, &arm.key);
    let realm = honest.realm.envelope.seal(&realm, &arm.realm_key);
    judge.believes(&Evidence::new(Format::Cca, collection(&platform, &realm)))
}

/// TCB info (0, 1), QE identity (2, 3), a body (4, 5), a QE report (6, 7), or what a PCK certificate says of its platform: of a
/// trust domain (even) or of an enclave.
pub fn dcap(bytes: &[u8]) -> bool {
    static INTEL: LazyLock<Intel> = LazyLock::new(Intel::default);
    let Some((part, rest)) = bytes.split_first() else { return false };
    let is_enclave = part & 1 == 1;
    let mut case = match (is_enclave, part >> 1, rest.len()) {
        (true, ..) => INTEL.sgx(3),
        (false, 2, 584) => INTEL.tdx(4, 2),
        (false, 2, 885) => INTEL.tdx(5, 4),
        (false, ..) => INTEL.tdx(5, 3),
    };
    match part >> 1 {
        0 | 1 => {
            let Ok(text) = std::str::from_utf8(rest) else { return false };
            *(if part >> 1 == 0 { &mut case.tcb_info } else { &mut case.qe_identity }) = text.to_owned();
        }
        2 => case.body = rest.to_vec(),
        3 => {
            case.qe_report = rest.to_vec();
            // Its report data is filled in while it is signed.
            case.qe_report.resize(384, 0);
        }
        _ => {
            let pck = case.pck.clone().with_extension("1.2.840.113741.1.13.1", false, rest.to_vec());
            let chain = [INTEL.pck_ca.issue(&pck), INTEL.root.issue(&case.pck_ca), INTEL.root.root()];
            case.certification = Some((5, pem(&chain)));
        }
    }
    let Made { quote, tcb_signer, crls, tcb_info, qe_identity, .. } = INTEL.make(&case);
    let judge = Judge::of([
        root(Vendor::Intel, &INTEL.root),
        Endorsement::Certificate(tcb_signer),
        Endorsement::TcbInfo(tcb_info.into_bytes()),
        Endorsement::QeIdentity(qe_identity.into_bytes()),
    ]);
    let endorsements = judge.endorsements.with_all(crls.into_iter().map(Endorsement::Crl));
    Judge { endorsements, ..Judge::default() }.believes(&Evidence::new(Format::Dcap, quote))
}

/// A measurement extension: of the runtime (0 mod 3), of the first mutable code, or the runtime's UEID.
pub fn dice(bytes: &[u8]) -> bool {
    static CASE: LazyLock<(layers::Device, Judge)> = LazyLock::new(|| {
        let device = layers::Device::default();
        let judge = Judge::of([root(Vendor::Dice, &device.root)]);
        (device, judge)
    });
    let (device, judge) = &*CASE;
    let Some((part, value)) = bytes.split_first() else { return false };
    let (place, name) = match part % 3 {
        0 => (0, layers::oid::TCB_INFO),
        1 => (1, layers::oid::MULTI_TCB_INFO),
        _ => (0, layers::oid::UEID),
    };
    let mut certificates = device.certificates();
    for (_, _, own) in certificates[place].extensions.iter_mut().filter(|(own, ..)| own == name) {
        *own = value.to_vec();
    }
    let issuers = [&device.fmc, &device.ldevid, &device.idevid, &device.root];
    let chain: Vec<u8> = issuers.iter().zip(&certificates).flat_map(|(issuer, it)| issuer.issue(it)).collect();
    judge.believes(&Evidence::new(Format::Dice, chain))
}

/// A report, request and answer.
pub fn gpu(report: &[u8]) -> bool {
    static CASE: LazyLock<(Nvidia, Vec<u8>, Judge)> = LazyLock::new(|| {
        let nvidia = Nvidia::default();
        let chain = pem(&nvidia.chain(&nvidia.device()));
        let judge = Judge::of([root(Vendor::NvidiaDevice, &nvidia.root)]);
        (nvidia, chain, judge)
    });
    let (nvidia, chain, judge) = &*CASE;
    let signed = [report, &nvidia.firmware.sign_fixed(report)].concat();
    judge.believes(&gpu_format::evidence(&signed, chain))
}

/// A document's content.
pub fn nitro(payload: &[u8]) -> bool {
    static CASE: LazyLock<(Aws, [Vec<u8>; 2], Judge)> = LazyLock::new(|| {
        let aws = Aws::new();
        let certificates = aws.certificates();
        let above: Vec<_> = aws.bundle(&certificates).iter().map(|der| cbor::bytes(der)).collect();
        let leaf = cbor::bytes(&aws.instance.issue(&certificates.leaf));
        let judge = Judge::of([root(Vendor::Aws, &aws.root)]);
        (aws, [leaf, cbor::array(&above)], judge)
    });
    let (aws, actual, judge) = &*CASE;
    let mut payload = payload.to_vec();
    for (word, actual) in CERTIFICATES.iter().zip(actual) {
        payload = fill(&payload, &cbor::bytes(word), actual);
    }
    let envelope = Envelope { tag: None, ..Envelope::of(Algorithm::P384) };
    judge.believes(&Evidence::new(Format::Nitro, envelope.seal(&payload, &aws.key)))
}

/// A PSA token's claims.
pub fn psa(claims: &[u8]) -> bool {
    static CASE: LazyLock<(Arm, Judge)> = LazyLock::new(|| {
        let arm = Arm::new(Algorithm::P256);
        let key = Endorsement::Key { owner: KeyOwner::Psa, id: INSTANCE_ID.to_vec(), spki: arm.key.spki() };
        (arm, Judge::of([key]))
    });
    let (arm, judge) = &*CASE;
    judge.believes(&Evidence::new(Format::Psa, Envelope::of(Algorithm::P256).seal(claims, &arm.key)))
}

/// Claims beside a quote in a certificate.
pub fn ratls(claims: &[u8]) -> bool {
    static CASE: LazyLock<(RaTls, Vec<u8>, Judge)> = LazyLock::new(|| {
        let maker = RaTls::new(Algorithm::P256);
        let made = maker.intel.make(&maker.intel.sgx(3));
        let collateral = [
            Endorsement::Certificate(made.tcb_signer),
            Endorsement::TcbInfo(made.tcb_info.into_bytes()),
            Endorsement::QeIdentity(made.qe_identity.into_bytes()),
        ];
        let crls = made.crls.into_iter().map(Endorsement::Crl);
        let judge = Judge::of([root(Vendor::Intel, &maker.intel.root)].into_iter().chain(collateral).chain(crls));
        let digest = Digest::of(&maker.own.key.spki()).as_bytes().to_vec();
        (maker, digest, judge)
    });
    let (maker, digest, judge) = &*CASE;
    let claims = fill(claims, &DIGEST, digest);
    let wrapped = wrapped(QUOTE_TAG, &maker.quote(&maker.intel.sgx(3), &claims), &claims);
    let certificate = maker.own.issue(&maker.certificate().with_extension(WRAPPER, false, wrapped));
    judge.believes(&Evidence::new(Format::Ratls, certificate))
}

/// What a reference manifest says, beside a GPU's evidence. The signature is over these bytes: those that are not in canonical form
/// fail at the digest.
pub fn rim(content: &[u8]) -> bool {
    static CASE: LazyLock<(Nvidia, Evidence, Endorsements)> = LazyLock::new(|| {
        let nvidia = Nvidia::default();
        let chain = pem(&nvidia.chain(&nvidia.device()));
        let evidence = gpu_format::evidence(&nvidia.sign(&cards::Report::default()), &chain);
        let roots = [root(Vendor::NvidiaDevice, &nvidia.root), root(Vendor::NvidiaRim, &nvidia.rim_root)];
        (nvidia, evidence, Endorsements::default().with_all(roots))
    });
    let (nvidia, evidence, roots) = &*CASE;
    let Ok(content) = std::str::from_utf8(content) else { return false };
    let manifest = manifest_of(content);
    let manifest = nvidia.manifest(&manifest, &nvidia.rim_certificate());
    let endorsements = roots.clone().with(Endorsement::Rim(manifest.into_bytes()));
    Judge { endorsements, ..Judge::default() }.believes(evidence)
}

/// A manifest with nothing but this content.
fn manifest_of(content: &str) -> Manifest {
    let empty = Manifest { references: Vec::new(), ..Manifest::default() };
    let own = format!("<Meta colloquialVersion=\"{}\"></Meta><Payload></Payload>", empty.version);
    Manifest { shape: Some((own, content.to_owned())), ..empty }
}

/// A report of Genoa (0 mod 4), Milan or Turin by its chip, or of Genoa by its cloud.
pub fn snp(bytes: &[u8]) -> bool {
    static CASE: LazyLock<([Amd; 3], Judge)> = LazyLock::new(|| {
        let lines = [Line::Genoa, Line::Milan, Line::Turin].map(Amd::new);
        let mut items = Vec::new();
        for amd in &lines {
            let report = Report::of(amd.line);
            let ders = [
                amd.ark.issue(&amd.ask_certificate()),
                amd.ark.issue(&amd.asvk_certificate()),
                amd.vcek(&report).issue(&amd.ask),
                amd.vlek(&report).issue(&amd.asvk),
            ];
            items.push(root(Vendor::Amd, &amd.ark));
            items.extend(ders.map(Endorsement::Certificate));
        }
        (lines, Judge::of(items))
    });
    let (lines, judge) = &*CASE;
    let Some((part, report)) = bytes.split_first() else { return false };
    let amd = &lines[usize::from(part % 4) % 3];
    let mut report = Report(report.to_vec());
    report.0.resize(at::SIGNATURE, 0);
    let signed = report.sign(if part % 4 == 3 { &amd.vlek } else { &amd.vcek });
    judge.believes(&Evidence::new(Format::Snp, signed))
}

/// A launcher's statement.
pub fn software(payload: &[u8]) -> bool {
    static JUDGE: LazyLock<Judge> = LazyLock::new(|| Judge::of([Endorsement::Launcher(key(1).public())]));
    let object = casemate_cose::sign(Kind::Evidence, payload, &key(1));
    JUDGE.believes(&Evidence::new(Format::Software, object))
}

/// What a TPM states (even), or a log whose values it quotes.
pub fn tpm(bytes: &[u8]) -> bool {
    static CASE: LazyLock<(Tpm, quotes::Evidence, Judge)> = LazyLock::new(|| {
        let maker = Tpm::new(Algorithm::P256);
        let log = Log::boot(&[SHA256], COMMAND_LINE);
        let evidence = quotes::Evidence::of(&maker, &Quote::of(&log, SHA256, SHA256), &log);
        let judge = Judge::of([root(Vendor::Tpm, &maker.root)]);
        (maker, evidence, judge)
    });
    let (maker, honest, judge) = &*CASE;
    let Some((part, rest)) = bytes.split_first() else { return false };
    let evidence = if part & 1 == 0 {
        quotes::Evidence { signature: maker.sign(rest), attest: rest.to_vec(), ..honest.clone() }
    } else {
        let Some(quote) = quote_of(rest) else { return false };
        let attest = quote.encode();
        let signature = maker.sign(&attest);
        quotes::Evidence { signature, attest, pcrs: quote.pcrs, log: rest.to_vec(), ..honest.clone() }
    };
    judge.believes(&Evidence::new(Format::Tpm, evidence.encode()))
}

/// A quote over the values that a log gives, as the product replays it.
fn quote_of(log: &[u8]) -> Option<Quote> {
    let values = EventLog::of_tpm(log).ok()?.replay(Hash::Sha256).ok()?;
    let mut quote = Quote::of(&Log { banks: vec![SHA256], events: Vec::new() }, SHA256, SHA256);
    for (_, index, value) in &mut quote.pcrs {
        if let Some(replayed) = values.value(*index) {
            *value = replayed.to_vec();
        }
    }
    Some(quote)
}

/// What is signed in the certificate of a TPM's key (even), or in the list of who issued it.
pub fn x509(bytes: &[u8]) -> bool {
    static CASE: LazyLock<(Tpm, quotes::Evidence)> = LazyLock::new(|| {
        let maker = Tpm::new(Algorithm::P256);
        let log = Log::boot(&[SHA256], COMMAND_LINE);
        let evidence = quotes::Evidence::of(&maker, &Quote::of(&log, SHA256, SHA256), &log);
        (maker, evidence)
    });
    let (maker, honest) = &*CASE;
    let Some((part, rest)) = bytes.split_first() else { return false };
    let mut evidence = honest.clone();
    let mut endorsements = Endorsements::default().with(root(Vendor::Tpm, &maker.root));
    let signed = seal(&maker.issuer, fill(rest, &POINT, &maker.ak.public()));
    if part & 1 == 0 {
        evidence.certificates[0] = signed;
    } else {
        endorsements = endorsements.with(Endorsement::Crl(signed));
    }
    let evidence = Evidence::new(Format::Tpm, evidence.encode());
    authenticate(&evidence, &endorsements, &DangerouslyUnbound, NOW).is_ok()
}

/// As authorities sign certificates and lists, whatever these bytes are.
fn seal(authority: &Authority, signed: Vec<u8>) -> Vec<u8> {
    let signature = der::bits(&authority.key.sign(&signed));
    der::sequence(&[signed, authority.key.signature_algorithm(), signature])
}
