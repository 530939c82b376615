//! Verifies an AMD SEV-SNP attestation report.
//!
//! 1. Layout: version 2 to 5, 1184 bytes, reserved fields zero. [56860 §7.3, ATTESTATION_REPORT]
//! 2. What follows it is nothing or a certificate table. [56421 §4.1.8.1]
//! 3. A guest asked for it (VMPL 0 to 3), VCEK or VLEK signed it, the author key is there if enabled. [56860 §7.3]
//! 4. Product line from CPUID family and model; version 2 takes it from the signing key's issuer. [56860 §7.3]
//! 5. Chain: ARK pinned, ARK → ASK or ASVK → VCEK or VLEK, valid at `at`, not revoked. [57230 §3]
//! 6. The signing key is of the kind, product line, chip and TCB that the report states. [57230 §3.1]
//! 7. TCB versions: reserved bytes zero, reported ≤ committed ≤ current in each component. [56860 §2.2, §7.3]
//! 8. ECDSA P-384 with SHA-384 over bytes 0 to 671 as received, R and S little-endian. [56860 §7.3]
//!
//! Steps 5 and 6 depend on endorsements, the certificates carried, and what of the report chooses among them: they are cached.

use std::sync::Arc;

use super::{
    Flaw, Product, VekKind,
    abi::{Carried, Report},
    claims::{Tcbs, claims},
    endorsements::{Endorsed, Wanted, endorsed},
};
use crate::{Step, Verified, WireError, cache::Context};

/// The steps, in order.
pub const STEPS: &[Step] = &[
    Step {
        number: 1,
        text: "the report has 1184 bytes, version 2 to 5, reserved fields zero",
        source: "AMD 56860 §7.3",
    },
    Step { number: 2, text: "what follows it is nothing or a certificate table", source: "AMD 56421 §4.1.8.1" },
    Step { number: 3, text: "a guest asked for it and VCEK or VLEK signed it", source: "AMD 56860 §7.3" },
    Step { number: 4, text: "the processor is of a known product line", source: "AMD 56860 §7.3" },
    Step { number: 5, text: "the signing key chains to a pinned ARK, valid and not revoked", source: "AMD 57230 §3" },
    Step { number: 6, text: "the signing key is of this kind, product line, chip and TCB", source: "AMD 57230 §3.1" },
    Step { number: 7, text: "reported ≤ committed ≤ current TCB", source: "AMD 56860 §2.2, §7.3" },
    Step { number: 8, text: "the signature verifies, over the bytes as received", source: "AMD 56860 §7.3" },
];

/// Verifies a report and the certificate table after it, if there is one.
pub(crate) fn verify(bytes: &[u8], context: &Context<'_>) -> Result<Verified, Flaw> {
    // 1
    let (report, rest) = Report::read(bytes).map_err(|error| Flaw::Layout { error })?;
    // 2
    let carried = Carried::table(rest).map_err(|error| Flaw::Table { error })?;
    rest_of(&report, &carried, context)
}

/// Verifies a report that other formats wrap, with the certificates that came along in some other way.
pub(crate) fn verify_report(report: &[u8], carried: &Carried<'_>, context: &Context<'_>) -> Result<Verified, Flaw> {
    let (report, rest) = Report::read(report).map_err(|error| Flaw::Layout { error })?;
    if !rest.is_empty() {
        return Err(Flaw::Layout { error: WireError::Trailing { field: "ATTESTATION_REPORT", left: rest.len() } });
    }
    rest_of(&report, carried, context)
}

/// Steps 3 to 8.
fn rest_of(report: &Report<'_>, carried: &Carried<'_>, context: &Context<'_>) -> Result<Verified, Flaw> {
    // 3
    let kind = signing_key(report)?;
    // 4
    let product = report
        .cpuid
        .map(|cpuid| Product::of(cpuid).ok_or(Flaw::Processor { family: cpuid.family, model: cpuid.model }));
    let wanted = Wanted::of(report, kind, product.transpose()?);
    // 5, 6
    let endorsed = cached(&wanted, report, carried, context)?;
    // 7
    let tcbs = tcbs(report, endorsed.product)?;
    // 8
    if endorsed.key.verify(report.signed, &report.signature).is_err() {
        return Err(Flaw::Signature {});
    }
    let claims = claims(report, &tcbs, &endorsed, context.at);
    Ok(Verified { claims, support: endorsed.support.clone() })
}

fn signing_key(report: &Report<'_>) -> Result<VekKind, Flaw> {
    if report.vmpl > 3 {
        return Err(Flaw::Vmpl { actual: report.vmpl });
    }
    let is_enabled = report.flags & 1 != 0;
    if is_enabled != (report.author_key_digest != [0; 48]) {
        return Err(Flaw::AuthorKey { is_enabled });
    }
    match (report.flags >> 2) & 7 {
        0 => Ok(VekKind::Vcek),
        1 => Ok(VekKind::Vlek),
        7 => Err(Flaw::Unsigned {}),
        actual => Err(Flaw::SigningKey { actual }),
    }
}

fn cached(
    wanted: &Wanted,
    report: &Report<'_>,
    carried: &Carried<'_>,
    context: &Context<'_>,
) -> Result<Arc<Endorsed>, Flaw> {
    let [ark, ask, crl, vcek, vlek] = carried.parts();
    let line = wanted.product.map_or("", Product::as_str).as_bytes();
    let flags = report.flags.to_le_bytes();
    let key = [line, &flags, &wanted.chip_id, &wanted.reported_tcb, ark, ask, crl, vcek, vlek];
    context.cached("snp", &key, || {
        let endorsed = endorsed(wanted, carried, context)?;
        let window = endorsed.support.window;
        Ok((endorsed, window))
    })
}

fn tcbs(report: &Report<'_>, product: Product) -> Result<Tcbs, Flaw> {
    let tcbs = Tcbs::read(report, product)?;
    for (low, low_tcb, high, high_tcb) in [
        ("REPORTED_TCB", tcbs.reported, "COMMITTED_TCB", tcbs.committed),
        ("COMMITTED_TCB", tcbs.committed, "CURRENT_TCB", tcbs.current),
    ] {
        if let Some(component) = low_tcb.above(&high_tcb) {
            return Err(Flaw::TcbOrder { low, low_tcb, high, high_tcb, component });
        }
    }
    Ok(tcbs)
}
