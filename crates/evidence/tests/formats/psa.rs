//! `psa` evidence.
