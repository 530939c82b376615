//! What a run shows: its steps as they happen, and what it was worth at its end.

use std::path::{Path, PathBuf};

use casemate_contract::{FullySigned, Manifest};
use casemate_evidence::Lack;
use casemate_launch::{Event, Report, Step};
use casemate_service::{VerifiedRun, verify_run};
use serde_json::{Value, json};

use crate::{
    failure::{Failure, Outcome},
    screen::Screen,
};

/// What is known at the end of a run.
pub(crate) struct Facts<'a> {
    pub(crate) plan: (&'a FullySigned, &'a Manifest),
    pub(crate) report: &'a Report,
    pub(crate) ordinary_bytes: u64,
    pub(crate) steps: Vec<Value>,
    pub(crate) runner: &'a str,
}

/// One step for people.
pub(crate) fn step(event: &Event, seconds: f64, screen: Screen) {
    screen.step(format!("{seconds:>7.2} s  {}", words(event)));
}

/// One step for programs.
pub(crate) fn step_json(event: &Event, seconds: f64) -> Value {
    json!({"seconds": seconds, "step": words(event)})
}

fn words(event: &Event) -> String {
    match event {
        Event::EvidenceSigned { count } => format!("the launcher signed evidence ({count})"),
        Event::Isolated { report } => {
            let lacks: Vec<_> = report.lacks.iter().map(ToString::to_string).collect();
            let (isolation, libraries) = (report.isolation, report.libraries.digest().short());
            format!(
                "the keep is isolated ({isolation}), lacking {}; the host's libraries in it: {libraries}",
                none_or(&lacks)
            )
        }
        Event::Measured { runtime, .. } => format!("measured this program as the runtime: {}", runtime.short()),
        Event::Step { step, owner } => match owner {
            Some(owner) => format!("{} ({owner})", step_words(*step)),
            None => step_words(*step).to_owned(),
        },
    }
}

const fn step_words(step: Step) -> &'static str {
    match step {
        Step::Checked => "contract, manifest and program agree",
        Step::Connected => "TLS session stands",
        Step::Attested => "evidence sent",
        Step::Decided => "broker decided to release if all do",
        Step::Released => "broker released its keys",
        Step::DataChecked => "every sealed file is the agreed one",
        Step::Computed => "computed, within every owner's rules",
        Step::Permitted => "broker permitted the result",
        Step::Delivered => "signed and encrypted to its recipients",
    }
}

/// The end of a run that left a result: verified again here, from what was written.
pub(crate) fn done(
    facts: &Facts<'_>,
    bundle: &[u8],
    results: &[(String, PathBuf)],
    receipt: &Path,
    screen: Screen,
) -> Outcome {
    let (contract, manifest) = facts.plan;
    let verified = verify_run(bundle, Some(contract.digest()))
        .map_err(|error| Failure::refused(format!("the keep's record does not verify: {error}"), Vec::new()))?;
    for (party, path) in results {
        screen.line(format!("result for {party:<12} {}", path.display()));
    }
    screen.line(format!("receipts for anyone    {}", receipt.display()));
    screen.line("");
    let mut trust = trust(facts);
    trust.extend(verified.free_form().map(|said| format!("program          {said}")));
    for line in &trust {
        screen.line(line);
    }
    screen.object(&json!({
        "run": manifest.fields().run.to_string(),
        "computation": manifest.fields().computation.as_str(),
        "results": results.iter().map(|(party, path)| json!({"party": party, "path": path})).collect::<Vec<_>>(),
        "receipt": receipt,
        "owners": owners(&verified),
        "steps": facts.steps,
        "isolation": facts.report.isolation.to_string(),
        "lacks": facts.report.lacks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "secret_bytes": facts.report.secret_bytes,
        "ordinary_bytes": facts.ordinary_bytes,
        "launcher": facts.report.launcher.to_string(),
        "runtime": facts.report.runtime.to_string(),
        "libraries": facts.report.libraries.digest().to_string(),
        "trust": trust,
    }));
    Ok(())
}

fn owners(verified: &VerifiedRun) -> Vec<Value> {
    let owners = verified.owners.iter().map(|owner| {
        json!({
            "owner": owner.owner,
            "released": owner.release.body().datasets.join(", "),
            "why": owner.release.body().reasons.join("; "),
            "entry": owner.release.index(),
            "witnessed": owner.release.witnessing().to_string(),
            "gates": owner.gates.iter().map(|gate| json!({
                "dataset": gate.dataset.as_str(), "gate": gate.gate, "passed": gate.passed,
            })).collect::<Vec<_>>(),
        })
    });
    owners.collect()
}

fn secret_memory(facts: &Facts<'_>) -> String {
    let (secret, ordinary) = (facts.report.secret_bytes >> 10, facts.ordinary_bytes.div_ceil(1 << 20));
    match (secret, ordinary) {
        (0, _) => "secret memory    none: keys and tables lay in ordinary memory".to_owned(),
        (_, 0) => format!("secret memory    {secret} KiB, in which all keys and tables lay"),
        _ => format!(
            "secret memory    {secret} KiB held the keys first; up to {ordinary} MiB lay outside it, whole stacks counted: receipts say it"
        ),
    }
}

/// How far the isolation reaches, who could fake it, and what lay open.
fn trust(facts: &Facts<'_>) -> Vec<String> {
    let isolation = facts.report.isolation;
    let mut lines = vec![
        format!("isolation        {isolation}: not a TEE"),
        format!("keeps out        {}", isolation.keeps_out()),
        format!("does not         {}", isolation.does_not_keep_out()),
        format!("launcher's key   {} held by {}", facts.report.launcher, facts.runner),
        format!(
            "                 {0} could sign evidence for any program, and so fake this keep, but in no name but {0}; contract and",
            facts.runner
        ),
        "                 the owners' domains accept that".to_owned(),
        secret_memory(facts),
    ];
    for lack in &facts.report.lacks {
        lines.push(format!("lack             {lack}: {}", lack.explain().means));
    }
    if facts.report.lacks.contains(&Lack::SecretPlaintext) {
        lines.push("                 the contract accepts this by name".to_owned());
    }
    lines
}

pub(crate) fn none_or(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
