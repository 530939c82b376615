//! Release policies of Azure Key Vault and Managed HSM ("secure key release"). [learn.microsoft.com: key-vault/keys/policy-grammar;
//! confidential-computing/skr-policy-examples; attestation/claim-sets]
//!
//! ```text
//! { "version": "1.0.0", "anyOf": [ { "authority": URL, "allOf"|"anyOf": [ condition, … ] }, … ] }
//! condition = { "claim": name, operator: value } | { "anyOf": [ condition, … ] } | { "allOf": [ condition, … ] }
//! ```
//! Such a policy is about the token that Azure's attestation service makes of evidence. Here the evidence itself is judged: a claim
//! of the token counts as the property that it repeats. The authority is not asked, and what it would have judged by its own policy
//! (`x-ms-compliance-status`, `x-ms-policy-hash`) is refused by name.
//!
//! 1. The JSON is read: no field twice, no unknown field.
//! 2. Conditions become alternatives, each a list of claims that all have to hold; at most [`ALTERNATIVES_MAX`].
//! 3. Each claim becomes a demand or a register's value, by the table in `claims.rs`.
//! 4. Each alternative is about one kind of platform.
//! 5. Alternatives come apart into what runs and on what, where that says the same.

mod claims;
mod conditions;

use std::collections::BTreeSet;

use claims::Meaning;
use conditions::Claim;

use super::{
    ImportError, Imported, Signed,
    alternatives::{Alternative, Consistent, say},
    findings::Findings,
    json::{Json, below},
    registered::{Condition, any_genuine, trusted_platform},
};
use crate::statement::{Demand, Kind};

/// The most alternatives that a policy comes to.
pub const ALTERNATIVES_MAX: usize = 256;
/// The most conditions of one policy.
pub const CONDITIONS_MAX: usize = 1024;

const LABEL: &str = "Azure key release";

/// Imports a release policy: JSON as `az keyvault key create --policy` takes it.
///
/// # Errors
/// [`ImportError`], naming every claim, operator and value that can't be said here by its JSON pointer.
///
/// ```
/// let policy = br#"{"version":"1.0.0","anyOf":[{"authority":"https://sharedeus2.eus2.attest.azure.net","allOf":[
///     {"claim":"x-ms-compliance-status","equals":"azure-compliant-cvm"}]}]}"#;
/// let error = casemate_trust::import::azure_release::import(policy).unwrap_err();
/// assert!(error.to_string().contains("/anyOf/0/allOf/0: `x-ms-compliance-status`"));
/// ```
pub fn import(bytes: &[u8]) -> Result<Imported, ImportError> {
    let json = Json::parse(bytes)?;
    let mut findings = Findings::default();
    let (claims, alternatives) = conditions::read(&json, &mut findings);
    let meanings: Vec<Meaning> = claims.iter().map(|claim| claims::meaning(claim, &mut findings)).collect();
    let (mut said, mut vtpms) = (BTreeSet::new(), BTreeSet::new());
    for own in &alternatives {
        if let Some((alternative, vtpm)) = alternative(own, &claims, &meanings, &mut findings) {
            said.insert(alternative);
            vtpms.insert(vtpm);
        }
    }
    say(LABEL, "", &said, &mut findings);
    say_vtpm(&vtpms, &mut findings);
    if said.iter().any(|alternative| matches!(alternative.kind, Kind::Snp | Kind::Tdx)) {
        findings.note(
            "a confidential VM of Azure has a vTPM besides: its evidence is accepted where the domain has a platform and a runtime of \
             kind `tpm` as well",
        );
    }
    findings.finish(Signed::Unsigned)
}

/// What is demanded of the vTPM of every VM, the same in all alternatives.
fn say_vtpm(vtpms: &BTreeSet<BTreeSet<Demand>>, findings: &mut Findings) {
    match vtpms.iter().collect::<Vec<_>>().as_slice() {
        [] => {}
        [own] if own.is_empty() => {}
        [own] => {
            let rule = any_genuine(Kind::Tpm, own.iter().cloned());
            findings.say(format!("{LABEL}: {}", Kind::Tpm), trusted_platform(rule));
        }
        _ => findings.refuse(
            "",
            "x-ms-runtime.vm-configuration",
            "demands one thing of a VM in one alternative and another in another",
        ),
    }
}

/// One alternative: which kind it is about, what it demands of it, and what of the VM's vTPM.
fn alternative(
    own: &[usize],
    claims: &[Claim],
    meanings: &[Meaning],
    findings: &mut Findings,
) -> Option<(Alternative, BTreeSet<Demand>)> {
    let all: Vec<(&Claim, &Meaning)> =
        own.iter().filter_map(|place| Some((claims.get(*place)?, meanings.get(*place)?))).collect();
    let first = all.first().map_or_else(String::new, |(claim, _)| claim.place.clone());
    let kinds: BTreeSet<Kind> = all.iter().filter_map(|(_, meaning)| meaning.kind()).collect();
    let kind = match kinds.iter().copied().collect::<Vec<_>>().as_slice() {
        [] => {
            if !all.iter().any(|(_, meaning)| matches!(meaning, Meaning::Refused)) {
                findings.refuse(&first, "allOf", "no claim says which kind of platform it is about");
            }
            return None;
        }
        [kind] => *kind,
        _ => {
            let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
            findings.refuse(&first, "allOf", format!("can never hold: it is about {} at once", names.join(" and ")));
            return None;
        }
    };
    let (mut alternative, mut vtpm) = (Alternative::new(kind), BTreeSet::new());
    for (claim, meaning) in all {
        let Meaning::Condition(of, condition) = meaning else { continue };
        if let (Kind::Tpm, Condition::Demand(demand)) = (of, condition) {
            vtpm.insert(demand.clone());
        } else if alternative.add(condition.clone()) == Consistent::No {
            findings.refuse(&claim.place, &claim.name, "can never hold: two values of the same");
        }
    }
    Some((alternative, vtpm))
}

/// Who attests: a name of Azure's service, which is not asked here.
fn authority(fields: &[(String, Json)], place: &str, findings: &mut Findings) {
    let place = below(place, "authority");
    let Some(value) = super::json::field(fields, "authority") else {
        return findings.refuse(&place, "authority", "is missing");
    };
    let Some(url) = value.as_text() else {
        return findings.refuse(&place, value.shown(), format!("is {} where a URL has to stand", value.kind()));
    };
    let host = url.strip_prefix("https://").unwrap_or_default().trim_end_matches('/');
    let is_azure = [".attest.azure.net", ".attest.azure.us", ".attest.azure.cn"].iter().any(|end| host.ends_with(end))
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    if !is_azure {
        let why = "is no attestation service of Azure: what its tokens mean is not known here";
        return findings.refuse(&place, url, why);
    }
    findings.note(format!(
        "`{host}` is not asked: evidence is judged here by its maker's root, and what that service's own policy would demand is \
         not part of this import"
    ));
}
