//! What a log says about the boot, from events whose data their digests prove.
//!
//! Types and data are words of whoever hands over the log; so nothing here rests on a type alone. Firmware is alone before the
//! first separator of a register, which is found by its digest; from then on others extend registers as well.

use super::{Event, EventLog, Target, uefi::Variable};
use crate::Hash;

/// `8be4df61-93ca-11d2-aa0d-00e098032b8c`, EFI_GLOBAL_VARIABLE, as it lies in memory.
const GLOBAL: [u8; 16] =
    [0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c];

/// Separators [PFP §10.4.1]: three values, of which the last says that there was an error.
const SEPARATORS: [&[u8]; 3] = [&[0; 4], &[0xff; 4], &[1, 0, 0, 0]];

/// Actions that firmware measures among the applications of PCR 4 and RTMR 1. [PFP §10.4.4]
const ACTIONS: [&[u8]; 5] = [
    b"Calling EFI Application from Boot Option",
    b"Returning from EFI Application from Boot Option",
    b"Exit Boot Services Invocation",
    b"Exit Boot Services Returned with Failure",
    b"Exit Boot Services Returned with Success",
];

/// What GRUB puts before a text that it measures without it.
const GRUB_PREFIXES: [&str; 3] = ["kernel_cmdline: ", "grub_kernel_cmdline ", "grub_cmd: "];

/// The most texts and digests that are kept.
const ROWS_MAX: usize = 64;

/// A boot, as far as its log proves it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Boot {
    /// Whether UEFI Secure Boot was on; `None` where the log doesn't prove it either way.
    pub secure_boot: Option<bool>,
    /// The digests of everything measured into PCR 4 (of a CCEL: RTMR 1) besides separators and known actions: what the
    /// firmware ran, boot loaders and kernels among it. A boot loader and a kernel that it loads by the firmware are two.
    pub applications: Vec<Vec<u8>>,
    /// Kernel command lines that GRUB (PCR 8; RTMR 2) or systemd's stub (PCR 12; RTMR 2) measured, and that which came with
    /// the evidence and that the EFI stub measured (PCR 9; RTMR 2). Whatever runs later can extend those registers too.
    pub command_lines: Vec<String>,
    /// The digest that the Linux EFI stub measured first into PCR 9: its load options, that is, the command line. `None` if
    /// what came first was not marked so.
    pub load_options: Option<Vec<u8>>,
}

impl Boot {
    /// Reads `log` in the bank of `hash`, leaving out registers for which `is_proved` is false: those that weren't quoted.
    #[must_use]
    pub fn of(log: &EventLog<'_>, hash: Hash, is_proved: impl Fn(u32) -> bool) -> Self {
        let place = |tpm: u32, ccel: u32| {
            Some(if log.target() == Target::Tpm { tpm } else { ccel }).filter(|it| is_proved(*it))
        };
        let mut boot = Self::default();
        if let Some(register) = place(7, 1) {
            boot.secure_boot = secure_boot(log, hash, register);
        }
        if let Some(register) = place(4, 2) {
            boot.applications = applications(log, hash, register);
        }
        for register in [place(8, 3), place(12, 3)].into_iter().flatten() {
            for event in extended(log, register) {
                let line = command_line(&event, hash);
                let is_new = line.as_ref().is_some_and(|line| !boot.command_lines.contains(line));
                if is_new && boot.command_lines.len() < ROWS_MAX {
                    boot.command_lines.extend(line);
                }
            }
        }
        if let Some(register) = place(9, 3) {
            boot.load_options = load_options(log, hash, register);
        }
        boot
    }
}

fn extended<'a>(log: &EventLog<'a>, register: u32) -> impl Iterator<Item = Event<'a>> {
    log.events().filter(move |event| event.is_extended() && event.register() == register)
}

/// The one variable `SecureBoot` that firmware measured before the separator.
fn secure_boot(log: &EventLog<'_>, hash: Hash, register: u32) -> Option<bool> {
    let mut found = None;
    for event in extended(log, register) {
        if SEPARATORS.iter().any(|separator| event.is_digest_of(hash, &[separator])) {
            return found;
        }
        let variable = Variable::read(event.data()).ok();
        let is_it = variable.as_ref().is_some_and(|it| it.vendor == GLOBAL && it.name == "SecureBoot");
        if is_it && event.is_measured(hash) {
            if found.is_some() {
                return None;
            }
            found = variable.map(|variable| variable.value == [1]);
        }
    }
    None
}

fn applications(log: &EventLog<'_>, hash: Hash, register: u32) -> Vec<Vec<u8>> {
    let known = |event: &Event<'_>| SEPARATORS.iter().chain(&ACTIONS).any(|data| event.is_digest_of(hash, &[data]));
    extended(log, register)
        .filter(|event| !known(event))
        .filter_map(|event| event.digest(hash).map(<[u8]>::to_vec))
        .take(ROWS_MAX)
        .collect()
}

/// The command line of an event whose digest is that of the line.
fn command_line(event: &Event<'_>, hash: Hash) -> Option<String> {
    let text = super::uefi::text(event.data())?;
    for prefix in GRUB_PREFIXES {
        if let Some(line) = text.strip_prefix(prefix) {
            let is_line = prefix != "grub_cmd: ";
            return (is_line && event.is_digest_of(hash, &[line.as_bytes()])).then(|| line.to_owned());
        }
    }
    // systemd-stub measures UTF-16 as it lies in the event.
    let is_wide = matches!(event.data(), [first, 0, ..] if *first != 0);
    (is_wide && event.is_measured(hash)).then_some(text)
}

/// What the EFI stub measured: it is the first to extend the register, if there is no boot loader before it.
fn load_options(log: &EventLog<'_>, hash: Hash, register: u32) -> Option<Vec<u8>> {
    let first = extended(log, register).next()?;
    let is_load_options = matches!(first.tagged(), Some((0x8f3b_22ed, _)));
    is_load_options.then(|| first.digest(hash)).flatten().map(<[u8]>::to_vec)
}

/// The digests that the EFI stub measures for a command line: in UTF-16, with its terminating zero or without.
pub(crate) fn load_options_digests(hash: Hash, line: &str) -> [Vec<u8>; 2] {
    let wide: Vec<u8> = line.encode_utf16().flat_map(u16::to_le_bytes).collect();
    [hash.of(&[&wide, &[0, 0]]).as_ref().to_vec(), hash.of(&[&wide]).as_ref().to_vec()]
}
