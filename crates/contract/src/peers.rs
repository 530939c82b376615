//! Whether all owners of a run have decided for it: nobody releases alone.
//!
//! For each decision: a signature of the broker that the contract names for an owner of this run; the same run,
//! contract, manifest and keep key as this broker's own; a time near this broker's; not expired. Then: every owner once.

use std::collections::BTreeSet;

use casemate_cose::{Digest, UnixTime, claimed_signer};

use crate::{contract::Party, deny::DenyReason, manifest::Manifest, signed::FullySigned, statement::DecisionStatement};

/// How far, in seconds, a peer's decision may be from this broker's time.
pub const PEER_CLOCK_MAX_S: u64 = 600;

/// All owners of a run have decided for it, this broker's own included. Only [`check_peers`] makes one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AllDecided {
    decisions: Vec<DecisionStatement>,
}

impl AllDecided {
    /// The decisions, ascending by owner.
    #[must_use]
    pub fn decisions(&self) -> &[DecisionStatement] {
        &self.decisions
    }
}

/// Checks the signed `decisions` that the keep collected, for the run of `manifest` by the keep that has `keep_key`.
///
/// # Errors
/// Every reason why the owners' decisions are not complete or not about this run.
pub fn check_peers(
    decisions: &[impl AsRef<[u8]>],
    contract: &FullySigned,
    manifest: &Manifest,
    keep_key: Digest,
    at: UnixTime,
) -> Result<AllDecided, Vec<DenyReason>> {
    let fields = manifest.fields();
    let Some(computation) = contract.contract().computation(fields.computation.as_str()) else {
        return Err(vec![DenyReason::UnknownComputation { actual: fields.computation.clone() }]);
    };
    let owners = contract.contract().owners(computation);
    let mut reasons = Vec::new();
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for object in decisions {
        let (owner, statement) = match verified(object.as_ref(), &owners) {
            Ok(decision) => decision,
            Err(reason) => {
                reasons.push(reason);
                continue;
            }
        };
        if !seen.insert(owner.name.clone()) {
            reasons.push(DenyReason::PeerRepeated { owner: owner.name.clone() });
        }
        check_one(owner, &statement, contract, manifest, keep_key, &mut reasons);
        check_time(owner, &statement, at, &mut reasons);
        all.push(statement);
    }
    let missing = owners.iter().filter(|owner| !seen.contains(&owner.name));
    reasons.extend(missing.map(|owner| DenyReason::PeerMissing { owner: owner.name.clone() }));
    all.sort_by(|a, b| a.owner.cmp(&b.owner));
    if reasons.is_empty() { Ok(AllDecided { decisions: all }) } else { Err(reasons) }
}

fn verified<'a>(object: &[u8], owners: &[&'a Party]) -> Result<(&'a Party, DecisionStatement), DenyReason> {
    let signer = claimed_signer(object).map_err(|error| DenyReason::PeerUnreadable { why: error.to_string() })?;
    let is_signer = |party: &&Party| party.broker.as_ref().is_some_and(|broker| broker.key == signer);
    let owner = owners.iter().copied().find(is_signer).ok_or(DenyReason::PeerStranger { key: signer })?;
    let statement = DecisionStatement::verify(object, &signer)
        .map_err(|error| DenyReason::PeerUnreadable { why: error.to_string() })?;
    Ok((owner, statement))
}

fn check_one(
    owner: &Party,
    statement: &DecisionStatement,
    contract: &FullySigned,
    manifest: &Manifest,
    keep_key: Digest,
    reasons: &mut Vec<DenyReason>,
) {
    let fields = [
        ("owner", owner.name.to_string(), statement.owner.to_string()),
        ("run", manifest.fields().run.to_string(), statement.run.to_string()),
        ("contract", contract.digest().to_string(), statement.contract.to_string()),
        ("manifest", manifest.digest().to_string(), statement.manifest.to_string()),
        ("keep_key", keep_key.to_string(), statement.keep_key.to_string()),
    ];
    let differing = fields.into_iter().filter(|(_, expected, actual)| expected != actual);
    reasons.extend(differing.map(|(field, expected, actual)| DenyReason::PeerDiffers {
        owner: owner.name.clone(),
        field,
        expected,
        actual,
    }));
}

fn check_time(owner: &Party, statement: &DecisionStatement, at: UnixTime, reasons: &mut Vec<DenyReason>) {
    let owner = owner.name.clone();
    if statement.at.distance_s(at) > PEER_CLOCK_MAX_S {
        reasons.push(DenyReason::PeerClock { owner, at, actual: statement.at });
    } else if at.0 > statement.expires.0.saturating_add(PEER_CLOCK_MAX_S) {
        // The peer's clock may run behind this one by as much as is allowed above.
        reasons.push(DenyReason::PeerExpired { owner, expires: statement.expires, at });
    }
}
