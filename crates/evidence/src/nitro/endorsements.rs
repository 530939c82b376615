//! The endorsements of a document: AWS's pinned root, the certificates that lie in the document, and lists if any are given.

use super::Flaw;
use crate::{
    ChainFlaw, Vendor, Window,
    cache::Context,
    crypto::Scheme,
    x509::{Certificate, Chain, CrlRule, Issuers, Lists, dates},
};

/// Every certificate and document of AWS's is signed so.
const SCHEME: Scheme = Scheme::EcdsaP384Sha384Der;

/// Verifies the bundle, at the verifier's time: the pinned root first, then each certificate above the next. [AWS §3.2.3]
pub(super) fn issuers(cabundle: &[&[u8]], context: &Context<'_>) -> Result<(Issuers, Window), Flaw> {
    let certificates = cabundle
        .iter()
        .map(|bytes| Certificate::parse(bytes))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Flaw::Chain { error: error.into() })?;
    let anchors = context.endorsements.anchors(Vendor::Aws);
    let is_root = |certificate: &Certificate<'_>| anchors.iter().any(|anchor| anchor.is(certificate));
    let [root, below @ ..] = certificates.as_slice() else {
        return Err(Flaw::Root { actual: "nothing".to_owned() });
    };
    if !is_root(root) {
        return Err(Flaw::Root { actual: root.common_name() });
    }
    if below.is_empty() || below.iter().any(is_root) {
        return Err(Flaw::Bundle { actual: certificates.iter().map(Certificate::common_name).collect() });
    }
    let refuse = |error: ChainFlaw| Flaw::Chain { error };
    let root_window = dates(root, context.at).map_err(refuse)?;
    let upwards: Vec<Certificate<'_>> = below.iter().rev().copied().collect();
    let crls = Lists::of(context.endorsements.crls());
    let chain = Chain { anchors: &anchors, crls: &crls, crl_rule: CrlRule::IfGiven, critical: &[], at: context.at };
    let mut issuers = chain.verify_issuers(&upwards, SCHEME).map_err(refuse)?;
    issuers.support.add("certificate", root.common_name(), root.raw, root_window);
    let window = issuers.support.window;
    Ok((issuers, window))
}

/// Verifies the certificate of the document's key: for signing documents, not certificates. [AWS §3.2.3.3]
pub(super) fn leaf<'a>(
    bytes: &'a [u8],
    issuers: &Issuers,
    context: &Context<'_>,
) -> Result<(Certificate<'a>, Window), Flaw> {
    let refuse = |error: ChainFlaw| Flaw::Leaf { error };
    let leaf = Certificate::parse(bytes).map_err(|error| refuse(error.into()))?;
    let window = issuers.verify(&leaf, context.at).map_err(refuse)?;
    let is_ca = leaf.ca().map_err(|error| refuse(error.into()))?.is_some();
    if is_ca || !leaf.may_sign_data().map_err(|error| refuse(error.into()))? {
        return Err(Flaw::Usage { certificate: leaf.common_name() });
    }
    Ok((leaf, window))
}
