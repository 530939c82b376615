//! Decides whether this owner would release its keys to one keep for one run. No key leaves here.
//!
//! 1. Contract: signed by every party, this owner among them, naming this broker.
//! 2. Manifest: the bytes that the contract implies for computation and run, nothing else.
//! 3. Evidence: authentic, bound to this session's nonce, exporter value and keys.
//! 4. Appraisal under this owner's domain, which never goes back; evidence and outcome are kept. Where the domain names signers of
//!    contracts, every other party is one; where it names programs, the run's is one.
//! 5. Datasets: what the contract names is what this owner sealed.
//! 6. Authorisation: the contract's conditions and this owner's policies.
//! 7. The run is new, the contract not superseded, no dataset revoked: recorded, in one transaction.
//! 8. A signed decision, for the other brokers.

use std::collections::BTreeSet;

use casemate_channel::broker_side::Claimed;
use casemate_contract::{
    Allow, Decision, DenyReason, Floor, FullySigned, Manifest, Party, Run, RunHistory, RunId, Standing, authorise,
};
use casemate_cose::{Digest, UnixTime};
use casemate_evidence::{Bound, Evidence, authenticate};
use casemate_store::{DatasetVersion, RunTerms, StoreError};
use casemate_trust::{Accepted, Domain, Reason, Verdict, appraise, statement::Subject};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    Broker,
    keep_evidence::{Judgement, keep_evidence},
    refuse::{Claimant, Standing as Known, denied, failed},
};

/// What this owner agreed to: a fully signed contract and a run that follows from it.
pub(crate) struct Agreed {
    pub(crate) contract: FullySigned,
    pub(crate) run: Run,
    pub(crate) allow: Allow,
    pub(crate) datasets: Vec<(String, DatasetVersion)>,
}

impl Agreed {
    pub(crate) fn run_id(&self) -> RunId {
        self.manifest().fields().run
    }

    pub(crate) const fn manifest(&self) -> &Manifest {
        &self.run.manifest
    }

    pub(crate) fn dataset_names(&self) -> Vec<String> {
        self.datasets.iter().map(|(name, _)| name.clone()).collect()
    }
}

/// Decides. `claimant` collects what is known for the receipt, also where the answer is no.
pub(crate) async fn decide_run<S: AsyncRead + AsyncWrite + Unpin>(
    broker: &Broker,
    claimed: &Claimed<S>,
    claimant: &mut Claimant,
    at: UnixTime,
) -> Result<(Agreed, Accepted<Bound>, Vec<u8>), Vec<Reason>> {
    let claim = claimed.claim();
    let contract = FullySigned::from_bytes(&claim.contract)
        .map_err(|error| vec![DenyReason::NotFullySigned { why: error.to_string() }.reason()])?;
    claimant.facts.study = Some(contract.contract().study().id.to_string());
    claimant.facts.contract = Some(contract.digest());
    this_owner(broker, &contract)?;
    claimant.standing = Known::OfContract;
    this_broker(broker, &contract)?;

    let manifest = Manifest::check(&claim.manifest, &contract).map_err(|reason| vec![reason.reason()])?;
    claimant.facts.run = Some(*manifest.fields().run.as_bytes());
    claimant.facts.manifest = Some(manifest.digest());

    let verdict = believe(broker, claimed, (&contract, &manifest), claimant, at).await?;
    claimant.standing = Known::Believed;
    let keep_key = claimed.keep().spki_digest();
    let datasets = own_datasets(broker, &contract, &manifest);
    claimant.facts.datasets = datasets.iter().map(|(name, _)| name.clone()).collect();
    sealed_here(broker, &contract, &datasets).await?;
    let run = Run {
        history: history(broker, &manifest).await?,
        standing: standing(broker, &contract, &datasets).await?,
        manifest,
        keep_key,
    };
    let allow = match authorise(&contract, &run, &verdict, &broker.owner, at) {
        Decision::Allow(allow) => allow,
        Decision::Deny(reasons) => return Err(reasons.iter().map(DenyReason::reason).collect()),
    };
    let agreed = Agreed { contract, run, allow, datasets };
    broker
        .store
        .decide(&terms(&agreed, &verdict, at))
        .await
        .map_err(|error| denied(broker, &agreed.contract, error))?;
    let statement = agreed.allow.statement().sign(broker.key());
    Ok((agreed, verdict, statement))
}

/// The contract's owner of this name has this broker's owner's identity, and therefore has signed.
fn this_owner(broker: &Broker, contract: &FullySigned) -> Result<(), Vec<Reason>> {
    let party = contract.contract().party(broker.owner.as_str());
    if party.map(|party| party.key) == Some(broker.keys.public()) {
        return Ok(());
    }
    let why = format!("the contract does not bind `{}` by its own key", broker.owner);
    Err(vec![DenyReason::NotFullySigned { why }.reason()])
}

/// The contract's owner of this name names this broker's key.
fn this_broker(broker: &Broker, contract: &FullySigned) -> Result<(), Vec<Reason>> {
    let party = contract.contract().party(broker.owner.as_str());
    let named = party.and_then(|party| party.broker.as_ref()).map(|named| named.key);
    if named == Some(broker.public()) {
        return Ok(());
    }
    let (expected, actual) = (named.map(|key| key.spki_digest()), broker.public().spki_digest());
    Err(vec![DenyReason::BrokerKey { owner: broker.owner.clone(), expected, actual }.reason()])
}

/// Signers, program, evidence, then appraisal. Authentic evidence is kept before anybody hears what came of it.
async fn believe<S: AsyncRead + AsyncWrite + Unpin>(
    broker: &Broker,
    claimed: &Claimed<S>,
    (contract, manifest): (&FullySigned, &Manifest),
    Claimant { facts, .. }: &mut Claimant,
    at: UnixTime,
) -> Result<Accepted<Bound>, Vec<Reason>> {
    let domain = broker.domain_in_force(at).await.map_err(|reason| vec![reason])?;
    facts.domain = Some(domain.digest());
    known_signers(broker, &domain, contract, at)?;
    known_program(broker, &domain, manifest, at)?;
    facts.keep_key = Some(claimed.keep().spki_digest());
    let evidence = Evidence::from_bytes(&claimed.claim().evidence).map_err(|refusal| vec![refusal.into()])?;
    facts.evidence = Some(evidence.digest());
    let authenticated = authenticate(&evidence, &domain.endorsements(), &claimed.expectation(), at)
        .map_err(|refusal| vec![Reason::from(refusal)])?;
    let claims = authenticated.claims();
    facts.isolation = claims.isolation.map(|isolation| isolation.to_string());
    facts.lacks = claims.software().iter().flat_map(|claims| &claims.lacks).map(ToString::to_string).collect();
    let bundle = authenticated.bundle();
    let verdict = appraise(authenticated, &domain, at);
    let judged = Judgement { contract, manifest, domain: domain.digest(), bundle, at };
    let kept = keep_evidence(broker, claimed, &judged, &verdict).await;
    match (verdict, kept) {
        (Verdict::Accepted(accepted), Ok(())) => Ok(accepted),
        (Verdict::Accepted(_), Err(reason)) => Err(vec![reason]),
        (Verdict::Denied(reasons), kept) => Err(reasons.iter().map(Reason::from).chain(kept.err()).collect()),
    }
}

/// Every party but this owner itself, whose key this is, is one whose signature counts by the domain.
fn known_signers(broker: &Broker, domain: &Domain, contract: &FullySigned, at: UnixTime) -> Result<(), Vec<Reason>> {
    let parties = contract.contract().parties().iter().filter(|party| party.name != broker.owner);
    let reasons: Vec<Reason> = parties.filter_map(|party| unknown_signer(broker, domain, party, at)).collect();
    if reasons.is_empty() { Ok(()) } else { Err(reasons) }
}

/// Why a party's signature does not count, if it doesn't. Whose key is revoked no `[[signer]]` mends: it would contradict the revocation.
fn unknown_signer(broker: &Broker, domain: &Domain, party: &Party, at: UnixTime) -> Option<Reason> {
    let key = party.key.spki_digest();
    let judged = domain.accepts_signer(key, at).and_then(|accepted| Ok((accepted, domain.effective(at)?)));
    let actual = format!("`{}` with the key `{}`", party.name, party.key);
    match judged {
        Ok((true, _)) => None,
        Ok((false, effective)) => Some(match effective.standing().revokes(&Subject::Key(key)) {
            Some(by) => {
                let expected = format!("a party whose key the domain of `{}` does not revoke", broker.owner);
                let remedy = "agree on a contract without the party, or one that names a new key of the party's; if the key was \
                     revoked by mistake, remove what revokes it";
                revoked(domain, &by, expected, &actual, remedy)
            }
            None => {
                let expected = format!("a signer of contracts whom the domain of `{}` names", broker.owner);
                let remedy = "add a `[[signer]]` with the party's key to the owner's domain.toml, or renew the one that has ended or is \
                     revoked, if the owner knows the party";
                Reason::new("domain-signer", expected, actual, remedy)
            }
        }),
        Err(error) => {
            let expected = "a domain from which follows whose signatures count";
            Some(Reason::new("domain-signer", expected, error.to_string(), "make the domain simpler"))
        }
    }
}

/// Where the domain names programs, the run's is one of them. One that is revoked no `[[program]]` mends.
fn known_program(broker: &Broker, domain: &Domain, manifest: &Manifest, at: UnixTime) -> Result<(), Vec<Reason>> {
    let program = manifest.fields().program;
    let actual = format!("`{program}`");
    let judged = domain.accepts_program(program, at).and_then(|accepted| Ok((accepted, domain.effective(at)?)));
    let reason = match judged {
        Ok((true, _)) => return Ok(()),
        Ok((false, effective)) => match effective.standing().revokes(&Subject::Program(program)) {
            Some(by) => {
                let expected = format!("a program that the domain of `{}` does not revoke", broker.owner);
                let remedy = "agree on a contract with another version of the program; if it was revoked by mistake, remove what \
                     revokes it";
                revoked(domain, &by, expected, &actual, remedy)
            }
            None => {
                let expected = format!("a program that the domain of `{}` names", broker.owner);
                let remedy =
                    "add a `[[program]]` with this digest to the owner's domain.toml, if the owner knows what it does";
                Reason::new("domain-program", expected, actual, remedy)
            }
        },
        Err(error) => {
            let expected = "a domain from which follows which programs count";
            Reason::new("domain-program", expected, error.to_string(), "make the domain simpler")
        }
    };
    Err(vec![reason])
}

/// What is revoked, by which statement.
fn revoked(domain: &Domain, by: &Digest, expected: String, actual: &str, remedy: &str) -> Reason {
    let line = domain.line_of(by).map(|line| format!(", line {line}")).unwrap_or_default();
    let actual = format!("{actual}, which the statement {} revokes{line}", by.short());
    Reason::new("domain-revoked", expected, actual, remedy)
}

fn own_datasets(broker: &Broker, contract: &FullySigned, manifest: &Manifest) -> Vec<(String, DatasetVersion)> {
    let mine = |name: &str| contract.contract().dataset(name).is_some_and(|dataset| dataset.owner == broker.owner);
    let datasets = manifest.fields().datasets.iter().filter(|dataset| mine(dataset.name.as_str()));
    datasets
        .map(|dataset| {
            let version = DatasetVersion { id: *dataset.id.as_bytes(), version: *dataset.version.as_bytes() };
            (dataset.name.to_string(), version)
        })
        .collect()
}

/// What the contract names is what was sealed here: name, version and file.
async fn sealed_here(
    broker: &Broker,
    contract: &FullySigned,
    datasets: &[(String, DatasetVersion)],
) -> Result<(), Vec<Reason>> {
    let remedy = "sign a successor that names the dataset as `casemate dataset list` of its owner does";
    let mut reasons = Vec::new();
    for (name, version) in datasets {
        let stored = broker.store.dataset_version(version).await.map_err(|error| vec![failed(broker, &error)])?;
        let Some(stored) = stored.map(|stored| stored.sealed) else {
            let expected = format!("the version of `{name}` that the contract names, sealed by this owner");
            reasons.push(Reason::new("dataset-key", expected, "none", remedy));
            continue;
        };
        if stored.name != *name {
            let actual = format!("the contract's name `{name}`");
            reasons.push(Reason::new("dataset-name", format!("the owner's name `{}`", stored.name), actual, remedy));
        }
        let digest = contract.contract().dataset(name).map(|dataset| dataset.digest);
        if let Some(digest) = digest.filter(|digest| *digest != stored.digest) {
            let actual = format!("`{digest}` in the contract");
            reasons.push(Reason::new("dataset-digest", format!("the sealed file `{}`", stored.digest), actual, remedy));
        }
    }
    if reasons.is_empty() { Ok(()) } else { Err(reasons) }
}

async fn history(broker: &Broker, manifest: &Manifest) -> Result<RunHistory, Vec<Reason>> {
    match broker.store.run(manifest.fields().run.as_bytes()).await {
        Ok(None) => Ok(RunHistory::New),
        Ok(Some(_)) => Ok(RunHistory::Decided),
        Err(error) => Err(vec![failed(broker, &error)]),
    }
}

/// What this broker remembers of the study and of its owner's datasets, as of now.
pub(crate) async fn standing(
    broker: &Broker,
    contract: &FullySigned,
    datasets: &[(String, DatasetVersion)],
) -> Result<Standing, Vec<Reason>> {
    let failed = |error: StoreError| vec![failed(broker, &error)];
    let floor = broker.store.floor(contract.contract().study().id.as_str()).await.map_err(failed)?;
    let mut revoked = BTreeSet::new();
    for (name, version) in datasets {
        let stored = broker.store.dataset_version(version).await.map_err(failed)?;
        let is_revoked = stored.is_some_and(|stored| stored.revoked_at.is_some());
        if let Some(dataset) = contract.contract().dataset(name).filter(|_| is_revoked) {
            revoked.insert(dataset.name.clone());
        }
    }
    let floor = floor.map(|floor| Floor { sequence: floor.sequence, contract: floor.digest });
    Ok(Standing { floor, revoked })
}

fn terms(agreed: &Agreed, verdict: &Accepted<Bound>, at: UnixTime) -> RunTerms {
    let study = agreed.contract.contract().study();
    RunTerms {
        run: *agreed.run_id().as_bytes(),
        study: study.id.to_string(),
        sequence: study.sequence,
        contract: agreed.contract.digest(),
        manifest: agreed.manifest().digest(),
        keep_key: agreed.run.keep_key,
        evidence: verdict.evidence_digest(),
        datasets: agreed.datasets.iter().map(|(_, version)| *version).collect(),
        decided_at: at,
    }
}
