//! The chain below an endorsed root, and what it measures.

use casemate_cose::Digest;

use super::{Flaw, Layer, TcbInfo, abi::certificates};
use crate::{
    Support, Vendor,
    cache::Context,
    crypto::{KeyKind, ParsedKey, Scheme},
    wire::{
        WireError,
        der::{Der, OCTET_STRING, OID, SEQUENCE},
    },
    x509::{Certificate, Chain, CrlRule, Lists, oid as x509},
};

/// The longest UEID that is read [TCG DICE Attestation Architecture 1.1 §6.1.3; RFC 9711 §4.2.1 has at most 33].
const UEID_BYTES_MAX: usize = 64;

/// A chain that holds, and what it measures.
#[derive(Debug)]
pub(super) struct Endorsed {
    /// From the root down.
    pub(super) layers: Vec<Layer>,
    pub(super) root: String,
    pub(super) root_key: Digest,
    /// The leaf's name.
    pub(super) leaf: String,
    /// The leaf's key; `None` if it may not sign, or makes no signatures that are read here.
    pub(super) key: Option<ParsedKey>,
    pub(super) is_revocation_checked: bool,
    pub(super) support: Support,
}

/// Steps 1 (the certificates) to 4.
pub(super) fn endorsed(chain: &[u8], context: &Context<'_>) -> Result<Endorsed, Flaw> {
    // 1
    let certificates = certificates(chain).map_err(|error| Flaw::Layout { error })?;
    // 2
    let anchors = context.endorsements.anchors(Vendor::Dice);
    let chain = Chain {
        anchors: &anchors,
        crls: &Lists::of(context.endorsements.crls()),
        crl_rule: CrlRule::IfGiven,
        critical: &[oid::TCB_INFO, oid::UEID, oid::MULTI_TCB_INFO, x509::EXTENDED_KEY_USAGE],
        at: context.at,
    };
    let verified = chain.verify(&certificates)?;
    let root = |certificate: &Certificate<'_>| anchors.iter().any(|anchor| anchor.is(certificate));
    let certificates: Vec<_> = certificates.iter().filter(|certificate| !root(certificate)).collect();
    let (leaf, issuers) = certificates.split_first().ok_or(Flaw::NoTcbInfo {})?;
    // 3
    purpose(leaf, "attestation", &[oid::KP_ATTEST_INIT, oid::KP_ATTEST_LOC, oid::KP_ECA])?;
    issuers.iter().try_for_each(|issuer| purpose(issuer, "certifying layers", &[oid::KP_ECA]))?;
    // 4
    let layers = certificates.iter().rev().map(|certificate| layer(certificate)).collect::<Result<Vec<_>, _>>()?;
    if layers.iter().all(|layer| layer.tcb_infos.is_empty()) {
        return Err(Flaw::NoTcbInfo {});
    }
    Ok(Endorsed {
        layers,
        root: verified.root,
        root_key: verified.root_key,
        leaf: leaf.common_name(),
        key: key(leaf),
        is_revocation_checked: verified.is_revocation_checked,
        support: verified.support,
    })
}

/// A key that is restricted to purposes has to have one of `wanted` among them; most are not restricted.
fn purpose(certificate: &Certificate<'_>, expected: &'static str, wanted: &[&[u8]]) -> Result<(), Flaw> {
    let Some(extension) = certificate.extension(x509::EXTENDED_KEY_USAGE) else { return Ok(()) };
    let is_wanted = || -> Result<bool, WireError> {
        let mut purposes = Der::only(extension.value, "extKeyUsage", SEQUENCE)?;
        let mut is_found = false;
        while !purposes.is_empty() {
            is_found |= wanted.contains(&purposes.expect("extKeyUsage", OID)?);
        }
        Ok(is_found)
    };
    if is_wanted().map_err(|error| Flaw::Layout { error })? {
        return Ok(());
    }
    Err(Flaw::KeyPurpose { certificate: certificate.common_name(), expected })
}

fn layer(certificate: &Certificate<'_>) -> Result<Layer, Flaw> {
    let name = || certificate.common_name();
    let (one, several) = (certificate.extension(oid::TCB_INFO), certificate.extension(oid::MULTI_TCB_INFO));
    let tcb_infos = match (one, several) {
        (None, None) => Ok(Vec::new()),
        (Some(one), None) => TcbInfo::one(one.value),
        (None, Some(several)) => TcbInfo::several(several.value),
        (Some(_), Some(_)) => return Err(Flaw::TcbInfoTwice { certificate: name() }),
    };
    Ok(Layer {
        subject: name(),
        spki: certificate.spki.raw.to_vec(),
        ueid: ueid(certificate).map_err(|error| Flaw::Ueid { certificate: name(), error })?,
        tcb_infos: tcb_infos.map_err(|error| Flaw::TcbInfo { certificate: name(), error })?,
    })
}

/// `TcgUeid ::= SEQUENCE { ueid OCTET STRING }`
fn ueid(certificate: &Certificate<'_>) -> Result<Option<Vec<u8>>, WireError> {
    let Some(extension) = certificate.extension(oid::UEID) else { return Ok(None) };
    let mut der = Der::only(extension.value, "TcgUeid", SEQUENCE)?;
    let ueid = der.expect("ueid", OCTET_STRING)?;
    der.end("TcgUeid")?;
    if ueid.is_empty() || ueid.len() > UEID_BYTES_MAX {
        return Err(WireError::Value { field: "ueid", expected: "1 to 64 bytes", actual: hex::encode(ueid) });
    }
    Ok(Some(ueid.to_vec()))
}

fn key(leaf: &Certificate<'_>) -> Option<ParsedKey> {
    let scheme = match leaf.spki.key.kind {
        KeyKind::Ed25519 => Scheme::Ed25519,
        KeyKind::P256 => Scheme::EcdsaP256Sha256Fixed,
        KeyKind::P384 => Scheme::EcdsaP384Sha384Fixed,
        _ => return None,
    };
    if !leaf.may_sign_data().unwrap_or(false) {
        return None;
    }
    leaf.spki.key.parse(scheme).ok()
}

/// Object identifiers of the TCG for DICE, 2.23.133.5.4.x, as DER contents.
mod oid {
    pub(super) const TCB_INFO: &[u8] = &[0x67, 0x81, 0x05, 0x05, 0x04, 0x01];
    pub(super) const UEID: &[u8] = &[0x67, 0x81, 0x05, 0x05, 0x04, 0x04];
    pub(super) const MULTI_TCB_INFO: &[u8] = &[0x67, 0x81, 0x05, 0x05, 0x04, 0x05];
    pub(super) const KP_ATTEST_INIT: &[u8] = &[0x67, 0x81, 0x05, 0x05, 0x04, 0x64, 0x08];
    pub(super) const KP_ATTEST_LOC: &[u8] = &[0x67, 0x81, 0x05, 0x05, 0x04, 0x64, 0x09];
    pub(super) const KP_ECA: &[u8] = &[0x67, 0x81, 0x05, 0x05, 0x04, 0x64, 0x0c];
}
