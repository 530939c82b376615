//! `snp` evidence.
