//! A domain drafted from authentic evidence: the strictest sensible one that accepts exactly this.
//!
//! Per component: whoever vouches for it, its hardware alone where it tells which it is, what has an order at least as now, all else
//! that lasts exactly as now, sets as they are or smaller, dangers that are so admitted by name, and its registers as a runtime. What
//! differs from one time to the next (counters, identities of instances, what is chosen at launch) is left out, and so is what any
//! evidence meets or what makes none safer (at least zero; no revocation list); docs/formats/properties.md says of each property
//! what a draft asks.

use std::collections::BTreeSet;

use casemate_cose::PublicKey;
use casemate_evidence::Authenticated;
use minicbor::bytes::ByteVec;

use crate::{
    component::{
        Component, components,
        registry::{self, Draft},
    },
    printable::printable,
    statement::{
        Allowance, DEMANDS_MAX, Demand, Identities, Kind, Measurement, PlatformRule, Purpose, REGISTERS_MAX, Register,
        Sentence, Statement, Subject, Test, Value,
    },
};

/// The label of what the table `[process]` of `domain.toml` says.
const PROCESS: &str = "process";

/// What a domain needs to say to accept one piece of evidence.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Drafted {
    /// Statements of the domain's owner.
    pub statements: Vec<Statement>,
    /// The launchers that they name by digest, in full.
    pub launchers: Vec<PublicKey>,
}

/// Drafts what a domain has to say to accept this evidence and nothing worse. `name` is what its owner calls the machine.
#[must_use]
pub fn draft<B>(evidence: &Authenticated<B>, name: &str) -> Drafted {
    let components = components(evidence.claims());
    let is_alone = components.len() == 1;
    let label = |component: &Component| {
        if is_alone { name.to_owned() } else { format!("{name} {}", component.name) }
    };
    let statements = components.iter().flat_map(|component| of_component(component, &label(component)));
    let launcher = evidence.claims().software().map(|own| own.launcher);
    Drafted { statements: statements.collect(), launchers: launcher.into_iter().collect() }
}

/// What to call the machine of authentic evidence: its product, or its kind and what tells it from others.
#[must_use]
pub fn machine_name<B>(evidence: &Authenticated<B>) -> String {
    let components = components(evidence.claims());
    let Some(first) = components.first() else { return "machine".to_owned() };
    let text = |name: &str| match first.property(name) {
        Some(Value::Text(text)) => printable(text).trim().to_owned(),
        Some(Value::Bytes(bytes)) => registry::hex(bytes),
        _ => String::new(),
    };
    let identity =
        || registry::hex(first.identity.iter().flatten().copied().take(NAMED_BYTES).collect::<Vec<_>>().as_slice());
    let name = match first.kind {
        Kind::Cca => format!("CCA {}", identity()),
        Kind::Dice => format!("DICE {}", identity()),
        Kind::Gpu => text("name"),
        Kind::Keystone => format!("Keystone {}", identity()),
        Kind::Nitro => "Nitro".to_owned(),
        Kind::Psa => format!("PSA {}", identity()),
        Kind::Sgx => format!("SGX {}", text("fmspc")),
        Kind::Snp => text("product"),
        Kind::Software => "keep's host".to_owned(),
        Kind::Tdx => format!("TDX {}", text("fmspc")),
        Kind::Tpm => format!("TPM {}", identity()),
    };
    let name: String = name.chars().take(NAME_CHARACTERS_MAX).collect();
    let name = name.trim();
    if name.is_empty() { first.kind.to_string() } else { name.to_owned() }
}

/// Bytes of an identity that a name shows.
const NAMED_BYTES: usize = 6;
/// The longest name that is made: names of components follow it, and domains take 128 bytes.
const NAME_CHARACTERS_MAX: usize = 24;

fn of_component(component: &Component, label: &str) -> Vec<Statement> {
    let trusted = |subject, purpose| Sentence::Trusted { subject, purpose };
    let platform = if component.kind == Kind::Software { PROCESS } else { label };
    let mut statements = vec![
        Statement::always(label, trusted(component.attester.clone(), Purpose::Attestation(Some(component.kind)))),
        Statement::always(platform, trusted(Subject::Platform(rule(component)), Purpose::Execution(None))),
    ];
    let registers = registers(component);
    if !registers.is_empty() {
        let measurement = Measurement { kind: component.kind, registers };
        statements.push(Statement::always(label, trusted(Subject::Measurement(measurement), Purpose::Execution(None))));
    }
    statements
}

fn rule(component: &Component) -> PlatformRule {
    let identities = match &component.identity {
        Some(identity) => Identities::Listed([ByteVec::from(identity.clone())].into()),
        None => Identities::AnyGenuineChip,
    };
    let mut allow: BTreeSet<Allowance> = component.dangers.clone();
    // Only lists care.
    allow.remove(&Allowance::MaskedChip);
    let demands = component.properties.iter().filter_map(|(name, value)| demand(component.kind, name, value));
    PlatformRule { kind: component.kind, identities, demands: demands.take(DEMANDS_MAX).collect(), allow }
}

fn demand(kind: Kind, name: &str, value: &Value) -> Option<Demand> {
    let test = match (registry::property(kind, name)?.draft, value) {
        // Nothing is below zero, and what is not so is no better.
        (Draft::Nothing, _) | (Draft::AtLeast, Value::Number(0)) | (Draft::IfSo, Value::Bool(false)) => return None,
        (Draft::AtLeast, value) => Test::AtLeast(value.clone()),
        (Draft::Only, Value::Set(names)) => Test::SubsetOf(names.clone()),
        (Draft::Exactly | Draft::IfSo | Draft::Only, value) => Test::Equals(value.clone()),
    };
    Some(Demand { property: name.to_owned(), test })
}

/// The registers that say what runs: of a TPM's banks the strongest, for they all say the same.
fn registers(component: &Component) -> Vec<Register> {
    let is_pinned = |name: &str| registry::register(component.kind, name).is_none_or(|row| row.draft == Draft::Exactly);
    let bank = (component.kind == Kind::Tpm).then(|| {
        let is_there = |bank: &&str| component.registers.iter().any(|(name, _)| name.starts_with(*bank));
        ["pcr.sha512.", "pcr.sha384.", "pcr.sha256.", "pcr.sha1."].into_iter().find(is_there).unwrap_or_default()
    });
    let pinned = component
        .registers
        .iter()
        .filter(|(name, _)| is_pinned(name) && bank.is_none_or(|bank| name.starts_with(bank)));
    pinned.map(|(name, value)| Register { name: name.clone(), value: value.clone() }).take(REGISTERS_MAX).collect()
}
