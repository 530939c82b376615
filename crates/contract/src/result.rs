//! A result as it leaves a keep, signed by the keep's attested key.

use casemate_cose::{Digest, Kind, PublicKey, SigningKey, UnixTime, decode, encode, sign, verify};
use minicbor::{Decode, Encode};
use thiserror::Error;

use crate::{
    name::{ComputationName, FileName, RunId, StudyId},
    program::{Program, WasmProgram},
    statement::{GateOutcome, signed_as},
};

/// The longest result: 12 MiB, which leaves room around the largest table that a gate lets out.
pub const RESULT_BYTES_MAX: usize = 12 << 20;

/// What a keep signs, permits name by digest, and recipients read. The salt keeps its digest from being guessed.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct ResultBody {
    /// Random bytes, so that the digest in permits and receipts tells nothing about a small result.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub salt: [u8; 32],
    /// The study.
    #[n(1)]
    pub study: StudyId,
    /// The digest of the contract's bytes.
    #[n(2)]
    pub contract: Digest,
    /// The computation.
    #[n(3)]
    pub computation: ComputationName,
    /// The run.
    #[n(4)]
    pub run: RunId,
    /// What was computed.
    #[n(5)]
    pub output: Output,
    /// What each gate decided.
    #[n(6)]
    pub gates: Vec<GateOutcome>,
    /// When, by the time that the keep took from the brokers' challenges.
    #[n(7)]
    pub at: UnixTime,
}

/// What a computation gave: a query its table, a Wasm program its files.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
pub enum Output {
    /// One table, as an Arrow IPC stream.
    #[n(0)]
    Table(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>),
    /// Every declared file, ascending by name. Free-form: no gate read them.
    #[n(1)]
    Files(#[n(0)] Vec<OutputFile>),
}

/// One file that a Wasm program wrote.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct OutputFile {
    /// Its name, as the contract declares it; never a path.
    #[n(0)]
    pub name: FileName,
    /// What it holds: UTF-8.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
}

/// Why an output is not what its computation declares. Carries no value of the output.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum OutputError {
    /// A table of a program, or files of a query.
    #[error("`{0}` of a computation in {1}")]
    Kind(&'static str, &'static str),
    /// A declared file that is not there.
    #[error("the declared file `{0}` is not there")]
    Missing(FileName),
    /// A file that is not UTF-8, as every declared file has to be.
    #[error("the file `{0}` is not UTF-8")]
    NotText(FileName),
    /// Files that are not strictly ascending by name.
    #[error("the files are not in order, each once")]
    OutOfOrder,
    /// More bytes than the contract lets out.
    #[error("more than {max} bytes in all files")]
    TooLong {
        /// The contract's `max_output_bytes`.
        max: u64,
    },
    /// A file that the contract does not declare.
    #[error("the file `{0}` is not among the declared outputs")]
    Undeclared(FileName),
}

impl Output {
    /// How many bytes of it leave: those of the table, or of all files together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let wide = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        match self {
            Self::Table(table) => wide(table),
            Self::Files(files) => files.iter().map(|file| wide(&file.bytes)).fold(0, u64::saturating_add),
        }
    }

    /// Checks that this is an output that `program` may give: its kind, exactly the declared files, each UTF-8, no more bytes
    /// than agreed. What stands in the files is the keep's word.
    ///
    /// # Errors
    /// [`OutputError`].
    pub fn check(&self, program: &Program) -> Result<(), OutputError> {
        match (self, program) {
            (Self::Table(_), Program::Sql { .. }) => Ok(()),
            (Self::Files(_), Program::Wasm(program)) if self.bytes() > program.max_output_bytes => {
                Err(OutputError::TooLong { max: program.max_output_bytes })
            }
            (Self::Files(files), Program::Wasm(program)) => check_files(files, program),
            (Self::Table(_), Program::Wasm(_)) => Err(OutputError::Kind("a table", program.language())),
            (Self::Files(_), Program::Sql { .. }) => Err(OutputError::Kind("files", program.language())),
        }
    }
}

fn check_files(files: &[OutputFile], program: &WasmProgram) -> Result<(), OutputError> {
    if !files.is_sorted_by(|a, b| a.name < b.name) {
        return Err(OutputError::OutOfOrder);
    }
    for file in files {
        if !program.outputs.iter().any(|output| output.name == file.name) {
            return Err(OutputError::Undeclared(file.name.clone()));
        }
        if std::str::from_utf8(&file.bytes).is_err() {
            return Err(OutputError::NotText(file.name.clone()));
        }
    }
    if let Some(missing) = program.outputs.iter().find(|output| !files.iter().any(|file| file.name == output.name)) {
        return Err(OutputError::Missing(missing.name.clone()));
    }
    Ok(())
}

signed_as!(ResultBody, Kind::Result, RESULT_BYTES_MAX);
