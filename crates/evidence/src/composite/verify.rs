//! Verifies composite evidence. [docs/formats/evidence-composite.md]
//!
//! 1. Layout: 2 to [`super::PARTS_MAX`] parts, each of a known format.
//! 2. The first part is authentic by all steps of its format, and a keep can live in what it speaks for.
//! 3. Each other part is a device's (`gpu`, `tpm`), authentic by all steps of its format.
//! 4. Each device's nonce, or qualifying data, is made from the report data of the first part [docs/formats/binding.md]; of a device that
//!    says so (`same-nonce`), it is the report data itself, without zeros at its end. [go-tpm-tools, `client/attest.go`]
//! 5. No device is there twice.

use casemate_cose::Digest;

use super::{
    Claims, Device, Flaw, Tie,
    abi::{Part, parts},
};
use crate::{Format, Platform, Refusal, ReportData, Step, Verified, authenticate, cache::Context};

/// The step that judges the devices.
pub(super) const DEVICES_STEP: u8 = 3;

/// The steps, in order.
pub const STEPS: &[Step] = &[
    Step {
        number: 1,
        text: "there are 2 to 16 parts, each of a known format",
        source: "docs/formats/evidence-composite.md",
    },
    Step {
        number: 2,
        text: "the first part is authentic, and a keep can live in it",
        source: "the steps of its format",
    },
    Step {
        number: DEVICES_STEP,
        text: "each other part is a device's, and authentic",
        source: "the steps of its format",
    },
    Step {
        number: 4,
        text: "each device was asked with a nonce made from the CPU's report data, or the same, as it says",
        source: "docs/formats/binding.md",
    },
    Step { number: 5, text: "no device is there twice", source: "docs/formats/evidence-composite.md" },
];

/// Verifies `bytes` and returns the claims. Refusals of parts are those of their own formats.
pub(crate) fn verify(bytes: &[u8], context: &Context<'_>) -> Result<Verified, Refusal> {
    // 1
    let parts = parts(bytes)?;
    let (cpu, devices) = parts.split_first().ok_or(Flaw::Count { actual: 0 })?;
    for (place, device) in devices.iter().enumerate() {
        if ![Format::Gpu, Format::Tpm].contains(&device.format) {
            return Err(Flaw::Device { place, actual: device.format }.into());
        }
    }
    // 2
    if [Format::Composite, Format::Ratls].contains(&cpu.format) {
        return Err(Flaw::Cpu { actual: cpu.format }.into());
    }
    let Verified { claims: cpu_claims, mut support } = authenticate::verify(cpu.format, cpu.bytes, context)?;
    if cpu_claims.isolation.is_none() {
        return Err(Flaw::Cpu { actual: cpu.format }.into());
    }
    let mut debug = cpu_claims.debug;
    let mut verified = Vec::with_capacity(devices.len());
    let mut identities: Vec<Digest> = Vec::with_capacity(devices.len());
    for (place, device) in devices.iter().enumerate() {
        // 3
        let Verified { claims, support: needed } = authenticate::verify(device.format, device.bytes, context)?;
        // 4
        check_nonce(place, device.tie, &claims.report_data, &cpu_claims.report_data)?;
        // 5
        let identity = identity(&claims, device);
        if let Some(first) = identities.iter().position(|other| *other == identity) {
            return Err(Flaw::Duplicate { place, first }.into());
        }
        identities.push(identity);
        support.extend(&needed);
        debug |= claims.debug;
        verified.push(Device { claims, tie: device.tie });
    }
    let claims = crate::Claims {
        isolation: cpu_claims.isolation,
        manifest: cpu_claims.manifest,
        report_data: cpu_claims.report_data.clone(),
        at: cpu_claims.at,
        debug,
        platform: Platform::Composite(Box::new(Claims { cpu: Box::new(cpu_claims), devices: verified })),
    };
    Ok(Verified { claims, support })
}

/// Step 4.
fn check_nonce(place: usize, tie: Tie, device: &ReportData, cpu: &ReportData) -> Result<(), Flaw> {
    let expected = match tie {
        Tie::Nonce => device.field.of_bytes(&cpu.bytes),
        Tie::SameNonce => same_nonce(device, cpu).to_vec(),
    };
    if device.bytes == expected {
        return Ok(());
    }
    Err(Flaw::Nonce { place, expected: hex::encode(expected), actual: hex::encode(&device.bytes) })
}

/// As many bytes of the CPU's report data as the device's nonce has, if what follows them is zero; otherwise all of it, which no shorter
/// nonce equals.
fn same_nonce<'a>(device: &ReportData, cpu: &'a ReportData) -> &'a [u8] {
    match cpu.bytes.split_at_checked(device.bytes.len()) {
        Some((nonce, rest)) if !nonce.is_empty() && rest.iter().all(|byte| *byte == 0) => nonce,
        _ => &cpu.bytes,
    }
}

/// What no two devices share: a GPU's identity key, a TPM's attestation key. What has no identity in its claims is told apart by
/// its evidence.
fn identity(claims: &crate::Claims, part: &Part<'_>) -> Digest {
    match &claims.platform {
        Platform::Gpu(claims) => claims.device,
        Platform::Tpm(claims) => claims.attestation_key.digest,
        _ => Digest::of(part.bytes),
    }
}
