//! The manifest: everything that decides how a keep behaves, derived from the contract and nothing else.
//!
//! Its bytes are measured before any secret arrives. Each broker derives them again from the contract, and refuses any
//! that differ, by the name of the first field that does. The format is docs/formats/manifest.md.

use std::fmt;

use casemate_cose::{Digest, decode, encode};
use casemate_evidence::Isolation;
use minicbor::{Decode, Encode};
use thiserror::Error;

use crate::{
    deny::DenyReason,
    name::{ColumnName, ComputationName, DatasetId, DatasetName, PartyName, Recipient, RunId, StudyId, VersionId},
    program::{Program, WasmLimits},
    signed::FullySigned,
};

const FORMAT: &str = "casemate/manifest/1";
/// The longest manifest: 4 MiB.
pub const MANIFEST_BYTES_MAX: usize = 4 << 20;

/// A manifest that follows from a fully signed contract. Made by [`Manifest::derive`] and [`Manifest::check`] only.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Manifest {
    bytes: Vec<u8>,
    digest: Digest,
    fields: ManifestFields,
}

/// What a manifest says. On its own, words: only [`Manifest`] says that they follow from a contract.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct ManifestFields {
    /// `casemate/manifest/1`.
    #[n(0)]
    pub format: String,
    /// How the keep is isolated.
    #[n(1)]
    pub isolation: Isolation,
    /// The digest of the contract's bytes.
    #[n(2)]
    pub contract: Digest,
    /// The study.
    #[n(3)]
    pub study: StudyId,
    /// The contract's sequence.
    #[n(4)]
    pub sequence: u64,
    /// The computation that is run.
    #[n(5)]
    pub computation: ComputationName,
    /// The digest of its program, sealed where the program is: [`Contract::program_digest`](crate::Contract::program_digest).
    #[n(6)]
    pub program: Digest,
    /// The run's identifier, drawn at random by the runner.
    #[n(7)]
    pub run: RunId,
    /// Who runs it.
    #[n(8)]
    pub runner: PartyName,
    /// The brokers that the keep talks to, and nobody else; ascending by owner.
    #[n(9)]
    pub brokers: Vec<ManifestBroker>,
    /// The sealed files that the keep opens, ascending by name.
    #[n(10)]
    pub datasets: Vec<ManifestDataset>,
    /// Who gets the result, ascending.
    #[n(11)]
    pub recipients: Vec<ManifestRecipient>,
    /// What the keep may use up.
    #[n(12)]
    pub limits: Limits,
    /// The program's arguments after its name: none for SQL.
    #[n(13)]
    pub arguments: Vec<String>,
    /// The program's environment: empty for SQL and for Wasm.
    #[n(14)]
    pub environment: Vec<Variable>,
}

/// A broker that a keep talks to.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct ManifestBroker {
    /// Whose broker it is.
    #[n(0)]
    pub owner: PartyName,
    /// SHA-256 of its key's `SubjectPublicKeyInfo`.
    #[n(1)]
    pub key: Digest,
}

/// A sealed file that a keep opens.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct ManifestDataset {
    /// Its name in the contract.
    #[n(0)]
    pub name: DatasetName,
    /// The dataset.
    #[n(1)]
    pub id: DatasetId,
    /// The sealed version.
    #[n(2)]
    pub version: VersionId,
    /// SHA-256 of the sealed file.
    #[n(3)]
    pub digest: Digest,
    /// The columns that exist for the program, ascending.
    #[n(4)]
    pub columns: Vec<ColumnName>,
}

/// Who gets a result.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct ManifestRecipient {
    /// The party.
    #[n(0)]
    pub party: PartyName,
    /// What the result is encrypted to.
    #[n(1)]
    pub recipient: Recipient,
}

/// What a keep may use up.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Limits {
    /// Memory, in bytes.
    #[n(0)]
    pub memory_bytes: u64,
    /// Processor time, in seconds over all threads.
    #[n(1)]
    pub cpu_s: u64,
    /// Time from start to end, in seconds.
    #[n(2)]
    pub wall_s: u64,
}

impl Limits {
    /// The limits of every SQL computation: 8 GiB, two hours of processor time, one hour.
    pub const SQL: Self = Self { memory_bytes: 8 << 30, cpu_s: 7200, wall_s: 3600 };

    /// The limits of a computation: those of SQL, which also makes a Wasm program's inputs, and on top what the contract
    /// gives the program itself.
    #[must_use]
    pub fn of(program: &Program) -> Self {
        let Some(WasmLimits { memory_mib, seconds }) = program.wasm().map(|program| program.limits) else {
            return Self::SQL;
        };
        Self {
            memory_bytes: Self::SQL.memory_bytes.saturating_add(memory_mib.saturating_mul(1 << 20)),
            cpu_s: Self::SQL.cpu_s.saturating_add(seconds),
            wall_s: Self::SQL.wall_s.saturating_add(seconds),
        }
    }
}

/// One variable of a program's environment.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Variable {
    /// Its name.
    #[n(0)]
    pub name: String,
    /// Its value.
    #[n(1)]
    pub value: String,
}

/// Why no manifest follows from a contract.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ManifestError {
    /// The contract accepts other isolations.
    #[error("the contract does not accept the isolation `{actual}`")]
    Isolation {
        /// The isolation asked for.
        actual: Isolation,
    },
    /// The contract does not let this party run the computation.
    #[error("`{runner}` may not run `{computation}`")]
    Runner {
        /// The computation.
        computation: ComputationName,
        /// The party.
        runner: PartyName,
    },
    /// The contract has no such computation.
    #[error("the contract has no computation `{0}`")]
    UnknownComputation(ComputationName),
}

impl ManifestFields {
    /// Reads a manifest's bytes as words, to show them. Nothing says that a contract implies them.
    ///
    /// # Errors
    /// [`casemate_cose::CborError`] where they are not a manifest.
    pub fn claimed(bytes: &[u8]) -> Result<Self, casemate_cose::CborError> {
        decode(bytes, MANIFEST_BYTES_MAX)
    }
}

impl Manifest {
    /// Derives the manifest of one run.
    ///
    /// # Errors
    /// [`ManifestError`] where the contract does not allow such a run.
    pub fn derive(
        contract: &FullySigned,
        computation: &ComputationName,
        run: RunId,
        runner: &PartyName,
        isolation: Isolation,
    ) -> Result<Self, ManifestError> {
        let digest = contract.digest();
        let contract = contract.contract();
        let study = contract.study();
        let computation = contract
            .computation(computation.as_str())
            .ok_or_else(|| ManifestError::UnknownComputation(computation.clone()))?;
        if !computation.runners.contains(runner) {
            return Err(ManifestError::Runner { computation: computation.name.clone(), runner: runner.clone() });
        }
        if !study.isolations.contains(&isolation) {
            return Err(ManifestError::Isolation { actual: isolation });
        }
        let program = contract
            .program_digest(computation)
            .ok_or_else(|| ManifestError::UnknownComputation(computation.name.clone()))?;
        let arguments = computation.program.wasm().map(|program| program.arguments.as_slice()).unwrap_or_default();
        let brokers = contract.owners(computation).into_iter().filter_map(|owner| {
            let broker = owner.broker.as_ref()?;
            Some(ManifestBroker { owner: owner.name.clone(), key: broker.key.spki_digest() })
        });
        let datasets = contract.reads(computation).map(|(dataset, columns)| ManifestDataset {
            name: dataset.name.clone(),
            id: dataset.id,
            version: dataset.version,
            digest: dataset.digest,
            columns: columns.to_vec(),
        });
        let recipients = computation.recipients.iter().filter_map(|party| {
            let recipient = contract.party(party.as_str())?.recipient.clone()?;
            Some(ManifestRecipient { party: party.clone(), recipient })
        });
        Ok(Self::of(ManifestFields {
            format: FORMAT.to_owned(),
            isolation,
            contract: digest,
            study: study.id.clone(),
            sequence: study.sequence,
            computation: computation.name.clone(),
            program,
            run,
            runner: runner.clone(),
            brokers: brokers.collect(),
            datasets: datasets.collect(),
            recipients: recipients.collect(),
            limits: Limits::of(&computation.program),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            environment: Vec::new(),
        }))
    }

    /// Checks received bytes: derives the manifest of the run that they claim to be, and compares bytes.
    ///
    /// # Errors
    /// [`DenyReason::Manifest`] with the first field that does not follow from the contract, or
    /// [`DenyReason::ManifestUnreadable`].
    pub fn check(bytes: &[u8], contract: &FullySigned) -> Result<Self, DenyReason> {
        let claimed = ManifestFields::claimed(bytes)
            .map_err(|error| DenyReason::ManifestUnreadable { why: error.to_string() })?;
        let derived = Self::derive(contract, &claimed.computation, claimed.run, &claimed.runner, claimed.isolation)
            .map_err(|error| refused(error, contract))?;
        if let Some(difference) = first_difference(&derived.fields, &claimed) {
            return Err(difference);
        }
        if derived.bytes == bytes {
            Ok(derived)
        } else {
            // Not reached while every field is compared above; the bytes decide all the same.
            Err(DenyReason::ManifestUnreadable { why: "not the bytes that follow from the contract".to_owned() })
        }
    }

    fn of(fields: ManifestFields) -> Self {
        let bytes = encode(&fields);
        Self { digest: Digest::of(&bytes), bytes, fields }
    }

    /// The bytes that are measured.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the bytes.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// What it says.
    #[must_use]
    pub const fn fields(&self) -> &ManifestFields {
        &self.fields
    }
}

fn refused(error: ManifestError, contract: &FullySigned) -> DenyReason {
    match error {
        ManifestError::Isolation { actual } => {
            DenyReason::Isolation { actual, accepted: contract.contract().study().isolations.clone() }
        }
        ManifestError::Runner { computation, runner } => {
            let allowed = contract.contract().computation(computation.as_str());
            let allowed = allowed.map(|computation| computation.runners.clone()).unwrap_or_default();
            DenyReason::Runner { computation, actual: runner, allowed }
        }
        ManifestError::UnknownComputation(actual) => DenyReason::UnknownComputation { actual },
    }
}

/// The first field, in the order of the format, that is not what the contract implies.
fn first_difference(derived: &ManifestFields, claimed: &ManifestFields) -> Option<DenyReason> {
    let differs = |field: &'static str, expected: &dyn fmt::Debug, actual: &dyn fmt::Debug| {
        let (expected, actual) = (format!("{expected:?}"), format!("{actual:?}"));
        (expected != actual).then_some(DenyReason::Manifest { field, expected, actual })
    };
    None.or_else(|| differs("format", &derived.format, &claimed.format))
        .or_else(|| differs("isolation", &derived.isolation, &claimed.isolation))
        .or_else(|| differs("contract", &derived.contract, &claimed.contract))
        .or_else(|| differs("study", &derived.study, &claimed.study))
        .or_else(|| differs("sequence", &derived.sequence, &claimed.sequence))
        .or_else(|| differs("computation", &derived.computation, &claimed.computation))
        .or_else(|| differs("program", &derived.program, &claimed.program))
        .or_else(|| differs("run", &derived.run, &claimed.run))
        .or_else(|| differs("runner", &derived.runner, &claimed.runner))
        .or_else(|| differs("brokers", &derived.brokers, &claimed.brokers))
        .or_else(|| differs("datasets", &derived.datasets, &claimed.datasets))
        .or_else(|| differs("recipients", &derived.recipients, &claimed.recipients))
        .or_else(|| differs("limits", &derived.limits, &claimed.limits))
        .or_else(|| differs("arguments", &derived.arguments, &claimed.arguments))
        .or_else(|| differs("environment", &derived.environment, &claimed.environment))
}
