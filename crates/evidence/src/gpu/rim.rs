//! Reference integrity manifests for GPUs: SWID tags with TCG's RIM attributes, signed. [ISO/IEC 19770-2; TCG RIM IM]

use casemate_cose::Digest;
use thiserror::Error;

use super::{
    abi::MEASUREMENT_BYTES,
    claims::{Comparison, Manifest},
};
use crate::{
    ChainFlaw, Support,
    x509::Chain,
    xml::{Element, SignatureFlaw, XmlFlaw, verify_enveloped},
};

const SWID: &str = "http://standards.iso.org/iso/19770/-2/2015/schema.xsd";
const SHA384: &str = "http://www.w3.org/2001/04/xmlenc#sha384";
/// The most alternatives that one measurement has.
const ALTERNATIVES_MAX: usize = 64;
/// The measurement that means nothing while the video decoder is off. [nvtrust, verifier.py]
const NVDEC0_INDEX: u8 = 35;

/// Why a reference manifest is refused.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum RimFlaw {
    /// Its signer's certificates do not lead to NVIDIA's root.
    #[error("the signer's certificates do not hold: {0}")]
    Chain(#[from] ChainFlaw),
    /// A part that has to be there is missing or wrong.
    #[error("its `{0}` is missing or malformed")]
    Content(&'static str),
    /// Its signature is no good.
    #[error(transparent)]
    Signature(#[from] SignatureFlaw),
    /// It is no XML.
    #[error(transparent)]
    Xml(#[from] XmlFlaw),
}

/// A genuine manifest.
#[derive(Debug)]
pub(super) struct Rim {
    pub(super) version: String,
    tag_id: String,
    digest: Digest,
    references: Vec<Reference>,
    pub(super) support: Support,
}

#[derive(Debug)]
struct Reference {
    index: u8,
    values: Vec<Vec<u8>>,
}

/// The version that a manifest says it is for, before anything of it is verified: those for others are passed over.
pub(super) fn version_of(bytes: &[u8]) -> Result<(Element, String), RimFlaw> {
    let text = std::str::from_utf8(bytes).map_err(|error| XmlFlaw::Malformed(error.to_string()))?;
    let root = Element::parse(text)?;
    if !root.is(SWID, "SoftwareIdentity") {
        return Err(RimFlaw::Content("SoftwareIdentity"));
    }
    let meta = root.only(SWID, "Meta").ok_or(RimFlaw::Content("Meta"))?;
    let version = meta.attribute("colloquialVersion").ok_or(RimFlaw::Content("colloquialVersion"))?.to_owned();
    Ok((root, version))
}

impl Rim {
    /// Verifies the manifest: signature, chain, content. `chain` is what its signer's certificates are verified against.
    pub(super) fn verify(root: &Element, version: String, bytes: &[u8], chain: &Chain<'_>) -> Result<Self, RimFlaw> {
        let mut support = Support::default();
        verify_enveloped(root, |certificates| -> Result<(), RimFlaw> {
            support.extend(&chain.verify(certificates)?.support);
            Ok(())
        })?;
        let tag_id = root.attribute("tagId").ok_or(RimFlaw::Content("tagId"))?.to_owned();
        let digest = support.add("rim", version.clone(), bytes, crate::Window::ALWAYS);
        Ok(Self { version, tag_id, digest, references: references(root)?, support })
    }

    /// Compares the manifest's active measurements with the GPU's. Manifests count from 0, reports from 1.
    pub(super) fn compare(&self, measurements: &[(u8, &[u8])], is_decoder_on: bool) -> Manifest {
        let references: Vec<_> =
            self.references.iter().filter(|reference| is_decoder_on || reference.index != NVDEC0_INDEX).collect();
        let mismatched: Vec<u8> = references
            .iter()
            .filter(|reference| {
                let measured = measurements.iter().find(|(index, _)| index.checked_sub(1) == Some(reference.index));
                !measured.is_some_and(|(_, value)| reference.values.iter().any(|known| known == value))
            })
            .map(|reference| reference.index)
            .collect();
        let comparison = if mismatched.is_empty() { Comparison::Matched } else { Comparison::Mismatched(mismatched) };
        Manifest { tag_id: self.tag_id.clone(), digest: self.digest, active: references.len(), comparison }
    }
}

fn references(root: &Element) -> Result<Vec<Reference>, RimFlaw> {
    let payload = root.only(SWID, "Payload").ok_or(RimFlaw::Content("Payload"))?;
    let mut references: Vec<Reference> = Vec::new();
    for resource in payload.elements().filter(|element| element.is(SWID, "Resource")) {
        if resource.attribute("type") != Some("Measurement") {
            continue;
        }
        match resource.attribute("active") {
            Some("False" | "false") => continue,
            Some("True" | "true") => {}
            _ => return Err(RimFlaw::Content("active")),
        }
        let number = |name: &'static str| resource.attribute(name).and_then(|text| text.parse::<u8>().ok());
        let index = number("index").ok_or(RimFlaw::Content("index"))?;
        let alternatives = number("alternatives").map(usize::from).ok_or(RimFlaw::Content("alternatives"))?;
        if alternatives == 0 || alternatives > ALTERNATIVES_MAX || references.iter().any(|other| other.index == index) {
            return Err(RimFlaw::Content("alternatives"));
        }
        let values = (0..alternatives).map(|alternative| {
            let text = resource.attribute_of(SHA384, &format!("Hash{alternative}"))?;
            hex::decode(text).ok().filter(|value| value.len() == MEASUREMENT_BYTES)
        });
        let values = values.collect::<Option<Vec<_>>>().ok_or(RimFlaw::Content("Hash"))?;
        references.push(Reference { index, values });
    }
    if references.is_empty() { Err(RimFlaw::Content("Resource")) } else { Ok(references) }
}
