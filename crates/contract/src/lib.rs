//! What several parties agree, and what follows from it.
//!
//! ```text
//! study.toml ──parse──▶ Contract ──compile──▶ Compiled ──every party signs──▶ FullySigned
//!                                                                               │ derive
//!       Decision ◀──authorise── Accepted<Bound> (trust)  +  Manifest ◀──────────┘
//!          │ all owners: check_peers
//!          ▼ keys, result, gates
//!       Permit ◀──authorise_permit
//! ```
//! Each step is a type that only the step before can make. Nothing here reads a clock, a file or a random number.
#![forbid(unsafe_code)]

mod authorise;
mod bundle;
mod card;
mod check;
mod compiled;
mod contract;
mod deny;
mod manifest;
mod name;
mod parse;
mod peers;
mod permit;
mod place;
mod policy;
mod problem;
mod program;
mod read;
mod result;
mod show;
mod signed;
mod statement;
mod template;

pub use authorise::{Allow, Decision, Floor, Run, RunHistory, Standing, authorise, check_launcher};
pub use bundle::{BUNDLE_BYTES_MAX, BrokerRecord, RunBundle};
pub use card::{CardDataset, CardError, PartyCard};
pub use check::{
    COLUMNS_MAX, COMPUTATIONS_MAX, DATASETS_MAX, EXPIRES_MAX_S, LAUNCHERS_MAX, MAX_BYTES_MAX, MAX_ROWS_MAX,
    MIN_ENTITIES_MAX, MIN_ENTITIES_MIN, PARTIES_MAX, READS_MAX, REGIONS_MAX,
};
pub use compiled::{CONTRACT_BYTES_MAX, Compiled};
pub use contract::{
    Broker, Column, ColumnType, Computation, Content, Contract, Dataset, Gate, GateRule, Party, Read, Study,
};
pub use deny::DenyReason;
pub use manifest::{
    Limits, MANIFEST_BYTES_MAX, Manifest, ManifestBroker, ManifestDataset, ManifestError, ManifestFields,
    ManifestRecipient, Variable,
};
pub use name::{
    ADDRESS_BYTES_MAX, ARGUMENT_BYTES_MAX, Address, Argument, COLUMN_BYTES_MAX, ColumnName, ComputationName, DatasetId,
    DatasetName, FILE_NAME_BYTES_MAX, FileName, NAME_BYTES_MAX, NameError, PROSE_BYTES_MAX, PartyName, Prose,
    Recipient, Region, RunId, SQL_BYTES_MAX, SqlText, StudyId, Target, VersionId, WasmtimeVersion,
};
pub use peers::{AllDecided, PEER_CLOCK_MAX_S, check_peers};
pub use permit::{Permit, PermitDecision, PermitRequest, RunRecord, authorise_permit};
pub use policy::CEDAR_SCHEMA;
pub use problem::{CompiledError, ContractError, ContractErrors, Path, Problem};
pub use program::{
    Artifact, Code, FREE_FORM, InputFormat, OutputContent, Program, WasmInput, WasmLimits, WasmOutput, WasmProgram,
    check::{
        ARGUMENTS_BYTES_MAX, ARGUMENTS_MAX, CLOCK_ROUNDS_S_MAX, INPUTS_MAX, OUTPUTS_MAX, SEED_MAX, WASM_MEMORY_MIB_MAX,
        WASM_SECONDS_MAX,
    },
};
pub use read::TOML_BYTES_MAX;
pub use result::{Output, OutputError, OutputFile, RESULT_BYTES_MAX, ResultBody};
pub use signed::{FullySigned, SIGNED_CONTRACT_BYTES_MAX, SignatureError, SignedContract};
pub use statement::{
    ChallengeStatement, DecisionStatement, GateOutcome, PermitStatement, STATEMENT_BYTES_MAX, StatementError,
};
pub use template::{TemplateError, TemplateSpec, template, untouched};
