//! `tpm` evidence.
