//! `gpu` evidence: NVIDIA's published Hopper reports and manifests, and those of an NVIDIA of our own.

mod crimes;

use std::path::Path;

use casemate_cose::UnixTime;
use casemate_evidence::{
    Cache, Claims, DangerouslyUnbound, Endorsement, Endorsements, Evidence, Field, Format, Platform, Stated,
    authenticate, authenticate_cached, gpu,
};
use casemate_testkit::vectors;

use crate::{assert_refused, read, unbound};

/// 2026-06-01T00:00:00Z.
const AT: UnixTime = UnixTime(1_780_272_000);

fn report(vectors: &Path, file: &str) -> Vec<u8> {
    hex::decode(String::from_utf8(read(vectors, file)).unwrap().trim()).unwrap()
}

fn gpu_claims(claims: &Claims) -> &gpu::Claims {
    let Platform::Gpu(claims) = &claims.platform else { panic!("not a GPU's claims") };
    claims
}

fn hopper(vectors: &Path) -> Evidence {
    gpu::evidence(&report(vectors, "gpu/hopperAttestationReport.txt"), &read(vectors, "gpu/hopperCertChain.txt"))
}

#[test]
fn hopper_reports_are_authentic() {
    let Some(vectors) = vectors("recorded GPU reports") else { return };
    let evidence = hopper(&vectors);
    let authentic = unbound(Format::Gpu, evidence.bytes(), &Endorsements::of_vendors(), AT).unwrap();
    let claims = gpu_claims(authentic.claims());
    assert_eq!(claims.driver_version, "535.86.09");
    assert_eq!(claims.vbios_version, "96.00.5E.00.01");
    assert_eq!(claims.measurements.len(), 64);
    assert_eq!((claims.firmware_id, &claims.driver_manifest, claims.revocation_checked), (None, &None, false));
    let nonce = &report(&vectors, "gpu/hopperAttestationReport.txt")[4..36];
    assert_eq!(authentic.claims().report_data.bytes, nonce);
    assert_eq!(authentic.claims().report_data.field, Field::GpuNonce);
    assert_eq!(authentic.support().used.len(), 4, "{:?}", authentic.support());
}

#[test]
fn the_nonce_of_a_recorded_report_is_the_one_asked_for() {
    let Some(vectors) = vectors("recorded GPU evidence") else { return };
    let text = String::from_utf8(read(&vectors, "gpu/hopper_evidence.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let decode = |name: &str| base64(json[0][name].as_str().unwrap());
    let evidence = gpu::evidence(&decode("evidence"), &decode("certificate"));
    let nonce = hex::decode(json[0]["nonce"].as_str().unwrap()).unwrap();
    let roots = Endorsements::of_vendors();
    let authentic = authenticate(&evidence, &roots, &Stated::new(nonce.clone()), AT).unwrap();
    let claims = gpu_claims(authentic.claims());
    assert_eq!(claims.driver_version, "590.12");
    assert!(claims.firmware_id.is_some() && claims.protected_pcie == Some(true));
    let mut other = nonce.clone();
    other[31] ^= 1;
    assert_refused("nonce_one_bit_off", authenticate(&evidence, &roots, &Stated::new(other), AT), "evidence-binding");
    let longer = [nonce.as_slice(), &[0]].concat();
    assert_refused(
        "nonce_one_byte_longer",
        authenticate(&evidence, &roots, &Stated::new(longer), AT),
        "evidence-binding",
    );
}

#[test]
fn recorded_crimes_are_refused() {
    let Some(vectors) = vectors("recorded GPU crimes") else { return };
    let roots = Endorsements::of_vendors();
    let chain = read(&vectors, "gpu/hopperCertChain.txt");
    for file in ["gpu/hopperAttestationReportInvalidSignature.txt", "gpu/hopperAttestationReportExpired.txt"] {
        // Both were made by other devices than the one whose chain lies beside them.
        let evidence = gpu::evidence(&report(&vectors, file), &chain);
        let outcome = unbound(Format::Gpu, evidence.bytes(), &roots, AT);
        let rule = outcome.as_ref().err().map(|refusal| refusal.rule());
        assert!(matches!(rule, Some("gpu-signature" | "gpu-firmware-id")), "{file}: {rule:?}");
    }
    let evidence = hopper(&vectors);
    for (crime, file, rule) in [
        ("manifest_with_a_bad_signature", "gpu/incorrect_signature_driver_rim.xml", "gpu-rim"),
        ("manifest_of_another_signer", "gpu/incorrect_cert_chain_driver_rim.xml", "gpu-rim"),
    ] {
        let forged = roots.clone().with(Endorsement::Rim(read(&vectors, file)));
        assert_refused(crime, unbound(Format::Gpu, evidence.bytes(), &forged, AT), rule);
    }
}

#[test]
#[ignore = "long: every bit"]
fn every_bit_of_a_recorded_report_counts() {
    let Some(vectors) = vectors("every bit of a recorded GPU report") else { return };
    let (roots, cache) = (Endorsements::of_vendors(), Cache::default());
    let bytes = report(&vectors, "gpu/hopperAttestationReport.txt");
    let chain = read(&vectors, "gpu/hopperCertChain.txt");
    let judge =
        |report: &[u8]| authenticate_cached(&gpu::evidence(report, &chain), &roots, &DangerouslyUnbound, AT, &cache);
    assert!(judge(&bytes).is_ok());
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(judge(&flipped).is_err(), "bit {bit}");
    }
}

#[test]
fn the_published_driver_manifest_is_genuine_while_its_signer_is_valid() {
    let Some(vectors) = vectors("a recorded reference manifest") else { return };
    let evidence = hopper(&vectors);
    let rim = Endorsement::Rim(read(&vectors, "gpu/NV_GPU_DRIVER_GH100_550.144.03.xml"));
    let endorsements = Endorsements::of_vendors().with(rim);
    // It is for another driver than the report's: genuine, and not compared.
    let authentic = unbound(Format::Gpu, evidence.bytes(), &endorsements, AT).unwrap();
    assert_eq!(gpu_claims(authentic.claims()).driver_manifest, None);
    let why = gpu_claims(authentic.claims()).why_not_compared();
    assert_eq!(why, "the one that was given is for `550.144.03`");
    // 2026-12-30T16:56:50Z is its signer's last second.
    let last = UnixTime(1_798_649_810);
    assert!(unbound(Format::Gpu, evidence.bytes(), &endorsements, last).is_ok());
    let after = unbound(Format::Gpu, evidence.bytes(), &endorsements, UnixTime(last.0 + 1));
    assert_refused("manifest_signer_expired", after, "gpu-rim");
}

/// The manifest without its signature, which is what was signed: every `step`th bit.
fn no_bit_of_a_manifest_can_change(vectors: &Path, step: usize) {
    let evidence = hopper(vectors);
    let file = read(vectors, "gpu/NV_GPU_DRIVER_GH100_550.144.03.xml");
    let judge = |rim: Vec<u8>| {
        let endorsements = Endorsements::of_vendors().with(Endorsement::Rim(rim));
        unbound(Format::Gpu, evidence.bytes(), &endorsements, AT)
    };
    assert!(judge(file.clone()).is_ok());
    let at = |mark: &str| file.windows(mark.len()).position(|window| window == mark.as_bytes()).unwrap();
    let (start, signature, end) = (at("<SoftwareIdentity"), at("<ds:Signature "), at("</ds:Signature>"));
    for bit in (start * 8..signature * 8).chain((end + 15) * 8..file.len() * 8).step_by(step) {
        let mut flipped = file.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        // White space after the document is nobody's.
        let is_space = |byte: u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        if bit / 8 >= file.len() - 2 && is_space(file[bit / 8]) && is_space(flipped[bit / 8]) {
            continue;
        }
        assert_refused(&format!("bit {bit}"), judge(flipped), "gpu-rim");
    }
}

#[test]
fn no_16th_bit_of_a_recorded_manifest_can_change() {
    let Some(vectors) = vectors("every 16th bit of a recorded reference manifest") else { return };
    no_bit_of_a_manifest_can_change(&vectors, 16);
}

#[test]
#[ignore = "long: every bit"]
fn no_bit_of_a_recorded_manifest_can_change() {
    let Some(vectors) = vectors("every bit of a recorded reference manifest") else { return };
    no_bit_of_a_manifest_can_change(&vectors, 1);
}

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}
