//! What a program is given for one run, and what it may leave.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;

use crate::WasmRefusal;

/// Input files of one run.
pub const INPUTS_MAX: usize = 256;
/// Bytes of all arguments of one run.
pub const ARGUMENT_BYTES_MAX: usize = 64 * 1024;
/// Bytes of the output files of one run, whatever the job says.
pub const OUTPUT_BYTES_MAX: u64 = 1 << 30;
/// Declared output files of one run.
pub const OUTPUTS_MAX: usize = 32;

/// One run of a program.
#[derive(Clone, Debug)]
pub struct Job {
    /// `argv[0]`.
    pub name: String,
    /// `argv[1..]`.
    pub arguments: Vec<String>,
    /// Files in `/in`: names without `/`, and bytes.
    pub inputs: Vec<(String, Bytes)>,
    /// What may be in `/out` at the end.
    pub outputs: OutputRules,
    /// What time it is.
    pub clock: Clock,
    /// Of the program's random numbers. Runs with equal seeds draw equal numbers: never a source of keys or noise.
    pub seed: u64,
    /// How much the program may use.
    pub limits: Limits,
}

/// What a program may leave: exactly these files.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OutputRules {
    /// By name.
    pub files: BTreeMap<String, FileRule>,
    /// Over all files, at every moment of the run.
    pub max_bytes: u64,
}

/// What an output file must be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FileRule {
    /// RFC 4180 with a header of exactly these columns, in this order.
    Csv(Vec<Column>),
    /// UTF-8 without control characters but tab and line ends.
    Text,
}

/// A column of an output file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Column {
    /// As in the header.
    pub name: String,
    /// Of every value. An empty field is a missing value, of whatever type.
    pub kind: ColumnType,
}

/// How the values of a column are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ColumnType {
    /// `true` or `false`.
    Boolean,
    /// `YYYY-MM-DD`.
    Date32,
    /// Decimal, with or without point and exponent; `NaN`, `inf`, `-inf`.
    Float64,
    /// Decimal digits, with or without sign.
    Int64,
    /// `YYYY-MM-DDThh:mm:ss`, or with a space for the `T`; up to six decimals; no zone, or `Z`.
    Timestamp,
    /// Anything.
    Utf8,
}

/// The program's clock: one moment, that of the brokers' signed time, rounded down. It does not advance.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Clock {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub unix_s: u64,
    /// The program sees the time rounded down to a multiple of this, at least 1.
    pub rounds_to_s: u64,
}

/// How much a run may use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Over all of the program's memories and tables.
    pub memory_bytes: u64,
    /// From the start of instantiation on.
    pub time: Duration,
    /// Units of fuel, if the engine counts it ([`crate::Settings::fuel`]); then it must be there.
    pub fuel: Option<u64>,
}

/// A file that a program left.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OutputFile {
    /// As declared.
    pub name: String,
    /// As written, and as [`OutputRules`] wants them.
    pub bytes: Vec<u8>,
}

impl Clock {
    pub(crate) const fn rounded_s(self) -> u64 {
        match self.unix_s.checked_rem(self.rounds_to_s) {
            Some(rest) => self.unix_s - rest,
            None => 0,
        }
    }
}

impl Job {
    /// Refuses what contradicts itself.
    pub(crate) fn check(&self, counts_fuel: bool) -> Result<(), WasmRefusal> {
        let argument_bytes = self.arguments.iter().map(String::len).sum::<usize>().saturating_add(self.name.len());
        let mut names: Vec<&str> = self.inputs.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let faults = [
            (argument_bytes > ARGUMENT_BYTES_MAX, format!("more than {ARGUMENT_BYTES_MAX} bytes of arguments")),
            (
                self.arguments.iter().chain([&self.name]).any(|text| text.contains('\0')),
                "a NUL in an argument".to_owned(),
            ),
            (self.inputs.len() > INPUTS_MAX, format!("more than {INPUTS_MAX} inputs")),
            (names.windows(2).any(|pair| pair.first() == pair.last()), "two inputs with one name".to_owned()),
            (!names.iter().all(|name| is_plain(name)), "an input whose name isn't a plain file name".to_owned()),
            (
                !self.outputs.files.keys().all(|name| is_plain(name)),
                "an output whose name isn't a plain file name".to_owned(),
            ),
            (self.outputs.files.len() > OUTPUTS_MAX, format!("more than {OUTPUTS_MAX} outputs")),
            (self.outputs.max_bytes > OUTPUT_BYTES_MAX, format!("an output quota above {OUTPUT_BYTES_MAX} bytes")),
            (self.clock.rounds_to_s == 0, "a clock rounded to 0 s".to_owned()),
            (self.limits.memory_bytes == 0 || self.limits.time.is_zero(), "a limit of zero".to_owned()),
            (self.limits.fuel.is_some() != counts_fuel, "fuel in the job or in the engine, and not in both".to_owned()),
        ];
        match faults.into_iter().find(|(is_so, _)| *is_so) {
            Some((_, why)) => Err(WasmRefusal::Job { why }),
            None => Ok(()),
        }
    }
}

/// Whether a file may have this name.
fn is_plain(name: &str) -> bool {
    let plain = |character: char| character != '/' && !character.is_control();
    !name.is_empty() && name.len() <= 255 && name != "." && name != ".." && name.chars().all(plain)
}
