//! Why a broker says no: one rule each, with what was expected, what was found, and what to do.

use std::fmt::Display;

use casemate_cose::{Digest, PublicKey, UnixTime};
use casemate_evidence::{Isolation, Lack, Role};
use casemate_trust::Reason;

use crate::name::{ComputationName, DatasetName, PartyName, RunId};

/// One reason for a refusal. Exhaustive, so that a new one breaks every consumer at compile time.
#[expect(missing_docs, reason = "each variant says what its fields hold; their names say the rest")]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DenyReason {
    /// The session is not with the broker that the contract names for this owner.
    /// Fault: whoever answers at the broker's address. Remedy: the owner's real broker, or a contract with its new key.
    BrokerKey { owner: PartyName, expected: Option<Digest>, actual: Digest },
    /// An owner's Cedar policies do not allow it.
    /// Fault: the run is not one that was agreed. Remedy: the other reasons say which condition is not met.
    Cedar { owner: PartyName, dataset: DatasetName, action: &'static str },
    /// A Cedar policy, or the request to it, erred.
    /// Fault: Casemate's. Remedy: report it.
    CedarError { owner: PartyName, why: String },
    /// The manifest is of another contract.
    /// Fault: the runner's. Remedy: run under the contract that was sent.
    Contract { expected: Digest, actual: Digest },
    /// The contract has expired.
    /// Fault: nobody's. Remedy: a successor.
    Expired { expires: UnixTime, at: UnixTime },
    /// Another contract of the same sequence was accepted before.
    /// Fault: whoever signed two. Remedy: a successor with a higher sequence.
    Forked { sequence: u64, expected: Digest, actual: Digest },
    /// A gate did not pass the result. Carries no values.
    /// Fault: the program's. Remedy: coarser groups, fewer rows.
    GateFailed { dataset: DatasetName, gate: String },
    /// The keep did not say what a gate decided.
    /// Fault: the runtime's. Remedy: the same version of Casemate everywhere.
    GateMissing { dataset: DatasetName, gate: String },
    /// The contract does not accept this isolation.
    /// Fault: the runner's choice of host. Remedy: another host, or a contract that accepts it.
    Isolation { actual: Isolation, accepted: Vec<Isolation> },
    /// The evidence speaks for another key than the one in this session.
    /// Fault: a relay, or an attack. Remedy: none; start again from a host that is trusted.
    KeepKey { expected: Digest, actual: Digest },
    /// The contract does not accept something that the machine lacks.
    /// Fault: the host's operator. Remedy: the lack's own, or a contract that accepts it by name.
    Lack { actual: Lack, accepted: Vec<Lack> },
    /// The evidence is by a launcher that the contract does not name for the runner.
    /// Fault: whoever runs in another party's name, or on a host that was not agreed. Remedy: the runner's own host, or a
    /// contract that names this launcher for it.
    Launcher { runner: PartyName, actual: PublicKey, allowed: Vec<PublicKey> },
    /// A field of the manifest does not follow from the contract.
    /// Fault: the runner's. Remedy: let `casemate run` build the manifest.
    Manifest { field: &'static str, expected: String, actual: String },
    /// The manifest that was sent is not the one that was measured.
    /// Fault: the runner's. Remedy: send the measured manifest.
    ManifestUnmeasured { expected: Digest, actual: Digest },
    /// The manifest can't be read.
    /// Fault: the runner's. Remedy: the same version of Casemate everywhere.
    ManifestUnreadable { why: String },
    /// No launcher vouches for the keep: hardware does, or the evidence is of no keep. Contracts name launchers.
    /// Fault: the runner's choice of host. Remedy: isolation `process`.
    NoLauncher { actual: Option<Isolation> },
    /// Parties have not signed the contract, or their signatures don't count.
    /// Fault: theirs. Remedy: collect the signatures.
    NotFullySigned { why: String },
    /// The party owns nothing that the computation reads.
    /// Fault: whoever asked. Remedy: ask the owners.
    NotOwner { party: PartyName, computation: ComputationName },
    /// A peer's decision is too far from this broker's time.
    /// Fault: a clock. Remedy: set the clocks.
    PeerClock { owner: PartyName, at: UnixTime, actual: UnixTime },
    /// A peer decided on something else.
    /// Fault: whoever passed the decisions on. Remedy: start the run again.
    PeerDiffers { owner: PartyName, field: &'static str, expected: String, actual: String },
    /// A peer's decision no longer counts.
    /// Fault: a slow run. Remedy: start the run again.
    PeerExpired { owner: PartyName, expires: UnixTime, at: UnixTime },
    /// A peer's decision is not there.
    /// Fault: the peer refused, or its decision was dropped. Remedy: its broker's log says why.
    PeerMissing { owner: PartyName },
    /// Two decisions of one peer.
    /// Fault: whoever passed them on. Remedy: start the run again.
    PeerRepeated { owner: PartyName },
    /// A decision by a key that is no owner's broker in this run.
    /// Fault: whoever passed it on. Remedy: none; only named brokers decide.
    PeerStranger { key: PublicKey },
    /// A decision that can't be read or verified.
    /// Fault: whoever passed it on. Remedy: start the run again.
    PeerUnreadable { why: String },
    /// A permit was asked for before the keys were released.
    /// Fault: the keep's. Remedy: start the run again.
    PermitBeforeRelease { dataset: DatasetName },
    /// The keep counted bytes outside secret memory, though its evidence named no such lack.
    /// Fault: the runtime's. Remedy: the same version of Casemate everywhere.
    PermitMemory { actual: u64 },
    /// Another result of this run was permitted before.
    /// Fault: the keep's. Remedy: one result a run.
    PermitRepeated { expected: Digest, actual: Digest },
    /// Another program was measured than the contract names.
    /// Fault: the runner's. Remedy: run the contract's program.
    Program { expected: Digest, actual: Digest },
    /// The owner has revoked a dataset.
    /// Fault: nobody's. Remedy: ask the owner.
    Revoked { dataset: DatasetName },
    /// The evidence is not a keep's.
    /// Fault: whoever sent it. Remedy: none.
    Role { actual: Role },
    /// This run was decided on before.
    /// Fault: the runner's, or a replay. Remedy: a new run.
    RunReused { run: RunId },
    /// The contract does not let this party run the computation.
    /// Fault: the runner's. Remedy: a runner that the contract names.
    Runner { computation: ComputationName, actual: PartyName, allowed: Vec<PartyName> },
    /// A later contract of the study was accepted before.
    /// Fault: the runner's. Remedy: the latest contract.
    Superseded { floor: u64, actual: u64 },
    /// The contract replaces another one than the one that was accepted before.
    /// Fault: whoever wrote it. Remedy: a successor of the accepted one.
    SupersedesOther { expected: Digest, actual: Option<Digest> },
    /// The contract has no such computation.
    /// Fault: the runner's. Remedy: one that it has.
    UnknownComputation { actual: ComputationName },
    /// The verdict on the evidence no longer counts.
    /// Fault: a slow run. Remedy: attest again.
    VerdictExpired { expires: UnixTime, at: UnixTime },
}

impl DenyReason {
    /// The reason in the form in which it travels.
    #[must_use]
    pub fn reason(&self) -> Reason {
        Reason::new(self.rule(), self.expected(), self.actual(), self.remedy())
    }

    /// The rule that was not met, a stable name.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::BrokerKey { .. } => "contract-broker-key",
            Self::Cedar { .. } => "contract-cedar",
            Self::CedarError { .. } => "contract-cedar-error",
            Self::Contract { .. } => "contract-digest",
            Self::Expired { .. } => "contract-expired",
            Self::Forked { .. } => "contract-forked",
            Self::GateFailed { .. } => "gate-failed",
            Self::GateMissing { .. } => "gate-missing",
            Self::Isolation { .. } => "contract-isolation",
            Self::KeepKey { .. } => "binding-keep-key",
            Self::Lack { .. } => "contract-lack",
            Self::Launcher { .. } => "contract-launcher",
            Self::Manifest { .. } => "manifest-field",
            Self::ManifestUnmeasured { .. } => "manifest-measured",
            Self::ManifestUnreadable { .. } => "manifest-readable",
            Self::NoLauncher { .. } => "contract-no-launcher",
            Self::NotFullySigned { .. } => "contract-signatures",
            Self::NotOwner { .. } => "contract-owner",
            Self::PeerClock { .. } => "peer-clock",
            Self::PeerDiffers { .. } => "peer-differs",
            Self::PeerExpired { .. } => "peer-expired",
            Self::PeerMissing { .. } => "peer-missing",
            Self::PeerRepeated { .. } => "peer-repeated",
            Self::PeerStranger { .. } => "peer-stranger",
            Self::PeerUnreadable { .. } => "peer-readable",
            Self::PermitBeforeRelease { .. } => "permit-before-release",
            Self::PermitMemory { .. } => "permit-memory",
            Self::PermitRepeated { .. } => "permit-repeated",
            Self::Program { .. } => "program-digest",
            Self::Revoked { .. } => "dataset-revoked",
            Self::Role { .. } => "binding-role",
            Self::RunReused { .. } => "run-reused",
            Self::Runner { .. } => "contract-runner",
            Self::Superseded { .. } => "contract-superseded",
            Self::SupersedesOther { .. } => "contract-supersedes",
            Self::UnknownComputation { .. } => "contract-computation",
            Self::VerdictExpired { .. } => "verdict-expired",
        }
    }

    /// What would have been accepted.
    #[must_use]
    pub fn expected(&self) -> String {
        match self {
            Self::BrokerKey { expected: Some(expected), .. } => format!("the broker key `{expected}`"),
            Self::BrokerKey { owner, expected: None, .. } => format!("a broker of `{owner}` in the contract"),
            Self::Cedar { owner, dataset, action } => {
                format!("a policy of `{owner}` that allows to {action} `{dataset}`")
            }
            Self::CedarError { owner, .. } => format!("policies of `{owner}` that evaluate without an error"),
            Self::Contract { expected, .. }
            | Self::Forked { expected, .. }
            | Self::KeepKey { expected, .. }
            | Self::ManifestUnmeasured { expected, .. }
            | Self::PermitRepeated { expected, .. }
            | Self::Program { expected, .. }
            | Self::SupersedesOther { expected, .. } => format!("`{expected}`"),
            Self::Expired { expires, .. } => format!("a time before {expires}"),
            Self::GateFailed { gate, .. } | Self::GateMissing { gate, .. } => format!("a result with {gate}"),
            Self::Isolation { accepted, .. } => one_of(accepted),
            Self::Lack { accepted, .. } if accepted.is_empty() => "nothing lacking".to_owned(),
            Self::Lack { accepted, .. } => format!("nothing lacking but {}", one_of(accepted)),
            Self::Launcher { runner, allowed, .. } if allowed.is_empty() => {
                format!("a launcher of `{runner}` in the contract")
            }
            Self::Launcher { runner, allowed, .. } => format!("a launcher of `{runner}`: {}", one_of(allowed)),
            Self::Manifest { field, expected, .. } => format!("{field} = {expected}"),
            Self::ManifestUnreadable { .. } => "a manifest in deterministic CBOR".to_owned(),
            Self::NoLauncher { .. } => "a keep that a launcher vouches for, whom the contract names".to_owned(),
            Self::NotFullySigned { .. } => "the valid signature of every party, and no other".to_owned(),
            Self::NotOwner { computation, .. } => format!("an owner of what `{computation}` reads"),
            Self::PeerClock { at, .. } => {
                format!("a decision within {} s of {at}", crate::peers::PEER_CLOCK_MAX_S)
            }
            Self::PeerDiffers { field, expected, .. } => format!("{field} = {expected}"),
            Self::PeerExpired { expires, .. } | Self::VerdictExpired { expires, .. } => {
                format!("a time up to {expires}")
            }
            Self::PeerMissing { owner } | Self::PeerRepeated { owner } => format!("one decision of `{owner}`"),
            Self::PeerStranger { .. } => "a decision by a broker that the contract names for this run".to_owned(),
            Self::PeerUnreadable { .. } => "a signed decision".to_owned(),
            Self::PermitBeforeRelease { dataset } => format!("the key of `{dataset}` released before"),
            Self::PermitMemory { .. } => "all in secret memory, as evidence said".to_owned(),
            Self::Revoked { dataset } => format!("`{dataset}` not revoked"),
            Self::Role { .. } => "evidence of a keep".to_owned(),
            Self::RunReused { .. } => "a run that was not decided on before".to_owned(),
            Self::Runner { allowed, .. } => one_of(allowed),
            Self::Superseded { floor, .. } => format!("sequence {floor} or later"),
            Self::UnknownComputation { .. } => "a computation of the contract".to_owned(),
        }
    }

    /// What was found.
    #[must_use]
    pub fn actual(&self) -> String {
        match self {
            Self::BrokerKey { actual, .. }
            | Self::Contract { actual, .. }
            | Self::Forked { actual, .. }
            | Self::KeepKey { actual, .. }
            | Self::ManifestUnmeasured { actual, .. }
            | Self::PermitRepeated { actual, .. }
            | Self::Program { actual, .. }
            | Self::SupersedesOther { actual: Some(actual), .. } => format!("`{actual}`"),
            Self::Cedar { .. } => "none does".to_owned(),
            Self::CedarError { why, .. }
            | Self::ManifestUnreadable { why }
            | Self::NotFullySigned { why }
            | Self::PeerUnreadable { why } => why.clone(),
            Self::Expired { at, .. } | Self::PeerExpired { at, .. } | Self::VerdictExpired { at, .. } => at.to_string(),
            Self::GateFailed { dataset, .. } => format!("a result that the gate of `{dataset}` does not pass"),
            Self::GateMissing { dataset, .. } => format!("no outcome of this rule for `{dataset}`"),
            Self::Isolation { actual, .. } => format!("`{actual}`"),
            Self::Lack { actual, .. } => format!("`{actual}`: {}", actual.explain().means),
            Self::Launcher { actual, .. } => format!("the launcher `{actual}`"),
            Self::Manifest { field, actual, .. } | Self::PeerDiffers { field, actual, .. } => {
                format!("{field} = {actual}")
            }
            Self::NoLauncher { actual: Some(isolation) } => {
                format!("a keep in `{isolation}`, for which hardware vouches")
            }
            Self::NoLauncher { actual: None } => "evidence of no keep".to_owned(),
            Self::NotOwner { party, .. } => format!("`{party}`"),
            Self::PeerClock { owner, actual, .. } => format!("{actual} by `{owner}`"),
            Self::PeerMissing { .. } => "none".to_owned(),
            Self::PeerRepeated { .. } => "more than one".to_owned(),
            Self::PeerStranger { key } => format!("`{key}`"),
            Self::PermitBeforeRelease { .. } => "not released".to_owned(),
            Self::PermitMemory { actual } => format!("up to {actual} bytes outside it"),
            Self::Revoked { .. } => "revoked".to_owned(),
            Self::Role { actual } => format!("evidence of a {actual}"),
            Self::RunReused { run } => format!("run `{run}` once more"),
            Self::Runner { actual, .. } => format!("`{actual}`"),
            Self::Superseded { actual, .. } => format!("sequence {actual}"),
            Self::SupersedesOther { actual: None, .. } => "nothing superseded".to_owned(),
            Self::UnknownComputation { actual } => format!("`{actual}`"),
        }
    }

    /// Whose move it is, and what to do.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::BrokerKey { owner, .. } => {
                format!("ask `{owner}` whether its broker has a new key; if so, sign a successor that names it")
            }
            Self::Cedar { .. } => {
                "see `casemate contract show --cedar`; the run meets no policy of the contract".to_owned()
            }
            Self::CedarError { .. } => "report it with the contract: it is a defect of Casemate".to_owned(),
            Self::Contract { .. } => "run with the contract file that was sent".to_owned(),
            Self::Expired { .. } => "sign a successor with a later `expires`".to_owned(),
            Self::Forked { .. } => {
                "sign a successor with a higher `sequence` that supersedes the accepted contract".to_owned()
            }
            Self::GateFailed { .. } => "ask for coarser groups or fewer rows, or agree on another gate".to_owned(),
            Self::GateMissing { .. } | Self::PermitMemory { .. } => {
                "use the same version of Casemate on every machine".to_owned()
            }
            Self::Isolation { .. } => {
                "run on a host with an accepted isolation, or sign a successor that accepts this one".to_owned()
            }
            Self::KeepKey { .. } => {
                "somebody stands between keep and broker: start again from a trusted host".to_owned()
            }
            Self::Lack { actual, .. } => {
                format!("{}; or sign a successor with \"{actual}\" in `accept_lacks`", actual.explain().remedy)
            }
            Self::Launcher { runner, .. } => format!(
                "run on a host of `{runner}` that the contract names, or sign a successor with this key among its `launchers`"
            ),
            Self::Manifest { .. } | Self::ManifestUnmeasured { .. } | Self::ManifestUnreadable { .. } => {
                "let `casemate run` of the same version build the manifest from the contract".to_owned()
            }
            Self::NoLauncher { .. } => "run in isolation `process`: contracts have no words for others yet".to_owned(),
            Self::NotFullySigned { .. } => {
                "collect the signatures with `casemate contract sign` and `receive`".to_owned()
            }
            Self::NotOwner { .. } => "ask the brokers of the owners that the contract names".to_owned(),
            Self::PeerClock { .. } => "set the brokers' clocks by NTP, then start the run again".to_owned(),
            Self::PeerDiffers { .. }
            | Self::PeerExpired { .. }
            | Self::PeerRepeated { .. }
            | Self::PeerUnreadable { .. }
            | Self::PermitBeforeRelease { .. } => "start the run again".to_owned(),
            Self::PeerMissing { owner } => format!("ask `{owner}` why its broker refused; its ledger says"),
            Self::PeerStranger { .. } => "none: only the brokers that the contract names decide".to_owned(),
            Self::PermitRepeated { .. } => "start a new run: one result leaves a run".to_owned(),
            Self::Program { .. } => "run the program that the contract names, to the byte".to_owned(),
            Self::Revoked { .. } => "ask the owner; a new version needs a successor of the contract".to_owned(),
            Self::Role { .. } => "none: only a keep gets keys".to_owned(),
            Self::RunReused { .. } => "start a new run".to_owned(),
            Self::Runner { .. } => "let one of the contract's runners run it".to_owned(),
            Self::Superseded { .. } => "run the latest contract of the study".to_owned(),
            Self::SupersedesOther { .. } => "sign a successor that supersedes the accepted contract".to_owned(),
            Self::UnknownComputation { .. } => "take one that `casemate contract show` lists".to_owned(),
            Self::VerdictExpired { .. } => "attest again".to_owned(),
        }
    }
}

impl From<&DenyReason> for Reason {
    fn from(reason: &DenyReason) -> Self {
        reason.reason()
    }
}

impl From<DenyReason> for Reason {
    fn from(reason: DenyReason) -> Self {
        reason.reason()
    }
}

fn one_of<T: Display>(accepted: &[T]) -> String {
    accepted.iter().map(|item| format!("`{item}`")).collect::<Vec<_>>().join(" or ")
}
