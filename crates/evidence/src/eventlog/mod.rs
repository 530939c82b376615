//! TCG event logs: what was measured into a TPM's PCRs or a TDX guest's RTMRs, event by event.
//!
//! A log proves nothing by itself. It is believed as far as its [replay](EventLog::replay) gives the values that a quote signs,
//! and only for the registers that it does so for. Even then only *digests* are proved: an event's type and data are words
//! until [`Event::is_measured`] (or what [`Boot`] does) ties them to the digest.
//!
//! Layouts: the legacy SHA-1 log and the crypto-agile log (`Spec ID Event03`) of the TCG PC Client Platform Firmware Profile
//! 1.06 (called PFP below), §10; the CCEL of the UEFI specification 2.10, §38.4, whose measurement registers 1 to 4 are RTMR 0 to 3.
//!
//! ```
//! use casemate_evidence::{Hash, eventlog::EventLog};
//!
//! // One legacy event: a separator in PCR 7.
//! let mut log = Vec::new();
//! log.extend(7_u32.to_le_bytes());
//! log.extend(4_u32.to_le_bytes());
//! log.extend([0x90, 0x69, 0xca, 0x78, 0xe7, 0x45, 0x0a, 0x28, 0x51, 0x73, 0x43, 0x1b, 0x3e, 0x52, 0xc5, 0xc2, 0x52, 0x99, 0xe4, 0x73]);
//! log.extend(4_u32.to_le_bytes());
//! log.extend([0; 4]);
//!
//! let log = EventLog::of_tpm(&log)?;
//! assert_eq!(log.events().next().unwrap().kind().to_string(), "EV_SEPARATOR");
//! let registers = log.replay(Hash::Sha1)?;
//! assert_eq!(hex::encode(registers.value(7).unwrap()), "b2a83b0ebf2f8374299a5b2bdfc31ea955ad7236");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod abi;
mod boot;
mod kind;
mod replay;
mod uefi;

pub use abi::{Bank, EVENTS_MAX, Event, EventLog, LOG_BYTES_MAX, Layout, Target};
pub use boot::Boot;
pub use kind::EventKind;
pub use replay::{Divergence, Mismatch, Registers, ReplayError};
pub use uefi::{LoadOption, Partition, Variable};

pub(crate) use boot::load_options_digests;
