//! `dice` evidence.
