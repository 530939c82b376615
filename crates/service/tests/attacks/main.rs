//! Attacks on brokers over real sockets, stores and keys: an honest run first, then one change to it at a time, each
//! refused by name, with its receipt, and without a key.

#[cfg(test)]
mod agreed;
#[cfg(test)]
mod domains;
#[cfg(test)]
mod durable;
#[cfg(test)]
mod ends;
#[cfg(test)]
mod evidence;
#[cfg(test)]
mod honest;
#[cfg(test)]
mod keep;
#[cfg(test)]
mod kept;
#[cfg(test)]
mod mail;
#[cfg(test)]
mod order;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod permits;
#[cfg(test)]
mod race;
#[cfg(test)]
mod raw;
#[cfg(test)]
mod record;
#[cfg(test)]
mod revoked;
#[cfg(test)]
mod rollback;
#[cfg(test)]
mod runners;
#[cfg(test)]
mod strangers;
#[cfg(test)]
mod study;
#[cfg(test)]
mod wasm;
#[cfg(test)]
mod world;
