//! The store through its public interface: as its callers use it, and as crashes, rollbacks and full disks do.

#[cfg(test)]
mod datasets;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod domains;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod judged;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod migration;
#[cfg(test)]
mod open;
#[cfg(test)]
mod parties;
#[cfg(test)]
mod runs;
