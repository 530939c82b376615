//! Names of reference values that Trustee's default policy for CPUs asks for. [attestation-service/src/ear_token/
//! ear_default_policy_cpu.rego]

use std::collections::BTreeSet;

use super::form::ReferenceValue;
use crate::{
    import::{
        bytes::hexadecimal_or_base64,
        json::{Json, below},
    },
    statement::{Kind, Value},
};

/// A name and what the policy compares with it.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// The property or register here.
    pub(super) own: &'static str,
    pub(super) of: Of,
    pub(super) used: Use,
    group: Group,
}

/// What its values are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Of {
    Bool,
    Bytes(usize),
    Number,
    /// Bytes of a number, least first, in hexadecimal, as evidence has them: XFAM.
    NumberText(usize),
}

/// How the policy uses it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Use {
    /// `==`: one value.
    Equal,
    /// `in`: a list.
    In,
}

/// What the policy asks for together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Group {
    Configuration,
    Executables,
    Hardware,
}

const fn row(name: &'static str, kind: Kind, own: &'static str, of: Of, used: Use, group: Group) -> Name {
    Name { name, kind, own, of, used, group }
}

use Group::{Configuration, Executables, Hardware};
use Kind::{Snp, Tdx};
use Of::{Bool, Bytes, Number, NumberText};
use Use::{Equal, In};

pub(super) const NAMES: &[Name] = &[
    row("snp_launch_measurement", Snp, "measurement", Bytes(48), In, Executables),
    row("snp_bootloader", Snp, "reported-tcb.boot-loader", Number, In, Hardware),
    row("snp_microcode", Snp, "reported-tcb.microcode", Number, In, Hardware),
    row("snp_snp_svn", Snp, "reported-tcb.snp", Number, In, Hardware),
    row("snp_tee_svn", Snp, "reported-tcb.tee", Number, In, Hardware),
    row("snp_smt_enabled", Snp, "platform-info.smt-en", Bool, Equal, Configuration),
    row("snp_tsme_enabled", Snp, "platform-info.tsme-en", Bool, Equal, Configuration),
    row("snp_guest_abi_major", Snp, "policy.abi-min.major", Number, Equal, Configuration),
    row("snp_guest_abi_minor", Snp, "policy.abi-min.minor", Number, Equal, Configuration),
    row("snp_single_socket", Snp, "policy.single-socket", Bool, Equal, Configuration),
    row("snp_smt_allowed", Snp, "policy.smt", Bool, Equal, Configuration),
    row("mr_td", Tdx, "mr-td", Bytes(48), In, Executables),
    row("rtmr_1", Tdx, "rtmr-1", Bytes(48), In, Executables),
    row("rtmr_2", Tdx, "rtmr-2", Bytes(48), In, Executables),
    row("xfam", Tdx, "xfam", NumberText(8), In, Hardware),
];

/// Names that the policy asks for and that can't be imported, with the reason.
const INEXPRESSIBLE: &[(&[&str], &str)] = &[
    (
        &[
            "measurement",
            "snp_pcr11",
            "tcb_bootloader",
            "tcb_microcode",
            "tcb_snp",
            "tcb_tee",
            "smt_enabled",
            "tsme_enabled",
            "abi_major",
            "abi_minor",
            "single_socket",
            "smt_allowed",
            "tdx_pcr11",
        ],
        "is of a VM of Azure, whose evidence is two components: what is asked of both at once can't be taken apart",
    ),
    (&["tpm_pcr11", "trusted_aks"], "is of a bare TPM: name its attestation key and its PCRs in the domain"),
    (
        &["tdvfkernel", "tdvfkernelparams"],
        "is compared with an event of the log, not with a register: give `rtmr_1` and `rtmr_2`",
    ),
    (
        &["launch_digest", "svn", "major_version", "minimum_minor_version"],
        "is of Trustee's sample platform, which is none",
    ),
];

/// Why a name is not imported.
pub(super) fn why_not(name: &str) -> &'static str {
    let known = INEXPRESSIBLE.iter().find(|(names, _)| names.contains(&name));
    known.map_or(
        "is no name that Trustee's default policy asks for: nothing would ever be compared with it",
        |(_, why)| why,
    )
}

/// What is not there although the policy asks for it together with something that is. What runs is asked for always.
pub(super) fn missing(kind: Kind, there: &BTreeSet<&str>) -> Vec<&'static str> {
    let of = |group: Group| NAMES.iter().filter(move |name| name.kind == kind && name.group == group);
    let is_begun = |group: Group| group == Executables || of(group).any(|name| there.contains(name.name));
    [Executables, Hardware, Configuration]
        .into_iter()
        .filter(|group| is_begun(*group))
        .flat_map(of)
        .map(|name| name.name)
        .filter(|name| !there.contains(name))
        .collect()
}

/// What the policy demands besides, without asking for a reference value.
pub(super) fn policys_own(kind: Kind) -> Vec<(&'static str, Value)> {
    match kind {
        Snp => vec![("policy.migrate-ma", Value::Bool(false))],
        Tdx => vec![("tcb-status", Value::Text("UpToDate".to_owned()))],
        _ => Vec::new(),
    }
}

impl Name {
    fn is_list(&self) -> bool {
        self.used == In
    }
}

impl Of {
    /// The values of a reference value; or place, text and reason of the first that is none.
    pub(super) fn values(self, value: &ReferenceValue) -> Result<Vec<Value>, (String, String, String)> {
        let used = NAMES.iter().find(|name| name.name == value.name);
        match (&value.value, used.is_some_and(Name::is_list)) {
            (Json::List(items), true) if !items.is_empty() => items
                .iter()
                .enumerate()
                .map(|(number, item)| self.value(&below(&value.value_place, number), item))
                .collect(),
            (Json::List(items), true) => {
                let why = format!("is a list of {} where Trustee's policy looks for one of several", items.len());
                Err((value.value_place.clone(), value.name.clone(), why))
            }
            (other, true) => {
                let why = format!("is {} where Trustee's policy looks into a list, and finds nothing", other.kind());
                Err((value.value_place.clone(), other.shown(), why))
            }
            (one, false) => Ok(vec![self.value(&value.value_place, one)?]),
        }
    }

    fn value(self, place: &str, json: &Json) -> Result<Value, (String, String, String)> {
        let (typed, expected) = match (self, json) {
            (Bool, Json::Bool(value)) => (Some(Value::Bool(*value)), String::new()),
            (Bool, _) => (None, "true or false".to_owned()),
            (Number, Json::Number(number)) => (Some(Value::Number(*number)), String::new()),
            (Number, _) => (None, "a whole number".to_owned()),
            (Bytes(size), json) => {
                let bytes = json.as_text().and_then(|text| hexadecimal_or_base64(text, size));
                (bytes.map(Value::Bytes), format!("{size} bytes in hexadecimal or base64"))
            }
            (NumberText(size), json) => {
                let bytes = json.as_text().and_then(|text| crate::import::bytes::hexadecimal(text, size));
                // Here it is written as a number is, most significant byte first.
                let reversed = bytes.map(|bytes| bytes.into_iter().rev().collect());
                (reversed.map(Value::Bytes), format!("{size} bytes in hexadecimal"))
            }
        };
        let why = format!("is {} where {expected} has to stand", json.kind());
        typed.ok_or_else(|| (place.to_owned(), json.shown(), why))
    }
}
