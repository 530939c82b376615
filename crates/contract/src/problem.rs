//! What is wrong with a contract, where, and what to do about it.

use std::{fmt, ops::Range};

use casemate_cose::{CborError, UnixTime};
use casemate_evidence::Isolation;
use thiserror::Error;

use crate::name::{ColumnName, ComputationName, DatasetName, FileName, PartyName, Region};

/// The way to a field: `datasets.measurements.gate.max_rows`.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Path(Vec<String>);

impl Path {
    pub(crate) fn of(steps: &[&str]) -> Self {
        Self(steps.iter().map(|step| (*step).to_owned()).collect())
    }

    pub(crate) fn then(&self, step: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(step.to_owned());
        Self(steps)
    }

    pub(crate) fn is_within(&self, outer: &Self) -> bool {
        self.0.starts_with(&outer.0)
    }

    /// The path one step up, which the top does not have.
    pub(crate) fn outer(&self) -> Option<Self> {
        self.0.split_last().map(|(_, steps)| Self(steps.to_vec()))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

/// One thing wrong with a contract.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{path}: {problem}")]
pub struct ContractError {
    /// What is wrong.
    #[source]
    pub problem: Problem,
    /// The field.
    pub path: Path,
    /// The bytes of the TOML text to mark; absent where the contract was received as CBOR.
    pub span: Option<Range<usize>>,
}

impl ContractError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        self.problem.help()
    }
}

/// Everything wrong with a contract: at least one error, in the order of the text.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{}", self.summary())]
pub struct ContractErrors(pub(crate) Vec<ContractError>);

impl ContractErrors {
    /// The errors.
    #[must_use]
    pub fn errors(&self) -> &[ContractError] {
        &self.0
    }

    fn summary(&self) -> String {
        self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }
}

/// Why bytes are not a contract.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum CompiledError {
    /// Not the deterministic CBOR of a contract.
    #[error("these bytes are not a contract: {0}")]
    Cbor(#[from] CborError),
    /// A contract that makes no sense.
    #[error("this contract makes no sense: {0}")]
    Contract(#[from] ContractErrors),
}

/// A rule that a contract breaks.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum Problem {
    /// Compiled code beside a sealed program, which it would give away.
    #[error("an artifact would show the code that `{dataset}` seals")]
    ArtifactOfSealed {
        /// The sealed program.
        dataset: DatasetName,
    },
    /// A value that its field can't hold.
    #[error("`{text}` is not {expected}")]
    BadValue {
        /// What was written.
        text: String,
        /// What is accepted.
        expected: String,
    },
    /// A key that stands twice in one table.
    #[error("this name stands here twice")]
    DuplicateKey,
    /// A list or table that must not be empty.
    #[error("must not be empty")]
    Empty,
    /// A dataset is read without the column that its entities are counted by.
    #[error("reads `{dataset}` without its entity column `{entity}`")]
    EntityNotRead {
        /// The entity column.
        entity: ColumnName,
        /// The dataset.
        dataset: DatasetName,
    },
    /// The contract is over before it starts.
    #[error("expired at {expires}; it is {now}")]
    Expired {
        /// When the contract expires.
        expires: UnixTime,
        /// The time of the check.
        now: UnixTime,
    },
    /// A Wasm program of which the contract does not say that its code is trusted.
    #[error(
        "no gate reads what a Wasm program writes, and the contract does not say that every signer trusts its code"
    )]
    FreeFormUnsaid,
    /// An input whose name says no format.
    #[error("the name of the input `{name}` ends neither in `.csv` nor in `.arrow`")]
    InputFormat {
        /// The input.
        name: FileName,
    },
    /// A field that must be there.
    #[error("`{key}` is missing")]
    Missing {
        /// The field's name.
        key: String,
    },
    /// A set in CBOR that is not ascending.
    #[error("not in ascending order")]
    OutOfOrder,
    /// A program that could write more than a gate lets out.
    #[error("{actual} bytes of output, where the gate of `{dataset}` lets out {max}")]
    OutputAboveGate {
        /// What was given.
        actual: u64,
        /// The dataset with the smallest gate.
        dataset: DatasetName,
        /// What its gate accepts.
        max: u64,
    },
    /// An owner that nobody could ask for a key.
    #[error("`{owner}` owns `{dataset}` but has no broker")]
    OwnerWithoutBroker {
        /// The owner.
        owner: PartyName,
        /// What it owns.
        dataset: DatasetName,
    },
    /// A policy generated from the contract does not validate.
    #[error("the Cedar policies of `{owner}` do not validate: {why}")]
    Policy {
        /// Whose policies.
        owner: PartyName,
        /// What Cedar says.
        why: String,
    },
    /// A program sealed as a table.
    #[error("`{name}` is a table, and no program")]
    ProgramIsTable {
        /// The dataset.
        name: DatasetName,
    },
    /// A sealed program that some computation would read as data.
    #[error("`{name}` is the sealed program of `{computation}`, and nobody's data")]
    ProgramReadAsData {
        /// The dataset.
        name: DatasetName,
        /// A computation whose program it is.
        computation: ComputationName,
    },
    /// A recipient that nothing can be encrypted to.
    #[error("`{party}` is to receive results but has no `recipient`")]
    RecipientWithoutKey {
        /// The party.
        party: PartyName,
    },
    /// A region that no evidence proves.
    #[error("no evidence of this version proves the region `{region}`")]
    RegionUnproven {
        /// The region.
        region: Region,
    },
    /// A name that stands twice in one list.
    #[error("`{name}` stands here twice")]
    Repeated {
        /// The name.
        name: String,
    },
    /// A runner whose keeps nobody could vouch for.
    #[error("`{party}` is to run in isolation `{isolation}` but has no `launchers`")]
    RunnerWithoutLauncher {
        /// The party.
        party: PartyName,
        /// An isolation that the contract accepts and a launcher vouches for.
        isolation: Isolation,
    },
    /// One identifier, version or file under two names.
    #[error("the same {field} as `{other}`")]
    SameDataset {
        /// Which of the three.
        field: &'static str,
        /// The other place.
        other: Path,
    },
    /// One key in two places.
    #[error("the same key as `{other}`")]
    SameKey {
        /// The other place.
        other: Path,
    },
    /// SQL over something that is no table.
    #[error("SQL can't read `{name}`, which is no table")]
    SqlReadsBlob {
        /// The dataset.
        name: DatasetName,
    },
    /// A later contract that does not say which one it replaces.
    #[error("sequence {sequence} needs `supersedes`")]
    SupersedesMissing {
        /// The sequence.
        sequence: u64,
    },
    /// A first contract that replaces something.
    #[error("the first contract of a study supersedes nothing")]
    SupersedesNothing,
    /// Not TOML.
    #[error("not TOML: {0}")]
    Syntax(String),
    /// More than a limit.
    #[error("{actual} is more than {max}")]
    TooLarge {
        /// What was given.
        actual: u64,
        /// What is accepted.
        max: u64,
    },
    /// More items than a limit.
    #[error("{actual} items where at most {max} are allowed")]
    TooMany {
        /// What was given.
        actual: usize,
        /// What is accepted.
        max: usize,
    },
    /// Less than a limit.
    #[error("{actual} is less than {min}")]
    TooSmall {
        /// What was given.
        actual: u64,
        /// What is accepted.
        min: u64,
    },
    /// A column that its dataset does not have.
    #[error("`{dataset}` has no column `{name}`")]
    UnknownColumn {
        /// The column.
        name: ColumnName,
        /// The dataset.
        dataset: DatasetName,
    },
    /// A dataset that the contract does not have.
    #[error("there is no dataset `{name}`")]
    UnknownDataset {
        /// The dataset.
        name: DatasetName,
        /// Those that there are.
        known: Vec<DatasetName>,
    },
    /// A field that contracts don't have.
    #[error("unknown key `{key}`")]
    UnknownKey {
        /// The field.
        key: String,
        /// Those that may stand there.
        known: String,
    },
    /// A party that the contract does not have.
    #[error("there is no party `{name}`")]
    UnknownParty {
        /// The party.
        name: PartyName,
        /// Those that there are.
        known: Vec<PartyName>,
    },
    /// A value of another type.
    #[error("{actual} where {expected} is expected")]
    WrongType {
        /// What was written, with its article.
        actual: String,
        /// What is accepted.
        expected: String,
    },
}

impl Problem {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::ArtifactOfSealed { .. } => "leave `artifact` away: the keep compiles a sealed program itself".into(),
            Self::BadValue { .. } => "write it as said, or look for a typing error".into(),
            Self::DuplicateKey => "give one of the two another name, or remove it".into(),
            Self::Empty => "name at least one".into(),
            Self::EntityNotRead { entity, .. } => {
                format!("add `{entity}` to what is read: the gate counts distinct entities by it")
            }
            Self::Expired { .. } => {
                "set `expires` to a later time; if the contract is signed, write its successor".into()
            }
            Self::FreeFormUnsaid => {
                "read the program's source or trust who wrote it, then write `free_form = true`; receipts repeat it"
                    .into()
            }
            Self::InputFormat { .. } => "name it `….csv`, or `….arrow` for an Arrow IPC stream".into(),
            Self::Missing { key } => format!("add `{key} = …`"),
            Self::OutOfOrder => "the bytes were not made by `casemate contract`; ask for the contract again".into(),
            Self::OutputAboveGate { max, .. } => format!("write `max_output_bytes` of at most {max}"),
            Self::OwnerWithoutBroker { owner, .. } => {
                format!("add `broker = {{ key = \"ed25519:…\", address = \"host:port\" }}` to `parties.{owner}`")
            }
            Self::Policy { .. } => "this is a defect of Casemate; please report it with the contract".into(),
            Self::ProgramIsTable { .. } => {
                "seal the program's file with `casemate dataset seal`, which gives it the format `age`".into()
            }
            Self::ProgramReadAsData { .. } => "remove it from `reads`; `wasm = { dataset = … }` says all".into(),
            Self::RecipientWithoutKey { party } => {
                format!("add `recipient = \"age1…\"` to `parties.{party}`; `casemate init` printed it")
            }
            Self::RegionUnproven { .. } => {
                "write `regions = [\"any\"]`, and agree on the place outside the contract".into()
            }
            Self::Repeated { .. } => "remove one of the two".into(),
            Self::RunnerWithoutLauncher { party, .. } => format!(
                "add `launchers = [\"ed25519:…\"]` to `parties.{party}`; `casemate init` printed it, and it is on the card"
            ),
            Self::SameDataset { .. } => "name each sealed version of a dataset once".into(),
            Self::SameKey { .. } => "give each party, each broker and each launcher a key of its own".into(),
            Self::SqlReadsBlob { .. } => "seal the data as a table with `casemate dataset seal`".into(),
            Self::SupersedesMissing { .. } => {
                "add `supersedes = \"sha256:…\"` with the digest that `casemate contract show` prints of the one before"
                    .into()
            }
            Self::SupersedesNothing => "remove `supersedes`, or raise `sequence`".into(),
            Self::Syntax(_) => "see https://toml.io for the syntax".into(),
            Self::TooLarge { max, .. } => format!("write at most {max}"),
            Self::TooMany { max, .. } => format!("keep it to {max}"),
            Self::TooSmall { min, .. } => format!("write at least {min}"),
            Self::UnknownColumn { dataset, .. } => format!("take one that stands in `datasets.{dataset}.columns`"),
            Self::UnknownDataset { known, .. } => one_of(known),
            Self::UnknownKey { known, .. } => format!("here may stand: {known}"),
            Self::UnknownParty { known, .. } => one_of(known),
            Self::WrongType { expected, .. } => format!("write {expected}"),
        }
    }
}

fn one_of<T: fmt::Display>(known: &[T]) -> String {
    let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    format!("there are: {}", known.join(", "))
}
