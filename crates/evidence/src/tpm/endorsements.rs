//! Who vouches for an attestation key: the verifier itself, or a certification authority that it believes.

use casemate_cose::Digest;

use super::{Flaw, KeySource, Parts, PublicKey, SignatureKind, abi::Public, claims::AttestationKey};
use crate::{
    Hash, KeyOwner, Support, Vendor, Window,
    cache::Context,
    crypto::ParsedKey,
    wire::{
        WireError,
        der::{BIT_STRING, Der},
    },
    x509::{Certificate, Chain, CrlRule, Lists, Spki, oid},
};

/// `TPMA_OBJECT`s that make a key an attestation key [TPM 2.0 part 2 §8.3.2]: name, bit, and whether it has to be set.
const ATTRIBUTES: [(&str, u32, bool); 6] = [
    ("fixedTPM", 1 << 1, true),
    ("fixedParent", 1 << 4, true),
    ("sensitiveDataOrigin", 1 << 5, true),
    ("restricted", 1 << 16, true),
    ("decrypt", 1 << 17, false),
    ("sign", 1 << 18, true),
];

/// `subjectAltName`, critical in AK certificates because their subject is empty [TCG EK credential profile 2.5, §3.1.5].
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const CERTIFICATES_TO_FIND_MAX: usize = 4;

/// A key that may speak for a TPM, ready to verify.
#[derive(Debug)]
pub(super) struct Endorsed {
    pub(super) key: ParsedKey,
    pub(super) claims: AttestationKey,
    pub(super) support: Support,
}

/// Steps 3 and 4 as far as they depend on the key alone. Nothing of the quote goes in.
pub(super) fn endorsed(
    parts: &Parts<'_>,
    kind: SignatureKind,
    hash: Hash,
    context: &Context<'_>,
) -> Result<(Endorsed, Window), Flaw> {
    let (key, attributes_checked) = public_key(parts, kind, hash)?;
    let digest = key.digest();
    let (source, support) = if is_given(&key, context)? {
        (KeySource::Given, Support::default())
    } else {
        by_certificate(&parts.certificates, digest, context)?
    };
    let parsed = key.parse(kind, hash).map_err(|_| Flaw::SignatureScheme {
        actual: format!("{kind:?} with {hash} by a key of kind {:?}", key.kind),
    })?;
    let window = support.window;
    let claims = AttestationKey { digest, kind: key.kind, source, attributes_checked };
    Ok((Endorsed { key: parsed, claims, support }, window))
}

/// The one key that all given forms of it agree on, and whether its attributes were there to be checked.
fn public_key(parts: &Parts<'_>, kind: SignatureKind, hash: Hash) -> Result<(PublicKey, bool), Flaw> {
    let malformed = |error: WireError| Flaw::AkLayout { error };
    let mut keys = Vec::new();
    if !parts.public.is_empty() {
        let public = Public::parse(parts.public).map_err(malformed)?;
        check_attributes(public.attributes)?;
        check_scheme(&public, kind, hash)?;
        keys.push(PublicKey::of_public(&public).map_err(malformed)?);
    }
    if let Some(leaf) = parts.certificates.first() {
        keys.push(PublicKey::of(Certificate::parse(leaf).map_err(malformed)?.spki.key));
    }
    if !parts.spki.is_empty() {
        keys.push(PublicKey::of(Spki::parse(parts.spki).map_err(malformed)?.key));
    }
    let key = keys.pop().ok_or(Flaw::AkMissing {})?;
    match keys.iter().find(|other| **other != key) {
        Some(other) => Err(Flaw::AkMismatch { one: key.digest(), other: other.digest() }),
        None => Ok((key, !parts.public.is_empty())),
    }
}

fn check_attributes(attributes: u32) -> Result<(), Flaw> {
    match ATTRIBUTES.iter().find(|(_, bit, is_set)| (attributes & bit != 0) != *is_set) {
        Some((attribute, _, true)) => Err(Flaw::AkAttributes { attribute, state: "clear" }),
        Some((attribute, _, false)) => Err(Flaw::AkAttributes { attribute, state: "set" }),
        None => Ok(()),
    }
}

/// A key with a scheme of its own signs by no other.
fn check_scheme(public: &Public<'_>, kind: SignatureKind, hash: Hash) -> Result<(), Flaw> {
    let Some((scheme, digest)) = public.scheme else { return Ok(()) };
    if SignatureKind::of_tpm_alg(scheme) == Some(kind) && digest == hash.tpm_alg() {
        return Ok(());
    }
    Err(Flaw::SignatureScheme {
        actual: format!("{kind:?} with {hash} by a key for scheme 0x{scheme:04x} with hash 0x{digest:04x}"),
    })
}

/// Whether the verifier knows this key by itself. Certificates are then not looked at.
fn is_given(key: &PublicKey, context: &Context<'_>) -> Result<bool, Flaw> {
    for (_, spki) in context.endorsements.keys(KeyOwner::Tpm) {
        let given = Spki::parse(spki).map_err(|error| Flaw::AkGiven { error })?.key;
        if given.kind == key.kind && given.bytes == key.bytes {
            return Ok(true);
        }
    }
    Ok(false)
}

fn by_certificate(carried: &[&[u8]], digest: Digest, context: &Context<'_>) -> Result<(KeySource, Support), Flaw> {
    let chain_flaw = |error: WireError| Flaw::AkChain { error: error.into() };
    let mut certificates =
        carried.iter().map(|der| Certificate::parse(der)).collect::<Result<Vec<_>, _>>().map_err(chain_flaw)?;
    let Some(leaf) = certificates.first().copied() else { return Err(Flaw::AkUnknown { actual: digest }) };
    let anchors = context.endorsements.anchors(Vendor::Tpm);
    for _ in 0..CERTIFICATES_TO_FIND_MAX {
        let Some(last) = certificates.last() else { break };
        if anchors.iter().any(|anchor| anchor.subject() == last.issuer) {
            break;
        }
        // Others' certificates among the endorsements may be of any kind: what can't be read is passed over.
        let found = context
            .endorsements
            .certificates()
            .filter_map(|der| Certificate::parse(der).ok())
            .find(|candidate| candidate.subject == last.issuer && candidate.subject != candidate.issuer);
        let Some(found) = found else { break };
        certificates.push(found);
    }
    let crls = Lists::of(context.endorsements.crls());
    let chain = Chain {
        anchors: &anchors,
        crls: &crls,
        crl_rule: CrlRule::IfGiven,
        critical: &[SUBJECT_ALT_NAME, oid::EXTENDED_KEY_USAGE],
        at: context.at,
    };
    let verified = chain.verify(&certificates).map_err(|error| Flaw::AkChain { error })?;
    check_usage(&leaf)?;
    let source = KeySource::Certificate {
        root: verified.root,
        root_key: verified.root_key,
        revocation_checked: verified.is_revocation_checked,
    };
    Ok((source, verified.support))
}

/// The certificate lets the key sign. [RFC 5280 §4.2.1.3]
fn check_usage(leaf: &Certificate<'_>) -> Result<(), Flaw> {
    let Some(extension) = leaf.extension(oid::KEY_USAGE) else { return Ok(()) };
    let mut der = Der::new(extension.value);
    let content = der.expect("keyUsage", BIT_STRING).map_err(|error| Flaw::AkChain { error: error.into() })?;
    match content {
        [0..=7, first, ..] if first & 0x80 != 0 => Ok(()),
        _ => Err(Flaw::AkUsage { certificate: leaf.common_name() }),
    }
}
