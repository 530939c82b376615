//! `keystone` evidence.
