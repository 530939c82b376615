//! Verifies AWS Nitro attestation documents. [AWS]
//!
//! 1. Envelope: a COSE_Sign1, tag 18 or none, `alg` protected and nothing else, at most 16640 bytes. [AWS §3.1; RFC 9052 §4.2]
//! 2. Algorithm: ES384 and no other. [AWS §3.1]
//! 3. Document: every mandatory field, none unknown or twice, sizes; PCRs 0, 1 and 2 among the registers. [AWS §3.2.2]
//! 4. The document is not of the future: at most [`AHEAD_S_MAX`] after the verifier's time.
//! 5. Issuers: `cabundle` begins with the pinned root; from there down, each certificate is its predecessor's, valid at the
//!    verifier's time, a CA, and not revoked by a list that is given. [AWS §3.2.3, §3.2.4; RFC 5280 §6]
//! 6. Leaf: the same; no CA; its key is for digital signatures. [AWS §3.2.3.3]
//! 7. Each of these certificates was valid at the document's time too.
//! 8. Signature: ECDSA P-384 by the leaf's key over the received protected header and payload. [RFC 9052 §4.4]
//!
//! With a warm cache, step 5 is a comparison of hashes. Debug mode, manifest and binding: [`crate::authenticate`].

use casemate_cose::UnixTime;

use super::{
    DOCUMENT_BYTES_MAX, Flaw,
    abi::Document,
    claims::claims,
    endorsements::{issuers, leaf},
};
use crate::{
    Step, Support, Used, Verified, Window,
    cache::Context,
    wire::{
        WireError,
        cose::{Algorithm, Form, Sign1},
    },
    x509::Issuers,
};

/// How far, in seconds, a document's time may lie after the verifier's.
pub const AHEAD_S_MAX: u64 = 300;

/// The steps, in order.
pub const STEPS: &[Step] = &[
    Step {
        number: 1,
        text: "the document is a COSE_Sign1 with `alg` protected and nothing else",
        source: "AWS attestation process §3.1",
    },
    Step { number: 2, text: "the algorithm is ES384", source: "AWS attestation process §3.1" },
    Step {
        number: 3,
        text: "every mandatory field is there, none is unknown, sizes are right",
        source: "AWS attestation process §3.2.2",
    },
    Step { number: 4, text: "the document is not of the future", source: "docs/formats/evidence.md" },
    Step {
        number: 5,
        text: "the bundle of certificates begins with the pinned root and holds",
        source: "AWS attestation process §3.2.3, RFC 5280 §6",
    },
    Step {
        number: 6,
        text: "the document's certificate holds and is for digital signatures",
        source: "AWS attestation process §3.2.3.3",
    },
    Step {
        number: 7,
        text: "each certificate was valid when the document was made",
        source: "AWS attestation process §3.2.3.1",
    },
    Step { number: 8, text: "the signature verifies, over the bytes as received", source: "RFC 9052 §4.4" },
];

/// Verifies a document.
pub(crate) fn verify(bytes: &[u8], context: &Context<'_>) -> Result<Verified, Flaw> {
    // 1
    if bytes.len() > DOCUMENT_BYTES_MAX {
        let error = WireError::TooMany { field: "COSE_Sign1", actual: bytes.len(), max: DOCUMENT_BYTES_MAX };
        return Err(Flaw::Envelope { error });
    }
    let envelope = Sign1::parse(bytes, Form::AlgOnly)?;
    // 2
    if envelope.algorithm != Algorithm::Es384 {
        return Err(Flaw::Algorithm { actual: envelope.algorithm.name().to_owned() });
    }
    // 3
    let document = Document::parse(envelope.payload)?;
    let [Some(_), Some(_), Some(_), ..] = document.pcrs else { return Err(Flaw::Missing { field: "pcrs 0, 1 and 2" }) };
    // 4
    let stated_at = document.at();
    if stated_at > context.at.plus_s(AHEAD_S_MAX) {
        return Err(Flaw::Future { at: context.at, actual: stated_at });
    }
    // 5
    let issuers = context.cached("nitro", &document.cabundle, || issuers(&document.cabundle, context))?;
    // 6
    let (leaf, leaf_window) = leaf(document.certificate, &issuers, context)?;
    // 7
    let support = support(&issuers, &leaf.common_name(), leaf.raw, leaf_window);
    check_time(stated_at, &support)?;
    // 8
    envelope.verify(&leaf.spki.key).map_err(|_| Flaw::Signature { certificate: leaf.common_name() })?;
    Ok(Verified { claims: claims(&document, &issuers), support })
}

fn support(issuers: &Issuers, leaf: &str, bytes: &[u8], window: Window) -> Support {
    let mut support = Support::default();
    support.add("certificate", leaf.to_owned(), bytes, window);
    support.extend(&issuers.support);
    support
}

fn check_time(stated_at: UnixTime, support: &Support) -> Result<(), Flaw> {
    let mut certificates = support.used.iter().filter(|used| used.kind == "certificate");
    match certificates.find(|used| !used.window.contains(stated_at)) {
        Some(Used { name, window: Window { not_before, not_after }, .. }) => Err(Flaw::Time {
            certificate: name.clone(),
            not_before: *not_before,
            not_after: *not_after,
            actual: stated_at,
        }),
        None => Ok(()),
    }
}
