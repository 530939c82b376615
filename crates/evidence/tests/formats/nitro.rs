//! `nitro` evidence.
