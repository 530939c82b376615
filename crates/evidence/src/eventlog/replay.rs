//! From a log's digests to the values of its registers.
//!
//! A register starts as zeros; PCR 17 to 22 as ones [PC Client Platform TPM Profile 1.05, table 5]; PCR 0 with the startup
//! locality as its last byte, where the log has that event [PFP §10.4.5.4]. Each event but `EV_NO_ACTION` extends one:
//! `value = H(value ‖ digest)`.

use std::collections::BTreeMap;

use thiserror::Error;

use super::{Event, EventKind, EventLog, Target, abi::LOCALITY_SIGNATURE};
use crate::{Hash, wire::WireError};

/// Why a log could not be replayed.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ReplayError {
    /// The log has no digests of that bank.
    #[error("the event log has no `{0}` bank")]
    Bank(Hash),
    /// The startup locality is none, comes twice, or after PCR 0 was extended.
    #[error("{0}")]
    Locality(WireError),
}

/// The values that a log's events give.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Registers {
    hash: Hash,
    values: BTreeMap<u32, Vec<u8>>,
}

impl Registers {
    /// The bank.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// The value of a PCR, or of a measurement register of a CCEL; `None` if no event extended it.
    #[must_use]
    pub fn value(&self, register: u32) -> Option<&[u8]> {
        self.values.get(&register).map(Vec::as_slice)
    }

    /// The value of RTMR 0 to 3, which are measurement registers 1 to 4 of a CCEL; `None` if no event extended it.
    #[must_use]
    pub fn rtmr(&self, rtmr: u32) -> Option<&[u8]> {
        self.value(rtmr.checked_add(1)?)
    }

    /// All that were extended, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.values.iter().map(|(register, value)| (*register, value.as_slice()))
    }
}

/// A register whose replayed value is not the quoted one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mismatch {
    /// The PCR, or the measurement register of a CCEL.
    pub register: u32,
    /// What the log gives.
    pub replayed: Vec<u8>,
    /// What was quoted.
    pub quoted: Vec<u8>,
    /// The first event that the quoted value knows nothing of, where the quoted value is that before this event: the log has
    /// more than was measured. `None` where the quoted value occurs nowhere in the replay.
    pub surplus: Option<Divergence>,
}

/// An event in words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Divergence {
    /// Its place in the log, from 0.
    pub number: usize,
    /// Its register.
    pub register: u32,
    /// Its type.
    pub kind: EventKind,
}

impl Divergence {
    const fn of(event: &Event<'_>) -> Self {
        Self { number: event.number(), register: event.register(), kind: event.kind() }
    }
}

impl std::fmt::Display for Divergence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "event {} (`{}`, register {})", self.number, self.kind, self.register)
    }
}

impl EventLog<'_> {
    /// The values of the registers that this log's events extend, in the bank of `hash`.
    ///
    /// # Errors
    /// [`ReplayError`]: the log doesn't have that bank, or its startup locality is wrong.
    pub fn replay(&self, hash: Hash) -> Result<Registers, ReplayError> {
        let mut values = BTreeMap::new();
        self.extend(hash, |register, value| {
            values.insert(register, value.to_vec());
        })?;
        Ok(Registers { hash, values })
    }

    /// Walks the replay: `seen` is told each value a register takes, after each event that extends it.
    fn extend(&self, hash: Hash, mut seen: impl FnMut(u32, &[u8])) -> Result<(), ReplayError> {
        if !self.banks().iter().any(|bank| bank.algorithm == hash.tpm_alg()) {
            return Err(ReplayError::Bank(hash));
        }
        let mut current: BTreeMap<u32, aws_lc_rs::digest::Digest> = BTreeMap::new();
        let mut locality = None;
        for event in self.events() {
            if !event.is_extended() {
                if let Some(found) = startup_locality(&event, self.target()) {
                    if locality.is_some() || current.contains_key(&0) {
                        return Err(wrong_locality("once, before PCR 0 is extended", found));
                    }
                    if ![0, 3, 4].contains(&found) {
                        return Err(wrong_locality("0, 3 or 4", found));
                    }
                    locality = Some(found);
                }
                continue;
            }
            let digest = event.digest(hash).ok_or(ReplayError::Bank(hash))?;
            let register = event.register();
            let next = match current.get(&register) {
                Some(value) => hash.of(&[value.as_ref(), digest]),
                None => hash.of(&[&self.start(hash, register, locality), digest]),
            };
            current.insert(register, next);
            seen(register, next.as_ref());
        }
        Ok(())
    }

    fn start(&self, hash: Hash, register: u32, locality: Option<u8>) -> Vec<u8> {
        let is_dynamic = self.target() == Target::Tpm && (17..=22).contains(&register);
        let mut value = vec![if is_dynamic { 0xff } else { 0 }; hash.size_bytes()];
        if let (0, Some(locality), Some(last)) = (register, locality, value.last_mut()) {
            *last = locality;
        }
        value
    }

    /// Compares the replay in the bank of `hash` with quoted values: every quoted register that this log extends has to have
    /// the value that the log gives. `quoted` is asked for each of those; `None` for what was not quoted.
    ///
    /// # Errors
    /// [`ReplayError`].
    pub fn mismatches<'q>(
        &self,
        hash: Hash,
        quoted: impl Fn(u32) -> Option<&'q [u8]>,
    ) -> Result<Vec<Mismatch>, ReplayError> {
        let registers = self.replay(hash)?;
        let mut mismatches = Vec::new();
        for (register, replayed) in registers.iter() {
            let Some(quoted) = quoted(register).filter(|quoted| *quoted != replayed) else { continue };
            mismatches.push(Mismatch {
                register,
                replayed: replayed.to_vec(),
                quoted: quoted.to_vec(),
                surplus: self.after(hash, register, quoted)?,
            });
        }
        Ok(mismatches)
    }

    /// The event after that which gives `register` this value.
    fn after(&self, hash: Hash, register: u32, value: &[u8]) -> Result<Option<Divergence>, ReplayError> {
        let mut count = 0_usize;
        let mut found = None;
        self.extend(hash, |one, reached| {
            if one == register {
                count += 1;
                if reached == value {
                    found = Some(count);
                }
            }
        })?;
        let mut events = self.events().filter(|event| event.is_extended() && event.register() == register);
        Ok(found.and_then(|found| events.nth(found)).map(|event| Divergence::of(&event)))
    }

    /// The first event of this log, among those that are extended, that `reference` doesn't have in its place: another digest
    /// in the bank of `hash`, another register, or one too many. `None` if `reference` begins with this log; where this log is
    /// the shorter one, ask `reference` about this one.
    #[must_use]
    pub fn first_divergence(&self, reference: &EventLog<'_>, hash: Hash) -> Option<Divergence> {
        let mut others = reference.events().filter(Event::is_extended);
        self.events().filter(Event::is_extended).find_map(|event| {
            let is_same = others
                .next()
                .is_some_and(|other| other.register() == event.register() && other.digest(hash) == event.digest(hash));
            (!is_same).then(|| Divergence::of(&event))
        })
    }
}

/// The locality from which the TPM was started. [PFP §10.4.5.4]
fn startup_locality(event: &Event<'_>, target: Target) -> Option<u8> {
    let rest = event.data().strip_prefix(LOCALITY_SIGNATURE)?;
    let is_for_pcr_0 = target == Target::Tpm && event.register() == 0;
    (is_for_pcr_0 && rest.len() == 1).then(|| rest.first().copied()).flatten()
}

fn wrong_locality(expected: &'static str, actual: u8) -> ReplayError {
    ReplayError::Locality(WireError::Value { field: "StartupLocality", expected, actual: actual.to_string() })
}
