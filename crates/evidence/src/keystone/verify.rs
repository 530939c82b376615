//! Verifies a RISC-V Keystone report.
//!
//! 1. Layout: 1352 bytes, at most 1024 of data. [Keystone `sdk/include/verifier/report.h`]
//! 2. The device's key is endorsed. [Keystone documentation, Attestation]
//! 3. The device signed the security monitor's hash and key. [Keystone `sdk/src/verifier/Report.cpp`, `checkSignaturesOnly`]
//! 4. The security monitor signed the enclave's hash, the data's length and the data. [the same]
//!
//! Steps 2 and 3 don't depend on the enclave: they are cached.

use super::{Flaw, abi::Report, claims::claims, endorsements::monitor};
use crate::{Step, Verified, Window, cache::Context};

/// The steps, in order.
pub const STEPS: &[Step] = &[
    Step { number: 1, text: "the report has 1352 bytes, at most 1024 of data", source: "Keystone verifier/report.h" },
    Step { number: 2, text: "the device's key is endorsed", source: "Keystone documentation, Attestation" },
    Step { number: 3, text: "the device signed the security monitor", source: "Keystone verifier/Report.cpp" },
    Step { number: 4, text: "the security monitor signed enclave and data", source: "Keystone verifier/Report.cpp" },
];

/// Verifies a report.
pub(crate) fn verify(bytes: &[u8], context: &Context<'_>) -> Result<Verified, Flaw> {
    // 1
    let report = Report::parse(bytes)?;
    // 2, 3
    let carried = [report.monitor_signed, &report.monitor_signature, &report.device_key];
    let monitor =
        context.cached("keystone", &carried, || Ok::<_, Flaw>((monitor(&report, context)?, Window::ALWAYS)))?;
    // 4
    if !monitor.key.has_signed(report.enclave_signed, &report.enclave_signature) {
        return Err(Flaw::EnclaveSignature {});
    }
    Ok(Verified { claims: claims(&report, context.at), support: monitor.support.clone() })
}
