//! XML-DSig, enveloped: one signature inside the root over the whole document. [XML Signature 1.1]
//!
//! 1. Exactly one `Signature`, a child of the root; `SignedInfo`, `SignatureValue` and `KeyInfo` once each.
//! 2. One `Reference` with URI `""` and the enveloped-signature transform, then one canonicalisation. [§4.4.3, §6.6.4]
//! 3. The digest of the canonical document without the signature is the `DigestValue`. [§3.2.1]
//! 4. Certificates from `X509Data`: the caller verifies the chain. [§4.5.4]
//! 5. The canonical `SignedInfo` is signed by the first certificate's key: ECDSA, `r ‖ s`. [§3.2.2, §6.4.3]

use thiserror::Error;

use super::{
    canonical::{Canonical, with},
    element::Element,
};
use crate::{
    crypto::{Hash, Scheme},
    pem::base64,
    wire::WireError,
    x509::Certificate,
};

/// The namespace of XML signatures.
const SIGNATURE_NAMESPACE: &str = "http://www.w3.org/2000/09/xmldsig#";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const CERTIFICATES_MAX: usize = 8;

/// Why a signed document is refused.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum SignatureFlaw {
    /// An algorithm is not accepted.
    #[error("algorithm `{}` is not accepted for {of}", actual.escape_default())]
    Algorithm {
        /// What it is for.
        of: &'static str,
        /// Its name.
        actual: String,
    },
    /// A certificate can't be read.
    #[error("a certificate of the signature is malformed: {0}")]
    Certificate(#[from] WireError),
    /// The document is not the one that was signed.
    #[error("the document differs from what was signed")]
    Digest,
    /// The signature has not the one shape that is accepted.
    #[error("the signature's {0} is missing, doubled or not accepted")]
    Shape(&'static str),
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Signature,
}

/// Verifies the signature inside `root`, calling `verify_chain` with its certificates, the signer first.
pub(crate) fn verify_enveloped<E: From<SignatureFlaw>>(
    root: &Element,
    verify_chain: impl FnOnce(&[Certificate<'_>]) -> Result<(), E>,
) -> Result<(), E> {
    // 1
    if count(root, "Signature") != 1 {
        return Err(SignatureFlaw::Shape("Signature").into());
    }
    let signature = child(root, "Signature")?;
    let info = child(signature, "SignedInfo")?;
    // 2
    let reference = child(info, "Reference")?;
    let digest_of = reference_shape(reference)?;
    // 3
    let document = digest_of.of(root, &[], Some(signature));
    let hash = match algorithm(child(reference, "DigestMethod")?) {
        "http://www.w3.org/2001/04/xmlenc#sha256" => Hash::Sha256,
        "http://www.w3.org/2001/04/xmldsig-more#sha384" => Hash::Sha384,
        "http://www.w3.org/2001/04/xmlenc#sha512" => Hash::Sha512,
        other => return Err(unaccepted("the digest", other).into()),
    };
    let expected = base64(&child(reference, "DigestValue")?.text()).ok_or(SignatureFlaw::Shape("DigestValue"))?;
    if hash.of(&[document.as_bytes()]).as_ref() != expected {
        return Err(SignatureFlaw::Digest.into());
    }
    // 4
    let ders = certificates(child(signature, "KeyInfo")?)?;
    let parsed: Vec<Certificate<'_>> =
        ders.iter().map(|der| Certificate::parse(der)).collect::<Result<_, _>>().map_err(SignatureFlaw::from)?;
    verify_chain(&parsed)?;
    // 5
    let scheme = match algorithm(child(info, "SignatureMethod")?) {
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384" => Scheme::EcdsaP384Sha384Fixed,
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256" => Scheme::EcdsaP256Sha256Fixed,
        other => return Err(unaccepted("the signature", other).into()),
    };
    let method = algorithm(child(info, "CanonicalizationMethod")?);
    let canonical = Canonical::of_uri(method).ok_or_else(|| unaccepted("canonicalisation", method))?;
    let message = canonical.of(info, &with(&root.declared(), &signature.declared()), None);
    let value = base64(&child(signature, "SignatureValue")?.text()).ok_or(SignatureFlaw::Shape("SignatureValue"))?;
    let signer = parsed.first().ok_or(SignatureFlaw::Shape("X509Certificate"))?;
    Ok(signer.spki.key.verify(scheme, message.as_bytes(), &value).map_err(|_| SignatureFlaw::Signature)?)
}

/// Step 4 alone: the signer's certificates, the signer's own first. Nothing of them is believed yet.
pub(crate) fn signers(root: &Element) -> Result<Vec<Vec<u8>>, SignatureFlaw> {
    certificates(child(child(root, "Signature")?, "KeyInfo")?)
}

/// Step 2.
fn reference_shape(reference: &Element) -> Result<Canonical, SignatureFlaw> {
    if reference.attribute("URI") != Some("") {
        return Err(SignatureFlaw::Shape("Reference URI"));
    }
    let transforms: Vec<&str> = child(reference, "Transforms")?.elements().map(algorithm).collect();
    match transforms.as_slice() {
        [ENVELOPED, method] => Canonical::of_uri(method).ok_or_else(|| unaccepted("canonicalisation", method)),
        // Without one, Canonical XML 1.0 turns nodes into octets [§4.4.3.2].
        [ENVELOPED] => Ok(Canonical::Inclusive),
        _ => Err(SignatureFlaw::Shape("Transforms")),
    }
}

/// Step 4.
fn certificates(key_info: &Element) -> Result<Vec<Vec<u8>>, SignatureFlaw> {
    let data = child(key_info, "X509Data")?;
    let texts = data.elements().filter(|element| element.is(SIGNATURE_NAMESPACE, "X509Certificate"));
    let ders: Option<Vec<Vec<u8>>> = texts.take(CERTIFICATES_MAX + 1).map(|element| base64(&element.text())).collect();
    ders.filter(|ders| !ders.is_empty() && ders.len() <= CERTIFICATES_MAX)
        .ok_or(SignatureFlaw::Shape("X509Certificate"))
}

fn child<'a>(element: &'a Element, local: &'static str) -> Result<&'a Element, SignatureFlaw> {
    element.only(SIGNATURE_NAMESPACE, local).ok_or(SignatureFlaw::Shape(local))
}

/// How many elements of this name there are, at any depth.
fn count(element: &Element, local: &str) -> usize {
    element.elements().map(|child| usize::from(child.is(SIGNATURE_NAMESPACE, local)) + count(child, local)).sum()
}

fn algorithm(element: &Element) -> &str {
    // An algorithm with parameters of its own (a prefix list, say) would mean something else.
    if element.elements().next().is_some() {
        "with parameters"
    } else {
        element.attribute("Algorithm").unwrap_or_default()
    }
}

fn unaccepted(of: &'static str, actual: &str) -> SignatureFlaw {
    SignatureFlaw::Algorithm { of, actual: actual.to_owned() }
}
