//! Steps 6 and 7: PCR values against the quote, and the log against PCR values. Azure's evidence takes them too.

use casemate_cose::Digest;

use super::{Attest, Flaw, PcrValue, claims::Log};
use crate::{
    Hash,
    eventlog::{Boot, EventLog, ReplayError, load_options_digests},
};

/// PCRs that firmware extends in any case: a log that is silent about one of them has lost it. [PFP §3.3.4]
const FIRMWARE_PCRS: std::ops::RangeInclusive<u32> = 0..=7;
/// The register of the Linux EFI stub.
const LOAD_OPTIONS_PCR: u32 = 9;

/// Step 6: the values are those that the quote selects, in its order, and their digest is the quoted one.
/// `hash` is the signature's. [TPM 2.0 part 3 §18.4]
pub(crate) fn check_pcrs(attest: &Attest<'_>, values: &[PcrValue<'_>], hash: Hash) -> Result<(), Flaw> {
    let given = values.iter().map(|value| (value.bank.tpm_alg(), value.index));
    if values.is_empty() || !given.clone().eq(attest.selection.iter().copied()) {
        return Err(Flaw::PcrSelection { expected: rows(attest.selection.iter().copied()), actual: rows(given) });
    }
    let parts: Vec<&[u8]> = values.iter().map(|value| value.value).collect();
    let actual = hash.of(&parts);
    if actual.as_ref() != attest.pcr_digest {
        return Err(Flaw::PcrDigest { expected: hex::encode(attest.pcr_digest), actual: hex::encode(actual) });
    }
    Ok(())
}

fn rows(rows: impl Iterator<Item = (u16, u32)>) -> String {
    let rows: Vec<String> = rows
        .map(|(bank, index)| match Hash::of_tpm_alg(bank) {
            Some(hash) => format!("{hash}:{index}"),
            None => format!("0x{bank:04x}:{index}"),
        })
        .collect();
    rows.join(",")
}

/// Step 7: in every quoted bank the log gives the quoted values. A missing log is no flaw: then there are no claims about the boot.
pub(crate) fn check_log(values: &[PcrValue<'_>], log: &[u8], command_line: &str) -> Result<Option<Log>, Flaw> {
    if log.is_empty() {
        return if command_line.is_empty() { Ok(None) } else { Err(Flaw::CommandLine {}) };
    }
    let log = EventLog::of_tpm(log).map_err(|error| Flaw::Log { error })?;
    let mut banks: Vec<Hash> = values.iter().map(|value| value.bank).collect();
    banks.sort_unstable();
    banks.dedup();
    let mut logged = Vec::new();
    for bank in &banks {
        logged = check_bank(values, &log, *bank)?;
    }
    // The strongest bank is last.
    let Some(bank) = banks.last().copied() else { return Ok(None) };
    let quoted = |index: u32| values.iter().any(|value| value.bank == bank && value.index == index);
    let mut boot = Boot::of(&log, bank, quoted);
    let is_command_line_measured = check_command_line(&mut boot, bank, command_line)?;
    let unlogged = values
        .iter()
        .filter(|value| value.bank == bank && !logged.contains(&value.index) && !is_at_reset(value))
        .map(|value| value.index)
        .collect();
    let manifest = if is_command_line_measured && bank != Hash::Sha1 { manifest(command_line) } else { None };
    Ok(Some(Log {
        bank,
        logged: logged.into_iter().filter(|index| quoted(*index)).collect(),
        unlogged,
        boot,
        manifest,
    }))
}

/// The registers that the log extends in this bank.
fn check_bank(values: &[PcrValue<'_>], log: &EventLog<'_>, bank: Hash) -> Result<Vec<u32>, Flaw> {
    let quoted =
        |index: u32| values.iter().find(|value| value.bank == bank && value.index == index).map(|value| value.value);
    let replay = |error| match error {
        ReplayError::Bank(bank) => Flaw::LogBank { bank: bank.as_str() },
        ReplayError::Locality(error) => Flaw::Log { error },
    };
    let registers = log.replay(bank).map_err(replay)?;
    let logged: Vec<u32> = registers.iter().map(|(register, _)| register).collect();
    let is_right = registers.iter().all(|(register, value)| quoted(register).is_none_or(|quoted| quoted == value));
    let mismatches = if is_right { Vec::new() } else { log.mismatches(bank, quoted).map_err(replay)? };
    if let Some(mismatch) = mismatches.into_iter().next() {
        let events = log.events().filter(|event| event.is_extended() && event.register() == mismatch.register);
        return Err(Flaw::LogDiverges {
            pcr: mismatch.register,
            bank: bank.as_str(),
            replayed: hex::encode(&mismatch.replayed),
            quoted: hex::encode(&mismatch.quoted),
            event: match mismatch.surplus {
                Some(event) => format!("the quoted value is that before {event}"),
                None => format!("one or more of its {} events differ", events.count()),
            },
        });
    }
    let lost = values.iter().find(|value| {
        value.bank == bank
            && FIRMWARE_PCRS.contains(&value.index)
            && !logged.contains(&value.index)
            && !is_at_reset(value)
    });
    match lost {
        Some(value) => Err(Flaw::LogIncomplete { pcr: value.index, bank: bank.as_str() }),
        None => Ok(logged),
    }
}

/// Whether nothing was extended since reset.
fn is_at_reset(value: &PcrValue<'_>) -> bool {
    let reset = if (17..=22).contains(&value.index) { 0xff } else { 0 };
    value.value.iter().all(|byte| *byte == reset)
}

/// A command line that comes with the evidence is the one that the EFI stub measured.
fn check_command_line(boot: &mut Boot, bank: Hash, line: &str) -> Result<bool, Flaw> {
    if line.is_empty() {
        return Ok(false);
    }
    let measured = boot.load_options.as_ref().ok_or(Flaw::CommandLine {})?;
    if !load_options_digests(bank, line).contains(measured) {
        return Err(Flaw::CommandLineDigest { pcr: LOAD_OPTIONS_PCR });
    }
    boot.command_lines.push(line.to_owned());
    Ok(true)
}

/// The manifest that a kernel's command line names, once.
fn manifest(line: &str) -> Option<Digest> {
    let mut named = line.split_ascii_whitespace().filter_map(|word| word.strip_prefix("casemate.manifest="));
    let manifest = named.next()?.parse().ok()?;
    if named.next().is_some() { None } else { Some(manifest) }
}
