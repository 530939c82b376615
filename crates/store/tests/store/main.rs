//! The store through its public interface: as its callers use it, and as crashes, rollbacks and full disks do.

mod datasets;
mod disk;
mod fixture;
mod kill;
mod ledger;
mod migration;
mod open;
mod runs;
