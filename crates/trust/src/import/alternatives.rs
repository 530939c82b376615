//! "This and that, or this and those": how alternatives of others come apart into what runs and on what.
//!
//! Here a measurement is trusted on every platform that is trusted. A policy of others may tie one to the other: program A on
//! patched hosts, program B on any. Taken apart, that would let A run on any; so alternatives come apart only where every
//! measurement goes with every platform, and are refused otherwise.

use std::collections::BTreeSet;

use super::{
    findings::Findings,
    registered::{Condition, any_genuine, trusted_measurement, trusted_platform, trusted_vendor},
};
use crate::{
    component::registry,
    statement::{Demand, Kind, Register},
};

/// One alternative of a kind of platform: all of it has to hold.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Alternative {
    pub(super) kind: Kind,
    pub(super) registers: BTreeSet<Register>,
    pub(super) demands: BTreeSet<Demand>,
}

impl Alternative {
    pub(super) const fn new(kind: Kind) -> Self {
        Self { kind, registers: BTreeSet::new(), demands: BTreeSet::new() }
    }

    /// Adds a condition. `false` if it contradicts another: a register would have two values.
    pub(super) fn add(&mut self, condition: Condition) -> Consistent {
        match condition {
            Condition::Demand(demand) => {
                self.demands.insert(demand);
                Consistent::Yes
            }
            Condition::Register(register) => {
                let other = self.registers.iter().find(|other| other.name == register.name);
                let is_other = other.is_some_and(|other| other.value != register.value);
                self.registers.insert(register);
                if is_other { Consistent::No } else { Consistent::Yes }
            }
        }
    }
}

/// Whether conditions can all hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Consistent {
    No,
    Yes,
}

/// Says all alternatives, kind by kind: the vendor, what runs, on what. `label` names whose they are.
pub(super) fn say(label: &str, place: &str, alternatives: &BTreeSet<Alternative>, findings: &mut Findings) {
    let kinds: BTreeSet<Kind> = alternatives.iter().map(|alternative| alternative.kind).collect();
    for kind in kinds {
        let own: Vec<&Alternative> = alternatives.iter().filter(|alternative| alternative.kind == kind).collect();
        say_kind(label, place, kind, &own, findings);
    }
}

fn say_kind(label: &str, place: &str, kind: Kind, own: &[&Alternative], findings: &mut Findings) {
    let measured: BTreeSet<&BTreeSet<Register>> = own.iter().map(|alternative| &alternative.registers).collect();
    let platforms: BTreeSet<&BTreeSet<Demand>> = own.iter().map(|alternative| &alternative.demands).collect();
    if measured.len().saturating_mul(platforms.len()) != own.len() {
        let why = "ties what runs to a platform's conditions: taken apart, more would be accepted than it says";
        return findings.refuse(place, kind.as_str(), why);
    }
    let is_any = measured.iter().any(|registers| registers.is_empty());
    if is_any && measured.len() > 1 {
        return findings.refuse(place, kind.as_str(), "lets anything run in one alternative and names what in another");
    }
    if let Some(vendor) = registry::vendor(kind) {
        findings.say(format!("{label}: {kind}"), trusted_vendor(vendor, kind));
    }
    if is_any {
        findings.note(format!(
            "{kind}: nothing is said about what runs; nothing is accepted until the domain names a runtime for it"
        ));
    } else {
        for registers in &measured {
            if let Some(sentence) = trusted_measurement(kind, registers.iter().cloned()) {
                findings.say(format!("{label}: {kind}"), sentence);
            }
        }
    }
    for demands in platforms {
        let rule = any_genuine(kind, demands.iter().cloned());
        findings.say(format!("{label}: {kind}"), trusted_platform(rule));
    }
    if registry::identity(kind).is_some() {
        findings.note(format!(
            "{kind}: any genuine chip is accepted, for no chips are named; one extracted attestation key forges them all"
        ));
    }
}
