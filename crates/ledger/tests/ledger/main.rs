//! The ledger against its attackers, through its public interface.

mod receipt;
mod tree;
