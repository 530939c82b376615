//! Verifies the measurements of an NVIDIA GPU.
//!
//! 1. Layout: SPDM 1.1 request and answer, each measurement SHA-384, each opaque row once. [DSP0274 1.1 §10.11]
//! 2. Chain: leaf → … → NVIDIA's device root, validity at `at`, revocation lists if given. [RFC 5280]
//! 3. OCSP answers that are given are current and `good`. [RFC 6960]
//! 4. The firmware that the report names is the one that the leaf was issued for. [TCG DICE Attestation §6.1.1]
//! 5. P-384 over all but the last 96 bytes as received. [DSP0274 1.1 §10.11.1]
//! 6. Reference manifests for this driver and VBIOS are NVIDIA's; measurements are compared, a difference is a claim.
//!    [XML Signature 1.1; TCG RIM IM]

use std::sync::Arc;

use super::{
    Claims, Flaw,
    abi::{Parts, Report, row},
    claims::status,
    endorsements::device,
    rim::{self, Rim},
};
use crate::{
    Field, Platform, ReportData, Step, Vendor, Verified, Window,
    cache::Context,
    dated::rim_name,
    x509::{Chain, CrlRule, Lists, oid},
};

/// The step that compares measurements with manifests.
pub(super) const MANIFESTS_STEP: u8 = 6;

/// The steps, in order.
pub const STEPS: &[Step] = &[
    Step {
        number: 1, text: "request and answer are SPDM 1.1 with SHA-384 measurements", source: "DSP0274 1.1 §10.11"
    },
    Step { number: 2, text: "the device's certificates lead to NVIDIA's root, valid now", source: "RFC 5280 §6" },
    Step { number: 3, text: "OCSP answers that are given are current and good", source: "RFC 6960 §4.2" },
    Step { number: 4, text: "report and certificate name the same firmware", source: "TCG DICE Attestation §6.1.1" },
    Step { number: 5, text: "the device signed request and answer, as received", source: "DSP0274 1.1 §10.11.1" },
    Step {
        number: MANIFESTS_STEP,
        text: "reference manifests for its driver and VBIOS are NVIDIA's",
        source: "XML Signature 1.1, TCG RIM IM",
    },
];

/// Verifies the evidence of one GPU.
pub(crate) fn verify(bytes: &[u8], context: &Context<'_>) -> Result<Verified, Flaw> {
    // 1
    let parts = Parts::parse(bytes)?;
    let report = Report::parse(&parts.report)?;
    // 2, 3
    let device = context.cached("gpu", &[&parts.certificates], || {
        let device = device(&parts.certificates, context)?;
        let window = device.support.window;
        Ok::<_, Flaw>((device, window))
    })?;
    // 4
    if let (Some(certificate), Some(reported)) = (&device.firmware_id, report.row(row::FWID))
        && certificate != reported
    {
        return Err(Flaw::FirmwareId { certificate: hex::encode(certificate), report: hex::encode(reported) });
    }
    // 5
    device.key.verify(report.signed, report.signature).map_err(|_| Flaw::Signature {})?;
    // 6
    let mut support = device.support.clone();
    let mut claims = Claims::of(&report, device.identity, device.name.clone());
    claims.revocation_checked = device.is_revocation_checked;
    let is_decoder_on = report.row(row::NVDEC0_STATUS).and_then(status).unwrap_or(true);
    for rim in manifests(context)?.iter() {
        let is_driver = rim.version == claims.driver_version;
        let is_vbios = rim.version.eq_ignore_ascii_case(&claims.vbios_version);
        if is_driver || is_vbios {
            let compared = Some(rim.compare(&report.measurements, is_decoder_on));
            support.extend(&rim.support);
            if is_driver {
                claims.driver_manifest = compared;
            } else {
                claims.vbios_manifest = compared;
            }
        } else {
            claims.other_manifests.push(rim.version.clone());
        }
    }
    Ok(Verified { claims: common(claims, &report, context), support })
}

fn common(claims: Claims, report: &Report<'_>, context: &Context<'_>) -> crate::Claims {
    crate::Claims {
        isolation: None,
        manifest: None,
        report_data: ReportData { field: Field::GpuNonce, bytes: report.nonce.to_vec() },
        at: context.at,
        debug: false,
        platform: Platform::Gpu(Box::new(claims)),
    }
}

/// Every manifest among the endorsements, verified: a forged one is refused even where it is for another version.
fn manifests(context: &Context<'_>) -> Result<Arc<Vec<Rim>>, Flaw> {
    context.cached("gpu-rim", &[], || {
        let mut manifests = Vec::new();
        let mut window = Window::ALWAYS;
        let (anchors, crls) = (context.endorsements.anchors(Vendor::NvidiaRim), Lists::of(context.endorsements.crls()));
        let chain = Chain {
            anchors: &anchors,
            crls: &crls,
            crl_rule: CrlRule::IfGiven,
            critical: &[oid::EXTENDED_KEY_USAGE],
            at: context.at,
        };
        for bytes in context.endorsements.rims() {
            let refuse = |error| Flaw::Rim { name: rim_name(bytes), error };
            let (root, version) = rim::version_of(bytes).map_err(refuse)?;
            let rim = Rim::verify(&root, version, bytes, &chain).map_err(refuse)?;
            window = window.intersect(rim.support.window);
            manifests.push(rim);
        }
        Ok((manifests, window))
    })
}
