//! Evidence that this party's broker judged and kept: what it was, for which session, and what became of it.

use std::path::{Path, PathBuf};

use casemate_contract::RunId;
use casemate_cose::{Digest, UnixTime};
use casemate_evidence::{Binding, Bound, Evidence, Role};
use casemate_store::{Judged, Run, RunState, Store};
use casemate_trust::{Reason, proof::Proof};
use serde_json::{Value, json};

use crate::{failure::Failure, state};

/// Evidence as the broker kept it.
pub(super) struct Kept {
    pub(super) evidence: Evidence,
    /// What it was made for.
    pub(super) session: Bound,
    /// When it was judged.
    pub(super) at: UnixTime,
    /// Under which domain.
    pub(super) domain: Digest,
    /// Why the domain accepted it; none where it denied it.
    pub(super) proof: Option<Proof>,
    run: RunId,
    study: String,
    contract: Digest,
    bundle: Option<Digest>,
    /// How far the run came; none where the broker did not decide for this very evidence.
    state: Option<RunState>,
}

/// What was kept and can't be judged: it was changed, the disk failed, or nothing says when it was made.
pub(super) struct Damaged {
    pub(super) place: Place,
    /// What is wrong with it.
    pub(super) why: String,
    pub(super) remedy: &'static str,
}

/// Where it is kept.
pub(super) enum Place {
    /// The record of a run, or a folder of them.
    File(PathBuf),
    /// The broker's `state.db`: under which digest, and of which run.
    Store { evidence: Digest, run: RunId },
}

impl Damaged {
    pub(super) fn of_file(path: &Path, why: String) -> Self {
        Self { place: Place::File(path.to_owned()), why, remedy: "restore the file, or move it away" }
    }

    /// For people: which it is.
    pub(super) fn name(&self) -> String {
        match &self.place {
            Place::File(path) => path.display().to_string(),
            Place::Store { evidence, run } => {
                format!("the evidence {evidence} of the run {run}, as the broker kept it")
            }
        }
    }

    /// As a rule that was not met.
    pub(super) fn reason(&self) -> Reason {
        Reason::new("evidence-kept", self.name(), self.why.clone(), self.remedy)
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let (evidence, run, path) = match &self.place {
            Place::File(path) => (None, None, Some(path)),
            Place::Store { evidence, run } => (Some(evidence.to_string()), Some(run.to_string()), None),
        };
        json!({"evidence": evidence, "run": run, "path": path, "why": self.why})
    }
}

/// All that the broker kept, the newest first, and apart from it what is damaged.
pub(super) async fn all(store: &Store) -> Result<(Vec<Kept>, Vec<Damaged>), Failure> {
    let (mut all, mut damaged) = (Vec::new(), Vec::new());
    for judged in store.judged().await.map_err(state::store)? {
        match kept(store, judged).await? {
            Ok(kept) => all.push(kept),
            Err(what) => damaged.push(what),
        }
    }
    Ok((all, damaged))
}

/// What the broker kept of a run, the newest first.
pub(super) async fn of_run(store: &Store, run: RunId) -> Result<Vec<Kept>, Failure> {
    let mut all = Vec::new();
    for judged in store.judged_of(run.as_bytes()).await.map_err(state::store)? {
        let kept = kept(store, judged).await?;
        all.push(kept.map_err(|damaged| {
            Failure::machine(format!("{}, is damaged: {}", damaged.name(), damaged.why)).help(damaged.remedy)
        })?);
    }
    Ok(all)
}

async fn kept(store: &Store, judged: Judged) -> Result<Result<Kept, Damaged>, Failure> {
    let run = store.run(&judged.run).await.map_err(state::store)?;
    let (evidence, of_run) = (judged.digest, RunId::from_bytes(judged.run));
    Ok(read(judged, run).map_err(|why| Damaged {
        place: Place::Store { evidence, run: of_run },
        why,
        remedy: "restore the state folder's `state.db`",
    }))
}

/// # Errors
/// What is damaged.
fn read(judged: Judged, run: Option<Run>) -> Result<Kept, String> {
    let evidence = Evidence::from_bytes(&judged.evidence).map_err(|refusal| refusal.actual())?;
    if evidence.digest() != judged.digest {
        return Err("its digest is another".to_owned());
    }
    let proof = judged.proof.as_deref().map(Proof::from_bytes).transpose();
    Ok(Kept {
        proof: proof.map_err(|error| format!("its proof: {error}"))?,
        evidence,
        session: Bound::new(Binding {
            role: Role::Keep,
            nonce: judged.nonce,
            manifest: judged.manifest,
            exporter: judged.exporter,
            own_key: judged.keep_key,
            peer_key: judged.own_key,
        }),
        at: judged.at,
        domain: judged.domain,
        run: RunId::from_bytes(judged.run),
        study: judged.study,
        contract: judged.contract,
        bundle: judged.bundle,
        state: run.filter(|run| run.terms.evidence == judged.digest).map(|run| run.state),
    })
}

impl Kept {
    /// For people: which run, and what was decided.
    pub(super) fn name(&self) -> String {
        format!(
            "run {} of {}, contract {}, which the broker {}",
            self.run,
            self.study,
            self.contract.short(),
            self.decision()
        )
    }

    fn decision(&self) -> String {
        match (&self.proof, self.state) {
            (None, _) => format!("denied at {}", self.at),
            (Some(_), None) => format!("believed at {} and refused", self.at),
            (Some(_), Some(state)) => format!("accepted at {} and which is {state}", self.at),
        }
    }

    /// Whether a host's launcher vouched for it, so that nothing but a domain is needed to judge it again.
    pub(super) const fn is_of_launcher(&self) -> bool {
        self.bundle.is_none()
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        json!({
            "run": self.run.to_string(), "study": self.study, "contract": self.contract.to_string(), "domain": self.domain.to_string(),
            "endorsements": self.bundle.map_or_else(|| "software".to_owned(), |bundle| bundle.to_string()),
            "verdict": if self.proof.is_some() { "accepted" } else { "denied" }, "state": self.state.map(RunState::as_str),
        })
    }
}
