//! The contract: what several parties agree. One value of these types is a contract that makes sense.
//!
//! The types of the parts have public fields, each of which can only hold a valid value of its own; that the parts agree
//! with each other is [`crate::check`]'s word, and a [`Contract`] exists only where that found nothing.

use std::fmt;

use casemate_cose::{Digest, PublicKey, UnixTime};
use casemate_evidence::{Isolation, Lack};
use minicbor::{Decode, Encode};

use crate::{
    name::{
        Address, ColumnName, ComputationName, DatasetId, DatasetName, PartyName, Prose, Recipient, Region, StudyId,
        VersionId,
    },
    program::{Code, Program},
};

/// A contract that makes sense: every name in it resolves, every set is in order, nothing is missing.
///
/// Made by [`Contract::parse`](crate::Contract::parse) from TOML and by
/// [`Compiled::from_bytes`](crate::Compiled::from_bytes) from CBOR, both through the same check.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Contract {
    pub(crate) body: Body,
}

/// A contract's fields before they were checked against each other.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub(crate) struct Body {
    /// `casemate/contract/1`.
    #[n(0)]
    pub(crate) format: String,
    #[n(1)]
    pub(crate) study: Study,
    #[n(2)]
    pub(crate) parties: Vec<Party>,
    #[n(3)]
    pub(crate) datasets: Vec<Dataset>,
    #[n(4)]
    pub(crate) computations: Vec<Computation>,
}

/// What a contract is for, and the frame that every computation of it runs in.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Study {
    /// The study's name, which every version of its contract carries.
    #[n(0)]
    pub id: StudyId,
    /// The version of the contract, from 1. Brokers keep a floor that only rises.
    #[n(1)]
    pub sequence: u64,
    /// The digest of the contract that this one replaces; there from sequence 2 on.
    #[n(2)]
    pub supersedes: Option<Digest>,
    /// What the study wants to find out.
    #[n(3)]
    pub purpose: Prose,
    /// On what legal basis.
    #[n(4)]
    pub legal_basis: Prose,
    /// The first second at which nothing runs any more.
    #[n(5)]
    pub expires: UnixTime,
    /// The isolations accepted, ascending by name.
    #[n(6)]
    pub isolations: Vec<Isolation>,
    /// What a machine may lack of what its isolation promises, ascending by name.
    #[n(7)]
    pub accept_lacks: Vec<Lack>,
    /// The regions accepted, ascending; at this stage only `any`, since no evidence proves another.
    #[n(8)]
    pub regions: Vec<Region>,
}

/// One party of a contract.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Party {
    /// The party's name.
    #[n(0)]
    pub name: PartyName,
    /// Its identity key, which signs the contract.
    #[n(1)]
    pub key: PublicKey,
    /// Where results for it are encrypted to.
    #[n(2)]
    pub recipient: Option<Recipient>,
    /// Its broker, which every owner has.
    #[n(3)]
    pub broker: Option<Broker>,
    /// The keys of its hosts' launchers, ascending by how they are written. A launcher vouches for keeps that this party
    /// runs, and for no other party's. Who runs in an isolation that a launcher vouches for has at least one.
    #[n(4)]
    pub launchers: Vec<PublicKey>,
}

/// The broker of an owner.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Broker {
    /// The key of its TLS certificate and of its statements.
    #[n(0)]
    pub key: PublicKey,
    /// Where it listens. Not trusted: who answers there must hold the key.
    #[n(1)]
    pub address: Address,
}

/// One sealed dataset, in one version.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Dataset {
    /// The name that computations use: the table's name in SQL.
    #[n(0)]
    pub name: DatasetName,
    /// The party whose broker holds its key.
    #[n(1)]
    pub owner: PartyName,
    /// The dataset's identifier, the same in all its versions.
    #[n(2)]
    pub id: DatasetId,
    /// The random identifier of this sealed version.
    #[n(3)]
    pub version: VersionId,
    /// The SHA-256 digest of the sealed file.
    #[n(4)]
    pub digest: Digest,
    /// What the sealed file holds.
    #[n(5)]
    pub content: Content,
    /// What must hold of anything computed from it before it leaves a keep.
    #[n(6)]
    pub gate: Gate,
}

impl Dataset {
    /// The columns, ascending by name; none where the content is a blob.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        match &self.content {
            Content::Blob => &[],
            Content::Table { columns, .. } => columns,
        }
    }

    /// The column that tells the persons or things in the table apart.
    #[must_use]
    pub const fn entity(&self) -> Option<&ColumnName> {
        match &self.content {
            Content::Blob => None,
            Content::Table { entity, .. } => Some(entity),
        }
    }

    /// The column `name`.
    #[must_use]
    pub fn column(&self, name: &ColumnName) -> Option<&Column> {
        self.columns().iter().find(|column| column.name == *name)
    }
}

/// What a sealed file holds.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
pub enum Content {
    /// A table, sealed by Parquet Modular Encryption.
    #[n(0)]
    Table {
        /// The column that tells entities apart.
        #[n(0)]
        entity: ColumnName,
        /// Every column, ascending by name.
        #[n(1)]
        columns: Vec<Column>,
    },
    /// Any other file, sealed by age.
    #[n(1)]
    Blob,
}

/// A column of a table.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Column {
    /// Its name.
    #[n(0)]
    pub name: ColumnName,
    /// Its type.
    #[n(1)]
    pub kind: ColumnType,
}

/// The type of a column.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cbor(index_only)]
pub enum ColumnType {
    /// Arrow `Boolean`.
    #[n(0)]
    Boolean,
    /// Arrow `Date32`.
    #[n(1)]
    Date32,
    /// Arrow `Float64`.
    #[n(2)]
    Float64,
    /// Arrow `Int64`.
    #[n(3)]
    Int64,
    /// Arrow `Timestamp(Microsecond, None)`.
    #[n(4)]
    Timestamp,
    /// Arrow `Utf8`.
    #[n(5)]
    Utf8,
}

impl ColumnType {
    /// Every type.
    pub const ALL: [Self; 6] = [Self::Boolean, Self::Date32, Self::Float64, Self::Int64, Self::Timestamp, Self::Utf8];

    /// The name that contracts use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Date32 => "date32",
            Self::Float64 => "float64",
            Self::Int64 => "int64",
            Self::Timestamp => "timestamp",
            Self::Utf8 => "utf8",
        }
    }

    /// The type of that name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What must hold of anything computed from a dataset before it leaves a keep.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Gate {
    /// The least number of distinct entities behind every row of a result, at least 2.
    #[n(0)]
    pub min_entities: u64,
    /// The most rows that a result has.
    #[n(1)]
    pub max_rows: u64,
    /// The most bytes that a result has, as an Arrow IPC stream.
    #[n(2)]
    pub max_bytes: u64,
}

/// One rule of a gate.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum GateRule {
    /// Only aggregates leave, never a row as it is stored.
    AggregateOnly,
    /// A program that every signer trusts wrote what leaves; no gate read it.
    FreeForm,
    /// At most so many bytes.
    MaxBytes(u64),
    /// At most so many rows.
    MaxRows(u64),
    /// At least so many distinct entities behind every row.
    MinEntities(u64),
}

impl fmt::Display for GateRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AggregateOnly => f.write_str("aggregates only"),
            Self::FreeForm => f.write_str("free-form output of a program that every signer trusts"),
            Self::MaxBytes(max) => write!(f, "at most {max} bytes"),
            Self::MaxRows(max) => write!(f, "at most {max} rows"),
            Self::MinEntities(min) => write!(f, "at least {min} distinct entities behind every row"),
        }
    }
}

impl Gate {
    /// The rules of the gate that the output of `program` has to pass, each of which a permit asks for.
    #[must_use]
    pub fn rules_for(&self, program: &Program) -> Vec<GateRule> {
        match program {
            Program::Sql { .. } => self.rules().to_vec(),
            Program::Wasm(_) => vec![GateRule::FreeForm, GateRule::MaxBytes(self.max_bytes)],
        }
    }

    /// The rules of the gate for a query's output.
    #[must_use]
    pub const fn rules(&self) -> [GateRule; 4] {
        [
            GateRule::AggregateOnly,
            GateRule::MinEntities(self.min_entities),
            GateRule::MaxRows(self.max_rows),
            GateRule::MaxBytes(self.max_bytes),
        ]
    }
}

/// One program over a view of some datasets, who may run it and who gets the result.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Computation {
    /// The computation's name.
    #[n(0)]
    pub name: ComputationName,
    /// What is computed.
    #[n(1)]
    pub program: Program,
    /// Who may run it, ascending.
    #[n(2)]
    pub runners: Vec<PartyName>,
    /// Who gets the result, ascending.
    #[n(3)]
    pub recipients: Vec<PartyName>,
    /// The view: only these columns exist for the program; ascending by dataset. A sealed program is not among them.
    #[n(4)]
    pub reads: Vec<Read>,
}

/// The columns of one dataset that a computation sees.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Read {
    /// The dataset.
    #[n(0)]
    pub dataset: DatasetName,
    /// Its columns that exist for the program, ascending.
    #[n(1)]
    pub columns: Vec<ColumnName>,
}

impl Contract {
    /// The study.
    #[must_use]
    pub const fn study(&self) -> &Study {
        &self.body.study
    }

    /// The parties, ascending by name.
    #[must_use]
    pub fn parties(&self) -> &[Party] {
        &self.body.parties
    }

    /// The datasets, ascending by name.
    #[must_use]
    pub fn datasets(&self) -> &[Dataset] {
        &self.body.datasets
    }

    /// The computations, ascending by name.
    #[must_use]
    pub fn computations(&self) -> &[Computation] {
        &self.body.computations
    }

    /// The party of that name.
    #[must_use]
    pub fn party(&self, name: &str) -> Option<&Party> {
        self.parties().iter().find(|party| party.name.as_str() == name)
    }

    /// The launchers whose evidence counts for keeps that `runner` runs, ascending; none for who is no party.
    #[must_use]
    pub fn launchers(&self, runner: &PartyName) -> &[PublicKey] {
        self.party(runner.as_str()).map_or(&[], |party| party.launchers.as_slice())
    }

    /// The dataset of that name.
    #[must_use]
    pub fn dataset(&self, name: &str) -> Option<&Dataset> {
        self.datasets().iter().find(|dataset| dataset.name.as_str() == name)
    }

    /// The computation of that name.
    #[must_use]
    pub fn computation(&self, name: &str) -> Option<&Computation> {
        self.computations().iter().find(|computation| computation.name.as_str() == name)
    }

    /// The datasets that a keep opens for `computation`, with the columns that it sees, ascending by dataset. A sealed
    /// program is one of them, without columns: its owner's broker decides, releases and permits as every other.
    pub fn reads<'a>(&'a self, computation: &'a Computation) -> impl Iterator<Item = (&'a Dataset, &'a [ColumnName])> {
        let none: &'a [ColumnName] = &[];
        let mut opened: Vec<_> =
            computation.reads.iter().map(|read| (&read.dataset, read.columns.as_slice())).collect();
        opened.extend(computation.program.sealed().map(|dataset| (dataset, none)));
        opened.sort_by_key(|(dataset, _)| *dataset);
        opened.into_iter().filter_map(|(dataset, columns)| Some((self.dataset(dataset.as_str())?, columns)))
    }

    /// The digest of the program of `computation`, which the manifest carries and evidence names: SHA-256 of the SQL text, of
    /// an open program's bytes, or of the sealed file. None where `computation` is another contract's.
    #[must_use]
    pub fn program_digest(&self, computation: &Computation) -> Option<Digest> {
        match &computation.program {
            Program::Sql { text } => Some(Digest::of(text.as_str().as_bytes())),
            Program::Wasm(program) => match &program.code {
                Code::Open { digest } => Some(*digest),
                Code::Sealed { dataset } => self.dataset(dataset.as_str()).map(|dataset| dataset.digest),
            },
        }
    }

    /// The owners of what a keep opens for `computation`, ascending: whose brokers decide on its runs.
    #[must_use]
    pub fn owners(&self, computation: &Computation) -> Vec<&Party> {
        let reads_of = |party: &Party| self.reads(computation).any(|(dataset, _)| dataset.owner == party.name);
        self.parties().iter().filter(|party| reads_of(party)).collect()
    }

    /// The parties that own a dataset, ascending.
    #[must_use]
    pub fn all_owners(&self) -> Vec<&Party> {
        let owns = |party: &Party| self.datasets().iter().any(|dataset| dataset.owner == party.name);
        self.parties().iter().filter(|party| owns(party)).collect()
    }
}
