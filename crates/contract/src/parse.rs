//! `study.toml` to [`Contract`]. The format is docs/formats/contract.md.

use casemate_cose::{Digest, PublicKey, UnixTime};

use crate::{
    check::{FORMAT, check},
    contract::{Body, Broker, Column, ColumnType, Computation, Content, Contract, Dataset, Gate, Party, Read, Study},
    name::{
        Address, ColumnName, ComputationName, DatasetId, DatasetName, PartyName, Prose, Recipient, Region, SqlText,
        StudyId, VersionId,
    },
    policy,
    problem::{ContractErrors, Path, Problem},
    program::{Program, parse::read_wasm},
    read::{Reader, Table},
};

const KEY: &str = "`ed25519:` and 64 lower-case hex digits";
pub(crate) const DIGEST: &str = "`sha256:` and 64 lower-case hex digits";
const ISOLATION: &str = "one of `process`, `vm`, `snp`, `tdx`, `sgx`, `cca`, `nitro`";
const LACK: &str = "a lack that `casemate doctor` names, like `secret-plaintext`";
const FORMATS: &str = "`parquet` or `age`";
pub(crate) const COLUMN_TYPE: &str = "one of `boolean`, `date32`, `float64`, `int64`, `timestamp`, `utf8`";

impl Contract {
    /// Reads a contract from TOML, as of the time `at`.
    ///
    /// # Errors
    /// [`ContractErrors`]: everything that is wrong, each with the bytes to mark.
    pub fn parse(text: &str, at: UnixTime) -> Result<Self, ContractErrors> {
        let mut reader = Reader::default();
        let document = reader.parse(text);
        let top = Table { path: Path::default(), entries: document.get_ref() };
        reader.mark(Path::default(), 0..0);
        let body = read_body(&mut reader, &top);
        let mut findings = check(&body);
        if body.study.expires <= at {
            findings.push(crate::check::Finding {
                path: Path::of(&["study", "expires"]),
                because: None,
                problem: Problem::Expired { expires: body.study.expires, now: at },
            });
        }
        let errors = reader.finish(findings);
        if !errors.is_empty() {
            return Err(ContractErrors(errors));
        }
        policy::validated(Self { body })
    }
}

fn read_body(reader: &mut Reader, top: &Table) -> Body {
    reader.only(top, &["study", "parties", "datasets", "computations"]);
    let study = reader.table(top, "study");
    let study = read_study(reader, study.as_ref());
    let mut parties: Vec<Party> = each(reader, top, "parties", PartyName::EXPECTED, read_party);
    let mut datasets: Vec<Dataset> = each(reader, top, "datasets", DatasetName::EXPECTED, read_dataset);
    let mut computations: Vec<Computation> =
        each(reader, top, "computations", ComputationName::EXPECTED, read_computation);
    parties.sort_by(|a, b| a.name.cmp(&b.name));
    datasets.sort_by(|a, b| a.name.cmp(&b.name));
    computations.sort_by(|a, b| a.name.cmp(&b.name));
    Body { format: FORMAT.to_owned(), study, parties, datasets, computations }
}

/// Reads every table under `key`.
fn each<N: std::str::FromStr, T>(
    reader: &mut Reader,
    top: &Table,
    key: &str,
    expected: &str,
    read: fn(&mut Reader, N, &Table) -> T,
) -> Vec<T> {
    let Some(table) = reader.table(top, key) else { return Vec::new() };
    let mut all = Vec::new();
    for (name, path, value) in reader.entries(&table, expected) {
        if let Some(table) = reader.as_table(path, value.get_ref()) {
            all.push(read(reader, name, &table));
        }
    }
    all
}

fn read_study(reader: &mut Reader, table: Option<&Table>) -> Study {
    let mut study = Study {
        id: placeholder("x"),
        sequence: 1,
        supersedes: None,
        purpose: placeholder("x"),
        legal_basis: placeholder("x"),
        expires: UnixTime(u64::MAX),
        isolations: Vec::new(),
        accept_lacks: Vec::new(),
        regions: Vec::new(),
    };
    let Some(table) = table else { return study };
    reader.only(
        table,
        &["id", "sequence", "supersedes", "purpose", "legal_basis", "expires", "isolations", "accept_lacks", "regions"],
    );
    study.id = reader.text(table, "id", StudyId::EXPECTED).unwrap_or(study.id);
    study.sequence = reader.number(table, "sequence").unwrap_or(study.sequence);
    study.supersedes = reader.optional_text(table, "supersedes", DIGEST);
    study.purpose = reader.text(table, "purpose", Prose::EXPECTED).unwrap_or(study.purpose);
    study.legal_basis = reader.text(table, "legal_basis", Prose::EXPECTED).unwrap_or(study.legal_basis);
    study.expires = reader.time(table, "expires").unwrap_or(study.expires);
    study.isolations = reader.set(table, "isolations", ISOLATION);
    if reader.optional(table, "accept_lacks").is_some() {
        study.accept_lacks = reader.set(table, "accept_lacks", LACK);
    }
    study.regions = reader.set(table, "regions", Region::EXPECTED);
    study
}

fn read_party(reader: &mut Reader, name: PartyName, table: &Table) -> Party {
    reader.only(table, &["key", "recipient", "broker", "launchers"]);
    let key = reader.text(table, "key", KEY).unwrap_or(PublicKey::from_bytes([0; 32]));
    let recipient = reader.optional_text(table, "recipient", Recipient::EXPECTED);
    let broker = match reader.optional(table, "broker") {
        Some(value) => reader.as_table(table.path.then("broker"), value).map(|table| read_broker(reader, &table)),
        None => None,
    };
    let launchers = match reader.optional(table, "launchers") {
        Some(value) => reader.as_set(table.path.then("launchers"), value, KEY),
        None => Vec::new(),
    };
    Party { name, key, recipient, broker, launchers }
}

fn read_broker(reader: &mut Reader, table: &Table) -> Broker {
    reader.only(table, &["key", "address"]);
    Broker {
        key: reader.text(table, "key", KEY).unwrap_or(PublicKey::from_bytes([0; 32])),
        address: reader.text(table, "address", Address::EXPECTED).unwrap_or_else(|| placeholder("x:1")),
    }
}

fn read_dataset(reader: &mut Reader, name: DatasetName, table: &Table) -> Dataset {
    let content = read_content(reader, table);
    Dataset {
        name,
        owner: reader.text(table, "owner", PartyName::EXPECTED).unwrap_or_else(|| placeholder("x")),
        id: reader.text(table, "id", DatasetId::EXPECTED).unwrap_or(DatasetId::from_bytes([0; 16])),
        version: reader.text(table, "version", VersionId::EXPECTED).unwrap_or(VersionId::from_bytes([0; 16])),
        digest: reader.text(table, "digest", DIGEST).unwrap_or(Digest::from_bytes([0; 32])),
        content,
        gate: read_gate(reader, table),
    }
}

fn read_content(reader: &mut Reader, table: &Table) -> Content {
    const COMMON: [&str; 6] = ["owner", "id", "version", "digest", "format", "gate"];
    let format: Option<Format> = reader.text(table, "format", FORMATS);
    if format == Some(Format::Age) {
        reader.only(table, &COMMON);
        return Content::Blob;
    }
    reader.only(table, &[COMMON.as_slice(), &["entity", "columns"]].concat());
    let entity = reader.text(table, "entity", ColumnName::EXPECTED).unwrap_or_else(|| placeholder("x"));
    let mut columns = Vec::new();
    if let Some(table) = reader.table(table, "columns") {
        for (name, path, value) in reader.entries(&table, ColumnName::EXPECTED) {
            reader.mark(path.clone(), value.span());
            let kind = reader.as_text(path, value.get_ref(), COLUMN_TYPE).unwrap_or(ColumnType::Utf8);
            columns.push(Column { name, kind });
        }
    }
    columns.sort_by(|a, b| a.name.cmp(&b.name));
    Content::Table { entity, columns }
}

fn read_gate(reader: &mut Reader, table: &Table) -> Gate {
    let Some(table) = reader.table(table, "gate") else { return Gate { min_entities: 2, max_rows: 1, max_bytes: 1 } };
    reader.only(&table, &["min_entities", "max_rows", "max_bytes"]);
    Gate {
        min_entities: reader.number(&table, "min_entities").unwrap_or(2),
        max_rows: reader.number(&table, "max_rows").unwrap_or(1),
        max_bytes: reader.number(&table, "max_bytes").unwrap_or(1),
    }
}

/// The keys that computations of every language have.
pub(crate) const COMPUTATION_KEYS: [&str; 3] = ["runners", "recipients", "reads"];

fn read_computation(reader: &mut Reader, name: ComputationName, table: &Table) -> Computation {
    let program = if table.entries.contains_key("wasm") {
        Program::Wasm(read_wasm(reader, table))
    } else {
        reader.only(table, &[["sql"].as_slice(), &COMPUTATION_KEYS].concat());
        Program::Sql { text: reader.text(table, "sql", SqlText::EXPECTED).unwrap_or_else(|| placeholder("x")) }
    };
    Computation {
        name,
        program,
        runners: reader.set(table, "runners", PartyName::EXPECTED),
        recipients: reader.set(table, "recipients", PartyName::EXPECTED),
        reads: read_reads(reader, table),
    }
}

fn read_reads(reader: &mut Reader, table: &Table) -> Vec<Read> {
    let Some(table) = reader.table(table, "reads") else { return Vec::new() };
    let mut reads = Vec::new();
    for (dataset, path, value) in reader.entries::<DatasetName>(&table, DatasetName::EXPECTED) {
        let columns: Vec<ColumnName> = reader.as_set(path, value.get_ref(), ColumnName::EXPECTED);
        reads.push(Read { dataset, columns });
    }
    reads.sort_by(|a, b| a.dataset.cmp(&b.dataset));
    reads
}

/// How a dataset is sealed, as contracts write it.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Format {
    Age,
    Parquet,
}

impl std::str::FromStr for Format {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "age" => Ok(Self::Age),
            "parquet" => Ok(Self::Parquet),
            _ => Err(()),
        }
    }
}

impl std::str::FromStr for ColumnType {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::of_name(text).ok_or_else(|| Problem::BadValue { text: text.to_owned(), expected: COLUMN_TYPE.to_owned() })
    }
}

/// Stands where a value could not be read. Never leaves the parser: a problem was recorded with it.
pub(crate) fn placeholder<T: std::str::FromStr>(valid: &str) -> T {
    match valid.parse() {
        Ok(value) => value,
        Err(_) => unreachable!("`{valid}` is a valid placeholder"),
    }
}
