//! `gpu` evidence.
