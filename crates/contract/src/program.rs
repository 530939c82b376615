//! What a computation runs: one SQL query, or a Wasm program over views that SQL makes for it.
//!
//! A query's output passes every rule of the gates. What a Wasm program writes is free-form: no gate can read it, so the
//! contract says aloud that every signer trusts its code, and every receipt repeats it ([`FREE_FORM`]).

pub(crate) mod check;
pub(crate) mod parse;
pub(crate) mod show;

use casemate_cose::Digest;
use minicbor::{Decode, Encode};

use crate::{
    contract::Column,
    name::{Argument, DatasetName, FileName, SqlText, Target, WasmtimeVersion},
};

/// What contracts, receipts and results say of every Wasm program.
pub const FREE_FORM: &str = "free-form output: every signer trusts this program's code";

/// A program.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a contract has few of them")]
pub enum Program {
    /// One SQL query.
    #[n(0)]
    Sql {
        /// Its text.
        #[n(0)]
        text: SqlText,
    },
    /// A WebAssembly program: a component (WASI p2) or a module (WASI p1).
    #[n(1)]
    Wasm(#[n(0)] WasmProgram),
}

impl Program {
    /// `sql` or `wasm`, as contracts and policies write it.
    #[must_use]
    pub const fn language(&self) -> &'static str {
        match self {
            Self::Sql { .. } => "sql",
            Self::Wasm(_) => "wasm",
        }
    }

    /// The Wasm program, where it is one.
    #[must_use]
    pub const fn wasm(&self) -> Option<&WasmProgram> {
        match self {
            Self::Sql { .. } => None,
            Self::Wasm(program) => Some(program),
        }
    }

    /// The dataset that the program itself is sealed in, where it is.
    #[must_use]
    pub fn sealed(&self) -> Option<&DatasetName> {
        match self.wasm().map(|program| &program.code) {
            Some(Code::Sealed { dataset }) => Some(dataset),
            Some(Code::Open { .. }) | None => None,
        }
    }

    /// [`FREE_FORM`], where no gate reads the output.
    #[must_use]
    pub const fn free_form(&self) -> Option<&'static str> {
        match self {
            Self::Sql { .. } => None,
            Self::Wasm(_) => Some(FREE_FORM),
        }
    }
}

/// A Wasm program with everything that it may see and leave.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct WasmProgram {
    /// Which code.
    #[n(0)]
    pub code: Code,
    /// Code compiled ahead of time that may stand in for compiling inside the keep.
    #[n(1)]
    pub artifact: Option<Artifact>,
    /// `argv[1..]`, in order; `argv[0]` is the computation's name.
    #[n(2)]
    pub arguments: Vec<Argument>,
    /// The files that it reads, ascending by name.
    #[n(3)]
    pub inputs: Vec<WasmInput>,
    /// The files that it writes, ascending by name: all of them, and no other.
    #[n(4)]
    pub outputs: Vec<WasmOutput>,
    /// The most bytes of all output files together.
    #[n(5)]
    pub max_output_bytes: u64,
    /// What its wall clock is rounded down to, in seconds; the time itself is the brokers'.
    #[n(6)]
    pub clock_rounds_to_s: u64,
    /// The seed of its random numbers. Never the source of keys or noise.
    #[n(7)]
    pub seed: u64,
    /// What the program itself may use up, beside what the keep needs for its inputs.
    #[n(8)]
    pub limits: WasmLimits,
    /// That every signer trusts the code with what it reads: `true`, or the contract makes no sense.
    #[n(9)]
    pub free_form: bool,
}

/// Where a Wasm program's bytes come from.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
pub enum Code {
    /// Anyone may have them; the runner hands them to the keep.
    #[n(0)]
    Open {
        /// SHA-256 of the bytes.
        #[n(0)]
        digest: Digest,
    },
    /// Sealed by their author, whose broker decides as every owner's does; only a keep sees them.
    #[n(1)]
    Sealed {
        /// The dataset, of format `age`, whose plaintext they are.
        #[n(0)]
        dataset: DatasetName,
    },
}

/// Code compiled ahead of time, which each signer compiles again and compares.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Artifact {
    /// SHA-256 of its bytes.
    #[n(0)]
    pub digest: Digest,
    /// The version of Wasmtime that made it and that alone loads it.
    #[n(1)]
    pub wasmtime: WasmtimeVersion,
    /// The target that it was made for.
    #[n(2)]
    pub target: Target,
    /// SHA-256 of the compiler's settings.
    #[n(3)]
    pub settings: Digest,
}

/// A file that a Wasm program reads: a view in SQL, prepared inside the keep.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct WasmInput {
    /// Its name under `/in`; its ending says the format.
    #[n(0)]
    pub name: FileName,
    /// The query over what the computation reads.
    #[n(1)]
    pub sql: SqlText,
}

impl WasmInput {
    /// The format that the name's ending says; none for an ending that a contract refuses.
    #[must_use]
    pub fn format(&self) -> Option<InputFormat> {
        match self.name.as_str().rsplit_once('.') {
            Some((_, "arrow")) => Some(InputFormat::Arrow),
            Some((_, "csv")) => Some(InputFormat::Csv),
            _ => None,
        }
    }
}

/// How an input is written for the program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InputFormat {
    /// An Arrow IPC stream: `.arrow`.
    Arrow,
    /// RFC 4180 with a header: `.csv`.
    Csv,
}

/// A file that a Wasm program writes.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct WasmOutput {
    /// Its name under `/out`, and at the recipients.
    #[n(0)]
    pub name: FileName,
    /// What it holds.
    #[n(1)]
    pub content: OutputContent,
}

/// What an output file holds.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
pub enum OutputContent {
    /// UTF-8 text.
    #[n(0)]
    Text,
    /// A CSV with a header and these columns, in this order.
    #[n(1)]
    Csv {
        /// The columns, in the order of the file.
        #[n(0)]
        columns: Vec<Column>,
    },
}

/// What a Wasm program itself may use up.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct WasmLimits {
    /// Memory, in MiB, over all its linear memories.
    #[n(0)]
    pub memory_mib: u64,
    /// Time from its first instruction to its last, in seconds.
    #[n(1)]
    pub seconds: u64,
}
