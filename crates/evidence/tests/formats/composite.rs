//! `composite` evidence.
