//! Verifies TPM 2.0 quotes with event logs. [docs/formats/evidence-tpm.md; TPM 2.0 Library revision 1.59; PFP 1.06]
//!
//! 1. Layout of the evidence.
//! 2. The statement: made by a TPM (magic), a quote (type), nothing after it. [part 2 §10.12]
//! 3. The attestation key: the same in all its forms; a restricted signing key fixed to its TPM, where its public area is
//!    there [part 2 §8.3]; made known to the verifier, or certified below a root given for TPMs, for signing, not revoked.
//! 4. Signature: RSASSA, RSAPSS or ECDSA with SHA-256 or SHA-384, ECDSA P-521 with SHA-512, the key's own scheme if it has one, over the
//!    bytes as received. [part 2 §11.3.4]
//! 5. The qualifying data is not empty.
//! 6. PCR values: those that the quote selects, in its order; their digest is the quoted one. [part 3 §18.4]
//! 7. The event log, if there is one: it gives the quoted values in every quoted bank, and is not silent about PCR 0 to 7; the
//!    command line, if there is one, is what the EFI stub measured first into PCR 9. [PFP §10]

use casemate_cose::Digest;

use super::{Attest, Claims, Flaw, Parts, PcrValue, Quote, Signature, check_log, check_pcrs, endorsements::endorsed};
use crate::{Field, Isolation, Platform, ReportData, Step, Verified, cache::Context, crypto::ParsedKey};

/// The steps, in order.
pub const STEPS: &[Step] = &[
    Step { number: 1, text: "the evidence is laid out as documented", source: "docs/formats/evidence-tpm.md" },
    Step { number: 2, text: "a TPM made the statement, and it is a quote", source: "TPM 2.0 part 2 §10.12" },
    Step {
        number: 3,
        text: "the attestation key is a restricted signing key that somebody believed vouches for",
        source: "TPM 2.0 part 2 §8.3; RFC 5280 §6.1",
    },
    Step {
        number: 4, text: "the quote's signature verifies, by an accepted scheme", source: "TPM 2.0 part 2 §11.3.4"
    },
    Step { number: 5, text: "the quote has qualifying data", source: "TPM 2.0 part 3 §18.4" },
    Step { number: 6, text: "the PCR values are those that were quoted", source: "TPM 2.0 part 3 §18.4" },
    Step {
        number: 7,
        text: "the event log gives the quoted values, and the command line is the measured one",
        source: "TCG PC Client Platform Firmware Profile 1.06 §10",
    },
];

/// Verifies `bytes` and returns the claims.
pub(crate) fn verify(bytes: &[u8], context: &Context<'_>) -> Result<Verified, Flaw> {
    // 1
    let (parts, ak) = Parts::parse(bytes)?;
    // 2
    let attest = Attest::parse(parts.attest)?;
    // 3
    let signature = Signature::parse(parts.signature)?;
    let scheme = [signature.kind as u8, signature.hash as u8];
    let endorsed =
        context.cached("tpm", &[ak, &scheme], || endorsed(&parts, signature.kind, signature.hash, context))?;
    // 4 to 7
    let signed = Signed {
        bytes: parts.attest,
        attest: &attest,
        signature,
        pcrs: &parts.pcrs,
        log: parts.log,
        command_line: parts.command_line,
    };
    let quote = signed.verify(&endorsed.key, endorsed.claims.digest)?;
    let claims = crate::Claims {
        isolation: Some(Isolation::Vm),
        manifest: quote.manifest(),
        report_data: ReportData { field: Field::TpmQualifyingData, bytes: attest.qualifying_data.to_vec() },
        at: context.at,
        debug: false,
        platform: Platform::Tpm(Box::new(Claims { attestation_key: endorsed.claims.clone(), quote })),
    };
    Ok(Verified { claims, support: endorsed.support.clone() })
}

/// A quote, with what came along to explain it. It is the same whoever vouches for the key: Azure's evidence has one too.
pub(crate) struct Signed<'a> {
    /// The `TPMS_ATTEST` as received.
    pub(crate) bytes: &'a [u8],
    pub(crate) attest: &'a Attest<'a>,
    pub(crate) signature: Signature<'a>,
    pub(crate) pcrs: &'a [PcrValue<'a>],
    pub(crate) log: &'a [u8],
    pub(crate) command_line: &'a str,
}

impl Signed<'_> {
    /// Steps 4 to 7. `key` is the attestation key, `digest` that of its `SubjectPublicKeyInfo`.
    pub(crate) fn verify(&self, key: &ParsedKey, digest: Digest) -> Result<Quote, Flaw> {
        // 4
        key.verify(self.bytes, &self.signature.to_bytes()).map_err(|_| Flaw::Signature { key: digest })?;
        // 5
        if self.attest.qualifying_data.is_empty() {
            return Err(Flaw::QualifyingDataEmpty {});
        }
        // 6
        check_pcrs(self.attest, self.pcrs, self.signature.hash)?;
        // 7
        let log = check_log(self.pcrs, self.log, self.command_line)?;
        Ok(Quote::new(self.attest, self.pcrs, self.signature.hash, log))
    }
}
