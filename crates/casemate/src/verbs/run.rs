//! `casemate run`: one computation of a signed contract, in a keep on this host.
//!
//! 1. Read the contract, signed by all; choose the computation; see that it lets this party run it on this host; find the
//!    program and the sealed files by their digests.
//! 2. Draw a run id, derive the manifest, write the run down.
//! 3. Launch; show each step.
//! 4. Write the result and the receipts, whole or not at all; write down how it ended.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    time::Instant,
};

use casemate_contract::{
    Computation, ComputationName, DenyReason, FullySigned, Manifest, ManifestDataset, RunId, check_launcher,
};
use casemate_cose::{Digest, PublicKey};
use casemate_evidence::Isolation;
use casemate_launch::{
    Broker, Dataset, Debug, LaunchError, Limits, Outcome as Ended, PartyResult, Report, Spec, launch,
};
use casemate_store::{Store, StudyState};

use crate::{
    cli::{Global, RunArgs},
    clock,
    failure::{Failure, Outcome},
    files,
    random::random,
    runtime,
    screen::Screen,
    state::{self, State},
};

use super::{
    contract::read_signed,
    run_program::{self, Handed},
    run_report,
};

/// Descriptors that a keep may hold: its sockets, its files and what its runtime opens.
const OPEN_FILES: u64 = 256;

/// The file with a run's receipts.
const RECEIPT: &str = "run.receipt";

/// Everything that a run starts from.
struct Plan {
    contract: FullySigned,
    computation: ComputationName,
    files: Vec<(ManifestDataset, PathBuf)>,
    manifest: Manifest,
    program: Handed,
}

/// Runs a computation.
pub(crate) async fn run(args: &RunArgs, global: &Global, screen: Screen) -> Outcome {
    let state = State::open(global)?;
    let signed = read_signed(&args.contract)?;
    let contract = FullySigned::check(signed).map_err(|error| {
        let reason = DenyReason::NotFullySigned { why: error.to_string() }.reason();
        Failure::refused(format!("`{}`: {error}", args.contract.display()), vec![reason]).help(error.help())
    })?;
    let _lock = state.lock("run")?;
    check_free(args.out.as_deref())?;
    let (keys, store) = state.unlock().await?;
    let plan = plan(args, &state, contract, keys.launcher().public())?;
    let run = plan.manifest.fields().run;
    let out = args.out.clone().unwrap_or_else(|| state.dir.join("results").join(run.to_string()));
    let _empty = Vacant::make(&out)?;
    store
        .start_study_run(run.as_bytes(), &plan.contract.digest(), plan.computation.as_str(), clock::now())
        .await
        .map_err(state::store)?;
    screen.step(format!("run {run} of {} {}", plan.contract.contract().study().id, plan.computation));

    let started = Instant::now();
    let mut steps = Vec::new();
    let spec = spec(&plan, casemate_cose::SigningKey::from_seed(keys.launcher().seed()))?;
    let launched = tokio::select! {
        launched = launch(spec, |event| {
            let seconds = started.elapsed().as_secs_f64();
            run_report::step(&event, seconds, screen);
            steps.push(run_report::step_json(&event, seconds));
        }) => launched,
        _ = tokio::signal::ctrl_c() => {
            let failure = Failure::machine("interrupted; the keep is gone, and no result left it");
            return Err(failed(&store, &run, "interrupted", failure).await);
        }
    };
    match launched {
        Ok(Ended::Done { results, bundle, report, ordinary_bytes }) => {
            // Where another run was faster, both are kept.
            let out = if holds_a_run(&out) { out.join(run.to_string()) } else { out };
            let written = match write_down(&out, &results, &bundle) {
                Ok(written) => written,
                Err(failure) => {
                    return Err(failed(&store, &run, &format!("could not write: {failure}"), failure).await);
                }
            };
            let end = StudyState::Done { result_path: out.display().to_string() };
            store.end_study_run(run.as_bytes(), &end).await.map_err(state::store)?;
            let facts = run_report::Facts {
                plan: (&plan.contract, &plan.manifest),
                report: &report,
                ordinary_bytes,
                steps,
                runner: state.name.as_str(),
            };
            run_report::done(&facts, &bundle, &written, &out.join(RECEIPT), screen)
        }
        Ok(Ended::Refused { owner, reasons, report }) => {
            let who = owner.map_or_else(|| "the keep".to_owned(), |owner| format!("the broker of {owner}"));
            let message = format!("{who} refused run {run}");
            let failure = Failure::refused(message.clone(), reasons);
            show_isolation(&report, screen);
            Err(failed(&store, &run, &message, failure).await)
        }
        Err(error) => {
            let failure = launch_failure(&error);
            Err(failed(&store, &run, &error.to_string(), failure).await)
        }
    }
}

/// The results, each by its recipient, and the receipts.
fn write_down(out: &Path, results: &[PartyResult], bundle: &[u8]) -> Result<Vec<(String, PathBuf)>, Failure> {
    let written = results.iter().map(|result| {
        let path = out.join(format!("{}.result", result.party));
        files::write(&path, &result.file).map(|()| (result.party.clone(), path))
    });
    let written = written.collect::<Result<Vec<_>, Failure>>()?;
    files::write(&out.join(RECEIPT), bundle)?;
    Ok(written)
}

/// The folder for results, which goes again where the run leaves nothing in it and it was not there before.
struct Vacant {
    made: Option<PathBuf>,
}

impl Vacant {
    fn make(out: &Path) -> Result<Self, Failure> {
        let made = (!out.exists()).then(|| out.to_path_buf());
        fs::create_dir_all(out).map_err(|error| Failure::io("create", out, &error))?;
        Ok(Self { made })
    }
}

impl Drop for Vacant {
    fn drop(&mut self) {
        if let Some(made) = &self.made {
            // Only where it is empty.
            let _filled = fs::remove_dir(made);
        }
    }
}

fn plan(args: &RunArgs, state: &State, contract: FullySigned, launcher: PublicKey) -> Result<Plan, Failure> {
    let computation = choose(args, &contract)?.clone();
    let run = RunId::from_bytes(random()?);
    let manifest = Manifest::derive(&contract, &computation.name, run, &state.name, Isolation::Process)
        .map_err(|error| Failure::refused(error.to_string(), Vec::new()).help("see `casemate contract show`"))?;
    // Every broker asks the same, but only once there is a keep.
    check_launcher(contract.contract(), &state.name, launcher).map_err(|reason| {
        let what = format!("the contract does not let {} run on this host: it names another launcher", state.name);
        Failure::refused(what, vec![reason.reason()]).help(
            "`casemate key card` shows this host's launcher; `casemate key rotate --launcher` would have changed it",
        )
    })?;
    let program = run_program::find(args, &computation)?;
    let wanted = manifest.fields().datasets.clone();
    let here = [PathBuf::from(".")];
    let places = if args.data.is_empty() { here.as_slice() } else { &args.data };
    let mut found = find(places, &wanted)?;
    let files = wanted
        .into_iter()
        .map(|dataset| {
            let path = found.remove(&dataset.digest).ok_or_else(|| {
                Failure::input(format!("no sealed file of `{}` was given: none has {}", dataset.name, dataset.digest))
                    .help("name it, or the folder it is in, with --data; its owner sends it")
            })?;
            Ok((dataset, path))
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    Ok(Plan { computation: computation.name, contract, files, manifest, program })
}

/// Refuses a folder that holds an earlier run's result: nothing replaces one.
fn check_free(out: Option<&Path>) -> Outcome {
    match out.filter(|out| holds_a_run(out)) {
        None => Ok(()),
        Some(out) => Err(Failure::input(format!("`{}` holds what an earlier run left", out.display())).help(
            "name another folder with --out, or leave it away: then each run gets a folder of its own in the state folder",
        )),
    }
}

/// Whether a result or a receipt of some run lies in this folder.
fn holds_a_run(out: &Path) -> bool {
    let left = |path: PathBuf| {
        path.extension().is_some_and(|ending| ending == "result")
            || path.file_name().is_some_and(|name| name == RECEIPT)
    };
    fs::read_dir(out).is_ok_and(|entries| entries.filter_map(Result::ok).any(|entry| left(entry.path())))
}

fn choose<'a>(args: &RunArgs, contract: &'a FullySigned) -> Result<&'a Computation, Failure> {
    let computations = contract.contract().computations();
    let names = || computations.iter().map(|c| c.name.to_string()).collect::<Vec<_>>().join(", ");
    match (&args.computation, computations) {
        (Some(name), _) => contract.contract().computation(name).ok_or_else(|| {
            Failure::input(format!("the contract has no computation `{name}`")).help(format!("it has {}", names()))
        }),
        (None, [only]) => Ok(only),
        (None, _) => Err(Failure::input("the contract has several computations")
            .help(format!("choose one with --computation: {}", names()))),
    }
}

/// The files among `paths` by the digests that are wanted. What is not wanted is passed over.
fn find(paths: &[PathBuf], wanted: &[ManifestDataset]) -> Result<BTreeMap<Digest, PathBuf>, Failure> {
    let mut candidates = Vec::new();
    for path in paths {
        if path.is_dir() {
            let entries = fs::read_dir(path).map_err(|error| Failure::io("read", path, &error))?;
            candidates.extend(entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| is_sealed(path)));
        } else {
            candidates.push(path.clone());
        }
    }
    let mut found = BTreeMap::new();
    for path in candidates {
        let file = File::open(&path).map_err(|error| Failure::reading(&path, &error))?;
        let print = casemate_seal::fingerprint(file).map_err(|error| Failure::io("read", &path, &error))?;
        if wanted.iter().any(|dataset| dataset.digest == print.digest) {
            found.insert(print.digest, path);
        }
    }
    Ok(found)
}

fn is_sealed(path: &Path) -> bool {
    path.is_file() && path.extension().is_some_and(|ending| ending == "parquet" || ending == "age")
}

fn spec(plan: &Plan, launcher_key: casemate_cose::SigningKey) -> Result<Spec, Failure> {
    let contract = plan.contract.contract();
    let limits = plan.manifest.fields().limits;
    let computation = contract.computation(plan.computation.as_str());
    let computation = computation.ok_or_else(|| Failure::machine("the computation vanished"))?;
    let datasets = plan.files.iter().map(|(dataset, path)| {
        let file = File::open(path).map_err(|error| Failure::io("read", path, &error))?;
        Ok(Dataset { name: dataset.name.to_string(), file })
    });
    let brokers = contract.owners(computation).into_iter().filter_map(|owner| {
        let broker = owner.broker.as_ref()?;
        Some(Broker { owner: owner.name.to_string(), address: broker.address.to_string() })
    });
    Ok(Spec {
        runtime: runtime::path(),
        contract: plan.contract.signed().to_bytes(),
        manifest: plan.manifest.bytes().to_vec(),
        program: plan.program.program.clone(),
        sealed_program: plan.program.sealed.clone(),
        artifact: plan.program.artifact.clone(),
        limits: Limits {
            cpu_s: limits.cpu_s,
            memory_bytes: limits.memory_bytes,
            open_files: OPEN_FILES,
            wall_s: limits.wall_s,
        },
        accept_lacks: contract.study().accept_lacks.clone(),
        datasets: datasets.collect::<Result<_, Failure>>()?,
        brokers: brokers.collect(),
        launcher_key,
        debug: Debug::Forbidden,
        clock: clock::now,
    })
}

async fn failed(store: &Store, run: &RunId, why: &str, failure: Failure) -> Failure {
    let end = StudyState::Failed { error: why.to_owned() };
    match store.end_study_run(run.as_bytes(), &end).await {
        Ok(()) => failure,
        Err(error) => failure.help(format!("and the run's end could not be written down: {error}")),
    }
}

fn launch_failure(error: &LaunchError) -> Failure {
    let failure = match error {
        LaunchError::Lacks(_) => Failure::refused(error.to_string(), Vec::new()),
        _ => Failure::machine(error.to_string()),
    };
    failure.help(error.remedy())
}

fn show_isolation(report: &Report, screen: Screen) {
    let lacks: Vec<_> = report.lacks.iter().map(ToString::to_string).collect();
    screen.step(format!("isolation {}, lacking {}", report.isolation, run_report::none_or(&lacks)));
}
