//! Exporters: what a domain says, for software of others. [docs/formats/import.md]
//!
//! - [`corim`]: reference values as Concise Reference Integrity Manifests.

pub mod corim;
