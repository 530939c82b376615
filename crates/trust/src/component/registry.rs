//! What components of each kind say: properties, registers, identities, and who vouches. [docs/formats/properties.md]
//!
//! A name is that of a row of `casemate verify`, or of a part of one: a row of several values (a TCB of five levels) is split into
//! typed parts, `reported-tcb.microcode`. In names of what there can be several of, `N` stands for a number, `HASH` for the name of a
//! hash, `NAME` for any name.

use casemate_evidence::{Vendor, named};

use super::{beside, cca, dcap, dice, gpu, keystone, nitro, psa, snp, software, tpm};
use crate::statement::{Allowance, Kind, Value};

/// A property that components of a kind can have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Property {
    /// Its name.
    pub name: &'static str,
    /// What its values are.
    pub of: Type,
    /// What a draft asks of it.
    pub draft: Draft,
    /// How its numbers are written.
    pub radix: Radix,
    /// Which values of its type it can have.
    pub bound: Bound,
    /// What it is.
    pub means: &'static str,
    /// Who defines it: document and section.
    pub source: &'static str,
    /// What to do where it falls short.
    pub remedy: &'static str,
}

/// A register that components of a kind can have: part of what runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RegisterName {
    /// Its name.
    pub name: &'static str,
    /// What it measures.
    pub means: &'static str,
    /// Who defines it: document and section.
    pub source: &'static str,
    /// Whether a draft pins it.
    pub draft: Draft,
    /// How many bytes its values can have; none are listed where its name says it ([`Self::bytes_of`]), or nothing does.
    pub bytes: &'static [usize],
}

/// What tells one piece of hardware from all others of its kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IdentityName {
    /// The row of `casemate verify` that shows it, or the rows, the first that is there.
    pub names: &'static [&'static str],
    /// How many bytes it can have; none are listed where nothing says it.
    pub bytes: &'static [usize],
    /// What it is.
    pub means: &'static str,
    /// Who defines it: document and section.
    pub source: &'static str,
}

/// What a property's values are.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Type {
    /// Yes or no.
    Bool,
    /// Bytes, written as lower-case hex.
    Bytes,
    /// A number; it has an order.
    Number,
    /// Names.
    Set,
    /// A name.
    Text,
    /// A time; it has an order.
    Time,
}

/// What a draft asks of a property.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Draft {
    /// At least the present value: later ones are better.
    AtLeast,
    /// Exactly the present value.
    Exactly,
    /// That it is so, where it is so; nothing where it is not, which is no better.
    IfSo,
    /// Nothing: it differs from one time to the next, or something else judges it.
    Nothing,
    /// No others than the present names.
    Only,
}

/// Which values of its type a property can have in evidence. Values of any other kind never match.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Bound {
    /// Any.
    Any,
    /// Bytes of these lengths.
    Bytes(&'static [usize]),
    /// Numbers of at most this.
    Most(u64),
    /// These names; of a set, these members.
    Names(&'static [&'static str]),
}

/// How a property's numbers are written.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Radix {
    /// `16`
    Decimal,
    /// `0x10`
    Hex,
}

named!(Type, UnknownType, "type", [
    Bool => "bool",
    Bytes => "bytes",
    Number => "number",
    Set => "set",
    Text => "text",
    Time => "time",
]);

named!(Draft, UnknownDraft, "demand of drafts", [
    AtLeast => "at least",
    Exactly => "exactly",
    IfSo => "if so",
    Nothing => "nothing",
    Only => "only",
]);

impl Type {
    /// The type of a value.
    #[must_use]
    pub const fn of(value: &Value) -> Self {
        match value {
            Value::Bool(_) => Self::Bool,
            Value::Bytes(_) => Self::Bytes,
            Value::Number(_) => Self::Number,
            Value::Set(_) => Self::Set,
            Value::Text(_) => Self::Text,
            Value::Time(_) => Self::Time,
        }
    }

    /// Whether one value can be above another.
    #[must_use]
    pub const fn is_ordered(self) -> bool {
        matches!(self, Self::Number | Self::Time)
    }
}

impl Property {
    /// A row of the registry. Its numbers are written in decimal.
    pub(super) const fn new(
        name: &'static str,
        of: Type,
        draft: Draft,
        means: &'static str,
        source: &'static str,
        remedy: &'static str,
    ) -> Self {
        Self { name, of, draft, radix: Radix::Decimal, bound: Bound::Any, means, source, remedy }
    }

    /// The same of bytes of these lengths alone.
    pub(super) const fn bytes(self, lengths: &'static [usize]) -> Self {
        Self { bound: Bound::Bytes(lengths), ..self }
    }

    /// The same of numbers of at most this.
    pub(super) const fn most(self, most: u64) -> Self {
        Self { bound: Bound::Most(most), ..self }
    }

    /// The same of these names alone.
    pub(super) const fn names(self, names: &'static [&'static str]) -> Self {
        Self { bound: Bound::Names(names), ..self }
    }

    /// The same with numbers written as hex.
    pub(super) const fn hex(self) -> Self {
        Self { radix: Radix::Hex, ..self }
    }

    /// Whether its remedy is to bring the machine to a later state, which helps only where one is asked for.
    #[must_use]
    pub fn is_mended_by_update(&self) -> bool {
        ["update ", "commit "].iter().any(|word| self.remedy.starts_with(word))
    }

    /// A value of this property as messages and files show it.
    #[must_use]
    pub fn show(&self, value: &Value) -> String {
        match (value, self.radix) {
            (Value::Number(number), Radix::Hex) => format!("0x{number:x}"),
            _ => show(value),
        }
    }
}

impl RegisterName {
    /// A row of the registry that drafts pin.
    pub(super) const fn new(name: &'static str, means: &'static str, source: &'static str) -> Self {
        Self { name, means, source, draft: Draft::Exactly, bytes: &[] }
    }

    /// The same of values of these lengths alone.
    pub(super) const fn bytes(self, bytes: &'static [usize]) -> Self {
        Self { bytes, ..self }
    }

    /// How many bytes the register of this name, one of this row, can have; none are listed where nothing says it.
    #[must_use]
    pub fn bytes_of(&self, name: &str) -> &'static [usize] {
        if !self.name.split('.').any(|segment| segment == "HASH") {
            return self.bytes;
        }
        let mut segments = name.split('.');
        segments.find_map(|segment| HASHES.iter().find(|(hash, _)| *hash == segment)).map_or(&[], |(_, bytes)| *bytes)
    }
}

/// The names of a closed list, by the function that names one.
macro_rules! names {
    ($all:expr, $name:path) => {{
        #[expect(
            clippy::indexing_slicing,
            reason = "the compiler evaluates it: a place that isn't there would not compile"
        )]
        const NAMES: [&str; $all.len()] = {
            let mut names = [""; $all.len()];
            let mut place = 0;
            while place < names.len() {
                names[place] = $name($all[place]);
                place += 1;
            }
            names
        };
        &NAMES
    }};
}
pub(super) use names;

/// The greatest number of 8 bits.
pub(super) const U8: u64 = 0xff;
/// The greatest number of 16 bits.
pub(super) const U16: u64 = 0xffff;
/// The greatest number of 32 bits.
pub(super) const U32: u64 = 0xffff_ffff;
/// Lengths of digests of SHA-2.
pub(super) const SHA2: &[usize] = &[32, 48, 64];

/// Names of hashes in names of registers, and how many bytes their digests have.
const HASHES: [(&str, &[usize]); 8] = [
    ("sha1", &[20]),
    ("sha256", &[32]),
    ("sha384", &[48]),
    ("sha512", &[64]),
    ("sha-1", &[20]),
    ("sha-256", &[32]),
    ("sha-384", &[48]),
    ("sha-512", &[64]),
];

/// A value as messages show it, whatever it is of.
#[must_use]
pub fn show(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Bytes(bytes) => hex(bytes),
        Value::Number(number) => number.to_string(),
        Value::Set(names) if names.is_empty() => "none".to_owned(),
        Value::Set(names) => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        Value::Text(text) => format!("`{}`", text.escape_debug()),
        Value::Time(time) => time.to_string(),
    }
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len().saturating_mul(2)), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The properties that components of a kind can have.
#[must_use]
pub const fn properties(kind: Kind) -> &'static [Property] {
    match kind {
        Kind::Cca => cca::PROPERTIES,
        Kind::Dice => dice::PROPERTIES,
        Kind::Gpu => gpu::PROPERTIES,
        Kind::Keystone => keystone::PROPERTIES,
        Kind::Nitro => nitro::PROPERTIES,
        Kind::Psa => psa::PROPERTIES,
        Kind::Sgx => dcap::SGX_PROPERTIES,
        Kind::Snp => snp::PROPERTIES,
        Kind::Software => software::PROPERTIES,
        Kind::Tdx => dcap::TDX_PROPERTIES,
        Kind::Tpm => tpm::PROPERTIES,
    }
}

/// The property of this name, if components of a kind can have it.
#[must_use]
pub fn property(kind: Kind, name: &str) -> Option<&'static Property> {
    let own = properties(kind).iter().find(|property| is_named(property.name, name));
    own.or_else(|| beside::PROPERTIES.iter().find(|property| property.name == name))
}

/// The registers that components of a kind can have.
#[must_use]
pub const fn registers(kind: Kind) -> &'static [RegisterName] {
    match kind {
        Kind::Cca => cca::REGISTERS,
        Kind::Dice => dice::REGISTERS,
        Kind::Gpu => gpu::REGISTERS,
        Kind::Keystone => keystone::REGISTERS,
        Kind::Nitro => nitro::REGISTERS,
        Kind::Psa => psa::REGISTERS,
        Kind::Sgx => dcap::SGX_REGISTERS,
        Kind::Snp => snp::REGISTERS,
        Kind::Software => software::REGISTERS,
        Kind::Tdx => dcap::TDX_REGISTERS,
        Kind::Tpm => tpm::REGISTERS,
    }
}

/// The register of this name, if components of a kind can have it.
#[must_use]
pub fn register(kind: Kind, name: &str) -> Option<&'static RegisterName> {
    registers(kind).iter().find(|register| is_named(register.name, name))
}

/// What identifies hardware of a kind; `None` where nothing in its evidence does.
#[must_use]
pub const fn identity(kind: Kind) -> Option<IdentityName> {
    match kind {
        Kind::Cca => Some(cca::IDENTITY),
        Kind::Dice => Some(dice::IDENTITY),
        Kind::Gpu => Some(gpu::IDENTITY),
        Kind::Keystone => Some(keystone::IDENTITY),
        Kind::Nitro | Kind::Software => None,
        Kind::Psa => Some(psa::IDENTITY),
        Kind::Sgx | Kind::Tdx => Some(dcap::IDENTITY),
        Kind::Snp => Some(snp::IDENTITY),
        Kind::Tpm => Some(tpm::IDENTITY),
    }
}

/// The dangers that there can be in components of a kind: what a rule for it may admit by name, ascending.
#[must_use]
pub const fn allowances(kind: Kind) -> &'static [Allowance] {
    match kind {
        Kind::Cca | Kind::Dice | Kind::Nitro | Kind::Psa | Kind::Sgx | Kind::Software => &[Allowance::Debug],
        Kind::Gpu | Kind::Keystone => &[],
        Kind::Snp => &[Allowance::Debug, Allowance::MaskedChip, Allowance::Migratable, Allowance::VmplAboveZero],
        Kind::Tdx => &[Allowance::Debug, Allowance::Migratable, Allowance::ServiceDomain],
        Kind::Tpm => &[Allowance::HostOperatedTpm],
    }
}

/// The vendor whose pinned root vouches for a kind. `None` where there is no such root: a domain has to name attesters (launchers,
/// attestation keys, devices' keys, roots that were given), and an Azure vTPM is vouched for by its CPU's vendor.
#[must_use]
pub const fn vendor(kind: Kind) -> Option<Vendor> {
    match kind {
        Kind::Cca | Kind::Dice | Kind::Keystone | Kind::Psa | Kind::Software | Kind::Tpm => None,
        Kind::Gpu => Some(Vendor::NvidiaDevice),
        Kind::Nitro => Some(Vendor::Aws),
        Kind::Sgx | Kind::Tdx => Some(Vendor::Intel),
        Kind::Snp => Some(Vendor::Amd),
    }
}

/// Where a property or register stands among those of its kind, for lists that a person reads: as here, and what there are several
/// of by number.
#[must_use]
pub fn place(kind: Kind, name: &str) -> Place {
    let rows = || properties(kind).iter().map(|row| row.name).chain(registers(kind).iter().map(|row| row.name));
    let head = |name: &str| name.split('.').next().unwrap_or_default().len();
    let first = name.get(..head(name)).unwrap_or_default();
    let of_group = |row: &str| is_named(row.get(..head(row)).unwrap_or_default(), first);
    Place {
        group: rows().position(of_group).unwrap_or(usize::MAX),
        numbers: numbers(name),
        row: rows().position(|row| is_named(row, name)).unwrap_or(usize::MAX),
    }
}

/// Where a row stands: compared in the order of its fields.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Place {
    group: usize,
    numbers: Vec<u64>,
    row: usize,
}

/// The numbers in a name, in its order, that end a segment of it.
fn numbers(name: &str) -> Vec<u64> {
    let last = |segment: &str| {
        let digits = segment.len().saturating_sub(segment.bytes().rev().take_while(u8::is_ascii_digit).count());
        segment.get(digits..).and_then(|digits| digits.parse().ok())
    };
    name.split('.').filter_map(last).collect()
}

/// Whether `name` is as `pattern` says: segments between dots and, within one, a run of digits where the pattern has `N`.
fn is_named(pattern: &str, name: &str) -> bool {
    if pattern == name {
        return true;
    }
    match (pattern.split_once('.'), name.split_once('.')) {
        (Some((pattern, patterns)), Some((segment, rest))) => is_segment(pattern, segment) && is_named(patterns, rest),
        (None, None) => is_segment(pattern, name),
        _ => false,
    }
}

fn is_segment(pattern: &str, segment: &str) -> bool {
    if let Some(prefix) = pattern.strip_suffix("NAME") {
        return segment.starts_with(prefix);
    }
    if pattern == "HASH" {
        return HASHES.iter().any(|(hash, _)| *hash == segment);
    }
    let Some(prefix) = pattern.strip_suffix('N') else { return pattern == segment };
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    segment.strip_prefix(prefix).is_some_and(|digits| is_number(digits) && (digits == "0" || !digits.starts_with('0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_numbers_are_found_and_no_others() {
        for (kind, name, is_there) in [
            (Kind::Dice, "layer-0.tcb-12.svn", true),
            (Kind::Dice, "layer-0.tcb-.svn", false),
            (Kind::Dice, "layer-00.tcb-1.svn", false),
            (Kind::Dice, "layer-0.tcb-1.svn.svn", false),
            (Kind::Dice, "layer-0", false),
            (Kind::Snp, "reported-tcb.microcode", true),
            (Kind::Snp, "reported-tcb.microcodes", false),
            (Kind::Snp, "region", false),
        ] {
            assert_eq!(property(kind, name).is_some(), is_there, "{kind} {name}");
        }
        assert!(register(Kind::Nitro, "pcr15").is_some() && register(Kind::Nitro, "pcr-15").is_none());
        assert!(register(Kind::Tpm, "pcr.sha256.7").is_some() && register(Kind::Tpm, "pcr.md5.7").is_none());
    }

    #[test]
    fn every_row_is_whole_and_every_name_is_one_things() {
        for kind in Kind::ALL.iter().copied() {
            let names: Vec<&str> = properties(kind).iter().map(|property| property.name).collect();
            let registers: Vec<&str> = registers(kind).iter().map(|register| register.name).collect();
            for (place, name) in names.iter().chain(&registers).enumerate() {
                let first = names.iter().chain(&registers).position(|other| other == name);
                assert_eq!(first, Some(place), "{kind} {name} twice");
            }
            for row in properties(kind) {
                assert!(
                    !row.means.is_empty() && !row.source.is_empty() && !row.remedy.is_empty(),
                    "{kind} {}",
                    row.name
                );
                let fits = match row.draft {
                    Draft::AtLeast => row.of.is_ordered(),
                    Draft::Exactly => row.of != Type::Set,
                    Draft::IfSo => row.of == Type::Bool,
                    Draft::Nothing => true,
                    Draft::Only => row.of == Type::Set,
                };
                assert!(fits, "{kind} {}: no {} of a {}", row.name, row.draft, row.of);
                let fits = match row.bound {
                    Bound::Any => true,
                    Bound::Bytes(lengths) => row.of == Type::Bytes && !lengths.is_empty() && lengths.is_sorted(),
                    Bound::Most(_) => row.of == Type::Number,
                    Bound::Names(names) => {
                        matches!(row.of, Type::Set | Type::Text) && names.iter().all(|name| !name.is_empty())
                    }
                };
                assert!(fits, "{kind} {}: {:?} of a {}", row.name, row.bound, row.of);
            }
            assert!(allowances(kind).is_sorted());
        }
    }
}
