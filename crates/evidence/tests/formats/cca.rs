//! `cca` evidence.
