//! `casemate receipt`: what a receipt says, and whether it is true. Needs no state folder and no network.

use std::path::Path;

use casemate_contract::RunBundle;
use casemate_cose::PublicKey;
use casemate_ledger::{Origin, Receipt, ReceiptBody};
use casemate_service::{VerifiedOwner, VerifiedRun, verify_run};
use serde_json::json;

use crate::{
    cli::{ReceiptArgs, ReceiptVerb, ReceiptVerifyArgs},
    failure::{Failure, Outcome},
    files,
    screen::Screen,
};

use super::{contract::read_signed, explain};

/// Dispatches `casemate receipt`.
pub(crate) fn receipt(verb: &ReceiptVerb, screen: Screen) -> Outcome {
    match verb {
        ReceiptVerb::Show(args) => show(args, screen),
        ReceiptVerb::Verify(args) => verify(args, screen),
    }
}

/// One line on what was verified.
pub(crate) fn summary(run: &VerifiedRun) -> String {
    let owners: Vec<_> = run.owners.iter().map(|owner| owner.owner.as_str()).collect();
    let witnessed = run.owners.first().map_or(String::new(), |owner| owner.permit.witnessing().to_string());
    let free_form = run.free_form().map(|said| format!("; {said}")).unwrap_or_default();
    format!(
        "the result's signature, {} receipts and {} permits of {} ({witnessed}){free_form}",
        run.owners.len() * 2,
        run.owners.len(),
        owners.join(" and ")
    )
}

fn show(args: &ReceiptArgs, screen: Screen) -> Outcome {
    let bytes = files::read(&args.file)?;
    if let Ok(bundle) = RunBundle::from_bytes(&bytes) {
        explain::bundle(&bundle, screen);
        screen.object(&json!({"owners": bundle.brokers.iter().map(|b| b.owner.as_str()).collect::<Vec<_>>()}));
        return Ok(());
    }
    let receipt = read_single(&args.file, &bytes)?;
    let body = ReceiptBody::from_bytes(&receipt.body).map_err(|error| not_understood(&args.file, &error))?;
    explain::receipt(&receipt, &body, screen);
    screen.object(&json!({
        "event": body.event.as_str(), "owner": body.owner, "index": receipt.index, "lacks": body.lacks,
        "ordinary_bytes": body.ordinary_bytes,
    }));
    Ok(())
}

fn verify(args: &ReceiptVerifyArgs, screen: Screen) -> Outcome {
    let bytes = files::read(&args.file)?;
    let refused = |error: &dyn std::fmt::Display| {
        Failure::refused(format!("`{}` does not verify: {error}", args.file.display()), Vec::new())
    };
    if RunBundle::from_bytes(&bytes).is_ok() {
        let expected = args.contract.as_ref().map(|path| read_signed(path)).transpose()?;
        let run = verify_run(&bytes, expected.as_ref().map(|signed| signed.compiled().digest()))
            .map_err(|error| refused(&error))?;
        return verified(&run, expected.is_some(), screen);
    }
    let receipt = read_single(&args.file, &bytes)?;
    let key = args.broker_key.as_ref().ok_or_else(|| {
        Failure::input("a single receipt needs the key of its broker").help("give it with --broker-key ed25519:…")
    })?;
    let key: PublicKey = key.parse().map_err(|error| Failure::input(format!("--broker-key: {error}")))?;
    let verified = receipt.verify(&Origin::of_key(&key), &key).map_err(|error| refused(&error))?;
    explain::receipt(&receipt, verified.body(), screen);
    screen.line(format!("verified: entry {} of this broker's ledger, {}", verified.index(), verified.witnessing()));
    screen.object(&json!({
        "verified": true, "index": verified.index(), "event": verified.body().event.as_str(),
        "ordinary_bytes": verified.body().ordinary_bytes,
    }));
    Ok(())
}

fn verified(run: &VerifiedRun, expected: bool, screen: Screen) -> Outcome {
    let fields = run.manifest.fields();
    let run_name = format!("run {} of {} {}", fields.run, fields.study, fields.computation);
    if expected {
        screen.line(format!("{run_name} is proved by its record"));
    } else {
        screen.line(format!(
            "{run_name}: the record agrees with itself; whose keys these are was NOT checked (--contract)"
        ));
    }
    let contract = if expected { "the expected contract" } else { "the contract inside; compare its digest and keys" };
    screen.line(format!("  contract   {}   {contract}", run.contract.digest()));
    for owner in &run.owners {
        screen.line(format!(
            "  {:<10} decided {}, entries {} and {} of its ledger, {}",
            owner.owner,
            owner.decided_at,
            owner.release.index(),
            owner.permit.index(),
            owner.permit.witnessing()
        ));
        screen.line(format!("  {:<10} believed launcher {}, {}'s by the contract", "", launcher(owner), fields.runner));
        let broker = run.contract.contract().party(&owner.owner).and_then(|party| party.broker.as_ref());
        if let Some(broker) = broker {
            screen.line(format!("  {:<10} broker key {}", "", broker.key));
        }
    }
    screen.line(format!("  result     {}", run.result));
    screen.line(format!("  memory     {}", explain::outside(run.ordinary_bytes)));
    if let Some(said) = run.free_form() {
        screen.line(format!("  program    {said}"));
    }
    screen.object(&json!({
        "verified": true, "contract_expected": expected, "run": fields.run.to_string(), "contract": run.contract.digest().to_string(),
        "result": run.result.to_string(), "ordinary_bytes": run.ordinary_bytes, "summary": summary(run), "free_form": run.free_form(),
        "owners": run.owners.iter().map(|owner| json!({
            "owner": owner.owner, "release": owner.release.index(), "permit": owner.permit.index(),
            "launcher": launcher(owner), "witnessing": owner.permit.witnessing().to_string(),
        })).collect::<Vec<_>>(),
    }));
    Ok(())
}

/// Who vouched for the keep. A run that verified has one.
fn launcher(owner: &VerifiedOwner) -> String {
    owner.keep.launcher.map(|key| key.to_string()).unwrap_or_default()
}

fn read_single(path: &Path, bytes: &[u8]) -> Result<Receipt, Failure> {
    Receipt::from_bytes(bytes).map_err(|error| not_understood(path, &error))
}

fn not_understood(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::input(format!("`{}` is neither the record of a run nor a receipt: {error}", path.display()))
        .help("see `casemate explain` for what it is")
}
