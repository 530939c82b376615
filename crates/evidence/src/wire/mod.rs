//! Reading received bytes: bounded, strict, without copying. Every format's `abi.rs` stands on these.

pub(crate) mod cbor;
pub(crate) mod cose;
pub(crate) mod der;
mod reader;

pub(crate) use reader::Reader;
pub use reader::WireError;
