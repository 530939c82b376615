//! X.509 certificates and CRLs in the fixed shapes that vendors' hierarchies have [RFC 5280].
//!
//! There is no path building: a format says which certificates stand in which order below which [`Anchor`]. Everything is read
//! from the received bytes without copying, and a signature is checked over exactly those bytes.
//!
//! - [`Certificate::parse`], [`Crl::parse`]: strict DER.
//! - [`Chain::verify`]: names, signatures, validity, CA flags, critical extensions, revocation.

mod anchor;
mod certificate;
mod chain;
mod crl;
mod key;
mod lists;
#[cfg(test)]
mod tests;
mod time;

pub use anchor::{Anchor, UnknownVendor, Vendor};
pub(crate) use certificate::{Certificate, common_name, oid};
pub use chain::ChainFlaw;
pub(crate) use chain::{CHAIN_MAX, Chain, CrlRule, Issuers, critical_extensions, dates, is_signed};
pub(crate) use crl::Crl;
pub(crate) use key::{Spki, scheme_of};
pub(crate) use lists::Lists;
pub use time::rfc3339;
pub(crate) use time::time;
