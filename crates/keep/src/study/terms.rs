//! What the launcher handed over, once it agrees with the parties' signatures.
//!
//! 1. Every party signed the contract.
//! 2. The manifest is the one that follows from it, byte for byte, for `process` isolation.
//! 3. The program is the contract's.
//! 4. Files and sockets are named as in the manifest: all of them, nothing else, each once.

use casemate_attester::control::Start;
use casemate_contract::{Computation, DenyReason, FullySigned, Manifest, Party};
use casemate_cose::Digest;
use casemate_evidence::Isolation;

use super::refusal::Refusal;

/// A run that the contract implies.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) contract_file: Vec<u8>,
    pub(super) contract: FullySigned,
    pub(super) manifest: Manifest,
}

impl Terms {
    /// Runs the steps.
    pub(super) fn check(start: &Start) -> Result<Self, Refusal> {
        let contract = FullySigned::from_bytes(&start.contract)
            .map_err(|error| Refusal::denied(&DenyReason::NotFullySigned { why: error.to_string() }))?;
        let manifest = Manifest::check(&start.manifest, &contract).map_err(|reason| Refusal::denied(&reason))?;
        let fields = manifest.fields();
        if fields.isolation != Isolation::Process {
            let (expected, actual) = (Isolation::Process.to_string(), fields.isolation.to_string());
            return Err(Refusal::denied(&DenyReason::Manifest { field: "isolation", expected, actual }));
        }
        same("datasets", fields.datasets.iter().map(|dataset| dataset.name.as_str()), &start.datasets)?;
        same("brokers", fields.brokers.iter().map(|broker| broker.owner.as_str()), &start.brokers)?;
        let terms = Self { contract_file: start.contract.clone(), contract, manifest };
        // A sealed program is not handed over: its file is among the datasets, and what is measured is that file's digest.
        if terms.computation()?.program.sealed().is_none() {
            let (expected, actual) = (terms.manifest.fields().program, Digest::of(&start.program));
            if actual != expected {
                return Err(Refusal::denied(&DenyReason::Program { expected, actual }));
            }
        }
        Ok(terms)
    }

    /// The computation that is run.
    pub(super) fn computation(&self) -> Result<&Computation, Refusal> {
        let name = &self.manifest.fields().computation;
        self.contract
            .contract()
            .computation(name.as_str())
            .ok_or_else(|| Refusal::denied(&DenyReason::UnknownComputation { actual: name.clone() }))
    }

    /// The party of that name.
    pub(super) fn party(&self, name: &str) -> Result<&Party, Refusal> {
        self.contract.contract().party(name).ok_or_else(|| {
            Refusal::one(
                "keep-handed-over",
                "a party of the contract",
                name,
                "run it with the launcher of this version",
            )
        })
    }
}

/// What was handed over has exactly the manifest's names, in any order.
fn same<'a>(what: &str, expected: impl Iterator<Item = &'a str>, actual: &'a [String]) -> Result<(), Refusal> {
    let mut expected: Vec<&str> = expected.collect();
    let mut actual: Vec<&str> = actual.iter().map(String::as_str).collect();
    expected.sort_unstable();
    actual.sort_unstable();
    if expected == actual {
        return Ok(());
    }
    let (expected, actual) = (format!("{what} {}", expected.join(", ")), format!("{what} {}", actual.join(", ")));
    Err(Refusal::one("keep-handed-over", &expected, &actual, "run it with the launcher of this version"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_must_be_the_same_each_once() {
        let given = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert!(same("datasets", ["a", "b"].into_iter(), &given(&["b", "a"])).is_ok());
        for (crime, names) in [
            ("missing", given(&["a"])),
            ("one more", given(&["a", "b", "c"])),
            ("twice", given(&["a", "b", "b"])),
            ("one twice, one missing", given(&["a", "a"])),
            ("another", given(&["a", "c"])),
            ("none", given(&[])),
        ] {
            assert!(same("datasets", ["a", "b"].into_iter(), &names).is_err(), "{crime}");
        }
    }

    #[test]
    fn bytes_that_are_no_contract_are_refused_before_anything_else() {
        let refusal = Terms::check(&Start { contract: b"nonsense".to_vec(), ..Start::default() }).unwrap_err();
        assert_eq!(refusal.into_message().reasons[0].rule, "contract-signatures");
    }
}
