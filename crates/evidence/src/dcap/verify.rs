//! Verifies an Intel SGX or TDX quote.
//!
//! 1. Layout: lengths exact, reserved bytes of reports zero; Open Enclave's header, and the hash of the claims behind it.
//!    [SGX ECDSA QuoteLibReference DCAP API, A.4; TDX DCAP Quoting Library API, A.3, A.4]
//! 2. Header: version 3 to 5, ECDSA P-256 attestation key, SGX or TDX, Intel's quoting enclave; body and certification data
//!    of types that these have. [the same]
//! 3. PCK certificate, in the quote or endorsed: Intel's root pinned, root → PCK CA → PCK, valid at `at`, not revoked; both
//!    lists have to be there. [PCK Certificate and CRL Profile, §1, §2; QVL 4.1.2.4.4 to .7]
//! 4. Its SGX extension: FMSPC, PCE id, component SVNs. [PCK Certificate and CRL Profile, §1.3.5]
//! 5. TCB info of this TEE, FMSPC and PCE id: signed over the received bytes by Intel's TCB signer, which chains to the root
//!    and is not revoked; of now. [PCS API, `/tcb`; QVL 4.1.2.4.9, .10, 4.1.2.7]
//! 6. The identity of this TEE's quoting enclave, the same way. [PCS API, `/qe/identity`; QVL 4.1.2.4.14]
//! 7. ECDSA P-256 of the PCK over the QE report. [QVL 4.1.2.4.12]
//! 8. Its report data: SHA-256 of attestation key and QE authentication data, and 32 zero bytes. [QVL 4.1.2.4.13]
//! 9. The QE report is of the enclave that the identity describes: MRSIGNER, ISVPRODID, MISCSELECT and ATTRIBUTES masked.
//!    [QVL 4.1.2.9.5 to .8]
//! 10. ECDSA P-256 of the attestation key over header and body as received. [QVL 4.1.2.4.16]
//! 11. TDX: the module is of the signer and attributes that the TCB info has for its version. [QVL 4.1.2.4.11]
//! 12. The TCB: a status, not a refusal. [QVL 4.1.2.5; `tcb.rs`]
//!
//! Steps 3 to 6 depend on endorsements and on the certificates carried alone: they are cached.

use super::{
    Flaw, QeIdentity, TcbInfo,
    abi::{self, Quote},
    claims::{Body, Enclave, TrustDomain, claims},
    endorsements::endorsed,
    tcb::{self, Measured},
    tcb_info::{ModuleIdentity, TdxModule},
};
use crate::{
    Step, Verified,
    cache::Context,
    crypto::{Hash, Key, KeyKind, Scheme},
};

const QUOTE: &str = "SGX ECDSA QuoteLibReference DCAP API, A.4; TDX DCAP Quoting Library API, A.3, A.4";

/// The steps, in order.
pub const STEPS: &[Step] = &[
    Step { number: 1, text: "lengths are exact, reserved bytes zero", source: QUOTE },
    Step { number: 2, text: "version, key type, TEE and vendor are known", source: QUOTE },
    Step {
        number: 3,
        text: "the PCK chains to Intel's root, valid and not revoked",
        source: "PCK Certificate and CRL Profile §1, §2",
    },
    Step {
        number: 4,
        text: "the PCK certificate says which platform it is",
        source: "PCK Certificate and CRL Profile §1.3.5",
    },
    Step {
        number: 5,
        text: "there is signed and current TCB info for this platform",
        source: "PCS API /tcb; QVL 4.1.2.7",
    },
    Step {
        number: 6,
        text: "there is a signed and current QE identity",
        source: "PCS API /qe/identity; QVL 4.1.2.4.14",
    },
    Step { number: 7, text: "the QE report's signature verifies", source: "QVL 4.1.2.4.12" },
    Step { number: 8, text: "the QE report vouches for the attestation key", source: "QVL 4.1.2.4.13" },
    Step { number: 9, text: "the QE is the one that the identity describes", source: "QVL 4.1.2.9" },
    Step { number: 10, text: "the quote's signature verifies, over the bytes as received", source: "QVL 4.1.2.4.16" },
    Step { number: 11, text: "the TDX module is Intel's", source: "QVL 4.1.2.4.11" },
    Step { number: 12, text: "the TCB's status is known", source: "QVL 4.1.2.5" },
];

/// Verifies a quote, bare or in Open Enclave's header.
pub(crate) fn verify(bytes: &[u8], context: &Context<'_>) -> Result<Verified, Flaw> {
    // 1, 2
    let quote = abi::read(bytes)?;
    // 3, 4, 5, 6
    let (endorsed, is_signed) = endorsed(&quote, context)?;
    // 7
    if !is_signed && endorsed.pck_key.verify(quote.qe_report_bytes, quote.qe_report_signature).is_err() {
        return Err(Flaw::QeReportSignature {});
    }
    // 8
    check_report_data(&quote)?;
    // 9
    check_qe(&quote.qe_report, &endorsed.qe_identity)?;
    // 10
    check_signature(&quote)?;
    // 11
    let modules = match &quote.body {
        Body::Enclave(_) => None,
        Body::TrustDomain(domain) => Some(modules(domain, &endorsed.tcb_info)?),
    };
    // 12
    let measured = Measured { pck: &endorsed.pck, qe: &quote.qe_report, modules };
    let tcb = tcb::tcb(&measured, &endorsed.tcb_info, &endorsed.qe_identity);
    Ok(Verified { claims: claims(quote, endorsed.pck, tcb, context.at), support: endorsed.support.clone() })
}

fn check_report_data(quote: &Quote<'_>) -> Result<(), Flaw> {
    let digest = Hash::Sha256.of(&[quote.attestation_key, quote.qe_auth_data]);
    let (stated, rest) = quote.qe_report.report_data.split_at(32);
    if stated == digest.as_ref() && rest.iter().all(|byte| *byte == 0) {
        return Ok(());
    }
    let expected = format!("{}{}", hex::encode(digest), "00".repeat(32));
    Err(Flaw::QeReportData { expected, actual: hex::encode(quote.qe_report.report_data) })
}

fn check_qe(qe: &Enclave, identity: &QeIdentity) -> Result<(), Flaw> {
    if qe.mr_signer != identity.mr_signer {
        let (expected, actual) = (hex::encode(identity.mr_signer), hex::encode(qe.mr_signer));
        return Err(Flaw::QeSigner { expected, actual });
    }
    if qe.isv_prod_id != identity.isv_prod_id {
        return Err(Flaw::QeProduct { expected: identity.isv_prod_id, actual: qe.isv_prod_id });
    }
    let misc_select = masked(qe.misc_select, identity.misc_select_mask);
    if misc_select != identity.misc_select {
        let (expected, actual) = (hex::encode(identity.misc_select), hex::encode(misc_select));
        return Err(Flaw::QeMiscSelect { expected, actual });
    }
    let attributes = masked(qe.attributes.0, identity.attributes_mask);
    if attributes != identity.attributes {
        let (expected, actual) = (hex::encode(identity.attributes), hex::encode(attributes));
        return Err(Flaw::QeAttributes { expected, actual });
    }
    Ok(())
}

fn masked<const N: usize>(mut bytes: [u8; N], mask: [u8; N]) -> [u8; N] {
    for (byte, mask) in bytes.iter_mut().zip(mask) {
        *byte &= mask;
    }
    bytes
}

fn check_signature(quote: &Quote<'_>) -> Result<(), Flaw> {
    let mut point = [4; 65];
    if let Some(coordinates) = point.get_mut(1..) {
        coordinates.copy_from_slice(quote.attestation_key);
    }
    let key = Key { kind: KeyKind::P256, bytes: &point };
    let key = key.parse(Scheme::EcdsaP256Sha256Fixed).map_err(|_| Flaw::AttestationKey {})?;
    key.verify(quote.signed, quote.signature).map_err(|_| Flaw::Signature {})
}

/// Step 11: what the TCB info says about the modules that the domain names. The signer in the report is of the one at launch.
fn modules<'a>(domain: &TrustDomain, info: &'a TcbInfo) -> Result<(tcb::Module<'a>, Option<tcb::Module<'a>>), Flaw> {
    let modules = tcb::modules(domain, |field, major| identity(info, field, major))?;
    let expected = modules.0.identity.map(|identity| identity.module).or(info.module);
    check_module(domain, &expected.ok_or(Flaw::ModuleUnknown { field: "TEE_TCB_SVN", major: 0 })?)?;
    Ok(modules)
}

/// The identity of a module of this major version; TDX 1.0's, major version 0, has none.
fn identity<'a>(info: &'a TcbInfo, field: &'static str, major: u8) -> Result<Option<&'a ModuleIdentity>, Flaw> {
    if major == 0 {
        return Ok(None);
    }
    let found = info.module_identities.iter().find(|identity| identity.major == major);
    found.map(Some).ok_or(Flaw::ModuleUnknown { field, major })
}

fn check_module(domain: &TrustDomain, module: &TdxModule) -> Result<(), Flaw> {
    if domain.mr_signer_seam != module.mr_signer {
        let (expected, actual) = (hex::encode(module.mr_signer), hex::encode(domain.mr_signer_seam));
        return Err(Flaw::ModuleSigner { expected, actual });
    }
    // What the mask leaves out has no meaning that is known here.
    let attributes = domain.seam_attributes;
    let is_outside = masked(attributes, module.attributes_mask) != attributes;
    if is_outside || attributes != module.attributes {
        let (expected, actual) = (hex::encode(module.attributes), hex::encode(attributes));
        return Err(Flaw::ModuleAttributes { expected, actual });
    }
    Ok(())
}
