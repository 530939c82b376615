//! Verifies RA-TLS certificates. [docs/formats/evidence-ratls.md]
//!
//! 1. Layout: one X.509 version 3 certificate in DER, nothing after it, each extension once. [RFC 5280 §4.1, §4.2]
//! 2. It is valid at `at`, has no critical extension that means nothing here, and is signed by its own key or by that of a certificate given
//!    among the endorsements. No issuer's word is believed, only the quote's. [RFC 5280 §4.1.1.3, §4.1.2.5, §4.2]
//! 3. One quote is in it: by the interoperable scheme, or by an older one. If both are there, they are of one enclave. [Interoperable RA-TLS
//!    X.509 Cert and Evidence Formats; Gramine, `ra_tls.h`; Intel SGX SDK, `sgx_ttls.h`]
//! 4. The quote was made for the certificate's key: the first half of its report data is the SHA-256 of the claims, which have a hash of
//!    the `SubjectPublicKeyInfo`; or, by an older scheme, that of the key itself. The second half is zero. [the same]
//! 5. The quote is authentic by all steps of `dcap`.
//!
//! Whatever it states, it is bound to a key and not to a session: [`crate::Bound`] refuses it. [CVE-2026-33697]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use casemate_cose::Digest;

use super::{
    Claims, Flaw, Scheme,
    abi::{self, Carried, EXTENSIONS, KeyClaims, spoken_of},
};
use crate::{
    Field, Hash, Platform, Refusal, ReportData, Step, Verified,
    cache::Context,
    crypto,
    dcap::{self, Body},
    window::Window,
    wire::der::NULL,
    x509::{Certificate, critical_extensions, dates, oid, scheme_of},
};

/// The steps, in order.
pub const STEPS: &[Step] = &[
    Step { number: 1, text: "it is one certificate, each extension once", source: "RFC 5280 §4.1, §4.2" },
    Step {
        number: 2,
        text: "the certificate is valid, and signed by its own key or a given issuer's",
        source: "RFC 5280 §4.1.1.3, §4.1.2.5, §4.2",
    },
    Step {
        number: 3,
        text: "one quote is in it, or two of one enclave",
        source: "Interoperable RA-TLS X.509 Cert and Evidence Formats",
    },
    Step {
        number: 4,
        text: "the quote was made for the certificate's key",
        source: "Interoperable RA-TLS X.509 Cert and Evidence Formats, pubkey-hash",
    },
    Step { number: 5, text: "the quote is authentic", source: "the steps of `dcap`" },
];

/// Verifies `bytes` and returns the claims. Refusals of the quote are those of `dcap`.
pub(crate) fn verify(bytes: &[u8], context: &Context<'_>) -> Result<Verified, Refusal> {
    // 1
    let certificate = Certificate::parse(bytes).map_err(|error| Flaw::Layout { error })?;
    // 2
    let (window, is_self_signed) = check_certificate(&certificate, context)?;
    // 3
    let (quoted, body, older) = quoted(&certificate)?;
    // 4
    let nonce = check_key(&certificate, &quoted, &body)?;
    // 5
    let Verified { claims: quote, mut support } = dcap::verify(quoted.quote, context)?;
    support.add("certificate", certificate.common_name(), certificate.raw, window);
    let stated = nonce.map_or_else(|| quote.report_data.bytes.clone(), <[u8]>::to_vec);
    let claims = crate::Claims {
        isolation: quote.isolation,
        manifest: quote.manifest,
        report_data: ReportData { field: Field::Full, bytes: stated },
        at: context.at,
        debug: quote.debug,
        platform: Platform::Ratls(Box::new(Claims {
            scheme: quoted.scheme,
            older,
            key: Digest::of(certificate.spki.raw),
            subject: certificate.common_name(),
            issuer: crate::x509::common_name(certificate.issuer),
            is_self_signed,
            nonce: nonce.map(<[u8]>::to_vec),
            quote: Box::new(quote),
        })),
    };
    Ok(Verified { claims, support })
}

/// Step 2: when it is valid, and whether it is self-signed.
fn check_certificate(certificate: &Certificate<'_>, context: &Context<'_>) -> Result<(Window, bool), Flaw> {
    let window = dates(certificate, context.at).map_err(|flaw| Flaw::Certificate { flaw })?;
    let known: Vec<&[u8]> = EXTENSIONS.into_iter().chain([oid::EXTENDED_KEY_USAGE]).collect();
    critical_extensions(certificate, &known).map_err(|flaw| Flaw::Certificate { flaw })?;
    let is_self_signed = certificate.issuer == certificate.subject;
    if is_self_signed {
        if !is_signed_by(certificate, &certificate.spki.key) {
            return Err(Flaw::Signature { certificate: certificate.common_name() });
        }
    } else if !context.endorsements.certificates().any(|issuer| is_issued_by(certificate, issuer)) {
        return Err(Flaw::Issuer { issuer: crate::x509::common_name(certificate.issuer) });
    }
    Ok((window, is_self_signed))
}

fn is_issued_by(certificate: &Certificate<'_>, issuer: &[u8]) -> bool {
    let Ok(issuer) = Certificate::parse(issuer) else { return false };
    issuer.subject == certificate.issuer && is_signed_by(certificate, &issuer.spki.key)
}

fn is_signed_by(certificate: &Certificate<'_>, key: &crypto::Key<'_>) -> bool {
    // mbedTLS, with which Gramine writes certificates, puts a NULL after ECDSA's names, against RFC 5758 §3.2.
    let without_null = certificate.algorithm.strip_suffix(&[NULL, 0]).unwrap_or(certificate.algorithm);
    scheme_of(certificate.algorithm, key.kind)
        .or_else(|_| scheme_of(without_null, key.kind))
        .is_ok_and(|scheme| key.verify(scheme, certificate.tbs, certificate.signature).is_ok())
}

/// Step 3: the quote that is judged, what it speaks of, and the older scheme that says the same.
fn quoted<'a>(certificate: &Certificate<'a>) -> Result<(Carried<'a>, Body, Option<Scheme>), Refusal> {
    match abi::carried(certificate)? {
        (None, None) => Err(Flaw::NoQuote {}.into()),
        (Some(one), None) | (None, Some(one)) => Ok((one, spoken_of(one.quote)?, None)),
        (Some(one), Some(older)) => {
            let body = spoken_of(one.quote)?;
            check_older(certificate, &one, &body, &older)?;
            Ok((one, body, Some(older.scheme)))
        }
    }
}

/// Intel's SDK repeats the same quote; Gramine asks for a second one, of the same enclave, over the key itself.
fn check_older(
    certificate: &Certificate<'_>,
    one: &Carried<'_>,
    body: &Body,
    older: &Carried<'_>,
) -> Result<(), Refusal> {
    if older.quote == one.quote {
        return Ok(());
    }
    let other = spoken_of(older.quote)?;
    if without_report_data(&other) != without_report_data(body) {
        return Err(Flaw::TwoQuotes { actual: "quotes of two enclaves" }.into());
    }
    check_key(certificate, older, &other)?;
    Ok(())
}

fn without_report_data(body: &Body) -> Body {
    let mut body = body.clone();
    match &mut body {
        Body::Enclave(enclave) => enclave.report_data = [0; 64],
        Body::TrustDomain(domain) => domain.report_data = [0; 64],
    }
    body
}

/// Step 4. Returns the nonce, if there is one.
fn check_key<'a>(certificate: &Certificate<'_>, quoted: &Carried<'a>, body: &Body) -> Result<Option<&'a [u8]>, Flaw> {
    let (stated, tail) = body.report_data().split_at(32);
    if tail.iter().any(|byte| *byte != 0) {
        return Err(Flaw::ReportDataTail { actual: hex::encode(tail) });
    }
    let spki = certificate.spki.raw;
    match quoted.scheme {
        Scheme::Interoperable => {
            let digest = Digest::of(quoted.claims);
            if stated != digest.as_bytes() {
                return Err(Flaw::ClaimsDigest {
                    expected: hex::encode(stated),
                    actual: hex::encode(digest.as_bytes()),
                });
            }
            let claims = KeyClaims::parse(quoted.claims)?;
            same_key(quoted.scheme, claims.hash, claims.function()?.of(&[spki]).as_ref())?;
            Ok(claims.nonce)
        }
        Scheme::Gramine => same_key(quoted.scheme, stated, Digest::of(spki).as_bytes()).map(|()| None),
        Scheme::IntelSdk => {
            let text = [pem(spki).as_bytes(), &[0]].concat();
            same_key(quoted.scheme, stated, Hash::Sha256.of(&[&text]).as_ref()).map(|()| None)
        }
    }
}

fn same_key(scheme: Scheme, stated: &[u8], key: &[u8]) -> Result<(), Flaw> {
    if stated == key {
        return Ok(());
    }
    Err(Flaw::KeyBinding { scheme, expected: hex::encode(key), actual: hex::encode(stated) })
}

/// A public key as OpenSSL writes it: lines of 64 characters.
fn pem(spki: &[u8]) -> String {
    let text = STANDARD.encode(spki);
    let mut lines = String::from("-----BEGIN PUBLIC KEY-----\n");
    for (place, character) in text.chars().enumerate() {
        if place > 0 && place % 64 == 0 {
            lines.push('\n');
        }
        lines.push(character);
    }
    lines.push_str("\n-----END PUBLIC KEY-----\n");
    lines
}
