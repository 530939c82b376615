//! Signed XML, as reference integrity manifests are published: parsed, canonicalised, and its signature verified.
//!
//! What is not needed and has a history of attacks is refused: document types, entities, processing instructions, more than one
//! signature, references to anything but the whole document.

mod canonical;
mod element;
mod signature;

pub(crate) use element::Element;
pub use element::XmlFlaw;
pub use signature::SignatureFlaw;
pub(crate) use signature::{signers, verify_enveloped};
