//! Verifies the evidence of Azure confidential VMs. [docs/formats/evidence-azure.md]
//!
//! 1. Layout of the evidence.
//! 2. HCL report: header, sizes, report type, SHA-256, zeros to the end. [OpenHCL, `openhcl_attestation_protocol`]
//! 3. The CPU's statement: an SNP report of VMPL 0, by all steps of `snp`; or a TD quote over the report data of the TDREPORT, by all
//!    steps of `dcap`.
//! 4. Its report data is the SHA-256 of the runtime data, then zeros.
//! 5. The runtime data name one attestation key, `HCLAkPub`, RSA, for signing.
//! 6. The quote is signed by that key, RSASSA with SHA-256, has qualifying data, and the PCR values and the log are those that were
//!    quoted: steps 2 and 4 to 7 of `tpm`. Its PCRs are of the SHA-256 bank.
//!
//! The manifest is that of the kernel's command line, which the guest measured into its vTPM. The CPU's own field for it (`HOST_DATA`,
//! `MRCONFIGID`) is set by Azure, and nothing in the guest compares it.

use casemate_cose::Digest;

use super::{
    Claims, Flaw,
    abi::{Hardware, HclReport, Parts},
    endorsements::RuntimeData,
};
use crate::{
    Field, Format, Hash, KeyKind, Platform, Refusal, ReportData, Step, Verified, authenticate,
    cache::Context,
    snp,
    tpm::{self, Attest, AttestationKey, KeySource, Signature, Signed},
};

/// The steps, in order.
pub const STEPS: &[Step] = &[
    Step { number: 1, text: "the evidence is laid out as documented", source: "docs/formats/evidence-azure.md" },
    Step {
        number: 2,
        text: "the HCL report is laid out as the paravisor writes it",
        source: "OpenHCL, openhcl_attestation_protocol",
    },
    Step { number: 3, text: "the CPU's statement is authentic", source: "the steps of `snp` or `dcap`" },
    Step { number: 4, text: "the CPU vouches for the runtime data", source: "Azure guest attestation, HCL report" },
    Step {
        number: 5,
        text: "the runtime data name one attestation key",
        source: "Azure guest attestation, runtime claims",
    },
    Step {
        number: 6,
        text: "the vTPM's quote is by that key, and PCRs and log are the quoted ones",
        source: "the steps of `tpm`",
    },
];

/// Verifies `bytes` and returns the claims. Refusals of what is inside are those of its own format.
pub(crate) fn verify(bytes: &[u8], context: &Context<'_>) -> Result<Verified, Refusal> {
    // 1
    let parts = Parts::parse(bytes).map_err(|error| Flaw::Layout { error })?;
    // 2
    let hcl = HclReport::parse(parts.hcl).map_err(|error| Flaw::HclReport { error })?;
    // 3
    let Verified { claims: hardware, support } = hardware(&parts, &hcl, context)?;
    // 4 to 6
    let Vouched { runtime_data, quote, qualifying_data } =
        vouched(&parts, hcl.runtime_data, &hardware.report_data.bytes, context)?;
    let claims = crate::Claims {
        isolation: hardware.isolation,
        manifest: quote.manifest(),
        report_data: ReportData { field: Field::TpmQualifyingData, bytes: qualifying_data },
        at: context.at,
        debug: hardware.debug,
        platform: Platform::Azure(Box::new(Claims {
            hardware: Box::new(hardware),
            hcl_version: hcl.version,
            vm: runtime_data.vm.clone(),
            user_data: runtime_data.user_data.clone(),
            attestation_key: AttestationKey {
                digest: runtime_data.digest,
                kind: KeyKind::Rsa,
                source: KeySource::RuntimeData,
                attributes_checked: false,
            },
            quote,
        })),
    };
    Ok(Verified { claims, support })
}

/// Step 3.
fn hardware(parts: &Parts<'_>, hcl: &HclReport<'_>, context: &Context<'_>) -> Result<Verified, Refusal> {
    match hcl.hardware {
        Hardware::Snp(report) => {
            if !parts.td_quote.is_empty() {
                return Err(Flaw::Hardware { actual: "a TD quote besides an SNP report" }.into());
            }
            let place = |place: usize| parts.certificates.get(place).copied();
            let carried = snp::Carried { vcek: place(0), ask: place(1), ark: place(2), ..snp::Carried::default() };
            let verified = snp::verify_report(report, &carried, context)?;
            match &verified.claims.platform {
                Platform::Snp(claims) if claims.vmpl != 0 => Err(Flaw::Vmpl { actual: claims.vmpl }.into()),
                _ => Ok(verified),
            }
        }
        Hardware::Tdx { report_data } => {
            if parts.td_quote.is_empty() {
                return Err(Flaw::Hardware { actual: "a TDREPORT without a TD quote" }.into());
            }
            if !parts.certificates.is_empty() {
                return Err(Flaw::Hardware { actual: "certificates besides a TD quote, which has its own" }.into());
            }
            let verified = authenticate::verify(Format::Dcap, parts.td_quote, context)?;
            if verified.claims.report_data.bytes != report_data {
                return Err(Flaw::TdQuote {}.into());
            }
            Ok(verified)
        }
    }
}

/// What the CPU vouches for by its report data.
pub(super) struct Vouched {
    pub(super) runtime_data: std::sync::Arc<RuntimeData>,
    pub(super) quote: tpm::Quote,
    pub(super) qualifying_data: Vec<u8>,
}

/// Steps 4 to 6, for a CPU that states `report_data`.
pub(super) fn vouched(
    parts: &Parts<'_>,
    runtime_data: &[u8],
    report_data: &[u8],
    context: &Context<'_>,
) -> Result<Vouched, Refusal> {
    // 4
    check_digest(runtime_data, report_data)?;
    // 5
    let runtime_data = context.cached("azure", &[runtime_data], || RuntimeData::read(runtime_data))?;
    // 6
    let attest = Attest::parse(parts.quote)?;
    let signed = Signed {
        bytes: parts.quote,
        attest: &attest,
        signature: Signature::rsa_pkcs1_sha256(parts.signature),
        pcrs: &parts.pcrs,
        log: parts.log,
        command_line: parts.command_line,
    };
    let quote = signed.verify(&runtime_data.key, runtime_data.digest)?;
    if let Some(other) = parts.pcrs.iter().find(|pcr| pcr.bank != Hash::Sha256) {
        return Err(Flaw::PcrBank { actual: other.bank.as_str() }.into());
    }
    let qualifying_data = attest.qualifying_data.to_vec();
    Ok(Vouched { runtime_data, quote, qualifying_data })
}

/// Step 4.
fn check_digest(runtime_data: &[u8], report_data: &[u8]) -> Result<(), Flaw> {
    let digest = Digest::of(runtime_data);
    let (head, tail) = report_data.split_at_checked(32).unwrap_or((report_data, &[]));
    if head != digest.as_bytes() {
        return Err(Flaw::RuntimeDataDigest { expected: hex::encode(head), actual: hex::encode(digest.as_bytes()) });
    }
    if tail.iter().any(|byte| *byte != 0) {
        return Err(Flaw::ReportDataTail { actual: hex::encode(tail) });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use casemate_cose::UnixTime;

    use super::*;
    use crate::{Endorsements, tpm::PcrValue};

    /// The recorded TDX VM: its collateral was not recorded, so all but the TD quote's own signature is judged.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "tests read recorded evidence from files")]
    fn a_recorded_tdx_vm_vouches_for_its_quote() {
        let Some(vectors) = casemate_testkit::vectors("a_recorded_tdx_vm_vouches_for_its_quote") else { return };
        let json: serde_json::Value =
            serde_json::from_slice(&std::fs::read(vectors.join("azure/az-tdx-vtpm-v1.json")).unwrap()).unwrap();
        let base64 =
            |value: &serde_json::Value| URL_SAFE_NO_PAD.decode(value.as_str().unwrap().trim_end_matches('=')).unwrap();
        let hex = |value: &serde_json::Value| hex::decode(value.as_str().unwrap()).unwrap();
        let (hcl, td_quote) = (base64(&json["hcl_report"]), base64(&json["td_quote"]));
        let (quote, signature) = (hex(&json["tpm_quote"]["message"]), hex(&json["tpm_quote"]["signature"]));
        let pcrs: Vec<Vec<u8>> = json["tpm_quote"]["pcrs"].as_array().unwrap().iter().map(hex).collect();
        let pcrs = (0..).zip(&pcrs).map(|(index, value)| PcrValue { bank: Hash::Sha256, index, value });
        let mut parts = Parts {
            hcl: &hcl,
            quote: &quote,
            signature: &signature,
            pcrs: pcrs.collect(),
            td_quote: &td_quote,
            certificates: Vec::new(),
            log: &[],
            command_line: "",
        };
        let report = HclReport::parse(&hcl).unwrap();
        let Hardware::Tdx { report_data } = report.hardware else { panic!("a TDX VM") };
        // TDX quote v4: report data at 568.
        assert_eq!(report_data, &td_quote[568..632]);
        let endorsements = Endorsements::default();
        let context = Context { endorsements: &endorsements, cache: None, at: UnixTime(0) };
        let vouched_for = vouched(&parts, report.runtime_data, report_data, &context).unwrap();
        assert_eq!(vouched_for.qualifying_data, b"challenge");
        assert_eq!(vouched_for.runtime_data.vm.unique_id, "6332533D-5649-4D02-8AA7-8F64B7C3EE21");
        assert_eq!(vouched_for.runtime_data.vm.tpm_persisted, Some(false));
        let rule = |outcome: Result<Vouched, Refusal>| outcome.err().map(|refusal| refusal.rule());
        let other = vouched(&parts, report.runtime_data, &[0; 64], &context);
        assert_eq!(rule(other), Some("azure-runtime-data-digest"));
        let mut tail = report_data.to_vec();
        tail[40] = 1;
        assert_eq!(rule(vouched(&parts, report.runtime_data, &tail, &context)), Some("azure-report-data-tail"));
        parts.pcrs.swap(4, 7);
        assert_eq!(rule(vouched(&parts, report.runtime_data, report_data, &context)), Some("tpm-pcr-selection"));
    }
}
