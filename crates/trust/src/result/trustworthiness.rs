//! What an appraisal says in the eight words of AR4SI. [draft-ietf-rats-ar4si-09 §2.3; docs/formats/attestation-result.md]
//!
//! Every value stands with its reason. What Casemate did not look at gets no value; what a denied verdict did not find fault with
//! gets 0, never a good word: who reads one claim of a denied result alone is not led astray.

use std::{collections::BTreeMap, fmt};

use super::{AspectFault, told::is_recognised};
use crate::{
    Hardware, Reason,
    component::Component,
    statement::{Allowance, Kind, Subject, Value},
};

/// The classes of values, ascending by how bad they are.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Tier {
    /// Nothing is said.
    None,
    /// The verifier stands for it.
    Affirming,
    /// The verifier warns of it.
    Warning,
    /// The verifier says that it is not to be trusted.
    Contraindicated,
}

impl Tier {
    /// Every tier.
    pub const ALL: [Self; 4] = [Self::None, Self::Affirming, Self::Warning, Self::Contraindicated];

    /// Its name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Affirming => "affirming",
            Self::Warning => "warning",
            Self::Contraindicated => "contraindicated",
        }
    }

    /// Its number in CBOR.
    #[must_use]
    pub const fn value(self) -> i64 {
        match self {
            Self::None => 0,
            Self::Affirming => 2,
            Self::Warning => 32,
            Self::Contraindicated => 96,
        }
    }

    /// The class of a claim's value.
    #[must_use]
    pub const fn of(value: i8) -> Self {
        match value {
            -1..=1 => Self::None,
            2..=31 | -32..=-2 => Self::Affirming,
            32..=95 | -96..=-33 => Self::Warning,
            96..=127 | -128..=-97 => Self::Contraindicated,
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a value is about, in the order of their numbers.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Aspect {
    /// Which piece of hardware it is.
    InstanceIdentity,
    /// How it is set up.
    Configuration,
    /// What was loaded.
    Executables,
    /// What its file system holds.
    FileSystem,
    /// Whether hardware and firmware are genuine and in order.
    Hardware,
    /// Who can look into its memory.
    RuntimeOpaque,
    /// How it stores secrets.
    StorageOpaque,
    /// Where its data come from.
    SourcedData,
}

impl Aspect {
    /// Every aspect, by its number.
    pub const ALL: [Self; 8] = [
        Self::InstanceIdentity,
        Self::Configuration,
        Self::Executables,
        Self::FileSystem,
        Self::Hardware,
        Self::RuntimeOpaque,
        Self::StorageOpaque,
        Self::SourcedData,
    ];

    /// Those that Casemate appraises; a denied component has a value for each of them.
    pub const APPRAISED: [Self; 5] =
        [Self::InstanceIdentity, Self::Configuration, Self::Executables, Self::Hardware, Self::RuntimeOpaque];

    /// Its name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InstanceIdentity => "instance-identity",
            Self::Configuration => "configuration",
            Self::Executables => "executables",
            Self::FileSystem => "file-system",
            Self::Hardware => "hardware",
            Self::RuntimeOpaque => "runtime-opaque",
            Self::StorageOpaque => "storage-opaque",
            Self::SourcedData => "sourced-data",
        }
    }

    /// Its number in CBOR.
    #[must_use]
    pub const fn label(self) -> i64 {
        match self {
            Self::InstanceIdentity => 0,
            Self::Configuration => 1,
            Self::Executables => 2,
            Self::FileSystem => 3,
            Self::Hardware => 4,
            Self::RuntimeOpaque => 5,
            Self::StorageOpaque => 6,
            Self::SourcedData => 7,
        }
    }
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A value and why it was given.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Judgement {
    /// As AR4SI enumerates it.
    pub value: i8,
    /// In plain words.
    pub reason: String,
}

/// The trustworthiness vector of one component.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Trustworthiness(BTreeMap<Aspect, Judgement>);

impl Trustworthiness {
    /// The vector of these values.
    #[must_use]
    pub const fn new(judgements: BTreeMap<Aspect, Judgement>) -> Self {
        Self(judgements)
    }

    /// The vector of a component that a domain accepts.
    #[must_use]
    pub fn accepted(component: &Component, hardware_asked: Hardware) -> Self {
        let mut vector = Self::default();
        // A key that the domain names is recognised by its name.
        if is_recognised(component, hardware_asked) || matches!(component.attester, Subject::Key(_)) {
            vector.say(Aspect::InstanceIdentity, 2, "the domain names it");
        }
        let (value, reason) = configuration(component);
        vector.say(Aspect::Configuration, value, reason);
        vector.say(Aspect::Executables, 3, "what was measured at its start is what the domain names");
        if let Some((value, reason)) = hardware(component) {
            vector.say(Aspect::Hardware, value, reason);
        }
        if let Some((value, reason)) = runtime_opaque(component) {
            vector.say(Aspect::RuntimeOpaque, value, reason);
        }
        vector
    }

    /// Takes a good word back.
    pub(super) fn doubt(&mut self, aspect: Aspect, reason: &str) {
        if Tier::of(self.value(aspect)) <= Tier::Affirming {
            self.say(aspect, 0, reason);
        }
    }

    /// The vector of a component of denied evidence, by what was found wrong with it; with nothing, if it was another's fault.
    #[must_use]
    pub fn denied<'a>(faults: impl IntoIterator<Item = (AspectFault, &'a Reason)>) -> Self {
        let mut vector = Self::default();
        for aspect in Aspect::APPRAISED {
            vector.say(aspect, 0, "nothing is said of it, as the evidence was denied");
        }
        for (fault, reason) in faults {
            let Some((aspect, value)) = fault.judged() else { continue };
            let worse = vector.0.get(&aspect).is_none_or(|judgement| Tier::of(judgement.value) < Tier::of(value));
            if worse {
                vector.say(aspect, value, &reason.to_string());
            }
        }
        vector
    }

    /// The values, ascending by aspect.
    pub fn iter(&self) -> impl Iterator<Item = (Aspect, &Judgement)> {
        self.0.iter().map(|(aspect, judgement)| (*aspect, judgement))
    }

    /// The value of one aspect; 0, which says nothing, where there is none.
    #[must_use]
    pub fn value(&self, aspect: Aspect) -> i8 {
        self.0.get(&aspect).map_or(0, |judgement| judgement.value)
    }

    /// The worst class among the values.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.0.values().map(|judgement| Tier::of(judgement.value)).max().unwrap_or(Tier::None)
    }

    fn say(&mut self, aspect: Aspect, value: i8, reason: &str) {
        self.0.insert(aspect, Judgement { value, reason: reason.to_owned() });
    }
}

fn configuration(component: &Component) -> (i8, &'static str) {
    let admitted = |allowance| component.dangers.contains(&allowance);
    if admitted(Allowance::Debug) {
        (32, "the domain admits debug mode")
    } else if admitted(Allowance::Migratable) {
        (32, "the domain admits that it moves to other hosts")
    } else if admitted(Allowance::ServiceDomain) {
        (32, "the domain admits a service domain that acts in its name")
    } else if admitted(Allowance::VmplAboveZero) {
        (32, "the domain admits evidence from a lower privilege level")
    } else {
        (2, "it meets every demand of the domain, and nothing dangerous had to be admitted")
    }
}

fn hardware(component: &Component) -> Option<(i8, &'static str)> {
    if component.kind == Kind::Software {
        // A launcher's word says nothing of hardware.
        return None;
    }
    if component.dangers.contains(&Allowance::HostOperatedTpm) {
        return Some((0, "the host runs this TPM: nothing is known of hardware"));
    }
    let advisories = component.property("tcb-advisories").is_some_and(|value| !is_empty_set(value));
    let status =
        component.property("tcb-status").is_some_and(|value| !matches!(value, Value::Text(text) if text == "UpToDate"));
    Some(if advisories || status {
        (32, "genuine; its maker knows of vulnerabilities that the domain accepts")
    } else if matches!(component.attester, Subject::Vendor(_)) {
        (2, "genuine by its maker's word, and no older than the domain demands")
    } else {
        (2, "genuine by the word of a key that the domain names")
    })
}

fn runtime_opaque(component: &Component) -> Option<(i8, &'static str)> {
    if component.dangers.contains(&Allowance::Debug) {
        return Some((96, "debug mode: the host can look into its memory"));
    }
    match component.kind {
        Kind::Cca | Kind::Sgx | Kind::Snp | Kind::Tdx => {
            Some((2, "its memory is encrypted against host and hypervisor"))
        }
        Kind::Keystone | Kind::Software => {
            Some((32, "its memory is isolated, not encrypted: who has the host's hardware or root can look into it"))
        }
        // GPUs and Nitro enclaves keep the host out of memory that they don't say is encrypted: neither 2 nor 32 is true of them.
        // A TPM, a device's token or a DICE chain says nothing of who can look into memory.
        Kind::Dice | Kind::Gpu | Kind::Nitro | Kind::Psa | Kind::Tpm => None,
    }
}

fn is_empty_set(value: &Value) -> bool {
    matches!(value, Value::Set(names) if names.is_empty())
}
