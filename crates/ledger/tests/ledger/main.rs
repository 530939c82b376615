//! The ledger against its attackers, through its public interface.

#[cfg(test)]
mod receipt;
#[cfg(test)]
mod tree;
