//! Claims of Azure's attestation tokens, and what they are here. [attestation/claim-sets; attestation/attestation-token-examples;
//! confidential-computing: "Create secure key release policies for confidential VMs"]

use super::{
    super::{
        bytes::hexadecimal,
        findings::Findings,
        json::Json,
        registered::{Condition, condition},
    },
    conditions::{Claim, Operator},
};
use crate::statement::{Kind, Test, Value};

/// What a claim's condition comes to.
#[derive(Clone, Debug)]
pub(super) enum Meaning {
    /// A condition of platforms of this kind.
    Condition(Kind, Condition),
    /// Platforms of this kind, without more.
    Kind(Kind),
    /// It was refused.
    Refused,
}

impl Meaning {
    /// The kind of hardware that it is about. The vTPM of a VM comes besides.
    pub(super) const fn kind(&self) -> Option<Kind> {
        match self {
            Self::Condition(Kind::Tpm, _) | Self::Kind(Kind::Tpm) | Self::Refused => None,
            Self::Condition(kind, _) | Self::Kind(kind) => Some(*kind),
        }
    }
}

/// What a claim's value is.
#[derive(Clone, Copy, Debug)]
enum Of {
    Bool,
    /// Exactly this many bytes, in hexadecimal.
    Hex(usize),
    Number,
    Text,
}

/// A boolean claim of which one value is a danger: here the other is so without being demanded, and the danger is never imported.
const SAFE_IF_FALSE: [(&str, Kind); 6] = [
    ("is-debuggable", Kind::Sgx),
    ("$is-debuggable", Kind::Sgx),
    ("x-ms-sgx-is-debuggable", Kind::Sgx),
    ("x-ms-sevsnpvm-is-debuggable", Kind::Snp),
    ("x-ms-sevsnpvm-migration-allowed", Kind::Snp),
    ("tdx_td_attributes_debug", Kind::Tdx),
];

/// Claim, kind, property or register, type. Those with `$` and without prefix are the older names of the same.
const TABLE: &[(&str, Kind, &str, Of)] = &[
    ("$product-id", Kind::Sgx, "isv-prod-id", Of::Number),
    ("$sgx-mrenclave", Kind::Sgx, "mr-enclave", Of::Hex(32)),
    ("$sgx-mrsigner", Kind::Sgx, "mr-signer", Of::Hex(32)),
    ("$svn", Kind::Sgx, "isv-svn", Of::Number),
    ("product-id", Kind::Sgx, "isv-prod-id", Of::Number),
    ("sgx-mrenclave", Kind::Sgx, "mr-enclave", Of::Hex(32)),
    ("sgx-mrsigner", Kind::Sgx, "mr-signer", Of::Hex(32)),
    ("svn", Kind::Sgx, "isv-svn", Of::Number),
    ("tdx_mrconfigid", Kind::Tdx, "mr-config-id", Of::Hex(48)),
    ("tdx_mrowner", Kind::Tdx, "mr-owner", Of::Hex(48)),
    ("tdx_mrownerconfig", Kind::Tdx, "mr-owner-config", Of::Hex(48)),
    ("tdx_mrseam", Kind::Tdx, "mr-seam", Of::Hex(48)),
    ("tdx_mrsignerseam", Kind::Tdx, "mr-signer-seam", Of::Hex(48)),
    ("tdx_mrtd", Kind::Tdx, "mr-td", Of::Hex(48)),
    ("tdx_rtmr0", Kind::Tdx, "rtmr-0", Of::Hex(48)),
    ("tdx_rtmr1", Kind::Tdx, "rtmr-1", Of::Hex(48)),
    ("tdx_rtmr2", Kind::Tdx, "rtmr-2", Of::Hex(48)),
    ("tdx_rtmr3", Kind::Tdx, "rtmr-3", Of::Hex(48)),
    ("tdx_td_attributes_key_locker", Kind::Tdx, "key-locker", Of::Bool),
    ("tdx_td_attributes_perfmon", Kind::Tdx, "perfmon", Of::Bool),
    ("tdx_td_attributes_protection_keys", Kind::Tdx, "pks", Of::Bool),
    ("tdx_td_attributes_septve_disable", Kind::Tdx, "sept-ve-disabled", Of::Bool),
    ("x-ms-runtime.vm-configuration.console-enabled", Kind::Tpm, "vm.console-enabled", Of::Bool),
    ("x-ms-runtime.vm-configuration.secure-boot", Kind::Tpm, "vm.secure-boot", Of::Bool),
    ("x-ms-runtime.vm-configuration.tpm-enabled", Kind::Tpm, "vm.tpm-enabled", Of::Bool),
    ("x-ms-runtime.vm-configuration.tpm-persisted", Kind::Tpm, "vm.tpm-persisted", Of::Bool),
    ("x-ms-runtime.vm-configuration.vmUniqueId", Kind::Tpm, "vm.unique-id", Of::Text),
    ("x-ms-sevsnpvm-authorkeydigest", Kind::Snp, "author-key-digest", Of::Hex(48)),
    ("x-ms-sevsnpvm-bootloader-svn", Kind::Snp, "reported-tcb.boot-loader", Of::Number),
    ("x-ms-sevsnpvm-familyId", Kind::Snp, "family-id", Of::Hex(16)),
    ("x-ms-sevsnpvm-guestsvn", Kind::Snp, "guest-svn", Of::Number),
    ("x-ms-sevsnpvm-hostdata", Kind::Snp, "host-data", Of::Hex(32)),
    ("x-ms-sevsnpvm-idkeydigest", Kind::Snp, "id-key-digest", Of::Hex(48)),
    ("x-ms-sevsnpvm-imageId", Kind::Snp, "image-id", Of::Hex(16)),
    ("x-ms-sevsnpvm-launchmeasurement", Kind::Snp, "measurement", Of::Hex(48)),
    ("x-ms-sevsnpvm-microcode-svn", Kind::Snp, "reported-tcb.microcode", Of::Number),
    ("x-ms-sevsnpvm-smt-allowed", Kind::Snp, "policy.smt", Of::Bool),
    ("x-ms-sevsnpvm-snpfw-svn", Kind::Snp, "reported-tcb.snp", Of::Number),
    ("x-ms-sevsnpvm-tee-svn", Kind::Snp, "reported-tcb.tee", Of::Number),
    ("x-ms-sevsnpvm-vmpl", Kind::Snp, "vmpl", Of::Number),
    ("x-ms-sgx-mrenclave", Kind::Sgx, "mr-enclave", Of::Hex(32)),
    ("x-ms-sgx-mrsigner", Kind::Sgx, "mr-signer", Of::Hex(32)),
    ("x-ms-sgx-product-id", Kind::Sgx, "isv-prod-id", Of::Number),
    ("x-ms-sgx-svn", Kind::Sgx, "isv-svn", Of::Number),
];

/// Claims that no evidence has, with the reason.
const INEXPRESSIBLE: &[(&str, &str)] = &[
    (
        "x-ms-compliance-status",
        "is a judgement of Azure's service by a policy of its own: write out the firmware levels and measurements that are meant",
    ),
    ("x-ms-policy-hash", "names the policy of Azure's service, which judges nothing here"),
    ("maa-policyHash", "names the policy of Azure's service, which judges nothing here"),
    ("x-ms-sevsnpvm-reportdata", "differs in every session: it is what binds evidence to its question"),
    ("x-ms-sevsnpvm-reportid", "differs in every guest"),
    ("x-ms-azurevm-vmid", "stands in the token, not in evidence of the hardware"),
];

/// What a claim of the token means for evidence.
pub(super) fn meaning(claim: &Claim, findings: &mut Findings) -> Meaning {
    match known(claim, findings) {
        Ok(meaning) => meaning,
        Err(why) => {
            findings.refuse(&claim.place, &claim.name, why);
            Meaning::Refused
        }
    }
}

fn known(claim: &Claim, findings: &mut Findings) -> Result<Meaning, String> {
    // A token of a VM with a vTPM repeats what the hardware says one level deeper.
    let name = claim.name.strip_prefix("x-ms-isolation-tee.").unwrap_or(&claim.name);
    if matches!(name, "x-ms-attestation-type" | "tee" | "$tee") {
        return tee(claim);
    }
    if let Some((_, kind)) = SAFE_IF_FALSE.iter().find(|(known, _)| *known == name) {
        return safe_if_false(claim, *kind);
    }
    if let Some((_, kind, own, of)) = TABLE.iter().find(|(known, ..)| *known == name) {
        return test(claim, *kind, own, *of, findings);
    }
    let why = INEXPRESSIBLE.iter().find(|(known, _)| *known == name).map(|(_, why)| *why);
    let why = why.or_else(|| {
        name.starts_with("x-ms-runtime.")
            .then_some("is what a guest's runtime says, not what evidence of the hardware does")
    });
    Err(why.unwrap_or("is no claim that a property here is equal to").to_owned())
}

fn tee(claim: &Claim) -> Result<Meaning, String> {
    if claim.operator != Operator::Equals {
        return Err(
            "can only be compared with `equals`: other kinds of platform are not known by what they are not".to_owned()
        );
    }
    match claim.value.as_text() {
        Some("sevsnpvm") => Ok(Meaning::Kind(Kind::Snp)),
        Some("sgx") => Ok(Meaning::Kind(Kind::Sgx)),
        Some("tdxvm") => Ok(Meaning::Kind(Kind::Tdx)),
        Some("azurevm") => Err("`azurevm` is a VM whose isolation is not named: name the hardware's".to_owned()),
        _ => Err(format!("`{}` is no kind of platform known here", claim.value.shown().escape_debug())),
    }
}

fn safe_if_false(claim: &Claim, kind: Kind) -> Result<Meaning, String> {
    match (claim.operator, boolean(&claim.value)) {
        // Refused by default: a rule would have to admit it by name.
        (Operator::Equals, Some(false)) | (Operator::NotEquals, Some(true)) => Ok(Meaning::Kind(kind)),
        (Operator::Equals, Some(true)) | (Operator::NotEquals, Some(false)) => {
            Err("admits what is refused unless a person admits it by name in the domain: not imported".to_owned())
        }
        _ => Err("is compared as no yes or no can be".to_owned()),
    }
}

fn test(claim: &Claim, kind: Kind, name: &str, of: Of, findings: &mut Findings) -> Result<Meaning, String> {
    let Claim { operator, value, .. } = claim;
    if *operator == Operator::Exists {
        return match boolean(value) {
            Some(true) => {
                findings.note(format!(
                    "`{}` exists in every token of {kind}: nothing follows from it but the kind",
                    claim.name
                ));
                Ok(Meaning::Kind(kind))
            }
            _ => Err(format!("can never hold: every token of {kind} has it")),
        };
    }
    let typed = typed(value, of)?;
    let beyond = || "compares with what lies beyond any number".to_owned();
    let test = match (operator, typed) {
        (Operator::Equals, value) => Test::Equals(value),
        (Operator::NotEquals, value) => Test::NotEquals(value),
        (Operator::GreaterOrEquals, Value::Number(number)) => Test::AtLeast(Value::Number(number)),
        (Operator::LessOrEquals, Value::Number(number)) => Test::AtMost(Value::Number(number)),
        (Operator::Greater, Value::Number(number)) => {
            Test::AtLeast(Value::Number(number.checked_add(1).ok_or_else(beyond)?))
        }
        (Operator::Less, Value::Number(number)) => {
            Test::AtMost(Value::Number(number.checked_sub(1).ok_or_else(beyond)?))
        }
        _ => return Err("has no order to compare by".to_owned()),
    };
    if name == "vmpl" && test != Test::Equals(Value::Number(0)) {
        return Err(
            "admits privilege levels that are refused unless a person admits them by name in the domain".to_owned()
        );
    }
    condition(kind, name, test).map(|condition| Meaning::Condition(kind, condition))
}

fn typed(value: &Json, of: Of) -> Result<Value, String> {
    let refuse = |expected: &str| Err(format!("is compared with {}, where {expected} has to stand", value.kind()));
    match of {
        Of::Bool => boolean(value).map_or_else(|| refuse("true or false"), |value| Ok(Value::Bool(value))),
        Of::Hex(size) => {
            let bytes = value.as_text().and_then(|text| hexadecimal(text, size));
            bytes.map_or_else(|| refuse(&format!("{size} bytes in hexadecimal")), |bytes| Ok(Value::Bytes(bytes)))
        }
        Of::Text => value.as_text().map_or_else(|| refuse("a text"), |text| Ok(Value::Text(text.to_owned()))),
        Of::Number => number(value).map_or_else(|| refuse("a whole number"), |number| Ok(Value::Number(number))),
    }
}

/// A boolean, also as the text that the documentation's examples write.
fn boolean(value: &Json) -> Option<bool> {
    match value {
        Json::Bool(value) => Some(*value),
        Json::Text(text) if text == "true" => Some(true),
        Json::Text(text) if text == "false" => Some(false),
        _ => None,
    }
}

/// A number, also as the text of its decimal digits.
fn number(value: &Json) -> Option<u64> {
    match value {
        Json::Number(number) => Some(*number),
        Json::Text(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}
