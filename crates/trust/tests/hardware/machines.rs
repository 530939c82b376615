//! Machines whose vendors are the test kit's own.

use std::sync::LazyLock;

use casemate_evidence::{
    AllowDebug, Anchor, Authenticated, DangerouslyUnbound, Endorsement, Endorsements, Evidence, Expectation, Field,
    Format, KeyOwner, Vendor, authenticate, gpu,
};
use casemate_testkit::{
    NOW, cbor,
    pki::Algorithm,
    vendor::{
        amd::{Amd, Line, Report, at},
        eventlog::{Log, SHA256},
        intel::{Intel, Made},
        nvidia::{self, Nvidia, pem},
        ratls::RaTls,
        tpm::{self, COMMAND_LINE, Quote, Tpm},
    },
};

/// Evidence that nobody here asked for.
pub(super) type Unbound = Authenticated<AllowDebug<DangerouslyUnbound>>;

static AMD: LazyLock<Amd> = LazyLock::new(|| Amd::new(Line::Milan));
static INTEL: LazyLock<Intel> = LazyLock::new(Intel::default);
static TPM: LazyLock<Tpm> = LazyLock::new(|| Tpm::new(Algorithm::P256));
static GPUS: LazyLock<[Nvidia; 2]> = LazyLock::new(|| [Nvidia::default(), Nvidia::default()]);

const DATA: [u8; 64] = [7; 64];

fn anchor(vendor: Vendor, root: &[u8]) -> Endorsement {
    Endorsement::Anchor(Anchor::of_certificate(vendor, root).unwrap())
}

fn unbound(format: Format, bytes: Vec<u8>, endorsements: &Endorsements) -> Unbound {
    authentic(format, bytes, endorsements, &AllowDebug::new(DangerouslyUnbound))
}

fn authentic<B: Expectation>(
    format: Format,
    bytes: Vec<u8>,
    endorsements: &Endorsements,
    as_for: &B,
) -> Authenticated<B> {
    authenticate(&Evidence::new(format, bytes), endorsements, as_for, NOW).unwrap_or_else(|refusal| panic!("{refusal}"))
}

/// An SNP guest whose report has these bytes at these places, signed by its chip.
pub(super) fn snp(changes: &[(usize, &[u8])]) -> Unbound {
    snp_for(changes, &AllowDebug::new(DangerouslyUnbound))
}

/// The same, expected to be for something.
pub(super) fn snp_for<B: Expectation>(changes: &[(usize, &[u8])], as_for: &B) -> Authenticated<B> {
    let mut report = Report::of(Line::Milan);
    for (place, bytes) in changes {
        report.put(*place, bytes);
    }
    // The chip's certificate names it, whatever the report says.
    let mut certified = report.clone();
    certified.put(at::CHIP_ID, &[0xc1; 64]);
    authentic(Format::Snp, report.sign(&AMD.vcek), &amd(&certified), as_for)
}

/// An SNP guest on a host of a cloud that hides its chips.
pub(super) fn snp_of_cloud() -> Unbound {
    let mut report = Report::of(Line::Milan);
    report.put(at::FLAGS, &[4]).put(at::CHIP_ID, &[0; 64]);
    let endorsements = Endorsements::default().with_all([
        anchor(Vendor::Amd, &AMD.ark.root()),
        Endorsement::Certificate(AMD.ark.issue(&AMD.asvk_certificate())),
        Endorsement::Certificate(AMD.vlek(&report).issue(&AMD.asvk)),
    ]);
    unbound(Format::Snp, report.sign(&AMD.vlek), &endorsements)
}

fn amd(report: &Report) -> Endorsements {
    Endorsements::default().with_all([
        anchor(Vendor::Amd, &AMD.ark.root()),
        Endorsement::Certificate(AMD.ark.issue(&AMD.ask_certificate())),
        Endorsement::Certificate(AMD.vcek(report).issue(&AMD.ask)),
    ])
}

/// A trust domain of TDX 1.0 (2), 1.5 (3) or 1.5 extended (4) whose report has these bytes at these places.
pub(super) fn tdx(body_type: u16, changes: &[(usize, &[u8])]) -> Unbound {
    let version = if body_type == 2 { 4 } else { 5 };
    let mut case = INTEL.tdx(version, body_type);
    for (place, bytes) in changes {
        case.body[*place..*place + bytes.len()].copy_from_slice(bytes);
    }
    let made = INTEL.make(&case);
    unbound(Format::Dcap, made.quote.clone(), &intel(&made))
}

/// An enclave's quote in a certificate of its TLS key.
pub(super) fn certificate() -> Unbound {
    let maker = RaTls::default();
    let made = maker.intel.make(&maker.intel.sgx(3));
    unbound(Format::Ratls, maker.interoperable(&maker.claims()), &intel(&made))
}

fn intel(made: &Made) -> Endorsements {
    Endorsements::default()
        .with(anchor(Vendor::Intel, &made.root))
        .with(Endorsement::Certificate(made.tcb_signer.clone()))
        .with_all(made.crls.iter().cloned().map(Endorsement::Crl))
        .with(Endorsement::TcbInfo(made.tcb_info.clone().into_bytes()))
        .with(Endorsement::QeIdentity(made.qe_identity.clone().into_bytes()))
}

fn quote(nonce: &[u8]) -> Vec<u8> {
    let log = Log::boot(&[SHA256], COMMAND_LINE);
    let quote = Quote { qualifying_data: nonce.to_vec(), ..Quote::of(&log, SHA256, SHA256) };
    tpm::Evidence::of(&TPM, &quote, &log).encode()
}

/// A TPM whose maker vouches for its key.
pub(super) fn certified_tpm() -> Unbound {
    unbound(Format::Tpm, quote(b"nonce"), &Endorsements::default().with(anchor(Vendor::Tpm, &TPM.root.root())))
}

/// The same TPM, of which the verifier was told the key.
pub(super) fn given_tpm() -> Unbound {
    let given = Endorsement::Key { owner: KeyOwner::Tpm, id: Vec::new(), spki: TPM.ak.spki() };
    unbound(Format::Tpm, quote(b"nonce"), &Endorsements::default().with(given))
}

/// An SNP guest with two GPUs and a TPM, asked for one binding.
pub(super) fn composite() -> Unbound {
    let report = Report::of(Line::Milan);
    let part = |format: &str, bytes: &[u8]| cbor::array(&[cbor::text(format), cbor::bytes(bytes)]);
    let gpu = |gpu: &Nvidia| {
        let nonce = Field::GpuNonce.of(&DATA);
        let report = nvidia::Report { nonce: nonce.try_into().unwrap(), ..nvidia::Report::default() };
        gpu::evidence(&gpu.sign(&report), &pem(&gpu.chain(&gpu.device()))).bytes().to_vec()
    };
    let [one, other] = &*GPUS;
    let bytes = cbor::array(&[
        part("snp", &report.sign(&AMD.vcek)),
        part("gpu", &gpu(one)),
        part("gpu", &gpu(other)),
        part("tpm", &quote(&Field::TpmQualifyingData.of(&DATA))),
    ]);
    let endorsements = amd(&report)
        .with(anchor(Vendor::NvidiaDevice, &one.root.root()))
        .with(anchor(Vendor::NvidiaDevice, &other.root.root()))
        .with(anchor(Vendor::Tpm, &TPM.root.root()));
    unbound(Format::Composite, bytes, &endorsements)
}
