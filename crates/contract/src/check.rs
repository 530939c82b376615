//! What makes a contract make sense: the rules that its parts must keep with each other.
//!
//! The same function checks what was written as TOML and what was received as CBOR, so that no path leads to a
//! [`Contract`](crate::Contract) that breaks a rule.
//!
//! 1. Counts are within limits; nothing that must not be empty is.
//! 2. Sets are strictly ascending: one contract has one encoding.
//! 3. The study: sequence and what it supersedes, isolations, regions.
//! 4. Parties: no key serves twice, be it a party's, its broker's or its launcher's.
//! 5. Datasets: the owner is a party with a broker; no identifier, version or file serves twice; the gate bites.
//! 6. Computations: names resolve; what is read exists; entities are read, so that they can be counted; recipients can
//!    receive; runners have a launcher where an isolation needs one; no sealed program is read as data.
//! 7. Wasm programs: [`crate::program::check`].

use std::collections::BTreeMap;

use casemate_cose::{Digest, PublicKey};

use crate::{
    contract::{Body, Computation, Content, Dataset, Party, Study},
    name::{DatasetId, VersionId},
    problem::{Path, Problem},
    program::{Program, check::check_wasm},
};

/// The text that starts every contract's bytes.
pub(crate) const FORMAT: &str = "casemate/contract/1";
/// The most parties.
pub const PARTIES_MAX: usize = 64;
/// The most datasets.
pub const DATASETS_MAX: usize = 256;
/// The most columns of one dataset.
pub const COLUMNS_MAX: usize = 4096;
/// The most computations.
pub const COMPUTATIONS_MAX: usize = 256;
/// The most datasets that all computations read together, each counted as often as it is read.
pub const READS_MAX: usize = 1024;
/// The most launchers of one party.
pub const LAUNCHERS_MAX: usize = 64;
/// The most regions.
pub const REGIONS_MAX: usize = 64;
/// The least that `min_entities` may be.
pub const MIN_ENTITIES_MIN: u64 = 2;
/// The most that `min_entities` may be.
pub const MIN_ENTITIES_MAX: u64 = 1_000_000_000;
/// The most that `max_rows` may be.
pub const MAX_ROWS_MAX: u64 = 1_000_000;
/// The most that `max_bytes` may be: 8 MiB, so that a result fits a signed object.
pub const MAX_BYTES_MAX: u64 = 8 << 20;

/// The last second that a contract may last to: the end of the year 9999, the last that TOML can write.
pub const EXPIRES_MAX_S: u64 = 253_402_300_799;

/// One rule that a contract breaks, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Finding {
    /// The field that breaks it.
    pub(crate) path: Path,
    /// The other field that the rule looked at; where that one could not be read, the finding says nothing.
    pub(crate) because: Option<Path>,
    /// The rule.
    pub(crate) problem: Problem,
}

/// Every rule that `body` breaks.
pub(crate) fn check(body: &Body) -> Vec<Finding> {
    let mut findings = Findings(Vec::new());
    if body.format != FORMAT {
        findings.add(Path::of(&["format"]), Problem::BadValue { text: body.format.clone(), expected: FORMAT.into() });
    }
    check_study(&body.study, &mut findings);
    check_parties(&body.parties, &mut findings);
    check_datasets(body, &mut findings);
    findings.count(&Path::of(&["computations"]), &body.computations, 1, COMPUTATIONS_MAX, |computation| {
        computation.name.as_str().to_owned()
    });
    let opened =
        |computation: &Computation| computation.reads.len() + usize::from(computation.program.sealed().is_some());
    let reads = body.computations.iter().map(opened).sum();
    if reads > READS_MAX {
        findings.add(Path::of(&["computations"]), Problem::TooMany { actual: reads, max: READS_MAX });
    }
    for computation in &body.computations {
        check_computation(body, computation, &mut findings);
    }
    findings.0
}

pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    pub(crate) fn add(&mut self, path: Path, problem: Problem) {
        self.0.push(Finding { path, because: None, problem });
    }

    pub(crate) fn add_because(&mut self, path: Path, because: Path, problem: Problem) {
        self.0.push(Finding { path, because: Some(because), problem });
    }

    /// Rules 1 and 2 for one set.
    pub(crate) fn count<T>(&mut self, path: &Path, set: &[T], min: usize, max: usize, key: impl Fn(&T) -> String) {
        let actual = set.len();
        if actual < min {
            self.add(path.clone(), Problem::Empty);
        }
        if actual > max {
            self.add(path.clone(), Problem::TooMany { actual, max });
        }
        for (before, after) in set.iter().zip(set.iter().skip(1)) {
            let (before, after) = (key(before), key(after));
            match before.cmp(&after) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => {
                    self.add(path.then(&after), Problem::Repeated { name: after });
                }
                std::cmp::Ordering::Greater => self.add(path.then(&after), Problem::OutOfOrder),
            }
        }
    }

    /// Where a value that must serve once serves again.
    fn once<T: Ord>(&mut self, uses: Vec<(T, Path)>, problem: impl Fn(&Path) -> Problem) {
        let mut first = BTreeMap::new();
        for (value, path) in uses {
            match first.get(&value) {
                Some(other) => self.add_because(path, Path::clone(other), problem(other)),
                None => {
                    first.insert(value, path);
                }
            }
        }
    }
}

fn check_study(study: &Study, findings: &mut Findings) {
    let path = Path::of(&["study"]);
    match (study.sequence, study.supersedes) {
        (0, _) => findings.add(path.then("sequence"), Problem::TooSmall { actual: 0, min: 1 }),
        (1, Some(_)) => {
            findings.add_because(path.then("supersedes"), path.then("sequence"), Problem::SupersedesNothing);
        }
        (2.., None) => findings.add_because(
            path.clone(),
            path.then("supersedes"),
            Problem::SupersedesMissing { sequence: study.sequence },
        ),
        (1, None) | (2.., Some(_)) => {}
    }
    if study.expires.0 > EXPIRES_MAX_S {
        findings.add(path.then("expires"), Problem::TooLarge { actual: study.expires.0, max: EXPIRES_MAX_S });
    }
    findings.count(&path.then("isolations"), &study.isolations, 1, usize::MAX, ToString::to_string);
    findings.count(&path.then("accept_lacks"), &study.accept_lacks, 0, usize::MAX, ToString::to_string);
    findings.count(&path.then("regions"), &study.regions, 1, REGIONS_MAX, |region| region.as_str().to_owned());
    for region in study.regions.iter().filter(|region| region.as_str() != "any") {
        findings.add(path.then("regions").then(region.as_str()), Problem::RegionUnproven { region: region.clone() });
    }
}

fn check_parties(parties: &[Party], findings: &mut Findings) {
    let path = Path::of(&["parties"]);
    findings.count(&path, parties, 1, PARTIES_MAX, |party| party.name.as_str().to_owned());
    let mut keys: Vec<(PublicKey, Path)> = Vec::new();
    for party in parties {
        let path = path.then(party.name.as_str());
        keys.push((party.key, path.then("key")));
        keys.extend(party.broker.as_ref().map(|broker| (broker.key, path.then("broker").then("key"))));
        let path = path.then("launchers");
        findings.count(&path, &party.launchers, 0, LAUNCHERS_MAX, ToString::to_string);
        let mut own = party.launchers.clone();
        // One that stands twice in this list was found already.
        own.dedup();
        keys.extend(own.into_iter().map(|launcher| (launcher, path.then(&launcher.to_string()))));
    }
    findings.once(keys, |other| Problem::SameKey { other: other.clone() });
}

fn check_datasets(body: &Body, findings: &mut Findings) {
    let path = Path::of(&["datasets"]);
    findings.count(&path, &body.datasets, 1, DATASETS_MAX, |dataset| dataset.name.as_str().to_owned());
    for dataset in &body.datasets {
        check_dataset(dataset, &body.parties, findings);
    }
    let field = |dataset: &Dataset, name: &str| path.then(dataset.name.as_str()).then(name);
    let ids: Vec<(DatasetId, Path)> = body.datasets.iter().map(|dataset| (dataset.id, field(dataset, "id"))).collect();
    findings.once(ids, |other| Problem::SameDataset { field: "id", other: other.clone() });
    let versions: Vec<(VersionId, Path)> =
        body.datasets.iter().map(|dataset| (dataset.version, field(dataset, "version"))).collect();
    findings.once(versions, |other| Problem::SameDataset { field: "version", other: other.clone() });
    let digests: Vec<(Digest, Path)> =
        body.datasets.iter().map(|dataset| (dataset.digest, field(dataset, "digest"))).collect();
    findings.once(digests, |other| Problem::SameDataset { field: "digest", other: other.clone() });
}

fn check_dataset(dataset: &Dataset, parties: &[Party], findings: &mut Findings) {
    let path = Path::of(&["datasets", dataset.name.as_str()]);
    let owner_path = Path::of(&["parties", dataset.owner.as_str()]);
    match parties.iter().find(|party| party.name == dataset.owner) {
        None => findings.add_because(
            path.then("owner"),
            owner_path,
            Problem::UnknownParty {
                name: dataset.owner.clone(),
                known: parties.iter().map(|party| party.name.clone()).collect(),
            },
        ),
        Some(owner) if owner.broker.is_none() => findings.add_because(
            owner_path.clone(),
            owner_path.then("broker"),
            Problem::OwnerWithoutBroker { owner: owner.name.clone(), dataset: dataset.name.clone() },
        ),
        Some(_) => {}
    }
    if let Content::Table { entity, columns } = &dataset.content {
        findings.count(&path.then("columns"), columns, 1, COLUMNS_MAX, |column| column.name.as_str().to_owned());
        if dataset.column(entity).is_none() {
            findings.add_because(
                path.then("entity"),
                path.then("columns"),
                Problem::UnknownColumn { name: entity.clone(), dataset: dataset.name.clone() },
            );
        }
    }
    check_gate(dataset, &path.then("gate"), findings);
}

fn check_gate(dataset: &Dataset, path: &Path, findings: &mut Findings) {
    let gate = dataset.gate;
    let limits = [
        ("min_entities", gate.min_entities, MIN_ENTITIES_MIN, MIN_ENTITIES_MAX),
        ("max_rows", gate.max_rows, 1, MAX_ROWS_MAX),
        ("max_bytes", gate.max_bytes, 1, MAX_BYTES_MAX),
    ];
    for (name, actual, min, max) in limits {
        if actual < min {
            findings.add(path.then(name), Problem::TooSmall { actual, min });
        }
        if actual > max {
            findings.add(path.then(name), Problem::TooLarge { actual, max });
        }
    }
}

fn check_computation(body: &Body, computation: &Computation, findings: &mut Findings) {
    let path = Path::of(&["computations", computation.name.as_str()]);
    let vouched = body.study.isolations.iter().copied().find(|isolation| isolation.is_vouched_by_launcher());
    for (role, names) in [("runners", &computation.runners), ("recipients", &computation.recipients)] {
        findings.count(&path.then(role), names, 1, PARTIES_MAX, |name| name.as_str().to_owned());
        for name in names {
            let place = path.then(role).then(name.as_str());
            let party_path = Path::of(&["parties", name.as_str()]);
            match body.parties.iter().find(|party| party.name == *name) {
                None => findings.add_because(
                    place,
                    party_path,
                    Problem::UnknownParty {
                        name: name.clone(),
                        known: body.parties.iter().map(|party| party.name.clone()).collect(),
                    },
                ),
                Some(party) if role == "recipients" && party.recipient.is_none() => findings.add_because(
                    place,
                    party_path.then("recipient"),
                    Problem::RecipientWithoutKey { party: party.name.clone() },
                ),
                Some(party) if role == "runners" && party.launchers.is_empty() => {
                    if let Some(isolation) = vouched {
                        let problem = Problem::RunnerWithoutLauncher { party: party.name.clone(), isolation };
                        findings.add_because(place, party_path.then("launchers"), problem);
                    }
                }
                Some(_) => {}
            }
        }
    }
    check_reads(body, computation, &path.then("reads"), findings);
    if let Program::Wasm(program) = &computation.program {
        check_wasm(body, computation, program, &path, findings);
    }
}

fn check_reads(body: &Body, computation: &Computation, path: &Path, findings: &mut Findings) {
    findings.count(path, &computation.reads, 1, DATASETS_MAX, |read| read.dataset.as_str().to_owned());
    for read in &computation.reads {
        let path = path.then(read.dataset.as_str());
        let dataset_path = Path::of(&["datasets", read.dataset.as_str()]);
        let Some(dataset) = body.datasets.iter().find(|dataset| dataset.name == read.dataset) else {
            let known = body.datasets.iter().map(|dataset| dataset.name.clone()).collect();
            let problem = Problem::UnknownDataset { name: read.dataset.clone(), known };
            findings.add_because(path, dataset_path, problem);
            continue;
        };
        let Content::Table { entity, columns } = &dataset.content else {
            let program_of = body.computations.iter().find(|other| other.program.sealed() == Some(&read.dataset));
            let problem = match program_of {
                Some(Computation { name, .. }) => {
                    Problem::ProgramReadAsData { name: read.dataset.clone(), computation: name.clone() }
                }
                None => Problem::SqlReadsBlob { name: read.dataset.clone() },
            };
            findings.add_because(path, dataset_path.then("format"), problem);
            continue;
        };
        findings.count(&path, &read.columns, 1, COLUMNS_MAX, |column| column.as_str().to_owned());
        for name in read.columns.iter().filter(|name| !columns.iter().any(|column| column.name == **name)) {
            findings.add_because(
                path.then(name.as_str()),
                dataset_path.then("columns"),
                Problem::UnknownColumn { name: name.clone(), dataset: dataset.name.clone() },
            );
        }
        if !read.columns.contains(entity) {
            findings.add_because(
                path,
                dataset_path.then("entity"),
                Problem::EntityNotRead { entity: entity.clone(), dataset: dataset.name.clone() },
            );
        }
    }
}
